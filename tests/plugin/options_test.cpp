// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <string>
#include <variant>
#include <vector>

#include "catch.hpp"

using namespace beckon;

namespace {

using Given = std::vector<GivenOption>;

/// What is read when `more` is given beside the option that must be.
std::variant<Options, std::string> read_with(const Given& more) {
    Given given{{"other_topics", "allow"}};
    given.insert(given.end(), more.begin(), more.end());
    return read_options(given);
}

Options options(const Given& more) {
    const auto read = read_with(more);
    const auto* const sentence = std::get_if<std::string>(&read);
    INFO((sentence != nullptr ? *sentence : ""));
    REQUIRE(sentence == nullptr);
    return std::get<Options>(read);
}

std::string objection(const Given& more) {
    const auto read = read_with(more);
    REQUIRE(std::holds_alternative<std::string>(read));
    return std::get<std::string>(read);
}

}  // namespace

TEST_CASE("other_topics_must_be_given") {
    const auto read = read_options({});
    REQUIRE(std::holds_alternative<std::string>(read));
    CHECK(std::get<std::string>(read).starts_with(
        "plugin_opt_other_topics is missing: say auto, allow or defer"));
}

TEST_CASE("a_broker_that_knows_plugins_without_an_opinion_needs_no_other_topics") {
    CHECK(std::get<Options>(read_options({}, true)).other_topics == Policy::ignore);
    const Given ignore{{"other_topics", "ignore"}};
    CHECK(std::get<Options>(read_options(ignore, true)).other_topics == Policy::ignore);
    CHECK(std::get<Options>(read_options(Given{{"other_topics", "defer"}}, true)).other_topics ==
          Policy::defer);
    CHECK(std::get<std::string>(read_options(ignore)) ==
          "plugin_opt_other_topics: 'ignore' needs Mosquitto 2.1: say auto, allow or defer");
}

TEST_CASE("auto_is_settled_by_the_configuration_where_the_broker_cannot_ignore") {
    const Given given{{"other_topics", "auto"}};
    const auto asked = std::get<Options>(read_options(given));
    CHECK(asked.other_topics_is_auto);
    CHECK(asked.other_topics == Policy::defer);
    const auto ignoring = std::get<Options>(read_options(given, true));
    CHECK_FALSE(ignoring.other_topics_is_auto);
    CHECK(ignoring.other_topics == Policy::ignore);
    CHECK(std::get<std::string>(read_options(Given{{"other_topics", "Auto"}})) ==
          "plugin_opt_other_topics: 'Auto' is none of auto, allow and defer");
}

TEST_CASE("what_is_not_given_has_its_default") {
    const Options read = options({});
    CHECK(read.word == "beckon");
    CHECK(read.other_topics == Policy::allow);
    CHECK(read.requests == Policy::allow);
    CHECK(read.limits == Limits{});
}

TEST_CASE("a_switch_has_two_positions") {
    CHECK(options({{"requests", "defer"}}).requests == Policy::defer);
    CHECK(std::get<Options>(read_options(Given{{"other_topics", "defer"}})).other_topics ==
          Policy::defer);
    CHECK(objection({{"requests", "deny"}}) ==
          "plugin_opt_requests: 'deny' is neither allow nor defer");
    CHECK(objection({{"requests", "Allow"}}).starts_with("plugin_opt_requests"));
    CHECK(options({}).status);
    CHECK_FALSE(options({{"status", "off"}}).status);
    CHECK(objection({{"status", "0"}}) == "plugin_opt_status: '0' is neither on nor off");
}

TEST_CASE("blanks_at_the_end_of_a_line_are_no_part_of_a_value") {
    CHECK(options({{"requests", "defer \t"}}).requests == Policy::defer);
    CHECK(options({{"grace_ms", "7  "}}).limits.grace_ms == 7);
}

TEST_CASE("the_root_is_one_level_that_is_an_id") {
    CHECK(options({{"root", "door-bell"}}).word == "door-bell");
    for (const auto* const word : {"a/b", "+", "#", "a b", "$SYS", "/", "share"}) {
        CHECK(objection({{"root", word}}).starts_with("plugin_opt_root: '" + std::string(word)));
    }
}

TEST_CASE("each_limit_takes_the_whole_numbers_of_its_range") {
    for (const auto& limit : limit_table) {
        INFO(limit.name);
        // The greatest first: a timeout must not exceed the lifetime.
        const std::string most = std::to_string(limit.most);
        if (limit.value != &Limits::max_timeout_ms) {
            CHECK(options({{limit.name, most}}).limits.*limit.value == limit.most);
        }
        const std::string least = std::to_string(limit.least);
        if (limit.value != &Limits::max_lifetime_ms) {
            CHECK(options({{limit.name, least}}).limits.*limit.value == limit.least);
        }
        const std::string name = "plugin_opt_" + std::string(limit.name);
        const std::string range = "is not a whole number from " + least + " to " + most;
        const auto below = std::to_string(limit.least - 1);
        const auto above = std::to_string(limit.most + 1);
        for (const std::string& value : {below, above, std::string("many"), std::string("1.5"),
                                         std::string("1 2"), std::string("0x10"), std::string()}) {
            CHECK(objection({{limit.name, value}}) == name + ": '" + value + "' " + range);
        }
    }
}

TEST_CASE("a_timeout_cannot_exceed_the_lifetime") {
    CHECK(objection({{"max_lifetime_ms", "1000"}}) ==
          "plugin_opt_max_timeout_ms: 86400000 is over plugin_opt_max_lifetime_ms, 1000");
    CHECK(
        options({{"max_lifetime_ms", "1000"}, {"max_timeout_ms", "1000"}}).limits.max_lifetime_ms ==
        1000);
}

TEST_CASE("an_option_that_does_not_exist_or_is_given_twice_is_named") {
    CHECK(objection({{"colour", "red"}}) == "plugin_opt_colour is no option of Beckon");
    CHECK(objection({{"grace_ms", "1"}, {"grace_ms", "1"}}) ==
          "plugin_opt_grace_ms is given twice");
    CHECK(objection({{"other_topics", "allow"}}) == "plugin_opt_other_topics is given twice");
}
