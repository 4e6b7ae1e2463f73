// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace beckon {

/// What somebody tried who can use no signaling, for want of a user name that is an id.
enum class Tried : std::uint8_t { request, inbox };
inline constexpr std::size_t tried_kinds = 2;

/// A user name as a line of a log can have it: an id as it is; any other in apostrophes, without
/// what could end or turn the line, and only its beginning if it is long.
std::string shown_name(std::string_view name);

/// The sentence for the operator, with what to do about it. `name` is what the broker
/// authenticated, empty when there is none; `address` may be null. Pure; any thread.
std::string cannot_signal(Tried tried, std::string_view name, const char* address);

}  // namespace beckon
