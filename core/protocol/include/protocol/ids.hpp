// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace beckon {

/// True for what the contract (section 1) calls an id: `[A-Za-z0-9._@:-]{1,64}`.
/// No id holds `/`, `+` or `#`, so an id is safe as one level of a topic.
constexpr bool is_id(std::string_view text) noexcept {
    if (text.empty() || text.size() > 64) {
        return false;
    }
    for (const char c : text) {
        const bool allowed = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' ||
                             c == ':' || c == '-';
        if (!allowed) {
            return false;
        }
    }
    return true;
}

/// An id of one kind. Holds valid text only: `parse` is the way in, and the
/// default is the valid placeholder "-". Ids of two kinds do not mix.
template <class Kind>
class Id {
  public:
    Id() : text_("-") {}

    /// The id spelled `text`, or nothing if that is no id.
    static std::optional<Id> parse(std::string_view text) {
        return is_id(text) ? std::optional<Id>(Id(text)) : std::nullopt;
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

    // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14
    auto operator<=>(const Id&) const = default;

  private:
    explicit Id(std::string_view text) : text_(text) {}
    std::string text_;
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
    [[nodiscard]] std::string text() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): version 14 means the 0 of the language itself
    auto operator<=>(const DeviceTag&) const = default;

  private:
    std::uint64_t value_ = 0;
};

}  // namespace beckon

template <class Kind>
struct std::hash<beckon::Id<Kind>> {
    std::size_t operator()(const beckon::Id<Kind>& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};
