// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <algorithm>

/// What each row of the table must be like, or this does not compile.
namespace beckon {

namespace {

consteval bool event_raises_rev(std::size_t event) {
    return []<class... Bodies>(std::size_t index, const std::variant<Bodies...>* /*all*/) {
        return std::array{raises_rev<Bodies>...}[index];
    }(event, static_cast<const EventBody*>(nullptr));
}

consteval bool asks(const Rule& rule) { return rule.writes == State::pending; }
consteval bool ends_parts(const Rule& rule) { return rule.writes && !asks(rule); }
consteval bool is_request(const Rule& rule) { return !rule.verb.empty(); }
/// Only another row leads to it.
consteval bool is_led_to(const Rule& rule) {
    return rule.cause == Cause::taken || rule.cause == Cause::call_over ||
           rule.cause == Cause::call_was_over;
}
/// By a member, who is neither the inviter nor one who is asked, perhaps.
consteval bool is_of_group(const Rule& rule) {
    return rule.cause == Cause::left_group || rule.cause == Cause::removed ||
           rule.cause == Cause::inviter_left || rule.cause == Cause::dismissed;
}

/// The event that tells this, and why.
consteval bool tells_what_it_writes(const Rule& rule) {
    struct Fits {
        State state;
        std::size_t event;
        /// The kind of reason, as an index into `Reason`.
        std::size_t reason;
    };
    constexpr std::array fits{Fits{State::pending, index_of<NewInvitation>, 0},
                              Fits{State::accepted, index_of<InviteeAccepted>, 0},
                              Fits{State::rejected, index_of<InviteeRejected>, 0},
                              Fits{State::cancelled, index_of<InvitationCancelled>, 1},
                              Fits{State::timed_out, index_of<InvitationTimeout>, 0},
                              Fits{State::revoked, index_of<InvitationRevoked>, 2}};
    return std::any_of(fits.begin(), fits.end(), [&](const Fits& one) {
        return rule.writes == one.state && rule.tells[0].event == one.event &&
               rule.reason.index() == one.reason;
    });
}

/// Whoever ends a part must find it pending, and says so to the audience; whoever asks tells those
/// who are asked.
consteval bool writes_well(const Rule& rule) {
    if (!rule.writes) {
        // Why a call is left or ends, where nobody says it.
        const bool needs_reason =
            !is_request(rule) && (rule.call == OnCall::leaves || rule.call == OnCall::ends);
        return needs_reason ? std::holds_alternative<std::string_view>(rule.reason)
                            : std::holds_alternative<std::monostate>(rule.reason);
    }
    if (!tells_what_it_writes(rule)) {
        return false;
    }
    if (asks(rule)) {
        return rule.tells[0].heard_by == Hears::asked && !rule.tells[1].empty();
    }
    const bool finds_them_pending =
        is_request(rule) ? rule.needs == Needs::sender_pending ||
                               rule.needs == Needs::somebody_pending_unless_named
        : rule.cause == Cause::taken ? rule.needs == Needs::first_answer_counts
                                     : rule.needs == Needs::somebody_pending;
    return finds_them_pending && rule.tells[0].heard_by == Hears::audience && rule.tells[1].empty();
}

/// Only `ringing` and what is of the call leave `rev` as it is (contract, section 3).
consteval bool tells_well(const Rule& rule) {
    for (const Told& told : rule.tells) {
        if (told.empty() != (told.heard_by == Hears::nobody)) {
            return false;
        }
        if (!told.empty() && event_raises_rev(told.event) != rule.raises_rev) {
            return false;
        }
        if ((told.event == index_of<SignalEvent>) != (told.heard_by == Hears::addressees) ||
            (told.event == index_of<InviteeRinging>) != (told.heard_by == Hears::inviter)) {
            return false;
        }
    }
    return !(rule.tells[0].empty() && (rule.raises_rev || !rule.tells[1].empty()));
}

/// A second demand is one that the first leaves open.
consteval bool narrows(const Demand& first, const Demand& second) {
    switch (second.who) {
        case Who::anybody:
        case Who::member:
            return true;
        case Who::inviter:
            return first.who == Who::participant;
        default:
            return false;
    }
}

/// The sender pays and can be told no; all else is owed: by the member who acts, else by the
/// inviter.
consteval Pays payer_of(const Rule& rule) {
    return is_request(rule)    ? Pays::sender
           : is_led_to(rule)   ? Pays::with_its_cause
           : is_of_group(rule) ? Pays::actor_owes
                               : Pays::inviter_owes;
}

consteval bool is_asked_well(const Rule& rule) {
    const bool by_nobody = rule.may[0].who == Who::nobody;
    if (by_nobody == is_request(rule) || !narrows(rule.may[0], rule.may[1]) ||
        rule.pays != payer_of(rule)) {
        return false;
    }
    for (const Demand& demand : rule.may) {
        const bool can_fail = demand.who != Who::nobody && demand.who != Who::anybody;
        if (can_fail != (demand.otherwise != Error::internal)) {
            return false;
        }
    }
    const bool only_first = by_nobody || rule.cause == Cause::invite;
    if ((only_first && rule.may[1].who != Who::anybody) ||
        (rule.late == Late::who_took_it && !(asks(rule) && rule.needs == Needs::open)) ||
        (rule.late == Late::own_part) != (rule.may[0].who == Who::returner)) {
        return false;
    }
    const bool makes_it = rule.cause == Cause::invite;
    return makes_it == (rule.may[0].who == Who::another) &&
           makes_it == (rule.needs == Needs::new_id) &&
           makes_it == (rule.repeat == Repeat::same_id);
}

/// What can be repeated leaves something to know it by: an answer, or a place in the call.
consteval bool is_repeated_well(const Rule& rule) {
    if ((rule.repeat == Repeat::own_cancel) !=
        (rule.needs == Needs::somebody_pending_unless_named)) {
        return false;
    }
    switch (rule.repeat) {
        case Repeat::nothing:
            return true;
        case Repeat::same_id:
            return asks(rule);
        case Repeat::own_answer:
            return ends_parts(rule) && rule.needs == Needs::sender_pending;
        case Repeat::own_cancel:
            return is_request(rule) && std::holds_alternative<CancelReason>(rule.reason);
        case Repeat::hung_up:
            return is_request(rule) && rule.call == OnCall::leaves;
        case Repeat::hung_up_for_all:
            return is_request(rule) && rule.call == OnCall::ends;
        case Repeat::own_place:
            return rule.call == OnCall::moves || rule.call == OnCall::returns;
    }
    return false;
}

/// What a call ends by is told by `call_over`, and who leaves or moves tells the others.
consteval bool calls_well(const Rule& rule) {
    const bool of_call = rule.call == OnCall::moves || rule.call == OnCall::returns ||
                         rule.call == OnCall::leaves || rule.call == OnCall::ends ||
                         rule.cause == Cause::call_over;
    if (of_call != (rule.needs == Needs::call_lives) ||
        (rule.call == OnCall::joins) != (rule.writes == State::accepted)) {
        return false;
    }
    if (rule.call == OnCall::ends) {
        return rule.tells[0].empty();
    }
    if (is_led_to(rule) && rule.call != OnCall::nothing) {
        return false;
    }
    const bool is_over = rule.cause == Cause::call_over;
    return is_over == (rule.tells[0].heard_by == Hears::call_audience) &&
           (of_call && !is_over) == (rule.tells[0].heard_by == Hears::participants);
}

/// Who takes it may end it for the others, and so does the end of the call.
consteval bool leads_well(const Rule& rule) {
    const bool takes_it = rule.call == OnCall::joins;
    const bool ends_call = rule.cause == Cause::call_over;
    return takes_it == (rule.then == Cause::taken) &&
           ends_call == (rule.then == Cause::call_was_over) &&
           (takes_it || ends_call || !rule.then);
}

consteval bool rules_are_sound() {
    for (std::size_t i = 0; i < rule_table.size(); ++i) {
        const Rule& rule = rule_table[i];
        if (static_cast<std::size_t>(rule.cause) != i) {
            return false;
        }
        if (!writes_well(rule) || !tells_well(rule) || !is_asked_well(rule) ||
            !is_repeated_well(rule) || !calls_well(rule) || !leads_well(rule)) {
            return false;
        }
    }
    return rule_table.size() == static_cast<std::size_t>(Cause::call_was_over) + 1;
}
static_assert(rules_are_sound());

}  // namespace

}  // namespace beckon
