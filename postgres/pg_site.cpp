// SPDX-License-Identifier: Apache-2.0
#include "postgres/pg_site.hpp"

#include <array>
#include <utility>

namespace beckon {

namespace {

/// As in the file of SQLite (store_versions.cpp), but for its types. Never change one that was
/// released: add another.
constexpr std::array migrations{
    R"sql(
CREATE TABLE site (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL,
    device_secret BYTEA NOT NULL,
    last_number BIGINT NOT NULL,
    clock_ms BIGINT NOT NULL,
    boot_id TEXT NOT NULL,
    since_boot_ms BIGINT NOT NULL,
    wall_ms BIGINT NOT NULL,
    wall_is_right BIGINT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    epoch BIGINT NOT NULL DEFAULT 0,
    commits BIGINT NOT NULL DEFAULT 0,
    renewals BIGINT NOT NULL DEFAULT 0,
    drained BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE invitations (
    number BIGINT PRIMARY KEY,
    id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    invitee TEXT,
    group_id TEXT,
    answer TEXT NOT NULL,
    visibility TEXT NOT NULL,
    call BIGINT NOT NULL,
    online_only BIGINT NOT NULL,
    keep_when_lost BIGINT NOT NULL,
    inviter_was_online BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    lifetime_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    remembered BOOLEAN NOT NULL DEFAULT TRUE,
    data BYTEA,
    replaced_by TEXT
);
CREATE INDEX forgotten ON invitations (ended_ms) WHERE NOT remembered;
CREATE INDEX kept ON invitations (number) WHERE remembered;
CREATE TABLE invitees (
    invitation BIGINT NOT NULL,
    position BIGINT NOT NULL,
    "user" TEXT NOT NULL,
    state TEXT NOT NULL,
    deadline_ms BIGINT,
    ended_by TEXT,
    device TEXT,
    note BIGINT,
    adder BIGINT NOT NULL,
    PRIMARY KEY (invitation, position)
);
CREATE TABLE notes (
    invitation BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    reason BYTEA NOT NULL,
    data BYTEA,
    PRIMARY KEY (invitation, rev)
);
CREATE TABLE calls (
    invitation BIGINT PRIMARY KEY,
    started_ms BIGINT,
    ended_ms BIGINT,
    reason BYTEA NOT NULL,
    merged TEXT
);
CREATE TABLE participants (
    invitation BIGINT NOT NULL,
    position BIGINT NOT NULL,
    "user" TEXT NOT NULL,
    device TEXT NOT NULL,
    was_online BIGINT NOT NULL,
    takes_part BIGINT NOT NULL,
    hung_up TEXT,
    PRIMARY KEY (invitation, position)
);
CREATE TABLE history (
    "user" TEXT NOT NULL,
    ended_ms BIGINT NOT NULL,
    invitation BIGINT NOT NULL,
    PRIMARY KEY ("user", ended_ms, invitation)
);
CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    made_after BIGINT NOT NULL,
    name BYTEA,
    join_mode TEXT NOT NULL,
    profile TEXT,
    described_by TEXT
);
CREATE TABLE members (
    group_id TEXT NOT NULL,
    "user" TEXT NOT NULL,
    role TEXT NOT NULL,
    brought_by TEXT,
    PRIMARY KEY (group_id, "user")
);
CREATE TABLE devices (
    "user" TEXT NOT NULL,
    device TEXT NOT NULL,
    run TEXT NOT NULL,
    again_ms BIGINT NOT NULL,
    online BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    PRIMARY KEY ("user", device)
);
CREATE TABLE untold (
    number BIGINT PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    receivers TEXT NOT NULL,
    event TEXT NOT NULL,
    online_only BIGINT NOT NULL,
    alone BIGINT NOT NULL
);
)sql",
};

constexpr auto present_version = static_cast<std::int64_t>(migrations.size());

std::string schema_of(const std::string& site) { return "beckon_" + site; }

/// The version of the tables; 0: there are none.
std::int64_t version_of(PgDatabase& database) {
    return database.integer_of(
               "SELECT count(*) FROM information_schema.tables WHERE "
               "table_schema = current_schema() AND table_name = 'site'") == 0
               ? 0
               : database.integer_of("SELECT version FROM site");
}

[[noreturn]] void is_of_later(const std::string& site, std::int64_t version) {
    throw Store::Unusable("the tables of the site " + site + " are of version " +
                          std::to_string(version) + ", from a later Beckon; this one knows up to " +
                          std::to_string(present_version));
}

SiteRow read_site(const Statement& row) {
    return {.owner = std::string(row.bytes(0)),
            .epoch = static_cast<std::uint64_t>(row.integer(1)),
            .changes = static_cast<std::uint64_t>(row.integer(2)),
            .is_drained = row.integer(3) != 0};
}

}  // namespace

std::unique_ptr<PgDatabase> connect_to(const PgPlace& place) {
    return std::make_unique<PgDatabase>(PgDatabase::Options{
        .address = place.address, .schema = schema_of(place.site), .patience = place.patience});
}

