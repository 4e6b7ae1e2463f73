// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/ids.hpp"

struct evp_mac_ctx_st;

namespace beckon {

/// Random bits from the system, for secrets. Throws when there are none.
std::uint64_t random_bits();

/// Derives the tags that name devices without telling their client ids
/// (contract, section 1), by a secret of its own. One thread.
class DeviceTags {
  public:
    /// A new secret for that.
    static std::string new_secret();
    explicit DeviceTags(std::string_view secret);

    [[nodiscard]] DeviceTag tag_of(const UserId& user, std::string_view client_id) const;

  private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const noexcept;
    };
    /// Has the secret, which costs more to set up than a tag.
    std::unique_ptr<evp_mac_ctx_st, Free> hmac_;
};

}  // namespace beckon
