// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/store_file.hpp"
#include "protocol/replies.hpp"

/// History as it is told (contract, section 7), of what the store's file tells. Pure.
namespace beckon {

HistoryListed told_of(const HistoryPage& page, const UserId& reader, Instant now);

/// The `next` of a page, and what it says when it comes back as `before`.
std::string spelled(const HistoryMark& mark);
std::optional<HistoryMark> read_mark(std::string_view text);

}  // namespace beckon
