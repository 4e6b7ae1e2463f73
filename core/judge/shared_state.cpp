// SPDX-License-Identifier: Apache-2.0
#include "shared_state.hpp"

#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// What the last page that was allowed may be over.
constexpr std::int64_t most_reply_bytes_owed = 64LL * 1024;

}  // namespace

SharedState::SharedState(const Switchboard::Options& options)
    : SharedState(options, derive_key(options.secret, "hash"), derive_key(options.secret, "ids")) {}

SharedState::SharedState(const Switchboard::Options& options, const SipKey& hash_key,
                         const SipKey& id_key)
    : limits(options.limits),
      server_epoch(options.server_epoch),
      operators(options.operators),
      clock_step(options.clock_step),
      totals(options.totals),
      requests(limits.requests_per_second, limits.requests_burst),
      pair_invites(limits.pair_invites_per_second, limits.pair_invites_burst),
      events(limits.events_per_second, limits.events_burst, 2 * limits.events_burst),
      reply_bytes(limits.reply_bytes_per_second, limits.reply_bytes_burst, most_reply_bytes_owed),
      changes(options.stored),
      records(limits, hash_key, changes, operators),
      hash_{hash_key},
      id_key_(id_key) {}

std::optional<Refusal> SharedState::charge(const UserId& user, std::int64_t count,
                                           std::int64_t bytes, const UserId& whose) {
    const auto key = rate_key(user);
    if (events.allows(key, now, count)) {
        if (!records.has_share(whose, bytes)) {
            return refuse_size("data", limits.max_user_data_bytes);
        }
        if (!records.has_room(bytes)) {
            return refuse_size("data", limits.max_total_data_bytes);
        }
        if (store_takes_nothing) {
            return refuse(Error::storage_unavailable);
        }
    }
    return charge_events(key, count);
}

std::optional<Refusal> SharedState::charge_unstored(const UserId& user, std::int64_t count) {
    return charge_events(rate_key(user), count);
}

std::optional<Refusal> SharedState::charge_events(RateKey user, std::int64_t count) {
    if (!events.allows(user, now, count)) {
        return refuse_count(Error::rate_limited, limits.events_per_second);
    }
    events.charge(user, now, count);
    return std::nullopt;
}

InvitationId SharedState::fresh_invitation() {
    for (;;) {
        auto id = InvitationId::parse(fresh_id());
        if (records.find(*id) == nullptr) {
            return *id;
        }
    }
}

MessageId SharedState::fresh_message() { return *MessageId::parse(fresh_id()); }

std::string SharedState::fresh_id() {
    const auto bits = derive_key(id_key_, std::to_string(++ids_made_));
    return DeviceTag(bits.low).str() + DeviceTag(bits.high).str();
}

}  // namespace beckon
