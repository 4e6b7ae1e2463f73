// SPDX-License-Identifier: Apache-2.0
#include "bridge.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "terminal.hpp"

namespace beckon::cli::home {

namespace {

/// How often it is asked whether those who talk still do.
constexpr std::chrono::seconds ask_every{1};
/// How long the broker may take to deliver what one says to oneself: before all is told, and after.
constexpr std::chrono::seconds greeting_patience{10};
constexpr const char* before = "before";
constexpr const char* after = "after";

}  // namespace

Bridge::Bridge(const Configuration& configuration, Session& session, MqttLink& link)
    : configuration_(configuration), session_(session), link_(link), house_(configuration) {}

void Bridge::run() {
    Client& client = session_.client();
    client.getSignalingManager().addSignalingListener(this);
    client.getGroupManager().addGroupListener(this);
    client.addSimpleMsgListener(this);
    client.addConnectionListener(this);
    while (interrupted == 0) {
        wait();
        client.poll();
        for (const MqttLink::Happening& happening : link_.take()) {
            std::visit([this](const auto& one) { take(one); }, happening);
        }
        if (std::exchange(has_news_, false)) {
            look_at_what_stands();
        }
        if (Clock::now() >= ask_at_) {
            ask_at_ = Clock::now() + ask_every;
            for (const Ask& ask : house_.to_ask()) {
                do_it(ask);
            }
        }
        complain_of_silence();
    }
    carry_out(house_.reached(false));
    link_.leave();
}

void Bridge::wait() {
    const auto most = std::min<std::chrono::milliseconds>(link_.advance(), Session::moment);
    std::array<pollfd, 2> wakes{pollfd{session_.client().descriptor(), POLLIN, 0},
                                pollfd{link_.descriptor(), POLLIN, 0}};
    if (interrupted == 0 && !has_news_) {
        ::poll(wakes.data(), wakes.size(), static_cast<int>(most.count()));
    }
}

// ------------------------------------------------ Home Assistant's broker

void Bridge::take(const MqttLink::Up& up) {
    for (const std::string& topic : up.refused) {
        Output::remark("Home Assistant's broker refuses the subscription to " + topic +
                       ": its access rules are to let me read it");
    }
    trouble_.clear();
    greet(before);
}

/// Says something to oneself: when it comes, all has come that was sent here before.
void Bridge::greet(const char* word) {
    link_.publish(
        {.topic = own_topic(configuration_, "hello"), .payload = word, .retained = false});
    greeted_until_ = Clock::now() + greeting_patience;
}

void Bridge::greeted(const std::string& word) {
    greeted_until_.reset();
    if (word == before) {
        has_seen_announcement_ = false;
        carry_out(house_.attached());
        greet(after);
        if (!std::exchange(begun_, true)) {
            session_.client().connect();
        }
    } else if (word == after && !has_seen_announcement_) {
        tell_rights(discovery_topic(configuration_));
    } else if (word == after) {
        Output::remark("announced to Home Assistant at " + discovery_topic(configuration_));
    }
}

void Bridge::take(const MqttLink::Down& down) {
    if (down.why != trouble_) {
        Output::remark("no connection to Home Assistant's broker: " + down.why);
        trouble_ = down.why;
    }
    greeted_until_.reset();
    house_.detached();
}

void Bridge::take(const Message& message) {
    if (message.retained) {
        if (!begun_) {
            house_.kept(message.topic, message.payload);
        }
        return;
    }
    if (message.topic == own_topic(configuration_, "hello")) {
        greeted(message.payload);
    } else if (message.topic == discovery_topic(configuration_)) {
        has_seen_announcement_ = true;
    } else {
        carry_out(house_.received(message.topic, message.payload));
    }
}

void Bridge::complain_of_silence() {
    if (greeted_until_ && Clock::now() >= *greeted_until_) {
        greeted_until_.reset();
        tell_rights(own_topic(configuration_, "hello"));
    }
}

void Bridge::tell_rights(const std::string& topic) {
    Output::remark("Home Assistant's broker does not deliver what I publish at " + topic +
                   ". Its access rules (acl_file, say) are to let me read and write " +
                   own_topic(configuration_, "#") + " and " + discovery_topic(configuration_) +
                   ", and read " + birth_topic(configuration_));
}

// ------------------------------------------------------------------ Beckon

void Bridge::onSignalingEvent(const SignalingEvent& event) {
    carry_out(house_.heard(event));
    has_news_ = true;
}

void Bridge::onInvitationEnded(const InvitationEnd& /*end*/) { has_news_ = true; }

void Bridge::onGroupEvent(const GroupNews& /*news*/) { ask_for_groups(); }

void Bridge::onRecvC2CTextMessage(const std::string& /*id*/, const std::string& sender,
                                  const std::string& text) {
    carry_out(house_.told(sender, text));
}

void Bridge::onConnectionStateChanged(ConnectionState state, const std::string& /*why*/) {
    carry_out(house_.reached(state == ConnectionState::connected));
    if (state == ConnectionState::connected) {
        ask_for_groups();
        has_news_ = true;
    }
}

void Bridge::look_at_what_stands() {
    if (session_.client().connectionState() == ConnectionState::connected) {
        carry_out(house_.standing(session_.signaling().getPendingInvitations(),
                                  std::chrono::system_clock::now()));
    }
}

void Bridge::ask_for_groups() {
    session_.groups().getJoinedGroupList(
        [this](const Result& result, const std::vector<GroupDescription>& groups) {
            if (result.ok()) {
                carry_out(house_.groups(groups));
            }
        });
}

// ------------------------------------------------------------- what comes of it

void Bridge::carry_out(const Doings& doings) {
    for (const Message& message : doings.messages) {
        link_.publish(message);
    }
    for (const std::string& remark : doings.remarks) {
        Output::remark(remark);
    }
    for (const Deed& deed : doings.deeds) {
        std::visit([this](const auto& one) { do_it(one); }, deed);
    }
}

ResultCallback Bridge::told(const Deed& deed) {
    return [this, deed](const Result& result) {
        carry_out(house_.done(deed, result));
        has_news_ = true;
    };
}

void Bridge::do_it(const Stop& deed) {
    if (deed.group.empty()) {
        session_.signaling().reject(deed.id, {}, told(deed));
    } else {
        session_.signaling().cancel(deed.id, {}, told(deed));
    }
}

void Bridge::do_it(const StepBack& deed) {
    session_.signaling().reject(deed.id, {}, told(deed), deed.reason);
}

void Bridge::do_it(const RingContact& deed) {
    InviteOptions options;
    options.timeout = configuration_.ring_for;
    options.replace = true;
    if (deed.contact.is_group) {
        session_.signaling().inviteInGroup(deed.contact.id, {}, configuration_.data, options,
                                           told(deed));
    } else {
        session_.signaling().inviteSeveral({deed.contact.id}, configuration_.data, options,
                                           told(deed));
    }
}

void Bridge::do_it(const Say& deed) {
    if (deed.contact.is_group) {
        session_.client().sendGroupTextMessage(deed.text, deed.contact.id, told(deed));
    } else {
        session_.client().sendC2CTextMessage(deed.text, deed.contact.id, told(deed));
    }
}

void Bridge::do_it(const Ask& deed) {
    session_.signaling().getSignalingInfo(
        deed.id, [this, id = deed.id](const Result& result, const SignalingInfo& info) {
            carry_out(house_.stands(id, result, info, std::chrono::system_clock::now()));
            has_news_ = true;
        });
}

}  // namespace beckon::cli::home
