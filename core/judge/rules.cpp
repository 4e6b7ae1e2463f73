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
        return rule.reason.index() == 0 || std::holds_alternative<std::string_view>(rule.reason);
    }
    if (!tells_what_it_writes(rule)) {
        return false;
    }
    if (asks(rule)) {
        return rule.tells[0].heard_by == Hears::asked && !rule.tells[1].empty();
    }
    const bool finds_them_pending = rule.needs == Needs::sender_pending ||
                                    rule.needs == Needs::somebody_pending ||
                                    rule.needs == Needs::somebody_pending_unless_named ||
                                    rule.needs == Needs::first_answer_counts;
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
    }
    return !(rule.tells[0].empty() && (rule.raises_rev || !rule.tells[1].empty()));
}

/// The sender pays and can be told no; all else is owed.
consteval bool is_asked_well(const Rule& rule) {
    const bool by_nobody = rule.may[0].who == Who::nobody;
    if (by_nobody == is_request(rule) || rule.may[1].who == Who::nobody ||
        is_request(rule) != (rule.pays == Pays::sender)) {
        return false;
    }
    for (const Demand& demand : rule.may) {
        const bool can_fail = demand.who != Who::nobody && demand.who != Who::anybody;
        if (can_fail != (demand.otherwise != Error::internal)) {
            return false;
        }
    }
    const bool makes_it = rule.cause == Cause::invite;
    return makes_it == (rule.may[0].who == Who::another) &&
           makes_it == (rule.needs == Needs::new_id) &&
           makes_it == (rule.repeat == Repeat::same_id);
}

/// What can be repeated leaves something to know it by: an answer, or a place in the call.
consteval bool is_repeated_well(const Rule& rule) {
    switch (rule.repeat) {
        case Repeat::nothing:
            return true;
        case Repeat::same_id:
            return asks(rule);
        case Repeat::own_answer:
            return ends_parts(rule) && rule.needs == Needs::sender_pending;
        case Repeat::own_cancel:
            return std::holds_alternative<CancelReason>(rule.reason);
        case Repeat::hung_up:
            return is_request(rule) && rule.call == OnCall::leaves;
        case Repeat::hung_up_for_all:
            return is_request(rule) && rule.call == OnCall::ends;
        case Repeat::own_place:
            return rule.call == OnCall::moves;
    }
    return false;
}

/// What a call ends by is told by `call_over`, and who leaves or moves tells the others.
consteval bool calls_well(const Rule& rule) {
    const bool of_call = rule.call == OnCall::moves || rule.call == OnCall::leaves ||
                         rule.call == OnCall::ends || rule.cause == Cause::call_over;
    if (of_call != (rule.needs == Needs::call_lives) ||
        (rule.call == OnCall::joins) != (rule.writes == State::accepted)) {
        return false;
    }
    if (rule.call == OnCall::ends) {
        return rule.tells[0].empty();
    }
    return of_call == (rule.tells[0].heard_by == Hears::participants);
}

/// One row leads to another, which leads nowhere.
consteval bool leads_well(const Rule& rule) {
    if (!rule.then) {
        return true;
    }
    const Rule& next = rule_of(*rule.then);
    return !is_request(next) && next.pays == Pays::with_its_cause && ends_parts(next) && !next.then;
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
