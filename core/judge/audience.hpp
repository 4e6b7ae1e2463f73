// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "group.hpp"
#include "invitation.hpp"
#include "rules.hpp"

/// Who hears of what happens to an invitation: `hearers` alone says it. What it finds is what a
/// user is charged for, and whom it is sent to. Pure.
namespace beckon {

template <class MaybeConst>
auto invitee_of(MaybeConst& invitation, const UserId& user)
    -> decltype(&invitation.invitees.front()) {
    for (auto& invitee : invitation.invitees) {
        if (*invitee.user().id == user) {
            return &invitee;
        }
    }
    return nullptr;
}

bool lives(const Invitation& invitation);
bool call_has_ended(const Invitation& invitation);
/// The user's place in the call: nothing before it has begun; when it has ended, for all who
/// ever had one.
const Participant* in_call(const Invitation& invitation, const UserId& user);
/// Those who take part.
std::vector<UserId> participants_of(const Call& call);
/// Whether the user takes part, or did.
bool was_in_call(const Call& call, const UserId& user);

/// What a user may say in an invitation, and to whom.
struct Voice {
    bool inviter = false;
    bool pending = false;
    /// Takes part in the call, while one lives; else the inviter and everyone who accepted.
    bool talks = false;

    [[nodiscard]] bool speaks() const { return inviter || pending || talks; }
    [[nodiscard]] bool reaches(const Voice& other) const {
        return (inviter && other.pending) || (pending && other.inviter) || (talks && other.talks);
    }
};
Voice voice_of(const Invitation& invitation, const UserId& user);

/// Whether each invitee reads of nobody but itself.
inline bool is_private(Visibility visibility) { return visibility == Visibility::inviter; }

/// Those around an invitation when something happens to it, before that has changed anything.
struct Circle {
    const UserId& inviter;
    Visibility visibility = Visibility::invitees;
    const Group* group = nullptr;
    /// Nothing: it is about to be made.
    Invitation* invitation = nullptr;
    /// Who does it; nobody: the clock.
    const UserId* actor = nullptr;
    /// Who is to be asked.
    std::span<const UserId> asked{};
    /// The invitees it is about.
    std::vector<Invitee*> concerned{};
    /// The inviter has a device online other than that which asks.
    bool inviter_elsewhere = false;
    /// Whom a signal names.
    const UserId* to = nullptr;
};
Circle circle_of(Invitation& invitation, const UserId* actor, std::vector<Invitee*> concerned = {});

std::vector<UserId> hearers(Hears who, const Circle& circle);

}  // namespace beckon
