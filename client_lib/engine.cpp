// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <openssl/sha.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "protocol/text.hpp"
#include "protocol/topics.hpp"

namespace beckon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// For the answers to CONNECT and SUBSCRIBE; more than Paho has for the first.
constexpr Duration attempt_patience{15'000};
constexpr Duration goodbye_patience{1'000};
/// A wait of a condition variable does not count the time that the machine sleeps.
constexpr Duration longest_wait{2'000};
/// What the application may leave undelivered until the connection is given up.
constexpr std::size_t max_events_waiting = 10'000;

/// Runs on while the machine sleeps, and never steps back.
Instant boot_now() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return Instant{std::chrono::duration_cast<Duration>(seconds(now.tv_sec) +
                                                        std::chrono::nanoseconds(now.tv_nsec))};
}

std::string hex(const unsigned char* bytes, std::size_t count) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += digits[bytes[i] >> 4U];
        text += digits[bytes[i] & 0xFU];
    }
    return text;
}

/// Names the device, and its replies: the same whenever it connects, and does not tell the
/// client id, which is a secret.
std::string reply_level(const std::string& client_id) {
    const std::string text = "beckon reply " + client_id;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    return hex(hash.data(), 8);
}

[[noreturn]] void refuse_option(const char* name, const char* why) {
    throw std::invalid_argument(std::string(name) + ": " + why);
}

template <class Time>
void check_time(const char* name, Time value, Time least, Time most) {
    if (value < least || value > most) {
        refuse_option(name, "out of range");
    }
}

void check_text(const char* name, const std::string& text) {
    if (text.size() > 65535 || !is_utf8(text) || text.find('\0') != std::string::npos) {
        refuse_option(name, "is not UTF-8 of up to 65535 bytes without NUL");
    }
}

void check(const ClientOptions& options) {
    if (!is_id(options.userID)) {
        refuse_option("userID", "is not 1 to 64 of A-Z a-z 0-9 . _ @ : -");
    }
    if (!is_id(options.topicRoot)) {
        refuse_option("topicRoot", "is not 1 to 64 of A-Z a-z 0-9 . _ @ : -");
    }
    check_text("clientID", options.clientID);
    if (options.password.size() > 65535) {
        refuse_option("password", "is longer than 65535 bytes");
    }
    if (options.tls.certFile.empty() && !options.tls.keyFile.empty()) {
        refuse_option("tls.certFile", "is missing for the keyFile");
    }
    Connection::paho_uri(options.server);
    if (options.delivery != Delivery::thread && options.delivery != Delivery::poll) {
        refuse_option("delivery", "is neither thread nor poll");
    }
    if (options.whenOffline != WhenOffline::wait && options.whenOffline != WhenOffline::fail) {
        refuse_option("whenOffline", "is neither wait nor fail");
    }
    const milliseconds a_day = hours(24);
    check_time("requestTimeout", options.requestTimeout, milliseconds(1), a_day);
    check_time("reconnectMin", options.reconnectMin, milliseconds(1), a_day);
    check_time("reconnectMax", options.reconnectMax, options.reconnectMin, a_day);
    check_time("keepAlive", options.keepAlive, seconds(2), seconds(65535));
    check_time("sessionExpiry", options.sessionExpiry, seconds(0), seconds(0x7FFFFFFF));
}

Device::Options device_options(const ClientOptions& options,
                               const Connection::Options& connection) {
    return {.user = *UserId::parse(options.userID),
            .req_prefix = Engine::random_id().substr(0, 16),
            .device = reply_level(connection.client_id),
            .topics = Topics(options.topicRoot),
            .patience = options.requestTimeout,
            // Sooner than the calls that wait for it fail, so that they can say why.
            .sync_patience = options.requestTimeout / 2,
            .packet_overhead = Connection::packet_overhead(connection),
            .max_waiting = options.maxWaiting};
}

