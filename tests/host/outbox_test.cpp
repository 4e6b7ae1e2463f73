// SPDX-License-Identifier: Apache-2.0
#include "host/outbox.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const UserId alice = user("alice");
const UserId bob = user("bob");
const UserId carol = user("carol");

struct Text {
    std::string text;
    [[nodiscard]] std::size_t bytes() const { return text.size(); }
    [[nodiscard]] std::size_t bytes_for_each() const { return text.size() + 1; }
};

std::vector<UserId> users(std::size_t count) {
    std::vector<UserId> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(user("user", i));
    }
    return all;
}

using Published = std::vector<std::string>;

/// An outbox, and what it has published, as "user:text".
struct Post {
    Published published;
    bool broken = false;
    Outbox<Text> outbox;

    explicit Post(Outbox<Text>::Pace pace)
        : outbox({1, 2}, pace, [this](const UserId& to, const Text& message) {
              if (broken) {
                  throw std::bad_alloc();
              }
              published.push_back(to.str() + ":" + message.text);
          }) {}

    void say(const std::vector<UserId>& to, const std::string& text,
             const UserId* cause = nullptr) {
        outbox.say(to, {text}, cause);
    }
    void say_in_turn(const std::vector<UserId>& to, const std::string& text,
                     const UserId* cause = nullptr) {
        outbox.say_in_turn(to, {text}, cause);
    }
    Published take() { return std::exchange(published, {}); }
    Published slice() {
        outbox.publish_slice();
        return take();
    }
    void all_slices() {
        while (outbox.publish_slice()) {
        }
    }
};

}  // namespace

TEST_CASE("what_is_for_few_is_published_at_once") {
    Post post({});
    post.say({alice, bob}, "ring");
    CHECK(post.take() == Published{"alice:ring", "bob:ring"});
    CHECK(post.outbox.empty());
    CHECK(post.outbox.kept_bytes() == 0);
}

TEST_CASE("what_is_for_many_goes_out_a_slice_in_each_turn") {
    Post post({.slice = 2});
    post.say_in_turn(users(5), "news");
    CHECK(post.take().empty());
    CHECK(post.slice() == Published{"user0:news", "user1:news"});
    CHECK(post.slice() == Published{"user2:news", "user3:news"});
    CHECK_FALSE(post.outbox.empty());
    CHECK(post.slice() == Published{"user4:news"});
    CHECK(post.outbox.empty());
    CHECK(post.slice().empty());
    CHECK(post.outbox.kept_bytes() == 0);
}

TEST_CASE("a_ring_to_another_does_not_wait_for_a_fan_out") {
    Post post({.slice = 2});
    post.say_in_turn(users(5), "news");
    post.slice();
    post.say({alice}, "ring");
    CHECK(post.take() == Published{"alice:ring"});
}

TEST_CASE("what_waits_for_a_user_is_published_ahead_of_a_ring_to_it") {
    Post post({.slice = 1});
    post.say_in_turn({alice, bob, carol}, "first");
    post.say_in_turn({carol, bob, alice}, "second");
    post.say({carol}, "ring");
    CHECK(post.take() == Published{"carol:first", "carol:second", "carol:ring"});
    post.all_slices();
    CHECK(post.take() == Published{"alice:first", "bob:first", "alice:second", "bob:second"});
    CHECK(post.outbox.kept_bytes() == 0);
}

TEST_CASE("who_has_much_waiting_gets_a_ring_in_its_turn") {
    Post post({.slice = 2, .most_ahead = 2});
    for (const std::string text : {"1", "2", "3"}) {
        post.say_in_turn({alice}, text);
    }
    post.say({alice, bob}, "ring");
    CHECK(post.take() == Published{"bob:ring"});
    CHECK(post.slice() == Published{"alice:1", "alice:2"});
    post.say({alice}, "again");
    CHECK(post.take() == Published{"alice:3", "alice:ring", "alice:again"});
    CHECK(post.outbox.empty());
    CHECK(post.slice().empty());
    CHECK(post.outbox.kept_bytes() == 0);
}

TEST_CASE("users_take_turns_however_much_waits_for_one") {
    Post post({.slice = 2});
    for (const std::string text : {"1", "2", "3"}) {
        post.say_in_turn({alice}, text);
    }
    post.say_in_turn({bob}, "1");
    CHECK(post.slice() == Published{"alice:1", "bob:1"});
    CHECK(post.slice() == Published{"alice:2", "alice:3"});
}

TEST_CASE("who_was_served_ahead_of_its_turn_has_one_place_in_the_line") {
    Post post({.slice = 1});
    post.say_in_turn({alice, bob}, "1");
    post.say({alice}, "ring");
    post.say_in_turn({alice}, "2");
    post.take();
    CHECK(post.slice() == Published{"alice:2"});
    CHECK(post.slice() == Published{"bob:1"});
    CHECK(post.outbox.empty());
}

