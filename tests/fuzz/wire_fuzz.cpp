// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request (its topic, too), a reply or an event: refused, or written back as they
// were meant.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "input.hpp"
#include "protocol/intake.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

constexpr std::string_view topics[] = {
    "user/bob/invite",       "invitation/i/accept",  "invitation/i/reject", "invitation/i/cancel",
    "invitation/i/modify",   "invitation/i/ringing", "invitation/i/add",    "invitation/i/get",
    "user/alice/sync/alice", "group/g/invite",       "group/g/create",      "group/g/join",
    "group/g/quit",          "group/g/dismiss",      "group/g/get",         "group/g/update",
    "group/g/add",           "group/g/remove",       "group/g/role",        "group/g/transfer",
    "user/alice/groups",     "user/bob/message",     "invitation/i/join",   "invitation/i/signal",
    "invitation/i/hangup",   "invitation/i/resume",  "user/alice/history",  "user/alice/here",
    "operator/online",       "operator/open",
};
constexpr std::size_t topic_count = std::size(topics);
static_assert(topic_count == std::variant_size_v<RequestBodies>);

/// What `take_in` makes of it, in both encodings; nothing when it is refused.
void check_request(std::string_view topic, std::string_view payload, bool retain = false) {
    const Sender sender{.user = user("alice"), .device = DeviceTag(0xa1), .is_operator = true};
    const Limits limits{.max_payload_bytes = 4096, .max_data_bytes = 1024};
    const auto taken =
        take_in(sender, {.topic = topic, .payload = payload, .retain = retain}, limits);
    if (const auto* refused = std::get_if<Reply>(&taken)) {
        require(!refused->ok());
        for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
            const auto written = encode(*refused, encoding);
            const auto read = decode_reply(written);
            require(std::holds_alternative<Reply>(read));
            require(encode(std::get<Reply>(read), encoding) == written);
        }
        return;
    }
    const auto& request = std::get<Request>(taken);
    for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
        const auto written = encode(request, encoding);
        // Defaults and escapes may have made it longer than is taken.
        const Limits wide{.max_payload_bytes = 1 << 20};
        const auto again = take_in(sender, {.topic = topic, .payload = written}, wide);
        require(std::holds_alternative<Request>(again));
        require(std::get<Request>(again).body == request.body);
        require(encode(std::get<Request>(again), encoding) == written);
    }
}

template <class Message>
void check_received(const std::variant<Message, std::string>& read, auto&& decode) {
    if (const auto* message = std::get_if<Message>(&read)) {
        for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
            const auto written = encode(*message, encoding);
            const auto again = decode(written);
            require(std::holds_alternative<Message>(again));
            require(encode(std::get<Message>(again), encoding) == written);
        }
    } else {
        require(!std::get<std::string>(read).empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    Input input(data, size);
    const auto kind = input.byte() % (topic_count + 3);
    if (kind == topic_count + 2) {
        const auto topic = input.text();
        const bool retain = input.byte() % 2 == 1;
        check_request(topic, input.take(input.left()), retain);
        return 0;
    }
    const auto payload = input.take(input.left());
    if (kind < topic_count) {
        check_request(topics[kind], payload);
    } else if (kind == topic_count) {
        check_received(decode_reply(payload), decode_reply);
    } else {
        check_received(decode_event(payload), decode_event);
    }
    return 0;
}
