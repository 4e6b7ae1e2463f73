// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include <unistd.h>

#include <deque>
#include <iostream>

#include "commands.hpp"
#include "keys.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

struct Size {
    std::size_t lines = 24;
    std::size_t columns = 80;
};

/// A page of its own, which vanishes when this does; what was on the screen before comes back.
class Screen {
  public:
    Screen() { std::cout << "\x1b[?1049h\x1b[?25l\x1b[?7l" << std::flush; }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen() { std::cout << "\x1b[?7h\x1b[?25h\x1b[?1049l" << std::flush; }

    static Size size() {
        winsize now{};
        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_col > 0 && now.ws_row > 0
                   ? Size{now.ws_row, now.ws_col}
                   : Size{};
    }
    /// Written at once, and only when it has changed, so nothing flickers.
    void show(const std::vector<std::string>& lines) {
        std::string page = "\x1b[H";
        for (std::size_t i = 0; i < lines.size(); ++i) {
            page += lines[i] + "\x1b[K" + (i + 1 < lines.size() ? "\r\n" : "");
        }
        page += "\x1b[J";
        if (page != shown_) {
            shown_ = page;
            std::cout << page << std::flush;
        }
    }

  private:
    std::string shown_;
};

struct WatchOptions {};

/// What is open for this user, as it changes.
class Watcher : public SignalingListener {
  public:
    Watcher(const Settings& settings, const Output& output)
        : settings_(settings),
          output_(output),
          on_page_(!output.json() && isatty(STDOUT_FILENO) == 1) {}

    /// Whether it has the terminal for itself.
    [[nodiscard]] bool on_page() const { return on_page_; }

    Exit run(Session& session) {
        session.signaling().addSignalingListener(this);
        session.client().connect();
        if (on_page_) {
            show(session);
        } else {
            tell_changes(session);
        }
        return done;
    }

    void onSignalingEvent(const SignalingEvent& event) override { happened(facts_of(event)); }
    void onInvitationEnded(const InvitationEnd& end) override { happened(facts_of(end)); }

  private:
    void happened(const Facts& facts) {
        changed_ = true;
        latest_.push_front(sentence(facts));
        if (latest_.size() > 100) {
            latest_.pop_back();
        }
    }

    /// For whoever reads it elsewhere: all that is open, whenever that changes.
    void tell_changes(Session& session) {
        bool connected = false;
        while (interrupted == 0) {
            const bool now = session.client().connectionState() == ConnectionState::connected;
            if (now && (changed_ || !connected)) {
                output_.tell(synced(session.client(), session.signaling().getPendingInvitations()));
                changed_ = false;
            }
            connected = now;
            session.poll();
        }
    }

    /// A page of the terminal: what is open, and below it what happened last.
    void show(Session& session) {
        const Keys keys(true);
        Screen screen;
        while (interrupted == 0 && keys.pressed() != 'q') {
            session.poll(Session::moment, keys.there());
            const Size size = Screen::size();
            const bool there = session.client().connectionState() == ConnectionState::connected;
            std::vector<std::string> page{
                cut(printable(settings_.client.userID + " at " + settings_.client.server +
                              (there ? "" : ": no connection. " + session.trouble()) +
                              "   q quits"),
                    size.columns),
                ""};
            for (auto& line :
                 table(rows_of(session.signaling().getPendingInvitations()), size.columns)) {
                page.push_back(std::move(line));
            }
            page.emplace_back();
            for (const std::string& line : latest_) {
                page.push_back(cut(line, size.columns));
            }
            page.resize(std::min(page.size(), size.lines));
            screen.show(page);
        }
    }

    const Settings& settings_;
    const Output& output_;
    bool on_page_;
    bool changed_ = false;
    std::deque<std::string> latest_;
};

}  // namespace

void add_watch(CLI::App& app, Invocation& invocation) {
    add_subcommand(
        app, invocation, "watch",
        "Shows what is open for me, as it changes: who rings whom, who answered, who talks.",
        "  beckon watch\n"
        "  beckon --json watch | jq -c '[.invitations[]?.id]'",
        std::make_shared<WatchOptions>(),
        [](const WatchOptions&, const Settings& settings, const Output& output) {
            Watcher watcher(settings, output);
            Session session(settings, output,
                            watcher.on_page() ? OfConnection::nothing : OfConnection::all);
            return watcher.run(session);
        });
}

}  // namespace beckon::cli
