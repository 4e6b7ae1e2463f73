// SPDX-License-Identifier: Apache-2.0
#include "host/store_file.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "guarded_vfs.hpp"
#include "sqlite.hpp"
#include "store_place.hpp"
#include "store_reading.hpp"
#include "store_versions.hpp"

namespace beckon {

namespace {

/// So many invitations leave the history in one transaction.
constexpr int prune_at_once = 500;

void bind_data(Statement& statement, int at, const std::optional<Data>& data) {
    if (!data) {
        statement.bind_null(at);
    } else if (data->is_text) {
        statement.bind(at, std::string_view(data->bytes));
    } else {
        statement.bind_blob(at, data->bytes);
    }
}

/// Binds what may be absent.
template <class Value>
void bind_if(Statement& statement, int at, const std::optional<Value>& value) {
    if (value) {
        statement.bind(at, *value);
    } else {
        statement.bind_null(at);
    }
}

std::optional<std::string_view> text_of(const auto& id) {
    return id ? std::optional<std::string_view>(id->text()) : std::nullopt;
}

std::int64_t present_version() { return static_cast<std::int64_t>(store_migrations().size()); }

}  // namespace

StoreClock StoreClock::going_on(Duration file_then, const ClockReading& then,
                                const ClockReading& now) {
    const auto passed = time_passed(then, now);
    return {.offset = file_then + passed.value_or(Duration(0)) - now.since_boot.time_since_epoch(),
            .all_due_at = passed ? std::nullopt : std::optional(now.since_boot)};
}

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
        forgotten_ = database_->integer_of("SELECT count(*) FROM invitations WHERE NOT remembered");
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
                .bind_blob(1, secret)
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
    last_number_ = read_number(row, 1);
    const auto clock_then = read_file_time(row, 2);
    const ClockReading then{.boot_id = std::string(row.bytes(3)),
                            .since_boot = Instant(read_file_time(row, 4)),
                            .wall_ms = read_file_time(row, 5).count(),
                            .wall_is_right = row.integer(6) != 0};
    clock_ = StoreClock::going_on(clock_then, then, now);
}

