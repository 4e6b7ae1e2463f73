// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "judge/changes.hpp"
#include "protocol/replies.hpp"

namespace beckon {

/// History as it is told to one user (contract, section 7): how each invitation ended, why, and
/// whether it was missed. `ended` is what is kept of each, in the order of changes.hpp and without
/// any data; it is told in the same order, and only to its inviter and its invitees. Pure; any
/// thread.
std::vector<PastInvitation> past_of(const Changes& ended, const UserId& reader, Instant now);

}  // namespace beckon
