// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "broker_login.hpp"

namespace beckon {

/// Retains `status` at those nodes of a cluster that the service is not connected to: where a
/// node's new subscribers find only what was published there, as with ejabberd, nobody else would.
/// A thread of its own, that a node that does not answer delays; it tries again until the node has
/// it.
class StatusEverywhere {
  public:
    struct Options {
        BrokerLogin login;
        std::string topic;
        /// Of the connections that it makes, with "-status" behind it.
        std::string client_id;
        /// The user property by which the service knows its own.
        std::string own_property;
        std::string own;
        /// As of `BrokerLink`; null: always.
        std::function<bool()> may_speak{};
    };

    explicit StatusEverywhere(Options options);
    ~StatusEverywhere();
    StatusEverywhere(const StatusEverywhere&) = delete;
    StatusEverywhere& operator=(const StatusEverywhere&) = delete;

    /// What is retained at `here`, the address that the service is connected to. Any thread.
    void tell(std::string payload, std::string here);

  private:
    struct Publication;
    struct Told {
        std::string payload;
        std::string here;
        /// Those that have it.
        std::set<std::string> at{};
    };

    void run();
    [[nodiscard]] const BrokerAddress* next() const;
    [[nodiscard]] bool publish(const BrokerAddress& node, const std::string& payload) const;

    Options options_;
    std::mutex mutex_;
    std::condition_variable called_;
    bool stopping_ = false;
    std::optional<Told> told_{};
    std::thread thread_;
};

}  // namespace beckon
