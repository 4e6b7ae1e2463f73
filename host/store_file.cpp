// SPDX-License-Identifier: Apache-2.0
#include "host/store_file.hpp"

#include <cstdio>
#include <utility>

#include "guarded_vfs.hpp"
#include "host/row_writer.hpp"
#include "host/store_reading.hpp"
#include "sqlite.hpp"
#include "store_place.hpp"
#include "store_versions.hpp"

namespace beckon {

namespace {

/// So many invitations leave the history in one transaction.
constexpr int prune_at_once = 500;

std::int64_t present_version() { return static_cast<std::int64_t>(store_migrations().size()); }

/// A connection of its own, which only reads: in WAL mode nobody waits for it who writes.
class HistoryOfFile final : public HistorySource {
  public:
    HistoryOfFile(std::shared_ptr<const StorePlace> place, StoreClock clock)
        : place_(std::move(place)), clock_(clock) {}

    HistoryPage page(const UserId& user, std::size_t limit,
                     const std::optional<HistoryMark>& before, Instant oldest) override {
        try {
            if (const auto objection = place_->objection()) {
                throw std::runtime_error(*objection);
            }
            if (!database_ || opened_ != place_->identity()) {
                opened_ = place_->identity();
                database_ = std::make_unique<Database>(place_->path(), Database::Access::read);
            }
            return StoreReading(*database_, clock_).history(user, limit, before, oldest);
        } catch (const std::exception& /*error*/) {
            // Perhaps this connection sees a disk that is gone, and a new one would not.
            database_.reset();
            throw;
        }
    }
    void close() override { database_.reset(); }

