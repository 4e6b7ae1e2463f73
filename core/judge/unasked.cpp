// SPDX-License-Identifier: Apache-2.0
// What happens to invitations that nobody asks of them: deadlines, absence, members who leave.
#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "invitations.hpp"

namespace beckon {

namespace {

Instant earliest_deadline(const Invitation& invitation) {
    Instant first = never;
    for (const Invitee& invitee : invitation.invitees) {
        if (invitee.pending()) {
            first = std::min(first, invitee.deadline());
        }
    }
    return first;
}

/// Whether this invitation ends when `user` is lost.
bool loses(const Invitation& invitation, const User& user) {
    return invitation.inviter == &user && invitation.inviter_was_online &&
           !invitation.keep_when_lost;
}

std::vector<Invitee*> due_at(Invitation& invitation, Instant deadline) {
    auto late = all_pending(invitation);
    std::erase_if(late, [&](const Invitee* one) { return one->deadline() != deadline; });
    return late;
}

}  // namespace

void Invitations::happen(Cause cause, Invitation& invitation, const Actor& by,
                         std::vector<Invitee*> concerned, Effects& events) {
    Outcome outcome(
        shared_, rule_of(cause),
        circle_of(invitation, by.user != nullptr ? by.user->id : nullptr, std::move(concerned)));
    static_cast<void>(outcome.charge());  // is owed, so never refused
    outcome.conclude(invitation, by, {}, events);
}

void Invitations::come_due(Invitation& invitation, Effects& events) {
    while (invitation.pending > 0) {
        const Instant first = earliest_deadline(invitation);
        if (std::min(first, invitation.lifetime_end) > shared_.now) {
            break;
        }
        if (first > invitation.lifetime_end) {
            happen(Cause::lifetime_over, invitation, {}, all_pending(invitation), events);
        } else {
            happen(Cause::deadline, invitation, {}, due_at(invitation, first), events);
        }
    }
    if (invitation.pending > 0) {
        shared_.wheel.arm(invitation,
                          std::min(earliest_deadline(invitation), invitation.lifetime_end));
    }
    settle(shared_, invitation);
}

void Invitations::look_again(Invitation& invitation, Instant due) {
    if (!invitation.armed() || due < invitation.due()) {
        shared_.wheel.disarm(invitation);
        shared_.wheel.arm(invitation, due);
    }
}

void Invitations::set_online(const Sender& device, bool online, Effects& effects) {
    User& user = shared_.records.obtain(device.user);
    const bool was_online = user.online();
    std::erase(user.devices, device.device);
    if (online) {
        user.devices.push_back(device.device);
    }
    if (user.online() != was_online) {
        shared_.records.note_online(user);
    }
    if (user.online() == was_online) {
        // Another of this user's devices is there.
    } else if (online) {
        if (user.lost) {
            shared_.wheel.disarm(*user.lost);
            user.lost.reset();
        }
        for (Invitation* invitation : user.open) {
            if (invitation->inviter == &user && !invitation->inviter_was_online) {
                invitation->inviter_was_online = true;
                shared_.changes.mark(*invitation);
            }
        }
    } else if (std::any_of(user.open.begin(), user.open.end(),
                           [&](auto* one) { return loses(*one, user); })) {
        await(user);
    }
    if (was_online && !user.online() && shared_.operators) {
        tell_absent(user, effects);
    }
    calls_.set_online(user, device.device, online);
    shared_.records.release(user);
}

/// Of all that is pending for one whose last device has gone.
void Invitations::tell_absent(const User& user, Effects& effects) {
    for (const Invitation* invitation : user.open) {
        const Invitee* own = invitee_of(*invitation, *user.id);
        if (own != nullptr && own->pending()) {
            shared_.owe(*invitation->inviter->id, 1);
            effects.emplace_back(absent_asked(*invitation, {*user.id},
                                              remaining_until(own->deadline(), shared_.now)));
        }
    }
}

/// Gives an inviter who is not there the grace period to come back.
void Invitations::await(User& user) {
    if (!user.lost) {
        user.lost = std::make_unique<LostInviter>(user);
        shared_.wheel.arm(*user.lost, shared_.now + Duration(shared_.limits.grace_ms));
    }
}

void Invitations::lose(User& user, Effects& events) {
    if (shared_.now < shared_.first_lost()) {
        shared_.wheel.arm(*user.lost, shared_.first_lost());
        return;
    }
    if (shared_.store_takes_nothing) {
        shared_.wheel.arm(*user.lost, shared_.now + SharedState::moment);
        return;
    }
    const auto open = user.open;
    for (Invitation* invitation : open) {
        if (loses(*invitation, user) && invitation->pending > 0) {
            happen(Cause::inviter_lost, *invitation, {&user}, all_pending(*invitation), events);
            settle(shared_, *invitation);
        }
    }
    user.lost.reset();
    shared_.records.release(user);
}

void Invitations::part(Invitation& invitation, const std::unordered_set<const User*>& leaving,
                       const Actor& by, RevokeReason reason, Effects& events) {
    auto concerned = all_pending(invitation);
    const bool inviter_leaves = leaving.contains(invitation.inviter);
    if (!inviter_leaves) {
        std::erase_if(concerned, [&](auto* one) { return !leaving.contains(&one->user()); });
    }
    if (concerned.empty()) {
        return;  // its call lives on
    }
    const Cause cause = inviter_leaves                       ? Cause::inviter_left
                        : reason == RevokeReason::left_group ? Cause::left_group
                                                             : Cause::removed;
    happen(cause, invitation, by, std::move(concerned), events);
    shared_.records.hold_remover(invitation, *shared_.records.find(*by.user->id));
    settle(shared_, invitation);
}

void Invitations::parted(const Group& group, const std::vector<UserId>& gone, const Sender& sender,
                         RevokeReason reason, Effects& events) {
    std::unordered_set<const User*> leaving;
    std::map<std::uint64_t, Invitation*> concerned;
    for (const auto& id : gone) {
        const User& user = *shared_.records.find(id);
        leaving.insert(&user);
        for (Invitation* invitation : user.open) {
            if (invitation->group.get() == &group) {
                concerned.emplace(invitation->number, invitation);
            }
        }
    }
    const Actor by{shared_.records.find(sender.user), sender.device};
    for (const auto& [number, invitation] : concerned) {
        part(*invitation, leaving, by, reason, events);
    }
}

void Invitations::dismissed(const Group& group, const Sender& sender, Effects& events) {
    User& actor = *shared_.records.find(sender.user);
    // From the youngest: what is taken out then stands at the end. Calls that live go on.
    const std::vector<Invitation*> youngest_first(group.open.rbegin(), group.open.rend());
    for (Invitation* invitation : youngest_first) {
        if (invitation->pending == 0) {
            continue;
        }
        happen(Cause::dismissed, *invitation, {&actor, sender.device}, all_pending(*invitation),
               events);
        shared_.records.hold_remover(*invitation, actor);
        settle(shared_, *invitation);
    }
}

void Invitations::restored(Invitation& invitation) {
    if (invitation.ended()) {
        return;
    }
    look_again(invitation, invitation.lifetime_end);
    if (loses(invitation, *invitation.inviter)) {
        await(*invitation.inviter);
    }
}

void Invitations::restored(Invitation& invitation, Instant deadline) {
    look_again(invitation, std::min(deadline, invitation.lifetime_end));
}

}  // namespace beckon
