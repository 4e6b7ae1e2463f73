// SPDX-License-Identifier: Apache-2.0
//
// Waits to be rung, and answers by key or by option. Keys, the countdown and what the library tells
// share one loop and one thread (Delivery::poll), so nothing here needs a lock.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "console.hpp"

namespace {

using Clock = std::chrono::steady_clock;

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
    int after_s = 0;
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
        terminal_.say(inviter + " rings" + quoted(data.substr(0, 200)));
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
        const bool due =
            options_.accept && Clock::now() - ring->since >= std::chrono::seconds(options_.after_s);
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

}  // namespace

int main(int count, char** words) {
    Options options;
    options.client.delivery = beckon::Delivery::poll;
    CLI::App app("Waits to be rung. Keys: a accepts, r rejects, b rejects as busy, q quits.",
                 "indoor_panel");
    add_connection_options(app, options.client);
    auto* accept = app.add_flag("--accept", options.accept, "accept whatever rings, without keys,");
    app.add_option("--after", options.after_s, "when it has rung for so many seconds");
    app.add_option("--reject", options.reject,
                   "reject whatever rings, without keys: declined, busy, or a word of yours")
        ->excludes(accept);
    app.add_option("--data", options.data, "what is said with the answer");
    app.add_flag("--once", options.once, "quit when the first ring is over");
    return run_program(app, count, words, [&] {
        Panel panel(options);  // before the client, which calls it for as long as there is a client
        beckon::Client client(options.client);
        panel.run(client);
        return 0;
    });
}
