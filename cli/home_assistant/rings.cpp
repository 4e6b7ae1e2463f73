// SPDX-License-Identifier: Apache-2.0
#include "rings.hpp"

#include <algorithm>
#include <array>

#include "texts.hpp"

namespace beckon::cli::home {

namespace {

using Json = nlohmann::ordered_json;

/// So many are named; who rings more often at once is counted.
constexpr std::size_t max_named = 8;
constexpr std::size_t max_users = 20;

/// Why an invitation can be over without anybody having stayed away.
bool drops(const std::string& reason) {
    static constexpr std::array reasons{"replaced", "left_group", "group_dismissed", "removed"};
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

/// Why one who is cancelled may have been given up.
void apply_cancel(Ring& ring, const std::string& reason, const std::string& by) {
    if (drops(reason)) {
        ring.dropped = true;
    } else if (reason != "answered" && reason != "call_ended") {
        (by.empty() || by == ring.inviter ? ring.unheard : ring.noticed) = true;
    }
}

void apply_rejection(Ring& ring, const std::string& reason) {
    (reason == "busy" ? ring.unheard : ring.noticed) = true;
}

bool is_pending(const SignalingInvitee& part) { return part.state == State::pending; }

void put_text(Json& json, const char* key, const std::string& text) {
    const auto safe = shown(text);
    if (safe && !safe->empty()) {
        json[key] = *safe;
    }
}

Json first_of(const std::vector<std::string>& users) {
    return std::vector(users.begin(), users.begin() + static_cast<std::ptrdiff_t>(
                                                          std::min(users.size(), max_users)));
}

}  // namespace

void apply(Ring& ring, const SignalingEvent& event, const std::string& me) {
    switch (event.type) {
        case SignalingEventType::newInvitation:
            ring.inviter = event.inviter;
            ring.group = event.groupID;
            ring.data = event.data;
            ring.invitees = event.invitees;
            ring.call = event.call;
            ring.own = event.inviter == me;
            break;
        case SignalingEventType::inviteeAccepted:
            if (ring.answered_by.empty() && !event.invitees.empty()) {
                ring.answered_by = event.invitees.front();
            }
            break;
        case SignalingEventType::inviteeRejected:
            apply_rejection(ring, event.reason);
            break;
        case SignalingEventType::invitationCancelled:
            apply_cancel(ring, event.reason, event.by);
            break;
        case SignalingEventType::invitationRevoked:
            ring.dropped = ring.dropped || event.reason == "left_group";
            break;
        case SignalingEventType::invitationTimeout:
            ring.unheard = true;
            break;
        case SignalingEventType::invitationModified:
            ring.data = event.data.empty() ? ring.data : event.data;
            break;
        default:
            break;
    }
}

void apply(Ring& ring, const SignalingInfo& info, const std::string& me) {
    ring.inviter = info.inviter;
    ring.group = info.groupID;
    ring.data = info.data;
    ring.invitees = info.inviteeList;
    ring.call = info.call;
    ring.own = info.inviter == me;
    ring.participants = info.participants;
    ring.pending = false;
    for (const SignalingInvitee& part : info.invitees) {
        ring.pending = ring.pending ||
                       (is_pending(part) && (!info.groupID.empty() || ring.own || part.user == me));
        if (part.state == State::accepted && ring.answered_by.empty()) {
            ring.answered_by = part.user;
        } else if (part.state == State::rejected && part.user != me) {
            apply_rejection(ring, part.reason);
        } else if (part.state == State::timed_out) {
            ring.unheard = true;
        } else if (part.state == State::cancelled) {
            apply_cancel(ring, part.reason, {});
        }
    }
}

bool is_last(const SignalingInfo& info, const std::string& me) {
    const auto& parts = info.invitees;
    const auto mine = std::find_if(parts.begin(), parts.end(), [&](const SignalingInvitee& part) {
        return part.user == me && is_pending(part);
    });
    return !info.groupID.empty() && info.inviteesLeftOut == 0 && parts.size() > 1 &&
           mine != parts.end() && std::count_if(parts.begin(), parts.end(), is_pending) == 1;
}

std::string state_of(const Rings& rings, const std::string& group) {
    std::string state = "idle";
    for (const auto& [id, ring] : rings) {
        if (ring.group == group) {
            if (!ring.talks()) {
                return "ringing";
            }
            state = "in_call";
        }
    }
    return state;
}

Json facts_of(const Ring& ring) {
    Json facts;
    put_text(facts, "by", ring.inviter);
    put_text(facts, "data", ring.data);
    put_text(facts, "group", ring.group);
    put_text(facts, "answered_by", ring.answered_by);
    facts["invitees"] = first_of(ring.invitees);
    if (!ring.participants.empty()) {
        facts["participants"] = first_of(ring.participants);
    }
    facts["id"] = ring.id;
    return facts;
}

Json attributes_of(const Rings& rings, const std::string& group) {
    Json named = Json::array();
    std::size_t number = 0;
    for (const auto& [id, ring] : rings) {
        if (ring.group == group) {
            ++number;
            if (named.size() < max_named) {
                named.push_back(facts_of(ring));
            }
        }
    }
    // The first alone as well, for cards and templates.
    Json attributes = named.empty() ? Json::object() : named.front();
    attributes["number"] = number;
    attributes["rings"] = named;
    return attributes;
}

std::vector<Ring> told_in(const std::string& attributes, const std::string& group) {
    std::vector<Ring> rings;
    const Json told = Json::parse(attributes, nullptr, false);
    if (!told.is_object() || !told.contains("rings") || !told["rings"].is_array()) {
        return rings;
    }
    for (const Json& one : told["rings"]) {
        const auto text = [&](const char* key) {
            return one.is_object() && one.contains(key) && one[key].is_string()
                       ? one[key].get<std::string>()
                       : std::string();
        };
        if (is_id(text("id")) && rings.size() < max_named) {
            rings.push_back({.id = text("id"),
                             .inviter = text("by"),
                             .group = group,
                             .data = text("data"),
                             .told = true,
                             .answered_by = text("answered_by")});
        }
    }
    return rings;
}

}  // namespace beckon::cli::home
