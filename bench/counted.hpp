// SPDX-License-Identifier: Apache-2.0
#pragma once

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define BECKON_CAN_COUNT
#endif

namespace beckon::bench {

/// Has callgrind count the instructions that `act` takes, where this runs under it with
/// `--instr-atstart=no`: a dump of its own, by that name.
void counted(const char* name, auto&& act) {
#ifdef BECKON_CAN_COUNT
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    act();
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
#else
    static_cast<void>(name);
    act();
#endif
}

}  // namespace beckon::bench
