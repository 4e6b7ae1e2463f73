// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
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
};

/// One ring, from its invite to its end.
class Caller : public SignalingListener {
  public:
    Caller(const CallOptions& options, const Output& output) : options_(options), output_(output) {}

    Exit run(Session& session) {
        session.signaling().addSignalingListener(this);
        // Not asked before: its timeout is to begin when it rings.
        if (const Result connected = session.connect(); !connected.ok()) {
            output_.tell(reply_to("invite", connected));
            return exit_of(connected);
        }
        // Its events come by `poll`, when its id is known.
        id_ = invite(session.signaling());
        bool ends = false;
        while (!exit_) {
            session.poll();
            if (interrupted != 0 && !ends) {
                ends = true;
                end(session.signaling());
            }
        }
        return *exit_;
    }

    void onSignalingEvent(const SignalingEvent& event) override {
        if (event.inviteID == id_) {
            output_.tell(facts_of(event));
        }
    }
    void onInvitationEnded(const InvitationEnd& how) override {
        if (how.inviteID == id_) {
            output_.tell(facts_of(how));
            exit_ = exit_of(how);
        }
    }

  private:
    std::string invite(SignalingManager& signaling) {
        const InviteOptions how{.timeout = options_.timeout,
                                .onlineUserOnly = options_.online_only,
                                .answer = options_.first ? Answer::first : Answer::all};
        const auto invited = [this](const InviteResult& result) {
            output_.tell(reply_to("invite", result), result.ok() ? result.inviteID : "");
            if (!result.ok()) {
                exit_ = exit_of(result);
            }
        };
        return options_.group.empty()
                   ? signaling.inviteSeveral(options_.users, options_.data, how, invited)
                   : signaling.inviteInGroup(options_.group, options_.users, options_.data, how,
                                             invited);
    }

    /// Ctrl-C. Which was faster, this or an answer, onInvitationEnded tells.
    void end(SignalingManager& signaling) {
        Output::remark("cancelling");
        signaling.cancel(id_, {}, [this](const CancelResult& result) {
            if (!result.ok()) {
                output_.tell(reply_to("cancel", result));
                if (exit_of(result) == unreachable && !exit_) {
                    exit_ = unreachable;  // nobody will tell
                }
            }
        });
    }

    const CallOptions& options_;
    const Output& output_;
    std::string id_;
    std::optional<Exit> exit_;
};

}  // namespace

void add_call(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<CallOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "call",
        "Rings users, or the members of a group, until they have answered. Ctrl-C cancels.",
        "  beckon call kitchen\n"
        "  beckon call --first --timeout 20s --data \"front door\" kitchen hall\n"
        "  beckon call --group flat-3 --first && echo somebody is there",
        options, [](const CallOptions& chosen, const Settings& settings, const Output& output) {
            if (chosen.users.empty() && chosen.group.empty()) {
                throw CLI::ValidationError("call", "whom? Say USER… or --group GROUP");
            }
            Caller caller(chosen, output);
            Session session(settings, output);
            return caller.run(session);
        });
    command.add_option("USER", options->users, "whom to ring; of a group, all others if none")
        ->type_name("");
    command.add_option("--group", options->group, "ring members of this group")
        ->option_text("GROUP");
    command.add_option("--data", options->data, "what they are told with the ring")
        ->option_text("TEXT");
    add_duration(command, "--timeout", options->timeout,
                 "how long it rings, 30s if not said; 0: until all answered");
    command.add_flag("--first", options->first, "the first who accepts takes it, the others stop");
    command.add_flag("--online-only", options->online_only, "ring only who is there now");
}

}  // namespace beckon::cli
