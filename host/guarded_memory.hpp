// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>

namespace beckon {

/// Memory that is a mapping of files: where such a file cannot be read or written any more (it was
/// cut short or made immutable, its disk is gone), touching it is a SIGBUS, which ends the process.
/// Guarded, it becomes empty memory of nobody else instead, and whoever uses it can know.
///
/// The handler of SIGBUS is the process's: it is installed with the first guard, and hands on what
/// is not of guarded memory. A thread that has SIGBUS blocked is not helped.
class GuardedMemory {
  public:
    GuardedMemory() = default;
    ~GuardedMemory();
    GuardedMemory(const GuardedMemory&) = delete;
    GuardedMemory& operator=(const GuardedMemory&) = delete;

    /// Several may use one mapping, each of which guards and lets go. False: there are too many.
    bool guard(volatile void* at, std::size_t size);
    void let_go(volatile void* at);
    /// A part of it is not what it was. Until all have let go.
    [[nodiscard]] bool is_lost() const { return is_lost_; }

    /// For the handler.
    void lose() { is_lost_ = true; }

  private:
    std::atomic<bool> is_lost_ = false;
    int guarded_ = 0;
};

}  // namespace beckon
