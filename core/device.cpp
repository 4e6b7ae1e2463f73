// SPDX-License-Identifier: Apache-2.0
#include "device.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace beckon {
namespace {

/// Until a request of the device's own that was refused for the moment is tried again.
constexpr Duration soon{1'000};
/// Invites without a reply that are remembered, to be called off.
constexpr std::size_t max_called_off = 100;

/// The device's own requests that it may try again.
bool for_the_moment(Error error) {
    return error == Error::rate_limited || error == Error::internal;
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
    auto patience = options_.patience;
    if (const auto* invite = std::get_if<Invite>(&body)) {
        inbox_.inviting(*invite);
        if (invite->timeout > Duration{0}) {
            patience = std::min(patience, invite->timeout);
        }
    } else if (const auto* cancel = std::get_if<Cancel>(&body)) {
        inbox_.cancelling(cancel->id);
    }
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
        const auto* invite = std::get_if<Invite>(&waiting.body);
        if (invite != nullptr && invite->id == cancel.id && waiting.sent == 0) {
            Cancelled cancelled{.cancelled = {invite->invitee}};
            cancelled.cancelled.insert(cancelled.cancelled.end(), invite->also.begin(),
                                       invite->also.end());
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
    if (link_ != Link::ready) {
        return;
    }
    for (auto& [id, asked] : called_off_) {
        if (!std::exchange(asked, true)) {
            inbox_.cancelling(id);
            add({.body = Cancel{.id = id}, .asked = now, .deadline = now + options_.patience});
        }
    }
    while (in_flight_ < options_.max_in_flight && !waiting_.empty()) {
        send(waiting_.front(), now);
    }
}

void Device::send(Number number, Instant now) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), number));
    Call& call = calls_.at(number);
    call.in_flight = true;
    ++in_flight_;
    ++call.sent;
    Request request{.req = options_.req_prefix + ":" + std::to_string(number), .body = call.body};
    std::visit([&](auto& asked) { age(asked, now - call.asked); }, request.body);
    effects_.emplace_back(Send{options_.topics.request(request.body, options_.user),
                               encode(request, options_.encoding)});
}

void Device::fail(Number number, Failure failure) {
    const Call call = take(number);
    effects_.emplace_back(Result{*call.name, failure});
    const auto* invite = std::get_if<Invite>(&call.body);
    if (invite == nullptr) {
        return;
    }
    inbox_.not_invited(*invite->id);
    if (call.sent > 0) {
        // Perhaps it was made, and rings: nobody may be left ringing for a caller
        // who was told that it failed.
        called_off_.push_back({.id = *invite->id});
        if (called_off_.size() > max_called_off) {
            called_off_.pop_front();
        }
    }
}

void Device::ask_state(const InvitationId& id, Instant now) {
    if (link_ == Link::syncing || link_ == Link::ready) {
        const auto [place, is_new] = unsure_.try_emplace(id);
        if (is_new || place->second) {
            place->second.reset();
            add({.body = Get{id}, .asked = now, .deadline = now + options_.patience});
        }
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
    for (auto& one : called_off_) {
        one.asked = false;
    }
    waiting_.insert(waiting_.begin(), again.begin(), again.end());
    unsure_.clear();
    sync_at_.reset();
}

void Device::start_sync(std::optional<std::string> after, Instant now) {
    if (!after) {
        inbox_.begin_sync();
    }
    sync_at_.reset();
    send(add({.body = Sync{std::move(after)},
              .asked = now,
              .deadline = now + options_.sync_patience}),
         now);
}

void Device::synced(const Reply& reply, Instant now) {
    const auto* page = std::get_if<Synced>(&reply.body);
    if (page == nullptr) {
        sync_at_ = now + soon;
        return;
    }
    for (const auto& invitation : page->invitations) {
        pass_on(inbox_.take(invitation, now), now);
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
                    ask_state(told.id, now);
                } else {
                    effects_.emplace_back(std::move(told));
                }
            },
            one);
    }
}

Device::Effects Device::receive_event(std::string_view payload, Instant now) {
    apply_due(now);
    const auto decoded = decode_event(payload);
    if (const auto* event = std::get_if<Event>(&decoded)) {
        pass_on(inbox_.take(*event, now), now);
        pump(now);
    }
    return done();
}

Device::Effects Device::receive_reply(std::string_view payload, Instant now) {
    apply_due(now);
    auto decoded = decode_reply(payload);
    auto* reply = std::get_if<Reply>(&decoded);
    if (reply == nullptr) {
        return done();
    }
    if (const auto number = number_of(*reply)) {
        device_ = reply->device;
        inbox_.set_device(device_);
        replied(take(*number), std::move(*reply), now);
        pump(now);
    }
    return done();
}

/// The call that it answers; nothing if that is over, or somebody else's.
std::optional<Device::Number> Device::number_of(const Reply& reply) const {
    const auto* req = reply.req ? std::get_if<std::string>(&*reply.req) : nullptr;
    const auto prefix = options_.req_prefix + ":";
    if (req == nullptr || !req->starts_with(prefix)) {
        return std::nullopt;
    }
    Number number = 0;
    const char* end = req->data() + req->size();
    const auto read = std::from_chars(req->data() + prefix.size(), end, number);
    const auto found = calls_.find(number);
    if (read.ec != std::errc{} || read.ptr != end || found == calls_.end() ||
        reply.re != verb_of({.body = found->second.body})) {
        return std::nullopt;
    }
    return number;
}

void Device::replied(Call call, Reply reply, Instant now) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    if (!call.name) {
        if (std::holds_alternative<Sync>(call.body)) {
            synced(reply, now);
        }
        const bool later = refusal != nullptr && for_the_moment(refusal->error);
        if (const auto* cancel = std::get_if<Cancel>(&call.body); cancel != nullptr && !later) {
            std::erase_if(called_off_, [&](const auto& one) { return one.id == cancel->id; });
        }
        const auto* get = std::get_if<Get>(&call.body);
        if (get == nullptr) {
            return;
        }
        unsure_.erase(get->id);
        if (later) {
            unsure_[get->id] = now + soon;
            return;
        }
    }
    if (call.name) {
        effects_.emplace_back(Result{*call.name, reply});
    }
    if (const auto* got = std::get_if<Got>(&reply.body)) {
        pass_on(inbox_.take(got->invitation, now), now);
    } else if (const auto* get = std::get_if<Get>(&call.body)) {
        if (refusal->error == Error::unknown_invitation ||
            refusal->error == Error::not_participant) {
            pass_on(inbox_.forgotten(get->id), now);
        }
    } else {
        pass_on(inbox_.take(call.body, reply.body, now), now);
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
            sync_at_ = now + options_.sync_again;
            no_beckon();
        } else if (const auto* get = std::get_if<Get>(&call.body)) {
            unsure_.erase(InvitationId(get->id));
            take(number);
        } else {
            take(number);
        }
    }
    if (sync_at_ && *sync_at_ <= now) {
        start_sync(std::nullopt, now);
    }
    std::vector<InvitationId> again;
    for (const auto& [id, when] : unsure_) {
        if (when && *when <= now) {
            again.push_back(id);
        }
    }
    for (const auto& id : again) {
        ask_state(id, now);
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
    consider(sync_at_);
    for (const auto& [id, when] : unsure_) {
        consider(when);
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
    called_off_.clear();
    return done();
}

}  // namespace beckon
