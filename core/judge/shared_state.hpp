// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "change_log.hpp"
#include "judge/siphash.hpp"
#include "judge/switchboard.hpp"
#include "lateness.hpp"
#include "protocol/limits.hpp"
#include "protocol/replies.hpp"
#include "rate_limit.hpp"
#include "records.hpp"
#include "timer_wheel.hpp"

namespace beckon {

/// What the switchboard's judges share: the present instant, the records, the
/// deadlines, and how much each user may still do. One thread.
class SharedState {
  public:
    explicit SharedState(const Switchboard::Options& options);

    /// Charges `user` for so many events, if they fit and so many `bytes` more can be
    /// kept, as those of `whose`; or charges nothing. The last check of each request.
    [[nodiscard]] std::optional<Refusal> charge(const UserId& user, std::int64_t count,
                                                std::int64_t bytes, const UserId& whose);
    /// Likewise, for what is not stored.
    [[nodiscard]] std::optional<Refusal> charge_unstored(const UserId& user, std::int64_t count);

    /// Charges `user` for events that no request can be refused for.
    void owe(const UserId& user, std::int64_t count) { events.owe(rate_key(user), now, count); }

    /// What a user is counted by, and what asks of one another are.
    [[nodiscard]] RateKey rate_key(const UserId& user) const { return hash_(user.text()); }
    [[nodiscard]] RateKey rate_key(RateKey asker, const UserId& asked) const {
        return asker ^ std::rotl(rate_key(asked), 1);
    }

    InvitationId fresh_invitation();
    MessageId fresh_message();

    const Limits limits;
    std::string server_epoch;
    /// Operators are named.
    const bool operators;
    /// See `Switchboard::Options`.
    const Duration clock_step;
    Totals totals;
    Lateness lateness;
    Instant now{};
    /// So many bytes are left for what the reply to this request lists.
    std::size_t reply_room = 0;
    /// See `Switchboard::store_takes_nothing`. An absence is looked at again a moment later.
    bool store_takes_nothing = false;
    static constexpr Duration moment{1000};
    /// See `Switchboard::count_absence_from`.
    Instant absence_counts_from = Instant::min();
    /// Nobody is lost before.
    [[nodiscard]] Instant first_lost() const {
        return absence_counts_from + Duration(limits.grace_ms);
    }
    TimerWheel wheel;
    RateLimit requests;
    RateLimit pair_invites;
    RateLimit events;
    RateLimit reply_bytes;
    ChangeLog changes;
    Records records;

  private:
    SharedState(const Switchboard::Options& options, const SipKey& hash_key, const SipKey& id_key);
    [[nodiscard]] std::optional<Refusal> charge_events(RateKey user, std::int64_t count);
    /// 128 bits that nobody can foretell.
    std::string fresh_id();

    TableHash hash_;
    SipKey id_key_;
    std::uint64_t ids_made_ = 0;
};

}  // namespace beckon
