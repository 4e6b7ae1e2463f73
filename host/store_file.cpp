// SPDX-License-Identifier: Apache-2.0
#include "host/store_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "sqlite.hpp"

namespace beckon {

namespace {

/// What tells our files from those of others: "Beck".
constexpr std::int64_t application_id = 0x4265636b;

/// Each leads from the version of its index to the next; the last one is the present.
/// Never change one that was released: add another.
constexpr std::array migrations{
    R"sql(
CREATE TABLE broker (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    device_secret BLOB NOT NULL,
    last_number INTEGER NOT NULL,
    commits INTEGER NOT NULL DEFAULT 0,
    clock_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    since_boot_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    wall_is_right INTEGER NOT NULL
) STRICT;
CREATE TABLE invitations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    invitee TEXT,
    group_id TEXT,
    answer TEXT NOT NULL,
    visibility TEXT NOT NULL,
    call INTEGER NOT NULL,
    online_only INTEGER NOT NULL,
    keep_when_lost INTEGER NOT NULL,
    inviter_was_online INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    lifetime_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    remembered INTEGER NOT NULL DEFAULT 1,
    data ANY
) STRICT;
CREATE INDEX forgotten ON invitations (ended_ms) WHERE NOT remembered;
CREATE TABLE invitees (
    invitation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user TEXT NOT NULL,
    state TEXT NOT NULL,
    deadline_ms INTEGER,
    ended_by TEXT,
    device TEXT,
    note INTEGER,
    adder INTEGER NOT NULL,
    PRIMARY KEY (invitation, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    invitation INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    reason TEXT NOT NULL,
    data ANY,
    PRIMARY KEY (invitation, rev)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    user TEXT NOT NULL,
    ended_ms INTEGER NOT NULL,
    invitation INTEGER NOT NULL,
    PRIMARY KEY (user, ended_ms, invitation)
) STRICT, WITHOUT ROWID;
CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    made_after INTEGER NOT NULL,
    name TEXT,
    join_mode TEXT NOT NULL,
    profile TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE members (
    group_id TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (group_id, user)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE calls (
    invitation INTEGER PRIMARY KEY,
    started_ms INTEGER,
    ended_ms INTEGER,
    reason TEXT NOT NULL,
    merged TEXT
) STRICT;
CREATE TABLE participants (
    invitation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    was_online INTEGER NOT NULL,
    takes_part INTEGER NOT NULL,
    hung_up TEXT,
    PRIMARY KEY (invitation, position)
) STRICT, WITHOUT ROWID;
-- Nobody had accepted one, and the inviter's device was not written down.
INSERT INTO calls SELECT number, NULL, NULL, '', NULL FROM invitations WHERE call = 1;
INSERT INTO participants
    SELECT number, 0, inviter, '0000000000000000', 0, 1, NULL FROM invitations WHERE call = 1;
)sql",
};
constexpr std::int64_t present_version = migrations.size();

/// The columns of invitations, in the order of their table.
enum InvitationColumn : std::uint8_t {
    number_column,
    id_column,
    inviter_column,
    invitee_column,
    group_column,
    answer_column,
    visibility_column,
    call_column,
    online_only_column,
    keep_when_lost_column,
    inviter_was_online_column,
    rev_column,
    made_column,
    lifetime_column,
    ended_column,
    remembered_column,
    data_column,
};

/// A page of history ends after so many changes, however few invitations that are.
constexpr std::size_t page_changes = 4000;
/// So many invitations leave the history in one transaction.
constexpr int prune_at_once = 500;
/// How long a commit waits for another program that has locked the file.
constexpr int locked_ms = 1000;

[[noreturn]] void cannot_be(std::string_view what, std::string_view text) {
    throw StoreFile::Damaged("'" + std::string(text) + "' is no " + std::string(what));
}

template <class SomeId>
SomeId read_id(const Statement& row, int column) {
    const auto id = SomeId::parse(row.bytes(column));
    if (!id) {
        cannot_be("id", row.bytes(column));
    }
    return *id;
}

template <class Enum>
Enum read_word(const Statement& row, int column) {
    const auto& words = Names<Enum>::list;
    const auto at = std::find(words.begin(), words.end(), row.bytes(column));
    if (at == words.end()) {
        cannot_be("word of the contract", row.bytes(column));
    }
    return static_cast<Enum>(at - words.begin());
}

DeviceTag read_device(const Statement& row, int column) {
    const auto device = DeviceTag::parse(row.bytes(column));
    if (!device) {
        cannot_be("device", row.bytes(column));
    }
    return *device;
}

std::optional<Data> read_data(const Statement& row, int column) {
    if (row.is_null(column)) {
        return std::nullopt;
    }
    // The type first: reading the bytes may change it.
    const bool is_text = row.type(column) == SQLITE_TEXT;
    return Data{.bytes = std::string(row.bytes(column)), .is_text = is_text};
}

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

std::int64_t as_integer(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t read_number(const Statement& row, int column) {
    return static_cast<std::uint64_t>(row.integer(column));
}

std::optional<Profile> read_profile(const Statement& row, int column) {
    if (row.is_null(column)) {
        return std::nullopt;
    }
    try {
        return nlohmann::json::parse(row.bytes(column)).get<Profile>();
    } catch (const nlohmann::json::exception& /*error*/) {
        cannot_be("profile", row.bytes(column));
    }
}

/// The numbers and groups that changes are about.
struct Touched {
    std::map<std::uint64_t, InvitationId> numbers{};
    std::set<GroupId> groups{};

    void operator()(const auto& change) {
        if constexpr (requires { change.number; }) {
            auto& id = numbers[change.number];
            if constexpr (requires { change.id; }) {
                id = change.id;
            }
        } else {
            groups.insert(change.group);
        }
    }
};

}  // namespace

StoreFile::StoreFile(Options options) : options_(std::move(options)) {}
StoreFile::~StoreFile() = default;

// ------------------------------------------------------------- opening

void StoreFile::open(const ClockReading& now, std::string_view secret) {
    try {
        database_ = std::make_unique<Database>(options_.path);
        check_application();
        ready();
        migrate(now, secret);
        read_broker(now);
        forgotten_ = database_->integer_of("SELECT count(*) FROM invitations WHERE NOT remembered");
    } catch (const SqlError& error) {
        close();
        if (error.code == SQLITE_CORRUPT || error.code == SQLITE_NOTADB ||
            error.code == SQLITE_ERROR) {
            throw Damaged(error.what());
        }
        throw Unusable("cannot use the store " + options_.path + ": " + error.what());
    } catch (...) {
        close();
        throw;
    }
}

void StoreFile::close() { database_.reset(); }

void StoreFile::reopen() {
    database_ = std::make_unique<Database>(options_.path);
    try {
        ready();
    } catch (...) {
        close();
        throw;
    }
}

/// Before anything is changed.
void StoreFile::check_application() {
    sqlite3_busy_timeout(database_->handle(), locked_ms);
    const auto application = database_->integer_of("PRAGMA application_id");
    if (application != application_id &&
        database_->integer_of("SELECT count(*) FROM sqlite_schema") > 0) {
        throw Unusable("the store " + options_.path +
                       " is a database of something else than Beckon: name another file");
    }
    const auto version = database_->integer_of("PRAGMA user_version");
    if (version > present_version) {
        throw Unusable("the store " + options_.path + " is of version " + std::to_string(version) +
                       ", from a later Beckon; this one knows up to " +
                       std::to_string(present_version) +
                       ": use the later one, or name another file");
    }
}

void StoreFile::ready() {
    sqlite3_busy_timeout(database_->handle(), locked_ms);
    database_->run("PRAGMA cell_size_check = ON");
    database_->run("PRAGMA journal_mode = WAL");
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
}

void StoreFile::migrate(const ClockReading& now, std::string_view secret) {
    auto version = database_->integer_of("PRAGMA user_version");
    if (version == present_version) {
        return;
    }
    database_->run("BEGIN IMMEDIATE");
    try {
        const bool is_new = version == 0;
        for (; version < present_version; ++version) {
            database_->run(migrations[static_cast<std::size_t>(version)]);
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
        database_->run(("PRAGMA application_id = " + std::to_string(application_id)).c_str());
        database_->run(("PRAGMA user_version = " + std::to_string(version)).c_str());
        database_->run("COMMIT");
    } catch (...) {
        roll_back();
        throw;
    }
}

void StoreFile::read_broker(const ClockReading& now) {
    Statement& row = database_->statement(
        "SELECT device_secret, last_number, clock_ms, boot_id, since_boot_ms, wall_ms, "
        "wall_is_right FROM broker");
    if (!row.step()) {
        throw Damaged("the table broker is empty");
    }
    secret_ = row.bytes(0);
    last_number_ = read_number(row, 1);
    const auto clock_then = Duration(row.integer(2));
    const ClockReading then{.boot_id = std::string(row.bytes(3)),
                            .since_boot = Instant(Duration(row.integer(4))),
                            .wall_ms = row.integer(5),
                            .wall_is_right = row.integer(6) != 0};
    row.reset();
    const auto passed = time_passed(then, now);
    offset_ = clock_then + passed.value_or(Duration(0)) - now.since_boot.time_since_epoch();
    all_due_at_ = passed ? std::nullopt : std::optional(now.since_boot);
}

std::int64_t StoreFile::to_file(Instant instant) const {
    return (instant.time_since_epoch() + offset_).count();
}

Instant StoreFile::from_file(std::int64_t ms) const { return Instant(Duration(ms) - offset_); }

// ------------------------------------------------------------- telling

void StoreFile::tell_all(const Tell& tell) {
    try {
        Statement& groups = database_->statement("SELECT id FROM groups");
        while (groups.step()) {
            tell_group(read_id<GroupId>(groups, 0), tell);
        }
        Statement& row =
            database_->statement("SELECT * FROM invitations WHERE remembered ORDER BY number");
        while (row.step()) {
            tell_invitation(row, Part::all, tell);
        }
    } catch (const SqlError& error) {
        throw Damaged(error.what());
    }
}

void StoreFile::tell_invitation(const Statement& row, Part part, const Tell& tell) {
    InvitationKept kept{
        .number = read_number(row, number_column),
        .id = read_id<InvitationId>(row, id_column),
        .inviter = read_id<UserId>(row, inviter_column),
        .target = {},
        .answer = read_word<Answer>(row, answer_column),
        .visibility = read_word<Visibility>(row, visibility_column),
        .call = row.integer(call_column) != 0,
        .online_only = row.integer(online_only_column) != 0,
        .keep_when_lost = row.integer(keep_when_lost_column) != 0,
        .inviter_was_online = row.integer(inviter_was_online_column) != 0,
        .rev = static_cast<Rev>(row.integer(rev_column)),
        .made_at = from_file(row.integer(made_column)),
        .lifetime_end = from_file(row.integer(lifetime_column)),
    };
    if (row.is_null(group_column)) {
        kept.target = read_id<UserId>(row, invitee_column);
    } else {
        kept.target = read_id<GroupId>(row, group_column);
    }
    if (!row.is_null(ended_column)) {
        kept.ended_at = from_file(row.integer(ended_column));
    } else if (all_due_at_) {
        kept.lifetime_end = std::min(kept.lifetime_end, *all_due_at_);
    }
    const auto number = kept.number;
    const bool has_notes = kept.rev > 1;
    const bool has_call = kept.call;
    tell(std::move(kept));
    if (part == Part::all && !row.is_null(data_column)) {
        tell(DataKept{.number = number, .data = read_data(row, data_column)});
    }
    if (has_notes) {
        Statement& note = database_->statement(
            "SELECT rev, reason, data FROM notes WHERE invitation = ?1 ORDER BY rev");
        note.bind(1, as_integer(number));
        while (note.step()) {
            tell(NoteKept{.number = number,
                          .rev = static_cast<Rev>(note.integer(0)),
                          .data = part == Part::all ? read_data(note, 2) : std::nullopt,
                          .reason = std::string(note.bytes(1))});
        }
    }
    Statement& invitee = database_->statement(
        "SELECT position, user, state, deadline_ms, ended_by, device, note, adder FROM invitees "
        "WHERE invitation = ?1 ORDER BY position");
    invitee.bind(1, as_integer(number));
    while (invitee.step()) {
        InviteeKept one{.number = number,
                        .position = static_cast<std::uint32_t>(invitee.integer(0)),
                        .user = read_id<UserId>(invitee, 1),
                        .state = read_word<State>(invitee, 2),
                        .deadline = invitee.is_null(3) ? never : from_file(invitee.integer(3)),
                        .adder = invitee.integer(7) != 0};
        if (all_due_at_ && one.state == State::pending && one.deadline != never) {
            one.deadline = std::min(one.deadline, *all_due_at_);
        }
        if (!invitee.is_null(4)) {
            one.by = read_id<UserId>(invitee, 4);
        }
        if (!invitee.is_null(5)) {
            one.device = read_device(invitee, 5);
        }
        if (!invitee.is_null(6)) {
            one.note = static_cast<Rev>(invitee.integer(6));
        }
        tell(std::move(one));
    }
    if (has_call) {
        tell_call(number, tell);
    }
}

void StoreFile::tell_call(std::uint64_t number, const Tell& tell) {
    Statement& row = database_->statement(
        "SELECT started_ms, ended_ms, reason, merged FROM calls WHERE invitation = ?1");
    row.bind(1, as_integer(number));
    if (!row.step()) {
        throw Damaged("a call has no row in calls");
    }
    CallKept kept{.number = number, .reason = std::string(row.bytes(2))};
    if (!row.is_null(0)) {
        kept.started_at = from_file(row.integer(0));
    }
    if (!row.is_null(1)) {
        kept.ended_at = from_file(row.integer(1));
    }
    if (!row.is_null(3)) {
        kept.merged = read_id<InvitationId>(row, 3);
    }
    row.reset();
    tell(std::move(kept));
    Statement& participant = database_->statement(
        "SELECT position, user, device, was_online, takes_part, hung_up FROM participants "
        "WHERE invitation = ?1 ORDER BY position");
    participant.bind(1, as_integer(number));
    bool is_alone = true;
    while (participant.step()) {
        ParticipantKept one{.number = number,
                            .position = static_cast<std::uint32_t>(participant.integer(0)),
                            .user = read_id<UserId>(participant, 1),
                            .device = read_device(participant, 2),
                            .was_online = participant.integer(3) != 0,
                            .takes_part = participant.integer(4) != 0};
        if (!participant.is_null(5)) {
            one.hung_up = read_device(participant, 5);
        }
        tell(std::move(one));
        is_alone = false;
    }
    if (is_alone) {
        throw Damaged("a call has no row in participants");
    }
}

void StoreFile::tell_group(const GroupId& group, const Tell& tell) {
    Statement& row = database_->statement(
        "SELECT name, join_mode, profile, made_after FROM groups WHERE id = ?1");
    row.bind(1, std::string_view(group.text()));
    if (!row.step()) {
        return;
    }
    GroupKept kept{.group = group,
                   .made_after = read_number(row, 3),
                   .profile = read_profile(row, 2),
                   .join_mode = read_word<JoinMode>(row, 1)};
    if (!row.is_null(0)) {
        kept.name = std::string(row.bytes(0));
    }
    row.reset();
    tell(std::move(kept));
    Statement& member =
        database_->statement("SELECT user, role FROM members WHERE group_id = ?1 ORDER BY user");
    member.bind(1, std::string_view(group.text()));
    bool has_owner = false;
    while (member.step()) {
        const auto rank = read_word<Rank>(member, 1);
        has_owner |= rank == Rank::owner;
        tell(MemberKept{.group = group, .user = read_id<UserId>(member, 0), .rank = rank});
    }
    if (!has_owner) {
        throw Damaged("the group '" + group.text() + "' has no owner");
    }
}

Changes StoreFile::as_stored(std::span<const Changes> touched) {
    Touched what;
    for (const Changes& changes : touched) {
        for (const Change& change : changes) {
            std::visit(what, change);
        }
    }
    Changes stored;
    const auto tell = [&](Change&& change) { stored.push_back(std::move(change)); };
    for (const auto& group : what.groups) {
        tell(GroupGone{group});
        tell_group(group, tell);
    }
    for (const auto& [number, id] : what.numbers) {
        tell(InvitationForgotten{.number = number, .id = id});
        Statement& row =
            database_->statement("SELECT * FROM invitations WHERE number = ?1 AND remembered");
        row.bind(1, as_integer(number));
        if (row.step()) {
            tell_invitation(row, Part::all, tell);
            row.reset();
        }
    }
    return stored;
}

HistoryPage StoreFile::history(const UserId& user, std::size_t limit,
                               const std::optional<HistoryMark>& before, const ClockReading& now) {
    const auto from = before.value_or(HistoryMark{INT64_MAX, INT64_MAX});
    Statement& row = database_->statement(
        "SELECT i.* FROM history h JOIN invitations i ON i.number = h.invitation "
        "WHERE h.user = ?1 AND (h.ended_ms, h.invitation) < (?2, ?3) AND h.ended_ms >= ?4 "
        "ORDER BY h.ended_ms DESC, h.invitation DESC");
    row.bind(1, std::string_view(user.text()))
        .bind(2, from.ended_ms)
        .bind(3, as_integer(from.number))
        .bind(4, to_file(now.since_boot - options_.history));
    HistoryPage page;
    HistoryMark last;
    std::size_t count = 0;
    while (row.step()) {
        if (count == limit || page.ended.size() >= page_changes) {
            page.next = last;
            row.reset();
            break;
        }
        last = {row.integer(ended_column), read_number(row, number_column)};
        tell_invitation(row, Part::without_data,
                        [&](Change&& change) { page.ended.push_back(std::move(change)); });
        ++count;
    }
    return page;
}

// ------------------------------------------------------------- writing

void StoreFile::write(std::span<const Changes> batch, const ClockReading& now) {
    const auto last_number_before = last_number_;
    const auto forgotten_before = forgotten_;
    bool committing = false;
    ended_.clear();
    newly_forgotten_ = 0;
    database_->run("BEGIN IMMEDIATE");
    try {
        if (all_due_at_) {
            all_are_due(*all_due_at_);
        }
        for (const Changes& changes : batch) {
            for (const Change& change : changes) {
                apply(change);
            }
        }
        list_ended();
        if (newly_forgotten_ > 0) {
            // Twice as many, so that a limit that was lowered is met in the end.
            prune_some(now.since_boot, static_cast<int>(2 * newly_forgotten_));
        }
        keep_clock(now);
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
    all_due_at_.reset();
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
        .bind(2, to_file(now.since_boot))
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

void StoreFile::apply(const Change& change) {
    std::visit([this](const auto& one) { apply(one); }, change);
}

void StoreFile::apply(const InvitationKept& kept) {
    last_number_ = std::max(last_number_, kept.number);
    Statement& insert = database_->statement(
        "INSERT INTO invitations (number, id, inviter, invitee, group_id, answer, visibility, "
        "call, online_only, keep_when_lost, inviter_was_online, rev, made_ms, lifetime_ms, "
        "ended_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
        "ON CONFLICT (number) DO UPDATE SET inviter_was_online = excluded.inviter_was_online, "
        "rev = excluded.rev, lifetime_ms = excluded.lifetime_ms, ended_ms = excluded.ended_ms");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::string_view(kept.id.text()))
        .bind(3, std::string_view(kept.inviter.text()));
    const auto* const invitee = std::get_if<UserId>(&kept.target);
    const auto* const group = std::get_if<GroupId>(&kept.target);
    bind_if(insert, 4,
            invitee != nullptr ? std::optional(std::string_view(invitee->text())) : std::nullopt);
    bind_if(insert, 5,
            group != nullptr ? std::optional(std::string_view(group->text())) : std::nullopt);
    insert.bind(6, name_of(kept.answer))
        .bind(7, name_of(kept.visibility))
        .bind(8, std::int64_t{kept.call})
        .bind(9, std::int64_t{kept.online_only})
        .bind(10, std::int64_t{kept.keep_when_lost})
        .bind(11, std::int64_t{kept.inviter_was_online})
        .bind(12, std::int64_t{kept.rev})
        .bind(13, to_file(kept.made_at))
        .bind(14, to_file(kept.lifetime_end));
    bind_if(insert, 15, kept.ended_at ? std::optional(to_file(*kept.ended_at)) : std::nullopt);
    insert.run();
    if (kept.ended_at) {
        ended_.push_back(kept.number);
    }
}

void StoreFile::apply(const DataKept& kept) {
    Statement& update = database_->statement("UPDATE invitations SET data = ?2 WHERE number = ?1");
    bind_data(update.bind(1, as_integer(kept.number)), 2, kept.data);
    update.run();
}

void StoreFile::apply(const NoteKept& kept) {
    Statement& insert = database_->statement(
        "INSERT INTO notes (invitation, rev, reason, data) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT DO UPDATE SET reason = excluded.reason, data = excluded.data");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.rev})
        .bind(3, std::string_view(kept.reason));
    bind_data(insert, 4, kept.data);
    insert.run();
}

void StoreFile::apply(const InviteeKept& kept) {
    Statement& insert = database_->statement(
        "INSERT INTO invitees (invitation, position, user, state, deadline_ms, ended_by, device, "
        "note, adder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT DO UPDATE SET state = excluded.state, ended_by = excluded.ended_by, "
        "device = excluded.device, note = excluded.note, adder = excluded.adder");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, std::string_view(kept.user.text()))
        .bind(4, name_of(kept.state));
    bind_if(insert, 5,
            kept.deadline == never ? std::nullopt : std::optional(to_file(kept.deadline)));
    bind_if(insert, 6, text_of(kept.by));
    const std::string device = kept.device ? kept.device->text() : std::string();
    bind_if(insert, 7, kept.device ? std::optional(std::string_view(device)) : std::nullopt);
    bind_if(insert, 8, kept.note ? std::optional(std::int64_t{*kept.note}) : std::nullopt);
    insert.bind(9, std::int64_t{kept.adder}).run();
}

void StoreFile::apply(const CallKept& kept) {
    Statement& insert = database_->statement(
        "INSERT INTO calls (invitation, started_ms, ended_ms, reason, merged) "
        "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET started_ms = excluded.started_ms, "
        "ended_ms = excluded.ended_ms, reason = excluded.reason, merged = excluded.merged");
    insert.bind(1, as_integer(kept.number));
    bind_if(insert, 2, kept.started_at ? std::optional(to_file(*kept.started_at)) : std::nullopt);
    bind_if(insert, 3, kept.ended_at ? std::optional(to_file(*kept.ended_at)) : std::nullopt);
    insert.bind(4, std::string_view(kept.reason));
    bind_if(insert, 5, text_of(kept.merged));
    insert.run();
}

void StoreFile::apply(const ParticipantKept& kept) {
    Statement& insert = database_->statement(
        "INSERT INTO participants (invitation, position, user, device, was_online, takes_part, "
        "hung_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET "
        "device = excluded.device, was_online = excluded.was_online, "
        "takes_part = excluded.takes_part, hung_up = excluded.hung_up");
    const std::string device = kept.device.text();
    const std::string hung_up = kept.hung_up ? kept.hung_up->text() : std::string();
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, std::string_view(kept.user.text()))
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
    database_->statement("UPDATE notes SET data = NULL WHERE invitation = ?1 AND data IS NOT NULL")
        .bind(1, as_integer(forgotten.number))
        .run();
}