void StoreFile::tell_all(const Journal::Tell& tell) {
    try {
        StoreReading(*database_, clock_).tell_all(tell);
    } catch (const SqlError& error) {
        cannot_use(error);
    }
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
    const auto last_number_before = last_number_;
    const auto forgotten_before = forgotten_;
    bool committing = false;
    ended_.clear();
    newly_forgotten_ = 0;
    database_->run("BEGIN IMMEDIATE");
    try {
        if (clock_.all_due_at) {
            all_are_due(*clock_.all_due_at);
        }
        for (const Changes& changes : batch) {
            apply(changes);
        }
        list_ended();
        if (newly_forgotten_ > 0) {
            // Twice as many, so that a limit that was lowered is met in the end.
            prune_some(now.since_boot, static_cast<int>(2 * newly_forgotten_));
        }
        keep_clock(now);
        check_place();
        committing = true;
        database_->run("COMMIT");
    } catch (...) {
        roll_back();
        last_number_ = last_number_before;
        forgotten_ = forgotten_before;
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
        .bind(1, as_integer(last_number_))
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

void StoreFile::apply(const Changes& changes) {
    for (auto at = changes.begin(); at != changes.end(); ++at) {
        const auto* const kept = std::get_if<InvitationKept>(&*at);
        if (kept != nullptr && kept->number > last_number_) {
            // A new one, with its data, which comes right behind it if there is any.
            const auto next = std::next(at);
            const auto* const data =
                next != changes.end() ? std::get_if<DataKept>(&*next) : nullptr;
            const bool has_data = data != nullptr && data->number == kept->number;
            insert(*kept, has_data ? data->data : std::nullopt);
            at = has_data ? next : at;
        } else {
            std::visit([this](const auto& one) { apply(one); }, *at);
        }
    }
}

/// What may change of it; false: it is not there. To insert what is there costs twice as much.
bool StoreFile::update(const InvitationKept& kept) {
    Statement update = database_->statement(
        "UPDATE invitations SET inviter_was_online = ?2, rev = ?3, lifetime_ms = ?4, "
        "ended_ms = ?5, replaced_by = ?6 WHERE number = ?1");
    update.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.inviter_was_online})
        .bind(3, std::int64_t{kept.rev})
        .bind(4, clock_.to_file(kept.lifetime_end));
    bind_if(update, 5,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    bind_if(update, 6, text_of(kept.replaced_by));
    update.run();
    return sqlite3_changes(database_->handle()) > 0;
}

void StoreFile::insert(const InvitationKept& kept, const std::optional<Data>& data) {
    last_number_ = std::max(last_number_, kept.number);
    Statement insert = database_->statement(
        "INSERT INTO invitations (number, id, inviter, invitee, group_id, answer, visibility, "
        "call, online_only, keep_when_lost, inviter_was_online, rev, made_ms, lifetime_ms, "
        "ended_ms, replaced_by, data) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");
    insert.bind(1, as_integer(kept.number)).bind(2, kept.id.text()).bind(3, kept.inviter.text());
    const auto* const invitee = std::get_if<UserId>(&kept.target);
    const auto* const group = std::get_if<GroupId>(&kept.target);
    bind_if(insert, 4, invitee != nullptr ? std::optional(invitee->text()) : std::nullopt);
    bind_if(insert, 5, group != nullptr ? std::optional(group->text()) : std::nullopt);
    insert.bind(6, name_of(kept.answer))
        .bind(7, name_of(kept.visibility))
        .bind(8, std::int64_t{kept.call})
        .bind(9, std::int64_t{kept.online_only})
        .bind(10, std::int64_t{kept.keep_when_lost})
        .bind(11, std::int64_t{kept.inviter_was_online})
        .bind(12, std::int64_t{kept.rev})
        .bind(13, clock_.to_file(kept.made_at))
        .bind(14, clock_.to_file(kept.lifetime_end));
    bind_if(insert, 15,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    bind_if(insert, 16, text_of(kept.replaced_by));
    bind_data(insert, 17, data);
    insert.run();
    note_end(kept);
}

/// Of a number that was written before, unless what was is lost.
void StoreFile::apply(const InvitationKept& kept) {
    if (update(kept)) {
        note_end(kept);
    } else {
        insert(kept, std::nullopt);
    }
}

void StoreFile::note_end(const InvitationKept& kept) {
    if (kept.ended_at) {
        ended_.push_back({kept.number, kept.inviter, clock_.to_file(*kept.ended_at)});
    }
}

void StoreFile::apply(const DataKept& kept) {
    Statement update = database_->statement("UPDATE invitations SET data = ?2 WHERE number = ?1");
    bind_data(update.bind(1, as_integer(kept.number)), 2, kept.data);
    update.run();
}

void StoreFile::apply(const NoteKept& kept) {
    Statement insert = database_->statement(
        "INSERT INTO notes (invitation, rev, reason, data) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT DO UPDATE SET reason = excluded.reason, data = excluded.data");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.rev})
        .bind(3, std::string_view(kept.reason));
    bind_data(insert, 4, kept.data);
    insert.run();
}

/// Likewise.
bool StoreFile::update(const InviteeKept& kept, std::string_view device) {
    Statement update = database_->statement(
        "UPDATE invitees SET state = ?3, ended_by = ?4, device = ?5, note = ?6, adder = ?7 "
        "WHERE invitation = ?1 AND position = ?2");
    update.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, name_of(kept.state));
    bind_if(update, 4, text_of(kept.by));
    bind_if(update, 5, kept.device ? std::optional(device) : std::nullopt);
    bind_if(update, 6, kept.note ? std::optional(std::int64_t{*kept.note}) : std::nullopt);
    update.bind(7, std::int64_t{kept.adder}).run();
    return sqlite3_changes(database_->handle()) > 0;
}

void StoreFile::apply(const InviteeKept& kept) {
    const auto tag = kept.device.value_or(DeviceTag()).text();
    if (kept.state != State::pending && update(kept, tag)) {
        return;
    }
    Statement insert = database_->statement(
        "INSERT INTO invitees (invitation, position, user, state, deadline_ms, ended_by, device, "
        "note, adder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT DO UPDATE SET state = excluded.state, ended_by = excluded.ended_by, "
        "device = excluded.device, note = excluded.note, adder = excluded.adder");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, kept.user.text())
        .bind(4, name_of(kept.state));
    bind_if(insert, 5,
            kept.deadline == never ? std::nullopt : std::optional(clock_.to_file(kept.deadline)));
    bind_if(insert, 6, text_of(kept.by));
    bind_if(insert, 7, kept.device ? std::optional<std::string_view>(tag) : std::nullopt);
    bind_if(insert, 8, kept.note ? std::optional(std::int64_t{*kept.note}) : std::nullopt);
    insert.bind(9, std::int64_t{kept.adder}).run();
}

