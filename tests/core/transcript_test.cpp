// SPDX-License-Identifier: Apache-2.0
// Plays tests/core/transcripts/*.txt: what users say, and under it, indented,
// all that the switchboard answers, as JSON from the wire. A transcript passes
// when playing it gives the same text. `BECKON_REWRITE=1 core_tests "[transcript]"`
// writes what the code says instead; read the difference before you commit it.
//
//   == title                 a new scenario, with a new switchboard
//   limits NAME=VALUE ...    its limits (before anything else)
//   online|offline USER[.DEVICE]  that device came, or went
//   after 30s | 200ms        time passes
//   USER.DEVICE > TOPIC JSON a request; `retain` may stand before the JSON
//   # ...                    a remark
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "apart.hpp"
#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "protocol/wire.hpp"

namespace {

using namespace beckon;

class Scenario {
  public:
    /// Plays one line and returns what is answered.
    std::string play(const std::string& line) {
        std::istringstream words(line);
        std::string first;
        words >> first;
        if (first == "limits") {
            set_limits(words);
            return {};
        }
        if (first == "online" || first == "offline") {
            std::string who;
            words >> who;
            const bool named = who.find('.') != std::string::npos;
            return told(
                board().set_online(device(named ? who : who + ".1"), first == "online", now_));
        }
        if (first == "after") {
            std::int64_t count = 0;
            std::string unit;
            words >> count >> unit;
            now_ += Duration(unit == "s" ? count * 1000 : count);
            return told(board().advance(now_));
        }
        return ask(first, words);
    }

  private:
    void set_limits(std::istream& words) {
        for (std::string word; words >> word;) {
            const auto equals = word.find('=');
            for (const auto& row : limit_table) {
                if (row.name == word.substr(0, equals)) {
                    limits_.*row.value = std::stoll(word.substr(equals + 1));
                }
            }
        }
    }

    std::string ask(const std::string& who, std::istream& words) {
        const Sender sender = device(who);
        std::string arrow;
        std::string topic;
        std::string payload;
        words >> arrow >> topic >> std::ws;
        std::getline(words, payload);
        const bool retain = payload.starts_with("retain");
        if (retain) {
            payload.erase(0, std::string("retain ").size());
        }
        const auto taken =
            take_in(sender, {.topic = topic, .payload = payload, .retain = retain}, limits_);
        if (const auto* refused = std::get_if<Reply>(&taken)) {
            return told({*refused});
        }
        return told(board().handle(sender, std::get<Request>(taken), now_));
    }

    static Sender device(const std::string& who) {
        const auto dot = who.rfind('.');
        return {.user = *UserId::parse(who.substr(0, dot)),
                .device = DeviceTag(std::stoull(who.substr(dot + 1)))};
    }

    static std::string told(const Effects& effects) {
        std::string text;
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                text += "    reply  " + encode(*reply, Encoding::json) + '\n';
                continue;
            }
            for (const auto& delivery : apart(std::get<Delivery>(effect))) {
                text += "    to";
                for (const auto& user : delivery.to) {
                    text += ' ' + user.text();
                }
                text += "  " + encode(delivery.event, Encoding::json) + '\n';
            }
        }
        return text;
    }

    Switchboard& board() {
        if (!board_) {
            board_ = std::make_unique<Switchboard>(
                Switchboard::Options{.limits = limits_, .server_epoch = "epoch"});
        }
        return *board_;
    }

    Limits limits_;
    Instant now_{};
    std::unique_ptr<Switchboard> board_;
};

std::string play(std::istream& transcript) {
    std::string played;
    auto scenario = std::make_unique<Scenario>();
    for (std::string line; std::getline(transcript, line);) {
        if (line.starts_with("    ")) {
            continue;
        }
        played += line + '\n';
        if (line.starts_with("==")) {
            scenario = std::make_unique<Scenario>();
        } else if (!line.empty() && !line.starts_with('#')) {
            played += scenario->play(line);
        }
    }
    return played;
}

TEST_CASE("every transcript is what the switchboard says", "[transcript]") {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(TRANSCRIPTS)) {
        ++count;
        INFO(entry.path());
        std::ifstream file(entry.path());
        std::stringstream text;
        text << file.rdbuf();
        const auto played = play(text);
        if (std::getenv("BECKON_REWRITE") != nullptr) {
            std::ofstream(entry.path()) << played;
        } else {
            CHECK(played == text.str());
        }
    }
    CHECK(count > 0);
}

}  // namespace
