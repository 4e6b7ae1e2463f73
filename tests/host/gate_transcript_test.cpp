// SPDX-License-Identifier: Apache-2.0
//
// Stories of a commit gate: what is decided, what is stored and what is said, in their order. Each
// file in transcripts is one; BECKON_REWRITE=1 writes the answers (lines that begin with >) anew.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gate_world.hpp"
#include "world/fake_journal.hpp"

using namespace beckon;

namespace {

/// Plays one story, line by line.
class Story {
  public:
    /// What happens, as lines.
    std::vector<std::string> play(const std::string& line) {
        std::istringstream words(line);
        std::string first;
        words >> first;
        if (const auto plain = commands_.find(first); plain != commands_.end()) {
            plain->second(words);
        } else if (first.ends_with(':')) {
            world_.ask(first.substr(0, first.size() - 1), request(words));
        } else {
            std::string how;
            words >> how;
            world_.set_online(first, how == "comes");
        }
        return world_.take();
    }

  private:
    static std::string word(std::istream& words) {
        std::string text;
        words >> text;
        return text;
    }
    static InvitationId id(std::istream& words) { return *InvitationId::parse(word(words)); }
    static UserId user(std::istream& words) { return *UserId::parse(word(words)); }

    static RequestBody request(std::istream& words) {
        const std::map<std::string, std::function<RequestBody()>> verbs{
            {"invite",
             [&] {
                 Invite invite{.invitee = user(words), .id = id(words)};
                 for (std::string more; words >> more;) {
                     if (more == "call") {
                         invite.call = true;
                     } else if (more == "online_only") {
                         invite.online_only = true;
                     } else if (std::isdigit(static_cast<unsigned char>(more.front())) != 0) {
                         invite.timeout = Duration(std::stoll(more));
                     } else {
                         invite.also.push_back(*UserId::parse(more));
                     }
                 }
                 return invite;
             }},
            {"ring", [&] { return GroupInvite{.group = group(words), .id = id(words)}; }},
            {"accept", [&] { return Accept{.id = id(words)}; }},
            {"reject", [&] { return Reject{.id = id(words)}; }},
            {"cancel", [&] { return Cancel{.id = id(words)}; }},
            {"hangup", [&] { return Hangup{.id = id(words)}; }},
            {"get", [&] { return Get{id(words)}; }},
            {"sync", [&] { return Sync{}; }},
            {"history", [&] { return ListHistory{}; }},
            {"create", [&] { return CreateGroup{.group = group(words)}; }},
            {"join", [&] { return JoinGroup{group(words)}; }},
            {"signal", [&] { return Signal{.id = id(words), .data = {.bytes = "s"}}; }},
        };
        return verbs.at(word(words))();
    }
    static GroupId group(std::istream& words) { return *GroupId::parse(word(words)); }

    GateWorld world_;
    std::map<std::string, std::function<void(std::istream&)>> commands_{
        {"disk",
         [this](std::istream& words) {
             const auto how = word(words);
             world_.medium.unreadable = how == "unreadable";
             world_.medium.mode = how == "works"   ? Medium::Mode::works
                                  : how == "hangs" ? Medium::Mode::hangs
                                                   : Medium::Mode::fails;
         }},
        {"store", [this](std::istream&) { world_.let_journal_work(); }},
        {"wait", [this](std::istream& words) { world_.wait(Duration(std::stoll(word(words)))); }},
        {"killed", [this](std::istream&) { world_.restart(); }},
        {"state?", [this](std::istream&) { world_.note(std::string(world_.gate().state())); }},
        {"service", [this](std::istream&) { world_.be_a_service(); }},
        {"told", [this](std::istream&) { world_.all_is_told(); }},
        {"continue", [this](std::istream&) { world_.go_on_from_memory(); }},
    };
};

/// The file as it has to be.
std::string played(const std::filesystem::path& path) {
    std::ifstream file(path);
    Story story;
    std::string text;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('>')) {
            continue;
        }
        text += line + '\n';
        if (!line.empty() && !line.starts_with('#')) {
            for (const auto& happened : story.play(line)) {
                text += "> " + happened + '\n';
            }
        }
    }
    return text;
}

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("what is decided is stored before it is said", "[transcript]") {
    const bool rewrites = std::getenv("BECKON_REWRITE") != nullptr;
    std::size_t stories = 0;
    for (const auto& entry : std::filesystem::directory_iterator(GATE_TRANSCRIPTS)) {
        DYNAMIC_SECTION(entry.path().stem().string()) {
            const auto text = played(entry.path());
            if (rewrites) {
                std::ofstream(entry.path()) << text;
            }
            CHECK(read(entry.path()) == text);
        }
        ++stories;
    }
    CHECK(stories > 8);
}
