// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "limits.hpp"

namespace beckon {

/// Who judges what Beckon itself lets pass: `allow` is Beckon's yes, `defer`
/// leaves the answer to the broker's other access control (contract, section 2).
enum class Policy : std::uint8_t { allow, defer };

constexpr std::string_view name_of(Policy policy) {
    return policy == Policy::allow ? "allow" : "defer";
}

/// What a commit of the store survives: a power cut, or only the broker's end.
enum class Durability : std::uint8_t { always, normal };

constexpr std::string_view name_of(Durability sync) {
    return sync == Durability::always ? "always" : "normal";
}

/// What becomes of requests while the disk refuses: they are refused, or served from memory.
enum class OnStoreFailure : std::uint8_t { refuse, go_on };

constexpr std::string_view name_of(OnStoreFailure what) {
    return what == OnStoreFailure::refuse ? "refuse" : "continue";
}

/// What `plugin_opt_…` in the broker's configuration says.
struct Options {
    /// The first level of all topics of ours.
    std::string word = "beckon";
    Policy other_topics = Policy::defer;
    Policy requests = Policy::allow;
    Limits limits{};
    /// The store's file, as a whole path; or `in_memory`; or nothing: where the broker keeps
    /// its own.
    std::string store{};
    Durability sync = Durability::always;
    std::int64_t history_days = 30;
    std::int64_t max_history = 1'000'000;
    OnStoreFailure on_store_failure = OnStoreFailure::refuse;

    bool operator==(const Options&) const = default;
};

/// To do without a store.
inline constexpr std::string_view in_memory = "memory";

/// One `plugin_opt_<name> <value>`.
struct GivenOption {
    std::string_view name;
    std::string_view value;
};

/// The options, or one sentence that names the option to correct. Pure; any thread.
std::variant<Options, std::string> read_options(std::span<const GivenOption> given);

}  // namespace beckon
