// SPDX-License-Identifier: Apache-2.0
#include "device/device.hpp"

#include <algorithm>
#include <type_traits>

#include "busy_mode.hpp"
#include "errands.hpp"
#include "inbox.hpp"
#include "open_requests.hpp"
#include "protocol/wire.hpp"
#include "recent_ids.hpp"

namespace beckon {
namespace {

/// Until a request of the device's own that was refused for the moment is tried again.
constexpr Duration soon{1'000};

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

Device::Device(Options options)
    : options_(std::move(options)),
      inbox_(std::make_unique<Inbox>(options_.user)),
      requests_(std::make_unique<OpenRequests>(options_.req_prefix)),
      errands_(std::make_unique<Errands>()),
      busy_(std::make_unique<BusyMode>()),
      messages_(std::make_unique<RecentIds<std::pair<UserId, MessageId>>>()) {}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;

void Device::set_busy(std::optional<Reject> as) { busy_->set(std::move(as)); }

std::vector<InvitationInfo> Device::open(Instant now) const { return inbox_->open(now); }

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
    if (requests_->waiting().size() >= options_.max_waiting) {
        return refuse(Failure::too_many_waiting);
    }
    const auto patience = std::visit(
        [&](const auto& asked) {
            if constexpr (requires { inbox_->inviting(asked); }) {
                inbox_->inviting(asked);
            } else if constexpr (std::is_same_v<std::decay_t<decltype(asked)>, Cancel>) {
                inbox_->cancelling(asked.id, !asked.invitees);
            }
            return patience_for(asked, options_.patience);
        },
        body);
    requests_->add({.call = call,
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
    for (const auto number : requests_->waiting()) {
        const OpenRequest& waiting = requests_->at(number);
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

void Device::pump(Instant now) {
    if (link_ != Link::ready) {
        return;
    }
    while (auto errand = errands_->begin(now)) {
        send_own(std::move(*errand), options_.patience, now);
    }
    while (requests_->in_flight() < options_.max_in_flight && !requests_->waiting().empty()) {
        if (!was_made(requests_->waiting().front())) {
            send(requests_->waiting().front(), now);
        }
    }
}

void Device::send_own(RequestBody body, Duration patience, Instant now) {
    send(requests_->add({.body = std::move(body), .asked = now, .deadline = now + patience}), now);
}

void Device::send(Number number, Instant now) {
    const OpenRequest& open = requests_->begin(number);
    const auto req = requests_->req_of(number);
    Request request{.req = req, .body = open.body};
    std::visit([&](auto& asked) { age(asked, now - open.asked); }, request.body);
    effects_.emplace_back(Send{options_.topics.request(request.body, options_.user),
                               encode(request, options_.encoding), req});
}

/// Another invite is not sent, and none fails, when the broker was heard to have made it.
bool Device::was_made(Number number) {
    const auto* id = made_by(requests_->at(number).body);
    const auto state = id != nullptr ? inbox_->made(*id) : std::nullopt;
    if (!state || requests_->at(number).sent == 0) {
        return false;
    }
    Reply reply{.re = std::string(Invite::verb),
                .device = device_,
                .body = Invited{.dup = true, .id = *id, .state = *state}};
    effects_.emplace_back(Result{*requests_->take(number).call, std::move(reply)});
    return true;
}

void Device::fail(Number number, Failure failure) {
    if (was_made(number)) {
        return;
    }
    const OpenRequest request = requests_->take(number);
    effects_.emplace_back(Result{*request.call, failure});
    if (const auto* id = made_by(request.body)) {
        if (request.sent == 0) {
            inbox_->not_invited(*id);
        } else {
            call_off(*id);
        }
    } else if (const auto* cancel = std::get_if<Cancel>(&request.body);
               cancel && request.sent == 0) {
        inbox_->cancelling(cancel->id, false);
    }
}

void Device::call_off(const InvitationId& id) {
    inbox_->disown(id);
    inbox_->cancelling(id, true);
    errands_->call_off(id);
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
    for (const auto number : requests_->all()) {
        const OpenRequest& request = requests_->at(number);
        if (!request.call) {
            requests_->take(number);
        } else if (request.offline == Offline::fail) {
            fail(number, failure_of(number, Failure::not_connected));
        }
    }
    requests_->wait_again();
    errands_->lose_connection();
    sync_at_.reset();
    syncing_ = false;
}

/// Why a request fails that gets no reply; `unsent`: when it was never sent.
Failure Device::failure_of(Number number, Failure unsent) const {
    return requests_->at(number).sent > 0 ? Failure::no_reply : unsent;
}

void Device::start_sync(std::optional<std::string> after, Instant now) {
    if (!after) {
        inbox_->begin_sync();
        sync_at_.reset();
    }
    syncing_ = true;
    send_own(Sync{std::move(after)}, options_.sync_patience, now);
}

void Device::synced(const Reply& reply, Instant now) {
    const auto* page = std::get_if<Synced>(&reply.body);
    syncing_ = false;
    if (page == nullptr) {
        sync_at_ = now + soon;
        return;
    }
    inbox_->speaks(page->server_epoch);
    for (const auto& invitation : page->invitations) {
        pass_on(inbox_->listed(invitation, now), now);
    }
    if (page->next) {
        start_sync(page->next, now);
        return;
    }
    set_link(Link::ready);
    pass_on(inbox_->end_sync(), now);
}

// --------------------------------------------------------------- deliveries

void Device::pass_on(News news, Instant now) {
    for (auto& one : news) {
        std::visit(
            [&](auto& told) {
                if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Unsure>) {
                    if (link_ == Link::syncing || link_ == Link::ready) {
                        errands_->get(told.id, now);
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Doubtful>) {
                    if (link_ == Link::ready) {
                        sync_at_ = now;
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Heard>) {
                    if (!is_rejected(told, now)) {
                        effects_.emplace_back(std::move(told));
                    }
                } else if (!busy_->rejected(told.id)) {
                    effects_.emplace_back(std::move(told));
                }
            },
            one);
    }
}

bool Device::is_rejected(const Heard& heard, Instant now) {
    const auto* rings = std::get_if<NewInvitation>(&heard.body);
    if (rings == nullptr || heard.role != Role::invitee) {
        return busy_->rejected(heard.id);
    }
    auto reject = busy_->reject(heard.id);
    if (!reject) {
        return false;
    }
    errands_->reject(std::move(*reject), now);
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
                    pass_on(inbox_->take(told, now), now);
                } else if constexpr (std::is_same_v<Told, MessageEvent>) {
                    if (messages_->insert({told.from, told.id})) {
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
                    inbox_->left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, MemberLeft>) {
                if (body.user == options_.user) {
                    inbox_->left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, GroupDismissed>) {
                inbox_->left(event.group);
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
    if (const auto number = requests_->asked_by(*reply, correlation)) {
        device_ = reply->device;
        inbox_->set_device(device_);
        replied(requests_->take(*number), std::move(*reply), now);
        pump(now);
    }
    return done();
}

void Device::replied(const OpenRequest& asked, Reply reply, Instant now) {
    if (!asked.call) {
        if (std::holds_alternative<Sync>(asked.body)) {
            synced(reply, now);
        } else {
            errand_replied(asked.body, reply, now);
        }
        return;
    }
    effects_.emplace_back(Result{*asked.call, reply});
    if (const auto* got = std::get_if<Got>(&reply.body)) {
        // What is over and was not held is no news: the caller asked for the past.
        const auto& info = got->invitation;
        if (inbox_->holds(info.id) || info.state == Openness::open) {
            pass_on(inbox_->take(info, now), now);
        }
        return;
    }
    pass_on(inbox_->take(asked.body, reply.body, now), now);
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const auto* made = made_by(asked.body);
    if (made != nullptr && refusal != nullptr && for_the_moment(refusal->error) &&
        (asked.sent > 1 || refusal->error == Error::internal)) {
        // When it was sent before, it may have been made.
        call_off(*made);
    }
}

void Device::errand_replied(const RequestBody& asked, const Reply& reply, Instant now) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const Errand errand = Errands::of(asked);
    if (refusal != nullptr && for_the_moment(refusal->error)) {
        errands_->again(errand, now + soon);
        return;
    }
    if (refusal != nullptr && refusal->error == Error::too_large && errands_->drop_data(errand)) {
        // What this broker does not take: that it stops ringing counts for more.
        errands_->again(errand, now);
        return;
    }
    errands_->done(errand);
    if (errand.what != Errand::What::get) {
        pass_on(inbox_->take(asked, reply.body, now), now);
    } else if (const auto* got = std::get_if<Got>(&reply.body)) {
        pass_on(inbox_->take(got->invitation, now), now);
    } else {
        pass_on(inbox_->forgotten(errand.id, now), now);
    }
}

// --------------------------------------------------------------------- time

void Device::apply_due(Instant now) {
    while (const auto number = requests_->due(now)) {
        if (requests_->at(*number).call) {
            fail(*number, failure_of(*number, link_ == Link::no_beckon ? Failure::no_beckon
                                                                       : Failure::not_connected));
            continue;
        }
        const OpenRequest own = requests_->take(*number);
        if (std::holds_alternative<Sync>(own.body)) {
            syncing_ = false;
            sync_at_ = now + options_.sync_again;
            no_beckon();
        } else {
            // There was no answer: again.
            errands_->again(Errands::of(own.body), now);
        }
    }
    if (sync_at_ && *sync_at_ <= now && !syncing_) {
        start_sync(std::nullopt, now);
    }
    const bool connected = link_ == Link::syncing || link_ == Link::ready;
    pass_on(inbox_->advance(connected, now), now);
    pump(now);
}

void Device::no_beckon() {
    set_link(Link::no_beckon);
    for (const auto number : requests_->all()) {
        if (requests_->at(number).call) {
            fail(number, failure_of(number, Failure::no_beckon));
        }
    }
}

Device::Effects Device::advance(Instant now) {
    apply_due(now);
    return done();
}

std::optional<Instant> Device::next_deadline() const {
    std::optional<Instant> next = inbox_->next_deadline();
    const auto consider = [&next](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) {
            next = when;
        }
    };
    consider(requests_->next_deadline());
    if (!syncing_) {
        consider(sync_at_);
    }
    if (link_ == Link::ready) {
        consider(errands_->next_deadline());
    }
    return next;
}

Device::Effects Device::close() {
    for (const auto number : requests_->all()) {
        if (requests_->at(number).call) {
            fail(number, Failure::closed);
        } else {
            requests_->take(number);
        }
    }
    errands_->clear();
    return done();
}

}  // namespace beckon
