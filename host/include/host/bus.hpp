// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judge/switchboard.hpp"
#include "protocol/ids.hpp"
#include "protocol/wire.hpp"

namespace beckon {

/// Where a reply goes, from the request's MQTT 5 properties (contract, section 2).
struct ReplyAddress {
    /// Where the request asked for it; empty: where all replies to the user go.
    std::string topic{};
    std::optional<std::string> correlation{};
    Encoding encoding = Encoding::json;
};

/// One message that a host publishes; it refers to what lives for the time of the call.
struct Publication {
    const std::string& topic;
    std::string_view payload;
    /// Told as Content Type.
    Encoding encoding = Encoding::json;
    int qos = 1;
    bool retain = false;
    const std::string* correlation = nullptr;
    /// Whose inbox it is in, if it is an event, or a reply on the topic that all have.
    const UserId* reader = nullptr;
    bool is_reply = false;
    /// The invitation that it brings.
    const NewInvitation* news = nullptr;
    /// To be held until the broker has it (`Bus::telling`).
    const std::shared_ptr<const void>* telling = nullptr;
};

/// A device came online, or went.
struct PresenceChange {
    Sender device;
    bool online = false;
    bool operator==(const PresenceChange&) const = default;
};

enum class LogLevel : std::uint8_t { notice, warning, error };

/// What a host asks of the broker that it is in, or is a client of. The host's thread.
class Bus {
  public:
    Bus() = default;
    virtual ~Bus() = default;
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    /// Publishes after what was published before. False: the broker did not take it.
    virtual bool publish(const Publication& publication) = 0;
    /// The one encoding in which events of this user are read; nothing: publish both, and say so.
    [[nodiscard]] virtual std::optional<Encoding> only_encoding(const UserId& user) const = 0;
    virtual void published_both(const UserId& user) = 0;
    /// Calls for each device that is online (contract, section 1).
    virtual void tell_online(const std::function<void(const Sender&)>& tell) const = 0;
    /// What is held until all who are to hear of the event with this number have been told; null:
    /// nobody waits for that.
    virtual std::shared_ptr<const void> telling(std::uint64_t /*untold*/) { return nullptr; }
    /// A request is about to be judged: what it tells of who is there, where devices say that
    /// themselves (contract, section 10).
    virtual std::vector<PresenceChange> taken_in(const Sender& /*sender*/,
                                                 const Request& /*request*/, Instant /*now*/) {
        return {};
    }
    /// A sentence to the operator's log.
    virtual void log(LogLevel level, const std::string& sentence) = 0;
};

}  // namespace beckon
