// SPDX-License-Identifier: Apache-2.0
#include "postgres/pg_store.hpp"

#include <utility>

#include "host/row_writer.hpp"
#include "host/store_reading.hpp"

namespace beckon {

namespace {

/// So many invitations leave the history in one transaction.
constexpr int prune_at_once = 500;

class HistoryInPg final : public HistorySource {
  public:
    HistoryInPg(PgPlace place, StoreClock clock) : place_(std::move(place)), clock_(clock) {}

    HistoryPage page(const UserId& user, std::size_t limit,
                     const std::optional<HistoryMark>& before, Instant oldest) override {
        if (!database_ || !database_->is_open()) {
            database_ = connect_to(place_);
        }
        return StoreReading(*database_, clock_).history(user, limit, before, oldest);
    }
    void close() override { database_.reset(); }

  private:
    PgPlace place_;
    StoreClock clock_;
    std::unique_ptr<PgDatabase> database_;
};

}  // namespace

PgStore::PgStore(Options options) : options_(std::move(options)) {}
PgStore::~PgStore() = default;

void PgStore::open(const ClockReading& now, std::string_view /*secret*/) {
    connect(now);
    {
        Statement row = database_->statement(
            "SELECT device_secret, clock_ms, boot_id, since_boot_ms, wall_ms, wall_is_right "
            "FROM site");
        if (!row.step()) {
            throw Damaged("the table site is empty");
        }
        secret_ = row.bytes(0);
        const ClockReading then{.boot_id = std::string(row.bytes(2)),
                                .since_boot = Instant(Duration(row.integer(3))),
                                .wall_ms = row.integer(4),
                                .wall_is_right = row.integer(5) != 0};
        clock_ =
            StoreClock::going_on(read_file_time(row, 1), time_passed(then, now), now.since_boot);
    }
    // From now on its clock is told by this machine's.
    write({}, now);
}

/// What is read after a commit of one's own cannot vanish any more: that waited until all before it
/// was stored as often as it has to be.
void PgStore::connect(const ClockReading& now) {
    database_ = connect_to(options_.place);
    check_tables(*database_, options_.place.site);
    if (!renew_site(*database_, options_.epoch, now)) {
        throw Unusable("the site " + options_.place.site + " has another owner");
    }
    Statement row = database_->statement("SELECT last_number FROM site");
    counts_.last_number = row.step() ? read_number(row, 0) : 0;
    counts_.forgotten =
        database_->integer_of("SELECT count(*) FROM invitations WHERE NOT remembered");
}

void PgStore::close() { database_.reset(); }
void PgStore::reopen() { connect(read_clocks()); }
bool PgStore::is_open() const { return database_ && database_->is_open(); }

std::string PgStore::set_aside(const std::string& why, const ClockReading& /*now*/,
                               std::string_view /*secret*/) {
    throw Unusable("what the database has of the site " + options_.place.site + " cannot be (" +
                   why + "): restore a backup of its schema");
}

void PgStore::tell_all(const Journal::Tell& tell) {
    StoreReading(*database_, clock_).tell_all(tell);
}

void PgStore::write(const Batch& batch, const ClockReading& now) {
    if (!is_open()) {
        connect(now);
    }
    transact(now, [&](RowWriter& rows) { rows.write(batch); });
    clock_.all_due_at.reset();
}

void PgStore::transact(const ClockReading& now, const std::function<void(RowWriter& rows)>& work) {
    const auto before = counts_;
    try {
        database_->begin();
        RowWriter rows(*database_, clock_, counts_);
        work(rows);
        commit(now);
    } catch (...) {
        counts_ = before;
        database_.reset();
        throw;
    }
}

/// Only the owner's: else nothing is divided by, which fails.
void PgStore::commit(const ClockReading& now) {
    database_
        ->statement(
            "WITH mine AS (UPDATE site SET last_number = ?1, commits = commits + 1, clock_ms = ?2, "
            "boot_id = ?3, since_boot_ms = ?4, wall_ms = ?5, wall_is_right = ?6 "
            "WHERE epoch = ?7 RETURNING one) SELECT 1 / count(*) FROM mine")
        .bind(1, as_integer(counts_.last_number))
        .bind(2, clock_.to_file(now.since_boot))
        .bind(3, std::string_view(now.boot_id))
        .bind(4, now.since_boot.time_since_epoch().count())
        .bind(5, now.wall_ms)
        .bind(6, std::int64_t{now.wall_is_right})
        .bind(7, as_integer(options_.epoch))
        .run();
    database_->commit();
}

bool PgStore::prune(const ClockReading& now) {
    bool more = false;
    transact(now, [&](RowWriter& rows) {
        more = rows.prune(now.since_boot, options_.history, prune_at_once);
    });
    return more;
}

std::unique_ptr<HistorySource> PgStore::history_source() const {
    return std::make_unique<HistoryInPg>(options_.place, clock_);
}

}  // namespace beckon
