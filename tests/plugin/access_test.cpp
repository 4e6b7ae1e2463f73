// SPDX-License-Identifier: Apache-2.0
#include "access.hpp"

#include <string>
#include <utility>

#include "catch.hpp"
#include "protocol/wire.hpp"
#include "publish_origin.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

Access access_with(Policy other_topics, Policy requests = Policy::allow) {
    Options options;
    options.other_topics = other_topics;
    options.requests = requests;
    return Access(options);
}

const Access access_here = access_with(Policy::defer);
constexpr std::string_view nobody;

bool reads(std::string_view me, const std::string& topic, bool retained = false) {
    return access_here.read(me, access_here.spot_of("beckon/v1/" + topic), retained) ==
           Verdict::allow;
}

}  // namespace

TEST_CASE("whoever_it_is_may_read_status") {
    CHECK(reads("alice", "status", true));
    CHECK(reads(nobody, "status", true));
    CHECK_FALSE(reads("alice", "status/x"));
}

TEST_CASE("an_inbox_is_read_by_its_user_alone") {
    for (const auto* const end : {"event", "json", "reply", "reply/7", "reply/a/b"}) {
        INFO(end);
        CHECK(reads("alice", std::string("inbox/alice/") + end));
        for (const std::string_view other : {"bob", "Alice", "alic", "alice/event", ""}) {
            CHECK_FALSE(reads(other, std::string("inbox/alice/") + end));
        }
    }
    CHECK_FALSE(reads(nobody, "inbox//event"));
}

TEST_CASE("nobody_reads_what_is_no_inbox_of_the_contract") {
    for (const auto* const topic : {"inbox", "inbox/alice", "inbox/alice/", "inbox/alice/other",
                                    "inbox/alice/event/x", "inbox/alice/replies"}) {
        INFO(topic);
        CHECK_FALSE(reads("alice", topic));
    }
}

TEST_CASE("nobody_reads_a_retained_message_of_an_inbox_which_can_only_be_forged") {
    CHECK_FALSE(reads("alice", "inbox/alice/event", true));
}

TEST_CASE("nobody_reads_a_request_or_where_handled_ones_go") {
    CHECK_FALSE(reads("alice", "user/bob/invite"));
    CHECK_FALSE(reads("alice", "user/bob/invite/alice"));
    CHECK_FALSE(reads("alice", "anything"));
    CHECK(access_here.read("alice", access_here.spot_of("beckon/v1"), false) == Verdict::deny);
    CHECK(access_here.read("alice", access_here.spot_of(access_here.sink()), false) ==
          Verdict::deny);
}

TEST_CASE("what_a_client_writes_to_an_inbox_to_status_or_where_requests_go_is_denied") {
    for (const auto* const topic :
         {"beckon/v1/inbox/alice/event", "beckon/v1/inbox", "beckon/v1/status", "$beckon"}) {
        INFO(topic);
        CHECK(access_here.write("alice", access_here.spot_of(topic)) == Verdict::deny);
    }
}

TEST_CASE("requests_are_for_users_with_a_name_as_the_option_says") {
    for (const auto* const topic :
         {"beckon/v1/user/bob/invite", "beckon/v1/nonsense", "beckon/v1", "beckon/v1/"}) {
        INFO(topic);
        CHECK(access_here.write("alice", access_here.spot_of(topic)) == Verdict::allow);
        CHECK(access_here.write(nobody, access_here.spot_of(topic)) == Verdict::deny);
        const Access deferring = access_with(Policy::allow, Policy::defer);
        CHECK(deferring.write("alice", deferring.spot_of(topic)) == Verdict::defer);
        CHECK(deferring.write(nobody, deferring.spot_of(topic)) == Verdict::deny);
    }
}

TEST_CASE("other_topics_are_judged_as_the_option_says") {
    for (const auto& [policy, verdict] :
         {std::pair(Policy::allow, Verdict::allow), std::pair(Policy::defer, Verdict::defer),
          std::pair(Policy::ignore, Verdict::ignore)}) {
        const Access access = access_with(policy);
        for (const auto* const topic : {"weather", "beckon/v10/user", "beckon/v2/status", "beckon",
                                        "$beckon/x", "x/beckon/v1"}) {
            INFO(topic);
            for (const auto me : {std::string_view("alice"), nobody}) {
                CHECK(access.read(me, access.spot_of(topic), true) == verdict);
                CHECK(access.write(me, access.spot_of(topic)) == verdict);
                CHECK(access.subscribe(me, topic) == verdict);
                CHECK(access.unsubscribe(topic) == verdict);
            }
        }
        CHECK(access.subscribe("alice", "#") == verdict);
        CHECK(access.subscribe("alice", "+/+/inbox/bob/event") == verdict);
    }
}

