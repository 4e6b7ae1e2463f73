// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace beckon {

/// A secret of 128 bits.
struct SipKey {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const SipKey&) const = default;
};

/// SipHash-2-4 (Aumasson and Bernstein, 2012): who does not know the key can
/// neither choose texts that collide nor foretell a hash. Pure; any thread.
constexpr std::uint64_t siphash(const SipKey& key, std::string_view text) noexcept {
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
    const auto take_in = [&](std::uint64_t word) {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    };
    const auto word_at = [&](std::size_t from, std::size_t size) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < size; ++i) {
            word |= std::uint64_t{static_cast<unsigned char>(text[from + i])} << (8U * i);
        }
        return word;
    };
    const std::size_t whole = text.size() / 8 * 8;
    for (std::size_t at = 0; at < whole; at += 8) {
        take_in(word_at(at, 8));
    }
    take_in(word_at(whole, text.size() - whole) | std::uint64_t{text.size()} << 56U);
    v2 ^= 0xffU;
    rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
}

/// A key for one purpose, from which neither `secret` nor another's key follows.
constexpr SipKey derive_key(const SipKey& secret, std::string_view purpose) noexcept {
    return {siphash(secret, purpose), siphash({secret.high, secret.low}, purpose)};
}

}  // namespace beckon
