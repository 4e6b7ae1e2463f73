// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/store.hpp"
#include "postgres/pg_database.hpp"
#include "postgres/site_row.hpp"

namespace beckon {

/// Where a site's tables are, and how long an answer is waited for.
struct PgPlace {
    /// As libpq takes it.
    std::string address;
    std::string site;
    std::chrono::milliseconds patience{3000};
};
/// A connection to it.
std::unique_ptr<PgDatabase> connect_to(const PgPlace& place);
/// Makes the tables, or brings them to the present version; what is there stays. `new_secret`:
/// what device tags are derived by, unless there is one. Returns a sentence. Throws `PgError`,
/// `Store::Unusable`.
std::string make_tables(const PgPlace& place, const ClockReading& now, std::string_view new_secret);
/// Likewise, where there are none: throws `Store::Unusable` where there are.
void make_new_tables(const PgPlace& place, const ClockReading& now, std::string_view secret);
/// Throws `Store::Unusable` unless the tables are there, and of the present version.
void check_tables(PgDatabase& database, const std::string& site);

// What is done to that row, each a commit of its own. All throw `PgError`.

SiteRow look_at_site(PgDatabase& database);
/// Only if it is still as it was seen: its new epoch. Nothing: it is not. `passed` since its clock
/// was what the row says, as the new owner has seen it from another machine; nothing: the clocks of
/// machines have to tell.
std::optional<std::uint64_t> take_site(PgDatabase& database, const SiteRow& seen,
                                       const std::string& me, std::optional<Duration> passed,
                                       const ClockReading& now);
/// Its clock goes along. Nothing: it has another owner.
std::optional<SiteRow> renew_site(PgDatabase& database, std::uint64_t epoch,
                                  const ClockReading& now);
void let_go_of_site(PgDatabase& database, std::uint64_t epoch, const ClockReading& now);
void drain_site(PgDatabase& database);

}  // namespace beckon
