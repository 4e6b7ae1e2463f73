// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <beckon/client.hpp>
#include <beckon/groups.hpp>
#include <beckon/messages.hpp>
#include <beckon/signaling.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "connection.hpp"
#include "device/device.hpp"
#include "listeners.hpp"
#include "mapping.hpp"

namespace beckon {

/// How long to wait before the next attempt to connect: a random time of up to a
/// limit that doubles each time, so that the clients of a broker that restarts do not
/// all come back at once.
class Backoff {
  public:
    Backoff(Duration first, Duration most)
        : first_(first), most_(most), limit_(first), random_(std::random_device{}()) {}
    /// After a connection that was of use for so long. Only one that outlived the
    /// present limit begins anew: two clients with the same client id, each of which
    /// ends the other's connection, are to calm down.
    Duration next(Duration lasted);
    void reset() { limit_ = first_; }

  private:
    Duration first_;
    Duration most_;
    Duration limit_;
    std::mt19937_64 random_;
};

/// Runs one `Device`: connects it, tells it the time, and takes what it has to tell
/// to the application.
///
///   application's threads ─┐           ┌─► outbox ──► worker ──► Connection (Paho)
///   Paho's threads        ─┼─► Device ─┤
///   worker (time)         ─┘ (mutex)   └─► queue ──► deliverer or `poll` ──► application
///
/// The mutex is never held in a call out. Only the worker calls Paho, as Paho may
/// block, and calls back with a lock of its own held. Any thread calls this, but
/// for `close`, which is the last call.
class Engine {
  public:
    using Completion = std::function<void(const Outcome&)>;

    /// Throws `std::invalid_argument` that names the option.
    static std::shared_ptr<Engine> start(const ClientOptions& options);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Answers what is outstanding, leaves the broker, ends the threads. Afterwards
    /// nothing is called; called from within a delivery, the delivering thread ends
    /// when that returns.
    void close();

    void connect();
    [[nodiscard]] ConnectionState state() const;
    [[nodiscard]] const std::string& user() const { return user_text_; }
    std::size_t poll(std::chrono::milliseconds wait);
    [[nodiscard]] int descriptor() const { return descriptor_; }

    /// `done` is called once, by the delivering thread; it may be empty.
    void call(RequestBody body, Completion done);
    /// As `call` for what is refused here.
    void refuse(Refusal refusal, Completion done);
    /// Whether rings are rejected, and how; done at once.
    void set_busy(std::optional<Reject> as, Completion done);
    /// Another for each signal that this client sends; the first is random, and none is too large
    /// for a language whose numbers are doubles.
    std::uint64_t next_signal() { return ++last_signal_; }
    /// What is open for this user.
    [[nodiscard]] std::vector<InvitationInfo> open() const;
    [[nodiscard]] std::string server_epoch() const;
    [[nodiscard]] std::string broker_status() const;
    [[nodiscard]] std::optional<DeviceTag> device_tag() const;

    Listeners<SignalingListener>& signaling_listeners() { return signaling_listeners_; }
    Listeners<GroupListener>& group_listeners() { return group_listeners_; }
    Listeners<SimpleMsgListener>& message_listeners() { return message_listeners_; }
    Listeners<OperatorListener>& operator_listeners() { return operator_listeners_; }
    Listeners<ConnectionListener>& connection_listeners() { return connection_listeners_; }

    /// 128 random bits in hex.
    static std::string random_id();

  private:
    struct StateChange {
        ConnectionState state;
        std::string why;
    };
    /// What operators are told; nothing of it: this user is none.
    struct OperatorNews {
        std::string what;
        std::string json;
    };
    struct Completed {
        Completion done;
        Outcome outcome;
    };
    /// Something to tell the application.
    struct Notice {
        std::variant<Heard, Ended, Busy, GroupEvent, MessageEvent, OperatorNews, StateChange,
                     Completed>
            what;
        Instant since;
    };
    enum class Phase : std::uint8_t {
        idle,        ///< not started, or closed
        waiting,     ///< for `retry_at_`
        connecting,  ///< until `attempt_until_`
        up,
        taken_over,
    };

    explicit Engine(const ClientOptions& options);

    // All of these with the mutex held.
    void perform(Device::Effects effects);
    void answer(Completion done, std::variant<Reply, Failure> told);
    void notify(Notice notice);
    void start_attempt();
    void lose(std::string why, bool taken_over, bool too_large = false);
    void update_state();
    void wake_worker_if_due();
    [[nodiscard]] Instant next_look(Instant now) const;
    void deliver_first(std::unique_lock<std::mutex>& lock);

    void hear(std::uint64_t attempt, const Connection::Happening& happening);
    void work();
    /// One round: true when there was something to do with the connection, for which
    /// it unlocks.
    bool work_on(std::unique_ptr<Connection>& connection, std::unique_lock<std::mutex>& lock);
    void publish(Connection& connection, std::unique_lock<std::mutex>& lock);
    void deliver_all();
    void deliver(Notice& notice) noexcept;

    const UserId user_;
    const std::string user_text_;
    const Device::Offline offline_;
    const Delivery delivery_;
    const std::int64_t max_waiting_;
    Connection::Options connection_options_;
    Listeners<SignalingListener> signaling_listeners_;
    Listeners<GroupListener> group_listeners_;
    Listeners<SimpleMsgListener> message_listeners_;
    Listeners<OperatorListener> operator_listeners_;
    std::string broker_status_;
    Listeners<ConnectionListener> connection_listeners_;

    std::atomic<std::uint64_t> last_signal_ =
        (std::uint64_t{std::random_device{}()} << 16U) & 0xffffffffffffU;

    mutable std::mutex mutex_;
    Device device_;
    Device::Link link_ = Device::Link::offline;
    bool closing_ = false;
    Device::CallId last_call_ = 0;
    std::unordered_map<Device::CallId, Completion> completions_;

    // The connection.
    std::condition_variable wake_worker_;
    Phase phase_ = Phase::idle;
    /// The connection that was lost may still be up.
    bool drop_ = false;
    ConnectionState state_ = ConnectionState::disconnected;
    /// What an earlier attempt still tells is ignored.
    std::uint64_t attempt_ = 0;
    std::uint64_t attempt_made_ = 0;
    Instant attempt_until_{};
    Instant retry_at_{};
    /// Since when the device is ready.
    std::optional<Instant> ready_since_{};
    Backoff backoff_;
    std::string why_offline_{};
    std::vector<Device::Send> outbox_;
    Instant worker_looks_at_{};

    // Delivery.
    std::condition_variable due_;
    std::deque<Notice> queue_;
    /// With `Delivery::poll`: can be read while there is something in the queue.
    int descriptor_ = -1;
    /// Of the queue, all but results.
    std::size_t events_waiting_ = 0;
    bool overloaded_ = false;
    /// Who delivers now, if anyone.
    std::thread::id delivering_{};

    std::thread worker_;
    std::thread deliverer_;
};

}  // namespace beckon
