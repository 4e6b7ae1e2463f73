// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace beckon {

/// Why a request was refused (contract, section 5): all that a broker of protocol 1
/// may say, also what this one has no use for yet.
enum class Error : std::uint8_t {
    invalid_request,
    too_large,
    unknown_invitation,
    already_accepted,
    already_rejected,
    already_cancelled,
    already_timed_out,
    already_revoked,
    already_ended,
    not_inviter,
    not_invitee,
    not_participant,
    wrong_sender,
    already_exists,
    already_invited,
    user_offline,
    rate_limited,
    too_many_pending,
    not_modifiable,
    storage_unavailable,
    unknown_request,
    unknown_group,
    not_member,
    not_owner,
    not_admin,
    group_closed,
    already_member,
    group_full,
    group_exists,
    owner_cannot_quit,
    internal,
};

struct ErrorInfo {
    Error error;
    std::string_view name;
    /// The number that code written for the mapped listener API knows.
    int code;
    /// One sentence for a person; the program reads `name`.
    std::string_view message;
};

inline constexpr std::array error_table{
    ErrorInfo{Error::invalid_request, "invalid_request", 6017, "the request is malformed"},
    ErrorInfo{Error::too_large, "too_large", 8001, "over a limit"},
    ErrorInfo{Error::unknown_invitation, "unknown_invitation", 8010,
              "there is no such invitation, or it ended too long ago"},
    ErrorInfo{Error::already_accepted, "already_accepted", 8010, "it was accepted already"},
    ErrorInfo{Error::already_rejected, "already_rejected", 8010, "it was rejected already"},
    ErrorInfo{Error::already_cancelled, "already_cancelled", 8010, "it was cancelled already"},
    ErrorInfo{Error::already_timed_out, "already_timed_out", 8010, "it timed out already"},
    ErrorInfo{Error::already_revoked, "already_revoked", 8010, "it was revoked already"},
    ErrorInfo{Error::already_ended, "already_ended", 8010, "the invitation has ended"},
    ErrorInfo{Error::not_inviter, "not_inviter", 8011, "only the inviter may do this"},
    ErrorInfo{Error::not_invitee, "not_invitee", 8011, "only an invitee may do this"},
    ErrorInfo{Error::not_participant, "not_participant", 8011,
              "only those who take part may do this"},
    ErrorInfo{Error::wrong_sender, "wrong_sender", 8011,
              "the topic names a user who is not the sender"},
    ErrorInfo{Error::already_exists, "already_exists", 8012, "the id is taken"},
    ErrorInfo{Error::already_invited, "already_invited", 8012, "the user is invited already"},
    ErrorInfo{Error::user_offline, "user_offline", 20101, "no device of the user is online"},
    ErrorInfo{Error::rate_limited, "rate_limited", 20102, "too many in a short time"},
    ErrorInfo{Error::too_many_pending, "too_many_pending", 20102,
              "too many invitations are pending"},
    ErrorInfo{Error::not_modifiable, "not_modifiable", 20103,
              "an online_only invitation cannot be modified"},
    ErrorInfo{Error::storage_unavailable, "storage_unavailable", 20104,
              "it cannot be stored at the moment"},
    ErrorInfo{Error::unknown_request, "unknown_request", 20105, "there is no such request"},
    ErrorInfo{Error::unknown_group, "unknown_group", 10010, "there is no such group"},
    ErrorInfo{Error::not_member, "not_member", 10007, "only members may do this"},
    ErrorInfo{Error::not_owner, "not_owner", 10007, "only the owner may do this"},
    ErrorInfo{Error::not_admin, "not_admin", 10007, "only the owner and admins may do this"},
    ErrorInfo{Error::group_closed, "group_closed", 10007, "nobody can join by themselves"},
    ErrorInfo{Error::already_member, "already_member", 10013, "the user is a member already"},
    ErrorInfo{Error::group_full, "group_full", 10014, "the group has no room"},
    ErrorInfo{Error::group_exists, "group_exists", 10021, "the group's id is taken"},
    ErrorInfo{Error::owner_cannot_quit, "owner_cannot_quit", 10009,
              "the owner transfers or dismisses the group"},
    ErrorInfo{Error::internal, "internal", 20199, "the broker could not handle the request"},
};

consteval bool error_table_is_in_order() {
    for (std::size_t i = 0; i < error_table.size(); ++i) {
        if (static_cast<std::size_t>(error_table[i].error) != i) {
            return false;
        }
    }
    return error_table.size() == static_cast<std::size_t>(Error::internal) + 1;
}
static_assert(error_table_is_in_order());

constexpr const ErrorInfo& info(Error error) {
    return error_table[static_cast<std::size_t>(error)];
}

}  // namespace beckon
