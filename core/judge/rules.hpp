// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/errors.hpp"
#include "protocol/events.hpp"
#include "protocol/requests.hpp"

/// All that can happen to an invitation (contract, sections 4 and 7): who may ask for it and when,
/// what it writes, and who hears of it. The switchboard does what this table says: demands.hpp
/// judges by it, audience.hpp finds who hears, outcome.hpp concludes. docs/protocol.md's table is
/// printed from it; rules.cpp lets no row compile that cannot be.
///
///   invite, add
///        │
///        ▼         accept, by the invitee
///   ┌─────────┐ ───────────────────────────────────────────────► accepted
///   │ pending │ ── reject, by the invitee ─────────────────────► rejected
///   │         │ ── cancel, by the inviter ─────────────────────► cancelled
///   │         │      (or another took it, they talk already, the inviter asked anew, the
///   │         │       lifetime is over, the call ended, the inviter was lost or left)
///   │         │ ── the deadline, by the broker's clock ────────► timed_out
///   └─────────┘ ── left the group or removed from it ──────────► revoked
///
/// An invitation is open while an invitee is pending or its call lives, else ended. The call
/// is drawn in call.hpp.
namespace beckon {

/// What makes it happen: a request, time, absence, a group, or another row.
enum class Cause : std::uint8_t {
    invite,
    accept,
    reject,
    cancel,
    modify,
    ringing,
    add,
    get,
    signal,
    join,
    hangup,
    /// With `all`.
    hangup_all,
    resume,
    /// Somebody took it, and one answer is enough.
    taken,
    /// Who is asked has just accepted another call of the inviter's.
    talk_already,
    /// The inviter has asked anew, by the same topic.
    replaced,
    deadline,
    lifetime_over,
    /// One who is asked left the group, or was removed.
    left_group,
    removed,
    /// The inviter is in the group no more.
    inviter_left,
    dismissed,
    /// Away for longer than the grace period.
    inviter_lost,
    participant_lost,
    /// Likewise, and another device of the user's has signalled.
    participant_replaced,
    max_call,
    /// Nobody is left to talk to.
    call_over,
    /// Others were still pending.
    call_was_over,
};

/// Who may ask; a hearer is told of it, asked or not, and operators hear of everything.
enum class Who : std::uint8_t {
    /// Nobody: it is no request.
    nobody,
    anybody,
    /// Anybody but whom the topic names.
    another,
    invitee,
    inviter,
    /// The inviter and, where the group sees it, its owner and admins.
    canceller,
    inviter_or_accepted,
    /// The inviter once there is a call, and who was asked; while it lives, only who may come into
    /// it: not who was cancelled or revoked and, where one answer is enough, who has been in it.
    returner,
    hearer,
    /// The inviter, who is pending, and who takes part in the call or, without one, accepted.
    speaker,
    /// In the call.
    participant,
    /// In a group, only a member of it.
    member,
};
struct Demand {
    Who who = Who::anybody;
    /// What anybody else hears.
    Error otherwise = Error::internal;
};
/// What must hold, or a request comes too late, and the rest does not happen.
enum class Needs : std::uint8_t {
    nothing,
    new_id,
    sender_pending,
    somebody_pending,
    /// Likewise, but who names some of several is told of each.
    somebody_pending_unless_named,
    /// Somebody is pending, and one answer is enough.
    first_answer_counts,
    /// Somebody is pending, or the call lives.
    open,
    call_lives,
};
/// What a request hears that is too late for an invitation of several.
enum class Late : std::uint8_t {
    /// That it has ended.
    ended,
    /// Who took it, when that is all that stands against it.
    who_took_it,
    /// How the sender's part stands, before there is a call.
    own_part,
};
/// By what a request that the same device made before is known again: it hears ok with `dup`.
enum class Repeat : std::uint8_t {
    nothing,
    same_id,
    /// This device ended the sender's part so.
    own_answer,
    /// A cancel of this device ended it.
    own_cancel,
    /// This device hung up.
    hung_up,
    /// It did, and the call is over.
    hung_up_for_all,
    /// This device takes part.
    own_place,
};
/// Whose rate of events it counts for.
enum class Pays : std::uint8_t {
    /// The sender's, who is refused if there is not enough of it.
    sender,
    /// What nobody can be refused for is owed.
    actor_owes,
    inviter_owes,
    /// Whoever pays for the row that led to this one.
    with_its_cause,
};
/// Who gets an event.
enum class Hears : std::uint8_t {
    nobody,
    inviter,
    /// The inviter and all invitees, with visibility `inviter` only those whom it concerns; with
    /// `members` the group too, unless it has grown so large that they would be over the limit.
    audience,
    /// Whom this row asks.
    asked,
    /// With visibility `members`, who is in the group and has no part in it.
    onlookers,
    /// The inviter, where another device than that which asks is online.
    inviter_elsewhere,
    /// The audience as it was before this row asked others.
    those_before,
    /// The audience, of what concerns all who ever took part; who did not is told no data.
    call_audience,
    /// Of those whom the sender can speak to, `to`; without it all of the call or, before one
    /// lives, the inviter or all who are pending.
    addressees,
    /// Who takes part, and who comes or goes.
    participants,
};
/// What it does to a call.
enum class OnCall : std::uint8_t {
    nothing,
    joins,
    /// Likewise, into the old place if there is one.
    returns,
    moves,
    /// With two in it, this is `call_over` instead.
    leaves,
    /// It is `call_over`, always.
    ends,
};

/// Of an event, its place among the bodies of `EventBody`.
template <class Body>
inline constexpr std::size_t index_of =
    []<class... Bodies>(const std::variant<Bodies...>* /*all*/) {
        std::size_t index = 0;
        static_cast<void>(((std::same_as<Body, Bodies> || (++index, false)) || ...));
        return index;
    }(static_cast<const EventBody*>(nullptr));
inline constexpr std::size_t no_event = std::variant_size_v<EventBodies>;

/// One event, and who gets it.
struct Told {
    std::size_t event = no_event;
    Hears heard_by = Hears::nobody;

