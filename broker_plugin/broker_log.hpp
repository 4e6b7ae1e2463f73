// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "judge/switchboard.hpp"
#include "line_limiter.hpp"
#include "options.hpp"
#include "protocol/instant.hpp"
#include "protocol/replies.hpp"

namespace beckon {

/// What a client did that no client of ours does.
enum class Attack : std::uint8_t { wrong_sender, foreign_inbox, forged };
inline constexpr std::size_t attack_kinds = 3;

/// Where an exception was caught.
enum class Within : std::uint8_t { access, message, tick, disconnect };
inline constexpr std::size_t within_kinds = 4;

/// Beckon's sentences in the broker's log, all of them but those that
/// `read_options` and `check_config` word. They name users and addresses, never
/// payloads, and never client ids, which are secrets. The broker's thread.
class BrokerLog {
  public:
    static void started(const Options& options);
    static void refused_to_start(const std::string& sentence);
    static void config_unread(const std::string& file);
    static void doubt(const std::string& sentence);
    static void no_wakeup(const char* why);
    /// Where the store is; and what it has brought back.
    static void store(const std::string& path, const Switchboard::Counts& counts);
    static void no_store(bool is_meant);
    static void store_damaged(const std::string& sentence);
    static void store_fails(const std::string& why, OnStoreFailure then);
    static void store_works_again();

    /// `user` is empty when the client has no name that is an id; `address` may be null.
    void attack(Attack attack, std::string_view user, const char* address, Instant now);
    void limit_reached(const UserId& user, const Refusal& refusal, Instant now);
    void not_published(Instant now);
    void internal(Within within, const char* what, Instant now);

  private:
    std::array<LineLimiter, attack_kinds> attacks_{};
    LineLimiter limits_{};
    LineLimiter not_published_{};
    std::array<LineLimiter, within_kinds> internals_{};
};

}  // namespace beckon
