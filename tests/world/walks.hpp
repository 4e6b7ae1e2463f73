// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace beckon {

/// How many random walks a test takes that usually takes so many: BECKON_WALKS times as many (25,
/// to search long; 0.2, where each takes long), but at least one.
inline std::uint32_t walks(std::uint32_t usual) {
    const char* const times = std::getenv("BECKON_WALKS");
    return times == nullptr
               ? usual
               : static_cast<std::uint32_t>(std::max(1L, std::lround(usual * std::atof(times))));
}

/// Which of very many points are tried: by chance one in so many, and each with BECKON_WALKS
/// above 1.
class OneIn {
  public:
    explicit OneIn(std::uint32_t of) : of_(walks(of) > of ? 1 : of), chance_(of) {}
    /// Whether the next is.
    bool operator()() { return chance_() % of_ == 0; }
    /// How many are tried at least, where so many would be of all.
    [[nodiscard]] std::size_t share_of(std::size_t all) const { return all / of_; }

  private:
    std::uint32_t of_;
    std::mt19937 chance_;
};

}  // namespace beckon
