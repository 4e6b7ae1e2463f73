// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/events.hpp"
#include "protocol/limits.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

/// Messages to bytes and back (contract, section 3): msgpack by msgpack-cxx,
/// JSON by nlohmann-json, both by the one field list of each message.
/// No function here throws on bad input. Any thread.
namespace beckon {

enum class Encoding : std::uint8_t { msgpack, json };

/// The MQTT content type of a message in this encoding; a NUL follows it.
constexpr std::string_view content_type(Encoding encoding) {
    return encoding == Encoding::json ? "application/json" : "application/vnd.msgpack";
}

/// What begins as a map does in msgpack is msgpack, and all else JSON.
constexpr Encoding encoding_of(std::string_view payload) {
    const unsigned first = payload.empty() ? 0U : static_cast<unsigned char>(payload.front());
    const bool begins_a_map = (first & 0xf0U) == 0x80 || first == 0xde || first == 0xdf;
    return begins_a_map ? Encoding::msgpack : Encoding::json;
}

/// The deepest nesting that is read; the top map is 1.
inline constexpr int max_depth = 8;

/// `req` comes back even with a refusal, when it could be read; where the body breaks a rule of its
/// form, in small bodies only.
struct Decoded {
    std::optional<Req> req{};
    /// Only where it is asked for.
    std::optional<std::string> device{};
    std::optional<Refusal> refusal{};
};

/// Reads `payload` into `body`, which already holds what the topic says.
/// Checks the size of `payload`, its form, each field's type, and the size of
/// its texts; what a field may mean is for intake.hpp.
/// On a refusal `body` is to be thrown away. `with_device`: devices name themselves here.
Decoded decode_request(std::string_view payload, const Limits& limits, RequestBody& body,
                       bool with_device = false);

/// The `req` of a body that is not to be read, if it is small.
std::optional<Req> find_req(std::string_view payload);

std::string encode(const Reply& reply, Encoding encoding);
std::string encode(const AnyEvent& event, Encoding encoding);
/// As operators read it, JSON.
std::string encode(const Absent& absent);
/// The body of a request, as a client sends it.
std::string encode(const Request& request, Encoding encoding);

/// How many bytes one entry of a list, or all of it, takes in msgpack.
template <class Entry>
std::size_t msgpack_size(const Entry& entry);
extern template std::size_t msgpack_size(const InvitationInfo&);
extern template std::size_t msgpack_size(const InviteeInfo&);
extern template std::size_t msgpack_size(const GroupInfo&);
extern template std::size_t msgpack_size(const GroupSummary&);
extern template std::size_t msgpack_size(const MemberInfo&);
extern template std::size_t msgpack_size(const UserId&);
extern template std::size_t msgpack_size(const OnlineUser&);
extern template std::size_t msgpack_size(const Synced&);
extern template std::size_t msgpack_size(const Got&);
extern template std::size_t msgpack_size(const GotGroup&);
extern template std::size_t msgpack_size(const GroupsListed&);
extern template std::size_t msgpack_size(const HistoryListed&);
extern template std::size_t msgpack_size(const OnlineListed&);
extern template std::size_t msgpack_size(const OpenListed&);

/// What a client receives. The error is a sentence that names the field.
std::variant<Reply, std::string> decode_reply(std::string_view payload);
std::variant<AnyEvent, std::string> decode_event(std::string_view payload);

/// What a client wants to know of `status`.
struct Status {
    Limits limits{};
    /// Whether devices have to say that they are there.
    bool presence_told = false;
};
/// Nothing: it cannot be read. A limit that is not there has its default.
std::optional<Status> decode_status(std::string_view payload);

}  // namespace beckon
