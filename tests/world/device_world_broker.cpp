// SPDX-License-Identifier: Apache-2.0
//
// The broker of a world: its life, what it stores, what it says, and how that is judged.
#include <algorithm>
#include <tuple>
#include <utility>

#include "apart.hpp"
#include "device_world.hpp"
#include "pending_reply.hpp"

namespace beckon {

namespace {

/// What is not stored, by nature.
bool is_unstored(const EventBody& body) {
    return std::holds_alternative<InviteeRinging>(body) ||
           std::holds_alternative<SignalEvent>(body);
}

}  // namespace

// ------------------------------------------------------------- its life

World::World(Settings set) : settings(std::move(set)) {
    watch_medium();
    begin_life();
    promises_ = std::make_unique<Promises>(settings.limits, "epoch-1", settings.limits_bite);
    make_gate();
}

void World::watch_medium() {
    medium_.clocks = [this] {
        return ClockReading{
            .boot_id = "boot " + std::to_string(boots_),
            .since_boot = host_time(),
            .wall_ms =
                (now_.time_since_epoch() + (wall_is_right_ ? Duration(0) : wall_error_)).count(),
            .wall_is_right = wall_is_right_};
    };
    medium_.on_put = [this](std::uint64_t ticket, const Changes& changes) {
        if (changes.empty()) {
            trial_ = ticket;
        }
        for (const Change& change : changes) {
            if (const auto* kept = std::get_if<InvitationKept>(&change)) {
                puts_[kept->id].push_back({kept->rev, ticket, now_});
            }
            std::visit(
                [&](const auto& one) {
                    if constexpr (requires { one.group; }) {
                        doubtful_.push_back({ticket, one.group.str(), 0});
                    } else if constexpr (requires { one.inviter; }) {
                        doubtful_.push_back({ticket, one.id.str(), is_asked_ ? 0 : one.rev});
                    }
                },
                change);
        }
    };
    medium_.on_stored = [this](std::uint64_t ticket) {
        stored_ = ticket;
        kept_clock_ = {.at = now_, .boot = boots_, .wall_is_right = wall_is_right_};
        no_more_in_doubt(ticket);
    };
    medium_.on_progress = [this](const Journal::Progress& progress) {
        if (trial_ && progress.stored >= *trial_ && !progress.failure) {
            trial_.reset();
            takes_nothing_ = false;
            is_asked_ = true;  // for this turn
            decide_what_waits();
        }
        if (progress.reload_ended) {
            unjudged_.push_back({now_, ++turn_, {}, [this, at = now_, sure_until = quiet_at_] {
                                     promises_->rebuilt(at, sure_until);
                                 }});
            no_more_in_doubt(UINT64_MAX);
        }
    };
    medium_.on_give_up = [this] {
        trial_.reset();
        takes_nothing_ = true;
        forget_puts([this](const Put& one) { return one.ticket > stored_; });
        for (auto& one : asked_) {
            one.waits = one.replies == 0;
        }
    };
}

/// What one life of a broker does not leave to the next.
void World::begin_life() {
    ++life_;
    if (!settings.stores) {
        ++generation_;
    } else if (generation_ == 0) {
        generation_ = 1;
    }
    asked_.clear();
    sayings_.clear();
    unjudged_.clear();
    takes_nothing_ = is_dying_ = journal_is_planned_ = false;
    trial_.reset();
    puts_.clear();
    stored_ = 0;
    doubtful_.clear();
    quiet_at_ = began_at_ = now_;
}

void World::make_gate() {
    std::unique_ptr<FakeJournal> journal;
    if (settings.stores) {
        journal = std::make_unique<FakeJournal>(medium_);
    }
    journal_ = journal.get();
    gate_ = std::make_unique<CommitGate>(
        CommitGate::Settings{.limits = settings.limits,
                             .server_epoch = "epoch-" + std::to_string(life_)},
        CommitGate::Host{
            .say =
                [this](Effects effects, const CommitGate::Asker& asker) {
                    if (asker) {
                        ++asked_.at(asker->number - first_asked_).replies;
                    }
                    if (!effects.empty()) {
                        sayings_.push_back({std::move(effects),
                                            asker ? std::optional(asker->number) : std::nullopt,
                                            gate_->state() == "ok"});
                    }
                },
            .store_changed =
                [this](const std::optional<std::string>& failure) {
                    note([&] {
                        return failure ? "the store fails: " + *failure : "the store works";
                    });
                    unjudged_.push_back({now_, ++turn_, {}, [this, works = !failure, at = now_] {
                                             promises_->store_works(works, at);
                                         }});
                },
            .tell_online =
                [this](const auto& tell) {
                    for (const auto& site : sites_) {
                        if (site->present_) {
                            tell(Sender{site->user, site->tag});
                        }
                    }
                },
            .new_secret =
                [this] {
                    return SipKey{++packets_, 7};
                }},
        std::move(journal), host_time());
    gate_->start([] {});
    advance_broker();
}

void World::restart_broker(Duration noticed_after) {
    kill_broker(Death::forgets, noticed_after, false);
    start_broker({});
}

void World::kill_broker(Death death, Duration noticed_after, bool keeps_sessions) {
    note([&] {
        return death == Death::forgets ? "the broker dies" : "the broker stores, and dies";
    });
    if (death == Death::stores_first && journal_ != nullptr && journal_->can_work()) {
        is_dying_ = true;
        work();
    }
    // What is in doubt has been decided, perhaps, and is not said.
    promises_->some_is_unsaid(true);
    judge();
    for (auto& site : sites_) {
        cut(*site, noticed_after, Duration(1));
    }
    gate_.reset();
    journal_ = nullptr;
    for (auto& site : sites_) {
        site->attached_ = site->present_ = false;
        site->unread_.clear();
        if (!keeps_sessions) {
            site->has_session_ = false;
            site->session_.clear();
        }
    }
}

void World::start_broker(Start how) {
    note([&] {
        return std::string("the broker starts") + (settings.stores ? "" : " with nothing") +
               (how.other_boot ? " on a system that does" : "");
    });
    const auto sure_until = quiet_at_;
    if (how.other_boot) {
        ++boots_;
        since_boot_zero_ = now_ - Duration(1'000);
        wall_is_right_ = how.wall_is_right;
    }
    const bool is_proven =
        kept_clock_.boot == boots_ || (kept_clock_.wall_is_right && wall_is_right_);
    const auto unproven = now_ - kept_clock_.at;
    if (!is_proven) {
        // Until something is stored, the next start proves no more than this one.
        kept_clock_.at = now_;
    }
    begin_life();
    const auto epoch = "epoch-" + std::to_string(life_);
    if (settings.stores) {
        promises_->restarted(now_,
                             {.server_epoch = epoch,
                              .sure_until = sure_until,
                              .unproven = is_proven ? std::nullopt : std::optional(unproven)});
    } else {
        promises_ = std::make_unique<Promises>(settings.limits, epoch, settings.limits_bite);
        for (std::size_t i = 0; i < sites_.size(); ++i) {
            give_tag(i);
        }
    }
    make_gate();
}

void World::give_tag(std::size_t site) {
    sites_[site]->tag = DeviceTag(generation_ * 0x10000ULL + site + 1);
}

// ------------------------------------------------------------- its store

void World::set_disk(Medium::Mode mode, bool unreadable) {
    static constexpr const char* names[] = {"works", "fails", "hangs"};
    note([&] {
        return std::string("the disk ") + names[static_cast<std::size_t>(mode)] +
               (unreadable ? ", and cannot be read" : "");
    });
    medium_.mode = mode;
    medium_.unreadable = unreadable;
    plan_journal();
}

bool World::store_works() const {
    return !settings.stores ||
           (gate_ && gate_->state() == "ok" && medium_.mode == Medium::Mode::works);
}

/// One thing that the journal's thread does, and what the broker makes of it. False: nothing.
bool World::work() {
    const auto before = stored_;
    forget_puts([before](const Put& one) { return one.ticket <= before; });
    if (!journal_->work()) {
        return false;
    }
    advance_broker();
    return true;
}

void World::forget_puts(const std::function<bool(const Put&)>& which) {
    for (auto& [id, puts] : puts_) {
        std::erase_if(puts, which);
    }
}

/// The journal's thread does the next thing in a while.
void World::plan_journal() {
    if (journal_ == nullptr || journal_is_planned_ || !journal_->can_work()) {
        return;
    }
    journal_is_planned_ = true;
    at(now_ + settings.disk(), [this, life = life_] {
        if (life != life_ || journal_ == nullptr) {
            return;
        }
        journal_is_planned_ = false;
        advance_broker();
        work();
    });
}

Rev World::stored_rev(const InvitationId& id) const {
    Rev stored = 0;
    for (const auto& [number, one] : medium_.kept.invitations) {
        stored = one.kept.id == id ? std::max(stored, one.kept.rev) : stored;
    }
    return stored;
}

/// While the store fails, what the clock has decided is said and not stored; nothing else is.
void World::require_stored(const Saying& saying) const {
    for (const auto& effect : saying.effects) {
        if (const auto* reply = std::get_if<Reply>(&effect)) {
            const auto* invited = std::get_if<Invited>(&reply->body);
            const auto* got = std::get_if<Got>(&reply->body);
            const auto* about = invited != nullptr ? &invited->id
                                : got != nullptr   ? &got->invitation->id
                                                   : nullptr;
            require(about == nullptr || stored_rev(*about) >= 1, "told of what is not stored");
            continue;
        }
        const auto* event = std::get_if<Event>(&std::get<Delivery>(effect).event);
        if (event != nullptr && !is_unstored(event->body)) {
            require(stored_rev(event->id) >= (saying.sound ? event->rev : 1), event->id,
                    "said before it was stored");
        }
    }
}

// ------------------------------------------------------------- what it is asked

Reply World::ask(const Sender& sender, RequestBody body) {
    advance_broker();
    ask_gate(nullptr, sender, Request{.body = std::move(body)}, {});
    std::optional<Reply> reply;
    asked_.back().reply_to = &reply;
    end_turn();
    while (!reply && journal_ != nullptr && work()) {
    }
    require(reply.has_value(), "no reply to who waits for it");
    return *reply;
}

void World::take(Site& site, const Device::Send& send) {
    const auto below = Topics("beckon").below_root(send.topic);
    require(below.has_value(), "a topic that is not below the root");
    const Sender sender{site.user, site.tag};
    advance_broker();
    auto taken = take_in(sender, {.topic = *below, .payload = send.payload}, settings.limits);
    if (auto* refused = std::get_if<Reply>(&taken)) {
        ask_gate(&site, sender, {}, std::move(*refused));
    } else {
        note([&] { return "    from " + site.name + ": " + spelled(std::get<Request>(taken)); });
        ask_gate(&site, sender, std::get<Request>(std::move(taken)), {});
    }
    end_turn();
}

void World::ask_gate(Site* site, const Sender& sender, std::optional<Request> request,
                     std::optional<Reply> refusal) {
    const auto number = first_asked_ + asked_.size();
    asked_.push_back({.sender = sender,
                      .request = request,
                      .site = site,
                      .at = now_,
                      .turn = ++turn_,
                      .waits = takes_nothing_});
    const auto asker = std::make_shared<PendingReply>(PendingReply{.number = number});
    if (refusal) {
        gate_->reply(asker, std::move(*refusal));
    } else if (auto no = gate_->admit(sender.user, host_time())) {
        gate_->reply(asker, {.re = std::string(verb_of(*request)),
                             .device = sender.device,
                             .req = request->req,
                             .body = std::move(*no)});
    } else {
        is_asked_ = true;
        gate_->handle(asker, sender, *request, host_time());
        is_asked_ = false;
    }
}

void World::advance_broker() {
    if (gate_) {
        for (int turns = 0; gate_->tick(host_time()); ++turns) {
            is_asked_ = false;
            after_gate();
            if (turns > 100 || journal_->is_reading()) {
                break;
            }
        }
        is_asked_ = false;
        after_gate();
    }
}

/// As a host's loop comes round: what the turn has decided is handed to the journal.
void World::end_turn() {
    if (journal_ != nullptr) {
        advance_broker();
    } else {
        after_gate();
    }
}

void World::after_gate() {
    while (!sayings_.empty()) {
        Saying saying = std::move(sayings_.front());
        sayings_.pop_front();
        say(std::move(saying));
    }
    plan_journal();
    judge_when_quiet();
}

// ------------------------------------------------------------- what it says

void World::say(Saying saying) {
    if (journal_ != nullptr) {
        require_stored(saying);
    }
    Asked* asked = saying.asked ? &asked_.at(*saying.asked - first_asked_) : nullptr;
    for (const auto& effect : saying.effects) {
        if (const auto* reply = std::get_if<Reply>(&effect)) {
            require(asked != nullptr && asked->replies == 1, "two replies to one request");
            say_reply(*reply, *asked);
        } else {
            deliver_all(std::get<Delivery>(effect));
        }
    }
    if (asked != nullptr) {
        note_asked(*asked, saying.effects);
    } else {
        note_by_clock(std::move(saying.effects));
    }
}

void World::say_reply(const Reply& reply, Asked& asked) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    require(refusal == nullptr || refusal->error != Error::internal, "the broker fails");
    if (asked.reply_to != nullptr) {
        *asked.reply_to = reply;
    }
    if (asked.site == nullptr || is_dying_) {
        return;
    }
    note([&] { return "    reply to " + asked.site->name + ": " + encode(reply, Encoding::json); });
    // At inbox/{me}/reply, where all devices of the user read it.
    for (auto& site : sites_) {
        if (site->user == asked.site->user) {
            publish(*site, encode(reply, asked.site->encoding), true, false, true,
                    settings.reply(*site, reply));
        }
    }
}

/// What was refused before it was judged, or as nothing could be stored, is of no matter.
void World::note_asked(Asked& asked, const Effects& effects) {
    const auto reply = std::find_if(effects.begin(), effects.end(), [](const Effect& effect) {
        return std::holds_alternative<Reply>(effect);
    });
    const auto* refusal = std::get_if<Refusal>(&std::get<Reply>(*reply).body);
    if (!asked.request || (refusal != nullptr && refusal->error == Error::storage_unavailable)) {
        return;
    }
    const Instant when = asked.waits ? now_ : asked.at;
    unjudged_.push_back({when,
                         asked.waits ? ++turn_ : asked.turn,
                         {},
                         [this, sender = asked.sender, request = *asked.request, when, effects] {
                             promises_->asked(sender, request, when, effects);
                         }});
}

void World::note_by_clock(Effects effects) {
    for (auto& effect : effects) {
        const auto& delivery = std::get<Delivery>(effect);
        if (journal_ == nullptr || !is_said_again(delivery)) {
            const auto event = std::get<Event>(apart(delivery).front().event);
            const Instant when = decided_at(event);
            if (journal_ != nullptr && !event.by) {
                require_on_time(event, std::max(when, began_at_));
            }
            unjudged_.push_back({.decided_at = when, .by_clock = {std::move(effect)}});
        }
    }
}

/// What the clock decides is said even when it cannot be stored; then a broker that dies says it
/// again.
bool World::is_said_again(const Delivery& delivery) {
    std::string text = encode(delivery.event, Encoding::json);
    for (const auto& user : delivery.to) {
        text += ' ' + user.str();
    }
    const auto [said, is_new] = said_by_clock_.emplace(std::move(text), life_);
    return !is_new && said->second < life_;
}

/// When the clock made it: as it was put into the journal, or else when it was due.
Instant World::decided_at(const Event& event) const {
    if (journal_ == nullptr) {
        return now_;
    }
    if (const auto puts = puts_.find(event.id); puts != puts_.end()) {
        for (const Put& put : puts->second) {
            if (put.rev >= event.rev && put.ticket <= stored_) {
                return put.at;
            }
        }
    }
    return due_of(event);
}

void World::no_more_in_doubt(std::uint64_t up_to) {
    std::erase_if(doubtful_, [&](const Doubtful& one) {
        if (one.ticket <= up_to) {
            doubted_[one.name].insert_or_assign(one.rev, now_);
        }
        return one.ticket <= up_to;
    });
}

/// What the clock decides is said on time, unless it is of what hangs, or did until just now.
void World::require_on_time(const Event& event, Instant due) const {
    const auto was_in_doubt = [&](const std::string& name) {
        const auto doubted = doubted_.find(name);
        return std::any_of(
                   doubtful_.begin(), doubtful_.end(),
                   [&](const Doubtful& one) { return one.name == name && one.rev < event.rev; }) ||
               (doubted != doubted_.end() &&
                std::any_of(doubted->second.begin(), doubted->second.end(), [&](const auto& one) {
                    return one.first < event.rev && one.second >= due;
                }));
    };
    const auto* known = present(event.id);
    const bool in_doubt = was_in_doubt(event.id.str()) ||
                          (known != nullptr && known->group && was_in_doubt(known->group->str()));
    require(in_doubt || now_ <= due + CommitGate::Settings{}.patience + Duration(100), event.id,
            "the clock's decision is said late");
}

/// At which of the stored deadlines.
Instant World::due_of(const Event& event) const {
    Instant due = host_time();
    std::uint64_t number = 0;
    const auto* timeout = std::get_if<InvitationTimeout>(&event.body);
    const bool of_call = event.by || std::holds_alternative<CallEnded>(event.body);
    for (const Change& change : journal_->stored()) {
        if (const auto* kept = std::get_if<InvitationKept>(&change); kept && kept->id == event.id) {
            number = kept->number;
            due = of_call ? due : kept->lifetime_end;
        } else if (const auto* invitee = std::get_if<InviteeKept>(&change);
                   invitee && invitee->number == number && timeout != nullptr &&
                   invitee->user == timeout->invitees.front()) {
            due = invitee->deadline;
        } else if (const auto* call = std::get_if<CallKept>(&change);
                   call && call->number == number && call->started_at &&
                   std::holds_alternative<CallEnded>(event.body) && !event.by) {
            due = *call->started_at + Duration(settings.limits.max_call_ms);
        }
    }
    return std::min(due + since_boot_zero_.time_since_epoch(), now_);
}

void World::decide_what_waits() {
    for (auto& one : asked_) {
        if (one.replies == 0 && one.waits) {
            one.waits = false;
            one.at = now_;
            one.turn = ++turn_;
        }
    }
}

// ------------------------------------------------------------- how that is judged

void World::judge_when_quiet() {
    const bool holds =
        journal_ != nullptr && (journal_->waiting().changes > 0 || journal_->is_reading());
    if (holds || std::any_of(asked_.begin(), asked_.end(),
                             [](const auto& one) { return one.replies == 0; })) {
        return;
    }
    judge();
    promises_->passed(now_, {});  // all that was due has been said
    first_asked_ += asked_.size();
    asked_.clear();
    quiet_at_ = gate_->state() == "failing" ? quiet_at_ : now_;
}

void World::judge() {
    std::stable_sort(unjudged_.begin(), unjudged_.end(), [](const Said& a, const Said& b) {
        return std::tie(a.decided_at, a.turn) < std::tie(b.decided_at, b.turn);
    });
    Effects by_clock;
    Instant until{};
    const auto pass = [&] {
        if (!by_clock.empty()) {
            promises_->passed(until, std::exchange(by_clock, {}));
        }
    };
    for (auto& one : std::exchange(unjudged_, {})) {
        std::move(one.by_clock.begin(), one.by_clock.end(), std::back_inserter(by_clock));
        until = one.decided_at;
        if (one.judge) {
            pass();
            one.judge();
        }
    }
    pass();
}

// ------------------------------------------------------------- to whom

void World::deliver_all(const Delivery& delivery) {
    for (const auto& one : apart(delivery)) {
        deliver(one);
    }
}

void World::deliver(const Delivery& delivery) {
    note([&] {
        std::string to;
        for (const auto& user : delivery.to) {
            to += " " + user.str();
        }
        return "    to" + to + ": " + encode(delivery.event, Encoding::json) +
               (is_dying_ ? " (nobody hears)" : "");
    });
    const auto* event = std::get_if<Event>(&delivery.event);
    if (event != nullptr) {
        std::visit([&](const auto& body) { decide(delivery.to, *event, body); }, event->body);
    }
    if (is_dying_) {
        return;
    }
    const bool is_news = event != nullptr && std::holds_alternative<NewInvitation>(event->body);
    for (const auto& user : delivery.to) {
        for (auto& site : sites_) {
            if (site->user == user) {
                publish(*site, encode(delivery.event, site->encoding), false, is_news,
                        !delivery.online_only, settings.event(*site, delivery.event));
            }
        }
    }
}

// ------------------------------------------------------------- what is decided

const std::vector<World::Decided>& World::decided(const InvitationId& id) const {
    static const std::vector<Decided> none;
    const auto at = decided_.find(id);
    return at == decided_.end() ? none : at->second;
}

const World::Decided* World::present(const InvitationId& id) const {
    const auto& all = decided(id);
    return all.empty() || all.back().generation != generation_ ? nullptr : &all.back();
}

void World::decide(const std::vector<UserId>& to, const Event& event, const NewInvitation& body) {
    auto& all = decided_[event.id];
    if (all.empty() || all.back().generation != generation_) {
        all.push_back({.generation = generation_,
                       .made_at = now_,
                       .inviter = body.inviter,
                       .group = body.group,
                       .device = event.by_device,
                       .answer = body.answer,
                       .visibility = body.visibility});
    }
    if (body.role != Role::invitee) {
        return;
    }
    all.back().was_added_to = event.rev > 1;
    all.back().reopened = all.back().reopened || (event.rev > 1 && !all.back().open());
    for (const auto& user : to) {
        all.back().parts.emplace(user, Part{});
    }
}

void World::decide(const std::vector<UserId>&, const Event& event, const InviteeAccepted& body) {
    end(event, {body.invitee}, State::accepted, {});
}

void World::decide(const std::vector<UserId>&, const Event& event, const InviteeRejected& body) {
    end(event, {body.invitee}, State::rejected, body.reason);
}

void World::decide(const std::vector<UserId>&, const Event& event,
                   const InvitationCancelled& body) {
    end(event, body.invitees, State::cancelled, std::string(name_of(body.reason)));
}

void World::decide(const std::vector<UserId>&, const Event& event, const InvitationTimeout& body) {
    end(event, body.invitees, State::timed_out, {});
}

void World::decide(const std::vector<UserId>&, const Event& event, const InvitationRevoked& body) {
    end(event, body.invitees, State::revoked, std::string(name_of(body.reason)));
}

void World::decide(const std::vector<UserId>&, const Event& event, const ParticipantLeft& body) {
    decided_.at(event.id).back().left_call.insert(body.user);
}

void World::decide(const std::vector<UserId>&, const Event& event, const CallEnded& body) {
    decided_.at(event.id).back().call_end = body;
}

void World::end(const Event& event, const std::vector<UserId>& users, State how,
                std::string reason) {
    Decided& decided = decided_.at(event.id).back();
    const Part end{.state = how,
                   .by = event.by,
                   .by_device = event.by_device,
                   .reason = std::move(reason),
                   .ended_at = now_};
    for (const auto& user : users) {
        Part& part = decided.parts.at(user);
        if (part.state == State::pending) {
            part = decided.last = end;
        }
    }
}

}  // namespace beckon
