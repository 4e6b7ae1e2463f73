// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/clocks.hpp"
#include "host/journal.hpp"
#include "host/store.hpp"

namespace beckon {

class HistoryReader;
class StoreWriter;
class Unstored;
class Waker;
class Worker;

/// A journal in a store (docs/store.md), which two threads use: one writes, one reads history.
/// Between `load` and `start` the store is closed, so that the host may go into the background.
class StoreJournal : public Journal {
  public:
    struct Options {
        std::unique_ptr<Store> store{};
        /// How old history may be.
        Duration history{};
        /// What device tags are derived by, unless the store has one.
        std::string new_secret{};
        std::function<ClockReading()> clocks = read_clocks;
        /// How long the end waits for the store. Nothing was said of what is not stored then.
        std::chrono::milliseconds patience_at_end{5000};
    };

    explicit StoreJournal(Options options);
    /// Stores what was put, if that takes it. A thread that it does not let go within
    /// `patience_at_end` is left behind with all that it uses; its code has to stay (in a
    /// library: link it with `-z nodelete`).
    ~StoreJournal() override;
    StoreJournal(const StoreJournal&) = delete;
    StoreJournal& operator=(const StoreJournal&) = delete;

    std::optional<std::string> load(const Tell& tell) override;
    std::string set_aside(const std::string& why) override;
    [[nodiscard]] const std::string& secret() const override;
    [[nodiscard]] std::uint64_t last_number() const override;
    void start(std::function<void()> wake) override;
    std::uint64_t put(Changes changes) override;
    void hand_over() override;
    /// A part of a reload and a page of history at most: the next wake follows at once.
    Progress progress() override;
    [[nodiscard]] Waiting waiting() const override;
    /// `look` must not call the journal.
    void look_at_unstored(const std::function<void(std::uint64_t ticket, const Changes& changes)>&
                              look) const override;
    Batch give_up() override;
    void reload() override;
    /// At most one user's 256 wait, and 4096 in all: what is more is answered without a page.
    void ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                     std::optional<HistoryMark> before) override;

  private:
    void read_head();

    std::chrono::milliseconds patience_at_end_;
    std::string secret_;
    std::uint64_t last_number_ = 0;
    std::uint64_t put_ = 0;
    /// Put, but not handed over.
    std::unique_ptr<Unstored> gathered_;

    std::shared_ptr<Waker> wake_;
    std::shared_ptr<StoreWriter> writer_;
    std::shared_ptr<HistoryReader> reader_;
    std::unique_ptr<Worker> writer_thread_;
    std::unique_ptr<Worker> reader_thread_;
};

}  // namespace beckon
