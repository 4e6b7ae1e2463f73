// SPDX-License-Identifier: Apache-2.0
#include "history.hpp"

#include <charconv>

#include "judge/history.hpp"

namespace beckon {

HistoryListed told_of(const HistoryPage& page, const UserId& reader, Instant now) {
    HistoryListed listed{.history = past_of(page.ended, reader, now)};
    if (page.next) {
        listed.next = spelled(*page.next);
    }
    return listed;
}

std::string spelled(const HistoryMark& mark) {
    return std::to_string(mark.ended_ms) + '-' + std::to_string(mark.number);
}

std::optional<HistoryMark> read_mark(std::string_view text) {
    HistoryMark mark;
    const char* const end = text.data() + text.size();
    const auto [dash, bad_time] = std::from_chars(text.data(), end, mark.ended_ms);
    if (bad_time != std::errc{} || dash == end || *dash != '-') {
        return std::nullopt;
    }
    const auto [at, bad_number] = std::from_chars(dash + 1, end, mark.number);
    return bad_number == std::errc{} && at == end ? std::optional(mark) : std::nullopt;
}

}  // namespace beckon
