// SPDX-License-Identifier: Apache-2.0

// The plugin's three entry points, and the callbacks that it registers: here
// the broker's C meets our C++, and no exception passes.

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "broker_config.hpp"
#include "broker_events.hpp"
#include "broker_stopping.hpp"
#include "config_doubts.hpp"
#include "options.hpp"

namespace beckon {

namespace {

/// Does `work`; `safe` is what the broker is told after an exception.
int guarded(Within within, int safe, void* self, const auto& work) noexcept {
    auto& events = *static_cast<BrokerEvents*>(self);
    try {
        return work(events);
    } catch (const std::exception& error) {
        events.failed(within, error.what());
    } catch (...) {
        events.failed(within, "unknown");
    }
    return safe;
}

int on_acl_check(int /*event*/, void* data, void* self) noexcept {
    return guarded(Within::access, MOSQ_ERR_ACL_DENIED, self, [data](BrokerEvents& events) {
        return events.check_access(*static_cast<mosquitto_evt_acl_check*>(data));
    });
}

int on_message(int /*event*/, void* data, void* self) noexcept {
    // Another code than these two would drop the client.
    return guarded(Within::message, MOSQ_ERR_ACL_DENIED, self, [data](BrokerEvents& events) {
        return events.message(*static_cast<mosquitto_evt_message*>(data));
    });
}

int on_tick(int /*event*/, void* data, void* self) noexcept {
    return guarded(Within::tick, MOSQ_ERR_SUCCESS, self, [data](BrokerEvents& events) {
        events.tick(*static_cast<mosquitto_evt_tick*>(data));
        return MOSQ_ERR_SUCCESS;
    });
}

/// Of either event: what 2.1 tells of a connection that leaves its session begins in the same way.
int on_disconnect(int /*event*/, void* data, void* self) noexcept {
    return guarded(Within::disconnect, MOSQ_ERR_SUCCESS, self, [data](BrokerEvents& events) {
        events.disconnected(static_cast<const mosquitto_evt_disconnect*>(data)->client);
        return MOSQ_ERR_SUCCESS;
    });
}

int on_reload(int /*event*/, void* /*data*/, void* self) noexcept {
    return guarded(Within::reload, MOSQ_ERR_SUCCESS, self, [](BrokerEvents& events) {
        events.reloaded(check_own_config());
        return MOSQ_ERR_SUCCESS;
    });
}

struct Callback {
    int event;
    MOSQ_FUNC_generic_callback function;
};
constexpr std::array all_callbacks{
    Callback{MOSQ_EVT_ACL_CHECK, on_acl_check}, Callback{MOSQ_EVT_MESSAGE, on_message},
    Callback{MOSQ_EVT_TICK, on_tick},           Callback{MOSQ_EVT_DISCONNECT, on_disconnect},
    Callback{MOSQ_EVT_RELOAD, on_reload},       Callback{client_offline_event, on_disconnect},
};
/// Those that this broker knows.
std::span<const Callback> callbacks() {
    return std::span(all_callbacks).first(all_callbacks.size() - (is_mosquitto_2_1() ? 0 : 1));
}

struct Loaded {
    mosquitto_plugin_id_t* identifier;
    std::unique_ptr<BrokerEvents> events;
};

/// Named twice in the configuration, the plugin is loaded once and initialised
/// twice; two switchboards would contradict each other.
bool is_loaded = false;

Options options_from(std::span<const mosquitto_opt> given, std::string& objection) {
    std::vector<GivenOption> options;
    for (const auto& option : given) {
        options.push_back({option.key, option.value});
    }
    auto read = read_options(options, is_mosquitto_2_1());
    if (auto* const sentence = std::get_if<std::string>(&read)) {
        objection = std::move(*sentence);
        return {};
    }
    return std::get<Options>(std::move(read));
}

/// Decides what `auto` leaves to the configuration, and warns of what is doubtful in that. The
/// sentence that says why the broker cannot start like this; empty: it can.
std::string fit_to(const ConfigCheck& config, Options& options) {
    if (config.objection) {
        return *config.objection;
    }
    if (options.other_topics_is_auto) {
        const auto decided = decide_other_topics(config);
        if (const auto* const sentence = std::get_if<std::string>(&decided)) {
            return *sentence;
        }
        const auto& [policy, why] = std::get<DecidedPolicy>(decided);
        options.other_topics = policy;
        BrokerLog::decided(policy, why);
    }
    if (config.unread) {
        BrokerLog::config_unread(*config.unread);
    }
    for (const auto& doubt : doubts_about(options, config)) {
        BrokerLog::doubt(doubt);
    }
    return {};
}

/// Likewise.
std::string load(mosquitto_plugin_id_t* identifier, void** user_data,
                 std::span<const mosquitto_opt> given) {
    if (is_loaded) {
        return "the configuration names Beckon's plugin twice: name it once";
    }
    std::string objection;
    Options options = options_from(given, objection);
    if (!objection.empty()) {
        return objection;
    }
    const ConfigCheck config = check_own_config();
    if (objection = fit_to(config, options); !objection.empty()) {
        return objection;
    }
    if (!options.store) {
        if (auto path = default_store(config); !path.empty()) {
            options.store = std::move(path);
        }
    }
    auto loaded = std::make_unique<Loaded>(
        Loaded{.identifier = identifier, .events = std::make_unique<BrokerEvents>(options)});
    for (const auto& callback : callbacks()) {
        if (mosquitto_callback_register(identifier, callback.event, callback.function, nullptr,
                                        loaded->events.get()) != MOSQ_ERR_SUCCESS) {
            return "the broker does not take the plugin's callbacks";
        }
    }
    *user_data = loaded.release();
    is_loaded = true;
    return {};
}

}  // namespace

}  // namespace beckon

#define BECKON_EXPORT extern "C" __attribute__((visibility("default")))

BECKON_EXPORT int mosquitto_plugin_version(int supported_version_count,
                                           const int* supported_versions) {
    const std::span offered(supported_versions, static_cast<std::size_t>(supported_version_count));
    return std::ranges::find(offered, MOSQ_PLUGIN_VERSION) != offered.end() ? MOSQ_PLUGIN_VERSION
                                                                            : -1;
}

BECKON_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void** userdata,
                                        mosquitto_opt* options, int option_count) {
    try {
        const auto objection = beckon::load(
            identifier, userdata, std::span(options, static_cast<std::size_t>(option_count)));
        if (objection.empty()) {
            return MOSQ_ERR_SUCCESS;
        }
        beckon::BrokerLog::refused_to_start(objection);
    } catch (const std::exception& error) {
        beckon::BrokerLog::refused_to_start(error.what());
    }
    return MOSQ_ERR_INVAL;
}

BECKON_EXPORT int mosquitto_plugin_cleanup(void* userdata, mosquitto_opt* /*options*/,
                                           int /*option_count*/) {
    const std::unique_ptr<beckon::Loaded> loaded(static_cast<beckon::Loaded*>(userdata));
    if (loaded) {
        for (const auto& callback : beckon::callbacks()) {
            mosquitto_callback_unregister(loaded->identifier, callback.event, callback.function,
                                          nullptr);
        }
        beckon::leave_stop_to_broker();
        beckon::is_loaded = false;
    }
    return MOSQ_ERR_SUCCESS;
}
