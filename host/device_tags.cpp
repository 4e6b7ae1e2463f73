// SPDX-License-Identifier: Apache-2.0
#include "host/device_tags.hpp"

#include <openssl/evp.h>
#include <openssl/params.h>
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

void DeviceTags::Free::operator()(evp_mac_ctx_st* context) const noexcept {
    EVP_MAC_CTX_free(context);
}

DeviceTags::DeviceTags(std::string_view secret) {
    EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    hmac_.reset(algorithm != nullptr ? EVP_MAC_CTX_new(algorithm) : nullptr);
    EVP_MAC_free(algorithm);
    std::string digest = "SHA256";
    const std::array parameters{OSSL_PARAM_construct_utf8_string("digest", digest.data(), 0),
                                OSSL_PARAM_construct_end()};
    if (!hmac_ || EVP_MAC_init(hmac_.get(), reinterpret_cast<const unsigned char*>(secret.data()),
                               secret.size(), parameters.data()) != 1) {
        throw std::runtime_error("OpenSSL has no HMAC-SHA256");
    }
}

DeviceTag DeviceTags::tag_of(const UserId& user, std::string_view client_id) const {
    // No user has a '/' in its name, so no two pairs are spelled alike.
    const std::string device = user.str() + "/" + std::string(client_id);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    std::size_t size = 0;
    // Without a key it goes on with the one that it has.
    if (EVP_MAC_init(hmac_.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(hmac_.get(), reinterpret_cast<const unsigned char*>(device.data()),
                       device.size()) != 1 ||
        EVP_MAC_final(hmac_.get(), digest.data(), &size, digest.size()) != 1) {
        throw std::runtime_error("HMAC-SHA256 failed");
    }
    std::uint64_t tag = 0;
    for (std::size_t i = 0; i < sizeof(tag); ++i) {
        tag = (tag << 8) | digest[i];
    }
    return DeviceTag(tag);
}

}  // namespace beckon
