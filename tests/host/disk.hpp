// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

struct sqlite3_vfs;

namespace beckon {

/// Between SQLite and the real files, as its default VFS while this lives: records what is
/// written, and fails on demand. Syncs are not done but recorded: tests that cut the power
/// do so in `Operation`s, not in the building.
class Disk {
  public:
    enum class Where : std::uint8_t { here, without_shared_memory };
    explicit Disk(Where where = Where::here);
    ~Disk();
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    struct Operation {
        enum class Kind : std::uint8_t { write, truncate, sync, remove, mark };
        Kind kind = Kind::write;
        /// The file's name without its folder.
        std::string file{};
        std::int64_t offset = 0;  ///< or the size that a truncate leaves, or what was marked
        std::string bytes{};
    };
    using Operations = std::vector<Operation>;
    /// What has been done so far.
    Operations operations() const;
    /// Notes a moment among them.
    void mark(std::int64_t what);

    /// What an operation is to fail with; 0: it does not.
    using Failing = std::function<int(Operation::Kind kind, std::int64_t nth)>;
    /// Asked for each write, truncate and sync from now on, counted from 0 again.
    void fail(Failing failing);
    /// How many were asked for since then.
    std::int64_t asked() const;

    /// The next operation of this kind does not come back before `go_on`.
    void hang(Operation::Kind kind);
    /// Until one hangs.
    void wait_for_hang();
    void go_on();

    [[nodiscard]] bool has_shared_memory() const { return where_ == Where::here; }
    /// For the file methods.
    int before(Operation operation);

  private:
    Where where_;
    mutable std::mutex mutex_;
    Operations operations_;
    Failing failing_;
    std::int64_t asked_ = 0;
    std::condition_variable changed_;
    std::optional<Operation::Kind> hanging_;
    bool is_stuck_ = false;
    sqlite3_vfs* vfs_ = nullptr;
};

/// The files that a disk has after these operations, by name.
using Files = std::map<std::string, std::string>;
void perform(Files& files, const Disk::Operation& operation);

}  // namespace beckon
