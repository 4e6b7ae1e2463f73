// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace beckon {

/// A listener whose clients' topics all begin with `prefix`, unknown to them.
struct MountPoint {
    std::string listener;
    std::string prefix;

    bool operator==(const MountPoint&) const = default;
};

/// What a bridge of the broker's carries to another: the topics of here that `filter` matches.
struct BridgedTopic {
    std::string bridge;
    /// The file, and the line as it stands there.
    std::string line;
    std::string filter;

    bool operator==(const BridgedTopic&) const = default;
};

/// What stands in the broker's own configuration that Beckon cannot work with,
/// or only in part, and that no plugin can ask the broker for.
struct ConfigCheck {
    /// A sentence that says what to change.
    std::optional<std::string> objection{};
    /// The first file or folder that could not be read; what it says is unknown.
    std::optional<std::string> unread{};
    /// No line names Beckon's own plugin.
    bool lacks_own_plugin = false;
    /// What may decide about topics that are not Beckon's: where it is named, and what, as the
    /// beginning of a sentence.
    std::optional<std::string> acl_file{};
    std::optional<std::string> other_plugin{};
    /// Whether Mosquitto keeps its own state, and in which folder (empty: the one it runs in).
    bool has_persistence = false;
    std::string persistence_folder{};
    /// What a payload may have at most before the broker drops it; 0: whatever it likes.
    std::int64_t message_size_limit = 0;
    /// Whether its log is also published.
    bool logs_to_topic = false;
    /// Whether one may connect without a name: everywhere, or at some listener.
    bool allows_anonymous = false;
    bool listener_allows_anonymous = false;
    /// The listeners at which a client's id is its user name.
    std::vector<std::string> clients_named_by_user{};
    std::vector<MountPoint> mount_points{};
    std::vector<BridgedTopic> bridged_out{};

    bool operator==(const ConfigCheck&) const = default;
};

/// The files that `mosquitto -c <file>` was told to read; `command_line` is
/// what /proc/<pid>/cmdline holds.
std::vector<std::string> config_files(std::string_view command_line);

/// Reads a configuration as Mosquitto does. `own_file` is the path, or the name,
/// by which the broker loaded this plugin. Any thread.
ConfigCheck check_config(const std::vector<std::string>& files, std::string_view own_file);

/// Where Beckon's store is, unless the operator says so: beside Mosquitto's own. Empty: nowhere.
std::string default_store(const ConfigCheck& config);

/// The check, for the broker that this process is.
ConfigCheck check_own_config();

}  // namespace beckon
