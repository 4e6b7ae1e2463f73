// SPDX-License-Identifier: Apache-2.0
//
// The tables of a site in a PostgreSQL that runs, whose address is in BECKON_POSTGRES.
#include "postgres/pg_store.hpp"

#include <atomic>
#include <cstdlib>

#include "../host/store_samples.hpp"
#include "catch.hpp"
#include "postgres/pg_site.hpp"

using namespace beckon;

namespace {

constexpr Duration a_day{86'400'000};

ClockReading clocks(std::int64_t ms = 5000) {
    return {.boot_id = "first", .since_boot = at(ms), .wall_ms = 1'700'000'000'000};
}

/// A site that no other test has.
PgPlace new_site() {
    static std::atomic<int> count = 0;
    const char* const address = std::getenv("BECKON_POSTGRES");
    REQUIRE(address != nullptr);
    PgPlace place{.address = address,
                  .site = "test-" + std::to_string(++count) + "." + std::to_string(getpid())};
    make_tables(place, clocks(), the_secret);
    return place;
}

/// As somebody who has seen so much time pass.
std::uint64_t take(const PgPlace& place, std::optional<Duration> passed, const ClockReading& now) {
    const auto database = connect_to(place);
    return take_site(*database, look_at_site(*database), "me", passed, now).value();
}

/// As its new owner opens it.
class Opened {
  public:
    explicit Opened(const PgPlace& place, std::int64_t max_history = 100,
                    std::optional<Duration> passed = std::nullopt,
                    const ClockReading& now = clocks())
        : epoch(take(place, passed, now)),
          store({.place = place, .epoch = epoch, .history = {.age = a_day, .count = max_history}}) {
        store.open(now, {});
    }
    void write(Changes changes) { store.write({std::move(changes)}, clocks()); }
    Changes told() {
        Changes all;
        store.tell_all([&](Change&& change) { all.push_back(std::move(change)); });
        return all;
    }
    HistoryPage history(const std::string& who, std::size_t limit,
                        std::optional<HistoryMark> before = std::nullopt) {
        return store.history_source()->page(user(who), limit, before, Instant(Duration(0)));
    }

    std::uint64_t epoch;
    PgStore store;
};

std::int64_t count_of(const PgPlace& place, const char* query) {
    return connect_to(place)->integer_of(query);
}

}  // namespace

TEST_CASE("what_was_committed_is_told_to_the_next_owner") {
    const auto place = new_site();
    auto all = one_of_everything();
    const Changes of_host{DeviceKept{.user = user("alice"),
                                     .device = DeviceTag(0xfedcba9876543210U),
                                     .run = "'a'",
                                     .again = Duration(1000),
                                     .online = true,
                                     .time = at(7000)},
                          UntoldKept{.number = 7,
                                     .to = {user("alice"), user("bob")},
                                     .event = R"({"a":"\u0000"})",
                                     .alone = true,
                                     .since = at(6000)}};
    all.insert(all.end(), of_host.begin(), of_host.end());
    Opened(place).write(all);
    Opened next(place);
    CHECK(kept_by(next.told()) == kept_by(all));
    CHECK(next.store.last_number() == 3);
    CHECK(next.store.secret() == the_secret);
}

TEST_CASE("texts_of_users_may_have_zero_bytes") {
    const auto place = new_site();
    const std::string odd("a\0b", 3);
    auto over = invitation(1);
    over.rev = 2;
    over.call = true;
    const Changes all{over,
                      NoteKept{.number = 1, .rev = 2, .reason = odd},
                      invitee(1),
                      CallKept{.number = 1, .reason = odd},
                      ParticipantKept{.number = 1, .user = user("alice")},
                      GroupKept{.group = group_id("g"),
                                .name = odd,
                                .profile = Profile{{odd, odd}},
                                .described_by = user("alice")},
                      MemberKept{group_id("g"), user("alice"), Rank::owner, user("alice")}};
    Opened(place).write(all);
    CHECK(kept_by(Opened(place).told()) == kept_by(all));
}

TEST_CASE("the_tables_keep_what_a_file_keeps_whatever_changes") {
    const auto place = new_site();
    const Folder folder;
    StoreFile file({.path = folder.file("store.db"), .history = a_day, .max_history = 100});
    file.open(clocks(), the_secret);
    Opened tables(place);
    Scenario scenario(20);
    for (int turn = 0; turn < 60; ++turn) {
        Batch batch;
        for (int put = 0; put < 4; ++put) {
            batch.push_back(scenario.next());
        }
        tables.store.write(batch, clocks());
        file.write(batch, clocks());
        REQUIRE(tables.told() == told_by(file));
    }
    const auto source = file.history_source();
    for (int who = 0; who < 20; ++who) {
        const auto name = "user" + std::to_string(who);
        std::optional<HistoryMark> from;
        do {
            auto page = source->page(user(name), 3, from, Instant(Duration(0)));
            REQUIRE(tables.history(name, 3, from) == page);
            from = page.next;
        } while (from);
    }
    // And whoever begins with them counts on from there.
    CHECK(Opened(place).told() == told_by(file));
}

