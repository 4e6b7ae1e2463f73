// SPDX-License-Identifier: Apache-2.0
//
// Rings one user or several, and tells what becomes of it. A thread of the library makes all calls
// to the listeners and callbacks (Delivery::thread); main waits for the outcome.
#include <beckon/beckon.hpp>
#include <charconv>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cwchar>
#include <cwctype>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr auto help = R"(door_station --user ME [option]... USER...

Rings each USER and waits for the answers; Ctrl-C cancels.

  --server URL       mqtt://, mqtts://, ws:// or wss://, host and port (mqtt://127.0.0.1:1883)
  --password TEXT    of ME at the broker
  --timeout SECONDS  how long it rings (30; 0: until all have answered)
  --first            the first who accepts takes it, and the others stop ringing
  --data TEXT        what they are told with the ring

Exits with 0 if somebody accepted, else 1 if somebody rejected, 2 if nobody answered in time,
3 if it was cancelled, 4 if it could not ring or lost the broker; 64: wrong usage.
)";
enum Outcome { accepted, rejected, nobody_answered, cancelled, could_not, usage = 64 };

volatile std::sig_atomic_t interrupted = 0;

/// What others wrote must not steer the terminal: only what the locale can print stays.
std::string printable(const std::string& text) {
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
        wchar_t letter = 0;
        std::mbstate_t state{};
        const std::size_t length = std::mbrtowc(&letter, &text[at], text.size() - at, &state);
        const bool fits = length > 0 && length <= text.size() - at &&
                          std::iswprint(static_cast<std::wint_t>(letter)) != 0;
        shown += fits ? text.substr(at, length) : "?";
        at += fits ? length : 1;
    }
    return shown;
}

void say(const std::string& line) { std::cout << printable(line) + "\n" << std::flush; }

std::string list(const std::vector<std::string>& users) {
    std::string all;
    for (const std::string& user : users) {
        all += (all.empty() ? "" : ", ") + user;
    }
    return all;
}

std::string quoted(const std::string& data) { return data.empty() ? "" : ": \"" + data + '"'; }

class Door : public beckon::ConnectionListener, public beckon::SignalingListener {
  public:
    /// Before the client connects: from then on the library's thread reads it.
    void rings(const std::string& id) { id_ = id; }
    std::future<Outcome> outcome() { return outcome_.get_future(); }

    void invited(const beckon::InviteResult& result, const std::vector<std::string>& users) {
        if (result.ok()) {
            say("ringing " + list(users));
            for (const auto& skipped : result.skipped) {
                say(skipped.user + " is left out (" + skipped.error + ")");
            }
        } else if (result.error == "withdrawn") {
            finish(cancelled, "cancelled before it rang");
        } else {
            finish(could_not, "could not ring: " + result.message);
        }
    }

    void onConnectionStateChanged(beckon::ConnectionState state, const std::string& why) override {
        switch (state) {
            case beckon::ConnectionState::connecting:
                return say("connecting");
            case beckon::ConnectionState::connected:
                return say("connected");
            default:
                return say("no connection: " + why);
        }
    }

    void onSignalingEvent(const beckon::SignalingEvent& event) override {
        if (event.inviteID != id_) {
            return;  // another ring of this user
        }
        const std::string users = list(event.invitees);
        switch (event.type) {
            case beckon::SignalingEventType::inviteeRinging:
                return say(users + " rings");
            case beckon::SignalingEventType::inviteeAccepted:
                return say(users + " accepted" + quoted(event.data));
            case beckon::SignalingEventType::inviteeRejected:
                return say(users + " rejected (" + event.reason + ")" + quoted(event.data));
            case beckon::SignalingEventType::invitationCancelled:
                return say(users + " stops ringing (" + event.reason + ")");
            case beckon::SignalingEventType::invitationTimeout:
                return say(users + " did not answer" +
                           (event.assumed ? ", as far as is known" : ""));
            default:
                return;
        }
    }

