// SPDX-License-Identifier: Apache-2.0

// What becomes of the store when the power goes at any moment, or the disk refuses.

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "catch.hpp"
#include "disk.hpp"
#include "host/sqlite_journal.hpp"
#include "sqlite.hpp"
#include "store_samples.hpp"
#include "world/walks.hpp"

using namespace beckon;

namespace {

namespace fs = std::filesystem;
using Kind = Disk::Operation::Kind;

const ClockReading the_time{.boot_id = "first", .since_boot = at(5000), .wall_ms = 1'700'000'000};

StoreFile::Options options(const Folder& folder, bool sync_always) {
    return {.path = folder.file("store.db"),
            .sync_always = sync_always,
            .history = Duration(86'400'000),
            .max_history = 20,
            // So that the log is moved into the file several times.
            .checkpoint_pages = 30};
}

void make_empty(const Folder& folder) { const std::ofstream file(folder.file("store.db")); }

/// A scenario with its states: `states[n]` after `n` batches.
struct Story {
    explicit Story(std::size_t count, std::uint32_t seed) : states(1) {
        Scenario scenario(seed);
        for (std::size_t i = 0; i < count; ++i) {
            // Each batch has the changes of a few requests.
            auto& batch = batches.emplace_back();
            for (std::size_t left = 1 + i % 3; left > 0; --left) {
                batch.push_back(scenario.next());
            }
            states.push_back(states.back());
            for (const auto& changes : batch) {
                states.back().add(changes);
            }
        }
    }
    std::vector<Batch> batches;
    std::vector<Kept> states;
};

Kept found_in(const Folder& folder) {
    StoreFile file(options(folder, false));
    file.open(the_time, "secret");
    Database database(folder.file("store.db"));
    CHECK(database.integer_of("SELECT count(*) FROM pragma_integrity_check "
                              "WHERE integrity_check <> 'ok'") == 0);
    CHECK(database.integer_of("SELECT count(*) FROM invitations i WHERE ended_ms NOT NULL AND "
                              "NOT EXISTS (SELECT 1 FROM history h WHERE h.user = i.inviter AND "
                              "h.ended_ms = i.ended_ms AND h.invitation = i.number)") == 0);
    return kept_by(told_by(file));
}

/// What the next start finds when the files are these.
Kept found_in(const Files& files) {
    const Folder folder;
    for (const auto& [name, bytes] : files) {
        std::ofstream(folder.file(name), std::ios::binary) << bytes;
    }
    return found_in(folder);
}

/// The state that is found is one after a whole batch, from what was reported as committed
/// to what was begun.
void check_cut(const Story& story, const Files& files, std::int64_t committed, std::int64_t begun) {
    const auto found = found_in(files);
    const auto from = story.states.begin() + committed;
    const auto to = story.states.begin() + begun + 1;
    INFO("committed " << committed << ", begun " << begun);
    CHECK(std::find(from, to, found) != to);
}

/// Plays the story, and returns what it did to the disk. Marks: 2n before batch n, 2n+1
/// once it is committed.
Disk::Operations played(const Story& story, bool sync_always) {
    const Folder folder;
    make_empty(folder);
    Disk disk;
    {
        StoreFile file(options(folder, sync_always));
        file.open(the_time, "secret");
        std::int64_t n = 0;
        for (const auto& batch : story.batches) {
            disk.mark(2 * n);
            file.write(batch, the_time);
            disk.mark(2 * n + 1);
            file.tidy_up();
            ++n;
        }
    }
    return disk.operations();
}

/// Where the story stands among the operations.
struct Place {
    std::int64_t committed = 0;
    std::int64_t begun = 0;
    void pass(const Disk::Operation& operation) {
        if (operation.kind == Kind::mark) {
            auto& count = operation.offset % 2 == 0 ? begun : committed;
            count = operation.offset / 2 + 1;
        }
    }
};

}  // namespace

TEST_CASE("killed_at_any_write_the_store_has_all_that_was_committed_and_no_half_of_a_batch") {
    const bool sync_always = GENERATE(true, false);
    const Story story(36, 11);
    const auto operations = played(story, sync_always);
    const Disk quick;
    std::mt19937 random(5);
    Files files{{"store.db", ""}};
    Place place;
    OneIn is_tried(3);
    std::size_t cuts = 0;
    for (const auto& operation : operations) {
        place.pass(operation);
        if (operation.kind == Kind::write && is_tried()) {
            // Torn: a part of it, by sectors or anywhere.
            const auto size = operation.bytes.size();
            for (const auto part : {random() % size, size / 1024 * 512}) {
                auto torn = files;
                auto begun = operation;
                begun.bytes.resize(part);
                perform(torn, begun);
                check_cut(story, torn, place.committed, place.begun);
                ++cuts;
            }
        }
        perform(files, operation);
        if (operation.kind != Kind::mark && is_tried()) {
            check_cut(story, files, place.committed, place.begun);
            ++cuts;
        }
    }
    CHECK(place.committed == 36);
    CHECK(found_in(files) == story.states.back());
    CHECK(cuts > is_tried.share_of(500));
}

TEST_CASE("at_a_power_cut_sync_always_has_all_that_was_committed_and_normal_what_once_was") {
    const bool sync_always = GENERATE(true, false);
    const Story story(36, 12);
    const auto operations = played(story, sync_always);
    const Disk quick;
    std::mt19937 random(6);
    /// What is sure to be on the disk, and what may be.
    Files synced{{"store.db", ""}};
    std::vector<Disk::Operation> unsure;
    Place place;
    OneIn is_tried(3);
    std::size_t cuts = 0;
    for (const auto& operation : operations) {
        place.pass(operation);
        if (operation.kind == Kind::mark) {
            continue;
        }
        if (operation.kind == Kind::sync) {
            // A new file is synced with its folder, so what was removed stays removed.
            if (!synced.contains(operation.file)) {
                const auto removed =
                    std::find_if(unsure.begin(), unsure.end(),
                                 [](const auto& one) { return one.kind == Kind::remove; });
                if (removed != unsure.end()) {
                    perform(synced, *removed);
                    unsure.erase(removed);
                }
            }
            // Of one file: the others' writes stay as unsure as they were.
            const auto rest =
                std::stable_partition(unsure.begin(), unsure.end(),
                                      [&](const auto& one) { return one.file != operation.file; });
            std::for_each(rest, unsure.end(), [&](const auto& one) { perform(synced, one); });
            unsure.erase(rest, unsure.end());
        } else {
            unsure.push_back(operation);
        }
        if (!is_tried()) {
            continue;
        }
        for (int i = 0; i < 2; ++i) {
            auto files = synced;
            for (const auto& one : unsure) {
                // Some sectors of some writes.
                if (one.kind != Kind::write) {
                    if (random() % 2 == 0) {
                        perform(files, one);
                    }
                    continue;
                }
                for (std::size_t from = 0; from < one.bytes.size(); from += 512) {
                    if (random() % 2 == 0) {
                        perform(files, {.kind = Kind::write,
                                        .file = one.file,
                                        .offset = one.offset + static_cast<std::int64_t>(from),
                                        .bytes = one.bytes.substr(from, 512)});
                    }
                }
            }
            check_cut(story, files, sync_always ? place.committed : 0, place.begun);
            ++cuts;
        }
    }
    CHECK(cuts > is_tried.share_of(500));
}

TEST_CASE("what_the_disk_refuses_is_not_stored_and_the_next_is_when_it_takes_it_again") {
    struct Fault {
        const char* what;
        Kind kind;
        int code;
        bool lasting;
    };
    const auto fault =
        GENERATE(values<Fault>({{"a write fails", Kind::write, SQLITE_IOERR_WRITE, false},
                                {"writes fail", Kind::write, SQLITE_IOERR_WRITE, true},
                                {"the disk is full for a write", Kind::write, SQLITE_FULL, false},
                                {"the disk is full", Kind::write, SQLITE_FULL, true},
                                {"a sync fails", Kind::sync, SQLITE_IOERR_FSYNC, false},
                                {"syncs fail", Kind::sync, SQLITE_IOERR_FSYNC, true},
                                {"the disk is read-only", Kind::write, SQLITE_READONLY, true}}));
    INFO(fault.what);
    const Story story(12, 13);
    Disk disk;
    OneIn is_tried(3);
    std::int64_t points = 1;
    std::size_t refused = 0;
    std::size_t recovered = 0;
    for (std::int64_t point = 0; point < points; ++point) {
        if (point > 0 && !is_tried()) {
            continue;
        }
        INFO("at operation " << point);
        const Folder folder;
        make_empty(folder);
        Kept expected;
        {
            StoreFile file(options(folder, true));
            file.open(the_time, "secret");
            std::int64_t struck = 0;
            disk.fail([&](Kind kind, std::int64_t nth) {
                const bool fails = kind == fault.kind && nth >= point &&
                                   (fault.lasting ? nth < point + 40 : struck == 0);
                struck += fails ? 1 : 0;
                return fails ? fault.code : SQLITE_OK;
            });
            for (const auto& batch : story.batches) {
                // What rests on a refused batch may name what is not there.
                Batch possible;
                for (const auto& changes : batch) {
                    const auto rests_on_nothing = [&] {
                        try {
                            auto trial = expected;
                            for (const auto& one : possible) {
                                trial.add(one);
                            }
                            trial.add(changes);
                            return false;
                        } catch (const std::out_of_range&) {
                            return true;
                        }
                    };
                    if (!rests_on_nothing()) {
                        possible.push_back(changes);
                    }
                }
                const bool is_over = fault.lasting ? disk.asked() >= point + 40 : struck > 0;
                try {
                    file.write(possible, the_time);
                    for (const auto& changes : possible) {
                        expected.add(changes);
                    }
                    recovered += is_over ? 1 : 0;
                } catch (const SqlError& /*error*/) {
                    ++refused;
                    CHECK_FALSE(is_over);
                    if (!fault.lasting) {
                        // Killed now: nothing that was refused shows up.
                        const Folder copy;
                        for (const auto& entry : fs::directory_iterator(folder.path())) {
                            if (entry.path().extension() != ".db-shm") {
                                fs::copy(entry.path(), copy.path() / entry.path().filename());
                            }
                        }
                        CHECK(found_in(copy) == expected);
                    }
                }
                file.tidy_up();
                CHECK(kept_by(told_by(file)) == expected);
            }
            points = std::max(points, disk.asked());
            disk.fail({});
        }
        CHECK(found_in(folder) == expected);
    }
    CHECK(points > 50);
    CHECK(refused > is_tried.share_of(10));
    CHECK((fault.lasting || recovered > is_tried.share_of(10)));
}

namespace {

bool failed(const Journal::Progress& progress) { return progress.failure.has_value(); }

}  // namespace

TEST_CASE("what_could_not_be_stored_is_handed_back_and_the_rest_is_told_anew") {
    const Folder folder;
    Disk disk;
    Kept memory;
    {
        Host host(folder.file("store.db"));
        host.start();
        Changes stored{
            invitation(1), DataKept{1, Data{.bytes = "ring"}}, invitee(1),
            GroupKept{.group = group_id("family"), .name = "Family", .described_by = user("alice")},
            MemberKept{group_id("family"), user("alice"), Rank::owner, user("alice")}};
        host.keep(stored);
        memory.add(stored);

        disk.fail(
            [](Kind kind, std::int64_t) { return kind == Kind::write ? SQLITE_FULL : SQLITE_OK; });
        const Batch refused{
            ended(1, at(6000)),
            {invitation(2), invitee(2)},
            {MemberKept{group_id("family"), user("bob"), Rank::member, user("alice")}},
            {GroupKept{.group = group_id("new"), .described_by = user("alice")}},
            {InvitationForgotten{1}},
            {GroupGone{group_id("family")}},
        };
        for (const auto& changes : refused) {
            host.store.put(changes);
        }
        auto progress = host.until(failed);
        CHECK(progress.stored == 1);
        CHECK(*progress.failure == "database or disk is full");
        // Nobody has looked yet: this rests on what was refused.
        host.store.put({invitation(3)});
        CHECK(host.store.progress().failure);

        auto given_up = refused;
        given_up.push_back({invitation(3)});
        CHECK(host.store.give_up() == given_up);
        progress = host.store.progress();
        CHECK_FALSE(progress.failure);
        CHECK(progress.stored == 8);
        CHECK(host.store.waiting().changes == 0);
        CHECK(host.store.waiting().bytes == 0);
        CHECK(kept_by(host.reloaded()) == memory);

        // Still full; history is read all the same.
        host.store.put({invitation(4)});
        host.until(failed);
        host.store.ask_history(1, user("bob"), 10, {});
        progress = host.until([](const auto& one) { return !one.history.empty(); });
        REQUIRE(progress.history[0].page.has_value());
        CHECK(*progress.history[0].page == HistoryPage{});
        host.store.give_up();
        CHECK(kept_by(host.reloaded()) == memory);

        disk.fail({});
        host.keep({invitation(5), invitee(5)});
        memory.add({invitation(5), invitee(5)});
    }
    CHECK(kept_by(Host(folder.file("store.db")).loaded) == memory);
}

TEST_CASE("a_store_that_is_gone_for_a_while_is_opened_again") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    // As when a disk is unplugged before the writer has opened it.
    fs::rename(path, folder.file("elsewhere"));
    host.start();
    host.store.put({invitation(1)});
    CHECK(*host.until(failed).failure ==
          path + " is not there any more, which the broker has open");
    host.store.give_up();
    fs::rename(folder.file("elsewhere"), path);
    CHECK(host.reloaded().empty());
    host.keep({invitation(1), invitee(1)});
}

