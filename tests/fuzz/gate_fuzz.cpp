// SPDX-License-Identifier: Apache-2.0
// Anything that a crowd asks of a commit gate and that its journal does, in any order: every
// promise is kept, nothing is said before it is stored, and who asked is answered.
#include <cstdint>

#include "host/gate_walk.hpp"
#include "input.hpp"

using namespace beckon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return judge([&] {
        Input input(data, size);
        int steps = 0;
        GateWalk([&](std::size_t bound) { return input.below(bound); }).run([&] {
            return ++steps <= 1000 && !input.empty();
        });
    });
}
