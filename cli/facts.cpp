// SPDX-License-Identifier: Apache-2.0
#include "facts.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

namespace beckon::cli {

namespace {

using std::chrono::milliseconds;

std::string base64(const std::string& bytes) {
    // OpenSSL writes a NUL behind it.
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                    reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size()));
    text.pop_back();
    return text;
}

void put(Facts& facts, const char* key, const std::string& text) {
    if (!text.empty()) {
        facts[key] = text;
    }
}

void put_data(Facts& facts, const std::string& data) {
    if (!is_text(data)) {
        facts["data_b64"] = base64(data);
    } else {
        put(facts, "data", data);
    }
}

/// Of what the contract always has, even if it is empty.
void put_all_data(Facts& facts, const std::string& data) {
    put_data(facts, data);
    if (data.empty()) {
        facts["data"] = "";
    }
}

void put_remaining(Facts& facts, const std::optional<milliseconds>& remaining) {
    if (remaining) {
        facts["remaining_ms"] = remaining->count();
    }
}

void put_skipped(Facts& facts, const std::vector<LeftOut>& skipped) {
    for (const LeftOut& left_out : skipped) {
        facts["skipped"].push_back({{"user", left_out.user}, {"error", left_out.error}});
    }
}

/// So many that no list names.
void put_more(Facts& facts, std::int64_t more) {
    if (more > 0) {
        facts["more"] = more;
    }
}

const char* name_of(SignalingEventType type) {
    switch (type) {
        case SignalingEventType::newInvitation:
            return "new_invitation";
        case SignalingEventType::inviteeAccepted:
            return "invitee_accepted";
        case SignalingEventType::inviteeRejected:
            return "invitee_rejected";
        case SignalingEventType::invitationCancelled:
            return "invitation_cancelled";
        case SignalingEventType::invitationTimeout:
            return "invitation_timeout";
        case SignalingEventType::invitationModified:
            return "invitation_modified";
        case SignalingEventType::inviteeRinging:
            return "invitee_ringing";
        case SignalingEventType::invitationRevoked:
            return "invitation_revoked";
        case SignalingEventType::signal:
            return "signal";
        case SignalingEventType::participantJoined:
            return "participant_joined";
        case SignalingEventType::participantLeft:
            return "participant_left";
        case SignalingEventType::participantMoved:
            return "participant_moved";
        case SignalingEventType::callEnded:
            return "call_ended";
    }
    return "unknown";
}

const char* name_of(ConnectionState state) {
    switch (state) {
        case ConnectionState::disconnected:
            return "disconnected";
        case ConnectionState::connecting:
            return "connecting";
        case ConnectionState::connected:
            return "connected";
        case ConnectionState::noBeckon:
            return "no_beckon";
        case ConnectionState::kickedOffline:
            return "kicked_offline";
    }
    return "unknown";
}

/// What the contract calls the one whom an event concerns; nothing, where there may be several.
const char* key_of_one(SignalingEventType type) {
    switch (type) {
        case SignalingEventType::inviteeAccepted:
        case SignalingEventType::inviteeRejected:
        case SignalingEventType::inviteeRinging:
            return "invitee";
        case SignalingEventType::signal:
            return "from";
        case SignalingEventType::participantJoined:
        case SignalingEventType::participantLeft:
        case SignalingEventType::participantMoved:
            return "user";
        default:
            return nullptr;
    }
}

}  // namespace

bool is_text(const std::string& data) {
    try {
        static_cast<void>(Facts(data).dump());
        return true;
    } catch (const Facts::type_error&) {
        return false;
    }
}

// ------------------------------------------------------------------- as facts

Facts facts_of(const SignalingEvent& event) {
    const bool is_new = event.type == SignalingEventType::newInvitation;
    Facts facts{{"event", name_of(event.type)}, {"id", event.inviteID}, {"rev", event.rev}};
    if (is_new || event.type == SignalingEventType::invitationCancelled) {
        facts["inviter"] = event.inviter;
    }
    if (is_new) {
        facts["call"] = event.call;
        facts["answer"] = beckon::name_of(event.answer);
        facts["visibility"] = beckon::name_of(event.visibility);
        facts["online_only"] = event.onlineUserOnly;
    }
    put(facts, "group", event.groupID);
    if (const char* const one = key_of_one(event.type); one != nullptr && !event.invitees.empty()) {
        facts[one] = event.invitees.front();
    } else if (!event.invitees.empty()) {
        facts["invitees"] = event.invitees;
    }
    put_more(facts, event.more);
    facts["role"] = beckon::name_of(event.role);
    if (event.type == SignalingEventType::signal) {
        put_all_data(facts, event.data);
    } else {
        put_data(facts, event.data);
    }
    if (event.seq) {
        facts["seq"] = *event.seq;
    }
    put(facts, "reason", event.reason);
    if (!event.replaces.empty()) {
        facts["replaces"] = event.replaces;
    }
    put(facts, "by", event.by);
    put(facts, "by_device", event.byDevice);
    put_remaining(facts, event.remaining);
    if (event.type == SignalingEventType::callEnded) {
        facts["duration_ms"] = event.duration.count();
    }
    if (event.assumed) {
        facts["assumed"] = true;
    }
    return facts;
}

