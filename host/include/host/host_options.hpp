// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/commit_gate.hpp"
#include "host/journal.hpp"
#include "host/signaling.hpp"
#include "protocol/ids.hpp"
#include "protocol/limits.hpp"

namespace beckon {

/// What every host can be told, by the same names everywhere.
struct HostOptions {
    /// The first level of all topics of ours.
    std::string word = "beckon";
    /// Whether `status` tells everybody that Beckon is here.
    bool status = true;
    /// Who may ask and hear what the contract's section 8a says.
    std::set<UserId> operators{};
    Limits limits{};
    /// The store's file; "memory": none. Not given: where the host says.
    std::optional<std::string> store{};
    bool sync_always = true;
    OnStoreFailure on_store_failure = OnStoreFailure::refuse;
    /// A commit that takes longer is a failure of the store.
    std::int64_t store_patience_ms = 2000;
    std::int64_t history_days = 30;
    std::int64_t max_history = 100'000;

    bool operator==(const HostOptions&) const = default;
};

/// The `store` that is none.
inline constexpr std::string_view in_memory = "memory";

inline bool has_store(const HostOptions& options) {
    return options.store && *options.store != in_memory;
}

/// What is wrong with a value, as the end of a sentence; nothing: all is well.
using Complaint = std::optional<std::string>;

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

/// A whole number between these.
Complaint read_number(std::string_view value, std::int64_t least, std::int64_t most,
                      std::int64_t& read);
/// Reads the value of one option. Outer nothing: there is none of that name. Pure; any thread.
std::optional<Complaint> read_host_option(std::string_view name, std::string_view value,
                                          HostOptions& options);
/// What cannot be together, as a sentence in which `prefix` stands before each option's name;
/// nothing: all is well.
Complaint check_together(const HostOptions& options, std::string_view prefix);

/// What they mean for `Signaling`.
Signaling::Settings signaling_settings(const HostOptions& options, std::string_view version);
/// Where what is remembered is stored; null: nothing is.
std::unique_ptr<Journal> journal_of(const HostOptions& options);

}  // namespace beckon
