// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "protocol/ids.hpp"

namespace beckon {

namespace {

/// What is wrong with a value, as the end of a sentence; nothing: all is well.
using Complaint = std::optional<std::string>;

std::string spelled(std::string_view name) { return "plugin_opt_" + std::string(name); }

// Mosquitto hands the rest of the line over as it stands.
std::string_view without_trailing_blanks(std::string_view value) {
    const auto last = value.find_last_not_of(" \t");
    return value.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// One of two words.
template <class Value>
Complaint read_switch(std::string_view value, Value& read,
                      const std::array<std::pair<std::string_view, Value>, 2>& words) {
    for (const auto& [word, meant] : words) {
        if (value == word) {
            read = meant;
            return std::nullopt;
        }
    }
    return "is neither " + std::string(words[0].first) + " nor " + std::string(words[1].first);
}

Complaint read_policy(std::string_view value, Policy& policy) {
    return read_switch(
        value, policy,
        {{{name_of(Policy::allow), Policy::allow}, {name_of(Policy::defer), Policy::defer}}});
}

Complaint read_word(std::string_view value, std::string& word) {
    if (!is_id(value)) {
        return "is not one topic level of 1 to 64 characters A-Z a-z 0-9 . _ @ : -";
    }
    // What was handled is published to "$" + word, which nobody can read;
    // "$share" means something else to Mosquitto.
    if (value == "share") {
        return "is a word that Mosquitto keeps for itself";
    }
    word = value;
    return std::nullopt;
}

Complaint read_number(std::string_view value, std::int64_t least, std::int64_t most,
                      std::int64_t& read) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < least ||
        number > most) {
        return "is not a whole number from " + std::to_string(least) + " to " +
               std::to_string(most);
    }
    read = number;
    return std::nullopt;
}

Complaint read_store(std::string_view value, std::optional<std::string>& store) {
    if (value != in_memory && !value.starts_with('/')) {
        return "is neither memory nor a path from the root (/…)";
    }
    store = value;
    return std::nullopt;
}

/// Those about the store. Outer nothing: this is none of them.
std::optional<Complaint> read_about_store(const GivenOption& option, Options& options) {
    if (option.name == "store") {
        return read_store(option.value, options.store);
    }
    if (option.name == "sync") {
        return read_switch(option.value, options.sync_always,
                           {{{"always", true}, {"normal", false}}});
    }
    if (option.name == "on_store_failure") {
        return read_switch(
            option.value, options.on_store_failure,
            {{{"refuse", OnStoreFailure::refuse}, {"continue", OnStoreFailure::go_on}}});
    }
    if (option.name == "store_patience_ms") {
        return read_number(option.value, 100, 60'000, options.store_patience_ms);
    }
    if (option.name == "history_days") {
        return read_number(option.value, 0, 36'500, options.history_days);
    }
    if (option.name == "max_history") {
        return read_number(option.value, 0, 1'000'000'000, options.max_history);
    }
    return std::nullopt;
}

Complaint read_other_topics(std::string_view value, Options& options, bool can_ignore) {
    Policy& policy = options.other_topics;
    if (value == "auto") {
        policy = can_ignore ? Policy::ignore : Policy::defer;
        options.other_topics_is_auto = !can_ignore;
        return std::nullopt;
    }
    if (value == name_of(Policy::ignore)) {
        if (!can_ignore) {
            return "needs Mosquitto 2.1: say auto, allow or defer";
        }
        policy = Policy::ignore;
        return std::nullopt;
    }
    if (read_policy(value, policy)) {
        return "is none of auto, allow and defer";
    }
    return std::nullopt;
}

/// User names, separated by commas.
Complaint read_operators(std::string_view value, std::set<UserId>& operators) {
    while (!value.empty()) {
        const auto comma = value.find(',');
        auto name = without_trailing_blanks(value.substr(0, comma));
        name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
        auto user = UserId::parse(name);
        if (!user) {
            return "names '" + std::string(name) +
                   "', which is no user name of 1 to 64 characters A-Z a-z 0-9 . _ @ : -";
        }
        operators.insert(*user);
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
    return std::nullopt;
}

/// Outer nothing: there is no such option.
std::optional<Complaint> read_one(const GivenOption& option, Options& options, bool can_ignore) {
    if (option.name == "root") {
        return read_word(option.value, options.word);
    }
    if (option.name == "other_topics") {
        return read_other_topics(option.value, options, can_ignore);
    }
    if (option.name == "requests") {
        return read_policy(option.value, options.requests);
    }
    if (option.name == "operators") {
        return read_operators(option.value, options.operators);
    }
    if (option.name == "status") {
        return read_switch(option.value, options.status, {{{"on", true}, {"off", false}}});
    }
    const auto* const limit = std::ranges::find(limit_table, option.name, &LimitInfo::name);
    if (limit == limit_table.end()) {
        return read_about_store(option, options);
    }
    return read_number(option.value, limit->least, limit->most, options.limits.*limit->value);
}

}  // namespace

std::variant<Options, std::string> read_options(std::span<const GivenOption> given,
                                                bool can_ignore) {
    Options options;
    if (can_ignore) {
        options.other_topics = Policy::ignore;
    }
    std::set<std::string_view> seen;
    for (GivenOption option : given) {
        option.value = without_trailing_blanks(option.value);
        if (!seen.insert(option.name).second) {
            return spelled(option.name) + " is given twice";
        }
        const auto complaint = read_one(option, options, can_ignore);
        if (!complaint) {
            return spelled(option.name) + " is no option of Beckon";
        }
        if (*complaint) {
            return spelled(option.name) + ": '" + std::string(option.value) + "' " + **complaint;
        }
    }
    if (!can_ignore && !seen.contains("other_topics")) {
        return spelled("other_topics") +
               " is missing: say auto, allow or defer (allow: Beckon lets every client use the "
               "topics that are not its own; defer: the broker's acl_file or another plugin "
               "decides, "
               "and without one Mosquitto denies them all; auto: whichever the broker's "
               "configuration needs)";
    }
    const Limits& limits = options.limits;
    if (limits.max_timeout_ms > limits.max_lifetime_ms) {
        return spelled("max_timeout_ms") + ": " + std::to_string(limits.max_timeout_ms) +
               " is over plugin_opt_max_lifetime_ms, " + std::to_string(limits.max_lifetime_ms);
    }
    return options;
}

}  // namespace beckon
