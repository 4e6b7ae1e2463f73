// SPDX-License-Identifier: Apache-2.0
#include "wakeup.hpp"

#include <unistd.h>

#include <csignal>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace beckon {

namespace {

// libwebsockets writes what the broker queued for it one or two loops later.
constexpr int ticks_after_hurry = 3;
constexpr long again_ns = 1'000'000;

void interrupt(int /*signal*/) {}

/// Claims a real-time signal that nobody in this process uses; 0: there is none.
int claim_signal() {
    for (int signal = SIGRTMIN + 1; signal <= SIGRTMAX; ++signal) {
        struct sigaction old {};
        if (sigaction(signal, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) {
            continue;
        }
        struct sigaction ours {};
        ours.sa_handler = interrupt;
        // A wait for descriptors ends in spite of it; nothing else should.
        ours.sa_flags = SA_RESTART;
        if (sigaction(signal, &ours, nullptr) == 0) {
            return signal;
        }
    }
    return 0;
}

}  // namespace

Wakeup::~Wakeup() {
    if (timer_) {
        timer_delete(*timer_);
    }
    if (signal_ != 0) {
        static_cast<void>(std::signal(signal_, SIG_IGN));
    }
}

const char* Wakeup::start() {
    signal_ = claim_signal();
    if (signal_ == 0) {
        return "no real-time signal is free";
    }
    thread_ = gettid();
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal_;
    event.sigev_notify_thread_id = thread_;
    timer_t timer{};
    if (timer_create(CLOCK_BOOTTIME, &event, &timer) != 0) {
        return "timer_create failed";
    }
    timer_ = timer;
    return nullptr;
}

void Wakeup::call() const {
    if (timer_) {
        tgkill(getpid(), thread_, signal_);
    }
}

void Wakeup::hurry(Instant now) {
    quick_ticks_ = ticks_after_hurry;
    if (!armed_ || *armed_ > now) {
        set(now);
    }
}

void Wakeup::ticked(Instant now, std::optional<Instant> next) {
    const bool went_off = armed_ && *armed_ <= now;
    if (quick_ticks_ > 0 && went_off) {
        --quick_ticks_;
    } else if (went_off ? armed_ != next : next && (!armed_ || *next < *armed_)) {
        set(next);
    }
}

void Wakeup::set(std::optional<Instant> when) {
    if (!timer_) {
        return;
    }
    itimerspec spec{};  // all zero: off
    if (when) {
        const auto since = when->time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
        spec.it_value.tv_sec = seconds.count();
        spec.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
        spec.it_interval.tv_nsec = again_ns;
    }
    if (timer_settime(*timer_, TIMER_ABSTIME, &spec, nullptr) == 0) {
        armed_ = when;
    }
}

}  // namespace beckon
