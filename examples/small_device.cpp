// SPDX-License-Identifier: Apache-2.0
//
// A button that rings one user, without Beckon's client library: MQTT 3.1.1, QoS 0 and msgpack.
// All that such a client has to do is here.
#include <mosquitto.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <map>
#include <msgpack.hpp>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Map = std::map<std::string, msgpack::object>;

constexpr auto help =
    "small_device --user ME [--host 127.0.0.1] [--port 1883] USER\n"
    "Rings USER for 30 s; Ctrl-C cancels. Exits with\n"
    "0 accepted, 1 rejected, 2 nobody answered, 3 cancelled, 4 could not ring, 64 wrong usage\n";
enum Outcome { accepted, rejected, nobody_answered, cancelled, could_not, usage = 64 };

volatile std::sig_atomic_t interrupted = 0;

/// 128 random bits: no other device has chosen the same.
std::string random_id() {
    std::random_device random;
    std::ostringstream id;
    for (int i = 0; i < 4; ++i) {
        id << std::hex << std::setfill('0') << std::setw(8) << random();
    }
    return id.str();
}

void say(std::string line) {
    for (char& c : line) {
        c = c >= ' ' && c <= '~' ? c : '?';  // what others wrote must not reach the terminal as is
    }
    std::cout << line << std::endl;
}

template <typename T = std::string>
T field(const Map& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? T{} : found->second.as<T>();
}

class Button {
  public:
    Button(const std::string& me, const std::string& whom)
        : inbox_("beckon/v1/inbox/" + me), me_(me), whom_(whom) {
        mosquitto_username_pw_set(mqtt_, me.c_str(), nullptr);
        mosquitto_connect_callback_set(mqtt_, [](mosquitto*, void* button, int refused) {
            static_cast<Button*>(button)->connected(refused);
        });
        mosquitto_message_callback_set(
            mqtt_, [](mosquitto*, void* button, const mosquitto_message* message) {
                static_cast<Button*>(button)->received(*message);
            });
    }
    Button(const Button&) = delete;
    Button& operator=(const Button&) = delete;
    ~Button() { mosquitto_destroy(mqtt_); }

    Outcome ring(const std::string& host, int port) {
        int problem = mosquitto_connect(mqtt_, host.c_str(), port, 15);
        while (!outcome_) {
            if (problem == MOSQ_ERR_SUCCESS) {
                problem = mosquitto_loop(mqtt_, 100, 1);
            } else {
                say(std::string("no connection: ") + mosquitto_strerror(problem));
                std::this_thread::sleep_for(1s);
                problem = mosquitto_reconnect(mqtt_);
            }
            look_at_the_clock();
        }
        mosquitto_disconnect(mqtt_);
        return *outcome_;
    }

  private:
    // On each connect: subscribe first, then sync. Then nothing can happen unseen in between.
    void connected(int refused) {
        if (refused != 0) {
            return finish(could_not, mosquitto_connack_string(refused));
        }
        mosquitto_subscribe(mqtt_, nullptr, (inbox_ + "/event").c_str(), 0);
        mosquitto_subscribe(mqtt_, nullptr, (inbox_ + "/reply").c_str(), 0);
        ask("sync", "user/" + me_ + "/sync");
    }

    /// One request at a time. QoS 0 may lose it or its reply, so the same bytes go again until
    /// there is one. That does no harm: an invite with an id of its own rings once.
    void ask(const std::string& verb, const std::string& topic,
             std::map<std::string, std::string> body = {}) {
        waits_for_ = verb;
        topic_ = "beckon/v1/" + topic + "/" + me_;
        body["req"] = req_ = random_id();  // the user's other devices see the reply as well
        std::ostringstream packed;
        msgpack::pack(packed, body);
        payload_ = packed.str();
        sends_left_ = 5;
        send();
    }
    void ask_about_the_ring(const std::string& verb) {
        ask(verb, "invitation/" + id_ + "/" + verb);
    }
    void send() {
        --sends_left_;
        send_again_ = Clock::now() + 2s;
        mosquitto_publish(mqtt_, nullptr, topic_.c_str(), static_cast<int>(payload_.size()),
                          payload_.data(), 0, false);
    }

    /// What comes from outside has limits, and throws here if it has not the expected form.
    void received(const mosquitto_message& message) try {
        const auto unpacked = msgpack::unpack(
            static_cast<const char*>(message.payload), static_cast<std::size_t>(message.payloadlen),
            nullptr, nullptr, msgpack::unpack_limit(1000, 100, 65536, 65536, 0, 8));
        const auto body = unpacked->as<Map>();
        message.topic == inbox_ + "/reply" ? replied(body) : happened(body);
    } catch (const std::exception& error) {
        say(std::string("ignored what cannot be read: ") + error.what());
    }