    [[nodiscard]] constexpr bool empty() const { return event == no_event; }
};
template <class Body>
constexpr Told tell(Hears who) {
    return {.event = index_of<Body>, .heard_by = who};
}

/// Why, as events and notes say it; nothing: as whoever asks says it.
using Reason = std::variant<std::monostate, CancelReason, RevokeReason, std::string_view>;

struct Rule {
    Cause cause = Cause::invite;
    /// Empty: no request.
    std::string_view verb{};
    /// All of these.
    std::array<Demand, 2> may{Demand{.who = Who::nobody}};
    Needs needs = Needs::nothing;
    Late late = Late::ended;
    Repeat repeat = Repeat::nothing;
    Pays pays = Pays::sender;
    /// What becomes of the pending invitees that it is about; `pending`: it asks them.
    std::optional<State> writes{};
    Reason reason{};
    std::array<Told, 3> tells{};
    /// Once, whatever it tells.
    bool raises_rev = false;
    OnCall call = OnCall::nothing;
    /// What happens next to all others who are pending, if what that needs holds.
    std::optional<Cause> then{};
};

inline constexpr std::array rule_table{
    Rule{.cause = Cause::invite,
         .verb = Invite::verb,
         .may = {Demand{Who::another, Error::invalid_request}},
         .needs = Needs::new_id,
         .repeat = Repeat::same_id,
         .writes = State::pending,
         .tells = {tell<NewInvitation>(Hears::asked), tell<NewInvitation>(Hears::onlookers),
                   tell<NewInvitation>(Hears::inviter_elsewhere)},
         .raises_rev = true},
    Rule{.cause = Cause::accept,
         .verb = Accept::verb,
         .may = {Demand{Who::invitee, Error::not_invitee}},
         .needs = Needs::sender_pending,
         .repeat = Repeat::own_answer,
         .writes = State::accepted,
         .tells = {tell<InviteeAccepted>(Hears::audience)},
         .raises_rev = true,
         .call = OnCall::joins,
         .then = Cause::taken},
    Rule{.cause = Cause::reject,
         .verb = Reject::verb,
         .may = {Demand{Who::invitee, Error::not_invitee}},
         .needs = Needs::sender_pending,
         .repeat = Repeat::own_answer,
         .writes = State::rejected,
         .tells = {tell<InviteeRejected>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::cancel,
         .verb = Cancel::verb,
         .may = {Demand{Who::canceller, Error::not_inviter}},
         .needs = Needs::somebody_pending_unless_named,
         .repeat = Repeat::own_cancel,
         .writes = State::cancelled,
         .reason = CancelReason::cancelled,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::modify,
         .verb = Modify::verb,
         .may = {Demand{Who::inviter, Error::not_inviter}},
         .needs = Needs::somebody_pending,
         .tells = {tell<InvitationModified>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::ringing,
         .verb = Ringing::verb,
         .may = {Demand{Who::invitee, Error::not_invitee}},
         .needs = Needs::sender_pending,
         .tells = {tell<InviteeRinging>(Hears::inviter)}},
    Rule{
        .cause = Cause::add,
        .verb = Add::verb,
        .may = {Demand{Who::inviter_or_accepted, Error::not_participant},
                Demand{Who::member, Error::not_member}},
        .needs = Needs::open,
        .late = Late::who_took_it,
        .writes = State::pending,
        .tells = {tell<NewInvitation>(Hears::asked), tell<InvitationModified>(Hears::those_before)},
        .raises_rev = true},
    Rule{.cause = Cause::get,
         .verb = Get::verb,
         .may = {Demand{Who::hearer, Error::not_participant}}},
    Rule{.cause = Cause::signal,
         .verb = Signal::verb,
         .may = {Demand{Who::speaker, Error::not_participant}},
         .needs = Needs::open,
         .tells = {tell<SignalEvent>(Hears::addressees)}},
    Rule{.cause = Cause::join,
         .verb = Join::verb,
         .may = {Demand{Who::returner, Error::not_participant},
                 Demand{Who::member, Error::not_member}},
         .needs = Needs::call_lives,
         .late = Late::own_part,
         .repeat = Repeat::own_place,
         .tells = {tell<ParticipantJoined>(Hears::participants)},
         .call = OnCall::returns},
    Rule{.cause = Cause::hangup,
         .verb = Hangup::verb,
         .may = {Demand{Who::participant, Error::not_participant}},
         .needs = Needs::call_lives,
         .repeat = Repeat::hung_up,
         .tells = {tell<ParticipantLeft>(Hears::participants)},
         .call = OnCall::leaves},
    Rule{.cause = Cause::hangup_all,
         .verb = Hangup::verb,
         .may = {Demand{Who::participant, Error::not_participant},
                 Demand{Who::inviter, Error::not_inviter}},
         .needs = Needs::call_lives,
         .repeat = Repeat::hung_up_for_all,
         .call = OnCall::ends},
    Rule{.cause = Cause::resume,
         .verb = Resume::verb,
         .may = {Demand{Who::participant, Error::not_participant}},
         .needs = Needs::call_lives,
         .repeat = Repeat::own_place,
         .tells = {tell<ParticipantMoved>(Hears::participants)},
         .call = OnCall::moves},
    Rule{.cause = Cause::taken,
         .needs = Needs::first_answer_counts,
         .pays = Pays::with_its_cause,
         .writes = State::cancelled,
         .reason = CancelReason::answered,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::talk_already,
         .needs = Needs::somebody_pending,
         .pays = Pays::inviter_owes,
         .writes = State::cancelled,
         .reason = CancelReason::answered,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::replaced,
         .needs = Needs::somebody_pending,
         .pays = Pays::inviter_owes,
         .writes = State::cancelled,
         .reason = CancelReason::replaced,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::deadline,
         .needs = Needs::somebody_pending,
         .pays = Pays::inviter_owes,
         .writes = State::timed_out,
         .tells = {tell<InvitationTimeout>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::lifetime_over,
         .needs = Needs::somebody_pending,
         .pays = Pays::inviter_owes,
         .writes = State::cancelled,
         .reason = CancelReason::expired,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::left_group,
         .needs = Needs::somebody_pending,
         .pays = Pays::actor_owes,
         .writes = State::revoked,
         .reason = RevokeReason::left_group,
         .tells = {tell<InvitationRevoked>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::removed,
         .needs = Needs::somebody_pending,
         .pays = Pays::actor_owes,
         .writes = State::revoked,
         .reason = RevokeReason::removed,
         .tells = {tell<InvitationRevoked>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::inviter_left,
         .needs = Needs::somebody_pending,
         .pays = Pays::actor_owes,
         .writes = State::cancelled,
         .reason = CancelReason::left_group,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::dismissed,
         .needs = Needs::somebody_pending,
         .pays = Pays::actor_owes,
         .writes = State::cancelled,
         .reason = CancelReason::group_dismissed,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::inviter_lost,
         .needs = Needs::somebody_pending,
         .pays = Pays::inviter_owes,
         .writes = State::cancelled,
         .reason = CancelReason::inviter_lost,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
    Rule{.cause = Cause::participant_lost,
         .needs = Needs::call_lives,
         .pays = Pays::inviter_owes,
         .reason = std::string_view("connection_lost"),
         .tells = {tell<ParticipantLeft>(Hears::participants)},
         .call = OnCall::leaves},
    Rule{.cause = Cause::participant_replaced,
         .needs = Needs::call_lives,
         .pays = Pays::inviter_owes,
         .tells = {tell<ParticipantMoved>(Hears::participants)},
         .call = OnCall::moves},
    Rule{.cause = Cause::max_call,
         .needs = Needs::call_lives,
         .pays = Pays::inviter_owes,
         .reason = std::string_view("expired"),
         .call = OnCall::ends},
    Rule{.cause = Cause::call_over,
         .needs = Needs::call_lives,
         .pays = Pays::with_its_cause,
         .tells = {tell<CallEnded>(Hears::call_audience)},
         .then = Cause::call_was_over},
    Rule{.cause = Cause::call_was_over,
         .needs = Needs::somebody_pending,
         .pays = Pays::with_its_cause,
         .writes = State::cancelled,
         .reason = CancelReason::call_ended,
         .tells = {tell<InvitationCancelled>(Hears::audience)},
         .raises_rev = true},
};

constexpr const Rule& rule_of(Cause cause) { return rule_table[static_cast<std::size_t>(cause)]; }

/// What it does is stored (contract, section 8).
constexpr bool is_stored(const Rule& rule) {
    return rule.writes || rule.raises_rev || rule.call != OnCall::nothing;
}

/// The row of a request that needs only its verb to be told.
consteval const Rule& rule_of(std::string_view verb) {
    for (const Rule& rule : rule_table) {
        if (!verb.empty() && rule.verb == verb) {
            return rule;
        }
    }
    throw "no rule for this verb";  // does not compile
}
template <class Verb>
constexpr const Rule& rule_for(const Verb& /*asked*/) {
    return rule_of(Verb::verb);
}
constexpr const Rule& rule_for(const Hangup& asked) {
    return rule_of(asked.all ? Cause::hangup_all : Cause::hangup);
}

/// The wire's word.
constexpr std::string_view name_of_event(std::size_t event) {
    return []<class... Bodies>(std::size_t index, const std::variant<Bodies...>* /*all*/) {
        return std::array{Bodies::event...}[index];
    }(event, static_cast<const EventBody*>(nullptr));
}
/// The wire's word for it; empty: whoever asks says it.
constexpr std::string_view name_of(const Reason& reason) {
    return std::visit(
        []<class Why>(const Why& why) -> std::string_view {
            if constexpr (std::same_as<Why, std::monostate>) {
                return {};
            } else if constexpr (std::same_as<Why, std::string_view>) {
                return why;
            } else {
                return name_of(why);
            }
        },
        reason);
}

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
