// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace beckon {

/// Every limit of the contract's section 9 that applies, with its default.
/// A name ends in its unit: `_bytes`, `_ms`, `_per_second`; else a count.
struct Limits {
    std::int64_t max_payload_bytes = 32 * 1024;
    std::int64_t max_payload_values = 4096;
    std::int64_t max_data_bytes = 16 * 1024;
    std::int64_t max_total_data_bytes = 256LL * 1024 * 1024;
    std::int64_t max_user_data_bytes = 1024LL * 1024;
    std::int64_t max_user_group_bytes = 4LL * 1024 * 1024;
    std::int64_t max_timeout_ms = 24LL * 3600 * 1000;
    std::int64_t max_lifetime_ms = 24LL * 3600 * 1000;
    std::int64_t max_call_ms = 24LL * 3600 * 1000;
    std::int64_t max_invitees = 1000;
    std::int64_t max_audience = 250;
    std::int64_t max_group_members = 2000;
    std::int64_t max_groups_per_owner = 100;
    std::int64_t max_pending_per_inviter = 64;
    std::int64_t max_pending_per_invitee = 256;
    std::int64_t max_pending_per_pair = 16;
    std::int64_t max_pending = 1'000'000;
    std::int64_t max_ended = 100'000;
    std::int64_t ended_ms = 10LL * 60 * 1000;
    std::int64_t requests_per_second = 50;
    std::int64_t requests_burst = 200;
    std::int64_t pair_invites_per_second = 1;
    std::int64_t pair_invites_burst = 5;
    std::int64_t events_per_second = 5000;
    std::int64_t events_burst = 10'000;
    std::int64_t reply_bytes_per_second = 1024LL * 1024;
    std::int64_t reply_bytes_burst = 16LL * 1024 * 1024;
    std::int64_t grace_ms = 15'000;

    bool operator==(const Limits&) const = default;
};

struct LimitInfo {
    std::string_view name;
    std::int64_t Limits::*value;
    std::int64_t least;
    std::int64_t most;
};

inline constexpr std::int64_t a_year_ms = 365LL * 24 * 3600 * 1000;

/// Name and range of each limit: what `plugin_opt_<name>` takes and `status` tells.
inline constexpr std::array limit_table{
    LimitInfo{"max_payload_bytes", &Limits::max_payload_bytes, 1, 1 << 28},
    LimitInfo{"max_payload_values", &Limits::max_payload_values, 16, 1 << 28},
    LimitInfo{"max_data_bytes", &Limits::max_data_bytes, 0, 1 << 28},
    LimitInfo{"max_total_data_bytes", &Limits::max_total_data_bytes, 0, 1LL << 40},
    LimitInfo{"max_user_data_bytes", &Limits::max_user_data_bytes, 0, 1LL << 40},
    LimitInfo{"max_user_group_bytes", &Limits::max_user_group_bytes, 0, 1LL << 40},
    LimitInfo{"max_timeout_ms", &Limits::max_timeout_ms, 1, a_year_ms},
    LimitInfo{"max_lifetime_ms", &Limits::max_lifetime_ms, 1, a_year_ms},
    LimitInfo{"max_call_ms", &Limits::max_call_ms, 1, a_year_ms},
    LimitInfo{"max_invitees", &Limits::max_invitees, 1, 100'000},
    LimitInfo{"max_audience", &Limits::max_audience, 2, 100'000},
    LimitInfo{"max_group_members", &Limits::max_group_members, 1, 100'000},
    LimitInfo{"max_groups_per_owner", &Limits::max_groups_per_owner, 0, 1'000'000},
    LimitInfo{"max_pending_per_inviter", &Limits::max_pending_per_inviter, 1, 1'000'000'000},
    LimitInfo{"max_pending_per_invitee", &Limits::max_pending_per_invitee, 1, 1'000'000'000},
    LimitInfo{"max_pending_per_pair", &Limits::max_pending_per_pair, 1, 1'000'000'000},
    LimitInfo{"max_pending", &Limits::max_pending, 1, 1'000'000'000},
    LimitInfo{"max_ended", &Limits::max_ended, 0, 1'000'000'000},
    LimitInfo{"ended_ms", &Limits::ended_ms, 0, a_year_ms},
    LimitInfo{"requests_per_second", &Limits::requests_per_second, 1, 1'000'000},
    LimitInfo{"requests_burst", &Limits::requests_burst, 1, 1'000'000'000},
    LimitInfo{"pair_invites_per_second", &Limits::pair_invites_per_second, 1, 1'000'000},
    LimitInfo{"pair_invites_burst", &Limits::pair_invites_burst, 1, 1'000'000'000},
    LimitInfo{"events_per_second", &Limits::events_per_second, 1, 1'000'000},
    LimitInfo{"events_burst", &Limits::events_burst, 1, 1'000'000'000},
    LimitInfo{"reply_bytes_per_second", &Limits::reply_bytes_per_second, 1, 1LL << 30},
    LimitInfo{"reply_bytes_burst", &Limits::reply_bytes_burst, 1, 1LL << 40},
    LimitInfo{"grace_ms", &Limits::grace_ms, 0, a_year_ms},
};
static_assert(sizeof(Limits) == limit_table.size() * sizeof(std::int64_t), "every limit has a row");

}  // namespace beckon
