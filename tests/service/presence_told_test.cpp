// SPDX-License-Identifier: Apache-2.0
#include "presence_told.hpp"

#include <string>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const Sender panel = device("alice.1");
const Sender phone = device("alice.2");
const PresenceChanges nothing{};

PresenceChanges comes(const Sender& device) { return {{device, true}}; }
PresenceChanges goes(const Sender& device) { return {{device, false}}; }

Here here(const std::string& run, Duration again = Duration(10'000)) {
    return {.run = run, .again = again};
}
Here gone(const std::string& run) { return {.run = run, .gone = true}; }

/// Another that goes on from what this one kept.
PresenceTold restarted(PresenceTold& from) {
    PresenceTold anew;
    std::map<DeviceTag, DeviceKept> kept;
    for (const Change& change : from.take_changes()) {
        if (const auto* one = std::get_if<DeviceKept>(&change)) {
            kept.insert_or_assign(one->device, *one);
        } else {
            kept.erase(std::get<DeviceForgotten>(change).device);
        }
    }
    for (const auto& [tag, one] : kept) {
        anew.restore(one);
    }
    return anew;
}

}  // namespace

TEST_CASE("a_device_is_online_from_here_until_gone") {
    PresenceTold presence;
    CHECK(presence.heard(panel, Sync{}, at(0)) == nothing);
    CHECK_FALSE(presence.is_online(panel.user));
    CHECK(presence.heard(panel, here("a"), at(0)) == comes(panel));
    CHECK(presence.heard(panel, here("a"), at(1)) == nothing);
    CHECK(presence.is_online(panel.user));
    CHECK(presence.heard(panel, gone("a"), at(2)) == goes(panel));
    CHECK_FALSE(presence.is_online(panel.user));
    CHECK(presence.heard(panel, gone("a"), at(3)) == nothing);
}

TEST_CASE("gone_counts_with_the_run_of_the_last_here_only") {
    PresenceTold presence;
    presence.heard(panel, here("old"), at(0));
    presence.heard(panel, here("new"), at(1));
    CHECK(presence.heard(panel, gone("old"), at(2)) == nothing);
    CHECK(presence.heard(panel, gone("new"), at(3)) == goes(panel));
    CHECK(presence.heard(phone, gone("new"), at(4)) == nothing);
}

TEST_CASE("a_device_that_is_silent_for_as_long_as_it_said_is_gone") {
    PresenceTold presence;
    presence.heard(panel, here("a", Duration(1000)), at(0));
    CHECK(presence.next_deadline() == at(1000));
    CHECK(presence.heard(panel, Accept{}, at(500)) == nothing);
    CHECK(presence.advance(at(1499)) == nothing);
    CHECK(presence.advance(at(1500)) == goes(panel));
    CHECK(presence.next_deadline() == std::nullopt);
}

TEST_CASE("a_device_counts_for_ten_minutes_if_it_says_nothing_else_and_for_an_hour_at_most") {
    PresenceTold presence;
    presence.heard(panel, Here{.run = "a"}, at(0));
    CHECK(presence.next_deadline() == at(600'000));
    presence.heard(panel, here("a", Duration(86'400'000)), at(0));
    CHECK(presence.next_deadline() == at(3'600'000));
}

TEST_CASE("a_later_here_or_sync_brings_a_device_back_and_nothing_else") {
    PresenceTold presence;
    presence.heard(panel, here("a"), at(0));
    presence.heard(panel, gone("a"), at(1));
    CHECK(presence.heard(panel, Accept{}, at(2)) == nothing);
    CHECK(presence.heard(panel, Sync{}, at(3)) == comes(panel));
    CHECK(presence.advance(at(10'003)) == goes(panel));
    CHECK(presence.heard(panel, here("b"), at(10'004)) == comes(panel));
}

TEST_CASE("a_user_is_online_while_one_device_is") {
    PresenceTold presence;
    presence.heard(panel, here("a"), at(0));
    presence.heard(phone, here("b"), at(0));
    presence.heard(panel, gone("a"), at(1));
    CHECK(presence.is_online(panel.user));
    std::vector<Sender> there;
    presence.tell_online([&](const Sender& one) { there.push_back(one); });
    CHECK(there == std::vector{phone});
}

TEST_CASE("one_user_cannot_fill_the_memory_nor_push_others_out") {
    PresenceTold presence({.of_one_user = 2, .in_all = 3});
    const Sender other = device("bob.1");
    presence.heard(other, here("o"), at(0));
    presence.heard(panel, here("a"), at(1));
    presence.heard(phone, here("b"), at(2));
    CHECK(presence.heard(device("alice.3"), here("c"), at(3)) ==
          PresenceChanges{{panel, false}, {device("alice.3"), true}});
    CHECK(presence.is_online(other.user));
    CHECK(presence.devices() == 3);
    // Of who is gone the one that went first is forgotten first.
    presence.heard(other, gone("o"), at(4));
    CHECK(presence.heard(device("carol.1"), here("d"), at(5)) == comes(device("carol.1")));
    CHECK(presence.heard(other, Sync{}, at(6)) == nothing);
    CHECK(presence.devices() == 3);
}

TEST_CASE("after_a_restart_it_knows_who_was_there_until_when_and_by_which_run") {
    PresenceTold before({.of_one_user = 2, .in_all = 10});
    before.heard(panel, here("a"), at(0));
    before.heard(phone, here("b"), at(1));
    before.heard(phone, gone("b"), at(2));
    before.heard(device("alice.3"), here("c"), at(3));
    PresenceTold presence = restarted(before);
    CHECK(presence.is_online(panel.user));
    CHECK(presence.devices() == 2);
    CHECK(presence.heard(phone, Sync{}, at(4)) == nothing);  // forgotten
    CHECK(presence.heard(panel, gone("b"), at(5)) == nothing);
    CHECK(presence.heard(panel, gone("a"), at(6)) == goes(panel));
    CHECK(presence.advance(at(10'003)) == goes(device("alice.3")));
}
