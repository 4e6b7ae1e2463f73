// SPDX-License-Identifier: Apache-2.0

// What Home Assistant asks for, and whether this user may.

#include <algorithm>
#include <cctype>
#include <string_view>

#include "house.hpp"

namespace beckon::cli::home {

namespace {

constexpr std::string_view press = "PRESS";

/// The levels of a topic.
std::vector<std::string> levels_of(const std::string& topic) {
    std::vector<std::string> levels{""};
    for (const char letter : topic) {
        if (letter == '/') {
            levels.emplace_back();
        } else {
            levels.back() += letter;
        }
    }
    return levels;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    return text;
}

/// Of these a user is told what can be done about them.
bool lacks_rights(const Result& result) {
    return result.error == "not_inviter" || result.error == "not_admin" ||
           result.error == "not_member" || result.error == "not_owner";
}

std::string why(const Result& result) { return " (" + result.error + ": " + result.message + ")"; }

std::string to_be_member(const std::string& group, const std::string& user) {
    return "Who may add members of it says: beckon group add " + group + " " + user;
}

std::string to_be_admin(const std::string& group, const std::string& user) {
    return "Its owner says: beckon group role " + group + " " + user + " admin";
}

}  // namespace

void House::command(const std::string& rest, const std::string& payload, Doings& doings) {
    const auto levels = levels_of(rest);
    const std::string& what = levels.front();
    const std::string& last = levels.back();
    if (rest == "dnd/set" && (payload == "ON" || payload == "OFF")) {
        do_not_disturb_ = payload == "ON";
        say(own_topic(configuration_, "dnd"), payload, doings);
    } else if (rest == "self/stop" && payload == press) {
        stop("", doings);
    } else if (what == "group" && last == "stop" && levels.size() == 3 && payload == press) {
        stop(levels[1], doings);
    } else if ((what == "ring" || what == "notify") && levels.size() == 3) {
        for (const Contact& contact : configuration_.contacts) {
            if (contact.id != last || contact.is_group != (levels[1] == "group")) {
                continue;
            }
            if (what == "ring" && payload == press) {
                doings.deeds.emplace_back(RingContact{contact});
            } else if (what == "notify" && !payload.empty()) {
                doings.deeds.emplace_back(Say{contact, payload});
            }
        }
    } else if (what == "door" && levels.size() == 3) {
        for (const Door& door : configuration_.doors) {
            const bool opens = last == "open" ? payload == press : payload == "UNLOCK";
            if (door.user == levels[1] && opens) {
                move(door, door.open_word, doings);
            } else if (door.user == levels[1] && last == "set" && payload == "LOCK") {
                move(door, door.lock_word, doings);
            }
        }
    }
}

void House::move(const Door& door, const std::string& word, Doings& doings) const {
    if (!word.empty()) {
        doings.deeds.emplace_back(Say{{.id = door.user, .name = door.name}, word});
    }
}

void House::stop(const std::string& group, Doings& doings) {
    for (auto& [id, ring] : rings_) {
        if (ring.group == group && ring.pending && !ring.doubtful) {
            ring.noticed = true;
            doings.deeds.emplace_back(Stop{.id = id, .group = group});
        }
    }
}

Doings House::groups(const std::vector<GroupDescription>& joined) {
    Doings doings;
    for (auto& [id, place] : places_) {
        const auto found = std::find_if(
            joined.begin(), joined.end(),
            [&, group = id](const auto& description) { return description.groupID == group; });
        const Place before = place;
        place.joined = found != joined.end();
        place.may_stop = place.joined && found->role != Rank::member;
        place.known = true;
        if (before.known && before.joined == place.joined && before.may_stop == place.may_stop) {
            continue;
        }
        if (!place.joined) {
            doings.remarks.push_back(
                id + " is no group of mine (yet), so Home Assistant shows it as unavailable. " +
                to_be_member(id, configuration_.user));
        } else if (!place.may_stop) {
            doings.remarks.push_back("I am no admin of " + id +
                                     ", so Home Assistant cannot stop what rings there. " +
                                     to_be_admin(id, configuration_.user));
        }
    }
    tell_availability(doings);
    return doings;
}

Doings House::told(const std::string& sender, const std::string& text) const {
    Doings doings;
    const std::string state = upper(text);
    for (const Door& door : configuration_.doors) {
        if (attached_ && door.user == sender && !door.lock_word.empty() &&
            (state == "LOCKED" || state == "UNLOCKED" || state == "JAMMED")) {
            doings.messages.push_back(
                {.topic = own_topic(configuration_, "door/" + sender + "/state"),
                 .payload = state});
        }
    }
    return doings;
}

Doings House::done(const Deed& deed, const Result& result) {
    Doings doings;
    if (result.ok() || result.error.starts_with("already_")) {
        return doings;
    }
    if (const auto* stopping = std::get_if<Stop>(&deed)) {
        if (const auto ring = rings_.find(stopping->id); ring != rings_.end()) {
            ring->second.noticed = false;
        }
        doings.remarks.push_back(
            "could not stop " + stopping->id + why(result) +
            (lacks_rights(result) ? ". " + to_be_admin(stopping->group, configuration_.user) : ""));
    } else if (const auto* ringing = std::get_if<RingContact>(&deed)) {
        doings.remarks.push_back(
            "could not ring " + ringing->contact.id + why(result) +
            (lacks_rights(result) ? ". " + to_be_member(ringing->contact.id, configuration_.user)
                                  : ""));
    } else if (const auto* saying = std::get_if<Say>(&deed)) {
        const std::string& to = saying->contact.id;
        doings.remarks.push_back(
            "could not write to " + to + why(result) +
            (lacks_rights(result) ? ". " + to_be_member(to, configuration_.user) : ""));
        const auto is_lock = [&](const Door& door) {
            return door.user == to && !door.lock_word.empty() && !saying->contact.is_group &&
                   (saying->text == door.open_word || saying->text == door.lock_word);
        };
        if (attached_ &&
            std::any_of(configuration_.doors.begin(), configuration_.doors.end(), is_lock)) {
            // Nobody knows how it is: Home Assistant has taken it for moved.
            doings.messages.push_back(
                {.topic = own_topic(configuration_, "door/" + to + "/state"), .payload = "None"});
        }
    } else if (const auto* back = std::get_if<StepBack>(&deed)) {
        doings.remarks.push_back("could not leave " + back->id + " to the others" + why(result));
    }
    return doings;
}

}  // namespace beckon::cli::home
