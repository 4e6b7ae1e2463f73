// SPDX-License-Identifier: Apache-2.0
// Whatever comes from a broker, is called, is cut and passes: a device tells its application of
// each ring and each end once, lets nothing ring for ever, and ends each call once.
#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "bodies.hpp"
#include "device/device.hpp"
#include "input.hpp"
#include "world/actors.hpp"
#include "world/promises.hpp"

using namespace beckon;
using nlohmann::json;

namespace {

void require(bool holds, const std::string& otherwise) {
    if (!holds) {
        throw BrokenPromise(otherwise);
    }
}

const std::string me = "bob";

/// What a broker might say: rightly spelled, and otherwise as the input likes.
class Broker {
  public:
    explicit Broker(Input& input) : input_(input) {}

    std::string event() {
        if (input_.below(8) == 0) {
            return std::string(input_.text());
        }
        static const auto kinds = [] {
            std::vector<const char*> all(some_events.begin(), some_events.end());
            all.insert(all.end(), {"group_created", "member_entered", "member_removed",
                                   "member_left", "group_dismissed", "new_invitation",
                                   "new_invitation", "invitation_cancelled"});
            return all;
        }();
        json said{{"event", input_.one_of(kinds)},
                  {"id", input_.one_of(some_invitations)},
                  {"rev", 1 + input_.below(6)},
                  {"inviter", somebody()},
                  {"invitee", somebody()},
                  {"user", somebody()},
                  {"from", somebody()},
                  {"invitees", people()},
                  {"members", people()},
                  {"reason", reason()},
                  {"duration_ms", some_ms()}};
        add_what_may_be(said);
        return written(said);
    }

    /// To a request of this verb.
    std::string reply(const std::string& verb) {
        if (input_.below(12) == 0) {
            return std::string(input_.text());
        }
        json said{{"re", verb}, {"device", tag()}};
        if (input_.below(4) == 0) {
            static const std::vector<const char*> errors{
                "rate_limited",     "unknown_invitation",  "already_cancelled",
                "already_accepted", "already_timed_out",   "not_invitee",
                "not_participant",  "storage_unavailable", "internal",
                "invalid_request",  "too_large",           "unknown_request",
                "already_ended",    "already_exists",      "user_offline",
                "not_member"};
            said.update({{"ok", false},
                         {"error", input_.one_of(errors)},
                         {"code", 8010},
                         {"message", "m"},
                         {"by", somebody()},
                         {"rev", 1 + input_.below(6)}});
            return written(said);
        }
        said.update({{"ok", true},
                     {"id", input_.one_of(some_invitations)},
                     {"rev", 1 + input_.below(6)},
                     {"server_epoch", input_.below(4) == 0 ? "another" : "one"},
                     {"cancelled", people()},
                     {"already", json::array()},
                     {"skipped", json::array()},
                     {"groups", json::array()},
                     {"history", json::array()}});
        if (verb == "sync") {
            said["invitations"] = json::array();
            for (auto count = input_.below(4); count > 0; --count) {
                said["invitations"].push_back(invitation());
            }
        } else if (verb == "get") {
            said["invitation"] = invitation();
        }
        const auto flags = input_.byte();
        if ((flags & 1U) != 0) {
            said["remaining_ms"] = some_ms();
        }
        if ((flags & 2U) != 0) {
            said["dup"] = true;
        }
        if ((flags & 4U) != 0 && (flags & 8U) != 0) {
            said["merged_into"] = input_.one_of(some_invitations);
        }
        if ((flags & 16U) != 0 && (flags & 32U) != 0) {
            said["next"] = "on";
        }
        if ((flags & 64U) != 0) {
            said["state"] = "ended";
        }
        return written(said);
    }

    std::string status() {
        if (input_.below(2) == 0) {
            return std::string(input_.text());
        }
        return json{{"version", "1"},
                    {"protocol", 1},
                    {"server_epoch", "one"},
                    {"store", "ok"},
                    {"host", input_.below(2) == 0 ? "broker" : "service"},
                    {"sender", "connection"},
                    {"presence", input_.below(2) == 0 ? "connection" : "told"},
                    {"limits", {{"max_payload_bytes", input_.number(2)}}}}
            .dump();
    }