TEST_CASE("another_program_that_locks_the_store_is_a_failure_until_it_lets_go") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    host.keep({invitation(1)});
    {
        Database shell(path);
        shell.run("BEGIN IMMEDIATE");
        host.store.put({invitee(1)});
        CHECK(*host.until(failed).failure == "database is locked");
    }
    CHECK(host.store.give_up() == Batch{{invitee(1)}});
    host.keep({invitee(1)});
    Database shell(path);
    CHECK(shell.integer_of("SELECT count(*) FROM invitees") == 1);
}

TEST_CASE("a_disk_without_shared_memory_is_not_used") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const Disk disk(Disk::Where::without_shared_memory);
    try {
        const Host host(path);
        FAIL("it was used");
    } catch (const Journal::Unusable& unusable) {
        CHECK(std::string(unusable.what())
                  .starts_with("the store " + path + " cannot have a log beside it: "));
    }
}

TEST_CASE("an_exception_leaves_no_reading_open") {
    const Folder folder;
    make_empty(folder);
    StoreFile file(options(folder, true));
    file.open(the_time, "secret");
    file.write(Batch{ended(1, at(4000)), {invitation(2), invitee(2)}}, the_time);
    for (const int wanted : {1, 2, 3, 4, 5}) {
        int told = 0;
        const auto throw_at = [&](Change&&) {
            if (++told == wanted) {
                throw std::runtime_error("enough");
            }
        };
        CHECK_THROWS_AS(file.tell_all(throw_at), std::runtime_error);
        // Whoever still reads keeps the log from being begun anew.
        Database shell(folder.file("store.db"));
        CHECK(shell.integer_of("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
    }
}

// ------------------------------------------------------------- files that are deleted or replaced

namespace {

void remove_all_of(const std::string& path) {
    for (const auto* const suffix : {"", "-wal", "-shm"}) {
        fs::remove(path + suffix);
    }
}

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a_store_that_was_deleted_is_a_failure_and_then_made_anew_with_all_that_is_stored") {
    const std::vector<std::string> deleted = GENERATE(values<std::vector<std::string>>(
        {{"", "-wal", "-shm"}, {""}, {"-wal"}, {"-shm"}, {"-wal", "-shm"}}));
    const Folder folder;
    const auto path = folder.file("store.db");
    const Changes over = ended(2, at(4000));
    Kept expected;
    {
        Host host(path);
        host.start();
        host.keep({invitation(1)});
        host.keep(over);
        for (const auto& suffix : deleted) {
            REQUIRE(fs::remove(path + suffix));
        }
        host.store.put({invitee(1)});
        CHECK(*host.until(failed).failure ==
              path + deleted[0] + " is not there any more, which the broker has open");
        CHECK(host.store.give_up() == Batch{{invitee(1)}});
        Changes stored = {invitation(1)};
        stored.insert(stored.end(), over.begin(), over.end());
        CHECK(host.reloaded() == stored);

        host.keep({invitation(3)});
        host.keep({invitee(1)});
        stored.insert(stored.begin() + 1, invitee(1));
        stored.push_back(invitation(3));
        expected = kept_by(stored);
        CHECK(kept_by(host.reloaded()) == expected);
        host.store.ask_history(1, user("bob"), 10, {});
        const auto progress = host.until([](const auto& one) { return !one.history.empty(); });
        REQUIRE(progress.history[0].page);
        CHECK(progress.history[0].page->ended == over);
        CHECK_THROWS_AS(Host(path), Journal::Unusable);

        // As a kill would leave it.
        const Folder copy;
        for (const auto* const suffix : {"", "-wal"}) {
            fs::copy(path + suffix, copy.file("store.db") + suffix);
        }
        CHECK(kept_by(Host(copy.file("store.db")).loaded) == expected);
        struct stat info {};
        REQUIRE(stat(path.c_str(), &info) == 0);
        CHECK((info.st_mode & 0777U) == 0600U);
        CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 3);
    }
    CHECK(kept_by(Host(path).loaded) == expected);
}

TEST_CASE("what_stands_where_the_store_was_is_left_alone_and_nothing_is_stored_until_it_is_gone") {
    const std::string suffix = GENERATE("", "-wal", "-shm");
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    host.keep({invitation(1)});
    remove_all_of(path);
    std::ofstream(path + suffix) << "precious";
    for (int i = 0; i < 3; ++i) {
        host.store.put({invitee(1)});
        const auto failure = *host.until(failed).failure;
        INFO(failure);
        CHECK(failure.starts_with(path));
        host.store.give_up();
        CHECK(host.reloaded() == Changes{invitation(1)});
        CHECK(bytes_of(path + suffix) == "precious");
        CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
    }
    remove_all_of(path);
    host.keep({invitee(1)});
    CHECK(host.reloaded() == Changes{invitation(1), invitee(1)});
}

TEST_CASE("an_index_of_the_log_that_cannot_be_used_is_a_failure_and_no_signal") {
    // Too short for what is in memory: to touch it is a SIGBUS, as when the disk is gone or the
    // file is made immutable.
    const auto left = GENERATE(values<std::uintmax_t>({0, 4096}));
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    host.keep({invitation(1)});
    host.keep(ended(2, at(4000)));
    fs::resize_file(path + "-shm", left);
    host.store.ask_history(1, user("bob"), 10, {});
    host.until([](const auto& one) { return !one.history.empty(); });
    host.store.put({invitee(1)});
    const auto progress =
        host.until([](const auto& one) { return one.failure || one.stored == 3; });
    if (progress.failure) {
        CHECK(*progress.failure ==
              path + "-shm cannot be read or written any more, which the broker shares as memory");
        CHECK(host.store.give_up() == Batch{{invitee(1)}});
        CHECK(host.reloaded().size() == 4);
        host.keep({invitee(1)});
    }
    host.keep({invitation(3)});
    CHECK(host.reloaded().size() == 6);
    host.store.ask_history(2, user("bob"), 10, {});
    const auto last = host.until([](const auto& one) { return !one.history.empty(); });
    REQUIRE(last.history[0].page);
    CHECK(last.history[0].page->ended == ended(2, at(4000)));
}

/// Not on an overlay: what is open there is written to all the same.
static bool immutable_files_refuse_what_is_open(const Folder& folder) {
    const auto path = folder.file("probe");
    std::ofstream file(path, std::ios::binary);
    const bool is_made = std::system(("chattr +i '" + path + "' 2>/dev/null").c_str()) == 0;
    const bool refuses = is_made && !(file << 'x').flush();
    return std::system(("chattr -i '" + path + "' 2>/dev/null").c_str()) == 0 && refuses;
}

TEST_CASE("an_immutable_store_fails_and_is_read_all_the_same_and_works_when_it_is_let_go") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const auto change_all = [&](const char* how) {
        return std::system(("chattr " + std::string(how) + " '" + path + "' '" + path + "-wal' '" +
                            path + "-shm' 2>/dev/null")
                               .c_str()) == 0;
    };
    if (!immutable_files_refuse_what_is_open(folder)) {
        WARN("nobody may make a file immutable here");
        return;
    }
    Host host(path);
    host.start();
    host.keep({invitation(1)});
    REQUIRE(change_all("+i"));
    for (int i = 0; i < 3; ++i) {
        host.store.put({invitee(1)});
        CHECK_FALSE(host.until(failed).failure->empty());
        host.store.give_up();
        CHECK(host.reloaded() == Changes{invitation(1)});
    }
    REQUIRE(change_all("-i"));
    host.keep({invitee(1)});
    CHECK(host.reloaded() == Changes{invitation(1), invitee(1)});
}

