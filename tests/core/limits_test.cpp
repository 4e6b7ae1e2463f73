// SPDX-License-Identifier: Apache-2.0
#include "protocol/limits.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "protocol/intake.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"
#include "world/judged.hpp"

using namespace beckon;
using namespace std::string_literals;

namespace {

std::optional<Data> bytes(std::size_t count) { return Data{.bytes = std::string(count, 'x')}; }

/// A switchboard in virtual time.
class SharedState {
  public:
    explicit SharedState(const Limits& limits) : switchboard_({.limits = limits}) {}

    Reply ask(const UserId& who, RequestBody body) {
        const auto before = switchboard_.counts();
        const auto next = switchboard_.next_deadline();
        effects = judged(switchboard_, {who, DeviceTag(1)}, {.body = std::move(body)}, now);
        INFO(encode(std::get<Reply>(effects.front()), Encoding::json));
        auto reply = std::get<Reply>(effects.front());
        if (!reply.ok()) {
            const auto after = switchboard_.counts();
            CHECK(effects.size() == 1);
            CHECK(after.open == before.open);
            CHECK(after.ended == before.ended);
            CHECK(after.users == before.users);
            CHECK(after.groups == before.groups);
            CHECK(after.kept_bytes == before.kept_bytes);
            CHECK(switchboard_.next_deadline() == next);
        }
        return reply;
    }
    /// The reply's error; nothing when it is ok.
    std::optional<Error> error(const UserId& who, RequestBody body) {
        const auto reply = ask(who, std::move(body));
        return reply.ok() ? std::nullopt : std::optional(std::get<Refusal>(reply.body).error);
    }
    bool is_ok(const UserId& who, RequestBody body) { return !error(who, std::move(body)); }
    Refusal refusal(const UserId& who, RequestBody body) {
        const auto reply = ask(who, std::move(body));
        REQUIRE_FALSE(reply.ok());
        return std::get<Refusal>(reply.body);
    }
    void advance(std::int64_t ms) {
        now += Duration(ms);
        effects = switchboard_.advance(now);
    }
    void set_online(const UserId& who, bool online) {
        effects = switchboard_.set_online({who, DeviceTag(1)}, online, now);
    }
    [[nodiscard]] Switchboard::Counts counts() const { return switchboard_.counts(); }
    InvitationInfo get(const UserId& who, const InvitationId& which) {
        const auto reply = ask(who, Get{which});
        REQUIRE(reply.ok());
        return *std::get<Got>(reply.body).invitation;
    }

    Instant now{Duration(1'000'000)};
    Effects effects;

  private:
    Switchboard switchboard_;
};

void check_refusal(const Refusal& refusal, Error error, std::optional<std::string> field,
                   std::optional<std::int64_t> limit) {
    CHECK(refusal.error == error);
    CHECK(refusal.field == field);
    CHECK(refusal.limit == limit);
    CHECK_FALSE(refusal.message.empty());
}

const UserId alice = user("alice");
const UserId bob = user("bob");
const UserId carol = user("carol");
const UserId dave = user("dave");
const GroupId team = group_id("team");

}  // namespace

TEST_CASE("the defaults are those of the contract") {
    const Limits limits;
    CHECK(limits.max_payload_bytes == 32 * 1024);
    CHECK(limits.max_data_bytes == 16 * 1024);
    CHECK(limits.max_total_data_bytes == 256 * 1024 * 1024);
    CHECK(limits.max_timeout_ms == 24 * 3600 * 1000);
    CHECK(limits.max_lifetime_ms == 24 * 3600 * 1000);
    CHECK(limits.max_call_ms == 24 * 3600 * 1000);
    CHECK(limits.max_invitees == 1000);
    CHECK(limits.max_audience == 250);
    CHECK(limits.max_group_members == 2000);
    CHECK(limits.max_groups_per_owner == 100);
    CHECK(limits.max_pending_per_inviter == 64);
    CHECK(limits.max_pending_per_invitee == 256);
    CHECK(limits.max_pending == 1'000'000);
    CHECK(limits.max_ended == 100'000);
    CHECK(limits.ended_ms == 10 * 60 * 1000);
    CHECK(limits.requests_per_second == 50);
    CHECK(limits.requests_burst == 200);
    CHECK(limits.pair_invites_per_second == 1);
    CHECK(limits.pair_invites_burst == 5);
    CHECK(limits.events_per_second == 5000);
    CHECK(limits.events_burst == 10'000);
    CHECK(limits.grace_ms == 15'000);
}

TEST_CASE("each limit has a name of its own and a default in its range") {
    const Limits limits;
    std::set<std::string_view> names;
    for (const auto& limit : limit_table) {
        INFO(limit.name);
        CHECK(names.insert(limit.name).second);
        CHECK(limit.least <= limits.*limit.value);
        CHECK(limits.*limit.value <= limit.most);
    }
}

// -------------------------------------------------------------------- times

TEST_CASE("a timeout at the limit is taken, one more or less than none is not") {
    Limits limits;
    limits.max_timeout_ms = 5000;
    const auto take = [&](const std::string& topic, const std::string& payload) {
        return take_in({alice, DeviceTag(1)}, {.topic = topic, .payload = payload}, limits);
    };
    for (const auto& [topic, rest] : {std::pair("user/bob/invite"s, ""s),
                                      std::pair("invitation/i/add"s, R"(,"invitees":["c"])"s)}) {
        for (const auto* good : {"0", "1", "5000"}) {
            CHECK(std::holds_alternative<Request>(
                take(topic, "{\"timeout_ms\":"s + good + rest + "}")));
        }
        for (const auto* bad : {"-1", "5001", "9223372036854775807"}) {
            const auto taken = take(topic, "{\"timeout_ms\":"s + bad + rest + "}");
            REQUIRE(std::holds_alternative<Reply>(taken));
            check_refusal(std::get<Refusal>(std::get<Reply>(taken).body), Error::invalid_request,
                          "timeout_ms", std::nullopt);
        }
    }
}

TEST_CASE("an invitation without a timeout expires at the end of its lifetime") {
    Limits limits;
    limits.max_lifetime_ms = 60'000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .timeout = Duration(0)}));
    CHECK_FALSE(desk.get(alice, id("i")).remaining);
    desk.advance(59'999);
    CHECK(desk.effects.empty());
    CHECK(desk.counts().open == 1);
    desk.advance(1);
    REQUIRE(desk.effects.size() == 1);
    const auto& event = std::get<Event>(std::get<Delivery>(desk.effects[0]).event);
    CHECK(std::get<InvitationCancelled>(event.body).reason == CancelReason::expired);
    CHECK_FALSE(event.by);
    check_refusal(desk.refusal(bob, Accept{id("i")}), Error::already_cancelled, std::nullopt,
                  std::nullopt);
}

TEST_CASE("no invitee is promised more time than the invitation has") {
    Limits limits;
    limits.max_lifetime_ms = 60'000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .timeout = Duration(0)}));
    desk.advance(50'000);
    const auto reply = desk.ask(alice, Add{id("i"), {carol}, Duration(30'000)});
    REQUIRE(reply.ok());
    // The lifetime ends in 10 s, and so does this invitation.
    CHECK(std::get<Invited>(reply.body).remaining == Duration(10'000));
    CHECK(std::get<NewInvitation>(std::get<Event>(std::get<Delivery>(desk.effects[1]).event).body)
              .remaining == Duration(10'000));
    CHECK(desk.get(carol, id("i")).remaining == Duration(10'000));
}

TEST_CASE("an inviter is lost after the grace period, not before") {
    SharedState desk({});
    desk.set_online(alice, true);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    desk.set_online(alice, false);
    desk.advance(14'999);
    CHECK(desk.effects.empty());
    desk.advance(1);
    REQUIRE(desk.effects.size() == 1);
    CHECK(std::get<InvitationCancelled>(
              std::get<Event>(std::get<Delivery>(desk.effects[0]).event).body)
              .reason == CancelReason::inviter_lost);
}

// ------------------------------------------------------------------- counts

TEST_CASE("an invite names as many invitees as the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_invitees = 10;
    SharedState desk(limits);
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .also = users("u", 10)}),
                  Error::too_large, "also", 10);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 9)}));
    CHECK(desk.get(alice, id("i")).invitees.size() == 10);
}

TEST_CASE("who is named twice counts once") {
    Limits limits = without_rates();
    limits.max_invitees = 2;
    SharedState desk(limits);
    CHECK(
        desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = {bob, carol, bob, carol}}));
    CHECK(desk.get(alice, id("i")).invitees.size() == 2);
}

TEST_CASE("add fills an invitation up to the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_invitees = 10;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 5)}));
    check_refusal(desk.refusal(alice, Add{id("i"), users("v", 5)}), Error::too_large, "invitees",
                  10);
    CHECK(desk.get(alice, id("i")).rev == 1);
    // Who is listed already does not count again.
    auto four_more = users("v", 4);
    four_more.push_back(bob);
    CHECK(desk.is_ok(alice, Add{id("i"), four_more}));
    CHECK(desk.get(alice, id("i")).invitees.size() == 10);
    check_refusal(desk.refusal(alice, Add{id("i"), {carol}}), Error::too_large, "invitees", 10);
}

TEST_CASE("an audience may be as large as the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_audience = 10;  // the inviter and nine more
    SharedState desk(limits);
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .also = users("u", 9)}),
                  Error::too_large, "visibility", 10);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 8)}));
    check_refusal(desk.refusal(alice, Add{id("i"), {carol}}), Error::too_large, "visibility", 10);
    CHECK(desk.get(alice, id("i")).invitees.size() == 9);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob,
                                   .id = id("j"),
                                   .also = users("u", 30),
                                   .visibility = Visibility::inviter}));
    CHECK(desk.is_ok(alice, Add{id("j"), {carol}}));
}

