// SPDX-License-Identifier: Apache-2.0

// What an event changes.

#include <algorithm>
#include <type_traits>

#include "inbox.hpp"

namespace beckon {

Cause Inbox::cause_of(const Event& event) const {
    return {
        .by = event.by, .by_device = event.by_device, .here = is_own(event.by, event.by_device)};
}

Inbox::News Inbox::take(const Event& event, Instant now) {
    News news;
    const auto* body = std::get_if<NewInvitation>(&event.body);
    const auto* joined = std::get_if<ParticipantJoined>(&event.body);
    if (joined != nullptr && joined->user == me_ && find(event.id) == nullptr) {
        come_back(event.id, news);
        return news;
    }
    if (body != nullptr && body->role == Role::inviter && is_own(me_, event.by_device)) {
        take_echo(event.id, *body, now);
        return news;
    }
    if (is_past(event.id)) {
        if (body != nullptr) {
            news.emplace_back(Doubtful{});
        }
        return news;
    }
    Held* const held = find(event.id);
    if (held != nullptr && held->earlier) {
        news.emplace_back(Unsure{event.id});
        return news;
    }
    if (body != nullptr) {
        take_new(event, *body, now, news);
    } else if (const auto* ringing = std::get_if<InviteeRinging>(&event.body)) {
        take_ringing(event, *ringing, now, news);
    } else if (!std::visit([]<class Body>(const Body&) { return raises_rev<Body>; }, event.body)) {
        take_of_call(event, now, news);
    } else if (held == nullptr) {
        take_unknown(event, news);
    } else {
        take_change(*held, event, now, news);
    }
    return news;
}

/// The invite of this device was done, though the reply may be lost.
void Inbox::take_echo(const InvitationId& id, const NewInvitation& body, Instant now) {
    Held* const held = find(id);
    if (held != nullptr && !held->confirmed) {
        held->confirmed = held->announced = true;
        set_deadline(*held, body.remaining, now);
    }
}

void Inbox::take_new(const Event& event, const NewInvitation& body, Instant now, News& news) {
    const Cause cause{.by = event.by.value_or(body.inviter), .by_device = event.by_device};
    if (Held* const held = find(event.id)) {
        if (held->info.role == Role::observer && body.role == Role::invitee) {
            held->gap = held->gap || event.rev > held->rev() + 1;
            held->info.rev = std::max(held->rev(), event.rev);
            rings(*held, body, cause, now, news);
            if (held->gap) {
                news.emplace_back(Unsure{event.id});
            }
        }
        return;
    }
    InvitationInfo info{.id = event.id, .inviter = body.inviter, .group = body.group};
    info.data = body.data;
    info.call = body.call;
    info.answer = body.answer;
    info.online_only = body.online_only;
    info.visibility = body.visibility;
    info.rev = event.rev;
    Held& held = hold(std::move(info));
    held.confirmed = true;
    rings(held, body, cause, now, news);
    // Added later, to others who may have answered already; or not all of them are told here.
    if ((event.rev > 1 && body.invitees.size() > 1) || body.more > 0) {
        news.emplace_back(Unsure{event.id});
    }
}

void Inbox::take_ringing(const Event& event, const InviteeRinging& body, Instant now, News& news) {
    Held* const held = find(event.id);
    InviteeInfo* const part = held != nullptr ? held->part_of(body.invitee) : nullptr;
    if (part != nullptr && part->state == State::pending && !part->ringing) {
        part->ringing = true;
        tell(*held, body, {.by = event.by, .by_device = event.by_device}, now, news);
    }
}

/// About an invitation that is not held.
void Inbox::take_unknown(const Event& event, News& news) const {
    // Nothing is owed for what this device did to an invitation of another's.
    if (is_own(event.by, event.by_device)) {
        return;
    }
    news.emplace_back(Unsure{event.id});
}

void Inbox::take_change(Held& held, const Event& event, Instant now, News& news) {
    if (event.rev <= held.rev()) {
        return;
    }
    // With visibility `inviter`, invitees are not told of each other.
    if (event.rev > held.rev() + 1 &&
        !(held.info.role == Role::invitee && held.info.visibility == Visibility::inviter)) {
        held.gap = true;
    }
    held.info.rev = held.heard = event.rev;
    held.confirmed = true;
    held.announced = held.announced || held.info.role == Role::inviter;
    const Cause cause = cause_of(event);
    apply(held, event.body, cause, now, news);
    const auto* modified = std::get_if<InvitationModified>(&event.body);
    // Others were added: only `get` tells the inviter how long they have.
    if (held.gap || (modified != nullptr && modified->invitees && !cause.here &&
                     held.info.role == Role::inviter)) {
        news.emplace_back(Unsure{event.id});
    }
    settle(held, news);
}

void Inbox::take_of_call(const Event& event, Instant now, News& news) {
    Held* const held = find(event.id);
    if (held == nullptr) {
        return;
    }
    const Cause cause = cause_of(event);
    std::visit(
        [&]<class Body>(const Body& body) {
            if constexpr (std::is_same_v<Body, SignalEvent>) {
                if (!body.seq || !event.by_device ||
                    signals_.insert({event.id, *event.by_device, *body.seq})) {
                    tell(*held, body, cause, now, news);
                }
            } else if constexpr (std::is_same_v<Body, ParticipantJoined>) {
                join_call(*held, body.user, now, news);
                if (!cause.here) {
                    tell(*held, body, cause, now, news);
                }
            } else if constexpr (std::is_same_v<Body, ParticipantLeft>) {
                leave_call(*held, body, cause, now, news);
            } else if constexpr (std::is_same_v<Body, ParticipantMoved>) {
                if (held->in_call() && !cause.here) {
                    tell(*held, body, cause, now, news);
                }
            } else if constexpr (std::is_same_v<Body, CallEnded>) {
                end_call(*held, body, cause, now, news);
            }
        },
        event.body);
    // It carries the present rev, so something came before it that did not arrive.
    if (event.rev > held->rev() && held->in_call()) {
        news.emplace_back(Unsure{event.id});
    }
    settle(*held, news);
}

}  // namespace beckon
