// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "judge/invariant.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// How long a broken connection may go unnoticed (contract, section 7).
constexpr Duration before_noticed{15'000};
/// So many devices of one user's are known to signal beside the one that takes part.
constexpr std::size_t most_signalled = 8;

/// Of one who takes part.
Participant& part_of(Call& call, const UserId& user) {
    const auto at = std::find_if(
        call.participants.begin(), call.participants.end(),
        [&](const Participant& one) { return one.takes_part && *one.user->id == user; });
    ensure(at != call.participants.end(), "who may hang up or resume takes part");
    return *at;
}

}  // namespace

void Calls::wait(Invitation& invitation, const Sender& inviter) {
    invitation.call = std::make_unique<Call>(invitation);
    enter(*invitation.call, *invitation.inviter, inviter.device);
}

void Calls::accepted(Invitation& invitation, User& invitee, DeviceTag device) {
    Call& call = *invitation.call;
    if (call.phase == Call::Phase::waiting) {
        call.phase = Call::Phase::lives;
        call.started_at = shared_.now;
        ++shared_.totals.calls;
        shared_.changes.mark(call);
        Participant& inviter = call.participants.front();
        if (inviter.was_online && !inviter.user->has(inviter.device)) {
            inviter.lost_at = shared_.now + Duration(shared_.limits.grace_ms);
        }
    }
    enter(call, invitee, device);
    arm(call);
}

/// Who was in it before has the same place again, so that coming and going takes no room.
void Calls::enter(Call& call, User& user, DeviceTag device) {
    auto& all = call.participants;
    const auto known = std::find_if(all.begin(), all.end(),
                                    [&](const Participant& one) { return one.user == &user; });
    Participant& place = known != all.end() ? *known : all.emplace_back();
    place = {.user = &user,
             .device = device,
             .was_online = user.has(device),
             .signalled = std::move(place.signalled)};
    shared_.changes.mark(call, place);
}

// ----------------------------------------------------------------- requests

ReplyBody Calls::signal(const Sender& sender, Invitation& invitation, const Signal& asked,
                        Effects& events) {
    Circle circle = circle_of(invitation, &sender.user);
    circle.to = asked.to ? &*asked.to : nullptr;
    Outcome outcome(shared_, rule_for(asked), std::move(circle));
    if (outcome.heard() == 0) {
        auto refusal = refuse(Error::not_participant);
        refusal.message = "nobody whom this could be for takes part";
        return refusal;
    }
    if (auto full = outcome.charge()) {
        return std::move(*full);
    }
    outcome.conclude(invitation, {shared_.records.find(sender.user), sender.device},
                     {.data = &asked.data, .seq = asked.seq}, events);
    if (lives(invitation) && in_call(invitation, sender.user) != nullptr) {
        note_signal(part_of(*invitation.call, sender.user), sender.device);
    }
    return Done{.rev = invitation.rev};
}

/// Also of that which takes part: another may take over from it, and be lost in turn.
void Calls::note_signal(Participant& one, DeviceTag device) const {
    auto& others = one.signalled;
    std::erase_if(others, [&](const Signalled& other) { return other.device == device; });
    if (others.size() == most_signalled) {
        others.erase(others.begin());
    }
    others.push_back({.device = device, .at = shared_.now});
}

ReplyBody Calls::join(const Sender& sender, Invitation& invitation, const Join& asked,
                      Effects& events) {
    Call& call = *invitation.call;
    Outcome outcome(shared_, rule_for(asked), circle_of(invitation, &sender.user));
    if (auto full = outcome.charge()) {
        return std::move(*full);
    }
    User& user = *shared_.records.find(sender.user);
    enter(call, user, sender.device);
    outcome.conclude(invitation, {&user, sender.device}, {.data = said(asked.data)}, events);
    arm(call);
    return Done{.rev = invitation.rev};
}

ReplyBody Calls::hang_up(const Sender& sender, Invitation& invitation, const Hangup& asked,
                         Effects& events) {
    Call& call = *invitation.call;
    Participant& gone = part_of(call, sender.user);
    Outcome outcome(shared_, rule_for(asked), circle_of(invitation, &sender.user));
    const auto bytes = outcome.ends_call() ? std::ssize(asked.reason) : 0;
    if (auto full = outcome.charge(bytes, *invitation.inviter->id)) {
        return std::move(*full);
    }
    gone.hung_up = sender.device;
    return Done{.rev = conclude(call, &gone, outcome, {gone.user, sender.device},
                                {.data = said(asked.data), .reason = asked.reason}, events)};
}

ReplyBody Calls::resume(const Sender& sender, Invitation& invitation, Effects& events) {
    Call& call = *invitation.call;
    Participant& own = part_of(call, sender.user);
    Outcome outcome(shared_, rule_of(Cause::resume), circle_of(invitation, &sender.user));
    if (auto full = outcome.charge()) {
        return std::move(*full);
    }
    move(call, own, sender.device, outcome, events);
    return Done{.rev = invitation.rev};
}

