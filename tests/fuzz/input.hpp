// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>

namespace beckon {

/// What a fuzzer was given, from its beginning on; zeros and nothing when it is used up.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    std::size_t byte() {
        const auto one = rest_.empty() ? 0U : static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(rest_.empty() ? 0 : 1);
        return one;
    }
    /// Of so many bytes, the first the highest.
    std::uint64_t number(std::size_t bytes) {
        std::uint64_t all = 0;
        while (bytes-- > 0) {
            all = all << 8U | byte();
        }
        return all;
    }
    /// A choice of so many, by as few bytes as have as many values.
    std::size_t below(std::size_t bound) {
        return static_cast<std::size_t>(number(bound <= 256 ? 1 : bound <= 65'536 ? 2 : 4) % bound);
    }
    template <class All>
    const auto& one_of(const All& all) {
        return *std::next(std::begin(all), static_cast<std::ptrdiff_t>(below(std::size(all))));
    }
    /// As long as the byte before it says.
    std::string_view text() { return take(byte()); }
    std::string_view take(std::size_t size) {
        const auto one = rest_.substr(0, size);
        rest_.remove_prefix(one.size());
        return one;
    }

  private:
    std::string_view rest_;
};

/// Does `work`, and tells the fuzzer when that throws, as judges do at a broken promise.
int judge(const auto& work) {
    try {
        work();
    } catch (const std::exception& broken) {
        std::fprintf(stderr, "broken promise: %s\n", broken.what());
        std::abort();
    }
    return 0;
}

}  // namespace beckon