Connection::Options connection_options(const ClientOptions& options) {
    const bool named = !options.clientID.empty();
    const auto client_id = named ? options.clientID : Engine::random_id();
    const auto user = *UserId::parse(options.userID);
    const Topics topics(options.topicRoot);
    return {.server = options.server,
            .client_id = client_id,
            .user = options.userID,
            .password = options.password,
            .tls = options.tls,
            .keep_alive = options.keepAlive,
            .session_expiry = named ? options.sessionExpiry : seconds(0),
            .events = topics.events(user, Encoding::msgpack),
            .replies = topics.replies(user) + "/" + reply_level(client_id),
            .status = topics.status(),
            .for_operators = options.operatorNews ? topics.for_operators("") : "",
            .content_type = std::string(content_type(Encoding::msgpack))};
}

}  // namespace

Duration Backoff::next(Duration lasted) {
    if (lasted > limit_) {
        reset();
    }
    std::uniform_int_distribution<Duration::rep> up_to_limit(0, limit_.count());
    const Duration wait{up_to_limit(random_)};
    limit_ = std::min(limit_ * 2, most_);
    return wait;
}

std::string Engine::random_id() {
    std::random_device random;
    std::array<unsigned char, 16> bytes{};
    for (auto& byte : bytes) {
        byte = static_cast<unsigned char>(random());
    }
    return hex(bytes.data(), bytes.size());
}

Engine::Engine(const ClientOptions& options)
    : user_(*UserId::parse(options.userID)),
      user_text_(options.userID),
      offline_(options.whenOffline == WhenOffline::fail ? Device::Offline::fail
                                                        : Device::Offline::wait),
      delivery_(options.delivery),
      max_waiting_(static_cast<std::int64_t>(options.maxWaiting)),
      connection_options_(connection_options(options)),
      device_(device_options(options, connection_options_)),
      backoff_(options.reconnectMin, options.reconnectMax) {}

Engine::~Engine() {
    if (descriptor_ != -1) {
        ::close(descriptor_);
    }
}

std::shared_ptr<Engine> Engine::start(const ClientOptions& options) {
    check(options);
    std::shared_ptr<Engine> engine(new Engine(options));
    if (engine->delivery_ == Delivery::poll) {
        engine->descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (engine->descriptor_ == -1) {
            throw std::system_error(errno, std::generic_category(), "no descriptor is left");
        }
    }
    try {
        engine->worker_ = std::thread([raw = engine.get()] { raw->work(); });
        if (engine->delivery_ == Delivery::thread) {
            // It keeps the engine, as a delivery may destroy the client.
            engine->deliverer_ = std::thread([engine] { engine->deliver_all(); });
        }
    } catch (...) {
        engine->close();
        throw;
    }
    return engine;
}

void Engine::close() {
    std::unique_lock lock(mutex_);
    const bool within_delivery = delivering_ == std::this_thread::get_id();
    closing_ = true;
    std::erase_if(queue_, [](const Notice& notice) {
        return !std::holds_alternative<Completed>(notice.what);
    });
    events_waiting_ = 0;
    perform(device_.close());
    signaling_listeners_.clear();
    group_listeners_.clear();
    message_listeners_.clear();
    operator_listeners_.clear();
    connection_listeners_.clear();
    wake_worker_.notify_all();
    due_.notify_all();
    lock.unlock();

    if (worker_.joinable()) {
        worker_.join();
    }
    if (deliverer_.joinable() && !within_delivery) {
        deliverer_.join();
    }
    lock.lock();
    if (within_delivery) {
        if (deliverer_.joinable()) {
            deliverer_.detach();
        }
    } else {
        due_.wait(lock, [&] { return delivering_ == std::thread::id{}; });
        delivering_ = std::this_thread::get_id();
    }
    while (!queue_.empty()) {
        deliver_first(lock);
    }
}

void Engine::connect() {
    const std::lock_guard lock(mutex_);
    if (!closing_ && (phase_ == Phase::idle || phase_ == Phase::taken_over)) {
        backoff_.reset();
        start_attempt();
        wake_worker_.notify_one();
    }
}

ConnectionState Engine::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

