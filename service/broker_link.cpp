// SPDX-License-Identifier: Apache-2.0
#include "broker_link.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>

#include "host/device_tags.hpp"
#include "mqtt5/properties.hpp"
#include "status_everywhere.hpp"

namespace beckon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int keep_alive_s = 30;
/// So long the broker keeps what is asked while nobody serves.
constexpr std::uint32_t session_expiry_s = 3600;
constexpr std::size_t most_arrived = 100'000;
constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;
/// In the library's hands at once; the broker says how many it takes.
constexpr std::size_t most_in_flight = 200;
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds most_pause{5000};
/// Until one's own request has to have come back.
constexpr std::chrono::seconds probe_patience{5};
constexpr int session_taken_over = 0x8E;
constexpr int quota_exceeded = 0x97;
/// Published by this very process.
constexpr const char* own_property = "beckond";

std::size_t size_of(const Arrived& one) {
    return sizeof(Arrived) + one.topic.size() + one.payload.size() + one.reply_to.topic.size();
}

/// The value of the user property of our own; empty: there is none.
std::string own_in(const mosquitto_property* properties) {
    std::string own;
    bool again = false;
    while (properties != nullptr) {
        char* name = nullptr;
        char* value = nullptr;
        properties = mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name,
                                                         &value, again);
        if (properties != nullptr && std::strcmp(name, own_property) == 0) {
            own = value;
        }
        std::free(name);   // NOLINT(cppcoreguidelines-no-malloc): the library's
        std::free(value);  // NOLINT(cppcoreguidelines-no-malloc)
        again = true;
    }
    return own;
}

}  // namespace

std::size_t Outgoing::bytes() const {
    return sizeof(Outgoing) + topic.size() + payload.size() +
           (correlation ? correlation->size() : 0);
}

