// SPDX-License-Identifier: Apache-2.0
#include "stub_broker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

extern "C" {
int mosquitto_plugin_version(int supported_version_count, const int* supported_versions);
int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void** user_data,
                          struct mosquitto_opt* options, int option_count);
int mosquitto_plugin_cleanup(void* user_data, struct mosquitto_opt* options, int option_count);
}

namespace beckon {

namespace {

struct FreeProperties {
    void operator()(mosquitto_property* properties) const {
        mosquitto_property_free_all(&properties);
    }
};
using OwnedProperties = std::unique_ptr<mosquitto_property, FreeProperties>;

OwnedProperties list_of(const Properties& properties) {
    mosquitto_property* list = nullptr;
    if (properties.content_type) {
        mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE,
                                      properties.content_type->c_str());
    }
    if (properties.response_topic) {
        mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC,
                                      properties.response_topic->c_str());
    }
    if (properties.correlation) {
        mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA,
                                      properties.correlation->data(),
                                      static_cast<std::uint16_t>(properties.correlation->size()));
    }
    return OwnedProperties(list);
}

std::optional<std::string> string_of(const mosquitto_property* list, int identifier) {
    char* value = nullptr;
    if (mosquitto_property_read_string(list, identifier, &value, false) == nullptr) {
        return std::nullopt;
    }
    std::string text = value;
    std::free(value);
    return text;
}

std::optional<std::string> binary_of(const mosquitto_property* list, int identifier) {
    void* value = nullptr;
    std::uint16_t size = 0;
    if (mosquitto_property_read_binary(list, identifier, &value, &size, false) == nullptr) {
        return std::nullopt;
    }
    std::string bytes(static_cast<const char*>(value), value != nullptr ? size : 0);
    std::free(value);
    return bytes;
}

char* freed_by_broker(const std::string& text) {
    auto* const copy = static_cast<char*>(std::malloc(text.size() + 1));
    std::memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

}  // namespace

StubBroker& StubBroker::instance() {
    static StubBroker one;
    return one;
}

bool StubBroker::load(const Options& options) {
    std::vector<mosquitto_opt> given;
    for (const auto& [key, value] : options) {
        given.push_back({const_cast<char*>(key.c_str()), const_cast<char*>(value.c_str())});
    }
    const int versions[] = {2, 3, 4, 5};
    is_loaded_ =
        mosquitto_plugin_version(std::size(versions), versions) == 5 &&
        mosquitto_plugin_init(reinterpret_cast<mosquitto_plugin_id_t*>(this), &user_data_,
                              given.data(), static_cast<int>(given.size())) == MOSQ_ERR_SUCCESS;
    return is_loaded_;
}

void StubBroker::unload() {
    if (std::exchange(is_loaded_, false)) {
        mosquitto_plugin_cleanup(user_data_, nullptr, 0);
    }
    user_data_ = nullptr;
    timer_ms_.reset();
    for (auto& client : connections) {
        client = {};
    }
    // In a process that lives as long as its broker, the plugin leaves the signal that it claimed.
    for (int signal = SIGRTMIN + 1; signal <= SIGRTMAX; ++signal) {
        std::signal(signal, SIG_DFL);
    }
}

void StubBroker::connect(mosquitto& client) {
    client.connected = true;
    if (client.clean) {
        sessions.erase(client.client_id);
    }
    sessions[client.client_id];
}

void StubBroker::disconnect(mosquitto& client) {
    mosquitto_evt_disconnect event{};
    event.client = &client;
    call(MOSQ_EVT_DISCONNECT, &event);
    client.connected = false;
    if (client.clean && client.version < 5) {
        sessions.erase(client.client_id);
    }
}

int StubBroker::subscribe(mosquitto& client, const std::string& filter) {
    const int verdict = ask(client, MOSQ_ACL_SUBSCRIBE, filter, nullptr);
    if (verdict == MOSQ_ERR_SUCCESS || verdict == MOSQ_ERR_PLUGIN_DEFER) {
        sessions[client.client_id].insert(filter);
    }
    return verdict;
}

