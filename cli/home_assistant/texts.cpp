// SPDX-License-Identifier: Apache-2.0
#include "texts.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <string_view>

#include "facts.hpp"

namespace beckon::cli::home {

namespace {

constexpr std::size_t max_id = 64;

bool is_alphanumeric(char letter) { return std::isalnum(static_cast<unsigned char>(letter)) != 0; }

}  // namespace

bool is_id(const std::string& text) {
    static constexpr std::string_view others = "._@:-";
    return !text.empty() && text.size() <= max_id &&
           std::all_of(text.begin(), text.end(), [](char letter) {
               return is_alphanumeric(letter) || others.find(letter) != std::string_view::npos;
           });
}

std::string escaped(const std::string& id) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string safe;
    for (const char letter : id) {
        if (is_alphanumeric(letter) || letter == '-') {
            safe += letter;
        } else {
            const auto code = static_cast<unsigned char>(letter);
            safe += {'_', digits[code / 16], digits[code % 16]};
        }
    }
    return safe;
}

std::string slug(const std::string& id) {
    std::string plain;
    for (const char letter : id) {
        plain += is_alphanumeric(letter)
                     ? static_cast<char>(std::tolower(static_cast<unsigned char>(letter)))
                     : '_';
    }
    return plain;
}

std::optional<std::string> shown(const std::string& text) {
    if (!is_text(text)) {
        return std::nullopt;
    }
    std::size_t end = std::min(text.size(), max_shown);
    while (end < text.size() && end > 0 &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;  // within a letter
    }
    return text.substr(0, end);
}

std::string timestamp(std::chrono::system_clock::time_point time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(),
            std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S+00:00", &parts)};
}

}  // namespace beckon::cli::home
