// SPDX-License-Identifier: Apache-2.0
#include "store_writer.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "worker.hpp"

namespace beckon {

namespace {

constexpr auto between_prunings = std::chrono::minutes(1);
constexpr auto between_readings = std::chrono::milliseconds(100);
/// So much is read before the host gets it.
constexpr std::size_t changes_of_a_part = 4000;

}  // namespace

StoreWriter::StoreWriter(Options options)
    : options_(std::move(options)), store_(std::move(options_.store)) {}

std::optional<std::string> StoreWriter::load(const Journal::Tell& tell) {
    try {
        store_->open(options_.clocks(), options_.new_secret);
        store_->tell_all(tell);
    } catch (const Store::Damaged& damaged) {
        return set_aside(damaged.what());
    }
    store_->close();
    return std::nullopt;
}

std::string StoreWriter::set_aside(const std::string& why) {
    auto sentence = store_->set_aside(why, options_.clocks(), options_.new_secret);
    store_->close();
    return sentence;
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
    // Freed here and not by the writer: this thread allocated it, and does so again.
    Unstored written;
    Lock lock(mutex_);
    has_news_ = false;
    written = std::exchange(written_, {});
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

Batch StoreWriter::give_up() {
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
    try {
        // From now on it is open, so that it is not lost when its name is.
        open_again();
    } catch (const std::exception& /*error*/) {
        // The first commit says so.
    }
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
        store_->write(writing_.puts(), options_.clocks());
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const bool succeeded = !failure;
    lock.lock();
    if (succeeded) {
        stored_ = last;
        written_.add(std::exchange(writing_, {}));
    } else {
        failure_ = std::move(failure);
    }
    tell(lock);
    if (succeeded) {
        lock.unlock();
        store_->tidy_up();
        lock.lock();
    }
}

void StoreWriter::read_all(Lock& lock) {
    const auto which = reload_;
    lock.unlock();
    Part part{.begins = true};
    try {
        open_again();
        store_->tell_all([&](Change&& change) {
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
        // But one that was deleted is nowhere else than here.
        if (!store_->is_misplaced()) {
            store_->close();
        }
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
        store_->prune(options_.clocks());
        store_->tidy_up();
    } catch (const std::exception& /*error*/) {
        // Another time.
    }
    lock.lock();
}

void StoreWriter::open_again() {
    if (!store_->is_open()) {
        store_->reopen();
    }
}

}  // namespace beckon
