// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "protocol/instant.hpp"

namespace beckon {

/// How late the last deadlines were applied.
class Lateness {
  public:
    void add(Duration late) {
        if (last_.size() < most) {
            last_.push_back(late);
        } else {
            last_[next_++ % most] = late;
        }
    }
    /// So many of a hundred were not later.
    [[nodiscard]] Duration percentile(std::size_t percent) const {
        if (last_.empty()) {
            return Duration(0);
        }
        auto sorted = last_;
        const auto at =
            sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) * percent / 100);
        std::nth_element(sorted.begin(), at, sorted.end());
        return *at;
    }

  private:
    static constexpr std::size_t most = 1000;
    std::vector<Duration> last_;
    std::size_t next_ = 0;
};

}  // namespace beckon
