// SPDX-License-Identifier: Apache-2.0
#include "promises.hpp"

#include <concepts>

#include "apart.hpp"
#include "protocol/wire.hpp"

namespace beckon {

class Promises::Model {
  public:
    Model(const Limits& limits, std::string server_epoch, bool limits_bite)
        : limits_(limits), server_epoch_(std::move(server_epoch)), limits_bite_(limits_bite) {}

    // ------------------------------------------------------------ what happens

    /// `effects` is what `handle` answered.
    void asked(const Sender& sender, const Request& request, Instant now, const Effects& effects) {
        start(now);
        const auto reply_at = std::find_if(effects.begin(), effects.end(), [](const auto& effect) {
            return std::holds_alternative<Reply>(effect);
        });
        require(reply_at != effects.end(), "a request without a reply");
        for (auto effect = effects.begin(); effect != reply_at; ++effect) {
            happened(nullptr, *effect);
        }
        settle();
        const auto& reply = std::get<Reply>(*reply_at);
        require(reply.re == verb_of(request) && reply.req == request.req &&
                    reply.device == sender.device,
                "a reply to something else");
        plan_.reset();
        message_.reset();
        signal_.reset();
        crossed_.reset();
        replaced_.clear();
        asked_.clear();
        request_ = &request.body;
        const bool changes = judge(sender, request, reply);
        require(changes || std::next(reply_at) == effects.end(),
                "events of a request that changed nothing");
        for (auto effect = std::next(reply_at); effect != effects.end(); ++effect) {
            require(!std::holds_alternative<Reply>(*effect), "two replies to one request");
            happened(&sender, *effect);
        }
        settle();
        if (changes) {
            check_change(sender, request, reply);
            check_group_change();
        }
        request_ = nullptr;
        plan_.reset();
        message_.reset();
        signal_.reset();
        check_deadlines();
    }

    /// `effects` is what `advance` answered.
    void passed(Instant now, const Effects& effects) {
        start(now);
        for (const auto& effect : effects) {
            require(!std::holds_alternative<Reply>(effect), "a reply without a request");
            happened(nullptr, effect);
        }
        settle();
        check_deadlines();
    }

    /// `effects` is what `set_online` answered.
    void went(const Sender& device, bool online, Instant now, const Effects& effects) {
        const UserId& user = device.user;
        // What operators are told of it comes last, after what was due.
        const auto own = std::find_if(effects.begin(), effects.end(), [&](const Effect& effect) {
            const auto* absent = std::get_if<Absent>(&effect);
            const auto* asked = absent != nullptr ? std::get_if<AbsentAsked>(absent) : nullptr;
            return asked != nullptr && asked->invitees == std::vector{user} &&
                   online_.contains(user);
        });
        passed(now, {effects.begin(), own});
        auto& devices = online_[user];
        const bool was_there = !devices.empty();
        online ? (void)devices.insert(device.device) : (void)devices.erase(device.device);
        const bool is_there = !devices.empty();
        if (!is_there) {
            online_.erase(user);
        }
        if (is_there && !was_there) {
            offline_since_.erase(user);
            lost_at_.erase(user);
            for (auto& [id, known] : known_) {
                if (known.inviter == user && !known.ended_at) {
                    known.was_online.come(now_, store_works_);
                }
            }
        } else if (!is_there && was_there) {
            for (const auto& [id, known] : known_) {
                const Part* part = known.part(user);
                if (part != nullptr && part->pending()) {
                    absent_.insert({id, user, State::pending});
                }
            }
            offline_since_[user] = now_;
            lost_at_.erase(user);
            for (const auto& [id, known] : known_) {
                if (known.inviter == user && lost(known)) {
                    lost_at_[user] = *lost(known);
                }
            }
        }
        for (auto& [id, known] : known_) {
            if (!known.call || known.call->ended_at) {
                continue;
            }
            for (auto& one : known.call->participants) {
                if (one.user == user && one.device == device.device && one.takes_part) {
                    one.was_online.come(now_, store_works_);
                    one.lost_at = online || !known.lives() ? Instant::max()
                                                           : now_ + Duration(limits_.grace_ms);
                }
            }
        }
        std::for_each(own, effects.end(),
                      [this](const Effect& effect) { happened(nullptr, effect); });
        settle();
    }

    /// The switchboard was made again from what was stored of it: nobody is there.
    void restarted(Instant now, const Restarted& how) {
        now_ = std::max(now_, now);
        server_epoch_ = how.server_epoch.value_or(server_epoch_);
        store_works_ = true;
        some_is_unsaid_ = false;
        rebuilt_at_ = works_since_ = {};
        online_.clear();
        offline_since_.clear();
        lost_at_.clear();
        for (auto& [id, known] : known_) {
            for (auto& part : known.parts) {
                part.ringing = false;
                if (how.unproven && part.pending() && part.deadline != Instant::max()) {
                    part.deadline = now_;
                }
            }
            if (how.unproven && !known.ended_at) {
                known.lifetime_end = now_;
            }
            known.was_online.doubt(how.sure_until);
            offline_since_[known.inviter] = now_;
            if (lost(known)) {
                lost_at_[known.inviter] = *lost(known);
            }
            if (known.lives()) {
                *known.call->started_at += how.unproven.value_or(Duration(0));
                for (auto& one : known.call->participants) {
                    one.was_online.doubt(how.sure_until);
                    one.signalled.clear();
                    const bool can_be_lost = one.takes_part && one.was_online;
                    one.lost_at = can_be_lost ? now_ + Duration(limits_.grace_ms) : Instant::max();
                }
            }
        }
    }

    void some_is_unsaid(bool is) { some_is_unsaid_ = is; }

    void store_works(bool works, Instant now) {
        now_ = std::max(now_, now);
        store_works_ = works;
        works_since_ = now_;
    }

    void rebuilt(Instant now, Instant sure_until) {
        now_ = std::max(now_, now);
        rebuilt_at_ = now_;
        for (auto& [id, known] : known_) {
            known.was_online.doubt(sure_until);
            for (auto& part : known.parts) {
                part.ringing = false;
            }
            if (known.call) {
                for (auto& one : known.call->participants) {
                    one.was_online.doubt(sure_until);
                    one.signalled.clear();
                }
            }
        }
    }

    /// To be called after each step: what the switchboard tells of itself.
    void check(const Switchboard& switchboard) const {
        const auto counts = switchboard.counts();
        std::size_t open = 0;
        std::optional<Instant> first;
        const auto earlier = [&first](Instant due) { first = first ? std::min(*first, due) : due; };
        for (const auto& [id, known] : known_) {
            open += known.ended_at ? 0U : 1U;
            for (const auto& part : known.parts) {
                if (part.pending()) {
                    earlier(due(known, part));
                }
            }
            if (known.lives()) {
                earlier(due(*known.call));
            }
        }
        require(counts.open == open, "counts() and what is open disagree");
        require(counts.groups == groups_.size(), "counts() and the groups disagree");
        require(limits_bite_ || counts.ended == known_.size() - open,
                "counts() and what is remembered disagree");
        // The ended keep a quarter of it for themselves.
        const auto most = limits_.max_total_data_bytes + limits_.max_total_data_bytes / 4;
        require(counts.kept_bytes >= 0 && counts.kept_bytes <= most, "more is kept than the limit");
        for (const auto& [user, at] : lost_at_) {
            earlier(at);
        }
        const auto next = switchboard.next_deadline();
        require(next.has_value() == first.has_value(),
                first ? "next_deadline() forgot one" : "next_deadline() of nothing");
        require(!next || (*next <= *first && *next > now_), "next_deadline() too late, or past");
    }

    // --------------------------------------------------------------- knowledge

    [[nodiscard]] const std::map<InvitationId, Known>& known() const { return known_; }
    [[nodiscard]] const std::map<GroupId, KnownGroup>& groups() const { return groups_; }

    /// The next instant at which something is due.
    [[nodiscard]] std::optional<Instant> next_due() const {
        std::optional<Instant> first;
        const auto earlier = [&first](Instant at) { first = first ? std::min(*first, at) : at; };
        for (const auto& [id, known] : known_) {
            for (const auto& part : known.parts) {
                if (part.pending()) {
                    earlier(due(known, part));
                }
            }
            if (known.lives()) {
                earlier(due(*known.call));
            }
        }
        for (const auto& [user, at] : lost_at_) {
            earlier(at);
        }
        return first;
    }

    /// What decides on the future, without what only counts (rev, data): two
    /// histories with the same state go on in the same way.
    [[nodiscard]] std::string state() const {
        std::string text;
        const auto add = [&text](const auto& what) {
            text += what;
            text += ' ';
        };
        const auto ahead = [this](Instant at) { return std::to_string((at - now_).count()); };
        for (const auto& [id, known] : known_) {
            add(id.str());
            add(known.was_online ? "was online" : "");
            for (const auto& part : known.parts) {
                add(part.user.str());
                add(name_of(part.state));
                if (part.pending()) {
                    add(part.ringing ? "ringing" : "");
                    const bool has_timeout = part.deadline != Instant::max();
                    add(ahead(has_timeout ? part.deadline : known.lifetime_end));
                } else {
                    add(part.by ? part.by->str() : "");
                    add(part.device ? part.device->str() : "");
                }
            }
            if (known.call) {
                add(known.call->ended_at ? "ended" : "");
                add(known.lives() ? ahead(*known.call->started_at) : "");
                for (const auto& one : known.call->participants) {
                    add(one.user.str());
                    add(one.device.str());
                    add(one.was_online ? "was online" : "");
                    add(one.takes_part ? "takes part" : "");
                    add(one.lost_at != Instant::max() ? ahead(one.lost_at) : "");
                    add(one.hung_up ? one.hung_up->str() : "");
                }
            }
        }
        for (const auto& [id, group] : groups_) {
            add(id.str());
            for (const auto& [user, rank] : group.members) {
                add(user.str());
                add(name_of(rank));
            }
        }
        for (const auto& [user, devices] : online_) {
            add(user.str());
            for (const auto& device : devices) {
                add(device.str());
            }
        }
        for (const auto& [user, at] : lost_at_) {
            add(user.str());
            add(ahead(at));
        }
        return text;
    }

    /// What `get` must tell this reader.
    [[nodiscard]] InvitationInfo described(const InvitationId& id, const UserId& reader) const {
        const Known& known = known_.at(id);
        InvitationInfo told{.id = id,
                            .inviter = known.inviter,
                            .group = known.group,
                            .data = known.asked.data,
                            .call = known.asked.call,
                            .answer = known.asked.answer,
                            .online_only = known.asked.online_only,
                            .visibility = known.asked.visibility,
                            .rev = known.rev,
                            .state = known.open() ? Openness::open : Openness::ended,
                            .role = known.inviter == reader ? Role::inviter
                                    : known.part(reader)    ? Role::invitee
                                                            : Role::observer,
                            .remaining = remaining(known, reader),
                            .invitees = {},
                            .call_state = call_state(known, reader)};
        for (const auto& part : known.parts) {
            if (known.inviter == reader || !known.private_to_inviter() || part.user == reader) {
                const bool own_answer =
                    part.state == State::accepted || part.state == State::rejected;
                // What a cancel said is told to each whom it cancelled, and to nobody else.
                const bool data_told = part.state != State::cancelled || part.user == reader;
                told.invitees.push_back({.user = part.user,
                                         .state = part.state,
                                         .ringing = part.ringing,
                                         .device = own_answer ? part.device : std::nullopt,
                                         .data = data_told ? part.data : std::nullopt,
                                         .reason = part.reason});
            }
        }
        return told;
    }

