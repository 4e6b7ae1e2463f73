// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "configuration.hpp"

/// How Home Assistant is told what there is, and at which topics. Pure.
namespace beckon::cli::home {

/// To be published.
struct Message {
    std::string topic;
    std::string payload;
    /// Kept by the broker for whoever subscribes later.
    bool retained = true;
    bool operator==(const Message&) const = default;
};

// The topics. No name of anybody's is in one but those of the configuration, which are ids.

inline constexpr const char* online = "online";
inline constexpr const char* offline = "offline";

/// What is below this user's own topic.
std::string own_topic(const Configuration& configuration, const std::string& rest);
/// `online` while Beckon is reached, else `offline`, which is the will as well.
std::string status_topic(const Configuration& configuration);
/// Of a group; an empty id: of this user itself.
std::string place_topic(const Configuration& configuration, const std::string& group,
                        const std::string& rest);
/// Where Home Assistant says `online` when it has started.
std::string birth_topic(const Configuration& configuration);
std::string discovery_topic(const Configuration& configuration);
/// What is to be subscribed to: commands, the birth, and what was said before this program ran.
std::vector<std::string> subscriptions(const Configuration& configuration);

/// All at which something is kept for Home Assistant: without it there, it forgets.
std::vector<std::string> kept_topics(const Configuration& configuration);

/// The message of device discovery, as JSON. What `before` had (the one that the broker has kept)
/// and this has no more, it takes out of Home Assistant.
std::string announcement(const Configuration& configuration, const std::string& before = {});

}  // namespace beckon::cli::home
