// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <chrono>
#include <string>

namespace beckon::cli {

/// Whether the broker is reached by TLS.
bool uses_tls(const ClientOptions& options);

/// Why TLS to the broker fails: `certificate has expired`, say, or `its certificate names another
/// host`. Found by a handshake of its own, since Paho tells no reason; no MQTT is spoken. Empty:
/// it does not fail, or the broker cannot be reached at all. Waits that long at most for each step.
std::string why_tls_fails(const ClientOptions& options, std::chrono::milliseconds patience);

}  // namespace beckon::cli
