// SPDX-License-Identifier: Apache-2.0
//
// What `beckon home-assistant` publishes for which event, without a broker.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "home_assistant/configuration.hpp"
#include "home_assistant/discovery.hpp"
#include "home_assistant/house.hpp"
#include "home_assistant/texts.hpp"

using namespace beckon;
using namespace beckon::cli::home;
using Json = nlohmann::json;

namespace {

const House::Time evening{std::chrono::seconds{1'777'658'405}};  // 2026-05-01, 18:00:05 UTC

Typed flat() {
    Typed typed;
    typed.groups = {"flat-3=Front door"};
    typed.contacts = {"kitchen=Kitchen"};
    typed.contact_groups = {"flat-3=Everybody"};
    typed.doors = {"door=open=Front door"};
    typed.locks = {"gate=open=shut=Gate"};
    return typed;
}

Configuration configured(const Typed& typed = flat()) {
    return configuration_of(typed, "home", "beckon");
}

std::string refusal_of(const Typed& typed) {
    try {
        static_cast<void>(configured(typed));
    } catch (const CLI::ValidationError& error) {
        return error.what();
    }
    return "none";
}

/// The texts that are published at topics that end so.
std::vector<std::string> at(const Doings& doings, const std::string& topic) {
    std::vector<std::string> found;
    for (const Message& message : doings.messages) {
        if (message.topic.ends_with(topic)) {
            found.push_back(message.payload);
        }
    }
    return found;
}

using Texts = std::vector<std::string>;

SignalingEvent ring(const std::string& id, const std::string& group) {
    SignalingEvent event;
    event.inviteID = id;
    event.inviter = event.by = "door";
    event.groupID = group;
    event.invitees = {"home", "kitchen"};
    event.data = "ding";
    return event;
}

SignalingEvent of_kitchen(SignalingEventType type, const std::string& id) {
    SignalingEvent event;
    event.type = type;
    event.inviteID = id;
    event.inviter = "door";
    event.groupID = "flat-3";
    event.invitees = {"kitchen"};
    event.by = "kitchen";
    return event;
}

/// As `ring`, and how each stands.
SignalingInfo info(const std::string& id, const std::string& group, State home, State kitchen) {
    SignalingInfo open;
    open.inviteID = id;
    open.inviter = "door";
    open.groupID = group;
    open.data = "ding";
    open.inviteeList = {"home", "kitchen"};
    open.invitees = {{.user = "home", .state = home}, {.user = "kitchen", .state = kitchen}};
    return open;
}

/// With Home Assistant and Beckon there, and admin of the group.
House begun(const Typed& typed = flat()) {
    House house(configured(typed));
    house.attached();
    house.reached(true);
    house.standing({}, evening);
    house.groups({{.groupID = "flat-3", .role = Rank::admin}});
    return house;
}

/// It rings, and is pending.
Doings rung(House& house, const std::string& id, const std::string& group = "flat-3") {
    Doings doings = house.heard(ring(id, group));
    for (const auto& message :
         house.standing({info(id, group, State::pending, State::pending)}, evening).messages) {
        doings.messages.push_back(message);
    }
    return doings;
}

template <class Deed>
std::vector<Deed> deeds(const Doings& doings) {
    std::vector<Deed> found;
    for (const auto& deed : doings.deeds) {
        if (const auto* one = std::get_if<Deed>(&deed)) {
            found.push_back(*one);
        }
    }
    return found;
}

}  // namespace

TEST_CASE("what_cannot_be_configured_is_refused_with_the_option_and_the_limit") {
    const auto with = [](auto change) {
        Typed typed = flat();
        change(typed);
        return refusal_of(typed);
    };
    CHECK(with([](Typed& typed) { typed.groups = {"flat 3"}; }) ==
          "--group: 'flat 3' is no id: 1 to 64 of A-Z a-z 0-9 . _ @ : -");
    CHECK(with([](Typed& typed) { typed.groups = {"flat-3="}; }) ==
          "--group: the name '' has 0 bytes; it is to have 1 to 64 of UTF-8, without control "
          "characters");
    CHECK(with([](Typed& typed) {
              typed.contacts = {"kitchen=" + std::string(65, 'x')};
          }).starts_with("--contact: the name 'xxx"));
    CHECK(with([](Typed& typed) { typed.contacts = {"kitchen=a\nb"}; }) != "none");
    CHECK(with([](Typed& typed) { typed.contacts = {"kitchen=\xff"}; }) != "none");
    CHECK(with([](Typed& typed) {
              typed.groups = {"a", "b", "a"};
          }) == "--group: a is named twice");
    CHECK(with([](Typed& typed) { typed.contacts = {"home"}; }) ==
          "--contact: home is who I am: nobody can ring themselves");
    CHECK(with([](Typed& typed) { typed.doors = {"door"}; }) ==
          "--door: 'door' is no USER=WORD, or that and =NAME");
    CHECK(with([](Typed& typed) { typed.locks = {"gate=open"}; }) ==
          "--lock: 'gate=open' is no USER=UNLOCK=LOCK, or that and =NAME");
    CHECK(with([](Typed& typed) { typed.ring_for = std::chrono::hours{25}; }) ==
          "--ring-for: is to be 1ms to 24h");
    CHECK(with([](Typed& typed) { typed.topic = "beckon/v1/inbox"; }) ==
          "--topic: 'beckon/v1/inbox' is below beckon, where Beckon's own topics are");
    CHECK(with([](Typed& typed) {
              typed.discovery_prefix = "home+assistant";
          }).starts_with("--discovery-prefix: 'home+assistant' is no topic of 1 to 64 bytes"));
    CHECK(with([](Typed& typed) {
              typed.groups.clear();
              for (int i = 0; i < 17; ++i) {
                  typed.groups.push_back("g" + std::to_string(i));
              }
          }) == "--group: 17 are too many: at most 16");
}

TEST_CASE("what_would_be_announced_is_never_too_large_for_a_broker") {
    Typed typed;
    for (int i = 0; i < 16; ++i) {
        typed.groups.push_back(std::string(60, '.') + std::to_string(i) + "=" +
                               std::string(64, 'x'));
    }
    CHECK(refusal_of(typed).find("at most 60000") != std::string::npos);
}

TEST_CASE("a_name_may_have_a_sign_that_parts_it") {
    const Configuration configuration = configured({.groups = {"a=b=c"}, .doors = {"d=w=n=m"}});
    CHECK(configuration.groups.front().name == "b=c");
    CHECK(configuration.doors.front().open_word == "w");
    CHECK(configuration.doors.front().name == "n=m");
}

TEST_CASE("no_two_ids_become_the_same_in_a_topic") {
    CHECK(escaped("flat-3") == "flat-3");
    CHECK(escaped("a.b_c@d:e") == "a_2Eb_5Fc_40d_3Ae");
    CHECK(escaped("_2E") == "_5F2E");
    CHECK(slug("Anna@flat-3.Home") == "anna_flat_3_home");
}

TEST_CASE("what_others_wrote_is_cut_between_two_letters") {
    CHECK(shown(std::string(300, 'x')) == std::string(255, 'x'));
    CHECK(shown(std::string(254, 'x') + "\u00fc\u00fc") == std::string(254, 'x'));
    CHECK_FALSE(shown("\xff"));
    CHECK(timestamp(evening) == "2026-05-01T18:00:05+00:00");
}

TEST_CASE("each_thing_has_an_entity_of_its_own") {
    const Json components = Json::parse(announcement(configured()))["cmps"];
    std::set<std::string> entities;
    std::set<std::string> ids;
    std::set<std::string> triggers;
    for (const Json& one : components) {
        if (one["p"] == "device_automation") {
            triggers.insert(one["stype"].get<std::string>() + " " + one["type"].get<std::string>());
        } else {
            entities.insert(one["def_ent_id"]);
            ids.insert(one["uniq_id"]);
        }
    }
    CHECK(entities ==
          std::set<std::string>{
              "event.beckon_home", "sensor.beckon_home", "sensor.beckon_home_last_missed",
              "button.beckon_home_stop", "event.beckon_flat_3", "sensor.beckon_flat_3",
              "sensor.beckon_flat_3_last_missed", "button.beckon_flat_3_stop",
              "button.beckon_ring_kitchen", "notify.beckon_kitchen", "button.beckon_ring_flat_3",
              "notify.beckon_flat_3", "button.beckon_open_door", "button.beckon_open_gate",
              "lock.beckon_gate", "switch.beckon_do_not_disturb"});
    CHECK(ids.size() == entities.size());
    CHECK(triggers == std::set<std::string>{"Front door rung", "Front door answered",
                                            "Front door missed", "Front door ended", "home rung",
                                            "home answered", "home missed", "home ended"});
}

TEST_CASE("all_is_announced_before_it_is_said_to_be_there") {
    House house(configured());
    const Doings first = house.attached();
    REQUIRE(!first.messages.empty());
    CHECK(first.messages.front().topic == "homeassistant/device/beckon_home/config");
    CHECK(first.messages.front().retained);
    CHECK(at(first, "/home/status") == Texts{"offline"});  // Beckon is not
    CHECK(at(first, "/state").empty());
    house.reached(true);
    const Doings there = house.standing({}, evening);
    CHECK(at(there, "/flat-3/state") == Texts{"idle"});
    CHECK(there.messages.back().topic == "beckon-ha/home/status");
    CHECK(there.messages.back().payload == "online");
}

TEST_CASE("all_is_told_again_when_home_assistant_has_started") {
    House house = begun();
    rung(house, "r");
    CHECK(house.received("homeassistant/status", "offline").messages.empty());
    const Doings again = house.received("homeassistant/status", "online");
    CHECK(at(again, "/config").size() == 1);
    CHECK(at(again, "/flat-3/state") == Texts{"ringing"});
    CHECK(at(again, "/home/status") == Texts{"online"});
    CHECK(at(again, "/event").empty());
}

TEST_CASE("what_is_configured_no_more_is_taken_out_of_home_assistant") {
    House house(configured({}));
    house.kept("homeassistant/device/beckon_home/config", announcement(configured()));
    const auto told = at(house.attached(), "/config");
    REQUIRE(told.size() == 2);
    const Json removing = Json::parse(told[0])["cmps"];
    CHECK(removing["group_flat-3_event"] == Json{{"p", "event"}});
    CHECK(removing["self_event"].size() > 1);
    CHECK_FALSE(Json::parse(told[1])["cmps"].contains("group_flat-3_event"));
}

TEST_CASE("a_ring_is_told_with_who_and_what_once_the_state_says_so") {
    House house = begun();
    const Doings doings = rung(house, "r");
    REQUIRE(doings.messages.size() == 4);
    CHECK(doings.messages[0].topic == "beckon-ha/home/group/flat-3/attributes");
    CHECK(Json::parse(doings.messages[0].payload)["by"] == "door");
    CHECK(doings.messages[1].topic == "beckon-ha/home/group/flat-3/state");
    CHECK(doings.messages[1].payload == "ringing");
    CHECK(Json::parse(doings.messages[2].payload) == Json{{"event_type", "ring"},
                                                          {"by", "door"},
                                                          {"data", "ding"},
                                                          {"group", "flat-3"},
                                                          {"invitees", {"home", "kitchen"}},
                                                          {"id", "r"}});
    CHECK_FALSE(doings.messages[2].retained);
    CHECK(doings.messages[3].payload == "rung");
    CHECK_FALSE(doings.messages[3].retained);
}

TEST_CASE("a_ring_to_this_user_alone_has_a_place_of_its_own") {
    House house = begun();
    const Doings doings = rung(house, "r", "");
    CHECK(at(doings, "/self/state") == Texts{"ringing"});
    CHECK(at(doings, "/self/trigger") == Texts{"rung"});
    CHECK(at(doings, "/flat-3/state").empty());
}

TEST_CASE("a_ring_that_nobody_heard_is_missed") {
    House house = begun();
    rung(house, "r");
    house.heard(of_kitchen(SignalingEventType::invitationTimeout, "r"));
    const Doings over = house.standing({}, evening);
    CHECK(at(over, "/flat-3/state") == Texts{"idle"});
    CHECK(at(over, "/flat-3/missed") == Texts{"2026-05-01T18:00:05+00:00"});
    CHECK(Json::parse(at(over, "/missed/attributes").at(0))["by"] == "door");
    CHECK(at(over, "/trigger") == Texts{"missed", "ended"});
}

TEST_CASE("a_ring_that_somebody_knows_of_is_not_missed") {
    const auto triggers_after = [](SignalingEventType type, const std::string& reason,
                                   const std::string& by) {
        House house = begun();
        rung(house, "r");
        SignalingEvent event = of_kitchen(type, "r");
        event.reason = reason;
        event.by = by;
        house.heard(event);
        return at(house.standing({}, evening), "/trigger");
    };
    using enum SignalingEventType;
    CHECK(triggers_after(inviteeRejected, "declined", "kitchen") == Texts{"ended"});
    CHECK(triggers_after(inviteeRejected, "busy", "kitchen") == Texts{"missed", "ended"});
    CHECK(triggers_after(invitationCancelled, "cancelled", "door") == Texts{"missed", "ended"});
    CHECK(triggers_after(invitationCancelled, "cancelled", "owner") == Texts{"ended"});
    CHECK(triggers_after(invitationCancelled, "replaced", "door") == Texts{"ended"});
    CHECK(triggers_after(invitationCancelled, "inviter_lost", "door") == Texts{"missed", "ended"});
    CHECK(triggers_after(invitationCancelled, "group_dismissed", "owner") == Texts{"ended"});
}

TEST_CASE("who_talks_is_asked_until_the_call_is_over") {
    House house = begun();
    SignalingEvent call = ring("r", "flat-3");
    call.call = true;
    house.heard(call);
    CHECK(house.to_ask().empty());
    const Doings answered = house.heard(of_kitchen(SignalingEventType::inviteeAccepted, "r"));
    CHECK(at(answered, "/flat-3/state") == Texts{"in_call"});
    CHECK(at(answered, "/trigger") == Texts{"answered"});
    CHECK(at(house.standing({}, evening), "/trigger").empty());
    CHECK(house.to_ask() == std::vector<Ask>{{"r"}});
    SignalingInfo living = info("r", "flat-3", State::rejected, State::accepted);
    living.call = true;
    living.participants = {"door", "kitchen"};
    const Doings goes_on = house.stands("r", {}, living, evening);
    CHECK(Json::parse(at(goes_on, "/attributes").at(0))["participants"] == Json{"door", "kitchen"});
    living.open = false;
    living.callReason = "hangup";
    const Doings over = house.stands("r", {}, living, evening);
    CHECK(at(over, "/flat-3/state") == Texts{"idle"});
    CHECK(at(over, "/trigger") == Texts{"ended"});
    CHECK(house.to_ask().empty());
}

TEST_CASE("however_many_talk_few_are_asked_at_once_and_all_in_turn") {
    House house = begun();
    for (int i = 0; i < 25; ++i) {
        SignalingEvent call = ring("r" + std::to_string(i), "flat-3");
        call.call = true;
        house.heard(call);
        house.heard(of_kitchen(SignalingEventType::inviteeAccepted, call.inviteID));
    }
    std::set<std::string> asked;
    for (int turn = 0; turn < 3; ++turn) {
        const auto some = house.to_ask();
        CHECK(some.size() == 10);
        for (const Ask& ask : some) {
            asked.insert(ask.id);
        }
    }
    CHECK(asked.size() == 25);
}

TEST_CASE("nobody_waits_for_who_only_listens") {
    House house = begun();
    rung(house, "r");
    const auto then = [&](State kitchen) {
        return deeds<StepBack>(
            house.standing({info("r", "flat-3", State::pending, kitchen)}, evening));
    };
    CHECK(then(State::pending).empty());
    CHECK(then(State::accepted) == std::vector<StepBack>{{"r", "declined"}});
    CHECK(then(State::accepted).empty());  // once
    SignalingInfo alone = info("s", "flat-3", State::pending, State::pending);
    alone.invitees.pop_back();
    CHECK(deeds<StepBack>(house.standing({alone}, evening)).empty());
    CHECK(deeds<StepBack>(house.standing({info("t", "", State::pending, State::accepted)}, evening))
              .empty());
}

TEST_CASE("a_bell_that_is_pressed_again_rings_once") {
    House house = begun();
    rung(house, "r");
    SignalingEvent again = ring("s", "flat-3");
    again.replaces = {"r"};
    CHECK(at(house.heard(again), "/trigger").empty());
    const Doings one =
        house.standing({info("s", "flat-3", State::pending, State::pending)}, evening);
    CHECK(at(one, "/trigger") == Texts{"ended"});  // the first, which nobody has missed
    CHECK(at(one, "/flat-3/state").empty());       // ringing, as before
}

TEST_CASE("a_ring_that_is_seen_to_stand_before_it_is_heard_of_is_told_once") {
    House house = begun();
    const auto open = info("r", "flat-3", State::pending, State::pending);
    const Doings seen = house.standing({open}, evening);
    CHECK(at(seen, "/flat-3/state") == Texts{"ringing"});
    CHECK(at(seen, "/trigger").empty());
    CHECK(at(house.heard(ring("r", "flat-3")), "/trigger") == Texts{"rung"});
    CHECK(at(house.standing({open}, evening), "/trigger").empty());
}

TEST_CASE("stop_ends_what_rings_and_it_is_not_missed") {
    House house = begun();
    rung(house, "r");
    CHECK(deeds<Stop>(house.received("beckon-ha/home/self/stop", "PRESS")).empty());
    CHECK(deeds<Stop>(house.received("beckon-ha/home/group/flat-3/stop", "")).empty());
    CHECK(deeds<Stop>(house.received("beckon-ha/home/group/flat-3/stop", "PRESS")) ==
          std::vector<Stop>{{"r", "flat-3"}});
    SignalingEvent cancelled = of_kitchen(SignalingEventType::invitationCancelled, "r");
    cancelled.by = "home";
    house.heard(cancelled);
    CHECK(at(house.standing({}, evening), "/trigger") == Texts{"ended"});
}

TEST_CASE("a_stop_that_is_refused_tells_what_the_owner_can_do") {
    House house = begun();
    rung(house, "r");
    house.received("beckon-ha/home/group/flat-3/stop", "PRESS");
    const Doings refused =
        house.done(Stop{"r", "flat-3"}, {.code = 8011, .error = "not_inviter", .message = "no"});
    REQUIRE(refused.remarks.size() == 1);
    CHECK(refused.remarks[0] ==
          "could not stop r (not_inviter: no). Its owner says: beckon group "
          "role flat-3 home admin");
    house.heard(of_kitchen(SignalingEventType::invitationTimeout, "r"));
    CHECK(at(house.standing({}, evening), "/trigger") == Texts{"missed", "ended"});
    CHECK(house.done(Stop{"r", "flat-3"}, {.code = 8010, .error = "already_accepted"})
              .remarks.empty());
}

TEST_CASE("while_nobody_is_to_be_disturbed_nothing_rings_there") {
    House house = begun();
    CHECK(at(house.received("beckon-ha/home/dnd/set", "ON"), "/dnd") == Texts{"ON"});
    const Doings group = house.heard(ring("r", "flat-3"));
    CHECK(at(group, "/flat-3/state") == Texts{"ringing"});
    CHECK(at(group, "/trigger").empty());
    CHECK(group.deeds.empty());
    const Doings own = house.heard(ring("s", ""));
    CHECK(at(own, "/trigger").empty());
    CHECK(deeds<StepBack>(own) == std::vector<StepBack>{{"s", "busy"}});
    CHECK(at(house.standing({}, evening), "/self/trigger") == Texts{"missed", "ended"});
    house.received("beckon-ha/home/dnd/set", "OFF");
    CHECK(at(house.heard(ring("t", "flat-3")), "/trigger") == Texts{"rung"});
}

TEST_CASE("do_not_disturb_outlives_the_program") {
    House house(configured());
    house.kept("beckon-ha/home/dnd", "ON");
    CHECK(at(house.attached(), "/dnd") == Texts{"ON"});
}

TEST_CASE("what_an_earlier_run_has_told_is_not_told_again") {
    House before = begun();
    const Doings told = rung(before, "r");
    House house(configured());
    house.kept("beckon-ha/home/group/flat-3/attributes", at(told, "/flat-3/attributes").at(0));
    house.attached();
    house.reached(true);
    CHECK(at(house.heard(ring("r", "flat-3")), "/trigger").empty());
    CHECK(at(house.heard(ring("s", "flat-3")), "/trigger") == Texts{"rung"});
}

TEST_CASE("how_it_ended_while_the_program_was_away_is_asked") {
    House before = begun();
    const Doings told = rung(before, "r");
    const auto restarted = [&] {
        House house(configured());
        house.kept("beckon-ha/home/group/flat-3/attributes", at(told, "/flat-3/attributes").at(0));
        house.attached();
        house.reached(true);
        const Doings doings = house.standing({}, evening);
        CHECK(deeds<Ask>(doings) == std::vector<Ask>{{"r"}});
        CHECK(at(doings, "/flat-3/state") == Texts{"ringing"});  // nobody knows better yet
        return house;
    };
    SignalingInfo over = info("r", "flat-3", State::timed_out, State::timed_out);
    over.open = false;
    House house = restarted();
    const Doings missed = house.stands("r", {}, over, evening);
    CHECK(at(missed, "/flat-3/state") == Texts{"idle"});
    CHECK(at(missed, "/trigger") == Texts{"missed", "ended"});

    over = info("r", "flat-3", State::rejected, State::accepted);
    over.open = false;
    CHECK(at(restarted().stands("r", {}, over, evening), "/trigger") == Texts{"ended"});
    const Result unknown{.code = 8010, .error = "unknown_invitation"};
    CHECK(at(restarted().stands("r", unknown, {}, evening), "/trigger") == Texts{"ended"});
    const Result later{.code = 6012, .error = "no_reply"};
    House waiting = restarted();
    CHECK(at(waiting.stands("r", later, {}, evening), "/trigger").empty());
    CHECK(waiting.to_ask() == std::vector<Ask>{{"r"}});
}

TEST_CASE("a_group_that_there_is_not_yet_is_unavailable_with_a_word_of_what_to_do") {
    House house(configured());
    house.attached();
    house.reached(true);
    const Doings none = house.groups({});
    CHECK(none.remarks.size() == 1);
    CHECK(none.remarks[0].ends_with("beckon group add flat-3 home"));
    CHECK(house.groups({}).remarks.empty());  // once
    const Doings member = house.groups({{.groupID = "flat-3", .role = Rank::member}});
    CHECK(at(member, "/flat-3/status") == Texts{"online"});
    CHECK(at(member, "/stop/status").empty());
    CHECK(member.remarks.size() == 1);
    const Doings admin = house.groups({{.groupID = "flat-3", .role = Rank::admin}});
    CHECK(at(admin, "/stop/status") == Texts{"online"});
    CHECK(admin.remarks.empty());
    CHECK(at(house.groups({}), "/flat-3/status") == Texts{"offline"});
}

TEST_CASE("nothing_is_said_of_other_groups_and_of_this_users_own_rings") {
    House house = begun();
    CHECK(house.heard(ring("r", "class-4b")).messages.empty());
    SignalingInfo own = info("s", "flat-3", State::pending, State::pending);
    own.inviter = "home";
    own.role = Role::inviter;
    CHECK(at(house.standing({own}, evening), "/flat-3/state") == Texts{"ringing"});
    CHECK(at(house.standing({}, evening), "/trigger").empty());
    own.groupID = "";
    CHECK(house.standing({own}, evening).messages.empty());
}

TEST_CASE("what_is_pressed_rings_writes_and_opens") {
    House house = begun();
    const auto pressed = [&](const std::string& rest, const std::string& payload) {
        return house.received("beckon-ha/home/" + rest, payload);
    };
    CHECK(deeds<RingContact>(pressed("ring/user/kitchen", "PRESS")).size() == 1);
    CHECK(deeds<RingContact>(pressed("ring/group/flat-3", "PRESS")).at(0).contact.is_group);
    CHECK(pressed("ring/user/hall", "PRESS").deeds.empty());
    CHECK(pressed("ring/group/kitchen", "PRESS").deeds.empty());
    CHECK(deeds<Say>(pressed("notify/user/kitchen", "Dinner")).at(0).text == "Dinner");
    CHECK(pressed("notify/user/kitchen", "").deeds.empty());
    CHECK(deeds<Say>(pressed("door/door/open", "PRESS")).at(0).text == "open");
    CHECK(pressed("door/door/set", "LOCK").deeds.empty());  // it is no lock
    CHECK(deeds<Say>(pressed("door/gate/set", "UNLOCK")).at(0).text == "open");
    CHECK(deeds<Say>(pressed("door/gate/set", "LOCK")).at(0).text == "shut");
    CHECK(pressed("door/gate/set", "open").deeds.empty());
}

TEST_CASE("a_lock_is_as_it_says_itself_and_unknown_if_it_was_not_reached") {
    House house = begun();
    CHECK(at(house.told("gate", "Locked"), "/gate/state") == Texts{"LOCKED"});
    CHECK(house.told("gate", "hello").messages.empty());
    CHECK(house.told("kitchen", "unlocked").messages.empty());
    CHECK(house.told("door", "unlocked").messages.empty());
    const Say open{{.id = "gate", .name = "Gate"}, "open"};
    CHECK(at(house.done(open, {.code = 6012, .error = "no_reply"}), "/gate/state") ==
          Texts{"None"});
}

TEST_CASE("what_others_wrote_is_text_in_json_and_nowhere_else") {
    House house = begun();
    SignalingEvent hostile = ring("r", "flat-3");
    hostile.data = "{{ states('lock.gate') }}\"}\n" + std::string(1000, '#');
    Doings doings = house.heard(hostile);
    for (const Message& message : doings.messages) {
        INFO(message.topic);
        CHECK(message.topic.starts_with("beckon-ha/home/group/flat-3/"));
        CHECK(message.topic.find_first_of("+#{\n") == std::string::npos);
    }
    const Json event = Json::parse(at(doings, "/event").at(0));
    CHECK(event["data"].get<std::string>().size() == max_shown);
    CHECK(announcement(configured()).find("{{") == std::string::npos);
    hostile.inviteID = "s";
    hostile.data = std::string("\xff\x00 binary", 9);
    doings = house.heard(hostile);
    CHECK_FALSE(Json::parse(at(doings, "/event").at(0)).contains("data"));
}

TEST_CASE("however_many_ring_the_attributes_stay_small") {
    House house = begun();
    Doings doings;
    for (int i = 0; i < 100; ++i) {
        SignalingEvent event = ring("r" + std::to_string(i), "flat-3");
        event.data = std::string(16'384, 'x');
        event.invitees = std::vector<std::string>(1000, std::string(64, 'u'));
        doings = house.heard(event);
    }
    const std::string attributes = at(doings, "/attributes").at(0);
    CHECK(Json::parse(attributes)["number"] == 100);
    CHECK(attributes.size() < 16'384);
    for (int i = 100; i < 1000; ++i) {
        house.heard(ring("r" + std::to_string(i), "flat-3"));
    }
    const Doings again = house.received("homeassistant/status", "online");
    CHECK(Json::parse(at(again, "/flat-3/attributes").at(0))["number"] == 500);
}

TEST_CASE("nothing_is_said_while_home_assistants_broker_is_away_and_all_when_it_is_back") {
    House house = begun();
    house.detached();
    CHECK(house.heard(ring("r", "flat-3")).messages.empty());
    house.standing({info("r", "flat-3", State::pending, State::pending)}, evening);
    CHECK(at(house.attached(), "/flat-3/state") == Texts{"ringing"});
}

TEST_CASE("while_beckon_is_away_nothing_is_there") {
    House house = begun();
    CHECK(at(house.reached(false), "/home/status") == Texts{"offline"});
    house.reached(true);
    CHECK(at(house.standing({}, evening), "/home/status") == Texts{"online"});
}
