// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <beckon/vocabulary.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

/// The words and small values that requests, replies and events share.
namespace beckon {

/// The application's own bytes: text, or binary (`data_b64` in JSON). Never read.
struct Data {
    std::string bytes;
    bool is_text = true;
    bool operator==(const Data&) const = default;
};

/// What a request may carry in `req`, echoed by its reply.
using Req = std::variant<std::string, std::int64_t, std::uint64_t>;

/// What a group tells of itself, by keys of its application. Never read.
using Profile = std::map<std::string, std::string>;
/// How many texts a profile may hold.
inline constexpr std::size_t max_profile_texts = 16;

/// Counts the events of an invitation, from 1 (contract, section 3).
using Rev = std::uint32_t;

/// The visibility of an invitation that names none.
constexpr Visibility usual_visibility(bool in_group) {
    return in_group ? Visibility::members : Visibility::invitees;
}

/// Where the invitation stands: open while anyone is pending. Computed, never stored.
enum class Openness : std::uint8_t { open, ended };
enum class OnInviterLost : std::uint8_t { cancel, keep };
/// Why pending invitees were cancelled.
enum class CancelReason : std::uint8_t {
    cancelled,
    answered,
    replaced,
    call_ended,
    expired,
    inviter_lost,
    left_group,
    group_dismissed,
};
/// Why an invitee has no part any more.
enum class RevokeReason : std::uint8_t { left_group, removed };

template <>
struct Names<Openness> {
    static constexpr std::array<std::string_view, 2> list{"open", "ended"};
};
template <>
struct Names<OnInviterLost> {
    static constexpr std::array<std::string_view, 2> list{"cancel", "keep"};
};
template <>
struct Names<CancelReason> {
    static constexpr std::array<std::string_view, 8> list{
        "cancelled", "answered",     "replaced",   "call_ended",
        "expired",   "inviter_lost", "left_group", "group_dismissed"};
};

template <>
struct Names<RevokeReason> {
    static constexpr std::array<std::string_view, 2> list{"left_group", "removed"};
};

}  // namespace beckon
