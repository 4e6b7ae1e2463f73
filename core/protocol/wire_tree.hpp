// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/refusals.hpp"

/// What a payload holds, whichever its encoding. For the wire_… sources only.
namespace beckon {

struct Value {
    enum class Kind : std::uint8_t {
        null,
        boolean,
        whole,     ///< 0 and above
        negative,  ///< below 0
        real,
        text,
        binary,
        list,
        map,
    };
    Kind kind = Kind::null;
    bool boolean = false;
    /// Its neighbour in the same list or map, and its own first; 0: there is none.
    std::uint32_t next = 0;
    std::uint32_t first = 0;
    /// In a map.
    std::string_view key{};
    /// Of a text, or the bytes of what is binary.
    std::string_view text{};
    std::uint64_t whole = 0;
    std::int64_t negative = 0;
    double real = 0;
};

/// One payload as a tree, in one piece: it refers to the payload, which must outlive it. Reading
/// notes the first breach of the contract's form (section 3) and goes on after it, so that `req` is
/// found and the refusal can echo it.
class WireTree {
  public:
    /// Reads no further than `most_values`.
    WireTree(std::string_view payload, std::int64_t most_values);
    WireTree(const WireTree&) = delete;
    WireTree& operator=(const WireTree&) = delete;
    ~WireTree() = default;

    /// Nothing: the payload has the contract's form.
    std::optional<Refusal> refusal;

    /// The body, where it is a map.
    [[nodiscard]] const Value* root() const {
        return !values_.empty() && values_[0].kind == Value::Kind::map ? values_.data() : nullptr;
    }
    /// What this list or map holds first; null: nothing.
    [[nodiscard]] const Value* first(const Value& of) const { return at(of.first); }
    [[nodiscard]] const Value* next(const Value& after) const { return at(after.next); }
    /// The last of this name, which is the only one where there is no breach; null: there is none.
    [[nodiscard]] const Value* find(const Value& map, std::string_view key) const;

  private:
    class Builder;
    [[nodiscard]] const Value* at(std::uint32_t place) const {
        return place != 0 ? &values_[place] : nullptr;
    }

    /// Enough for what most requests hold, so that they need no other memory.
    alignas(Value) std::array<std::byte, 2048> room_;
    std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
    std::pmr::vector<Value> values_{&memory_};
    /// The texts of JSON, as what they spell; never moved.
    std::pmr::string texts_{&memory_};
};

}  // namespace beckon