TEST_CASE("a_store_that_was_moved_away_and_back_is_the_same_again") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    host.keep({invitation(1)});
    fs::rename(path, folder.file("elsewhere"));
    host.store.put({invitee(1)});
    host.until(failed);
    host.store.give_up();
    fs::rename(folder.file("elsewhere"), path);
    host.keep({invitee(1)});
    CHECK(host.reloaded() == Changes{invitation(1), invitee(1)});
}

namespace {

/// What waits for the disk, as `ticket: number of changes`.
std::vector<std::string> unstored(const Host& host) {
    std::vector<std::string> all;
    host.store.look_at_unstored([&](std::uint64_t ticket, const Changes& changes) {
        all.push_back(std::to_string(ticket) + ": " + std::to_string(changes.size()));
    });
    return all;
}

}  // namespace

TEST_CASE("while_the_disk_hangs_what_it_has_in_hands_counts_and_can_be_looked_at") {
    const Folder folder;
    Disk disk;
    Host host(folder.file("store.db"));
    host.start();
    host.keep({invitation(1)});
    disk.hang(Kind::sync);
    host.store.put({invitation(2), DataKept{2, Data{.bytes = std::string(5000, 'x')}}});
    host.store.hand_over();
    disk.wait_for_hang();
    host.store.put({NoteKept{.number = 2, .rev = 2, .reason = std::string(100, 'y')}});
    host.store.put({});
    host.store.hand_over();
    host.store.put({invitation(3)});
    CHECK(unstored(host) == std::vector<std::string>{"2: 2", "3: 1", "4: 0", "5: 1"});
    auto waiting = host.store.waiting();
    CHECK(waiting.changes == 4);
    CHECK(waiting.bytes > 5100 + 4 * sizeof(Change));
    CHECK(waiting.bytes < 5100 + 4 * sizeof(Change) + 1000);
    CHECK(host.store.progress().stored == 1);
    // It has not failed, so nothing is given up: it may be stored yet.
    CHECK(host.store.give_up().empty());
    disk.go_on();
    host.until([](const auto& progress) { return progress.stored == 5; });
    waiting = host.store.waiting();
    CHECK(waiting.changes == 0);
    CHECK(waiting.bytes == 0);
    CHECK(unstored(host).empty());
}

