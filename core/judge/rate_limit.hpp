// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "judge/siphash.hpp"
#include "protocol/instant.hpp"

namespace beckon {

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
    /// `key` is for hashing, and a secret: clients choose what is counted.
    RateLimit(std::int64_t per_second, std::int64_t burst, const SipKey& key,
              std::int64_t most_owed = 0)
        : newer_(0, KeyedHash{key}),
          older_(newer_),
          cost_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second),
          depth_(cost_ * burst),
          turn_(depth_ + cost_ * most_owed) {}

    /// Whether `count` more fit now. Charges nothing.
    [[nodiscard]] bool allows(const std::string& key, Instant now, std::int64_t count = 1) const {
        return full_at(key, now) + cost_ * count <= Nanos(now) + depth_;
    }

    /// Charges `count`, to be called after `allows` said yes.
    void charge(const std::string& key, Instant now, std::int64_t count = 1) {
        owe(key, now, count);
    }

    /// Charges `count`, whether they fit or not.
    void owe(const std::string& key, Instant now, std::int64_t count) {
        if (Nanos(now) >= turn_at_) {
            older_.swap(newer_);
            newer_ = Generation(0, older_.hash_function());
            turn_at_ = Nanos(now) + turn_;
        }
        const auto full = full_at(key, now) + cost_ * count;
        newer_[key] = std::min(full, Nanos(now) + turn_);
    }

  private:
    struct KeyedHash {
        SipKey key;
        std::size_t operator()(const std::string& text) const noexcept {
            return siphash(key, text);
        }
    };
    using Nanos = std::chrono::time_point<HostClock, std::chrono::nanoseconds>;

    [[nodiscard]] Nanos full_at(const std::string& key, Instant now) const {
        for (const auto* generation : {&newer_, &older_}) {
            if (const auto at = generation->find(key); at != generation->end()) {
                return std::max(at->second, Nanos(now));
            }
        }
        return Nanos(now);
    }

    using Generation = std::unordered_map<std::string, Nanos, KeyedHash>;

    Generation newer_;
    Generation older_;
    std::chrono::nanoseconds cost_;
    std::chrono::nanoseconds depth_;
    /// The longest until a bucket is full.
    std::chrono::nanoseconds turn_;
    Nanos turn_at_{};
};

}  // namespace beckon
