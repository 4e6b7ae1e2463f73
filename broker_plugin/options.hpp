// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "host/commit_gate.hpp"
#include "protocol/ids.hpp"
#include "protocol/limits.hpp"

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

/// What `plugin_opt_…` in the broker's configuration says.
struct Options {
    /// The first level of all topics of ours.
    std::string word = "beckon";
    Policy other_topics = Policy::defer;
    /// `auto` was said: what the broker's configuration has decides about `other_topics`.
    bool other_topics_is_auto = false;
    Policy requests = Policy::allow;
    /// Whether `status` tells everybody that Beckon is here.
    bool status = true;
    /// Who may ask and hear what the contract's section 8a says.
    std::set<UserId> operators{};
    Limits limits{};
    /// The store's file; "memory": none. Not given: beside what Mosquitto itself keeps.
    std::optional<std::string> store{};
    bool sync_always = true;
    OnStoreFailure on_store_failure = OnStoreFailure::refuse;
    /// A commit that takes longer is a failure of the store.
    std::int64_t store_patience_ms = 2000;
    std::int64_t history_days = 30;
    std::int64_t max_history = 100'000;

    bool operator==(const Options&) const = default;
};

/// The `store` that is none.
inline constexpr std::string_view in_memory = "memory";

inline bool has_store(const Options& options) {
    return options.store && *options.store != in_memory;
}

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
