// SPDX-License-Identifier: Apache-2.0
#include "presence.hpp"

#include <array>
#include <string>

#include "catch.hpp"
#include "host/line_limiter.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const UserId alice = user("alice");
const UserId bob = user("bob");
/// Any that tells users and client ids apart.
DeviceTag tag_of(const UserId& user, std::string_view client_id) {
    return DeviceTag(std::hash<std::string>{}(user.str() + '/' + std::string(client_id)));
}
PresenceChange comes(const UserId& user, std::string_view client_id = "device") {
    return {{user, tag_of(user, client_id)}, true};
}
PresenceChange goes(const UserId& user, std::string_view client_id = "device") {
    return {{user, tag_of(user, client_id)}, false};
}
const PresenceChanges nothing{};
const PresenceChanges alice_comes{comes(alice)};
const PresenceChanges alice_goes{goes(alice)};

constexpr SipKey key{1, 2};

/// Addresses that stand for the broker's connections.
const std::array<char, 10> place{};
const void* pointer(std::size_t number) { return &place.at(number); }

constexpr bool resumed = true;

Connection connection(std::size_t number, bool is_resumed = false, const UserId& user = alice,
                      std::string_view client_id = "device") {
    return {
        .pointer = pointer(number), .client_id = client_id, .user = user, .resumed = is_resumed};
}

PresenceFilter filter(std::string_view text, std::string_view me = "alice") {
    return read_presence_filter(text, "beckon/v1", me);
}
const PresenceFilter events = filter("beckon/v1/inbox/alice/event");
const PresenceFilter json = filter("beckon/v1/inbox/alice/json");
const PresenceFilter everything = filter("#");
const PresenceFilter weather = filter("weather/#");

}  // namespace

TEST_CASE("a_filter_counts_that_spells_out_the_inbox_and_matches_its_events") {
    std::vector<PresenceFilters> bits;
    for (const std::string share : {"", "$share/group/"}) {
        for (const std::string root : {"beckon/v1", "+/v1", "beckon/+", "+/+"}) {
            for (const std::string end : {"event", "json", "+", "#", "event/#", "json/#", "+/#"}) {
                const auto read = filter(share + root + "/inbox/alice/" + end);
                CHECK(read.reaches_us);
                CHECK(read.bit != 0);
                for (const auto other : bits) {
                    CHECK((read.bit & other) == 0);
                }
                bits.push_back(read.bit);
            }
        }
    }
    CHECK(bits.size() == 56);
}

TEST_CASE("other_filters_do_not_count") {
    for (const auto* const text :
         {"beckon/v1/inbox/alice/reply", "beckon/v1/inbox/alice/reply/#", "beckon/v1/inbox/alice",
          "beckon/v1/inbox/alice/event/x", "beckon/v1/inbox/alice/+/+", "beckon/v1/inbox/+/event",
          "beckon/v1/inbox/#", "beckon/v1/#", "+/+/+/+/+", "beckon/v1/+/alice/event",
          "beckon/v1/inbox/bob/event", "beckon/v1/status", "beckon/#", "$share/group/#"}) {
        INFO(text);
        CHECK(filter(text) == PresenceFilter{.reaches_us = true, .bit = 0});
    }
    for (const auto* const text :
         {"weather", "weather/v1/inbox/alice/event", "beckon", "+", "$share/g"}) {
        INFO(text);
        CHECK(filter(text) == PresenceFilter{});
    }
    CHECK(everything == PresenceFilter{.reaches_us = true, .bit = 0});
}

TEST_CASE("who_subscribes_to_events_is_online_until_the_connection_ends") {
    Presence presence(tag_of, key);
    CHECK(presence.subscribed(connection(1), events) == alice_comes);
    CHECK(presence.subscribed(connection(1), events) == nothing);
    CHECK(presence.disconnected(pointer(1), "device") == alice_goes);
    CHECK(presence.disconnected(pointer(1), "device") == nothing);
}

TEST_CASE("who_subscribes_to_something_else_or_only_sends_requests_is_not") {
    Presence presence(tag_of, key);
    CHECK(presence.subscribed(connection(1), weather) == nothing);
    CHECK(presence.subscribed(connection(1), everything) == nothing);
    CHECK(presence.requested(connection(1)).changes == nothing);
    CHECK(presence.disconnected(pointer(1), "device") == nothing);
    CHECK(presence.sessions() == 0);
}

