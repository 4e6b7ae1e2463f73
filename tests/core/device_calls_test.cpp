// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "world/actors.hpp"
#include "world/device_world.hpp"

using namespace beckon;

namespace {

const UserId alice = user("alice");
const UserId bob = user("bob");
const UserId carol = user("carol");
const InvitationId x = id("x");
const InvitationId y = id("y");

Invite call_of(const UserId& invitee, std::vector<UserId> also = {}, const InvitationId& id = x) {
    return {.invitee = invitee, .id = id, .also = std::move(also), .call = true};
}
Signal says(std::string text, std::uint64_t seq) {
    return {.id = x, .seq = seq, .data = {.bytes = std::move(text)}};
}
template <class Body>
std::vector<Body> heard(const World::Site& site) {
    std::vector<Body> all;
    for (const auto& one : site.heard<Body>()) {
        all.push_back(std::get<Body>(one.body));
    }
    return all;
}
bool ok(const std::optional<Device::Result>& result) {
    const auto* reply = result ? std::get_if<Reply>(&result->outcome) : nullptr;
    return reply != nullptr && reply->ok();
}

/// alice has called bob and carol, both have accepted.
struct Three {
    World world;
    World::Site& panel = world.add_ready("alice");
    World::Site& phone = world.add_ready("bob");
    World::Site& tablet = world.add_ready("carol");

    Three() {
        world.call(panel, call_of(bob, {carol}));
        world.settle();
        world.call(phone, Accept{x});
        world.settle();
        world.call(tablet, Accept{x});
        world.settle();
    }
};
/// alice has called bob, who has accepted.
struct Two {
    World world;
    World::Site& panel = world.add_ready("alice");
    World::Site& phone = world.add_ready("bob");

    Two() {
        world.call(panel, call_of(bob));
        world.settle();
        world.call(phone, Accept{x});
        world.settle();
    }
};

}  // namespace

