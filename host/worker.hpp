// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace beckon {

/// A thread that may be stuck in a disk's hands when its time has come.
class Worker {
  public:
    /// `run` owns all that it uses, since it may outlive this. It gets no signals: those are for
    /// the host.
    void start(std::function<void()> run);
    [[nodiscard]] bool is_started() const { return thread_.joinable(); }
    /// After it was told to end. False: it did not in this time, and is left behind.
    bool end_within(std::chrono::milliseconds patience);

  private:
    std::thread thread_;
    std::future<void> ended_;
};

/// How often the host is woken while there is news that it has not fetched.
inline constexpr std::chrono::milliseconds between_wakes{1};

/// Wakes the host, from any thread, until the host is gone.
class Waker {
  public:
    void set(std::function<void()> wake);
    void operator()() const;

  private:
    mutable std::mutex mutex_;
    std::function<void()> wake_;
};

}  // namespace beckon
