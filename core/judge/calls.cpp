// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocol/refusals.hpp"

namespace beckon {

namespace {

constexpr std::string_view connection_lost = "connection_lost";
constexpr std::string_view expired = "expired";

/// Those who take part.
std::vector<UserId> users_of(const Call& call) {
    std::vector<UserId> users;
    for (const Participant& one : call.participants) {
        if (one.takes_part) {
            users.push_back(*one.user->id);
        }
    }
    return users;
}

/// Of one who takes part.
Participant& part_of(Call& call, const UserId& user) {
    return *std::find_if(
        call.participants.begin(), call.participants.end(),
        [&](const Participant& one) { return one.takes_part && *one.user->id == user; });
}

}  // namespace

bool lives(const Invitation& invitation) {
    return invitation.call && invitation.call->phase == Call::Phase::lives;
}

bool call_has_ended(const Invitation& invitation) {
    return invitation.call && invitation.call->phase == Call::Phase::ended;
}

const Participant* in_call(const Invitation& invitation, const UserId& user) {
    if (!lives(invitation) && !call_has_ended(invitation)) {
        return nullptr;
    }
    const auto& all = invitation.call->participants;
    const auto at = std::find_if(all.begin(), all.end(), [&](const Participant& one) {
        return *one.user->id == user && (one.takes_part || call_has_ended(invitation));
    });
    return at == all.end() ? nullptr : &*at;
}

Voice voice_of(const Invitation& invitation, const UserId& user) {
    const Invitee* invitee = invitee_of(invitation, user);
    Voice voice{.inviter = *invitation.inviter->id == user,
                .pending = invitee != nullptr && invitee->pending()};
    voice.talks = lives(invitation) ? in_call(invitation, user) != nullptr
                                    : voice.inviter || (invitee != nullptr &&
                                                        invitee->state() == State::accepted);
    return voice;
}

void Calls::wait(Invitation& invitation, const Sender& inviter) {
    invitation.call = std::make_unique<Call>(invitation);
    take_part(*invitation.call, *invitation.inviter, inviter.device);
}

void Calls::join(Invitation& invitation, User& invitee, DeviceTag device) {
    Call& call = *invitation.call;
    if (call.phase == Call::Phase::waiting) {
        call.phase = Call::Phase::lives;
        call.started_at = shared_.now;
        touch(call);
        Participant& inviter = call.participants.front();
        if (inviter.was_online && !inviter.user->has(inviter.device)) {
            inviter.lost_at = shared_.now + Duration(shared_.limits.grace_ms);
        }
    }
    take_part(call, invitee, device);
    arm(call);
}

void Calls::take_part(Call& call, User& user, DeviceTag device) {
    call.participants.push_back({.user = &user, .device = device, .was_online = user.has(device)});
    touch(call, call.participants.back());
}

void Calls::touch(Call& call) {
    call.touched = true;
    shared_.records.touch(call.invitation);
}

void Calls::touch(Call& call, Participant& one) {
    one.touched = true;
    shared_.records.touch(call.invitation);
}

// ----------------------------------------------------------------- requests

std::vector<UserId> Calls::addressees(const Invitation& invitation, const UserId& from) {
    const Voice voice = voice_of(invitation, from);
    std::vector<UserId> to;
    if (lives(invitation) && voice.talks) {
        to = users_of(*invitation.call);
        std::erase(to, from);
    } else if (voice.inviter && !lives(invitation)) {
        for (const Invitee& invitee : invitation.invitees) {
            if (invitee.pending()) {
                to.push_back(*invitee.user().id);
            }
        }
    } else if (voice.pending) {
        to.push_back(*invitation.inviter->id);
    }
    return to;
}

ReplyBody Calls::signal(const Sender& sender, const Invitation& invitation, const Signal& asked,
                        Effects& events) {
    std::vector<UserId> to;
    if (!asked.to) {
        to = addressees(invitation, sender.user);
    } else if (*asked.to != sender.user &&
               voice_of(invitation, sender.user).reaches(voice_of(invitation, *asked.to))) {
        to.push_back(*asked.to);
    }
    if (to.empty()) {
        auto refusal = refuse(Error::not_participant);
        refusal.message = "nobody whom this could be for takes part";
        return refusal;
    }
    if (auto full = shared_.take_unstored(sender.user, std::ssize(to))) {
        return std::move(*full);
    }
    tell(std::move(to), invitation, {shared_.records.find(sender.user), sender.device},
         SignalEvent{.from = sender.user, .seq = asked.seq, .data = asked.data}, events);
    return Done{.rev = invitation.rev};
}

ReplyBody Calls::hang_up(const Sender& sender, Invitation& invitation, const Hangup& asked,
                         Effects& events) {
    Call& call = *invitation.call;
    const bool ends = asked.all || call.size() <= 2;
    const auto cancels =
        ends && invitation.pending > 0 ? hearers(invitation, invitation.pending) : 0;
    const auto bytes = ends ? std::ssize(asked.reason) : 0;
    if (auto full = shared_.take(sender.user, call.size() + cancels, bytes)) {
        return std::move(*full);
    }
    Participant& gone = part_of(call, sender.user);
    gone.hung_up = sender.device;
    const Actor by{gone.user, sender.device};
    const Rev rev = invitation.rev;
    if (asked.all) {
        end(call, by, asked.reason, asked.data, events);
    } else {
        leave(call, gone, by, asked.reason, asked.data, events);
    }
    return Done{.rev = rev + (cancels > 0 ? 1U : 0U)};
}

ReplyBody Calls::resume(const Sender& sender, Invitation& invitation, Effects& events) {
    Call& call = *invitation.call;
    if (auto full = shared_.take(sender.user, call.size(), 0)) {
        return std::move(*full);
    }
    Participant& own = part_of(call, sender.user);
    own.device = sender.device;
    own.was_online = own.user->has(sender.device);
    own.lost_at = never;
    touch(call, own);
    tell(users_of(call), invitation, {own.user, sender.device},
         ParticipantMoved{.user = sender.user}, events);
    arm(call);
    return Done{.rev = invitation.rev};
}

// --------------------------------------------------------- time and absence

Instant Calls::ends_at(const Call& call) const {
    return call.started_at + Duration(shared_.limits.max_call_ms);
}

Instant Calls::due(const Call& call) const {
    Instant first = ends_at(call);
    for (const Participant& one : call.participants) {
        if (one.takes_part) {
            first = std::min(first, one.lost_at);
        }
    }
    return first;
}

void Calls::arm(Call& call) {
    shared_.wheel.disarm(call);
    shared_.wheel.arm(call, due(call));
}

void Calls::come_due(Call& call, Effects& events) {
    const auto before = events.size();
    const UserId inviter = *call.invitation.inviter->id;
    if (lose_those_away(call, events)) {
        arm(call);
    }
    owe(shared_, inviter, events, before);
}

bool Calls::lose_those_away(Call& call, Effects& events) {
    for (;;) {
        if (ends_at(call) <= shared_.now) {
            end(call, the_clock, std::string(expired), {}, events);
            return false;
        }
        const auto lost = std::find_if(
            call.participants.begin(), call.participants.end(),
            [&](const Participant& one) { return one.takes_part && one.lost_at <= shared_.now; });
        if (lost == call.participants.end()) {
            return true;
        }
        if (shared_.store_takes_nothing) {
            lost->lost_at = shared_.now + SharedState::moment;
            continue;
        }
        if (!leave(call, *lost, {lost->user}, std::string(connection_lost), {}, events)) {
            return false;
        }
    }
}

void Calls::set_online(const User& user, DeviceTag device, bool online) {
    for (const Invitation* invitation : user.open) {
        if (!invitation->call) {
            continue;
        }
        Call& call = *invitation->call;
        for (Participant& one : call.participants) {
            if (one.user != &user || one.device != device || !one.takes_part) {
                continue;
            }
            if (!one.was_online) {
                one.was_online = true;
                touch(call, one);
            }
            if (lives(*invitation)) {
                one.lost_at = online ? never : shared_.now + Duration(shared_.limits.grace_ms);
                arm(call);
            }
        }
    }
}

bool Calls::leave(Call& call, Participant& gone, const Actor& by, const std::string& reason,
                  const std::optional<Data>& data, Effects& events) {
    if (call.size() <= 2) {
        end(call, by, reason, data, events);
        return false;
    }
    tell(users_of(call), call.invitation, by,
         ParticipantLeft{.user = *gone.user->id, .reason = reason, .data = data}, events);
    gone.takes_part = false;
    touch(call, gone);
    arm(call);
    return true;
}

void Calls::end(Call& call, const Actor& by, const std::string& reason,
                const std::optional<Data>& data, Effects& events) {
    Invitation& invitation = call.invitation;
    const auto all = users_of(call);
    call.phase = Call::Phase::ended;
    // Not later than its limit, for which the broker may have been away.
    call.ended_at = std::min(shared_.now, ends_at(call));
    call.reason = reason;
    touch(call);
    for (Participant& one : call.participants) {
        if (one.takes_part) {
            one.takes_part = false;
            touch(call, one);
        }
    }
    shared_.records.keep(invitation, std::ssize(reason));
    shared_.wheel.disarm(call);
    tell(all, invitation, by,
         CallEnded{.reason = reason, .duration = call.ended_at - call.started_at, .data = data},
         events);
    if (invitation.pending > 0) {
        cancel(invitation, all_pending(invitation), by, CancelReason::call_ended, {}, events);
    }
    settle(shared_, invitation);
}

void Calls::restored(Invitation& invitation, std::size_t position) {
    Call& call = *invitation.call;
    if (!lives(invitation)) {
        shared_.wheel.disarm(call);
        return;
    }
    if (invitation.pending == 0) {
        shared_.wheel.disarm(invitation);
    }
    if (position < call.participants.size()) {
        Participant& one = call.participants[position];
        const bool is_there = one.user->has(one.device);
        if (is_there && !one.was_online) {
            one.was_online = true;
            touch(call, one);
        }
        one.lost_at =
            is_there || !one.was_online ? never : shared_.now + Duration(shared_.limits.grace_ms);
    }
    arm(call);
}

std::optional<CallInfo> Calls::describe(const Invitation& invitation, const UserId& reader) const {
    if (!invitation.call || invitation.call->phase == Call::Phase::waiting) {
        return std::nullopt;
    }
    const Call& call = *invitation.call;
    if (call_has_ended(invitation)) {
        return CallInfo{.duration = call.ended_at - call.started_at, .reason = call.reason};
    }
    CallInfo told{.participants = users_of(call), .duration = shared_.now - call.started_at};
    // Who is told of nobody else's answer reads of nobody else in the call, unless it is there.
    if (invitation.visibility == Visibility::inviter && *invitation.inviter->id != reader &&
        std::find(told.participants.begin(), told.participants.end(), reader) ==
            told.participants.end()) {
        std::erase_if(told.participants,
                      [&](const UserId& user) { return user != *invitation.inviter->id; });
    }
    return told;
}

}  // namespace beckon
