// SPDX-License-Identifier: Apache-2.0
#include "host/host_options.hpp"

#include <algorithm>
#include <charconv>

#include "host/clocks.hpp"
#include "host/device_tags.hpp"

namespace beckon {

namespace {

std::string_view without_blanks(std::string_view value) {
    constexpr std::string_view blanks = " \t";
    value.remove_prefix(std::min(value.find_first_not_of(blanks), value.size()));
    return value.substr(0, value.find_last_not_of(blanks) + 1);
}

Complaint read_word(std::string_view value, std::string& word) {
    if (!is_id(value)) {
        return "is not one topic level of 1 to 64 characters A-Z a-z 0-9 . _ @ : -";
    }
    // What the plugin has handled is published to "$" + word, which nobody can read; "$share"
    // means something else to every broker.
    if (value == "share") {
        return "is a word that brokers keep for themselves";
    }
    word = value;
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
std::optional<Complaint> read_about_store(std::string_view name, std::string_view value,
                                          HostOptions& options) {
    if (name == "store") {
        return read_store(value, options.store);
    }
    if (name == "sync") {
        return read_switch(value, options.sync_always, {{{"always", true}, {"normal", false}}});
    }
    if (name == "on_store_failure") {
        return read_switch(
            value, options.on_store_failure,
            {{{"refuse", OnStoreFailure::refuse}, {"continue", OnStoreFailure::go_on}}});
    }
    if (name == "store_patience_ms") {
        return read_number(value, 100, 60'000, options.store_patience_ms);
    }
    if (name == "history_days") {
        return read_number(value, 0, 36'500, options.history_days);
    }
    if (name == "max_history") {
        return read_number(value, 0, 1'000'000'000, options.max_history);
    }
    return std::nullopt;
}

/// User names, separated by commas.
Complaint read_operators(std::string_view value, std::set<UserId>& operators) {
    while (!value.empty()) {
        const auto comma = value.find(',');
        const auto name = without_blanks(value.substr(0, comma));
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

}  // namespace

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

std::optional<Complaint> read_host_option(std::string_view name, std::string_view value,
                                          HostOptions& options) {
    if (name == "root") {
        return read_word(value, options.word);
    }
    if (name == "operators") {
        return read_operators(value, options.operators);
    }
    if (name == "status") {
        return read_switch(value, options.status, {{{"on", true}, {"off", false}}});
    }
    const auto* const limit = std::ranges::find(limit_table, name, &LimitInfo::name);
    if (limit == limit_table.end()) {
        return read_about_store(name, value, options);
    }
    return read_number(value, limit->least, limit->most, options.limits.*limit->value);
}

Complaint check_together(const HostOptions& options, std::string_view prefix) {
    const Limits& limits = options.limits;
    if (limits.max_timeout_ms > limits.max_lifetime_ms) {
        const std::string before(prefix);
        return before + "max_timeout_ms: " + std::to_string(limits.max_timeout_ms) + " is over " +
               before + "max_lifetime_ms, " + std::to_string(limits.max_lifetime_ms);
    }
    return std::nullopt;
}

Signaling::Settings signaling_settings(const HostOptions& options, std::string_view version) {
    return {.word = options.word,
            .version = std::string(version),
            .tells_status = options.status,
            .gate = {.limits = options.limits,
                     .server_epoch = DeviceTag(random_bits()).str(),
                     .operators = !options.operators.empty(),
                     .clock_step = host_clock_step,
                     .on_failure = options.on_store_failure,
                     .patience = Duration(options.store_patience_ms)}};
}

}  // namespace beckon
