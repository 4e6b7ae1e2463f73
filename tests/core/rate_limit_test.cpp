// SPDX-License-Identifier: Apache-2.0
#include "rate_limit.hpp"

#include <map>
#include <random>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

constexpr RateKey a = 1;
constexpr RateKey b = 2;
constexpr RateKey other = 1ULL << 40U;

/// Whether one more fits, and takes it then.
bool ask(RateLimit& limit, RateKey key, std::int64_t ms, std::int64_t count = 1) {
    if (!limit.allows(key, at(ms), count)) {
        return false;
    }
    limit.charge(key, at(ms), count);
    return true;
}

/// What the limit promises, word for word: from any moment on, no more than the
/// burst and what the rate has added since.
class Naive {
  public:
    Naive(std::int64_t per_second, std::int64_t burst) : per_second_(per_second), burst_(burst) {}

    bool ask(RateKey key, std::int64_t now, std::int64_t count) {
        auto& taken = taken_[key];
        std::int64_t sum = count;
        if (sum > burst_) {
            return false;
        }
        for (auto one = taken.rbegin(); one != taken.rend(); ++one) {
            sum += one->second;
            if ((sum - burst_) * 1000 > (now - one->first) * per_second_) {
                return false;
            }
        }
        taken.emplace_back(now, count);
        return true;
    }

  private:
    std::int64_t per_second_;
    std::int64_t burst_;
    std::map<RateKey, std::vector<std::pair<std::int64_t, std::int64_t>>> taken_;
};

// A template that is instantiated explicitly may name what is private: how many
// keys a limit keeps has no other reader than this test.
using Keys = std::size_t (*)(const RateLimit&);
Keys keys_kept = nullptr;
template <auto Newer, auto Older>
struct KeysOf {
    static std::size_t count(const RateLimit& limit) {
        return (limit.*Newer).size() + (limit.*Older).size();
    }
    struct Publish {
        Publish() { keys_kept = &count; }
    };
    static inline const Publish publish{};
};
template struct KeysOf<&RateLimit::newer_, &RateLimit::older_>;

}  // namespace

TEST_CASE("a burst at once, then one for each share of a second") {
    RateLimit limit(50, 200);
    for (int i = 0; i < 200; ++i) {
        REQUIRE(ask(limit, a, 1000));
    }
    CHECK_FALSE(ask(limit, a, 1000));
    CHECK_FALSE(ask(limit, a, 1019));
    CHECK(ask(limit, a, 1020));
    CHECK_FALSE(ask(limit, a, 1020));
    CHECK_FALSE(ask(limit, a, 1039));
    CHECK(ask(limit, a, 1040));
}

