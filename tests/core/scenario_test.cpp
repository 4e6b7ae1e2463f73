// SPDX-License-Identifier: Apache-2.0
// Plays schemas/scenarios/*.txt with the C++ client's half.
#include "world/scenario.hpp"

TEST_CASE("a device does what the scenarios say", "[device]") {
    beckon::scenarios::play_all<beckon::Device>();
}
