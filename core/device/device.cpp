// SPDX-License-Identifier: Apache-2.0
#include "device/device.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace beckon {
namespace {

/// Until a request of the device's own that was refused for the moment is tried again.
constexpr Duration soon{1'000};
/// Of the device's own errands, so that they do not get in the way of calls.
constexpr std::size_t max_errands_in_flight = 4;
/// That are remembered, to be called off.
constexpr std::size_t max_errands = 1000;

/// The device's own requests that it may try again.
bool for_the_moment(Error error) {
    return error == Error::rate_limited || error == Error::storage_unavailable ||
           error == Error::internal;
}

/// The id of the invitation that it makes, if it makes one.
const InvitationId* made_by(const RequestBody& body) {
    return std::visit(
        [](const auto& asked) -> const InvitationId* {
            if constexpr (MakesInvitation<std::decay_t<decltype(asked)>>) {
                return &*asked.id;
            }
            return nullptr;
        },
        body);
}

/// Nothing rings later than it was to ring at most.
template <class Asked>
Duration patience_for(const Asked& asked, Duration patience) {
    if constexpr (requires { asked.timeout; }) {
        if (asked.timeout > Duration{0}) {
            return std::min(patience, asked.timeout);
        }
    }
    return patience;
}

/// What is left of the time that a request asks for, after it has waited; 0 stays "none".
template <class Asked>
void age(Asked& asked, Duration waited) {
    if constexpr (requires { asked.timeout; }) {
        if (asked.timeout > Duration{0}) {
            asked.timeout = std::max(asked.timeout - waited, Duration{1});
        }
    }
}

}  // namespace

Device::Device(Options options) : options_(std::move(options)), inbox_(options_.user) {}

Device::Effects Device::done() { return std::exchange(effects_, {}); }

// -------------------------------------------------------------------- calls

Device::Effects Device::call(CallId call, RequestBody body, Offline offline, Instant now) {
    apply_due(now);
    const auto refuse = [&](Failure failure) {
        effects_.emplace_back(Result{call, failure});
        return done();
    };
    if (link_ == Link::no_beckon) {
        return refuse(Failure::no_beckon);
    }
    if (link_ == Link::offline && offline == Offline::fail) {
        return refuse(Failure::not_connected);
    }
    if (const auto* cancel = std::get_if<Cancel>(&body)) {
        if (withdraw(call, *cancel)) {
            return done();
        }
    }
    if (waiting_.size() >= options_.max_waiting) {
        return refuse(Failure::too_many_waiting);
    }
    const auto patience = std::visit(
        [&](const auto& asked) {
            if constexpr (requires { inbox_.inviting(asked); }) {
                inbox_.inviting(asked);
            } else if constexpr (std::is_same_v<std::decay_t<decltype(asked)>, Cancel>) {
                inbox_.cancelling(asked.id, !asked.invitees);
            }
            return patience_for(asked, options_.patience);
        },
        body);
    add({.name = call,
         .body = std::move(body),
         .offline = offline,
         .asked = now,
         .deadline = now + patience});
    pump(now);
    return done();
}

/// An invite that nobody has heard of is gone when its sender does not want it any more.
bool Device::withdraw(CallId call, const Cancel& cancel) {
    if (cancel.invitees) {
        return false;
    }
    for (const auto number : waiting_) {
        const Call& waiting = calls_.at(number);
        const auto* made = made_by(waiting.body);
        if (made != nullptr && *made == cancel.id && waiting.sent == 0) {
            Cancelled cancelled;
            std::visit(
                [&](const auto& asked) {
                    if constexpr (requires { invitees_of(asked); }) {
                        cancelled.cancelled = invitees_of(asked);
                    }
                },
                waiting.body);
            fail(number, Failure::withdrawn);
            effects_.emplace_back(Result{call, Reply{.re = std::string(Cancel::verb),
                                                     .device = device_,
                                                     .body = std::move(cancelled)}});
            return true;
        }
    }
    return false;
}

Device::Number Device::add(Call call) {
    const Number number = next_number_++;
    deadlines_.emplace(call.deadline, number);
    waiting_.push_back(number);
    calls_.emplace(number, std::move(call));
    return number;
}

Device::Call Device::take(Number number) {
    auto node = calls_.extract(number);
    Call& call = node.mapped();
    deadlines_.erase({call.deadline, number});
    if (call.in_flight) {
        --in_flight_;
    } else {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    }
    return std::move(call);
}

void Device::pump(Instant now) {
    if (link_ == Link::ready) {
        run_errands(now);
        while (in_flight_ < options_.max_in_flight && !waiting_.empty()) {
            if (!was_made(waiting_.front())) {
                send(waiting_.front(), now);
            }
        }
    }
}

Device::Errand Device::errand_of(const Call& call) {
    if (const auto* get = std::get_if<Get>(&call.body)) {
        return {Errand::What::get, get->id};
    }
    if (const auto* reject = std::get_if<Reject>(&call.body)) {
        return {Errand::What::reject, reject->id};
    }
    return {Errand::What::cancel, std::get<Cancel>(call.body).id};
}

void Device::run_errands(Instant now) {
    for (auto& [errand, when] : errands_) {
        if (errands_in_flight_ >= max_errands_in_flight) {
            return;
        }
        if (when && *when <= now) {
            when.reset();
            ++errands_in_flight_;
            Call call{.body = Get{errand.id}, .asked = now, .deadline = now + options_.patience};
            if (errand.what == Errand::What::cancel) {
                call.body = Cancel{.id = errand.id};
            } else if (errand.what == Errand::What::reject) {
                call.body = rejects_.at(errand.id);
            }
            send(add(std::move(call)), now);
        }
    }
}

void Device::send(Number number, Instant now) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    Call& call = calls_.at(number);
    call.in_flight = true;
    ++in_flight_;
    ++call.sent;
    const auto req = options_.req_prefix + ":" + std::to_string(number);
    Request request{.req = req, .body = call.body};
    std::visit([&](auto& asked) { age(asked, now - call.asked); }, request.body);
    effects_.emplace_back(Send{options_.topics.request(request.body, options_.user),
                               encode(request, options_.encoding), req});
}

