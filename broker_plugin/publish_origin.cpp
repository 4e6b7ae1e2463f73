// SPDX-License-Identifier: Apache-2.0
#include "publish_origin.hpp"

namespace beckon {

void PublishOrigin::asked(const void* client, std::string_view topic, bool retained) {
    client_ = client;
    topic_ = topic;
    retained_ = retained;
}

bool PublishOrigin::came(const void* client, std::string_view topic) {
    if (client_ == nullptr || client_ != client || topic_ != topic) {
        return false;
    }
    client_ = nullptr;
    return true;
}

std::optional<std::string> PublishOrigin::settle() {
    const bool was_will = client_ != nullptr && retained_;
    client_ = nullptr;
    return was_will ? std::optional(topic_) : std::nullopt;
}

}  // namespace beckon