TEST_CASE("who_unsubscribes_the_last_filter_is_offline") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    CHECK(presence.subscribed(connection(1), json) == nothing);
    CHECK(presence.unsubscribed(connection(1), events) == nothing);
    CHECK(presence.unsubscribed(connection(1), weather) == nothing);
    CHECK(presence.unsubscribed(connection(1), json) == alice_goes);
    CHECK(presence.subscribed(connection(1), json) == alice_comes);
}

TEST_CASE("each_device_of_a_user_comes_and_goes_by_itself") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    CHECK(presence.subscribed(connection(2, false, alice, "tablet"), events) ==
          PresenceChanges{comes(alice, "tablet")});
    CHECK(presence.disconnected(pointer(1), "device") == alice_goes);
    CHECK(presence.disconnected(pointer(2), "tablet") == PresenceChanges{goes(alice, "tablet")});
}

TEST_CASE("a_resumed_session_counts_from_its_first_request") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    CHECK(presence.subscribed(connection(2, resumed), weather) == nothing);
    CHECK(presence.requested(connection(2, resumed)).changes == alice_comes);
    CHECK(presence.requested(connection(2, resumed)).changes == nothing);
}

TEST_CASE("a_resumed_session_counts_when_it_subscribes_again") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    CHECK(presence.subscribed(connection(2, resumed), json) == alice_comes);
    CHECK(presence.unsubscribed(connection(2, resumed), json) == nothing);
    CHECK(presence.unsubscribed(connection(2, resumed), events) == alice_goes);
}

TEST_CASE("a_new_session_of_the_same_client_id_has_no_filters_of_the_old_one") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    CHECK(presence.requested(connection(2)).changes == nothing);
}

TEST_CASE("that_holds_although_it_has_subscribed_elsewhere_before_its_first_request") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    presence.subscribed(connection(2), weather);
    // Now the session has a subscription.
    CHECK(presence.requested(connection(2, resumed)).changes == nothing);
}

TEST_CASE("what_a_session_unsubscribed_it_does_not_resume") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    presence.unsubscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    CHECK(presence.requested(connection(2, resumed)).changes == nothing);
}

TEST_CASE("a_connection_that_was_taken_over_may_end_before_or_after_the_new_one_subscribes") {
    Presence presence(tag_of, key);
    presence.subscribed(connection(1), events);
    SECTION("before") {
        CHECK(presence.disconnected(pointer(1), "device") == alice_goes);
        CHECK(presence.subscribed(connection(2), events) == alice_comes);
    }
    SECTION("after") {
        // It is a new session without filters first.
        CHECK(presence.subscribed(connection(2), events) ==
              PresenceChanges{goes(alice), comes(alice)});
        CHECK(presence.disconnected(pointer(1), "device") == nothing);
    }
    CHECK(presence.is_present(pointer(2), "device"));
    CHECK(presence.disconnected(pointer(2), "device") == alice_goes);
}

TEST_CASE("another_user_who_takes_a_client_id_over_has_none_of_its_filters") {
    Presence presence(tag_of, key);
    presence.requested(connection(1));
    presence.subscribed(connection(1), events);
    const auto taken = presence.requested(connection(2, resumed, bob));
    CHECK(taken.changes == alice_goes);
    CHECK(taken.device == tag_of(bob, "device"));
    CHECK(presence.disconnected(pointer(2), "device") == nothing);
    // They are still alice's when she resumes the session, unless bob made it his.
    CHECK(presence.requested(connection(3, resumed)).changes == alice_comes);
    presence.subscribed(connection(4, resumed, bob), events);
    presence.disconnected(pointer(4), "device");
    CHECK(presence.requested(connection(5, resumed)).changes == nothing);
}

TEST_CASE("a_tag_is_remembered_with_its_session") {
    int derived = 0;
    Presence presence(
        [&](const UserId& user, std::string_view client_id) {
            ++derived;
            return tag_of(user, client_id);
        },
        key);
    CHECK(presence.requested(connection(1)).device == tag_of(alice, "device"));
    presence.subscribed(connection(1), events);
    presence.disconnected(pointer(1), "device");
    CHECK(presence.requested(connection(1)).device == tag_of(alice, "device"));
    CHECK(derived == 1);
    CHECK(presence.requested(connection(2, false, alice, "tablet")).device ==
          tag_of(alice, "tablet"));
}

