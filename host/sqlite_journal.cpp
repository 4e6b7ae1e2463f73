// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

namespace beckon {

namespace {

/// A byte that SQLite does not lock: it uses 512 from 0x40000000 on.
constexpr off_t lock_byte = 0x40000000 + 1024;

constexpr auto between_prunings = std::chrono::minutes(1);
constexpr auto between_wakes = std::chrono::milliseconds(1);
constexpr auto between_readings = std::chrono::milliseconds(100);

std::string why(int error) { return std::error_code(error, std::generic_category()).message(); }

}  // namespace

SqliteJournal::SqliteJournal(Options options)
    : options_(std::move(options)), file_(options_.file) {}

SqliteJournal::~SqliteJournal() {
    if (writer_.joinable()) {
        hand_over();
        {
            const Lock lock(mutex_);
            stopping_ = true;
        }
        work_.notify_one();
        writer_.join();
    }
    file_.close();
    // Not before: closing a file ends all locks of this process on it, SQLite's too.
    if (locked_ >= 0) {
        ::close(locked_);
    }
}

/// Makes the file if there is none, and claims it. Not by SQLite's own locks, so that people
/// can read it meanwhile.
void SqliteJournal::lock_file() {
    const std::string& path = options_.file.path;
    locked_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (locked_ < 0) {
        throw StoreFile::Unusable("cannot open the store " + path + ": " + why(errno));
    }
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = lock_byte;
    lock.l_len = 1;
    if (fcntl(locked_, F_OFD_SETLK, &lock) != 0) {
        const int error = errno;
        ::close(std::exchange(locked_, -1));
        throw StoreFile::Unusable(error == EAGAIN || error == EACCES
                                      ? "the store " + path +
                                            " is in use by another broker: each needs its own"
                                      : "cannot lock the store " + path + ": " + why(error));
    }
}

std::string SqliteJournal::keep_aside(const std::string& why_not) {
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

std::optional<std::string> SqliteJournal::load(const StoreFile::Tell& tell) {
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

void SqliteJournal::start(std::function<void()> wake) {
    wake_ = std::move(wake);
    // The host's signals are for the host.
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        writer_ = std::thread([this] { run(); });
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// ------------------------------------------------------------- the host's thread

std::uint64_t SqliteJournal::put(Changes changes) {
    gathered_changes_ += changes.size();
    gathered_.push_back(std::move(changes));
    return ++put_;
}

void SqliteJournal::hand_over() {
    if (gathered_.empty()) {
        return;
    }
    Lock lock(mutex_);
    waiting_ += std::exchange(gathered_changes_, 0);
    handed_over_ = put_;
    std::ranges::move(gathered_, std::back_inserter(queue_));
    gathered_.clear();
    notify(lock);
}

void SqliteJournal::notify(Lock& lock) {
    // A writer that works looks again by itself.
    const bool waits = std::exchange(idle_, false);
    lock.unlock();
    if (waits) {
        work_.notify_one();
    }
}

SqliteJournal::Progress SqliteJournal::progress() {
    const Lock lock(mutex_);
    has_news_ = false;
    Progress now{.committed = progress_.committed,
                 .failure = progress_.failure,
                 .put_back = std::exchange(progress_.put_back, std::nullopt),
                 .history = std::exchange(progress_.history, {})};
    return now;
}

void SqliteJournal::give_up() {
    hand_over();
    Lock lock(mutex_);
    giving_up_ = progress_.failure.has_value();
    notify(lock);
}

void SqliteJournal::ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                                std::optional<HistoryMark> before) {
    hand_over();
    Lock lock(mutex_);
    asked_.push_back({asked, std::move(user), limit, before});
    notify(lock);
}

std::size_t SqliteJournal::waiting() const {
    const Lock lock(mutex_);
    return gathered_changes_ + waiting_;
}

// ------------------------------------------------------------- the writer's thread

void SqliteJournal::run() {
    Lock lock(mutex_);
    const auto may_commit = [this] { return !progress_.failure && !queue_.empty(); };
    const auto has_work = [&] {
        return stopping_ || giving_up_ || may_commit() || !asked_.empty();
    };
    for (;;) {
        // Each time that it waits: who calls for what cannot be done yet has ended one wait, and
        // whoever calls next has to end another.
        const auto called = [&] {
            idle_ = !has_work();
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
            continue;
        }
        if (may_commit()) {
            commit(lock);
        } else if (stopping_) {
            break;
        } else if (giving_up_) {
            read_back(lock);
        } else if (!asked_.empty()) {
            answer(lock);
        }
    }
}

/// `lock` is not held while the host is woken.
void SqliteJournal::tell(Lock& lock) {
    has_news_ = true;
    lock.unlock();
    wake_();
    lock.lock();
}

void SqliteJournal::commit(Lock& lock) {
    auto batch = std::exchange(queue_, {});
    const auto last = handed_over_;
    waiting_ = 0;
    lock.unlock();
    std::optional<std::string> failure;
    try {
        open_again();
        file_.write(batch, options_.clocks());
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const bool succeeded = !failure;
    lock.lock();
    if (succeeded) {
        progress_.committed = last;
    } else {
        progress_.failure = std::move(failure);
        failed_ = std::move(batch);
    }
    tell(lock);
    lock.unlock();
    if (succeeded) {
        file_.tidy_up();
    }
    batch.clear();
    lock.lock();
}

void SqliteJournal::read_back(Lock& lock) {
    std::move(queue_.begin(), queue_.end(), std::back_inserter(failed_));
    queue_.clear();
    waiting_ = 0;
    const auto last = handed_over_;
    const auto touched = std::exchange(failed_, {});
    lock.unlock();
    std::optional<Changes> stored;
    try {
        open_again();
        stored = file_.as_stored(touched);
    } catch (const std::exception& /*error*/) {
        // Perhaps this connection sees a disk that is gone, and a new one would not.
        file_.close();
    }
    lock.lock();
    failed_ = touched;
    if (!stored) {
        work_.wait_for(lock, between_readings, [this] { return stopping_; });
        return;
    }
    if (handed_over_ != last) {
        return;  // more has been put on the same sand
    }
    failed_.clear();
    giving_up_ = false;
    progress_.failure.reset();
    progress_.committed = last;
    progress_.put_back = std::move(stored);
    tell(lock);
}

void SqliteJournal::answer(Lock& lock) {
    const auto asked = std::exchange(asked_, {});
    lock.unlock();
    std::vector<HistoryAnswer> answers;
    for (const HistoryAsked& one : asked) {
        answers.push_back({.asked = one.asked});
        try {
            open_again();
            answers.back().page = file_.history(one.user, one.limit, one.before, options_.clocks());
        } catch (const std::exception& /*error*/) {
            // No page says it.
        }
    }
    lock.lock();
    std::move(answers.begin(), answers.end(), std::back_inserter(progress_.history));
    tell(lock);
}

void SqliteJournal::prune(Lock& lock) {
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

void SqliteJournal::open_again() {
    if (!file_.is_open()) {
        file_.reopen();
    }
}

}  // namespace beckon
