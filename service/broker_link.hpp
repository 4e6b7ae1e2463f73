// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker_login.hpp"
#include "descriptor.hpp"
#include "host/bus.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// What a client published to one of the topics of requests.
struct Arrived {
    /// Below the root.
    std::string topic;
    std::string payload;
    /// Nothing: the topic names nobody who could be replied to.
    std::optional<UserId> sender{};
    ReplyAddress reply_to{};
    bool retain = false;
};

/// What is to be published.
struct Outgoing {
    std::string topic;
    std::string payload;
    /// Nothing: no Content Type.
    std::optional<Encoding> encoding{};
    std::optional<std::string> correlation{};
    std::optional<std::uint32_t> expires_after_s{};
    /// Held until the broker has acknowledged it.
    std::shared_ptr<const void> telling{};
    int qos = 1;
    bool retain = false;
    /// It comes to whoever serves here, too, who has to know whose it is.
    bool says_whose = false;
    [[nodiscard]] std::size_t bytes() const;
};

/// The connection to somebody else's broker: a session that stays, whose name is the site's, so
/// that what is asked while nobody is there waits, and whoever comes second sends the first away.
/// Its thread connects, again and again, acknowledges each request at once, and keeps it until it
/// is taken: the host's thread judges and waits for no network. What waits is bounded in both
/// directions: when too much has arrived, no more is read for the time.
class BrokerLink {
  public:
    struct Options {
        BrokerLogin login{};
        std::string word = "beckon";
        std::string client_id;
    };
    /// What the host is told; called on the link's thread.
    struct Listener {
        /// There is something to be taken, or it has ended.
        std::function<void()> wake;
        std::function<void(LogLevel level, const std::string& sentence)> log;
        /// It can be asked now: each time after it has connected and subscribed.
        std::function<void()> is_up;
        /// Nobody else is who serves here; null: only the broker knows, which sends the first away.
        /// Asked before each connection and each publish.
        std::function<bool()> may_speak{};
    };
    /// Why there is no going on, and what the program ends with.
    struct End {
        std::string sentence;
        int code = 0;
    };
    static constexpr int taken_over = 3;
    static constexpr int thrown_out = 4;
    static constexpr int speaks_no_more = 5;

    BrokerLink(Options options, Listener listener);
    /// Ends the connection, but not the session.
    ~BrokerLink();
    BrokerLink(const BrokerLink&) = delete;
    BrokerLink& operator=(const BrokerLink&) = delete;

    void start();
    /// At most so many.
    std::deque<Arrived> take(std::size_t most);
    /// False: too much waits.
    bool publish(Outgoing outgoing);
    /// There is room for what more requests would have told.
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] std::optional<End> end() const;
    /// All is acknowledged that was to be published.
    [[nodiscard]] bool is_drained() const;
    /// What comes from now on stays with the broker, for whoever serves next; acknowledgements,
    /// too.
    void stop_reading();
    /// It does, and all that came before is taken.
    [[nodiscard]] bool is_dry() const;
    /// All that was to be published is sent.
    [[nodiscard]] bool is_sent() const;

  private:
    class Session;

    void run();
    [[nodiscard]] bool has_room_to_read() const;
    /// False, and it has ended: somebody else may serve by now.
    bool may_speak();
    void end_with(std::string sentence, int code);

    Options options_;
    Listener listener_;
    Topics topics_;
    WakeUp wake_up_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> reads_no_more_ = false;
    std::atomic<bool> has_stopped_reading_ = false;

    mutable std::mutex mutex_;
    std::deque<Arrived> arrived_;
    std::size_t arrived_bytes_ = 0;
    std::deque<Outgoing> outgoing_;
    std::size_t outgoing_bytes_ = 0;
    std::size_t unacknowledged_ = 0;
    std::optional<End> end_{};

    std::thread thread_;
};

}  // namespace beckon
