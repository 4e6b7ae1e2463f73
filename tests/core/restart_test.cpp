// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "world/actors.hpp"
#include "world/kept.hpp"

using namespace beckon;

namespace {

const Sender door = device("door.1");
const Sender kitchen = device("kitchen.2");
const InvitationId x = id("x");

}  // namespace

TEST_CASE("a call whose limit passes while the broker is away lasted until that limit") {
    Switchboard::Options options{.limits = {}, .stored = true};
    options.limits.max_call_ms = 60'000;
    Switchboard before(options);
    before.handle(door, {.body = Invite{.invitee = kitchen.user, .id = x, .call = true}}, at(0));
    before.handle(kitchen, {.body = Accept{.id = x}}, at(1000));
    Switchboard after(options);
    for (const auto& change : kept_by(before.take_changes()).shortest()) {
        after.restore(change, at(500'000));
    }
    const auto effects = after.advance(at(500'000));
    REQUIRE(effects.size() == 1);
    const auto& event = std::get<Event>(std::get<Delivery>(effects[0]).event);
    CHECK(event.body ==
          EventBody(CallEnded{.reason = "expired", .duration = Duration(60'000), .data = {}}));
}

TEST_CASE("what cancelled is known after a restart") {
    // A cancel of the same device is a repeat; what its hangup cancelled is not.
    const UserId hall = user("hall");
    const UserId attic = user("attic");
    const Switchboard::Options options{.limits = {}, .stored = true};
    Switchboard before(options);
    before.handle(
        door,
        {.body = Invite{.invitee = kitchen.user, .id = x, .also = {hall, attic}, .call = true}},
        at(0));
    before.handle(kitchen, {.body = Accept{.id = x}}, at(1000));
    before.handle(door, {.body = Cancel{.id = x, .invitees = {{hall}}}}, at(1000));
    before.handle(door, {.body = Hangup{.id = x}}, at(2000));
    Switchboard after(options);
    for (const auto& change : kept_by(before.take_changes()).shortest()) {
        after.restore(change, at(2000));
    }
    const auto cancel = [&](const UserId& whom) {
        const auto effects =
            after.handle(door, {.body = Cancel{.id = x, .invitees = {{whom}}}}, at(2000));
        return std::get<Cancelled>(std::get<Reply>(effects.at(0)).body);
    };
    CHECK(cancel(hall) == Cancelled{.dup = true, .rev = 4, .cancelled = {hall}});
    CHECK(cancel(attic) == Cancelled{.rev = 4, .already = {{attic, State::cancelled}}});
}
