// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The words of the contract (sections 4 and 7) that the wire, the rules and the client
/// library's users share.
namespace beckon {

/// Where one invitee stands. `pending` leads to one of the others; nothing leaves those.
enum class State : std::uint8_t { pending, accepted, rejected, cancelled, timed_out, revoked };

/// Whether everyone is asked, or the first who accepts takes it.
enum class Answer : std::uint8_t { all, first };

/// Who hears of the answers beside the inviter: everyone in the group, all
/// invitees, or only the invitee whose answer it is.
enum class Visibility : std::uint8_t { members, invitees, inviter };

/// The part that a user has in an invitation.
enum class Role : std::uint8_t { inviter, invitee, observer };

/// Whether anybody may join a group by themselves.
enum class JoinMode : std::uint8_t { free, closed };

/// What a member is in a group, from the lowest. The wire calls it `role`.
enum class Rank : std::uint8_t { member, admin, owner };

/// How the contract spells the enumerators, in their order.
template <class Enum>
struct Names;
template <>
struct Names<State> {
    static constexpr std::array<std::string_view, 6> list{"pending",   "accepted",  "rejected",
                                                          "cancelled", "timed_out", "revoked"};
};
template <>
struct Names<Answer> {
    static constexpr std::array<std::string_view, 2> list{"all", "first"};
};
template <>
struct Names<Visibility> {
    static constexpr std::array<std::string_view, 3> list{"members", "invitees", "inviter"};
};
template <>
struct Names<Role> {
    static constexpr std::array<std::string_view, 3> list{"inviter", "invitee", "observer"};
};
template <>
struct Names<JoinMode> {
    static constexpr std::array<std::string_view, 2> list{"free", "closed"};
};
template <>
struct Names<Rank> {
    static constexpr std::array<std::string_view, 3> list{"member", "admin", "owner"};
};

/// The contract's word for it: `name_of(State::timed_out)` is "timed_out".
template <class Enum>
requires requires { Names<Enum>::list; }
constexpr std::string_view name_of(Enum value) {
    return Names<Enum>::list[static_cast<std::size_t>(value)];
}

}  // namespace beckon
