// SPDX-License-Identifier: Apache-2.0
#include <beckon/operators.hpp>

#include "pages.hpp"

namespace beckon {

OperatorListener::OperatorListener() = default;
OperatorListener::~OperatorListener() = default;
void OperatorListener::onOperatorNews(const std::string& /*what*/, const std::string& /*json*/) {}
void OperatorListener::onNoOperator() {}

OperatorManager::OperatorManager(Engine& engine) : engine_(engine) {}

void OperatorManager::addOperatorListener(OperatorListener* listener) {
    engine_.operator_listeners().add(listener);
}

void OperatorManager::removeOperatorListener(OperatorListener* listener) {
    engine_.operator_listeners().remove(listener);
}

void OperatorManager::getOnlineUsers(OnlineUsersCallback callback) {
    const auto take = [](const Outcome& outcome, std::vector<OnlineUserInfo>& all) {
        const auto page = body_of<OnlineListed>(outcome);
        for (const auto& one : page.online) {
            all.push_back({.userID = one.user.str(), .devices = one.devices});
        }
        return page.next;
    };
    if (callback) {
        ask_pages(engine_, {}, ListOnline{}, std::vector<OnlineUserInfo>{}, take,
                  std::move(callback));
    }
}

void OperatorManager::getOpenInvitations(OpenInvitationsCallback callback) {
    const auto take = [](const Outcome& outcome, std::vector<SignalingInfo>& all) {
        const auto page = body_of<OpenListed>(outcome);
        for (const auto& one : page.invitations) {
            all.push_back(to_signaling_info(one, outcome.age));
        }
        return page.next;
    };
    if (callback) {
        ask_pages(engine_, {}, ListOpen{}, std::vector<SignalingInfo>{}, take, std::move(callback));
    }
}

}  // namespace beckon
