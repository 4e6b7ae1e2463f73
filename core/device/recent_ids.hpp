// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

namespace beckon {

/// The latest of the keys that were put in; the oldest are forgotten.
template <class Key>
class RecentIds {
  public:
    explicit RecentIds(std::size_t most = 4096) : most_(most) {}

    /// Whether it was new.
    bool insert(const Key& key) {
        const bool is_new = numbers_.insert_or_assign(key, ++last_).second;
        order_.emplace_back(last_, key);
        if (order_.size() > most_) {
            forget_oldest();
        }
        return is_new;
    }
    void erase(const Key& key) { numbers_.erase(key); }
    [[nodiscard]] bool contains(const Key& key) const { return numbers_.contains(key); }

    /// Older is what was put in before.
    using Number = std::uint64_t;
    Number mark() { return mark_ = last_; }
    [[nodiscard]] bool has_older(const Key& key) const {
        const auto found = numbers_.find(key);
        return found != numbers_.end() && found->second <= mark_;
    }
    /// What was put in before an earlier mark.
    void move_older(RecentIds& to, Number mark) {
        while (!order_.empty() && order_.front().first <= mark) {
            const auto& [number, key] = order_.front();
            if (const auto found = numbers_.find(key);
                found != numbers_.end() && found->second == number) {
                to.insert(key);
            }
            forget_oldest();
        }
    }

  private:
    void forget_oldest() {
        const auto& [number, key] = order_.front();
        if (const auto found = numbers_.find(key);
            found != numbers_.end() && found->second == number) {
            numbers_.erase(found);
        }
        order_.pop_front();
    }

    std::size_t most_;
    std::map<Key, Number> numbers_{};
    std::deque<std::pair<Number, Key>> order_{};
    Number last_ = 0;
    Number mark_ = 0;
};

}  // namespace beckon
