// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker_link.hpp"
#include "host/host_options.hpp"

namespace beckon {

/// How `beckond` is told what to do: what every host can be told, and what a service can.
struct ServiceOptions : HostOptions {
    BrokerLogin login{};
    /// What this service is of: there is one for each, as its session is named by it.
    std::string site = "beckon";
    /// The broker's access rules prove who has sent a request, by the topic's last level. Else
    /// nothing does.
    bool sender_is_proven = true;
    /// The broker takes names for the same that differ in case alone.
    bool folds_case = false;
    /// Somebody has run `beckond check-acl`, and it was right.
    bool acl_is_checked = false;
    /// Where the store is a database, as libpq takes it; then there may be several instances.
    std::optional<std::string> database{};
    /// This one's name among them.
    std::string instance{};
    /// How long a site is an instance's that is not heard of.
    std::int64_t lease_ms = 3000;
};

/// Of the command line, the environment and the file: what was said of each option, by its name
/// with underscores.
using SaidOptions = std::map<std::string, std::vector<std::string>>;

/// All that can be said, whose values go to `said` once it is parsed; of `acl`, its engine, and of
/// `store import`, its file.
std::unique_ptr<CLI::App> command_line(SaidOptions& said, std::string& engine, std::string& file);
/// Completes what was said by the configuration file, where neither the command line nor the
/// environment says anything of an option. Throws `CLI::Error`.
void add_file(const CLI::App& app, SaidOptions& said);
/// What was said, read. Throws `CLI::Error` that names the option.
ServiceOptions read_options(const SaidOptions& said);
/// Of `check-acl`: another user, at the same broker.
std::optional<BrokerLogin> read_other(const SaidOptions& said, const BrokerLogin& login);
/// "mqtt://host:1883", "mqtts://host" or "host". Throws `CLI::Error`.
BrokerAddress read_address(const std::string& option, const std::string& url);

}  // namespace beckon
