// SPDX-License-Identifier: Apache-2.0
// What must always hold is looked at in every build, and nothing is done where it does not.
#include "judge/invariant.hpp"

#include "catch.hpp"
#include "outcome.hpp"
#include "timer_wheel.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const UserId door = user("door");
const UserId kitchen = user("kitchen");
const InvitationId ring = id("ring");

/// An invitation of the kitchen by the door, which is pending.
struct Pending {
    SharedState shared{Switchboard::Options{}};
    Invitation& invitation = shared.records.create(ring, door, kitchen);

    Pending() { shared.records.ask(invitation, {kitchen}, Instant(Duration(1000))); }

    Outcome outcome(Cause cause) {
        return {shared, rule_of(cause),
                circle_of(invitation, &kitchen, {&invitation.invitees.front()})};
    }
    void conclude(Outcome outcome) {
        Effects events;
        outcome.conclude(invitation, {invitation.inviter, DeviceTag(1)}, {}, events);
    }
};

}  // namespace

TEST_CASE("who has answered is not answered for again") {
    Pending pending;
    pending.conclude(pending.outcome(Cause::accept));
    CHECK_THROWS_AS(pending.outcome(Cause::reject), InvariantBroken);
    CHECK_THROWS_AS(pending.outcome(Cause::deadline), InvariantBroken);
    CHECK(pending.invitation.invitees.front().state() == State::accepted);
    CHECK(pending.invitation.rev == 1);
    CHECK(pending.invitation.pending == 0);
}

TEST_CASE("an answer is written once, whoever prepared it") {
    Pending pending;
    auto late = pending.outcome(Cause::deadline);
    pending.conclude(pending.outcome(Cause::accept));
    CHECK_THROWS_AS(pending.conclude(std::move(late)), InvariantBroken);
    CHECK(pending.invitation.invitees.front().state() == State::accepted);
}

TEST_CASE("somebody is concerned by what ends a part") {
    Pending pending;
    CHECK_THROWS_AS(
        Outcome(pending.shared, rule_of(Cause::lifetime_over), circle_of(pending.invitation, {})),
        InvariantBroken);
}

TEST_CASE("a timer is armed once") {
    struct One : Timer {
        One() : Timer(Kind::call) {}
    };
    One timer;
    TimerWheel wheel;
    wheel.arm(timer, Instant(Duration(5)));
    CHECK_THROWS_AS(wheel.arm(timer, Instant(Duration(6))), InvariantBroken);
    CHECK(wheel.pop(Instant(Duration(5))) == &timer);
}

TEST_CASE("an invitation is not made over another") {
    Pending pending;
    CHECK_THROWS_AS(pending.shared.records.create(ring, door, kitchen), InvariantBroken);
    CHECK(pending.shared.records.find(ring) == &pending.invitation);
}