TEST_CASE("an inviter has as many pending as the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = 3;
    SharedState desk(limits);
    for (const auto* name : {"i", "j", "k"}) {
        // One to many counts once.
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id(name), .also = users("u", 20)}));
    }
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .id = id("l")}),
                  Error::too_many_pending, std::nullopt, 3);
    CHECK(desk.error(alice, Get{id("l")}) == Error::unknown_invitation);
    CHECK(desk.is_ok(bob, Invite{.invitee = alice}));
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));  // again: nothing new
    REQUIRE(desk.is_ok(alice, Cancel{id("j")}));
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("l")}));
    CHECK(desk.error(alice, Invite{.invitee = bob, .id = id("m")}) == Error::too_many_pending);
}

TEST_CASE("an add counts as the adder's own invite, once for each invitation") {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = 2;
    SharedState desk(limits);
    for (const auto* name : {"i", "j", "k"}) {
        REQUIRE(desk.is_ok(user("inviter-"s + name),
                           Invite{.invitee = bob, .id = id(name), .also = {carol}}));
        REQUIRE(desk.is_ok(bob, Accept{id(name)}));
    }
    CHECK(desk.is_ok(bob, Add{id("i"), {user("u1")}}));
    CHECK(desk.is_ok(bob, Add{id("i"), {user("u2")}}));
    CHECK(desk.is_ok(bob, Add{id("j"), {user("u1")}}));
    check_refusal(desk.refusal(bob, Add{id("k"), {user("u1")}}), Error::too_many_pending,
                  std::nullopt, 2);
    check_refusal(desk.refusal(bob, Invite{.invitee = alice}), Error::too_many_pending,
                  std::nullopt, 2);
    CHECK(desk.is_ok(bob, Add{id("i"), {user("u3")}}));
    // It counts no longer when the invitation ends.
    REQUIRE(desk.is_ok(user("inviter-i"), Cancel{id("i")}));
    CHECK(desk.is_ok(bob, Add{id("k"), {user("u1")}}));
}

TEST_CASE("an inviter may add to its own when it has as many pending as the limit") {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = 1;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    CHECK(desk.is_ok(alice, Add{id("i"), {carol}}));
}

TEST_CASE("for one invitee as many are pending as the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_pending_per_invitee = 3;
    SharedState desk(limits);
    for (std::size_t i = 0; i < 3; ++i) {
        REQUIRE(
            desk.is_ok(user("u", i), Invite{.invitee = bob, .id = id("i" + std::to_string(i))}));
    }
    check_refusal(desk.refusal(alice, Invite{.invitee = bob}), Error::too_many_pending,
                  std::nullopt, 3);
    // Among several it is skipped.
    const auto reply = desk.ask(alice, Invite{.invitee = bob, .id = id("i"), .also = {carol}});
    REQUIRE(reply.ok());
    CHECK(std::get<Invited>(reply.body).skipped ==
          std::vector{Skipped{.user = bob, .error = Error::too_many_pending}});
    check_refusal(desk.refusal(alice, Add{id("i"), {bob}}), Error::too_many_pending, std::nullopt,
                  3);
    // An answer makes room, though its invitation is open still.
    REQUIRE(desk.is_ok(bob, Reject{.id = id("i0")}));
    CHECK(desk.is_ok(alice, Add{id("i"), {bob}}));
}

TEST_CASE("in all as many are pending as the limit, and not one more") {
    Limits limits = without_rates();
    limits.max_pending = 3;
    SharedState desk(limits);
    for (std::size_t i = 0; i < 3; ++i) {
        REQUIRE(
            desk.is_ok(user("u", i), Invite{.invitee = bob, .id = id("i" + std::to_string(i))}));
    }
    check_refusal(desk.refusal(alice, Invite{.invitee = carol}), Error::too_many_pending,
                  std::nullopt, 3);
    REQUIRE(desk.is_ok(bob, Accept{id("i1")}));
    CHECK(desk.is_ok(alice, Invite{.invitee = carol}));
}

// ------------------------------------------------------------ ended, in time

TEST_CASE("an ended invitation is remembered for its time, and then unknown") {
    SharedState desk({});
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    REQUIRE(desk.is_ok(bob, Reject{.id = id("i")}));
    desk.advance(10 * 60 * 1000 - 1);
    CHECK(desk.error(bob, Accept{id("i")}) == Error::already_rejected);
    CHECK(desk.error(carol, Invite{.invitee = bob, .id = id("i")}) == Error::already_exists);
    desk.advance(1);
    CHECK(desk.error(bob, Accept{id("i")}) == Error::unknown_invitation);
    CHECK(desk.is_ok(carol, Invite{.invitee = bob, .id = id("i")}));
}

TEST_CASE("one that timed out unnoticed is remembered from its deadline on") {
    SharedState desk({});
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    desk.advance(30'000 + 10 * 60 * 1000);
    REQUIRE(desk.effects.size() == 1);
    CHECK(desk.counts().ended == 0);
    CHECK(desk.counts().users == 0);
}

TEST_CASE("as many ended ones are remembered as the limit: the oldest is pushed out") {
    Limits limits = without_rates();
    limits.max_ended = 3;
    SharedState desk(limits);
    // Ended in another order than they began.
    for (const auto* name : {"a", "b", "c", "d"}) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id(name)}));
    }
    for (const auto* name : {"c", "a", "d"}) {
        REQUIRE(desk.is_ok(bob, Reject{.id = id(name)}));
    }
    CHECK(desk.error(bob, Accept{id("c")}) == Error::already_rejected);
    REQUIRE(desk.is_ok(bob, Reject{.id = id("b")}));
    CHECK(desk.counts().ended == 3);
    CHECK(desk.error(bob, Accept{id("c")}) == Error::unknown_invitation);
    CHECK(desk.error(bob, Accept{id("a")}) == Error::already_rejected);
}

TEST_CASE("with nothing remembered, what ends is forgotten at once") {
    Limits limits = without_rates();
    limits.max_ended = 0;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = {carol}}));
    REQUIRE(desk.is_ok(bob, Accept{id("i")}));
    REQUIRE(desk.is_ok(alice, Cancel{id("i")}));
    CHECK(desk.error(bob, Accept{id("i")}) == Error::unknown_invitation);
    CHECK(desk.counts().users == 0);
    CHECK(desk.counts().kept_bytes == 0);
}

