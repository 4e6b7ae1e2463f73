// SPDX-License-Identifier: Apache-2.0
//
// Waits to be rung, and answers by key or by option. Keys, the countdown and what the library tells
// share one loop and one thread (Delivery::poll), so nothing here needs a lock.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <beckon/beckon.hpp>
#include <charconv>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cwchar>
#include <cwctype>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto help = R"(indoor_panel --user ME [option]...

Waits to be rung. Keys: a accepts, r rejects, b rejects as busy, q quits.

  --server URL      mqtt://, mqtts://, ws:// or wss://, host and port (mqtt://127.0.0.1:1883)
  --password TEXT   of ME at the broker
  --accept          accepts whatever rings, without keys,
  --after SECONDS   when it has rung that long (0)
  --reject REASON   rejects whatever rings, without keys: declined, busy, or a word of yours
  --data TEXT       what is said with the answer
  --once            quits when the first ring is over

Exits with 0, by Ctrl-C too; 64: wrong usage.
)";

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

/// The terminal: keys come one by one and unseen, and the last line can be rewritten.
class Terminal {
  public:
    explicit Terminal(bool with_keys)
        : keys_(with_keys && tcgetattr(STDIN_FILENO, &before_) == 0),
          rewrites_(isatty(STDOUT_FILENO) == 1) {
        if (keys_) {
            termios raw = before_;
            raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
            tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal() {
        show("");
        if (keys_) {
            tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        }
    }

    void say(const std::string& line) {
        show("");
        std::cout << printable(line) << std::endl;
    }
    /// The line that is rewritten, below all that was said.
    void show(const std::string& line) {
        if (rewrites_ && line != shown_) {
            shown_ = line;
            // Cleared, and cut at the right edge: a line that wraps could not be rewritten.
            std::cout << "\r\x1b[K\x1b[?7l" << printable(line) << "\x1b[?7h" << std::flush;
        }
    }
    /// The key that was pressed, or 0.
    char key() const {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        char pressed = 0;
        return keys_ && ::poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &pressed, 1) == 1 ? pressed
                                                                                         : '\0';
    }

  private:
    termios before_{};
    bool keys_;
    bool rewrites_;
    std::string shown_;
};

struct Options {
    beckon::ClientOptions client;
    bool accept = false;
    std::chrono::seconds after{0};
    std::string reject;
    std::string data;
    bool once = false;

    [[nodiscard]] bool by_itself() const { return accept || !reject.empty(); }
};

class Panel : public beckon::ConnectionListener, public beckon::SignalingListener {
  public:
    explicit Panel(Options options)
        : options_(std::move(options)), terminal_(!options_.by_itself()) {}

    void run(beckon::Client& client) {
        signaling_ = &client.getSignalingManager();
        signaling_->addSignalingListener(this);
        client.addConnectionListener(this);
        client.connect();
        while (interrupted == 0 && !done_) {
            client.poll(std::chrono::milliseconds(50));  // calls what is overridden below
            answer(terminal_.key());
            terminal_.show(status());
        }
    }

    void onConnectionStateChanged(beckon::ConnectionState state, const std::string& why) override {
        if (state == beckon::ConnectionState::connected) {
            terminal_.say(options_.client.userID + " waits to be rung");
        } else if (!why.empty()) {
            terminal_.say("no connection: " + why);
        }
    }

    void onReceiveNewInvitation(const std::string& id, const std::string& inviter,
                                const std::string& /*groupID*/,
                                const std::vector<std::string>& /*inviteeList*/,
                                const std::string& data) override {
        rings_.push_back({.id = id, .inviter = inviter});
        terminal_.say(inviter + " rings" +
                      (data.empty() ? "" : ": \"" + data.substr(0, 200) + '"'));
        signaling_->ringing(id);
    }

    // Called once for each ring, however it ends: a ring tone stops here.
    void onInvitationEnded(const beckon::InvitationEnd& end) override {
        if (const auto ring = find(end.inviteID); ring != rings_.end()) {
            terminal_.say("the ring of " + ring->inviter + " is over: " + ending(end));
            rings_.erase(ring);
            done_ = done_ || options_.once;
        }
    }