    void onInvitationEnded(const beckon::InvitationEnd& end) override {
        if (end.inviteID != id_) {
            return;
        }
        if (!end.state || end.assumed) {
            return finish(could_not, "nobody knows how it ended: the broker was lost");
        }
        switch (*end.state) {
            case beckon::State::accepted:
                return finish(accepted, "the door is answered");
            case beckon::State::rejected:
                return finish(rejected, "nobody accepted");
            case beckon::State::timed_out:
                return finish(nobody_answered, "nobody answered");
            default:
                return finish(cancelled,
                              end.reason == "cancelled" ? "cancelled" : "cancelled: " + end.reason);
        }
    }

  private:
    void finish(Outcome outcome, const std::string& line) {
        say(line);
        outcome_.set_value(outcome);  // once: a ring is refused, or it ends
    }

    std::string id_;
    std::promise<Outcome> outcome_;
};

struct Options {
    beckon::ClientOptions client;
    std::vector<std::string> users;
    std::string data;
    int timeout_s = 30;
    bool first = false;
};

int whole_seconds(const std::string& text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw std::invalid_argument("no number of seconds: " + text);
    }
    return number;
}

Options read_options(const std::vector<std::string>& words) {
    Options options;
    for (auto word = words.begin(); word != words.end(); ++word) {
        const auto value = [&] {
            if (word + 1 == words.end()) {
                throw std::invalid_argument(*word + " needs a value");
            }
            return *++word;
        };
        if (*word == "--user") {
            options.client.userID = value();
        } else if (*word == "--server") {
            options.client.server = value();
        } else if (*word == "--password") {
            options.client.password = value();
        } else if (*word == "--timeout") {
            options.timeout_s = whole_seconds(value());
        } else if (*word == "--first") {
            options.first = true;
        } else if (*word == "--data") {
            options.data = value();
        } else if (word->starts_with("-")) {
            throw std::invalid_argument("unknown option: " + *word);
        } else {
            options.users.push_back(*word);
        }
    }
    if (options.users.empty()) {
        throw std::invalid_argument("nobody to ring");
    }
    return options;
}

Outcome ring(const Options& options) {
    Door door;  // before the client, which calls it for as long as there is a client
    beckon::Client client(options.client);
    beckon::SignalingManager& signaling = client.getSignalingManager();
    client.addConnectionListener(&door);
    signaling.addSignalingListener(&door);

    // Asked before there is a connection, and sent when there is: so no event of this ring can come
    // before its id is known.
    const auto invited = [&](const auto& result) { door.invited(result, options.users); };
    std::string id;
    if (options.users.size() == 1) {
        id = signaling.invite(options.users.front(), options.data, false, options.timeout_s,
                              invited);
    } else {
        const beckon::InviteOptions several{
            .timeout = std::chrono::seconds(options.timeout_s),
            .answer = options.first ? beckon::Answer::first : beckon::Answer::all};
        id = signaling.inviteSeveral(options.users, options.data, several, invited);
    }
    door.rings(id);
    auto outcome = door.outcome();
    client.connect();

    bool cancels = false;
    while (outcome.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
        if (interrupted != 0 && !cancels) {
            cancels = true;
            say("cancelling");
            // Which was faster, this or an answer, is told by onInvitationEnded.
            signaling.cancel(id, {}, [](const beckon::CancelResult& result) {
                if (!result.ok()) {
                    say("not cancelled: " + result.message);
                }
            });
        }
    }
    return outcome.get();
}

}  // namespace

int main(int count, char** words) try {
    std::setlocale(LC_CTYPE, "");
    const std::vector<std::string> arguments(words + 1, words + count);
    if (arguments == std::vector<std::string>{"--help"}) {
        std::cout << help;
        return 0;
    }
    const auto on_signal = [](int signal) {
        interrupted = 1;
        std::signal(signal, SIG_DFL);  // a second Ctrl-C ends the program as it is
    };
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    return ring(read_options(arguments));
} catch (const std::invalid_argument& error) {  // the client's options are checked by the client
    std::cerr << "door_station: " << error.what() << "\n\n" << help;
    return usage;
}
