// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace beckon {

/// A length of time in whole milliseconds, as on the wire (`…_ms`).
using Duration = std::chrono::milliseconds;

/// The core's clock. It has no `now()`: time is an argument that the host hands
/// in, from a clock that never steps, so a test runs a day in a millisecond.
struct HostClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<HostClock>;
    static constexpr bool is_steady = true;
};

/// A point on the host's clock. Its zero means nothing.
using Instant = HostClock::time_point;
inline constexpr Instant never = Instant::max();

}  // namespace beckon