TEST_CASE("a call is told as over to both, once, with the broker's duration", "[device]") {
    Two two;
    CHECK(two.phone.device.open(two.world.now()).size() == 1);
    two.world.run(Duration(60'000));
    const auto hangup = two.world.call(two.phone, Hangup{.id = x, .data = Data{.bytes = "bye"}});
    two.world.settle();
    CHECK(ok(two.phone.result(hangup)));
    REQUIRE(heard<CallEnded>(two.phone).size() == 1);
    CHECK(heard<CallEnded>(two.panel) == heard<CallEnded>(two.phone));
    const auto ended = heard<CallEnded>(two.phone)[0];
    CHECK(ended.reason == "hangup");
    CHECK(ended.data == Data{.bytes = "bye"});
    CHECK(ended.duration >= Duration(60'000));
    // The ring's end is told as ever, when it was answered.
    CHECK(two.panel.all<Ended>().size() == 1);
    CHECK(two.phone.all<Ended>().size() == 1);
    CHECK(two.panel.device.open(two.world.now()).empty());
    CHECK(two.phone.device.open(two.world.now()).empty());
}

TEST_CASE("a call that goes on is asked for now and then, and nothing is told of it", "[device]") {
    Two two;
    const auto told = two.panel.told.size() + two.phone.told.size();
    two.world.run(Duration(3'600'000));
    CHECK(two.panel.told.size() + two.phone.told.size() == told);
    REQUIRE(two.phone.device.open(two.world.now()).size() == 1);
    CHECK(two.phone.device.open(two.world.now())[0].call_state->participants ==
          std::vector{alice, bob});
    CHECK(two.phone.device.open(two.world.now())[0].call_state->duration >= Duration(3'600'000));
}

TEST_CASE("an end that was lost on the way is found out", "[device]") {
    Two two;
    two.world.settings.event = [](auto&&...) { return World::Fate::lost; };
    two.world.call(two.panel, Hangup{.id = x});
    two.world.settle();
    CHECK(heard<CallEnded>(two.phone).empty());
    two.world.run(Duration(400'000));
    REQUIRE(heard<CallEnded>(two.phone).size() == 1);
    CHECK(heard<CallEnded>(two.phone)[0].reason == "hangup");
    CHECK(heard<CallEnded>(two.panel) == heard<CallEnded>(two.phone));
}

TEST_CASE("what happened in a call while a device was away is told when it is back", "[device]") {
    SECTION("the call ended") {
        Two two;
        two.world.cut(two.phone);
        two.world.run(Duration(20'000));  // longer than the grace period
        two.world.lose_session(two.phone);
        two.world.connect(two.phone);
        two.world.settle();
        REQUIRE(heard<CallEnded>(two.phone).size() == 1);
        CHECK(heard<CallEnded>(two.phone)[0].reason == "connection_lost");
    }
    SECTION("somebody left") {
        Three three;
        three.world.cut(three.phone);
        three.world.call(three.tablet, Hangup{.id = x});
        three.world.settle();
        three.world.lose_session(three.phone);
        three.world.connect(three.phone);
        three.world.settle();
        CHECK(heard<ParticipantLeft>(three.phone) ==
              std::vector{ParticipantLeft{.user = carol, .reason = ""}});
        CHECK(heard<CallEnded>(three.phone).empty());
    }
}

TEST_CASE("a broker that has forgotten the call leaves nobody in it", "[device]") {
    Two two;
    two.world.restart_broker();
    for (auto* site : {&two.panel, &two.phone}) {
        two.world.connect(*site);
        two.world.settle();
        REQUIRE(heard<CallEnded>(*site).size() == 1);
        CHECK(heard<CallEnded>(*site)[0].reason.empty());
        CHECK(site->device.open(two.world.now()).empty());
    }
}

TEST_CASE("who leaves hears no more of the call, and the others go on", "[device]") {
    Three three;
    auto& elsewhere = three.world.add_ready("bob");
    three.world.call(three.phone, Hangup{.id = x, .reason = "dinner"});
    three.world.settle();
    const std::vector left{ParticipantLeft{.user = bob, .reason = "dinner"}};
    CHECK(heard<ParticipantLeft>(three.panel) == left);
    CHECK(heard<ParticipantLeft>(three.tablet) == left);
    CHECK(heard<ParticipantLeft>(elsewhere) == left);
    CHECK(heard<ParticipantLeft>(three.phone).empty());  // it knows
    CHECK(three.phone.device.open(three.world.now()).empty());
    three.world.call(three.panel, Hangup{.id = x});
    three.world.settle();
    CHECK(heard<CallEnded>(three.tablet).size() == 1);
    CHECK(heard<CallEnded>(three.phone).empty());
}

TEST_CASE("signals are told once and in order, however often they come", "[device]") {
    Two two;
    two.world.settings.event = [](auto&&...) { return World::Fate::doubled; };
    for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        two.world.call(two.panel, says(std::to_string(seq), seq));
    }
    two.world.settle();
    std::string all;
    for (const auto& one : heard<SignalEvent>(two.phone)) {
        CHECK(one.from == alice);
        all += one.data.bytes;
    }
    CHECK(all == "123");
}

TEST_CASE("who hung up comes back into the call, and hears of it again", "[device]") {
    Three three;
    three.world.call(three.phone, Hangup{.id = x});
    three.world.settle();
    CHECK(three.phone.device.open(three.world.now()).empty());
    three.phone.told.clear();
    const auto join = three.world.call(three.phone, Join{.id = x, .data = Data{.bytes = "back"}});
    three.world.settle();
    CHECK(ok(three.phone.result(join)));
    for (auto* const other : {&three.panel, &three.tablet}) {
        CHECK(heard<ParticipantJoined>(*other) ==
              std::vector{ParticipantJoined{.user = bob, .data = Data{.bytes = "back"}}});
    }
    // What rang is not announced again.
    CHECK(three.phone.heard<NewInvitation>().empty());
    CHECK(three.phone.all<Ended>().empty());
    REQUIRE(three.phone.device.open(three.world.now()).size() == 1);
    CHECK(three.phone.device.open(three.world.now())[0].call_state->participants.size() == 3);
    three.world.call(three.panel, Hangup{.id = x, .all = true});
    three.world.settle();
    CHECK(heard<CallEnded>(three.phone).size() == 1);
    CHECK(three.phone.device.open(three.world.now()).empty());
}

TEST_CASE("a call that is over as soon as one has come back is told as over, once", "[device]") {
    Three three;
    three.world.call(three.phone, Hangup{.id = x});
    three.world.settle();
    three.world.call(three.phone, Join{x});
    // It reaches the broker before what the phone asks next.
    three.world.run(Duration(1));
    three.world.call(three.panel, Hangup{.id = x, .all = true});
    three.world.settle();
    CHECK(heard<CallEnded>(three.phone).size() == 1);
    CHECK(three.phone.device.open(three.world.now()).empty());
}

TEST_CASE("the inviter comes back, and is told no answer again", "[device]") {
    Three three;
    three.world.call(three.panel, Hangup{.id = x});
    three.world.settle();
    three.panel.told.clear();
    three.world.call(three.panel, Join{.id = x});
    three.world.settle();
    CHECK(heard<InviteeAccepted>(three.panel).empty());
    three.world.call(three.phone, Hangup{.id = x});
    three.world.settle();
    CHECK(heard<ParticipantLeft>(three.panel).size() == 1);
    three.world.call(three.tablet, Hangup{.id = x});
    three.world.settle();
    CHECK(heard<CallEnded>(three.panel).size() == 1);
}

TEST_CASE("who declined comes into the call at last", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    auto& tablet = world.add_ready("carol");
    world.call(panel, call_of(bob, {carol}));
    world.settle();
    world.call(phone, Accept{x});
    world.call(tablet, Reject{x});
    world.settle();
    world.call(tablet, Join{x});
    world.settle();
    CHECK(heard<ParticipantJoined>(phone) == std::vector{ParticipantJoined{.user = carol}});
    CHECK(tablet.all<Ended>().size() == 1);
    world.call(phone, Hangup{.id = x});
    world.settle();
    CHECK(heard<ParticipantLeft>(tablet).size() == 1);
    world.call(panel, Hangup{.id = x});
    world.settle();
    CHECK(heard<CallEnded>(tablet).size() == 1);
}

TEST_CASE("a device that starts anew finds the call and takes it over", "[device]") {
    Two two;
    auto& again = two.world.add_ready("bob");
    CHECK(again.heard<NewInvitation>().empty());
    REQUIRE(again.device.open(two.world.now()).size() == 1);
    const auto resume = two.world.call(again, Resume{x});
    two.world.settle();
    CHECK(ok(again.result(resume)));
    CHECK(heard<ParticipantMoved>(two.panel) == std::vector{ParticipantMoved{bob}});
    CHECK(heard<ParticipantMoved>(two.phone) == std::vector{ParticipantMoved{bob}});
    CHECK(heard<ParticipantMoved>(again).empty());
    // It is what counts now.
    two.world.cut(two.phone);
    two.world.run(Duration(60'000));
    CHECK(heard<CallEnded>(two.panel).empty());
    two.world.call(two.panel, Hangup{.id = x});
    two.world.settle();
    CHECK(heard<CallEnded>(again).size() == 1);
}

TEST_CASE("two who call each other at once talk, and the second invite is an accept", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    const auto first = world.call(panel, call_of(bob));
    const auto second = world.call(phone, call_of(alice, {}, y));
    world.settle();
    CHECK(ok(panel.result(first)));
    REQUIRE(ok(phone.result(second)));
    CHECK(std::get<Reply>(phone.result(second)->outcome).body ==
          ReplyBody(Merged{.merged_into = x}));
    REQUIRE(phone.all<Ended>().size() == 1);
    CHECK(phone.all<Ended>()[0].state == State::accepted);
    CHECK(phone.all<Ended>()[0].here);
    CHECK(heard<InviteeAccepted>(panel).size() == 1);
    CHECK(phone.device.open(world.now()).size() == 1);
    world.call(phone, Hangup{.id = x});
    world.settle();
    CHECK(heard<CallEnded>(panel).size() == 1);
    CHECK(heard<CallEnded>(phone).size() == 1);
}

TEST_CASE("a busy device rejects what rings at once, and tells who it was", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    phone.device.set_busy(Reject{.id = {}, .data = Data{.bytes = "later"}, .reason = "busy"});
    auto invite = call_of(bob);
    invite.data = Data{.bytes = "ring"};
    world.call(panel, invite);
    world.settle();
    CHECK(heard<InviteeRejected>(panel) ==
          std::vector{InviteeRejected{bob, Data{.bytes = "later"}, "busy"}});
    CHECK(phone.all<Busy>() ==
          std::vector{Busy{.id = x, .inviter = alice, .data = Data{.bytes = "ring"}}});
    CHECK(phone.all<Heard>().empty());
    CHECK(phone.all<Ended>().empty());
    phone.device.set_busy({});
    world.call(panel, call_of(bob, {}, y));
    world.settle();
    CHECK(heard<NewInvitation>(phone).size() == 1);
}

TEST_CASE("a ring that was cancelled before a busy device could say so is told as one it missed",
          "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    phone.device.set_busy(Reject{.id = {}, .data = {}, .reason = "busy"});
    world.call(panel, call_of(bob));
    world.call(panel, Cancel{x});
    world.settle();
    CHECK(phone.all<Busy>().size() == 1);
    CHECK(phone.all<Heard>().empty());
    CHECK(phone.all<Ended>().empty());
}

TEST_CASE("a busy device whose data the broker does not take rejects without", "[device]") {
    World::Settings settings;
    settings.limits.max_data_bytes = 4;
    World world(settings);
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    phone.device.set_busy(Reject{.id = {}, .data = Data{.bytes = "later"}, .reason = "busy"});
    world.call(panel, call_of(bob));
    world.settle();
    CHECK(heard<InviteeRejected>(panel) == std::vector{InviteeRejected{bob, {}, "busy"}});
    CHECK(phone.all<Busy>().size() == 1);
    CHECK(phone.all<Ended>().empty());
}

TEST_CASE("a reject as busy that the broker does not take even without data is given up",
          "[device]") {
    World::Settings settings;
    settings.limits.max_data_bytes = 3;  // less than `busy` has
    World world(settings);
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    phone.device.set_busy(Reject{.id = {}, .data = Data{.bytes = "later"}, .reason = "busy"});
    world.call(panel, call_of(bob));
    world.settle();
    CHECK(heard<InviteeRejected>(panel).empty());
    CHECK(phone.all<Busy>().size() == 1);
}

TEST_CASE("a reject as busy that the broker puts off is sent again", "[device]") {
    World::Settings settings;
    settings.limits.requests_burst = 2;
    settings.limits.requests_per_second = 1;
    settings.limits_bite = true;
    World world(settings);
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    phone.device.set_busy(Reject{.id = {}, .data = {}, .reason = "busy"});
    world.call(phone, Get{y});
    world.call(phone, Get{y});
    world.call(panel, call_of(bob));
    world.settle();
    world.run(Duration(10'000));
    REQUIRE(panel.all<Ended>().size() == 1);
    CHECK(panel.all<Ended>()[0].reason == "busy");
    CHECK(phone.all<Busy>().size() == 1);
    CHECK(phone.all<Ended>().empty());
}
