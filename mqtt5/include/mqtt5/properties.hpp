// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mosquitto 2.1 moved its headers.
#if __has_include(<mosquitto/broker_plugin.h>)
#include <mosquitto.h>
#else
#include <mosquitto.h>
#include <mqtt_protocol.h>
#endif

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host/bus.hpp"
#include "protocol/ids.hpp"
#include "protocol/topics.hpp"

namespace beckon {

struct FreeProperties {
    void operator()(mosquitto_property* properties) const {
        mosquitto_property_free_all(&properties);
    }
};
using Properties = std::unique_ptr<mosquitto_property, FreeProperties>;

/// What is told with a message.
struct Told {
    /// Nothing: no Content Type.
    std::optional<Encoding> encoding{};
    const std::string* correlation = nullptr;
    /// Nothing: it does not expire.
    std::optional<std::uint32_t> expires_after_s{};
};
/// Null where nothing is told. False: there is no memory.
bool make_properties(const Told& told, Properties& properties);

/// Frees what `mosquitto_property_read_…` has allocated, which is not the same everywhere.
using FreeValue = void (*)(void* value);

/// The value of the property, if it is there.
std::optional<std::string> read_text_property(const mosquitto_property* properties, int identifier,
                                              FreeValue free_value);
/// Where the replies to a request of `me` go (contract, section 2). `properties` may be null.
ReplyAddress read_reply_address(const mosquitto_property* properties, const Topics& topics,
                                const UserId& me, Encoding encoding, FreeValue free_value);

}  // namespace beckon
