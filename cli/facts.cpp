// SPDX-License-Identifier: Apache-2.0
#include "facts.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "protocol/events.hpp"
#include "protocol/replies.hpp"
#include "protocol/text.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

using std::chrono::milliseconds;

void put(Facts& facts, const char* key, const std::string& text) {
    if (!text.empty()) {
        facts[key] = text;
    }
}

void put_data(Facts& facts, const std::string& data) {
    if (!is_utf8(data)) {
        facts["data_b64"] = base64(data);
    } else {
        put(facts, "data", data);
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
        case SignalingEventType::participantLeft:
        case SignalingEventType::participantMoved:
            return "user";
        default:
            return nullptr;
    }
}

}  // namespace

// ------------------------------------------------------------------- as facts

Facts facts_of(const SignalingEvent& event, const SignalingInfo* known) {
    Facts facts{{"event", name_of(event.type)}, {"id", event.inviteID}};
    if (known != nullptr) {
        facts["inviter"] = known->inviter;
        facts["call"] = known->call;
    }
    put(facts, "group", event.groupID);
    if (const char* const one = key_of_one(event.type); one != nullptr && !event.invitees.empty()) {
        facts[one] = event.invitees.front();
    } else if (!event.invitees.empty()) {
        facts["invitees"] = event.invitees;
    }
    facts["role"] = beckon::name_of(event.role);
    put_data(facts, event.data);
    put(facts, "reason", event.reason);
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
    if (!info.participants.empty()) {
        facts["call_state"] = {{"participants", info.participants},
                               {"duration_ms", info.callDuration.count()}};
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

Facts group_event(const std::string& event, const std::string& group, const std::string& by) {
    Facts facts{{"event", event}, {"group", group}};
    put(facts, "by", by);
    return facts;
}

Facts facts_of(const std::string& group, const GroupChange& change) {
    if (change.owner) {
        Facts facts = group_event("owner_changed", group);
        facts["owner"] = *change.owner;
        return facts;
    }
    Facts facts = group_event("group_updated", group);
    if (change.groupName) {
        facts["name"] = *change.groupName;
    }
    if (change.joinMode) {
        facts["join_mode"] = beckon::name_of(*change.joinMode);
    }
    if (change.profile) {
        facts["profile"] = *change.profile;
    }
    return facts;
}

Facts message_from(const std::string& sender, const std::string& id, const std::string& group,
                   const std::string& data) {
    Facts facts{{"event", "message"}, {"id", id}, {"from", sender}};
    put(facts, "group", group);
    put_data(facts, data);
    return facts;
}

Facts reply_to(const std::string& request, const Result& result) {
    Facts facts{{"re", request}, {"ok", result.ok()}};
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
    }
    return facts;
}

Facts reply_to(const std::string& request, const InviteResult& result) {
    Facts facts = reply_to(request, static_cast<const Result&>(result));
    put(facts, "id", result.inviteID);
    put(facts, "merged_into", result.mergedInto);
    put_skipped(facts, result.skipped);
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
    }
    return facts;
}

Facts reply_to(const std::string& request, const MembersResult& result) {
    Facts facts = reply_to(request, static_cast<const Result&>(result));
    put_skipped(facts, result.skipped);
    return facts;
}

std::string json_line(const Facts& facts) {
    return facts.dump(-1, ' ', true, Facts::error_handler_t::replace);
}

// --------------------------------------------------------------- as sentences

