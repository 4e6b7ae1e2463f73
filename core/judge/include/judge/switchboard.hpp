// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "judge/changes.hpp"
#include "judge/effects.hpp"
#include "judge/siphash.hpp"
#include "protocol/instant.hpp"
#include "protocol/intake.hpp"
#include "protocol/limits.hpp"

namespace beckon {

/// What has come about since the start.
struct Totals {
    /// How parts ended, by `State`.
    std::array<std::uint64_t, Names<State>::list.size()> ends{};
    /// Calls that have begun.
    std::uint64_t calls = 0;
};

/// The place that decides: holds the invitations and groups, judges each request, and
/// times out what is due (contract, sections 3 to 9).
///
/// No I/O, no clock, no thread: one thread calls it, time is an argument. A
/// `now` before an earlier one counts as that earlier one. Every call first
/// applies the deadlines that are due (`now >= deadline + clock_step` has timed out), so the
/// outcome never depends on how late the host's timer runs.
///
/// Nothing throws but `std::bad_alloc` and `InvariantBroken` (invariant.hpp), after which only part
/// of a request may have been done: the host says nothing of it but `internal`, and makes another
/// switchboard from what is stored.
class Switchboard {
  public:
    struct Options {
        Limits limits{};
        /// Told by `sync` and `status`; different after each start of the host.
        std::string server_epoch = "0";
        /// For hashing what clients choose, and for the ids that they did not choose;
        /// random, and another after each start of the host.
        SipKey secret{};
        /// The host stores what `take_changes` tells; else that is nothing.
        bool stored = false;
        /// Operators are named: what they may ask and hear (contract, section 8a) is kept at hand.
        bool operators = false;
        /// Devices say themselves that they are there (contract, section 10).
        bool presence_is_told = false;
        /// `now` may lie so much behind the time that it is, and what is due waits until it is over
        /// in any case. A clock that shows whole milliseconds: 1.
        Duration clock_step{};
        /// What has come about before, where this one takes over from another.
        Totals totals{};
    };

    explicit Switchboard(const Options& options);
    ~Switchboard();
    Switchboard(const Switchboard&) = delete;
    Switchboard& operator=(const Switchboard&) = delete;

    /// Counts a request of this user, whatever is wrong with it: to be asked first. Or refuses it,
    /// and it is not even read.
    std::optional<Refusal> admit(const UserId& user, Instant now);

    /// Judges one request: what came due, then exactly one `Reply`, then its
    /// events. A refused one has changed nothing.
    Effects handle(const Sender& sender, const Request& request, Instant now);

    /// Applies what is due at `now`.
    Effects advance(Instant now);

    /// When `advance` is to be called next: never later than the next deadline,
    /// at times earlier (then nothing happens). Nothing: no deadline is pending.
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    /// The host has told so much history, which counts for what the user may be told.
    void told_history(const UserId& user, std::size_t bytes);

    /// A device of the user came online, or went; the host says it once for each change. An
    /// inviter of whom none is there for `grace_ms` loses what is pending, and who takes part in
    /// a call with a device that is away so long has left it.
    Effects set_online(const Sender& device, bool online, Instant now);

    /// While this holds, what would have to be stored is refused (`storage_unavailable`, when
    /// nothing else is wrong with it), and nobody is lost for being away, since that does not
    /// follow from what is stored.
    void store_takes_nothing(bool holds);

    /// What has changed since it was asked for last, each as it stands now: what the effects
    /// since then rest on.
    Changes take_changes();

    /// Makes what the shortest changes tell, in their order, in a switchboard that is new, to go on
    /// from there after a restart or a failure of the store. Deadlines go on; what is due is
    /// applied by the next call. Nobody is online, until the host says so: an inviter has the grace
    /// period from `now` on. Throws `InvariantBroken` at what cannot be.
    void restore(const Change& change, Instant now);
    /// Whoever is not there has the grace period from then on, or from when they go: what was
    /// restored as of an earlier time was made at this.
    void count_absence_from(Instant now);
    /// That was all. No invitation gets a number up to this one, which was given before.
    void go_on_after(std::uint64_t last_number);

    /// Nothing was forgotten since this began: what is told to tell one start from another.
    void go_on_in(std::string server_epoch);

    /// Whether an invitation goes on, so that there may be more to be said of it.
    [[nodiscard]] bool is_open(const InvitationId& id) const;

    /// The group that an invitation is of; nothing: it is of none, or unknown.
    [[nodiscard]] std::optional<GroupId> group_of(const InvitationId& id) const;

    [[nodiscard]] const Limits& limits() const noexcept;

    /// For benchmarks and operators.
    struct Counts {
        std::size_t open = 0;   ///< invitations with somebody pending, or with a call that lives
        std::size_t ended = 0;  ///< ended ones that are remembered
        std::size_t users = 0;  ///< users online, or with a part in either or in a group
        std::size_t groups = 0;
        std::int64_t kept_bytes = 0;  ///< what counts against max_total_data_bytes
        Totals totals{};
        // Where operators are named.
        std::size_t online = 0;  ///< users with a device online
        /// How late deadlines were applied, of the last ones.
        Duration lateness_p50{};
        Duration lateness_p99{};
    };
    [[nodiscard]] Counts counts() const noexcept;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace beckon
