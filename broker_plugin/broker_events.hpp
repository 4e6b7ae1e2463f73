// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "access.hpp"
#include "broker_config.hpp"
#include "broker_log.hpp"
#include "host/clocks.hpp"
#include "host/device_tags.hpp"
#include "host/signaling.hpp"
#include "inbox_readers.hpp"
#include "mosquitto_api.hpp"
#include "mosquitto_bus.hpp"
#include "presence.hpp"
#include "publish_origin.hpp"
#include "wakeup.hpp"

namespace beckon {

/// What the broker asks and tells the plugin, and what it does about it. Those
/// that return a code return one of Mosquitto's for that event. The broker's
/// thread.
class BrokerEvents {
  public:
    explicit BrokerEvents(const Options& options);

    int check_access(const mosquitto_evt_acl_check& event);
    int message(mosquitto_evt_message& event);
    void tick(mosquitto_evt_tick& event);
    /// A connection ended, whether or not its session did.
    void disconnected(const mosquitto* client);

    /// The broker read its configuration anew, which has this now.
    void reloaded(const ConfigCheck& config);

    /// Logs an exception that one of the above let go.
    void failed(Within within, const char* what) noexcept;

  private:
    Verdict read(const mosquitto_evt_acl_check& event);
    Verdict write(const mosquitto_evt_acl_check& event);
    void tell_operators(const mosquitto_evt_acl_check& event, std::string_view me);
    Verdict subscribe(const mosquitto_evt_acl_check& event, std::string_view me);
    Verdict unsubscribe(const mosquitto_evt_acl_check& event, std::string_view me);

    void refused_subscription(const mosquitto_evt_acl_check& event, std::string_view me);
    void handle(const mosquitto_evt_message& event, std::string_view below, const UserId& me);
    [[nodiscard]] bool is_present(const mosquitto* client) const;
    void start();
    /// Removes the retained will that turns out to have been stored, if so.
    void settle_will();

    BrokerLog log_;
    Access access_;
    Presence presence_;
    InboxReaders inbox_readers_;
    PublishOrigin publish_origin_;
    MosquittoBus bus_;
    /// Outlives the journal, whose thread calls it.
    Wakeup wakeup_;
    Signaling signaling_;
    DeviceTags tags_;
    bool other_topics_is_auto_;
    bool wakes_ = false;
    bool has_started_ = false;
};

}  // namespace beckon
