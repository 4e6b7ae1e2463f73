// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/clocks.hpp"
#include "host/journal.hpp"
#include "host/store_file.hpp"
#include "store_place.hpp"

namespace beckon {

class Database;
class Waker;

/// Reads pages of history with a connection of its own, which only reads: in WAL mode nobody
/// waits for it who writes. One page at a time, users in turn; the next is not read before the
/// host has asked for the last, so replies are paced by whoever says them. What is too much, for
/// one user or in all, is answered without a page.
///
/// `run` is the reader's thread, all else the host's.
class HistoryReader {
  public:
    struct Asked {
        std::uint64_t asked = 0;
        UserId user;
        std::size_t limit = 0;
        std::optional<HistoryMark> before{};
    };
    struct Options {
        std::shared_ptr<const StorePlace> place;
        Duration history{};
        std::function<ClockReading()> clocks;
        std::shared_ptr<const Waker> wake;
    };

    explicit HistoryReader(Options options);
    ~HistoryReader();
    HistoryReader(const HistoryReader&) = delete;
    HistoryReader& operator=(const HistoryReader&) = delete;

    void ask(Asked asked);
    /// One page at most.
    std::vector<Journal::HistoryAnswer> answers();
    void stop();

    /// Until `stop`.
    void run(const StoreClock& clock);

  private:
    using Lock = std::unique_lock<std::mutex>;
    Asked next();
    std::optional<HistoryPage> read(const Asked& asked, const StoreClock& clock);

    Options options_;
    /// Of `run`; open while there is something to be read.
    std::unique_ptr<Database> database_;
    /// The file that it has open.
    StorePlace::Identity opened_{};

    std::mutex mutex_;
    std::condition_variable work_;
    bool stopping_ = false;
    std::map<UserId, std::deque<Asked>> asked_;
    /// Who has asked, in the order in which they get their next page.
    std::deque<UserId> turns_;
    std::size_t waiting_ = 0;
    std::optional<Journal::HistoryAnswer> answer_;
    std::vector<Journal::HistoryAnswer> refused_;
};

}  // namespace beckon
