// SPDX-License-Identifier: Apache-2.0
#include "records.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "judge/invariant.hpp"

namespace beckon {

namespace {

/// What an ended invitation counts beside its data.
constexpr std::int64_t ended_record_bytes = 500;

bool comes_before(std::uint64_t number, const Invitation* one) { return number < one->number; }

void list_in(std::vector<Invitation*>& open, Invitation& invitation) {
    open.insert(std::upper_bound(open.begin(), open.end(), invitation.number, comes_before),
                &invitation);
}

void unlist_from(std::vector<Invitation*>& open, const Invitation& invitation) {
    const auto after = std::upper_bound(open.begin(), open.end(), invitation.number, comes_before);
    ensure(after != open.begin() && *(after - 1) == &invitation,
           "what is open is listed by all who have a part in it");
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
        at->second.id = &at->first.key;
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
    changes_.mark(invitation);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter, const GroupId& group) {
    Invitation& invitation = create(id, inviter);
    invitation.group = *groups_.find(group);
    invitation.group->open.push_back(&invitation);
    changes_.mark(invitation);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter) {
    const auto [at, made] = invitations_.obtain(id);
    ensure(made, "a new invitation has a new id");
    Invitation& invitation = at->second;
    invitation.id = &at->first.key;
    invitation.inviter = &refer(inviter);
    invitation.number = ++last_number_;
    invitation.inviter->open.push_back(&invitation);
    ++invitation.inviter->inviting;
    list_for_operators(invitation);
    return invitation;
}

void Records::list_for_operators(const Invitation& invitation) {
    if (for_operators_) {
        all_open_.emplace(invitation.number, &invitation);
    }
}

void Records::note_online(const User& user) {
    if (!for_operators_) {
        return;
    }
    if (user.online()) {
        online_.insert(&user);
    } else {
        online_.erase(&user);
    }
}

void Records::ask(Invitation& invitation, const std::vector<UserId>& invitees, Instant deadline) {
    invitation.invitees.reserve(invitation.invitees.size() + invitees.size());
    for (const auto& id : invitees) {
        User& user = refer(id);
        ++user.invited;
        invitation.invitees.emplace_back(user, deadline);
        list(invitation, user);
    }
    invitation.pending += static_cast<std::uint32_t>(invitees.size());
    changes_.mark(invitation);
}

bool Records::counts_as_own_of(const Invitation& invitation, const UserId& user) {
    const auto& adders = invitation.seldom().adders;
    return *invitation.inviter->id == user ||
           std::any_of(adders.begin(), adders.end(),
                       [&](const User* adder) { return *adder->id == user; });
}

void Records::count_as_own(Invitation& invitation, const UserId& adder) {
    if (counts_as_own_of(invitation, adder)) {
        return;
    }
    // An adder is an invitee as well, and so known.
    User& user = *users_.find(adder);
    invitation.make_seldom().adders.push_back(&user);
    ++user.inviting;
    for (Invitee& invitee : invitation.invitees) {
        invitee.changed = invitee.changed || &invitee.user() == &user;
    }
}

void Records::hold_remover(Invitation& invitation, User& user) {
    const bool has_part = invitation.inviter == &user ||
                          std::any_of(invitation.invitees.begin(), invitation.invitees.end(),
                                      [&](const Invitee& one) { return &one.user() == &user; });
    const auto& held = invitation.seldom().removers;
    if (has_part || std::find(held.begin(), held.end(), &user) != held.end()) {
        return;
    }
    ++user.references;
    invitation.make_seldom().removers.push_back(&user);
}

void Records::merge(Invitation& invitation, const InvitationId& id) {
    invitation.call->merged = id;
    changes_.mark(*invitation.call);
    merged_.obtain(id).first->second = &invitation;
}

void Records::close(Invitation& invitation, Instant now) {
    unlist(invitation);
    User& inviter = *invitation.inviter;
    become_ended(invitation, now);
    trim_own(inviter, 1);
    trim_ended();
}

void Records::list(Invitation& invitation, User& user) { list_in(user.open, invitation); }

void Records::list(Invitation& invitation, Group& group) { list_in(group.open, invitation); }

void Records::unlist(Invitation& invitation) {
    all_open_.erase(invitation.number);
    unlist_from(invitation.inviter->open, invitation);
    if (invitation.group) {
        unlist_from(invitation.group->open, invitation);
    }
    --invitation.inviter->inviting;
    for (const Invitee& invitee : invitation.invitees) {
        unlist_from(invitee.user().open, invitation);
    }
    for (User* adder : invitation.seldom().adders) {
        --adder->inviting;
    }
    if (!invitation.seldom().adders.empty()) {
        invitation.make_seldom().adders.clear();
    }
    open_bytes_ -= invitation.counted_bytes;
}

/// Time does not go back, but when ended ones are restored: then each has its place.
void Records::become_ended(Invitation& invitation, Instant now) {
    invitation.ended_at = now;
    const auto earlier = [](Instant when, const Invitation* one) { return when < one->ended_at; };
    const auto place = [&](auto& ended) {
        const bool is_last = ended.empty() || ended.back()->ended_at <= now;
        ended.insert(
            is_last ? ended.end() : std::upper_bound(ended.begin(), ended.end(), now, earlier),
            &invitation);
    };
    place(ended_);
    ended_bytes_ += invitation.counted_bytes;
    User& inviter = *invitation.inviter;
    if (!inviter.ended) {
        inviter.ended = std::make_unique<EndedOwn>();
    }
    place(inviter.ended->invitations);
    inviter.ended->bytes += inviters_bytes(invitation);
    add_bytes(invitation, ended_record_bytes, inviter);
}

void Records::forget_ended(Instant until) {
    while (!ended_.empty() && ended_.front()->ended_at <= until) {
        forget(*ended_.front());
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

Group& Records::create(const CreateGroup& asked, const UserId& owner) {
    const auto [at, made] = groups_.obtain(asked.group);
    ensure(made, "a new group has a new id");
    at->second = std::make_shared<Group>();
    Group& group = *at->second;
    group.id = asked.group;
    group.name = asked.name;
    group.profile = asked.profile;
    group.join_mode = asked.join_mode;
    group.max_audience = limits_.max_audience;
    group.made_after = last_number_;
    insert(group, owner, {.rank = Rank::owner, .brought_by = &obtain(owner)});
    set_described_by(group, group.owner);
    changes_.add(group);
    changes_.add(group, *group.owner);
    trim_ended();
    return group;
}

void Records::join(Group& group, const UserId& id, const UserId& brought_by) {
    insert(group, id, {.brought_by = &obtain(brought_by)});
    changes_.add(group, *users_.find(id));
    trim_ended();
}

void Records::describe(Group& group, const UserId& by) {
    set_described_by(group, users_.find(by));
    changes_.add(group);
    trim_ended();
}

void Records::set_described_by(Group& group, User* user) {
    if (user != nullptr) {
        ++user->references;
        add_bytes(group, bytes_of(group), *user);
    }
    if (User* const before = std::exchange(group.described_by, user)) {
        add_bytes(group, -group.described_bytes, *before);
        unrefer(*before);
    }
    group.described_bytes = user != nullptr ? bytes_of(group) : 0;
}

void Records::insert(Group& group, const UserId& id, Member as) {
    User& user = refer(id);
    ensure(group.members.emplace(&user, as).second, "who comes into a group is no member yet");
    ++as.brought_by->references;
    add_bytes(group, member_bytes, *as.brought_by);
    user.groups.insert(place_of(user.groups, group), &group);
    if (as.rank == Rank::owner) {
        group.owner = &user;
        ++user.owned;
    }
}

void Records::leave(Group& group, const UserId& id) {
    const auto at = group.members.find(id);
    ensure(at != group.members.end(), "who leaves a group is a member");
    changes_.add(MemberGone{.group = group.id, .user = id});
    remove(group, *at->first);
}

void Records::remove(Group& group, User& member) {
    User& brought_by = *group.members.extract(&member).mapped().brought_by;
    add_bytes(group, -member_bytes, brought_by);
    unrefer(brought_by);
    member.groups.erase(place_of(member.groups, group));
    unrefer(member);
}

void Records::set_rank(Group& group, const UserId& member, Rank rank) {
    const auto at = group.members.find(member);
    at->second.rank = rank;
    changes_.add(group, *at->first);
}

void Records::transfer(Group& group, const UserId& member) {
    --group.owner->owned;
    set_rank(group, *group.owner->id, Rank::member);
    set_rank(group, member, Rank::owner);
    group.owner = users_.find(member);
    ++group.owner->owned;
}

void Records::dismiss(Group& group) {
    changes_.add(GroupGone{group.id});
    --group.owner->owned;
    group.owner = nullptr;
    while (!group.members.empty()) {
        remove(group, *group.members.begin()->first);
    }
    set_described_by(group, nullptr);
    // What is open in it holds on to it.
    group.name.reset();
    group.profile.reset();
    groups_.erase(GroupId(group.id));
}

bool Records::has_room(std::int64_t bytes) const {
    return bytes <= 0 || open_bytes_ + group_bytes_ + bytes <= limits_.max_total_data_bytes;
}

bool Records::has_room_for_groups(std::int64_t bytes, const UserId& id, std::int64_t own) const {
    if (bytes <= 0) {
        return true;
    }
    const User* user = users_.find(id);
    const std::int64_t has = (user != nullptr ? user->group_bytes : 0) + own;
    const std::int64_t all = most_for_groups(limits_);
    // Where one user may have most of it, there is nothing to share.
    const bool shared = limits_.max_user_group_bytes <= all / 8;
    const bool little = has <= limits_.max_user_group_bytes / 64;
    return group_bytes_ + bytes <= (shared && !little ? all - all / 8 : all) && has_room(bytes);
}

bool Records::has_share(const UserId& id, std::int64_t bytes) const {
    if (bytes <= 0) {
        return true;
    }
    const User* user = users_.find(id);
    const std::int64_t all = user != nullptr ? user->data_bytes : 0;
    const std::int64_t gives_way = user != nullptr && user->ended ? user->ended->bytes : 0;
    return all - gives_way + bytes <= limits_.max_user_data_bytes;
}

bool Records::has_group_share(const UserId& id, std::int64_t bytes) const {
    const User* user = users_.find(id);
    const std::int64_t all = user != nullptr ? user->group_bytes : 0;
    return bytes <= 0 || all + bytes <= limits_.max_user_group_bytes;
}

void Records::count_bytes(Invitation& invitation, std::int64_t bytes, User& whose) {
    add_bytes(invitation, bytes, whose);
    if (bytes > 0) {
        trim_own(whose, 0);
    }
    trim_ended();
}

void Records::add_bytes(Invitation& invitation, std::int64_t bytes, User& whose) {
    invitation.counted_bytes += bytes;
    whose.data_bytes += bytes;
    (invitation.ended() ? ended_bytes_ : open_bytes_) += bytes;
    if (&whose == invitation.inviter) {
        if (invitation.ended()) {
            whose.ended->bytes += bytes;
        }
        return;
    }
    auto& shares = invitation.make_seldom().shares;
    const auto own = std::find_if(shares.begin(), shares.end(),
                                  [&](const Share& one) { return one.user == &whose; });
    if (own != shares.end()) {
        own->bytes += bytes;
    } else {
        shares.push_back({.user = &whose, .bytes = bytes});
    }
}

std::int64_t Records::inviters_bytes(const Invitation& invitation) {
    std::int64_t bytes = invitation.counted_bytes;
    for (const Share& share : invitation.seldom().shares) {
        bytes -= share.bytes;
    }
    return bytes;
}

void Records::add_bytes(Group& group, std::int64_t bytes, User& whose) {
    group.counted_bytes += bytes;
    whose.group_bytes += bytes;
    group_bytes_ += bytes;
}

/// Forgets the oldest that this user made, while they keep too much; so many stay, lest a repeat of
/// what has just ended ring again.
void Records::trim_own(User& user, std::size_t stay) {
    while (user.ended && user.ended->invitations.size() > stay &&
           user.data_bytes > limits_.max_user_data_bytes) {
        forget(*user.ended->invitations.front());
    }
}

/// Forgets the oldest while there are too many or they are too large. They fill what
/// the open ones leave, and always a quarter: were what has just ended forgotten at
/// once, a repeat would ring again.
void Records::trim_ended() {
    const auto most = limits_.max_total_data_bytes;
    const auto room = std::max(most - open_bytes_ - group_bytes_, most / 4);
    while (!ended_.empty() &&
           (std::cmp_greater(ended_.size(), limits_.max_ended) || ended_bytes_ > room)) {
        forget(*ended_.front());
    }
}

void Records::forget(Invitation& ended) {
    const auto take_from = [&](auto& all) {
        const auto from =
            std::lower_bound(all.begin(), all.end(), ended.ended_at,
                             [](const Invitation* one, Instant at) { return one->ended_at < at; });
        all.erase(std::find(from, all.end(), &ended));
    };
    take_from(ended_);
    ended_bytes_ -= ended.counted_bytes;
    User& inviter = *ended.inviter;
    const auto bytes = inviters_bytes(ended);
    inviter.data_bytes -= bytes;
    inviter.ended->bytes -= bytes;
    take_from(inviter.ended->invitations);
    if (inviter.ended->invitations.empty()) {
        inviter.ended.reset();
    }
    for (const Share& share : ended.seldom().shares) {
        share.user->data_bytes -= share.bytes;
    }
    changes_.add_forgotten(ended);
    erase(ended);
}

void Records::erase(Invitation& invitation) {
    unrefer(*invitation.inviter);
    if (invitation.target != nullptr) {
        unrefer(*invitation.target);
    }
    for (const Invitee& invitee : invitation.invitees) {
        unrefer(invitee.user());
    }
    for (User* remover : invitation.seldom().removers) {
        unrefer(*remover);
    }
    if (invitation.call && invitation.call->merged) {
        const InvitationId& id = *invitation.call->merged;
        if (find_merged(id) == &invitation) {
            merged_.erase(id);
        }
    }
    invitations_.erase(*invitation.id);
}

}  // namespace beckon
