// SPDX-License-Identifier: Apache-2.0

// What happens in the call of an invitation.

#include "inbox.hpp"

namespace beckon {

void Inbox::come_back(const InvitationId& id, News& news) {
    if (calls_over_.contains(id)) {
        return;
    }
    ended_.erase(id);
    returned_.insert(id);
    news.emplace_back(Unsure{id});
}

void Inbox::join_call(Held& held, const UserId& user, Instant now, News& news) const {
    auto& call = held.info.call_state;
    if (!call) {
        call = CallInfo{.participants = {held.info.inviter}};
        held.call_began = now;
    } else if (user == me_) {
        // Who is not in it is not told who has left it.
        news.emplace_back(Unsure{held.info.id});
    }
    if (!call->reason && !contains(call->participants, user)) {
        call->participants.push_back(user);
    }
}

void Inbox::leave_call(Held& held, const ParticipantLeft& left, const Cause& cause, Instant now,
                       News& news) const {
    if (!held.in_call() || !contains(held.info.call_state->participants, left.user)) {
        return;
    }
    std::erase(held.info.call_state->participants, left.user);
    if (!cause.here) {
        tell(held, left, cause, now, news);
    }
}

void Inbox::end_call(Held& held, CallEnded ended, const Cause& cause, Instant now, News& news) {
    const bool was_in_it = held.in_call();
    if (!held.info.call_state || held.info.call_state->reason) {
        return;
    }
    held.info.call_state =
        CallInfo{.participants = {}, .duration = ended.duration, .reason = ended.reason};
    if (was_in_it) {
        if (!ended.reason.empty()) {  // else it may be made anew
            calls_over_.insert(held.info.id);
        }
        tell(held, std::move(ended), cause, now, news);
    }
}

/// Whatever was missed of it.
void Inbox::correct_call(Held& held, const InvitationInfo& told, Instant now, News& news) {
    if (!told.call_state) {
        if (held.in_call()) {
            // The broker was started anew and has forgotten it.
            end_call(held, CallEnded{.reason = "", .duration = now - held.call_began}, {}, now,
                     news);
        }
        return;
    }
    const CallInfo& call = *told.call_state;
    if (call.reason) {
        end_call(held, CallEnded{.reason = *call.reason, .duration = call.duration}, {}, now, news);
        return;
    }
    if (held.in_call()) {
        if (!contains(call.participants, me_)) {
            // Who is not in it is told of nobody else who is.
            leave_call(held, {.user = me_, .reason = ""}, {.by = me_}, now, news);
        }
        for (const auto& user : std::vector(held.info.call_state->participants)) {
            if (!contains(call.participants, user)) {
                leave_call(held, {.user = user, .reason = ""}, {.by = user}, now, news);
            }
        }
    }
    held.info.call_state = call;
    held.call_began = now - call.duration;
    if (held.in_call() && !held.look) {
        look_now_and_then(held, now);
    }
}

}  // namespace beckon
