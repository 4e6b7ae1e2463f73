// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/ids.hpp"

namespace beckon {

/// Random bits from the system, for secrets. Throws when there are none.
std::uint64_t random_bits();

/// Derives the tags that name devices without telling their client ids
/// (contract, section 1), by a secret of its own. One thread.
class DeviceTags {
  public:
    /// A new secret for that.
    static std::string new_secret();
    explicit DeviceTags(std::string secret) : secret_(std::move(secret)) {}

    [[nodiscard]] DeviceTag tag_of(const UserId& user, std::string_view client_id) const;

  private:
    std::string secret_;
};

}  // namespace beckon
