// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

/// Names and texts, as Home Assistant takes them. Pure.
namespace beckon::cli::home {

/// What others wrote is shown up to so many bytes; a state of Home Assistant's may have 255
/// characters.
inline constexpr std::size_t max_shown = 255;

/// 1 to 64 of A-Z a-z 0-9 . _ @ : -
bool is_id(const std::string& text);

/// An id in letters, digits and `-` alone; all else of it as _ and two digits, so that no two ids
/// become the same: what discovery topics take.
std::string escaped(const std::string& id);
/// An id in small letters, digits and `_`, for people: what the ids of entities are made of.
std::string slug(const std::string& id);
/// At most `max_shown` bytes of it, whole letters; nothing: it is no text.
std::optional<std::string> shown(const std::string& text);
/// Such as 2026-05-01T18:00:05+00:00.
std::string timestamp(std::chrono::system_clock::time_point time);

}  // namespace beckon::cli::home
