// SPDX-License-Identifier: Apache-2.0
#include "mqtt5/properties.hpp"

#include <utility>

namespace beckon {

namespace {

std::optional<std::string> read_binary(const mosquitto_property* properties, int identifier,
                                       FreeValue free_value) {
    void* value = nullptr;
    std::uint16_t size = 0;
    if (mosquitto_property_read_binary(properties, identifier, &value, &size, false) == nullptr) {
        return std::nullopt;
    }
    const std::unique_ptr<void, FreeValue> owner(value, free_value);
    return value != nullptr ? std::string(static_cast<const char*>(value), size) : std::string();
}

/// At or below `inbox_replies`, and a topic that a broker can publish to.
bool is_below(const std::string& topic, const std::string& inbox_replies) {
    return topic.starts_with(inbox_replies) &&
           (topic.size() == inbox_replies.size() || topic[inbox_replies.size()] == '/') &&
           mosquitto_pub_topic_check(topic.c_str()) == MOSQ_ERR_SUCCESS &&
           mosquitto_validate_utf8(topic.c_str(), static_cast<int>(topic.size())) ==
               MOSQ_ERR_SUCCESS;
}

}  // namespace

bool make_properties(const Told& told, Properties& properties) {
    mosquitto_property* list = nullptr;
    bool complete = true;
    if (told.encoding) {
        complete =
            mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE,
                                          content_type(*told.encoding).data()) == MOSQ_ERR_SUCCESS;
    }
    if (complete && told.correlation != nullptr) {
        complete = mosquitto_property_add_binary(
                       &list, MQTT_PROP_CORRELATION_DATA, told.correlation->data(),
                       static_cast<std::uint16_t>(told.correlation->size())) == MOSQ_ERR_SUCCESS;
    }
    if (complete && told.expires_after_s) {
        complete = mosquitto_property_add_int32(&list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                                *told.expires_after_s) == MOSQ_ERR_SUCCESS;
    }
    properties.reset(list);
    return complete;
}

std::optional<std::string> read_text_property(const mosquitto_property* properties, int identifier,
                                              FreeValue free_value) {
    char* value = nullptr;
    if (mosquitto_property_read_string(properties, identifier, &value, false) == nullptr) {
        return std::nullopt;
    }
    const std::unique_ptr<char, FreeValue> owner(value, free_value);
    return std::string(value != nullptr ? value : "");
}

ReplyAddress read_reply_address(const mosquitto_property* properties, const Topics& topics,
                                const UserId& me, Encoding encoding, FreeValue free_value) {
    ReplyAddress address{.encoding = encoding};
    if (properties == nullptr) {
        return address;
    }
    auto asked_for = read_text_property(properties, MQTT_PROP_RESPONSE_TOPIC, free_value);
    if (asked_for && is_below(*asked_for, topics.replies(me))) {
        address.topic = std::move(*asked_for);
    }
    address.correlation = read_binary(properties, MQTT_PROP_CORRELATION_DATA, free_value);
    return address;
}

}  // namespace beckon
