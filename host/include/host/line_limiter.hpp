// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "protocol/instant.hpp"

namespace beckon {

/// Lets one log line of a kind through in ten seconds, and counts the others:
/// what any client can cause must not fill the log. One thread.
class LineLimiter {
  public:
    /// How many were held back since the last; nothing: hold this one back too.
    std::optional<unsigned> pass(Instant now) {
        if (last_ && now - *last_ < interval) {
            ++held_back_;
            return std::nullopt;
        }
        last_ = now;
        return std::exchange(held_back_, 0);
    }

  private:
    static constexpr Duration interval{10'000};
    std::optional<Instant> last_{};
    unsigned held_back_ = 0;
};

}  // namespace beckon
