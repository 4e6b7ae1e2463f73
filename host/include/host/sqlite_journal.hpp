// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/clocks.hpp"
#include "host/store_file.hpp"
#include "judge/changes.hpp"

namespace beckon {

/// Keeps on disk what the switchboard remembers (contract, section 8): whoever holds back
/// what a request says until its changes are committed has stored before said.
///
///     SqliteJournal store(options);
///     if (const auto damage = store.load(restore)) …   // log it, restore into a new switchboard
///     store.start(wake);                               // at the first tick
///
///     held.push_back({store.put(changes), effects});   // a request: nothing is said yet
///     store.hand_over();                               // at the end of each turn of the loop
///
///     auto progress = store.progress();                // after a wake, before anything else
///     … say what is held up to progress.committed
///     if (progress.failure)                            // what is held after that is not stored:
///         … each gets storage_unavailable; store.give_up();
///         … and so does each request until progress.put_back: that restores memory
///
/// The host's thread never waits for the disk. A writer thread commits all that has been
/// handed over meanwhile as one transaction, so the more there is, the less each costs. A failure
/// concerns everything put after what is committed, since that rests on it; after `put_back`
/// the next `put` tries the disk again, so a disk that recovers is all it takes.
///
/// All calls on the host's thread; `wake` is called on the writer's. Between `load` and
/// `start` nothing is open but a lock, so that the host may go into the background.
class SqliteJournal {
  public:
    struct Options {
        StoreFile::Options file{};
        /// What device tags are derived by, unless the store has one.
        std::string new_secret{};
        std::function<ClockReading()> clocks = read_clocks;
    };

    explicit SqliteJournal(Options options);
    /// Commits what was put, if the disk lets it.
    ~SqliteJournal();
    SqliteJournal(const SqliteJournal&) = delete;
    SqliteJournal& operator=(const SqliteJournal&) = delete;

    /// Opens the file, made if there is none (for its owner only), and tells what it holds, by
    /// the changes that make it. Returns a sentence when the file was damaged: it is kept
    /// aside, a new one begun, and what was told is void. Throws `StoreFile::Unusable` with the
    /// sentence that says why it cannot be used: another broker has it, a later Beckon made
    /// it, …
    std::optional<std::string> load(const StoreFile::Tell& tell);
    [[nodiscard]] const std::string& secret() const { return file_.secret(); }
    /// No invitation that was ever kept has a higher number.
    [[nodiscard]] std::uint64_t last_number() const { return file_.last_number(); }

    /// Starts the writer. `wake` is called when there is progress to be asked for, and again
    /// each millisecond or so until it is, since a wake-up can be lost.
    void start(std::function<void()> wake);

    /// Gathers changes for the writer. Returns their ticket: 1, 2, …
    std::uint64_t put(Changes changes);
    /// What was put is to be written: at the end of each turn of the host's loop, so that one
    /// transaction takes all that the turn has decided.
    void hand_over();

    struct HistoryAnswer {
        std::uint64_t asked = 0;
        /// Nothing: it cannot be read now.
        std::optional<HistoryPage> page{};
    };
    struct Progress {
        /// All up to this ticket are stored, but for those given up.
        std::uint64_t committed = 0;
        /// Why what was put after that could not be stored; until `give_up`.
        std::optional<std::string> failure{};
        /// What makes memory as the store is, after `give_up`: each invitation or group that
        /// the given up changes touched is forgotten first, then told if it is there.
        std::optional<Changes> put_back{};
        std::vector<HistoryAnswer> history{};
    };
    Progress progress();
    /// All that was put after `committed` is not to be stored any more.
    void give_up();

    /// What of this user has ended: answered in `progress`, by `asked`.
    void ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                     std::optional<HistoryMark> before);

    /// How many changes wait for the disk: a host bounds them.
    [[nodiscard]] std::size_t waiting() const;

  private:
    struct HistoryAsked {
        std::uint64_t asked = 0;
        UserId user;
        std::size_t limit = 0;
        std::optional<HistoryMark> before{};
    };
    using Lock = std::unique_lock<std::mutex>;

    void lock_file();
    std::string keep_aside(const std::string& why);
    void run();
    void commit(Lock& lock);
    void read_back(Lock& lock);
    void answer(Lock& lock);
    void prune(Lock& lock);
    void open_again();
    void tell(Lock& lock);
    void notify(Lock& lock);

    Options options_;
    StoreFile file_;
    int locked_ = -1;
    std::function<void()> wake_;

    /// Put, but not handed over; of the host's thread.
    std::vector<Changes> gathered_;
    std::size_t gathered_changes_ = 0;
    std::uint64_t put_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable work_;
    bool idle_ = false;
    /// Progress has been made that nobody has asked for.
    bool has_news_ = false;
    bool stopping_ = false;
    bool giving_up_ = false;
    std::vector<Changes> queue_;
    /// What could not be written, and what was put since.
    std::vector<Changes> failed_;
    std::vector<HistoryAsked> asked_;
    std::uint64_t handed_over_ = 0;
    std::size_t waiting_ = 0;
    Progress progress_;

    std::thread writer_;
};

}  // namespace beckon