    /// What `sync` must tell this reader.
    [[nodiscard]] InvitationInfo item(const InvitationId& id, const UserId& reader) const {
        InvitationInfo told = described(id, reader);
        auto& invitees = told.invitees;
        const auto own = std::find_if(invitees.begin(), invitees.end(),
                                      [&](const auto& one) { return one.user == reader; });
        if (own - invitees.begin() >= 100 && own != invitees.end()) {
            std::swap(invitees[99], *own);
        }
        told.invitees_left_out = shorten(invitees);
        std::size_t said = 0;
        std::size_t reasons = 0;
        for (const auto& one : invitees) {
            said += one.data ? one.data->bytes.size() : 0;
            reasons += one.reason.value_or("").size();
        }
        if (said + reasons > 4096) {
            told.answers_left_out = true;
            for (auto& one : invitees) {
                one.data.reset();
                if (reasons > 4096) {
                    one.reason.reset();
                }
            }
        }
        if (told.call_state) {
            told.call_state->more = shorten(told.call_state->participants);
        }
        if (told.answers_left_out || told.invitees_left_out > 0 ||
            (told.call_state && told.call_state->more > 0)) {
            told.rev.reset();
        }
        return told;
    }

    [[nodiscard]] std::optional<CallInfo> call_state(const Known& known,
                                                     const UserId& reader) const {
        if (!known.call || !known.call->started_at) {
            return std::nullopt;
        }
        const KnownCall& call = *known.call;
        if (call.ended_at) {
            return CallInfo{.duration = *call.ended_at - *call.started_at, .reason = call.reason};
        }
        CallInfo told{.participants = call.users(), .duration = now_ - *call.started_at};
        if (known.private_to_inviter() && reader != known.inviter && call.find(reader) == nullptr) {
            std::erase_if(told.participants, [&](auto& user) { return user != known.inviter; });
        }
        return told;
    }

  private:
    static void require(bool holds, const std::string& otherwise) {
        if (!holds) {
            throw BrokenPromise(otherwise);
        }
    }
    static void require(bool holds, const char* otherwise) {
        if (!holds) {
            throw BrokenPromise(otherwise);
        }
    }

    /// One copy of an invitation's event, and who gets it.
    struct Told {
        const std::vector<UserId>& to;
        const Event& event;
    };

    // ------------------------------------------------------------------- time

    void start(Instant now) {
        now_ = std::max(now_, now);
        std::erase_if(lost_at_, [this](const auto& one) { return one.second <= now_; });
    }
    /// Ends what began in this step.
    void settle() {
        for (const auto& id : touched_) {
            Known& known = known_.at(id);
            require(known.told == known.to_be_told, "not exactly the audience heard it");
            known.told.clear();
            known.to_be_told.clear();
            known.had_it.reset();
        }
        require(!plan_ || plan_->told, "a change of a group that nobody hears of");
        require(!message_ || message_->told, "a message that nobody gets");
        require(!signal_ || signal_->told, "a signal that nobody gets");
        require(absent_.empty() || !operators_, "operators are not told who is absent");
        absent_.clear();
        require(!call_end_, "not all of the audience hear that a call is over");
        if (talk_) {
            for (const auto& [id, known] : known_) {
                require(!rings_besides(known, talk_->first, talk_->second),
                        "it rings still, though they talk");
            }
            talk_.reset();
        }
        touched_.clear();
        for (const auto& [id, known] : known_) {
            require(!known.call_has_ended() || !known.anyone_pending(),
                    "pending though the call has ended");
        }
        std::erase_if(known_, [this](const auto& one) {
            return one.second.ended_at && *one.second.ended_at + Duration(limits_.ended_ms) <= now_;
        });
        std::erase_if(merged_, [this](const auto& one) { return !known_.contains(one.second); });
    }
    void check_deadlines() const {
        if (some_is_unsaid_) {
            return;
        }
        for (const auto& [id, known] : known_) {
            for (const auto& part : known.parts) {
                require(!part.pending() || latest_due(known, part) > now_,
                        id.str() + ": a deadline passed unnoticed");
            }
            require(!known.lives() || latest_due(*known.call) > now_,
                    id.str() + ": a call's end passed unnoticed");
        }
    }
    /// Until when who was to be lost then is lost. Nobody is while the store takes nothing; and
    /// memory that is built anew gives everybody the grace period again.
    [[nodiscard]] Instant latest(Instant lost_at, const WasOnline& was_online) const {
        if (lost_at == Instant::max() || !store_works_ || was_online.may_be_forgotten) {
            return Instant::max();
        }
        const auto since = [](std::optional<Instant> at, Duration after) {
            return at ? *at + after : Instant::min();
        };
        return std::max({lost_at, since(rebuilt_at_, Duration(limits_.grace_ms)),
                         since(works_since_, looked_again)});
    }
    /// When that happened which happens now: where it may have come late, it has.
    [[nodiscard]] Instant lost_when(Instant lost_at, const WasOnline& was_online) const {
        return latest(lost_at, was_online) == lost_at ? lost_at : now_;
    }
    [[nodiscard]] Instant latest_due(const Known& known, const Part& part) const {
        const auto lost_at = lost(known);
        const bool is_concerned = lost_at && *lost_at > part.asked_at;
        return std::min({part.deadline, known.lifetime_end,
                         is_concerned ? latest(*lost_at, known.was_online) : Instant::max()});
    }
    [[nodiscard]] Instant latest_due(const KnownCall& call) const {
        Instant last = *call.started_at + Duration(limits_.max_call_ms);
        for (const auto& one : call.participants) {
            if (one.takes_part) {
                last = std::min(last, latest(one.lost_at, one.was_online));
            }
        }
        return last;
    }
    [[nodiscard]] std::optional<Instant> lost(const Known& known) const {
        const auto since = offline_since_.find(known.inviter);
        const bool keep = known.asked.on_inviter_lost == OnInviterLost::keep;
        if (known.ended_at || !known.was_online || keep || since == offline_since_.end()) {
            return std::nullopt;
        }
        return since->second + Duration(limits_.grace_ms);
    }
    /// When the clock ends this part, if nothing else does. Who is asked when the inviter was
    /// lost already, into a call that goes on, is not concerned.
    [[nodiscard]] Instant due(const Known& known, const Part& part) const {
        const auto lost_at = lost(known);
        return std::min({part.deadline, known.lifetime_end,
                         lost_at && *lost_at > part.asked_at ? *lost_at : Instant::max()});
    }
    /// When the clock ends the call or somebody's part in it.
    [[nodiscard]] Instant due(const KnownCall& call) const {
        Instant first = *call.started_at + Duration(limits_.max_call_ms);
        for (const auto& one : call.participants) {
            if (one.takes_part) {
                first = std::min(first, one.lost_at);
            }
        }
        return first;
    }
    [[nodiscard]] std::optional<Duration> remaining(const Known& known,
                                                    const UserId& reader) const {
        const auto left = [&](Instant deadline) {
            return deadline == Instant::max() ? std::nullopt : std::optional(deadline - now_);
        };
        if (const Part* own = known.part(reader)) {
            return own->pending() ? left(own->deadline) : std::nullopt;
        }
        std::optional<Instant> last;
        for (const auto& part : known.parts) {
            if (part.pending()) {
                last = std::max(last.value_or(part.deadline), part.deadline);
            }
        }
        return last ? left(*last) : std::nullopt;
    }

    // ----------------------------------------------------------------- events

    /// The invitation's group, if that is there still.
    [[nodiscard]] const KnownGroup* group_of(const Known& known) const {
        const KnownGroup* group = known.group ? find(*known.group) : nullptr;
        return group != nullptr && group->number == known.group_number ? group : nullptr;
    }
    /// Whether a member hears of it, asked or not.
    [[nodiscard]] bool shown_to(const Known& known, const UserId& user) const {
        const KnownGroup* group = group_of(known);
        return known.asked.visibility == Visibility::members && group != nullptr &&
               group->rank(user);
    }
    [[nodiscard]] bool concerns(const Known& known, const UserId& user) const {
        return known.inviter == user || known.part(user) != nullptr || shown_to(known, user);
    }

    [[nodiscard]] std::set<UserId> audience(const Known& known,
                                            const std::vector<UserId>& concerned) const {
        std::set<UserId> all{known.inviter};
        if (known.private_to_inviter()) {
            all.insert(concerned.begin(), concerned.end());
        } else {
            for (const auto& part : known.parts) {
                all.insert(part.user);
            }
        }
        if (const KnownGroup* group = group_of(known);
            group != nullptr && known.asked.visibility == Visibility::members) {
            auto everyone = all;
            for (const auto& [user, rank] : group->members) {
                everyone.insert(user);
            }
            // A group that has grown too large for it.
            if (std::cmp_less_equal(everyone.size(), limits_.max_audience)) {
                all = std::move(everyone);
            }
        }
        return all;
    }

    /// Whether this delivery starts a change; else it is another copy of the present one.
    bool changes(Known& known, const Told& delivery) {
        const auto& event = delivery.event;
        const bool first = event.rev == known.rev + 1;
        require(first || (event.rev == known.rev && touched_.contains(event.id)),
                "rev did not rise by one");
        if (first) {
            if (touched_.contains(event.id)) {
                require(known.told == known.to_be_told, "not exactly the audience heard it");
            }
            known.told.clear();
            known.to_be_told.clear();
            known.had_it.reset();
            ++known.rev;
            touched_.insert(event.id);
        }
        for (const auto& user : delivery.to) {
            require(known.told.insert(user).second, "somebody was told twice");
        }
        return first;
    }

    Part& pending_part(Known& known, const UserId& user) {
        Part* part = known.part(user);
        require(part != nullptr, "an event about somebody who was never invited");
        require(part->pending(), "an event about an invitee after its end");
        return *part;
    }

    void end(Known& known, const UserId& user, State how, const Event& event,
             const std::optional<Data>& data, std::optional<std::string> reason) {
        Part& part = pending_part(known, user);
        const Instant at = known.call_has_ended() ? *known.call->ended_at
                           : event.by_device      ? now_
                           : event.by             ? lost_when(*lost(known), known.was_online)
                                                  : std::min(part.deadline, known.lifetime_end);
        require(at <= now_, "the clock ended it too early");
        if (!online_.contains(user)) {
            absent_.insert({event.id, user, how});
        }
        part.state = how;
        part.by = event.by;
        part.device = event.by_device;
        part.data = data;
        part.reason = std::move(reason);
        if (!known.open()) {
            known.ended_at = at;
        }
    }

