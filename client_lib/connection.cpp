// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <fcntl.h>
#include <mqtt/async_client.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "no_delay.hpp"

namespace beckon {
namespace {

/// Until Paho gives a connect up.
constexpr std::chrono::seconds connect_patience{10};
/// What may wait in Paho until it is written; the device keeps far fewer in flight.
constexpr int max_buffered = 1000;
/// MQTT 5: reason codes from here on are refusals.
constexpr int first_refusal = 0x80;

/// Paho takes the socket 0 for none: where a process has closed its standard input, that number
/// is to be taken before the first connection.
void keep_descriptor_0() {
    if (fcntl(0, F_GETFD) == -1) {
        const int taken = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (taken > 0) {
            close(taken);  // somebody else was faster
        }
    }
}

/// Held while clients come, connect and go: Paho starts its threads with the first of
/// the process and ends them with the last, and would lose one if both coincide.
std::mutex& lifecycle() {
    static std::mutex mutex;
    return mutex;
}

struct Scheme {
    std::string_view name;
    /// What each version of Paho C knows it by.
    std::string_view of_paho;
    int port;
    bool has_path;
};
constexpr std::array schemes{
    Scheme{"mqtt://", "tcp://", 1883, false},  Scheme{"tcp://", "tcp://", 1883, false},
    Scheme{"mqtts://", "ssl://", 8883, false}, Scheme{"ssl://", "ssl://", 8883, false},
    Scheme{"ws://", "ws://", 80, true},        Scheme{"wss://", "wss://", 443, true},
};

bool uses_tls(const Connection::Options& options) {
    const auto uri = Connection::paho_uri(options.server);
    return uri.starts_with("ssl://") || uri.starts_with("wss://");
}

std::string in_words(int reason_code) {
    auto words = mqtt::exception::reason_code_str(reason_code);
    if (words.empty()) {
        return "reason code " + std::to_string(reason_code);
    }
    words.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(words.front())));
    return words;
}

bool is_readable(const std::string& file) { return std::ifstream(file).good(); }

/// Paho does not tell why TLS failed, so this says what to look at.
std::string no_connection(const Connection::Options& options) {
    for (const auto& file : {options.tls.caFile, options.tls.certFile, options.tls.keyFile}) {
        if (uses_tls(options) && !file.empty() && !is_readable(file)) {
            return "cannot read " + file;
        }
    }
    const std::string where = "cannot connect to " + options.server;
    return uses_tls(options)
               ? where +
                     ": nobody listens there, or its certificate is not trusted or names "
                     "another host, or it does not trust ours"
               : where;
}

/// Of what `paho_uri` made.
int port_of(const std::string& uri) {
    int port = 0;
    const auto path = uri.find('/', uri.find("://") + 3);
    const auto colon = uri.rfind(':', path);
    std::from_chars(&uri[colon + 1], uri.data() + uri.size(), port);
    return port;
}

