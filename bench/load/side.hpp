// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "connection.hpp"

namespace beckon::bench {

using Clock = std::chrono::steady_clock;

/// What the clients of a side say: Beckon's requests in one of its encodings; a bare broker's same
/// number of messages in and out; or one PUBLISH that one other hears.
enum class Speech : std::uint8_t { json, msgpack, bare, plain };

struct Options {
    Version version = Version::v3;
    int qos = 1;
    std::size_t pairs = 100;
    int rounds = 7;
    double seconds = 1;
    /// For each round, instead of `seconds`.
    std::size_t cycles = 0;
    /// Cycles a second, whatever becomes of them; 0: a pair's next begins when its last is over.
    double rate = 0;
    double warm_up = 0.5;
    std::size_t count = 1000;
    std::size_t members = 250;
    /// Mean pause between two of what is done one at a time.
    double gap_ms = 5;
    /// Of the bare broker's payloads, in the place of Beckon's for an invite and for an answer.
    std::vector<std::size_t> sizes{200, 160};
    /// churn: the clients subscribe to their inboxes, not to what is no business of Beckon's.
    bool inboxes = false;
    /// Says when what counts begins and ends, and waits for a line each time.
    bool ask = false;
};

/// A broker, its clients, and what it costs.
class Side {
  public:
    /// NAME:SPEECH:PORT:PID; throws `std::runtime_error`.
    Side(const std::string& described, char letter);

    std::string name;
    Speech speech = Speech::json;
    int port = 0;
    pid_t pid = 0;
    /// Tells this side's users from another's.
    char letter;
    Poller poller{};
    Connection::Hear hear{};
    std::deque<Connection> connections{};

    [[nodiscard]] bool is_beckon() const {
        return speech == Speech::json || speech == Speech::msgpack;
    }

    /// Opens a connection for each user, with its filters, and waits until all are ready.
    void connect(const std::vector<std::string>& users, const Options& options,
                 const std::function<std::vector<std::string>(const Connection&)>& filters);
    /// Lets come what comes until `over`; throws when that takes longer than 20 s.
    void await(const std::function<bool()>& over, const char* what) const;
    /// Lets come what comes until the broker does nothing any more.
    void settle() const;
    /// Of all its threads, in seconds.
    [[nodiscard]] double cpu() const;
    /// In bytes.
    [[nodiscard]] std::int64_t resident() const;
};

using Sides = std::deque<Side>;

/// What a part of this program found, of each side.
using Found = std::vector<nlohmann::json>;
Found run_cycles(Sides& sides, const Options& options);
Found run_latency(Sides& sides, const Options& options);
Found run_timeouts(Sides& sides, const Options& options);
Found run_pending(Sides& sides, const Options& options);
Found run_churn(Sides& sides, const Options& options);
Found run_group(Sides& sides, const Options& options);

/// Says that what counts of this side begins, or that it ended, and waits for a line.
void ask(const Options& options, const char* what, const Side& side);

/// Of this process, in seconds.
double own_cpu();
inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}
/// So that the broker is idle, and not in step with anything: between a half and one and a half of
/// the mean.
void pause(double mean_ms);

// What is said, where.

/// 16 bytes: "caller-A-0000017".
std::string user_name(std::string_view role, char letter, std::size_t number);
/// 32 bytes, another in each run of this program.
std::string invitation_id(char letter, std::size_t pair, std::size_t number);
std::string inbox(std::string_view user, std::string_view level);
/// Of 32 bytes of data; `timeout_ms` 0: none is told.
std::string invite_body(Speech speech, const std::string& id, std::uint32_t timeout_ms = 0);
std::string_view empty_body(Speech speech);
std::vector<std::string> inbox_filters(Speech speech, std::string_view user);

}  // namespace beckon::bench
