// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/bus.hpp"
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
class Presence {
  public:
    /// The tag of a user's device, by its client id.
    using TagOf = std::function<DeviceTag(const UserId& user, std::string_view client_id)>;

    /// `most_away`: how many sessions without a connection are remembered; the
    /// one that went first is forgotten first.
    explicit Presence(TagOf tag_of, std::size_t most_away = 100'000)
        : tag_of_(std::move(tag_of)), most_away_(most_away) {}

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
        /// Where it stands in `away_`, while away.
        std::list<std::string_view>::iterator away{};

        [[nodiscard]] bool online() const {
            return connection != nullptr && counts && filters != 0 && filters_of == user;
        }
    };
    struct TextHash {
        using is_transparent = void;  // NOLINT(readability-identifier-naming)
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Sessions = std::unordered_map<std::string, Session, TextHash, std::equal_to<>>;

    Session* recognise(const Connection& by, PresenceChanges& changes);
    Session& recognise_or_add(const Connection& by, PresenceChanges& changes);
    void connect(Session& session, const Connection& by, PresenceChanges& changes);
    void end(Sessions::iterator session);
    DeviceTag tag_of(Session& session, std::string_view client_id) const;
    /// Does `change` to the session and notes what it means for its device.
    void note(Session& session, std::string_view client_id, PresenceChanges& changes,
              const auto& change) const;

    TagOf tag_of_;
    std::size_t most_away_;
    Sessions sessions_;
    /// Client ids of the sessions without a connection, the longest away first.
    std::list<std::string_view> away_;
};

}  // namespace beckon
