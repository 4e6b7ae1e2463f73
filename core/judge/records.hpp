// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "change_log.hpp"
#include "group.hpp"
#include "invitation.hpp"
#include "judge/sharded_map.hpp"
#include "protocol/limits.hpp"
#include "protocol/requests.hpp"

namespace beckon {

/// What the switchboard remembers: invitations, open and ended, groups, and the users
/// whom they concern. It decides nothing; it keeps each record as long as
/// something needs it, and within the limits, and marks what it changes. One thread; records stay
/// where they are in memory until they are forgotten.
class Records {
  public:
    /// `key` is for hashing, and a secret. What changes is marked in `changes`. `for_operators`:
    /// who is online and what is open can be listed.
    Records(const Limits& limits, const SipKey& key, ChangeLog& changes, bool for_operators)
        : limits_(limits),
          changes_(changes),
          for_operators_(for_operators),
          users_(key),
          invitations_(key),
          merged_(key),
          groups_(key) {}

    [[nodiscard]] Invitation* find(const InvitationId& id) { return invitations_.find(id); }
    [[nodiscard]] const Invitation* find(const InvitationId& id) const {
        return invitations_.find(id);
    }
    /// The invitation that the invite with this id was merged into.
    [[nodiscard]] const Invitation* find_merged(const InvitationId& id) const {
        const auto* found = merged_.find(id);
        return found != nullptr ? *found : nullptr;
    }
    [[nodiscard]] User* find(const UserId& id) { return users_.find(id); }
    [[nodiscard]] const User* find(const UserId& id) const { return users_.find(id); }

    /// The user's record, made if there is none; to be released by whoever obtained it.
    User& obtain(const UserId& id);
    /// Forgets a user of whom nothing is left to know.
    void release(User& user);

    /// A new invitation, `id` being new, that counts as its inviter's own and asks
    /// nobody yet. The topic named a user, or a group.
    Invitation& create(const InvitationId& id, const UserId& inviter, const UserId& target);
    Invitation& create(const InvitationId& id, const UserId& inviter, const GroupId& group);
    /// Asks these users too, each until `deadline`.
    void ask(Invitation& invitation, const std::vector<UserId>& invitees, Instant deadline);
    /// Whether it counts as this user's own, as its inviter or by an `add`; and to make it so.
    [[nodiscard]] static bool counts_as_own_of(const Invitation& invitation, const UserId& user);
    void count_as_own(Invitation& invitation, const UserId& adder);
    /// Holds on to `user`, who ended a part in it, whether or not they have one.
    void hold_remover(Invitation& invitation, User& user);
    /// An invite with this id became the accept of `invitation`, which has a call.
    void merge(Invitation& invitation, const InvitationId& id);
    /// It is not open any more: remembers it as ended, perhaps only for a while,
    /// and perhaps not at all, so it may be gone after this.
    void close(Invitation& invitation, Instant now);
    /// Forgets what ended at `until` or before.
    void forget_ended(Instant until);

    /// Those of a user's or a group's open invitations that have a higher number.
    [[nodiscard]] static std::span<Invitation* const> open_after(
        const std::vector<Invitation*>& open, std::uint64_t number);

    [[nodiscard]] Group* find(const GroupId& id);
    /// A new group, its id being new, of its owner alone as yet.
    Group& create(const CreateGroup& asked, const UserId& owner);
    /// One who is no member yet.
    void join(Group& group, const UserId& id, const UserId& brought_by);
    /// It is called and described as it is now, by this member.
    void describe(Group& group, const UserId& by);
    /// A member who is not the owner.
    void leave(Group& group, const UserId& id);
    /// Not the owner's.
    void set_rank(Group& group, const UserId& member, Rank rank);
    /// The owner before is a member then.
    void transfer(Group& group, const UserId& member);
    /// What is open in it still, a call that lives, goes on.
    void dismiss(Group& group);

    /// Whether so many bytes more fit; the ended give way.
    [[nodiscard]] bool has_room(std::int64_t bytes) const;
    /// Whether so many more of this user's fit: in invitations, where what they made and has ended
    /// gives way, or in groups.
    [[nodiscard]] bool has_share(const UserId& id, std::int64_t bytes) const;
    [[nodiscard]] bool has_group_share(const UserId& id, std::int64_t bytes) const;
    /// Whether groups may have so many more of them, of which `own` would be this user's. They are
    /// never forgotten, so they leave invitations a half; and of theirs, who has little in groups
    /// has an eighth to themselves, or those who have much could keep all others from making any.
    [[nodiscard]] bool has_room_for_groups(std::int64_t bytes, const UserId& id,
                                           std::int64_t own) const;
    [[nodiscard]] static std::int64_t most_for_groups(const Limits& limits) {
        return limits.max_total_data_bytes / 2;
    }
    /// Counts them for this invitation, and as this user's.
    void count_bytes(Invitation& invitation, std::int64_t bytes, User& whose);

    /// The next invitation's number is above this.
    void go_on_after(std::uint64_t number) { last_number_ = std::max(last_number_, number); }

    // In order; nobody and nothing where there are no operators.
    using Online = std::set<const User*, ByUserId>;
    using Open = std::map<std::uint64_t, const Invitation*>;
    [[nodiscard]] const Online& online() const { return online_; }
    [[nodiscard]] const Open& all_open() const { return all_open_; }
    /// The user has come online, or gone.
    void note_online(const User& user);

    [[nodiscard]] std::size_t open() const { return invitations_.size() - ended_.size(); }
    [[nodiscard]] std::size_t ended() const { return ended_.size(); }
    [[nodiscard]] std::size_t users() const { return users_.size(); }
    [[nodiscard]] std::size_t groups() const { return groups_.size(); }
    [[nodiscard]] std::int64_t kept_bytes() const {
        return open_bytes_ + ended_bytes_ + group_bytes_;
    }

  private:
    /// Makes them as they were, from what they are made of.
    friend class Restoring;

    Invitation& create(const InvitationId& id, const UserId& inviter);
    /// Among what is open for a user, or in a group.
    static void list(Invitation& invitation, User& user);
    static void list(Invitation& invitation, Group& group);
    /// It is not open any more.
    void unlist(Invitation& invitation);
    void become_ended(Invitation& invitation, Instant now);
    void erase(Invitation& invitation);
    void list_for_operators(const Invitation& invitation);
    void insert(Group& group, const UserId& id, Member as);
    void remove(Group& group, User& member);
    void add_bytes(Invitation& invitation, std::int64_t bytes, User& whose);
    void add_bytes(Group& group, std::int64_t bytes, User& whose);
    /// Its name and the like count as this user's from now on; nobody: it is no more.
    void set_described_by(Group& group, User* user);
    static std::int64_t inviters_bytes(const Invitation& invitation);
    void forget(Invitation& ended);
    void trim_own(User& user, std::size_t stay);
    User& refer(const UserId& id);
    void unrefer(User& user);
    void trim_ended();

    const Limits& limits_;
    ChangeLog& changes_;
    const bool for_operators_;
    Online online_;
    Open all_open_;
    ShardedMap<UserId, User> users_;
    ShardedMap<InvitationId, Invitation> invitations_;
    ShardedMap<InvitationId, Invitation*> merged_;
    ShardedMap<GroupId, std::shared_ptr<Group>> groups_;
    /// Oldest first.
    std::deque<Invitation*> ended_;
    std::uint64_t last_number_ = 0;
    /// What counts against max_total_data_bytes.
    std::int64_t open_bytes_ = 0;
    std::int64_t ended_bytes_ = 0;
    std::int64_t group_bytes_ = 0;
};

}  // namespace beckon