TEST_CASE("what_is_looked_at_after_a_failure_is_what_would_be_given_up") {
    const Folder folder;
    Disk disk;
    Host host(folder.file("store.db"));
    host.start();
    host.keep({invitation(1)});
    disk.fail([](Kind, std::int64_t) { return SQLITE_IOERR; });
    host.store.put({invitee(1)});
    host.until(failed);
    host.store.put({invitation(2), invitee(2)});
    CHECK(unstored(host) == std::vector<std::string>{"2: 1", "3: 2"});
    CHECK(host.store.give_up() == Batch{{invitee(1)}, {invitation(2), invitee(2)}});
    CHECK(unstored(host).empty());
}

TEST_CASE("a_reload_comes_in_parts_and_from_its_beginning_when_it_is_asked_for_again") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    Changes many;
    for (std::uint64_t number = 1; number <= 5000; ++number) {
        many.push_back(invitation(number));
        many.push_back(invitee(number));
    }
    host.keep(many);
    host.store.reload();
    const auto begun = host.until([](const auto& one) { return one.reload_began; });
    CHECK(begun.reloaded.size() < many.size());
    CHECK_FALSE(begun.reload_ended);
    CHECK(host.reloaded() == many);
    host.keep({invitation(5001)});
}

TEST_CASE("a_disk_that_hangs_does_not_keep_the_host_from_ending") {
    const Folder folder;
    Disk disk;
    {
        Host host(folder.file("store.db"), Host::first_boot(), std::chrono::milliseconds(10));
        host.start();
        host.keep({invitation(1)});
        disk.hang(Kind::sync);
        host.store.put({invitee(1)});
        host.store.hand_over();
        disk.wait_for_hang();
    }
    // What was left behind still has the store.
    CHECK_THROWS_AS(Host(folder.file("store.db")), Journal::Unusable);
    disk.go_on();
    const auto is_free = [&] {
        try {
            return kept_by(Host(folder.file("store.db")).loaded) ==
                   kept_by({invitation(1), invitee(1)});
        } catch (const Journal::Unusable& /*unusable*/) {
            return false;
        }
    };
    while (!is_free()) {
        std::this_thread::yield();
    }
}

TEST_CASE("history_is_read_while_a_commit_hangs") {
    const Folder folder;
    Disk disk;
    Host host(folder.file("store.db"));
    host.start();
    host.keep(ended(1, at(4000)));
    disk.hang(Kind::sync);
    host.store.put({invitation(2)});
    host.store.hand_over();
    disk.wait_for_hang();
    host.store.ask_history(1, user("bob"), 10, {});
    const auto progress = host.until([](const auto& one) { return !one.history.empty(); });
    CHECK(progress.stored == 1);
    REQUIRE(progress.history[0].page);
    CHECK(progress.history[0].page->ended == ended(1, at(4000)));
    disk.go_on();
}