void StoreFile::apply(const CallKept& kept) {
    Statement insert = database_->statement(
        "INSERT INTO calls (invitation, started_ms, ended_ms, reason, merged) "
        "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET started_ms = excluded.started_ms, "
        "ended_ms = excluded.ended_ms, reason = excluded.reason, merged = excluded.merged");
    insert.bind(1, as_integer(kept.number));
    bind_if(insert, 2,
            kept.started_at ? std::optional(clock_.to_file(*kept.started_at)) : std::nullopt);
    bind_if(insert, 3,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    insert.bind(4, std::string_view(kept.reason));
    bind_if(insert, 5, text_of(kept.merged));
    insert.run();
}

void StoreFile::apply(const ParticipantKept& kept) {
    Statement insert = database_->statement(
        "INSERT INTO participants (invitation, position, user, device, was_online, takes_part, "
        "hung_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET "
        "device = excluded.device, was_online = excluded.was_online, "
        "takes_part = excluded.takes_part, hung_up = excluded.hung_up");
    const std::string device = kept.device.str();
    const std::string hung_up = kept.hung_up ? kept.hung_up->str() : std::string();
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, kept.user.text())
        .bind(4, std::string_view(device))
        .bind(5, std::int64_t{kept.was_online})
        .bind(6, std::int64_t{kept.takes_part});
    bind_if(insert, 7, kept.hung_up ? std::optional(std::string_view(hung_up)) : std::nullopt);
    insert.run();
}

void StoreFile::apply(const InvitationForgotten& forgotten) {
    database_
        ->statement(
            "UPDATE invitations SET remembered = 0, data = NULL WHERE number = ?1 AND "
            "remembered")
        .bind(1, as_integer(forgotten.number))
        .run();
    const int count = sqlite3_changes(database_->handle());
    forgotten_ += count;
    newly_forgotten_ += count;
    if (forgotten.notes_with_data) {
        database_
            ->statement("UPDATE notes SET data = NULL WHERE invitation = ?1 AND data IS NOT NULL")
            .bind(1, as_integer(forgotten.number))
            .run();
    }
}

void StoreFile::apply(const GroupKept& kept) {
    Statement insert = database_->statement(
        "INSERT INTO groups (id, name, join_mode, profile, made_after, described_by) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
        "ON CONFLICT DO UPDATE SET name = excluded.name, join_mode = excluded.join_mode, "
        "profile = excluded.profile, described_by = excluded.described_by");
    insert.bind(1, kept.group.text());
    bind_if(insert, 2, kept.name ? std::optional(std::string_view(*kept.name)) : std::nullopt);
    insert.bind(3, name_of(kept.join_mode));
    const std::string profile = kept.profile ? nlohmann::json(*kept.profile).dump() : std::string();
    bind_if(insert, 4, kept.profile ? std::optional(std::string_view(profile)) : std::nullopt);
    insert.bind(5, as_integer(kept.made_after)).bind(6, kept.described_by.text()).run();
}

void StoreFile::apply(const MemberKept& kept) {
    database_
        ->statement(
            "INSERT INTO members (group_id, user, role, brought_by) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT DO UPDATE SET role = excluded.role")
        .bind(1, kept.group.text())
        .bind(2, kept.user.text())
        .bind(3, name_of(kept.rank))
        .bind(4, kept.brought_by.text())
        .run();
}

void StoreFile::apply(const MemberGone& gone) {
    database_->statement("DELETE FROM members WHERE group_id = ?1 AND user = ?2")
        .bind(1, gone.group.text())
        .bind(2, gone.user.text())
        .run();
}

void StoreFile::apply(const GroupGone& gone) {
    database_->statement("DELETE FROM members WHERE group_id = ?1")
        .bind(1, gone.group.text())
        .run();
    database_->statement("DELETE FROM groups WHERE id = ?1").bind(1, gone.group.text()).run();
}