TEST_CASE("nothing_is_stored_of_an_owner_that_is_one_no_more") {
    const auto place = new_site();
    Opened old(place);
    old.write({invitation(1), invitee(1)});
    Opened next(place);
    CHECK_THROWS_AS(old.write({invitation(2), invitee(2)}), PgError);
    // It does not come back by connecting again either.
    CHECK_THROWS_AS(old.write({invitation(2), invitee(2)}), Store::Unusable);
    CHECK(count_of(place, "SELECT count(*) FROM invitations") == 1);
    next.write({invitation(2), invitee(2)});
    CHECK(count_of(place, "SELECT count(*) FROM invitations") == 2);
}

TEST_CASE("a_site_is_taken_only_as_it_was_seen") {
    const auto place = new_site();
    const auto database = connect_to(place);
    const auto free = look_at_site(*database);
    CHECK(free.owner.empty());
    CHECK(take_site(*database, free, "a", std::nullopt, clocks()) == 1);
    CHECK_FALSE(take_site(*database, free, "b", std::nullopt, clocks()));

    // A renewal counts, and so does a commit.
    const auto seen = look_at_site(*database);
    CHECK(seen.owner == "a");
    CHECK(renew_site(*database, 1, clocks()));
    CHECK_FALSE(take_site(*database, seen, "b", std::nullopt, clocks()));
    Opened owner(place);
    const auto before = look_at_site(*database);
    owner.write({});
    CHECK_FALSE(take_site(*database, before, "b", std::nullopt, clocks()));

    // Whoever owned it before renews nothing and lets nothing go.
    CHECK_FALSE(renew_site(*database, owner.epoch - 1, clocks()));
    let_go_of_site(*database, owner.epoch - 1, clocks());
    CHECK(look_at_site(*database).owner == "me");
    drain_site(*database);
    CHECK(renew_site(*database, owner.epoch, clocks())->is_drained);
    let_go_of_site(*database, owner.epoch, clocks());
    CHECK(look_at_site(*database).owner.empty());
    CHECK_FALSE(look_at_site(*database).is_drained);
}

TEST_CASE("a_commit_after_the_connection_was_lost_connects_again") {
    const auto place = new_site();
    Opened owner(place);
    owner.write({invitation(1), invitee(1)});
    count_of(place,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
             "WHERE pid <> pg_backend_pid() AND application_name = 'beckond'");
    CHECK_THROWS_AS(owner.write({invitation(2), invitee(2)}), PgError);
    CHECK_FALSE(owner.store.is_open());
    owner.write({invitation(2), invitee(2)});
    CHECK(kept_by(owner.told()) == kept_by({invitation(1), invitee(1), invitation(2), invitee(2)}));
}

TEST_CASE("the_clock_of_a_site_goes_on_from_when_it_was_seen") {
    const auto place = new_site();
    Opened(place).write({invitation(1), invitee(1)});  // at 5,000 ms, due at 31,000
    // On another machine, whose clocks say something else, 2,000 ms have passed.
    const ClockReading elsewhere{.boot_id = "other", .since_boot = at(72'000), .wall_ms = 1};
    {
        Opened next(place, 100, Duration(2000), elsewhere);
        const auto told = kept_by(next.told());
        CHECK(told.invitations.at(1).invitees.at(0).deadline ==
              at(72'000 + 31'000 - 5'000 - 2'000));
        // An owner that stores nothing takes the clock along by its renewals.
        ClockReading later = elsewhere;
        later.since_boot = at(75'000);
        CHECK(renew_site(*connect_to(place), next.epoch, later));
    }
    const ClockReading third{.boot_id = "third", .since_boot = at(1000), .wall_ms = 2};
    Opened after(place, 100, Duration(500), third);
    CHECK(kept_by(after.told()).invitations.at(1).invitees.at(0).deadline ==
          at(1000 + 31'000 - 5'000 - 2'000 - 3'000 - 500));
    // Whoever has seen nothing takes all for due.
    const ClockReading blind{.boot_id = "fourth", .since_boot = at(9000), .wall_ms = 3};
    CHECK(kept_by(Opened(place, 100, std::nullopt, blind).told())
              .invitations.at(1)
              .invitees.at(0)
              .deadline == at(9000));
}

TEST_CASE("history_that_is_too_much_goes") {
    const auto place = new_site();
    Opened owner(place, 2);
    for (std::uint64_t number = 1; number <= 5; ++number) {
        owner.write(ended(number, at(static_cast<std::int64_t>(4000 + number))));
        owner.write({InvitationForgotten{number}});
    }
    CHECK_FALSE(owner.store.prune(clocks()));
    CHECK(count_of(place, "SELECT count(*) FROM invitations") == 2);
    CHECK(count_of(place, "SELECT count(*) FROM invitees") == 2);
    CHECK(count_of(place, "SELECT count(*) FROM history") == 4);
    CHECK(owner.history("alice", 10).ended.size() == 2 * 3);
}

TEST_CASE("tables_that_are_missing_or_later_are_told_in_a_sentence") {
    auto place = new_site();
    connect_to(place)->statement("UPDATE site SET version = 99").run();
    CHECK_THROWS_WITH(Opened(place), Catch::Contains("of version 99, from a later Beckon"));
    place.site = "nowhere";
    const auto database = connect_to(place);
    CHECK_THROWS_WITH(check_tables(*database, place.site),
                      Catch::Contains("make them with `beckond store init`"));
    place.address = "postgresql://nobody@127.0.0.1:1/none";
    CHECK_THROWS_WITH(connect_to(place), Catch::Contains("the database: "));
}
