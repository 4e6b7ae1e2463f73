// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "judge/effects.hpp"
#include "protocol/ids.hpp"
#include "protocol/intake.hpp"
#include "protocol/limits.hpp"

/// Who acts in tests, walks and fuzzers, and when: short words for what the protocol parses. What
/// is no name, id or device throws.
namespace beckon {

inline UserId user(std::string_view name) { return UserId::parse(name).value(); }
inline UserId user(std::string_view prefix, std::size_t number) {
    return user(std::string(prefix) + std::to_string(number));
}
inline std::vector<UserId> users(std::string_view prefix, std::size_t count) {
    std::vector<UserId> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(user(prefix, i));
    }
    return all;
}
inline InvitationId id(std::string_view name) { return InvitationId::parse(name).value(); }
inline GroupId group_id(std::string_view name) { return GroupId::parse(name).value(); }

constexpr Instant at(std::int64_t ms) { return Instant(Duration(ms)); }

/// As transcripts spell it: `bob.2`.
inline Sender device(std::string_view spelled) {
    const auto dot = spelled.rfind('.');
    return {.user = user(spelled.substr(0, dot)),
            .device = DeviceTag(std::stoull(std::string(spelled.substr(dot + 1))))};
}
inline std::string spelled(const Sender& one) {
    return one.user.str() + '.' + std::to_string(std::stoull(one.device.str(), nullptr, 16));
}

/// Limits of which no rate refuses anything, for tests of something else.
inline Limits without_rates() {
    Limits limits;
    limits.requests_per_second = limits.pair_invites_per_second = limits.events_per_second =
        1'000'000;
    limits.requests_burst = limits.pair_invites_burst = limits.events_burst = 1'000'000'000;
    return limits;
}

}  // namespace beckon