    void happened(const Sender* sender, const Effect& effect) {
        if (const auto* absent = std::get_if<Absent>(&effect)) {
            std::visit([this](const auto& told) { absent_told(told); }, *absent);
        } else {
            deliver(sender, std::get<Delivery>(effect));
        }
    }
    /// What operators are told: of exactly those who are not there.
    void absent_told(const AbsentAsked& told) {
        const Known& known = known_.at(told.id);
        const bool small = !known.asked.data || known.asked.data->bytes.size() <= 1024;
        require(told.inviter == known.inviter && told.group == known.group &&
                    told.call == known.asked.call &&
                    told.data == (small ? known.asked.data : std::nullopt),
                "operators are told something else");
        for (const auto& user : told.invitees) {
            require(absent_.erase({told.id, user, State::pending}) == 1,
                    "asked, and absent: not so");
            const Part& part = *known.part(user);
            const auto left = part.deadline == Instant::max() ? std::nullopt
                                                              : std::optional(part.deadline - now_);
            require(told.remaining == left, "operators are told another time");
        }
    }
    void absent_told(const AbsentEnded& told) {
        for (const auto& user : told.invitees) {
            require(absent_.erase({told.id, user, told.state}) == 1, "ended, and absent: not so");
            const Part& part = *known_.at(told.id).part(user);
            require(part.by == told.by && part.reason == told.reason,
                    "operators are told of another end");
        }
    }

    void deliver(const Sender* sender, const Delivery& delivery) {
        require(!delivery.to.empty(), "an event to nobody");
        for (const auto& one : apart(delivery)) {
            std::visit([&](const auto& event) { deliver(sender, one, event); }, one.event);
        }
    }
    void deliver(const Sender* sender, const Delivery& delivery, const Event& event) {
        const auto at = known_.find(event.id);
        require(at != known_.end(), "an event of an unknown invitation");
        if (sender != nullptr) {
            const auto* const news = std::get_if<NewInvitation>(&event.body);
            const bool is_left_out = news != nullptr && news->inviter == sender->user;
            require(event.by == (is_left_out ? std::nullopt : std::optional(sender->user)) &&
                        event.by_device == sender->device,
                    "an event by somebody else");
        } else {
            require(!event.by_device || std::holds_alternative<ParticipantMoved>(event.body),
                    "an event of the clock by a device");
        }
        const bool is_news = std::holds_alternative<NewInvitation>(event.body);
        require(delivery.online_only == (is_news && at->second.asked.online_only),
                "queued, or not, against what was asked");
        const Told told{delivery.to, event};
        std::visit([&](const auto& body) { happened(at->second, told, body); }, event.body);
    }
    void deliver(const Sender* sender, const Delivery& delivery, const GroupEvent& event) {
        require(sender != nullptr && plan_ && !plan_->told, "an event of a group for nothing");
        require(event == GroupEvent{plan_->group, sender->user, sender->device, plan_->body},
                "an event of a group that says something else: " + encode(event, Encoding::json));
        require(!delivery.online_only, "an event of a group that is not queued");
        std::set<UserId> members;
        const KnownGroup* const before = find(plan_->group);
        const KnownGroup* const after = plan_->next ? &*plan_->next : nullptr;
        for (const auto* group : {before, after}) {
            if (group != nullptr) {
                for (const auto& [user, rank] : group->members) {
                    members.insert(user);
                }
            }
        }
        require(delivery.to.size() == members.size() &&
                    std::set(delivery.to.begin(), delivery.to.end()) == members,
                "an event of a group goes to others than its members");
        plan_->told = true;
    }
    void deliver(const Sender* sender, const Delivery& delivery, const MessageEvent& event) {
        require(sender != nullptr && message_ && !message_->told, "a message of nobody");
        require(event.from == sender->user && event.to == message_->asked.to &&
                    event.data == message_->asked.data && event.id == message_->id,
                "a message that says something else");
        require(delivery.online_only == message_->asked.online_only,
                "queued, or not, against what was asked");
        require(delivery.to.size() == message_->to.size() &&
                    std::set(delivery.to.begin(), delivery.to.end()) == message_->to,
                "a message to others");
        message_->told = true;
    }

    /// Whether the inviter has a device online other than that which asked.
    [[nodiscard]] bool is_elsewhere(const Known& known, const Event& event) const {
        const auto at = online_.find(known.inviter);
        return at != online_.end() &&
               std::any_of(at->second.begin(), at->second.end(),
                           [&](DeviceTag device) { return device != event.by_device; });
    }
    /// A list that names at most 100; how many it leaves out.
    template <class Entry>
    static std::int64_t shorten(std::vector<Entry>& list) {
        const auto all = list.size();
        list.resize(std::min<std::size_t>(all, 100));
        return static_cast<std::int64_t>(all - list.size());
    }

    void happened(Known& known, const Told& delivery, const NewInvitation& body) {
        require(body.replaces == (known.rev <= 1 ? replaced_ : std::vector<InvitationId>{}),
                "it replaces something else");
        if (body.role == Role::inviter) {
            require(known.had_it && !changes(known, delivery) && known.rev == 1,
                    "the inviter hears of what is old");
            require(delivery.to == std::vector{known.inviter}, "another hears as the inviter");
            require(body == news(known, body), "a new invitation that says something else");
            auto all = users(known);
            const auto more = known.private_to_inviter() ? shorten(all) : 0;
            require(body.invitees == all && body.more == more, "not all invitees are listed");
            return;
        }
        if (body.role == Role::observer) {
            require(known.had_it && !changes(known, delivery), "observers of nothing");
            for (const auto& user : delivery.to) {
                require(
                    shown_to(known, user) && known.part(user) == nullptr && user != known.inviter,
                    "an observer who is none");
            }
            require(body == news(known, body), "a new invitation that says something else");
            require(body.invitees == users(known), "not all invitees are listed");
            return;
        }
        if (!known.had_it) {
            std::vector<UserId> had_it;
            if (!known.parts.empty()) {
                const auto heard = audience(known, {});
                had_it.assign(heard.begin(), heard.end());
            }
            if (changes(known, delivery)) {
                known.to_be_told.insert(had_it.begin(), had_it.end());
            }
            known.had_it = std::move(had_it);
        } else {
            require(!changes(known, delivery), "one add, several revs");
        }
        require(body == news(known, body), "a new invitation that says something else");
        if (known.lives()) {
            known.lifetime_end = std::max(known.lifetime_end,
                                          *known.call->started_at + Duration(limits_.max_call_ms));
        }
        for (const auto& user : delivery.to) {
            require(known.part(user) == nullptr, "invited twice");
            known.parts.push_back(
                {.user = user,
                 .deadline = body.remaining ? now_ + *body.remaining : Instant::max(),
                 .asked_at = now_});
            if (!online_.contains(user)) {
                absent_.insert({delivery.event.id, user, State::pending});
            }
            known.to_be_told.insert(user);
            std::erase(*known.had_it, user);
        }
        if (known.rev == 1) {
            const auto heard = audience(known, {});
            known.to_be_told.insert(heard.begin(), heard.end());
            if (!is_elsewhere(known, delivery.event)) {
                known.to_be_told.erase(known.inviter);
            }
        }
        if (known.private_to_inviter()) {
            require(body.invitees == delivery.to && delivery.to.size() == 1,
                    "an invitee learns of another");
        } else {
            require(body.invitees == users(known), "not all invitees are listed");
        }
    }

    /// What a new invitation must say, but for whom it lists, the time and the role.
    [[nodiscard]] static NewInvitation news(const Known& known, const NewInvitation& told) {
        return {.inviter = known.inviter,
                .group = known.group,
                .invitees = told.invitees,
                .data = known.asked.data,
                .remaining = told.remaining,
                .call = known.asked.call,
                .answer = known.asked.answer,
                .visibility = known.asked.visibility,
                .online_only = known.asked.online_only,
                .role = told.role,
                .replaces = told.replaces,
                .more = told.more};
    }

    void happened(Known& known, const Told& delivery, const InvitationModified& body) {
        const bool first = changes(known, delivery);
        if (body.invitees) {
            require(!first && known.had_it && !body.data, "an add that adds nobody");
            require(*body.invitees == users(known), "not all invitees are listed");
            require(std::set<UserId>(delivery.to.begin(), delivery.to.end()) ==
                        std::set<UserId>(known.had_it->begin(), known.had_it->end()),
                    "an add goes to others than those who had it");
            return;
        }
        require(first && body.data, "a modification without data");
        known.to_be_told = audience(known, users(known));
        known.asked.data = body.data;
    }

    void happened(Known& known, const Told& delivery, const InviteeAccepted& body) {
        answered(known, delivery, body.invitee, State::accepted, body.data, std::nullopt);
    }
    void happened(Known& known, const Told& delivery, const InviteeRejected& body) {
        answered(known, delivery, body.invitee, State::rejected, body.data, body.reason);
    }
    void answered(Known& known, const Told& delivery, const UserId& invitee, State how,
                  const std::optional<Data>& data, std::optional<std::string> reason) {
        require(changes(known, delivery), "an answer without a rev of its own");
        require(delivery.event.by == invitee, "an answer by somebody else");
        known.to_be_told = audience(known, {invitee});
        if (known.call && how == State::accepted) {
            join(*known.call, invitee, *delivery.event.by_device);
            talk_ = {known.inviter, invitee};
        }
        end(known, invitee, how, delivery.event, data, std::move(reason));
    }

    void join(KnownCall& call, const UserId& user, DeviceTag device) {
        require(!call.ended_at, "a call that begins again");
        if (!call.started_at) {
            call.started_at = now_;
            Participant& inviter = call.participants.front();
            if (inviter.was_online && !is_there(inviter.user, inviter.device)) {
                inviter.lost_at = now_ + Duration(limits_.grace_ms);
            }
        }
        enter(call, user, device);
    }
    void enter(KnownCall& call, const UserId& user, DeviceTag device) {
        Participant one{.user = user, .device = device, .was_online = is_there(user, device)};
        for (auto& known : call.participants) {
            if (known.user == user) {
                one.signalled = known.signalled;
                known = one;  // the old place
                return;
            }
        }
        call.participants.push_back(one);
    }
    /// What else this inviter has ringing for the user, one-to-one.
    static bool rings_besides(const Known& known, const UserId& inviter, const UserId& user) {
        return known.call && !known.group && known.inviter == inviter &&
               known.asked.invitee == user && known.parts.size() == 1 && known.parts[0].pending() &&
               known.parts[0].user == user;
    }
    [[nodiscard]] bool is_there(const UserId& user, DeviceTag device) const {
        const auto at = online_.find(user);
        return at != online_.end() && at->second.contains(device);
    }

