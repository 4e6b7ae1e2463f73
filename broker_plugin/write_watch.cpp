// SPDX-License-Identifier: Apache-2.0
#include "write_watch.hpp"

namespace beckon {

void WriteWatch::asked(const void* client, std::string_view topic, bool retained) {
    client_ = client;
    topic_ = topic;
    retained_ = retained;
}

bool WriteWatch::came(const void* client, std::string_view topic) {
    if (client_ == nullptr || client_ != client || topic_ != topic) {
        return false;
    }
    client_ = nullptr;
    return true;
}

std::optional<std::string> WriteWatch::settle() {
    const bool was_will = client_ != nullptr && retained_;
    client_ = nullptr;
    return was_will ? std::optional(topic_) : std::nullopt;
}

}  // namespace beckon