  private:
    std::shared_ptr<const StorePlace> place_;
    StoreClock clock_;
    std::unique_ptr<Database> database_;
    /// The file that it has open.
    StorePlace::Identity opened_{};
};

}  // namespace

StoreFile::StoreFile(Options options)
    : options_(std::move(options)), place_(std::make_shared<StorePlace>(options_.path)) {}

StoreFile::~StoreFile() {
    close();
    // Not before: that ends all locks of this process on the file, SQLite's too.
    place_->release_old();
    place_->release();
}

// ------------------------------------------------------------- opening

void StoreFile::open(const ClockReading& now, std::string_view secret) {
    place_->claim();
    try {
        database_ = std::make_unique<Database>(place_->path());
        check_application();
        ready();
        migrate(now, secret);
        read_broker(now);
        counts_.forgotten =
            database_->integer_of("SELECT count(*) FROM invitations WHERE NOT remembered");
    } catch (const SqlError& error) {
        cannot_use(error);
    }
}

/// Only what SQLite itself calls damage is damage: all else may be well tomorrow.
void StoreFile::cannot_use(const SqlError& error) const {
    if (error.code == SQLITE_CORRUPT || error.code == SQLITE_NOTADB) {
        throw Damaged(error.what());
    }
    throw Unusable("cannot use the store " + options_.path + ": " + error.what());
}

void StoreFile::close() {
    database_.reset();
    place_->forget_log();
}

bool StoreFile::is_open() const { return database_ && !has_lost_memory(database_->handle()); }

void StoreFile::reopen() {
    notice_lost_index();
    check_place();
    open_place();
}

void StoreFile::open_place() {
    close_without_checkpoint();
    make_index_void();
    database_ = std::make_unique<Database>(place_->path());
    try {
        ready();
    } catch (...) {
        close_without_checkpoint();
        throw;
    }
    is_spoilt_ = false;
}

std::string StoreFile::set_aside(const std::string& why, const ClockReading& now,
                                 std::string_view secret) {
    std::string sentence = "the store " + options_.path + " is damaged (" + why +
                           "): it is kept as " + move_aside() +
                           ", and a new one begins with nothing pending";
    open(now, secret);
    return sentence;
}

std::unique_ptr<HistorySource> StoreFile::history_source() const {
    return std::make_unique<HistoryOfFile>(place_, clock_);
}

std::string StoreFile::move_aside() {
    close_without_checkpoint();
    auto aside = place_->move_aside();
    place_->release();
    return aside;
}

/// Before anything is changed, and so that nothing is if it is not ours.
void StoreFile::check_application() {
    sqlite3_db_config(database_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    const auto application = database_->integer_of("PRAGMA application_id");
    const auto version = database_->integer_of("PRAGMA user_version");
    const bool is_empty = database_->integer_of("SELECT count(*) FROM sqlite_schema") == 0;
    if (application != store_application_id && !is_empty) {
        throw Unusable("the store " + options_.path +
                       " is a database of something else than Beckon: name another file");
    }
    const auto of_version =
        "the store " + options_.path + " is of version " + std::to_string(version);
    if (version > present_version()) {
        throw Unusable(of_version + ", from a later Beckon; this one knows up to " +
                       std::to_string(present_version()) +
                       ": use the later one, or name another file");
    }
    if (version < 0 || (version == 0 && !is_empty)) {
        throw Unusable(of_version + ", which no Beckon has made: name another file");
    }
    sqlite3_db_config(database_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    if (application != store_application_id) {
        // With the first byte that is written, so that it is known for ours from then on.
        database_->run(("PRAGMA application_id = " + std::to_string(store_application_id)).c_str());
    }
}

void StoreFile::ready() {
    database_->run("PRAGMA cell_size_check = ON");
    if (Statement mode = database_->statement("PRAGMA journal_mode = WAL");
        !mode.step() || mode.bytes(0) != "wal") {
        throw Unusable("the store " + options_.path +
                       " cannot have a log beside it: its file system has no shared memory, as "
                       "some network disks; name a file on another");
    }
    database_->run(options_.sync_always ? "PRAGMA synchronous = FULL"
                                        : "PRAGMA synchronous = NORMAL");
    // Instead of moving the log into the file within a commit: later, when nobody waits.
    sqlite3_wal_hook(
        database_->handle(),
        [](void* self, sqlite3* /*database*/, const char* /*name*/, int pages) {
            static_cast<StoreFile*>(self)->log_pages_ = pages;
            return SQLITE_OK;
        },
        this);
    // The log is open once something was read.
    database_->integer_of("PRAGMA user_version");
    place_->remember_log();
}

// ------------------------------------------------------------- a file that is not there any more

bool StoreFile::is_misplaced() const { return place_->objection().has_value(); }

void StoreFile::check_place() {
    if (const auto objection = place_->objection()) {
        is_misplaced_ = true;
        throw std::runtime_error(*objection);
    }
}

/// From what the old connection has open, which needs no name.
void StoreFile::mend() {
    if (!place_->is_free_of_others() || (!database_ && !place_->has_file())) {
        check_place();
    }
    if (database_ && place_->has_file()) {
        // Only the log was deleted: the file gets what that had.
        const int moved = sqlite3_wal_checkpoint_v2(database_->handle(), nullptr,
                                                    SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
        if (moved != SQLITE_OK) {
            throw SqlError(moved, sqlite3_errmsg(database_->handle()));
        }
        close_without_checkpoint();
    } else if (database_) {
        const std::string beside = place_->begin_anew();
        try {
            database_->statement("VACUUM INTO ?1").bind(1, std::string_view(beside)).run();
            place_->put_anew(beside);
        } catch (...) {
            static_cast<void>(std::remove(beside.c_str()));
            place_->release_old();
            throw;
        }
        close_without_checkpoint();
        place_->release_old();
    }
    open_place();
    check_place();
    is_misplaced_ = false;
}

void StoreFile::notice_lost_index() {
    if (database_ && has_lost_memory(database_->handle())) {
        is_spoilt_ = true;
        is_index_void_ = true;
    }
}

/// So that whoever opens it next makes it anew from the log. False: it cannot be written.
bool StoreFile::make_index_void() {
    is_index_void_ = is_index_void_ && !place_->make_index_void();
    return !is_index_void_;
}

/// Which would go by the names, where other files may be by now.
void StoreFile::close_without_checkpoint() {
    if (database_) {
        sqlite3_db_config(database_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    close();
}

void StoreFile::migrate(const ClockReading& now, std::string_view secret) {
    auto version = database_->integer_of("PRAGMA user_version");
    if (version == present_version()) {
        return;
    }
    database_->run("BEGIN IMMEDIATE");
    try {
        const bool is_new = version == 0;
        for (; version < present_version(); ++version) {
            database_->run(store_migrations()[static_cast<std::size_t>(version)]);
        }
        if (is_new) {
            database_
                ->statement(
                    "INSERT INTO broker (one, device_secret, last_number, clock_ms, boot_id, "
                    "since_boot_ms, wall_ms, wall_is_right) VALUES (1, ?1, 0, ?2, ?3, ?4, ?2, ?5)")
                .bind_bytes(1, secret, false)
                .bind(2, now.wall_ms)
                .bind(3, std::string_view(now.boot_id))
                .bind(4, now.since_boot.time_since_epoch().count())
                .bind(5, std::int64_t{now.wall_is_right})
                .run();
        }
        database_->run(("PRAGMA user_version = " + std::to_string(version)).c_str());
        database_->run("COMMIT");
    } catch (...) {
        roll_back();
        throw;
    }
}

void StoreFile::read_broker(const ClockReading& now) {
    Statement row = database_->statement(
        "SELECT device_secret, last_number, clock_ms, boot_id, since_boot_ms, wall_ms, "
        "wall_is_right FROM broker");
    if (!row.step()) {
        throw Damaged("the table broker is empty");
    }
    secret_ = row.bytes(0);
    counts_.last_number = read_number(row, 1);
    const auto clock_then = read_file_time(row, 2);
    const ClockReading then{.boot_id = std::string(row.bytes(3)),
                            .since_boot = Instant(read_file_time(row, 4)),
                            .wall_ms = read_file_time(row, 5).count(),
                            .wall_is_right = row.integer(6) != 0};
    clock_ = StoreClock::going_on(clock_then, time_passed(then, now), now.since_boot);
}

void StoreFile::tell_all(const Journal::Tell& tell) {
    try {
        StoreReading(*database_, clock_).tell_all(tell);
    } catch (const SqlError& error) {
        cannot_use(error);
    }
}

void StoreFile::tell_history(const Journal::Tell& tell) {
    StoreReading(*database_, clock_).tell_history(tell);
}

// ------------------------------------------------------------- writing

void StoreFile::write(const Batch& batch, const ClockReading& now) {
    get_ready();
    try {
        write_all(batch, now);
    } catch (const SqlError& error) {
        is_spoilt_ = error.code == SQLITE_READONLY;
        notice_lost_index();
        if (is_index_void_) {
            throw std::runtime_error(lost_index());
        }
        throw;
    }
}

/// For the next attempt: what the last one found to be wrong may be well again.
void StoreFile::get_ready() {
    notice_lost_index();
    if (is_misplaced_) {
        mend();
    } else if (!database_ || is_spoilt_ || is_index_void_) {
        reopen();
    }
    if (is_index_void_) {
        throw std::runtime_error(lost_index());
    }
}

std::string StoreFile::lost_index() const {
    return place_->name() +
           "-shm cannot be read or written any more, which the broker shares as memory";
}

void StoreFile::write_all(const Batch& batch, const ClockReading& now) {
    const auto counts_before = counts_;
    bool committing = false;
    database_->run("BEGIN IMMEDIATE");
    try {
        RowWriter rows(*database_, clock_, counts_);
        rows.write(batch);
        if (rows.newly_forgotten() > 0) {
            // Twice as many, so that a limit that was lowered is met in the end.
            rows.prune(now.since_boot, history_limits(), 2 * rows.newly_forgotten());
        }
        keep_clock(now);
        check_place();
        committing = true;
        database_->run("COMMIT");
    } catch (...) {
        roll_back();
        counts_ = counts_before;
        if (committing) {
            write_over_failed(now);
        }
        throw;
    }
    clock_.all_due_at.reset();
}

// When it was the sync that failed, the log may hold the whole batch, and the next start
// would find it there. The next transaction that changes something is written over it.
void StoreFile::write_over_failed(const ClockReading& now) noexcept {
    try {
        database_->run("BEGIN IMMEDIATE");
        keep_clock(now);
        database_->run("COMMIT");
    } catch (const std::exception& /*error*/) {
        // The disk takes nothing: the next that it takes does it.
        roll_back();
    }
}

void StoreFile::roll_back() noexcept {
    if (database_->in_transaction()) {
        // An error that SQLite has rolled back itself leaves nothing to do.
        sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

void StoreFile::keep_clock(const ClockReading& now) {
    database_
        ->statement(
            "UPDATE broker SET last_number = ?1, commits = commits + 1, clock_ms = ?2, boot_id = "
            "?3, since_boot_ms = ?4, "
            "wall_ms = ?5, wall_is_right = ?6")
        .bind(1, as_integer(counts_.last_number))
        .bind(2, clock_.to_file(now.since_boot))
        .bind(3, std::string_view(now.boot_id))
        .bind(4, now.since_boot.time_since_epoch().count())
        .bind(5, now.wall_ms)
        .bind(6, std::int64_t{now.wall_is_right})
        .run();
}

void StoreFile::tidy_up() noexcept {
    if (database_ != nullptr && log_pages_ >= options_.checkpoint_pages &&
        sqlite3_wal_checkpoint_v2(database_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                  nullptr) == SQLITE_OK) {
        log_pages_ = 0;
    }
}

HistoryLimits StoreFile::history_limits() const {
    return {.age = options_.history, .count = options_.max_history};
}

bool StoreFile::prune(const ClockReading& now) {
    database_->run("BEGIN IMMEDIATE");
    const auto counts_before = counts_;
    try {
        const bool more = RowWriter(*database_, clock_, counts_)
                              .prune(now.since_boot, history_limits(), prune_at_once);
        database_->run("COMMIT");
        return more;
    } catch (...) {
        roll_back();
        counts_ = counts_before;
        throw;
    }
}

}  // namespace beckon
