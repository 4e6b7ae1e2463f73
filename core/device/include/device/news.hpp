// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "protocol/events.hpp"

namespace beckon {

/// An event that the application is told: once each, and none that is its own echo, but for
/// `CallEnded`, which tells how long it was.
struct Heard {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    /// This user's.
    Role role = Role::invitee;
    EventBody body;
    /// Of the invitation, as it is with this.
    Rev rev = 1;
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    /// Until the deadline, when somebody is pending and there is one.
    std::optional<Duration> remaining{};
    /// For a cancel or a revocation: this user is among those whom it ends or, the
    /// inviter, is left with nobody who is pending or accepted.
    bool ends_ours = false;
    /// Nobody said so: the deadline passed while the broker was out of reach.
    bool assumed = false;
    bool operator==(const Heard&) const = default;
};

/// The end of an invitation for this user: once for each that was heard of. An
/// invitee's own part has ended; for the inviter, nobody is pending.
struct Ended {
    InvitationId id;
    UserId inviter;
    /// The inviter: `accepted` if anybody did, else the first in the order of
    /// `State`. Absent: the broker knows nothing of it any more.
    std::optional<State> state{};
    std::string reason{};
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    /// This device did it.
    bool here = false;
    bool assumed = false;
    bool operator==(const Ended&) const = default;
};

/// This user was asked while busy, and is not told as of a ring: it is being rejected.
struct Busy {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::optional<Data> data{};
    bool operator==(const Busy&) const = default;
};

}  // namespace beckon
