// SPDX-License-Identifier: Apache-2.0
#include "presence_filter.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "access.hpp"

namespace beckon {

namespace {

// All that matches `event` or `json`; `#` matches the level above it as well.
constexpr std::array<std::string_view, 7> tails{"event",   "json",   "+",  "#",
                                                "event/#", "json/#", "+/#"};

/// Takes `level` or `+` off the front of `rest`: 0 or 1; nothing: neither is there.
std::optional<unsigned> match_level(std::string_view& rest, std::string_view level) {
    const auto slash = rest.find('/');
    const auto first = rest.substr(0, slash);
    if (slash == std::string_view::npos || (first != level && first != "+")) {
        return std::nullopt;
    }
    rest.remove_prefix(slash + 1);
    return first == level ? 0U : 1U;
}

}  // namespace

PresenceFilter read_presence_filter(std::string_view filter, std::string_view root,
                                    std::string_view me) {
    auto rest = without_share(filter);
    const unsigned shared = rest.size() != filter.size() ? 1 : 0;
    const auto slash = root.find('/');
    const auto word = match_level(rest, root.substr(0, slash));
    if (!word) {
        return {.reaches_us = rest == "#"};
    }
    const auto version = match_level(rest, root.substr(slash + 1));
    if (!version || take_level(rest) != inbox_level || take_level(rest) != me) {
        return {.reaches_us = true};
    }
    const auto tail = std::ranges::find(tails, rest);
    if (tail == tails.end()) {
        return {.reaches_us = true};
    }
    const auto number = ((shared * 2 + *word) * 2 + *version) * tails.size() +
                        static_cast<std::size_t>(tail - tails.begin());
    return {.reaches_us = true, .bit = PresenceFilters{1} << number};
}

}  // namespace beckon
