// SPDX-License-Identifier: Apache-2.0
#include "encodings_read.hpp"

#include <optional>
#include <string>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const UserId alice = user("alice");
const UserId bob = user("bob");
constexpr auto in_both = std::optional<Encoding>{};

/// What is tested, and a broker's loop around it.
struct Loop {
    Topics topics{"beckon"};
    EncodingsRead encodings;

    explicit Loop(std::size_t most = 100) : encodings(topics, {1, 2}, most) {}

    void asked(const std::string& below_root) { encodings.asked(below_root); }

    /// An event is published in both encodings; READ is asked for `topics`.
    void event(const UserId& user, std::initializer_list<const char*> read) {
        encodings.published_both(user);
        encodings.ticked();
        for (const auto* const topic : read) {
            asked(topic);
        }
        encodings.ticked();
    }
};

}  // namespace

TEST_CASE("an_encoding_that_nobody_reads_is_left_out_when_the_other_one_is_read") {
    Loop loop;
    CHECK(loop.encodings.only(alice) == in_both);
    loop.event(alice, {"inbox/alice/json"});
    loop.event(bob, {"inbox/bob/event"});
    CHECK(loop.encodings.only(alice) == Encoding::json);
    CHECK(loop.encodings.only(bob) == Encoding::msgpack);
}

TEST_CASE("both_are_read_where_both_or_neither_was_asked_for") {
    Loop loop;
    loop.event(alice, {"inbox/alice/event", "inbox/alice/json"});
    CHECK(loop.encodings.only(alice) == in_both);
    loop.event(alice, {});
    CHECK(loop.encodings.only(alice) == in_both);
    loop.event(alice, {"inbox/alice/reply", "inbox/bob/json", "inbox/alice/json/x", "status",
                       "inbox/alice", "user/alice/json"});
    CHECK(loop.encodings.only(alice) == in_both);
}

TEST_CASE("nothing_is_known_before_the_broker_has_delivered") {
    Loop loop;
    loop.encodings.published_both(alice);
    loop.asked("inbox/alice/event");  // for an earlier one
    loop.encodings.ticked();
    CHECK(loop.encodings.only(alice) == in_both);
    loop.asked("inbox/alice/event");
    loop.asked("inbox/alice/json");
    loop.encodings.ticked();
    CHECK(loop.encodings.only(alice) == in_both);
}

TEST_CASE("who_subscribes_to_the_other_encoding_gets_it") {
    for (const std::string filter :
         {"beckon/v1/inbox/alice/event", "beckon/v1/inbox/alice/+", "beckon/v1/inbox/alice/#",
          "beckon/v1/inbox/alice/event/#", "+/v1/inbox/alice/event", "beckon/+/inbox/alice/json",
          "beckon/v1/+/alice/+", "beckon/v1/inbox/+/event", "beckon/v1/inbox/#", "beckon/v1/#",
          "beckon/#", "#", "+/#", "+/+/+/+/+", "beckon/v1/inbox/+/json",
          "$share/group/beckon/v1/inbox/alice/event", "$share/group/#"}) {
        INFO(filter);
        Loop loop;
        loop.event(alice, {"inbox/alice/json"});
        loop.encodings.subscribed(filter);
        CHECK(loop.encodings.only(alice) == in_both);
    }
}

TEST_CASE("other_subscriptions_change_nothing") {
    for (const std::string filter :
         {"beckon/v1/inbox/alice/reply", "beckon/v1/inbox/alice/reply/#", "beckon/v1/status",
          "beckon/v1/inbox/bob/event", "beckon/v1/inbox/alice", "beckon/v1/inbox/+", "beckon/v1/+",
          "beckon/v1/inbox/alice/events", "weather/#", "+", "beckon/v2/#", "+/+/+/+", "$SYS/#",
          ""}) {
        INFO(filter);
        Loop loop;
        loop.event(alice, {"inbox/alice/json"});
        loop.encodings.subscribed(filter);
        CHECK(loop.encodings.only(alice) == Encoding::json);
    }
}

TEST_CASE("a_subscription_counts_that_comes_while_an_event_is_under_way") {
    Loop loop;
    loop.encodings.published_both(alice);
    loop.encodings.published_both(bob);
    loop.encodings.ticked();
    loop.asked("inbox/alice/json");
    loop.asked("inbox/bob/json");
    loop.encodings.subscribed("beckon/v1/inbox/alice/event");
    loop.encodings.ticked();
    CHECK(loop.encodings.only(alice) == in_both);
    CHECK(loop.encodings.only(bob) == Encoding::json);
    loop.encodings.published_both(alice);
    loop.encodings.ticked();
    loop.asked("inbox/alice/json");
    loop.encodings.subscribed("#");
    loop.encodings.ticked();
    CHECK(loop.encodings.only(alice) == in_both);
}

TEST_CASE("when_too_many_are_remembered_all_are_forgotten") {
    Loop loop(2);
    for (const std::string name : {"u1", "u2", "u3"}) {
        const std::string topic = "inbox/" + name + "/json";
        loop.event(user(name), {topic.c_str()});
    }
    CHECK(loop.encodings.only(user("u1")) == in_both);
    CHECK(loop.encodings.only(user("u3")) == Encoding::json);
}
