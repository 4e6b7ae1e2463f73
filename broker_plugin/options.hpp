// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "host/host_options.hpp"

namespace beckon {

/// Who judges what Beckon itself lets pass: `allow` is Beckon's yes, `defer`
/// leaves the answer to the broker's other access control (contract, section 2), and `ignore` to
/// whatever the broker does without Beckon.
enum class Policy : std::uint8_t { allow, defer, ignore };

constexpr std::string_view name_of(Policy policy) {
    switch (policy) {
        case Policy::allow:
            return "allow";
        case Policy::ignore:
            return "ignore";
        case Policy::defer:
            break;
    }
    return "defer";
}

/// What `plugin_opt_…` in the broker's configuration says; `store` not given: beside what Mosquitto
/// itself keeps.
struct Options : HostOptions {
    Policy other_topics = Policy::defer;
    /// `auto` was said: what the broker's configuration has decides about `other_topics`.
    bool other_topics_is_auto = false;
    Policy requests = Policy::allow;

    bool operator==(const Options&) const = default;
};

/// One `plugin_opt_<name> <value>`.
struct GivenOption {
    std::string_view name;
    std::string_view value;
};

/// The options, or one sentence that names the option to correct. `can_ignore`: the broker knows
/// plugins that have no opinion, so `other_topics` can be `ignore`, and is where nobody says it.
/// Pure; any thread.
std::variant<Options, std::string> read_options(std::span<const GivenOption> given,
                                                bool can_ignore = false);

}  // namespace beckon