/// Another invite is not sent, and none fails, when the broker was heard to have made it.
bool Device::was_made(Number number) {
    const auto* id = made_by(calls_.at(number).body);
    const auto state = id != nullptr ? inbox_.made(*id) : std::nullopt;
    if (!state || calls_.at(number).sent == 0) {
        return false;
    }
    Reply reply{.re = std::string(Invite::verb),
                .device = device_,
                .body = Invited{.dup = true, .id = *id, .state = state}};
    effects_.emplace_back(Result{*take(number).name, std::move(reply)});
    return true;
}

void Device::fail(Number number, Failure failure) {
    if (was_made(number)) {
        return;
    }
    const Call call = take(number);
    effects_.emplace_back(Result{*call.name, failure});
    if (const auto* id = made_by(call.body)) {
        if (call.sent == 0) {
            inbox_.not_invited(*id);
        } else {
            call_off(*id);
        }
    } else if (const auto* cancel = std::get_if<Cancel>(&call.body); cancel && call.sent == 0) {
        inbox_.cancelling(cancel->id, false);
    }
}

void Device::call_off(const InvitationId& id) {
    inbox_.disown(id);
    inbox_.cancelling(id, true);
    if (errands_.size() < max_errands) {
        errands_.insert_or_assign({Errand::What::cancel, id}, Instant{});
    }
}

// --------------------------------------------------------------- connection

void Device::set_link(Link link) {
    if (link_ != link) {
        link_ = link;
        effects_.emplace_back(LinkChanged{link});
    }
}

Device::Effects Device::connected(Instant now) {
    apply_due(now);
    lose_connection();
    set_link(Link::syncing);
    start_sync(std::nullopt, now);
    return done();
}

Device::Effects Device::disconnected(Instant now) {
    apply_due(now);
    lose_connection();
    set_link(Link::offline);
    return done();
}

/// What was in flight waits to be sent again, if its caller waits.
void Device::lose_connection() {
    std::vector<Number> again;
    std::vector<Number> over;
    for (const auto& [number, call] : calls_) {
        if (call.name && call.offline == Offline::wait) {
            if (call.in_flight) {
                again.push_back(number);
            }
        } else {
            over.push_back(number);
        }
    }
    for (const auto number : over) {
        const Call& call = calls_.at(number);
        if (call.name) {
            fail(number, call.sent > 0 ? Failure::no_reply : Failure::not_connected);
        } else {
            take(number);
        }
    }
    for (const auto number : again) {
        calls_.at(number).in_flight = false;
    }
    in_flight_ = 0;
    // What is asked by `get`, the next sync tells.
    std::erase_if(errands_, [](const auto& one) { return one.first.what == Errand::What::get; });
    for (auto& [errand, when] : errands_) {
        when = Instant{};
    }
    errands_in_flight_ = 0;
    waiting_.insert(waiting_.begin(), again.begin(), again.end());
    sync_at_.reset();
    syncing_ = false;
}

void Device::start_sync(std::optional<std::string> after, Instant now) {
    if (!after) {
        inbox_.begin_sync();
        sync_at_.reset();
    }
    syncing_ = true;
    send(add({.body = Sync{std::move(after)},
              .asked = now,
              .deadline = now + options_.sync_patience}),
         now);
}

