// SPDX-License-Identifier: Apache-2.0
// The floor: a plugin that judges nothing, keeps nothing and checks no access. For each request it
// publishes ready-made messages, of the number, topics, sizes and properties that Beckon's have in
// a cycle (load/cycles.cpp). What it costs, any plugin does that answers by the broker's own
// publish.
//
//   plugin_opt_sizes 122 342 61 160     reply to invite, new_invitation, reply to accept,
//                                       invitee_accepted
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view root = "beckon/v1/";

struct Floor {
    mosquitto_plugin_id_t* id = nullptr;
    std::array<std::string, 4> said{R"({"re":"invite")", R"({"event":"new_invitation")",
                                    R"({"re":"accept")", R"({"event":"invitee_accepted")"};
};
Floor& floor_plugin() {
    static Floor one;
    return one;
}

void say(std::string_view user, const char* level, const std::string& payload) {
    const auto topic = std::string(root) + "inbox/" + std::string(user) + level;
    mosquitto_property* properties = nullptr;
    mosquitto_property_add_string(&properties, MQTT_PROP_CONTENT_TYPE, "application/json");
    auto* copy = mosquitto_malloc(payload.size());
    std::memcpy(copy, payload.data(), payload.size());
    mosquitto_broker_publish(nullptr, topic.c_str(), int(payload.size()), copy, 1, false,
                             properties);
}

int on_message(int /*event*/, void* data, void* /*user_data*/) {
    auto& message = *static_cast<mosquitto_evt_message*>(data);
    const std::string_view topic = message.topic;
    if (!topic.starts_with(root)) {
        return MOSQ_ERR_SUCCESS;
    }
    const std::string user = mosquitto_client_username(message.client);
    const auto& said = floor_plugin().said;
    if (topic.ends_with("/invite")) {
        const auto from = root.size() + std::string_view("user/").size();
        say(user, "/reply", said[0]);
        say(topic.substr(from, topic.rfind('/') - from), "/json", said[1]);
    } else if (topic.ends_with("/accept")) {
        auto caller = user;
        caller.replace(0, std::string_view("callee").size(), "caller");
        say(user, "/reply", said[2]);
        say(caller, "/json", said[3]);
        say(user, "/json", said[3]);
    }
    // As Beckon does: nobody can read the request itself.
    std::strcpy(message.topic, "$beckon");  // NOLINT(clang-analyzer-security.insecureAPI.strcpy)
    message.retain = false;
    return MOSQ_ERR_SUCCESS;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int mosquitto_plugin_version(int count,
                                                                    const int* versions) {
    const std::span all(versions, std::size_t(count));
    return std::find(all.begin(), all.end(), 5) != all.end() ? 5 : -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* id,
                                                                 void** /*user_data*/,
                                                                 mosquitto_opt* options,
                                                                 int count) {
    auto& floor = floor_plugin();
    floor.id = id;
    for (const auto& option : std::span(options, std::size_t(count))) {
        if (std::string_view(option.key) == "sizes") {
            std::istringstream sizes(option.value);
            for (auto& message : floor.said) {
                std::size_t size = 0;
                sizes >> size;
                message.resize(std::max(size, message.size() + 1), 'x');
                message.back() = '}';
            }
        }
    }
    return mosquitto_callback_register(id, MOSQ_EVT_MESSAGE, on_message, nullptr, nullptr);
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void* /*user_data*/,
                                                                    mosquitto_opt* /*options*/,
                                                                    int /*count*/) {
    return mosquitto_callback_unregister(floor_plugin().id, MOSQ_EVT_MESSAGE, on_message, nullptr);
}
}
