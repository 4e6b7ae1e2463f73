// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "cannot_signal.hpp"
#include "host/line_limiter.hpp"
#include "options.hpp"
#include "protocol/instant.hpp"

namespace beckon {

/// What a client did that no client of ours does.
enum class Attack : std::uint8_t { foreign_inbox, forged };
inline constexpr std::size_t attack_kinds = 2;

/// The plugin's sentences in the broker's log, beside the host's own (host_log.hpp), but for those
/// that `read_options` and `check_config` word. They name users and addresses, never payloads, and
/// never client ids, which are secrets. The broker's thread.
class BrokerLog {
  public:
    static void started(const Options& options);
    static void refused_to_start(const std::string& sentence);
    static void retired();
    /// What `other_topics auto` came to.
    static void decided(Policy policy, const std::string& why);
    static void config_unread(const std::string& file);
    static void doubt(const std::string& sentence);
    static void no_wakeup(const char* why);

    /// `name` is what the broker authenticated, an id or not, and empty when there is none;
    /// `address` may be null. Likewise below.
    void attack(Attack attack, std::string_view name, const char* address, Instant now);
    /// That name is no id.
    void cannot_signal(Tried tried, std::string_view name, const char* address, Instant now);

  private:
    std::array<LineLimiter, attack_kinds> attacks_{};
    std::array<LineLimiter, tried_kinds> cannot_signal_{};
};

}  // namespace beckon
