// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "host/bus.hpp"
#include "judge/switchboard.hpp"
#include "protocol/replies.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// A request that was refused, or something that was published below the root and is none.
struct Refused {
    /// As the broker knows it, whether or not it is an id; empty: it has none.
    std::string_view user{};
    std::optional<DeviceTag> device{};
    std::string_view address{};
    std::string_view topic{};
    /// The verb, where there is one.
    std::string_view re{};
    const Refusal& refusal;
};

/// What is told to operators beside replies (contract, section 8a): what was refused, who is asked
/// and not there, and what all of it comes to. Only where operators are named. The host's thread.
class OperatorNews {
  public:
    /// What is so now.
    struct Now {
        Switchboard::Counts counts{};
        std::size_t unstored = 0;
        Duration oldest_unstored{};
    };

    OperatorNews(Bus& bus, const Topics& topics) : bus_(bus), topics_(topics) {}

    /// One request, and how it was replied to.
    void replied(const Reply& reply);
    /// So many users were told of an event.
    void told(std::size_t users) { events_ += users; }
    /// Tells it, unless too much is told already: then it counts as left out.
    void refused(const Refused& what, Instant now);
    void absent(const Absent& absent);
    /// Tells the counters, at most every ten seconds and if they have changed. `now_counts` is
    /// asked only when it is time.
    template <class AskNow>
    void tick(Instant now, const AskNow& now_counts) {
        if (now >= counters_due_) {
            counters_due_ = now + between_counters;
            tell_counters(now_counts());
        }
    }
    [[nodiscard]] Instant next() const { return counters_due_; }

  private:
    static constexpr Duration between_counters{10'000};

    /// Those of the same user and error.
    struct Same {
        Instant told_at{};
        std::uint64_t left_out = 0;
    };
    /// How often it was left out since it was told last; nothing: it is to be left out.
    std::optional<std::uint64_t> pass(const Refused& what, Instant now);
    void publish(std::string_view what, const std::string& payload, bool retain);
    void tell_counters(const Now& now);

    Bus& bus_;
    const Topics& topics_;

    std::map<std::string, std::uint64_t, std::less<>> requests_;
    std::map<std::string_view, std::uint64_t> refusals_;
    std::uint64_t events_ = 0;
    std::uint64_t left_out_ = 0;

    std::unordered_map<std::string, Same> same_;
    std::unordered_map<std::string, unsigned> of_one_;
    /// The second in which `of_one_` and `of_all_` count.
    Instant second_{};
    unsigned of_all_ = 0;

    Instant counters_due_{};
    std::string counters_;
};

}  // namespace beckon
