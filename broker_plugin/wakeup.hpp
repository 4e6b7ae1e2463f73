// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <ctime>
#include <optional>

#include "protocol/instant.hpp"

namespace beckon {

/// Ends the broker's wait (up to 100 ms) so that its tick comes when it is
/// needed. A POSIX timer sends the loop's thread a signal that does nothing but
/// interrupt `epoll_wait`, again each millisecond until it is put off: one that
/// comes just before the wait begins would be lost otherwise.
///
/// All calls but `call` on the loop's thread. Setting the timer is a system call, so it
/// is moved only when it would be too late, or has gone off.
class Wakeup {
  public:
    Wakeup() = default;
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    /// Call at the first tick, not before: a broker that goes into the
    /// background does so in between, and timers do not survive that. Returns
    /// why it cannot work; then ticks come when they come.
    const char* start();

    /// The broker holds something that it only writes when it wakes again:
    /// some quick ticks will come.
    void hurry(Instant now);

    /// A tick is to come at once, unless the call comes just before the wait: so call again
    /// until it has come. Any thread, after `start`.
    void call() const;

    /// At the end of each tick: the next is wanted at `next`, or whenever.
    void ticked(Instant now, std::optional<Instant> next);

  private:
    void set(std::optional<Instant> when);

    std::optional<timer_t> timer_{};
    pid_t thread_ = 0;
    int signal_ = 0;
    /// When the timer goes off, or went off first.
    std::optional<Instant> armed_{};
    int quick_ticks_ = 0;
};

}  // namespace beckon