// -------------------------------------------------------------------- bytes

TEST_CASE("all data kept is as large as the limit, and not one byte more") {
    Limits limits = without_rates();
    limits.max_total_data_bytes = 1000;
    SharedState desk(limits);
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .data = bytes(1001)}),
                  Error::too_large, "data", 1000);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .data = bytes(1000)}));
    CHECK(desk.counts().kept_bytes == 1000);
    check_refusal(desk.refusal(alice, Invite{.invitee = carol, .data = bytes(1)}), Error::too_large,
                  "data", 1000);
    CHECK(desk.is_ok(alice, Invite{.invitee = carol}));
}

TEST_CASE("each request that keeps data is refused when there is no room, and changes nothing") {
    Limits limits = without_rates();
    limits.max_total_data_bytes = 1000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice,
                       Invite{.invitee = bob, .id = id("i"), .data = bytes(700), .also = {carol}}));
    const auto room = 1000 - desk.counts().kept_bytes;
    REQUIRE(room > 0);
    REQUIRE(room < 200);
    const auto fits = static_cast<std::size_t>(room);
    const auto before = desk.get(alice, id("i"));
    const auto full = [&](const UserId& who, RequestBody body) {
        check_refusal(desk.refusal(who, std::move(body)), Error::too_large, "data", 1000);
        CHECK(desk.get(alice, id("i")) == before);
    };
    full(bob, Accept{id("i"), bytes(fits + 1)});
    full(bob, Reject{.id = id("i"), .data = bytes(fits + 1)});
    full(bob, Reject{.id = id("i"), .data = bytes(fits), .reason = "x"});
    full(alice, Cancel{id("i"), bytes(fits + 1)});
    full(alice, Modify{id("i"), *bytes(700 + fits + 1)});
    full(alice, Add{id("i"), {user("dave")}});  // a record has a size too
    CHECK(desk.is_ok(alice, Modify{id("i"), *bytes(700 + fits)}));
    CHECK(desk.counts().kept_bytes == 1000);
    // With less data there is room again.
    CHECK(desk.is_ok(alice, Modify{id("i"), *bytes(0)}));
    CHECK(desk.is_ok(alice, Add{id("i"), {user("dave")}}));
    CHECK(desk.is_ok(bob, Accept{id("i"), bytes(100)}));
}

TEST_CASE("an answer without data is taken when all room is used") {
    Limits limits = without_rates();
    limits.max_total_data_bytes = 1000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .data = bytes(1000)}));
    CHECK(desk.is_ok(bob, Accept{id("i")}));
    CHECK(desk.counts().kept_bytes <= 1000);
}

TEST_CASE("the data of the ended gives way to the new: the oldest is pushed out") {
    Limits limits = without_rates();
    limits.max_total_data_bytes = 5000;
    SharedState desk(limits);
    for (const auto* name : {"a", "b", "c"}) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id(name), .data = bytes(1000)}));
        REQUIRE(desk.is_ok(bob, Reject{.id = id(name)}));
    }
    CHECK(desk.counts().ended == 3);
    CHECK(desk.counts().kept_bytes <= 5000);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("d"), .data = bytes(1500)}));
    CHECK(desk.counts().kept_bytes <= 5000);
    CHECK(desk.error(bob, Accept{id("a")}) == Error::unknown_invitation);
    CHECK(desk.error(bob, Accept{id("c")}) == Error::already_rejected);
    // What is open gives way to nothing.
    check_refusal(desk.refusal(alice, Invite{.invitee = carol, .data = bytes(3501)}),
                  Error::too_large, "data", 5000);
    CHECK(desk.counts().ended == 2);
    CHECK(desk.is_ok(alice, Invite{.invitee = carol, .data = bytes(3500)}));
    CHECK(desk.counts().ended == 0);
    CHECK(desk.counts().kept_bytes == 5000);
}

TEST_CASE("what has just ended is remembered although open data fills the limit") {
    Limits limits = without_rates();
    limits.max_total_data_bytes = 5000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .data = bytes(5000)}));
    for (const auto* name : {"a", "b", "c"}) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id(name)}));
        REQUIRE(desk.is_ok(bob, Accept{id(name)}));
    }
    CHECK(desk.counts().ended == 2);
    CHECK(desk.is_ok(bob, Accept{id("c")}));  // a repeat
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("c")}));
    CHECK(desk.effects.size() == 1);  // and rings nobody
    CHECK(desk.error(bob, Accept{id("a")}) == Error::unknown_invitation);
}