void Calls::move(Call& call, Participant& own, DeviceTag device, Outcome& outcome,
                 Effects& events) {
    enter(call, *own.user, device);
    outcome.conclude(call.invitation, {own.user, device}, {}, events);
    arm(call);
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
    while (apply_next_due(call, events)) {
    }
}

bool Calls::apply_next_due(Call& call, Effects& events) {
    const auto apply = [&](const Rule& rule, Participant* gone) {
        const Actor by{.user = gone != nullptr ? gone->user : nullptr};
        Outcome outcome(shared_, rule,
                        circle_of(call.invitation, gone != nullptr ? gone->user->id : nullptr));
        static_cast<void>(outcome.charge());
        const bool goes_on = !outcome.ends_call();
        conclude(call, gone, outcome, by, {}, events);
        return goes_on;
    };
    if (ends_at(call) <= shared_.now) {
        return apply(rule_of(Cause::max_call), nullptr);
    }
    const auto lost = std::find_if(
        call.participants.begin(), call.participants.end(),
        [&](const Participant& one) { return one.takes_part && one.lost_at <= shared_.now; });
    if (lost == call.participants.end()) {
        arm(call);
        return false;
    }
    if (shared_.now < shared_.first_lost()) {
        lost->lost_at = shared_.first_lost();
        return true;
    }
    if (shared_.store_takes_nothing) {
        lost->lost_at = shared_.now + SharedState::moment;
        return true;
    }
    if (const auto device = replacement_for(*lost)) {
        Outcome outcome(shared_, rule_of(Cause::participant_replaced),
                        circle_of(call.invitation, lost->user->id));
        static_cast<void>(outcome.charge());
        move(call, *lost, *device, outcome, events);
        return true;
    }
    return apply(rule_of(Cause::participant_lost), &*lost);
}

/// That device of the user's which signalled last, since this one went or shortly before that was
/// noticed, and is there.
std::optional<DeviceTag> Calls::replacement_for(const Participant& gone) const {
    const Instant noticed = gone.lost_at - Duration(shared_.limits.grace_ms);
    const auto& others = gone.signalled;
    const auto last = std::find_if(others.rbegin(), others.rend(), [&](const Signalled& one) {
        return one.at >= noticed - before_noticed && gone.user->has(one.device);
    });
    return last == others.rend() ? std::nullopt : std::optional(last->device);
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
                shared_.changes.mark(call, one);
            }
            if (lives(*invitation)) {
                one.lost_at = online ? never : shared_.now + Duration(shared_.limits.grace_ms);
                arm(call);
            }
        }
    }
}

Rev Calls::conclude(Call& call, Participant* gone, Outcome& outcome, const Actor& by,
                    const Said& said, Effects& events) {
    Invitation& invitation = call.invitation;
    if (outcome.ends_call()) {
        end(call, outcome.reason(said));
        outcome.conclude(invitation, by, said, events);
        const Rev rev = invitation.rev;
        settle(shared_, invitation);
        return rev;
    }
    gone->takes_part = false;
    shared_.changes.mark(call, *gone);
    arm(call);
    outcome.conclude(invitation, by, said, events);
    return invitation.rev;
}

void Calls::end(Call& call, std::string_view reason) {
    call.phase = Call::Phase::ended;
    // Not later than its limit, for which the broker may have been away.
    call.ended_at = std::min(shared_.now, ends_at(call));
    call.reason = reason;
    shared_.changes.mark(call);
    for (Participant& one : call.participants) {
        if (one.takes_part) {
            one.takes_part = false;
            shared_.changes.mark(call, one);
        }
    }
    shared_.records.count_bytes(call.invitation, std::ssize(reason), *call.invitation.inviter);
    shared_.wheel.disarm(call);
}

void Calls::restored(Invitation& invitation, std::size_t position) {
    Call& call = *invitation.call;
    if (!lives(invitation)) {
        return;
    }
    if (invitation.pending == 0) {
        shared_.wheel.disarm(invitation);
    }
    if (position < call.participants.size()) {
        Participant& one = call.participants[position];
        one.lost_at = one.was_online ? shared_.now + Duration(shared_.limits.grace_ms) : never;
    }
    arm(call);
}

std::optional<CallInfo> Calls::describe(const Invitation& invitation) const {
    if (!invitation.call || invitation.call->phase == Call::Phase::waiting) {
        return std::nullopt;
    }
    const Call& call = *invitation.call;
    if (call_has_ended(invitation)) {
        return CallInfo{.duration = call.ended_at - call.started_at, .reason = call.reason};
    }
    return CallInfo{.duration = shared_.now - call.started_at};
}

std::vector<UserId> Calls::participants_for(const Invitation& invitation, const UserId* reader) {
    if (!lives(invitation)) {
        return {};
    }
    auto all = participants_of(*invitation.call);
    // Who is told of nobody else's answer reads of nobody else in the call, unless it is there.
    if (reader != nullptr && is_private(invitation.visibility) &&
        *invitation.inviter->id != *reader && in_call(invitation, *reader) == nullptr) {
        std::erase_if(all, [&](const UserId& user) { return user != *invitation.inviter->id; });
    }
    return all;
}

}  // namespace beckon
