// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "timer_wheel.hpp"

namespace beckon {

struct Invitation;
struct User;

/// A device of a participant that has signalled.
struct Signalled {
    DeviceTag device;
    Instant at;
};

/// One who takes part in a call, or did.
struct Participant {
    User* user = nullptr;
    /// With which it takes part.
    DeviceTag device{};
    /// That device was seen online, so it can be lost.
    bool was_online = false;
    bool takes_part = true;
    /// When it has been away for too long; never, while it is there.
    Instant lost_at = never;
    /// The device that hung up, once one has.
    std::optional<DeviceTag> hung_up{};
    /// The last of them at the end; not stored.
    std::vector<Signalled> signalled{};
    /// Has changed since the changes were taken.
    bool changed = true;
};

/// The call of an invitation with `call:true`; it has one at most.
///
///             the first accept            one is left, the inviter's `all`,
///   waiting ───────────────────► lives ───────────────────────────────────► ended
///                                  │      max_call_ms
///                                  └─► who accepts joins; who hangs up, or is away
///                                      for grace_ms, leaves and is kept as one who did
///
/// The timer runs while it lives, at or before the first thing that is due.
struct Call : Timer {
    enum class Phase : std::uint8_t { waiting, lives, ended };

    explicit Call(Invitation& of) : Timer(Kind::call), invitation(of) {}

    Invitation& invitation;
    Phase phase = Phase::waiting;
    /// The inviter first.
    std::vector<Participant> participants{};
    Instant started_at{};
    Instant ended_at{};
    std::string reason{};
    /// The id of the invite that crossed this one and became its accept.
    std::optional<InvitationId> merged{};
    /// Has changed since the changes were taken, but for the participants.
    bool changed = true;

    [[nodiscard]] std::int64_t size() const {
        return std::count_if(participants.begin(), participants.end(),
                             [](const Participant& one) { return one.takes_part; });
    }
};

}  // namespace beckon
