// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "invitation.hpp"
#include "limits.hpp"
#include "spread_map.hpp"

namespace beckon {

/// What the switchboard remembers: invitations, open and ended, and the users
/// whom they concern. It decides nothing; it keeps each record as long as
/// something needs it, and within the limits. One thread; records stay where they
/// are in memory until they are forgotten.
class Records {
  public:
    /// `key` is for hashing, and a secret.
    Records(const Limits& limits, const SipKey& key)
        : limits_(limits), users_(key), invitations_(key) {}

    [[nodiscard]] Invitation* find(const InvitationId& id) { return invitations_.find(id); }
    [[nodiscard]] User* find(const UserId& id) { return users_.find(id); }
    [[nodiscard]] const User* find(const UserId& id) const { return users_.find(id); }

    /// The user's record, made if there is none; to be released by whoever obtained it.
    User& obtain(const UserId& id);
    /// Forgets a user of whom nothing is left to know.
    void release(User& user);

    /// A new invitation, `id` being new, that counts as its inviter's own and asks
    /// nobody yet. `target` is the user in the topic.
    Invitation& create(const InvitationId& id, const UserId& inviter, const UserId& target);
    /// Asks these users too, each until `deadline`.
    void ask(Invitation& invitation, const std::vector<UserId>& invitees, Instant deadline);
    /// Whether it counts as this user's own, as its inviter or by an `add`; and to make it so.
    [[nodiscard]] static bool counts_for(const Invitation& invitation, const UserId& user);
    void count_for(Invitation& invitation, const UserId& adder);
    /// Nobody is pending any more: remembers it as ended, perhaps only for a while,
    /// and perhaps not at all, so it may be gone after this.
    void close(Invitation& invitation, Instant now);
    /// Forgets what ended at `until` or before.
    void forget_ended(Instant until);

    /// The user's open invitations with a higher number, oldest first.
    [[nodiscard]] static std::span<Invitation* const> open_after(const User& user,
                                                                 std::uint64_t number);

    /// Whether so many bytes more fit; the ended give way.
    [[nodiscard]] bool has_room(std::int64_t bytes) const;
    /// Counts them for this invitation.
    void keep(Invitation& invitation, std::int64_t bytes);

    [[nodiscard]] std::size_t open() const { return invitations_.size() - ended_.size(); }
    [[nodiscard]] std::size_t ended() const { return ended_.size(); }
    [[nodiscard]] std::size_t users() const { return users_.size(); }
    [[nodiscard]] std::int64_t kept_bytes() const { return open_bytes_ + ended_bytes_; }

  private:
    User& refer(const UserId& id);
    void unrefer(User& user);
    void trim_ended();
    void forget_oldest();

    const Limits& limits_;
    SpreadMap<UserId, User> users_;
    SpreadMap<InvitationId, Invitation> invitations_;
    /// Oldest first.
    std::deque<Invitation*> ended_;
    std::uint64_t last_number_ = 0;
    /// What counts against max_total_data_bytes.
    std::int64_t open_bytes_ = 0;
    std::int64_t ended_bytes_ = 0;
};

}  // namespace beckon
