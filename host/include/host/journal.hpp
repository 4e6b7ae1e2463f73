// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "judge/changes.hpp"
#include "protocol/ids.hpp"

namespace beckon {

/// What was put, in its order: in small pieces of memory, however many they are.
using Batch = std::list<Changes>;

/// Where one page of history ended.
struct HistoryMark {
    std::int64_t ended_ms = 0;
    std::uint64_t number = 0;
    bool operator==(const HistoryMark&) const = default;
};

/// Of one user, newest first: for each invitation an `InvitationKept` and its notes (without
/// data), invitees and call.
struct HistoryPage {
    Changes ended;
    std::optional<HistoryMark> next{};
    bool operator==(const HistoryPage&) const = default;
};

/// Keeps what the switchboard remembers (contract, section 8): whoever holds back what a request
/// says until its changes are stored has stored before said.
///
///     journal.load(restore);                     // at the start, into a new switchboard
///     journal.start(wake);                       // from then on it stores
///
///     held.push_back({journal.put(changes), effects});   // a request: nothing is said yet
///     journal.hand_over();                       // at the end of each turn of the host's loop
///
///     auto progress = journal.progress();        // after a wake, before anything else
///     … say what is held up to progress.stored
///     if (progress.failure)                      // what is held after that is not stored:
///         … journal.give_up(); journal.reload(); // and a new switchboard is made of what is
///
/// The host's thread makes all calls, and never waits in one for a disk or a network (but in
/// `load`). A failure concerns everything put after what is stored, since that rests on it; nothing
/// more is stored until `give_up`. The next `put` tries again, so a disk that recovers is all it
/// takes.
class Journal {
  public:
    /// It is something that Beckon must not touch, or cannot use; says it as a sentence.
    struct Unusable : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    using Tell = std::function<void(Change&&)>;

    struct HistoryAnswer {
        std::uint64_t asked = 0;
        /// Nothing: it cannot be read now.
        std::optional<HistoryPage> page{};
    };
    struct Progress {
        /// All up to this ticket are stored, but for those given up.
        std::uint64_t stored = 0;
        /// Why what was put after that could not be stored; until `give_up`.
        std::optional<std::string> failure{};
        /// `reload` has begun, or begun again: what it told before is void.
        bool reload_began = false;
        /// The next part of what it reads, since it was asked for last.
        Changes reloaded{};
        /// And that was all of it.
        bool reload_ended = false;
        std::vector<HistoryAnswer> history{};
    };
    /// What was put and is not stored yet.
    struct Waiting {
        std::size_t changes = 0;
        /// About what they take in memory.
        std::size_t bytes = 0;
    };

    Journal() = default;
    virtual ~Journal() = default;
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Opens it, and tells what it holds by the shortest changes that make it. Returns a sentence
    /// when it was damaged: it is kept aside, a new one begun, and what was told is void. Throws
    /// `Unusable`.
    virtual std::optional<std::string> load(const Tell& tell) = 0;
    /// What `load` told cannot be, as the host found: it is kept aside like one that was damaged,
    /// and a new one begun. Before `start`. Returns the sentence.
    virtual std::string set_aside(const std::string& why) = 0;
    /// What device tags are derived by; kept with the rest.
    [[nodiscard]] virtual const std::string& secret() const = 0;
    /// No invitation that was ever kept has a higher number.
    [[nodiscard]] virtual std::uint64_t last_number() const = 0;

    /// Starts to store. `wake` is called, on any thread, when there is progress to be asked for,
    /// and again each millisecond or so until it is, since a wake-up can be lost.
    virtual void start(std::function<void()> wake) = 0;

    /// Gathers changes, perhaps none: to store nothing tells whether it stores at all. Returns
    /// their ticket: 1, 2, …
    virtual std::uint64_t put(Changes changes) = 0;
    /// What was put is to be stored: at the end of each turn of the host's loop, so that one
    /// transaction takes all that the turn has decided.
    virtual void hand_over() = 0;
    virtual Progress progress() = 0;
    [[nodiscard]] virtual Waiting waiting() const = 0;
    /// Looks at what was put and is not stored, as far as is known, in its order.
    virtual void look_at_unstored(
        const std::function<void(std::uint64_t ticket, const Changes& changes)>& look) const = 0;

    /// After a failure: hands back, in their order, the changes that are not stored, and they are
    /// not to be stored any more. All tickets up to now count as `stored`.
    virtual Batch give_up() = 0;
    /// Reads all that is stored, as `load` tells it, again and again until it can be read: told
    /// part by part in `progress`. Nothing is to be put before its end.
    virtual void reload() = 0;

    /// What of this user has ended: answered in `progress`, by `asked`. Delays no commit.
    virtual void ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                             std::optional<HistoryMark> before) = 0;
};

}  // namespace beckon
