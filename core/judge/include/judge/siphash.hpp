// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace beckon {

/// A secret of 128 bits.
struct SipKey {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const SipKey&) const = default;
};

/// SipHash (Aumasson and Bernstein, 2012), of so many rounds for each 8 bytes and at the end: who
/// does not know the key can neither choose texts that collide nor foretell a hash. 2-4 is what it
/// is proposed with, and 1-3 is enough for a table, which shows no hash. Pure; any thread.
template <int each = 2, int last = 4>
std::uint64_t siphash(const SipKey& key, std::string_view text) noexcept {
    std::uint64_t v0 = key.low ^ 0x736f6d6570736575U;
    std::uint64_t v1 = key.high ^ 0x646f72616e646f6dU;
    std::uint64_t v2 = key.low ^ 0x6c7967656e657261U;
    std::uint64_t v3 = key.high ^ 0x7465646279746573U;
    const auto rotate = [](std::uint64_t& value, unsigned by) {
        value = value << by | value >> (64U - by);
    };
    const auto rounds = [&](int count) {
        for (int i = 0; i < count; ++i) {
            v0 += v1;
            v2 += v3;
            rotate(v1, 13);
            rotate(v3, 16);
            v1 ^= v0;
            v3 ^= v2;
            rotate(v0, 32);
            v2 += v1;
            v0 += v3;
            rotate(v1, 17);
            rotate(v3, 21);
            v1 ^= v2;
            v3 ^= v0;
            rotate(v2, 32);
        }
    };
    const auto little_endian = [](std::uint64_t word) {
        return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
    };
    const auto take_in = [&](std::uint64_t word) {
        v3 ^= word;
        rounds(each);
        v0 ^= word;
    };
    const char* at = text.data();
    const char* const whole = at + text.size() / 8 * 8;
    for (; at != whole; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        take_in(little_endian(word));
    }
    std::uint64_t rest = std::uint64_t{text.size()} << 56U;
    const auto left = static_cast<unsigned>(text.size() % 8);
    if (text.size() >= 8 && left > 0) {
        // The last eight, of which those before `left` were taken in.
        std::uint64_t word = 0;
        std::memcpy(&word, at + left - 8, 8);
        rest |= little_endian(word) >> (8U * (8 - left));
    } else {
        for (unsigned i = 0; i < left; ++i) {
            rest |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8U * i);
        }
    }
    take_in(rest);
    v2 ^= 0xffU;
    rounds(last);
    return v0 ^ v1 ^ v2 ^ v3;
}

/// What hashes texts for a table; the key is a secret.
struct TableHash {
    SipKey key;
    std::uint64_t operator()(std::string_view text) const noexcept {
        return siphash<1, 3>(key, text);
    }
};

/// A key for one purpose, from which neither `secret` nor another's key follows.
inline SipKey derive_key(const SipKey& secret, std::string_view purpose) noexcept {
    return {siphash(secret, purpose), siphash({secret.high, secret.low}, purpose)};
}

}  // namespace beckon