void StoreFile::apply(const GroupKept& kept) {
    Statement& insert = database_->statement(
        "INSERT INTO groups (id, name, join_mode, profile, made_after) VALUES (?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT DO UPDATE SET name = excluded.name, join_mode = excluded.join_mode, "
        "profile = excluded.profile");
    insert.bind(1, std::string_view(kept.group.text()));
    bind_if(insert, 2, kept.name ? std::optional(std::string_view(*kept.name)) : std::nullopt);
    insert.bind(3, name_of(kept.join_mode));
    const std::string profile = kept.profile ? nlohmann::json(*kept.profile).dump() : std::string();
    bind_if(insert, 4, kept.profile ? std::optional(std::string_view(profile)) : std::nullopt);
    insert.bind(5, as_integer(kept.made_after)).run();
}

void StoreFile::apply(const MemberKept& kept) {
    database_
        ->statement(
            "INSERT INTO members (group_id, user, role) VALUES (?1, ?2, ?3) "
            "ON CONFLICT DO UPDATE SET role = excluded.role")
        .bind(1, std::string_view(kept.group.text()))
        .bind(2, std::string_view(kept.user.text()))
        .bind(3, name_of(kept.rank))
        .run();
}

void StoreFile::apply(const MemberGone& gone) {
    database_->statement("DELETE FROM members WHERE group_id = ?1 AND user = ?2")
        .bind(1, std::string_view(gone.group.text()))
        .bind(2, std::string_view(gone.user.text()))
        .run();
}

