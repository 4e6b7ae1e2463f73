// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "commands.hpp"

namespace beckon::cli {

namespace {

struct RequestOptions {
    std::string id;
    std::string data;
    std::string reason;
    std::string to;
    bool all = false;  ///< everybody, of `hangup`; the ids alone, of `status`
    std::vector<std::string> users;
};

void add_id(CLI::App& command, RequestOptions& options) {
    command.add_option("ID", options.id, id_about)->required()->type_name("");
}

void add_data(CLI::App& command, RequestOptions& options, const std::string& about) {
    command.add_option("--data", options.data, about)->option_text("TEXT");
}

void add_reject(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<RequestOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "reject", "Rejects an invitation.",
        "  beckon reject \"$BECKON_ID\" --reason busy", options,
        [](const RequestOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return session.request("reject", [&](const ResultCallback& told) {
                session.signaling().reject(session.whole_id(chosen.id), chosen.data, told,
                                           chosen.reason.empty() ? "declined" : chosen.reason);
            });
        });
    add_id(command, *options);
    add_data(command, *options, "what is said with it");
    command
        .add_option("--reason", options->reason, "declined if not said, busy, or a word of yours")
        ->option_text("REASON");
}

void add_cancel(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<RequestOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "cancel", "Stops ringing those whom I invited and who have yet to answer.",
        "  beckon cancel 3f6ad1c0\n"
        "  beckon cancel 3f6ad1c0 hall --data \"somebody is at the door already\"",
        options, [](const RequestOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return session.request<CancelResult>("cancel", [&](const CancelCallback& told) {
                session.signaling().cancel(session.whole_id(chosen.id), chosen.data, told,
                                           chosen.users);
            });
        });
    add_id(command, *options);
    command.add_option("USER", options->users, "these alone")->type_name("");
    add_data(command, *options, "what they are told");
}

void add_hangup(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<RequestOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "hangup", "Leaves a call; of two, it ends.",
        "  beckon hangup 3f6ad1c0\n"
        "  beckon hangup 3f6ad1c0 --all --data \"good night\"",
        options, [](const RequestOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return session.request("hangup", [&](const ResultCallback& told) {
                session.signaling().hangup(session.whole_id(chosen.id), chosen.data, told,
                                           chosen.reason.empty() ? "hangup" : chosen.reason,
                                           chosen.all);
            });
        });
    add_id(command, *options);
    add_data(command, *options, "what the others are told");
    command.add_option("--reason", options->reason, "hangup if not said, or a word of yours")
        ->option_text("REASON");
    command.add_flag("--all", options->all, "for everybody, if I called");
}

void add_signal(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<RequestOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "signal",
        "Says something within an invitation or its call; who is away misses it.",
        "  beckon signal 3f6ad1c0 --data \"mic off\"\n"
        "  beckon signal 3f6ad1c0 --to kitchen --data \"look at the camera\"",
        options, [](const RequestOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return session.request("signal", [&](const ResultCallback& told) {
                session.signaling().signal(session.whole_id(chosen.id), chosen.data, chosen.to,
                                           told);
            });
        });
    add_id(command, *options);
    command.add_option("--data", options->data, "what is said")->option_text("TEXT")->required();
    command.add_option("--to", options->to, "whom alone, else the others in the call")
        ->option_text("USER");
}

Exit tell_open(Session& session, const Output& output, bool ids_alone) {
    const Result connected = session.connect();
    if (connected.ok() && ids_alone) {
        for (const SignalingInfo& info : session.signaling().getPendingInvitations()) {
            Output::line(info.inviteID);
        }
        return done;
    }
    output.tell(connected.ok()
                    ? synced(session.client(), session.signaling().getPendingInvitations())
                    : reply_to("sync", connected));
    return exit_of(connected);
}

Exit tell_one(Session& session, const std::string& id) {
    return session.tell_found<SignalingInfo>(
        "get",
        [&](const auto& told) { session.signaling().getSignalingInfo(session.whole_id(id), told); },
        [](Facts& facts, const SignalingInfo& info) { facts["invitation"] = facts_of(info); });
}

void add_status(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<RequestOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "status",
        "Tells what is open for me or, by ID, how an invitation stands or has ended.",
        "  beckon status\n"
        "  beckon status 3f6ad1c0\n"
        "  beckon --json status | jq '.invitations // empty | .[].id'",
        options, [](const RequestOptions& chosen, const Settings& settings, const Output& output) {
            Session session(settings, output);
            return chosen.id.empty() ? tell_open(session, output, chosen.all)
                                     : tell_one(session, chosen.id);
        });
    auto* const id = command
                         .add_option("ID", options->id,
                                     "of an invitation that is open, or remembered; of one that is "
                                     "open, the first 6 letters or more will do")
                         ->check(not_empty())
                         ->type_name("");
    command.add_flag("--ids", options->all, "only the ids of what is open, one a line")
        ->excludes(id);
}

struct HistoryOptions {
    int limit = 20;
    std::string before;
};

Exit tell_past(const HistoryOptions& chosen, const Settings& settings, const Output& output) {
    struct Page {
        std::vector<PastSignaling> past{};
        std::string next{};
    };
    Session session(settings, output);
    return session.tell_found<Page>(
        "history",
        [&](const auto& told) {
            session.signaling().getHistory(
                [told](const Result& result, const std::vector<PastSignaling>& past,
                       const std::string& next) {
                    told(result, Page{past, next});
                },
                chosen.limit, chosen.before);
        },
        [](Facts& facts, const Page& page) {
            facts["history"] = facts_of(page.past);
            if (!page.next.empty()) {
                facts["next"] = page.next;
            }
        });
}

void add_history(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<HistoryOptions>();
    CLI::App& command =
        add_subcommand(app, invocation, "history",
                       "Tells what has ended, newest first: missed calls and the like.",
                       "  beckon history\n"
                       "  beckon --json history | jq '.history // empty | .[] | select(.missed)'",
                       options, tell_past);
    command.add_option("--limit", options->limit, "so many at most, 20 if not said")
        ->option_text("N")
        ->check(CLI::Range(1, 200));
    command.add_option("--before", options->before, "goes on where the page before ended")
        ->option_text("NEXT");
}

}  // namespace

void add_requests(CLI::App& app, Invocation& invocation) {
    add_reject(app, invocation);
    add_cancel(app, invocation);
    add_hangup(app, invocation);
    add_signal(app, invocation);
    add_status(app, invocation);
    add_history(app, invocation);
}

}  // namespace beckon::cli
