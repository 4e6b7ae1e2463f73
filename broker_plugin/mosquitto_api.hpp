// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <cstdlib>

// Mosquitto 2.1 moved its plugin headers and warns about the old names.
#if __has_include(<mosquitto/broker_plugin.h>)
#include <mosquitto.h>
#else
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
#endif

namespace beckon {

// What only 2.1 has, whichever headers we are built with: one binary is for all.

/// The event that tells of a connection that ended and left its session.
inline constexpr int client_offline_event = 28;
/// The answer to an access check that means: as if this plugin were not there.
inline constexpr int plugin_ignores = 32;

/// Whether the broker that loaded us is Mosquitto 2.1 or later. Any thread.
inline bool is_mosquitto_2_1() {
    static const bool is = dlsym(RTLD_DEFAULT, "mosquitto_plugin_set_info") != nullptr;
    return is;
}

/// Frees what `mosquitto_property_read_…` allocated.
inline void free_property_value(void* value) {
    if (is_mosquitto_2_1()) {
        mosquitto_free(value);
    } else {
        std::free(value);  // NOLINT(cppcoreguidelines-no-malloc): 2.0 has it from malloc itself
    }
}

/// In how many ms the broker is to tick again, for 2.1; 2.0 does not look.
inline long& next_ms_of(mosquitto_evt_tick& event) {
#if __has_include(<mosquitto/broker_plugin.h>)
    return event.next_ms;
#else
    return event.next_ns;
#endif
}

}  // namespace beckon