TEST_CASE("what get tells is no larger than what is counted as kept") {
    // Data that one request leaves at many invitees, who are many readers' to get again and again.
    SharedState desk(without_rates());
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob,
                                     .id = id("i"),
                                     .also = users("u", 999),
                                     .visibility = Visibility::inviter}));
    REQUIRE(desk.is_ok(alice, Cancel{id("i"), bytes(16'384), users("u", 999)}));
    const auto told = encode(desk.ask(alice, Get{id("i")}), Encoding::msgpack);
    CHECK(std::ssize(told) <= desk.counts().kept_bytes + 10'000);
}

// ------------------------------------------------------- shares of one user

namespace {

Limits with_share(std::int64_t invitations, std::int64_t groups = 4'000'000) {
    auto limits = without_rates();
    limits.max_user_data_bytes = invitations;
    limits.max_user_group_bytes = groups;
    return limits;
}

}  // namespace

TEST_CASE("a user's data in invitations has a limit of its own, of which nobody else pays") {
    SharedState desk(with_share(10'000));
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("a"), .data = bytes(9'000)}));
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .data = bytes(2'000)}),
                  Error::too_large, "data", 10'000);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("small"), .data = bytes(4)}));
    // Each byte counts for who sent it.
    CHECK(desk.is_ok(bob, Accept{id("a"), bytes(9'000)}));
    check_refusal(desk.refusal(bob, Reject{id("small"), bytes(2'000)}), Error::too_large, "data",
                  10'000);
    CHECK(desk.is_ok(bob, Reject{id("small"), bytes(4)}));
    CHECK(desk.is_ok(carol, Invite{.invitee = bob, .data = bytes(9'000)}));
}

TEST_CASE("invitees count for the inviter, whoever adds them") {
    SharedState desk(with_share(2'000));
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("a"), .call = true}));
    REQUIRE(desk.is_ok(bob, Accept{id("a")}));
    CHECK(desk.is_ok(bob, Add{id("a"), users("u", 10)}));
    check_refusal(desk.refusal(bob, Add{id("a"), users("v", 1)}), Error::too_large, "data", 2'000);
    check_refusal(desk.refusal(alice, Invite{.invitee = carol, .data = bytes(1)}), Error::too_large,
                  "data", 2'000);
    CHECK(desk.is_ok(bob, Invite{.invitee = carol, .data = bytes(2'000)}));
}

TEST_CASE("what a user made and has ended gives way to what they make, the oldest first") {
    SharedState desk(with_share(10'000));
    for (const auto* name : {"a", "b", "c"}) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id(name), .data = bytes(2'500)}));
        REQUIRE(desk.is_ok(bob, Accept{id(name)}));
        desk.advance(1);
    }
    REQUIRE(desk.is_ok(carol, Invite{.invitee = alice, .id = id("carols")}));
    REQUIRE(desk.is_ok(alice, Reject{id("carols")}));
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .data = bytes(3'000)}));
    CHECK(desk.error(bob, Get{id("a")}) == Error::unknown_invitation);
    CHECK(desk.is_ok(bob, Get{id("b")}));
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .data = bytes(6'900)}));
    CHECK(desk.error(bob, Get{id("c")}) == Error::unknown_invitation);
    CHECK(desk.is_ok(alice, Get{id("carols")}));
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .data = bytes(200)}), Error::too_large,
                  "data", 10'000);
}

TEST_CASE("what was sent in another's invitation counts until that is forgotten") {
    auto limits = with_share(1'000);
    limits.ended_ms = 1'000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("a")}));
    REQUIRE(desk.is_ok(bob, Accept{id("a"), bytes(900)}));
    check_refusal(desk.refusal(bob, Invite{.invitee = carol, .data = bytes(200)}), Error::too_large,
                  "data", 1'000);
    desk.advance(1'001);
    CHECK(desk.is_ok(bob, Invite{.invitee = carol, .data = bytes(200)}));
}

TEST_CASE("a user's groups and the members they bring have a limit of their own") {
    SharedState desk(with_share(1'000'000, 5'000));
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 9)}));  // 4,000
    check_refusal(desk.refusal(alice, AddMembers{team, users("n", 4)}), Error::too_large, "data",
                  5'000);
    CHECK(desk.is_ok(users("m", 1)[0], AddMembers{team, users("n", 4)}));
    CHECK(desk.is_ok(bob, JoinGroup{team}));
    check_refusal(desk.refusal(alice, CreateGroup{.group = group_id("other")}), Error::too_large,
                  "data", 5'000);
    REQUIRE(desk.is_ok(alice, RemoveMembers{team, users("m", 2)}));
    CHECK(desk.is_ok(alice, CreateGroup{.group = group_id("other")}));
    // What it is called counts for who said so last.
    REQUIRE(desk.is_ok(alice, SetRank{team, bob, Rank::admin}));
    check_refusal(desk.refusal(alice, UpdateGroup{team, std::string(1'000, 'x')}), Error::too_large,
                  "data", 5'000);
    CHECK(desk.is_ok(bob, UpdateGroup{team, std::string(1'000, 'x')}));
    CHECK(desk.is_ok(alice, AddMembers{team, users("o", 3)}));
    REQUIRE(desk.is_ok(alice, DismissGroup{team}));
    CHECK(desk.is_ok(bob, CreateGroup{.group = team, .members = users("m", 12)}));
}

TEST_CASE("however many fill what groups may keep, who has little in groups can make one") {
    SharedState desk(without_rates());
    const Profile profile{{"key", std::string(15'000, 'x')}};
    int made = 0;
    for (std::size_t number = 0; number < 100; ++number) {
        const auto colluder = user("colluder", number);
        const auto make = [&] {
            return desk.is_ok(colluder, CreateGroup{.group = group_id("g" + std::to_string(made)),
                                                    .profile = profile});
        };
        while (make()) {
            ++made;
        }
    }
    CHECK(desk.counts().kept_bytes > 112 * 1024 * 1024);
    CHECK(desk.is_ok(alice, CreateGroup{.group = team, .members = {bob}}));
    CHECK(desk.is_ok(carol, Invite{.invitee = bob, .data = bytes(4)}));
}

TEST_CASE("one inviter has sixteen pending for the same user, but in groups") {
    SharedState desk(without_rates());
    for (int i = 0; i < 16; ++i) {
        REQUIRE(desk.is_ok(
            alice, i % 2 == 0 ? Invite{.invitee = bob} : Invite{.invitee = carol, .also = {bob}}));
    }
    check_refusal(desk.refusal(alice, Invite{.invitee = bob}), Error::too_many_pending, {}, 16);
    const auto reply = desk.ask(alice, Invite{.invitee = dave, .id = id("d"), .also = {bob}});
    CHECK(std::get<Invited>(reply.body).skipped ==
          std::vector{Skipped{bob, Error::too_many_pending}});
    check_refusal(desk.refusal(alice, Add{id("d"), {bob}}), Error::too_many_pending, {}, 16);
    CHECK(desk.is_ok(carol, Invite{.invitee = bob}));
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = {bob}}));
    CHECK(desk.is_ok(alice, GroupInvite{.group = team}));
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .replace = true}));
}

TEST_CASE("who is told much by lists has to wait, and may do all else") {
    auto limits = without_rates();
    limits.reply_bytes_per_second = 1'000;
    limits.reply_bytes_burst = 3'000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("a"), .data = bytes(1'000)}));
    int synced = 0;
    while (desk.is_ok(bob, Sync{})) {
        ++synced;
    }
    CHECK(synced == 3);
    check_refusal(desk.refusal(bob, Get{id("a")}), Error::rate_limited, {}, 1'000);
    check_refusal(desk.refusal(bob, ListGroups{}), Error::rate_limited, {}, 1'000);
    check_refusal(desk.refusal(bob, ListHistory{}), Error::rate_limited, {}, 1'000);
    CHECK(desk.is_ok(alice, Get{id("a")}));
    CHECK(desk.is_ok(bob, Accept{id("a")}));
    desk.advance(1'000);
    CHECK(desk.is_ok(bob, Get{id("a")}));
}

// -------------------------------------------------------------------- pages

namespace {

/// The pages of a whole sync, with what happens `between` two of them.
std::vector<std::vector<InvitationInfo>> pages(SharedState& desk, const UserId& who,
                                               auto&& between) {
    std::vector<std::vector<InvitationInfo>> all;
    Sync sync;
    do {
        const auto reply = desk.ask(who, sync);
        REQUIRE(reply.ok());
        const auto& page = std::get<Synced>(reply.body);
        all.push_back(page.invitations);
        sync.page.after = page.next;
        between();
    } while (sync.page.after);
    return all;
}
std::vector<std::string> ids_of(const std::vector<std::vector<InvitationInfo>>& pages) {
    std::vector<std::string> ids;
    for (const auto& page : pages) {
        for (const auto& one : page) {
            ids.push_back(one.id.str());
        }
    }
    return ids;
}

}  // namespace

TEST_CASE("sync tells each open invitation once, on as many pages as it takes") {
    SharedState desk(without_rates());
    std::vector<std::string> open;
    for (std::size_t i = 0; i < 250; ++i) {
        open.push_back("i" + std::to_string(i));
        REQUIRE(desk.is_ok(user("u", i), Invite{.invitee = bob, .id = id(open.back())}));
    }
    const auto told = pages(desk, bob, [] {});
    CHECK(told.size() == 3);
    CHECK(ids_of(told) == open);
    CHECK(ids_of(pages(desk, carol, [] {})).empty());
}

TEST_CASE("a page that is full exactly is followed by none that is empty") {
    SharedState desk(without_rates());
    for (std::size_t i = 0; i < 200; ++i) {
        REQUIRE(desk.is_ok(user("u", i), Invite{.invitee = bob}));
    }
    const auto told = pages(desk, bob, [] {});
    REQUIRE(told.size() == 2);
    CHECK(told[1].size() == 100);
}

TEST_CASE("a page of sync is no larger than one invitation more than its bytes") {
    SharedState desk(without_rates());
    for (std::size_t i = 0; i < 30; ++i) {
        REQUIRE(desk.is_ok(user("u", i), Invite{.invitee = bob, .data = bytes(16'384)}));
    }
    const auto told = pages(desk, bob, [] {});
    CHECK(ids_of(told).size() == 30);
    for (const auto& page : told) {
        CHECK(page.size() <= 5);
    }
}

TEST_CASE("what ends or begins between two pages spoils no sync") {
    SharedState desk(without_rates());
    for (std::size_t i = 0; i < 120; ++i) {
        REQUIRE(
            desk.is_ok(user("u", i), Invite{.invitee = bob, .id = id("i" + std::to_string(i))}));
    }
    bool first = true;
    auto told = ids_of(pages(desk, bob, [&] {
        if (std::exchange(first, false)) {
            // The last of the first page, one before it, one of the next page; and a new one.
            for (const auto* one : {"i99", "i3", "i110"}) {
                REQUIRE(desk.is_ok(bob, Reject{.id = id(one)}));
            }
            REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("new")}));
        }
    }));
    CHECK(told.size() == 120);
    CHECK(told.back() == "new");
    CHECK(std::set(told.begin(), told.end()).size() == 120);
    CHECK(std::find(told.begin(), told.end(), "i110") == told.end());
}

TEST_CASE("a sync goes on only after what a page said") {
    SharedState desk(without_rates());
    for (const auto* after : {"", "x", "-1", "1 ", " 1", "1.0", "18446744073709551616", "0x1"}) {
        INFO(after);
        check_refusal(desk.refusal(bob, Sync{{.after = after}}), Error::invalid_request, "after",
                      std::nullopt);
    }
    CHECK(desk.is_ok(bob, Sync{{.after = "18446744073709551615"}}));
}

// -------------------------------------------------------------------- rates

TEST_CASE("a user asks as often as the rate allows, and not once more") {
    SharedState desk({});
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    for (int i = 1; i < 200; ++i) {
        // Refused ones and repeats count like any other.
        desk.ask(alice, i % 2 == 0 ? RequestBody(Get{id("j")})
                                   : RequestBody(Invite{.invitee = bob, .id = id("i")}));
    }
    for (const RequestBody& body :
         {RequestBody(Get{id("i")}), RequestBody(Sync{}), RequestBody(Cancel{id("i")}),
          RequestBody(Invite{.invitee = bob, .id = id("i")})}) {
        check_refusal(desk.refusal(alice, body), Error::rate_limited, std::nullopt, 50);
    }
    CHECK(desk.is_ok(bob, Get{id("i")}));
    desk.advance(19);
    CHECK(desk.error(alice, Get{id("i")}) == Error::rate_limited);
    desk.advance(1);
    CHECK(desk.is_ok(alice, Get{id("i")}));
    CHECK(desk.error(alice, Get{id("i")}) == Error::rate_limited);
}

TEST_CASE("the rate comes before existence") {
    Limits limits;
    limits.requests_burst = 1;
    SharedState desk(limits);
    CHECK(desk.error(alice, Get{id("i")}) == Error::unknown_invitation);
    CHECK(desk.error(alice, Get{id("i")}) == Error::rate_limited);
}

TEST_CASE("one user invites another as often as the rate allows, and not once more") {
    SharedState desk({});
    for (int i = 0; i < 5; ++i) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i" + std::to_string(i))}));
    }
    check_refusal(desk.refusal(alice, Invite{.invitee = bob, .id = id("j")}), Error::rate_limited,
                  std::nullopt, 1);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i0")}));  // again: nothing new
    CHECK(desk.is_ok(bob, Invite{.invitee = alice}));
    // Among several it is skipped.
    const auto reply = desk.ask(alice, Invite{.invitee = carol, .id = id("k"), .also = {bob}});
    REQUIRE(reply.ok());
    CHECK(std::get<Invited>(reply.body).skipped ==
          std::vector{Skipped{.user = bob, .error = Error::rate_limited}});
    check_refusal(desk.refusal(alice, Add{id("k"), {bob}}), Error::rate_limited, std::nullopt, 1);
    desk.advance(999);
    CHECK(desk.error(alice, Invite{.invitee = bob, .id = id("j")}) == Error::rate_limited);
    desk.advance(1);
    CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("j")}));
    CHECK(desk.error(alice, Add{id("k"), {bob}}) == Error::rate_limited);
}

TEST_CASE("what is refused takes nothing from the rates of invites and events") {
    Limits limits;
    limits.max_pending_per_inviter = 1;
    limits.events_burst = 10;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    for (int i = 0; i < 50; ++i) {
        REQUIRE(desk.error(alice, Invite{.invitee = bob}) == Error::too_many_pending);
        REQUIRE(desk.error(bob, Cancel{id("i")}) == Error::not_inviter);
    }
    REQUIRE(desk.is_ok(alice, Cancel{id("i")}));
    for (int i = 0; i < 2; ++i) {
        CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("j" + std::to_string(i))}));
        CHECK(desk.is_ok(alice, Cancel{id("j" + std::to_string(i))}));
    }
}

TEST_CASE("a user causes as many events as the rate allows, and not one more") {
    Limits limits = without_rates();
    limits.events_per_second = 10;
    limits.events_burst = 10;
    SECTION("by inviting") {
        SharedState desk(limits);
        check_refusal(desk.refusal(alice, Invite{.invitee = bob, .also = users("u", 10)}),
                      Error::rate_limited, std::nullopt, 10);
        CHECK(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 9)}));
        desk.advance(99);
        CHECK(desk.error(alice, Invite{.invitee = carol}) == Error::rate_limited);
        desk.advance(1);
        CHECK(desk.is_ok(alice, Invite{.invitee = carol}));
    }
    SECTION("by answering, for each who hears it") {
        SharedState desk(limits);
        for (const auto* name : {"i", "j", "k"}) {
            REQUIRE(desk.is_ok(user("inviter-"s + name),
                               Invite{.invitee = bob, .id = id(name), .also = users("u", 3)}));
        }
        CHECK(desk.is_ok(bob, Accept{id("i")}));  // the inviter and four invitees
        CHECK(desk.is_ok(bob, Reject{.id = id("j")}));
        const auto before = desk.get(user("inviter-k"), id("k"));
        check_refusal(desk.refusal(bob, Accept{id("k")}), Error::rate_limited, std::nullopt, 10);
        CHECK(desk.get(user("inviter-k"), id("k")) == before);
        desk.advance(500);
        CHECK(desk.is_ok(bob, Accept{id("k")}));
    }
    SECTION("by taking it, which cancels the others") {
        SharedState desk(limits);
        REQUIRE(desk.is_ok(
            alice,
            Invite{.invitee = bob, .id = id("i"), .also = users("u", 5), .answer = Answer::first}));
        check_refusal(desk.refusal(bob, Accept{id("i")}), Error::rate_limited, std::nullopt, 10);
        CHECK(desk.get(alice, id("i")).invitees[1].state == State::pending);
    }
    SECTION("by ringing, modifying and adding") {
        SharedState desk(limits);
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 3)}));
        CHECK(desk.is_ok(alice, Modify{id("i"), {}}));
        check_refusal(desk.refusal(alice, Modify{id("i"), {}}), Error::rate_limited, std::nullopt,
                      10);
        check_refusal(desk.refusal(alice, Add{id("i"), {carol}}), Error::rate_limited, std::nullopt,
                      10);
        check_refusal(desk.refusal(alice, Cancel{id("i")}), Error::rate_limited, std::nullopt, 10);
        CHECK(desk.is_ok(bob, Ringing{id("i")}));
        CHECK(desk.get(alice, id("i")).rev == 2);
    }
}

// -------------------------------------------------------------------- order

TEST_CASE("state comes before limits") {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = 1;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i")}));
    CHECK(desk.error(alice, Invite{.invitee = carol, .online_only = true}) == Error::user_offline);
    CHECK(desk.error(alice, Invite{.invitee = alice}) == Error::invalid_request);
    CHECK(desk.error(carol, Invite{.invitee = bob, .id = id("i")}) == Error::already_exists);
}

TEST_CASE("permission comes before repeats of what others did") {
    SharedState desk({});
    REQUIRE(desk.is_ok(
        alice, Invite{.invitee = bob, .id = id("i"), .also = {carol}, .answer = Answer::first}));
    REQUIRE(desk.is_ok(bob, Accept{id("i")}));
    // That bob's accept cancelled carol makes bob no inviter.
    CHECK(desk.error(bob, Cancel{id("i")}) == Error::not_inviter);
    CHECK(desk.error(bob, Cancel{id("i"), {}, std::vector{carol}}) == Error::not_inviter);
}

TEST_CASE("a cancel that names a stranger is refused, repeated or not") {
    SharedState desk({});
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = {carol}}));
    const Cancel cancel{id("i"), {}, std::vector{bob, user("eve")}};
    check_refusal(desk.refusal(alice, cancel), Error::invalid_request, "invitees", std::nullopt);
    REQUIRE(desk.is_ok(alice, Cancel{id("i"), {}, std::vector{bob}}));
    check_refusal(desk.refusal(alice, cancel), Error::invalid_request, "invitees", std::nullopt);
}

// ------------------------------------------------------------------- groups

namespace {}  // namespace

TEST_CASE("a group has 2000 members and no more, however they come") {
    SharedState desk(without_rates());
    check_refusal(desk.refusal(alice, CreateGroup{.group = team, .members = users("m", 2000)}),
                  Error::too_large, "members", 2000);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 1997)}));
    check_refusal(desk.refusal(alice, AddMembers{team, users("n", 3)}), Error::group_full, {},
                  2000);
    REQUIRE(desk.is_ok(alice, AddMembers{team, {user("n0"), user("m0")}}));
    REQUIRE(desk.is_ok(bob, JoinGroup{team}));
    check_refusal(desk.refusal(carol, JoinGroup{team}), Error::group_full, {}, 2000);
    // Who is a member may join again, and makes room by leaving.
    CHECK(desk.is_ok(bob, JoinGroup{team}));
    CHECK(desk.is_ok(bob, QuitGroup{team}));
    CHECK(desk.is_ok(carol, JoinGroup{team}));
}

TEST_CASE("a user owns 100 groups and no more, however they come") {
    SharedState desk(without_rates());
    for (int i = 0; i < 100; ++i) {
        REQUIRE(desk.is_ok(alice, CreateGroup{.group = group_id("g" + std::to_string(i))}));
    }
    check_refusal(desk.refusal(alice, CreateGroup{.group = team}), Error::too_large, "group", 100);
    REQUIRE(desk.is_ok(bob, CreateGroup{.group = team, .members = {alice}}));
    check_refusal(desk.refusal(bob, TransferGroup{team, alice}), Error::too_large, "user", 100);
    // Being a member counts nothing; handing over and dismissing give room.
    REQUIRE(desk.is_ok(alice, DismissGroup{group_id("g7")}));
    REQUIRE(desk.is_ok(bob, TransferGroup{team, alice}));
    CHECK(desk.error(alice, CreateGroup{.group = group_id("g7")}) == Error::too_large);
    REQUIRE(desk.is_ok(alice, TransferGroup{team, bob}));
    CHECK(desk.is_ok(alice, CreateGroup{.group = group_id("g7")}));
}

TEST_CASE("a profile has 16 texts, and each text its size") {
    Limits limits;
    limits.max_data_bytes = 8;
    const auto taken = [&limits](std::string_view verb, const std::string& body) {
        const std::string topic = "group/g/" + std::string(verb);
        const auto made = take_in({alice, DeviceTag(1)}, {.topic = topic, .payload = body}, limits);
        const auto* reply = std::get_if<Reply>(&made);
        return reply != nullptr ? std::optional(std::get<Refusal>(reply->body)) : std::nullopt;
    };
    const auto profile = [](int count) {
        std::string texts;
        for (int i = 0; i < count; ++i) {
            texts += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"\"";
        }
        return R"({"profile":{)" + texts + "}}";
    };
    for (const auto* verb : {"create", "update"}) {
        INFO(verb);
        CHECK_FALSE(taken(verb, profile(16)));
        check_refusal(*taken(verb, profile(17)), Error::too_large, "profile", 16);
        CHECK_FALSE(taken(verb, R"({"name":"12345678","profile":{"12345678":"12345678"}})"));
        check_refusal(*taken(verb, R"({"name":"123456789"})"), Error::too_large, "name", 8);
        check_refusal(*taken(verb, R"({"profile":{"123456789":""}})"), Error::too_large, "profile",
                      8);
        check_refusal(*taken(verb, R"({"profile":{"k":"123456789"}})"), Error::too_large, "profile",
                      8);
    }
    check_refusal(*taken("remove", R"({"members":["a"],"reason":"123456789"})"), Error::too_large,
                  "reason", 8);
    check_refusal(*taken("message", R"({"data":"123456789"})"), Error::too_large, "data", 8);
    CHECK(taken("remove", R"({"members":["a"],"reason":""})")->field == "reason");
}

TEST_CASE("groups keep at most a half of all that is kept, and give it back") {
    auto limits = without_rates();
    limits.max_total_data_bytes = 10'000;
    SharedState desk(limits);
    // 1000, 300 for each member, and what it tells of itself.
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team,
                                          .name = "12345",
                                          .members = {bob},
                                          .profile = Profile{{"key", "text"}}}));
    CHECK(desk.counts().kept_bytes == 1612);
    check_refusal(desk.refusal(alice, AddMembers{team, users("m", 12)}), Error::too_large, "data",
                  5000);
    REQUIRE(desk.is_ok(alice, AddMembers{team, users("m", 11)}));
    CHECK(desk.counts().kept_bytes == 4912);
    CHECK(desk.error(alice, UpdateGroup{.group = team, .name = std::string(94, 'n')}) ==
          Error::too_large);
    REQUIRE(desk.is_ok(alice, UpdateGroup{.group = team, .name = std::string(93, 'n')}));
    CHECK(desk.counts().kept_bytes == 5000);
    CHECK(desk.error(carol, JoinGroup{team}) == Error::too_large);
    CHECK(desk.error(carol, CreateGroup{.group = group_id("other")}) == Error::too_large);
    // The other half is for invitations.
    CHECK(desk.error(carol, Invite{.invitee = bob, .data = bytes(5001)}) == Error::too_large);
    REQUIRE(desk.is_ok(carol, Invite{.invitee = bob, .data = bytes(5000)}));
    REQUIRE(desk.is_ok(alice, UpdateGroup{.group = team, .name = "", .profile = Profile{}}));
    CHECK(desk.counts().kept_bytes == 1000 + 13 * 300 + 5000);
    REQUIRE(desk.is_ok(bob, QuitGroup{team}));
    REQUIRE(desk.is_ok(alice, RemoveMembers{team, users("m", 3), {}}));
    CHECK(desk.counts().kept_bytes == 1000 + 9 * 300 + 5000);
    REQUIRE(desk.is_ok(alice, DismissGroup{team}));
    CHECK(desk.counts().kept_bytes == 5000);
    CHECK(desk.counts().groups == 0);
}

TEST_CASE("events of a group count against who causes them, each member once") {
    auto limits = without_rates();
    limits.events_per_second = 1;
    limits.events_burst = 10;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 6)}));
    check_refusal(desk.refusal(alice, UpdateGroup{.group = team, .name = "x"}), Error::rate_limited,
                  {}, 1);
    REQUIRE(desk.is_ok(bob, JoinGroup{team}));
    // To all but the sender.
    CHECK(desk.error(bob, Message{.to = team}) == Error::rate_limited);
    desk.advance(5000);
    CHECK(desk.is_ok(bob, Message{.to = team}));
    CHECK(desk.error(bob, Message{.to = carol}) == Error::rate_limited);
    // An invitation counts whom it asks and who looks on.
    CHECK(desk.error(user("m0"), GroupInvite{.group = team, .invitees = {{bob}}}) == std::nullopt);
    CHECK(desk.error(user("m0"), GroupInvite{.group = team, .invitees = {{alice}}}) ==
          Error::rate_limited);
    // Leaving is always possible: what it ends is not charged.
    CHECK(desk.error(user("m1"), GroupInvite{.group = team, .visibility = Visibility::inviter}) ==
          std::nullopt);
    desk.advance(6000);
    CHECK(desk.is_ok(user("m1"), QuitGroup{team}));
}

TEST_CASE("the audience of a group is all its members, at the limit and one over it") {
    auto limits = without_rates();
    limits.max_audience = 5;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 4)}));
    const std::vector<UserId> one{user("m0")};
    REQUIRE(desk.is_ok(alice, GroupInvite{.group = team, .id = id("i"), .invitees = one}));
    // They hear of it already, so asking them makes nobody more.
    REQUIRE(desk.is_ok(alice, Add{id("i"), {user("m1"), user("m2")}}));
    REQUIRE(desk.is_ok(bob, JoinGroup{team}));
    check_refusal(desk.refusal(alice, GroupInvite{.group = team, .invitees = one}),
                  Error::too_large, "visibility", 5);
    check_refusal(desk.refusal(alice, Add{id("i"), {user("m3")}}), Error::too_large, "visibility",
                  5);
    CHECK(desk.is_ok(
        alice,
        GroupInvite{.group = team, .invitees = users("m", 4), .visibility = Visibility::invitees}));
    CHECK(desk.is_ok(alice, GroupInvite{.group = team, .visibility = Visibility::inviter}));
}

TEST_CASE("a group that grows over the audience's limit does not make it larger") {
    auto limits = without_rates();
    limits.max_audience = 5;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 4)}));
    REQUIRE(desk.is_ok(
        alice, GroupInvite{.group = team, .id = id("i"), .invitees = {{user("m0"), user("m1")}}}));
    const auto heard_by = [&](const UserId& by) {
        REQUIRE(desk.is_ok(by, Accept{id("i")}));
        return std::get<Delivery>(desk.effects.at(1)).to.size();
    };
    CHECK(heard_by(user("m0")) == 5);
    REQUIRE(desk.is_ok(bob, JoinGroup{team}));
    CHECK(heard_by(user("m1")) == 3);
    CHECK(desk.is_ok(bob, Get{id("i")}));
}

