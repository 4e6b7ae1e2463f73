// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace beckon {

inline constexpr std::size_t most_id_bytes = 64;

/// Which characters ids are made of.
inline constexpr auto in_ids = [] {
    std::array<bool, 256> allowed{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789._@:-")) {
        allowed[static_cast<unsigned char>(c)] = true;
    }
    return allowed;
}();

/// True for what the contract (section 1) calls an id: `[A-Za-z0-9._@:-]{1,64}`.
/// No id holds `/`, `+` or `#`, so an id is safe as one level of a topic.
constexpr bool is_id(std::string_view text) noexcept {
    if (text.empty() || text.size() > most_id_bytes) {
        return false;
    }
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return in_ids[static_cast<unsigned char>(c)]; });
}

/// An id of one kind, in place: a copy allocates nothing. Holds valid text only: `parse` is the
/// way in, and the default is the valid placeholder "-". Ids of two kinds do not mix.
template <class Kind>
class Id {
  public:
    Id() noexcept : Id("-") {}

    /// The id spelled `text`, or nothing if that is no id.
    static std::optional<Id> parse(std::string_view text) noexcept {
        return is_id(text) ? std::optional<Id>(Id(text)) : std::nullopt;
    }

    /// Lives as long as this id.
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }
    [[nodiscard]] std::string str() const { return std::string(text()); }

    bool operator==(const Id& other) const noexcept { return text() == other.text(); }
    std::strong_ordering operator<=>(const Id& other) const noexcept {
        return text() <=> other.text();
    }

  private:
    explicit Id(std::string_view text) noexcept : size_(static_cast<std::uint8_t>(text.size())) {
        std::copy(text.begin(), text.end(), text_.begin());
    }
    // All of them have a value, so that to copy them is defined.
    std::array<char, most_id_bytes> text_{};
    std::uint8_t size_ = 0;
};

using UserId = Id<struct UserKind>;
using InvitationId = Id<struct InvitationKind>;
using GroupId = Id<struct GroupKind>;
using MessageId = Id<struct MessageKind>;

/// The users, each once, in their order.
std::vector<UserId> distinct(const std::vector<UserId>& users);

/// Names one device (a connection of a user) without telling its client id;
/// opaque to clients. The host derives it (contract, section 1). On the wire:
/// 16 lower-case hex digits.
class DeviceTag {
  public:
    DeviceTag() = default;
    constexpr explicit DeviceTag(std::uint64_t value) noexcept : value_(value) {}

    static std::optional<DeviceTag> parse(std::string_view text) noexcept;
    struct Text {
        std::array<char, 16> digits;
        // NOLINTNEXTLINE(google-explicit-constructor): it is nothing else
        operator std::string_view() const noexcept { return {digits.data(), digits.size()}; }
    };
    [[nodiscard]] Text text() const noexcept;
    [[nodiscard]] std::string str() const { return std::string(std::string_view(text())); }

    // NOLINTNEXTLINE(modernize-use-nullptr): version 14 means the 0 of the language itself
    auto operator<=>(const DeviceTag&) const = default;

  private:
    std::uint64_t value_ = 0;
};

}  // namespace beckon

template <class Kind>
struct std::hash<beckon::Id<Kind>> {
    std::size_t operator()(const beckon::Id<Kind>& id) const noexcept {
        return std::hash<std::string_view>{}(id.text());
    }
};
