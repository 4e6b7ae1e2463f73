// SPDX-License-Identifier: Apache-2.0
#include "host/clocks.hpp"

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

constexpr bool right = true;
constexpr bool unsure = false;

}  // namespace

TEST_CASE("the_time_that_passed_is_proven_or_it_is_not_told") {
    struct Row {
        const char* what;
        ClockReading then;
        ClockReading now;
        std::optional<Duration> passed;
    };
    const Row rows[] = {
        {"one boot: its own clock, to the millisecond",
         {"one", at(1000), 50'000, right},
         {"one", at(1700), 50'700, right},
         Duration(700)},
        {"one boot: whatever the wall clock did meanwhile",
         {"one", at(1000), 50'000, unsure},
         {"one", at(1700), -9'000'000, right},
         Duration(700)},
        {"one boot, at once",
         {"one", at(1000), 50'000, unsure},
         {"one", at(1000), 50'000, unsure},
         Duration(0)},
        {"one boot, but its clock went back",
         {"one", at(1000), 50'000, right},
         {"one", at(999), 60'000, right},
         {}},
        {"another boot, the wall clock right both times",
         {"one", at(90'000), 50'000, right},
         {"two", at(10), 51'500, right},
         Duration(1500)},
        {"another boot within the same millisecond",
         {"one", at(90'000), 50'000, right},
         {"two", at(10), 50'000, right},
         Duration(0)},
        {"another boot, the wall clock went back",
         {"one", at(90'000), 50'000, right},
         {"two", at(10), 49'999, right},
         {}},
        {"another boot, the wall clock was not known to be right",
         {"one", at(90'000), 50'000, unsure},
         {"two", at(10), 51'500, right},
         {}},
        {"another boot, the wall clock is not known to be right yet",
         {"one", at(90'000), 50'000, right},
         {"two", at(10), 51'500, unsure},
         {}},
        {"another boot of a box that starts in 1970",
         {"one", at(90'000), 90'000, unsure},
         {"two", at(10), 10, unsure},
         {}},
        {"boots without a name are not one boot",
         {"", at(1000), 50'000, unsure},
         {"", at(1700), 50'700, unsure},
         {}},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(time_passed(row.then, row.now) == row.passed);
    }
}

TEST_CASE("the_clocks_of_this_system_go_forward_in_one_boot") {
    const auto then = read_clocks();
    const auto now = read_clocks();
    CHECK_FALSE(now.boot_id.empty());
    CHECK(now.since_boot >= then.since_boot);
    CHECK(time_passed(then, now) == now.since_boot - then.since_boot);
}
