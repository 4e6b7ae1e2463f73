// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/export.hpp>
#include <beckon/result.hpp>
#include <beckon/signaling.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace beckon {

class Engine;

/// A user who is online.
struct OnlineUserInfo {
    std::string userID;
    /// Of them, those that are online.
    std::uint32_t devices = 0;
};

/// The second is meaningful when the first is ok.
using OnlineUsersCallback = std::function<void(const Result&, const std::vector<OnlineUserInfo>&)>;
using OpenInvitationsCallback =
    std::function<void(const Result&, const std::vector<SignalingInfo>&)>;

/// Hears what only operators do (contract, section 8a), with `ClientOptions::operatorNews`. When
/// and from which thread: as for `SignalingListener`.
class BECKON_EXPORT OperatorListener {
  public:
    OperatorListener();
    OperatorListener(const OperatorListener&) = delete;
    OperatorListener& operator=(const OperatorListener&) = delete;
    virtual ~OperatorListener();

    /// `what`: `counters`, `refused` or `absent`; `json` is the broker's, as the contract has it.
    virtual void onOperatorNews(const std::string& what, const std::string& json);
    /// The broker lets this user read nothing of it: `plugin_opt_operators` does not name them.
    virtual void onNoOperator();
};

/// Asks what only operators may; anybody else hears `wrong_sender`. Belongs to a `Client`; any
/// thread. Callbacks as those of `SignalingManager`.
class BECKON_EXPORT OperatorManager {
  public:
    OperatorManager(const OperatorManager&) = delete;
    OperatorManager& operator=(const OperatorManager&) = delete;

    void addOperatorListener(OperatorListener* listener);
    /// As `SignalingManager::removeSignalingListener`.
    void removeOperatorListener(OperatorListener* listener);

    /// Who is online, by name.
    void getOnlineUsers(OnlineUsersCallback callback);
    /// All that is open, oldest first; of large ones as much as `sync` tells.
    void getOpenInvitations(OpenInvitationsCallback callback);

  private:
    friend class Client;
    explicit OperatorManager(Engine& engine);
    ~OperatorManager() = default;
    Engine& engine_;
};

}  // namespace beckon
