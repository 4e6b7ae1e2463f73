// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace beckon {

/// How many random walks a test takes that usually takes so many: BECKON_WALKS times as many (25,
/// to search long; 0.4, where each takes long), but at least one.
inline std::uint32_t walks(std::uint32_t usual) {
    const char* const times = std::getenv("BECKON_WALKS");
    return times == nullptr
               ? usual
               : static_cast<std::uint32_t>(std::max(1L, std::lround(usual * std::atof(times))));
}

}  // namespace beckon
