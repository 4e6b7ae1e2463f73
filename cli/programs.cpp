// SPDX-License-Identifier: Apache-2.0
#include "programs.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <system_error>

namespace beckon::cli {

namespace {

/// What posix_spawn wants: the present environment, with these instead.
std::map<std::string, std::string> with_environment(const Programs::Variables& always,
                                                    const Programs::Variables& facts) {
    std::map<std::string, std::string> all;
    for (char* const* line = environ; *line != nullptr; ++line) {
        const std::string variable(*line);
        const auto end = variable.find('=');
        if (end != std::string::npos) {
            all[variable.substr(0, end)] = variable.substr(end + 1);
        }
    }
    for (const auto* const some : {&always, &facts}) {
        for (const auto& [name, value] : *some) {
            all[name] = value;
        }
    }
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
}

}  // namespace

std::string Programs::start(const Facts& facts) {
    reap();
    if (command_.empty()) {
        return {};
    }
    // Messages are not to be in the way of a ring.
    const bool is_message = facts.value("event", "") == "message";
    if (running_.size() >= (is_message ? max_running / 2 : max_running)) {
        return std::to_string(running_.size()) + " programs of --exec still run, so none for " +
               facts.value("event", "this");
    }
    std::vector<std::string> variables;
    for (const auto& [name, value] : with_environment(always_, environment(facts))) {
        variables.push_back(name + "=" + value);
    }
    std::vector<std::string> words{"sh", "-c", command_};

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    pid_t child = 0;
    const int error = posix_spawn(&child, "/bin/sh", &files, nullptr, pointers(words).data(),
                                  pointers(variables).data());
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
        return "--exec: " + std::generic_category().message(error);
    }
    running_.push_back(child);
    return {};
}

void Programs::reap() {
    const auto ended = [](pid_t child) { return waitpid(child, nullptr, WNOHANG) != 0; };
    running_.erase(std::remove_if(running_.begin(), running_.end(), ended), running_.end());
}

}  // namespace beckon::cli
