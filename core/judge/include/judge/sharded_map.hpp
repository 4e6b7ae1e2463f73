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
  private:
    /// Hashed once: whoever walks a table compares numbers.
    struct Hashed {
        Key key;
        std::uint64_t hash;
    };

  public:
    /// `first.key` is the entry's key.
    using Entry = std::pair<const Hashed, Value>;

    explicit ShardedMap(const SipKey& key) : hash_{key}, parts_(part_count) {}

    /// The value, or null.
    [[nodiscard]] Value* find(const Key& key) {
        const Wanted wanted{key, hash_(key.text())};
        auto& part = parts_[part_of(wanted.hash)];
        const auto at = part.find(wanted);
        return at == part.end() ? nullptr : &at->second;
    }
    [[nodiscard]] const Value* find(const Key& key) const {
        const Wanted wanted{key, hash_(key.text())};
        const auto& part = parts_[part_of(wanted.hash)];
        const auto at = part.find(wanted);
        return at == part.end() ? nullptr : &at->second;
    }

    /// The entry, made with a default value if it was not there; whether it was made.
    std::pair<Entry*, bool> obtain(const Key& key) {
        const auto hash = hash_(key.text());
        const auto [at, made] = parts_[part_of(hash)].try_emplace(Hashed{key, hash});
        size_ += made ? 1U : 0U;
        return {&*at, made};
    }

    /// `key` may be the entry's own.
    void erase(const Key& key) {
        const Wanted wanted{key, hash_(key.text())};
        auto& part = parts_[part_of(wanted.hash)];
        if (const auto at = part.find(wanted); at != part.end()) {
            part.erase(at);
            --size_;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    struct Wanted {
        const Key& key;
        std::uint64_t hash;
    };
    // NOLINTBEGIN(readability-identifier-naming): so the standard library names it
    struct HashOf {
        using is_transparent = void;
        std::size_t operator()(const auto& one) const noexcept { return one.hash; }
    };
    struct Same {
        using is_transparent = void;
        bool operator()(const auto& one, const auto& other) const noexcept {
            return one.hash == other.hash && one.key == other.key;
        }
    };
    // NOLINTEND(readability-identifier-naming)

    /// Other bits than those by which the part itself tells entries apart.
    static std::size_t part_of(std::uint64_t hash) { return hash >> 32U & (part_count - 1); }

    static constexpr std::size_t part_count = 512;
    TableHash hash_;
    std::vector<std::unordered_map<Hashed, Value, HashOf, Same>> parts_;
    std::size_t size_ = 0;
};

}  // namespace beckon
