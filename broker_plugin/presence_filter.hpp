// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace beckon {

/// A set of those subscriptions that make a device online (contract, section
/// 1): filters that spell out `inbox/{me}` and match its `event` or `json`.
/// There are few ways to write one, so each is a bit, and a session's memory
/// of them is one number, whatever its client subscribes to.
using PresenceFilters = std::uint64_t;

/// What one filter means for the inbox of one user.
struct PresenceFilter {
    /// It may match something of ours at all.
    bool reaches_us = false;
    /// Its bit when it makes the device online, else 0. Shared subscriptions
    /// differ from plain ones, but not by group.
    PresenceFilters bit = 0;

    bool operator==(const PresenceFilter&) const = default;
};

/// Reads a filter as SUBSCRIBE and UNSUBSCRIBE spell it; `root` has two levels.
/// Pure; any thread.
PresenceFilter read_presence_filter(std::string_view filter, std::string_view root,
                                    std::string_view me);

}  // namespace beckon