Facts facts_of(const InvitationEnd& end) {
    Facts facts{{"event", "invitation_ended"}, {"id", end.inviteID}};
    if (end.state) {
        facts["state"] = beckon::name_of(*end.state);
    }
    facts["here"] = end.here;
    put(facts, "reason", end.reason);
    put(facts, "by", end.by);
    put(facts, "by_device", end.byDevice);
    if (end.assumed) {
        facts["assumed"] = true;
    }
    return facts;
}

Facts facts_of(const SignalingInfo& info) {
    Facts facts{{"id", info.inviteID}, {"inviter", info.inviter}};
    put(facts, "group", info.groupID);
    put_data(facts, info.data);
    facts["call"] = info.call;
    facts["answer"] = beckon::name_of(info.answer);
    facts["online_only"] = info.onlineUserOnly;
    facts["visibility"] = beckon::name_of(info.visibility);
    facts["state"] = info.open ? "open" : "ended";
    facts["role"] = beckon::name_of(info.role);
    put_remaining(facts, info.remaining);
    if (info.rev) {
        facts["rev"] = *info.rev;
    }
    if (!info.participants.empty() || !info.callReason.empty()) {
        Facts& call = facts["call_state"];
        call = {{"participants", info.participants}, {"duration_ms", info.callDuration.count()}};
        put_more(call, info.participantsLeftOut);
        put(call, "reason", info.callReason);
    }
    facts["invitees"] = Facts::array();
    for (const SignalingInvitee& invitee : info.invitees) {
        Facts one{{"user", invitee.user},
                  {"state", beckon::name_of(invitee.state)},
                  {"ringing", invitee.ringing}};
        put(one, "device", invitee.device);
        put_data(one, invitee.data);
        put(one, "reason", invitee.reason);
        facts["invitees"].push_back(std::move(one));
    }
    if (info.inviteesLeftOut > 0) {
        facts["invitees_left_out"] = info.inviteesLeftOut;
    }
    if (info.answersLeftOut) {
        facts["answers_left_out"] = true;
    }
    return facts;
}

Facts facts_of(const std::vector<SignalingInfo>& open) {
    Facts all = Facts::array();
    for (const SignalingInfo& info : open) {
        all.push_back(facts_of(info));
    }
    return all;
}

Facts facts_of(const std::vector<PastSignaling>& page) {
    Facts all = Facts::array();
    for (const PastSignaling& past : page) {
        Facts facts{{"id", past.inviteID}, {"inviter", past.inviter}};
        put(facts, "group", past.groupID);
        facts["invitees"] = Facts::array();
        for (const SignalingInvitee& invitee : past.invitees) {
            Facts one{{"user", invitee.user}, {"state", beckon::name_of(invitee.state)}};
            put(one, "reason", invitee.reason);
            facts["invitees"].push_back(std::move(one));
        }
        if (past.inviteesLeftOut > 0) {
            facts["invitees_left_out"] = past.inviteesLeftOut;
        }
        facts["reason"] = past.reason;
        facts["role"] = beckon::name_of(past.role);
        facts["missed"] = past.missed;
        facts["age_ms"] = past.age.count();
        facts["ring_ms"] = past.rang.count();
        if (past.talked) {
            facts["talk_ms"] = past.talked->count();
        }
        all.push_back(std::move(facts));
    }
    return all;
}

Facts facts_of(ConnectionState state, const std::string& why) {
    Facts facts{{"event", "connection"}, {"state", name_of(state)}};
    put(facts, "why", why);
    return facts;
}

Facts facts_of(const GroupDescription& group) {
    Facts facts{{"group", group.groupID}};
    put(facts, "name", group.groupName);
    facts["role"] = beckon::name_of(group.role);
    facts["join_mode"] = beckon::name_of(group.joinMode);
    facts["count"] = group.memberCount;
    return facts;
}

Facts facts_of(const GroupDescription& group, const std::vector<GroupMember>& members) {
    Facts facts{{"group", group.groupID}};
    put(facts, "name", group.groupName);
    facts["join_mode"] = beckon::name_of(group.joinMode);
    facts["owner"] = group.owner;
    if (!group.profile.empty()) {
        facts["profile"] = group.profile;
    }
    facts["count"] = group.memberCount;
    facts["members"] = Facts::array();
    for (const GroupMember& member : members) {
        facts["members"].push_back(
            {{"user", member.userID}, {"role", beckon::name_of(member.role)}});
    }
    return facts;
}

