// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "house.hpp"
#include "mqtt_link.hpp"
#include "session.hpp"

namespace beckon::cli::home {

/// Carries between Beckon, Home Assistant's broker and the house, which decides.
///
/// Beckon is connected to once all is known that Home Assistant's broker has kept of an earlier
/// run.
class Bridge : public SignalingListener,
               public GroupListener,
               public SimpleMsgListener,
               public ConnectionListener {
  public:
    Bridge(const Configuration& configuration, Session& session, MqttLink& link);

    /// Until Ctrl-C.
    void run();

    void onSignalingEvent(const SignalingEvent& event) override;
    void onInvitationEnded(const InvitationEnd& end) override;
    void onGroupEvent(const GroupNews& news) override;
    void onRecvC2CTextMessage(const std::string& id, const std::string& sender,
                              const std::string& text) override;
    void onConnectionStateChanged(ConnectionState state, const std::string& why) override;

  private:
    using Clock = std::chrono::steady_clock;

    void wait();
    void take(const MqttLink::Up& up);
    void take(const MqttLink::Down& down);
    void take(const Message& message);
    void greet(const char* word);
    void greeted(const std::string& word);
    void look_at_what_stands();
    void complain_of_silence();
    void tell_rights(const std::string& topic);
    void carry_out(const Doings& doings);
    void do_it(const Stop& deed);
    void do_it(const StepBack& deed);
    void do_it(const RingContact& deed);
    void do_it(const Say& deed);
    void do_it(const Ask& deed);
    ResultCallback told(const Deed& deed);
    void ask_for_groups();

    const Configuration& configuration_;
    Session& session_;
    MqttLink& link_;
    House house_;
    bool begun_ = false;
    bool has_news_ = false;
    /// Until when the broker should have delivered what was said to oneself; absent: it has.
    std::optional<Clock::time_point> greeted_until_{};
    bool has_seen_announcement_ = false;
    Clock::time_point ask_at_{};
    std::string trouble_{};
};

}  // namespace beckon::cli::home
