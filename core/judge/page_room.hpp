// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/replies.hpp"
#include "protocol/requests.hpp"
#include "protocol/wire.hpp"

namespace beckon {

/// What is left of a page of a list, in entries and in bytes of msgpack (contract, section 3).
class PageRoom {
  public:
    explicit PageRoom(std::size_t bytes) : bytes_(bytes) {}
    /// `most` entries, unless fewer are asked for.
    PageRoom(const Page& asked, std::int64_t most, std::size_t bytes)
        : entries_(std::min(asked.limit.value_or(most), most)), bytes_(bytes) {}

    /// Whether this entry still fits; the first does, whatever its size.
    template <class Entry>
    bool takes(const Entry& entry) {
        const auto size = msgpack_size(entry);
        if (entries_ == 0 || (size > bytes_ && !is_empty_)) {
            return false;
        }
        --entries_;
        bytes_ -= std::min(size, bytes_);
        is_empty_ = false;
        return true;
    }

  private:
    std::int64_t entries_ = INT64_MAX;
    std::size_t bytes_;
    bool is_empty_ = true;
};

/// So much of what was said when parts ended is told in one entry of `sync`, or of history.
inline constexpr std::size_t most_said_bytes = std::size_t{4} * 1024;

/// Leaves what a list may name; how many are left out.
template <class Entry>
std::int64_t cut(std::vector<Entry>& named) {
    const auto more = std::ssize(named) - static_cast<std::int64_t>(most_named);
    if (more <= 0) {
        return 0;
    }
    named.erase(named.end() - more, named.end());
    return more;
}

/// Likewise, but never the reader's own entry.
template <class Entry, class IsOwn>
std::int64_t cut_others(std::vector<Entry>& named, const IsOwn& is_own) {
    const auto own = std::find_if(named.begin(), named.end(), is_own);
    if (own != named.end() && own - named.begin() >= static_cast<std::ptrdiff_t>(most_named)) {
        std::iter_swap(own, named.begin() + (most_named - 1));
    }
    return cut(named);
}

}  // namespace beckon
