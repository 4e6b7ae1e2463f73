// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/result.hpp>
#include <beckon/signaling.hpp>
#include <string>
#include <variant>

#include "failures.hpp"
#include "inbox.hpp"
#include "listeners.hpp"
#include "messages.hpp"

/// The protocol's values as the public API tells them. Any thread.
namespace beckon {

/// What became of a call.
struct Outcome {
    std::variant<Reply, Failure> told;
    /// Why there is no connection, if there is none.
    std::string why_offline{};
    /// What `too_many_waiting` met.
    std::int64_t max_waiting = 0;
    /// Since it became known: remaining times are less by that.
    Duration age{};
};

Result to_result(const Outcome& outcome);
InviteResult to_invite_result(const Outcome& outcome, const InvitationId& id);
CancelResult to_cancel_result(const Outcome& outcome);
SignalingInfo to_signaling_info(const InvitationInfo& info, Duration age = Duration{0});
/// Of a `get`; without content when it failed.
SignalingInfo to_signaling_info(const Outcome& outcome);

/// The calls that the listeners get for it.
void tell(Listeners<SignalingListener>& listeners, const Heard& heard, Duration age);
void tell(Listeners<SignalingListener>& listeners, const Ended& ended);

}  // namespace beckon
