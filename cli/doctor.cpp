// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

struct DoctorOptions {
    std::string callee;
};

/// Looks at one thing after the other that has to be right for a ring, and says what is wrong and
/// what to do.
class Doctor : public OperatorListener {
  public:
    Doctor(const DoctorOptions& options, const Output& output)
        : options_(options), output_(output) {}

    Exit run(const Settings& asked) {
        Settings settings = asked;
        settings.client.operatorNews = true;
        Session session(settings, output_, OfConnection::nothing);
        session.client().getOperatorManager().addOperatorListener(this);
        const Result connected = session.connect();
        if (!connected.ok()) {
            return says_no(settings, session, connected);
        }
        const std::string& me = session.client().userID();
        tell(true, "connection",
             "the broker at " + settings.client.server + " lets " + me + " in, and " + me +
                 " may read what is told to them");
        look_at_status(session.client().brokerStatus());
        const auto open = session.signaling().getPendingInvitations();
        tell(true, "open",
             open.empty()
                 ? "nothing is open for " + me
                 : std::to_string(open.size()) + " open for " + me + ": beckon status tells them");
        if (is_operator(session)) {
            look_as_operator(session);
        } else {
            tell(true, "operator",
                 "as an operator (plugin_opt_operators) I could say who is online, and what was "
                 "refused");
        }
        return well_ ? done : refused;
    }

    void onOperatorNews(const std::string& what, const std::string& json) override {
        if (what == "counters") {
            counters_ = Facts::parse(json, nullptr, false);
        }
    }

  private:
    void tell(bool ok, const char* about, const std::string& what) {
        well_ = well_ && ok;
        if (output_.json()) {
            output_.tell({{"re", "doctor"}, {"ok", ok}, {"about", about}, {"message", what}});
        } else {
            Output::line((ok ? "ok      " : "WRONG   ") + what);
        }
    }

    Exit says_no(const Settings& settings, const Session& session, const Result& result) {
        if (result.error == "withdrawn") {
            return cancelled;
        }
        if (result.error == "no_beckon") {
            tell(false, "beckon",
                 "the broker lets me in and does not answer: it has no Beckon (no plugin line in "
                 "its configuration, or another plugin_opt_root than " +
                     settings.client.topicRoot + "), or its access rules keep " +
                     settings.client.userID + " from publishing below " +
                     settings.client.topicRoot + "/v1");
            return unreachable;
        }
        const std::string& why = session.trouble();
        std::string then = "is Mosquitto running there, and is that its port?";
        const auto has = [&why](const char* word) { return why.find(word) != std::string::npos; };
        if (has("subscription")) {
            then = "its access rules have to let " + settings.client.userID + " read " +
                   settings.client.topicRoot + "/v1/inbox/" + settings.client.userID +
                   "/#: is the user name spelled as the broker has it?";
        } else if (has("refused the connection")) {
            then = "is the name right, and the password (--password-file, BECKON_PASSWORD)?";
        } else if (has("ertificate") || has("TLS")) {
            then = "does --ca name who vouches for the broker, and is this machine's clock right?";
        }
        tell(false, "connection",
             "no connection to " + settings.client.server + ": " +
                 (why.empty() ? result.message : why) + "; " + then);
        return unreachable;
    }

    /// What the broker says of itself, retained.
    void look_at_status(const std::string& json) {
        const Facts status = Facts::parse(json, nullptr, false);
        if (!status.is_object()) {
            tell(true, "status", "Beckon answers; its status is off, or not read yet");
            return;
        }
        tell(true, "status",
             "Beckon " + status.value("version", "?") + " answers; this program is " +
                 BECKON_VERSION);
        const std::string store = status.value("store", "");
        if (store == "failing") {
            tell(false, "store",
                 "its store takes nothing: requests that change something are refused; the "
                 "broker's log says why");
        } else if (store == "memory") {
            tell(true, "store", "it stores nothing: a restart of the broker forgets what rings");
        }
        const Facts limits = status.value("limits", Facts::object());
        tell(true, "limits",
             "a ring takes " + std::to_string(limits.value("max_data_bytes", 0)) +
                 " bytes of data and rings " +
                 spoken(std::chrono::milliseconds(limits.value("max_timeout_ms", 0))) +
                 " at most; the same user rings the same one " +
                 std::to_string(limits.value("pair_invites_burst", 0)) + " times at once, then " +
                 std::to_string(limits.value("pair_invites_per_second", 0)) + " a second");
    }

    bool is_operator(Session& session) {
        online_ = session.found_by<std::vector<OnlineUserInfo>>(
            [&](const auto& told) { session.client().getOperatorManager().getOnlineUsers(told); });
        return online_ && online_->ok();
    }

    void look_as_operator(Session& session) {
        if (!options_.callee.empty()) {
            const auto& users = online_->found;
            const auto found = std::find_if(
                users.begin(), users.end(),
                [this](const OnlineUserInfo& one) { return one.userID == options_.callee; });
            if (found != users.end()) {
                tell(true, "callee",
                     options_.callee + " is there, with " + std::to_string(found->devices) +
                         (found->devices == 1 ? " device" : " devices"));
            } else {
                tell(false, "callee",
                     "nobody of " + options_.callee +
                         " is there: no device of that name is connected and subscribed to its "
                         "inbox (is it spelled as the device is called at the broker?)");
            }
        }
        session.until([this] { return counters_.has_value(); });
        if (!counters_ || !counters_->is_object()) {
            return;
        }
        std::string refused;
        const Facts refusals = counters_->value("refusals", Facts::object());
        for (const auto& [error, count] : refusals.items()) {
            refused += (refused.empty() ? "" : ", ") + printable(error) + " " + count.dump();
        }
        tell(true, "refusals",
             refused.empty() ? "nothing was refused since the broker's start"
                             : "refused since the broker's start: " + refused +
                                   "; beckon operator refused tells each as it happens");
    }

    const DoctorOptions& options_;
    const Output& output_;
    bool well_ = true;
    std::optional<Facts> counters_;
    std::optional<Found<std::vector<OnlineUserInfo>>> online_;
};

}  // namespace

void add_doctor(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<DoctorOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "doctor", "Says what keeps a ring from arriving, and what to do.",
        "  beckon doctor\n"
        "  beckon --user root doctor kitchen",
        options, [](const DoctorOptions& chosen, const Settings& settings, const Output& output) {
            return Doctor(chosen, output).run(settings);
        });
    command.add_option("USER", options->callee, "whom a ring should reach; operators can see")
        ->type_name("");
}

}  // namespace beckon::cli
