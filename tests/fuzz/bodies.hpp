// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "input.hpp"

namespace beckon {

/// What requests are made of, by few values of each, so that what one makes another finds.
inline constexpr std::array<const char*, 4> some_users{"alice", "bob", "carol", "dave"};
inline constexpr std::array<const char*, 4> some_invitations{"i", "j", "k", "l"};
inline constexpr std::array<const char*, 2> some_groups{"g", "h"};

inline constexpr std::array<std::string_view, 13> invitation_verbs{
    "accept", "reject", "cancel", "modify", "ringing", "add",   "get",
    "join",   "signal", "hangup", "resume", "hangup",  "accept"};
inline constexpr std::array<std::string_view, 12> group_verbs{
    "invite", "create", "join",   "quit",     "dismiss", "get",
    "update", "add",    "remove", "transfer", "role",    "message"};
inline constexpr std::array<std::string_view, 4> own_verbs{"sync", "groups", "history", "here"};

/// Of invitations, calls and messages.
inline constexpr std::array<const char*, 14> some_events{"new_invitation",
                                                         "invitee_accepted",
                                                         "invitee_rejected",
                                                         "invitation_cancelled",
                                                         "invitation_timeout",
                                                         "invitation_modified",
                                                         "invitation_revoked",
                                                         "invitee_ringing",
                                                         "signal",
                                                         "participant_joined",
                                                         "participant_left",
                                                         "participant_moved",
                                                         "call_ended",
                                                         "message"};

/// A topic below the root, mostly of a request that there is.
inline std::string some_request(Input& input) {
    const auto spelled = [](std::string_view kind, std::string_view id, std::string_view verb) {
        return std::string(kind) + '/' + std::string(id) + '/' + std::string(verb);
    };
    switch (input.below(8)) {
        case 0:
        case 1:
            return spelled("user", input.one_of(some_users), "invite");
        case 2: {
            const auto* const user = input.one_of(some_users);
            return spelled("user", user, input.one_of(own_verbs));
        }
        case 3:
        case 4: {
            const auto* const group = input.one_of(some_groups);
            return spelled("group", group, input.one_of(group_verbs));
        }
        case 5:
            return input.byte() % 2 == 0
                       ? spelled("user", input.one_of(some_users), "message")
                       : std::string("operator/") + (input.byte() % 2 == 0 ? "online" : "open");
        default: {
            const auto* const id = input.one_of(some_invitations);
            return spelled("invitation", id, input.one_of(invitation_verbs));
        }
    }
}

/// Bytes as they come, or a map with some of the fields that requests have, in either encoding.
inline std::string some_body(Input& input) {
    static constexpr std::array<std::string_view, 32> fields{
        R"("id":"i")",
        R"("id":"j")",
        R"("id":"k")",
        R"("id":"l")",
        R"("call":true)",
        R"("also":["carol"])",
        R"("also":["bob","carol","dave"])",
        R"("data":"some text")",
        R"("data_b64":"AAECAw==")",
        R"("answer":"first")",
        R"("online_only":true)",
        R"("replace":true)",
        R"("timeout_ms":0)",
        R"("timeout_ms":2000)",
        R"("timeout_ms":40000)",
        R"("visibility":"inviter")",
        R"("visibility":"members")",
        R"("on_inviter_lost":"keep")",
        R"("invitees":["bob"])",
        R"("invitees":["alice","carol","dave"])",
        R"("members":["bob","carol"])",
        R"("user":"bob")",
        R"("role":"admin")",
        R"("all":true)",
        R"("to":"alice")",
        R"("seq":1)",
        R"("reason":"busy")",
        R"("name":"a name")",
        R"("join_mode":"closed")",
        R"("profile":{"a":"b"})",
        R"("limit":1)",
        R"("req":7)",
    };
    const auto kind = input.byte();
    if (kind % 4 == 0) {
        return std::string(input.text());
    }
    std::string body = "{";
    for (std::size_t count = kind / 16; count > 0; --count) {
        body += (body.size() > 1 ? "," : "");
        body += input.one_of(fields);
    }
    body += '}';
    if (kind % 4 != 1) {
        return body;
    }
    const auto msgpack = nlohmann::json::to_msgpack(nlohmann::json::parse(body));
    return {msgpack.begin(), msgpack.end()};
}

}  // namespace beckon