void Engine::call(RequestBody body, Completion done) {
    const std::lock_guard lock(mutex_);
    if (closing_) {
        answer(std::move(done), Failure::closed);
        return;
    }
    const auto id = ++last_call_;
    if (done) {
        completions_.emplace(id, std::move(done));
    }
    perform(device_.call(id, std::move(body), offline_, boot_now()));
}

void Engine::refuse(Refusal refusal, Completion done) {
    const std::lock_guard lock(mutex_);
    if (closing_) {
        answer(std::move(done), Failure::closed);
    } else {
        answer(std::move(done), Reply{.re = {}, .device = {}, .body = std::move(refusal)});
    }
}

void Engine::set_busy(std::optional<Reject> as, Completion done) {
    const std::lock_guard lock(mutex_);
    if (closing_) {
        answer(std::move(done), Failure::closed);
        return;
    }
    device_.set_busy(std::move(as));
    answer(std::move(done), Reply{.re = {}, .device = {}, .body = Done{}});
}

std::vector<InvitationInfo> Engine::open() const {
    const std::lock_guard lock(mutex_);
    return device_.open(boot_now());
}

std::string Engine::server_epoch() const {
    const std::lock_guard lock(mutex_);
    return device_.server_epoch();
}

std::string Engine::broker_status() const {
    const std::lock_guard lock(mutex_);
    return broker_status_;
}

std::optional<DeviceTag> Engine::device_tag() const {
    const std::lock_guard lock(mutex_);
    return device_.tag();
}

// ------------------------------------------------------------------- effects

void Engine::perform(Device::Effects effects) {
    for (auto& effect : effects) {
        std::visit(
            [&](auto& one) {
                using One = std::decay_t<decltype(one)>;
                if constexpr (std::is_same_v<One, Device::Send>) {
                    outbox_.push_back(std::move(one));
                } else if constexpr (std::is_same_v<One, Device::Result>) {
                    if (auto done = completions_.extract(one.call)) {
                        answer(std::move(done.mapped()), std::move(one.outcome));
                    }
                } else if constexpr (std::is_same_v<One, Device::LinkChanged>) {
                    link_ = one.link;
                    if (link_ == Device::Link::ready) {
                        ready_since_ = boot_now();
                    }
                    update_state();
                } else {
                    notify({std::move(one), boot_now()});
                }
            },
            effect);
    }
    wake_worker_if_due();
}

void Engine::answer(Completion done, std::variant<Reply, Failure> told) {
    if (done) {
        const bool idle = phase_ == Phase::idle && !closing_;
        notify({Completed{std::move(done),
                          {std::move(told), idle ? "connect was not called" : why_offline_,
                           max_waiting_}},
                boot_now()});
    }
}

void Engine::notify(Notice notice) {
    if (!std::holds_alternative<Completed>(notice.what)) {
        if (closing_) {
            return;
        }
        overloaded_ = ++events_waiting_ > max_events_waiting || overloaded_;
    }
    queue_.push_back(std::move(notice));
    due_.notify_one();
    if (descriptor_ != -1) {
        eventfd_write(descriptor_, 1);
    }
}

void Engine::update_state() {
    auto state = ConnectionState::disconnected;
    std::string why = why_offline_;
    if (phase_ == Phase::taken_over) {
        state = ConnectionState::kickedOffline;
    } else if (phase_ == Phase::connecting) {
        state = ConnectionState::connecting;
        why.clear();
    } else if (phase_ == Phase::up) {
        state = link_ == Device::Link::ready       ? ConnectionState::connected
                : link_ == Device::Link::no_beckon ? ConnectionState::noBeckon
                                                   : ConnectionState::connecting;
        why = state == ConnectionState::noBeckon ? info(Failure::no_beckon).message : "";
    }
    if (state != state_) {
        state_ = state;
        notify({StateChange{state, std::move(why)}, boot_now()});
    }
}

// ---------------------------------------------------------------- connection

void Engine::start_attempt() {
    phase_ = Phase::connecting;
    auto will = device_.will();
    connection_options_.will_topic = std::move(will.topic);
    connection_options_.will = std::move(will.payload);
    ++attempt_;
    attempt_until_ = boot_now() + attempt_patience;
    update_state();
}

