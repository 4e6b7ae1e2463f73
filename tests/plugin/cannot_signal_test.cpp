// SPDX-License-Identifier: Apache-2.0
#include "cannot_signal.hpp"

#include <string>

#include "catch.hpp"

using namespace beckon;

TEST_CASE("a_name_in_the_log_cannot_steer_it") {
    CHECK(shown_name("door-1") == "door-1");
    CHECK(shown_name("Front Door") == "'Front Door'");
    CHECK(shown_name("K\xc3\xbc"
                     "che") ==
          "'K\xc3\xbc"
          "che'");
    CHECK(shown_name("a\nb\x1b[2J\x7f") == "'a?b?[2J?'");
    // One letter each: a control, a mark that turns the line around, one that breaks it.
    CHECK(shown_name("\xc2\x9b \xe2\x80\xae \xe2\x80\xa8") == "'? ? ?'");
    // No letter: each byte by itself.
    CHECK(shown_name("\xf0\n\n\n") == "'" + std::string(4, '?') + "'");
    CHECK(shown_name("\xe2\x80") == "'" + std::string(2, '?') + "'");
    CHECK(shown_name(std::string(70, 'x')) == "'" + std::string(70, 'x') + "'");
    CHECK(shown_name(std::string(65535, 'x')) == "'" + std::string(96, 'x') + "...'");
}

TEST_CASE("who_cannot_signal_is_told_with_the_limit_and_what_to_do") {
    CHECK(
        cannot_signal(Tried::request, "Front Door", "10.0.0.7") ==
        "user 'Front Door' at 10.0.0.7 sent a request, which went nowhere: with that name one can "
        "neither ring nor be rung; give the client one that matches [A-Za-z0-9._@:-]{1,64}");
    CHECK(cannot_signal(Tried::inbox, "+491700000001", nullptr) ==
          "user '+491700000001' at an unknown address subscribed to an inbox, which was refused: "
          "with that name one can neither ring nor be rung; give the client one that matches "
          "[A-Za-z0-9._@:-]{1,64}");
    CHECK(cannot_signal(Tried::request, "CN=door-2,O=Home", "10.0.0.7") ==
          "user 'CN=door-2,O=Home' at 10.0.0.7 sent a request, which went nowhere: with that name "
          "one can neither ring nor be rung; say use_identity_as_username instead of "
          "use_subject_as_username, or give the client a name that matches "
          "[A-Za-z0-9._@:-]{1,64}");
    CHECK(
        cannot_signal(Tried::request, "", "10.0.0.7") ==
        "somebody who has no name at 10.0.0.7 sent a request, which went nowhere: who has no user "
        "name can neither ring nor be rung; give the client one that matches "
        "[A-Za-z0-9._@:-]{1,64}");
}
