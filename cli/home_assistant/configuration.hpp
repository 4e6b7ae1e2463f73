// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

/// `beckon home-assistant`: a user of Beckon who shows Home Assistant what rings in its groups, and
/// does what is asked for there. All but the command itself (home_assistant.cpp) and its connection
/// (mqtt_link.hpp) is pure.
namespace beckon::cli::home {

/// Each of the lists in a configuration has at most so many entries.
inline constexpr std::size_t max_groups = 16;
inline constexpr std::size_t max_contacts = 32;
inline constexpr std::size_t max_doors = 16;
/// In bytes. The name of an entity, and a word for a door.
inline constexpr std::size_t max_name = 64;
inline constexpr std::size_t max_word = 255;
/// Of what is announced: in a packet that a broker may take which is set up as ours.
inline constexpr std::size_t max_announcement = 60'000;

/// As they are typed: `ID`, `ID=NAME`; of doors `USER=WORD` and `USER=WORD=NAME`, of locks
/// `USER=UNLOCK=LOCK` and `USER=UNLOCK=LOCK=NAME`.
struct Typed {
    std::vector<std::string> groups{};
    std::vector<std::string> contacts{};
    std::vector<std::string> contact_groups{};
    std::vector<std::string> doors{};
    std::vector<std::string> locks{};
    std::string data{};
    std::chrono::milliseconds ring_for{30'000};
    std::string discovery_prefix = "homeassistant";
    std::string topic = "beckon-ha";
};

struct Group {
    std::string id;
    std::string name;
};

/// Who can be rung and written to from there.
struct Contact {
    std::string id;
    std::string name;
    bool is_group = false;
};

/// Is opened by a message of this word to it.
struct Door {
    std::string user;
    std::string name;
    std::string open_word;
    /// Not empty: it is a lock, which this word locks.
    std::string lock_word{};
};

struct Configuration {
    /// Who this is.
    std::string user;
    std::vector<Group> groups{};
    std::vector<Contact> contacts{};
    std::vector<Door> doors{};
    /// What is said with a ring from there, and how long it rings.
    std::string data{};
    std::chrono::milliseconds ring_for{};
    std::string discovery_prefix{};
    /// All that is this user's own is below it.
    std::string topic{};
};

/// Throws `CLI::ValidationError` that names the option and the limit. `root` is the first level of
/// Beckon's own topics.
Configuration configuration_of(const Typed& typed, const std::string& user,
                               const std::string& root);

}  // namespace beckon::cli::home
