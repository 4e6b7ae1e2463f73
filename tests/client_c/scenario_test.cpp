// SPDX-License-Identifier: Apache-2.0
// Plays schemas/scenarios/*.txt with libbeckon-c: all that its tables and what it can ask allow.
#include "world/scenario.hpp"

#include <beckon/beckon.h>

#include "client_c/c_device.hpp"

TEST_CASE("the C device does what the scenarios say", "[device]") {
    // It manages no groups, and adds nobody.
    std::set<std::string> but{"group_in_parts", "of_very_many"};
    if (BECKON_DATA_BYTES < 1100) {
        but.insert({"thrown_out", "too_large", "too_large_packet"});
    }
    beckon::scenarios::play_all<beckon::CDevice>(but);
}
