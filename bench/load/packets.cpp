// SPDX-License-Identifier: Apache-2.0
#include "packets.hpp"

namespace beckon::bench {

namespace {

void write_number(std::string& out, std::size_t number) {
    do {
        const auto more = number > 127 ? 0x80U : 0U;
        out += static_cast<char>((number & 127U) | more);
        number >>= 7U;
    } while (number > 0);
}

void write_two_bytes(std::string& out, std::size_t number) {
    out += static_cast<char>(number >> 8U);
    out += static_cast<char>(number);
}

void write_text(std::string& out, std::string_view text) {
    write_two_bytes(out, text.size());
    out += text;
}

void write_no_properties(std::string& out, Version version) {
    if (version == Version::v5) {
        out += '\0';
    }
}

void write_packet(std::string& out, char first_byte, const std::string& body) {
    out += first_byte;
    write_number(out, body.size());
    out += body;
}

std::uint8_t byte_of(std::string_view data, std::size_t at) {
    return static_cast<std::uint8_t>(data.at(at));
}

std::uint16_t two_bytes_of(std::string_view data, std::size_t at) {
    return static_cast<std::uint16_t>(byte_of(data, at) << 8U | byte_of(data, at + 1));
}

/// The number at `at`, which is moved behind it; nothing: it is not there as a whole.
std::optional<std::size_t> number_of(std::string_view data, std::size_t& at) {
    std::size_t number = 0;
    for (unsigned shift = 0; at < data.size(); shift += 7U) {
        const auto next = byte_of(data, at++);
        number |= std::size_t(next & 127U) << shift;
        if (next < 128) {
            return number;
        }
    }
    return std::nullopt;
}

}  // namespace

void write_connect(std::string& out, Version version, std::string_view client_id,
                   std::string_view user) {
    std::string body;
    write_text(body, "MQTT");
    body += static_cast<char>(version);
    body += '\x82';  // a user name, a clean start
    write_two_bytes(body, 0);
    write_no_properties(body, version);
    write_text(body, client_id);
    write_text(body, user);
    write_packet(out, '\x10', body);
}

void write_subscribe(std::string& out, Version version, const std::vector<std::string>& filters,
                     int qos) {
    std::string body;
    write_two_bytes(body, 1);
    write_no_properties(body, version);
    for (const auto& filter : filters) {
        write_text(body, filter);
        body += static_cast<char>(qos);
    }
    write_packet(out, '\x82', body);
}

void write_publish(std::string& out, Version version, std::string_view topic,
                   std::string_view payload, std::uint16_t id) {
    out += id > 0 ? '\x32' : '\x30';
    write_number(out, 2 + topic.size() + (id > 0 ? 2 : 0) + (version == Version::v5 ? 1 : 0) +
                          payload.size());
    write_text(out, topic);
    if (id > 0) {
        write_two_bytes(out, id);
    }
    write_no_properties(out, version);
    out += payload;
}

void write_acknowledgement(std::string& out, std::uint16_t id) {
    out += '\x40';
    out += '\x02';
    write_two_bytes(out, id);
}

void write_disconnect(std::string& out) {
    out += '\xe0';
    out += '\0';
}

std::optional<Packet> take_packet(std::string_view& data) {
    std::size_t at = 1;
    const auto size = number_of(data, at);
    if (!size || data.size() - at < *size) {
        return std::nullopt;
    }
    const Packet packet{byte_of(data, 0), data.substr(at, *size)};
    data.remove_prefix(at + *size);
    return packet;
}

Publish read_publish(const Packet& packet, Version version) {
    const auto size = two_bytes_of(packet.body, 0);
    Publish publish{.topic = packet.body.substr(2, size), .payload = {}};
    std::size_t at = 2U + size;
    if ((packet.first_byte & 0x06U) != 0) {
        publish.id = two_bytes_of(packet.body, at);
        at += 2;
    }
    if (version == Version::v5) {
        const auto properties = number_of(packet.body, at);
        at += properties.value_or(0);
    }
    publish.payload = packet.body.substr(at);
    return publish;
}

}  // namespace beckon::bench
