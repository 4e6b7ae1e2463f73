// SPDX-License-Identifier: Apache-2.0
// Every second device of a world is the C client's.
#include "client_c/c_device.hpp"
#include "world/device_walk.hpp"

using namespace beckon;

namespace {

Story with_c(Story story) {
    story.make_small = make_device<CDevice>;
    story.small_can_ask = CDevice::can_ask;
    return story;
}

}  // namespace

TEST_CASE("C devices know and tell what the broker decides, as MQTT delivers", "[device]") {
    check_counts(walk(with_c({.network = Network::mqtt, .steps = 2'000}), 4),
                 {"rings", "invited", "ended", "assumed", "accept ok", "reject ok", "cancel ok",
                  "ringing ok", "withdrawn", "open and known"},
                 1);
}

TEST_CASE("C devices know and tell what the broker decides, whatever is lost, doubled or late",
          "[device]") {
    check_counts(walk(with_c({.network = Network::nasty, .steps = 2'000}), 3),
                 {"rings", "invited", "ended", "assumed", "no_reply"}, 1);
}

TEST_CASE("C devices get over what the broker refuses for the moment", "[device]") {
    check_counts(walk(with_c({.network = Network::mqtt, .limits_bite = true, .steps = 2'000}), 2),
                 {"rings", "ended", "too_many_pending"}, 1);
}

TEST_CASE("worlds: every promise is kept with C devices in them", "[device]") {
    go_through_worlds([](std::uint32_t seed) { return with_c(world(seed)); }, walks(200));
}
