// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "commands.hpp"

namespace beckon::cli {

namespace {

struct OperatorOptions {};

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

/// Tells one kind of what operators hear, until Ctrl-C.
class Hearing : public OperatorListener {
  public:
    Hearing(std::string what, const Output& output) : what_(std::move(what)), output_(output) {}

    Exit run(const Settings& asked) {
        Settings settings = asked;
        settings.client.operatorNews = true;
        Session session(settings, output_);
        session.client().getOperatorManager().addOperatorListener(this);
        session.client().connect();
        while (interrupted == 0 && !exit_) {
            session.poll();
        }
        return exit_.value_or(done);
    }

    void onOperatorNews(const std::string& what, const std::string& json) override {
        if (what == what_) {
            Facts facts{{"event", what}};
            facts.update(Facts::parse(json, nullptr, false));
            output_.tell(facts);
        }
    }
    void onNoOperator() override {
        Output::remark("I am no operator: plugin_opt_operators of the broker does not name me");
        exit_ = refused;
    }

  private:
    std::string what_;
    const Output& output_;
    std::optional<Exit> exit_;
};

void add_hearing(CLI::App& operators, Invocation& invocation, const std::string& what,
                 const std::string& about) {
    add_subcommand(operators, invocation, what, about, "  beckon operator " + what,
                   std::make_shared<OperatorOptions>(),
                   [what](const OperatorOptions&, const Settings& settings, const Output& output) {
                       return Hearing(what, output).run(settings);
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
                "Tells what has come about and what is so, whenever that changes.");
    add_hearing(operators, invocation, "refused", "Tells each request that is refused, and why.");
    add_hearing(operators, invocation, "absent",
                "Tells who is asked and not there, and how that ended.");
}

}  // namespace beckon::cli
