// SPDX-License-Identifier: Apache-2.0
#include "store_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "worker.hpp"

namespace beckon {

namespace {

/// A byte that SQLite does not lock: it uses 512 from 0x40000000 on.
constexpr off_t lock_byte = 0x40000000 + 1024;

constexpr auto between_prunings = std::chrono::minutes(1);
constexpr auto between_wakes = std::chrono::milliseconds(1);
constexpr auto between_readings = std::chrono::milliseconds(100);
/// So much is read before the host gets it.
constexpr std::size_t changes_of_a_part = 4000;

std::string why(int error) { return std::error_code(error, std::generic_category()).message(); }

}  // namespace

StoreWriter::StoreWriter(Options options) : options_(std::move(options)), file_(options_.file) {}

StoreWriter::~StoreWriter() {
    file_.close();
    // Not before: closing a file ends all locks of this process on it, SQLite's too.
    if (locked_ >= 0) {
        ::close(locked_);
    }
}

/// Makes the file if there is none, and claims it. Not by SQLite's own locks, so that people
/// can read it meanwhile.
void StoreWriter::lock_file() {
    const std::string& path = options_.file.path;
    locked_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (locked_ < 0) {
        throw Journal::Unusable("cannot open the store " + path + ": " + why(errno));
    }
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = lock_byte;
    lock.l_len = 1;
    if (fcntl(locked_, F_OFD_SETLK, &lock) != 0) {
        const int error = errno;
        ::close(std::exchange(locked_, -1));
        throw Journal::Unusable(error == EAGAIN || error == EACCES
                                    ? "the store " + path +
                                          " is in use by another broker: each needs its own"
                                    : "cannot lock the store " + path + ": " + why(error));
    }
}

std::string StoreWriter::keep_aside(const std::string& why_not) {
    const std::string& path = options_.file.path;
    file_.close();
    ::close(std::exchange(locked_, -1));
    std::string aside;
    for (int n = 1; aside.empty() || std::filesystem::exists(aside); ++n) {
        aside = path + ".corrupt-" + std::to_string(n);
    }
    std::filesystem::rename(path, aside);
    // With its log, which belongs to it; the index of that is made anew.
    std::error_code none;
    std::filesystem::rename(path + "-wal", aside + "-wal", none);
    std::filesystem::remove(path + "-shm", none);
    return "the store " + path + " is damaged (" + why_not + "): it is kept as " + aside +
           ", and a new one begins with nothing pending";
}

std::optional<std::string> StoreWriter::load(const Journal::Tell& tell) {
    std::optional<std::string> damage;
    lock_file();
    try {
        file_.open(options_.clocks(), options_.new_secret);
        file_.tell_all(tell);
    } catch (const StoreFile::Damaged& damaged) {
        damage = keep_aside(damaged.what());
        lock_file();
        file_.open(options_.clocks(), options_.new_secret);
    }
    file_.close();
    return damage;
}

// ------------------------------------------------------------- the host's thread

void StoreWriter::hand_over(Unstored&& gathered, std::uint64_t ticket) {
    Lock lock(mutex_);
    handed_over_ = ticket;
    queue_.add(std::move(gathered));
    notify(lock);
}

void StoreWriter::notify(Lock& lock) {
    // A writer that works looks again by itself.
    const bool waits = std::exchange(idle_, false);
    lock.unlock();
    if (waits) {
        work_.notify_one();
    }
}

Journal::Waiting StoreWriter::waiting() const {
    const Lock lock(mutex_);
    const auto queued = queue_.size();
    const auto writing = writing_.size();
    return {queued.changes + writing.changes, queued.bytes + writing.bytes};
}

void StoreWriter::look_at_unstored(const Unstored::Look& look) const {
    const Lock lock(mutex_);
    writing_.look_at(handed_over_ - queue_.puts().size(), look);
    queue_.look_at(handed_over_, look);
}

Journal::Progress StoreWriter::progress() {
    Lock lock(mutex_);
    has_news_ = false;
    Journal::Progress now{.stored = stored_, .failure = failure_};
    if (part_) {
        now.reloaded = std::move(part_->changes);
        now.reload_began = part_->begins;
        now.reload_ended = part_->ends;
        part_.reset();
        notify(lock);
    }
    return now;
}

std::vector<Changes> StoreWriter::give_up() {
    const Lock lock(mutex_);
    if (!failure_) {
        return {};
    }
    failure_.reset();
    stored_ = handed_over_;
    auto all = std::exchange(writing_, {});
    all.add(std::exchange(queue_, {}));
    return all.take();
}

void StoreWriter::reload() {
    Lock lock(mutex_);
    reloading_ = true;
    ++reload_;
    part_.reset();
    notify(lock);
}

void StoreWriter::stop() {
    Lock lock(mutex_);
    stopping_ = true;
    notify(lock);
}

// ------------------------------------------------------------- the writer's thread

void StoreWriter::run() {
    Lock lock(mutex_);
    for (;;) {
        // Each time that it waits: who calls for what cannot be done yet has ended one wait, and
        // whoever calls next has to end another.
        const auto called = [&] {
            idle_ = !(stopping_ || reloading_ || may_commit());
            return !idle_;
        };
        const bool had_news = has_news_;
        const std::chrono::milliseconds patience = had_news ? between_wakes : between_prunings;
        if (!work_.wait_for(lock, patience, called)) {
            idle_ = false;
            if (has_news_) {
                tell(lock);
            } else if (!had_news) {
                prune(lock);
            }
        } else if (may_commit() && !reloading_) {
            commit(lock);
        } else if (stopping_) {
            break;
        } else if (reloading_) {
            read_all(lock);
        }
    }
}

/// `lock` is not held while the host is woken.
void StoreWriter::tell(Lock& lock) {
    has_news_ = true;
    lock.unlock();
    (*options_.wake)();
    lock.lock();
}

void StoreWriter::commit(Lock& lock) {
    writing_ = std::exchange(queue_, {});
    const auto last = handed_over_;
    lock.unlock();
    std::optional<std::string> failure;
    try {
        open_again();
        file_.write(writing_.puts(), options_.clocks());
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const bool succeeded = !failure;
    Unstored written;
    lock.lock();
    if (succeeded) {
        stored_ = last;
        written = std::exchange(writing_, {});
    } else {
        failure_ = std::move(failure);
    }
    tell(lock);
    if (succeeded) {
        lock.unlock();
        file_.tidy_up();
        written = {};
        lock.lock();
    }
}

void StoreWriter::read_all(Lock& lock) {
    const auto which = reload_;
    lock.unlock();
    Part part{.begins = true};
    try {
        open_again();
        file_.tell_all([&](Change&& change) {
            part.changes.push_back(std::move(change));
            if (part.changes.size() >= changes_of_a_part) {
                hand_part(std::exchange(part, {}), which);
            }
        });
        part.ends = true;
        hand_part(std::move(part), which);
    } catch (const Stopped&) {
        // The host does not want it any more.
    } catch (const std::exception& /*error*/) {
        // Perhaps this connection sees a disk that is gone, and a new one would not.
        file_.close();
        lock.lock();
        idle_ = true;
        work_.wait_for(lock, between_readings, [&] { return stopping_ || reload_ != which; });
        idle_ = false;
        return;
    }
    lock.lock();
}

/// When the host has the part before; wakes it meanwhile, since a wake-up can be lost.
void StoreWriter::hand_part(Part&& part, std::uint64_t which) {
    Lock lock(mutex_);
    const auto is_wanted = [&] { return !stopping_ && reload_ == which; };
    while (part_ && is_wanted()) {
        idle_ = true;
        if (!work_.wait_for(lock, between_wakes, [&] { return !part_ || !is_wanted(); })) {
            tell(lock);
        }
    }
    idle_ = false;
    if (!is_wanted()) {
        throw Stopped();
    }
    reloading_ = !part.ends;
    part_ = std::move(part);
    tell(lock);
}

void StoreWriter::prune(Lock& lock) {
    lock.unlock();
    try {
        open_again();
        file_.prune(options_.clocks());
        file_.tidy_up();
    } catch (const std::exception& /*error*/) {
        // Another time.
    }
    lock.lock();
}

void StoreWriter::open_again() {
    if (!file_.is_open()) {
        file_.reopen();
    }
}

}  // namespace beckon
