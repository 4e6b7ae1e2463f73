// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "host/store.hpp"

namespace beckon {

class Database;
class StorePlace;
struct SqlError;

/// The file that the store keeps: its tables, its versions, and how changes are written
/// there and told again. It is an SQLite database in WAL mode; docs/store.md describes
/// it to people. Errors are thrown as `SqlError`.
class StoreFile final : public Store {
  public:
    struct Options {
        std::string path;
        /// Each commit reaches the disk; else the system's memory.
        bool sync_always = true;
        Duration history{};
        std::int64_t max_history = 0;
        /// So many pages of the log are moved into the file at once.
        int checkpoint_pages = 1000;
    };

    explicit StoreFile(Options options);
    ~StoreFile() override;
    StoreFile(const StoreFile&) = delete;
    StoreFile& operator=(const StoreFile&) = delete;

    /// Claims the file, which is made if there is none, and brings it to the present version.
    /// `secret` is kept if there is none. Throws `Unusable`, `Damaged`.
    void open(const ClockReading& now, std::string_view secret) override;
    /// It stays claimed.
    void close() override;
    void reopen() override;
    [[nodiscard]] bool is_open() const override;
    /// It was deleted or replaced.
    [[nodiscard]] bool is_misplaced() const override;
    std::string set_aside(const std::string& why, const ClockReading& now,
                          std::string_view secret) override;
    /// After `Damaged`: moves it out of the way; `open` makes a new one. Returns where to.
    std::string move_aside();

    void tell_all(const Journal::Tell& tell) override;
    /// What is there for history only, by changes that make it.
    void tell_history(const Journal::Tell& tell);
    [[nodiscard]] std::uint64_t last_number() const override { return counts_.last_number; }
    [[nodiscard]] const std::string& secret() const override { return secret_; }
    [[nodiscard]] const StoreClock& clock() const override { return clock_; }

    /// A file that was deleted or replaced is an exception; where nothing stands in the way, the
    /// next `write` makes it anew, with all that is stored: what was deleted is still open.
    void write(const Batch& batch, const ClockReading& now) override;
    /// Moves what the log holds into the file when it has grown.
    void tidy_up() noexcept override;
    bool prune(const ClockReading& now) override;
    [[nodiscard]] std::unique_ptr<HistorySource> history_source() const override;

  private:
    [[noreturn]] void cannot_use(const SqlError& error) const;
    void check_application();
    void check_place();
    void mend();
    void open_place();
    bool make_index_void();
    void notice_lost_index();
    [[nodiscard]] std::string lost_index() const;
    void get_ready();
    void write_all(const Batch& batch, const ClockReading& now);
    void close_without_checkpoint();
    void migrate(const ClockReading& now, std::string_view secret);
    void read_broker(const ClockReading& now);
    void ready();
    [[nodiscard]] HistoryLimits history_limits() const;
    void keep_clock(const ClockReading& now);
    void write_over_failed(const ClockReading& now) noexcept;
    void roll_back() noexcept;

    Options options_;
    std::shared_ptr<StorePlace> place_;
    std::unique_ptr<Database> database_;
    /// Something else stands where the file was, or nothing.
    bool is_misplaced_ = false;
    /// The connection is of no more use: it only reads, or the index of its log is lost.
    bool is_spoilt_ = false;
    /// The index of the log may not know all that the log has: it has to be made anew.
    bool is_index_void_ = false;
    std::string secret_;
    StoreClock clock_;
    StoreCounts counts_;
    int log_pages_ = 0;
};

}  // namespace beckon
