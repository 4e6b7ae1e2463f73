// SPDX-License-Identifier: Apache-2.0

// Facts as sentences, for people.

#include <algorithm>
#include <map>

#include "facts.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

using std::chrono::milliseconds;

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

/// Of those who ring, perhaps.
std::string who_is_away(const Facts& reply) {
    const std::string away = users(reply, "offline");
    return away.empty() ? "" : "; nobody of " + away + " is there now";
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
using Wordings = std::map<std::string, Wording, std::less<>>;

Wordings about_invitations() {
    return {
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
        {"participant_joined",
         [](const Facts& e) { return text(e, "user") + " came into the call" + said(e); }},
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
    };
}

/// How often each came about, as "accept 3, sync 8".
std::string counted(const Facts& facts, const char* key) {
    std::vector<std::string> all;
    const Facts counts = facts.value(key, Facts::object());
    for (const auto& [name, count] : counts.items()) {
        if (count != 0) {
            all.push_back(printable(name) + " " + count.dump());
        }
    }
    return all.empty() ? "none" : list(all);
}

Wordings about_operators() {
    return {
        {"counters",
         [](const Facts& e) {
             const auto number = [&e](const char* key) {
                 return std::to_string(e.value(key, std::int64_t{0}));
             };
             return number("open") + " open, " + number("online") + " users online, " +
                    number("groups") + " groups; since the start: requests " +
                    counted(e, "requests") + "; refused " + counted(e, "refusals") +
                    "; parts ended " + counted(e, "ends") + "; calls " + number("calls") +
                    ", events " + number("events");
         }},
        {"metrics", [](const Facts& e) { return "metrics are at " + text(e, "url"); }},
        {"refused",
         [](const Facts& e) {
             const std::string who = text(e, "user");
             const auto again = e.value("again", std::int64_t{0});
             return (who.empty() ? "somebody without a name" : who) + " at " + text(e, "address") +
                    " to " + text(e, "topic") + ": " + text(e, "message") +
                    in_brackets(text(e, "error")) +
                    (again == 0 ? "" : ", and " + std::to_string(again) + " more like it before");
         }},
        {"absent",
         [](const Facts& e) {
             const std::string whom = users(e, "invitees");
             return e.contains("state")
                        ? "for " + whom + ", who is not there, it is over: " + text(e, "state") +
                              in_brackets(text(e, "reason"))
                        : text(e, "inviter") + (e.value("call", false) ? " calls " : " rings ") +
                              whom + ", who is not there" + in_group(e) + time_left(e) + said(e);
         }},
    };
}

Wordings about_groups() {
    return {
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
}

const Wordings& wordings() {
    static const Wordings all = [] {
        Wordings both = about_invitations();
        both.merge(about_groups());
        both.merge(about_operators());
        return both;
    }();
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

std::string about_online(const Facts& user) {
    const auto devices = user.value("devices", 1U);
    return text(user, "user") + (devices == 1 ? "" : ", " + std::to_string(devices) + " devices");
}

std::string success(const Facts& reply) {
    if (const auto found = reply.find("online"); found != reply.end()) {
        return lines(*found, about_online, "nobody is online");
    }
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
        return reply.contains("merged_into") ? "they were calling me"
                                             : "ringing" + who_is_away(reply);
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

}  // namespace beckon::cli
