// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// What rings, and how it ended for the house. Pure.
namespace beckon::cli::home {

/// One invitation to a group or, without one, to this user.
struct Ring {
    std::string id;
    std::string inviter{};
    std::string group{};
    std::string data{};
    std::vector<std::string> invitees{};
    bool call = false;
    /// This user's own: of it no event is told.
    bool own = false;
    /// Home Assistant has been told that it rings, perhaps by an earlier run of this program.
    bool told = false;
    /// Somebody has yet to answer; of a ring to this user alone: this user.
    bool pending = true;
    /// Who took it, the first.
    std::string answered_by{};
    /// A person said no, or another than the inviter stopped it: somebody knows of it.
    bool noticed = false;
    /// It rings on as another, or what asked is gone.
    bool dropped = false;
    /// Nobody came: it timed out, was given up, or all were busy.
    bool unheard = false;
    /// Who talks, as far as it was asked.
    std::vector<std::string> participants{};
    /// Told by an earlier run, and how it stands is being asked: it has not ended before that.
    bool doubtful = false;
    /// The broker has said that it is over.
    bool ended = false;

    [[nodiscard]] bool talks() const { return call && !answered_by.empty(); }
    [[nodiscard]] bool over() const { return ended || (!pending && !talks() && !doubtful); }
    [[nodiscard]] bool missed() const {
        return !own && answered_by.empty() && unheard && !noticed && !dropped;
    }
};

using Rings = std::map<std::string, Ring>;

/// What an event changes in a ring of which it tells; `me` is this user.
void apply(Ring& ring, const SignalingEvent& event, const std::string& me);
/// Brings it up to what is so.
void apply(Ring& ring, const SignalingInfo& info, const std::string& me);
/// Everybody else has answered, so nobody is to wait for this user, who only listens.
bool is_last(const SignalingInfo& info, const std::string& me);

/// `idle`, `ringing` or `in_call`, of those in this group.
std::string state_of(const Rings& rings, const std::string& group);
/// The same, with who and what.
nlohmann::ordered_json attributes_of(const Rings& rings, const std::string& group);
/// Of one ring: an event's, and of the last that was missed.
nlohmann::ordered_json facts_of(const Ring& ring);
/// The rings that an earlier run of this program has told in attributes.
std::vector<Ring> told_in(const std::string& attributes, const std::string& group);

}  // namespace beckon::cli::home
