// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "host/clocks.hpp"
#include "host/journal.hpp"
#include "host/store.hpp"
#include "unstored.hpp"

namespace beckon {

class Waker;

/// The half of the journal that waits for the disk: commits all that has been handed over
/// meanwhile as one transaction, so the more there is, the less each costs; reads all that is
/// stored when it is to be reloaded; prunes history when nobody waits.
///
/// `run` is the writer's thread, all else the host's, which waits for no disk but in `load`.
class StoreWriter {
  public:
    struct Options {
        std::unique_ptr<Store> store{};
        std::string new_secret{};
        std::function<ClockReading()> clocks;
        std::shared_ptr<const Waker> wake;
    };

    explicit StoreWriter(Options options);
    ~StoreWriter() = default;
    StoreWriter(const StoreWriter&) = delete;
    StoreWriter& operator=(const StoreWriter&) = delete;

    std::optional<std::string> load(const Journal::Tell& tell);
    /// As `Journal::set_aside`.
    std::string set_aside(const std::string& why);
    [[nodiscard]] const Store& store() const { return *store_; }

    /// Up to this ticket.
    void hand_over(Unstored&& gathered, std::uint64_t ticket);
    [[nodiscard]] Journal::Waiting waiting() const;
    void look_at_unstored(const Unstored::Look& look) const;
    /// Without history.
    Journal::Progress progress();
    Batch give_up();
    void reload();
    /// After what was handed over is stored, if the disk takes it.
    void stop();

    /// Until `stop`.
    void run();

  private:
    using Lock = std::unique_lock<std::mutex>;
    /// Ends a reading that the host does not want any more.
    struct Stopped {};
    struct Part {
        Changes changes{};
        bool begins = false;
        bool ends = false;
    };

    [[nodiscard]] bool may_commit() const { return !failure_ && !queue_.empty(); }
    void notify(Lock& lock);
    void commit(Lock& lock);
    void read_all(Lock& lock);
    void hand_part(Part&& part, std::uint64_t which);
    void prune(Lock& lock);
    void open_again();
    void tell(Lock& lock);

    Options options_;
    /// Of the writer, once it runs.
    std::unique_ptr<Store> store_;

    mutable std::mutex mutex_;
    std::condition_variable work_;
    bool idle_ = false;
    /// Progress has been made that nobody has asked for.
    bool has_news_ = false;
    bool stopping_ = false;
    Unstored queue_;
    /// What is being written, or could not be. The writer reads it without the lock, so it does
    /// not change meanwhile.
    Unstored writing_;
    /// And what was, until the host has heard of it.
    Unstored written_;
    std::uint64_t handed_over_ = 0;
    std::uint64_t stored_ = 0;
    std::optional<std::string> failure_;
    bool reloading_ = false;
    /// The last one that was asked for.
    std::uint64_t reload_ = 0;
    std::optional<Part> part_;
};

}  // namespace beckon
