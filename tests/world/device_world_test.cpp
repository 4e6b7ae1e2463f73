// SPDX-License-Identifier: Apache-2.0
#include "world/device_walk.hpp"

using namespace beckon;

TEST_CASE("devices know and tell what the broker decides, as MQTT delivers", "[device]") {
    check_counts(walk({.network = Network::mqtt, .steps = 2'000}, 20),
                 {"rings",
                  "invited",
                  "ended",
                  "restart",
                  "assumed",
                  "ended without a state",
                  "accept ok",
                  "reject ok",
                  "cancel ok",
                  "modify ok",
                  "add ok",
                  "ringing ok",
                  "already_accepted",
                  "already_cancelled",
                  "already_timed_out",
                  "no_reply",
                  "not_connected",
                  "withdrawn",
                  "open and known",
                  "shown to the inviter's others"});
}

// Beyond what MQTT does to a connection.
TEST_CASE("devices know and tell what the broker decides, whatever is lost, doubled or late",
          "[device]") {
    check_counts(walk({.network = Network::nasty, .steps = 2'000}, 6),
                 {"rings", "invited", "ended", "restart", "assumed", "no_reply"});
}

TEST_CASE("devices get over what the broker refuses for the moment", "[device]") {
    check_counts(walk({.network = Network::mqtt, .limits_bite = true, .steps = 2'000}, 5),
                 {"rings", "ended", "too_many_pending"});
}

TEST_CASE("worlds: every promise is kept, whatever becomes of devices, network, broker and disk",
          "[device]") {
    go_through_worlds(world, walks(800));
}
