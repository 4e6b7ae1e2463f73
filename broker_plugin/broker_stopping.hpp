// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace beckon {

/// Notes from then on when the broker is told to stop (SIGTERM, SIGINT). Call at the first tick:
/// Mosquitto 2.1 sets its own handlers after it has loaded its plugins.
void watch_for_stop();
/// Before the plugin goes, and its code with it: signals are the broker's alone again.
void leave_stop_to_broker();

/// The broker is stopping: it sends the wills of all that are connected, and hands none of them
/// to a plugin any more. Mosquitto tells no plugin of it.
bool broker_is_stopping();

}  // namespace beckon
