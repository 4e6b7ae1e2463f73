// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace beckon {

/// How many random walks a test takes that usually takes so many: BECKON_WALKS times as many (25,
/// to search long; 0.4, where each takes long), but at least one.
inline std::uint32_t walks(std::uint32_t usual) {
    const char* const times = std::getenv("BECKON_WALKS");
    return times == nullptr
               ? usual
               : static_cast<std::uint32_t>(std::max(1L, std::lround(usual * std::atof(times))));
}

/// Whether the next of very many points is tried: by chance one in so many, and each with
/// BECKON_WALKS above 1.
inline auto one_in(std::uint32_t of) {
    return
        [of, chance = std::mt19937(of)]() mutable { return walks(of) > of || chance() % of == 0; };
}

}  // namespace beckon
