// SPDX-License-Identifier: Apache-2.0
// libbeckon-c hears whatever the bytes make of events and replies, rightly spelled or not; calls,
// cuts, sleep and time that passes. It reads nothing that is not its own (the sanitizers), each
// call has one result, each ring one end, and in the end nothing rings and nothing is due.
#include <beckon/beckon.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bodies.hpp"
#include "input.hpp"

namespace {

using beckon::Input;
using nlohmann::json;

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

class Story {
  public:
    explicit Story(Input& input) : input_(input) {
        options_.user = "bob";
        options_.device = "d";
        options_.req_prefix = "r";
        options_.listener = &listener;
        options_.app = this;
        options_.random = [](void*) { return std::uint32_t{7}; };
        options_.sync_limit = static_cast<std::uint16_t>(input_.below(3));
        require(beckon_init(device_.get(), &options_), "it does not begin");
    }

    void run() {
        for (int step = 0; step < 300 && !input_.empty(); ++step) {
            act();
            drain();
        }
        beckon_disconnected(device_.get(), false, now_);
        for (int wakes = 0;; ++wakes) {
            drain();
            const auto in = beckon_next_deadline(device_.get(), now_);
            if (in == BECKON_NO_TIME) {
                break;
            }
            require(wakes < 100 || rings_without_end_, "it is never at rest");
            if (wakes >= 100) {
                break;
            }
            now_ += in;
            beckon_advance(device_.get(), now_);
        }
        require(open_calls_ == 0, "a call without a result");
        for (const auto& [id, rings] : rings_) {
            require(!rings || rings_without_end_, "it rings for ever");
        }
    }

  private:
    static Story& self(void* app) { return *static_cast<Story*>(app); }
    static void hear(void* app, const beckon_news* news) {
        Story& story = self(app);
        story.look_at(*news);
        const std::string id(beckon_chars(news->id), beckon_size(news->id));
        if (news->what == BECKON_NEW_INVITATION) {
            require(!story.rings_[id], "it rings twice");
            story.rings_[id] = true;
            story.rings_without_end_ =
                story.rings_without_end_ || news->remaining_ms == BECKON_NO_TIME;
        } else if (news->what == BECKON_INVITATION_ENDED && news->role == BECKON_INVITEE) {
            require(story.rings_[id], "an end of what does not ring");
            story.rings_[id] = false;
        }
    }
    static void result(void* app, const beckon_result* result) {
        require(self(app).calls_[result->call], "a result of no call");
        self(app).calls_[result->call] = false;
        --self(app).open_calls_;
    }
    /// All that it points to is there.
    void look_at(const beckon_news& news) {
        for (const auto* value : {news.id, news.inviter, news.group, news.user, news.data,
                                  news.reason, news.by, news.by_device}) {
            const auto* chars = beckon_chars(value);
            for (std::size_t i = 0; i < beckon_size(value); ++i) {
                seen_ += static_cast<unsigned char>(chars[i]);
            }
        }
        beckon_invitee one{};
        for (unsigned at = 0; beckon_next_invitee(&news, &at, &one);) {
            seen_ += beckon_size(one.user);
        }
    }

    static constexpr beckon_listener listener{hear, hear, hear, hear, hear,   hear,   hear,
                                              hear, hear, hear, hear, hear,   hear,   hear,
                                              hear, hear, hear, hear, result, nullptr};

    std::string name() {
        static const char* const names[] = {"alice", "bob", "carol", "dave", "erin", "f",
                                            "g",     "h",   "i",     "j",    "k",    "l"};
        return names[input_.below(std::size(names))];
    }
    std::string id() { return "i" + std::to_string(input_.below(7)); }
    json names() {
        json all = json::array();
        for (auto count = input_.below(input_.below(4) == 0 ? 11 : 3); count > 0; --count) {
            all.push_back(name());
        }
        return all;
    }
    json state() {
        static const char* const words[] = {"accepted",  "rejected", "cancelled",
                                            "timed_out", "revoked",  "sleeping"};
        return words[input_.below(std::size(words))];
    }
    json reason() {
        static const char* const words[] = {"cancelled", "answered", "left_group", "busy",
                                            "whatever the reason may be"};
        return words[input_.below(std::size(words))];
    }
    void maybe(json& body, const char* key, json value) {
        if (input_.below(2) == 0) {
            body[key] = std::move(value);
        }
    }

