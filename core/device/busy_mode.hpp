// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "protocol/requests.hpp"
#include "recent_ids.hpp"

namespace beckon {

/// Which rings are rejected because this user is busy, and remembers them: of those nothing more
/// is told. No I/O, no clock, no thread.
class BusyMode {
  public:
    /// Rejects every ring like this; nothing: no more.
    void set(std::optional<Reject> as) { as_ = std::move(as); }

    /// It rings now: how it is rejected, or nothing.
    std::optional<Reject> reject(const InvitationId& ring) {
        if (!as_) {
            rejected_.erase(ring);
            return std::nullopt;
        }
        rejected_.insert(ring);
        std::optional<Reject> reject = as_;
        reject->id = ring;
        return reject;
    }
    [[nodiscard]] bool rejected(const InvitationId& id) const { return rejected_.contains(id); }

  private:
    std::optional<Reject> as_{};
    RecentIds<InvitationId> rejected_{};
};

}  // namespace beckon
