// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "keys.hpp"
#include "programs.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct ListenOptions {
    bool accept = false;
    std::string reject;
    std::string data;
    std::string exec;
    std::chrono::milliseconds after{0};
    bool once = false;

    [[nodiscard]] bool answers() const { return accept || !reject.empty(); }
};

/// Tells all that this user hears, and answers what rings.
class Listener : public SignalingListener, public GroupListener, public SimpleMsgListener {
  public:
    Listener(const ListenOptions& options, const Settings& settings, const Output& output)
        : options_(options),
          output_(output),
          programs_(options.exec, settings.environment()),
          keys_(!options.answers() && !output.json()) {}

    Exit run(Session& session) {
        me_ = session.client().userID();
        signaling_ = &session.signaling();
        signaling_->addSignalingListener(this);
        session.groups().addGroupListener(this);
        session.client().addSimpleMsgListener(this);
        session.client().connect();
        while (interrupted == 0 && !exit_) {
            session.poll(until_answer(), keys_.there());
            programs_.reap();
            answer(keys_.pressed());
        }
        leave(session);
        return exit_.value_or(done);
    }

    // What rings, and who talks

    void onSignalingEvent(const SignalingEvent& event) override { tell(facts_of(event)); }
    void onReceiveNewInvitation(const std::string& id, const std::string& /*inviter*/,
                                const std::string& /*group*/,
                                const std::vector<std::string>& /*invitees*/,
                                const std::string& /*data*/) override {
        const std::optional<SignalingInfo> known = known_of(id);
        rings_.push_back({.id = id, .call = known && known->call});
        if (options_.reject.empty()) {
            signaling_->ringing(id);
        }
        if (keys_.there()) {
            Output::remark("  a accepts, r rejects, b rejects as busy, q quits");
        }
    }
    void onInvitationEnded(const InvitationEnd& end) override {
        tell(facts_of(end));
        const auto ring = find(end.inviteID);
        if (ring == rings_.end()) {
            return;  // of this user's own
        }
        const bool talks = ring->call && end.here && end.state == State::accepted;
        rings_.erase(ring);
        if (talks) {
            talks_.push_back(end.inviteID);
            if (keys_.there()) {
                Output::remark("  talking; h hangs up");
            }
        } else if (options_.once) {
            exit_ = exit_of(end);
        }
    }
    void onCallEnded(const std::string& id, const std::string& /*reason*/,
                     std::chrono::milliseconds /*duration*/, const std::string& /*data*/) override {
        talks_no_more(id);
    }
    void onParticipantLeft(const std::string& id, const std::string& user,
                           const std::string& /*reason*/, const std::string& /*data*/) override {
        if (user == me_) {
            talks_no_more(id);
        }
    }
    void onParticipantMoved(const std::string& id, const std::string& user) override {
        if (user == me_) {
            talks_no_more(id);
        }
    }

    // Groups

    void onGroupEvent(const GroupNews& news) override { tell(facts_of(news)); }

    // Messages

    void onRecvC2CTextMessage(const std::string& id, const std::string& sender,
                              const std::string& text) override {
        tell(message_from(sender, id, me_, {}, text));
    }
    void onRecvC2CCustomMessage(const std::string& id, const std::string& sender,
                                const std::string& data) override {
        tell(message_from(sender, id, me_, {}, data));
    }
    void onRecvGroupTextMessage(const std::string& id, const std::string& group,
                                const std::string& sender, const std::string& text) override {
        tell(message_from(sender, id, {}, group, text));
    }
    void onRecvGroupCustomMessage(const std::string& id, const std::string& group,
                                  const std::string& sender, const std::string& data) override {
        tell(message_from(sender, id, {}, group, data));
    }

  private:
    struct Ring {
        std::string id;
        bool call = false;
        Clock::time_point since = Clock::now();
        bool answered = false;   ///< the broker has yet to say whether that was in time
        bool accepting = false;  ///< and if it was, a call may begin
    };

    std::vector<Ring>::iterator find(const std::string& id) {
        return std::find_if(rings_.begin(), rings_.end(),
                            [&](const Ring& ring) { return ring.id == id; });
    }

    std::optional<SignalingInfo> known_of(const std::string& id) const {
        for (const SignalingInfo& info : signaling_->getPendingInvitations()) {
            if (info.inviteID == id) {
                return info;
            }
        }
        return std::nullopt;
    }