TEST_CASE("the bucket is full again after burst / rate, and no fuller later") {
    RateLimit limit(1, 5);
    for (const std::int64_t now : {0, 5000, 10'000, 1'000'000}) {
        for (int i = 0; i < 5; ++i) {
            REQUIRE(ask(limit, a, now));
        }
        CHECK_FALSE(ask(limit, a, now));
        CHECK_FALSE(ask(limit, a, now + 999));
    }
}

TEST_CASE("many at once fit wholly or not at all") {
    RateLimit limit(5000, 10'000);
    CHECK_FALSE(ask(limit, a, 0, 10'001));
    CHECK(ask(limit, a, 0, 9999));
    CHECK_FALSE(ask(limit, a, 0, 2));
    CHECK(ask(limit, a, 0, 1));
    CHECK_FALSE(ask(limit, a, 1, 6));
    CHECK(ask(limit, a, 1, 5));
}

TEST_CASE("one key's use is nothing to another") {
    RateLimit limit(1, 1);
    CHECK(ask(limit, a, 0));
    CHECK(ask(limit, b, 0));
    CHECK_FALSE(ask(limit, a, 0));
    CHECK_FALSE(ask(limit, b, 0));
}

TEST_CASE("to ask takes nothing") {
    RateLimit limit(1, 2);
    for (int i = 0; i < 10; ++i) {
        CHECK(limit.allows(a, at(0), 2));
    }
    CHECK_FALSE(limit.allows(a, at(0), 3));
    CHECK(ask(limit, a, 0, 2));
}

TEST_CASE("the largest limits do not overflow") {
    RateLimit slow(1, 1'000'000'000);
    CHECK(ask(slow, a, 1'700'000'000'000, 1'000'000'000));
    CHECK_FALSE(ask(slow, a, 1'700'000'000'000));
    CHECK(ask(slow, a, 1'700'000'001'000));
    RateLimit fast(1'000'000, 1'000'000'000);
    CHECK(ask(fast, a, 1'700'000'000'000, 1'000'000'000));
    CHECK_FALSE(ask(fast, a, 1'700'000'000'000));
    CHECK(ask(fast, a, 1'700'000'000'001, 1000));
    CHECK_FALSE(ask(fast, a, 1'700'000'000'001));
}

TEST_CASE("rate and burst are exact: what the naive model allows, and nothing else") {
    struct Case {
        std::int64_t per_second;
        std::int64_t burst;
        std::uint64_t longest_pause;
    };
    std::uint32_t seed = 0;
    for (const auto& one : {Case{1, 5, 2000}, Case{50, 200, 40}, Case{5000, 10'000, 100},
                            Case{1, 1, 1500}, Case{10, 1, 200}, Case{1000, 3, 3}}) {
        ++seed;
        INFO("seed " << seed << ", " << one.per_second << "/s, burst " << one.burst);
        std::mt19937_64 random(seed);
        RateLimit limit(one.per_second, one.burst);
        Naive naive(one.per_second, one.burst);
        std::int64_t now = 1'700'000'000'000;
        int allowed = 0;
        for (int step = 0; step < 4000; ++step) {
            if (random() % 3 == 0) {
                now += static_cast<std::int64_t>(random() % one.longest_pause);
            }
            if (random() % 200 == 0) {
                now += one.burst * 1000 / one.per_second * static_cast<std::int64_t>(random() % 3);
            }
            const RateKey key = random() % 3;
            const auto most = static_cast<std::uint64_t>(one.burst / 20 + 1);
            const auto count = static_cast<std::int64_t>(1 + random() % most);
            const bool expected = naive.ask(key, now, count);
            if (ask(limit, key, now, count) != expected) {
                FAIL("step " << step);
            }
            allowed += expected ? 1 : 0;
        }
        CHECK(allowed > 100);
        CHECK(allowed < 3999);
    }
}

TEST_CASE("what is owed is waited for, and no longer than for the most that is owed") {
    RateLimit limit(10, 10, 20);
    REQUIRE(ask(limit, a, 0, 10));
    limit.owe(a, at(0), 5);
    CHECK_FALSE(ask(limit, a, 599));
    CHECK(ask(limit, a, 600));
    limit.owe(b, at(0), 1'000'000);
    // Others come and go; it is not forgotten.
    for (int ms = 0; ms < 2100; ms += 10) {
        REQUIRE(ask(limit, static_cast<RateKey>(ms), ms));
        REQUIRE_FALSE(ask(limit, b, ms));
    }
    CHECK(ask(limit, b, 2100));
}

TEST_CASE("keys are forgotten when two turns have passed, and none before it is full again") {
    RateLimit limit(1, 5);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(ask(limit, static_cast<RateKey>(i), 0, 5));
    }
    CHECK(keys_kept(limit) == 1000);
    CHECK(ask(limit, other, 4999));
    for (int i = 0; i < 1000; ++i) {
        REQUIRE_FALSE(ask(limit, static_cast<RateKey>(i), 4999, 5));
    }
    CHECK(ask(limit, other, 5000));
    CHECK(ask(limit, other, 10'000));
    CHECK(keys_kept(limit) <= 2);
}

TEST_CASE("what is kept is bounded by what came within two turns") {
    RateLimit limit(10, 10);
    std::size_t most = 0;
    // A new key each millisecond; a turn is a second.
    for (int ms = 0; ms < 50'000; ++ms) {
        REQUIRE(ask(limit, static_cast<RateKey>(ms), ms));
        most = std::max(most, keys_kept(limit));
    }
    CHECK(most <= 2001);
}