  private:
    std::string somebody() { return input_.one_of(some_users); }
    std::string tag() { return "000000000000000" + std::to_string(1 + input_.below(3)); }
    json people() {
        json all = json::array();
        const auto who = input_.byte();
        for (std::size_t n = 0; n < some_users.size(); ++n) {
            if ((who >> n & 1U) != 0) {
                all.push_back(some_users[n]);
            }
        }
        return all;
    }
    std::string reason() {
        static const std::vector<const char*> reasons{
            "cancelled", "answered", "replaced",     "busy",           "call_ended",
            "expired",   "hangup",   "inviter_lost", "connection_lost"};
        return input_.one_of(reasons);
    }
    std::int64_t some_ms() {
        static constexpr std::int64_t some[] = {0, 1, 1000, 30'000, 86'400'000, INT64_MAX, -1};
        return input_.one_of(some);
    }
    /// Fields that are there or not.
    void add_what_may_be(json& said) {
        const auto flags = input_.number(2);
        const auto add = [&](unsigned bit, const char* name, const json& value) {
            if ((flags >> bit & 1U) != 0) {
                said[name] = value;
            }
        };
        add(0, "by", somebody());
        add(1, "by_device", tag());
        add(2, "group", input_.one_of(some_groups));
        add(3, "data", "some text");
        add(4, "remaining_ms", some_ms());
        add(5, "call", true);
        add(6, "answer", "first");
        add(7, "visibility", input_.below(2) == 0 ? "inviter" : "members");
        add(8, "online_only", true);
        add(9, "role", input_.below(2) == 0 ? "observer" : "inviter");
        add(10, "replaces", json::array({input_.one_of(some_invitations)}));
        add(11, "more", 3);
        add(12, "seq", input_.below(3));
    }
    json invitation() {
        static const std::vector<const char*> states{"accepted", "rejected", "cancelled",
                                                     "timed_out", "revoked"};
        json said{{"id", input_.one_of(some_invitations)}, {"inviter", somebody()}};
        add_what_may_be(said);
        said["invitees"] = json::array();
        for (const auto& who : people()) {
            json one{{"user", who}};
            if (input_.below(2) == 0) {
                one["state"] = input_.one_of(states);
            }
            said["invitees"].push_back(one);
        }
        const auto flags = input_.byte();
        if ((flags & 3U) != 0) {
            said["rev"] = 1 + input_.below(6);
        }
        if ((flags & 4U) != 0) {
            said["state"] = "ended";
        }
        if ((flags & 8U) != 0) {
            said["call_state"] = {{"participants", people()}, {"duration_ms", some_ms()}};
        }
        if ((flags & 16U) != 0) {
            said["invitees_left_out"] = 2;
        }
        if ((flags & 32U) != 0) {
            said["answers_left_out"] = true;
        }
        return said;
    }
    std::string written(const json& said) {
        if (input_.below(2) == 0) {
            return said.dump();
        }
        auto bytes = json::to_msgpack(said);
        if (input_.below(16) == 0 && !bytes.empty()) {
            bytes[input_.below(bytes.size())] = static_cast<std::uint8_t>(input_.byte());
        }
        return {bytes.begin(), bytes.end()};
    }

    Input& input_;
};

class Story {
  public:
    explicit Story(Input input)
        : input_(input),
          device_({.user = user(me), .req_prefix = "r", .device = "d", .max_waiting = 10}) {}

    void tell() {
        for (int steps = 0; steps < 400 && !input_.empty(); ++steps) {
            step();
        }
        // Nothing comes any more.
        hear(device_.disconnected(now_));
        linked_ = false;
        wait(Duration(200'000'000));
        for (const auto& [id, timed] : ringing_) {
            require(!timed, "rings for ever: " + id);
        }
        hear(device_.close());
        require(open_calls_.empty(), "a call without a result");
    }

  private:
    void step() {
        Broker broker(input_);
        switch (input_.below(12)) {
            case 0:
                if (!linked_) {
                    linked_ = true;
                    hear(device_.connected(now_));
                } else {
                    linked_ = false;
                    sent_.clear();
                    hear(device_.disconnected(now_, input_.below(4) == 0));
                }
                break;
            case 1:
                wait(Duration(static_cast<std::int64_t>(
                    input_.below(4) == 0 ? input_.number(4) % 100'000'000 : input_.number(2))));
                break;
            case 2:
            case 3:
                call();
                break;
            case 4:
            case 5:
            case 6:
                answer(broker);
                break;
            case 7:
                if (input_.below(4) == 0) {
                    hear(device_.receive_status(broker.status(), now_));
                } else {
                    device_.set_busy(input_.below(2) == 0
                                         ? std::optional<Reject>()
                                         : Reject{.id = id("i"), .reason = "busy"});
                }
                break;
            default: {
                const auto event = broker.event();
                hear(device_.receive_event(event, now_));
                if (input_.below(4) == 0) {
                    hear(device_.receive_event(event, now_));
                }
                break;
            }
        }
    }

