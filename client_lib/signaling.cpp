// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <beckon/signaling.hpp>
#include <utility>

#include "arguments.hpp"
#include "mapping.hpp"

namespace beckon {
namespace {

using std::chrono::seconds;

/// What makes an invitation, but for whom it asks.
template <MakesInvitation Asked>
Asked asked_by(Arguments& arguments, const std::string& data, const InviteOptions& options) {
    Asked asked;
    asked.id = InvitationId::parse(Engine::random_id());
    asked.data = arguments.optional_data(data);
    asked.timeout = arguments.timeout(options.timeout);
    asked.answer = arguments.word(options.answer, "answer");
    asked.call = options.call;
    asked.online_only = options.onlineUserOnly;
    asked.replace = options.replace;
    asked.on_inviter_lost =
        options.keepWhenInviterLost ? OnInviterLost::keep : OnInviterLost::cancel;
    asked.visibility = arguments.word(options.visibility.value_or(asked.visibility), "visibility");
    return asked;
}

Engine::Completion invite_completion(InviteCallback callback, const InvitationId& id) {
    return completion(std::move(callback),
                      [id](const Outcome& outcome) { return to_invite_result(outcome, id); });
}

}  // namespace

SignalingListener::SignalingListener() = default;
SignalingListener::~SignalingListener() = default;
void SignalingListener::onReceiveNewInvitation(const std::string& /*inviteID*/,
                                               const std::string& /*inviter*/,
                                               const std::string& /*groupID*/,
                                               const std::vector<std::string>& /*inviteeList*/,
                                               const std::string& /*data*/) {}
void SignalingListener::onInviteeAccepted(const std::string& /*inviteID*/,
                                          const std::string& /*invitee*/,
                                          const std::string& /*data*/) {}
void SignalingListener::onInviteeRejected(const std::string& /*inviteID*/,
                                          const std::string& /*invitee*/,
                                          const std::string& /*data*/) {}
void SignalingListener::onInvitationCancelled(const std::string& /*inviteID*/,
                                              const std::string& /*inviter*/,
                                              const std::string& /*data*/) {}
void SignalingListener::onInvitationTimeout(const std::string& /*inviteID*/,
                                            const std::vector<std::string>& /*inviteeList*/) {}
void SignalingListener::onInvitationModified(const std::string& /*inviteID*/,
                                             const std::string& /*data*/) {}
void SignalingListener::onInvitationEnded(const InvitationEnd& /*end*/) {}
void SignalingListener::onInviteeRinging(const std::string& /*inviteID*/,
                                         const std::string& /*invitee*/) {}
void SignalingListener::onRejectedAsBusy(const std::string& /*inviteID*/,
                                         const std::string& /*inviter*/,
                                         const std::string& /*groupID*/,
                                         const std::string& /*data*/) {}
void SignalingListener::onSignal(const std::string& /*inviteID*/, const std::string& /*from*/,
                                 const std::string& /*data*/) {}
void SignalingListener::onParticipantLeft(const std::string& /*inviteID*/,
                                          const std::string& /*user*/,
                                          const std::string& /*reason*/,
                                          const std::string& /*data*/) {}
void SignalingListener::onParticipantJoined(const std::string& /*inviteID*/,
                                            const std::string& /*user*/,
                                            const std::string& /*data*/) {}
void SignalingListener::onParticipantMoved(const std::string& /*inviteID*/,
                                           const std::string& /*user*/) {}
void SignalingListener::onCallEnded(const std::string& /*inviteID*/, const std::string& /*reason*/,
                                    std::chrono::milliseconds /*duration*/,
                                    const std::string& /*data*/) {}
void SignalingListener::onSignalingEvent(const SignalingEvent& /*event*/) {}

SignalingManager::SignalingManager(Engine& engine) : engine_(engine) {}

void SignalingManager::addSignalingListener(SignalingListener* listener) {
    engine_.signaling_listeners().add(listener);
}

void SignalingManager::removeSignalingListener(SignalingListener* listener) {
    engine_.signaling_listeners().remove(listener);
}

std::string SignalingManager::invite(const std::string& invitee, const std::string& data,
                                     bool onlineUserOnly, int timeout, InviteCallback callback) {
    return inviteSeveral({invitee}, data,
                         {.timeout = seconds(timeout), .onlineUserOnly = onlineUserOnly},
                         std::move(callback));
}

std::string SignalingManager::inviteSeveral(const std::vector<std::string>& inviteeList,
                                            const std::string& data, const InviteOptions& options,
                                            InviteCallback callback) {
    Arguments arguments;
    auto invite = asked_by<Invite>(arguments, data, options);
    const auto id = *invite.id;
    if (inviteeList.empty()) {
        arguments.blame("invitee", "is missing");
    } else {
        auto users = arguments.users({inviteeList.begin() + 1, inviteeList.end()}, "also");
        users.insert(users.begin(), arguments.user(inviteeList.front(), "invitee"));
        // In the first place the broker refuses the user's own name, elsewhere it skips it.
        const auto first = std::find_if(users.begin(), users.end(), [&](const auto& user) {
            return user.str() != engine_.user();
        });
        if (first != users.end()) {
            std::iter_swap(users.begin(), first);
        }
        invite.invitee = users.front();
        invite.also = {users.begin() + 1, users.end()};
    }
    arguments.call(engine_, std::move(invite), invite_completion(std::move(callback), id));
    return id.str();
}

std::string SignalingManager::inviteInGroup(const std::string& groupID,
                                            const std::vector<std::string>& inviteeList,
                                            const std::string& data, bool onlineUserOnly,
                                            int timeout, InviteCallback callback) {
    return inviteInGroup(groupID, inviteeList, data,
                         {.timeout = seconds(timeout), .onlineUserOnly = onlineUserOnly},
                         std::move(callback));
}

std::string SignalingManager::inviteInGroup(const std::string& groupID,
                                            const std::vector<std::string>& inviteeList,
                                            const std::string& data, const InviteOptions& options,
                                            InviteCallback callback) {
    Arguments arguments;
    auto invite = asked_by<GroupInvite>(arguments, data, options);
    const auto id = *invite.id;
    invite.group = arguments.group(groupID);
    if (!inviteeList.empty()) {
        invite.invitees = arguments.users(inviteeList, "invitees");
    }
    arguments.call(engine_, std::move(invite), invite_completion(std::move(callback), id));
    return id.str();
}

void SignalingManager::cancel(const std::string& inviteID, const std::string& data,
                              CancelCallback callback, const std::vector<std::string>& invitees) {
    Arguments arguments;
    Cancel cancel{.id = arguments.invitation(inviteID), .data = arguments.optional_data(data)};
    if (!invitees.empty()) {
        cancel.invitees = arguments.users(invitees, "invitees");
    }
    arguments.call(engine_, std::move(cancel), completion(std::move(callback), to_cancel_result));
}

void SignalingManager::accept(const std::string& inviteID, const std::string& data,
                              ResultCallback callback) {
    Arguments arguments;
    Accept accept{.id = arguments.invitation(inviteID), .data = arguments.optional_data(data)};
    arguments.call(engine_, std::move(accept), completion(std::move(callback), to_result));
}

void SignalingManager::reject(const std::string& inviteID, const std::string& data,
                              ResultCallback callback, const std::string& reason) {
    Arguments arguments;
    Reject reject{.id = arguments.invitation(inviteID),
                  .data = arguments.optional_data(data),
                  .reason = arguments.text(reason, "reason")};
    if (reason.empty()) {
        arguments.blame("reason", "is empty");
    }
    arguments.call(engine_, std::move(reject), completion(std::move(callback), to_result));
}

void SignalingManager::modifyInvitation(const std::string& inviteID, const std::string& data,
                                        ResultCallback callback) {
    Arguments arguments;
    Modify modify{.id = arguments.invitation(inviteID), .data = arguments.data(data)};
    arguments.call(engine_, std::move(modify), completion(std::move(callback), to_result));
}

void SignalingManager::addInvitees(const std::string& inviteID,
                                   const std::vector<std::string>& inviteeList, int timeout,
                                   InviteCallback callback) {
    Arguments arguments;
    const auto id = arguments.invitation(inviteID);
    Add add{.id = id,
            .invitees = arguments.users(inviteeList, "invitees"),
            .timeout = arguments.timeout(seconds(timeout))};
    if (inviteeList.empty()) {
        arguments.blame("invitees", "is empty");
    }
    arguments.call(engine_, std::move(add), invite_completion(std::move(callback), id));
}

void SignalingManager::getSignalingInfo(const std::string& inviteID,
                                        SignalingInfoCallback callback) {
    Arguments arguments;
    Get get{.id = arguments.invitation(inviteID)};
    Engine::Completion done;
    if (callback) {
        done = [callback = std::move(callback)](const Outcome& outcome) {
            callback(to_result(outcome), to_signaling_info(outcome));
        };
    }
    arguments.call(engine_, std::move(get), std::move(done));
}

void SignalingManager::getHistory(SignalingHistoryCallback callback, int limit,
                                  const std::string& before) {
    Arguments arguments;
    ListHistory list{.limit = limit};
    if (!before.empty()) {
        list.before = arguments.text(before, "before");
    }
    if (limit < 1) {
        arguments.blame("limit", "is below 1");
    }
    Engine::Completion done;
    if (callback) {
        done = [callback = std::move(callback)](const Outcome& outcome) {
            const auto listed = body_of<HistoryListed>(outcome);
            callback(to_result(outcome), to_history(listed, outcome.age), listed.next.value_or(""));
        };
    }
    arguments.call(engine_, std::move(list), std::move(done));
}

void SignalingManager::ringing(const std::string& inviteID, ResultCallback callback) {
    Arguments arguments;
    Ringing ringing{.id = arguments.invitation(inviteID)};
    arguments.call(engine_, ringing, completion(std::move(callback), to_result));
}

void SignalingManager::signal(const std::string& inviteID, const std::string& data,
                              const std::string& to, ResultCallback callback) {
    Arguments arguments;
    Signal signal{.id = arguments.invitation(inviteID),
                  .seq = engine_.next_signal(),
                  .data = arguments.data(data)};
    if (!to.empty()) {
        signal.to = arguments.user(to, "to");
    }
    arguments.call(engine_, std::move(signal), completion(std::move(callback), to_result));
}

void SignalingManager::hangup(const std::string& inviteID, const std::string& data,
                              ResultCallback callback, const std::string& reason, bool all) {
    Arguments arguments;
    Hangup hangup{.id = arguments.invitation(inviteID),
                  .data = arguments.optional_data(data),
                  .reason = arguments.text(reason, "reason"),
                  .all = all};
    if (reason.empty()) {
        arguments.blame("reason", "is empty");
    }
    arguments.call(engine_, std::move(hangup), completion(std::move(callback), to_result));
}

void SignalingManager::join(const std::string& inviteID, const std::string& data,
                            ResultCallback callback) {
    Arguments arguments;
    Join join{.id = arguments.invitation(inviteID), .data = arguments.optional_data(data)};
    arguments.call(engine_, std::move(join), completion(std::move(callback), to_result));
}

void SignalingManager::resume(const std::string& inviteID, ResultCallback callback) {
    Arguments arguments;
    Resume resume{.id = arguments.invitation(inviteID)};
    arguments.call(engine_, resume, completion(std::move(callback), to_result));
}

void SignalingManager::setBusy(bool busy, const std::string& data, ResultCallback callback) {
    Arguments arguments;
    Reject reject{.id = {}, .data = arguments.optional_data(data), .reason = "busy"};
    auto done = completion(std::move(callback), to_result);
    if (!arguments.refused(engine_, done)) {
        engine_.set_busy(busy ? std::optional(std::move(reject)) : std::nullopt, std::move(done));
    }
}

std::vector<SignalingInfo> SignalingManager::getPendingInvitations() const {
    std::vector<SignalingInfo> all;
    for (const auto& info : engine_.open()) {
        all.push_back(to_signaling_info(info));
    }
    return all;
}

}  // namespace beckon