void Device::synced(const Reply& reply, Instant now) {
    const auto* page = std::get_if<Synced>(&reply.body);
    syncing_ = false;
    if (page == nullptr) {
        sync_at_ = now + soon;
        return;
    }
    inbox_.speaks(page->server_epoch);
    for (const auto& invitation : page->invitations) {
        pass_on(inbox_.listed(invitation, now), now);
    }
    if (page->next) {
        start_sync(page->next, now);
        return;
    }
    set_link(Link::ready);
    pass_on(inbox_.end_sync(), now);
}

// --------------------------------------------------------------- deliveries

void Device::pass_on(Inbox::News news, Instant now) {
    for (auto& one : news) {
        std::visit(
            [&](auto& told) {
                if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Unsure>) {
                    if (link_ == Link::syncing || link_ == Link::ready) {
                        errands_.try_emplace({Errand::What::get, told.id}, now);
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Doubtful>) {
                    if (link_ == Link::ready) {
                        sync_at_ = now;
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Heard>) {
                    if (!is_rejected(told, now)) {
                        effects_.emplace_back(std::move(told));
                    }
                } else if (!rejected_.contains(told.id)) {
                    effects_.emplace_back(std::move(told));
                }
            },
            one);
    }
}

bool Device::is_rejected(const Heard& heard, Instant now) {
    const auto* rings = std::get_if<NewInvitation>(&heard.body);
    if (rings == nullptr || heard.role != Role::invitee) {
        return rejected_.contains(heard.id);
    }
    if (!busy_) {
        rejected_.erase(heard.id);
        return false;
    }
    rejected_.insert(heard.id);
    rejects_.insert_or_assign(heard.id, *busy_).first->second.id = heard.id;
    errands_.try_emplace({Errand::What::reject, heard.id}, now);
    effects_.emplace_back(Busy{heard.id, heard.inviter, heard.group, rings->data});
    return true;
}

Device::Effects Device::receive_event(std::string_view payload, Instant now) {
    apply_due(now);
    auto decoded = decode_event(payload);
    if (auto* any = std::get_if<AnyEvent>(&decoded)) {
        std::visit(
            [&](auto& told) {
                using Told = std::decay_t<decltype(told)>;
                if constexpr (std::is_same_v<Told, Event>) {
                    pass_on(inbox_.take(told, now), now);
                } else if constexpr (std::is_same_v<Told, MessageEvent>) {
                    if (messages_.insert({told.from, told.id})) {
                        effects_.emplace_back(std::move(told));
                    }
                } else {
                    note_own_part(told, now);
                    effects_.emplace_back(std::move(told));
                }
            },
            *any);
        pump(now);
    }
    return done();
}

/// Who comes into a group asks what is open there, and who is out of it hears no more.
void Device::note_own_part(const GroupEvent& event, Instant now) {
    const auto me = [this](const std::vector<UserId>& users) {
        return std::find(users.begin(), users.end(), options_.user) != users.end();
    };
    std::visit(
        [&]<class Body>(const Body& body) {
            if constexpr (std::is_same_v<Body, MemberEntered> ||
                          std::is_same_v<Body, MemberInvited>) {
                if (me(body.members) && link_ == Link::ready) {
                    sync_at_ = now;
                }
            } else if constexpr (std::is_same_v<Body, MemberRemoved>) {
                if (me(body.members)) {
                    inbox_.left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, MemberLeft>) {
                if (body.user == options_.user) {
                    inbox_.left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, GroupDismissed>) {
                inbox_.left(event.group);
            }
        },
        event.body);
}

Device::Effects Device::receive_reply(std::string_view payload, Instant now,
                                      std::string_view correlation) {
    apply_due(now);
    auto decoded = decode_reply(payload);
    auto* reply = std::get_if<Reply>(&decoded);
    if (reply == nullptr) {
        return done();
    }
    if (const auto number = number_of(*reply, correlation)) {
        device_ = reply->device;
        inbox_.set_device(device_);
        replied(take(*number), std::move(*reply), now);
        pump(now);
    }
    return done();
}

/// The call that it answers; nothing if that is over, or somebody else's.
std::optional<Device::Number> Device::number_of(const Reply& reply,
                                                std::string_view correlation) const {
    const auto* text = reply.req ? std::get_if<std::string>(&*reply.req) : nullptr;
    const std::string_view req = text != nullptr ? std::string_view(*text) : correlation;
    const auto prefix = options_.req_prefix + ":";
    if (!req.starts_with(prefix)) {
        return std::nullopt;
    }
    Number number = 0;
    const char* end = req.data() + req.size();
    const auto read = std::from_chars(req.data() + prefix.size(), end, number);
    const auto found = calls_.find(number);
    if (read.ec != std::errc{} || read.ptr != end || found == calls_.end() ||
        reply.re != verb_of({.body = found->second.body})) {
        return std::nullopt;
    }
    return number;
}

void Device::replied(Call call, Reply reply, Instant now) {
    if (!call.name) {
        if (std::holds_alternative<Sync>(call.body)) {
            synced(reply, now);
        } else {
            errand_replied(call, reply, now);
        }
        return;
    }
    effects_.emplace_back(Result{*call.name, reply});
    if (const auto* got = std::get_if<Got>(&reply.body)) {
        // What is over and was not held is no news: the caller asked for the past.
        const auto& info = got->invitation;
        if (inbox_.holds(info.id) || info.state == Openness::open) {
            pass_on(inbox_.take(info, now), now);
        }
        return;
    }
    pass_on(inbox_.take(call.body, reply.body, now), now);
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const auto* made = made_by(call.body);
    if (made != nullptr && refusal != nullptr && for_the_moment(refusal->error) &&
        (call.sent > 1 || refusal->error == Error::internal)) {
        // When it was sent before, it may have been made.
        call_off(*made);
    }
}

void Device::errand_replied(const Call& call, const Reply& reply, Instant now) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const Errand errand = errand_of(call);
    --errands_in_flight_;
    if (refusal != nullptr && for_the_moment(refusal->error)) {
        errands_[errand] = now + soon;
        return;
    }
    if (refusal != nullptr && refusal->error == Error::too_large &&
        errand.what == Errand::What::reject && rejects_.at(errand.id).data) {
        // What this broker does not take: that it stops ringing counts for more.
        rejects_.at(errand.id).data = {};
        errands_[errand] = now;
        return;
    }
    errands_.erase(errand);
    if (errand.what == Errand::What::reject) {
        rejects_.erase(errand.id);
    }
    if (errand.what != Errand::What::get) {
        pass_on(inbox_.take(call.body, reply.body, now), now);
    } else if (const auto* got = std::get_if<Got>(&reply.body)) {
        pass_on(inbox_.take(got->invitation, now), now);
    } else {
        pass_on(inbox_.forgotten(errand.id, now), now);
    }
}

// --------------------------------------------------------------------- time

void Device::apply_due(Instant now) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const Number number = deadlines_.begin()->second;
        const Call& call = calls_.at(number);
        if (call.name) {
            fail(number, call.sent > 0              ? Failure::no_reply
                         : link_ == Link::no_beckon ? Failure::no_beckon
                                                    : Failure::not_connected);
        } else if (std::holds_alternative<Sync>(call.body)) {
            take(number);
            syncing_ = false;
            sync_at_ = now + options_.sync_again;
            no_beckon();
        } else {
            // There was no answer: again.
            errands_[errand_of(call)] = now;
            --errands_in_flight_;
            take(number);
        }
    }
    if (sync_at_ && *sync_at_ <= now && !syncing_) {
        start_sync(std::nullopt, now);
    }
    const bool connected = link_ == Link::syncing || link_ == Link::ready;
    pass_on(inbox_.advance(connected, now), now);
    pump(now);
}

