// SPDX-License-Identifier: Apache-2.0
#include "host/device_tags.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace beckon {

std::uint64_t random_bits() {
    std::array<unsigned char, sizeof(std::uint64_t)> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("the system has no random bits");
    }
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), bytes.size());
    return bits;
}

std::string DeviceTags::new_secret() {
    std::array<std::uint64_t, 4> bits{};
    std::ranges::generate(bits, random_bits);
    std::string secret(sizeof(bits), '\0');
    std::memcpy(secret.data(), bits.data(), sizeof(bits));
    return secret;
}

DeviceTag DeviceTags::tag_of(const UserId& user, std::string_view client_id) const {
    // No user has a '/' in its name, so no two pairs are spelled alike.
    const std::string device = user.text() + "/" + std::string(client_id);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(device.data()), device.size(), digest.data(),
             nullptr) == nullptr) {
        throw std::runtime_error("HMAC-SHA256 failed");
    }
    std::uint64_t tag = 0;
    for (std::size_t i = 0; i < sizeof(tag); ++i) {
        tag = (tag << 8) | digest[i];
    }
    return DeviceTag(tag);
}

}  // namespace beckon