    void call() {
        const auto topic = some_request(input_);
        const auto body = some_body(input_);
        const auto taken = take_in({.user = user(me), .device = DeviceTag(1)},
                                   {.topic = topic, .payload = body}, Limits{});
        const auto* const request = std::get_if<Request>(&taken);
        if (request == nullptr || std::holds_alternative<Sync>(request->body) ||
            std::holds_alternative<Here>(request->body)) {
            return;
        }
        auto asked = request->body;
        bool is_whole = true;
        std::visit(
            [&]<class Asked>(Asked& one) {
                // An application's invite and message always have an id.
                if constexpr (MakesInvitation<Asked> || std::is_same_v<Asked, Message>) {
                    is_whole = one.id.has_value();
                }
                if constexpr (MakesInvitation<Asked>) {
                    if (is_whole) {
                        known_.insert(one.id->str());
                    }
                }
            },
            asked);
        if (!is_whole) {
            return;
        }
        open_calls_.insert(++calls_);
        hear(device_.call(calls_, std::move(asked),
                          input_.below(4) == 0 ? Device::Offline::fail : Device::Offline::wait,
                          now_));
    }

    /// What was asked has a reply, mostly.
    void answer(Broker& broker) {
        if (sent_.empty()) {
            return;
        }
        const auto which = static_cast<std::ptrdiff_t>(input_.below(sent_.size()));
        const auto send = sent_[static_cast<std::size_t>(which)];
        if (input_.below(4) != 0) {
            sent_.erase(sent_.begin() + which);
        }
        auto rest = std::string_view(send.topic);
        rest = rest.substr(0, rest.rfind('/'));
        const std::string verb(rest.substr(rest.rfind('/') + 1));
        hear(device_.receive_reply(broker.reply(verb), now_, send.correlation));
    }

    void wait(Duration time) {
        const auto end = now_ + time;
        // A host that is called again and again at the same time would do nothing else.
        for (int turns = 0; now_ < end; ++turns) {
            require(turns < 100'000, "wants to be called for ever");
            const auto next = device_.next_deadline();
            if (!next || *next > end) {
                now_ = end;
            } else {
                now_ = std::max(now_, *next);
            }
            hear(device_.advance(now_));
            const auto after = device_.next_deadline();
            require(!after || *after > now_, "what is due stays due");
        }
    }

    void hear(const Device::Effects& effects) {
        require(effects.size() < 1000, "one thing has a thousand effects");
        for (const auto& effect : effects) {
            std::visit([this](const auto& one) { hear(one); }, effect);
        }
        static_cast<void>(device_.open(now_));
    }
    void hear(const Device::Send& send) {
        require(send.topic.ends_with("/" + me), "sent to " + send.topic);
        if (linked_) {
            sent_.push_back(send);
            if (sent_.size() > 30) {
                sent_.pop_front();
            }
        }
    }
    void hear(const Device::Result& result) {
        require(open_calls_.erase(result.call) == 1, "a second result");
        const auto* const reply = std::get_if<Reply>(&result.outcome);
        if (const auto* const merged =
                reply != nullptr ? std::get_if<Merged>(&reply->body) : nullptr) {
            known_.insert(merged->merged_into.str());
        }
    }
    void hear(const Heard& heard) {
        known_.insert(heard.id.str());
        // Of what one looks on at, the end is not owed.
        if (!std::holds_alternative<NewInvitation>(heard.body) || heard.role == Role::observer) {
            return;
        }
        const auto id = heard.id.str();
        require(!ringing_.contains(id), "rings twice: " + id);
        ringing_[id] = heard.remaining.has_value();
    }
    void hear(const Ended& ended) {
        const auto id = ended.id.str();
        ringing_.erase(id);
        require(known_.erase(id) > 0, "ended, and nobody knew of it: " + id);
    }
    void hear(const auto& /*other*/) {}

    Input input_;
    Device device_;
    Instant now_{Duration(1'000'000)};
    bool linked_ = false;
    std::deque<Device::Send> sent_;
    Device::CallId calls_ = 0;
    std::set<Device::CallId> open_calls_;
    /// What was heard and has not ended, and whether it has a time.
    std::map<std::string, bool> ringing_;
    /// What the application asked or heard of.
    std::set<std::string> known_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return judge([&] { Story(Input(data, size)).tell(); });
}
