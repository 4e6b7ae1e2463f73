// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "judge/siphash.hpp"
#include "protocol/ids.hpp"

namespace beckon {

/// Random bits from the system, for secrets. Throws when there are none.
std::uint64_t random_bits();

/// Derives the tags that name devices without telling their client ids
/// (contract, section 1): by SipHash-2-4, a MAC, with a key made of a secret of its own. Who does
/// not know that can neither tell a client id from tags nor foretell one. Any thread.
class DeviceTags {
  public:
    /// A new secret for that.
    static std::string new_secret();
    explicit DeviceTags(std::string_view secret);

    [[nodiscard]] DeviceTag tag_of(const UserId& user, std::string_view client_id) const;

  private:
    SipKey key_;
};

}  // namespace beckon