std::string make_tables(const PgPlace& place, const ClockReading& now,
                        std::string_view new_secret) {
    const auto connection = connect_to(place);
    PgDatabase& database = *connection;
    database.run_script("CREATE SCHEMA IF NOT EXISTS " + database.quoted(schema_of(place.site)));
    const auto version = version_of(database);
    if (version == present_version) {
        return "the tables of the site " + place.site + " are there, and of version " +
               std::to_string(version);
    }
    if (version > present_version) {
        is_of_later(place.site, version);
    }
    std::string script = "BEGIN;";
    for (auto next = version; next < present_version; ++next) {
        script += migrations[static_cast<std::size_t>(next)];
    }
    if (version == 0) {
        // A row that nobody owns; its secret follows.
        script +=
            "INSERT INTO site (one, version, device_secret, last_number, clock_ms, boot_id, "
            "since_boot_ms, wall_ms, wall_is_right) VALUES (1, 0, 'b', 0, 0, '', 0, 0, 0);";
    }
    database.run_script(script + "COMMIT;");
    if (version == 0) {
        database
            .statement(
                "UPDATE site SET device_secret = ?1, clock_ms = ?2, boot_id = ?3, "
                "since_boot_ms = ?4, wall_ms = ?2, wall_is_right = ?5")
            .bind_bytes(1, new_secret, false)
            .bind(2, now.wall_ms)
            .bind(3, std::string_view(now.boot_id))
            .bind(4, now.since_boot.time_since_epoch().count())
            .bind(5, std::int64_t{now.wall_is_right})
            .run();
    }
    // Last: before that they are not there.
    database.statement("UPDATE site SET version = ?1").bind(1, present_version).run();
    return "the tables of the site " + place.site + " are of version " +
           std::to_string(present_version) + " now";
}

void make_new_tables(const PgPlace& place, const ClockReading& now, std::string_view secret) {
    if (version_of(*connect_to(place)) != 0) {
        throw Store::Unusable("the database has tables of the site " + place.site +
                              " already: name another --site");
    }
    make_tables(place, now, secret);
}

void check_tables(PgDatabase& database, const std::string& site) {
    const auto version = version_of(database);
    if (version > present_version) {
        is_of_later(site, version);
    }
    if (version < present_version) {
        throw Store::Unusable(version == 0
                                  ? "the database has no tables of the site " + site +
                                        ": make them with `beckond store init`"
                                  : "the tables of the site " + site + " are of version " +
                                        std::to_string(version) + ": run `beckond store upgrade`");
    }
}

SiteRow look_at_site(PgDatabase& database) {
    Statement row =
        database.statement("SELECT owner, epoch, commits + renewals, drained FROM site");
    if (!row.step()) {
        throw Store::Unusable("the table site is empty");
    }
    return read_site(row);
}

std::optional<std::uint64_t> take_site(PgDatabase& database, const SiteRow& seen,
                                       const std::string& me, std::optional<Duration> passed,
                                       const ClockReading& now) {
    Statement row = database.statement(
        passed ? "UPDATE site SET owner = ?1, epoch = epoch + 1, renewals = renewals + 1, "
                 "drained = 0, clock_ms = clock_ms + CASE WHEN boot_id = ?5 THEN ?6 - "
                 "since_boot_ms ELSE ?4 END, boot_id = ?5, since_boot_ms = ?6, "
                 "wall_ms = ?7, wall_is_right = ?8 "
                 "WHERE epoch = ?2 AND commits + renewals = ?3 RETURNING epoch"
               : "UPDATE site SET owner = ?1, epoch = epoch + 1, renewals = renewals + 1, "
                 "drained = 0 WHERE epoch = ?2 AND commits + renewals = ?3 RETURNING epoch");
    row.bind(1, std::string_view(me))
        .bind(2, as_integer(seen.epoch))
        .bind(3, as_integer(seen.changes));
    if (passed) {
        row.bind(4, passed->count())
            .bind(5, std::string_view(now.boot_id))
            .bind(6, now.since_boot.time_since_epoch().count())
            .bind(7, now.wall_ms)
            .bind(8, std::int64_t{now.wall_is_right});
    }
    return row.step() ? std::optional(static_cast<std::uint64_t>(row.integer(0))) : std::nullopt;
}

std::optional<SiteRow> renew_site(PgDatabase& database, std::uint64_t epoch,
                                  const ClockReading& now) {
    Statement row = database.statement(
        "UPDATE site SET renewals = renewals + 1, "
        "clock_ms = CASE WHEN boot_id = ?2 THEN clock_ms + ?3 - since_boot_ms ELSE clock_ms END, "
        "since_boot_ms = CASE WHEN boot_id = ?2 THEN ?3 ELSE since_boot_ms END, "
        "wall_ms = CASE WHEN boot_id = ?2 THEN ?4 ELSE wall_ms END "
        "WHERE epoch = ?1 RETURNING owner, epoch, commits + renewals, drained");
    row.bind(1, as_integer(epoch))
        .bind(2, std::string_view(now.boot_id))
        .bind(3, now.since_boot.time_since_epoch().count())
        .bind(4, now.wall_ms);
    return row.step() ? std::optional(read_site(row)) : std::nullopt;
}

void let_go_of_site(PgDatabase& database, std::uint64_t epoch, const ClockReading& now) {
    if (renew_site(database, epoch, now)) {
        database
            .statement(
                "UPDATE site SET owner = '', epoch = epoch + 1, drained = 0 WHERE epoch = ?1")
            .bind(1, as_integer(epoch))
            .run();
    }
}

void drain_site(PgDatabase& database) {
    database.statement("UPDATE site SET drained = 1 WHERE owner <> ''").run();
}

}  // namespace beckon
