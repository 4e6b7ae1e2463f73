// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "host/journal.hpp"

namespace beckon {

/// What was put and is not stored, in its order, and about what it takes in memory.
class Unstored {
  public:
    using Look = std::function<void(std::uint64_t ticket, const Changes& changes)>;

    void add(Changes changes);
    void add(Unstored&& more);
    [[nodiscard]] bool empty() const { return puts_.empty(); }
    /// One for each `put`.
    [[nodiscard]] const Batch& puts() const { return puts_; }
    [[nodiscard]] Journal::Waiting size() const { return size_; }
    void look_at(std::uint64_t last_ticket, const Look& look) const;
    Batch take();

  private:
    Batch puts_;
    Journal::Waiting size_;
};

}  // namespace beckon
