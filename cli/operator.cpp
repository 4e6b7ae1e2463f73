// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "programs.hpp"

namespace beckon::cli {

namespace {

struct OperatorOptions {};

/// Of `data`, as much as the broker puts into `operator/absent` (contract, section 8a).
constexpr std::size_t most_data = 1024;

Exit tell_online(const OperatorOptions&, const Settings& settings, const Output& output) {
    using Users = std::vector<OnlineUserInfo>;
    Session session(settings, output);
    return session.tell_found<Users>(
        "online",
        [&](const auto& told) { session.client().getOperatorManager().getOnlineUsers(told); },
        [](Facts& facts, const Users& users) {
            facts["online"] = Facts::array();
            for (const OnlineUserInfo& user : users) {
                facts["online"].push_back({{"user", user.userID}, {"devices", user.devices}});
            }
        });
}

Exit tell_open(const OperatorOptions&, const Settings& settings, const Output& output) {
    using Open = std::vector<SignalingInfo>;
    Session session(settings, output);
    return session.tell_found<Open>(
        "open",
        [&](const auto& told) { session.client().getOperatorManager().getOpenInvitations(told); },
        [](Facts& facts, const Open& open) { facts["invitations"] = facts_of(open); });
}

/// As the broker has it in `operator/absent`; nothing, if whoever is pending is there.
std::optional<Facts> absent_of(const SignalingInfo& info, const std::set<std::string>& online) {
    Facts absent{{"event", "absent"}};
    const Facts all = facts_of(info);
    for (const char* const key : {"id", "inviter", "group", "remaining_ms", "call"}) {
        if (all.contains(key) && all[key] != false) {
            absent[key] = all[key];
        }
    }
    for (const char* const key : {"data", "data_b64"}) {
        if (all.contains(key) && info.data.size() <= most_data) {
            absent[key] = all[key];
        }
    }
    absent["invitees"] = Facts::array();
    for (const SignalingInvitee& invitee : info.invitees) {
        if (invitee.state == State::pending && !online.contains(invitee.user)) {
            absent["invitees"].push_back(invitee.user);
        }
    }
    return absent["invitees"].empty() ? std::nullopt : std::optional(absent);
}

struct HearOptions {
    std::string exec;
};

/// Tells one kind of what operators hear, until Ctrl-C. Who is absent is told at each connect as
/// well: it may have been missed.
class Hearing : public OperatorListener, public ConnectionListener {
  public:
    Hearing(std::string what, const HearOptions& options, const Settings& settings,
            const Output& output)
        : what_(std::move(what)),
          output_(output),
          programs_(options.exec, settings.environment()) {}

    Exit run(const Settings& asked) {
        Settings settings = asked;
        settings.client.operatorNews = true;
        Session session(settings, output_);
        operators_ = &session.client().getOperatorManager();
        operators_->addOperatorListener(this);
        session.client().addConnectionListener(this);
        session.client().connect();
        while (interrupted == 0 && !exit_) {
            session.poll();
            programs_.reap();
        }
        return exit_.value_or(done);
    }

    void onOperatorNews(const std::string& what, const std::string& json) override {
        if (what == what_) {
            Facts facts{{"event", what}};
            facts.update(Facts::parse(json, nullptr, false));
            tell(facts);
        }
    }
    void onNoOperator() override {
        Output::remark(no_operator);
        exit_ = refused;
    }
    void onConnectionStateChanged(ConnectionState state, const std::string& /*why*/) override {
        if (state == ConnectionState::connected && what_ == "absent") {
            operators_->getOpenInvitations([this](const Result& asked, const auto& open) {
                if (asked.ok()) {
                    tell_absent(open);
                }
            });
        }
    }

  private:
    /// Whoever comes meanwhile is there; and who goes, the broker tells by itself.
    void tell_absent(const std::vector<SignalingInfo>& open) {
        operators_->getOnlineUsers([this, open](const Result& asked, const auto& users) {
            std::set<std::string> online;
            for (const OnlineUserInfo& user : users) {
                online.insert(user.userID);
            }
            for (const SignalingInfo& info : open) {
                if (const auto absent = absent_of(info, online); absent && asked.ok()) {
                    tell(*absent);
                }
            }
        });
    }
    void tell(const Facts& facts) {
        output_.tell(facts);
        if (const std::string problem = programs_.start(facts); !problem.empty()) {
            Output::remark(problem);
        }
    }

    std::string what_;
    const Output& output_;
    Programs programs_;
    OperatorManager* operators_ = nullptr;
    std::optional<Exit> exit_;
};

CLI::App& add_hearing(CLI::App& operators, Invocation& invocation, const std::string& what,
                      const std::string& about, const std::string& example,
                      const std::shared_ptr<HearOptions>& options) {
    return add_subcommand(
        operators, invocation, what, about, "  beckon operator " + example, options,
        [what](const HearOptions& chosen, const Settings& settings, const Output& output) {
            return Hearing(what, chosen, settings, output).run(settings);
        });
}

}  // namespace

void add_operator(CLI::App& app, Invocation& invocation) {
    CLI::App& operators = *app.add_subcommand(
        "operator", "Asks and hears what only operators may, whom plugin_opt_operators names.");
    operators.footer(
        "Examples:\n"
        "  beckon --user root operator refused\n"
        "  beckon --user root --json operator open | jq -c '.invitations[]'");
    operators.fallthrough();
    operators.require_subcommand(0, 1);
    add_subcommand(operators, invocation, "online", "Tells who is online.",
                   "  beckon operator online", std::make_shared<OperatorOptions>(), tell_online);
    add_subcommand(operators, invocation, "open", "Tells all that is open.",
                   "  beckon operator open", std::make_shared<OperatorOptions>(), tell_open);
    add_hearing(operators, invocation, "counters",
                "Tells what has come about and what is so, whenever that changes.", "counters",
                std::make_shared<HearOptions>());
    add_hearing(operators, invocation, "refused", "Tells each request that is refused, and why.",
                "refused", std::make_shared<HearOptions>());
    const auto options = std::make_shared<HearOptions>();
    add_hearing(operators, invocation, "absent",
                "Tells who is asked and not there, and how that ended: for whoever wakes them.",
                "absent --exec 'test \"$BECKON_STATE\" || for user in $BECKON_INVITEES; do\n"
                "    curl -d \"$BECKON_INVITER rings\" \"https://push.example/$user\"; done'",
                options)
        .add_option("--exec", options->exec,
                    "run this shell command for each; the facts are in its environment: BECKON_ID, "
                    "BECKON_INVITER, BECKON_INVITEES …, and BECKON_STATE when it is over")
        ->option_text("CMD");
    add_operator_metrics(operators, invocation);
}

}  // namespace beckon::cli