    json invitation() {
        json body{{"id", id()}, {"inviter", name()}};
        maybe(body, "group", "g");
        maybe(body, "data", name());
        maybe(body, "remaining_ms", input_.below(40'000));
        maybe(body, "call", true);
        maybe(body, "visibility", input_.below(2) == 0 ? "inviter" : "invitees");
        static const char* const roles[] = {"inviter", "invitee", "observer"};
        body["role"] = roles[input_.below(3)];
        maybe(body, "rev", 1 + input_.below(6));
        return body;
    }
    json info() {
        json body = invitation();
        json invitees = json::array();
        for (const auto& user : names()) {
            json one{{"user", user}};
            maybe(one, "state", state());
            maybe(one, "ringing", true);
            maybe(one, "device", input_.below(2) == 0 ? own_tag : std::string(16, 'a'));
            maybe(one, "reason", reason());
            maybe(one, "data", "d");
            invitees.push_back(one);
        }
        body["invitees"] = invitees;
        maybe(body, "state", "ended");
        if (input_.below(3) == 0) {
            json call{{"participants", names()}, {"duration_ms", 5}};
            maybe(call, "reason", reason());
            body["call_state"] = call;
        }
        return body;
    }

    json event() {
        const auto what = input_.below(beckon::some_events.size());
        json body = what == 0 ? invitation() : json{{"id", id()}, {"rev", 1 + input_.below(6)}};
        body["event"] = beckon::some_events[what];
        maybe(body, "by", name());
        maybe(body, "by_device", input_.below(2) == 0 ? own_tag : std::string(16, 'a'));
        for (const auto* who : {"invitee", "user", "from"}) {
            body[who] = name();
        }
        maybe(body, "invitees", names());
        maybe(body, "reason", reason());
        maybe(body, "data", "hello");
        maybe(body, "seq", input_.below(3));
        body["duration_ms"] = input_.below(100);
        return body;
    }

    json reply() {
        json body{{"ok", input_.below(3) > 0}, {"device", own_tag}};
        body["req"] = asked_.empty() ? json("r:1") : asked_[input_.below(asked_.size())]["req"];
        body["re"] = asked_.empty() ? json("sync") : asked_[input_.below(asked_.size())]["re"];
        if (!body["ok"]) {
            static const char* const errors[] = {"rate_limited",  "storage_unavailable",
                                                 "already_ended", "unknown_invitation",
                                                 "too_large",     "internal"};
            body["error"] = errors[input_.below(std::size(errors))];
            body["code"] = input_.below(2) == 0 ? 8010 : 8001;
            return body;
        }
        body["server_epoch"] = input_.below(3) == 0 ? "f" : "e";
        json list = json::array();
        for (auto count = input_.below(4); count > 0; --count) {
            list.push_back(info());
        }
        body["invitations"] = list;
        body["invitation"] = info();
        body["rev"] = 1 + input_.below(6);
        maybe(body, "next", std::string(1 + input_.below(30), '1'));
        maybe(body, "remaining_ms", input_.below(40'000));
        maybe(body, "cancelled", names());
        maybe(body, "more", 1);
        maybe(body, "dup", true);
        if (input_.below(4) == 0) {
            body["merged_into"] = id();
        }
        return body;
    }

    void deliver(const char* topic, const json& body) {
        auto bytes = json::to_msgpack(body);
        if (input_.below(8) == 0 && !bytes.empty()) {
            bytes[input_.below(bytes.size())] = static_cast<std::uint8_t>(input_.below(256));
        }
        if (input_.below(16) == 0) {
            bytes.resize(input_.below(bytes.size() + 1));
        }
        const std::vector<std::uint8_t> alone(bytes);
        beckon_receive(device_.get(), topic, alone.data(), alone.size(), now_);
    }

    void ask() {
        const auto about = id();
        const auto whom = name();
        const auto other = name();
        const char* others[] = {other.c_str(), whom.c_str()};
        const beckon_data data{"front door", 10, input_.below(2) == 0};
        beckon_call call = beckon_call_to(static_cast<beckon_verb>(input_.below(10)), about.c_str(),
                                          input_.below(2) == 0 ? &data : nullptr);
        call.traits = static_cast<std::uint8_t>(input_.below(64));
        (input_.below(3) == 0 ? call.group : call.user) = whom.c_str();
        call.others = others;
        call.count = static_cast<std::uint8_t>(input_.below(3));
        call.timeout_ms =
            input_.below(3) == 0 ? 1 + static_cast<std::uint32_t>(input_.below(20'000)) : 0;
        const int number = beckon_ask(device_.get(), &call, now_);
        if (number > 0) {
            require(!calls_[number], "two calls of one number");
            calls_[number] = true;
            ++open_calls_;
        }
    }

    void act() {
        switch (input_.below(10)) {
            case 0:
                beckon_connected(device_.get(), input_.below(2) * 300, now_);
                break;
            case 1:
                beckon_disconnected(device_.get(), input_.below(2) == 0, now_);
                break;
            case 2:
                now_ += static_cast<std::uint32_t>(input_.below(40'000));
                beckon_advance(device_.get(), now_);
                break;
            case 3:
                beckon_set_busy(device_.get(), input_.below(2) == 0, nullptr);
                break;
            case 4:
                beckon_missed(device_.get(), input_.below(2) == 0 ? event_topic : reply_topic,
                              now_);
                break;
            case 5:
                ask();
                break;
            case 6:
            case 7:
                deliver(event_topic, event());
                break;
            default:
                deliver(reply_topic, reply());
                break;
        }
    }

    void drain() {
        std::vector<char> buffer(input_.below(8) == 0 ? 150 : BECKON_PACKET_BYTES);
        beckon_packet packet{};
        for (int count = 0;
             beckon_next_packet(device_.get(), buffer.data(), buffer.size(), now_, &packet);
             ++count) {
            require(count < 100, "it sends for ever");
            if (packet.subscribe) {
                continue;
            }
            const auto* payload = static_cast<const std::uint8_t*>(packet.payload);
            json body = json::from_msgpack(payload, payload + packet.size);
            std::string topic(packet.topic);
            topic.resize(topic.rfind('/'));
            body["re"] = topic.substr(topic.rfind('/') + 1);
            asked_.push_back(body);
        }
    }

    static constexpr const char* event_topic = "beckon/v1/inbox/bob/event";
    static constexpr const char* reply_topic = "beckon/v1/inbox/bob/reply";
    const std::string own_tag = std::string(16, 'b');

    Input& input_;
    std::uint32_t now_ = UINT32_MAX - 50'000;
    beckon_options options_{};
    std::unique_ptr<beckon_device> device_ = std::make_unique<beckon_device>();
    std::map<int, bool> calls_{};
    int open_calls_ = 0;
    std::map<std::string, bool> rings_{};
    bool rings_without_end_ = false;
    std::vector<json> asked_{};
    std::size_t seen_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    Story(input).run();
    return 0;
}
