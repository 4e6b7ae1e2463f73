// SPDX-License-Identifier: Apache-2.0
// Plays tests/core/transcripts/*/*.txt, a scenario each: what users say, and under it, indented,
// all that the switchboard answers, as JSON from the wire. A transcript passes when playing it
// gives the same text. `BECKON_REWRITE=1 core_tests "[transcript]"` writes what the code says
// instead; read the difference before you commit it.
//
//   limits NAME=VALUE ...    its limits (before anything else)
//   clock_step MILLISECONDS  its clock's (before anything else)
//   operators NAME ...       who is one (before anything else)
//   online|offline USER[.DEVICE]  that device came, or went
//   after 30s | 200ms        time passes
//   USER.DEVICE > TOPIC JSON a request; `retain` may stand before the JSON
//   # ...                    a remark
//
// What is too long for a line goes on in the next. Device tags stand without the zeros before them.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"
#include "world/apart.hpp"

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
        if (first == "clock_step") {
            std::int64_t step = 0;
            words >> step;
            clock_step_ = Duration(step);
            return {};
        }
        if (first == "operators") {
            for (std::string name; words >> name;) {
                operators_.insert(*UserId::parse(name));
            }
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
        Sender sender = device(who);
        sender.is_operator = operators_.contains(sender.user);
        std::string arrow;
        std::string topic;
        std::string payload;
        words >> arrow >> topic >> std::ws;
        std::getline(words, payload);
        const bool retain = payload.starts_with("retain");
        if (retain) {
            payload.erase(0, std::string("retain ").size());
        }
        const RawRequest raw{.topic = topic, .payload = payload, .retain = retain};
        if (auto no = board().admit(sender.user, now_)) {
            return told({refuse_untaken(sender, raw, std::move(*no))});
        }
        const auto taken = take_in(sender, raw, limits_);
        if (const auto* refused = std::get_if<Reply>(&taken)) {
            return told({*refused});
        }
        return told(board().handle(sender, std::get<Request>(taken), now_));
    }

    static std::string told(const Effects& effects) {
        std::string text;
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                text += legible("    reply  ", encode(*reply, Encoding::json));
                continue;
            }
            if (const auto* absent = std::get_if<Absent>(&effect)) {
                text += legible("    to operators  ", encode(*absent));
                continue;
            }
            for (const auto& delivery : apart(std::get<Delivery>(effect))) {
                std::string to = "    to ";
                for (const auto& user : delivery.to) {
                    to += user.str() + ' ';
                }
                text += legible(to + ' ', encode(delivery.event, Encoding::json));
            }
        }
        return text;
    }

    /// In lines that fit a page, which end after a field.
    static std::string legible(std::string line, const std::string& json) {
        static const std::regex zeros("\"0{8,15}([0-9a-f]+\")");
        std::string text;
        std::string field;
        bool in_text = false;
        for (const char one : std::regex_replace(json, zeros, "\"$1")) {
            in_text = in_text != (one == '"' && !field.ends_with('\\'));
            field += one;
            if (one == ',' && !in_text) {
                add_to_line(text, line, field);
            }
        }
        add_to_line(text, line, field);
        return text + line + '\n';
    }
    static void add_to_line(std::string& text, std::string& line, std::string& field) {
        if (line.size() + field.size() > 100) {
            text += line + '\n';
            line = "           ";
        }
        line += std::exchange(field, {});
    }

    Switchboard& board() {
        if (!board_) {
            board_ =
                std::make_unique<Switchboard>(Switchboard::Options{.limits = limits_,
                                                                   .server_epoch = "epoch",
                                                                   .operators = !operators_.empty(),
                                                                   .clock_step = clock_step_});
        }
        return *board_;
    }

    Limits limits_;
    std::set<UserId> operators_;
    Duration clock_step_{};
    Instant now_{};
    std::unique_ptr<Switchboard> board_;
};

std::string play(std::istream& transcript) {
    std::string played;
    Scenario scenario;
    for (std::string line; std::getline(transcript, line);) {
        if (line.starts_with("    ")) {
            continue;
        }
        played += line + '\n';
        if (!line.empty() && !line.starts_with('#')) {
            played += scenario.play(line);
        }
    }
    return played;
}

// CTest runs each by its name.
TEST_CASE("what the switchboard says", "[transcript]") {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(TRANSCRIPTS)) {
        const auto& path = entry.path();
        if (path.extension() != ".txt") {
            continue;
        }
        DYNAMIC_SECTION(
            std::filesystem::relative(path, TRANSCRIPTS).replace_extension().generic_string()) {
            ++count;
            std::ifstream file(path);
            std::stringstream text;
            text << file.rdbuf();
            const auto played = play(text);
            if (std::getenv("BECKON_REWRITE") != nullptr) {
                std::ofstream(path) << played;
            } else {
                CHECK(played == text.str());
            }
        }
    }
    // Nothing, where the name is none.
    CHECK(count == 1);
}

}  // namespace