int StubBroker::unsubscribe(mosquitto& client, const std::string& filter) {
    const int verdict = ask(client, MOSQ_ACL_UNSUBSCRIBE, filter, nullptr);
    if (verdict == MOSQ_ERR_SUCCESS || verdict == MOSQ_ERR_PLUGIN_DEFER) {
        sessions[client.client_id].erase(filter);
    }
    return verdict;
}

int StubBroker::may_read(mosquitto& client, const Published& message, bool retained) {
    const Publish what{.topic = message.topic, .payload = message.payload, .retain = retained};
    return ask(client, MOSQ_ACL_READ, message.topic, &what);
}

int StubBroker::ask(mosquitto& client, int access, const std::string& topic, const Publish* what) {
    // As the broker has it: so that what is read beyond its end is found.
    const std::string_view bytes = what != nullptr ? std::string_view(what->payload) : "";
    const std::vector<char> payload(bytes.begin(), bytes.end());
    mosquitto_evt_acl_check event{};
    event.client = &client;
    event.topic = topic.c_str();
    event.access = access;
    event.payload = payload.empty() ? nullptr : payload.data();
    event.payloadlen = static_cast<std::uint32_t>(payload.size());
    event.retain = what != nullptr && what->retain;
    return call(MOSQ_EVT_ACL_CHECK, &event);
}

StubBroker::Outcome StubBroker::publish(mosquitto& client, const Publish& what) {
    const int access = ask(client, MOSQ_ACL_WRITE, what.topic, &what);
    if (access != MOSQ_ERR_SUCCESS && access != MOSQ_ERR_PLUGIN_DEFER) {
        return {.access = access, .topic = what.topic, .retain = what.retain};
    }
    auto outcome = come_by_bridge(client, what);
    outcome.access = access;
    return outcome;
}

StubBroker::Outcome StubBroker::come_by_bridge(mosquitto& client, const Publish& what) {
    const auto properties = list_of(what.properties);
    std::vector<char> payload(what.payload.begin(), what.payload.end());
    mosquitto_evt_message event{};
    event.client = &client;
    event.topic = freed_by_broker(what.topic);
    event.payload = payload.empty() ? nullptr : payload.data();
    event.payloadlen = static_cast<std::uint32_t>(payload.size());
    event.properties = properties.get();
    event.qos = 1;
    event.retain = what.retain;
    Outcome outcome{.message = call(MOSQ_EVT_MESSAGE, &event)};
    outcome.topic = event.topic;
    outcome.retain = event.retain;
    std::free(event.topic);
    return outcome;
}

int StubBroker::will(mosquitto& client, const Publish& what) {
    return ask(client, MOSQ_ACL_WRITE, what.topic, &what);
}

void StubBroker::tick() {
    mosquitto_evt_tick event{};
    event.now_s = 1'700'000'000 + now_ms_ / 1000;
    call(MOSQ_EVT_TICK, &event);
}

void StubBroker::wait(std::int64_t ms) {
    constexpr std::int64_t longest_wait = 100;
    const auto end = now_ms_ + ms;
    while (now_ms_ < end) {
        auto next = std::min(end, now_ms_ + longest_wait);
        if (timer_ms_) {
            next = std::min(next, std::max(*timer_ms_, now_ms_ + 1));
        }
        now_ms_ = next;
        tick();
    }
}

int StubBroker::call(int event, void* data) {
    const auto callback = callbacks_.find(event);
    return callback == callbacks_.end()
               ? MOSQ_ERR_PLUGIN_DEFER
               : callback->second.function(event, data, callback->second.user_data);
}

void StubBroker::register_callback(int event, MOSQ_FUNC_generic_callback function,
                                   void* user_data) {
    callbacks_[event] = {function, user_data};
}

