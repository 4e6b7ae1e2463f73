// SPDX-License-Identifier: Apache-2.0
#include "protocol/text.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace beckon {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_sextets() {
    std::array<std::int8_t, 256> sextets{};
    sextets.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        sextets[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    }
    return sextets;
}
constexpr auto sextets = make_sextets();

constexpr std::uint32_t byte_at(std::string_view bytes, std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        if (std::uint64_t word = 0; text.size() - i >= sizeof(word)) {
            std::memcpy(&word, text.data() + i, sizeof(word));
            if ((word & 0x8080808080808080U) == 0) {  // eight of ASCII
                i += sizeof(word);
                continue;
            }
        }
        const auto lead = byte_at(text, i++);
        if (lead < 0x80) {
            continue;
        }
        const std::size_t more = lead < 0xC2   ? 0U
                                 : lead < 0xE0 ? 1U
                                 : lead < 0xF0 ? 2U
                                 : lead < 0xF5 ? 3U
                                               : 0U;
        if (more == 0) {
            return false;
        }
        // The second byte's range shuts out overlong forms, surrogates and the end of Unicode.
        const auto second = byte_at(text, i);
        const auto low = lead == 0xE0 ? 0xA0U : lead == 0xF0 ? 0x90U : 0x80U;
        const auto high = lead == 0xED ? 0x9FU : lead == 0xF4 ? 0x8FU : 0xBFU;
        if (second < low || second > high) {
            return false;
        }
        for (std::size_t k = 1; k < more; ++k) {
            if ((byte_at(text, i + k) & 0xC0U) != 0x80U) {
                return false;
            }
        }
        i += more;
    }
    return true;
}

std::string base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto group =
            byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2);
        for (std::size_t k = 0; k < 4; ++k) {
            text += i + k > bytes.size() ? '=' : alphabet[group >> (18U - 6U * k) & 0x3FU];
        }
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const std::size_t pads = i + 4 == text.size() ? padding : 0;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const auto sextet = k >= 4 - pads ? 0 : sextets[byte_at(text, i + k)];
            if (sextet < 0) {
                return std::nullopt;
            }
            group = group << 6U | static_cast<std::uint32_t>(sextet);
        }
        for (std::size_t k = 0; k < 3 - pads; ++k) {
            bytes += static_cast<char>(group >> (16U - 8U * k) & 0xFFU);
        }
        // Left-over bits must be zero: one text for each value.
        if ((pads == 1 && (group & 0xFFU) != 0) || (pads == 2 && (group & 0xFFFFU) != 0)) {
            return std::nullopt;
        }
    }
    return bytes;
}

}  // namespace beckon
