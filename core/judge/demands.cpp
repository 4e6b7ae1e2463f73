// SPDX-License-Identifier: Apache-2.0
#include "demands.hpp"

#include <algorithm>
#include <utility>

#include "audience.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

bool may_return(const UserId& user, const Invitation& invitation) {
    const Invitee* invitee = invitee_of(invitation, user);
    if (!invitation.call || (invitee == nullptr && *invitation.inviter->id != user)) {
        return false;
    }
    if (!lives(invitation)) {
        return invitee != nullptr || call_has_ended(invitation);
    }
    if (was_in_call(*invitation.call, user)) {
        return true;
    }
    return invitee != nullptr && invitation.answer == Answer::all &&
           invitee->state() != State::cancelled && invitee->state() != State::revoked;
}

bool is_allowed(Who who, const Sender& sender, const Invitation& invitation) {
    const UserId& user = sender.user;
    const bool inviter = *invitation.inviter->id == user;
    const Invitee* invitee = invitee_of(invitation, user);
    switch (who) {
        case Who::nobody:
            return false;
        case Who::anybody:
            return true;
        case Who::another:
            return invitation.target == nullptr || *invitation.target->id != user;
        case Who::invitee:
            return invitee != nullptr;
        case Who::inviter:
            return inviter;
        case Who::canceller:
            return inviter || (invitation.group && !is_private(invitation.visibility) &&
                               invitation.group->rank_of(user) >= Rank::admin);
        case Who::returner:
            return may_return(user, invitation);
        case Who::inviter_or_accepted:
            return inviter || (invitee != nullptr && invitee->state() == State::accepted);
        case Who::hearer:
            return sender.is_operator || is_hearer(invitation, user);
        case Who::speaker:
            return voice_of(invitation, user).speaks();
        case Who::participant:
            return in_call(invitation, user) != nullptr;
        case Who::member:
            return !invitation.group || invitation.group->has(user);
    }
    return false;
}

bool ended_by(const Invitee& invitee, State how, const Sender& sender) {
    return invitee.state() == how && invitee.by() != nullptr && *invitee.by()->id == sender.user &&
           invitee.device() == sender.device;
}

/// Nothing: there is something left to end, or this device ended nothing of it by this row.
std::optional<ReplyBody> repeated_cancel(const Rule& rule, const Sender& sender,
                                         const Invitation& invitation, const Named& named) {
    if (names_stranger(named, invitation)) {
        return std::nullopt;
    }
    Cancelled reply{.dup = true, .rev = invitation.rev};
    for (const Invitee& invitee : invitation.invitees) {
        if (!is_named(named, invitee)) {
            continue;
        }
        if (invitee.pending()) {
            return std::nullopt;
        }
        // Much else that a device asks cancels too, by what it leads to: for another reason.
        if (ended_by(invitee, *rule.writes, sender) && invitee.note() != nullptr &&
            invitee.note()->reason == name_of(rule.reason)) {
            reply.cancelled.push_back(*invitee.user().id);
        } else {
            reply.already.push_back({.user = *invitee.user().id, .state = invitee.state()});
        }
    }
    return reply.cancelled.empty() ? std::nullopt : std::optional<ReplyBody>(std::move(reply));
}

bool hung_up(const Sender& sender, const Invitation& invitation) {
    if (!invitation.call) {
        return false;
    }
    const auto& all = invitation.call->participants;
    return std::any_of(all.begin(), all.end(), [&](const Participant& one) {
        return *one.user->id == sender.user && one.hung_up == sender.device;
    });
}

bool did_this_already(const Rule& rule, const Sender& sender, const Invitation& invitation) {
    switch (rule.repeat) {
        case Repeat::own_answer: {
            const Invitee* invitee = invitee_of(invitation, sender.user);
            return invitee != nullptr && ended_by(*invitee, *rule.writes, sender);
        }
        case Repeat::hung_up:
            return hung_up(sender, invitation);
        case Repeat::hung_up_for_all:
            return hung_up(sender, invitation) && !lives(invitation);
        case Repeat::own_place: {
            const Participant* own = lives(invitation) ? in_call(invitation, sender.user) : nullptr;
            return own != nullptr && own->device == sender.device;
        }
        case Repeat::nothing:
        case Repeat::same_id:
        case Repeat::own_cancel:
            break;
    }
    return false;
}

}  // namespace

Named named_in(const Cancel& asked) {
    if (!asked.invitees) {
        return std::nullopt;
    }
    std::unordered_set<std::string_view> texts;
    for (const auto& user : *asked.invitees) {
        texts.insert(user.text());
    }
    return texts;
}

