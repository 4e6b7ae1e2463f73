// SPDX-License-Identifier: Apache-2.0
// Any topics and payloads of a few users, and any time between them: every promise
// of the contract is kept, and nothing is left in the end.
#include <cstdint>
#include <string>
#include <string_view>

#include "input.hpp"
#include "protocol/intake.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"
#include "world/stage.hpp"

using namespace beckon;

namespace {

void require(bool holds, const char* otherwise) {
    if (!holds) {
        throw BrokenPromise(otherwise);
    }
}

/// So low that a short input can meet each.
Limits low_limits() {
    Limits limits;
    limits.max_payload_bytes = 256;
    limits.max_data_bytes = 64;
    limits.max_total_data_bytes = 4000;
    limits.max_lifetime_ms = 60'000;
    limits.max_invitees = 4;
    limits.max_audience = 4;
    limits.max_pending_per_inviter = 2;
    limits.max_pending_per_invitee = 3;
    limits.max_pending = 5;
    limits.max_group_members = 3;
    limits.max_groups_per_owner = 1;
    limits.max_ended = 3;
    limits.ended_ms = 40'000;
    limits.requests_burst = 60;
    limits.pair_invites_burst = 2;
    limits.events_per_second = 10;
    limits.events_burst = 15;
    limits.grace_ms = 5000;
    return limits;
}

const std::string names[] = {"alice", "bob", "carol", "dave"};
const std::string ids[] = {"i", "j", "k", "l"};
const std::string groups[] = {"g", "h"};

class Story {
  public:
    explicit Story(Input input) : input_(input) { stage_.listen(check_as_written); }

    void tell() {
        while (!input_.empty()) {
            switch (input_.byte() % 16) {
                case 0:
                    stage_.wait(
                        Duration(static_cast<std::int64_t>(input_.byte() * 256 + input_.byte())));
                    break;
                case 1:
                    if (const auto next = stage_.next_deadline()) {
                        stage_.wait_until(*next);
                    }
                    break;
                case 2:
                    stage_.set_online({user(somebody()), some_device()}, true);
                    break;
                case 3:
                    stage_.set_online({user(somebody()), some_device()}, false);
                    break;
                case 4:
                    publish(std::string(input_.text()), input_.byte() % 2 == 1);
                    break;
                case 5:
                case 6:
                    publish("user/" + somebody() + "/invite", false);
                    break;
                case 7:
                    publish("user/" + somebody() + "/sync", false);
                    break;
                case 14:
                case 15: {
                    static constexpr const char* verbs[] = {
                        "invite", "create", "join",     "quit",    "add", "remove",
                        "role",   "update", "transfer", "dismiss", "get", "message"};
                    const auto choice = input_.byte();
                    publish("group/" + groups[choice % 2] + "/" + verbs[choice / 2 % 12], false);
                    break;
                }
                default: {
                    static constexpr const char* verbs[] = {
                        "accept", "reject", "cancel", "modify", "ringing", "add",
                        "get",    "join",   "signal", "hangup", "resume",  "hangup"};
                    const auto choice = input_.byte();
                    publish("invitation/" + ids[choice % 4] + "/" + verbs[choice / 4 % 12], false);
                    break;
                }
            }
            stage_.check();
        }
        stage_.finish();
    }

  private:
    DeviceTag some_device() { return DeviceTag(1 + input_.byte() % 2); }
    const std::string& somebody() { return names[input_.byte() % 4]; }

    void publish(const std::string& topic, bool retain) {
        const auto who = input_.byte();
        const Sender sender{user(names[who % 4]), DeviceTag(1 + who / 4 % 2)};
        const auto payload = input_.text();
        const auto taken =
            take_in(sender, {.topic = topic, .payload = payload, .retain = retain}, low_limits());
        if (const auto* request = std::get_if<Request>(&taken)) {
            stage_.ask(sender, *request);
        } else {
            check_as_written({std::get<Reply>(taken)});
        }
    }

    /// What is told can be read, in both encodings.
    static void check_as_written(const Effects& effects) {
        for (const auto& effect : effects) {
            for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
                if (const auto* reply = std::get_if<Reply>(&effect)) {
                    const auto bytes = encode(*reply, encoding);
                    const auto read = decode_reply(bytes);
                    require(read.index() == 0, "a reply that cannot be read");
                    require(encode(std::get<Reply>(read), encoding) == bytes,
                            "a reply reads as another");
                } else if (const auto* delivery = std::get_if<Delivery>(&effect)) {
                    const auto& event = delivery->event;
                    const auto read = decode_event(encode(event, encoding));
                    require(read.index() == 0, "an event that cannot be read");
                    require(std::get<AnyEvent>(read) == event, "an event reads as another");
                }
            }
        }
    }

    Input input_;
    Stage stage_{low_limits(), Promises(low_limits(), "epoch", true)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return judge([&] { Story(Input(data, size)).tell(); });
}
