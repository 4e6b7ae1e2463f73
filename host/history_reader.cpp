// SPDX-License-Identifier: Apache-2.0
#include "history_reader.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "worker.hpp"

namespace beckon {

namespace {

constexpr std::size_t most_of_a_user = 256;
constexpr std::size_t most_waiting = 4096;

}  // namespace

HistoryReader::HistoryReader(Options options) : options_(std::move(options)) {}
HistoryReader::~HistoryReader() = default;

void HistoryReader::ask(Asked asked) {
    Lock lock(mutex_);
    const auto of_user = asked_.find(asked.user);
    if (waiting_ >= most_waiting ||
        (of_user != asked_.end() && of_user->second.size() >= most_of_a_user)) {
        refused_.push_back({.asked = asked.asked});
        lock.unlock();
        // The thread may be stuck.
        (*options_.wake)();
    } else {
        if (of_user == asked_.end()) {
            turns_.push_back(asked.user);
        }
        ++waiting_;
        asked_[asked.user].push_back(asked);
        work_.notify_one();
    }
}

std::vector<Journal::HistoryAnswer> HistoryReader::answers() {
    const Lock lock(mutex_);
    auto answers = std::exchange(refused_, {});
    if (answer_) {
        answers.push_back(std::move(*std::exchange(answer_, std::nullopt)));
        work_.notify_one();
    }
    return answers;
}

void HistoryReader::stop() {
    const Lock lock(mutex_);
    stopping_ = true;
    work_.notify_one();
}

void HistoryReader::run(HistorySource& source) {
    bool is_open = false;
    Lock lock(mutex_);
    while (!stopping_) {
        const bool has_news = answer_ || !refused_.empty();
        if (has_news) {
            // Again and again, since a wake-up can be lost.
            lock.unlock();
            (*options_.wake)();
            lock.lock();
        }
        if (is_open && turns_.empty()) {
            lock.unlock();
            source.close();
            is_open = false;
            lock.lock();
            continue;
        }
        if (answer_ || turns_.empty()) {
            const auto has_work = [&] {
                return stopping_ || !refused_.empty() || (!answer_ && !turns_.empty());
            };
            if (has_news) {
                work_.wait_for(lock, between_wakes);
            } else {
                work_.wait(lock, has_work);
            }
            continue;
        }
        const Asked asked = next();
        lock.unlock();
        is_open = true;
        auto page = read(asked, source);
        lock.lock();
        answer_ = {.asked = asked.asked, .page = std::move(page)};
    }
    lock.unlock();
    source.close();
}

/// Of the user whose turn it is.
HistoryReader::Asked HistoryReader::next() {
    const UserId user = turns_.front();
    turns_.pop_front();
    const auto of_user = asked_.find(user);
    Asked asked = of_user->second.front();
    of_user->second.pop_front();
    if (of_user->second.empty()) {
        asked_.erase(of_user);
    } else {
        turns_.push_back(user);
    }
    --waiting_;
    return asked;
}

std::optional<HistoryPage> HistoryReader::read(const Asked& asked, HistorySource& source) const {
    try {
        return source.page(asked.user, asked.limit, asked.before,
                           options_.clocks().since_boot - options_.history);
    } catch (const std::exception& /*error*/) {
        return std::nullopt;
    }
}

}  // namespace beckon
