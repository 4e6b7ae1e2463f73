// SPDX-License-Identifier: Apache-2.0
#include "host/commit_gate.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "disk.hpp"
#include "gate_world.hpp"
#include "host/sqlite_journal.hpp"
#include "sqlite.hpp"
#include "store_samples.hpp"

using namespace beckon;
using Kind = Disk::Operation::Kind;
using Said = std::vector<std::string>;

namespace {

std::string text_of(const Effect& effect) {
    if (const auto* reply = std::get_if<Reply>(&effect)) {
        const auto* refusal = std::get_if<Refusal>(&reply->body);
        return reply->re + ' ' + (refusal ? std::string(info(refusal->error).name) : "ok");
    }
    const auto& delivery = std::get<Delivery>(effect);
    if (!std::holds_alternative<Event>(delivery.event)) {
        return "group event";
    }
    const auto& event = std::get<Event>(delivery.event);
    return std::string(std::visit([](const auto& body) { return body.event; }, event.body)) + ' ' +
           event.id.str() + ' ' + std::to_string(event.rev);
}

/// A gate, its store on a disk that may fail, and what it says.
class Board {
  public:
    explicit Board(const std::string& path, OnStoreFailure on_failure = OnStoreFailure::refuse,
                   Instant start = at(5000))
        : now(start) {
        ClockReading clocks = Host::first_boot();
        clocks.since_boot = start;
        gate = std::make_unique<CommitGate>(
            CommitGate::Settings{.on_failure = on_failure},
            CommitGate::Host{
                .say =
                    [this](const Effects& effects, const CommitGate::Asker& asker) {
                        for (const auto& effect : effects) {
                            const bool is_reply = std::holds_alternative<Reply>(effect);
                            said.push_back((is_reply ? asker->who + ": " : "") + text_of(effect));
                        }
                    },
                .store_changed =
                    [this](const auto& failure) {
                        said.push_back(failure ? "fails: " + *failure : "works");
                    },
                .tell_online = [](const auto& /*tell*/) {},
                .new_secret = [] { return SipKey{}; }},
            std::make_unique<SqliteJournal>(SqliteJournal::Options{
                .file = {.path = path, .history = Duration(86'400'000), .max_history = 100},
                .new_secret = the_secret,
                .clocks = [clocks] { return clocks; }}),
            now);
        gate->start([this] {
            {
                const std::lock_guard lock(mutex_);
                woken_ = true;
            }
            called_.notify_one();
        });
    }

    void ask(const std::string& who, RequestBody body) {
        gate->handle(std::make_shared<PendingReply>(PendingReply{.who = who}),
                     {.user = user(who), .device = DeviceTag(1)}, {.body = std::move(body)}, now);
    }
    /// Lets so much time pass, and says what is to be said.
    void wait(Duration time) {
        now += time;
        gate->tick(now);
    }
    /// Until the last that is said is this.
    void until(const std::string& last) {
        gate->tick(now);  // the turn of the loop ends
        while (said.empty() || said.back() != last) {
            std::unique_lock lock(mutex_);
            INFO("waits for " << last << ", was told " << (said.empty() ? "nothing" : said.back()));
            REQUIRE(called_.wait_for(lock, much_later, [this] { return woken_; }));
            woken_ = false;
            lock.unlock();
            gate->tick(now);
        }
    }
    void until_it_works() {
        while (gate->state() != "ok") {
            wait(Duration(100));
            std::unique_lock lock(mutex_);
            called_.wait_for(lock, std::chrono::milliseconds(1), [this] { return woken_; });
            woken_ = false;
        }
    }
    Said take() { return std::exchange(said, {}); }

  private:
    std::mutex mutex_;
    std::condition_variable called_;
    bool woken_ = false;

  public:
    Instant now;
    Said said;
    std::unique_ptr<CommitGate> gate;
};

const InvitationId i1 = *InvitationId::parse("i1");

Invite ring(const std::string& id, Duration timeout, std::vector<UserId> also = {}) {
    Invite invite{.invitee = user("bob"), .id = *InvitationId::parse(id), .timeout = timeout};
    invite.also = std::move(also);
    return invite;
}

Disk::Failing full() {
    return [](Kind kind, std::int64_t) { return kind == Kind::write ? SQLITE_FULL : SQLITE_OK; };
}

}  // namespace

