// SPDX-License-Identifier: Apache-2.0
#include "store_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "store_versions.hpp"

namespace beckon {

namespace {

namespace fs = std::filesystem;

/// A byte that SQLite does not lock: it uses 512 from 0x40000000 on.
constexpr off_t lock_byte = 0x40000000 + 1024;

/// Of the header of an SQLite database (https://sqlite.org/fileformat.html).
constexpr std::size_t header_size = 100;
constexpr std::size_t application_id_at = 68;
using namespace std::string_view_literals;
constexpr auto magic = "SQLite format 3\0"sv;
/// A power cut may leave so much of a file that was being made: nothing but zeros.
constexpr off_t first_page = 4096;

std::string why(int error) { return std::error_code(error, std::generic_category()).message(); }

std::int64_t application_id_in(std::string_view header) {
    std::int64_t id = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        id = id * 256 + static_cast<unsigned char>(header[application_id_at + i]);
    }
    return id;
}

bool is_there(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0;
}

/// The names in it, to the disk.
void sync_folder_of(const std::string& path) {
    const int folder =
        ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        ::close(folder);
    }
}

/// Where nothing is.
void move(const std::string& from, const std::string& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
        return;
    }
    // Some file systems cannot do this in one step.
    if (errno != EINVAL || is_there(to) || rename(from.c_str(), to.c_str()) != 0) {
        throw Journal::Unusable("cannot move " + from + " to " + to + ": " + why(errno));
    }
}

}  // namespace

StorePlace::StorePlace(std::string path) : name_(std::move(path)) {}

StorePlace::~StorePlace() {
    release_old();
    release();
}

// ------------------------------------------------------------- claiming

void StorePlace::claim() {
    struct stat info {};
    // Before it is opened: that does something to a device.
    if (stat(name_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        throw Journal::Unusable("the store " + name_ + " is no regular file: name another");
    }
    claimed_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                      S_IRUSR | S_IWUSR);
    if (claimed_ < 0) {
        throw Journal::Unusable("cannot open the store " + name_ + ": " + why(errno));
    }
    try {
        std::error_code error;
        path_ = fs::canonical(name_, error).string();
        if (error || fstat(claimed_, &info) != 0) {
            throw Journal::Unusable("cannot find the store " + name_ + ": " +
                                    (error ? error.message() : why(errno)));
        }
        lock(claimed_);
        check_header(info.st_size);
    } catch (...) {
        release();
        throw;
    }
    const std::lock_guard lock(mutex_);
    opened_ = {Identity{info.st_dev, info.st_ino}};
}

void StorePlace::release() {
    if (claimed_ >= 0) {
        ::close(std::exchange(claimed_, -1));
    }
}

/// Not by SQLite's own locks, so that people can read it meanwhile.
void StorePlace::lock(int file) const {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = lock_byte;
    lock.l_len = 1;
    if (fcntl(file, F_OFD_SETLK, &lock) == 0) {
        return;
    }
    const int error = errno;
    throw Journal::Unusable(error == EAGAIN || error == EACCES
                                ? "the store " + name_ +
                                      " is in use by another broker: each needs its own"
                                : "cannot lock the store " + name_ + ": " + why(error));
}

/// Before SQLite opens it: that may write to what it takes for a database in need of it.
void StorePlace::check_header(off_t size) const {
    std::array<char, first_page> bytes{};
    const auto got = pread(claimed_, bytes.data(), bytes.size(), 0);
    if (got < 0) {
        throw Journal::Unusable("cannot read the store " + name_ + ": " + why(errno));
    }
    if (got == 0) {
        return;  // to be begun
    }
    const std::string_view start(bytes.data(), static_cast<std::size_t>(got));
    if (start.size() < header_size || !start.starts_with(magic)) {
        if (size <= first_page && start.find_first_not_of('\0') == std::string_view::npos &&
            ftruncate(claimed_, 0) == 0) {
            return;
        }
        throw Journal::Unusable("the store " + name_ + " is no store of Beckon: name another file");
    }
    const auto id = application_id_in(start);
    // One that was killed in its first moments: the log has the rest, and `StoreFile` looks there.
    struct stat log {};
    const bool may_be_ours =
        id == 0 && stat((path_ + "-wal").c_str(), &log) == 0 && log.st_size > 0;
    if (id != store_application_id && !may_be_ours) {
        throw Journal::Unusable("the store " + name_ +
                                " is a database of something else than Beckon: name another file");
    }
}

