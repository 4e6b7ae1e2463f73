// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the programs here share: the command line, and what is said.

#include <CLI/CLI.hpp>
#include <beckon/beckon.hpp>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../cli/terminal.hpp"

inline void say(const std::string& line) { std::cout << printable(line) + "\n" << std::flush; }

/// The options by which every program finds its broker.
inline void add_connection_options(CLI::App& app, beckon::ClientOptions& client) {
    app.add_option("--user", client.userID, "who this is")->required();
    app.add_option("--server", client.server, "mqtt://, mqtts://, ws:// or wss://, host and port")
        ->capture_default_str();
    app.add_option("--password", client.password, "of this user at the broker");
}

/// Reads the command line and runs; 64: wrong usage, which it explains.
inline int run_program(CLI::App& app, int count, char** words, const std::function<int()>& run) {
    prepare_terminal();
    try {
        app.parse(count, words);
        return run();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 64;
    } catch (const std::invalid_argument& error) {  // the client checks its own options
        std::cerr << error.what() << "\n" << app.help();
        return 64;
    }
}
