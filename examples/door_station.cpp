// SPDX-License-Identifier: Apache-2.0
//
// Rings one user or several, and tells what becomes of it; with --call, who accepts talks with it
// until somebody hangs up. A thread of the library makes all calls to the listeners and callbacks
// (Delivery::thread); main waits for the outcome.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "console.hpp"

namespace {

constexpr auto footer =
    "Ctrl-C cancels, or hangs up. Exits with 0 if somebody accepted, else 1 if somebody\n"
    "rejected, 2 if nobody answered in time, 3 if it was cancelled, 4 if it could not ring\n"
    "or lost the broker; 64: wrong usage.";
enum Outcome { accepted, rejected, nobody_answered, cancelled, could_not };

class Door : public beckon::ConnectionListener, public beckon::SignalingListener {
  public:
    /// Before the client connects: from then on the library's thread reads it.
    void rings(beckon::Client& client, const std::string& id, bool call) {
        client_ = &client;
        id_ = id;
        call_ = call;
    }
    std::future<Outcome> outcome() { return outcome_.get_future(); }

    /// Main asks for it to end: takes the ring back or, when it was answered, hangs up. To be
    /// asked again, since an answer may have been faster than the cancel.
    void leave() {
        beckon::SignalingManager& signaling = client_->getSignalingManager();
        if (talks_ && !hangs_up_) {
            hangs_up_ = true;
            say("hanging up");
            const auto told = [this](const beckon::Result& result) {
                if (!result.ok()) {  // nothing that was told before ended it
                    return finish(could_not, "not hung up: " + result.message);
                }
                // It may go on for others; if not, its end is told before this is answered.
                client_->getSignalingManager().getSignalingInfo(
                    id_, [this](const beckon::Result&, const beckon::SignalingInfo&) {
                        is_out_if(true);
                    });
            };
            signaling.hangup(id_, {}, told, "hangup", inviter_);
        } else if (!talks_ && !cancels_) {
            cancels_ = true;
            say("cancelling");
            // Which was faster, this or an answer, is told by onInvitationEnded.
            signaling.cancel(id_, {}, [](const beckon::CancelResult& result) {
                if (!result.ok()) {
                    say("not cancelled: " + result.message);
                }
            });
        }
    }

    void invited(const beckon::InviteResult& result, const std::vector<std::string>& users) {
        if (!result.mergedInto.empty()) {
            say(list(users) + " was calling, and is answered");
            talk(result.mergedInto);
        } else if (result.ok()) {
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
            case beckon::SignalingEventType::participantLeft:
                return say(users + " left the call" + because(event.reason));
            case beckon::SignalingEventType::participantMoved:
                return say(users + " talks with another device");
            default:
                return;
        }
    }

    void onInviteeAccepted(const std::string& id, const std::string& /*invitee*/,
                           const std::string& /*data*/) override {
        if (id == id_ && call_) {
            talk(id);
        }
    }

    // Of the ring, not of the call.
    void onInvitationEnded(const beckon::InvitationEnd& end) override {
        if (end.inviteID != id_ || talks_) {
            return;
        }
        if (!end.state || end.assumed) {
            return finish(could_not, "nobody knows how it ended: the broker was lost");
        }
        switch (*end.state) {
            case beckon::State::accepted:
                return call_ ? talk(id_)  // the answer came while there was no connection
                             : finish(accepted, "the door is answered");
            case beckon::State::rejected:
                return finish(rejected, "nobody accepted");
            case beckon::State::timed_out:
                return finish(nobody_answered, "nobody answered");
            default:
                return finish(cancelled,
                              end.reason == "cancelled" ? "cancelled" : "cancelled: " + end.reason);
        }
    }

    void onParticipantLeft(const std::string& id, const std::string& user,
                           const std::string& /*reason*/, const std::string& /*data*/) override {
        is_out_if(id == id_ && user == client_->userID());
    }
    void onParticipantMoved(const std::string& id, const std::string& user) override {
        is_out_if(id == id_ && user == client_->userID());
    }

    void onCallEnded(const std::string& id, const std::string& reason,
                     std::chrono::milliseconds duration, const std::string& data) override {
        if (id == id_) {
            const auto talked = std::chrono::floor<std::chrono::seconds>(duration).count();
            finish(accepted, "the call is over after " + std::to_string(talked) + " s" +
                                 because(reason) + quoted(data));
        }
    }

  private:
    static std::string because(const std::string& reason) {
        return reason.empty() ? "" : " (" + reason + ")";
    }

    /// Somebody accepted: now it is talked in this call.
    void talk(const std::string& id) {
        if (!talks_) {
            inviter_ = id == id_;
            id_ = id;
            talks_ = true;  // the last: from now on main reads the others
        }
        for (const auto& info : client_->getSignalingManager().getPendingInvitations()) {
            if (info.inviteID == id) {
                auto others = info.participants;
                others.erase(std::remove(others.begin(), others.end(), client_->userID()),
                             others.end());
                say("talking with " + list(others) + "; Ctrl-C hangs up");
            }
        }
    }

    void is_out_if(bool out) {
        if (out) {
            finish(accepted, "the call goes on without this device");
        }
    }

    /// Once: a ring is refused or ends, or its call does.
    void finish(Outcome outcome, const std::string& line) {
        if (!finished_) {
            finished_ = true;
            say(line);
            outcome_.set_value(outcome);
        }
    }

    beckon::Client* client_ = nullptr;
    std::string id_;
    bool call_ = false;
    bool inviter_ = true;
    std::atomic<bool> talks_ = false;
    bool finished_ = false;
    // Main's alone.
    bool cancels_ = false;
    bool hangs_up_ = false;
    std::promise<Outcome> outcome_;
};

struct Options {
    beckon::ClientOptions client;
    std::vector<std::string> users;
    std::string data;
    int timeout_s = 30;
    bool first = false;
    bool call = false;
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
    if (options.users.size() == 1 && !options.call) {
        id = signaling.invite(options.users.front(), options.data, false, options.timeout_s,
                              invited);
    } else {
        const beckon::InviteOptions how{
            .timeout = std::chrono::seconds(options.timeout_s),
            .answer = options.first ? beckon::Answer::first : beckon::Answer::all,
            .call = options.call};
        id = signaling.inviteSeveral(options.users, options.data, how, invited);
    }
    door.rings(client, id, options.call);
    auto outcome = door.outcome();
    client.connect();

    while (outcome.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
        if (interrupted != 0) {
            door.leave();
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
    app.add_flag("--call", options.call, "who accepts talks with it, until somebody hangs up");
    app.add_option("--data", options.data, "what they are told with the ring");
    app.add_option("USER", options.users, "whom to ring")->required();
    return run_program(app, count, words, [&] { return ring(options); });
}
