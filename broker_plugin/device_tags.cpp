// SPDX-License-Identifier: Apache-2.0
#include "device_tags.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
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

DeviceTags::DeviceTags() { std::ranges::generate(secret_, random_bits); }

DeviceTag DeviceTags::tag_of(const UserId& user, std::string_view client_id) const {
    // No user has a '/' in its name, so no two pairs are spelled alike.
    const std::string device = user.text() + "/" + std::string(client_id);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(sizeof(secret_)),
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
