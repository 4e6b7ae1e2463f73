// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/store_file.hpp"
#include "protocol/replies.hpp"

/// History by pages, as the journal tells them; what stands in one is core's to say
/// (judge/history.hpp). Pure.
namespace beckon {

HistoryListed told_of(const HistoryPage& page, const UserId& reader, Instant now);

/// The `next` of a page, and what it says when it comes back as `before`.
std::string spelled(const HistoryMark& mark);
std::optional<HistoryMark> read_mark(std::string_view text);

}  // namespace beckon
