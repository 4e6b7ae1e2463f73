// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the programs here share: the command line, and lines that are safe to print.

#include <CLI/CLI.hpp>
#include <beckon/beckon.hpp>
#include <clocale>
#include <csignal>
#include <cwchar>
#include <cwctype>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

/// Set by Ctrl-C; a second one ends the program as it is.
inline volatile std::sig_atomic_t interrupted = 0;

/// What others wrote must not steer the terminal: only what the locale can print stays.
inline std::string printable(const std::string& text) {
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
        wchar_t letter = 0;
        std::mbstate_t state{};
        const std::size_t length = std::mbrtowc(&letter, &text[at], text.size() - at, &state);
        const bool fits = length > 0 && length <= text.size() - at &&
                          std::iswprint(static_cast<std::wint_t>(letter)) != 0 &&
                          !(letter >= 0x200E && letter <= 0x202E) &&  // nor turn the line around
                          !(letter >= 0x2066 && letter <= 0x2069);
        shown += fits ? text.substr(at, length) : "?";
        at += fits ? length : 1;
    }
    return shown;
}

inline void say(const std::string& line) { std::cout << printable(line) + "\n" << std::flush; }

inline std::string list(const std::vector<std::string>& users) {
    std::string all;
    for (const std::string& user : users) {
        all += (all.empty() ? "" : ", ") + user;
    }
    return all;
}

inline std::string quoted(const std::string& data) {
    return data.empty() ? "" : ": \"" + data + '"';
}

/// The options by which every program finds its broker.
inline void add_connection_options(CLI::App& app, beckon::ClientOptions& client) {
    app.add_option("--user", client.userID, "who this is")->required();
    app.add_option("--server", client.server, "mqtt://, mqtts://, ws:// or wss://, host and port")
        ->capture_default_str();
    app.add_option("--password", client.password, "of this user at the broker");
}

/// Reads the command line and runs; 64: wrong usage, which it explains.
inline int run_program(CLI::App& app, int count, char** words, const std::function<int()>& run) {
    std::setlocale(LC_CTYPE, "");
    const auto on_signal = [](int signal) {
        interrupted = 1;
        std::signal(signal, SIG_DFL);
    };
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
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