void Device::no_beckon() {
    set_link(Link::no_beckon);
    std::vector<Number> named;
    for (const auto& [number, call] : calls_) {
        if (call.name) {
            named.push_back(number);
        }
    }
    for (const auto number : named) {
        fail(number, calls_.at(number).sent > 0 ? Failure::no_reply : Failure::no_beckon);
    }
}

Device::Effects Device::advance(Instant now) {
    apply_due(now);
    return done();
}

std::optional<Instant> Device::next_deadline() const {
    std::optional<Instant> next = inbox_.next_deadline();
    const auto consider = [&next](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) {
            next = when;
        }
    };
    if (!deadlines_.empty()) {
        consider(deadlines_.begin()->first);
    }
    if (!syncing_) {
        consider(sync_at_);
    }
    if (link_ == Link::ready && errands_in_flight_ < max_errands_in_flight) {
        for (const auto& [errand, when] : errands_) {
            consider(when);
        }
    }
    return next;
}

Device::Effects Device::close() {
    std::vector<Number> all;
    for (const auto& [number, call] : calls_) {
        all.push_back(number);
    }
    for (const auto number : all) {
        if (calls_.at(number).name) {
            fail(number, Failure::closed);
        } else {
            take(number);
        }
    }
    errands_.clear();
    rejects_.clear();
    errands_in_flight_ = 0;
    return done();
}

}  // namespace beckon
