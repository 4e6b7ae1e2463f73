// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <variant>
#include <vector>

#include "messages.hpp"

namespace beckon {

/// An event, and the users whose devices all get it, in this order.
struct Delivery {
    std::vector<UserId> to;
    AnyEvent event;
    /// Only for devices that are there; not to be queued for others.
    bool online_only = false;
    bool operator==(const Delivery&) const = default;
};

/// What the host has to do, in order. A refusal is a `Reply` like any other.
using Effect = std::variant<Reply, Delivery>;
using Effects = std::vector<Effect>;

}  // namespace beckon
