// SPDX-License-Identifier: Apache-2.0
//
// Rings one user or several, and tells what becomes of it. A thread of the library makes all calls
// to the listeners and callbacks (Delivery::thread); main waits for the outcome.
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "console.hpp"

namespace {

constexpr auto footer =
    "Ctrl-C cancels. Exits with 0 if somebody accepted, else 1 if somebody rejected,\n"
    "2 if nobody answered in time, 3 if it was cancelled, 4 if it could not ring or lost\n"
    "the broker; 64: wrong usage.";
enum Outcome { accepted, rejected, nobody_answered, cancelled, could_not };

class Door : public beckon::ConnectionListener, public beckon::SignalingListener {
  public:
    /// Before the client connects: from then on the library's thread reads it.
    void rings(const std::string& id) { id_ = id; }
    std::future<Outcome> outcome() { return outcome_.get_future(); }

    void invited(const beckon::InviteResult& result, const std::vector<std::string>& users) {
        if (result.ok()) {
            say("ringing " + list(users));
            for (const auto& skipped : result.skipped) {
                say(skipped.user + " is left out (" + skipped.error + ")");
            }
        } else if (result.error == "withdrawn") {
            finish(cancelled, "cancelled before it rang");
        } else {
            finish(could_not, "could not ring: " + result.message);
        }
    }

    void onConnectionStateChanged(beckon::ConnectionState state, const std::string& why) override {
        switch (state) {
            case beckon::ConnectionState::connecting:
                return say("connecting");
            case beckon::ConnectionState::connected:
                return say("connected");
            default:
                return say("no connection: " + why);
        }
    }

    void onSignalingEvent(const beckon::SignalingEvent& event) override {
        if (event.inviteID != id_) {
            return;  // another ring of this user
        }
        const std::string users = list(event.invitees);
        switch (event.type) {
            case beckon::SignalingEventType::inviteeRinging:
                return say(users + " rings");
            case beckon::SignalingEventType::inviteeAccepted:
                return say(users + " accepted" + quoted(event.data));
            case beckon::SignalingEventType::inviteeRejected:
                return say(users + " rejected (" + event.reason + ")" + quoted(event.data));
            case beckon::SignalingEventType::invitationCancelled:
                return say(users + " stops ringing (" + event.reason + ")");
            case beckon::SignalingEventType::invitationTimeout:
                return say(users + " did not answer" +
                           (event.assumed ? ", as far as is known" : ""));
            default:
                return;
        }
    }

    void onInvitationEnded(const beckon::InvitationEnd& end) override {
        if (end.inviteID != id_) {
            return;
        }
        if (!end.state || end.assumed) {
            return finish(could_not, "nobody knows how it ended: the broker was lost");
        }
        switch (*end.state) {
            case beckon::State::accepted:
                return finish(accepted, "the door is answered");
            case beckon::State::rejected:
                return finish(rejected, "nobody accepted");
            case beckon::State::timed_out:
                return finish(nobody_answered, "nobody answered");
            default:
                return finish(cancelled,
                              end.reason == "cancelled" ? "cancelled" : "cancelled: " + end.reason);
        }
    }

  private:
    void finish(Outcome outcome, const std::string& line) {
        say(line);
        outcome_.set_value(outcome);  // once: a ring is refused, or it ends
    }

    std::string id_;
    std::promise<Outcome> outcome_;
};

struct Options {
    beckon::ClientOptions client;
    std::vector<std::string> users;
    std::string data;
    int timeout_s = 30;
    bool first = false;
};

Outcome ring(const Options& options) {
    Door door;  // before the client, which calls it for as long as there is a client
    beckon::Client client(options.client);
    beckon::SignalingManager& signaling = client.getSignalingManager();
    client.addConnectionListener(&door);
    signaling.addSignalingListener(&door);

    // Asked before there is a connection, and sent when there is: so no event of this ring can come
    // before its id is known.
    const auto invited = [&](const auto& result) { door.invited(result, options.users); };
    std::string id;
    if (options.users.size() == 1) {
        id = signaling.invite(options.users.front(), options.data, false, options.timeout_s,
                              invited);
    } else {
        const beckon::InviteOptions several{
            .timeout = std::chrono::seconds(options.timeout_s),
            .answer = options.first ? beckon::Answer::first : beckon::Answer::all};
        id = signaling.inviteSeveral(options.users, options.data, several, invited);
    }
    door.rings(id);
    auto outcome = door.outcome();
    client.connect();

    bool cancels = false;
    while (outcome.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
        if (interrupted != 0 && !cancels) {
            cancels = true;
            say("cancelling");
            // Which was faster, this or an answer, is told by onInvitationEnded.
            signaling.cancel(id, {}, [](const beckon::CancelResult& result) {
                if (!result.ok()) {
                    say("not cancelled: " + result.message);
                }
            });
        }
    }
    return outcome.get();
}

}  // namespace

int main(int count, char** words) {
    Options options;
    CLI::App app("Rings each USER and waits for the answers.", "door_station");
    app.footer(footer);
    add_connection_options(app, options.client);
    app.add_option("--timeout", options.timeout_s, "seconds that it rings; 0: until all answered")
        ->capture_default_str();
    app.add_flag("--first", options.first, "the first who accepts takes it, the others stop");
    app.add_option("--data", options.data, "what they are told with the ring");
    app.add_option("USER", options.users, "whom to ring")->required();
    return run_program(app, count, words, [&] { return ring(options); });
}