void StoreFile::apply(const DeviceKept& kept) {
    database_
        ->statement(
            "INSERT OR REPLACE INTO devices (user, device, run, again_ms, online, time_ms) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .bind(1, kept.user.text())
        .bind(2, std::string_view(kept.device.str()))
        .bind(3, std::string_view(kept.run))
        .bind(4, kept.again.count())
        .bind(5, std::int64_t{kept.online})
        .bind(6, clock_.to_file(kept.time))
        .run();
}

void StoreFile::apply(const DeviceForgotten& forgotten) {
    database_->statement("DELETE FROM devices WHERE user = ?1 AND device = ?2")
        .bind(1, forgotten.user.text())
        .bind(2, std::string_view(forgotten.device.str()))
        .run();
}

void StoreFile::apply(const UntoldKept& kept) {
    std::string receivers;
    for (const auto& user : kept.to) {
        receivers.append(receivers.empty() ? "" : " ").append(user.text());
    }
    database_
        ->statement(
            "INSERT OR REPLACE INTO untold (number, since_ms, receivers, event, online_only, "
            "alone) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .bind(1, as_integer(kept.number))
        .bind(2, clock_.to_file(kept.since))
        .bind(3, std::string_view(receivers))
        .bind(4, std::string_view(kept.event))
        .bind(5, std::int64_t{kept.online_only})
        .bind(6, std::int64_t{kept.alone})
        .run();
}

void StoreFile::apply(const UntoldDone& done) {
    database_->statement("DELETE FROM untold WHERE number = ?1")
        .bind(1, as_integer(done.number))
        .run();
}

/// Else a broker that is killed while it tells of these would find the others pending again.
void StoreFile::all_are_due(Instant now) {
    database_
        ->statement(
            "UPDATE invitations SET lifetime_ms = min(lifetime_ms, ?1) "
            "WHERE ended_ms IS NULL")
        .bind(1, clock_.to_file(now))
        .run();
    database_
        ->statement(
            "UPDATE invitees SET deadline_ms = min(deadline_ms, ?1) "
            "WHERE state = 'pending'")
        .bind(1, clock_.to_file(now))
        .run();
}

/// Only now are all their invitees there.
void StoreFile::list_ended() {
    for (const auto& [number, inviter, ended_ms] : ended_) {
        database_
            ->statement(
                "INSERT OR IGNORE INTO history (user, ended_ms, invitation) "
                "SELECT user, ?1, ?2 FROM invitees WHERE invitation = ?2 "
                "UNION ALL SELECT ?3, ?1, ?2")
            .bind(1, ended_ms)
            .bind(2, as_integer(number))
            .bind(3, inviter.text())
            .run();
    }
}

bool StoreFile::prune(const ClockReading& now) {
    database_->run("BEGIN IMMEDIATE");
    const auto forgotten_before = forgotten_;
    try {
        const bool more = prune_some(now.since_boot, prune_at_once);
        database_->run("COMMIT");
        return more;
    } catch (...) {
        roll_back();
        forgotten_ = forgotten_before;
        throw;
    }
}

std::optional<StoreFile::Forgotten> StoreFile::first_forgotten() {
    Statement row = database_->statement(
        "SELECT ended_ms, number FROM invitations WHERE NOT remembered ORDER BY ended_ms LIMIT 1");
    return row.step() ? std::optional(Forgotten{row.integer(0), row.integer(1)}) : std::nullopt;
}

bool StoreFile::prune_some(Instant now, int most) {
    const auto oldest = clock_.to_file(now - options_.history);
    for (int pruned = 0; pruned < most; ++pruned) {
        const auto first = first_forgotten();
        if (!first || (first->ended_ms >= oldest && forgotten_ <= options_.max_history)) {
            return false;
        }
        const auto [ended, number] = *first;
        database_
            ->statement(
                "DELETE FROM history WHERE invitation = ?1 AND ended_ms = ?2 AND user IN "
                "(SELECT user FROM invitees WHERE invitation = ?1 UNION "
                "SELECT inviter FROM invitations WHERE number = ?1)")
            .bind(1, number)
            .bind(2, ended)
            .run();
        for (const char* const text : {"DELETE FROM invitees WHERE invitation = ?1",
                                       "DELETE FROM notes WHERE invitation = ?1",
                                       "DELETE FROM participants WHERE invitation = ?1",
                                       "DELETE FROM calls WHERE invitation = ?1",
                                       "DELETE FROM invitations WHERE number = ?1"}) {
            database_->statement(text).bind(1, number).run();
        }
        --forgotten_;
    }
    return true;
}

}  // namespace beckon
