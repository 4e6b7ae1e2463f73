// SPDX-License-Identifier: Apache-2.0
#include "configuration.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "discovery.hpp"
#include "facts.hpp"
#include "texts.hpp"

namespace beckon::cli::home {

namespace {

constexpr std::size_t max_topic = 64;
constexpr std::chrono::milliseconds longest_ring{24LL * 3'600'000};

[[noreturn]] void fail(const std::string& option, const std::string& why) {
    throw CLI::ValidationError(option, why);
}

/// What stands between the first `parts - 1` signs `=`; the last part may have some of its own.
std::vector<std::string> split(const std::string& text, std::size_t parts) {
    std::vector<std::string> all;
    std::size_t begin = 0;
    while (all.size() + 1 < parts) {
        const auto end = text.find('=', begin);
        if (end == std::string::npos) {
            break;
        }
        all.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    all.push_back(text.substr(begin));
    return all;
}

std::string id_of(const std::string& option, const std::string& text) {
    if (!is_id(text)) {
        fail(option, "'" + text + "' is no id: 1 to 64 of A-Z a-z 0-9 . _ @ : -");
    }
    return text;
}

bool steers(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char letter) { return letter < 0x20 || letter == 0x7F; });
}

std::string text_of(const std::string& option, const std::string& what, const std::string& text,
                    std::size_t most) {
    if (text.empty() || text.size() > most || steers(text) || !is_text(text)) {
        fail(option, what + " '" + text + "' has " + std::to_string(text.size()) +
                         " bytes; it is to have 1 to " + std::to_string(most) +
                         " of UTF-8, without control characters");
    }
    return text;
}

/// The last of the parts, or else the id itself.
std::string name_of(const std::string& option, const std::vector<std::string>& parts,
                    std::size_t place) {
    return parts.size() > place ? text_of(option, "the name", parts[place], max_name) : parts[0];
}

std::vector<Group> groups_of(const std::string& option, const std::vector<std::string>& typed) {
    std::vector<Group> groups;
    for (const std::string& text : typed) {
        const auto parts = split(text, 2);
        groups.push_back({.id = id_of(option, parts[0]), .name = name_of(option, parts, 1)});
    }
    return groups;
}

Door door_of(const std::string& option, const std::string& text, bool is_lock) {
    const std::size_t words = is_lock ? 2 : 1;
    const auto parts = split(text, words + 2);
    if (parts.size() <= words) {
        fail(option, "'" + text + "' is no " + (is_lock ? "USER=UNLOCK=LOCK" : "USER=WORD") +
                         ", or that and =NAME");
    }
    Door door{.user = id_of(option, parts[0]),
              .name = name_of(option, parts, words + 1),
              .open_word = text_of(option, "the word", parts[1], max_word)};
    if (is_lock) {
        door.lock_word = text_of(option, "the word", parts[2], max_word);
    }
    return door;
}

void check_number(const std::string& option, std::size_t number, std::size_t most) {
    if (number > most) {
        fail(option, std::to_string(number) + " are too many: at most " + std::to_string(most));
    }
}

void check_topic(const std::string& option, const std::string& topic, const std::string& root) {
    const bool is_shaped = !topic.empty() && topic.size() <= max_topic && topic.front() != '/' &&
                           topic.back() != '/' && topic.front() != '$' && is_text(topic) &&
                           !steers(topic) && topic.find_first_of("+#") == std::string::npos;
    if (!is_shaped) {
        fail(option, "'" + topic + "' is no topic of 1 to " + std::to_string(max_topic) +
                         " bytes without + and #, that begins or ends with no / and begins with "
                         "no $");
    }
    if (topic == root || topic.starts_with(root + "/")) {
        fail(option, "'" + topic + "' is below " + root + ", where Beckon's own topics are");
    }
}

/// Nobody twice.
template <class Entry>
void check_once(const std::string& option, const std::vector<Entry>& entries,
                const std::function<std::string(const Entry&)>& id) {
    std::set<std::string> seen;
    for (const Entry& entry : entries) {
        if (!seen.insert(id(entry)).second) {
            fail(option, id(entry) + " is named twice");
        }
    }
}

void read_contacts(Configuration& configuration, const Typed& typed) {
    for (const bool are_groups : {false, true}) {
        const std::string option = are_groups ? "--contact-group" : "--contact";
        const auto entries = groups_of(option, are_groups ? typed.contact_groups : typed.contacts);
        check_once<Group>(option, entries, [](const Group& group) { return group.id; });
        for (const Group& entry : entries) {
            configuration.contacts.push_back(
                {.id = entry.id, .name = entry.name, .is_group = are_groups});
        }
        check_number(option, configuration.contacts.size(), max_contacts);
    }
    const auto& contacts = configuration.contacts;
    const auto oneself = std::find_if(contacts.begin(), contacts.end(), [&](const Contact& one) {
        return !one.is_group && one.id == configuration.user;
    });
    if (oneself != contacts.end()) {
        fail("--contact", oneself->id + " is who I am: nobody can ring themselves");
    }
}

void read_doors(Configuration& configuration, const Typed& typed) {
    for (const std::string& text : typed.doors) {
        configuration.doors.push_back(door_of("--door", text, false));
    }
    for (const std::string& text : typed.locks) {
        configuration.doors.push_back(door_of("--lock", text, true));
    }
    check_number(typed.locks.empty() ? "--door" : "--lock", configuration.doors.size(), max_doors);
    check_once<Door>(typed.locks.empty() ? "--door" : "--lock", configuration.doors,
                     [](const Door& door) { return door.user; });
}

}  // namespace

Configuration configuration_of(const Typed& typed, const std::string& user,
                               const std::string& root) {
    Configuration configuration{.user = id_of("--user", user)};
    configuration.groups = groups_of("--group", typed.groups);
    check_number("--group", configuration.groups.size(), max_groups);
    check_once<Group>("--group", configuration.groups, [](const Group& group) { return group.id; });
    read_contacts(configuration, typed);
    read_doors(configuration, typed);
    if (!typed.data.empty()) {
        configuration.data = text_of("--data", "what is said", typed.data, max_word);
    }
    if (typed.ring_for.count() < 1 || typed.ring_for > longest_ring) {
        fail("--ring-for", "is to be 1ms to 24h");
    }
    configuration.ring_for = typed.ring_for;
    check_topic("--discovery-prefix", typed.discovery_prefix, root);
    check_topic("--topic", typed.topic, root);
    configuration.discovery_prefix = typed.discovery_prefix;
    configuration.topic = typed.topic;
    if (const auto size = announcement(configuration).size(); size > max_announcement) {
        fail("--group", "what would be announced of all groups, contacts and doors has " +
                            std::to_string(size) + " bytes: at most " +
                            std::to_string(max_announcement) + ". Name fewer, or shorter names");
    }
    return configuration;
}

}  // namespace beckon::cli::home
