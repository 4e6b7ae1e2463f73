// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace beckon {

/// One who asked, for all tests of the commit gate.
struct PendingReply {
    std::string who{};
    std::size_t number = 0;
};

}  // namespace beckon
