// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/clocks.hpp"
#include "host/journal.hpp"

namespace beckon {

/// The clock of a store, which goes on where it stopped, so that no row is to be rewritten after a
/// restart: its `…_ms` are milliseconds since 1970 by the wall clock of the moment when the store
/// was made, plus all time that passed since.
struct StoreClock {
    /// What it says at the zero of the host's.
    Duration offset{};
    /// The time that passed could not be proven: what was pending is due then. The store does
    /// not say so before the first commit.
    std::optional<Instant> all_due_at{};

    /// It goes on after a restart, from what it said at the last commit; `passed` since, if that is
    /// known.
    static StoreClock going_on(Duration store_then, std::optional<Duration> passed, Instant now);

    [[nodiscard]] std::int64_t to_file(Instant instant) const {
        return (instant.time_since_epoch() + offset).count();
    }
    [[nodiscard]] Instant from_file(std::int64_t ms) const {
        return Instant(Duration(ms) - offset);
    }
};

/// What a store counts along: a copy of it is what was before.
struct StoreCounts {
    /// No invitation has a higher number.
    std::uint64_t last_number = 0;
    /// Invitations that are there for history only.
    std::int64_t forgotten = 0;
};

/// How long history is.
struct HistoryLimits {
    Duration age{};
    std::int64_t count = 0;
};

/// Where pages of history are read, by a thread of their own.
class HistorySource {
  public:
    HistorySource() = default;
    virtual ~HistorySource() = default;
    HistorySource(const HistorySource&) = delete;
    HistorySource& operator=(const HistorySource&) = delete;

    /// What ended since `oldest`, as far as a page goes. Throws; then the next asks anew.
    virtual HistoryPage page(const UserId& user, std::size_t limit,
                             const std::optional<HistoryMark>& before, Instant oldest) = 0;
    /// Nobody asks for more now.
    virtual void close() = 0;
};

/// Where a `StoreJournal` keeps its rows: a file, or a database. One thread at a time. Errors are
/// exceptions; what failed has changed nothing, as far as is known.
class Store {
  public:
    using Unusable = Journal::Unusable;
    /// It cannot be read as what it was; says where.
    struct Damaged : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    Store() = default;
    virtual ~Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// For the first time; `secret` is kept if there is none. Throws `Unusable`, `Damaged`.
    virtual void open(const ClockReading& now, std::string_view secret) = 0;
    /// It is still ours.
    virtual void close() = 0;
    /// After `close`.
    virtual void reopen() = 0;
    /// And can be read, as far as is known.
    [[nodiscard]] virtual bool is_open() const = 0;
    /// What it was is open here and nowhere else.
    [[nodiscard]] virtual bool is_misplaced() const { return false; }
    /// After `Damaged`: it is kept aside, and a new one opened. Returns the sentence that says so.
    virtual std::string set_aside(const std::string& why, const ClockReading& now,
                                  std::string_view secret) = 0;

    /// The shortest changes that make what is remembered. Throws `Unusable`, `Damaged`.
    virtual void tell_all(const Journal::Tell& tell) = 0;
    /// No invitation has a higher number.
    [[nodiscard]] virtual std::uint64_t last_number() const = 0;
    [[nodiscard]] virtual const std::string& secret() const = 0;
    [[nodiscard]] virtual const StoreClock& clock() const = 0;

    /// All of them, or on an exception none.
    virtual void write(const Batch& batch, const ClockReading& now) = 0;
    /// To be called when nobody waits. Not doing it does no harm.
    virtual void tidy_up() noexcept {}
    /// Whether there is history that is too old or too much; and some of it goes.
    virtual bool prune(const ClockReading& now) = 0;
    /// Of another thread, also when this is gone. After `open`.
    [[nodiscard]] virtual std::unique_ptr<HistorySource> history_source() const = 0;
};

}  // namespace beckon
