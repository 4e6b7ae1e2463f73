// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/bus.hpp"
#include "judge/changes.hpp"
#include "protocol/ids.hpp"
#include "protocol/instant.hpp"
#include "protocol/requests.hpp"

namespace beckon {

using PresenceChanges = std::vector<PresenceChange>;

/// Knows which devices are there by what they say of themselves (contract, section 10): from `here`
/// until `gone`, or until a device was silent for as long as it said.
///
/// Who is gone is remembered, since a later `sync` brings it back, within bounds: of one user, and
/// in all, whoever was silent longest is forgotten first. One thread; every call returns what
/// changed, in order.
class PresenceTold {
  public:
    struct Bounds {
        std::size_t of_one_user = 64;
        std::size_t in_all = 100'000;
    };

    PresenceTold() = default;
    explicit PresenceTold(const Bounds& bounds) : bounds_(bounds) {}

    /// A request of this device, whatever it is.
    PresenceChanges heard(const Sender& sender, const RequestBody& body, Instant now);
    /// Whoever was silent for too long.
    PresenceChanges advance(Instant now);
    /// It was so when the host was here last. Before all else.
    void restore(const DeviceKept& kept);
    /// What has changed since it was asked for last, to be restored from.
    Changes take_changes() { return std::exchange(kept_, {}); }
    /// When `advance` is to be called next.
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    [[nodiscard]] bool is_online(const UserId& user) const;
    /// Calls for each device that is online.
    void tell_online(const std::function<void(const Sender&)>& tell) const;
    [[nodiscard]] std::size_t devices() const { return until_.size() + since_.size(); }

  private:
    using Name = std::pair<UserId, DeviceTag>;
    using Times = std::set<std::pair<Instant, Name>>;
    struct Device {
        std::string run{};
        Duration again{};
        bool online = false;
        /// Until when it is, unless it is heard; or since when it is not.
        Instant time{};
    };

    void note(const Name& name, Device& device, bool online, Instant time,
              PresenceChanges& changes);
    Device& add(const Name& name, PresenceChanges& changes);
    void forget(Name name, PresenceChanges& changes);
    void keep(const Name& name, const Device& device);
    [[nodiscard]] Name first_to_forget(const UserId& user) const;

    Bounds bounds_{};
    std::map<UserId, std::map<DeviceTag, Device>> users_{};
    /// Of those that are online, and of those that are gone.
    Times until_{};
    Times since_{};
    Changes kept_{};
};

}  // namespace beckon
