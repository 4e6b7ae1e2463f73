// SPDX-License-Identifier: Apache-2.0
#include "config_doubts.hpp"

#include <array>
#include <cstddef>
#include <optional>

#include "access.hpp"

namespace beckon {

namespace {

/// Whether `filter` matches a topic that begins with these levels and has so many at least.
bool matches_below(std::string_view filter, const std::array<std::string_view, 3>& begins,
                   std::size_t least) {
    std::size_t levels = 0;
    while (!filter.empty()) {
        const auto level = take_level(filter);
        if (level == "#") {
            return true;
        }
        if (levels < begins.size() && level != "+" && level != begins[levels]) {
            return false;
        }
        ++levels;
    }
    return levels >= least;
}

std::optional<std::string> doubt_about_other_topics(Policy other_topics,
                                                    const ConfigCheck& config) {
    if (config.unread) {
        return std::nullopt;
    }
    if (other_topics == Policy::allow && config.acl_file) {
        return "plugin_opt_other_topics is allow, so the acl_file is never asked: say defer, or "
               "remove it";
    }
    if (other_topics == Policy::defer && !config.acl_file && !config.other_plugin) {
        return "plugin_opt_other_topics is defer and there is nothing to defer to, so all topics "
               "but Beckon's are denied: say allow, or name an acl_file";
    }
    return std::nullopt;
}

}  // namespace

std::variant<DecidedPolicy, std::string> decide_other_topics(const ConfigCheck& config) {
    if (const auto& decides = config.acl_file ? config.acl_file : config.other_plugin) {
        return DecidedPolicy{Policy::defer, *decides};
    }
    if (config.unread) {
        return "plugin_opt_other_topics is auto, and " + *config.unread +
               " cannot be read, which may name an acl_file or a plugin: let the broker's user "
               "read it, or say allow or defer";
    }
    return DecidedPolicy{Policy::allow, "no acl_file and no other plugin is named"};
}

bool covers_private_topics(std::string_view filter, std::string_view word) {
    auto rest = filter;
    const auto first = take_level(rest);
    if (first.starts_with('$')) {
        return first.substr(1) == word;
    }
    // inbox/{me}/event and the like, operator/counters and the like.
    return matches_below(filter, {word, "v1", "inbox"}, 5) ||
           matches_below(filter, {word, "v1", "operator"}, 4);
}

std::vector<std::string> doubts_about(const Options& options, const ConfigCheck& config) {
    std::vector<std::string> doubts;
    if (auto doubt = doubt_about_other_topics(options.other_topics, config)) {
        doubts.push_back(std::move(*doubt));
    }
    const auto root = options.word + "/v1";
    for (const auto& bridged : config.bridged_out) {
        if (covers_private_topics(bridged.filter, options.word)) {
            doubts.push_back(
                "the bridge " + bridged.bridge +
                " carries everybody's inbox, or what is for operators alone, to another broker (" +
                bridged.line + "): name what it is to carry, without " + root + " and $" +
                options.word + ", for Mosquitto asks no plugin about it");
        }
    }
    const auto least = options.limits.max_payload_bytes;
    if (config.message_size_limit > 0 && config.message_size_limit < least) {
        doubts.push_back("message_size_limit " + std::to_string(config.message_size_limit) +
                         " is below plugin_opt_max_payload_bytes, " + std::to_string(least) +
                         ": Mosquitto drops what is between, and who sent it waits for a reply in "
                         "vain: give both the same value");
    }
    if (config.logs_to_topic) {
        doubts.emplace_back(
            "log_dest topic publishes the broker's log with its client ids, and whoever knows one "
            "can take its session over: remove that line, or let operators alone read "
            "$SYS/broker/log/#");
    }
    for (const auto& mounted : config.mount_points) {
        doubts.push_back("mount_point " + mounted.prefix + " (" + mounted.listener +
                         ") puts that before all topics of whoever connects there, so Beckon sees "
                         "none of theirs: they cannot ring or be rung, and what they ask goes to "
                         "subscribers: remove it, or keep those who use Beckon to other listeners");
    }
    if (config.allows_anonymous || config.listener_allows_anonymous) {
        for (const auto& listener : config.clients_named_by_user) {
            doubts.push_back("use_username_as_clientid (" + listener +
                             ") makes client ids known, and with allow_anonymous true anybody can "
                             "take the session of any user over: remove one of the two");
        }
    }
    return doubts;
}

}  // namespace beckon
