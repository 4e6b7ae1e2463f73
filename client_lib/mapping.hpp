// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/groups.hpp>
#include <beckon/messages.hpp>
#include <beckon/result.hpp>
#include <beckon/signaling.hpp>
#include <string>
#include <variant>

#include "device/failures.hpp"
#include "device/news.hpp"
#include "listeners.hpp"
#include "protocol/events.hpp"
#include "protocol/replies.hpp"

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

/// Of an `Outcome` that is ok; an empty one, when it is another.
template <class Body>
Body body_of(const Outcome& outcome) {
    const auto* reply = std::get_if<Reply>(&outcome.told);
    const auto* body = reply != nullptr ? std::get_if<Body>(&reply->body) : nullptr;
    return body != nullptr ? *body : Body{};
}

Result to_result(const Outcome& outcome);
InviteResult to_invite_result(const Outcome& outcome, const InvitationId& id);
CancelResult to_cancel_result(const Outcome& outcome);
SignalingInfo to_signaling_info(const InvitationInfo& info, Duration age = Duration{0});
/// Of a `get`; without content when it failed.
SignalingInfo to_signaling_info(const Outcome& outcome);
/// `age`: since it was told.
std::vector<PastSignaling> to_history(const HistoryListed& listed, Duration age);

MembersResult to_members_result(const Outcome& outcome);
GroupInfoResult to_group_info_result(const Outcome& outcome);
GroupDescription to_group_description(const GroupSummary& group);

/// The calls that the listeners get for it.
void tell(Listeners<SignalingListener>& listeners, const Heard& heard, Duration age);
void tell(Listeners<SignalingListener>& listeners, const Ended& ended);
void tell(Listeners<SignalingListener>& listeners, const Busy& busy);
void tell(Listeners<GroupListener>& listeners, const GroupEvent& event);
void tell(Listeners<SimpleMsgListener>& listeners, const MessageEvent& event);

}  // namespace beckon
