// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "judge/siphash.hpp"

namespace beckon {

/// A hash map of ids (whatever has a `text()`) that never stands still to grow. One table of a
/// million entries takes a fifth of a second to double; this spreads its entries over many small
/// tables, which double one by one. Entries stay where they are in memory.
/// Clients choose ids, so the hash is keyed: nobody can choose such as collide.
template <class Key, class Value>
class ShardedMap {
  public:
    using Entry = std::pair<const Key, Value>;

    explicit ShardedMap(const SipKey& key) : hash_{key} {
        parts_.reserve(part_count);
        for (std::size_t i = 0; i < part_count; ++i) {
            parts_.emplace_back(0, hash_);
        }
    }

    /// The value, or null.
    [[nodiscard]] Value* find(const Key& key) {
        auto& part = parts_[part_of(key)];
        const auto at = part.find(key);
        return at == part.end() ? nullptr : &at->second;
    }
    [[nodiscard]] const Value* find(const Key& key) const {
        const auto& part = parts_[part_of(key)];
        const auto at = part.find(key);
        return at == part.end() ? nullptr : &at->second;
    }

    /// The entry, made with a default value if it was not there; whether it was made.
    std::pair<Entry*, bool> obtain(const Key& key) {
        const auto [at, made] = parts_[part_of(key)].try_emplace(key);
        size_ += made ? 1U : 0U;
        return {&*at, made};
    }

    /// `key` may be the entry's own.
    void erase(const Key& key) {
        auto& part = parts_[part_of(key)];
        if (const auto at = part.find(key); at != part.end()) {
            part.erase(at);
            --size_;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    struct KeyedHash {
        SipKey key;
        std::size_t operator()(const Key& one) const noexcept { return siphash(key, one.text()); }
    };

    [[nodiscard]] std::size_t part_of(const Key& key) const {
        // Other bits than those by which the part itself tells entries apart.
        return hash_(key) >> 32U & (part_count - 1);
    }

    static constexpr std::size_t part_count = 512;
    KeyedHash hash_;
    std::vector<std::unordered_map<Key, Value, KeyedHash>> parts_;
    std::size_t size_ = 0;
};

}  // namespace beckon
