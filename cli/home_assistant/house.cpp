// SPDX-License-Identifier: Apache-2.0
#include "house.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "texts.hpp"

namespace beckon::cli::home {

namespace {

/// So many are shown at once; whoever rings more often rings unseen.
constexpr std::size_t max_rings = 500;
/// At once: a broker answers a user so many requests a second.
constexpr std::size_t max_asked = 10;

/// Refusals that say that it is over, or not for this user to know.
bool is_gone(const Result& result) {
    return result.error == "unknown_invitation" || result.error.starts_with("not_");
}

}  // namespace

House::House(Configuration configuration) : configuration_(std::move(configuration)) {
    for (const Group& group : configuration_.groups) {
        places_[group.id] = {};
    }
}

bool House::is_place(const std::string& group, Role role) const {
    return group.empty() ? role == Role::invitee : places_.contains(group);
}

// ------------------------------------------------------------ what is told

/// What is kept at its topic, if it is not there already.
void House::say(const std::string& topic, const std::string& payload, Doings& doings) {
    if (attached_ && std::exchange(said_[topic], payload) != payload) {
        doings.messages.push_back({.topic = topic, .payload = payload});
    }
}

void House::tell_event(const Ring& ring, const char* type, Doings& doings) const {
    if (!attached_ || ring.own) {
        return;
    }
    nlohmann::ordered_json event{{"event_type", type}};
    event.update(facts_of(ring));
    doings.messages.push_back({.topic = place_topic(configuration_, ring.group, "event"),
                               .payload = event.dump(),
                               .retained = false});
    doings.messages.push_back({.topic = place_topic(configuration_, ring.group, "trigger"),
                               .payload = type == std::string("ring") ? "rung" : type,
                               .retained = false});
}

void House::tell_states(Doings& doings) {
    std::vector<std::string> groups{""};
    for (const auto& [group, place] : places_) {
        groups.push_back(group);
    }
    for (const std::string& group : groups) {
        // First, so that who is woken by the state finds them.
        say(place_topic(configuration_, group, "attributes"), attributes_of(rings_, group).dump(),
            doings);
        say(place_topic(configuration_, group, "state"), state_of(rings_, group), doings);
    }
}

void House::tell_availability(Doings& doings) {
    for (const auto& [group, place] : places_) {
        say(place_topic(configuration_, group, "status"), place.joined ? online : offline, doings);
        say(place_topic(configuration_, group, "stop/status"), place.may_stop ? online : offline,
            doings);
    }
    say(status_topic(configuration_), reached_ ? online : offline, doings);
}

void House::tell_all(Doings& doings) {
    said_.clear();
    if (!announced_before_.empty()) {
        doings.messages.push_back(
            {.topic = discovery_topic(configuration_),
             .payload = announcement(configuration_, std::exchange(announced_before_, {}))});
    }
    say(discovery_topic(configuration_), announcement(configuration_), doings);
    say(own_topic(configuration_, "dnd"), do_not_disturb_ ? "ON" : "OFF", doings);
    if (reached_) {  // else nothing is known
        tell_states(doings);
    }
    tell_availability(doings);
}

// ------------------------------------------------ of Home Assistant's broker

void House::kept(const std::string& topic, const std::string& payload) {
    if (topic == discovery_topic(configuration_)) {
        announced_before_ = payload;
    } else if (topic == own_topic(configuration_, "dnd")) {
        do_not_disturb_ = payload == "ON";
    }
    std::vector<std::string> groups{""};
    std::transform(places_.begin(), places_.end(), std::back_inserter(groups),
                   [](const auto& place) { return place.first; });
    for (const std::string& group : groups) {
        if (topic == place_topic(configuration_, group, "attributes")) {
            for (Ring& ring : told_in(payload, group)) {
                earlier_[ring.id] = ring;
            }
        }
    }
}

Doings House::attached() {
    Doings doings;
    attached_ = true;
    tell_all(doings);
    return doings;
}

void House::detached() { attached_ = false; }

Doings House::received(const std::string& topic, const std::string& payload) {
    Doings doings;
    const std::string own = own_topic(configuration_, "");
    if (topic == birth_topic(configuration_)) {
        if (payload == online) {
            tell_all(doings);
        }
    } else if (topic.starts_with(own)) {
        command(topic.substr(own.size()), payload, doings);
    }
    return doings;
}

// ---------------------------------------------------------------- of Beckon

Doings House::reached(bool is_reached) {
    Doings doings;
    reached_ = is_reached;
    if (!reached_) {
        tell_availability(doings);
    }
    return doings;
}

bool House::may_know(const std::string& id) const {
    return rings_.contains(id) || rings_.size() < max_rings;
}

/// As it is known, perhaps from an earlier run.
Ring& House::known(const std::string& id) {
    const auto [at, is_new] = rings_.try_emplace(id, Ring{.id = id});
    if (const auto before = earlier_.find(id); is_new && before != earlier_.end()) {
        at->second = before->second;
    }
    return at->second;
}

/// That it rings, if that is news.
void House::announce(const SignalingEvent& event, Ring& ring, Doings& doings) {
    for (const std::string& id : event.replaces) {
        if (const auto before = rings_.find(id); before != rings_.end()) {
            ring.told = ring.told || before->second.told;
        }
    }
    if (do_not_disturb_ && ring.group.empty()) {
        ring.unheard = true;
        doings.deeds.emplace_back(StepBack{.id = ring.id, .reason = "busy"});
    }
    if (!std::exchange(ring.told, true) && !do_not_disturb_) {
        tell_event(ring, "ring", doings);
    }
}

Doings House::heard(const SignalingEvent& event) {
    Doings doings;
    const bool begins = event.type == SignalingEventType::newInvitation;
    if (!is_place(event.groupID, event.role) || !may_know(event.inviteID) ||
        (!begins && !rings_.contains(event.inviteID))) {
        return doings;
    }
    Ring& ring = known(event.inviteID);
    const bool was_answered = !ring.answered_by.empty();
    apply(ring, event, configuration_.user);
    tell_states(doings);
    if (begins) {
        announce(event, ring, doings);
    } else if (!was_answered && !ring.answered_by.empty()) {
        tell_event(ring, "answered", doings);
    }
    return doings;
}

void House::step_back(const SignalingInfo& info, Doings& doings) {
    if (is_last(info, configuration_.user) && stepped_back_.insert(info.inviteID).second) {
        doings.deeds.emplace_back(StepBack{.id = info.inviteID, .reason = "declined"});
    }
}

Doings House::standing(const std::vector<SignalingInfo>& open, Time now) {
    Doings doings;
    std::set<std::string> ids;
    for (const SignalingInfo& info : open) {
        ids.insert(info.inviteID);
        step_back(info, doings);
        if (is_place(info.groupID, info.role) && may_know(info.inviteID)) {
            apply(known(info.inviteID), info, configuration_.user);
        }
    }
    std::erase_if(stepped_back_, [&](const std::string& id) { return !ids.contains(id); });
    for (auto& [id, ring] : rings_) {
        ring.pending = ring.pending && ids.contains(id);
    }
    for (auto& [id, before] : std::exchange(earlier_, {})) {
        if (!rings_.contains(id)) {
            before.pending = false;
            before.doubtful = true;
            rings_[id] = before;
            doings.deeds.emplace_back(Ask{id});
        }
    }
    end_what_is_over(now, doings);
    return doings;
}

Doings House::stands(const std::string& id, const Result& result, const SignalingInfo& info,
                     Time now) {
    Doings doings;
    const auto found = rings_.find(id);
    if (found == rings_.end()) {
        return doings;
    }
    Ring& ring = found->second;
    if (result.ok()) {
        ring.doubtful = false;
        apply(ring, info, configuration_.user);
    }
    ring.ended = result.ok() ? !info.open : is_gone(result);
    end_what_is_over(now, doings);
    return doings;
}

void House::end_what_is_over(Time now, Doings& doings) {
    std::vector<Ring> over;
    for (const auto& [id, ring] : rings_) {
        if (ring.over()) {
            over.push_back(ring);
        }
    }
    for (const Ring& ring : over) {
        rings_.erase(ring.id);
    }
    if (reached_) {
        tell_states(doings);
        tell_availability(doings);
    }
    for (const Ring& ring : over) {
        end(ring, now, doings);
    }
}

void House::end(const Ring& ring, Time now, Doings& doings) {
    if (ring.missed()) {
        say(place_topic(configuration_, ring.group, "missed/attributes"), facts_of(ring).dump(),
            doings);
        say(place_topic(configuration_, ring.group, "missed"), timestamp(now), doings);
        tell_event(ring, "missed", doings);
    }
    tell_event(ring, "ended", doings);
}

std::vector<Ask> House::to_ask() {
    std::vector<Ask> asks;
    auto at = rings_.upper_bound(asked_);
    for (std::size_t looked = 0; looked < rings_.size() && asks.size() < max_asked; ++looked) {
        at = at == rings_.end() ? rings_.begin() : at;
        if (at->second.talks() || at->second.doubtful) {
            asks.push_back({asked_ = at->first});
        }
        ++at;
    }
    return asks;
}

}  // namespace beckon::cli::home
