// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mosquitto_api.hpp"
#include "protocol/wire.hpp"

/// What Beckon sends through the broker. The broker's thread; the broker sends
/// it at the start of its next loop, in the order of the calls. False: the
/// broker did not take it.
namespace beckon {

/// Where a reply goes, from the request's MQTT 5 properties.
struct ReplyAddress {
    std::string topic;
    std::optional<std::string> correlation{};
    Encoding encoding = Encoding::json;
};

/// `inbox_replies` is where replies of this user go that ask for no topic
/// below it (contract, section 2). `properties` may be null.
ReplyAddress read_reply_address(const mosquitto_property* properties, std::string inbox_replies,
                                Encoding encoding);

bool publish_reply(const ReplyAddress& to, std::string_view payload);
bool publish_event(const std::string& topic, std::string_view payload, Encoding encoding, int qos);
bool publish_retained(const std::string& topic, std::string_view json);
/// Removes what is retained there.
bool clear_retained(const std::string& topic);

}  // namespace beckon
