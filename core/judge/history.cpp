// SPDX-License-Identifier: Apache-2.0
#include "judge/history.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "page_room.hpp"

namespace beckon {

namespace {

struct Ended {
    InvitationKept kept;
    /// Only one that began.
    std::optional<CallKept> call{};
    std::map<Rev, std::string> reasons{};
    std::vector<InviteeKept> invitees{};
    std::vector<UserId> talked{};
};

std::vector<Ended> collected(const Changes& changes) {
    std::vector<Ended> all;
    for (const Change& change : changes) {
        if (const auto* kept = std::get_if<InvitationKept>(&change)) {
            all.push_back({.kept = *kept});
        } else if (all.empty()) {
            continue;
        } else if (const auto* call = std::get_if<CallKept>(&change)) {
            if (call->started_at) {
                all.back().call = *call;
            }
        } else if (const auto* note = std::get_if<NoteKept>(&change)) {
            all.back().reasons.emplace(note->rev, note->reason);
        } else if (const auto* invitee = std::get_if<InviteeKept>(&change)) {
            all.back().invitees.push_back(*invitee);
        } else if (const auto* participant = std::get_if<ParticipantKept>(&change)) {
            all.back().talked.push_back(participant->user);
        }
    }
    return all;
}

bool is_inviter(const Ended& ended, const UserId& reader) { return ended.kept.inviter == reader; }

bool has_part(const Ended& ended, const UserId& reader) {
    return is_inviter(ended, reader) ||
           std::any_of(ended.invitees.begin(), ended.invitees.end(),
                       [&](const InviteeKept& one) { return one.user == reader; });
}

/// Who was told of nobody else while it was open is not told later.
bool may_read_of(const Ended& ended, const InviteeKept& invitee, const UserId& reader) {
    return is_inviter(ended, reader) || invitee.user == reader ||
           ended.kept.visibility != Visibility::inviter;
}

/// Of who took no part in its call.
bool is_missed(const PastInvitee& own) {
    static constexpr std::array not_missed{
        name_of(CancelReason::answered), name_of(CancelReason::replaced),
        name_of(CancelReason::left_group), name_of(CancelReason::group_dismissed)};
    switch (own.state) {
        case State::cancelled:
            return std::find(not_missed.begin(), not_missed.end(), own.reason) == not_missed.end();
        case State::timed_out:
            return true;
        case State::rejected:
            return own.reason == "busy";
        default:
            return false;
    }
}

PastInvitee part_of(const Ended& ended, const InviteeKept& invitee) {
    PastInvitee part{.user = invitee.user, .state = invitee.state};
    const auto reason = invitee.note ? ended.reasons.find(*invitee.note) : ended.reasons.end();
    if (reason != ended.reasons.end() && !reason->second.empty()) {
        part.reason = reason->second;
    }
    return part;
}

/// The first of these that is true of anybody.
State state_of(const std::vector<PastInvitee>& invitees) {
    static constexpr std::array order{State::accepted, State::rejected, State::cancelled,
                                      State::timed_out, State::revoked};
    const auto first = std::find_if(order.begin(), order.end(), [&](State state) {
        return std::any_of(invitees.begin(), invitees.end(),
                           [&](const PastInvitee& one) { return one.state == state; });
    });
    return first == order.end() ? State::cancelled : *first;
}

/// When the last deadline was.
Instant rang_until(const Ended& ended) {
    Instant last{};
    for (const InviteeKept& invitee : ended.invitees) {
        last = std::max(last, invitee.deadline);
    }
    return last;
}

/// Names no more than one entry may, the reader among them; and where so many said why at length,
/// only why the reader's part ended.
void shorten(PastInvitation& told, const UserId& reader) {
    auto& invitees = told.invitees;
    told.invitees_left_out =
        cut_others(invitees, [&](const PastInvitee& one) { return one.user == reader; });
    std::size_t said = 0;
    for (const PastInvitee& one : invitees) {
        said += one.reason.value_or("").size();
    }
    for (PastInvitee& one : invitees) {
        if (said > most_said_bytes && one.user != reader) {
            one.reason.reset();
        }
    }
}

PastInvitation told_of(const Ended& ended, const UserId& reader, Instant now) {
    const InvitationKept& kept = ended.kept;
    const Instant ended_at = kept.ended_at.value_or(now);
    const Instant answered_at = ended.call ? *ended.call->started_at : ended_at;
    PastInvitation told{.id = kept.id,
                        .inviter = kept.inviter,
                        .reason = {},
                        .role = is_inviter(ended, reader) ? Role::inviter : Role::invitee,
                        .age = std::max(now - ended_at, Duration(0)),
                        .ring = std::max(answered_at - kept.made_at, Duration(0))};
    if (const auto* group = std::get_if<GroupId>(&kept.target)) {
        told.group = *group;
    }
    for (const InviteeKept& invitee : ended.invitees) {
        if (may_read_of(ended, invitee, reader)) {
            told.invitees.push_back(part_of(ended, invitee));
        }
    }
    const auto& talked = ended.talked;
    told.missed = !is_inviter(ended, reader) &&
                  std::find(talked.begin(), talked.end(), reader) == talked.end() &&
                  std::any_of(told.invitees.begin(), told.invitees.end(), [&](const auto& one) {
                      return one.user == reader && is_missed(one);
                  });
    const State state = state_of(told.invitees);
    shorten(told, reader);
    if (ended.call) {
        told.talk = std::max(ended.call->ended_at.value_or(ended_at) - answered_at, Duration(0));
        told.reason = ended.call->reason;
        return told;
    }
    told.reason = name_of(state);
    if (state == State::timed_out) {
        // It rang no longer than that, whenever the broker came to end it.
        told.ring = std::min(told.ring, rang_until(ended) - kept.made_at);
    }
    return told;
}

}  // namespace

std::vector<PastInvitation> past_of(const Changes& ended, const UserId& reader, Instant now) {
    std::vector<PastInvitation> past;
    for (const Ended& one : collected(ended)) {
        if (has_part(one, reader)) {
            past.push_back(told_of(one, reader, now));
        }
    }
    return past;
}

}  // namespace beckon
