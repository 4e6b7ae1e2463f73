// SPDX-License-Identifier: Apache-2.0
#include "audience.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "judge/invariant.hpp"

namespace beckon {

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

std::vector<UserId> participants_of(const Call& call) {
    std::vector<UserId> users;
    for (const Participant& one : call.participants) {
        if (one.takes_part) {
            users.push_back(*one.user->id);
        }
    }
    return users;
}

bool was_in_call(const Call& call, const UserId& user) {
    return std::any_of(call.participants.begin(), call.participants.end(),
                       [&](const Participant& one) { return *one.user->id == user; });
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

Circle circle_of(Invitation& invitation, const UserId* actor, std::vector<Invitee*> concerned) {
    return {.inviter = *invitation.inviter->id,
            .visibility = invitation.visibility,
            .group = invitation.group.get(),
            .invitation = &invitation,
            .actor = actor,
            .concerned = std::move(concerned)};
}

namespace {

std::int64_t invitee_count(const Circle& circle) {
    return circle.invitation == nullptr ? 0 : std::ssize(circle.invitation->invitees);
}

void append_invitees(std::vector<UserId>& to, const Circle& circle) {
    if (circle.invitation != nullptr) {
        for (const Invitee& invitee : circle.invitation->invitees) {
            to.push_back(*invitee.user().id);
        }
    }
}

void append_onlookers(std::vector<UserId>& to, const Circle& circle) {
    if (circle.visibility != Visibility::members) {
        return;
    }
    std::unordered_set<const User*> parts;
    if (circle.invitation != nullptr) {
        for (const Invitee& invitee : circle.invitation->invitees) {
            parts.insert(&invitee.user());
        }
    }
    std::unordered_set<std::string_view> asked;
    for (const UserId& user : circle.asked) {
        asked.insert(user.text());
    }
    for (const auto& [member, rank] : circle.group->members) {
        if (*member->id != circle.inviter && !parts.contains(member) &&
            !asked.contains(member->id->text())) {
            to.push_back(*member->id);
        }
    }
}

/// Nobody of the group, once it has grown so large that the audience would be over its limit.
void append_onlookers_within_limit(std::vector<UserId>& to, const Circle& circle) {
    // The members are part of the audience: when they alone are too many, nobody is looked at.
    if (circle.group == nullptr || std::ssize(circle.group->members) > circle.group->max_audience) {
        return;
    }
    const auto without = std::ssize(to);
    append_onlookers(to, circle);
    if (std::ssize(to) > circle.group->max_audience) {
        to.resize(static_cast<std::size_t>(without));
    }
}

std::vector<UserId> audience(const Circle& circle) {
    std::vector<UserId> to;
    if (is_private(circle.visibility)) {
        to.reserve(1 + circle.concerned.size());
        to.push_back(circle.inviter);
        for (const Invitee* invitee : circle.concerned) {
            to.push_back(*invitee->user().id);
        }
        return to;
    }
    to.reserve(static_cast<std::size_t>(1 + invitee_count(circle)));
    to.push_back(circle.inviter);
    append_invitees(to, circle);
    append_onlookers_within_limit(to, circle);
    return to;
}

std::vector<UserId> call_audience(const Circle& circle) {
    if (!is_private(circle.visibility)) {
        return audience(circle);
    }
    std::vector<UserId> to{circle.inviter};
    for (const Participant& one : circle.invitation->call->participants) {
        if (*one.user->id != circle.inviter) {
            to.push_back(*one.user->id);
        }
    }
    return to;
}

std::vector<UserId> participants(const Circle& circle) {
    auto to = participants_of(*circle.invitation->call);
    if (circle.actor != nullptr && std::find(to.begin(), to.end(), *circle.actor) == to.end()) {
        to.push_back(*circle.actor);
    }
    return to;
}

std::vector<UserId> those_before(const Circle& circle) {
    std::vector<UserId> to{circle.inviter};
    if (!is_private(circle.visibility)) {
        append_invitees(to, circle);
        append_onlookers(to, circle);
    }
    return to;
}

std::vector<UserId> addressees(const Circle& circle) {
    const Invitation& invitation = *circle.invitation;
    const UserId& from = *circle.actor;
    const Voice voice = voice_of(invitation, from);
    if (circle.to != nullptr) {
        const bool is_reached =
            *circle.to != from && voice.reaches(voice_of(invitation, *circle.to));
        return is_reached ? std::vector{*circle.to} : std::vector<UserId>{};
    }
    std::vector<UserId> to;
    if (lives(invitation) && voice.talks) {
        to = participants_of(*invitation.call);
        std::erase(to, from);
    } else if (voice.inviter && !lives(invitation)) {
        for (const Invitee& invitee : invitation.invitees) {
            if (invitee.pending()) {
                to.push_back(*invitee.user().id);
            }
        }
    } else if (voice.pending) {
        to.push_back(circle.inviter);
    }
    return to;
}

}  // namespace

std::vector<UserId> hearers(Hears who, const Circle& circle) {
    switch (who) {
        case Hears::nobody:
            return {};
        case Hears::inviter:
            return {circle.inviter};
        case Hears::audience:
            return audience(circle);
        case Hears::asked:
            return {circle.asked.begin(), circle.asked.end()};
        case Hears::onlookers: {
            std::vector<UserId> to;
            append_onlookers(to, circle);
            return to;
        }
        case Hears::inviter_elsewhere:
            return circle.inviter_elsewhere ? std::vector{circle.inviter} : std::vector<UserId>{};
        case Hears::those_before:
            return those_before(circle);
        case Hears::addressees:
            return addressees(circle);
        case Hears::call_audience:
            return call_audience(circle);
        case Hears::participants:
            return participants(circle);
    }
    throw InvariantBroken("each way to hear is known");
}

}  // namespace beckon
