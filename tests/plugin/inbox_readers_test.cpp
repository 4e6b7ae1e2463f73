// SPDX-License-Identifier: Apache-2.0
#include "inbox_readers.hpp"

#include <optional>
#include <string>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

using Kind = InboxReaders::Kind;

const UserId alice = user("alice");
const UserId bob = user("bob");
constexpr auto in_both = std::optional<Encoding>{};

/// What is tested, and a broker's loop around it.
struct Loop {
    Topics topics{"beckon"};
    InboxReaders readers;

    explicit Loop(std::size_t most = 100) : readers(topics, {1, 2}, most) {}

    /// By MQTT 5 or before, in a session that ends with its connection.
    void asked(const std::string& below_root, bool has_no_types = false) {
        readers.asked(below_root, has_no_types);
    }

    struct Read {
        // NOLINTNEXTLINE(google-explicit-constructor): what is read is mostly a topic
        Read(const char* below_root, bool no_types = false)
            : topic(below_root), has_no_types(no_types) {}
        const char* topic;
        bool has_no_types;
    };
    /// An event is published in both encodings; READ is asked as told.
    void event(const UserId& user, std::initializer_list<Read> reads) {
        readers.published_both(user);
        delivered(reads);
    }
    void reply(const UserId& user, std::initializer_list<Read> reads) {
        readers.replied(user);
        delivered(reads);
    }
    void delivered(std::initializer_list<Read> reads) {
        readers.ticked();
        for (const auto& read : reads) {
            asked(read.topic, read.has_no_types);
        }
        readers.ticked();
    }
};

}  // namespace

TEST_CASE("an_encoding_that_nobody_reads_is_left_out_when_the_other_one_is_read") {
    Loop loop;
    CHECK(loop.readers.only_encoding(alice) == in_both);
    loop.event(alice, {"inbox/alice/json"});
    loop.event(bob, {"inbox/bob/event"});
    CHECK(loop.readers.only_encoding(alice) == Encoding::json);
    CHECK(loop.readers.only_encoding(bob) == Encoding::msgpack);
}

TEST_CASE("both_are_read_where_both_or_neither_was_asked_for") {
    Loop loop;
    loop.event(alice, {"inbox/alice/event", "inbox/alice/json"});
    CHECK(loop.readers.only_encoding(alice) == in_both);
    loop.event(alice, {});
    CHECK(loop.readers.only_encoding(alice) == in_both);
    loop.event(alice, {"inbox/alice/reply", "inbox/bob/json", "inbox/alice/json/x", "status",
                       "inbox/alice", "user/alice/json"});
    CHECK(loop.readers.only_encoding(alice) == in_both);
}

TEST_CASE("nothing_is_known_before_the_broker_has_delivered") {
    Loop loop;
    loop.readers.published_both(alice);
    loop.asked("inbox/alice/event");  // for an earlier one
    loop.readers.ticked();
    CHECK(loop.readers.only_encoding(alice) == in_both);
    loop.asked("inbox/alice/event");
    loop.asked("inbox/alice/json");
    loop.readers.ticked();
    CHECK(loop.readers.only_encoding(alice) == in_both);
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
        loop.readers.subscribed(filter);
        CHECK(loop.readers.only_encoding(alice) == in_both);
    }
}

TEST_CASE("other_subscriptions_change_nothing") {
    for (const std::string filter : {"beckon/v1/status", "beckon/v1/inbox/bob/event", "beckon/v1/+",
                                     "weather/#", "+", "beckon/v2/#", "$SYS/#", ""}) {
        INFO(filter);
        Loop loop;
        loop.event(alice, {"inbox/alice/json"});
        loop.readers.subscribed(filter);
        CHECK(loop.readers.only_encoding(alice) == Encoding::json);
    }
}

TEST_CASE("a_subscription_counts_that_comes_while_an_event_is_under_way") {
    Loop loop;
    loop.readers.published_both(alice);
    loop.readers.published_both(bob);
    loop.readers.ticked();
    loop.asked("inbox/alice/json");
    loop.asked("inbox/bob/json");
    loop.readers.subscribed("beckon/v1/inbox/alice/event");
    loop.readers.ticked();
    CHECK(loop.readers.only_encoding(alice) == in_both);
    CHECK(loop.readers.only_encoding(bob) == Encoding::json);
    loop.readers.published_both(alice);
    loop.readers.ticked();
    loop.asked("inbox/alice/json");
    loop.readers.subscribed("#");
    loop.readers.ticked();
    CHECK(loop.readers.only_encoding(alice) == in_both);
}

TEST_CASE("when_too_many_are_remembered_all_are_forgotten") {
    Loop loop(2);
    for (const std::string name : {"u1", "u2", "u3"}) {
        const std::string topic = "inbox/" + name + "/json";
        loop.event(user(name), {topic.c_str()});
    }
    CHECK(loop.readers.only_encoding(user("u1")) == in_both);
    CHECK(loop.readers.only_encoding(user("u3")) == Encoding::json);
}

TEST_CASE("content_type_is_left_out_where_all_who_read_have_none") {
    Loop loop;
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::json_event));
    loop.event(alice, {{"inbox/alice/json", true}, {"inbox/alice/json", true}});
    loop.event(bob, {{"inbox/bob/json", true}, {"inbox/bob/json", false}});
    CHECK(loop.readers.has_no_types(alice, Kind::json_event));
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::reply));
    CHECK_FALSE(loop.readers.has_no_types(bob, Kind::json_event));
    loop.readers.subscribed("beckon/v1/inbox/alice/json");
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::json_event));
}

TEST_CASE("and_so_it_is_with_replies") {
    Loop loop;
    loop.reply(alice, {{"inbox/alice/reply", true}});
    loop.reply(bob, {{"inbox/bob/reply", true}, {"inbox/bob/reply", false}});
    CHECK(loop.readers.has_no_types(alice, Kind::reply));
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::json_event));
    CHECK_FALSE(loop.readers.has_no_types(bob, Kind::reply));
    loop.readers.subscribed("beckon/v1/inbox/alice/#");
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::reply));
    loop.reply(alice, {});
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::reply));
}

TEST_CASE("events_read_while_a_reply_is_under_way_tell_nothing_of_encodings") {
    Loop loop;
    loop.reply(alice, {{"inbox/alice/json", true}});
    CHECK(loop.readers.only_encoding(alice) == in_both);
    CHECK_FALSE(loop.readers.has_no_types(alice, Kind::json_event));
}
