// SPDX-License-Identifier: Apache-2.0
#include "protocol/ids.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <unordered_set>

namespace beckon {

std::vector<UserId> distinct(const std::vector<UserId>& users) {
    constexpr std::size_t few = 8;
    std::vector<UserId> once;
    once.reserve(users.size());
    if (users.size() <= few) {
        std::copy_if(users.begin(), users.end(), std::back_inserter(once), [&](const UserId& user) {
            return std::find(once.begin(), once.end(), user) == once.end();
        });
        return once;
    }
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

DeviceTag::Text DeviceTag::text() const noexcept {
    constexpr std::string_view hex = "0123456789abcdef";
    Text text{};
    auto rest = value_;
    for (auto at = text.digits.rbegin(); at != text.digits.rend(); ++at, rest >>= 4U) {
        *at = hex[rest & 0xfU];
    }
    return text;
}

}  // namespace beckon
