// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/device.hpp"

namespace beckon {

/// A request that has no reply yet.
struct OpenRequest {
    /// Whose result it is to be; nothing: the device's own.
    std::optional<Device::CallId> call{};
    RequestBody body;
    Device::Offline offline = Device::Offline::wait;
    Instant asked{};
    Instant deadline{};
    /// How often without a reply.
    unsigned sent = 0;
    bool in_flight = false;
    /// How often on this connection, and the size of it.
    unsigned tries = 0;
    std::size_t size = 0;
    /// How often it was in flight, the largest, when the broker ended the connection.
    unsigned thrown_out = 0;
    /// In flight: when to repeat it. Waiting: not before.
    std::optional<Instant> again_at{};
    /// Why it waits, if it was refused for now.
    std::optional<Reply> refused{};
    /// Members that did not fit into it, and are added after it; who was skipped so far.
    std::vector<UserId> rest{};
    std::vector<Skipped> skipped{};
    std::int64_t more = 0;
    /// What the pages before told of the invitation that is asked for.
    std::optional<InvitationInfo> so_far{};
};

/// The requests of one device that have no reply yet: which of them wait to be sent, in which
/// order, which are in flight, and until when. Each has a number, which rises and is part of its
/// `req`. No I/O, no clock, no thread.
class OpenRequests {
  public:
    using Number = std::uint64_t;

    explicit OpenRequests(std::string req_prefix) : req_prefix_(std::move(req_prefix)) {}

    /// It waits behind the others.
    Number add(OpenRequest request);
    /// Takes it out; it is over.
    OpenRequest take(Number number);
    [[nodiscard]] const OpenRequest& at(Number number) const { return requests_.at(number); }
    [[nodiscard]] OpenRequest& at(Number number) { return requests_.at(number); }
    /// It is sent now (again), and is to be repeated then.
    void begin(Number number, std::size_t size, std::optional<Instant> again_at);
    /// It is in flight no more: it waits before the others, until then.
    void put_off(Number number, std::optional<Instant> until);
    /// What is in flight waits again, before what waited.
    void wait_again();

    [[nodiscard]] const std::deque<Number>& waiting() const { return waiting_; }
    /// The first that waits and may be sent; nothing: there is none.
    [[nodiscard]] std::optional<Number> first_waiting(Instant now) const;
    /// When the first may be sent; nothing: none waits.
    [[nodiscard]] std::optional<Instant> first_waiting_at() const;
    /// One in flight that is to be repeated.
    [[nodiscard]] std::optional<Number> due_again(Instant now) const;
    /// The largest in flight.
    [[nodiscard]] std::optional<Number> largest_in_flight() const;
    [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
    [[nodiscard]] std::vector<Number> all() const;
    /// One whose deadline has come.
    [[nodiscard]] std::optional<Number> due(Instant now) const;
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    [[nodiscard]] std::string req_of(Number number) const;
    /// Which one is replied to; nothing: it is over, or somebody else's. `correlation` tells where
    /// the reply itself does not.
    [[nodiscard]] std::optional<Number> asked_by(const Reply& reply,
                                                 std::string_view correlation) const;

  private:
    std::string req_prefix_;
    std::map<Number, OpenRequest> requests_{};
    std::set<std::pair<Instant, Number>> deadlines_{};
    /// Of what is in flight.
    std::set<std::pair<Instant, Number>> repeats_{};
    std::deque<Number> waiting_{};
    std::size_t in_flight_ = 0;
    Number next_number_ = 1;
};

}  // namespace beckon
