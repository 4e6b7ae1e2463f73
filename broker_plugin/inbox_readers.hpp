// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "judge/sharded_map.hpp"
#include "protocol/ids.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// Finds out who reads a user's inbox, so that nobody has to write what nobody reads: events in the
/// other encoding, and Content Type, which MQTT before 5 has not.
///
/// The broker asks for READ once for each subscription that a message meets, of
/// whatever session: connected, away, or restored from disk. So when an event was
/// published in both encodings, and READ was asked for one and not for the other,
/// no subscription matches that other one; and none will before somebody
/// subscribes, which the broker asks about as well. Likewise with who asks. In any doubt both are
/// read, and by MQTT 5: before that, when READ was asked for neither, and when too many are
/// remembered.
///
/// Counts on this: what is published before the end of a tick, the broker has
/// delivered to its sessions before the end of the next. One thread.
class InboxReaders {
  public:
    /// What is published there.
    enum class Kind : std::uint8_t { msgpack_event, json_event, reply };
    static constexpr Kind event_in(Encoding encoding) {
        return encoding == Encoding::json ? Kind::json_event : Kind::msgpack_event;
    }

    /// `most`: for how many users it is remembered; when there are more, all are forgotten.
    InboxReaders(const Topics& topics, const SipKey& key, std::size_t most = 100'000);

    /// The one encoding in which events are read; nothing: publish both.
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& user) const {
        return known_of(user).only;
    }
    /// Whoever reads that has no Content Type.
    [[nodiscard]] bool has_no_types(const UserId& user, Kind kind) const {
        const Known known = known_of(user);
        return kind == Kind::reply ? known.replies == Typed::no : known.events_have_no_type;
    }
    /// An event of the user's was published in both.
    void published_both(const UserId& user);
    /// A reply was, on the topic that all have.
    void replied(const UserId& user);

    /// READ was asked for a message on the topic that is this below the root, for whomever.
    /// `has_no_types`: and whoever has that session has no Content Type, now or later.
    void asked(std::string_view below, bool has_no_types);
    /// Somebody may have subscribed by this filter.
    void subscribed(std::string_view filter);
    /// At the end of each tick.
    void ticked();

  private:
    struct KeyedHash {
        SipKey key;
        std::size_t operator()(const UserId& user) const noexcept {
            return TableHash{key}(user.text());
        }
    };
    enum class Typed : std::uint8_t { unknown, no, yes };
    struct Known {
        std::optional<Encoding> only{};
        bool events_have_no_type = false;
        Typed replies = Typed::unknown;
    };
    /// What was published of a kind, and for whom READ was asked.
    struct Asked {
        bool published = false;
        bool asked = false;
        bool typed = false;
    };
    using AskedOfAll = std::array<Asked, 3>;
    using Published = std::unordered_map<UserId, AskedOfAll, KeyedHash>;

    [[nodiscard]] Known known_of(const UserId& user) const;
    Known& know(const UserId& user);
    void forget(const UserId& user);
    void forget_all();

    const Topics& topics_;
    SipKey key_;
    std::size_t most_;
    ShardedMap<UserId, Known> known_;
    /// Who was looked for last: often the same again.
    mutable std::optional<UserId> last_;
    mutable Known last_known_;
    /// What was published since the last tick's end, and in the turn before that.
    Published published_now_;
    Published published_before_;
};

}  // namespace beckon
