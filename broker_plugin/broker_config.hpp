// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace beckon {

/// What stands in the broker's own configuration that Beckon cannot work with,
/// and that no plugin can ask the broker for.
struct ConfigCheck {
    /// A sentence that says what to change.
    std::optional<std::string> objection{};
    /// The first file or folder that could not be read; what it says is unknown.
    std::optional<std::string> unread{};
    /// What may decide about topics that are not Beckon's.
    bool has_acl_file = false;
    bool has_other_plugin = false;
    /// Whether Mosquitto keeps its own state, and in which folder (empty: the one it runs in).
    bool has_persistence = false;
    std::string persistence_folder{};

    bool operator==(const ConfigCheck&) const = default;
};

/// The files that `mosquitto -c <file>` was told to read; `command_line` is
/// what /proc/<pid>/cmdline holds.
std::vector<std::string> config_files(std::string_view command_line);

/// Reads a configuration as Mosquitto does. `own_file` is the path, or the name,
/// by which the broker loaded this plugin. Any thread.
ConfigCheck check_config(const std::vector<std::string>& files, std::string_view own_file);

/// A sentence about an `other_topics` that does not fit to the rest of the
/// configuration: nobody but the operator can say whether it is meant.
std::optional<std::string> doubt_about(Policy other_topics, const ConfigCheck& config);

/// Where Beckon's store is, unless the operator says so: beside Mosquitto's own. Empty: nowhere.
std::string default_store(const ConfigCheck& config);

/// The check, for the broker that this process is.
ConfigCheck check_own_config();

}  // namespace beckon