// ------------------------------------------------------------- what stands there

std::optional<StorePlace::Identity> StorePlace::identity_of(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) {
        return std::nullopt;
    }
    return Identity{info.st_dev, info.st_ino};
}

void StorePlace::remember_log() {
    const auto log = identity_of(path_ + suffixes[1]);
    const auto index = identity_of(path_ + suffixes[2]);
    const std::lock_guard lock(mutex_);
    opened_[1] = log;
    opened_[2] = index;
}

void StorePlace::forget_log() {
    const std::lock_guard lock(mutex_);
    opened_[1].reset();
    opened_[2].reset();
}

std::optional<std::string> StorePlace::objection() const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < suffixes.size(); ++i) {
        const auto there = identity_of(path_ + suffixes[i]);
        if (opened_[i] && there != opened_[i]) {
            return name_ + suffixes[i] +
                   (there ? " is not the file any more that the broker has open: put that back, or "
                            "start the broker anew to use what is there now"
                          : " is not there any more, which the broker has open");
        }
    }
    return std::nullopt;
}

StorePlace::Identity StorePlace::identity() const {
    const std::lock_guard lock(mutex_);
    return opened_[0].value_or(Identity{});
}

bool StorePlace::has_file() const { return identity_of(path_) == identity(); }

bool StorePlace::is_free_of_others() const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < suffixes.size(); ++i) {
        const auto there = identity_of(path_ + suffixes[i]);
        if (there && there != opened_[i]) {
            return false;
        }
    }
    return true;
}

// ------------------------------------------------------------- another file in its place

std::string StorePlace::begin_anew() {
    release_old();
    std::string beside;
    for (int n = 1; other_ < 0; ++n) {
        beside = path_ + ".new-" + std::to_string(n);
        other_ = ::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (other_ < 0 && errno != EEXIST) {
            throw Journal::Unusable("cannot make " + beside + ": " + why(errno));
        }
    }
    lock(other_);
    return beside;
}

void StorePlace::put_anew(const std::string& beside) {
    struct stat info {};
    if (fsync(other_) != 0 || fstat(other_, &info) != 0) {
        throw Journal::Unusable("cannot write " + beside + ": " + why(errno));
    }
    // An old log would be taken for the new file's. What has it open has it still.
    for (const auto* const suffix : {suffixes[1], suffixes[2]}) {
        fs::remove(path_ + suffix);
    }
    move(beside, path_);
    sync_folder_of(path_);
    std::swap(claimed_, other_);
    const std::lock_guard lock(mutex_);
    opened_ = {Identity{info.st_dev, info.st_ino}};
}

void StorePlace::release_old() {
    if (other_ >= 0) {
        ::close(std::exchange(other_, -1));
    }
}

bool StorePlace::make_index_void() const {
    /// Both copies of the header, which say how far the log goes.
    constexpr std::array<char, 96> header{};
    const int index = ::open((path_ + suffixes[2]).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (index < 0) {
        return errno == ENOENT;
    }
    const auto written = pwrite(index, header.data(), header.size(), 0);
    ::close(index);
    return written == static_cast<ssize_t>(header.size());
}

std::string StorePlace::move_aside() {
    std::string aside;
    for (int n = 1; aside.empty() || is_there(aside) || is_there(aside + "-wal"); ++n) {
        aside = path_ + ".corrupt-" + std::to_string(n);
    }
    if (!has_file()) {
        throw Journal::Unusable("the store " + name_ + " is damaged, and not there any more");
    }
    move(path_, aside);
    // With its log, which belongs to it; the index of that is made anew.
    if (is_there(path_ + suffixes[1])) {
        move(path_ + suffixes[1], aside + suffixes[1]);
    }
    std::error_code none;
    fs::remove(path_ + suffixes[2], none);
    return aside;
}

}  // namespace beckon
