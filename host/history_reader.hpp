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
#include "host/store.hpp"

namespace beckon {

class Waker;

/// Reads pages of history: one at a time, users in turn; the next is not read before the host has
/// asked for the last, so replies are paced by whoever says them. What is too much, for one user or
/// in all, is answered without a page.
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
    void run(HistorySource& source);

  private:
    using Lock = std::unique_lock<std::mutex>;
    Asked next();
    std::optional<HistoryPage> read(const Asked& asked, HistorySource& source) const;

    Options options_;
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
