// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "protocol/requests.hpp"

namespace beckon {

/// What the device asks for by itself until there is an answer: to learn how an
/// invitation stands, to call one off and get out of its call, or to reject one as busy.
struct Errand {
    enum class What : std::uint8_t { get, cancel, hangup, reject };
    What what = What::get;
    InvitationId id{};
    // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14
    auto operator<=>(const Errand&) const = default;
};

/// The errands of one device, each until it is done: which are in flight, and when the others are
/// to be tried (again). No I/O, no clock, no thread.
class Errands {
  public:
    /// Asks how it stands.
    void get(const InvitationId& id, Instant when);
    /// Cancels it; unless there are too many. Who accepted before may be in a call with this user,
    /// who knows nothing of it: it is ended afterwards.
    void call_off(const InvitationId& id, bool may_be_call);
    void reject(Reject as, Instant when);

    /// The request of the next one that is due, which is in flight now; nothing: none may be sent.
    std::optional<RequestBody> begin(Instant now);
    /// Which one the request is of.
    static Errand of(const RequestBody& body);

    /// It is in flight no more, and to be tried again.
    void again(const Errand& errand, Instant when);
    /// The data of that reject was too large. False: it had none.
    bool drop_data(const Errand& errand);
    void done(const Errand& errand);

    /// All are to be tried again, but to ask how an invitation stands: the next sync tells.
    void lose_connection();
    void clear();

    [[nodiscard]] std::optional<Instant> next_deadline() const;

  private:
    /// When to try (again); absent: it is in flight.
    std::map<Errand, std::optional<Instant>> errands_{};
    std::size_t in_flight_ = 0;
    /// That are called off, and may be a call.
    std::set<InvitationId> calls_{};
    /// How those rings are rejected that the broker was not told of yet.
    std::map<InvitationId, Reject> rejects_{};
};

}  // namespace beckon