TEST_CASE("who_is_present_has_subscribed_or_sent_a_request_on_this_very_connection") {
    Presence presence(tag_of, key);
    CHECK_FALSE(presence.is_present(pointer(1), "device"));
    presence.subscribed(connection(1), weather);
    CHECK_FALSE(presence.is_present(pointer(1), "device"));
    presence.subscribed(connection(1), everything);
    CHECK(presence.is_present(pointer(1), "device"));
    presence.subscribed(connection(1), events);
    CHECK(presence.is_present(pointer(1), "device"));
    CHECK_FALSE(presence.is_present(pointer(2), "device"));
    presence.disconnected(pointer(1), "device");
    CHECK_FALSE(presence.is_present(pointer(1), "device"));
    presence.requested(connection(2, resumed));
    CHECK(presence.is_present(pointer(2), "device"));
}

TEST_CASE("a_session_that_ends_with_its_connection_is_forgotten_with_it") {
    Presence presence(tag_of, key);
    auto by = connection(1);
    by.ends_session = true;
    presence.subscribed(by, events);
    CHECK(presence.disconnected(pointer(1), "device") == alice_goes);
    CHECK(presence.sessions() == 0);
}

namespace {

/// A session that stays, and is away.
void come_and_go(Presence& presence, const UserId& user, std::string_view client_id) {
    const auto own = filter("beckon/v1/inbox/" + user.str() + "/event", user.str());
    presence.subscribed(connection(1, false, user, client_id), own);
    presence.disconnected(pointer(1), client_id);
}

/// Whether it is known what the session had subscribed, when it comes back and when it goes.
bool is_remembered(Presence& presence, const UserId& user, std::string_view client_id) {
    const bool comes_online =
        !presence.requested(connection(2, resumed, user, client_id)).changes.empty();
    presence.disconnected(pointer(2), client_id);
    return comes_online;
}

}  // namespace

TEST_CASE("of_the_sessions_that_are_away_those_that_went_first_are_forgotten_first") {
    Presence presence(tag_of, key, {.away = 2});
    come_and_go(presence, alice, "a");
    come_and_go(presence, bob, "b");
    CHECK(is_remembered(presence, alice, "a"));  // and went again, after b
    come_and_go(presence, alice, "c");
    CHECK(presence.sessions() == 2);
    CHECK_FALSE(is_remembered(presence, bob, "b"));
    CHECK(is_remembered(presence, alice, "a"));
    CHECK(is_remembered(presence, alice, "c"));
}

TEST_CASE("who_has_too_many_that_are_away_loses_those_that_went_first_and_nobody_else_does") {
    Presence presence(tag_of, key, {.away = 4, .away_of_one_user = 2});
    come_and_go(presence, bob, "b");
    for (int i = 0; i < 1'000; ++i) {
        come_and_go(presence, alice, std::to_string(i));
    }
    CHECK(presence.sessions() == 3);
    CHECK_FALSE(is_remembered(presence, alice, "997"));
    CHECK(is_remembered(presence, alice, "998"));
    CHECK(is_remembered(presence, alice, "999"));
    CHECK(is_remembered(presence, bob, "b"));
}

TEST_CASE("a_session_that_another_user_took_over_counts_for_that_one") {
    Presence presence(tag_of, key, {.away_of_one_user = 1});
    come_and_go(presence, alice, "a");
    come_and_go(presence, bob, "b");
    come_and_go(presence, bob, "a");
    CHECK(presence.sessions() == 1);
    CHECK(is_remembered(presence, bob, "a"));
    come_and_go(presence, alice, "c");
    CHECK(is_remembered(presence, bob, "a"));
    CHECK(is_remembered(presence, alice, "c"));
}

TEST_CASE("sessions_that_are_there_are_not_counted") {
    Presence presence(tag_of, key, {.away = 1, .away_of_one_user = 1});
    for (std::size_t i = 3; i < 8; ++i) {
        presence.subscribed(connection(i, false, alice, std::to_string(i)), events);
    }
    come_and_go(presence, alice, "a");
    CHECK(presence.sessions() == 6);
    CHECK(presence.disconnected(pointer(3), "3") == PresenceChanges{goes(alice, "3")});
    CHECK(presence.sessions() == 5);
}

TEST_CASE("one_line_of_a_kind_is_logged_in_ten_seconds_and_the_others_are_counted") {
    LineLimiter limiter;
    CHECK(limiter.pass(at(0)) == 0U);
    CHECK_FALSE(limiter.pass(at(1)));
    CHECK_FALSE(limiter.pass(at(9'999)));
    CHECK(limiter.pass(at(10'000)) == 2U);
    CHECK(limiter.pass(at(30'000)) == 0U);
}
