// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace beckon {

/// A value that lies elsewhere, so that what it is a part of stays small. Never nothing, but after
/// it was moved from.
template <class T>
class Boxed {
  public:
    Boxed() : Boxed(T{}) {}
    // NOLINTNEXTLINE(google-explicit-constructor): it is such a value
    Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
    Boxed(const Boxed& other) : Boxed(*other) {}
    // NOLINTNEXTLINE(cert-oop54-cpp): a copy is moved, also of itself
    Boxed& operator=(const Boxed& other) {
        *this = Boxed(other);
        return *this;
    }
    Boxed(Boxed&&) noexcept = default;
    Boxed& operator=(Boxed&&) noexcept = default;
    ~Boxed() = default;

    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return value_.get(); }
    const T* operator->() const { return value_.get(); }
    bool operator==(const Boxed& other) const { return *value_ == *other; }

  private:
    std::unique_ptr<T> value_;
};

}  // namespace beckon
