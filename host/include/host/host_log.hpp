// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/bus.hpp"
#include "host/commit_gate.hpp"
#include "host/line_limiter.hpp"
#include "judge/switchboard.hpp"
#include "protocol/instant.hpp"
#include "protocol/replies.hpp"

namespace beckon {

/// Where an exception was caught.
enum class Within : std::uint8_t { access, message, tick, disconnect, reload };
inline constexpr std::size_t within_kinds = 5;

/// The end of a sentence of which others like it were held back.
std::string more_like_it(unsigned held_back);
/// Who, at what address (which may be null), as a sentence begins.
std::string somebody_at(std::string_view user, const char* address);

/// A host's sentences to its operator. They name users and addresses, never payloads, and never
/// client ids, which are secrets. The host's thread.
class HostLog {
  public:
    explicit HostLog(Bus& bus) : bus_(bus) {}

    /// Where the store is, and what it has brought back.
    void store(const std::string& path, const Switchboard::Counts& counts) const;
    /// There is none, as the operator said, or since nobody said where.
    void no_store(bool is_meant) const;
    void store_damaged(const std::string& sentence) const;
    void store_fails(const std::string& why, OnStoreFailure then) const;
    void store_works_again() const;

    void wrong_sender(const UserId& user, const char* address, Instant now);
    void limit_reached(const UserId& user, const Refusal& refusal, Instant now);
    void not_published(Instant now);
    void internal(Within within, const char* what, Instant now);

  private:
    void log_some(LineLimiter& limiter, LogLevel level, const std::string& sentence, Instant now);

    Bus& bus_;
    LineLimiter wrong_sender_{};
    LineLimiter limits_{};
    LineLimiter not_published_{};
    std::array<LineLimiter, within_kinds> internals_{};
};

}  // namespace beckon
