// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "facts.hpp"

namespace beckon::cli {

/// Starts what `--exec` names, for each event, and does not wait for it.
///
/// The command is what the user of this program wrote, run by /bin/sh; what others wrote reaches
/// it as variables of the environment alone, so nothing of it is ever code. It reads nothing,
/// writes to stderr, and has none of this program's connections.
class Programs {
  public:
    using Variables = std::vector<std::pair<std::string, std::string>>;

    /// So many may run at once, and half of them for messages; nobody can have more started by
    /// ringing more often.
    static constexpr std::size_t max_running = 64;

    /// `always` is in the environment of all. An empty command: nothing is started.
    Programs(std::string command, Variables always)
        : command_(std::move(command)), always_(std::move(always)) {}

    /// Why it was not started, or nothing.
    std::string start(const Facts& facts);
    /// To be called now and then: those that have ended no longer count.
    void reap();

  private:
    std::string command_;
    Variables always_;
    std::vector<pid_t> running_;
};

}  // namespace beckon::cli
