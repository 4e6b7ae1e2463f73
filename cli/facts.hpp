// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

/// What the library tells, as maps with the contract's keys (sections 3 to 7): what a script reads
/// as a JSON line, a person as a sentence, and a program that `--exec` starts as its environment.
///
/// An event has the key `event`, what became of a request `re` and `ok`. Absent is absent. Two
/// events are the client's own: `invitation_ended` (beckon::InvitationEnd) and `connection`.
/// Pure; any thread.
namespace beckon::cli {

/// Its keys stay in the order in which they were put.
using Facts = nlohmann::ordered_json;

Facts facts_of(const SignalingEvent& event);
Facts facts_of(const InvitationEnd& end);
/// As in `sync` and `get`.
Facts facts_of(const SignalingInfo& info);
Facts facts_of(const std::vector<SignalingInfo>& open);
/// As in `history`.
Facts facts_of(const std::vector<PastSignaling>& page);
Facts facts_of(ConnectionState state, const std::string& why);
/// As in `groups`: no owner, no profile.
Facts facts_of(const GroupDescription& group);
/// As in `get` of a group.
Facts facts_of(const GroupDescription& group, const std::vector<GroupMember>& members);
Facts facts_of(const GroupNews& news);
/// `to` a user, or to a group.
Facts message_from(const std::string& sender, const std::string& id, const std::string& to,
                   const std::string& group, const std::string& data);
/// Ok to `sync`, which the client asks by itself.
Facts synced(const Client& client, const std::vector<SignalingInfo>& open);
/// What became of a request; one that was refused says why.
Facts reply_to(const std::string& request, const Result& result);
Facts reply_to(const std::string& request, const InviteResult& result);
Facts reply_to(const std::string& request, const CancelResult& result);
Facts reply_to(const std::string& request, const MembersResult& result);

/// What JSON can hold: UTF-8.
bool is_text(const std::string& data);
/// One line, in which nothing steers a terminal: all that is not ASCII is escaped.
std::string json_line(const Facts& facts);
/// For people: one line, of lists several. Safe to print (terminal.hpp).
std::string sentence(const Facts& facts);
/// "1 min 5 s"
std::string spoken(std::chrono::milliseconds time);
/// BECKON_ID, BECKON_INVITER…: each fact by its key, ids in a list with a space between them. What
/// an environment cannot hold is left out, but for data, which is then BECKON_DATA_B64. `user`,
/// whose name an option has, is BECKON_WHO.
std::vector<std::pair<std::string, std::string>> environment(const Facts& facts);

}  // namespace beckon::cli
