// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/client.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "discovery.hpp"

namespace beckon::cli::home {

/// A connection to the broker where Home Assistant is, which may be another than Beckon's: the
/// client library speaks Beckon alone, and publishes nothing else.
///
/// Connects again by itself. One thread; what Paho's threads tell waits until `take`.
class MqttLink {
  public:
    struct Options {
        /// As `ClientOptions` has them.
        std::string server{};
        std::string user{};
        std::string password{};
        TlsOptions tls{};
        /// What the broker publishes, and keeps, when this is gone.
        Message will{};
        std::vector<std::string> subscriptions{};
    };

    /// Connected, and subscribed to all but these.
    struct Up {
        std::vector<std::string> refused{};
    };
    struct Down {
        std::string why;
    };
    using Happening = std::variant<Up, Down, Message>;

    /// Throws `std::invalid_argument` that says why `server` can be none.
    explicit MqttLink(Options options);
    ~MqttLink();
    MqttLink(const MqttLink&) = delete;
    MqttLink& operator=(const MqttLink&) = delete;

    /// Can be read while `take` has something.
    [[nodiscard]] int descriptor() const;
    /// Connects, if it is time to; returns how long to wait at most until the next time.
    std::chrono::milliseconds advance();
    /// What has happened, in its order.
    std::vector<Happening> take();
    /// Only while it is up. A connection that cannot take it is given up, and all told anew.
    void publish(const Message& message);
    /// Says goodbye, after what was published.
    void leave();

  private:
    class Attempt;
    struct Inbox;
    void fail(const std::string& why);

    Options options_;
    std::string uri_;
    std::unique_ptr<Inbox> inbox_;
    std::unique_ptr<Attempt> attempt_;
    std::chrono::steady_clock::time_point again_{};
    std::chrono::milliseconds pause_;
};

}  // namespace beckon::cli::home