mqtt::connect_options connect_options(const Connection::Options& options) {
    mqtt::connect_options connect;
    connect.set_mqtt_version(MQTTVERSION_5);
    connect.set_clean_start(false);
    connect.set_automatic_reconnect(false);
    connect.set_connect_timeout(connect_patience);
    connect.set_keep_alive_interval(options.keep_alive);
    connect.set_user_name(options.user);
    connect.set_will(mqtt::will_options(options.will_topic, options.will, 1, false));
    if (!options.password.empty()) {
        connect.set_password(options.password);
    }
    if (uses_tls(options)) {
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

}  // namespace

class Connection::Paho final : public mqtt::iaction_listener {
  public:
    Paho(const Options& options, Listener listener)
        : options_(options),
          listener_(std::move(listener)),
          connect_options_(connect_options(options)),
          client_(paho_uri(options.server), options.client_id,
                  mqtt::create_options_builder()
                      .mqtt_version(MQTTVERSION_5)
                      .max_buffered_messages(max_buffered)
                      .finalize()) {
        // Only here, where they stay: Paho's copies point to the properties of what was copied.
        connect_options_.set_properties(
            {{mqtt::property::SESSION_EXPIRY_INTERVAL,
              static_cast<std::int32_t>(options.session_expiry.count())}});
        publish_properties_.add({mqtt::property::RESPONSE_TOPIC, options.replies});
        publish_properties_.add({mqtt::property::CONTENT_TYPE, options.content_type});
        // Not `set_callback`: it reports each connect twice.
        client_.set_connection_lost_handler(
            [this](const std::string&) { guarded([&] { tell_down("the connection was lost"); }); });
        // In 1.3.12, no lost connection follows.
        client_.set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode code) {
            guarded([&] {
                tell_down("the broker ended the connection: " + in_words(code),
                          code == mqtt::SESSION_TAKEN_OVER,
                          code == mqtt::ReasonCode::PACKET_TOO_LARGE);
            });
        });
        client_.set_message_callback(
            [this](const mqtt::const_message_ptr& message) { arrived(*message); });
    }

    void connect() {
        try {
            client_.connect(connect_options_, nullptr, *this);
        } catch (const mqtt::exception& refused) {
            tell_down(refused.what());
        }
    }

    void publish(const std::string& topic, const std::string& payload,
                 const std::string& correlation) {
        try {
            auto properties = publish_properties_;
            properties.add({mqtt::property::CORRELATION_DATA, correlation});
            client_.publish(mqtt::message::create(topic, payload, 0, false, properties));
        } catch (const mqtt::exception&) {
            // The connection is being lost; what is of use is sent again after the next.
        }
    }

    void disconnect(std::chrono::milliseconds patience) {
        try {
            const auto gone = client_.disconnect(mqtt::disconnect_options{});
            if (patience > std::chrono::milliseconds{0}) {
                gone->wait_for(patience);
            }
        } catch (const mqtt::exception&) {
            // It was not up.
        }
    }

    void on_success(const mqtt::token& token) override {
        guarded([&] {
            if (token.get_type() == mqtt::token::CONNECT) {
                send_at_once_to(port_of(client_.get_server_uri()));
                note_max_packet(token);
                std::vector<std::string> topics{options_.events, options_.replies, options_.status};
                if (!options_.for_operators.empty()) {
                    topics.push_back(options_.for_operators + "+");
                }
                const std::vector<int> at_least_once(topics.size(), 1);
                client_.subscribe(mqtt::string_collection::create(topics), at_least_once, nullptr,
                                  *this);
            } else if (token.get_type() == mqtt::token::SUBSCRIBE) {
                subscribed(token);
            }
        });
    }

    void on_failure(const mqtt::token& token) override {
        guarded([&] {
            if (token.get_type() == mqtt::token::SUBSCRIBE) {
                refused_subscription(token.get_reason_code());
            } else if (token.get_type() == mqtt::token::CONNECT) {
                // What the broker says is a positive return code here.
                const int code = token.get_return_code();
                tell_down(code > 0 ? "the broker refused the connection: " + in_words(code)
                                   : no_connection(options_));
            }
        });
    }

  private:
    /// No exception may cross Paho's frames, which are C. There is nothing to do about
    /// want of memory but to lose the connection.
    template <class Action>
    void guarded(Action action) noexcept {
        try {
            action();
        } catch (const std::exception& failed) {
            tell_down(failed.what());
        }
    }

    void subscribed(const mqtt::token& token) {
        std::vector<mqtt::ReasonCode> codes;
        try {
            codes = token.get_subscribe_response().get_reason_codes();
        } catch (const mqtt::exception& refused) {
            codes = {mqtt::ReasonCode(refused.get_reason_code())};
        }
        const bool no_operator = codes.size() > 3 && codes[3] >= first_refusal;
        // Without its status, which is the third, one knows less, but can do all.
        codes.resize(std::min<std::size_t>(codes.size(), 2));
        const auto refusal = std::find_if(codes.begin(), codes.end(),
                                          [](int code) { return code >= first_refusal; });
        if (refusal != codes.end()) {
            refused_subscription(*refusal);
        } else {
            listener_(Up{max_packet_, no_operator});
        }
    }

    void note_max_packet(const mqtt::token& token) {
        const auto response = token.get_connect_response();
        const auto& properties = response.get_properties();
        if (properties.contains(mqtt::property::MAXIMUM_PACKET_SIZE)) {
            max_packet_ = mqtt::get<std::uint32_t>(properties, mqtt::property::MAXIMUM_PACKET_SIZE);
        }
    }

    void refused_subscription(int code) {
        tell_down("the broker refused the subscription to " + options_.events + ": " +
                  in_words(code));
    }

    void arrived(const mqtt::message& message) {
        guarded([&] {
            const std::string_view payload = message.get_payload_str();
            if (message.get_topic() == options_.events) {
                listener_(EventPayload{payload});
            } else if (message.get_topic() == options_.replies) {
                listener_(ReplyPayload{payload, correlation_of(message)});
            } else if (message.get_topic() == options_.status) {
                listener_(StatusPayload{payload});
            } else if (!options_.for_operators.empty() &&
                       message.get_topic().starts_with(options_.for_operators)) {
                const std::string_view topic = message.get_topic();
                listener_(OperatorPayload{topic.substr(options_.for_operators.size()), payload});
            }
        });
    }

    static std::string correlation_of(const mqtt::message& message) {
        const auto& properties = message.get_properties();
        return properties.contains(mqtt::property::CORRELATION_DATA)
                   ? mqtt::get<std::string>(properties, mqtt::property::CORRELATION_DATA)
                   : std::string();
    }

    void tell_down(const std::string& why, bool taken_over = false, bool too_large = false) {
        listener_(Down{why, taken_over, too_large});
    }

    Options options_;
    Listener listener_;
    mqtt::connect_options connect_options_;
    mqtt::properties publish_properties_;
    std::optional<std::size_t> max_packet_{};
    // The last: while it is destroyed, it may still call back.
    mqtt::async_client client_;
};