namespace {

/// How many heard something by these.
std::int64_t heard(const Effects& effects) {
    std::int64_t count = 0;
    for (const auto& effect : effects) {
        if (const auto* delivery = std::get_if<Delivery>(&effect)) {
            count += std::ssize(delivery->to);
        }
    }
    return count;
}

}  // namespace

TEST_CASE("the deadlines of an invitation come due a few in a second, however they were set") {
    SharedState desk({});
    const auto patiently = [&desk](const RequestBody& body) {
        while (const auto error = desk.error(alice, body)) {
            REQUIRE(*error == Error::rate_limited);
            desk.advance(100);
        }
    };
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 40)}));
    const Instant end = desk.now + Duration(3'600'000);
    for (std::size_t i = 0; i < 32; ++i) {
        const auto name = id("i" + std::to_string(i));
        patiently(GroupInvite{.group = team, .id = name, .invitees = {{user("m", 0)}}});
        for (std::size_t n = 1; n < 40; ++n) {
            patiently(Add{name, {user("m", n)}, end - desk.now + Duration(n)});
        }
    }
    // All of 250 hear of each.
    patiently(AddMembers{team, users("other", 209)});
    desk.advance(60'000);
    CHECK(desk.counts().open == 32);
    desk.advance((end - desk.now).count() - 1);
    CHECK(desk.effects.empty());
    desk.advance(1001);
    CHECK(heard(desk.effects) == 32 * 5 * 250);
    CHECK(desk.counts().open == 0);
}

