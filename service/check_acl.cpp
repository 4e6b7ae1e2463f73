// SPDX-License-Identifier: Apache-2.0
#include "check_acl.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "host/device_tags.hpp"
#include "mqtt5/properties.hpp"
#include "protocol/ids.hpp"

namespace beckon {

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds patience{10'000};
/// What goes another way than the answer that was waited for is there by then.
constexpr Milliseconds settling{500};

std::string random_word() { return DeviceTag(random_bits()).str(); }

struct Heard {
    std::string topic;
    std::string payload;
};

/// One connection, on this thread alone.
class Connection {
  public:
    /// `keeps_session`: it goes on with one that is there, and leaves it for a minute.
    Connection(const BrokerLogin& login, const std::string& client_id, bool keeps_session = false)
        : login_(login),
          client_(mosquitto_new(client_id.c_str(), !keeps_session, this)),
          keeps_session_(keeps_session) {
        if (!client_) {
            throw std::runtime_error("libmosquitto: there is no memory");
        }
        prepare(client_.get(), login);
        mosquitto_connect_callback_set(
            client_.get(), [](mosquitto*, void* self, int code) { of(self).connack_ = code; });
        mosquitto_subscribe_callback_set(client_.get(),
                                         [](mosquitto*, void* self, int, int, const int* granted) {
                                             of(self).granted_ = *granted;
                                         });
        mosquitto_message_callback_set(
            client_.get(), [](mosquitto*, void* self, const mosquitto_message* message) {
                of(self).heard_.push_back(
                    {message->topic, std::string(static_cast<const char*>(message->payload),
                                                 static_cast<std::size_t>(message->payloadlen))});
            });
    }

    void set_will(const std::string& topic, const std::string& payload) {
        mosquitto_will_set(client_.get(), topic.c_str(), static_cast<int>(payload.size()),
                           payload.data(), 1, false);
    }
    /// False: the broker refuses it.
    bool connect() {
        const BrokerAddress& broker = login_.brokers.front();
        mosquitto_property* expiry = nullptr;
        mosquitto_property_add_int32(&expiry, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                     keeps_session_ ? 60 : 0);
        const Properties owner(expiry);
        const int code = mosquitto_connect_bind_v5(client_.get(), broker.host.c_str(), broker.port,
                                                   60, nullptr, expiry);
        if (code != MOSQ_ERR_SUCCESS) {
            throw std::runtime_error("cannot connect to " + broker.text() + ": " + why(code));
        }
        wait([this] { return connack_.has_value(); });
        return connack_ == 0;
    }
    [[nodiscard]] int connack() const { return connack_.value_or(-1); }
    [[nodiscard]] bool is_connected() const { return mosquitto_socket(client_.get()) >= 0; }

    /// False: the broker refuses it, or ends the connection.
    bool subscribe(const std::string& filter) {
        granted_.reset();
        mosquitto_subscribe(client_.get(), nullptr, filter.c_str(), 1);
        wait([this] { return granted_ || !is_connected(); });
        return granted_ && *granted_ < first_refusal;
    }
    void publish(const std::string& topic, const std::string& payload, bool retain = false) {
        mosquitto_publish(client_.get(), nullptr, topic.c_str(), static_cast<int>(payload.size()),
                          payload.data(), 1, retain);
    }
    /// Without a goodbye, so that the will is sent.
    void cut() {
        shutdown(mosquitto_socket(client_.get()), SHUT_RDWR);
        wait([this] { return !is_connected(); });
    }
    void leave() {
        mosquitto_disconnect(client_.get());
        wait([this] { return !is_connected(); });
    }

    bool wait(const std::function<bool()>& done, Milliseconds most = patience) {
        const auto until = Clock::now() + most;
        while (!done()) {
            if (Clock::now() >= until) {
                return false;
            }
            if (mosquitto_loop(client_.get(), 50, 1) != MOSQ_ERR_SUCCESS && !is_connected()) {
                return done();
            }
        }
        return true;
    }
    bool has_heard(const std::function<bool(const Heard&)>& fits) const {
        return std::any_of(heard_.begin(), heard_.end(), fits);
    }
    [[nodiscard]] const std::vector<Heard>& heard() const { return heard_; }

  private:
    static Connection& of(void* self) { return *static_cast<Connection*>(self); }

    const BrokerLogin& login_;
    MosquittoClient client_;
    bool keeps_session_;
    std::optional<int> connack_{};
    std::optional<int> granted_{};
    std::vector<Heard> heard_{};
};

/// What somebody does who is up to no good, step by step.
class Trial {
  public:
    explicit Trial(const AclCheck& check)
        : check_(check),
          root_(check.word + "/v1"),
          me_(check.login.user),
          victim_("check-acl-" + random_word()),
          main_(check.login, "check-acl-" + random_word()) {}

    std::vector<AclFinding> run() {
        begin();
        speak_for_others();
        speak_by_will();
        spell_otherwise();
        read_what_is_not_mine();
        write_what_is_not_mine();
        take_over();
        return std::move(findings_);
    }

  private:
    [[nodiscard]] std::string topic(const std::string& kind, const std::string& about,
                                    const std::string& verb, const std::string& sender) const {
        return root_ + "/" + kind + "/" + about + "/" + verb + "/" + sender;
    }
    [[nodiscard]] std::string inbox(const std::string& user, const std::string& level) const {
        return root_ + "/inbox/" + user + "/" + level;
    }
    void found(std::string what, std::optional<bool> could) {
        findings_.push_back({std::move(what), could});
    }

    void begin() {
        if (!main_.connect()) {
            throw std::runtime_error("the broker refuses " + me_ + ": " +
                                     mosquitto_reason_string(main_.connack()));
        }
        if (!main_.subscribe(inbox(me_, "json")) || !main_.subscribe(inbox(me_, "reply"))) {
            throw std::runtime_error("the broker does not let " + me_ +
                                     " subscribe to its own inbox, so nobody could ring it");
        }
        main_.subscribe(root_ + "/status");
        if (!fence()) {
            throw std::runtime_error(
                "nobody answers " + me_ +
                ": beckond does not run at this broker, or the broker does not let " + me_ +
                " ask, or read what is answered");
        }
    }

    /// What I ask for, until it is answered. False: it is not.
    bool ask(const std::string& where, Json body) {
        const std::string req = random_word();
        body["req"] = req;
        main_.publish(where, body.dump());
        return main_.wait([&] {
            return main_.has_heard([&](const Heard& one) {
                return one.topic == inbox(me_, "reply") && field(one, "req") == req;
            });
        });
    }
    /// All that I asked for before has been judged, and told.
    bool fence() { return ask(topic("user", me_, "sync", me_), Json::object()); }

    static std::string field(const Heard& one, const char* name) {
        const auto body = Json::parse(one.payload, nullptr, false);
        return body.is_object() && body.contains(name) && body[name].is_string()
                   ? body[name].get<std::string>()
                   : std::string();
    }
    /// An event in my inbox that has this.
    bool is_told(const char* event, const char* name, const std::string& value) {
        fence();
        return main_.has_heard([&](const Heard& one) {
            return one.topic == inbox(me_, "json") && field(one, "event") == event &&
                   field(one, name) == value;
        });
    }

    void speak_for_others() {
        main_.publish(topic("user", me_, "message", victim_), R"({"data":"forged"})");
        found("send a message as somebody else (" + topic("user", "…", "…", victim_) + ")",
              is_told("message", "from", victim_));

        const std::string ring = "check-acl-" + random_word();
        ask(topic("user", victim_, "invite", me_), {{"id", ring}, {"timeout_ms", 60'000}});
        main_.publish(topic("invitation", ring, "reject", victim_), "{}");
        found("answer a ring as somebody else (" + topic("invitation", "…", "…", victim_) + ")",
              is_told("invitee_rejected", "id", ring));
        ask(topic("invitation", ring, "cancel", me_), Json::object());

        const std::string group = "check-acl-" + random_word();
        ask(topic("group", group, "create", me_), {{"members", {victim_}}});
        main_.publish(topic("group", group, "message", victim_), R"({"data":"forged"})");
        found("speak to a group as somebody else (" + topic("group", "…", "…", victim_) + ")",
              is_told("message", "group", group));
        ask(topic("group", group, "dismiss", me_), Json::object());
    }

    void speak_by_will() {
        const std::string other = "check-acl-" + random_word();
        Connection dying(check_.login, "check-acl-" + random_word());
        dying.set_will(topic("user", me_, "message", other), R"({"data":"forged"})");
        bool could = dying.connect();
        if (could) {
            dying.cut();
            main_.wait([] { return false; }, settling);
            could = is_told("message", "from", other);
        }
        found("speak as somebody else by its will", could);
    }

    void spell_otherwise() {
        std::string other = me_;
        std::transform(other.begin(), other.end(), other.begin(), [](unsigned char letter) {
            return std::isupper(letter) != 0 ? std::tolower(letter) : std::toupper(letter);
        });
        if (other == me_) {
            return;
        }
        main_.publish(topic("user", me_, "message", other), R"({"data":"forged"})");
        found("pass for several users by spelling its name otherwise (" + other +
                  "): start beckond with --fold-case yes",
              is_told("message", "from", other));
    }

    void read_what_is_not_mine() {
        const std::string secret = random_word();
        struct Look {
            std::string what;
            std::string filter;
            std::function<bool(const Heard&)> sees;
        };
        const auto sees_inbox = [&](const Heard& one) {
            return one.topic.starts_with(inbox(victim_, "")) &&
                   one.payload.find(secret) != std::string::npos;
        };
        const auto sees_request = [&](const Heard& one) {
            return one.topic == topic("user", victim_, "message", me_);
        };
        const std::string of_victim = inbox(victim_, "json");
        const std::vector<Look> looks{
            {"read another's inbox by its name", of_victim, sees_inbox},
            {"read all inboxes by a wildcard", root_ + "/inbox/+/json", sees_inbox},
            {"read all inboxes by #", "#", sees_inbox},
            {"read all inboxes by " + root_ + "/#", root_ + "/#", sees_inbox},
            {"read all inboxes by +/+/#", "+/+/#", sees_inbox},
            {"take another's events away by a shared subscription", "$share/check/" + of_victim,
             sees_inbox},
            {"read what others ask", root_ + "/user/+/+/+", sees_request},
        };
        std::vector<std::unique_ptr<Connection>> readers;
        for (const auto& look : looks) {
            readers.push_back(
                std::make_unique<Connection>(check_.login, "check-acl-" + random_word()));
            if (readers.back()->connect() && !readers.back()->subscribe(look.filter)) {
                readers.back() = nullptr;
            }
        }
        ask(topic("user", victim_, "message", me_), {{"data", secret}});
        fence();
        for (std::size_t i = 0; i < looks.size(); ++i) {
            bool could = false;
            if (readers[i]) {
                readers[i]->wait([&] { return readers[i]->has_heard(looks[i].sees); }, settling);
                could = readers[i]->has_heard(looks[i].sees);
            }
            found(looks[i].what + " (" + looks[i].filter + ")", could);
        }
    }

    void write_what_is_not_mine() {
        const std::string secret = random_word();
        const std::string event = Json{{"event", "check-acl"}, {"id", secret}}.dump();
        main_.publish(inbox(me_, "json"), event);
        found("write to an inbox (" + inbox(me_, "json") + ")", is_told("check-acl", "id", secret));
        main_.publish(inbox(me_, "json"), event, true);
        fence();
        Connection late(check_.login, "check-acl-" + random_word());
        const bool is_kept = late.connect() && late.subscribe(inbox(me_, "json")) &&
                             late.wait([&] { return !late.heard().empty(); }, settling);
        found("leave a retained message in an inbox", is_kept);
        if (is_kept) {
            main_.publish(inbox(me_, "json"), "", true);
        }
        write_status();
    }

    /// What stands there, once more: so it does no harm where it is possible.
    void write_status() {
        const auto is_status = [this](const Heard& one) {
            return one.topic == root_ + "/status" && !one.payload.empty();
        };
        const auto& heard = main_.heard();
        const auto last = std::find_if(heard.rbegin(), heard.rend(), is_status);
        if (last == heard.rend()) {
            found("whether it can write status was not tried: there is none, or it cannot be read",
                  std::nullopt);
            return;
        }
        const auto count = [&] { return std::count_if(heard.begin(), heard.end(), is_status); };
        const auto before = count();
        const std::string same = last->payload;
        main_.publish(root_ + "/status", same, true);
        fence();
        found("write status", count() > before);
    }

    void take_over() {
        if (!check_.other) {
            found(
                "whether it can take another's session over was not tried: name one by "
                "--other-user and --other-password-file",
                std::nullopt);
            return;
        }
        const std::string name = "check-acl-" + random_word();
        const std::string& other = check_.other->user;
        const std::string secret = random_word();
        {
            Connection theirs(*check_.other, name, true);
            if (!theirs.connect() || !theirs.subscribe(inbox(other, "json"))) {
                throw std::runtime_error("the broker refuses " + other + ", the other user");
            }
            theirs.leave();
        }
        Connection mine(check_.login, name, true);
        // What it inherits it has without asking for it.
        bool could = mine.connect();
        if (could) {
            ask(topic("user", other, "message", me_), {{"data", secret}});
            fence();
            could = mine.wait(
                [&] {
                    return mine.has_heard([&](const Heard& one) {
                        return one.payload.find(secret) != std::string::npos;
                    });
                },
                settling);
        }
        found("read another's inbox by taking over its session (" + other + ")", could);
    }

    const AclCheck& check_;
    std::string root_;
    std::string me_;
    std::string victim_;
    Connection main_;
    std::vector<AclFinding> findings_{};
};

}  // namespace

std::vector<AclFinding> check_acl(const AclCheck& check) {
    mosquitto_lib_init();
    return Trial(check).run();
}

}  // namespace beckon
