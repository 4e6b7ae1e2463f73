// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/instant.hpp"

namespace beckon {

/// Now, on the clock that a host uses: CLOCK_BOOTTIME, which goes on while the system sleeps, so
/// that remaining times are true when it wakes. Whole milliseconds: the last that began.
Instant host_now();
/// So much later it may be.
inline constexpr Duration host_clock_step{1};

/// What the system's clocks say at one moment.
struct ClockReading {
    /// Names this run of the system; empty where that cannot be read.
    std::string boot_id{};
    /// CLOCK_BOOTTIME: never steps, goes on while the system sleeps, starts again at each boot.
    Instant since_boot{};
    /// Milliseconds since 1970, as far as the system knows.
    std::int64_t wall_ms = 0;
    /// The kernel says that the wall clock is right (NTP or the like disciplines it).
    bool wall_is_right = false;

    bool operator==(const ClockReading&) const = default;
};

ClockReading read_clocks();

/// How much time passed between two readings; nothing: it cannot be proven (contract,
/// section 8, 4). Pure.
std::optional<Duration> time_passed(const ClockReading& then, const ClockReading& now);

}  // namespace beckon
