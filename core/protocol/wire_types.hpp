// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

/// How writing and reading tell the types of fields apart. For the wire_… sources only.
namespace beckon {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
concept IdLike = requires(std::string_view text, const T& id) {
    { T::parse(text) } -> std::same_as<std::optional<T>>;
    { id.text() } -> std::convertible_to<std::string_view>;
};
template <class T>
concept Named = requires {
    Names<T>::list;
};

}  // namespace beckon
