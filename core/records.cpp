// SPDX-License-Identifier: Apache-2.0
#include "records.hpp"

#include <algorithm>
#include <cassert>
#include <memory>
#include <utility>

namespace beckon {

namespace {

/// What an ended invitation counts beside its data.
constexpr std::int64_t ended_record_bytes = 500;

bool comes_before(std::uint64_t number, const Invitation* one) { return number < one->number; }

void take_out(std::vector<Invitation*>& open, const Invitation& invitation) {
    const auto after = std::upper_bound(open.begin(), open.end(), invitation.number, comes_before);
    assert(after != open.begin() && *(after - 1) == &invitation);
    open.erase(after - 1);
    if (open.empty()) {
        open.shrink_to_fit();
    }
}

auto place_of(std::vector<Group*>& groups, const Group& group) {
    return std::lower_bound(groups.begin(), groups.end(), group.id,
                            [](const Group* one, const GroupId& id) { return one->id < id; });
}

}  // namespace

User& Records::obtain(const UserId& id) {
    const auto [at, made] = users_.obtain(id);
    if (made) {
        at->second.id = &at->first;
    }
    return at->second;
}

void Records::release(User& user) {
    if (user.references == 0 && !user.online() && !user.lost) {
        users_.erase(*user.id);
    }
}

User& Records::refer(const UserId& id) {
    User& user = obtain(id);
    ++user.references;
    return user;
}

void Records::unrefer(User& user) {
    --user.references;
    release(user);
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter, const UserId& target) {
    Invitation& invitation = create(id, inviter);
    invitation.target = &refer(target);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter, const GroupId& group) {
    Invitation& invitation = create(id, inviter);
    invitation.group = *groups_.find(group);
    invitation.group->open.push_back(&invitation);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter) {
    const auto [at, made] = invitations_.obtain(id);
    assert(made);
    Invitation& invitation = at->second;
    invitation.id = &at->first;
    invitation.inviter = &refer(inviter);
    invitation.number = ++last_number_;
    invitation.inviter->open.push_back(&invitation);
    ++invitation.inviter->inviting;
    return invitation;
}

void Records::ask(Invitation& invitation, const std::vector<UserId>& invitees, Instant deadline) {
    invitation.invitees.reserve(invitation.invitees.size() + invitees.size());
    for (const auto& id : invitees) {
        User& user = refer(id);
        ++user.invited;
        invitation.invitees.emplace_back(user, deadline);
        user.open.insert(
            std::upper_bound(user.open.begin(), user.open.end(), invitation.number, comes_before),
            &invitation);
    }
    invitation.pending += static_cast<std::uint32_t>(invitees.size());
}

bool Records::counts_for(const Invitation& invitation, const UserId& user) {
    return *invitation.inviter->id == user ||
           (invitation.adders &&
            std::any_of(invitation.adders->begin(), invitation.adders->end(),
                        [&](const User* adder) { return *adder->id == user; }));
}

void Records::count_for(Invitation& invitation, const UserId& adder) {
    if (counts_for(invitation, adder)) {
        return;
    }
    if (!invitation.adders) {
        invitation.adders = std::make_unique<std::vector<User*>>();
    }
    // An adder is an invitee as well, and so known.
    User& user = *users_.find(adder);
    invitation.adders->push_back(&user);
    ++user.inviting;
}

void Records::keep_remover(Invitation& invitation, User& user) {
    if (!invitation.removers) {
        invitation.removers = std::make_unique<std::vector<User*>>();
    }
    ++user.references;
    invitation.removers->push_back(&user);
}

void Records::merge(Invitation& invitation, const InvitationId& id) {
    invitation.call->merged = id;
    merged_.obtain(id).first->second = &invitation;
}

void Records::close(Invitation& invitation, Instant now) {
    take_out(invitation.inviter->open, invitation);
    if (invitation.group) {
        take_out(invitation.group->open, invitation);
    }
    --invitation.inviter->inviting;
    for (const Invitee& invitee : invitation.invitees) {
        take_out(invitee.user().open, invitation);
    }
    if (invitation.adders) {
        for (User* adder : *invitation.adders) {
            --adder->inviting;
        }
        invitation.adders.reset();
    }
    invitation.ended_at = now;
    ended_.push_back(&invitation);
    open_bytes_ -= invitation.kept;
    invitation.kept += ended_record_bytes;
    ended_bytes_ += invitation.kept;
    trim_ended();
}

void Records::forget_ended(Instant until) {
    while (!ended_.empty() && ended_.front()->ended_at <= until) {
        forget_oldest();
    }
}

std::span<Invitation* const> Records::open_after(const std::vector<Invitation*>& open,
                                                 std::uint64_t number) {
    return {std::upper_bound(open.begin(), open.end(), number, comes_before), open.end()};
}

Group* Records::find(const GroupId& id) {
    const auto* found = groups_.find(id);
    return found != nullptr ? found->get() : nullptr;
}

Group& Records::create(const GroupId& id, const UserId& owner) {
    const auto [at, made] = groups_.obtain(id);
    assert(made);
    at->second = std::make_shared<Group>();
    Group& group = *at->second;
    group.id = id;
    group.max_audience = limits_.max_audience;
    join(group, owner);
    group.owner = users_.find(owner);
    group.members[group.owner] = Rank::owner;
    ++group.owner->owned;
    return group;
}

void Records::join(Group& group, const UserId& id) {
    User& user = refer(id);
    [[maybe_unused]] const auto [at, made] = group.members.emplace(&user, Rank::member);
    assert(made);
    user.groups.insert(place_of(user.groups, group), &group);
}

void Records::leave(Group& group, const UserId& id) {
    const auto at = group.members.find(id);
    assert(at != group.members.end());
    User& user = *at->first;
    group.members.erase(at);
    user.groups.erase(place_of(user.groups, group));
    unrefer(user);
}

void Records::set_rank(Group& group, const UserId& member, Rank rank) {
    group.members.find(member)->second = rank;
}

void Records::transfer(Group& group, const UserId& member) {
    group.members[group.owner] = Rank::member;
    --group.owner->owned;
    const auto at = group.members.find(member);
    at->second = Rank::owner;
    group.owner = at->first;
    ++group.owner->owned;
}

void Records::dismiss(Group& group) {
    const std::shared_ptr<Group> kept = *groups_.find(group.id);
    --group.owner->owned;
    group.owner = nullptr;
    while (!group.members.empty()) {
        leave(group, *group.members.begin()->first->id);
    }
    keep(group, -group.kept);
    group.name.reset();
    group.profile.reset();
    groups_.erase(group.id);
}

bool Records::has_room(std::int64_t bytes) const {
    return bytes <= 0 || open_bytes_ + group_bytes_ + bytes <= limits_.max_total_data_bytes;
}

bool Records::has_room_for_groups(std::int64_t bytes) const {
    return bytes <= 0 || (group_bytes_ + bytes <= most_for_groups(limits_) && has_room(bytes));
}

void Records::keep(Invitation& invitation, std::int64_t bytes) {
    invitation.kept += bytes;
    open_bytes_ += bytes;
    trim_ended();
}

void Records::keep(Group& group, std::int64_t bytes) {
    group.kept += bytes;
    group_bytes_ += bytes;
    trim_ended();
}

/// Forgets the oldest while there are too many or they are too large. They fill what
/// the open ones leave, and always a quarter: were what has just ended forgotten at
/// once, a repeat would ring again.
void Records::trim_ended() {
    const auto most = limits_.max_total_data_bytes;
    const auto room = std::max(most - open_bytes_ - group_bytes_, most / 4);
    while (!ended_.empty() &&
           (std::cmp_greater(ended_.size(), limits_.max_ended) || ended_bytes_ > room)) {
        forget_oldest();
    }
}

void Records::forget_oldest() {
    Invitation& oldest = *ended_.front();
    ended_.pop_front();
    ended_bytes_ -= oldest.kept;
    unrefer(*oldest.inviter);
    if (oldest.target != nullptr) {
        unrefer(*oldest.target);
    }
    for (const Invitee& invitee : oldest.invitees) {
        unrefer(invitee.user());
    }
    if (oldest.removers) {
        for (User* remover : *oldest.removers) {
            unrefer(*remover);
        }
    }
    if (oldest.call && oldest.call->merged) {
        const InvitationId& id = *oldest.call->merged;
        if (find_merged(id) == &oldest) {
            merged_.erase(id);
        }
    }
    invitations_.erase(*oldest.id);
}

}  // namespace beckon