    void talks_no_more(const std::string& id) {
        if (std::erase(talks_, id) > 0 && options_.once) {
            exit_ = done;
        }
    }
    /// No call goes on without this program: not the one either whose accept is on its way.
    void leave(Session& session) {
        const auto accepting = [](const Ring& ring) { return ring.accepting; };
        for (;;) {
            for (const std::string& id : std::exchange(talks_, {})) {
                hang_up(id);
            }
            if (hanging_up_ == 0 && std::none_of(rings_.begin(), rings_.end(), accepting)) {
                return;
            }
            session.poll();
        }
    }
    /// What comes of it is told by the call's end.
    void hang_up(const std::string& id) {
        ++hanging_up_;
        signaling_->hangup(id, {}, [this, id, told = told("hangup", id)](const Result& result) {
            --hanging_up_;
            told(result);
            if (result.ok()) {
                talks_no_more(id);
            }
        });
    }

    void tell(const Facts& facts) {
        const auto id = facts.find("id");
        const bool tagged = id != facts.end() && facts["event"] != "message";
        output_.tell(facts, tagged ? id->get<std::string>() : "");
        if (const std::string problem = programs_.start(facts); !problem.empty()) {
            Output::remark(problem);
        }
    }

    /// How long to wait at most for what comes next.
    [[nodiscard]] std::chrono::milliseconds until_answer() const {
        auto most = Session::moment;
        for (const Ring& ring : rings_) {
            if (!ring.answered && options_.answers()) {
                const auto left = ring.since + options_.after - Clock::now();
                most = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                                  std::chrono::milliseconds{0}, most);
            }
        }
        return most;
    }

    /// The oldest ring comes first, until it is answered: by a key, or by what was asked for.
    void answer(char key) {
        if (key == 'q') {
            exit_ = done;
        }
        if (key == 'h' && !talks_.empty()) {
            hang_up(talks_.front());
        }
        const auto ring = std::find_if(rings_.begin(), rings_.end(),
                                       [](const Ring& one) { return !one.answered; });
        if (ring == rings_.end()) {
            return;
        }
        const bool due = options_.answers() && Clock::now() - ring->since >= options_.after;
        if (key == 'a' || (due && options_.accept)) {
            ring->accepting = true;
            signaling_->accept(ring->id, options_.data, told("accept", ring->id));
        } else if (key == 'r' || key == 'b' || due) {
            const std::string reason = key == 'b'   ? "busy"
                                       : key == 'r' ? "declined"
                                                    : options_.reject;
            signaling_->reject(ring->id, options_.data, told("reject", ring->id), reason);
        } else {
            return;
        }
        ring->answered = true;
    }

    /// That it was done is told by onInvitationEnded.
    ResultCallback told(const std::string& request, const std::string& id) {
        return [this, request, id](const Result& result) {
            if (!result.ok() && result.error != "closed") {  // that is this program's own end
                Facts facts = reply_to(request, result);
                facts["id"] = id;
                output_.tell(facts);
                if (const auto still = find(id); still != rings_.end()) {
                    still->answered = options_.answers();  // a key may try again
                    still->accepting = false;
                }
            }
        };
    }

    const ListenOptions& options_;
    const Output& output_;
    Programs programs_;
    Keys keys_;
    SignalingManager* signaling_ = nullptr;
    std::string me_;
    std::vector<Ring> rings_;
    std::vector<std::string> talks_;  ///< calls that this device is in
    int hanging_up_ = 0;
    std::optional<Exit> exit_;
};

}  // namespace

void add_listen(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<ListenOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "listen",
        "Waits to be rung, and tells all that I hear. At a terminal, keys answer and hang up; "
        "Ctrl-C hangs up, too.",
        "  beckon listen\n"
        "  beckon listen --accept --after 2s --data \"I am coming\"\n"
        "  beckon listen --reject busy\n"
        "  beckon --json listen | jq -r 'select(.event == \"new_invitation\") | .inviter'\n"
        "  beckon listen --exec 'case $BECKON_EVENT in\n"
        "    new_invitation) notify-send \"$BECKON_INVITER rings\" \"$BECKON_DATA\" ;;\n"
        "    invitation_ended) notify-send \"over: $BECKON_STATE\" ;; esac'",
        options, [](const ListenOptions& chosen, const Settings& settings, const Output& output) {
            Listener listener(chosen, settings, output);
            Session session(settings, output, OfConnection::all);
            return listener.run(session);
        });
    auto* const accept = command.add_flag("--accept", options->accept, "accept whatever rings");
    command
        .add_option("--reject", options->reject,
                    "reject whatever rings: declined, busy, or a word of yours")
        ->option_text("REASON")
        ->excludes(accept);
    add_duration(command, "--after", options->after, "answer when it has rung for that long");
    command.add_option("--data", options->data, "what is said with the answer")
        ->option_text("TEXT");
    command
        .add_option("--exec", options->exec,
                    "run this shell command for each event; the facts are in its environment: "
                    "BECKON_EVENT, BECKON_ID, BECKON_INVITER, BECKON_DATA …")
        ->option_text("CMD");
    command.add_flag(
        "--once", options->once,
        "end when the first ring and its call are over, as it ended (see beckon --help)");
}

}  // namespace beckon::cli
