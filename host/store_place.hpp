// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <mutex>
#include <optional>
#include <string>

#include "host/journal.hpp"

namespace beckon {

/// Where the store's file is, and that it is ours: claimed by a lock, so that no two brokers have
/// one, and known by its inode, so that a file that was deleted or replaced is noticed. What is
/// not a store of Beckon is neither opened by SQLite nor moved nor written to.
///
/// The writer's, but for `objection` and `identity`: any thread.
class StorePlace {
  public:
    /// Of a file: that it is this one and no other of the same name.
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        bool operator==(const Identity&) const = default;
    };

    explicit StorePlace(std::string path);
    ~StorePlace();
    StorePlace(const StorePlace&) = delete;
    StorePlace& operator=(const StorePlace&) = delete;

    /// Makes the file if there is none, for its owner only, and claims it. Throws `Unusable`.
    void claim();
    /// Not while SQLite has it open: closing a file ends all locks of this process on it.
    void release();
    /// As it was named, for sentences.
    [[nodiscard]] const std::string& name() const { return name_; }
    /// After `claim`: whole, without symbolic links, and no URI to SQLite.
    [[nodiscard]] const std::string& path() const { return path_; }

    /// Remembers the log and its index, which SQLite has opened.
    void remember_log();
    /// It has closed them.
    void forget_log();
    /// Why what is at the path, or beside it, is not what was opened; nothing: it is.
    [[nodiscard]] std::optional<std::string> objection() const;
    /// Of the file that is claimed.
    [[nodiscard]] Identity identity() const;
    /// The file itself is there; its log may not be.
    [[nodiscard]] bool has_file() const;
    /// Nothing of anybody else has come to where the file and its log were.
    [[nodiscard]] bool is_free_of_others() const;

    /// An empty file beside it, claimed, that can become the store's.
    std::string begin_anew();
    /// It becomes that, on the disk too; nothing else may have come there meanwhile. What has the
    /// old one open is to be closed, then `release_old`.
    void put_anew(const std::string& beside);
    void release_old();

    /// While SQLite has it not open. False: it cannot be written.
    [[nodiscard]] bool make_index_void() const;

    /// Moves it out of the way, with its log. Returns where to.
    std::string move_aside();

  private:
    /// The file, its log and the index of that.
    static constexpr std::array suffixes{"", "-wal", "-shm"};

    void check_header(off_t size) const;
    void lock(int file) const;
    static std::optional<Identity> identity_of(const std::string& path);

    std::string name_;
    std::string path_;
    int claimed_ = -1;
    /// Of the file that is to replace the claimed one, or of the one that was replaced.
    int other_ = -1;
    mutable std::mutex mutex_;
    /// By `suffixes`.
    std::array<std::optional<Identity>, 3> opened_{};
};

}  // namespace beckon
