// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "judge/sharded_map.hpp"
#include "protocol/ids.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// Finds out in which encoding alone a user's events are read, so that nobody
/// has to write and publish the other one.
///
/// The broker asks for READ once for each subscription that a message meets, of
/// whatever session: connected, away, or restored from disk. So when an event was
/// published in both encodings, and READ was asked for one and not for the other,
/// no subscription matches that other one; and none will before somebody
/// subscribes, which the broker asks about as well. In any doubt both are read:
/// before that, when READ was asked for neither, and when too many are remembered.
///
/// Counts on this: what is published before the end of a tick, the broker has
/// delivered to its sessions before the end of the next. One thread.
class EncodingsRead {
  public:
    /// `most`: for how many users it is remembered; when there are more, all are forgotten.
    EncodingsRead(const Topics& topics, const SipKey& key, std::size_t most = 100'000);

    /// The one encoding that is read; nothing: publish both.
    [[nodiscard]] std::optional<Encoding> only(const UserId& user) const;
    /// An event of the user's was published in both.
    void published_both(const UserId& user);

    /// READ was asked for a message on the topic that is this below the root, for whomever.
    void asked(std::string_view below);
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
    /// For which encodings of a user's events READ was asked.
    using Asked = std::array<bool, 2>;
    using Published = std::unordered_map<UserId, Asked, KeyedHash>;

    void forget(const UserId& user);
    void forget_all();

    const Topics& topics_;
    SipKey key_;
    std::size_t most_;
    ShardedMap<UserId, Encoding> only_;
    /// Whose events were published in both since the last tick's end, and in the turn before that.
    Published published_now_;
    Published published_before_;
};

}  // namespace beckon
