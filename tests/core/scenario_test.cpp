// SPDX-License-Identifier: Apache-2.0
// Plays schemas/scenarios/*.txt with the C++ client's half; schemas/scenarios/README.md has the
// format, and client_js/test/scenarios.test.mjs plays the same with the JavaScript client's.
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catch.hpp"
#include "device/device.hpp"
#include "protocol/intake.hpp"
#include "world/actors.hpp"

namespace {

using namespace beckon;
using nlohmann::json;

/// Whether all that `wanted` names is there, and so.
bool has(const json& found, const json& wanted) {
    return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& one) {
        return found.contains(one.key()) ? found[one.key()] == one.value() : one.value() == nullptr;
    });
}

class Scenario {
  public:
    void play(const std::string& line) {
        std::istringstream words(line);
        std::string step;
        words >> step;
        if (step == "connect") {
            connect(words);
        } else if (step == "cut") {
            std::string why;
            words >> why;
            take(device_.disconnected(now_, why == "too_large"));
        } else if (step == "after") {
            pass(words);
        } else if (step == "call") {
            call(words);
        } else if (step == "sent") {
            sent(words);
        } else if (step == "reply") {
            reply(words);
        } else if (step == "silent") {
            CHECK(sends_.empty());
        } else if (step == "event") {
            take(device_.receive_event(packed(body(words)), now_));
        } else if (step == "status") {
            take(device_.receive_status(body(words).dump(), now_));
        } else if (step == "busy") {
            be_busy(body(words));
        } else if (step == "told") {
            told(body(words));
        } else if (step == "quiet") {
            CHECK(told_.empty());
        } else {
            FAIL("no step: " << step);
        }
    }

  private:
    struct Sent {
        std::string topic;
        json body;
    };

    static json body(std::istream& words) {
        std::string text;
        std::getline(words >> std::ws, text);
        return text.empty() ? json::object() : json::parse(text);
    }
    static std::string packed(const json& body) {
        const auto bytes = json::to_msgpack(body);
        return {bytes.begin(), bytes.end()};
    }

    void connect(std::istream& words) {
        std::optional<std::size_t> max_packet;
        if (std::size_t size = 0; words >> size) {
            max_packet = size;
        }
        device_.will();
        take(device_.connected(now_, max_packet));
    }

    void pass(std::istream& words) {
        std::int64_t count = 0;
        std::string unit;
        words >> count >> unit;
        const auto until = now_ + Duration(unit == "s" ? count * 1000 : count);
        while (device_.next_deadline().value_or(never) <= until) {
            now_ = std::max(now_, *device_.next_deadline());
            take(device_.advance(now_));
        }
        now_ = until;
    }

    void call(std::istream& words) {
        std::string name;
        std::string topic;
        words >> name >> topic;
        const Sender me{.user = user("bob"), .device = DeviceTag{}};
        const auto payload = body(words).dump();
        const auto taken = take_in(me, {.topic = topic, .payload = payload}, Limits{});
        REQUIRE(std::holds_alternative<Request>(taken));
        names_.push_back(name);
        take(device_.call(names_.size(), std::get<Request>(taken).body, Device::Offline::wait,
                          now_));
    }

    void sent(std::istream& words) {
        std::string topic;
        words >> topic;
        const auto wanted = body(words);
        REQUIRE_FALSE(sends_.empty());
        const auto found = sends_.front();
        sends_.pop_front();
        CHECK(found.topic == topic);
        INFO(found.body.dump());
        CHECK(has(found.body, wanted));
        asked_[topic] = found.body;
    }

    void reply(std::istream& words) {
        std::string topic;
        words >> topic;
        auto reply = body(words);
        REQUIRE(asked_.contains(topic));
        const auto verb_end = topic.rfind('/');
        const auto verb = topic.rfind('/', verb_end - 1) + 1;
        reply["re"] = topic.substr(verb, verb_end - verb);
        reply["req"] = asked_[topic]["req"];
        reply["ok"] = !reply.contains("error");
        reply["device"] = "b100000000000000";
        if (reply.contains("error")) {
            reply["message"] = "no";
        }
        take(device_.receive_reply(packed(reply), now_));
    }