void StoreFile::apply(const GroupGone& gone) {
    database_->statement("DELETE FROM members WHERE group_id = ?1")
        .bind(1, std::string_view(gone.group.text()))
        .run();
    database_->statement("DELETE FROM groups WHERE id = ?1")
        .bind(1, std::string_view(gone.group.text()))
        .run();
}

/// Else a broker that is killed while it tells of these would find the others pending again.
void StoreFile::all_are_due(Instant now) {
    database_
        ->statement(
            "UPDATE invitations SET lifetime_ms = min(lifetime_ms, ?1) "
            "WHERE ended_ms IS NULL")
        .bind(1, to_file(now))
        .run();
    database_
        ->statement(
            "UPDATE invitees SET deadline_ms = min(deadline_ms, ?1) "
            "WHERE state = 'pending'")
        .bind(1, to_file(now))
        .run();
}

/// Only now are all their invitees there.
void StoreFile::list_ended() {
    for (const auto number : ended_) {
        database_
            ->statement(
                "INSERT OR IGNORE INTO history (user, ended_ms, invitation) "
                "SELECT inviter, ended_ms, number FROM invitations WHERE number = ?1 UNION "
                "SELECT user, (SELECT ended_ms FROM invitations WHERE number = ?1), invitation "
                "FROM invitees WHERE invitation = ?1")
            .bind(1, as_integer(number))
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

bool StoreFile::prune_some(Instant now, int most) {
    const auto oldest = to_file(now - options_.history);
    for (int pruned = 0; pruned < most; ++pruned) {
        Statement& row = database_->statement(
            "SELECT number, ended_ms, inviter FROM invitations WHERE NOT remembered "
            "ORDER BY ended_ms LIMIT 1");
        if (!row.step()) {
            return false;
        }
        const auto number = row.integer(0);
        const auto ended = row.integer(1);
        row.reset();
        if (ended >= oldest && forgotten_ <= options_.max_history) {
            return false;
        }
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
