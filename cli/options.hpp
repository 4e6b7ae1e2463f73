// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <beckon/beckon.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// How the program is told what to do: by its command line, by BECKON_… in the environment, and by
/// a configuration file, of which the one named first wins. Pure but for what it reads of these.
namespace beckon::cli {

/// "500ms", "30s", "2m" or "24h"; 0 needs no unit.
std::optional<std::chrono::milliseconds> parse_duration(const std::string& text);
/// An option that is a duration.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& about);

/// What holds for all subcommands.
struct Settings {
    ClientOptions client{};
    std::string password_file{};
    std::string key_password_file{};
    bool insecure = false;
    bool json = false;
    /// The options that the configuration file has said, and its name.
    std::set<std::string> in_file{};
    std::string file{};

    /// After the command line was read: what it says beside the options of the client. Throws
    /// `CLI::Error` for what cannot be.
    void complete();
    /// Where an option ("--user") was said, in parentheses; empty: on the command line, of which
    /// these are the words, or nowhere.
    [[nodiscard]] std::string said_in(const std::string& option,
                                      const std::vector<std::string>& words) const;
    /// How a program that this one starts finds the same broker: no secret is in it.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;
};

/// Why this file cannot be read, with its name; empty: it can.
std::string why_unreadable(const std::string& file);

/// The first line of a file that holds a secret; throws `CLI::Error` that names the option.
std::string secret_in(const std::string& option, const std::string& file);
/// `home` and `home:1883` are the plainest of URLs.
std::string url_of(const std::string& server);

void add_options(CLI::App& app, Settings& settings);
/// The configuration file, as it was named or where it is else; there need be none.
std::string config_file(const CLI::App& app);

}  // namespace beckon::cli