Connection::Connection(const Options& options, Listener listener)
    : paho_([&] {
          const std::lock_guard lock(lifecycle());
          keep_descriptor_0();
          return std::make_unique<Paho>(options, std::move(listener));
      }()) {}

Connection::~Connection() {
    const std::lock_guard lock(lifecycle());
    paho_.reset();
}

void Connection::connect() {
    const std::lock_guard lock(lifecycle());
    paho_->connect();
}

void Connection::publish(const std::string& topic, const std::string& payload,
                         const std::string& correlation) {
    paho_->publish(topic, payload, correlation);
}

void Connection::disconnect(std::chrono::milliseconds patience) { paho_->disconnect(patience); }

std::size_t Connection::packet_overhead(const Options& options) {
    // The fixed header, the lengths of topic and properties, and of each property its number and
    // length.
    return 5 + 2 + 4 + 3 * 3 + options.replies.size() + options.content_type.size();
}

std::string Connection::paho_uri(const std::string& server) {
    // What was given is not repeated: it may hold a password.
    const auto fail = [](const std::string& why) { throw std::invalid_argument("server: " + why); };
    const auto scheme = std::find_if(schemes.begin(), schemes.end(), [&](const Scheme& one) {
        return server.starts_with(one.name);
    });
    if (scheme == schemes.end()) {
        fail("begins with none of mqtt:// mqtts:// ws:// wss://");
    }
    const std::string_view rest = std::string_view(server).substr(scheme->name.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto path = rest.substr(slash);
    auto host = rest.substr(0, slash);
    if (host.find('@') != std::string_view::npos) {
        fail("names a user, who is to be said apart, as is the password");
    }
    auto port = std::to_string(scheme->port);
    // A colon before the bracket is part of an IPv6 address.
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        port = host.substr(colon + 1);
        host = host.substr(0, colon);
    }
    if (host.empty() || host.find_first_of("?, ") != std::string_view::npos) {
        fail("names no host");
    }
    if (host.find(':') != std::string_view::npos && host.front() != '[') {
        fail("has an IPv6 address that does not stand in brackets");
    }
    int number = 0;
    const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
    if (read.ec != std::errc{} || read.ptr != port.data() + port.size() || number < 1 ||
        number > 65535) {
        fail("has no valid port");
    }
    if (!scheme->has_path && !path.empty() && path != "/") {
        fail("only websockets have a path");
    }
    return std::string(scheme->of_paho) + std::string(host) + ":" + port +
           std::string(scheme->has_path ? path : "");
}

}  // namespace beckon
