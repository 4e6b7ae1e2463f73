// SPDX-License-Identifier: Apache-2.0
#include "broker_stopping.hpp"

#include <dlfcn.h>

#include <initializer_list>

#include "mosquitto_api.hpp"

namespace beckon {

namespace {

void* object_of(const void* symbol) {
    Dl_info found{};
    return dladdr(symbol, &found) != 0 ? found.dli_fbase : nullptr;
}

/// `int run` of Mosquitto 2.0, `int g_run` of 2.1; null: not exported.
const volatile int* find_run_flag() {
    const void* const broker = object_of(reinterpret_cast<void*>(&mosquitto_callback_register));
    for (const char* const name : {"run", "g_run"}) {
        // Other libraries may have something of that name.
        const void* const flag = dlsym(RTLD_DEFAULT, name);
        if (flag != nullptr && object_of(flag) == broker) {
            return static_cast<const volatile int*>(flag);
        }
    }
    return nullptr;
}

}  // namespace

bool broker_is_stopping() {
    static const volatile int* const run = find_run_flag();
    return run != nullptr && *run == 0;
}

}  // namespace beckon