    /// What every event of a call must be.
    KnownCall& told_in_call(Known& known, const Told& delivery) {
        require(known.lives(), "an event of a call that does not live");
        require(delivery.event.rev == known.rev, "an event of a call changed rev");
        auto all = known.call->users();
        if (const auto& by = delivery.event.by;
            by && std::holds_alternative<ParticipantJoined>(delivery.event.body)) {
            all.push_back(*by);
        }
        require(std::is_permutation(delivery.to.begin(), delivery.to.end(), all.begin(), all.end()),
                "not exactly who takes part hears of the call");
        return *known.call;
    }
    /// Which of the user's devices takes over when that of the participant is lost.
    [[nodiscard]] std::optional<DeviceTag> replacement(const Participant& one) const {
        std::optional<DeviceTag> last;
        for (const auto& [device, at] : one.signalled) {
            const Instant went = one.lost_at - Duration(limits_.grace_ms);
            if (at >= went - Duration(15'000) && is_there(one.user, device)) {
                last = device;
            }
        }
        return last;
    }
    template <class Verb>
    const Verb& present(const Event& event) const {
        const auto* asked = request_ != nullptr ? std::get_if<Verb>(request_) : nullptr;
        require(asked != nullptr && asked->id == event.id, "an event that nobody asked for");
        return *asked;
    }
    /// Somebody hung up, or was lost: who, and when.
    Instant leaves(KnownCall& call, const Event& event, const std::string& reason,
                   const std::optional<Data>& data) {
        require(event.by.has_value(), "somebody leaves by the clock");
        Participant& gone = call.taking(*event.by);
        if (!event.by_device) {
            require(reason == "connection_lost" && !data, "lost for another reason");
            require(gone.lost_at <= now_, "lost though the device is there");
            const Instant at = lost_when(gone.lost_at, gone.was_online);
            require(at != gone.lost_at || !replacement(gone), "lost though another device signals");
            return at;
        }
        const auto& asked = present<Hangup>(event);
        require(asked.reason == reason && asked.data == data, "a hangup that says something else");
        gone.hung_up = *event.by_device;
        return now_;
    }
    void happened(Known& known, const Told& delivery, const ParticipantLeft& body) {
        KnownCall& call = told_in_call(known, delivery);
        require(call.users().size() > 2, "one left, who talks to nobody");
        require(delivery.event.by == body.user, "somebody else left");
        require(!delivery.event.by_device || !present<Hangup>(delivery.event).all,
                "a call that goes on after all");
        leaves(call, delivery.event, body.reason, body.data);
        call.taking(body.user).takes_part = false;
    }
    void happened(Known& known, const Told& delivery, const ParticipantJoined& body) {
        KnownCall& call = told_in_call(known, delivery);
        const auto& asked = present<Join>(delivery.event);
        require(delivery.event.by == body.user && body.data == asked.data,
                "somebody else comes in, or says something else");
        require(call.find(body.user) == nullptr, "comes in who is there");
        enter(call, body.user, *delivery.event.by_device);
    }
    /// The copies of one end: what was said is for those who talked.
    void happened(Known& known, const Told& delivery, const CallEnded& body) {
        const Event& event = delivery.event;
        require(event.rev == known.rev, "an event of a call changed rev");
        const std::set<UserId> to(delivery.to.begin(), delivery.to.end());
        require(to.size() == delivery.to.size(), "somebody was told twice");
        if (call_end_) {
            CallEnded rest = call_end_->body;
            rest.data.reset();
            require(body == rest && to == call_end_->left, "an end of a call for others");
            call_end_.reset();
            return;
        }
        require(known.lives(), "an end of a call that does not live");
        KnownCall& call = *known.call;
        std::set<UserId> talked;
        for (const auto& one : call.participants) {
            talked.insert(one.user);
        }
        auto all = talked;
        all.insert(known.inviter);
        if (!known.private_to_inviter()) {
            all = audience(known, {});
        }
        if (body.data && all != talked) {
            std::set<UserId> left;
            std::set_difference(all.begin(), all.end(), talked.begin(), talked.end(),
                                std::inserter(left, left.end()));
            call_end_ = CallEnd{.body = body, .left = std::move(left)};
            all = talked;
        }
        require(to == all, "not exactly the audience hears that the call is over");
        end_call(known, event, body);
    }
    void end_call(Known& known, const Event& event, const CallEnded& body) {
        KnownCall& call = *known.call;
        Instant at = *call.started_at + Duration(limits_.max_call_ms);
        if (event.by) {
            const Instant earliest = call.taking(*event.by).lost_at;
            at = leaves(call, event, body.reason, body.data);
            if (!event.by_device && earliest < at) {
                // What may have come late was decided before it was stored, and said.
                at = std::clamp(*call.started_at + body.duration, earliest, at);
            }
            require(call.users().size() == 2 || (event.by_device && present<Hangup>(event).all),
                    "a call that ends for those who are left");
        } else {
            require(body.reason == "expired" && !body.data && at <= now_,
                    "a call that ends by itself");
        }
        if (const auto right = at - *call.started_at; body.duration != right) {
            throw BrokenPromise("a call took " + std::to_string(body.duration.count()) +
                                " ms and not " + std::to_string(right.count()));
        }
        call.ended_at = at;
        call.ended_by = event.by;
        call.reason = body.reason;
        for (auto& one : call.participants) {
            one.takes_part = false;
        }
        if (!known.open()) {
            known.ended_at = at;
        }
    }
    void happened(Known& known, const Told& delivery, const ParticipantMoved& body) {
        KnownCall& call = told_in_call(known, delivery);
        const auto& to = delivery.event.by_device;
        require(delivery.event.by == body.user && to.has_value(), "somebody else moved");
        const Participant& one = call.taking(body.user);
        require(one.device != *to, "moved to where it was");
        if (request_ == nullptr || one.lost_at <= now_) {
            require(one.lost_at <= now_ && (replacement(one) == to ||
                                            lost_when(one.lost_at, one.was_online) != one.lost_at),
                    "moved by nobody");
        } else if (!std::holds_alternative<Join>(*request_)) {
            present<Resume>(delivery.event);
        }
        enter(call, body.user, *to);
    }
    void happened(Known& known, const Told& delivery, const SignalEvent& body) {
        require(signal_ && !signal_->told, "a signal of nobody");
        const auto& asked = present<Signal>(delivery.event);
        require(body == SignalEvent{*delivery.event.by, asked.seq, asked.data},
                "a signal that says something else");
        require(delivery.event.rev == known.rev, "a signal changed rev");
        require(delivery.to.size() == signal_->to.size() &&
                    std::set(delivery.to.begin(), delivery.to.end()) == signal_->to,
                "a signal to others");
        signal_->told = true;
        const Event& event = delivery.event;
        if (known.lives() && known.call->find(*event.by) != nullptr) {
            Participant& one = known.call->taking(*event.by);
            std::erase_if(one.signalled,
                          [&](auto& other) { return other.first == *event.by_device; });
            one.signalled.emplace_back(*event.by_device, now_);
        }
    }

    void happened(Known& known, const Told& delivery, const InvitationCancelled& body) {
        require(body.inviter == known.inviter, "another inviter");
        if (!ends_several(known, delivery, body.invitees)) {
            return;
        }
        for (const auto& user : body.invitees) {
            if (body.reason == CancelReason::call_ended) {
                require(known.call_has_ended() && known.call->ended_by == delivery.event.by,
                        "cancelled for a call that did not end");
            } else if (!delivery.event.by_device) {
                const Part& part = pending_part(known, user);
                const auto lost_at = lost(known);
                const bool is_lost = delivery.event.by.has_value();
                require(
                    body.reason == (is_lost ? CancelReason::inviter_lost : CancelReason::expired),
                    "cancelled by the clock for another reason");
                require(
                    !is_lost || (delivery.event.by == known.inviter && lost_at && *lost_at <= now_),
                    "lost though the inviter is there, or was a moment ago");
                require(!is_lost || *lost_at > part.asked_at ||
                            latest(*lost_at, known.was_online) != *lost_at,
                        "lost is who was asked after that");
                require(is_lost || (known.lifetime_end <= part.deadline &&
                                    known.lifetime_end <= latest_due(known, part)),
                        "cancelled though its time was not over");
            } else if (body.reason == CancelReason::answered) {
                const Part* taker = known.part(*delivery.event.by);
                const bool talks = talk_ && rings_besides(known, talk_->first, talk_->second) &&
                                   delivery.event.by == talk_->second;
                require(talks || (known.asked.answer == Answer::first && taker != nullptr &&
                                  taker->state == State::accepted),
                        "answered by nobody");
            } else if (body.reason == CancelReason::replaced) {
                require(is_replaced(delivery.event.id) && delivery.event.by == known.inviter,
                        "replaced by nothing");
                known.replaced_by = made_;
            } else if (body.reason == CancelReason::left_group) {
                require(
                    plan_ && plan_->group == known.group && plan_->leaving.contains(known.inviter),
                    "cancelled though the inviter is in the group");
            } else if (body.reason == CancelReason::group_dismissed) {
                require(plan_ && plan_->group == known.group && !plan_->next,
                        "cancelled though the group is there");
            } else {
                present<Cancel>(delivery.event);
                require(body.reason == CancelReason::cancelled, "cancelled for another reason");
            }
            end(known, user, State::cancelled, delivery.event, body.data,
                std::string(name_of(body.reason)));
        }
    }
    void happened(Known& known, const Told& delivery, const InvitationRevoked& body) {
        if (!ends_several(known, delivery, body.invitees)) {
            return;
        }
        require(plan_ && plan_->next && plan_->group == known.group && group_of(known) != nullptr,
                "revoked though nobody left the group");
        for (const auto& user : body.invitees) {
            require(plan_->leaving.contains(user), "revoked though they are in the group");
            const bool itself = user == *delivery.event.by;
            require(body.reason == (itself ? RevokeReason::left_group : RevokeReason::removed),
                    "revoked for another reason");
            end(known, user, State::revoked, delivery.event, {}, std::string(name_of(body.reason)));
        }
    }
    void happened(Known& known, const Told& delivery, const InvitationTimeout& body) {
        if (!ends_several(known, delivery, body.invitees)) {
            return;
        }
        require(!delivery.event.by, "a timeout by somebody");
        const Instant deadline = pending_part(known, body.invitees.front()).deadline;
        for (const auto& user : body.invitees) {
            const Part& part = pending_part(known, user);
            require(part.deadline == deadline && deadline <= latest_due(known, part) &&
                        !known.call_has_ended(),
                    "a timeout at another time than its deadline");
            end(known, user, State::timed_out, delivery.event, {}, {});
        }
        for (const auto& part : known.parts) {
            require(!part.pending() || part.deadline != deadline, "two events for one deadline");
        }
    }
    /// Whether this copy is the one that ends all whom the event names.
    bool ends_several(Known& known, const Told& delivery, const std::vector<UserId>& invitees) {
        require(!invitees.empty(), "nobody is concerned");
        if (changes(known, delivery)) {
            require(delivery.to.front() == known.inviter, "the inviter is not the first to hear");
            known.to_be_told = audience(known, invitees);
            return true;
        }
        require(known.private_to_inviter() && invitees == delivery.to && invitees.size() == 1,
                "an invitee learns of another");
        return false;
    }

    void happened(Known& known, const Told& delivery, const InviteeRinging& body) {
        require(delivery.event.rev == known.rev, "ringing changed rev");
        require(delivery.to == std::vector{known.inviter}, "ringing heard by others");
        require(delivery.event.by == body.invitee, "ringing by somebody else");
        Part& part = pending_part(known, body.invitee);
        require(!std::exchange(part.ringing, true), "ringing told twice");
    }

    static std::vector<UserId> users(const Known& known) {
        std::vector<UserId> all;
        for (const auto& part : known.parts) {
            all.push_back(part.user);
        }
        return all;
    }

    // ---------------------------------------------------------------- replies

    /// What a reply must be: refused so, or done, or done before.
    struct Verdict {
        std::optional<Error> error{};
        bool dup = false;
        /// Refused or not.
        bool anything = false;
        const Part* late = nullptr;
        std::optional<Rev> rev{};
        std::optional<InvitationId> replaced_by{};
    };
    static Verdict refused(Error error) { return {.error = error}; }
    static Verdict too_late(const Known& known, const Part& part) {
        const Error errors[] = {Error::already_invited,   Error::already_accepted,
                                Error::already_rejected,  Error::already_cancelled,
                                Error::already_timed_out, Error::already_revoked};
        const bool is_replaced = part.reason == name_of(CancelReason::replaced);
        return {.error = errors[static_cast<std::size_t>(part.state)],
                .late = &part,
                .rev = known.rev,
                .replaced_by = is_replaced ? known.replaced_by : std::nullopt};
    }
    static Verdict already_ended(const Known& known) {
        return {.error = Error::already_ended, .rev = known.rev};
    }

    /// Whether the request changed something, which its events will show.
    bool judge(const Sender& sender, const Request& request, const Reply& reply) {
        const auto* refusal = std::get_if<Refusal>(&reply.body);
        if (limits_bite_) {
            std::visit([&](const auto& body) { forget_pushed_out(body, reply); }, request.body);
        }
        const Verdict verdict =
            std::visit([&](const auto& body) { return expected(sender, body); }, request.body);
        if (refusal != nullptr) {
            plan_.reset();
            message_.reset();
            signal_.reset();
            if (verdict.anything) {
                return false;
            }
            const bool of_a_limit = refusal->error == Error::rate_limited ||
                                    refusal->error == Error::too_many_pending ||
                                    refusal->error == Error::too_large ||
                                    refusal->error == Error::group_full;
            if (limits_bite_ && of_a_limit) {
                require(refusal->limit.has_value(), "a limit without a number");
                return false;
            }
            // Several who cannot be invited have no error in common when a limit is among them.
            const bool mixed = limits_bite_ && refusal->error == Error::invalid_request &&
                               (verb_of(request) == Add::verb || verb_of(request) == Invite::verb);
            require(verdict.error.has_value() || mixed,
                    "refused without a reason: " + std::string(info(refusal->error).name));
            require(verdict.error == refusal->error || mixed,
                    "refused as " + std::string(info(refusal->error).name) + ", not as " +
                        std::string(info(verdict.error.value_or(Error::internal)).name));
            if (verdict.late != nullptr) {
                require(
                    refusal->by == verdict.late->by && refusal->by_device == verdict.late->device,
                    "a refusal that names somebody else");
                require(refusal->replaced_by == verdict.replaced_by,
                        "a refusal that names another invitation");
            }
            if (verdict.rev) {
                require(refusal->rev == verdict.rev, "a refusal with another rev");
            }
            return false;
        }
        require(
            !verdict.error,
            "not refused as " + std::string(info(verdict.error.value_or(Error::internal)).name));
        return std::visit([&](const auto& body) { return done(sender, body, verdict, reply); },
                          request.body);
    }

    /// Ended ones may be forgotten before their time, when there are too many.
    void forget_pushed_out(const auto& body, const Reply& reply) {
        const auto* refusal = std::get_if<Refusal>(&reply.body);
        std::optional<InvitationId> id;
        bool is_unknown = refusal != nullptr && refusal->error == Error::unknown_invitation;
        if constexpr (requires { body.answer; }) {
            const auto* invited = std::get_if<Invited>(&reply.body);
            id = body.id;
            is_unknown = invited != nullptr ? !invited->dup
                         // Too many requests: then it was not even looked for.
                         : refusal != nullptr ? refusal->error != Error::already_exists &&
                                                    refusal->error != Error::rate_limited
                                              : !std::get<Merged>(reply.body).dup;
            if constexpr (requires { body.group; }) {
                // Of a group that is gone, only a repeat is told from an id that is not known.
                const Known* known = id ? find(*id) : nullptr;
                if (refusal != nullptr && refusal->error == Error::unknown_group) {
                    is_unknown = known != nullptr && known->group == body.group;
                }
            }
        } else if constexpr (requires { requires std::same_as<decltype(body.id), InvitationId>; }) {
            id = body.id;
        }
        if (const Known* known = id ? find(*id) : nullptr; is_unknown && known && known->ended_at) {
            known_.erase(*id);
        }
        if (const auto into = id ? merged_.find(*id) : merged_.end();
            into != merged_.end() && known_.at(into->second).ended_at && is_unknown &&
            !std::holds_alternative<Merged>(reply.body)) {
            known_.erase(into->second);
            merged_.erase(into);
        }
    }

    [[nodiscard]] const KnownGroup* find(const GroupId& id) const {
        const auto at = groups_.find(id);
        return at == groups_.end() ? nullptr : &at->second;
    }
    [[nodiscard]] const Known* find(const InvitationId& id) const {
        const auto at = known_.find(id);
        return at == known_.end() ? nullptr : &at->second;
    }

    [[nodiscard]] static Verdict expected(const Sender& sender, const ListOnline&) {
        return sender.is_operator ? Verdict{} : refused(Error::wrong_sender);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const ListOpen&) {
        return sender.is_operator ? Verdict{} : refused(Error::wrong_sender);
    }
    template <class Verb>
    [[nodiscard]] Verdict expected(const Sender& sender, const Verb& asked) {
        const Known* known = find(asked.id);
        if (known == nullptr) {
            return refused(Error::unknown_invitation);
        }
        return expected(sender, *known, asked);
    }

    static Verdict answer(const Sender& sender, const Known& known, std::optional<State> writes) {
        const Part* own = known.part(sender.user);
        if (own == nullptr) {
            return refused(Error::not_invitee);
        }
        if (own->pending()) {
            return {};
        }
        if (own->state == writes && own->by == sender.user && own->device == sender.device) {
            return {.dup = true};
        }
        return too_late(known, *own);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known, const Accept&) {
        return answer(sender, known, State::accepted);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known, const Reject&) {
        return answer(sender, known, State::rejected);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known,
                                          const Ringing&) {
        return answer(sender, known, std::nullopt);
    }
    static std::vector<const Part*> named(const Known& known, const Cancel& asked) {
        std::vector<const Part*> parts;
        for (const auto& part : known.parts) {
            if (!asked.invitees || std::find(asked.invitees->begin(), asked.invitees->end(),
                                             part.user) != asked.invitees->end()) {
                parts.push_back(&part);
            }
        }
        return parts;
    }
    /// By a `cancel` of this device: not by its hangup, or by its leaving or ending the group.
    static bool cancelled_by(const Part& part, const Sender& sender) {
        return part.state == State::cancelled && part.by == sender.user &&
               part.device == sender.device && part.reason == name_of(CancelReason::cancelled);
    }
    [[nodiscard]] bool may_cancel(const Known& known, const UserId& user) const {
        const KnownGroup* group = group_of(known);
        return known.inviter == user || (group != nullptr && !known.private_to_inviter() &&
                                         group->rank(user) >= Rank::admin);
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Known& known,
                                   const Cancel& asked) const {
        const auto parts = named(known, asked);
        const bool any_pending =
            std::any_of(parts.begin(), parts.end(), [](auto* part) { return part->pending(); });
        const bool repeats = std::any_of(parts.begin(), parts.end(),
                                         [&](auto* part) { return cancelled_by(*part, sender); });
        const auto& invitees = asked.invitees;
        const bool stranger =
            invitees && std::any_of(invitees->begin(), invitees->end(),
                                    [&](auto& user) { return known.part(user) == nullptr; });
        if (!stranger && !any_pending && repeats) {
            return {.dup = true};
        }
        if (!may_cancel(known, sender.user)) {
            return refused(Error::not_inviter);
        }
        if (stranger) {
            return known.parts.size() == 1 && !known.anyone_pending()
                       ? too_late(known, known.parts[0])
                       : refused(Error::invalid_request);
        }
        if (any_pending) {
            return {};
        }
        if (known.parts.size() == 1) {
            return too_late(known, known.parts[0]);
        }
        return asked.invitees ? Verdict{} : already_ended(known);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known, const Modify&) {
        if (known.inviter != sender.user) {
            return refused(Error::not_inviter);
        }
        if (!known.anyone_pending()) {
            return known.parts.size() == 1 ? too_late(known, known.parts[0]) : already_ended(known);
        }
        return known.asked.online_only ? refused(Error::not_modifiable) : Verdict{};
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Known& known, const Add& asked) {
        const Part* own = known.part(sender.user);
        if (known.inviter != sender.user && (own == nullptr || own->state != State::accepted)) {
            return refused(Error::not_participant);
        }
        const KnownGroup* group = group_of(known);
        if (known.group && (group == nullptr || !group->rank(sender.user))) {
            return refused(Error::not_member);
        }
        if (!known.open()) {
            if (known.call_has_ended()) {
                return already_ended(known);
            }
            if (known.parts.size() == 1) {
                return too_late(known, known.parts[0]);
            }
            for (const auto& part : known.parts) {
                if (known.asked.answer == Answer::first && part.state == State::accepted) {
                    return too_late(known, part);
                }
            }
            return already_ended(known);
        }
        return sort(known.inviter, asked.invitees, known.asked.online_only, &known, group,
                    sender.user == known.inviter || !known.private_to_inviter());
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Known& known, const Get&) const {
        return concerns(known, sender.user) ? Verdict{} : refused(Error::not_participant);
    }
    /// Among those whom an invitation lets speak: the inviter, who is pending, who accepted.
    enum class Voice { none, inviter, pending, talking, inviter_who_left };
    static Voice voice(const Known& known, const UserId& user) {
        if (known.inviter == user) {
            return known.lives() && known.call->find(user) == nullptr ? Voice::inviter_who_left
                                                                      : Voice::inviter;
        }
        const Part* part = known.part(user);
        if (part == nullptr) {
            return Voice::none;
        }
        if (part->pending()) {
            return Voice::pending;
        }
        const bool talks =
            known.lives() ? known.call->find(user) != nullptr : part->state == State::accepted;
        return talks ? Voice::talking : Voice::none;
    }
    static bool speak(Voice one, Voice other) {
        const auto any = [&](Voice a, Voice b) {
            return (one == a && other == b) || (one == b && other == a);
        };
        return any(Voice::inviter, Voice::pending) ||
               any(Voice::inviter_who_left, Voice::pending) ||
               any(Voice::inviter, Voice::talking) || any(Voice::talking, Voice::talking);
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Known& known, const Signal& asked) {
        const Voice own = voice(known, sender.user);
        if (own == Voice::none) {
            return refused(Error::not_participant);
        }
        if (!known.open()) {
            return known.parts.size() == 1 && !known.call_has_ended()
                       ? too_late(known, known.parts[0])
                       : already_ended(known);
        }
        std::set<UserId> to;
        if (asked.to) {
            if (*asked.to != sender.user && speak(own, voice(known, *asked.to))) {
                to.insert(*asked.to);
            }
        } else if (known.lives() && known.call->find(sender.user) != nullptr) {
            const auto all = known.call->users();
            to = {all.begin(), all.end()};
            to.erase(sender.user);
        } else if (own == Voice::pending) {
            to.insert(known.inviter);
        } else if (known.inviter == sender.user && !known.lives()) {
            for (const auto& part : known.parts) {
                if (part.pending()) {
                    to.insert(part.user);
                }
            }
        }
        if (to.empty()) {
            return refused(Error::not_participant);
        }
        signal_ = Signalling{.to = std::move(to)};
        return {};
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known,
                                          const Hangup& asked) {
        if (known.call && !(asked.all && known.lives())) {
            for (const auto& one : known.call->participants) {
                if (one.user == sender.user && one.hung_up == sender.device) {
                    return {.dup = true};
                }
            }
        }
        if (!known.call || known.call->find(sender.user) == nullptr) {
            return refused(Error::not_participant);
        }
        if (asked.all && known.inviter != sender.user) {
            return refused(Error::not_inviter);
        }
        return known.lives() ? Verdict{} : already_ended(known);
    }
    [[nodiscard]] static Verdict expected(const Sender& sender, const Known& known, const Resume&) {
        const Participant* own = known.call ? known.call->find(sender.user) : nullptr;
        if (own == nullptr) {
            return refused(Error::not_participant);
        }
        if (!known.lives()) {
            return already_ended(known);
        }
        return {.dup = own->device == sender.device};
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Known& known, const Join&) const {
        const Part* part = known.part(sender.user);
        if (!known.call || (part == nullptr && known.inviter != sender.user)) {
            return refused(Error::not_participant);
        }
        if (part != nullptr && part->pending()) {
            return {};
        }
        if (const Participant* own = known.lives() ? known.call->find(sender.user) : nullptr) {
            return {.dup = own->device == sender.device};
        }
        if (!known.call->started_at && part == nullptr) {
            return refused(Error::not_participant);
        }
        const bool may_not =
            part != nullptr && (known.asked.answer == Answer::first ||
                                part->state == State::cancelled || part->state == State::revoked);
        if (known.lives() && !known.call->knew(sender.user) && may_not) {
            return refused(Error::not_participant);
        }
        if (known.group && (group_of(known) == nullptr || !group_of(known)->rank(sender.user))) {
            return refused(Error::not_member);
        }
        if (known.lives()) {
            return {};
        }
        return known.call_has_ended() ? already_ended(known) : too_late(known, *part);
    }
    /// The call of the one whom this invite would call, which waits for its sender.
    [[nodiscard]] std::optional<InvitationId> crossed_by(const Sender& sender,
                                                         const Invite& asked) const {
        std::optional<InvitationId> first;
        for (const auto& [id, known] : known_) {
            const bool crosses = asked.call && asked.also.empty() && known.call && !known.group &&
                                 known.inviter == asked.invitee && known.parts.size() == 1 &&
                                 known.parts[0].user == sender.user && known.parts[0].pending() &&
                                 (online_.contains(asked.invitee) || !asked.online_only);
            if (crosses && (!first || known.number < known_.at(*first).number)) {
                first = id;
            }
        }
        return first;
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const Invite& asked) {
        if (const Known* known = asked.id ? find(*asked.id) : nullptr) {
            return known->inviter == sender.user && !known->group &&
                           known->asked.invitee == asked.invitee
                       ? Verdict{.dup = true}
                       : refused(Error::already_exists);
        }
        if (const auto into = asked.id ? merged_.find(*asked.id) : merged_.end();
            into != merged_.end()) {
            const Known& known = known_.at(into->second);
            if (known.inviter == asked.invitee && known.part(sender.user) != nullptr) {
                crossed_ = into->second;
                return {.dup = true};
            }
        }
        if (asked.invitee == sender.user) {
            return refused(Error::invalid_request);
        }
        if ((crossed_ = crossed_by(sender, asked))) {
            return {};
        }
        find_replaced(sender, asked.replace, [&](const Known& one) {
            return !one.group && one.asked.invitee == asked.invitee;
        });
        std::vector<UserId> all{asked.invitee};
        all.insert(all.end(), asked.also.begin(), asked.also.end());
        return sort(sender.user, all, asked.online_only, nullptr, nullptr);
    }
    [[nodiscard]] Verdict expected(const Sender& sender, const GroupInvite& asked) {
        const Known* known = asked.id ? find(*asked.id) : nullptr;
        const KnownGroup* group = find(asked.group);
        if (known != nullptr && known->inviter == sender.user && known->group == asked.group) {
            return {.dup = true};
        }
        if (group == nullptr) {
            return refused(Error::unknown_group);
        }
        if (known != nullptr) {
            return refused(Error::already_exists);
        }
        if (!group->rank(sender.user)) {
            return refused(Error::not_member);
        }
        find_replaced(sender, asked.replace,
                      [&](const Known& one) { return one.group == asked.group; });
        std::vector<UserId> all = asked.invitees.value_or(std::vector<UserId>{});
        if (!asked.invitees) {
            for (const auto& [user, rank] : group->members) {
                if (user != sender.user) {
                    all.push_back(user);
                }
            }
        }
        return all.empty() ? refused(Error::invalid_request)
                           : sort(sender.user, all, asked.online_only, nullptr, group);
    }
    [[nodiscard]] Verdict expected(const Sender&, const Sync& asked) {
        return {.anything = asked.page.after && asked.page.after != next_page_};
    }

    /// What this inviter has pending by the same topic, oldest first.
    void find_replaced(const Sender& sender, bool replace, const auto& is_same) {
        std::map<std::uint64_t, InvitationId> found;
        for (const auto& [id, known] : known_) {
            if (replace && known.inviter == sender.user && known.anyone_pending() &&
                !known.lives() && is_same(known)) {
                found.emplace(known.number, id);
            }
        }
        replaced_.clear();
        for (const auto& [number, id] : found) {
            replaced_.push_back(id);
        }
    }
    [[nodiscard]] bool is_replaced(const InvitationId& id) const {
        return std::find(replaced_.begin(), replaced_.end(), id) != replaced_.end();
    }

    /// Who is asked and who is skipped, kept for the reply to be compared with.
    Verdict sort(const UserId& inviter, const std::vector<UserId>& names, bool online_only,
                 const Known* known, const KnownGroup* group, bool told = true) {
        skipped_.clear();
        asked_.clear();
        std::set<UserId> seen;
        std::vector<Verdict> why;
        for (const auto& user : names) {
            if (!seen.insert(user).second) {
                continue;
            }
            const Part* listed = known != nullptr ? known->part(user) : nullptr;
            Verdict verdict;
            if (listed != nullptr) {
                verdict = listed->pending() || !told ? refused(Error::already_invited)
                                                     : too_late(*known, *listed);
            } else if (user == inviter) {
                verdict = refused(Error::invalid_request);
            } else if (group != nullptr && !group->rank(user)) {
                verdict = refused(Error::not_member);
            } else if (online_only && !online_.contains(user)) {
                verdict = refused(Error::user_offline);
            }
            if (verdict.error) {
                skipped_.push_back({.user = user, .error = *verdict.error});
                why.push_back(verdict);
            } else {
                asked_.push_back(user);
            }
        }
        if (!asked_.empty()) {
            return {};
        }
        return common_of(why);
    }
    static Verdict common_of(const std::vector<Verdict>& why) {
        const bool common = std::all_of(why.begin(), why.end(), [&](const Verdict& one) {
            return one.error == why.front().error;
        });
        return common ? why.front() : refused(Error::invalid_request);
    }

    void check_skipped(const std::vector<Skipped>& skipped) const {
        require(limits_bite_ || skipped == skipped_, "others were skipped");
        for (const auto& one : skipped) {
            const bool foreseen =
                std::find(skipped_.begin(), skipped_.end(), one) != skipped_.end();
            require(foreseen || one.error == Error::rate_limited ||
                        one.error == Error::too_many_pending,
                    "skipped without a reason");
        }
    }

    /// Of those who were asked.
    void check_offline(std::vector<UserId> asked, const Invited& invited) const {
        std::erase_if(asked, [this](const UserId& user) { return online_.contains(user); });
        const auto count = static_cast<std::int64_t>(asked.size());
        shorten(asked);
        require(invited.offline == asked, "others are said to be away");
        const auto skipped = static_cast<std::int64_t>(skipped_.size());
        require(limits_bite_ || invited.dup ||
                    invited.more == std::max<std::int64_t>(count - 100, 0) +
                                        std::max<std::int64_t>(skipped - 100, 0),
                "another number is left out");
    }

    bool done(const Sender& sender, const GroupInvite& asked, const Verdict& verdict,
              const Reply& reply) {
        const Invite same{.invitee = {},
                          .id = asked.id,
                          .data = asked.data,
                          .timeout = asked.timeout,
                          .answer = asked.answer,
                          .call = asked.call,
                          .online_only = asked.online_only,
                          .on_inviter_lost = asked.on_inviter_lost,
                          .visibility = asked.visibility,
                          .replace = asked.replace};
        const auto& invited = std::get<Invited>(reply.body);
        require(invited.skipped.has_value() == !invited.dup,
                "a group's invite that says too little");
        if (!done(sender, same, verdict, reply)) {
            return false;
        }
        Known& known = known_.at(invited.id);
        known.group = asked.group;
        known.group_number = groups_.at(asked.group).number;
        return true;
    }
    bool done(const Sender& sender, const Invite& asked, const Verdict& verdict,
              const Reply& reply) {
        if (crossed_) {
            require(reply.body == ReplyBody(Merged{verdict.dup, *crossed_}), "not merged");
            if (!verdict.dup && asked.id) {
                merged_.insert_or_assign(*asked.id, *crossed_);
            }
            return !verdict.dup;
        }
        const auto& invited = std::get<Invited>(reply.body);
        require(invited.dup == verdict.dup, "dup is wrong");
        require(!asked.id || invited.id == *asked.id, "another id");
        if (verdict.dup) {
            const Known& known = known_.at(invited.id);
            require(invited.rev == known.rev &&
                        invited.remaining == remaining(known, sender.user) &&
                        invited.state == (known.open() ? Openness::open : Openness::ended),
                    "a repeated invite tells another state");
            check_offline(users(known), invited);
            return false;
        }
        require(!known_.contains(invited.id), "an id that was in use");
        require(invited.rev == 1 && invited.state == Openness::open,
                "a new invitation with a past");
        check_skipped(invited.skipped.value_or(std::vector<Skipped>{}));
        Known known{.asked = asked, .inviter = sender.user, .number = ++invitations_made_};
        known.lifetime_end = now_ + Duration(limits_.max_lifetime_ms);
        known.was_online = online_.contains(sender.user);
        if (asked.call) {
            known.call = KnownCall();
            known.call->participants.push_back(
                {.user = sender.user,
                 .device = sender.device,
                 .was_online = is_there(sender.user, sender.device)});
        }
        made_ = invited.id;
        asked_before_ = 0;
        known_.emplace(invited.id, std::move(known));
        return true;
    }
    bool done(const Sender&, const Add&, const Verdict&, const Reply& reply) {
        const auto& added = std::get<Invited>(reply.body);
        asked_before_ = std::ssize(known_.at(added.id).parts);
        require(!added.dup && added.skipped.has_value(), "an add that says too little");
        check_skipped(*added.skipped);
        return true;
    }
    bool done(const Sender&, const ListOnline&, const Verdict&, const Reply& reply) {
        std::vector<OnlineUser> right;
        for (const auto& [user, devices] : online_) {
            right.push_back({.user = user, .devices = static_cast<std::uint32_t>(devices.size())});
        }
        require(reply.body == ReplyBody(OnlineListed{.online = std::move(right)}),
                "others are said to be online");
        return false;
    }
    /// The first page.
    bool done(const Sender&, const ListOpen&, const Verdict&, const Reply& reply) {
        std::map<std::uint64_t, InvitationInfo> right;
        for (const auto& [id, known] : known_) {
            if (known.open()) {
                auto told = item(id, known.inviter);
                told.role = Role::observer;
                right.emplace(known.number, std::move(told));
            }
        }
        const auto& page = std::get<OpenListed>(reply.body);
        require(page.next || page.invitations.size() == right.size(), "not all that is open");
        auto at = right.begin();
        for (const auto& one : page.invitations) {
            require(at != right.end() && one == (at++)->second, "something else is open");
        }
        return false;
    }
    template <class Verb>
    bool done(const Sender& sender, const Verb& asked, const Verdict& verdict, const Reply& reply) {
        const auto& done = std::get<Done>(reply.body);
        require(done.dup == verdict.dup, "dup is wrong");
        const Known& known = known_.at(asked.id);
        if constexpr (std::same_as<Verb, Ringing>) {
            require(done.rev == known.rev, "another rev");
            return !known.part(sender.user)->ringing;
        }
        require(!done.dup || done.rev == known.rev, "another rev");
        return !done.dup;
    }
    bool done(const Sender& sender, const Cancel& asked, const Verdict& verdict,
              const Reply& reply) {
        const auto& told = std::get<Cancelled>(reply.body);
        require(told.dup == verdict.dup, "dup is wrong");
        const Known& known = known_.at(asked.id);
        Cancelled right{.dup = verdict.dup, .rev = told.rev, .cancelled = {}, .already = {}};
        bool changes = false;
        for (const Part* part : named(known, asked)) {
            if (part->pending() || (verdict.dup && cancelled_by(*part, sender))) {
                right.cancelled.push_back(part->user);
            } else {
                right.already.push_back({.user = part->user, .state = part->state});
            }
            changes = changes || part->pending();
        }
        right.more = shorten(right.cancelled) + shorten(right.already);
        require(told == right, "a cancel tells other names");
        require(changes || told.rev == known.rev, "another rev");
        return changes;
    }
    /// While the store takes nothing, that may be known and not said.
    [[nodiscard]] InvitationInfo without_ringing(InvitationInfo info) const {
        for (auto& one : info.invitees) {
            one.ringing = one.ringing && store_works_;
        }
        return info;
    }
    bool done(const Sender& sender, const Get& asked, const Verdict&, const Reply& reply) {
        const auto& got = std::get<Got>(reply.body);
        Got right{described(asked.id, sender.user)};
        if (asked.page.after) {
            return false;
        }
        const auto most = std::clamp<std::int64_t>(asked.page.limit.value_or(100), 1, 100);
        if (std::cmp_greater(right.invitation->invitees.size(), most)) {
            right.invitation->invitees.resize(static_cast<std::size_t>(most));
            right.next = got.next.value_or("it goes on");
        }
        if (without_ringing(*got.invitation) != without_ringing(*right.invitation) ||
            got.next != right.next) {
            throw BrokenPromise(
                "get tells " + encode(reply, Encoding::json) + " where the events told " +
                encode(Reply{.re = "get", .device = sender.device, .body = right}, Encoding::json));
        }
        return false;
    }
    bool done(const Sender& sender, const Sync& asked, const Verdict& verdict, const Reply& reply) {
        const auto& page = std::get<Synced>(reply.body);
        require(page.server_epoch == server_epoch_, "another epoch");
        if (!asked.page.after || verdict.anything) {
            synced_.clear();
        }
        for (const auto& one : page.invitations) {
            require(known_.contains(one.id), "sync tells of what nobody knows");
            if (const auto right = item(one.id, sender.user);
                without_ringing(one) != without_ringing(right)) {
                const auto told = [&](const InvitationInfo& info) {
                    return encode(Reply{.re = "get", .device = sender.device, .body = Got{info}},
                                  Encoding::json);
                };
                throw BrokenPromise("sync tells " + told(one) + " where the events told " +
                                    told(right));
            }
            require(synced_.insert(one.id).second, "sync tells one twice");
        }
        next_page_ = page.next;
        if (page.next || verdict.anything) {
            return false;
        }
        for (const auto& [id, known] : known_) {
            require(synced_.contains(id) == (concerns(known, sender.user) && known.open()),
                    "sync does not tell what is open");
        }
        return false;
    }

    // ----------------------------------------------------------------- groups

    /// What a request makes of a group: nothing of it remains without `next`.
    struct Plan {
        GroupId group;
        GroupEventBody body;
        std::optional<KnownGroup> next{};
        std::set<UserId> leaving{};
        bool told = false;
    };
    Verdict plan(const GroupId& id, KnownGroup next, GroupEventBody body,
                 const std::vector<UserId>& leaving = {}) {
        for (const auto& user : leaving) {
            next.members.erase(user);
        }
        plan_ = Plan{.group = id,
                     .body = std::move(body),
                     .next = std::move(next),
                     .leaving = {leaving.begin(), leaving.end()}};
        return {};
    }

    Verdict expected(const Sender& sender, const CreateGroup& asked) {
        if (const KnownGroup* known = find(asked.group)) {
            return known->owner() == sender.user ? Verdict{.dup = true}
                                                 : refused(Error::group_exists);
        }
        KnownGroup next{.number = groups_made_ + 1,
                        .name = asked.name,
                        .join_mode = asked.join_mode,
                        .profile = asked.profile};
        std::vector<UserId> named{sender.user};
        named.insert(named.end(), asked.members.begin(), asked.members.end());
        named = distinct(named);
        for (const auto& user : named) {
            next.members[user] = user == sender.user ? Rank::owner : Rank::member;
        }
        return plan(asked.group, next, GroupCreated{asked.name, named});
    }
    Verdict expected(const Sender& sender, const JoinGroup& asked) {
        const KnownGroup* known = find(asked.group);
        if (known == nullptr) {
            return refused(Error::unknown_group);
        }
        if (known->rank(sender.user)) {
            return {.dup = true};
        }
        if (known->join_mode == JoinMode::closed) {
            return refused(Error::group_closed);
        }
        KnownGroup next = *known;
        next.members[sender.user] = Rank::member;
        return plan(asked.group, next, MemberEntered{{sender.user}});
    }
    /// What keeps `sender` from what members of at least this rank may.
    std::optional<Verdict> unless(const Sender& sender, const GroupId& id, Rank least) const {
        const KnownGroup* known = find(id);
        if (known == nullptr) {
            return refused(Error::unknown_group);
        }
        const auto rank = known->rank(sender.user);
        if (!rank) {
            return refused(Error::not_member);
        }
        if (*rank < least) {
            return refused(least == Rank::owner ? Error::not_owner : Error::not_admin);
        }
        return std::nullopt;
    }
    Verdict expected(const Sender& sender, const QuitGroup& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::member)) {
            return *refusal;
        }
        const KnownGroup& known = groups_.at(asked.group);
        if (known.owner() == sender.user) {
            return refused(Error::owner_cannot_quit);
        }
        return plan(asked.group, known, MemberLeft{sender.user}, {sender.user});
    }
    Verdict expected(const Sender& sender, const AddMembers& asked) {
        const KnownGroup* known = find(asked.group);
        const bool closed = known != nullptr && known->join_mode == JoinMode::closed;
        if (const auto refusal = unless(sender, asked.group, closed ? Rank::admin : Rank::member)) {
            return *refusal;
        }
        KnownGroup next = *known;
        std::vector<UserId> added;
        skipped_.clear();
        for (const auto& user : distinct(asked.members)) {
            if (next.members.emplace(user, Rank::member).second) {
                added.push_back(user);
            } else {
                skipped_.push_back({user, Error::already_member});
            }
        }
        return added.empty() ? Verdict{} : plan(asked.group, next, MemberInvited{added});
    }
    Verdict expected(const Sender& sender, const RemoveMembers& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::admin)) {
            return *refusal;
        }
        const KnownGroup& known = groups_.at(asked.group);
        std::vector<UserId> removed;
        std::vector<Verdict> why;
        skipped_.clear();
        for (const auto& user : distinct(asked.members)) {
            const auto rank = known.rank(user);
            if (rank && *rank < *known.rank(sender.user)) {
                removed.push_back(user);
                continue;
            }
            why.push_back(refused(rank ? Error::not_owner : Error::not_member));
            skipped_.push_back({user, *why.back().error});
        }
        return removed.empty()
                   ? common_of(why)
                   : plan(asked.group, known, MemberRemoved{removed, asked.reason}, removed);
    }
    Verdict expected(const Sender& sender, const SetRank& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::owner)) {
            return *refusal;
        }
        KnownGroup next = groups_.at(asked.group);
        const auto rank = next.rank(asked.user);
        if (!rank) {
            return refused(Error::not_member);
        }
        if (*rank == Rank::owner) {
            return refused(Error::invalid_request);
        }
        if (*rank == asked.role) {
            return {.dup = true};
        }
        next.members[asked.user] = asked.role;
        return plan(asked.group, next, RoleChanged{asked.user, asked.role});
    }
    Verdict expected(const Sender& sender, const TransferGroup& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::owner)) {
            return *refusal;
        }
        KnownGroup next = groups_.at(asked.group);
        if (!next.rank(asked.user)) {
            return refused(Error::not_member);
        }
        if (asked.user == sender.user) {
            return {.dup = true};
        }
        next.members[sender.user] = Rank::member;
        next.members[asked.user] = Rank::owner;
        return plan(asked.group, next, OwnerChanged{asked.user});
    }
    Verdict expected(const Sender& sender, const UpdateGroup& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::admin)) {
            return *refusal;
        }
        const KnownGroup& known = groups_.at(asked.group);
        KnownGroup next = known;
        next.name = asked.name ? asked.name : known.name;
        next.join_mode = asked.join_mode.value_or(known.join_mode);
        next.profile = asked.profile ? asked.profile : known.profile;
        if (next == known) {
            return {.dup = true};
        }
        GroupUpdated body;
        if (next.name != known.name) {
            body.name = next.name;
        }
        if (next.join_mode != known.join_mode) {
            body.join_mode = next.join_mode;
        }
        if (next.profile != known.profile) {
            body.profile = next.profile;
        }
        return plan(asked.group, next, body);
    }
    Verdict expected(const Sender& sender, const DismissGroup& asked) {
        if (const auto refusal = unless(sender, asked.group, Rank::owner)) {
            return *refusal;
        }
        plan_ = Plan{.group = asked.group, .body = GroupDismissed{}};
        return {};
    }
    Verdict expected(const Sender& sender, const GetGroup& asked) {
        const auto refusal = unless(sender, asked.group, Rank::member);
        return refusal ? *refusal : Verdict{};
    }
    Verdict expected(const Sender&, const ListGroups&) { return {}; }
    Verdict expected(const Sender&, const ListHistory&) { return {}; }
    Verdict expected(const Sender&, const Here&) { return {}; }
    Verdict expected(const Sender& sender, const Message& asked) {
        std::set<UserId> to;
        if (const auto* peer = std::get_if<UserId>(&asked.to)) {
            to.insert(*peer);
        } else {
            const auto& id = std::get<GroupId>(asked.to);
            if (const auto refusal = unless(sender, id, Rank::member)) {
                return *refusal;
            }
            for (const auto& [user, rank] : groups_.at(id).members) {
                if (user != sender.user) {
                    to.insert(user);
                }
            }
        }
        if (asked.online_only) {
            std::erase_if(to, [&](const UserId& user) { return !online_.contains(user); });
            if (to.empty()) {
                return refused(Error::user_offline);
            }
        }
        if (!to.empty()) {
            message_ = Sending{.asked = asked, .id = {}, .to = std::move(to)};
        }
        return {};
    }

    bool done(const Sender&, const Message& asked, const Verdict&, const Reply& reply) {
        const auto& sent = std::get<Sent>(reply.body);
        require(!asked.id || sent.id == *asked.id, "another id");
        if (message_) {
            message_->id = sent.id;
        }
        return message_.has_value();
    }
    bool done(const Sender&, const AddMembers&, const Verdict&, const Reply& reply) {
        require(std::get<MembersDone>(reply.body).skipped == skipped_, "others were skipped");
        return plan_.has_value();
    }
    bool done(const Sender&, const RemoveMembers&, const Verdict&, const Reply& reply) {
        require(std::get<MembersDone>(reply.body).skipped == skipped_, "others were skipped");
        return plan_.has_value();
    }
    bool done(const Sender&, const GetGroup& asked, const Verdict&, const Reply& reply) {
        const auto& page = std::get<GotGroup>(reply.body);
        const KnownGroup& known = groups_.at(asked.group);
        GroupInfo right{.group = asked.group,
                        .name = known.name,
                        .join_mode = known.join_mode,
                        .owner = known.owner(),
                        .profile = known.profile,
                        .count = static_cast<std::uint32_t>(known.members.size())};
        for (const auto& [user, rank] : known.members) {
            right.members.push_back({user, rank});
        }
        // Groups in these stories fit one page.
        require(!page.next && (asked.page.after || page.group == right), "get tells another group");
        return false;
    }
    bool done(const Sender&, const Here&, const Verdict&, const Reply& reply) {
        require(reply.body == ReplyBody(HereNoted{}), "here says something");
        return false;
    }
    bool done(const Sender&, const ListHistory&, const Verdict&, const Reply& reply) {
        require(std::get<HistoryListed>(reply.body) == HistoryListed{}, "history without a store");
        return false;
    }
    bool done(const Sender& sender, const ListGroups&, const Verdict&, const Reply& reply) {
        GroupsListed right;
        for (const auto& [id, known] : groups_) {
            if (const auto rank = known.rank(sender.user)) {
                right.groups.push_back({id, known.name, *rank, known.join_mode,
                                        static_cast<std::uint32_t>(known.members.size())});
            }
        }
        require(std::get<GroupsListed>(reply.body) == right, "groups tells others");
        return false;
    }
    template <class Verb>
    requires(std::same_as<Verb, CreateGroup> || std::same_as<Verb, JoinGroup> ||
             std::same_as<Verb, QuitGroup> || std::same_as<Verb, DismissGroup> ||
             std::same_as<Verb, UpdateGroup> || std::same_as<Verb, SetRank> ||
             std::same_as<Verb, TransferGroup>) bool done(const Sender&, const Verb&,
                                                          const Verdict& verdict,
                                                          const Reply& reply) {
        require(std::get<GroupDone>(reply.body).dup == verdict.dup, "dup is wrong");
        return plan_.has_value();
    }

    /// What was pending for those who are gone has ended; then they are.
    void check_group_change() {
        if (!plan_) {
            return;
        }
        for (const auto& [id, known] : known_) {
            if (known.group != plan_->group || group_of(known) == nullptr) {
                continue;
            }
            require(plan_->next.has_value() || !known.anyone_pending(),
                    "open in a group that is gone");
            require(!plan_->leaving.contains(known.inviter) || !known.anyone_pending(),
                    "open though its inviter is gone");
            for (const auto& part : known.parts) {
                require(!plan_->leaving.contains(part.user) || !part.pending(),
                        "pending for who is gone");
            }
        }
        if (plan_->next) {
            groups_made_ = std::max(groups_made_, plan_->next->number);
            groups_[plan_->group] = *plan_->next;
        } else {
            groups_.erase(plan_->group);
        }
    }

    /// Of those who were asked just now: four in a second, others at its end.
    [[nodiscard]] Instant deadline(const Known& known, Duration timeout) const {
        using std::chrono::seconds;
        const Instant exact = now_ + timeout;
        std::set<Instant> others;
        for (const auto& part : known.parts) {
            const bool is_new = std::find(asked_.begin(), asked_.end(), part.user) != asked_.end();
            if (part.pending() && !is_new &&
                std::chrono::floor<seconds>(part.deadline) == std::chrono::floor<seconds>(exact)) {
                others.insert(part.deadline);
            }
        }
        return others.size() < 4 || others.contains(exact)
                   ? exact
                   : std::chrono::floor<seconds>(exact) + seconds(1);
    }

    /// What the reply said must be what the events then did.
    void check_change(const Sender& sender, const Request& request, const Reply& reply) const {
        std::visit(
            [&](const auto& body) {
                using Verb = std::decay_t<decltype(body)>;
                if (crossed_) {
                    const Part& part = known_.at(*crossed_).parts[0];
                    require(part.state == State::accepted && part.user == sender.user &&
                                part.device == sender.device,
                            "merged, and not accepted");
                    return;
                }
                if constexpr (requires { body.timeout; }) {
                    const auto& invited = std::get<Invited>(reply.body);
                    const Known& known = known_.at(invited.id);
                    require(invited.rev == known.rev, "another rev");
                    for (const auto& user : asked_) {
                        require(limits_bite_ || known.part(user) != nullptr,
                                "not invited, though it could be");
                    }
                    const auto left = known.lifetime_end - now_;
                    require(invited.remaining.has_value() == (body.timeout.count() > 0) &&
                                (!invited.remaining || *invited.remaining == left ||
                                 now_ + *invited.remaining == deadline(known, body.timeout)),
                            "another time");
                    require(!known.parts.empty(), "an invitation of nobody");
                    auto added = users(known);
                    added.erase(added.begin(), added.begin() + asked_before_);
                    check_offline(std::move(added), invited);
                    for (const auto& id : replaced_) {
                        require(!known_.at(id).anyone_pending(), "what is replaced rings on");
                    }
                } else if constexpr (std::same_as<Verb, Cancel>) {
                    const auto& told = std::get<Cancelled>(reply.body);
                    const Known& known = known_.at(body.id);
                    require(told.rev == known.rev, "another rev");
                    for (const auto& user : told.cancelled) {
                        require(known.part(user)->state == State::cancelled, "not cancelled");
                    }
                } else if constexpr (requires {
                                         requires std::same_as<decltype(body.id), InvitationId>;
                                     }) {
                    const Known& known = known_.at(body.id);
                    require(std::get<Done>(reply.body).rev == known.rev, "another rev");
                    if constexpr (std::same_as<Verb, Accept> || std::same_as<Verb, Reject>) {
                        const Part* own = known.part(sender.user);
                        require(own->state == (std::same_as<Verb, Accept> ? State::accepted
                                                                          : State::rejected),
                                "an answer that was not written");
                        require(own->data == body.data, "other data");
                    }
                    if constexpr (std::same_as<Verb, Accept>) {
                        require(known.asked.answer == Answer::all || !known.anyone_pending(),
                                "the first accept did not take it");
                    }
                    if constexpr (std::same_as<Verb, Ringing>) {
                        // Said before, perhaps, and held by a store that hangs.
                        require(!store_works_ || known.part(sender.user)->ringing,
                                "ringing that nobody hears");
                    }
                    if constexpr (std::same_as<Verb, Hangup>) {
                        const auto& all = known.call->participants;
                        require(std::any_of(all.begin(), all.end(),
                                            [&](auto& one) {
                                                return one.user == sender.user && !one.takes_part &&
                                                       one.hung_up == sender.device;
                                            }),
                                "a hangup that nobody hears");
                    }
                    if constexpr (std::same_as<Verb, Resume> || std::same_as<Verb, Join>) {
                        require(known.call->find(sender.user)->device == sender.device,
                                "not moved");
                    }
                    if constexpr (std::same_as<Verb, Modify>) {
                        require(known.asked.data == body.data, "not modified");
                    }
                }
            },
            request.body);
    }

    struct Signalling {
        std::set<UserId> to;
        bool told = false;
    };
    struct Sending {
        Message asked;
        MessageId id;
        std::set<UserId> to;
        bool told = false;
    };

    Limits limits_;
    std::string server_epoch_;
    bool limits_bite_;
    Instant now_{};
    std::map<InvitationId, Known> known_;
    std::map<GroupId, KnownGroup> groups_;
    std::uint64_t groups_made_ = 0;
    /// What the present request is to make of a group, or to send.
    std::optional<Plan> plan_;
    std::optional<Sending> message_;
    std::optional<Signalling> signal_;
    /// The call that the present invite crosses or once did; and those of earlier ones, by id.
    std::optional<InvitationId> crossed_;
    std::map<InvitationId, InvitationId> merged_;
    /// What the present invite made, and what it replaces.
    InvitationId made_;
    std::vector<InvitationId> replaced_;
    /// How many it had asked before the present add.
    std::ptrdiff_t asked_before_ = 0;
    const RequestBody* request_ = nullptr;
    /// An inviter and who has just accepted a call of theirs.
    std::optional<std::pair<UserId, UserId>> talk_;
    /// The end of a call of which some are still to hear.
    struct CallEnd {
        CallEnded body;
        std::set<UserId> left;
    };
    std::optional<CallEnd> call_end_;
    std::uint64_t invitations_made_ = 0;
    std::map<UserId, std::set<DeviceTag>> online_;
    std::map<UserId, Instant> offline_since_;
    /// When those inviters are lost who had something to lose as they left.
    std::map<UserId, Instant> lost_at_;
    /// An absence is looked at again so much later.
    static constexpr Duration looked_again{1000};
    bool store_works_ = true;
    bool some_is_unsaid_ = false;
    std::optional<Instant> works_since_;
    std::optional<Instant> rebuilt_at_;
    std::set<InvitationId> touched_;
    /// Of whom operators are to be told, and how their part stands.
    std::set<std::tuple<InvitationId, UserId, State>> absent_;

  public:
    bool operators_ = false;
    std::vector<Skipped> skipped_;
    std::vector<UserId> asked_;
    /// The pages of the present sync.
    std::set<InvitationId> synced_;
    std::optional<std::string> next_page_;
};

