// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "judge/effects.hpp"
#include "protocol/requests.hpp"

/// About what it takes in memory: the application's own bytes, and some hundred.
namespace beckon {

std::size_t bytes_of(const Request& request);
std::size_t bytes_of(const Effect& effect);

}  // namespace beckon