TEST_CASE("another_users_inbox_cannot_be_subscribed_by_name") {
    const auto subscribes = [](std::string_view me, const std::string& filter) {
        return access_here.subscribe(me, filter) == Verdict::allow;
    };
    for (const std::string share : {"", "$share/group/"}) {
        const auto root = share + "beckon/v1/";
        CHECK(subscribes("alice", root + "inbox/alice/event"));
        CHECK(subscribes("alice", root + "inbox/alice/#"));
        CHECK_FALSE(subscribes("alice", root + "inbox/bob/event"));
        CHECK_FALSE(subscribes("alice", root + "inbox/bob"));
        CHECK_FALSE(subscribes(nobody, root + "inbox/bob/#"));
        // These are harmless: each delivery is asked for by READ.
        CHECK(subscribes("alice", root + "inbox/+/event"));
        CHECK(subscribes("alice", root + "inbox/#"));
        CHECK(subscribes("alice", root + "#"));
        CHECK(subscribes(nobody, root + "status"));
    }
    // But a shared one would be served instead of bob's own with the same filter.
    const auto is_refused = [](const std::string& filter) {
        return access_here.subscribe("alice", filter) == Verdict::deny;
    };
    for (const std::string filter : {"+/+/inbox/bob/event", "beckon/+/inbox/bob/#",
                                     "+/v1/operator/absent", "+/+/operator/#"}) {
        CHECK(is_refused("$share/group/" + filter));
        CHECK_FALSE(is_refused(filter));
    }
    CHECK_FALSE(is_refused("$share/group/+/+/inbox/alice/event"));
    CHECK_FALSE(is_refused("$share/group/+/v2/inbox/bob/event"));
    CHECK_FALSE(subscribes("alice", access_here.sink()));
    CHECK(access_here.unsubscribe("beckon/v1/inbox/bob/event") == Verdict::allow);
}

TEST_CASE("a_request_can_be_overwritten_by_the_topic_that_nobody_reads") {
    CHECK(access_here.sink().size() < access_here.topics().root().size());
    CHECK(access_here.sink().front() == '$');
}

TEST_CASE("news_is_recognised_as_core_writes_it") {
    Event event{.id = id("i"), .body = NewInvitation{}};
    Event full{.id = event.id,
               .by = user("alice"),
               .by_device = DeviceTag(1),
               .body = NewInvitation{.inviter = user("alice"),
                                     .group = group_id("g"),
                                     .data = Data{.bytes = "x"},
                                     .remaining = Duration(1)}};
    for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
        CHECK(is_news(encode(event, encoding)));
        CHECK(is_news(encode(full, encoding)));
        full.body = InvitationModified{};
        CHECK_FALSE(is_news(encode(full, encoding)));
        full.body = event.body;
    }
    CHECK_FALSE(is_news(""));
    CHECK_FALSE(is_news("{"));
}

TEST_CASE("a_message_that_was_not_asked_for_is_no_request") {
    const int client = 0;
    const int bridge = 0;
    PublishOrigin origin;
    CHECK_FALSE(origin.came(&bridge, "t"));
    origin.asked(&client, "t", false);
    CHECK_FALSE(origin.came(&bridge, "t"));
    CHECK_FALSE(origin.came(&client, "other"));
    CHECK(origin.came(&client, "t"));
    CHECK_FALSE(origin.came(&client, "t"));
}

TEST_CASE("a_retained_message_that_was_asked_for_and_did_not_come_was_a_will") {
    const int client = 0;
    PublishOrigin origin;
    CHECK_FALSE(origin.settle());
    origin.asked(&client, "t", true);
    CHECK(origin.settle() == "t");
    CHECK_FALSE(origin.settle());
    origin.asked(&client, "t", false);
    CHECK_FALSE(origin.settle());
    origin.asked(&client, "t", true);
    CHECK(origin.came(&client, "t"));
    CHECK_FALSE(origin.settle());
}
