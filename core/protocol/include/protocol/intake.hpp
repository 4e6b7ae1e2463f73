// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/limits.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

namespace beckon {

/// Who asks: the authenticated user and the connection's tag, from the host,
/// never from a payload.
struct Sender {
    UserId user;
    DeviceTag device;
    /// The broker's operator has named the user one.
    bool is_operator = false;
    bool operator==(const Sender&) const = default;
};

/// One publish below the root that is neither to an inbox nor to `status`.
struct RawRequest {
    /// The topic below the root, such as `user/bob/invite/alice`.
    std::string_view topic;
    std::string_view payload;
    bool retain = false;
};

/// The reply to what is refused before its body is read.
Reply refuse_untaken(const Sender& sender, const RawRequest& raw, Refusal refusal);

/// How a host knows a device that names itself in its request (contract, section 10), by that name.
using TagOf = std::function<DeviceTag(const UserId& user, std::string_view device)>;

struct Intake {
    /// Empty: the host knows devices otherwise, and what they call themselves is not looked at.
    TagOf tag_of{};
    /// The broker takes names for the same that differ in case alone, so there is one spelling of
    /// each: in lower case.
    bool folds_case = false;
};

/// Makes a request of what was published, or the reply that refuses it: the
/// contract's checks (section 3) of topic, ids, sender, retain, size and body,
/// in that order; whether the sender may ask so often comes before (`Switchboard::admit`). Where
/// the device names itself, `sender` becomes that one. Pure; any thread.
std::variant<Request, Reply> take_in(Sender& sender, const RawRequest& raw, const Limits& limits,
                                     const Intake& intake);
std::variant<Request, Reply> take_in(const Sender& sender, const RawRequest& raw,
                                     const Limits& limits);

/// Who says that they sent it, where only the topic tells (contract, section 10): its last level,
/// where it may have one more than the request needs. Nothing: nobody who can be replied to.
std::optional<UserId> sender_in(std::string_view topic);

}  // namespace beckon
