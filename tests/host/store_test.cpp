// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "host/sqlite_journal.hpp"
#include "store_samples.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

namespace fs = std::filesystem;

/// Keeps them in a store of an earlier run.
void kept_before(const std::string& path, const Changes& changes,
                 const ClockReading& when = Host::first_boot()) {
    Host host(path, when);
    REQUIRE_FALSE(host.damage);
    host.start();
    host.keep(changes);
}

std::string objection(const std::string& path) {
    try {
        const Host host(path);
    } catch (const StoreFile::Unusable& unusable) {
        return unusable.what();
    }
    return "none";
}

void sql(const std::string& path, const std::string& script) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    const int result = sqlite3_exec(database, script.c_str(), nullptr, nullptr, nullptr);
    INFO(sqlite3_errmsg(database));
    CHECK(result == SQLITE_OK);
    sqlite3_close(database);
}

/// The first column of all rows, a line each.
std::string asked(const std::string& path, const std::string& query) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    std::string lines;
    const int result = sqlite3_exec(
        database, query.c_str(),
        [](void* to, int /*columns*/, char** values, char** /*names*/) {
            *static_cast<std::string*>(to) +=
                std::string(values[0] != nullptr ? values[0] : "NULL") + "\n";
            return 0;
        },
        &lines, nullptr);
    INFO(sqlite3_errmsg(database));
    CHECK(result == SQLITE_OK);
    sqlite3_close(database);
    return lines;
}

}  // namespace

TEST_CASE("what_was_committed_is_told_at_the_next_start") {
    const Folder folder;
    const auto path = folder.file("store.db");
    kept_before(path, one_of_everything());
    const Host host(path);
    CHECK_FALSE(host.damage);
    CHECK(kept_by(host.loaded) == kept_by(one_of_everything()));
    CHECK(host.store.last_number() == 3);
    CHECK(host.store.secret() == the_secret);
}

TEST_CASE("what_a_host_remembers_of_devices_and_of_what_it_has_to_tell_is_told_at_the_next_start") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const DeviceKept panel{.user = user("alice"),
                           .device = DeviceTag(0xfedcba9876543210U),
                           .run = "'a'",
                           .again = Duration(1000),
                           .online = true,
                           .time = at(7000)};
    const DeviceKept phone{.user = user("alice"), .device = DeviceTag(2), .run = "b"};
    const UntoldKept event{.number = 7,
                           .to = {user("alice"), user("bob")},
                           .event = "{}",
                           .online_only = true,
                           .alone = true,
                           .since = at(6000)};
    const Changes all{panel, phone, event, UntoldKept{.number = 8, .since = at(1)}};
    kept_before(path, all);
    {
        Host host(path);
        CHECK(kept_by(host.loaded) == kept_by(all));
        host.start();
        host.keep({DeviceForgotten{user("alice"), DeviceTag(2)}, UntoldDone{8}});
    }
    CHECK(kept_by(Host(path).loaded) == kept_by({panel, event}));
}

