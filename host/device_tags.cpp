// SPDX-License-Identifier: Apache-2.0
#include "host/device_tags.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

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

DeviceTags::DeviceTags(std::string_view secret) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
    static_assert(sizeof(key_) <= SHA256_DIGEST_LENGTH);
    std::memcpy(&key_, digest.data(), sizeof(key_));
}

DeviceTag DeviceTags::tag_of(const UserId& user, std::string_view client_id) const {
    // No user has a '/' in its name, so no two pairs are spelled alike.
    std::string device;
    device.reserve(user.text().size() + 1 + client_id.size());
    device.append(user.text()).append("/").append(client_id);
    return DeviceTag(siphash(key_, device));
}

}  // namespace beckon
