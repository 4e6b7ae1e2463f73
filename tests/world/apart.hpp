// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "judge/effects.hpp"

namespace beckon {

/// As its receivers read it: who reads itself alone gets an event of its own.
inline std::vector<Delivery> apart(const Delivery& delivery) {
    if (!delivery.alone) {
        return {delivery};
    }
    std::vector<Delivery> all;
    for (const auto& user : delivery.to) {
        all.push_back({.to = {user}, .event = delivery.event, .online_only = delivery.online_only});
        name_alone(all.back().event, user);
    }
    return all;
}

}  // namespace beckon