TEST_CASE("a_new_store_is_empty_and_for_its_owner_only") {
    const Folder folder;
    const Host host(folder.file("store.db"));
    CHECK(host.loaded.empty());
    CHECK_FALSE(host.damage);
    struct stat info {};
    REQUIRE(stat(folder.file("store.db").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
}

TEST_CASE("the_secret_of_device_tags_stays") {
    const Folder folder;
    { const Host host(folder.file("store.db")); }
    SqliteJournal store({.file = {.path = folder.file("store.db")}, .new_secret = "another"});
    store.load([](Change&&) {});
    CHECK(store.secret() == the_secret);
}

TEST_CASE("a_change_says_how_its_record_stands_now") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Kept expected;
    {
        Host host(path);
        host.start();
        Scenario scenario(1);
        for (int i = 0; i < 300; ++i) {
            const auto changes = scenario.next();
            expected.add(changes);
            host.store.put(changes);
        }
    }
    const Host host(path);
    CHECK(kept_by(host.loaded) == expected);
}

TEST_CASE("an_invitation_is_told_before_its_parts_and_oldest_first") {
    const Folder folder;
    const auto path = folder.file("store.db");
    kept_before(path, one_of_everything());
    const Host host(path);
    // `remembered` throws when a part comes before its whole; what is left is the order.
    std::vector<std::uint64_t> numbers;
    for (const auto& change : host.loaded) {
        if (const auto* const kept = std::get_if<InvitationKept>(&change)) {
            numbers.push_back(kept->number);
        }
    }
    CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("tickets_are_committed_in_their_order") {
    const Folder folder;
    Host host(folder.file("store.db"));
    CHECK(host.store.put({invitation(1)}) == 1);
    CHECK(host.store.put({}) == 2);
    CHECK(host.store.waiting().changes == 1);
    CHECK(host.store.progress().stored == 0);
    host.start();
    host.until([](const auto& progress) { return progress.stored == 2; });
    CHECK(host.store.waiting().changes == 0);
    CHECK(host.store.put({invitee(1)}) == 3);
    host.until([](const auto& progress) { return progress.stored == 3; });
}

// ------------------------------------------------------------- time

TEST_CASE("in_one_boot_deadlines_are_exact") {
    const Folder folder;
    const auto path = folder.file("store.db");
    kept_before(path, {invitation(1), invitee(1)});
    auto later = Host::first_boot();
    later.since_boot = at(29'000);
    later.wall_ms = -5;
    const Host host(path, later);
    CHECK(kept_by(host.loaded) == kept_by({invitation(1), invitee(1)}));
}

TEST_CASE("after_another_boot_remaining_times_shrink_by_the_time_that_passed") {
    const Folder folder;
    const auto path = folder.file("store.db");
    auto before = Host::first_boot();
    before.wall_is_right = true;
    kept_before(path, {invitation(1), invitee(1)}, before);
    ClockReading after{.boot_id = "second",
                       .since_boot = at(77),
                       .wall_ms = before.wall_ms + 3000,
                       .wall_is_right = true};
    {
        Host host(path, after);
        auto expected = kept_by({invitation(1), invitee(1)});
        // 26,000 ms remained, 3,000 have passed.
        expected.invitations[1].invitees[0].deadline = at(77 + 23'000);
        expected.invitations[1].kept.lifetime_end = at(77 - 5000 - 3000 + 86'401'000);
        expected.invitations[1].kept.made_at = at(77 - 5000 - 3000 + 1000);
        CHECK(kept_by(host.loaded) == expected);
        host.start();
        host.keep({invitation(2)});
    }
    // And once more, in the clock of the third.
    after.boot_id = "third";
    after.since_boot = at(1);
    after.wall_ms += 1000;
    const Host host(path, after);
    CHECK(kept_by(host.loaded).invitations[1].invitees[0].deadline == at(1 + 22'000));
}

TEST_CASE("where_the_time_that_passed_cannot_be_proven_all_that_is_pending_is_due") {
    const Folder folder;
    const auto path = folder.file("store.db");
    auto forever = invitee(1, 1, "carol");
    forever.deadline = Instant::max();
    auto overdue = invitee(1, 2, "dave");
    overdue.deadline = at(4000);
    auto others = ended(2, at(3000));
    kept_before(path, {invitation(1), invitee(1), forever, overdue});
    kept_before(path, others);
    const ClockReading after{.boot_id = "second", .since_boot = at(77), .wall_ms = 0};
    const auto due = [&](Kept told, Instant now) {
        auto& one = told.invitations.at(1);
        CHECK(one.invitees.at(0).deadline == now);
        CHECK(one.invitees.at(1).deadline == Instant::max());
        CHECK(one.kept.lifetime_end == now);
        CHECK(one.invitees.at(2).deadline < now);
        CHECK(told.invitations.at(2).kept.ended_at < now);
    };
    {
        Host host(path, after);
        due(kept_by(host.loaded), at(77));
        host.start();
        // Killed before all was told to time out.
        host.keep({GroupKept{.group = group_id("g"), .described_by = user("alice")},
                   MemberKept{group_id("g"), user("alice"), Rank::owner, user("alice")}});
    }
    auto soon = after;
    soon.since_boot = at(100);
    const Host host(path, soon);
    due(kept_by(host.loaded), at(77));
}

// ------------------------------------------------------------- files that are not as they should
// be

TEST_CASE("two_brokers_cannot_have_one_store") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const Host host(path);
    CHECK(objection(path) ==
          "the store " + path + " is in use by another broker: each needs its own");
}

TEST_CASE("a_store_that_cannot_be_opened_is_named") {
    const Folder folder;
    const auto path = folder.file("no/store.db");
    CHECK(objection(path) == "cannot open the store " + path + ": No such file or directory");
}

TEST_CASE("a_store_of_a_later_version_is_left_alone") {
    const Folder folder;
    const auto path = folder.file("store.db");
    kept_before(path, one_of_everything());
    sql(path, "PRAGMA user_version = 99");
    CHECK(objection(path) == "the store " + path +
                                 " is of version 99, from a later Beckon; this one knows up to 4: "
                                 "use the later one, or name another file");
    CHECK(asked(path, "SELECT count(*) FROM invitations") == "3\n");
}

TEST_CASE("the_database_of_something_else_is_left_alone") {
    const Folder folder;
    const auto path = folder.file("store.db");
    sql(path, "CREATE TABLE bookmarks (url); INSERT INTO bookmarks VALUES ('home')");
    CHECK(objection(path) ==
          "the store " + path + " is a database of something else than Beckon: name another file");
    CHECK(asked(path, "SELECT url FROM bookmarks") == "home\n");
}

namespace {

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A store with something in it, closed.
std::string a_store() {
    const Folder folder;
    kept_before(folder.file("store.db"), one_of_everything());
    return bytes_of(folder.file("store.db"));
}

std::string with(std::string bytes, std::size_t at, const std::string& other) {
    return bytes.replace(at, other.size(), other);
}

}  // namespace

TEST_CASE("a_file_that_is_no_store_of_ours_is_left_alone_to_the_byte") {
    const std::string header("SQLite format 3\0", 16);
    const std::string foreign = "is a database of something else than Beckon: name another file";
    const std::string no_store = "is no store of Beckon: name another file";
    struct Case {
        const char* what;
        std::string bytes;
        std::string objection;
    };
    const auto one = GENERATE_COPY(values<Case>({
        {"a configuration", "listener 1883\nallow_anonymous false\n", no_store},
        {"one character", "x", no_store},
        {"a large text", std::string(100'000, 'x'), no_store},
        {"zeros, more than we would have written", std::string(100'000, '\0'), no_store},
        {"the start of a header", header.substr(0, 9), no_store},
        {"a header and nothing else", header + std::string(50, '\0'), no_store},
        {"our store with another header", with(a_store(), 3, "ITE"), no_store},
        {"our store without its header", with(a_store(), 0, std::string(100, '\0')), no_store},
        {"with another application's id", with(a_store(), 68, std::string("\0\0\0\7", 4)), foreign},
        {"without an application's id", with(a_store(), 68, std::string(4, '\0')), foreign},
    }));
    INFO(one.what);
    const Folder folder;
    const auto path = folder.file("store.db");
    std::ofstream(path, std::ios::binary) << one.bytes;
    CHECK(objection(path) == "the store " + path + " " + one.objection);
    CHECK(bytes_of(path) == one.bytes);
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a_version_that_no_beckon_made_is_left_alone_to_the_byte") {
    const auto version = GENERATE(values<std::int64_t>({-1, -2147483648, 0, 5, 2147483647}));
    const Folder folder;
    const auto path = folder.file("store.db");
    std::ofstream(path, std::ios::binary) << a_store();
    sql(path, "PRAGMA user_version = " + std::to_string(version));
    const auto bytes = bytes_of(path);
    CHECK(objection(path).starts_with("the store " + path + " is of version " +
                                      std::to_string(version) + ", "));
    CHECK(bytes_of(path) == bytes);
    CHECK_FALSE(fs::exists(path + ".corrupt-1"));
}

TEST_CASE("what_is_no_regular_file_is_left_alone") {
    const Folder folder;
    CHECK(objection(folder.path().string()) ==
          "the store " + folder.path().string() + " is no regular file: name another");
    CHECK(objection("/dev/null") == "the store /dev/null is no regular file: name another");
    CHECK(objection("/proc/self/mem").starts_with("cannot "));
    REQUIRE(mkfifo(folder.file("pipe").c_str(), 0600) == 0);
    CHECK(objection(folder.file("pipe")) ==
          "the store " + folder.file("pipe") + " is no regular file: name another");
}

TEST_CASE("the_log_of_another_program_is_left_alone") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const auto copy = folder.file("copy.db");
    // Never moved into its file, so the header of that says nothing yet.
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    sqlite3_exec(database, "PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url)", nullptr,
                 nullptr, nullptr);
    for (const auto* const suffix : {"", "-wal"}) {
        fs::copy(path + suffix, copy + suffix);
    }
    sqlite3_close(database);
    const auto file = bytes_of(copy);
    const auto log = bytes_of(copy + "-wal");
    REQUIRE(log.size() > 1000);
    CHECK(objection(copy) ==
          "the store " + copy + " is a database of something else than Beckon: name another file");
    CHECK(bytes_of(copy) == file);
    CHECK(bytes_of(copy + "-wal") == log);
}

TEST_CASE("an_empty_file_is_begun_and_so_is_what_a_power_cut_leaves_of_a_first_moment") {
    const Folder folder;
    const auto path = folder.file("store.db");
    std::ofstream(path) << std::string(GENERATE(values<std::size_t>({0, 512, 4096})), '\0');
    Host host(path);
    CHECK_FALSE(host.damage);
    host.start();
    host.keep(one_of_everything());
}

TEST_CASE("a_name_is_a_path_and_nothing_else") {
    const Folder folder;
    const auto before = fs::current_path();
    fs::current_path(folder.path());
    const std::string name = GENERATE("file:x?mode=memory", ":memory:", "relative.db", "it's");
    {
        Host host(name);
        // A broker in the background is elsewhere.
        fs::current_path("/");
        host.start();
        host.keep(one_of_everything());
    }
    fs::current_path(folder.path());
    CHECK(kept_by(Host(name).loaded) == kept_by(one_of_everything()));
    fs::current_path(before);
    CHECK(fs::exists(folder.path() / name));
}

TEST_CASE("a_link_to_a_store_leads_to_it") {
    const Folder folder;
    const auto path = folder.file("store.db");
    fs::create_symlink("elsewhere.db", path);
    kept_before(path, one_of_everything());
    CHECK(kept_by(Host(folder.file("elsewhere.db")).loaded) == kept_by(one_of_everything()));
}

TEST_CASE("a_store_that_is_damaged_is_kept_aside") {
    const Folder folder;
    const auto path = folder.file("store.db");
    const auto whole = a_store();
    struct Case {
        const char* what;
        std::string bytes;
    };
    const std::vector<Case> damaged{
        {"all but its header is lost", with(whole, 100, std::string(whole.size() - 100, 'x'))},
        {"cut off", whole.substr(0, 100)},
        {"an impossible size of pages", with(whole, 16, "\xff")},
    };
    int n = 0;
    for (const auto& one : damaged) {
        INFO(one.what);
        std::ofstream(path, std::ios::binary) << one.bytes;
        Host host(path);
        REQUIRE(host.damage);
        const auto aside = path + ".corrupt-" + std::to_string(++n);
        INFO(*host.damage);
        CHECK(host.damage->starts_with("the store " + path + " is damaged ("));
        CHECK(host.damage->ends_with("): it is kept as " + aside +
                                     ", and a new one begins with nothing pending"));
        CHECK(bytes_of(aside) == one.bytes);
        host.start();
        host.keep(one_of_everything());
    }
}

TEST_CASE("a_row_that_cannot_be_is_damage_and_says_what") {
    const Folder folder;
    const auto path = folder.file("store.db");
    for (const auto& [script, what] : std::vector<std::pair<std::string, std::string>>{
             {"UPDATE invitees SET state = 'asleep'", "'asleep' is no word of the contract"},
             {"UPDATE invitations SET inviter = 'a b'", "'a b' is no id"},
             {"UPDATE invitees SET device = 'x' WHERE device NOT NULL", "'x' is no device"},
             {"UPDATE groups SET profile = '[1]'", "'[1]' is no profile"},
             {"UPDATE invitations SET rev = 0", "'0' is no rev"},
             {"UPDATE invitations SET lifetime_ms = 9223372036854775807",
              "'9223372036854775807' is no time"},
             {"UPDATE invitations SET number = -number", "'-3' is no number"},
             {"UPDATE notes SET reason = CAST(x'ff' AS TEXT)", "a text is no UTF-8"},
             {"UPDATE members SET role = 'owner'", "the group 'family' has two owners"},
             {"UPDATE broker SET last_number = -1", "'-1' is no number"},
             {"UPDATE broker SET clock_ms = -9223372036854775807",
              "'-9223372036854775807' is no time"},
             {"DELETE FROM broker", "the table broker is empty"}}) {
        kept_before(path, one_of_everything());
        sql(path, script);
        const Host host(path);
        REQUIRE(host.damage);
        CHECK(host.damage->find("is damaged (" + what + ")") != std::string::npos);
    }
}

TEST_CASE("a_store_that_somebody_has_altered_is_left_alone") {
    const Folder folder;
    const auto path = folder.file("store.db");
    kept_before(path, one_of_everything());
    sql(path, "DROP TABLE notes");
    CHECK(objection(path) == "cannot use the store " + path + ": no such table: notes");
    CHECK(asked(path, "SELECT count(*) FROM invitations") == "3\n");
}

TEST_CASE("damage_anywhere_is_never_a_crash") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Scenario scenario(2);
    {
        Host host(path);
        host.start();
        for (int i = 0; i < 200; ++i) {
            host.store.put(scenario.next());
        }
    }
    std::ifstream file(path, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(file), {});
    std::mt19937 random(3);
    int damaged = 0;
    for (int i = 0; i < 60; ++i) {
        auto bytes = whole;
        if (i % 5 == 0) {
            bytes.resize(random() % bytes.size());
        } else {
            const auto from = random() % bytes.size();
            bytes.replace(from, 1 + random() % 600, 1 + random() % 600,
                          static_cast<char>(random()));
        }
        const Folder each;
        std::ofstream(each.file("store.db"), std::ios::binary) << bytes;
        try {
            Host host(each.file("store.db"));
            damaged += host.damage ? 1 : 0;
            if (host.damage) {
                CHECK(fs::exists(each.file("store.db.corrupt-1")));
                host.start();
                host.keep(one_of_everything());
            }
        } catch (const StoreFile::Unusable& /*unusable*/) {
            // Such as a version that is not there yet.
        }
    }
    CHECK(damaged > 30);
}

namespace {

constexpr auto versions_before = {1, 2, 3};

std::string dump_of_version(int version) {
    std::ifstream dump(STORE_VERSIONS + std::to_string(version) + ".sql");
    REQUIRE(dump);
    std::stringstream script;
    script << dump.rdbuf();
    return script.str();
}

}  // namespace

TEST_CASE("a_store_of_each_earlier_version_is_read") {
    for (const int version : versions_before) {
        CAPTURE(version);
        const Folder folder;
        const auto path = folder.file("store.db");
        sql(path, dump_of_version(version));
        const Host host(path);
        CHECK_FALSE(host.damage);
        CHECK(kept_by(host.loaded) == kept_by(one_of_everything()));
        CHECK(host.store.secret() == the_secret);
    }
}

TEST_CASE("each_version_only_adds_to_those_before") {
    for (const int version : versions_before) {
        CAPTURE(version);
        const Folder folder;
        const auto seed = folder.file("seed.db");
        const auto path = folder.file("store.db");
        sql(seed, dump_of_version(version));
        sql(path, dump_of_version(version));
        { const Host host(path); }
        const std::string columns =
            "SELECT t.name || '.' || c.cid || ' ' || c.name || ' ' || c.type || c.\"notnull\" || "
            "c.pk "
            "FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";
        std::istringstream before(asked(seed, columns));
        const std::string now = "\n" + asked(path, columns);
        for (std::string column; std::getline(before, column);) {
            CAPTURE(column);
            CHECK(now.find("\n" + column + "\n") != std::string::npos);
        }
    }
}

// ------------------------------------------------------------- history

namespace {

std::vector<std::uint64_t> numbers_of(const HistoryPage& page) {
    std::vector<std::uint64_t> numbers;
    for (const auto& change : page.ended) {
        if (const auto* const kept = std::get_if<InvitationKept>(&change)) {
            numbers.push_back(kept->number);
        }
    }
    return numbers;
}

HistoryPage history(Host& host, const std::string& of, std::size_t limit = 50,
                    std::optional<HistoryMark> before = {}) {
    static std::uint64_t last = 0;
    host.store.ask_history(++last, user(of), limit, before);
    auto progress = host.until([](const auto& one) { return !one.history.empty(); });
    REQUIRE(progress.history.size() == 1);
    CHECK(progress.history[0].asked == last);
    REQUIRE(progress.history[0].page);
    return *progress.history[0].page;
}

}  // namespace

TEST_CASE("history_has_what_ended_for_inviter_and_invitees_newest_first") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    host.keep({invitation(1), invitee(1)});
    host.keep(ended(2, at(4000)));
    host.keep(ended(3, at(3000), State::rejected, "carol", "alice"));
    host.keep(ended(4, at(4000), State::timed_out, "alice", "carol"));
    CHECK(numbers_of(history(host, "alice")) == std::vector<std::uint64_t>{4, 2, 3});
    CHECK(numbers_of(history(host, "bob")) == std::vector<std::uint64_t>{2});
    CHECK(numbers_of(history(host, "carol")) == std::vector<std::uint64_t>{4, 3});
    CHECK(history(host, "dave") == HistoryPage{});
    CHECK(kept_by(history(host, "bob").ended) == kept_by(ended(2, at(4000))));
}

TEST_CASE("history_goes_on_where_a_page_ended") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    for (std::uint64_t number = 1; number <= 7; ++number) {
        // Several in one millisecond.
        host.keep(ended(number, at(3000 + static_cast<std::int64_t>(number / 4))));
    }
    std::vector<std::uint64_t> all;
    std::optional<HistoryMark> before;
    do {
        const auto page = history(host, "bob", 2, before);
        const auto numbers = numbers_of(page);
        CHECK(numbers.size() == (page.next ? 2 : 1));
        all.insert(all.end(), numbers.begin(), numbers.end());
        before = page.next;
    } while (before);
    CHECK(all == std::vector<std::uint64_t>{7, 6, 5, 4, 3, 2, 1});
}

TEST_CASE("what_is_forgotten_stays_in_history_without_its_data") {
    const Folder folder;
    const auto path = folder.file("store.db");
    {
        Host host(path);
        host.start();
        auto over = ended(1, at(4000));
        over.insert(over.begin() + 1, DataKept{1, Data{.bytes = "secret"}});
        std::get<NoteKept>(over[2]).data = Data{.bytes = "secret"};
        host.keep(over);
        host.keep({InvitationForgotten{1}});
        CHECK(kept_by(history(host, "bob").ended) == kept_by(ended(1, at(4000))));
    }
    CHECK(Host(path).loaded.empty());
    CHECK(asked(path, "SELECT data FROM invitations UNION ALL SELECT data FROM notes") ==
          "NULL\nNULL\n");
}

TEST_CASE("an_id_may_come_again_once_it_is_forgotten") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    host.keep(ended(1, at(3000)));
    host.keep({InvitationForgotten{1}});
    auto again = ended(2, at(4000));
    std::get<InvitationKept>(again[0]).id = id("i1");
    host.keep(again);
    CHECK(numbers_of(history(host, "bob")) == std::vector<std::uint64_t>{2, 1});
}

TEST_CASE("history_is_bounded_in_number_and_age") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    constexpr std::uint64_t most = 100;
    Changes changes;
    for (std::uint64_t number = 1; number <= most + 10; ++number) {
        for (auto& change : ended(number, at(1000 + static_cast<std::int64_t>(number)))) {
            changes.push_back(std::move(change));
        }
        changes.push_back(InvitationForgotten{number});
    }
    host.keep(changes);
    CHECK(numbers_of(history(host, "alice", 1000)).size() == most);
    CHECK(numbers_of(history(host, "alice", 1)) == std::vector{most + 10});
    CHECK(asked(path,
                "SELECT (SELECT count(*) FROM invitees) || ' ' || (SELECT count(*) FROM "
                "notes) || ' ' || (SELECT count(*) FROM history)") == "100 100 200\n");

    // A day later, but for what ended last.
    host.now.since_boot = at(1000 + 86'400'000 + most + 10);
    CHECK(numbers_of(history(host, "alice", 1000)) == std::vector{most + 10});
    // Two go for each that is forgotten, so nobody waits for many.
    for (const auto number : {most + 11, most + 12}) {
        auto last = ended(number, host.now.since_boot);
        last.push_back(InvitationForgotten{number});
        host.keep(last);
    }
    CHECK(asked(path, "SELECT count(*) FROM invitations") == "98\n");
}

TEST_CASE("what_is_remembered_is_not_pruned") {
    const Folder folder;
    const auto path = folder.file("store.db");
    Host host(path);
    host.start();
    Changes changes;
    for (std::uint64_t number = 1; number <= 150; ++number) {
        for (auto& change : ended(number, at(1000))) {
            changes.push_back(std::move(change));
        }
    }
    host.keep(changes);
    host.now.since_boot = at(200'000'000);
    host.keep({InvitationForgotten{1}, InvitationForgotten{2}});
    CHECK(asked(path, "SELECT count(*) FROM invitations") == "148\n");
}

TEST_CASE("a_page_of_history_ends_by_what_it_takes_to_tell_it") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    const std::string name(64, 'u');
    Changes changes;
    for (std::uint64_t number = 1; number <= 30; ++number) {
        auto one = ended(number, at(static_cast<std::int64_t>(1000 + number)));
        std::get<NoteKept>(one[1]).reason = std::string(100, 'r');
        // Each is told what was said of all.
        for (std::uint32_t position = 1; position <= 40; ++position) {
            auto other = invitee(number, position, std::to_string(position) + name.substr(3));
            other.state = State::cancelled;
            other.note = 2;
            one.emplace_back(other);
        }
        changes.insert(changes.end(), one.begin(), one.end());
    }
    host.keep(changes);
    const auto page = history(host, "bob", 100);
    const auto count = numbers_of(page).size();
    CHECK(count >= 3);
    CHECK(count <= 5);
    REQUIRE(page.next);
    CHECK(numbers_of(history(host, "bob", 100, page.next))[0] == 30 - count);

    CHECK(numbers_of(history(host, "bob", 2)).size() == 2);
}

TEST_CASE("who_asks_for_much_history_keeps_nobody_else_waiting") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    host.keep(ended(1, at(4000)));
    for (std::uint64_t asked = 1; asked <= 300; ++asked) {
        host.store.ask_history(asked, user("bob"), 10, {});
    }
    host.store.ask_history(1000, user("alice"), 10, {});
    std::vector<std::uint64_t> answered;
    std::size_t refused = 0;
    while (answered.size() + refused < 301) {
        host.until([&](const auto& progress) {
            std::size_t pages = 0;
            for (const auto& one : progress.history) {
                if (one.page) {
                    answered.push_back(one.asked);
                    ++pages;
                } else {
                    ++refused;
                }
            }
            // So that they are told one by one.
            CHECK(pages <= 1);
            return !progress.history.empty();
        });
    }
    // One may have been read before the others were asked for.
    CHECK(refused >= 300 - 256 - 1);
    CHECK(refused <= 300 - 256);
    const auto at_place = std::find(answered.begin(), answered.end(), 1000) - answered.begin();
    CHECK(at_place <= 3);
}

TEST_CASE("no_page_is_read_before_the_host_has_the_last_which_it_is_told_of_until_then") {
    const Folder folder;
    Host host(folder.file("store.db"));
    host.start();
    host.keep(ended(1, at(4000)));
    for (std::uint64_t asked = 1; asked <= 3; ++asked) {
        host.store.ask_history(asked, user("bob"), 10, {});
    }
    for (std::uint64_t asked = 1; asked <= 3; ++asked) {
        host.ignore_wakes(20);
        const auto progress = host.until([](const auto& one) { return !one.history.empty(); });
        REQUIRE(progress.history.size() == 1);
        CHECK(progress.history[0].asked == asked);
        CHECK(progress.history[0].page);
    }
}