TEST_CASE("when_the_disk_refuses_requests_are_refused_and_memory_is_what_is_stored") {
    const Folder folder;
    Disk disk;
    {
        Board desk(folder.file("store.db"));
        desk.ask("alice", ring("i1", Duration(30'000), {user("carol")}));
        desk.until("new_invitation i1 1");
        desk.take();

        disk.fail(full());
        desk.ask("bob", Accept{.id = i1});
        desk.ask("alice", ring("i2", Duration(30'000)));
        desk.ask("carol", Sync{});
        // What saw what was not stored is judged anew, and what comes meanwhile.
        desk.ask("dave", Sync{});
        desk.until("dave: sync ok");
        CHECK(desk.take() ==
              Said{"fails: database or disk is full", "bob: accept storage_unavailable",
                   "alice: invite storage_unavailable", "carol: sync ok", "dave: sync ok"});

        // Reads go on, and tell what is stored.
        desk.ask("bob", Get{i1});
        desk.ask("alice", Get{*InvitationId::parse("i2")});
        CHECK(desk.take() == Said{"bob: get ok", "alice: get unknown_invitation"});
        CHECK(desk.gate->state() == "failing");

        // A timeout is said on time, and what was said stays said.
        desk.wait(Duration(30'000));
        CHECK(desk.take() == Said{"invitation_timeout i1 2"});
        desk.ask("alice", ring("i3", Duration(30'000)));
        desk.until("alice: invite storage_unavailable");
        desk.take();
        desk.ask("bob", Accept{.id = i1});
        CHECK(desk.take() == Said{"bob: accept already_timed_out"});

        // It works again by itself.
        disk.fail({});
        desk.until_it_works();
        CHECK(desk.take() == Said{"works"});
    }
    Board again(folder.file("store.db"), OnStoreFailure::refuse, at(100'000));
    again.ask("bob", Accept{.id = i1});
    again.until("bob: accept already_timed_out");
}

TEST_CASE("if_so_told_it_goes_on_from_memory_and_stores_what_it_is_then") {
    const Folder folder;
    Disk disk;
    {
        Board desk(folder.file("store.db"), OnStoreFailure::go_on);
        desk.ask("alice", ring("i1", Duration(30'000)));
        desk.until("new_invitation i1 1");
        desk.take();
        disk.fail(full());
        desk.ask("bob", Accept{.id = i1});
        desk.until("invitee_accepted i1 2");
        CHECK(desk.take() ==
              Said{"fails: database or disk is full", "bob: accept ok", "invitee_accepted i1 2"});
        desk.ask("alice", ring("i2", Duration(1000)));
        desk.ask("carol", CreateGroup{.group = group_id("family")});
        desk.wait(Duration(1000));
        const Said said = desk.take();
        REQUIRE(said.size() == 5);
        CHECK(said[0] == "alice: invite ok");
        CHECK(said.back() == "invitation_timeout i2 2");
        disk.fail({});
        desk.until_it_works();
        CHECK(desk.take() == Said{"works"});
    }
    Board again(folder.file("store.db"), OnStoreFailure::refuse, at(100'000));
    again.ask("bob", Accept{.id = i1});
    again.ask("bob", Accept{.id = *InvitationId::parse("i2")});
    again.ask("carol", GetGroup{.group = group_id("family")});
    again.until("carol: get ok");
    CHECK(again.take() == Said{"bob: accept ok", "bob: accept already_timed_out", "carol: get ok"});
}

TEST_CASE("what_ended_while_the_broker_was_away_is_said_a_few_at_a_time_and_keeps_nobody_waiting") {
    const Folder folder;
    constexpr int many = 200;
    {
        Board desk(folder.file("store.db"));
        for (int n = 0; n < many; ++n) {
            desk.ask("user" + std::to_string(n), ring("i" + std::to_string(n), Duration(30'000)));
        }
        desk.ask("alice", ring("open", Duration(30'000)));
        desk.ask("alice", Add{.id = *InvitationId::parse("open"),
                              .invitees = {user("carol")},
                              .timeout = Duration(3'600'000)});
        desk.until("invitation_modified open 2");
    }
    Board again(folder.file("store.db"), OnStoreFailure::refuse, at(100'000));
    again.ask("erin", Sync{});
    while (again.said.empty()) {
        again.wait(Duration(0));  // until it is stored
    }
    // Of what goes on, all is said in order; then what others wait for.
    const Said first = again.take();
    REQUIRE(first.size() == 2 + 64);
    CHECK(first[0] == "invitation_timeout open 3");
    CHECK(first[1] == "erin: sync ok");
    again.ask("bob", Get{i1});
    CHECK(again.take() == Said{"bob: get ok"});
    int said = 64;
    while (again.gate->tick(again.now)) {
        const Said some = again.take();
        CHECK(some.size() == 64);
        said += static_cast<int>(some.size());
    }
    CHECK(said + static_cast<int>(again.take().size()) == many);
    CHECK_FALSE(again.gate->tick(again.now));
    CHECK(again.take().empty());
}

TEST_CASE("who_has_much_waiting_to_be_stored_leaves_others_room") {
    const Folder folder;
    Board board(folder.file("store.db"));
    const auto ring_many = [&](const std::string& who, const std::string& id) {
        Invite invite = ring(id, Duration(30'000), users(id + "-", 999));
        invite.invitee = user(id);
        invite.visibility = Visibility::inviter;
        board.ask(who, invite);
    };
    // Nothing is stored before the turn ends.
    for (int n = 0; n < 50; ++n) {
        const auto who = "u" + std::to_string(n % 10);
        ring_many(who, who + "-" + std::to_string(n));
    }
    CHECK(board.take().empty());
    board.ask("u0", Cancel{.id = *InvitationId::parse("u0-0")});
    CHECK(board.take() == Said{"u0: cancel storage_unavailable"});
    board.ask("alice", ring("i1", Duration(30'000)));
    ring_many("carol", "i2");
    CHECK(board.take().empty());
    ring_many("carol", "i3");
    CHECK(board.take() == Said{"carol: invite storage_unavailable"});
    board.until("new_invitation i2 1");
    const auto heard = board.take();
    CHECK(std::count(heard.begin(), heard.end(), "alice: invite ok") == 1);
    board.ask("u0", Cancel{.id = *InvitationId::parse("u0-0")});
    board.until("invitation_cancelled u0-0 2");
}

TEST_CASE("a_store_of_what_cannot_be_is_kept_aside") {
    const Folder folder;
    const auto path = folder.file("store.db");
    int n = 0;
    for (const auto& [script, what] : std::vector<std::pair<const char*, std::string>>{
             {"DELETE FROM invitees", "an invitation asks somebody"},
             {"UPDATE invitees SET position = position + 1", "invitees have places without gaps"},
             {"UPDATE participants SET position = position + 1",
              "those in a call have places without gaps"},
             {"UPDATE participants SET user = 'carol'",
              "who is in a call has a part in its invitation"},
             {"UPDATE participants SET user = 'bob'", "the first in a call is the inviter"},
             {"UPDATE calls SET ended_ms = 1700000000000", "a call ends after it began"},
             {"UPDATE invitations SET ended_ms = made_ms",
              "an invitation has ended when nobody is pending and no call lives"},
             {"UPDATE invitees SET state = 'cancelled'",
              "an invitation has ended when nobody is pending and no call lives"},
             {"UPDATE invitations SET id = 'i1'",
              "no two invitations that are remembered have one id"}}) {
        INFO(script);
        {
            Board board(path);
            REQUIRE_FALSE(board.gate->damage());
            auto call = ring("i1", Duration(30'000));
            call.call = true;
            board.ask("alice", call);
            board.ask("alice", ring("i2", Duration(30'000)));
            board.until("new_invitation i2 1");
        }
        Database(path).run(script);
        const auto aside = path + ".corrupt-" + std::to_string(++n);
        Board again(path);
        REQUIRE(again.gate->damage());
        CHECK(*again.gate->damage() == "the store " + path + " is damaged (" + what +
                                           "): it is kept as " + aside +
                                           ", and a new one begins with nothing pending");
        CHECK(std::filesystem::exists(aside));
        CHECK(again.gate->counts().open == 0);
        again.ask("bob", Accept{i1});
        again.ask("alice", ring("i1", Duration(30'000)));
        again.until("new_invitation i1 1");
        CHECK(again.take().front() == "bob: accept unknown_invitation");
        again.gate.reset();
        std::filesystem::remove(path);
    }
}
