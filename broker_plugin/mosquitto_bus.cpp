// SPDX-License-Identifier: Apache-2.0
#include "mosquitto_bus.hpp"

#include <cstring>
#include <limits>
#include <memory>

namespace beckon {

namespace {

struct FreeProperties {
    void operator()(mosquitto_property* properties) const {
        mosquitto_property_free_all(&properties);
    }
};
struct FreePayload {
    void operator()(void* payload) const { mosquitto_free(payload); }
};

/// `encoding` nothing: no Content Type.
bool publish_to(const Publication& what, std::optional<Encoding> encoding) {
    if (what.payload.size() > std::numeric_limits<int>::max()) {
        return false;
    }
    mosquitto_property* list = nullptr;
    bool complete = true;
    if (encoding) {
        complete =
            mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE,
                                          content_type(*encoding).data()) == MOSQ_ERR_SUCCESS;
    }
    if (complete && what.correlation != nullptr) {
        complete = mosquitto_property_add_binary(
                       &list, MQTT_PROP_CORRELATION_DATA, what.correlation->data(),
                       static_cast<std::uint16_t>(what.correlation->size())) == MOSQ_ERR_SUCCESS;
    }
    std::unique_ptr<mosquitto_property, FreeProperties> properties(list);
    // Not mosquitto_broker_publish_copy: its copy is missing from 2.0's count of memory.
    std::unique_ptr<void, FreePayload> copy;
    if (!what.payload.empty()) {
        copy.reset(mosquitto_malloc(what.payload.size()));
        if (copy) {
            std::memcpy(copy.get(), what.payload.data(), what.payload.size());
        }
        complete = complete && copy;
    }
    if (!complete || mosquitto_broker_publish(
                         nullptr, what.topic.c_str(), static_cast<int>(what.payload.size()),
                         copy.get(), what.qos, what.retain, properties.get()) != MOSQ_ERR_SUCCESS) {
        return false;
    }
    // The broker owns both now.
    static_cast<void>(copy.release());
    static_cast<void>(properties.release());
    return true;
}

/// The value of the property, if it is there; `read` is one of Mosquitto's readers.
std::optional<std::string> read_string(const mosquitto_property* properties, int identifier) {
    char* value = nullptr;
    if (mosquitto_property_read_string(properties, identifier, &value, false) == nullptr) {
        return std::nullopt;
    }
    const std::unique_ptr<char, decltype(&free_property_value)> owner(value, free_property_value);
    return std::string(value != nullptr ? value : "");
}

std::optional<std::string> read_binary(const mosquitto_property* properties, int identifier) {
    void* value = nullptr;
    std::uint16_t size = 0;
    if (mosquitto_property_read_binary(properties, identifier, &value, &size, false) == nullptr) {
        return std::nullopt;
    }
    const std::unique_ptr<void, decltype(&free_property_value)> owner(value, free_property_value);
    return value != nullptr ? std::string(static_cast<const char*>(value), size) : std::string();
}

/// At or below `inbox_replies`, and a topic that the broker can publish to.
bool is_below(const std::string& topic, const std::string& inbox_replies) {
    return topic.starts_with(inbox_replies) &&
           (topic.size() == inbox_replies.size() || topic[inbox_replies.size()] == '/') &&
           mosquitto_pub_topic_check(topic.c_str()) == MOSQ_ERR_SUCCESS &&
           mosquitto_validate_utf8(topic.c_str(), static_cast<int>(topic.size())) ==
               MOSQ_ERR_SUCCESS;
}

}  // namespace

ReplyAddress read_reply_address(const mosquitto_property* properties, const Topics& topics,
                                const UserId& me, Encoding encoding) {
    ReplyAddress address{.encoding = encoding};
    if (properties == nullptr) {
        return address;
    }
    auto asked_for = read_string(properties, MQTT_PROP_RESPONSE_TOPIC);
    if (asked_for && is_below(*asked_for, topics.replies(me))) {
        address.topic = std::move(*asked_for);
    }
    address.correlation = read_binary(properties, MQTT_PROP_CORRELATION_DATA);
    return address;
}

bool MosquittoBus::publish(const Publication& publication) {
    ++published_;
    return publish_to(publication, type_of(publication));
}

/// What Content Type tells, which nobody has to be told who has none.
std::optional<Encoding> MosquittoBus::type_of(const Publication& publication) {
    if (publication.reader == nullptr) {
        return publication.encoding;
    }
    const auto kind = publication.is_reply ? InboxReaders::Kind::reply
                                           : InboxReaders::event_in(publication.encoding);
    if (readers_.has_no_types(*publication.reader, kind)) {
        return std::nullopt;
    }
    if (publication.is_reply) {
        readers_.replied(*publication.reader);
    }
    return publication.encoding;
}

bool MosquittoBus::clear_retained(const std::string& topic) {
    return publish_to({.topic = topic, .payload = {}, .qos = 0, .retain = true}, std::nullopt);
}

void MosquittoBus::log_line(LogLevel level, const std::string& sentence) {
    const int mosquitto_level = level == LogLevel::error     ? MOSQ_LOG_ERR
                                : level == LogLevel::warning ? MOSQ_LOG_WARNING
                                                             : MOSQ_LOG_NOTICE;
    mosquitto_log_printf(mosquitto_level, "beckon: %s", sentence.c_str());
}

}  // namespace beckon
