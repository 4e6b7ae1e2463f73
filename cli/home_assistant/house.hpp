// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "configuration.hpp"
#include "discovery.hpp"
#include "rings.hpp"

namespace beckon::cli::home {

// What is to be asked of Beckon.

/// Stop it: cancel it or, if it rings this user alone, reject it.
struct Stop {
    std::string id;
    std::string group{};
    bool operator==(const Stop&) const = default;
};
/// This user's own part in it is over, so that nobody waits for that.
struct StepBack {
    std::string id;
    std::string reason;
    bool operator==(const StepBack&) const = default;
};
struct RingContact {
    Contact contact;
};
struct Say {
    Contact contact;
    std::string text;
};
/// How it stands; to be handed to `House::stands`.
struct Ask {
    std::string id;
    bool operator==(const Ask&) const = default;
};
using Deed = std::variant<Stop, StepBack, RingContact, Say, Ask>;

/// What comes of something: to be published, in this order, asked of Beckon, and told in the log.
struct Doings {
    std::vector<Message> messages{};
    std::vector<Deed> deeds{};
    std::vector<std::string> remarks{};
};

/// What Home Assistant is told of which event, and what becomes of what it asks for.
///
/// Before the first `standing`, `attached` and what the broker has kept of an earlier run (`kept`)
/// are to be told: what that run has announced is not announced again. Pure: no I/O, no clock.
class House {
  public:
    using Time = std::chrono::system_clock::time_point;

    explicit House(Configuration configuration);

    // Of Home Assistant's broker

    /// There is a (new) connection to it: all is told anew.
    Doings attached();
    /// That connection is lost.
    void detached();
    /// A message that was kept there before this program came. To be told before `attached`.
    void kept(const std::string& topic, const std::string& payload);
    /// A message that came.
    Doings received(const std::string& topic, const std::string& payload);

    // Of Beckon

    /// It is reached, or not; if it is, `standing` is to follow.
    Doings reached(bool is_reached);
    Doings heard(const SignalingEvent& event);
    /// All that is open, after each event and each connect.
    Doings standing(const std::vector<SignalingInfo>& open, Time now);
    /// What `Ask` found.
    Doings stands(const std::string& id, const Result& result, const SignalingInfo& info, Time now);
    /// Of what talks, some, the others the next time: nobody tells whoever is not in a call that it
    /// is over.
    std::vector<Ask> to_ask();
    /// The groups that this user is in.
    Doings groups(const std::vector<GroupDescription>& joined);
    /// A message from `sender`: a lock may tell how it is.
    Doings told(const std::string& sender, const std::string& text) const;
    /// What was asked of Beckon has come to this.
    Doings done(const Deed& deed, const Result& result);

  private:
    /// What is known of a group.
    struct Place {
        bool joined = false;
        bool may_stop = false;
        bool known = false;
    };

    [[nodiscard]] bool is_place(const std::string& group, Role role) const;
    void say(const std::string& topic, const std::string& payload, Doings& doings);
    void tell_event(const Ring& ring, const char* type, Doings& doings) const;
    void tell_states(Doings& doings);
    void tell_availability(Doings& doings);
    void tell_all(Doings& doings);
    void announce(const SignalingEvent& event, Ring& ring, Doings& doings);
    [[nodiscard]] bool may_know(const std::string& id) const;
    Ring& known(const std::string& id);
    void step_back(const SignalingInfo& info, Doings& doings);
    void end_what_is_over(Time now, Doings& doings);
    void end(const Ring& ring, Time now, Doings& doings);
    void command(const std::string& rest, const std::string& payload, Doings& doings);
    void stop(const std::string& group, Doings& doings);
    void move(const Door& door, const std::string& word, Doings& doings) const;

    Configuration configuration_;
    std::map<std::string, Place> places_;
    Rings rings_;
    /// What an earlier run has told, until that is compared with what is open.
    Rings earlier_;
    /// From which rings this user has stepped back.
    std::set<std::string> stepped_back_;
    /// The last ring that was asked about.
    std::string asked_{};
    /// What is kept at the topics.
    std::map<std::string, std::string> said_;
    /// Home Assistant's broker is there; Beckon is.
    bool attached_ = false;
    bool reached_ = false;
    bool do_not_disturb_ = false;
    std::string announced_before_;
};

}  // namespace beckon::cli::home
