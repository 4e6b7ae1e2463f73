// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "judge/switchboard.hpp"

namespace beckon {

/// What a host gets that asks the switchboard whether the sender may ask at all, and then for it.
inline Effects judged(Switchboard& switchboard, const Sender& sender, const Request& request,
                      Instant now) {
    if (auto refusal = switchboard.admit(sender.user, now)) {
        return {Reply{.re = std::string(verb_of(request)),
                      .device = sender.device,
                      .req = request.req,
                      .body = std::move(*refusal)}};
    }
    return switchboard.handle(sender, request, now);
}

}  // namespace beckon
