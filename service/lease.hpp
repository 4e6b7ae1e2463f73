// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "postgres/site_row.hpp"
#include "protocol/instant.hpp"

namespace beckon {

/// When one of several instances takes a site, renews that, and lets it go: decided by this
/// instance's own steady clock alone, since no two machines agree on what time it is. Pure; whoever
/// uses it asks what to do, does it, and tells what came of it.
///
/// Who owns a site changes its row, by commits or renewals. Who sees it unchanged for the whole
/// length of a lease takes it, if it still is as it was seen. Who owns it counts from before the
/// renewal was sent, and says nothing any more when nine tenths have passed: before anybody else
/// can have taken it, whatever was stopped, delayed or cut off.
class Lease {
  public:
    struct Settings {
        Duration length{3000};
        Duration between_looks{100};
    };
    enum class Deed : std::uint8_t { look, take, renew, let_go };
    struct Next {
        Deed deed;
        Instant when;
    };
    Lease(const Settings& settings, Instant now);

    [[nodiscard]] Next next() const;

    // What came of it. `asked`: before it was sent; `now`: after it was answered.

    void saw(const SiteRow& row, Instant asked, Instant now);
    /// Nothing: the row was not as it was seen any more.
    void took(std::optional<std::uint64_t> epoch, Instant asked, Instant now);
    /// Nothing: it has another owner.
    void renewed(const std::optional<SiteRow>& row, Instant asked, Instant now);
    void was_let_go(Instant now);
    /// There was no answer, so nobody knows whether it happened.
    void failed(Instant now);

    /// The host has ended what it did with the site.
    void give_up(Instant now);

    [[nodiscard]] const SiteRow& seen() const { return seen_; }
    /// No later than then the site's clock was what its row says; nothing: nobody of here has seen
    /// it change.
    [[nodiscard]] std::optional<Instant> clock_seen_at() const;
    /// By which epoch it is ours; nothing: it is not.
    [[nodiscard]] std::optional<std::uint64_t> owned() const;
    /// And by which it is still to be let go.
    [[nodiscard]] std::optional<std::uint64_t> given_up() const;
    /// It is ours, and nobody else's yet.
    [[nodiscard]] bool may_speak(Instant now) const;
    /// Until when, as far as is known; nothing: it is not ours.
    [[nodiscard]] std::optional<Instant> speaks_until() const;
    /// Somebody has asked for another owner.
    [[nodiscard]] bool is_drained() const { return seen_.is_drained; }

  private:
    struct Watching {
        /// When it was first seen as it is; nothing: it was not.
        std::optional<Instant> unchanged_since{};
        /// Before it was asked when it was last seen otherwise.
        std::optional<Instant> changed_after{};
        /// Others come first.
        Instant not_before{};
    };
    struct Owning {
        std::uint64_t epoch = 0;
        Instant counted_from{};
        bool is_given_up = false;
    };

    void watch(Instant next, Instant not_before);

    Settings settings_;
    SiteRow seen_{};
    /// Before the last look.
    Instant last_asked_{};
    std::variant<Watching, Owning> state_{Watching{}};
    Instant next_;
};

}  // namespace beckon
