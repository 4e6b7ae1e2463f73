// SPDX-License-Identifier: Apache-2.0
#include "shared_state.hpp"

#include <utility>

#include "protocol/refusals.hpp"

namespace beckon {

SharedState::SharedState(const Limits& given, std::string epoch, const SipKey& secret, bool stored)
    : SharedState(given, std::move(epoch), derive_key(secret, "hash"), derive_key(secret, "ids"),
                  stored) {}

SharedState::SharedState(const Limits& given, std::string epoch, const SipKey& hash_key,
                         const SipKey& id_key, bool stored)
    : limits(given),
      server_epoch(std::move(epoch)),
      requests(limits.requests_per_second, limits.requests_burst, hash_key),
      pair_invites(limits.pair_invites_per_second, limits.pair_invites_burst, hash_key),
      events(limits.events_per_second, limits.events_burst, hash_key, 2 * limits.events_burst),
      changes(stored),
      records(limits, hash_key, changes),
      id_key_(id_key) {}

std::optional<Refusal> SharedState::charge(const UserId& user, std::int64_t count,
                                           std::int64_t bytes) {
    if (events.allows(user.text(), now, count)) {
        if (!records.has_room(bytes)) {
            return refuse_size("data", limits.max_total_data_bytes);
        }
        if (store_takes_nothing) {
            return refuse(Error::storage_unavailable);
        }
    }
    return charge_unstored(user, count);
}

std::optional<Refusal> SharedState::charge_unstored(const UserId& user, std::int64_t count) {
    if (!events.allows(user.text(), now, count)) {
        return refuse_count(Error::rate_limited, limits.events_per_second);
    }
    events.charge(user.text(), now, count);
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
    return DeviceTag(bits.low).text() + DeviceTag(bits.high).text();
}

}  // namespace beckon
