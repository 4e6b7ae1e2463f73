// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "packets.hpp"

namespace beckon::bench {

class Connection;

/// The connections to one broker, waited for together.
class Poller {
  public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Reads what is there and hands it over, waiting for it up to so many milliseconds.
    void poll(int patience_ms) const;

  private:
    friend class Connection;
    void watch(int operation, int socket, bool also_writable, Connection* connection) const;
    int descriptor_;
};

/// One client. All happens within `Poller::poll` and what its caller does; what cannot be throws
/// `std::runtime_error`.
class Connection {
  public:
    using Hear = std::function<void(Connection&, const Publish&)>;

    /// `tag` is the user's of this class. `hear` lives longer than this.
    Connection(const Poller& poller, std::string user, std::size_t tag, const Hear& hear);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void open(int port, Version version, int qos);
    void subscribe(const std::vector<std::string>& filters);
    /// CONNECT and each SUBSCRIBE were answered.
    [[nodiscard]] bool ready() const { return answers_due_ == 0; }
    /// Goes out by `send`, or with what answers a message.
    void publish(std::string_view topic, std::string_view payload);
    void send();
    /// Says DISCONNECT; the broker closes then.
    void leave();
    [[nodiscard]] bool is_open() const { return socket_ >= 0; }

    [[nodiscard]] const std::string& user() const { return user_; }
    [[nodiscard]] std::size_t tag() const { return tag_; }
    /// Acknowledgements of what this one published.
    [[nodiscard]] std::size_t acknowledged() const { return acknowledged_; }

  private:
    friend class Poller;
    void receive();
    void take(const Packet& packet);
    void close();

    const Poller& poller_;
    std::string user_;
    std::size_t tag_;
    const Hear& hear_;
    Version version_ = Version::v3;
    int qos_ = 1;
    int socket_ = -1;
    bool leaving_ = false;
    bool waits_to_write_ = false;
    int answers_due_ = 0;
    std::uint16_t last_id_ = 0;
    std::size_t acknowledged_ = 0;
    std::string received_;
    std::string to_send_;
};

}  // namespace beckon::bench
