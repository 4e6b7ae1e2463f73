// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker_config.hpp"
#include "options.hpp"

namespace beckon {

/// What in the broker's configuration takes from Beckon's promises or hardly can be meant: a
/// sentence each, with what to do. Nobody but the operator can say whether it is meant, so the
/// broker starts all the same. Pure; any thread.
std::vector<std::string> doubts_about(const Options& options, const ConfigCheck& config);

/// What `other_topics` is to be, and why.
struct DecidedPolicy {
    Policy policy;
    std::string why;
};
/// What `auto` comes to; or a sentence, where it cannot be told. It is never `allow` where
/// something might be there that decides. Pure; any thread.
std::variant<DecidedPolicy, std::string> decide_other_topics(const ConfigCheck& config);

/// Whether what `filter` matches has topics that are for one user alone, or for none: inboxes, what
/// operators read, and where requests go. `word` is the root's.
bool covers_private_topics(std::string_view filter, std::string_view word);

}  // namespace beckon