/// libmosquitto's client. All of it on the link's thread.
class BrokerLink::Session {
  public:
    explicit Session(BrokerLink& link);
    ~Session() { mosquitto_destroy(mosquitto_); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// False: not now.
    bool connect();
    [[nodiscard]] bool is_connected() const { return mosquitto_socket(mosquitto_) >= 0; }
    /// Waits until there is something to do, and does it.
    void turn();
    void leave();

  private:
    template <class... More>
    using Callback = void (*)(mosquitto*, void*, More...);
    /// The library's C: no exception passes.
    static Session& of(void* self) { return *static_cast<Session*>(self); }
    void guarded(const auto& work) noexcept;

    void connected(int code);
    void subscribed(std::span<const int> granted);
    void published(int message, int reason);
    void lost(int reason);
    void arrived(const mosquitto_message& message, const mosquitto_property* properties);
    void probe();
    void heard_itself();
    [[nodiscard]] std::string taken_over_sentence() const;
    void end(std::string sentence, int code);
    void read();
    void send();
    int publish(const Outgoing& outgoing);
    void log(LogLevel level, const std::string& sentence) const {
        link_.listener_.log(level, sentence);
    }
    /// The same sentence only once, until something goes well.
    void complain(const std::string& sentence);

    BrokerLink& link_;
    mosquitto* mosquitto_;
    std::size_t next_broker_ = 0;
    std::string address_{};
    std::string own_;
    StatusEverywhere elsewhere_;
    bool is_heard_ = false;
    /// At any time, so that `status` has been ours.
    bool has_served_ = false;
    /// Not acknowledged yet, those that the library sends again after a reconnect included.
    std::map<int, std::shared_ptr<const void>> in_flight_{};
    /// Since the last look: so long as something comes, there may be more.
    bool something_came_ = false;
    std::optional<Clock::time_point> probe_until_{};
    std::string complaint_{};
};

BrokerLink::Session::Session(BrokerLink& link)
    : link_(link),
      mosquitto_(mosquitto_new(link.options_.client_id.c_str(), false, this)),
      own_(DeviceTag(random_bits()).str()),
      elsewhere_({.login = link.options_.login,
                  .topic = link.topics_.status(),
                  .client_id = link.options_.client_id,
                  .own_property = own_property,
                  .own = own_,
                  .may_speak = link.listener_.may_speak}) {
    if (mosquitto_ == nullptr) {
        throw std::runtime_error(std::string("libmosquitto: ") + std::strerror(errno));
    }
    mosquitto_int_option(mosquitto_, MOSQ_OPT_RECEIVE_MAXIMUM, 65535);
    mosquitto_max_inflight_messages_set(mosquitto_, most_in_flight);
    prepare(mosquitto_, link.options_.login);
    const Callback<int, int, const mosquitto_property*> on_connect =
        [](mosquitto*, void* self, int code, int, const mosquitto_property*) {
            of(self).guarded([&] { of(self).connected(code); });
        };
    const Callback<int, const mosquitto_property*> on_disconnect =
        [](mosquitto*, void* self, int reason, const mosquitto_property*) {
            of(self).guarded([&] { of(self).lost(reason); });
        };
    const Callback<int, int, const mosquitto_property*> on_publish =
        [](mosquitto*, void* self, int message, int reason, const mosquitto_property*) {
            of(self).guarded([&] { of(self).published(message, reason); });
        };
    const Callback<int, int, const int*, const mosquitto_property*> on_subscribe =
        [](mosquitto*, void* self, int, int count, const int* granted, const mosquitto_property*) {
            of(self).guarded([&] {
                of(self).subscribed({granted, static_cast<std::size_t>(count)});
            });
        };
    const Callback<const mosquitto_message*, const mosquitto_property*> on_message =
        [](mosquitto*, void* self, const mosquitto_message* message,
           const mosquitto_property* properties) {
            of(self).guarded([&] { of(self).arrived(*message, properties); });
        };
    mosquitto_connect_v5_callback_set(mosquitto_, on_connect);
    mosquitto_disconnect_v5_callback_set(mosquitto_, on_disconnect);
    mosquitto_publish_v5_callback_set(mosquitto_, on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto_, on_subscribe);
    mosquitto_message_v5_callback_set(mosquitto_, on_message);
}

void BrokerLink::Session::guarded(const auto& work) noexcept {
    try {
        something_came_ = true;
        work();
    } catch (const std::exception& error) {
        try {
            log(LogLevel::error, std::string("internal error (link): ") + error.what());
        } catch (...) {
            // There is no memory even for the sentence.
        }
    }
}

void BrokerLink::Session::complain(const std::string& sentence) {
    if (std::exchange(complaint_, sentence) != sentence) {
        log(LogLevel::warning, sentence);
    }
}

bool BrokerLink::Session::connect() {
    const auto& brokers = link_.options_.login.brokers;
    const BrokerAddress& broker = brokers[next_broker_];
    next_broker_ = (next_broker_ + 1) % brokers.size();
    address_ = broker.text();
    mosquitto_property* properties = nullptr;
    mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, session_expiry_s);
    const Properties owner(properties);
    const int code = mosquitto_connect_bind_v5(mosquitto_, broker.host.c_str(), broker.port,
                                               keep_alive_s, nullptr, properties);
    if (code != MOSQ_ERR_SUCCESS) {
        complain("cannot connect to " + address_ + ": " + why(code) + "; trying again");
        return false;
    }
    return true;
}

void BrokerLink::Session::connected(int code) {
    if (code != 0) {
        complain(address_ + " refuses beckond: " + mosquitto_reason_string(code) +
                 "; trying again");
        return;
    }
    const std::string& root = link_.topics_.root();
    std::array<std::string, 5> filters{root + "/user/+/+/+", root + "/invitation/+/+/+",
                                       root + "/group/+/+/+", root + "/operator/+/+",
                                       link_.topics_.status()};
    std::array<char*, 5> names{};
    std::transform(filters.begin(), filters.end(), names.begin(),
                   [](std::string& filter) { return filter.data(); });
    mosquitto_subscribe_multiple(mosquitto_, nullptr, static_cast<int>(names.size()), names.data(),
                                 1, MQTT_SUB_OPT_RETAIN_AS_PUBLISHED, nullptr);
}