void Engine::lose(std::string why, bool taken_over, bool too_large) {
    const auto now = boot_now();
    phase_ = taken_over ? Phase::taken_over : Phase::waiting;
    retry_at_ = now + backoff_.next(ready_since_ ? now - *ready_since_ : Duration{0});
    ready_since_.reset();
    why_offline_ = std::move(why);
    ++attempt_;
    attempt_made_ = attempt_;
    drop_ = true;
    outbox_.clear();
    perform(device_.disconnected(now, too_large));
    update_state();
}

void Engine::hear(std::uint64_t attempt, const Connection::Happening& happening) {
    const std::lock_guard lock(mutex_);
    if (attempt != attempt_ || closing_) {
        return;
    }
    const auto now = boot_now();
    if (const auto* up = std::get_if<Connection::Up>(&happening)) {
        phase_ = Phase::up;
        why_offline_.clear();
        perform(device_.connected(now, up->max_packet));
        update_state();
        if (up->operator_news_refused) {
            notify({OperatorNews{}, now});
        }
    } else if (const auto* down = std::get_if<Connection::Down>(&happening)) {
        lose(down->why, down->taken_over, down->too_large);
    } else if (const auto* event = std::get_if<Connection::EventPayload>(&happening)) {
        perform(device_.receive_event(event->payload, now));
    } else if (const auto* reply = std::get_if<Connection::ReplyPayload>(&happening)) {
        perform(device_.receive_reply(reply->payload, now, reply->correlation));
    } else if (const auto* status = std::get_if<Connection::StatusPayload>(&happening)) {
        broker_status_ = status->payload;
        perform(device_.receive_status(status->payload, now));
    } else if (const auto* news = std::get_if<Connection::OperatorPayload>(&happening)) {
        notify({OperatorNews{std::string(news->what), std::string(news->payload)}, now});
    }
    wake_worker_if_due();
}

Instant Engine::next_look(Instant now) const {
    Instant next = now + longest_wait;
    if (const auto deadline = device_.next_deadline()) {
        next = std::min(next, *deadline);
    }
    if (phase_ == Phase::waiting && !overloaded_) {
        next = std::min(next, retry_at_);
    } else if (phase_ == Phase::connecting) {
        next = std::min(next, attempt_until_);
    }
    return next;
}

void Engine::wake_worker_if_due() {
    const bool now = !outbox_.empty() || drop_ || overloaded_;
    if (now || next_look(worker_looks_at_) < worker_looks_at_) {
        wake_worker_.notify_one();
    }
}

void Engine::work() {
    std::unique_ptr<Connection> connection;
    std::unique_lock lock(mutex_);
    while (!closing_) {
        const auto now = boot_now();
        perform(device_.advance(now));
        const bool connected = phase_ == Phase::connecting || phase_ == Phase::up;
        if (phase_ == Phase::connecting && now >= attempt_until_) {
            lose("the broker did not answer in time", false);
        } else if (connected && overloaded_) {
            lose("the application does not take what is delivered", false);
        } else if (phase_ == Phase::waiting && now >= retry_at_ && !overloaded_) {
            start_attempt();
        }
        if (!work_on(connection, lock)) {
            worker_looks_at_ = next_look(now);
            wake_worker_.wait_for(lock, worker_looks_at_ - now);
        }
    }
    if (connection) {
        publish(*connection, lock);
        lock.unlock();
        connection->disconnect(goodbye_patience);
        connection.reset();
        lock.lock();
    }
    phase_ = Phase::idle;
    update_state();
}