namespace {

/// A text that is there, and is safe to print: no line break in it makes a line of its own.
std::string text(const Facts& facts, const char* key) {
    const auto found = facts.find(key);
    return found == facts.end() || !found->is_string() ? "" : printable(found->get<std::string>());
}

/// All users of a list, which may be one of names or of maps with the key `user`; of maps, `more`
/// says what is added to each.
template <class More>
std::string users(const Facts& facts, const char* key, More more) {
    std::vector<std::string> names;
    if (const auto found = facts.find(key); found != facts.end()) {
        for (const Facts& one : *found) {
            names.push_back(one.is_string() ? printable(one.get<std::string>())
                                            : text(one, "user") + more(one));
        }
    }
    return list(names);
}

std::string users(const Facts& facts, const char* key) {
    return users(facts, key, [](const Facts&) { return std::string(); });
}

std::string said(const Facts& facts) {
    return facts.contains("data_b64") ? ": (binary) " + text(facts, "data_b64")
                                      : quoted(text(facts, "data"));
}

std::string in_brackets(const std::string& word) { return word.empty() ? "" : " (" + word + ")"; }

std::string time_left(const Facts& facts) {
    return facts.contains("remaining_ms")
               ? ", " + spoken(milliseconds(facts["remaining_ms"].get<std::int64_t>())) + " left"
               : "";
}

std::string in_group(const Facts& facts) {
    return facts.contains("group") ? " in " + text(facts, "group") : "";
}

std::string about_invitation(const Facts& info) {
    std::string line;
    if (const auto call = info.find("call_state"); call != info.end()) {
        line = users(*call, "participants") + " talk since " +
               spoken(milliseconds(call->value("duration_ms", std::int64_t{0}))) + ": ";
    }
    return line + text(info, "inviter") + (info.value("call", false) ? " calls " : " asks ") +
           users(info, "invitees",
                 [](const Facts& invitee) {
                     const bool rings =
                         text(invitee, "state") == "pending" && invitee.value("ringing", false);
                     const std::string reason = text(invitee, "reason");
                     return " (" + (rings ? "ringing" : text(invitee, "state")) +
                            (reason.empty() ? "" : ", " + reason) + ")" + said(invitee);
                 }) +
           in_group(info) + time_left(info) + said(info);
}

std::string about_past(const Facts& past) {
    const auto time = [&past](const char* key) {
        return spoken(milliseconds(past.value(key, std::int64_t{0})));
    };
    return time("age_ms") + " ago: " + text(past, "inviter") +
           (past.contains("talk_ms") ? " talked with " : " asked ") +
           users(past, "invitees",
                 [](const Facts& invitee) { return in_brackets(text(invitee, "state")); }) +
           in_group(past) +
           (past.contains("talk_ms") ? " for " + time("talk_ms") : ", " + text(past, "reason")) +
           (past.value("missed", false) ? ", missed" : "") + " [" + text(past, "id") + "]";
}

std::string about_group(const Facts& group) {
    std::string line = text(group, "group") + in_brackets(text(group, "name")) + ": " +
                       text(group, "join_mode") + ", " + std::to_string(group.value("count", 0U)) +
                       " members";
    if (const std::string role = text(group, "role"); !role.empty()) {
        line += ", I am " + role;
    }
    if (const auto profile = group.find("profile"); profile != group.end()) {
        for (const auto& [key, value] : profile->items()) {
            line += "\n  " + printable(key) + ": " + printable(value.get<std::string>());
        }
    }
    if (const auto members = group.find("members"); members != group.end()) {
        for (const Facts& member : *members) {
            const std::string role = text(member, "role");
            line += "\n  " + text(member, "user") + (role == "member" ? "" : in_brackets(role));
        }
    }
    return line;
}

std::string end_of(const Facts& end) {
    const std::string state = text(end, "state");
    const std::string by = text(end, "by");
    const std::string device = text(end, "by_device");
    const std::string whom =
        by.empty() ? "" : " by " + by + (device.empty() ? "" : " (device " + device + ")");
    const std::string over = "the ring is over: ";
    if (state.empty()) {
        return over + "the broker has forgotten it";
    }
    if (end.value("assumed", false)) {
        return over + "timed out, as far as is known without a connection";
    }
    if (end.value("here", false)) {
        return over + state + " here";
    }
    if (text(end, "reason") == "answered") {
        return over + "answered" + whom;
    }
    return over + state + in_brackets(text(end, "reason") == state ? "" : text(end, "reason")) +
           whom;
}

using Wording = std::string (*)(const Facts&);

/// Each event's sentence.
const std::map<std::string, Wording, std::less<>>& wordings() {
    static const std::map<std::string, Wording, std::less<>> all{
        {"new_invitation",
         [](const Facts& e) {
             const std::string inviter = text(e, "inviter");
             return (inviter.empty() ? text(e, "by") : inviter) +
                    (text(e, "role") == "observer" ? " asks "
                     : e.value("call", false)      ? " calls "
                                                   : " rings ") +
                    users(e, "invitees") + in_group(e) + time_left(e) + said(e);
         }},
        {"invitee_ringing", [](const Facts& e) { return text(e, "invitee") + " rings"; }},
        {"invitee_accepted",
         [](const Facts& e) { return text(e, "invitee") + " accepted" + said(e); }},
        {"invitee_rejected",
         [](const Facts& e) {
             return text(e, "invitee") + " rejected" + in_brackets(text(e, "reason")) + said(e);
         }},
        {"invitation_cancelled",
         [](const Facts& e) {
             return users(e, "invitees") + " stops ringing" + in_brackets(text(e, "reason")) +
                    said(e);
         }},
        {"invitation_timeout",
         [](const Facts& e) {
             return users(e, "invitees") + " did not answer" +
                    (e.value("assumed", false) ? ", as far as is known" : "");
         }},
        {"invitation_modified",
         [](const Facts& e) {
             const std::string added = users(e, "invitees");
             return (added.empty() ? "it is changed" : "now " + added + " are asked") + said(e);
         }},
        {"invitation_revoked",
         [](const Facts& e) {
             return users(e, "invitees") + " is asked no more" + in_brackets(text(e, "reason"));
         }},
        {"signal", [](const Facts& e) { return text(e, "from") + " signals" + said(e); }},
        {"participant_left",
         [](const Facts& e) {
             return text(e, "user") + " left the call" + in_brackets(text(e, "reason")) + said(e);
         }},
        {"participant_moved",
         [](const Facts& e) { return text(e, "user") + " talks with another device now"; }},
        {"call_ended",
         [](const Facts& e) {
             return "the call is over after " +
                    spoken(milliseconds(e.value("duration_ms", std::int64_t{0}))) +
                    in_brackets(text(e, "reason")) + said(e);
         }},
        {"invitation_ended", end_of},
        {"connection",
         [](const Facts& e) {
             const std::string why = text(e, "why");
             return why.empty() ? text(e, "state") : "no connection: " + why;
         }},
        {"message",
         [](const Facts& e) {
             return text(e, "from") + (e.contains("group") ? " to " + text(e, "group") : "") +
                    said(e);
         }},
        {"group_created",
         [](const Facts& e) { return "there is a new group, " + text(e, "group"); }},
        {"member_entered",
         [](const Facts& e) { return users(e, "members") + " joined " + text(e, "group"); }},
        {"member_left",
         [](const Facts& e) { return text(e, "user") + " left " + text(e, "group"); }},
        {"member_invited",
         [](const Facts& e) {
             return text(e, "by") + " added " + users(e, "members") + " to " + text(e, "group");
         }},
        {"member_removed",
         [](const Facts& e) {
             return text(e, "by") + " removed " + users(e, "members") + " from " + text(e, "group");
         }},
        {"role_changed",
         [](const Facts& e) {
             return text(e, "user") + " is now " + text(e, "role") + " of " + text(e, "group");
         }},
        {"owner_changed",
         [](const Facts& e) { return text(e, "owner") + " owns " + text(e, "group") + " now"; }},
        {"group_updated", [](const Facts& e) { return text(e, "group") + " is changed"; }},
        {"group_dismissed",
         [](const Facts& e) { return text(e, "by") + " dismissed " + text(e, "group"); }},
    };
    return all;
}

/// Several lines under one another, or what is said when there are none.
template <class About>
std::string lines(const Facts& list, About about, const char* none) {
    std::string all;
    for (const Facts& one : list) {
        all += (all.empty() ? "" : "\n") + about(one);
    }
    return all.empty() ? none : all;
}

std::string with_id(const Facts& info) {
    return about_invitation(info) + " [" + text(info, "id") + "]";
}

std::string success(const Facts& reply) {
    if (const auto found = reply.find("invitations"); found != reply.end()) {
        return lines(*found, with_id, "nothing is open");
    }
    if (const auto found = reply.find("invitation"); found != reply.end()) {
        return with_id(*found) + (text(*found, "state") == "open" ? "" : ", ended");
    }
    if (const auto found = reply.find("history"); found != reply.end()) {
        const std::string next = text(reply, "next");
        return lines(*found, about_past, "nothing has ended") +
               (next.empty() ? "" : "\nmore: beckon history --before " + next);
    }
    if (const auto found = reply.find("groups"); found != reply.end()) {
        return lines(*found, about_group, "no groups");
    }
    if (const auto found = reply.find("group"); found != reply.end()) {
        return about_group(*found);
    }
    if (text(reply, "re") == "invite") {
        return reply.contains("merged_into") ? "they were calling me" : "ringing";
    }
    std::string line = text(reply, "re");
    if (const std::string whom = users(reply, "cancelled"); !whom.empty()) {
        line += ": " + whom + " stops ringing";
    } else {
        line += ": done";
    }
    if (const std::string faster = users(
            reply, "already", [](const Facts& one) { return in_brackets(text(one, "state")); });
        !faster.empty()) {
        line += "; was faster: " + faster;
    }
    return line;
}

}  // namespace

std::string spoken(milliseconds time) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::max(time, milliseconds{0}));
    const auto count = seconds.count();
    if (count < 60) {
        return std::to_string(count) + " s";
    }
    if (count < 3600) {
        return std::to_string(count / 60) + " min" +
               (count % 60 == 0 ? "" : " " + std::to_string(count % 60) + " s");
    }
    return std::to_string(count / 3600) + " h" +
           (count / 60 % 60 == 0 ? "" : " " + std::to_string(count / 60 % 60) + " min");
}

std::string sentence(const Facts& facts) {
    if (const auto known = wordings().find(text(facts, "event")); known != wordings().end()) {
        return known->second(facts);
    }
    std::string line =
        facts.value("ok", false)
            ? success(facts)
            : text(facts, "re") + ": " + text(facts, "message") + in_brackets(text(facts, "error"));
    if (const std::string left_out = users(
            facts, "skipped", [](const Facts& one) { return in_brackets(text(one, "error")); });
        !left_out.empty()) {
        line += "; left out: " + left_out;
    }
    return line;
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
        all += one.is_string() ? one.get<std::string>() : text(one, "user");
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