void BrokerLink::Session::subscribed(std::span<const int> granted) {
    if (std::any_of(granted.begin(), granted.end(),
                    [](int code) { return code >= first_refusal; })) {
        complain(
            "the broker refuses beckond the subscription to requests: give its user the "
            "rules of `beckond acl`");
        mosquitto_disconnect_v5(mosquitto_, 0, nullptr);
        return;
    }
    probe();
}

/// A request of one's own, to hear whether any comes: a broker may grant what it does not deliver.
void BrokerLink::Session::probe() {
    const std::string me = link_.options_.client_id;
    publish({.topic = link_.topics_.root() + "/user/" + me + "/here/" + me,
             .payload = "{}",
             .qos = 0,
             .says_whose = true});
    probe_until_ = Clock::now() + probe_patience;
}

void BrokerLink::Session::published(int message, int reason) {
    in_flight_.erase(message);
    {
        const std::scoped_lock lock(link_.mutex_);
        link_.unacknowledged_ = in_flight_.size();
    }
    if (reason >= first_refusal) {
        complain(std::string("the broker refuses what beckond publishes (") +
                 mosquitto_reason_string(reason) + "): give its user the rules of `beckond acl`");
    }
}

void BrokerLink::Session::lost(int reason) {
    is_heard_ = false;
    probe_until_.reset();
    if (reason == session_taken_over && !link_.listener_.may_speak) {
        end(taken_over_sentence(), taken_over);
        return;
    }
    if (reason == quota_exceeded) {
        end("the broker has thrown the session away, since more waited in it than it keeps for one "
            "(0x97): what was asked meanwhile is lost, and asked again",
            thrown_out);
        return;
    }
    if (reason != 0 && !link_.stopping_) {
        complain("the connection to " + address_ + " is lost: " +
                 (reason >= first_refusal ? mosquitto_reason_string(reason)
                                          : mosquitto_strerror(reason)) +
                 "; trying again");
    }
}

void BrokerLink::Session::heard_itself() {
    if (std::exchange(is_heard_, true)) {
        return;
    }
    has_served_ = true;
    probe_until_.reset();
    complaint_.clear();
    log(LogLevel::notice, "serves " + link_.topics_.root() + " at " + address_);
    link_.listener_.is_up();
}

std::string BrokerLink::Session::taken_over_sentence() const {
    return "another beckond serves " + link_.topics_.root() + " at " + address_ +
           ", so this one ends: stop one of them, or give it another --site and --root";
}

/// There is no going on.
void BrokerLink::Session::end(std::string sentence, int code) {
    link_.end_with(std::move(sentence), code);
}

void BrokerLink::Session::arrived(const mosquitto_message& message,
                                  const mosquitto_property* properties) {
    const auto below = link_.topics_.below_root(message.topic);
    if (!below) {
        return;
    }
    const std::string whose = own_in(properties);
    if (message.topic == link_.topics_.status()) {
        // Not every broker tells by 0x8E.
        if (has_served_ && !whose.empty() && whose != own_ && !link_.listener_.may_speak) {
            end(taken_over_sentence(), taken_over);
        }
        return;
    }
    if (whose == own_) {
        heard_itself();
        return;
    }
    Arrived arrived{.topic = std::string(*below),
                    .payload = std::string(static_cast<const char*>(message.payload),
                                           static_cast<std::size_t>(message.payloadlen)),
                    .sender = sender_in(*below),
                    .retain = message.retain};
    if (arrived.sender) {
        arrived.reply_to = read_reply_address(
            properties, link_.topics_, *arrived.sender, encoding_of(arrived.payload),
            [](void* value) {
                std::free(value);  // NOLINT(cppcoreguidelines-no-malloc): Mosquitto's
            });
    }
    {
        const std::scoped_lock lock(link_.mutex_);
        link_.arrived_bytes_ += size_of(arrived);
        link_.arrived_.push_back(std::move(arrived));
    }
    link_.listener_.wake();
}

