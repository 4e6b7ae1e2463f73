// SPDX-License-Identifier: Apache-2.0
#include "host/clocks.hpp"

#include <sys/timex.h>

#include <ctime>
#include <fstream>

namespace beckon {

namespace {

Duration read(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::floor<Duration>(std::chrono::seconds(now.tv_sec) +
                                        std::chrono::nanoseconds(now.tv_nsec));
}

std::string read_boot_id() {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    return id;
}

bool wall_clock_is_right() {
    timex state{};
    return adjtimex(&state) >= 0 && (static_cast<unsigned>(state.status) & STA_UNSYNC) == 0;
}

}  // namespace

Instant host_now() { return Instant(read(CLOCK_BOOTTIME)); }

ClockReading read_clocks() {
    static const std::string boot_id = read_boot_id();
    return {.boot_id = boot_id,
            .since_boot = host_now(),
            .wall_ms = read(CLOCK_REALTIME).count(),
            .wall_is_right = wall_clock_is_right()};
}

std::optional<Duration> time_passed(const ClockReading& then, const ClockReading& now) {
    if (!now.boot_id.empty() && then.boot_id == now.boot_id) {
        // A container may be started again with an offset of its own.
        return now.since_boot >= then.since_boot ? std::optional(now.since_boot - then.since_boot)
                                                 : std::nullopt;
    }
    if (then.wall_is_right && now.wall_is_right && now.wall_ms >= then.wall_ms) {
        return Duration(now.wall_ms - then.wall_ms);
    }
    return std::nullopt;
}

}  // namespace beckon
