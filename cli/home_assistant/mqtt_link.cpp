// SPDX-License-Identifier: Apache-2.0
#include "mqtt_link.hpp"

#include <mqtt/async_client.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace beckon::cli::home {

namespace {

constexpr std::chrono::milliseconds first_pause{500};
constexpr std::chrono::milliseconds longest_pause{30'000};
constexpr std::chrono::seconds connect_patience{10};
constexpr std::chrono::seconds keep_alive{15};
constexpr std::chrono::milliseconds goodbye{1000};
/// What may wait until this program reads it, and how large: more is dropped.
constexpr std::size_t max_unread = 1000;
constexpr std::size_t max_payload = 128UL * 1024;
/// MQTT 3.1.1: a subscription that is refused.
constexpr int refusal = 0x80;
constexpr const char* lost = "the connection was lost";

struct Scheme {
    std::string_view name;
    std::string_view of_paho;
    const char* port;
};
constexpr std::array schemes{Scheme{"mqtt://", "tcp://", "1883"},
                             Scheme{"mqtts://", "ssl://", "8883"}, Scheme{"ws://", "ws://", "80"},
                             Scheme{"wss://", "wss://", "443"}};

/// What Paho takes, with a port. What was given is not repeated: it may hold a password.
std::string uri_of(const std::string& server) {
    const auto* const scheme = std::find_if(schemes.begin(), schemes.end(), [&](const Scheme& one) {
        return server.starts_with(one.name);
    });
    if (scheme == schemes.end()) {
        throw std::invalid_argument("begins with none of mqtt:// mqtts:// ws:// wss://");
    }
    const std::string rest = server.substr(scheme->name.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    std::string host = rest.substr(0, slash);
    if (host.empty() || host.find('@') != std::string::npos) {
        throw std::invalid_argument("is to name a host, and no user");
    }
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon == std::string::npos || (bracket != std::string::npos && colon < bracket)) {
        host += std::string(":") + scheme->port;
    }
    return std::string(scheme->of_paho) + host + rest.substr(slash);
}

std::string random_id() {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::random_device random;
    std::string id = "beckon-ha-";
    for (int i = 0; i < 12; ++i) {
        id += digits[random() % digits.size()];
    }
    return id;
}

mqtt::connect_options connect_options(const MqttLink::Options& options, const std::string& uri) {
    mqtt::connect_options connect;
    connect.set_mqtt_version(MQTTVERSION_3_1_1);
    connect.set_clean_session(true);
    connect.set_automatic_reconnect(false);
    connect.set_connect_timeout(connect_patience);
    connect.set_keep_alive_interval(keep_alive);
    connect.set_will(mqtt::will_options(options.will.topic, options.will.payload, 1, true));
    if (!options.user.empty()) {
        connect.set_user_name(options.user);
    }
    if (!options.password.empty()) {
        connect.set_password(options.password);
    }
    if (uri.starts_with("ssl://") || uri.starts_with("wss://")) {
        mqtt::ssl_options tls;
        tls.set_trust_store(options.tls.caFile);
        tls.set_key_store(options.tls.certFile);
        tls.set_private_key(options.tls.keyFile);
        // With none, OpenSSL asks for one at the terminal.
        tls.set_private_key_password(options.tls.keyPassword.empty() ? " "
                                                                     : options.tls.keyPassword);
        tls.set_enable_server_cert_auth(options.tls.verify);
        tls.set_verify(options.tls.verify);
        connect.set_ssl(tls);
    }
    return connect;
}

/// Paho ends its threads with the last client of the process, and the client library makes and
/// ends some of its own: as long as this one is there, which does nothing, none is the last.
void keep_threads() {
    static auto* const idle = new mqtt::async_client("tcp://127.0.0.1:1883", random_id());
    static_cast<void>(idle);
}

}  // namespace

/// What Paho's threads tell.
struct MqttLink::Inbox {
    std::mutex mutex{};
    std::vector<Happening> happenings{};
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    void put(Happening happening) {
        {
            const std::lock_guard lock(mutex);
            if (happenings.size() >= max_unread && std::holds_alternative<Message>(happening)) {
                return;
            }
            happenings.push_back(std::move(happening));
        }
        eventfd_write(descriptor, 1);
    }
};

/// One attempt to connect, and the connection that comes of it. Each gets a Paho client of its
/// own: one that is used again keeps what an earlier attempt left.
class MqttLink::Attempt final : public mqtt::iaction_listener {
  public:
    Attempt(const Options& options, const std::string& uri, Inbox& inbox)
        : inbox_(inbox), subscriptions_(options.subscriptions), client_(uri, random_id()) {
        client_.set_connection_lost_handler([this](const std::string&) { down(lost); });
        client_.set_message_callback([this](const mqtt::const_message_ptr& message) {
            if (message->get_payload_ref().size() <= max_payload) {
                inbox_.put(Message{.topic = message->get_topic(),
                                   .payload = message->get_payload_str(),
                                   .retained = message->is_retained()});
            }
        });
        client_.connect(connect_options(options, uri), nullptr, *this);
    }