    void replied(const Map& reply) {
        if (waits_for_.empty() || field(reply, "req") != req_) {
            return;  // for another device, or the second reply to what was sent twice
        }
        const std::string verb = std::exchange(waits_for_, {});
        device_ = field(reply, "device");
        if (verb == "cancel") {
            ask_about_the_ring("get");  // if it was refused, somebody was faster
        } else if (!field<bool>(reply, "ok")) {
            finish(could_not, verb + ": " + field(reply, "message"));
        } else if (verb == "sync" && !rings_ && !cancels_) {
            invited_ = true;
            ask("invite", "user/" + whom_ + "/invite", {{"id", id_}});
        } else if (verb == "sync") {
            // Reconnected. The reply lists what is open, and what is not on it has ended. This
            // button has one ring to know of, so it asks how that stands and needs no list.
            ask_about_the_ring(cancels_ ? "cancel" : "get");
        } else if (verb == "invite") {
            rings_ = true;
            say("ringing " + whom_);
            deadline_ = Clock::now() + 2s +
                        std::chrono::milliseconds(field<std::uint32_t>(reply, "remaining_ms"));
            if (field<bool>(reply, "dup")) {
                ask_about_the_ring("get");  // it was made before; what came of it may be missed
            }
        } else if (verb == "get") {
            const auto invitation = field<Map>(reply, "invitation");
            rev_ = field<std::uint64_t>(invitation, "rev");
            for (const Map& invitee : field<std::vector<Map>>(invitation, "invitees")) {
                ended(field(invitee, "state"), invitee, field(invitee, "device"));
            }
        }
    }

    void happened(const Map& event) {
        const std::string what = field(event, "event");
        if (field(event, "id") != id_) {
            return;
        }
        if (what == "invitee_ringing") {  // the one event that has no `rev` of its own
            return say(field(event, "invitee") + " rings");
        }
        const auto rev = field<std::uint64_t>(event, "rev");
        if (rev > rev_) {  // else `get` was faster, and told it already
            rev_ = rev;
            ended(what, event, field(event, "by_device"));
        }
    }

    /// `device` says which of the invitee's devices answered, or that this one cancelled.
    void ended(const std::string& how, const Map& told, const std::string& device) {
        static const std::map<std::string, std::pair<Outcome, std::string>> ends{
            {"accepted", {accepted, "accepted"}},
            {"invitee_accepted", {accepted, "accepted"}},
            {"rejected", {rejected, "rejected"}},
            {"invitee_rejected", {rejected, "rejected"}},
            {"timed_out", {nobody_answered, "did not answer"}},
            {"invitation_timeout", {nobody_answered, "did not answer"}},
            {"cancelled", {cancelled, "is no longer asked"}},
            {"invitation_cancelled", {cancelled, "is no longer asked"}}};
        if (const auto end = ends.find(how); end != ends.end()) {
            std::string line = whom_ + " " + end->second.second;
            if (!device.empty()) {
                line += device == device_ ? ", by this device" : ", by device " + device;
            }
            for (const std::string& more : {field(told, "reason"), field(told, "data")}) {
                line += more.empty() ? "" : ": " + more;
            }
            finish(end->second.first, line);
        }
    }

    void look_at_the_clock() {
        const auto now = Clock::now();
        if (interrupted != 0 && !std::exchange(cancels_, true)) {
            invited_ ? ask_about_the_ring("cancel") : finish(cancelled, "cancelled");
        } else if (!waits_for_.empty() && now >= send_again_) {
            sends_left_ > 0 ? send() : finish(could_not, "no reply: has the broker no Beckon?");
        } else if (waits_for_.empty() && now >= deadline_) {
            // The event that told the end was lost, as QoS 0 may do; the broker's `get` decides.
            deadline_ = now + 5s;
            rings_ ? ask_about_the_ring("get") : finish(could_not, "gave up");
        }
    }

    void finish(Outcome outcome, const std::string& line) {
        if (!outcome_) {
            say(line);
            outcome_ = outcome;
        }
    }

    const std::string inbox_;
    const std::string me_;
    const std::string whom_;
    const std::string id_ = random_id();
    mosquitto* mqtt_ = mosquitto_new(nullptr, true, this);

    std::string waits_for_{};  ///< the verb of the request that has no reply yet
    std::string req_{};
    std::string topic_{};
    std::string payload_{};
    int sends_left_ = 0;
    Clock::time_point send_again_{};

    bool invited_ = false;
    bool rings_ = false;
    bool cancels_ = false;
    std::uint64_t rev_ = 0;  ///< the last that an event or a `get` told
    std::string device_{};   ///< the broker's name for this device
    Clock::time_point deadline_ = Clock::now() + 10s;
    std::optional<Outcome> outcome_{};
};

}  // namespace

int main(int count, char** words) {
    std::map<std::string, std::string> options{
        {"--user", ""}, {"--host", "127.0.0.1"}, {"--port", "1883"}};
    std::string whom;
    bool well_formed = true;
    for (int i = 1; i < count; ++i) {
        if (options.contains(words[i]) && i + 1 < count) {
            options[words[i]] = words[i + 1];
            ++i;
        } else {
            well_formed = well_formed && whom.empty() && words[i][0] != '-';
            whom = words[i];
        }
    }
    const int port = std::atoi(options["--port"].c_str());
    if (!well_formed || whom.empty() || options["--user"].empty() || port <= 0) {
        std::cerr << help;
        return whom == "--help" ? 0 : usage;
    }
    const auto on_signal = [](int signal) {
        interrupted = 1;
        std::signal(signal, SIG_DFL);  // a second Ctrl-C ends the program as it is
    };
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    mosquitto_lib_init();
    const Outcome outcome = Button(options["--user"], whom).ring(options["--host"], port);
    mosquitto_lib_cleanup();
    return outcome;
}