  private:
    struct Ring {
        std::string id;
        std::string inviter;
        Clock::time_point since = Clock::now();
        bool answered = false;  ///< the broker has yet to say whether that was in time
    };

    std::vector<Ring>::iterator find(const std::string& id) {
        return std::find_if(rings_.begin(), rings_.end(),
                            [&](const Ring& ring) { return ring.id == id; });
    }

    /// The oldest ring comes first, until it is answered.
    std::vector<Ring>::iterator next() {
        return std::find_if(rings_.begin(), rings_.end(),
                            [](const Ring& ring) { return !ring.answered; });
    }

    void answer(char key) {
        done_ = done_ || key == 'q';
        const auto ring = next();
        if (ring == rings_.end()) {
            return;
        }
        const auto told = [this, id = ring->id](const beckon::Result& result) {
            if (!result.ok()) {
                terminal_.say("not answered: " + result.message);
                if (const auto still = find(id); still != rings_.end()) {
                    still->answered = options_.by_itself();  // a key may try again
                }
            }
        };
        const bool due = options_.accept && Clock::now() - ring->since >= options_.after;
        if (due || key == 'a') {
            signaling_->accept(ring->id, options_.data, told);
        } else if (key == 'r' || key == 'b' || !options_.reject.empty()) {
            const std::string reason = key == 'b'   ? "busy"
                                       : key == 'r' ? "declined"
                                                    : options_.reject;
            signaling_->reject(ring->id, options_.data, told, reason);
        } else {
            return;
        }
        ring->answered = true;
    }

    std::string status() {
        const auto ring = next();
        if (ring == rings_.end()) {
            return {};
        }
        std::string line = ring->inviter + " rings";
        for (const beckon::SignalingInfo& info : signaling_->getPendingInvitations()) {
            if (info.inviteID == ring->id && info.remaining) {
                const auto left = std::chrono::ceil<std::chrono::seconds>(*info.remaining);
                line += ", " + std::to_string(left.count()) + " s left";
            }
        }
        const auto more = rings_.end() - ring - 1;
        line += more > 0 ? ", " + std::to_string(more) + " more" : "";
        return line + (options_.by_itself() ? "" : "  [a]ccept [r]eject [b]usy [q]uit");
    }

    static std::string ending(const beckon::InvitationEnd& end) {
        const std::string by =
            end.by + (end.byDevice.empty() ? "" : " (device " + end.byDevice + ")");
        if (!end.state) {
            return "the broker has forgotten it";
        }
        switch (*end.state) {
            case beckon::State::accepted:
                return end.here ? "accepted here" : "answered elsewhere, by " + by;
            case beckon::State::rejected:
                return end.here ? "rejected here" : "rejected elsewhere, by " + by;
            case beckon::State::timed_out:
                return end.assumed ? "timed out without a connection" : "timed out";
            default:
                return end.reason == "answered" ? "answered elsewhere, by " + by : end.reason;
        }
    }

    Options options_;
    Terminal terminal_;
    beckon::SignalingManager* signaling_ = nullptr;
    std::vector<Ring> rings_;
    bool done_ = false;
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
    options.client.delivery = beckon::Delivery::poll;
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
        } else if (*word == "--accept") {
            options.accept = true;
        } else if (*word == "--after") {
            options.after = std::chrono::seconds(whole_seconds(value()));
        } else if (*word == "--reject") {
            options.reject = value();
        } else if (*word == "--data") {
            options.data = value();
        } else if (*word == "--once") {
            options.once = true;
        } else {
            throw std::invalid_argument("unknown option: " + *word);
        }
    }
    return options;
}

}  // namespace

int main(int count, char** words) try {
    std::setlocale(LC_CTYPE, "");
    const std::vector<std::string> arguments(words + 1, words + count);
    if (arguments == std::vector<std::string>{"--help"}) {
        std::cout << help;
        return 0;
    }
    const Options options = read_options(arguments);
    const auto on_signal = [](int /*signal*/) { interrupted = 1; };
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    Panel panel(options);  // before the client, which calls it for as long as there is a client
    beckon::Client client(options.client);
    panel.run(client);
    return 0;
} catch (const std::invalid_argument& error) {  // the client checks its own options
    std::cerr << "indoor_panel: " << error.what() << "\n\n" << help;
    return 64;
}
