// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "commands.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

struct CallOptions {
    std::vector<std::string> users;
    std::string group;
    std::string data;
    std::chrono::milliseconds timeout{30'000};
    bool first = false;
    bool online_only = false;
    bool no_call = false;
    bool replace = false;
};

/// One invitation and its call, for as long as this program is in it: from its invite, or from when
/// it joins by an accept, a join or a resume. Ctrl-C takes back what is pending, and hangs up. It
/// is there before the session, and outlives it.
class Part : public SignalingListener {
  public:
    explicit Part(const Output& output) : output_(output) {}

    Exit invites(Session& session, const CallOptions& options) {
        begins(session);
        // Not asked before: its timeout is to begin when it rings.
        if (const Result connected = session.connect(); !connected.ok()) {
            output_.tell(reply_to("invite", connected));
            return exit_of(connected);
        }
        call_ = !options.no_call;
        inviter_ = true;
        // Its events come by `poll`, when its id is known.
        id_ = invite(options);
        return stays();
    }

    /// `request` is accept, join or resume, which `send` sends.
    Exit joins(Session& session, const std::string& request, const std::string& id,
               const std::function<void(const std::string&, const ResultCallback&)>& send) {
        begins(session);
        if (const Result connected = session.connect(); !connected.ok()) {
            output_.tell(reply_to(request, connected));
            return exit_of(connected);
        }
        id_ = session.whole_id(id);
        call_ = request == "join";
        for (const SignalingInfo& info : session.signaling().getPendingInvitations()) {
            call_ = call_ || (info.inviteID == id_ && info.call);
        }
        const Exit joined =
            session.request(request, [&](const ResultCallback& told) { send(id_, told); });
        if (joined != done || !call_) {
            return joined;
        }
        talks();
        return stays();
    }

    void onSignalingEvent(const SignalingEvent& event) override {
        if (event.inviteID == id_) {
            output_.tell(facts_of(event));
        }
    }
    void onInviteeAccepted(const std::string& id, const std::string& /*invitee*/,
                           const std::string& /*data*/) override {
        if (id == id_ && call_ && !talking_) {
            talks();
        }
    }
    void onInvitationEnded(const InvitationEnd& how) override {
        if (how.inviteID != id_) {
            return;
        }
        output_.tell(facts_of(how));
        if (exit_ || talking_ || !inviter_) {
            return;
        }
        if (call_ && exit_of(how) == done) {
            talks();  // the answer came while there was no connection
        } else {
            exit_ = exit_of(how);
        }
    }
    void onParticipantLeft(const std::string& id, const std::string& user,
                           const std::string& /*reason*/, const std::string& /*data*/) override {
        is_over_if(id == id_ && user == me_);
    }
    void onParticipantMoved(const std::string& id, const std::string& user) override {
        is_over_if(id == id_ && user == me_);
    }
    void onCallEnded(const std::string& id, const std::string& /*reason*/,
                     std::chrono::milliseconds /*duration*/, const std::string& /*data*/) override {
        is_over_if(id == id_);
    }

  private:
    void begins(Session& session) {
        session_ = &session;
        me_ = session.client().userID();
        session.signaling().addSignalingListener(this);
    }

    std::string invite(const CallOptions& options) {
        const InviteOptions how{.timeout = options.timeout,
                                .onlineUserOnly = options.online_only,
                                .answer = options.first ? Answer::first : Answer::all,
                                .call = call_,
                                .replace = options.replace};
        const auto invited = [this](const InviteResult& result) {
            if (exit_) {
                return;  // the client ends, and with it what waits
            }
            output_.tell(reply_to("invite", result), result.ok() ? id_ : "");
            if (!result.ok()) {
                exit_ = exit_of(result);
            } else if (!result.mergedInto.empty()) {  // who is called was calling this user
                id_ = result.mergedInto;
                inviter_ = false;
                talks();
            }
        };
        SignalingManager& signaling = session_->signaling();
        return options.group.empty()
                   ? signaling.inviteSeveral(options.users, options.data, how, invited)
                   : signaling.inviteInGroup(options.group, options.users, options.data, how,
                                             invited);
    }

    Exit stays() {
        while (!exit_) {
            session_->poll();
            if (interrupted != 0 && !leaving_) {
                leaving_ = true;
                leave();
            }
        }
        return *exit_;
    }

    void talks() {
        talking_ = true;
        if (leaving_) {
            hang_up();  // Ctrl-C came too late to cancel
        } else {
            Output::remark("talking; Ctrl-C hangs up");
        }
    }

    void leave() {
        if (talking_) {
            hang_up();
        }
        if (!inviter_) {
            return;
        }
        // Which was faster, this or an answer, onInvitationEnded tells.
        Output::remark(talking_ ? "hanging up" : "cancelling");
        session_->signaling().cancel(id_, {}, [this](const CancelResult& result) {
            if (!exit_ && !result.ok() && !talking_) {
                output_.tell(reply_to("cancel", result));
                gives_up_if_unreachable(result);
            }
        });
    }

