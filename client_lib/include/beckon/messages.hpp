// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/export.hpp>
#include <string>

namespace beckon {

/// Hears of messages to this user and to its groups: each once, as long as the id is among the
/// latest 4,096. When and from which thread: as for `SignalingListener`.
class BECKON_EXPORT SimpleMsgListener {
  public:
    SimpleMsgListener();
    SimpleMsgListener(const SimpleMsgListener&) = delete;
    SimpleMsgListener& operator=(const SimpleMsgListener&) = delete;
    virtual ~SimpleMsgListener();

    /// Text is UTF-8; custom data is whatever bytes the sender chose.
    virtual void onRecvC2CTextMessage(const std::string& msgID, const std::string& sender,
                                      const std::string& text);
    virtual void onRecvC2CCustomMessage(const std::string& msgID, const std::string& sender,
                                        const std::string& customData);
    virtual void onRecvGroupTextMessage(const std::string& msgID, const std::string& groupID,
                                        const std::string& sender, const std::string& text);
    virtual void onRecvGroupCustomMessage(const std::string& msgID, const std::string& groupID,
                                          const std::string& sender, const std::string& customData);
};

}  // namespace beckon
