// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <thread>
#include <vector>

namespace beckon {

/// The application's listeners of one kind, and the call that is made to one now.
/// Any thread; `tell` by one thread at a time. Calls may come back in to `add` and
/// `remove`.
template <class Listener>
class Listeners {
  public:
    using Call = std::function<void(Listener&)>;

    /// Once, however often it is added.
    void add(Listener* listener) {
        const std::lock_guard lock(mutex_);
        if (listener != nullptr && !find_by([&](auto& e) { return e.listener == listener; })) {
            entries_.push_back({listener, ++last_});
        }
    }

    /// Waits for a call to it that another thread makes.
    void remove(const Listener* listener) {
        std::unique_lock lock(mutex_);
        std::erase_if(entries_, [&](const auto& entry) { return entry.listener == listener; });
        if (calling_ == listener && caller_ != std::this_thread::get_id()) {
            over_.wait(lock, [&, call = calls_] { return calls_ != call || calling_ == nullptr; });
        }
    }

    /// Waits for nothing.
    void clear() {
        const std::lock_guard lock(mutex_);
        entries_.clear();
    }

    /// Makes all the calls to each who is there now and still there when its turn comes.
    void tell(std::initializer_list<Call> calls) {
        std::unique_lock lock(mutex_);
        const auto now = entries_;
        for (const auto& entry : now) {
            for (const auto& call : calls) {
                // By the number: another may have come at the same address.
                if (!find_by([&](auto& e) { return e.number == entry.number; })) {
                    break;
                }
                calling_ = entry.listener;
                caller_ = std::this_thread::get_id();
                ++calls_;
                lock.unlock();
                call(*entry.listener);
                lock.lock();
                calling_ = nullptr;
                over_.notify_all();
            }
        }
    }

  private:
    struct Entry {
        Listener* listener;
        std::uint64_t number;
    };

    template <class Condition>
    bool find_by(Condition condition) const {
        return std::any_of(entries_.begin(), entries_.end(), condition);
    }

    mutable std::mutex mutex_;
    std::condition_variable over_;
    std::vector<Entry> entries_;
    std::uint64_t last_ = 0;
    const Listener* calling_ = nullptr;
    std::thread::id caller_;
    /// Tells one call from the next.
    std::uint64_t calls_ = 0;
};

}  // namespace beckon
