// SPDX-License-Identifier: Apache-2.0
//
// Pairs of whom one invites the other, who accepts: on Beckon's sides a cycle is two PUBLISHes in,
// and out a reply, the new_invitation, a reply and the invitee_accepted to both. On a bare one it
// is as many of about the same size, by subscriptions alone.
#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <stdexcept>

#include "side.hpp"

namespace beckon::bench {

namespace {

/// What a cycle says, for the sizes of it.
enum Said : std::uint8_t { invite_reply, new_invitation, accept_reply, invitee_accepted };

class Pairs {
  public:
    Pairs(Side& side, const Options& options) : side_(side), options_(options) {
        side_.hear = [this](Connection& by, const Publish& message) { heard(by, message); };
        std::vector<std::string> users;
        for (std::size_t i = 0; i < options.pairs; ++i) {
            users.push_back(user_name("caller", side.letter, i));
            users.push_back(user_name("callee", side.letter, i));
        }
        pairs_.resize(options.pairs);
        side_.connect(users, options, [this](const Connection& one) { return filters(one); });
    }

    /// Cycles for so long, or so many; all are over when it returns.
    void run(double seconds, std::size_t cycles) {
        goes_on_ = options_.rate == 0;
        to_begin_ = cycles > 0 ? cycles : std::size_t(-1);
        const auto start = Clock::now();
        if (goes_on_) {
            for (std::size_t i = 0; i < pairs_.size(); ++i) {
                begin(i);
            }
            while (cycles > 0 ? active_ > 0 : seconds_since(start) < seconds) {
                side_.poller.poll(20);
            }
        } else {
            begin_at_a_rate(start, seconds);
        }
        goes_on_ = false;
        side_.await([this] { return active_ == 0; }, "a cycle's messages");
    }

    /// One cycle of the first pair; how long it took until the invitation was heard.
    double ring_once() {
        to_begin_ = 1;
        begin(0);
        side_.await([this] { return active_ == 0; }, "a ring");
        return last_ring_;
    }

    /// What came about since the last time this was asked for.
    struct Counts {
        std::size_t cycles = 0;
        std::size_t in = 0;
        std::size_t bytes_in = 0;
        std::size_t out = 0;
        std::size_t bytes_out = 0;
        std::array<std::size_t, 4> bytes_said{};
    };
    Counts counts() { return std::exchange(counts_, {}); }

  private:
    struct Pair {
        std::size_t number = 0;
        Clock::time_point began{};
        std::size_t heard = 0;
        bool rang = false;
        bool active = false;
    };

    [[nodiscard]] Connection& caller(std::size_t pair) { return side_.connections[2 * pair]; }
    [[nodiscard]] const std::string& user(std::size_t tag) const {
        return side_.connections[tag].user();
    }

    [[nodiscard]] std::vector<std::string> filters(const Connection& one) const {
        const bool is_callee = one.tag() % 2 == 1;
        const auto pair = "pairs/" + std::to_string(one.tag() / 2);
        switch (side_.speech) {
            case Speech::plain:
                return is_callee ? std::vector{pair + "/invite"} : std::vector<std::string>{};
            case Speech::bare: {
                std::vector filters{pair + "/invite", pair + "/accept"};
                if (is_callee) {  // a fifth message, by an overlapping filter
                    filters.push_back("+/" + std::to_string(one.tag() / 2) + "/accept");
                }
                return filters;
            }
            default:
                return inbox_filters(side_.speech, one.user());
        }
    }

    void begin_at_a_rate(Clock::time_point start, double seconds) {
        const std::chrono::duration<double> step(1 / options_.rate);
        std::size_t begun = 0;
        while (seconds_since(start) < seconds) {
            const auto due = std::size_t(seconds_since(start) / step.count());
            for (; begun < due; ++begun) {
                // The first who is free; if nobody is, the broker is over its rate.
                const auto pair = std::find_if(pairs_.begin(), pairs_.end(),
                                               [](const Pair& one) { return !one.active; });
                if (pair != pairs_.end()) {
                    begin(std::size_t(pair - pairs_.begin()));
                }
            }
            side_.poller.poll(1);
        }
    }

    void begin(std::size_t number) {
        if (to_begin_ == 0) {
            return;
        }
        --to_begin_;
        ++active_;
        auto& pair = pairs_[number];
        pair = {.number = pair.number + 1, .began = Clock::now(), .active = true};
        if (side_.is_beckon()) {
            say(caller(number), "beckon/v1/user/" + user(2 * number + 1) + "/invite",
                invite_body(side_.speech, invitation_id(side_.letter, number, pair.number)));
        } else {
            say(caller(number), "pairs/" + std::to_string(number) + "/invite",
                std::string(options_.sizes.at(0), 'i'));
        }
        caller(number).send();
    }

