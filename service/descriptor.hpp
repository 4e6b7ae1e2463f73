// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace beckon {

/// Closes it.
struct Descriptor {
    explicit Descriptor(int opened) : fd(opened) {}
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

/// Ends a `poll` of its descriptor for reading.
class WakeUp {
  public:
    /// Throws `std::runtime_error`: the system has no descriptor left.
    WakeUp();
    [[nodiscard]] int fd() const { return events_.fd; }
    /// Any thread.
    void wake() const;
    /// Whoever polls has seen it.
    void clear() const;

  private:
    Descriptor events_;
};

}  // namespace beckon
