// SPDX-License-Identifier: Apache-2.0
#include "worker.hpp"

#include <csignal>
#include <utility>

namespace beckon {

void Worker::start(std::function<void()> run) {
    std::packaged_task<void()> task(std::move(run));
    ended_ = task.get_future();
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    // But this one is for whoever caused it (`GuardedMemory`).
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread(std::move(task));
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool Worker::end_within(std::chrono::milliseconds patience) {
    if (!is_started()) {
        return true;
    }
    if (ended_.wait_for(patience) != std::future_status::ready) {
        thread_.detach();
        return false;
    }
    thread_.join();
    return true;
}

void Waker::set(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
}

void Waker::operator()() const {
    const std::lock_guard lock(mutex_);
    if (wake_) {
        wake_();
    }
}

}  // namespace beckon
