// SPDX-License-Identifier: Apache-2.0
#include "host/operator_news.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/requests.hpp"
#include "protocol/wire.hpp"
#include "protocol/words.hpp"

namespace beckon {

namespace {

using nlohmann::ordered_json;

// How much is told of refusals, in one second.
constexpr Duration between_same{1000};
constexpr unsigned most_of_one = 10;
constexpr unsigned most_of_all = 100;
/// So many users and errors are told apart; what is beyond is left out.
constexpr std::size_t most_same = 10'000;
/// A text that a client chose is told up to so many bytes.
constexpr std::size_t most_text = 256;

/// At the end of a character.
std::string cut_text(std::string_view text) {
    std::size_t end = std::min(text.size(), most_text);
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) {
        --end;
    }
    return std::string(text.substr(0, end));
}

void put(ordered_json& told, const char* name, std::string_view text) {
    if (!text.empty()) {
        told[name] = cut_text(text);
    }
}

/// A word that a client chose only where it is one of the contract's.
std::string_view known_verb(std::string_view re) {
    return is_verb(re) ? re : std::string_view("unknown");
}

std::string written(const ordered_json& told) {
    return told.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

void OperatorNews::replied(const Reply& reply) {
    ++requests_[std::string(known_verb(reply.re))];
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        ++refusals_[info(refusal->error).name];
    }
}

std::optional<std::uint64_t> OperatorNews::pass(const Refused& what, Instant now) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (second != second_) {
        second_ = second;
        of_one_.clear();
        of_all_ = 0;
        if (same_.size() >= most_same) {
            std::erase_if(
                same_, [&](const auto& one) { return one.second.told_at + between_same <= now; });
        }
    }
    const auto who = what.user.empty() ? "\n" + std::string(what.address) : std::string(what.user);
    const auto key = who + '\0' + std::string(info(what.refusal.error).name);
    auto at = same_.find(key);
    if (at == same_.end()) {
        if (same_.size() >= most_same) {
            return std::nullopt;
        }
        at = same_.emplace(key, Same{.told_at = now - between_same}).first;
    }
    Same& same = at->second;
    if (now < same.told_at + between_same || of_one_[who] >= most_of_one ||
        of_all_ >= most_of_all) {
        ++same.left_out;
        return std::nullopt;
    }
    ++of_one_[who];
    ++of_all_;
    same.told_at = now;
    return std::exchange(same.left_out, 0);
}

void OperatorNews::refused(const Refused& what, Instant now) {
    const auto again = pass(what, now);
    if (!again) {
        ++left_out_;
        return;
    }
    ordered_json told = ordered_json::object();
    put(told, "user", what.user);
    if (what.device) {
        told["device"] = what.device->str();
    }
    put(told, "address", what.address);
    told["topic"] = cut_text(what.topic);
    put(told, "re", what.re);
    told["error"] = info(what.refusal.error).name;
    put(told, "field", what.refusal.field.value_or(""));
    told["message"] = cut_text(what.refusal.message);
    told["again"] = *again;
    publish("refused", written(told), false);
}

void OperatorNews::absent(const Absent& absent) { publish("absent", encode(absent), false); }

void OperatorNews::tell_counters(const Now& now) {
    const auto& counts = now.counts;
    ordered_json ends = ordered_json::object();
    for (std::size_t i = 0; i < counts.totals.ends.size(); ++i) {
        if (static_cast<State>(i) != State::pending) {
            ends[std::string(name_of(static_cast<State>(i)))] = counts.totals.ends[i];
        }
    }
    const ordered_json told = {
        {"requests", requests_},
        {"refusals", refusals_},
        {"ends", ends},
        {"calls", counts.totals.calls},
        {"events", events_},
        {"left_out", left_out_},
        {"open", counts.open},
        {"ended", counts.ended},
        {"online", counts.online},
        {"groups", counts.groups},
        {"kept_bytes", counts.kept_bytes},
        {"unstored", now.unstored},
        {"oldest_unstored_ms", now.oldest_unstored.count()},
        {"lateness_ms",
         {{"p50", counts.lateness_p50.count()}, {"p99", counts.lateness_p99.count()}}}};
    auto text = written(told);
    if (text != counters_) {
        publish("counters", text, true);
        counters_ = std::move(text);
    }
}

void OperatorNews::publish(std::string_view what, const std::string& payload, bool retain) {
    static_cast<void>(
        bus_.publish({.topic = topics_.for_operators(what), .payload = payload, .retain = retain}));
}

}  // namespace beckon