TEST_CASE("an `add` of many deadlines in a second moves to its end, and says so") {
    SharedState desk(without_rates());
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .timeout = Duration(5100)}));
    const auto granted = [&desk](const UserId& who, std::int64_t ms) {
        const auto reply = desk.ask(alice, Add{id("i"), {who}, Duration(ms)});
        REQUIRE(reply.ok());
        CHECK(desk.get(who, id("i")).remaining == std::get<Invited>(reply.body).remaining);
        return std::get<Invited>(reply.body).remaining->count();
    };
    CHECK(granted(user("a"), 5200) == 5200);
    CHECK(granted(user("a2"), 5300) == 5300);
    CHECK(granted(user("a3"), 5400) == 5400);
    CHECK(granted(user("b"), 5500) == 6000);
    CHECK(granted(user("c"), 5000) == 6000);
    // One that is there already, and another second.
    CHECK(granted(user("d"), 5200) == 5200);
    CHECK(granted(user("e"), 6300) == 6300);
    CHECK(granted(user("e2"), 6400) == 6400);
    CHECK(granted(user("e3"), 6500) == 6500);
    CHECK(granted(user("f"), 6600) == 7000);
    // Who has answered has no deadline.
    REQUIRE(desk.is_ok(bob, Accept{id("i")}));
    CHECK(granted(user("g"), 5150) == 5150);
}

