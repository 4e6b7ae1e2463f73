// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

namespace beckon {

/// What waits, first in first out, bounded in number and in bytes.
template <class Item>
class Line {
  public:
    static constexpr std::size_t most_items = 100'000;
    static constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;

    /// Whether one more may wait. Whoever has to wait all the same may be pushed.
    [[nodiscard]] bool has_room() const noexcept {
        return items_.size() < most_items && bytes_ < most_bytes;
    }
    /// `bytes`: about what it takes in memory.
    void push(Item item, std::size_t bytes) {
        items_.emplace_back(std::move(item), bytes);
        bytes_ += bytes;
    }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] const Item& front() const { return items_.front().first; }
    Item pop() {
        Item first = std::move(items_.front().first);
        bytes_ -= items_.front().second;
        items_.pop_front();
        return first;
    }
    void for_each(const auto& look) const {
        for (const auto& [item, bytes] : items_) {
            look(item);
        }
    }

  private:
    std::deque<std::pair<Item, std::size_t>> items_{};
    std::size_t bytes_ = 0;
};

}  // namespace beckon
