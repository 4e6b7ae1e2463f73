// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/client.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace beckon {

/// One attempt to connect, and the connection that comes of it, by Paho.
///
/// Each attempt gets a new one. A Paho client that is used again keeps what an
/// earlier attempt left unsent, cannot give an attempt up, and may report its end
/// late; when a client is destroyed, all of that is gone.
///
/// Paho calls back with its global lock held, and holds it while it looks names up.
/// So whoever calls this may hold no lock that `Listener` takes, and should be a
/// thread that nobody waits for. One thread at a time; not from within `Listener`.
class Connection {
  public:
    struct Options {
        /// As `ClientOptions::server`.
        std::string server{};
        std::string client_id{};
        std::string user{};
        std::string password{};
        TlsOptions tls{};
        std::chrono::seconds keep_alive{};
        std::chrono::seconds session_expiry{};
        /// The topics that are subscribed to; the second also goes out as Response Topic.
        std::string events{};
        std::string replies{};
        /// Another topic to subscribe to, which the broker may refuse.
        std::string status{};
        /// What operators read is right below it, and the broker may refuse it; empty: nothing.
        std::string for_operators{};
        std::string content_type{};
        /// What the broker publishes when this connection ends.
        std::string will_topic{};
        std::string will{};
    };

    /// What a packet has beside topic, payload and correlation, at most.
    static std::size_t packet_overhead(const Options& options);

    /// The broker has accepted the connection and both subscriptions.
    struct Up {
        /// The largest that it takes, if it said so.
        std::optional<std::size_t> max_packet{};
        bool operator_news_refused = false;
    };
    /// It came to nothing, or is lost; the last that is told.
    struct Down {
        std::string why;
        /// Another client connected with the same client id.
        bool taken_over = false;
        /// Because of a packet that was too large.
        bool too_large = false;
    };
    /// What is queued for the session may come before `Up`.
    struct EventPayload {
        std::string_view payload;
    };
    struct ReplyPayload {
        std::string_view payload;
        std::string_view correlation;
    };
    struct StatusPayload {
        std::string_view payload;
    };
    struct OperatorPayload {
        /// The last level of its topic.
        std::string_view what;
        std::string_view payload;
    };
    using Happening =
        std::variant<Up, Down, EventPayload, ReplyPayload, StatusPayload, OperatorPayload>;
    /// Called by Paho's threads, one at a time.
    using Listener = std::function<void(const Happening&)>;

    /// Throws `std::exception` when Paho refuses, as for want of memory.
    Connection(const Options& options, Listener listener);
    /// Afterwards nothing is told. Takes up to a second when this is the last client
    /// of the process, whose threads Paho ends then.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void connect();
    /// At most once, and only while it is up; otherwise it is lost.
    void publish(const std::string& topic, const std::string& payload,
                 const std::string& correlation);
    /// Says goodbye, after what was published, and waits for that at most that long.
    void disconnect(std::chrono::milliseconds patience);

    /// What Paho takes for `server`, with a port; throws `std::invalid_argument`.
    static std::string paho_uri(const std::string& server);

  private:
    class Paho;
    std::unique_ptr<Paho> paho_;
};

}  // namespace beckon
