// SPDX-License-Identifier: Apache-2.0
#include "mosquitto_bus.hpp"

#include <cstring>
#include <limits>
#include <memory>

namespace beckon {

namespace {

struct FreePayload {
    void operator()(void* payload) const { mosquitto_free(payload); }
};

/// `encoding` nothing: no Content Type.
bool publish_to(const Publication& what, std::optional<Encoding> encoding) {
    if (what.payload.size() > std::numeric_limits<int>::max()) {
        return false;
    }
    Properties properties;
    bool complete =
        make_properties({.encoding = encoding, .correlation = what.correlation}, properties);
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

}  // namespace

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