TEST_CASE("what ends by itself is owed by the inviter, who then waits longer") {
    Limits limits = without_rates();
    limits.events_per_second = 10;
    limits.events_burst = 10;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i"), .also = users("u", 9)}));
    desk.advance(30'000);
    REQUIRE(heard(desk.effects) == 11);
    CHECK(desk.error(alice, Invite{.invitee = carol}) == Error::rate_limited);
    desk.advance(199);
    CHECK(desk.error(alice, Invite{.invitee = carol}) == Error::rate_limited);
    desk.advance(1);
    CHECK(desk.is_ok(alice, Invite{.invitee = carol}));
}

TEST_CASE("what somebody's leaving ends is owed by who did it, but leaving is not refused for it") {
    Limits limits;
    limits.max_user_data_bytes = 1LL << 30;
    SharedState desk(limits);
    const auto members = users("m", 249);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = members}));
    for (int i = 0; i < 64; ++i) {
        desk.advance(1000);
        REQUIRE(desk.is_ok(alice, GroupInvite{.group = team, .timeout = Duration(3'600'000)}));
    }
    desk.advance(60'000);
    std::int64_t sum = 0;
    std::size_t removed = 0;
    for (int ms = 0; ms < 10'000 && removed < members.size(); ms += 20, desk.advance(20)) {
        if (desk.is_ok(alice, RemoveMembers{team, {members[removed]}, {}})) {
            ++removed;
            sum += heard(desk.effects);
        }
    }
    // The rate, what was left at first, and what is owed at last.
    CHECK(sum <= 10 * 5000 + 10'000 + 65 * 250);
    CHECK(removed >= 3);
    desk.advance(4000);
    CHECK(desk.is_ok(alice, DismissGroup{team}));
    desk.advance(4000);
    CHECK(desk.is_ok(alice, CreateGroup{.group = team}));
}

TEST_CASE("a round of more than max_invitees is refused, all other members included") {
    auto limits = without_rates();
    limits.max_invitees = 3;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 4)}));
    check_refusal(desk.refusal(alice, GroupInvite{.group = team}), Error::too_large, "invitees", 3);
    CHECK(desk.is_ok(alice, GroupInvite{.group = team, .invitees = users("m", 3)}));
}

TEST_CASE("the members of a large group, and many groups, come page by page") {
    auto limits = without_rates();
    limits.max_groups_per_owner = 1000;
    SharedState desk(limits);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 1200)}));
    std::set<UserId> seen;
    GetGroup get{team, {}};
    do {
        const auto reply = desk.ask(alice, get);
        const auto& page = std::get<GotGroup>(reply.body);
        CHECK(page.group.members.size() <= 500);
        CHECK(page.group.count == 1201);
        for (const auto& member : page.group.members) {
            CHECK(seen.insert(member.user).second);
        }
        get.page.after = page.next;
    } while (get.page.after);
    CHECK(seen.size() == 1201);
    CHECK(desk.refusal(alice, GetGroup{team, {.after = "not an id"}}).field == "after");

    for (int i = 0; i < 600; ++i) {
        const auto name = i < 100 ? std::string(16 * 1024, 'n') : "";
        REQUIRE(desk.is_ok(alice,
                           CreateGroup{.group = group_id("g" + std::to_string(i)), .name = name}));
    }
    std::set<GroupId> listed;
    ListGroups list;
    do {
        const auto reply = desk.ask(alice, list);
        const auto& page = std::get<GroupsListed>(reply.body);
        CHECK(encode(reply, Encoding::json).size() < 128 * 1024);
        for (const auto& one : page.groups) {
            CHECK(listed.insert(one.group).second);
        }
        list.page.after = page.next;
    } while (list.page.after);
    CHECK(listed.size() == 601);
    CHECK(desk.refusal(alice, ListGroups{{.after = "not an id"}}).field == "after");
}

