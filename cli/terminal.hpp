// SPDX-License-Identifier: Apache-2.0
#pragma once

// What every program that a person sits in front of needs: lines that are safe to print, and a
// Ctrl-C that lets it finish. The programs in examples/ use it, too.

#include <clocale>
#include <csignal>
#include <ctime>
#include <cwchar>
#include <string>
#include <vector>

/// Set by Ctrl-C; another one seconds later ends the program as it is. (The same Ctrl-C may come
/// twice: from the terminal, and from who started the program.)
inline volatile std::sig_atomic_t interrupted = 0;

/// At the start of main: from now on, Ctrl-C and the terminal's end set `interrupted`, and text is
/// the locale's.
inline void prepare_terminal() {
    static_cast<void>(std::setlocale(LC_CTYPE, ""));
    const auto on_signal = [](int signal) {
        static std::timespec first;
        std::timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (interrupted == 0) {
            interrupted = 1;
            first = now;
        } else if (now.tv_sec - first.tv_sec > 1) {
            static_cast<void>(std::signal(signal, SIG_DFL));
            static_cast<void>(std::raise(signal));
        }
    };
    static_cast<void>(std::signal(SIGINT, on_signal));
    static_cast<void>(std::signal(SIGTERM, on_signal));
    if (std::signal(SIGHUP, on_signal) == SIG_IGN) {  // nohup
        static_cast<void>(std::signal(SIGHUP, SIG_IGN));
    }
}

/// Whether a letter steers a terminal: a control (a break of a line or a paragraph is one, too), or
/// what turns a line around.
inline bool steers(wchar_t letter) {
    return letter < 0x20 || (letter >= 0x7F && letter <= 0x9F) || letter == 0x061C ||
           letter == 0x200E || letter == 0x200F || (letter >= 0x2028 && letter <= 0x202E) ||
           (letter >= 0x2066 && letter <= 0x2069);
}

/// What others wrote must not steer the terminal: what does, or is no letter in this locale, is
/// shown as a question mark, and all else as it is.
inline std::string printable(const std::string& text) {
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
        wchar_t letter = 0;
        std::mbstate_t state{};
        const std::size_t length = std::mbrtowc(&letter, &text[at], text.size() - at, &state);
        const bool is_letter = length > 0 && length <= text.size() - at;
        shown += is_letter && !steers(letter) ? text.substr(at, length) : "?";
        at += is_letter ? length : 1;
    }
    return shown;
}

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