int BrokerLink::Session::publish(const Outgoing& outgoing) {
    Properties properties;
    if (!make_properties({.encoding = outgoing.encoding,
                          .correlation = outgoing.correlation ? &*outgoing.correlation : nullptr,
                          .expires_after_s = outgoing.expires_after_s},
                         properties)) {
        return MOSQ_ERR_NOMEM;
    }
    mosquitto_property* list = properties.release();
    if (outgoing.says_whose) {
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, own_property,
                                           own_.c_str());
    }
    properties.reset(list);
    int message = 0;
    const int code = mosquitto_publish_v5(
        mosquitto_, &message, outgoing.topic.c_str(), static_cast<int>(outgoing.payload.size()),
        outgoing.payload.data(), outgoing.qos, outgoing.retain, list);
    if (outgoing.topic == link_.topics_.status()) {
        elsewhere_.tell(outgoing.payload, address_);
    }
    if (code == MOSQ_ERR_SUCCESS && outgoing.qos > 0) {
        in_flight_.emplace(message, outgoing.telling);
    }
    return code;
}

void BrokerLink::Session::send() {
    while (is_heard_ && in_flight_.size() < most_in_flight && link_.may_speak()) {
        Outgoing next;
        bool has_room_again = false;
        {
            const std::scoped_lock lock(link_.mutex_);
            if (link_.outgoing_.empty()) {
                return;
            }
            next = std::move(link_.outgoing_.front());
            link_.outgoing_.pop_front();
            const auto before = link_.outgoing_bytes_;
            link_.outgoing_bytes_ -= next.bytes();
            has_room_again = before >= most_bytes / 2 && link_.outgoing_bytes_ < most_bytes / 2;
            ++link_.unacknowledged_;
        }
        if (has_room_again) {
            link_.listener_.wake();
        }
        if (const int code = publish(next); code != MOSQ_ERR_SUCCESS) {
            complain("cannot publish: " + why(code));
        }
        const std::scoped_lock lock(link_.mutex_);
        link_.unacknowledged_ = in_flight_.size();
    }
}

/// TLS may have more in hand than poll can tell.
void BrokerLink::Session::read() {
    do {
        something_came_ = false;
    } while (mosquitto_loop_read(mosquitto_, 1) == MOSQ_ERR_SUCCESS && something_came_ &&
             is_connected() && link_.has_room_to_read());
}