Facts facts_of(const GroupNews& news) {
    Facts facts{{"event", news.event}, {"group", news.groupID}};
    put(facts, "by", news.by);
    put(facts, "by_device", news.byDevice);
    if (!news.members.empty() || news.event == "group_created") {
        facts["members"] = news.members;
    }
    put(facts, "user", news.user);
    if (news.role) {
        facts["role"] = beckon::name_of(*news.role);
    }
    if (news.change.owner) {
        facts["owner"] = *news.change.owner;
    }
    if (news.change.groupName) {
        facts["name"] = *news.change.groupName;
    }
    if (news.change.joinMode) {
        facts["join_mode"] = beckon::name_of(*news.change.joinMode);
    }
    if (news.change.profile) {
        facts["profile"] = *news.change.profile;
    }
    put(facts, "reason", news.reason);
    return facts;
}

Facts message_from(const std::string& sender, const std::string& id, const std::string& to,
                   const std::string& group, const std::string& data) {
    Facts facts{{"event", "message"}, {"id", id}, {"from", sender}};
    put(facts, "to", to);
    put(facts, "group", group);
    put_all_data(facts, data);
    return facts;
}

Facts reply_to(const std::string& request, const Result& result) {
    Facts facts{{"re", request}, {"ok", result.ok()}};
    put(facts, "device", result.device);
    if (result.dup) {
        facts["dup"] = true;
    }
    if (result.rev) {
        facts["rev"] = *result.rev;
    }
    if (!result.ok()) {
        facts["error"] = result.error;
        facts["code"] = result.code;
        facts["message"] = result.message;
        put(facts, "field", result.field);
        if (result.limit) {
            facts["limit"] = *result.limit;
        }
        put(facts, "by", result.by);
        put(facts, "by_device", result.byDevice);
        put(facts, "replaced_by", result.replacedBy);
    }
    return facts;
}

Facts synced(const Client& client, const std::vector<SignalingInfo>& open) {
    Facts facts = reply_to("sync", Result{.device = client.device()});
    facts["server_epoch"] = client.serverEpoch();
    facts["invitations"] = facts_of(open);
    return facts;
}

Facts reply_to(const std::string& request, const InviteResult& result) {
    Facts facts = reply_to(request, static_cast<const Result&>(result));
    put(facts, "id", result.inviteID);
    put(facts, "merged_into", result.mergedInto);
    if (result.ok() && result.mergedInto.empty()) {
        facts["state"] = result.open ? "open" : "ended";
    }
    put_remaining(facts, result.remaining);
    put_skipped(facts, result.skipped);
    if (!result.offline.empty()) {
        facts["offline"] = result.offline;
    }
    put_more(facts, result.more);
    return facts;
}

Facts reply_to(const std::string& request, const CancelResult& result) {
    Facts facts = reply_to(request, static_cast<const Result&>(result));
    if (result.ok()) {
        facts["cancelled"] = result.cancelled;
        facts["already"] = Facts::array();
        for (const CancelResult::Already& already : result.already) {
            facts["already"].push_back(
                {{"user", already.user}, {"state", beckon::name_of(already.state)}});
        }
        put_more(facts, result.more);
    }
    return facts;
}

Facts reply_to(const std::string& request, const MembersResult& result) {
    Facts facts = reply_to(request, static_cast<const Result&>(result));
    if (result.ok()) {
        facts["skipped"] = Facts::array();
    }
    put_skipped(facts, result.skipped);
    put_more(facts, result.more);
    return facts;
}

std::string json_line(const Facts& facts) {
    return facts.dump(-1, ' ', true, Facts::error_handler_t::replace);
}

// ------------------------------------------------------------- as environment

namespace {

/// As an environment has it: a list with a space between its users.
std::string held(const Facts& value) {
    if (value.is_string()) {
        return value.get<std::string>();
    }
    if (!value.is_array()) {
        return value.dump();
    }
    std::string all;
    for (const Facts& one : value) {
        all += all.empty() ? "" : " ";
        all += one.is_string() ? one.get<std::string>() : one.value("user", "");
    }
    return all;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> environment(const Facts& facts) {
    std::vector<std::pair<std::string, std::string>> variables;
    for (const auto& [key, value] : facts.items()) {
        std::string name = "BECKON_" + (key == "user" ? "who" : key);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
            return static_cast<char>(std::toupper(letter));
        });
        std::string what = held(value);
        if (what.find('\0') == std::string::npos) {
            variables.emplace_back(std::move(name), std::move(what));
        } else if (key == "data") {
            variables.emplace_back("BECKON_DATA_B64", base64(what));
        }
    }
    return variables;
}

}  // namespace beckon::cli