namespace {

/// The largest reply that there may be, to this and to what goes on after it.
template <class Asked>
std::vector<ReplyBody> all_pages(SharedState& desk, const UserId& who, Asked asked) {
    std::vector<ReplyBody> all;
    bool more = true;
    while (more) {
        more = false;
        auto reply = desk.ask(who, asked);
        REQUIRE(reply.ok());
        CHECK(encode(reply, Encoding::msgpack).size() <= std::size_t{64} * 1024);
        std::visit(
            [&](const auto& page) {
                if constexpr (requires { page.next; }) {
                    more = page.next.has_value();
                    asked.page.after = page.next;
                }
            },
            reply.body);
        all.push_back(std::move(reply.body));
    }
    return all;
}
std::vector<UserId> long_names(std::size_t count) {
    std::vector<UserId> all;
    for (std::size_t i = 0; i < count; ++i) {
        auto name = std::to_string(i);
        all.push_back(*UserId::parse(name + std::string(64 - name.size(), 'x')));
    }
    return all;
}

}  // namespace

TEST_CASE("no reply is larger than 64 KiB, and its pages tell all") {
    SharedState desk(without_rates());
    const auto names = long_names(1000);
    Invite invite{.invitee = names[0],
                  .id = id("i"),
                  .data = bytes(16'384),
                  .also = {names.begin() + 1, names.end()},
                  .call = true,
                  .visibility = Visibility::inviter};
    REQUIRE(desk.is_ok(alice, invite));
    const std::string reason(16'384, 'r');
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i % 100 == 7) {
            REQUIRE(desk.is_ok(names[i], Reject{id("i"), bytes(16'384), reason}));
        } else {
            REQUIRE(desk.is_ok(names[i], Accept{id("i"), bytes(100)}));
        }
    }
    std::set<UserId> told;
    std::set<UserId> talks;
    for (const auto& page : all_pages(desk, alice, Get{id("i")})) {
        const auto& info = *std::get<Got>(page).invitation;
        CHECK(info.rev == Rev{1001});
        CHECK(info.invitees.size() <= 100);
        for (const auto& invitee : info.invitees) {
            CHECK(told.insert(invitee.user).second);
            CHECK(invitee.data.has_value());
        }
        for (const auto& user : info.call_state->participants) {
            CHECK(talks.insert(user).second);
        }
    }
    CHECK(told.size() == 1000);
    CHECK(talks.size() == 991);

    const auto synced = all_pages(desk, alice, Sync{});
    REQUIRE(synced.size() == 1);
    const auto& item = std::get<Synced>(synced.front()).invitations.front();
    CHECK_FALSE(item.rev);
    CHECK(item.answers_left_out);
    CHECK(item.invitees.size() == 100);
    CHECK(item.invitees_left_out == 900);
    CHECK(item.call_state->participants.size() == 100);
    CHECK(item.call_state->more == 891);
    CHECK(item.data);
}

TEST_CASE("an item of sync names its reader, however many are asked") {
    SharedState desk(without_rates());
    auto names = users("u", 200);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = names}));
    REQUIRE(desk.is_ok(alice, GroupInvite{.group = team}));
    for (const auto index : {std::size_t{0}, std::size_t{99}, std::size_t{100}, std::size_t{199}}) {
        const auto reply = desk.ask(names[index], Sync{});
        const auto& item = std::get<Synced>(reply.body).invitations.front();
        CHECK(item.invitees.size() == 100);
        CHECK(item.invitees_left_out == 100);
        CHECK(std::count_if(item.invitees.begin(), item.invitees.end(),
                            [&](const auto& one) { return one.user == names[index]; }) == 1);
    }
}

TEST_CASE("what is asked for is as much as is listed, and no more than a page") {
    SharedState desk(without_rates());
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = users("m", 5)}));
    const auto members = [&](std::int64_t limit) {
        const auto reply = desk.ask(alice, GetGroup{team, {.limit = limit}});
        return std::get<GotGroup>(reply.body).group.members.size();
    };
    CHECK(members(2) == 2);
    CHECK(members(1'000'000) == 6);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = group_id("other")}));
    const auto listed = all_pages(desk, alice, ListGroups{{.limit = 1}});
    CHECK(listed.size() == 2);
}

TEST_CASE("lists in a reply name a hundred, and count the others") {
    SharedState desk(without_rates());
    const auto asked = users("u", 150);
    const auto invite = desk.ask(
        alice,
        Invite{.invitee = bob, .id = id("i"), .also = asked, .visibility = Visibility::inviter});
    const auto& invited = std::get<Invited>(invite.body);
    CHECK(invited.offline.size() == 100);
    CHECK(invited.more == 51);
    auto again = users("u", 151);
    const auto add = desk.ask(alice, Add{id("i"), again});
    const auto& added = std::get<Invited>(add.body);
    CHECK(added.skipped->size() == 100);
    CHECK(added.offline.size() == 1);
    CHECK(added.more == 50);
    REQUIRE(desk.is_ok(asked[0], Reject{id("i")}));
    const auto cancel = desk.ask(alice, Cancel{id("i"), {}, asked});
    const auto& cancelled = std::get<Cancelled>(cancel.body);
    CHECK(cancelled.cancelled.size() == 100);
    CHECK(cancelled.already.size() == 1);
    CHECK(cancelled.more == 49);
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = asked}));
    const auto members = desk.ask(alice, AddMembers{team, again});
    CHECK(std::get<MembersDone>(members.body).skipped.size() == 100);
    CHECK(std::get<MembersDone>(members.body).more == 50);
}

TEST_CASE("sync tells an observer each invitation once, page by page") {
    auto limits = without_rates();
    limits.max_pending_per_inviter = limits.max_pending_per_invitee = 1000;
    SharedState desk(limits);
    std::set<InvitationId> open;
    const GroupId other = group_id("other");
    for (const auto& one : {team, other}) {
        REQUIRE(desk.is_ok(alice, CreateGroup{.group = one, .members = {bob, carol}}));
    }
    for (int i = 0; i < 90; ++i) {
        const auto made = [&](const GroupId& where, const UserId& whom, Visibility visibility) {
            const auto reply = desk.ask(
                alice, GroupInvite{.group = where, .invitees = {{whom}}, .visibility = visibility});
            REQUIRE(reply.ok());
            return std::get<Invited>(reply.body).id;
        };
        open.insert(made(team, bob, Visibility::members));
        open.insert(made(other, carol, Visibility::members));
        open.insert(made(other, bob, Visibility::inviter));
        made(other, carol, Visibility::invitees);
    }
    std::set<InvitationId> told;
    Sync sync;
    do {
        const auto reply = desk.ask(bob, sync);
        const auto& page = std::get<Synced>(reply.body);
        CHECK(page.invitations.size() <= 100);
        for (const auto& one : page.invitations) {
            CHECK(told.insert(one.id).second);
            CHECK(one.role == (one.invitees.front().user == bob ? Role::invitee : Role::observer));
        }
        sync.page.after = page.next;
    } while (sync.page.after);
    CHECK(told == open);
}

TEST_CASE("who removed an invitee is known as long as the invitation is remembered") {
    SharedState desk(without_rates());
    REQUIRE(desk.is_ok(alice, CreateGroup{.group = team, .members = {bob, carol}}));
    REQUIRE(desk.is_ok(bob, GroupInvite{.group = team, .id = id("i"), .invitees = {{carol}}}));
    REQUIRE(desk.is_ok(alice, RemoveMembers{team, {carol}, {}}));
    REQUIRE(desk.is_ok(alice, DismissGroup{team}));
    // Nobody is a member or online any more.
    const auto refusal = desk.refusal(carol, Accept{id("i")});
    CHECK(refusal.error == Error::already_revoked);
    CHECK(refusal.by == alice);
    desk.advance(600'000);
    CHECK(desk.counts().users == 0);
    CHECK(desk.counts().kept_bytes == 0);
}

TEST_CASE("what has ended counts for who made it, though no data came with it") {
    SharedState desk(with_share(10'000));
    for (int i = 0; i < 60; ++i) {
        REQUIRE(desk.is_ok(alice, Invite{.invitee = bob, .id = id("i" + std::to_string(i))}));
        REQUIRE(desk.is_ok(bob, Reject{id("i" + std::to_string(i))}));
    }
    CHECK(desk.counts().ended == 20);
    CHECK(desk.error(bob, Get{id("i39")}) == Error::unknown_invitation);
    CHECK(desk.is_ok(bob, Get{id("i59")}));
}
