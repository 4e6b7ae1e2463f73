// SPDX-License-Identifier: Apache-2.0
#include "parts.hpp"

#include <unordered_set>
#include <utility>

namespace beckon {

namespace {

Event event_of(const Invitation& invitation, const Actor& by, EventBody body) {
    return {.id = *invitation.id,
            .rev = invitation.rev,
            .by = by.user != nullptr ? std::optional(*by.user->id) : std::nullopt,
            .by_device = by.device,
            .body = std::move(body)};
}

/// Those who hear of it: nobody, once the group has grown so large that the audience would be
/// over its limit.
std::vector<const User*> observers(const Invitation& invitation) {
    // The members are part of the audience: when they alone are too many, nobody is looked at.
    if (invitation.visibility != Visibility::members ||
        std::ssize(invitation.group->members) > invitation.group->max_audience) {
        return {};
    }
    auto others = onlookers(invitation);
    const auto audience = 1 + std::ssize(invitation.invitees) + std::ssize(others);
    if (audience > invitation.group->max_audience) {
        others.clear();
    }
    return others;
}

InvitationCancelled cancelled_event(const Invitation& invitation,
                                    const std::vector<Invitee*>& chosen, CancelReason reason,
                                    const std::optional<Data>& data) {
    InvitationCancelled event{.inviter = *invitation.inviter->id, .data = data, .reason = reason};
    for (const Invitee* invitee : chosen) {
        event.invitees.push_back(*invitee->user().id);
    }
    return event;
}

}  // namespace

std::shared_ptr<const Note> note(const Invitation& invitation, const std::optional<Data>& data,
                                 std::string reason) {
    if (!data && reason.empty()) {
        return nullptr;
    }
    return std::make_shared<const Note>(
        Note{.rev = invitation.rev + 1, .data = data, .reason = std::move(reason)});
}

std::vector<Invitee*> all_pending(Invitation& invitation) {
    std::vector<Invitee*> pending;
    for (Invitee& invitee : invitation.invitees) {
        if (invitee.pending()) {
            pending.push_back(&invitee);
        }
    }
    return pending;
}

bool is_private(const Invitation& invitation) {
    return invitation.visibility == Visibility::inviter;
}

void append_users(std::vector<UserId>& to, const std::vector<Invitee>& invitees) {
    for (const Invitee& invitee : invitees) {
        to.push_back(*invitee.user().id);
    }
}

std::vector<const User*> onlookers(const Invitation& invitation) {
    std::vector<const User*> others;
    if (invitation.visibility != Visibility::members) {
        return others;
    }
    std::unordered_set<const User*> parts{invitation.inviter};
    for (const Invitee& invitee : invitation.invitees) {
        parts.insert(&invitee.user());
    }
    for (const auto& [member, rank] : invitation.group->members) {
        if (!parts.contains(member)) {
            others.push_back(member);
        }
    }
    return others;
}

void append_observers(std::vector<UserId>& to, const Invitation& invitation) {
    for (const User* observer : observers(invitation)) {
        to.push_back(*observer->id);
    }
}

void tell(std::vector<UserId> to, const Invitation& invitation, const Actor& by, EventBody body,
          Effects& events) {
    const bool is_news = std::holds_alternative<NewInvitation>(body);
    events.emplace_back(Delivery{.to = std::move(to),
                                 .event = event_of(invitation, by, std::move(body)),
                                 .online_only = is_news && invitation.online_only,
                                 .alone = is_news && is_private(invitation)});
}

void announce(const Actor& by, Invitation& invitation, const std::vector<Invitee*>& concerned,
              EventBody body, Effects& events) {
    ++invitation.rev;
    Event event = event_of(invitation, by, std::move(body));
    std::vector<UserId> to{*invitation.inviter->id};
    bool alone = false;
    if (!is_private(invitation)) {
        append_users(to, invitation.invitees);
        append_observers(to, invitation);
    } else {
        if (invitees_in(event.body) != nullptr) {
            events.emplace_back(Delivery{.to = std::move(to), .event = event});
            to.clear();
            invitees_in(event.body)->clear();
            alone = true;
        }
        for (const Invitee* invitee : concerned) {
            to.push_back(*invitee->user().id);
        }
    }
    events.emplace_back(Delivery{.to = std::move(to), .event = std::move(event), .alone = alone});
}

std::int64_t hearers(const Invitation& invitation, std::size_t concerned) {
    if (is_private(invitation)) {
        return 1 + static_cast<std::int64_t>(concerned);
    }
    return 1 + std::ssize(invitation.invitees) + std::ssize(observers(invitation));
}

void end(Invitation& invitation, Invitee& invitee, State how, const Actor& by,
         std::shared_ptr<const Note> note) {
    invitee.end(how, by.user, by.device, std::move(note));
    --invitation.pending;
    --invitee.user().invited;
}

void cancel(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            CancelReason reason, const std::optional<Data>& data, Effects& events) {
    const auto why = note(invitation, data, std::string(name_of(reason)));
    for (Invitee* invitee : chosen) {
        end(invitation, *invitee, State::cancelled, by, why);
    }
    announce(by, invitation, chosen, cancelled_event(invitation, chosen, reason, data), events);
}

void revoke(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            RevokeReason reason, Effects& events) {
    const auto why = note(invitation, {}, std::string(name_of(reason)));
    InvitationRevoked event{.reason = reason};
    for (Invitee* invitee : chosen) {
        end(invitation, *invitee, State::revoked, by, why);
        event.invitees.push_back(*invitee->user().id);
    }
    announce(by, invitation, chosen, std::move(event), events);
}

void settle(SharedState& shared, Invitation& invitation) {
    shared.records.touch(invitation);
    if (invitation.pending > 0) {
        return;
    }
    shared.wheel.disarm(invitation);
    if (!invitation.open()) {
        shared.records.close(invitation, shared.now);
    }
}

void owe(SharedState& shared, const UserId& user, const Effects& events, std::size_t first) {
    std::int64_t count = 0;
    for (std::size_t i = first; i < events.size(); ++i) {
        count += std::ssize(std::get<Delivery>(events[i]).to);
    }
    if (count > 0) {
        shared.owe(user, count);
    }
}

}  // namespace beckon
