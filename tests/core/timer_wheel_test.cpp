// SPDX-License-Identifier: Apache-2.0
#include "timer_wheel.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

struct OwnTimer : Timer {
    OwnTimer() : Timer(Kind::invitation) {}
};

/// A wheel, and what it should do as the simplest thing that does it.
class Pair {
  public:
    explicit Pair(std::size_t timers, std::int64_t start) : timers_(timers), now_(start) {
        wheel_.pop(at(start));
    }

    [[nodiscard]] std::int64_t now() const { return now_; }
    [[nodiscard]] std::size_t size() const { return timers_.size(); }
    [[nodiscard]] bool empty() const { return model_.empty(); }

    void arm(std::size_t index, std::int64_t due) {
        disarm(index);
        wheel_.arm(timers_[index], at(due));
        armed_[&timers_[index]] = model_.emplace(due, &timers_[index]);
    }
    void disarm(std::size_t index) {
        wheel_.disarm(timers_[index]);
        if (const auto known = armed_.find(&timers_[index]); known != armed_.end()) {
            model_.erase(known->second);
            armed_.erase(known);
        }
    }

    /// Pops all that is due at `until`; an empty answer means that all went well.
    std::string advance(std::int64_t until) {
        now_ = std::max(now_, until);
        Instant last = Instant::min();
        while (Timer* timer = wheel_.pop(at(until))) {
            const auto known = armed_.find(timer);
            if (known == armed_.end()) {
                return "popped what was not armed";
            }
            // Those that were armed in the past have no order of their own.
            const auto order = std::max(timer->due(), at(cursor_));
            if (timer->due() > at(until) || order < last) {
                return "popped too early or out of order";
            }
            last = order;
            if (timer->armed()) {
                return "popped but still armed";
            }
            model_.erase(known->second);
            armed_.erase(known);
        }
        cursor_ = now_;
        if (!model_.empty() && model_.begin()->first <= until) {
            return "not popped though due";
        }
        const auto next = wheel_.next();
        if (next.has_value() == model_.empty()) {
            return "next() and what is armed disagree";
        }
        if (next && (*next > at(std::max(model_.begin()->first, now_)) || *next <= at(now_))) {
            return "next() is too late, or not ahead";
        }
        return {};
    }

    [[nodiscard]] std::optional<Instant> next() const { return wheel_.next(); }
    [[nodiscard]] std::int64_t earliest() const { return model_.begin()->first; }

  private:
    std::deque<OwnTimer> timers_;
    TimerWheel wheel_;
    std::multimap<std::int64_t, Timer*> model_;
    std::map<const Timer*, std::multimap<std::int64_t, Timer*>::iterator> armed_;
    std::int64_t now_;
    std::int64_t cursor_ = now_;
};

}  // namespace

TEST_CASE("a wheel does what a sorted list does, over spans from milliseconds to weeks") {
    for (const std::uint32_t seed : {1U, 2U, 3U, 4U}) {
        INFO("seed " << seed);
        std::mt19937_64 random(seed);
        const auto below = [&](std::uint64_t bound) {
            return static_cast<std::int64_t>(random() % bound);
        };
        // Far from zero, and at the edge of a digit.
        Pair pair(500, seed == 1 ? 0 : (std::int64_t{1} << 41) - 1 + below(100) * (seed - 2));
        for (int step = 0; step < 100'000; ++step) {
            const auto index = static_cast<std::size_t>(random() % pair.size());
            // Each width of span as often as any other.
            const auto span = below(std::uint64_t{1} << (1 + random() % 31));
            switch (random() % 8) {
                case 0:
                    pair.disarm(index);
                    break;
                case 1:
                    pair.arm(index, pair.now() - span);
                    break;
                case 2:
                case 3: {
                    const auto wrong = pair.advance(pair.now() + span / 16);
                    if (!wrong.empty()) {
                        FAIL("step " << step << ": " << wrong);
                    }
                    break;
                }
                default:
                    pair.arm(index, pair.now() + span);
                    break;
            }
        }
    }
}

TEST_CASE("who always sleeps until next() wakes at each deadline exactly") {
    constexpr std::uint32_t seed = 11;
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Pair pair(3000, 1'700'000'000'123);
    for (std::size_t i = 0; i < pair.size(); ++i) {
        pair.arm(i, pair.now() + 1 + static_cast<std::int64_t>(random() % (1ULL << (1 + i % 34))));
    }
    std::size_t wakes = 0;
    while (!pair.empty()) {
        const auto next = pair.next();
        REQUIRE(next);
        if (*next > at(pair.earliest()) || *next <= at(pair.now())) {
            FAIL("next() is later than the earliest deadline, or does not go on");
        }
        const auto wrong = pair.advance(next->time_since_epoch().count());
        if (!wrong.empty()) {
            FAIL(wrong);
        }
        ++wakes;
    }
    CHECK_FALSE(pair.next());
    // At most one wake for each level that a timer comes down by.
    CHECK(wakes <= 3000 * 8);
}

TEST_CASE("next() is the deadline itself when that is near") {
    TimerWheel wheel;
    wheel.pop(at(640));
    OwnTimer timer;
    wheel.arm(timer, at(700));
    CHECK(wheel.next() == at(700));
    wheel.disarm(timer);
    CHECK_FALSE(wheel.next());
}

TEST_CASE("a timer due in the past is popped at once") {
    TimerWheel wheel;
    wheel.pop(at(5000));
    OwnTimer timer;
    for (const std::int64_t due : {5000, 4999, 64, 0, -1}) {
        wheel.arm(timer, at(due));
        CHECK(wheel.next() <= at(5000));
        CHECK(wheel.pop(at(5000)) == &timer);
        CHECK_FALSE(timer.armed());
        CHECK(timer.due() == at(due));
    }
}

TEST_CASE("a timer is popped at its millisecond, not before") {
    for (const std::int64_t due : {1, 63, 64, 65, 4095, 4096, 4097, 262'144, 86'400'000}) {
        TimerWheel wheel;
        OwnTimer timer;
        wheel.arm(timer, at(due));
        CHECK(wheel.pop(at(due - 1)) == nullptr);
        CHECK(wheel.pop(at(due)) == &timer);
        CHECK(wheel.pop(at(due)) == nullptr);
    }
}

TEST_CASE("timers of one instant are popped in the order in which they were armed") {
    TimerWheel wheel;
    std::deque<OwnTimer> timers(50);
    for (auto& timer : timers) {
        wheel.arm(timer, at(100'000));
    }
    for (auto& timer : timers) {
        CHECK(wheel.pop(at(100'000)) == &timer);
    }
}

TEST_CASE("to disarm what is not armed changes nothing") {
    TimerWheel wheel;
    OwnTimer first;
    OwnTimer second;
    wheel.arm(first, at(10));
    wheel.disarm(second);
    wheel.disarm(first);
    wheel.disarm(first);
    CHECK_FALSE(first.armed());
    CHECK_FALSE(wheel.next());
    CHECK(wheel.pop(at(10)) == nullptr);
}

TEST_CASE("a timer armed while others are popped has its turn in the same pass") {
    TimerWheel wheel;
    OwnTimer first;
    OwnTimer second;
    wheel.arm(first, at(1000));
    CHECK(wheel.pop(at(50'000)) == &first);
    wheel.arm(second, at(20'000));
    wheel.arm(first, at(60'000));
    CHECK(wheel.pop(at(50'000)) == &second);
    CHECK(wheel.pop(at(50'000)) == nullptr);
    CHECK(wheel.pop(at(60'000)) == &first);
}