Promises::Promises(const Limits& limits, std::string server_epoch, bool limits_bite)
    : model_(std::make_unique<Model>(limits, std::move(server_epoch), limits_bite)) {}
Promises::Promises(const Promises& other) : model_(std::make_unique<Model>(*other.model_)) {}
Promises::Promises(Promises&&) noexcept = default;
Promises& Promises::operator=(Promises other) noexcept {
    model_ = std::move(other.model_);
    return *this;
}
Promises::~Promises() = default;

void Promises::expect_operators() { model_->operators_ = true; }

void Promises::asked(const Sender& sender, const Request& request, Instant now,
                     const Effects& effects) {
    model_->asked(sender, request, now, effects);
}
void Promises::passed(Instant now, const Effects& effects) { model_->passed(now, effects); }
void Promises::went(const Sender& device, bool online, Instant now, const Effects& effects) {
    model_->went(device, online, now, effects);
}
void Promises::restarted(Instant now, const Restarted& how) { model_->restarted(now, how); }
void Promises::some_is_unsaid(bool is) { model_->some_is_unsaid(is); }
void Promises::store_works(bool works, Instant now) { model_->store_works(works, now); }
void Promises::rebuilt(Instant now, Instant sure_until) { model_->rebuilt(now, sure_until); }
void Promises::check(const Switchboard& switchboard) const { model_->check(switchboard); }

const std::map<InvitationId, Promises::Known>& Promises::known() const { return model_->known(); }
const std::map<GroupId, Promises::KnownGroup>& Promises::groups() const { return model_->groups(); }
std::optional<Instant> Promises::next_due() const { return model_->next_due(); }
std::string Promises::state() const { return model_->state(); }

}  // namespace beckon
