// SPDX-License-Identifier: Apache-2.0
#include "history.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>
#include <vector>

namespace beckon {

namespace {

struct Ended {
    InvitationKept kept;
    /// Only one that began.
    std::optional<CallKept> call{};
    std::map<Rev, std::string> reasons{};
    std::vector<InviteeKept> invitees{};
};

std::vector<Ended> collected(const Changes& changes) {
    std::vector<Ended> all;
    for (const Change& change : changes) {
        if (const auto* kept = std::get_if<InvitationKept>(&change)) {
            all.push_back({.kept = *kept});
        } else if (const auto* call = std::get_if<CallKept>(&change)) {
            if (call->started_at) {
                all.back().call = *call;
            }
        } else if (const auto* note = std::get_if<NoteKept>(&change)) {
            all.back().reasons.emplace(note->rev, note->reason);
        } else if (const auto* invitee = std::get_if<InviteeKept>(&change)) {
            all.back().invitees.push_back(*invitee);
        }
    }
    return all;
}

/// The first of these that is true of anybody.
std::string reason_of(const std::vector<PastInvitee>& invitees) {
    static constexpr std::array order{State::accepted, State::rejected, State::cancelled,
                                      State::timed_out, State::revoked};
    for (const State state : order) {
        if (std::any_of(invitees.begin(), invitees.end(),
                        [&](const PastInvitee& one) { return one.state == state; })) {
            return std::string(name_of(state));
        }
    }
    return std::string(name_of(State::cancelled));
}

bool is_missed(const PastInvitee& own) {
    return own.state == State::cancelled || own.state == State::timed_out ||
           (own.state == State::rejected && own.reason == "busy");
}

PastInvitation told_of(const Ended& ended, const UserId& reader, Instant now) {
    const InvitationKept& kept = ended.kept;
    const bool is_inviter = kept.inviter == reader;
    const Instant ended_at = kept.ended_at.value_or(now);
    const Instant answered_at = ended.call ? *ended.call->started_at : ended_at;
    PastInvitation told{.id = kept.id,
                        .inviter = kept.inviter,
                        .reason = {},
                        .role = is_inviter ? Role::inviter : Role::invitee,
                        .age = std::max(now - ended_at, Duration(0)),
                        .ring = std::max(answered_at - kept.made_at, Duration(0))};
    if (const auto* group = std::get_if<GroupId>(&kept.target)) {
        told.group = *group;
    }
    for (const InviteeKept& invitee : ended.invitees) {
        // Who was told of nobody else while it was open is not told later.
        if (!is_inviter && kept.visibility == Visibility::inviter && invitee.user != reader) {
            continue;
        }
        PastInvitee one{.user = invitee.user, .state = invitee.state};
        const auto reason = invitee.note ? ended.reasons.find(*invitee.note) : ended.reasons.end();
        if (reason != ended.reasons.end() && !reason->second.empty()) {
            one.reason = reason->second;
        }
        told.missed = told.missed || (!is_inviter && one.user == reader && is_missed(one));
        told.invitees.push_back(std::move(one));
    }
    told.reason = reason_of(told.invitees);
    if (told.reason == name_of(State::timed_out)) {
        // It rang no longer than that, whenever the broker came to end it.
        Instant rang_until{};
        for (const InviteeKept& invitee : ended.invitees) {
            rang_until = std::max(rang_until, invitee.deadline);
        }
        told.ring = std::min(told.ring, rang_until - kept.made_at);
    }
    if (ended.call) {
        told.talk = std::max(ended.call->ended_at.value_or(ended_at) - answered_at, Duration(0));
        told.reason = ended.call->reason;
    }
    return told;
}

}  // namespace

HistoryListed told_of(const HistoryPage& page, const UserId& reader, Instant now) {
    HistoryListed listed;
    for (const Ended& ended : collected(page.ended)) {
        listed.history.push_back(told_of(ended, reader, now));
    }
    if (page.next) {
        listed.next = spelled(*page.next);
    }
    return listed;
}

std::string spelled(const HistoryMark& mark) {
    return std::to_string(mark.ended_ms) + '-' + std::to_string(mark.number);
}

std::optional<HistoryMark> read_mark(std::string_view text) {
    HistoryMark mark;
    const char* const end = text.data() + text.size();
    const auto [dash, bad_time] = std::from_chars(text.data(), end, mark.ended_ms);
    if (bad_time != std::errc{} || dash == end || *dash != '-') {
        return std::nullopt;
    }
    const auto [at, bad_number] = std::from_chars(dash + 1, end, mark.number);
    return bad_number == std::errc{} && at == end ? std::optional(mark) : std::nullopt;
}

}  // namespace beckon
