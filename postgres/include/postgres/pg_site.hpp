// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/store.hpp"
#include "postgres/pg_database.hpp"

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
/// Throws `Store::Unusable` unless the tables are there, and of the present version.
void check_tables(PgDatabase& database, const std::string& site);

/// Who owns a site, as its row says.
struct SiteRow {
    /// Nobody, when it was let go of.
    std::string owner{};
    /// Goes up with each owner.
    std::uint64_t epoch = 0;
    /// Go up while it is owned: commits, and renewals when there are none.
    std::uint64_t changes = 0;
    /// Somebody has asked its owner to let it go.
    bool is_drained = false;
    bool operator==(const SiteRow&) const = default;
};

// What is done to that row, each a commit of its own. All throw `PgError`.

SiteRow look_at_site(PgDatabase& database);
/// Only if it is still as it was seen. Nothing: it is not.
std::optional<std::uint64_t> take_site(PgDatabase& database, const SiteRow& seen,
                                       const std::string& me);
/// Nothing: it has another owner.
std::optional<SiteRow> renew_site(PgDatabase& database, std::uint64_t epoch);
void let_go_of_site(PgDatabase& database, std::uint64_t epoch);
void drain_site(PgDatabase& database);

}  // namespace beckon
