// SPDX-License-Identifier: Apache-2.0
#include "host/outbox.hpp"

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
              published.push_back(to.text() + ":" + message.text);
          }) {}

    void say(const std::vector<UserId>& to, const std::string& text) { outbox.say(to, {text}); }
    void say_in_turn(const std::vector<UserId>& to, const std::string& text) {
        outbox.say_in_turn(to, {text});
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
    CHECK(post.outbox.bytes() == 0);
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
    CHECK(post.outbox.bytes() == 0);
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
    CHECK(post.outbox.bytes() == 0);
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
    CHECK(post.outbox.bytes() == 0);
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
    Post post({.slice = 3, .most_ahead = 2, .most_bytes = 20'000});
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
            said[all[i].text()] = number;
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
    CHECK(post.outbox.bytes() == 0);
}

TEST_CASE("a_message_is_kept_once_however_many_it_waits_for") {
    Post post({});
    post.say_in_turn(users(1000), std::string(16 * 1024, 'x'));
    CHECK(post.outbox.bytes() > 16 * 1024);
    CHECK(post.outbox.bytes() < 16 * 1024 + 1000 * 250);
}

TEST_CASE("beyond_its_limit_it_publishes_more_and_drops_nothing") {
    Post post({.slice = 2, .most_bytes = 10'000});
    for (int i = 0; i < 100; ++i) {
        post.say_in_turn({alice, bob}, std::string(1000, 'x'));
    }
    const auto first = post.slice();
    CHECK(post.outbox.bytes() <= 10'000);
    CHECK(first.size() > 150);
    CHECK(post.slice().size() == 2);
    post.all_slices();
    CHECK(first.size() + 2 + post.take().size() == 200);
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
    CHECK(post.outbox.bytes() == 0);
}