    mqtt::async_client& client() { return client_; }
    /// Of what was published last.
    mqtt::delivery_token_ptr last{};

    void on_success(const mqtt::token& token) override {
        if (token.get_type() == mqtt::token::CONNECT) {
            try {
                const std::vector<int> at_least_once(subscriptions_.size(), 1);
                client_.subscribe(mqtt::string_collection::create(subscriptions_), at_least_once,
                                  nullptr, *this);
            } catch (const mqtt::exception& failed) {
                down(failed.what());
            }
        } else if (token.get_type() == mqtt::token::SUBSCRIBE) {
            Up up;
            const auto codes = token.get_subscribe_response().get_reason_codes();
            for (std::size_t i = 0; i < std::min(codes.size(), subscriptions_.size()); ++i) {
                if (codes[i] >= refusal) {
                    up.refused.push_back(subscriptions_[i]);
                }
            }
            inbox_.put(up);
        }
    }

    void on_failure(const mqtt::token& token) override {
        if (token.get_type() == mqtt::token::CONNECT) {
            const int code = token.get_return_code();
            down(code > 0 ? "it refused the connection (code " + std::to_string(code) + ")"
                          : "cannot connect");
        } else if (token.get_type() == mqtt::token::SUBSCRIBE) {
            inbox_.put(Up{subscriptions_});
        }
    }

  private:
    void down(const std::string& why) { inbox_.put(Down{why}); }

    Inbox& inbox_;
    std::vector<std::string> subscriptions_;
    // The last: while it is destroyed, it may still call back.
    mqtt::async_client client_;
};

MqttLink::MqttLink(Options options)
    : options_(std::move(options)),
      uri_(uri_of(options_.server)),
      inbox_(std::make_unique<Inbox>()),
      pause_(first_pause) {
    keep_threads();
}

MqttLink::~MqttLink() {
    attempt_.reset();
    close(inbox_->descriptor);
}

int MqttLink::descriptor() const { return inbox_->descriptor; }

std::chrono::milliseconds MqttLink::advance() {
    const auto now = std::chrono::steady_clock::now();
    if (attempt_) {
        return longest_pause;
    }
    if (now < again_) {
        return std::chrono::ceil<std::chrono::milliseconds>(again_ - now);
    }
    try {
        attempt_ = std::make_unique<Attempt>(options_, uri_, *inbox_);
    } catch (const mqtt::exception& failed) {
        fail(failed.what());
    }
    return first_pause;
}

std::vector<MqttLink::Happening> MqttLink::take() {
    eventfd_t count = 0;
    eventfd_read(inbox_->descriptor, &count);
    std::vector<Happening> taken;
    {
        const std::lock_guard lock(inbox_->mutex);
        taken.swap(inbox_->happenings);
    }
    for (const Happening& happening : taken) {
        if (std::holds_alternative<Up>(happening)) {
            pause_ = first_pause;
        } else if (std::holds_alternative<Down>(happening)) {
            attempt_.reset();
            again_ = std::chrono::steady_clock::now() + pause_;
            pause_ = std::min(2 * pause_, longest_pause);
        }
    }
    return taken;
}

void MqttLink::fail(const std::string& why) { inbox_->put(Down{why}); }

void MqttLink::publish(const Message& message) {
    if (!attempt_) {
        return;
    }
    try {
        attempt_->last = attempt_->client().publish(
            mqtt::message::create(message.topic, message.payload, 1, message.retained));
    } catch (const mqtt::exception&) {
        fail(lost);  // or it cannot keep up, and is given up
    }
}

void MqttLink::leave() {
    if (!attempt_) {
        return;
    }
    try {
        if (attempt_->last) {
            attempt_->last->wait_for(goodbye);
        }
        attempt_->client().disconnect()->wait_for(goodbye);
    } catch (const mqtt::exception&) {
        // It was not up.
    }
}

}  // namespace beckon::cli::home