    void hang_up() {
        session_->signaling().hangup(id_, {}, [this](const Result& result) {
            if (exit_) {
                return;
            }
            if (!result.ok()) {
                output_.tell(reply_to("hangup", result));
                gives_up_if_unreachable(result);
            }
            // It may go on for others. What was told before this reply has ended it, if not.
            session_->signaling().getSignalingInfo(
                id_, [this](const Result&, const SignalingInfo&) { is_over_if(!exit_); });
        });
    }

    void gives_up_if_unreachable(const Result& result) {
        if (exit_of(result) == unreachable && !exit_) {
            exit_ = unreachable;  // nobody will tell
        }
    }

    /// Who talked has been answered.
    void is_over_if(bool over) {
        if (over) {
            exit_ = done;
        }
    }

    const Output& output_;
    Session* session_ = nullptr;
    std::string me_;
    std::string id_;
    bool call_ = false;
    bool inviter_ = false;
    bool talking_ = false;
    bool leaving_ = false;
    std::optional<Exit> exit_;
};

struct JoinOptions {
    std::string id;
    std::string data;
};

void add_invite(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<CallOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "call",
        "Calls users, or the members of a group, and stays until somebody hangs up. Ctrl-C "
        "cancels, or hangs up.",
        "  beckon call kitchen\n"
        "  beckon call --first --timeout 20s --data \"front door\" kitchen hall\n"
        "  beckon call --group flat-3 --first --no-call && echo somebody is there",
        options, [](const CallOptions& chosen, const Settings& settings, const Output& output) {
            if (chosen.users.empty() && chosen.group.empty()) {
                throw CLI::ValidationError("call", "whom? Say USER… or --group GROUP");
            }
            Part part(output);
            Session session(settings, output);
            return part.invites(session, chosen);
        });
    command.add_option("USER", options->users, "whom to ring; of a group, all others if none")
        ->type_name("");
    command.add_option("--group", options->group, "ring members of this group")
        ->check(not_empty())
        ->option_text("GROUP");
    command.add_option("--data", options->data, "what they are told with the ring")
        ->option_text("TEXT");
    add_duration(command, "--timeout", options->timeout,
                 "how long it rings, 30s if not said; 0: until all answered");
    command.add_flag("--first", options->first, "the first who accepts takes it, the others stop");
    command.add_flag("--no-call", options->no_call, "only ask: over when all have answered");
    command.add_flag("--replace", options->replace,
                     "what I ring there already stops and rings on as this");
    command.add_flag("--online-only", options->online_only, "ring only who is there now");
}

/// How this program comes into a call: by which request.
using Send = std::function<void(SignalingManager&, const std::string& id, const std::string& data,
                                const ResultCallback& told)>;

/// With its ID; the request is called as the command is.
CLI::App& add_way_in(CLI::App& app, Invocation& invocation, const std::string& name,
                     const std::string& about, const std::string& example, const Send& send,
                     const std::shared_ptr<JoinOptions>& options) {
    CLI::App& command = add_subcommand(
        app, invocation, name, about, example, options,
        [name, send](const JoinOptions& chosen, const Settings& settings, const Output& output) {
            Part part(output);
            Session session(settings, output);
            return part.joins(session, name, chosen.id,
                              [&](const std::string& id, const ResultCallback& told) {
                                  send(session.signaling(), id, chosen.data, told);
                              });
        });
    command.add_option("ID", options->id, id_about)->required()->type_name("");
    return command;
}

void add_join(CLI::App& app, Invocation& invocation) {
    const auto accepted = std::make_shared<JoinOptions>();
    add_way_in(
        app, invocation, "accept",
        "Accepts an invitation and, if it is a call, stays until somebody hangs up.",
        "  beckon accept \"$BECKON_ID\" --data \"I am coming\"",
        [](SignalingManager& signaling, const std::string& id, const std::string& data,
           const ResultCallback& told) { signaling.accept(id, data, told); },
        accepted)
        .add_option("--data", accepted->data, "what is said with it")
        ->option_text("TEXT");

    const auto joined = std::make_shared<JoinOptions>();
    add_way_in(
        app, invocation, "join",
        "Comes into a call that goes on, perhaps back, and stays until somebody hangs up.",
        "  beckon join 3f6ad1c0",
        [](SignalingManager& signaling, const std::string& id, const std::string& data,
           const ResultCallback& told) { signaling.join(id, data, told); },
        joined)
        .add_option("--data", joined->data, "what is said with it")
        ->option_text("TEXT");

    add_way_in(
        app, invocation, "resume",
        "Takes a call over from another of my devices, and stays until somebody hangs up.",
        "  beckon resume 3f6ad1c0",
        [](SignalingManager& signaling, const std::string& id, const std::string& /*data*/,
           const ResultCallback& told) { signaling.resume(id, told); },
        std::make_shared<JoinOptions>());
}

}  // namespace

void add_call(CLI::App& app, Invocation& invocation) {
    add_invite(app, invocation);
    add_join(app, invocation);
}

}  // namespace beckon::cli