    void accept(Connection& callee) {
        const auto number = callee.tag() / 2;
        if (side_.is_beckon()) {
            say(callee,
                "beckon/v1/invitation/" +
                    invitation_id(side_.letter, number, pairs_[number].number) + "/accept",
                empty_body(side_.speech));
        } else if (side_.speech == Speech::bare) {
            say(callee, "pairs/" + std::to_string(number) + "/accept",
                std::string(options_.sizes.at(1), 'a'));
        }
    }

    void say(Connection& from, std::string_view topic, std::string_view payload) {
        ++counts_.in;
        counts_.bytes_in += payload.size();
        from.publish(topic, payload);
    }

    void heard(Connection& by, const Publish& message) {
        auto& pair = pairs_[by.tag() / 2];
        const bool is_callee = by.tag() % 2 == 1;
        const bool is_reply = message.topic.ends_with("/reply");
        if (side_.is_beckon() && is_reply &&
            message.payload.find("error") != std::string_view::npos) {
            throw std::runtime_error(side_.name + " refused: " + std::string(message.payload));
        }
        ++counts_.out;
        counts_.bytes_out += message.payload.size();
        if (is_callee && !is_reply && !pair.rang) {
            pair.rang = true;
            last_ring_ = seconds_since(pair.began);
            counts_.bytes_said[new_invitation] += message.payload.size();
            accept(by);
        } else if (is_reply) {
            counts_.bytes_said.at(is_callee ? accept_reply : invite_reply) +=
                message.payload.size();
        } else if (is_callee) {
            counts_.bytes_said[invitee_accepted] += message.payload.size();
        }
        if (++pair.heard == (side_.speech == Speech::plain ? 1U : 5U)) {
            pair.active = false;
            --active_;
            ++counts_.cycles;
            if (goes_on_) {
                begin(by.tag() / 2);
            }
        }
    }

    Side& side_;
    const Options& options_;
    std::vector<Pair> pairs_;
    std::size_t active_ = 0;
    std::size_t to_begin_ = 0;
    bool goes_on_ = false;
    double last_ring_ = 0;
    Counts counts_;
};

/// The pairs of each side, in the order of the sides.
std::deque<Pairs> pairs_of(Sides& sides, const Options& options) {
    std::deque<Pairs> all;
    for (auto& side : sides) {
        all.emplace_back(side, options);
    }
    return all;
}

nlohmann::json one_round(Side& side, Pairs& pairs, const Options& options) {
    side.settle();
    ask(options, "begin", side);
    pairs.counts();
    const auto cpu = side.cpu();
    const auto own = own_cpu();
    const auto start = Clock::now();
    pairs.run(options.seconds, options.cycles);
    const auto took = seconds_since(start);
    const auto own_share = (own_cpu() - own) / took;
    ask(options, "end", side);
    side.settle();
    const auto count = pairs.counts();
    const auto each = [&](std::size_t sum) { return double(sum) / double(count.cycles); };
    nlohmann::json said;
    for (const auto bytes : count.bytes_said) {
        said.push_back(each(bytes));
    }
    return {{"cycles", count.cycles},
            {"cpu_us", (side.cpu() - cpu) * 1e6 / double(count.cycles)},
            {"per_second", double(count.cycles) / took},
            {"own_share", own_share},
            {"in", each(count.in)},
            {"out", each(count.out)},
            {"bytes_in", each(count.bytes_in)},
            {"bytes_out", each(count.bytes_out)},
            {"sizes", said}};
}

}  // namespace

Found run_cycles(Sides& sides, const Options& options) {
    auto pairs = pairs_of(sides, options);
    for (std::size_t i = 0; i < sides.size(); ++i) {
        pairs[i].run(options.warm_up, 0);
    }
    std::vector<nlohmann::json> rounds(sides.size());
    for (int round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < sides.size(); ++i) {
            const auto turn = (i + std::size_t(round)) % sides.size();
            rounds[turn].push_back(one_round(sides[turn], pairs[turn], options));
        }
    }
    Found found;
    for (std::size_t i = 0; i < sides.size(); ++i) {
        found.push_back({{"side", sides[i].name}, {"rounds", rounds[i]}});
    }
    return found;
}

Found run_latency(Sides& sides, const Options& options) {
    auto one_pair = options;
    one_pair.pairs = 1;
    auto pairs = pairs_of(sides, one_pair);
    std::vector<std::size_t> order(sides.size());
    std::iota(order.begin(), order.end(), 0U);
    std::mt19937 dice(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same order each time
    std::vector<std::vector<double>> rings(sides.size());
    constexpr std::size_t warm_up = 20;
    for (std::size_t i = 0; i < warm_up + options.count; ++i) {
        std::shuffle(order.begin(), order.end(), dice);
        for (const auto turn : order) {
            pause(options.gap_ms);
            const auto took = pairs[turn].ring_once();
            if (i >= warm_up) {
                rings[turn].push_back(took * 1e6);
            }
        }
    }
    Found found;
    for (std::size_t i = 0; i < sides.size(); ++i) {
        found.push_back({{"side", sides[i].name}, {"ring_us", rings[i]}});
    }
    return found;
}

}  // namespace beckon::bench