bool is_named(const Named& named, const Invitee& invitee) {
    return !named || named->contains(invitee.user().id->text());
}

bool names_stranger(const Named& named, const Invitation& invitation) {
    return named && std::cmp_not_equal(
                        named->size(),
                        std::count_if(invitation.invitees.begin(), invitation.invitees.end(),
                                      [&](const Invitee& one) { return is_named(named, one); }));
}

bool is_hearer(const Invitation& invitation, const UserId& user) {
    const bool is_shown_to_members =
        invitation.visibility == Visibility::members && invitation.group;
    return *invitation.inviter->id == user || invitee_of(invitation, user) != nullptr ||
           (is_shown_to_members && invitation.group->has(user));
}

std::optional<ReplyBody> repeated(const Rule& rule, const Sender& sender,
                                  const Invitation& invitation, const Named& named) {
    if (rule.repeat == Repeat::own_cancel) {
        return repeated_cancel(rule, sender, invitation, named);
    }
    return did_this_already(rule, sender, invitation)
               ? std::optional<ReplyBody>(Done{.dup = true, .rev = invitation.rev})
               : std::nullopt;
}

std::optional<Refusal> forbidden(const Rule& rule, const Sender& sender,
                                 const Invitation& invitation) {
    for (const Demand& demand : rule.may) {
        if (!is_allowed(demand.who, sender, invitation)) {
            auto refusal = refuse(demand.otherwise);
            if (rule.verb == Hangup::verb && invitation.pending > 0 && !lives(invitation)) {
                if (*invitation.inviter->id == sender.user) {
                    refusal.message = "nobody has answered: cancel ends what rings";
                } else if (invitee_of(invitation, sender.user) != nullptr) {
                    refusal.message = "it rings still: reject ends it for you";
                }
            }
            return refusal;
        }
    }
    return std::nullopt;
}

bool holds(Needs needs, const Invitation& invitation, std::size_t pending) {
    switch (needs) {
        case Needs::nothing:
        case Needs::new_id:
            return true;
        case Needs::sender_pending:
        case Needs::somebody_pending:
        case Needs::somebody_pending_unless_named:
            return pending > 0;
        case Needs::first_answer_counts:
            return pending > 0 && invitation.answer == Answer::first;
        case Needs::open:
            return pending > 0 || lives(invitation);
        case Needs::call_lives:
            return lives(invitation);
    }
    return false;
}

Refusal told_late(const Invitation& invitation, const Invitee& invitee) {
    auto refusal = refuse(already(invitee.state()));
    refusal.rev = invitation.rev;
    if (invitee.by() != nullptr) {
        refusal.by = *invitee.by()->id;
        refusal.by_device = invitee.device();
    }
    const Note* note = invitee.note();
    if (note != nullptr && note->reason == name_of(CancelReason::replaced)) {
        refusal.replaced_by = invitation.seldom().replaced_by;
    }
    return refusal;
}

std::optional<Refusal> too_late(const Rule& rule, const UserId& user, const Invitation& invitation,
                                const Named& named) {
    const auto& invitees = invitation.invitees;
    if (rule.needs == Needs::sender_pending) {
        const Invitee* invitee = invitee_of(invitation, user);
        return invitee->pending() ? std::nullopt : std::optional(told_late(invitation, *invitee));
    }
    const bool told_of_each =
        rule.needs == Needs::somebody_pending_unless_named && named && invitees.size() > 1;
    if (told_of_each || holds(rule.needs, invitation, invitation.pending)) {
        return std::nullopt;
    }
    const bool call_counts = rule.needs == Needs::open || rule.needs == Needs::call_lives;
    const bool call_is_over = call_counts && call_has_ended(invitation);
    if (rule.late == Late::own_part && !call_is_over) {
        return told_late(invitation, *invitee_of(invitation, user));
    }
    if (invitees.size() == 1 && !call_is_over) {
        return told_late(invitation, invitees.front());
    }
    if (rule.late == Late::who_took_it && invitation.answer == Answer::first && !call_is_over) {
        const auto taker = std::find_if(invitees.begin(), invitees.end(), [](const Invitee& one) {
            return one.state() == State::accepted;
        });
        if (taker != invitees.end()) {
            return told_late(invitation, *taker);
        }
    }
    auto refusal = refuse(Error::already_ended);
    refusal.rev = invitation.rev;
    return refusal;
}

}  // namespace beckon