void BrokerLink::Session::turn() {
    send();
    const bool has_stopped = link_.reads_no_more_;
    if (has_stopped && !link_.has_stopped_reading_.exchange(true)) {
        link_.listener_.wake();
    }
    const bool reads = !has_stopped && link_.has_room_to_read();
    std::array<pollfd, 2> wait{{{.fd = mosquitto_socket(mosquitto_), .events = 0, .revents = 0},
                                {.fd = link_.wake_up_.fd(), .events = POLLIN, .revents = 0}}};
    wait[0].events =
        static_cast<short>((reads ? POLLIN : 0) | (mosquitto_want_write(mosquitto_) ? POLLOUT : 0));
    // What is not awaited comes within a second; what has no event, such as room to read, soon.
    poll(wait.data(), wait.size(), reads ? 500 : 20);
    if ((wait[1].revents & POLLIN) != 0) {
        link_.wake_up_.clear();
    }
    if (!has_stopped && (wait[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        read();
    }
    if (is_connected() && mosquitto_want_write(mosquitto_) && link_.may_speak()) {
        mosquitto_loop_write(mosquitto_, 1);
    }
    mosquitto_loop_misc(mosquitto_);
    if (probe_until_ && Clock::now() >= *probe_until_) {
        probe_until_.reset();
        complain(
            "the broker does not let beckond hear requests, or publish: give its user the "
            "rules of `beckond acl`; trying again");
        mosquitto_disconnect_v5(mosquitto_, 0, nullptr);
    }
}

void BrokerLink::Session::leave() {
    // Else it is cut off, with what the library still holds.
    if (is_connected() && link_.may_speak()) {
        mosquitto_disconnect_v5(mosquitto_, 0, nullptr);
        mosquitto_loop_write(mosquitto_, 1);
    }
}

BrokerLink::BrokerLink(Options options, Listener listener)
    : options_(std::move(options)), listener_(std::move(listener)), topics_(options_.word) {
    mosquitto_lib_init();
}

BrokerLink::~BrokerLink() {
    stopping_ = true;
    if (thread_.joinable()) {
        wake_up_.wake();
        thread_.join();
    }
    mosquitto_lib_cleanup();
}

void BrokerLink::start() {
    thread_ = std::thread([this] { run(); });
}

void BrokerLink::run() {
    try {
        Session session(*this);
        auto pause = first_pause;
        while (!stopping_ && !end()) {
            if (may_speak() && (session.is_connected() || session.connect())) {
                const auto since = Clock::now();
                while (!stopping_ && may_speak() && !end() && session.is_connected()) {
                    session.turn();
                }
                if (Clock::now() - since > most_pause) {
                    pause = first_pause;
                }
            }
            if (!stopping_ && !end()) {
                pollfd wait{.fd = wake_up_.fd(), .events = 0, .revents = 0};
                poll(&wait, 1, static_cast<int>(pause.count()));
                pause = std::min(2 * pause, most_pause);
            }
        }
        session.leave();
    } catch (const std::exception& error) {
        end_with(error.what(), 1);
    }
    listener_.wake();
}

bool BrokerLink::may_speak() {
    if (!listener_.may_speak || listener_.may_speak()) {
        return true;
    }
    end_with("another may serve " + topics_.root() + " by now", speaks_no_more);
    return false;
}

void BrokerLink::end_with(std::string sentence, int code) {
    {
        const std::scoped_lock lock(mutex_);
        end_ = End{std::move(sentence), code};
    }
    listener_.wake();
}

std::deque<Arrived> BrokerLink::take(std::size_t most) {
    const std::scoped_lock lock(mutex_);
    std::deque<Arrived> taken;
    while (!arrived_.empty() && taken.size() < most) {
        arrived_bytes_ -= size_of(arrived_.front());
        taken.push_back(std::move(arrived_.front()));
        arrived_.pop_front();
    }
    return taken;
}

bool BrokerLink::publish(Outgoing outgoing) {
    const auto bytes = outgoing.bytes();
    {
        const std::scoped_lock lock(mutex_);
        if (outgoing_bytes_ + bytes > most_bytes) {
            return false;
        }
        outgoing_bytes_ += bytes;
        outgoing_.push_back(std::move(outgoing));
    }
    wake_up_.wake();
    return true;
}

bool BrokerLink::has_room() const {
    const std::scoped_lock lock(mutex_);
    return outgoing_bytes_ < most_bytes / 2;
}

bool BrokerLink::has_room_to_read() const {
    const std::scoped_lock lock(mutex_);
    return arrived_.size() < most_arrived && arrived_bytes_ < most_bytes;
}

std::optional<BrokerLink::End> BrokerLink::end() const {
    const std::scoped_lock lock(mutex_);
    return end_;
}

bool BrokerLink::is_drained() const {
    const std::scoped_lock lock(mutex_);
    return outgoing_.empty() && unacknowledged_ == 0;
}

void BrokerLink::stop_reading() {
    reads_no_more_ = true;
    wake_up_.wake();
}

bool BrokerLink::is_dry() const {
    const std::scoped_lock lock(mutex_);
    return has_stopped_reading_ && arrived_.empty();
}

bool BrokerLink::is_sent() const {
    const std::scoped_lock lock(mutex_);
    return outgoing_.empty();
}

}  // namespace beckon
