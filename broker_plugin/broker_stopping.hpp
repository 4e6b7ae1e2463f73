// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace beckon {

/// True once the broker has left its loop to stop, where that can be seen.
///
/// Mosquitto then sends the wills of all who are still connected, and stores the
/// retained ones, but takes nothing any more that would clear them. It tells no
/// plugin that it stops; its own variable does, in the builds that export it
/// (Debian's do). Any thread.
bool broker_is_stopping();

}  // namespace beckon
