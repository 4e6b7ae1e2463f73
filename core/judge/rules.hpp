// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/events.hpp"
#include "protocol/requests.hpp"

/// Who may do what to an invitation, when, and who hears of it (contract,
/// section 4). The switchboard judges by this table alone; README shows it.
///
///   invite, add
///        │
///        ▼         accept, by the invitee
///   ┌─────────┐ ───────────────────────────────────────────────► accepted
///   │ pending │ ── reject, by the invitee ─────────────────────► rejected
///   │         │ ── cancel, by the inviter ─────────────────────► cancelled
///   │         │      (or another took it, the lifetime is over,
///   │         │       the inviter was lost)
///   │         │ ── the deadline, by the broker's clock ────────► timed_out
///   └─────────┘ ── left the group or removed from it ──────────► revoked
///
/// An invitation is open while an invitee is pending or its call lives, else ended. The call
/// is drawn in call.hpp.
namespace beckon {

/// Who may ask; a hearer is told of it, asked or not.
enum class Who : std::uint8_t {
    invitee,
    inviter,
    inviter_or_accepted,
    hearer,
    /// The inviter, who is pending, and who takes part in the call or, without one, accepted.
    speaker,
    /// In the call.
    participant,
};
/// What must hold, or the request comes too late.
enum class Needs : std::uint8_t {
    nothing,
    sender_pending,
    somebody_pending,
    /// Likewise, but who names some of several is told of each.
    somebody_pending_unless_named,
    /// Somebody is pending, or the call lives.
    open,
    call_lives,
};
/// Who gets the event.
enum class Hears : std::uint8_t {
    nobody,
    inviter,
    audience,
    added_and_those_before,
    /// Of those whom the sender can speak to, `to`; without it all of the call or, before one
    /// lives, the inviter or all who are pending.
    addressees,
    participants,
};

struct Rule {
    std::string_view verb;
    Who who;
    /// What anybody else hears.
    Error otherwise;
    Needs needs;
    /// In a group, only a member of it; anybody else hears `not_member`.
    bool members_only;
    /// The same device asking again hears ok with `dup`, while its effect stands.
    bool repeatable;
    /// What becomes of the pending invitees that it is about.
    std::optional<State> writes;
    std::string_view announces;
    Hears heard_by;
    bool raises_rev;
};

inline constexpr std::array rule_table{
    Rule{Accept::verb, Who::invitee, Error::not_invitee, Needs::sender_pending, false, true,
         State::accepted, InviteeAccepted::event, Hears::audience, true},
    Rule{Reject::verb, Who::invitee, Error::not_invitee, Needs::sender_pending, false, true,
         State::rejected, InviteeRejected::event, Hears::audience, true},
    Rule{Cancel::verb, Who::inviter, Error::not_inviter, Needs::somebody_pending_unless_named,
         false, true, State::cancelled, InvitationCancelled::event, Hears::audience, true},
    Rule{Modify::verb, Who::inviter, Error::not_inviter, Needs::somebody_pending, false, false,
         std::nullopt, InvitationModified::event, Hears::audience, true},
    Rule{Ringing::verb, Who::invitee, Error::not_invitee, Needs::sender_pending, false, false,
         std::nullopt, InviteeRinging::event, Hears::inviter, false},
    Rule{Add::verb, Who::inviter_or_accepted, Error::not_participant, Needs::open, true, false,
         State::pending, InvitationModified::event, Hears::added_and_those_before, true},
    Rule{Get::verb, Who::hearer, Error::not_participant, Needs::nothing, false, false, std::nullopt,
         "", Hears::nobody, false},
    Rule{Signal::verb, Who::speaker, Error::not_participant, Needs::open, false, false,
         std::nullopt, SignalEvent::event, Hears::addressees, false},
    // With two in the call, or `all`: `call_ended`.
    Rule{Hangup::verb, Who::participant, Error::not_participant, Needs::call_lives, false, true,
         std::nullopt, ParticipantLeft::event, Hears::participants, false},
    Rule{Resume::verb, Who::participant, Error::not_participant, Needs::call_lives, false, true,
         std::nullopt, ParticipantMoved::event, Hears::participants, false},
};

constexpr const Rule& rule_of(std::string_view verb) {
    for (const Rule& rule : rule_table) {
        if (rule.verb == verb) {
            return rule;
        }
    }
    throw "no rule for this verb";  // in a constant expression: does not compile
}

/// Of an event by its name; nothing: none.
constexpr bool event_raises_rev(std::string_view event) {
    return []<class... Body>(std::string_view name, const std::variant<Body...>*) {
        return ((raises_rev<Body> && Body::event == name) || ...);
    }(event, static_cast<const EventBody*>(nullptr));
}

consteval bool rules_are_sound() {
    for (const Rule& rule : rule_table) {
        if (&rule_of(rule.verb) != &rule) {
            return false;  // two rules for one verb
        }
        if (rule.announces.empty() != (rule.heard_by == Hears::nobody)) {
            return false;
        }
        // Whoever writes an answer must find it pending, and says so to the audience.
        if (rule.writes && *rule.writes != State::pending &&
            (rule.needs == Needs::nothing || rule.heard_by != Hears::audience)) {
            return false;
        }
        // What can be repeated leaves something to know it by: an answer, or a place in the call.
        if (rule.repeatable && !rule.writes && rule.who != Who::participant) {
            return false;
        }
        if ((rule.who == Who::participant) !=
            (rule.needs == Needs::call_lives && rule.heard_by == Hears::participants)) {
            return false;
        }
        // Only `ringing` and what is of the call leave `rev` as it is (contract, section 3).
        if (rule.raises_rev != event_raises_rev(rule.announces)) {
            return false;
        }
    }
    return true;
}
static_assert(rules_are_sound());

/// What a late request hears about an invitee's end.
constexpr Error already(State state) {
    switch (state) {
        case State::accepted:
            return Error::already_accepted;
        case State::rejected:
            return Error::already_rejected;
        case State::cancelled:
            return Error::already_cancelled;
        case State::timed_out:
            return Error::already_timed_out;
        case State::revoked:
            return Error::already_revoked;
        case State::pending:
            break;
    }
    return Error::already_invited;
}

}  // namespace beckon
