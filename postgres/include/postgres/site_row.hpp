// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace beckon {

/// Who owns a site, as its row says.
struct SiteRow {
    /// Nobody, when it was let go of.
    std::string owner{};
    /// Goes up with each owner.
    std::uint64_t epoch = 0;
    /// Go up while it is owned: commits, and renewals when there are none.
    std::uint64_t changes = 0;
    /// Somebody has asked its owner to let it go.
    bool is_drained = false;
    bool operator==(const SiteRow&) const = default;
};

}  // namespace beckon
