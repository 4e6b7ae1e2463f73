// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Frees what `mosquitto_property_read_…` allocated.
inline void free_property_value(void* value) {
#if __has_include(<mosquitto/broker_plugin.h>)
    mosquitto_free(value);
#else
    std::free(value);  // NOLINT(cppcoreguidelines-no-malloc): 2.0 has it from malloc itself
#endif
}

}  // namespace beckon
