// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "invitation.hpp"
#include "protocol/intake.hpp"
#include "protocol/replies.hpp"
#include "rules.hpp"

/// What a row of the table demands of who asks, in the contract's order: repeats, permission,
/// state. Pure.
namespace beckon {

/// Those whom a cancel names; nothing: all.
using Named = std::optional<std::unordered_set<std::string_view>>;
Named named_in(const Cancel& asked);
template <class Verb>
Named named_in(const Verb& /*asked*/) {
    return std::nullopt;
}
bool is_named(const Named& named, const Invitee& invitee);
bool names_stranger(const Named& named, const Invitation& invitation);

/// The reply to what this device has asked before, if its effect stands.
std::optional<ReplyBody> repeated(const Rule& rule, const Sender& sender,
                                  const Invitation& invitation, const Named& named);
/// Whether the user is told of it, asked or not.
bool is_hearer(const Invitation& invitation, const UserId& user);

/// Why this user may not ask for it.
std::optional<Refusal> forbidden(const Rule& rule, const Sender& sender,
                                 const Invitation& invitation);
/// Why it comes too late.
std::optional<Refusal> too_late(const Rule& rule, const UserId& user, const Invitation& invitation,
                                const Named& named);

/// What does not depend on who asks, with so many pending.
bool holds(Needs needs, const Invitation& invitation, std::size_t pending);
/// How this invitee's part ended, and by whom.
Refusal told_late(const Invitation& invitation, const Invitee& invitee);

}  // namespace beckon
