// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "protocol/instant.hpp"

namespace beckon {

/// Stands for what is counted, by a keyed hash, as clients choose what that is: two that have the
/// same, whom nobody can find, would share a bucket.
using RateKey = std::uint64_t;

/// So many a second and so many at once, for each key (GCRA: a key's state is
/// the one instant at which its bucket is full again).
///
/// What cannot be refused is owed: the next has to wait for it, and be it much, no
/// longer than for `most_owed`.
///
/// Keys that are full again are forgotten: two generations, the older thrown
/// away when even its last use has been made good. So memory is bounded by what
/// came within twice `(burst + most_owed) / per_second` seconds.
class RateLimit {
  public:
    RateLimit(std::int64_t per_second, std::int64_t burst, std::int64_t most_owed = 0)
        : cost_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second),
          depth_(cost_ * burst),
          turn_(depth_ + cost_ * most_owed) {}

    /// Whether `count` more fit now. Charges nothing.
    [[nodiscard]] bool allows(RateKey key, Instant now, std::int64_t count = 1) const {
        return full_at(key, now) + cost_ * count <= Nanos(now) + depth_;
    }

    /// Charges `count`, to be called after `allows` said yes.
    void charge(RateKey key, Instant now, std::int64_t count = 1) { owe(key, now, count); }

    /// Charges `count`, whether they fit or not.
    void owe(RateKey key, Instant now, std::int64_t count) {
        if (Nanos(now) >= turn_at_) {
            older_.swap(newer_);
            newer_ = {};
            turn_at_ = Nanos(now) + turn_;
        }
        const auto full = full_at(key, now) + cost_ * count;
        newer_[key] = std::min(full, Nanos(now) + turn_);
    }

  private:
    using Nanos = std::chrono::time_point<HostClock, std::chrono::nanoseconds>;

    [[nodiscard]] Nanos full_at(RateKey key, Instant now) const {
        for (const auto* generation : {&newer_, &older_}) {
            if (const auto at = generation->find(key); at != generation->end()) {
                return std::max(at->second, Nanos(now));
            }
        }
        return Nanos(now);
    }

    using Generation = std::unordered_map<RateKey, Nanos>;

    Generation newer_;
    Generation older_;
    std::chrono::nanoseconds cost_;
    std::chrono::nanoseconds depth_;
    /// The longest until a bucket is full.
    std::chrono::nanoseconds turn_;
    Nanos turn_at_{};
};

}  // namespace beckon
