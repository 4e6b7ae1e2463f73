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
        "plugin_opt_other_topics is missing: say allow or defer"));
}

TEST_CASE("what_is_not_given_has_its_default") {
    const Options read = options({});
    CHECK(read.word == "beckon");
    CHECK(read.other_topics == Policy::allow);
    CHECK(read.requests == Policy::allow);
    CHECK(read.limits == Limits{});
    CHECK(read.store.empty());
    CHECK(read.sync == Durability::always);
    CHECK(read.history_days == 30);
    CHECK(read.max_history == 1'000'000);
    CHECK(read.on_store_failure == OnStoreFailure::refuse);
}

TEST_CASE("a_switch_has_two_positions") {
    CHECK(options({{"requests", "defer"}}).requests == Policy::defer);
    CHECK(std::get<Options>(read_options(Given{{"other_topics", "defer"}})).other_topics ==
          Policy::defer);
    CHECK(objection({{"requests", "deny"}}) ==
          "plugin_opt_requests: 'deny' is neither allow nor defer");
    CHECK(objection({{"requests", "Allow"}}).starts_with("plugin_opt_requests"));
}

TEST_CASE("a_store_is_a_whole_path_or_memory") {
    CHECK(options({{"store", "/var/lib/mosquitto/beckon store.db"}}).store ==
          "/var/lib/mosquitto/beckon store.db");
    CHECK(options({{"store", "memory"}}).store == in_memory);
    for (const auto* const value : {"beckon.db", "./beckon.db", "Memory", ""}) {
        CHECK(objection({{"store", value}}) == "plugin_opt_store: '" + std::string(value) +
                                                   "' is neither memory nor a path that begins "
                                                   "with /");
    }
}

TEST_CASE("the_store_has_switches_and_numbers_of_its_own") {
    CHECK(options({{"sync", "normal"}}).sync == Durability::normal);
    CHECK(options({{"sync", "always"}}).sync == Durability::always);
    CHECK(objection({{"sync", "never"}}) ==
          "plugin_opt_sync: 'never' is neither always nor normal");
    CHECK(options({{"on_store_failure", "continue"}}).on_store_failure == OnStoreFailure::go_on);
    CHECK(options({{"on_store_failure", "refuse"}}).on_store_failure == OnStoreFailure::refuse);
    CHECK(objection({{"on_store_failure", "ignore"}}) ==
          "plugin_opt_on_store_failure: 'ignore' is neither refuse nor continue");
    CHECK(options({{"history_days", "0"}}).history_days == 0);
    CHECK(options({{"history_days", "3650"}}).history_days == 3650);
    CHECK(objection({{"history_days", "3651"}}) ==
          "plugin_opt_history_days: '3651' is not a whole number from 0 to 3650");
    CHECK(options({{"max_history", "1000000000"}}).max_history == 1'000'000'000);
    CHECK(objection({{"max_history", "-1"}}) ==
          "plugin_opt_max_history: '-1' is not a whole number from 0 to 1000000000");
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