    void be_busy(const json& as) {
        if (as.empty()) {
            device_.set_busy({});
            return;
        }
        Reject reject{.id = {}, .data = {}, .reason = "busy"};
        if (as.contains("data")) {
            reject.data = Data{.bytes = as["data"]};
        }
        device_.set_busy(reject);
    }

    void told(const json& wanted) {
        REQUIRE_FALSE(told_.empty());
        const auto found = told_.front();
        told_.pop_front();
        INFO(found.dump());
        CHECK(has(found, wanted));
    }

    void take(const Device::Effects& effects) {
        for (const auto& effect : effects) {
            std::visit([this](const auto& one) { note(one); }, effect);
        }
    }
    void note(const Device::Send& send) {
        const auto topic = send.topic.substr(std::string("beckon/v1/").size());
        sends_.push_back({topic, json::from_msgpack(send.payload)});
        CHECK(sends_.back().body["device"] == "bobs-own");
    }
    void note(const Device::Result& result) {
        json told{{"told", "result"}, {"call", names_.at(result.call - 1)}};
        if (const auto* failure = std::get_if<Failure>(&result.outcome)) {
            told.update({{"ok", false}, {"error", info(*failure).name}});
        } else {
            told.update(json::parse(encode(std::get<Reply>(result.outcome), Encoding::json)));
        }
        told_.push_back(told);
    }
    void note(const Device::LinkChanged& changed) {
        constexpr std::array words{"offline", "syncing", "ready", "no_beckon"};
        told_.push_back(
            {{"told", "link"}, {"link", words.at(static_cast<std::size_t>(changed.link))}});
    }
    void note(const Heard& heard) {
        json told = json::parse(encode(
            Event{.id = heard.id, .rev = 0, .by = heard.by, .body = heard.body}, Encoding::json));
        told["told"] = told["event"];
        told["assumed"] = heard.assumed;
        told_.push_back(told);
    }
    void note(const Ended& ended) {
        json told{{"told", "ended"},
                  {"id", ended.id.str()},
                  {"reason", ended.reason},
                  {"here", ended.here},
                  {"assumed", ended.assumed}};
        if (ended.state) {
            told["state"] = name_of(*ended.state);
        }
        if (ended.by) {
            told["by"] = ended.by->str();
        }
        told_.push_back(told);
    }
    void note(const Busy& busy) {
        told_.push_back({{"told", "busy"}, {"id", busy.id.str()}, {"inviter", busy.inviter.str()}});
    }
    void note(const GroupEvent& event) { note_event(encode(event, Encoding::json)); }
    void note(const MessageEvent& event) { note_event(encode(event, Encoding::json)); }
    void note_event(const std::string& text) {
        json told = json::parse(text);
        told["told"] = told["event"];
        told_.push_back(told);
    }

    Device device_{{.user = user("bob"), .req_prefix = "r", .device = "bobs-own"}};
    Instant now_{Duration(1'000'000)};
    std::vector<std::string> names_{};
    std::deque<Sent> sends_{};
    std::map<std::string, json> asked_{};
    std::deque<json> told_{};
};

TEST_CASE("a device does what the scenarios say", "[device]") {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SCHEMAS "/scenarios")) {
        if (entry.path().extension() != ".txt") {
            continue;
        }
        ++count;
        DYNAMIC_SECTION(entry.path().stem().string()) {
            std::ifstream file(entry.path());
            Scenario scenario;
            for (std::string line; std::getline(file, line);) {
                if (!line.empty() && !line.starts_with('#')) {
                    INFO(line);
                    scenario.play(line);
                }
            }
        }
    }
    CHECK(count >= 12);
}

}  // namespace
