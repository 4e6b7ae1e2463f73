// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace beckon::bench {

/// As little of MQTT as a load needs, so that it costs little itself: a client library takes as
/// long for a message as the broker does that is to be measured.
enum class Version : std::uint8_t { v3 = 4, v5 = 5 };

enum class Kind : std::uint8_t { connack = 2, publish = 3, suback = 9, disconnect = 14 };

struct Packet {
    std::uint8_t first_byte = 0;
    std::string_view body;
    [[nodiscard]] Kind kind() const { return Kind(first_byte >> 4U); }
};

struct Publish {
    std::string_view topic;
    std::string_view payload;
    /// 0: QoS 0.
    std::uint16_t id = 0;
};

/// With a clean start, and without keep-alive.
void write_connect(std::string& out, Version version, std::string_view client_id,
                   std::string_view user);
void write_subscribe(std::string& out, Version version, const std::vector<std::string>& filters,
                     int qos);
/// `id` 0: QoS 0, else 1.
void write_publish(std::string& out, Version version, std::string_view topic,
                   std::string_view payload, std::uint16_t id);
void write_acknowledgement(std::string& out, std::uint16_t id);
void write_disconnect(std::string& out);

/// Takes the first packet off `data`; nothing: it is not there as a whole yet.
std::optional<Packet> take_packet(std::string_view& data);
Publish read_publish(const Packet& packet, Version version);

}  // namespace beckon::bench
