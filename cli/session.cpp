// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <vector>

#include "terminal.hpp"
#include "tls_failure.hpp"

namespace beckon::cli {

namespace {

/// To find out why it fails.
constexpr std::chrono::milliseconds patience_with_tls{2000};

}  // namespace

Exit exit_of(const Result& result) {
    if (result.ok()) {
        return done;
    }
    if (result.error == "withdrawn") {
        return cancelled;
    }
    for (const char* const lost :
         {"not_connected", "no_reply", "no_beckon", "closed", "too_many_waiting"}) {
        if (result.error == lost) {
            return unreachable;
        }
    }
    return refused;
}

Exit exit_of(const InvitationEnd& end) {
    if (!end.state || end.assumed) {
        return unreachable;
    }
    switch (*end.state) {
        case State::accepted:
            return done;
        case State::rejected:
            return rejected;
        case State::timed_out:
            return timed_out;
        default:
            return cancelled;
    }
}

void Output::tell(const Facts& facts, const std::string& tag) const {
    const bool wrong = !json_ && facts.contains("ok") && !facts["ok"].get<bool>();
    (wrong ? std::cerr : std::cout)
        << (json_ ? json_line(facts) : sentence(facts) + (tag.empty() ? "" : " [" + tag + "]")) +
               "\n"
        << std::flush;
    if (!std::cout) {
        interrupted = 1;  // whom nobody reads any more ends, as by Ctrl-C
    }
}

void Output::line(const std::string& text) { std::cout << printable(text) + "\n" << std::flush; }

void Output::remark(const std::string& line) { std::cerr << printable(line) + "\n" << std::flush; }

Session::Session(const Settings& settings, const Output& output, OfConnection tells)
    : output_(output),
      options_(settings.client),
      tells_(tells),
      client_(*new Client(settings.client)) {
    client_.addConnectionListener(this);
}

Result Session::connect() {
    client_.connect();
    const auto deadline = std::chrono::steady_clock::now() + options_.requestTimeout;
    const bool settled = until([&] {
        const ConnectionState state = client_.connectionState();
        return state == ConnectionState::connected || state == ConnectionState::noBeckon ||
               std::chrono::steady_clock::now() >= deadline;
    });
    if (!settled) {
        return {.code = 20195, .error = "withdrawn", .message = "it was given up"};
    }
    switch (client_.connectionState()) {
        case ConnectionState::connected:
            return {};
        case ConnectionState::noBeckon:
            return {.code = 20192, .error = "no_beckon", .message = "the broker has no Beckon"};
        default:
            return {.code = 20191,
                    .error = "not_connected",
                    .message =
                        "no connection in time" + (trouble_.empty() ? "" : " (" + trouble_ + ")")};
    }
}

std::string Session::whole_id(const std::string& typed) {
    std::vector<std::string> begun;
    for (const SignalingInfo& info : signaling().getPendingInvitations()) {
        if (info.inviteID == typed) {
            return typed;
        }
        if (typed.size() >= least_typed && info.inviteID.starts_with(typed)) {
            begun.push_back(info.inviteID);
        }
    }
    if (begun.empty()) {
        return typed;
    }
    // It may be the whole id of one that is over, or that others have open.
    const auto known = result_of([&](const ResultCallback& told) {
        signaling().getSignalingInfo(
            typed, [told](const Result& result, const SignalingInfo&) { told(result); });
    });
    if (!known || known->error != "unknown_invitation") {
        return typed;
    }
    if (begun.size() > 1) {
        throw CLI::ValidationError("ID", typed + " begins several that are open: " + list(begun));
    }
    return begun.front();
}

void Session::poll(std::chrono::milliseconds most, bool keys) {
    std::array<pollfd, 2> wakes{pollfd{client_.descriptor(), POLLIN, 0},
                                pollfd{STDIN_FILENO, POLLIN, 0}};
    ::poll(wakes.data(), keys ? 2 : 1, static_cast<int>(most.count()));
    client_.poll();
}

bool Session::until(const std::function<bool()>& happened) {
    while (!happened()) {
        if (interrupted != 0) {
            return false;
        }
        poll();
    }
    return true;
}

std::string Session::cause_of(const std::string& why) {
    if (why == said_ || !uses_tls(options_)) {
        return why == said_ ? trouble_ : why;
    }
    const std::string cause =
        why_tls_fails(options_, std::min(patience_with_tls, options_.requestTimeout));
    return cause.empty() ? why : "cannot connect to " + options_.server + ": " + cause;
}

void Session::onConnectionStateChanged(ConnectionState state, const std::string& why) {
    const bool connected = state == ConnectionState::connected;
    const bool news =
        connected ? tells_ == OfConnection::all || !trouble_.empty() : !why.empty() && why != said_;
    if (connected) {
        trouble_.clear();
        said_.clear();
    } else if (!why.empty()) {
        trouble_ = cause_of(why);
        said_ = why;
    }
    if (tells_ == OfConnection::all && output_.json()) {
        output_.tell(facts_of(state, why.empty() || connected ? why : trouble_));
    } else if (news && tells_ != OfConnection::nothing) {
        Output::remark(connected ? "connected as " + client_.userID()
                                 : "no connection: " + trouble_);
    }
}

}  // namespace beckon::cli
