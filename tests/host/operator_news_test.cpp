// SPDX-License-Identifier: Apache-2.0
// What operators are told is what the golden vectors say (contract, section 8a).
#include "host/operator_news.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "world/actors.hpp"
#include "world/heard_bus.hpp"

using namespace beckon;
using nlohmann::ordered_json;

namespace {

struct Operators {
    const Topics topics{"beckon"};
    HeardBus heard;
    OperatorNews news{heard, topics};

    /// The last that was told, whole.
    [[nodiscard]] const HeardBus::Told& told() const {
        REQUIRE_FALSE(heard.all.empty());
        return heard.all.back();
    }
};

/// The texts of the vectors of this kind.
std::vector<std::string> vectors(const std::string& kind) {
    std::vector<std::string> texts;
    for (const auto& one : ordered_json::parse(std::ifstream(SCHEMAS "/vectors/operator.json"))) {
        if (one.at("kind") == "operator:" + kind) {
            texts.push_back(one.at("json"));
        }
    }
    REQUIRE_FALSE(texts.empty());
    return texts;
}

Error error_named(const std::string& name) {
    const auto* const found = std::find_if(error_table.begin(), error_table.end(),
                                           [&](const ErrorInfo& one) { return one.name == name; });
    REQUIRE(found != error_table.end());
    return found->error;
}

/// Its names, in order, and those within it.
std::vector<std::string> names_in(const ordered_json& object) {
    std::vector<std::string> names;
    for (const auto& [name, value] : object.items()) {
        names.push_back(name);
        if (name == "ends" || name == "lateness_ms") {
            for (const auto& inner : names_in(value)) {
                names.push_back(name + "." + inner);
            }
        }
    }
    return names;
}

constexpr Duration second{1000};

}  // namespace

TEST_CASE("each vector of what was refused is written byte by byte") {
    for (const auto& text : vectors("refused")) {
        INFO(text);
        const auto told = ordered_json::parse(text);
        const auto of = [&](const char* name) { return told.value(name, std::string()); };
        Refusal refusal{.error = error_named(of("error")), .message = of("message")};
        if (told.contains("field")) {
            refusal.field = of("field");
        }
        const std::string user = of("user");
        const std::string address = of("address");
        const std::string topic = of("topic");
        const std::string re = of("re");
        const Refused what{
            .user = user,
            .device = told.contains("device") ? DeviceTag::parse(of("device")) : std::nullopt,
            .address = address,
            .topic = topic,
            .re = re,
            .refusal = refusal};
        Operators operators;
        const auto again = told.at("again").get<int>();
        if (again > 0) {
            operators.news.refused(what, Instant{});
            for (int i = 0; i < again; ++i) {
                operators.news.refused(what, Instant{} + second / 2);
            }
            REQUIRE(operators.heard.all.size() == 1);
        }
        operators.news.refused(what, Instant{} + second);
        CHECK(operators.told().topic == "beckon/v1/operator/refused");
        CHECK(operators.told().payload == text);
        CHECK_FALSE(operators.told().retain);
    }
}

TEST_CASE(
    "the counters of a broker that was just started are the vector, and have its names ever") {
    Operators operators;
    const auto tick = [&](Instant now) {
        operators.news.tick(now, [] { return OperatorNews::Now{}; });
    };
    tick(Instant{});
    const auto texts = vectors("counters");
    CHECK(operators.told().topic == "beckon/v1/operator/counters");
    CHECK(operators.told().payload == texts.front());
    CHECK(operators.told().retain);

    operators.news.replied(
        {.re = "sync", .device = {}, .body = Refusal{.error = Error::rate_limited}});
    operators.news.replied(
        {.re = "no word of ours", .device = {}, .body = Refusal{.error = Error::unknown_request}});
    operators.news.told(3);
    tick(Instant{} + 10 * second);
    const auto told = ordered_json::parse(operators.told().payload);
    for (const auto& text : texts) {
        CHECK(names_in(told) == names_in(ordered_json::parse(text)));
    }
    CHECK(told.at("requests") == ordered_json{{"sync", 1}, {"unknown", 1}});
    CHECK(told.at("refusals") == ordered_json{{"rate_limited", 1}, {"unknown_request", 1}});
    CHECK(told.at("events") == 3);

    tick(Instant{} + 20 * second);
    CHECK(operators.heard.all.size() == 2);
}
