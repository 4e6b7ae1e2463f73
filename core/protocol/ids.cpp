// SPDX-License-Identifier: Apache-2.0
#include "protocol/ids.hpp"

#include <charconv>
#include <unordered_set>

namespace beckon {

std::vector<UserId> distinct(const std::vector<UserId>& users) {
    std::vector<UserId> once;
    std::unordered_set<std::string_view> seen;
    for (const auto& user : users) {
        if (seen.insert(user.text()).second) {
            once.push_back(user);
        }
    }
    return once;
}

namespace {
constexpr std::size_t digits = 16;
}

std::optional<DeviceTag> DeviceTag::parse(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != digits || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return DeviceTag(value);
}

std::string DeviceTag::text() const {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string text(digits, '0');
    auto rest = value_;
    for (auto at = text.rbegin(); at != text.rend(); ++at, rest >>= 4) {
        *at = hex[rest & 0xf];
    }
    return text;
}

}  // namespace beckon