bool StubBroker::take(Published message) {
    message.taken = takes_none_of_next == 0;
    takes_none_of_next -= message.taken ? 0 : 1;
    published_.push_back(std::move(message));
    return published_.back().taken;
}

}  // namespace beckon

// What the plugin calls: of the broker, as its header has it; of the system, what tells the time
// and what is drawn by chance, by other names that the build gives them.

using beckon::StubBroker;

extern "C" {

int mosquitto_callback_register(mosquitto_plugin_id_t* /*identifier*/, int event,
                                MOSQ_FUNC_generic_callback function, const void* /*event_data*/,
                                void* user_data) {
    StubBroker::instance().register_callback(event, function, user_data);
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t* /*identifier*/, int event,
                                  MOSQ_FUNC_generic_callback /*function*/,
                                  const void* /*event_data*/) {
    StubBroker::instance().unregister_callback(event);
    return MOSQ_ERR_SUCCESS;
}

void* mosquitto_malloc(size_t size) { return std::malloc(size); }
void mosquitto_free(void* memory) { std::free(memory); }

void mosquitto_log_printf(int level, const char* format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    StubBroker::instance().log(level, line);
}

const char* mosquitto_client_id(const mosquitto* client) { return client->client_id.c_str(); }
const char* mosquitto_client_address(const mosquitto* client) {
    return client->address ? client->address->c_str() : nullptr;
}
const char* mosquitto_client_username(const mosquitto* client) {
    return client->username ? client->username->c_str() : nullptr;
}
bool mosquitto_client_clean_session(const mosquitto* client) { return client->clean; }
int mosquitto_client_protocol(const mosquitto* client) { return client->protocol; }
int mosquitto_client_protocol_version(const mosquitto* client) { return client->version; }
int mosquitto_client_sub_count(const mosquitto* client) {
    return static_cast<int>(StubBroker::instance().sessions[client->client_id].size());
}

int mosquitto_broker_publish(const char* /*client_id*/, const char* topic, int size, void* payload,
                             int qos, bool retain, mosquitto_property* properties) {
    beckon::Published message{
        .topic = topic,
        .payload = std::string(static_cast<const char*>(payload), static_cast<std::size_t>(size)),
        .qos = qos,
        .retain = retain};
    message.content_type = beckon::string_of(properties, MQTT_PROP_CONTENT_TYPE);
    message.correlation = beckon::binary_of(properties, MQTT_PROP_CORRELATION_DATA);
    if (!StubBroker::instance().take(std::move(message))) {
        return MOSQ_ERR_NOMEM;
    }
    std::free(payload);
    mosquitto_property_free_all(&properties);
    return MOSQ_ERR_SUCCESS;
}

int stub_clock_gettime(clockid_t /*clock*/, timespec* now) {
    const auto ms = StubBroker::instance().now_ms();
    now->tv_sec = ms / 1000;
    now->tv_nsec = ms % 1000 * 1'000'000;
    return 0;
}

int stub_timer_create(clockid_t /*clock*/, sigevent* /*event*/, timer_t* timer) {
    *timer = {};
    return 0;
}
int stub_timer_settime(timer_t /*timer*/, int /*flags*/, const itimerspec* spec,
                       itimerspec* /*old*/) {
    const auto ms = spec->it_value.tv_sec * 1000 + spec->it_value.tv_nsec / 1'000'000;
    StubBroker::instance().set_timer(ms == 0 ? std::nullopt : std::optional<std::int64_t>(ms));
    return 0;
}
int stub_timer_delete(timer_t /*timer*/) {
    StubBroker::instance().set_timer(std::nullopt);
    return 0;
}
int stub_tgkill(pid_t /*process*/, pid_t /*thread*/, int /*signal*/) { return 0; }

int __wrap_RAND_bytes(unsigned char* bytes, int size) {
    std::generate_n(bytes, size, [] {
        return static_cast<unsigned char>(StubBroker::instance().random_bits() >> 56U);
    });
    return 1;
}
}