bool Engine::work_on(std::unique_ptr<Connection>& connection, std::unique_lock<std::mutex>& lock) {
    if (phase_ == Phase::connecting && attempt_made_ != attempt_) {
        const auto attempt = attempt_made_ = attempt_;
        const auto options = connection_options_;
        drop_ = false;
        lock.unlock();
        // The old one goes first. When it is the last, Paho ends its threads; those that it starts
        // for the next notice at once what they need a second for later.
        connection.reset();
        try {
            connection = std::make_unique<Connection>(
                options, [this, attempt](const Connection::Happening& happening) {
                    hear(attempt, happening);
                });
            connection->connect();
        } catch (const std::exception& failed) {
            hear(attempt, Connection::Down{failed.what()});
        }
        lock.lock();
        return true;
    }
    if (std::exchange(drop_, false) && connection) {
        lock.unlock();
        connection->disconnect(Duration{0});
        lock.lock();
        return true;
    }
    if (!outbox_.empty() && connection) {
        publish(*connection, lock);
        return true;
    }
    return false;
}

void Engine::publish(Connection& connection, std::unique_lock<std::mutex>& lock) {
    const auto sends = std::exchange(outbox_, {});
    lock.unlock();
    for (const auto& send : sends) {
        connection.publish(send.topic, send.payload, send.correlation);
    }
    lock.lock();
}

// ------------------------------------------------------------------ delivery

std::size_t Engine::poll(milliseconds wait) {
    std::unique_lock lock(mutex_);
    if (delivery_ != Delivery::poll || closing_ || delivering_ != std::thread::id{}) {
        return 0;
    }
    delivering_ = std::this_thread::get_id();
    if (wait > milliseconds(0)) {
        due_.wait_for(lock, std::min<milliseconds>(wait, hours(24)),
                      [&] { return !queue_.empty() || closing_; });
    }
    std::size_t made = 0;
    // What comes meanwhile is for the next time.
    for (auto left = queue_.size(); left > 0 && !queue_.empty() && !closing_; --left) {
        deliver_first(lock);
        ++made;
    }
    if (queue_.empty()) {
        eventfd_t ignored = 0;
        eventfd_read(descriptor_, &ignored);
    }
    delivering_ = {};
    due_.notify_all();
    return made;
}

void Engine::deliver_all() {
    std::unique_lock lock(mutex_);
    delivering_ = std::this_thread::get_id();
    while (true) {
        due_.wait(lock, [&] { return !queue_.empty() || closing_; });
        if (queue_.empty()) {
            break;
        }
        deliver_first(lock);
    }
    delivering_ = {};
}

void Engine::deliver_first(std::unique_lock<std::mutex>& lock) {
    {
        Notice notice = std::move(queue_.front());
        queue_.pop_front();
        if (!std::holds_alternative<Completed>(notice.what)) {
            --events_waiting_;
            if (overloaded_ && events_waiting_ <= max_events_waiting / 2) {
                overloaded_ = false;
                wake_worker_.notify_one();
            }
        }
        lock.unlock();
        deliver(notice);
        // Here the callback is destroyed, and what the application has in it.
    }
    lock.lock();
}

/// A listener or callback that throws ends the program, as it promised not to.
void Engine::deliver(Notice& notice) noexcept {
    const auto age = boot_now() - notice.since;
    std::visit(
        [&](auto& what) {
            using What = std::decay_t<decltype(what)>;
            if constexpr (std::is_same_v<What, Heard>) {
                tell(signaling_listeners_, what, age);
            } else if constexpr (std::is_same_v<What, Ended> || std::is_same_v<What, Busy>) {
                tell(signaling_listeners_, what);
            } else if constexpr (std::is_same_v<What, GroupEvent>) {
                tell(group_listeners_, what);
            } else if constexpr (std::is_same_v<What, MessageEvent>) {
                tell(message_listeners_, what);
            } else if constexpr (std::is_same_v<What, OperatorNews>) {
                operator_listeners_.tell({[&](OperatorListener& listener) {
                    if (what.what.empty()) {
                        listener.onNoOperator();
                    } else {
                        listener.onOperatorNews(what.what, what.json);
                    }
                }});
            } else if constexpr (std::is_same_v<What, StateChange>) {
                connection_listeners_.tell({[&](ConnectionListener& listener) {
                    listener.onConnectionStateChanged(what.state, what.why);
                }});
            } else {
                what.outcome.age = age;
                what.done(what.outcome);
            }
        },
        notice.what);
}

}  // namespace beckon
