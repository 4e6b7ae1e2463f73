// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <optional>
#include <set>
#include <utility>

namespace beckon {

namespace {

std::string spelled(std::string_view name) { return "plugin_opt_" + std::string(name); }

// Mosquitto hands the rest of the line over as it stands.
std::string_view without_trailing_blanks(std::string_view value) {
    const auto last = value.find_last_not_of(" \t");
    return value.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

Complaint read_policy(std::string_view value, Policy& policy) {
    return read_switch(
        value, policy,
        {{{name_of(Policy::allow), Policy::allow}, {name_of(Policy::defer), Policy::defer}}});
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

/// Outer nothing: there is no such option.
std::optional<Complaint> read_one(const GivenOption& option, Options& options, bool can_ignore) {
    if (option.name == "other_topics") {
        return read_other_topics(option.value, options, can_ignore);
    }
    if (option.name == "requests") {
        return read_policy(option.value, options.requests);
    }
    return read_host_option(option.name, option.value, options);
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
               "decides, and without one Mosquitto denies them all; auto: whichever the broker's "
               "configuration needs)";
    }
    if (auto wrong = check_together(options, spelled(""))) {
        return std::move(*wrong);
    }
    return options;
}

}  // namespace beckon
