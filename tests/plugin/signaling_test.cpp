// SPDX-License-Identifier: Apache-2.0
// What requests make a broker hold (contract, sections 8 and 9).
#include "host/signaling.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "world/actors.hpp"
#include "world/heard_bus.hpp"

using namespace beckon;
using nlohmann::json;

namespace {

struct Host {
    HeardBus heard;
    Instant now{};
    Signaling signaling{{}, heard, nullptr, [this] { return now; }};

    /// The reply, which does not wait.
    json ask(const std::string& who, const std::string& topic, const json& body) {
        heard.all.clear();
        const auto payload = body.dump();
        const Caller caller{.sender = {.user = user(who), .device = DeviceTag(1)}};
        const ReplyAddress reply_to{.topic = "beckon/v1/inbox/" + who + "/reply"};
        signaling.handle(caller, {.topic = topic, .payload = payload}, reply_to, now);
        for (const auto& told : heard.all) {
            if (told.topic == reply_to.topic) {
                return json::parse(told.payload);
            }
        }
        FAIL("no reply to " << who << ": " << topic);
        return {};
    }
    /// A ring for a thousand, of whom nobody is there, with as much data as there may be.
    json ring_many(const std::string& who, const std::string& id) {
        std::vector<std::string> also;
        for (int i = 1; i < 1000; ++i) {
            also.push_back(id + "-" + std::to_string(i));
        }
        return ask(who, "user/" + id + "-0/invite",
                   {{"id", id},
                    {"also", also},
                    {"visibility", "inviter"},
                    {"data", std::string(14'000, 'x')}});
    }
    std::size_t bytes_of_a_turn() {
        heard.all.clear();
        signaling.tick(now);
        std::size_t bytes = 0;
        for (const auto& told : heard.all) {
            bytes += told.payload.size();
        }
        return bytes;
    }
};

}  // namespace

TEST_CASE("who_made_too_much_wait_is_refused_until_it_is_told_and_nobody_else_is") {
    Host host;
    for (const std::string id : {"a", "b", "c"}) {
        CHECK(host.ring_many("mallory", id).at("ok") == true);
    }
    for (const std::string topic : {"user/x/invite", "invitation/a/cancel", "user/mallory/sync"}) {
        const auto no = host.ask("mallory", topic, {{"req", 7}});
        CHECK(no.at("error") == "rate_limited");
        CHECK(no.at("limit") == 64 * 1024 * 1024);
        CHECK(no.at("req") == 7);
    }
    // Who caused nothing of it may cause as much, once; a ring for one goes out at once.
    CHECK(host.ask("alice", "user/bob/invite", {{"id", "ring"}}).at("ok") == true);
    CHECK(host.heard.all.size() == 3);
    CHECK(host.ring_many("alice", "d").at("ok") == true);
    CHECK(host.ask("alice", "user/bob/invite", json::object()).at("error") == "rate_limited");

    std::size_t turns = 0;
    for (; const auto bytes = host.bytes_of_a_turn(); ++turns) {
        CHECK(bytes < 1'100'000);
    }
    CHECK(turns > 80);
    host.now += Duration(10'000);
    CHECK(host.ask("mallory", "user/mallory/sync", json::object()).at("ok") == true);
    CHECK(host.ring_many("alice", "e").at("ok") == true);
}
