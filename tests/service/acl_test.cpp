// SPDX-License-Identifier: Apache-2.0
#include "acl.hpp"

#include "catch.hpp"

using namespace beckon;

TEST_CASE("each_kind_of_broker_has_rules_for_the_word_the_service_and_the_operators") {
    for (const auto& engine : acl_engines()) {
        INFO(engine.name);
        const auto rules =
            acl_of(engine.name, {.word = "intercom", .service = "judge", .operators = {"boss"}});
        REQUIRE(rules);
        CHECK(rules->find("intercom") != std::string::npos);
        CHECK(rules->find("beckon/v1") == std::string::npos);
        CHECK(rules->find("judge") != std::string::npos);
        CHECK(rules->find("boss") != std::string::npos);
        CHECK(rules->ends_with('\n'));
    }
}

TEST_CASE("no_rules_are_made_up_for_a_broker_that_is_not_known") {
    CHECK(acl_of("hub", {}) == std::nullopt);
}

TEST_CASE("no_user_may_read_above_what_is_theirs") {
    // inbox/{me}/# would be inbox/bob/event, too, for whoever is called bob/event.
    for (const auto& engine : acl_engines()) {
        INFO(engine.name);
        const auto rules = *acl_of(engine.name, {});
        CHECK(rules.find("inbox/%u/#") == std::string::npos);
        CHECK(rules.find("inbox/${username}/#") == std::string::npos);
    }
}
