// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/bus.hpp"
#include "judge/siphash.hpp"
#include "presence_filter.hpp"
#include "protocol/ids.hpp"

namespace beckon {

/// What the broker says of the connection that does something.
struct Connection {
    /// The broker's object: compared, never looked into.
    const void* pointer = nullptr;
    std::string_view client_id;
    UserId user;
    /// Its session has subscriptions that it may have from an earlier connection.
    bool resumed = false;
    /// No session outlives it.
    bool ends_session = false;
};

using PresenceChanges = std::vector<PresenceChange>;

/// Knows which devices are there (contract, section 1).
///
/// Mosquitto 2.0 tells of no connect: a connection is seen when it first
/// subscribes, unsubscribes or sends a request, and its session is known again
/// by the client id. What a resumed session had subscribed counts from its
/// first request. One thread; every call returns what changed, in order.
///
/// Nor does it tell whether a session of MQTT 5 outlives its connection, so all
/// of these are remembered, within bounds. A client chooses its id, and may
/// choose another each time: what is kept is of the same size for each, and the
/// bound of one user leaves the others theirs. Whose session is forgotten is
/// online again when it subscribes again.
class Presence {
  public:
    /// The tag of a user's device, by its client id.
    using TagOf = std::function<DeviceTag(const UserId& user, std::string_view client_id)>;

    /// How many sessions without a connection are remembered; the one that went
    /// first is forgotten first.
    struct Bounds {
        std::size_t away = 100'000;
        std::size_t away_of_one_user = 64;
    };

    /// `key`: by which client ids are hashed; a secret.
    Presence(TagOf tag_of, const SipKey& key, const Bounds& bounds)
        : tag_of_(std::move(tag_of)),
          key_(key),
          bounds_(bounds),
          sessions_(0, KeyedHash{key}),
          away_of_users_(0, KeyedHash{key}) {}
    Presence(TagOf tag_of, const SipKey& key) : Presence(std::move(tag_of), key, Bounds{}) {}

    PresenceChanges subscribed(const Connection& by, const PresenceFilter& filter);
    PresenceChanges unsubscribed(const Connection& by, const PresenceFilter& filter);

    struct Requested {
        PresenceChanges changes;
        DeviceTag device;
    };
    Requested requested(const Connection& by);

    /// A connection ended; does nothing when it is not the session's present one.
    PresenceChanges disconnected(const void* pointer, std::string_view client_id);

    /// The connection has subscribed to something of ours, or sent a request.
    [[nodiscard]] bool is_present(const void* pointer, std::string_view client_id) const;

    /// Calls for each device that is online.
    void tell_online(const std::function<void(const Sender&)>& tell) const;

    [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }

  private:
    /// Stands for a client id: without the key, nobody finds two that have the same.
    struct Device {
        std::uint64_t low = 0;
        std::uint64_t high = 0;
        bool operator==(const Device&) const = default;
    };
    struct KeyedHash {
        SipKey key;
        std::size_t operator()(const Device& device) const noexcept { return device.low; }
        std::size_t operator()(const UserId& user) const noexcept {
            return TableHash{key}(user.text());
        }
    };
    /// Of the sessions without a connection, the longest away first.
    using Away = std::list<Device>;
    struct Session {
        UserId user;
        /// Nothing while away.
        const void* connection = nullptr;
        PresenceFilters filters = 0;
        /// Whose inbox they spell; another user may have taken the session over.
        UserId filters_of{};
        /// The filters count on this connection.
        bool counts = false;
        bool ends_with_connection = false;
        /// The device's, once it is asked for.
        std::optional<DeviceTag> tag{};
        /// Where it stands among all that are away, and among its user's, while away.
        Away::iterator in_all{};
        Away::iterator in_users{};

        [[nodiscard]] bool online() const {
            return connection != nullptr && counts && filters != 0 && filters_of == user;
        }
    };
    using Sessions = std::unordered_map<Device, Session, KeyedHash>;

    [[nodiscard]] Device device_of(std::string_view client_id) const noexcept;
    Session* recognise(const Connection& by, PresenceChanges& changes);
    Session& recognise_or_add(const Connection& by, PresenceChanges& changes);
    void connect(Session& session, const Connection& by, PresenceChanges& changes);
    void remember_away(Device device, Session& session);
    /// The session is not among those that are away any more.
    void forget_away(const Session& session);
    void forget(Device device);
    DeviceTag tag_of(Session& session, std::string_view client_id) const;
    /// Does `change` to the session and notes what it means for its device.
    void note(Session& session, std::string_view client_id, PresenceChanges& changes,
              const auto& change) const;

    TagOf tag_of_;
    SipKey key_;
    Bounds bounds_;
    Sessions sessions_;
    Away away_;
    std::unordered_map<UserId, Away, KeyedHash> away_of_users_;
};

}  // namespace beckon
