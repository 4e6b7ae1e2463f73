// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

/// What must always hold, in a release as in a debug build.
namespace beckon {

/// The switchboard is not as it believed: a bug of ours, whoever asked. What it remembers cannot
/// be trusted any more; the host answers `internal`, and makes another from what is stored.
struct InvariantBroken : std::logic_error {
    using std::logic_error::logic_error;
};

/// Throws `InvariantBroken`, which tells `what` has to hold, unless it does.
constexpr void ensure(bool holds, const char* what) {
    if (!holds) [[unlikely]] {
        throw InvariantBroken(what);
    }
}

}  // namespace beckon