TEST_CASE("each_user_gets_everything_in_the_order_in_which_it_was_said") {
    // Every user is told ascending numbers in every way, while slices go out.
    const auto all = users(40);
    Post post({.slice = 3, .slice_bytes = 20, .at_once_bytes = 30, .most_ahead = 2});
    std::map<std::string, int> said;
    std::map<std::string, int> heard;
    std::uint32_t random = 7;
    const auto below = [&random](std::size_t most) {
        random = random * 1664525U + 1013904223U;
        return (random >> 8U) % most;
    };
    const auto listen = [&] {
        for (const auto& one : post.take()) {
            const auto colon = one.find(':');
            const int number = std::stoi(one.substr(colon + 1));
            auto& last = heard[one.substr(0, colon)];
            REQUIRE(number > last);
            last = number;
        }
    };
    for (int number = 1; number <= 3000; ++number) {
        std::vector<UserId> to;
        for (auto i = below(all.size()); i < all.size(); i += 1 + below(7)) {
            to.push_back(all[i]);
            said[all[i].str()] = number;
        }
        if (below(2) == 0) {
            post.say(to, std::to_string(number));
        } else {
            post.say_in_turn(to, std::to_string(number));
        }
        if (below(3) == 0) {
            post.outbox.publish_slice();
        }
        listen();
    }
    post.all_slices();
    listen();
    CHECK(heard == said);
    CHECK(post.outbox.kept_bytes() == 0);
}

TEST_CASE("a_message_is_kept_once_however_many_it_waits_for") {
    Post post({});
    post.say_in_turn(users(1000), std::string(16 * 1024, 'x'));
    CHECK(post.outbox.kept_bytes() > 16 * 1024);
    CHECK(post.outbox.kept_bytes() < 16 * 1024 + 1000 * 250);
}

TEST_CASE("a_slice_ends_with_the_message_that_fills_it_however_much_waits") {
    Post post({.slice = 64, .slice_bytes = 2'500, .most_bytes = 10'000});
    for (int i = 0; i < 100; ++i) {
        post.say_in_turn({alice, bob}, std::string(1000, 'x'));
    }
    for (int left = 200; left > 0; left -= 3) {
        CHECK(post.slice().size() == static_cast<std::size_t>(std::min(left, 3)));
    }
    CHECK(post.outbox.empty());
}

TEST_CASE("what_is_too_much_to_be_published_at_once_waits_for_the_next_turns") {
    Post post({.slice_bytes = 1'500, .at_once_bytes = 2'500});
    const std::string large(999, 'x');
    post.say({alice, bob, carol, user("dave")}, large);
    post.say({user("erin")}, "ring");
    CHECK(post.take() == Published{"alice:" + large, "bob:" + large, "carol:" + large});
    CHECK(post.slice() == Published{"dave:" + large, "erin:ring"});
    CHECK(post.outbox.empty());
    post.say({user("erin")}, "ring");
    CHECK(post.take() == Published{"erin:ring"});
}

TEST_CASE("it_is_full_when_a_broker_would_hold_too_much_counting_each_receiver") {
    Post post({.slice_bytes = 1'000, .most_bytes = 10'000});
    post.say_in_turn(users(9), std::string(999, 'x'));
    CHECK_FALSE(post.outbox.is_full());
    CHECK(post.outbox.waiting_bytes() == 9'000);
    post.say_in_turn({alice, bob}, std::string(999, 'x'));
    CHECK(post.outbox.is_full());
    post.slice();
    CHECK_FALSE(post.outbox.is_full());
    post.all_slices();
    CHECK(post.outbox.waiting_bytes() == 0);
}

TEST_CASE("it_is_full_when_it_keeps_too_much_itself") {
    Post post({.most_kept_bytes = 10'000});
    post.say_in_turn(users(9), std::string(9'000, 'x'));
    CHECK(post.outbox.is_full());
}

TEST_CASE("it_knows_because_of_whom_something_waits") {
    Post post({.slice = 1});
    CHECK_FALSE(post.outbox.waits_because_of(alice));
    post.say_in_turn({bob, carol}, "1", &alice);
    post.say_in_turn({bob}, "2", &carol);
    post.say({alice}, "at once", &bob);
    CHECK(post.outbox.waits_because_of(alice));
    CHECK(post.outbox.waits_because_of(carol));
    CHECK_FALSE(post.outbox.waits_because_of(bob));
    post.slice();
    CHECK(post.outbox.waits_because_of(alice));
    post.slice();
    CHECK_FALSE(post.outbox.waits_because_of(alice));
    CHECK(post.outbox.waits_because_of(carol));
    post.all_slices();
    CHECK_FALSE(post.outbox.waits_because_of(carol));
}

TEST_CASE("a_publish_that_fails_loses_one_message_and_no_other") {
    Post post({.slice = 1});
    post.say_in_turn({alice, bob}, "1");
    post.say_in_turn({alice}, "2");
    post.broken = true;
    CHECK_THROWS_AS(post.outbox.publish_slice(), std::bad_alloc);
    post.broken = false;
    post.all_slices();
    CHECK(post.take() == Published{"bob:1", "alice:2"});
    CHECK(post.outbox.kept_bytes() == 0);
}
