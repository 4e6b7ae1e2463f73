// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "protocol/instant.hpp"

namespace beckon {

/// When the next request may be sent, so that the broker takes them all: so many at once, and then
/// so many a second. A little less than what it allows one user, since the line bunches them and
/// other devices ask as well. No I/O, no clock, no thread.
class Pace {
  public:
    void set(std::int64_t per_second, std::int64_t burst) {
        interval_ = Fine(1'000'000 * 10 / 9 / std::max<std::int64_t>(per_second, 1));
        at_once_ = interval_ * std::max<std::int64_t>(burst * 3 / 4 - 1, 0);
    }
    /// The first instant at which one may be sent.
    [[nodiscard]] Instant next() const {
        return Instant{std::chrono::ceil<Duration>(full_ - at_once_)};
    }
    void sent(Instant now) { full_ = std::max(full_, Fine(now.time_since_epoch())) + interval_; }
    /// The broker takes none now.
    void refused(Instant now) { full_ = std::max(full_, now.time_since_epoch() + at_once_); }

  private:
    using Fine = std::chrono::microseconds;
    Fine interval_{};
    Fine at_once_{};
    /// What was sent is paid for then.
    Fine full_{};
};

}  // namespace beckon
