// SPDX-License-Identifier: Apache-2.0

// What `sync` and `get` tell: how an invitation stands. The difference to what is held is news.

#include <algorithm>
#include <map>
#include <utility>

#include "inbox.hpp"

namespace beckon {

namespace {

/// The first of its words when it is none of them.
template <class Reason>
Reason reason_of(const std::optional<std::string>& word) {
    const auto& names = Names<Reason>::list;
    const auto found = std::find(names.begin(), names.end(), word.value_or(""));
    return found == names.end() ? Reason{} : static_cast<Reason>(found - names.begin());
}

NewInvitation announcement_of(const InvitationInfo& info) {
    NewInvitation body{.inviter = info.inviter, .group = info.group};
    body.role = info.role;
    body.data = info.data;
    body.remaining = info.remaining;
    body.call = info.call;
    body.answer = info.answer;
    body.visibility = info.visibility;
    body.online_only = info.online_only;
    for (const auto& part : info.invitees) {
        body.invitees.push_back(part.user);
    }
    return body;
}

/// The parts that ended without an answer, by what ended them.
struct Ends {
    std::map<RevokeReason, InvitationRevoked> revoked{};
    std::map<CancelReason, InvitationCancelled> cancelled{};
    InvitationTimeout timed_out{};
};

/// Of those who are thought to be pending, or were not known.
Ends ends_in(const InvitationInfo& told, Held& held) {
    Ends ends;
    for (const auto& part : told.invitees) {
        const InviteeInfo* known = held.part_of(part.user);
        if (known != nullptr && known->state != State::pending) {
            continue;
        }
        if (part.state == State::timed_out) {
            ends.timed_out.invitees.push_back(part.user);
        } else if (part.state == State::cancelled) {
            const auto reason = reason_of<CancelReason>(part.reason);
            auto& body = ends.cancelled[reason];
            body.inviter = told.inviter;
            body.reason = reason;
            body.data = part.data ? part.data : body.data;
            body.invitees.push_back(part.user);
        } else if (part.state == State::revoked) {
            const auto reason = reason_of<RevokeReason>(part.reason);
            ends.revoked[reason].reason = reason;
            ends.revoked[reason].invitees.push_back(part.user);
        }
    }
    return ends;
}

bool takes_part(const InvitationInfo& info, const UserId& user) {
    return info.call_state && contains(info.call_state->participants, user);
}

/// The one who accepted. Of several, nobody says who it was that the others were asked no more for.
const InviteeInfo* taker_of(const InvitationInfo& told) {
    const InviteeInfo* taker = nullptr;
    for (const auto& part : told.invitees) {
        if (part.state == State::accepted && std::exchange(taker, &part) != nullptr) {
            return nullptr;
        }
    }
    return taker;
}

}  // namespace

Inbox::News Inbox::listed(const InvitationInfo& info, Instant now) {
    if ((asks(info, me_) || takes_part(info, me_)) && ended_.has_older(info.id)) {
        ended_.erase(info.id);
    }
    if (!info.rev) {
        // Not all of it is told here.
        if (Held* const held = find(info.id)) {
            held->missing = false;
        }
        return is_past(info.id) ? News{} : News{Unsure{info.id}};
    }
    return take(info, now);
}

Inbox::News Inbox::take(const InvitationInfo& info, Instant now) {
    News news;
    if (is_past(info.id)) {
        return news;
    }
    Held* held = find(info.id);
    if (held != nullptr && held->earlier && info.rev < std::exchange(held->heard, std::nullopt)) {
        // The page is older than what was heard since.
        held->missing = false;
        news.emplace_back(Unsure{info.id});
        return news;
    }
    if (held != nullptr && std::exchange(held->earlier, false)) {
        // What a broker that was started anew tells counts, whatever was known from before: it may
        // have lost that, and the inviter have sent the invitation again. (Or it has lost nothing,
        // and others were called into the call that came of it.)
        if (held->end_told && asks(info, me_) && held->is_asked_again_in(info)) {
            drop(info.id);
            held = nullptr;
        } else {
            held->correct(info);
        }
    }
    if (held == nullptr) {
        take_unheard(info, now, news);
    } else {
        take_standing(*held, info, now, news);
    }
    return news;
}

/// Of an invitation that is not held.
void Inbox::take_unheard(const InvitationInfo& info, Instant now, News& news) {
    const bool returned = returned_.erase(info.id) > 0;
    if (returned && info.call_state && info.call_state->reason) {
        // The call was over before it was known how it stands.
        ended_.insert(info.id);
        calls_over_.insert(info.id);
        const CallInfo& call = *info.call_state;
        tell({.me = me_, .info = info},
             CallEnded{.reason = *call.reason, .duration = call.duration, .data = {}}, {}, now,
             news);
        return;
    }
    // Its end was told by an earlier start of the broker, and it does not ask anew: but for an
    // invitee, whom a call that lives asks is somebody else.
    const bool asks_anew = asks(info, me_) && (info.role == Role::invitee || !info.call_state);
    const bool is_over = ended_before_.contains(info.id) && !takes_part(info, me_) && !asks_anew;
    if (is_over || (info.role != Role::inviter && info.state != Openness::open)) {
        ended_.insert(info.id);
        return;
    }
    // As it was before anything happened to it; the difference is news, unless this
    // user's part is over: then it never rang here, and never will.
    InvitationInfo begun = info;
    begun.call_state.reset();
    const bool rang_elsewhere = returned || (info.role == Role::invitee && !asks(info, me_));
    for (auto& part : begun.invitees) {
        if (!rang_elsewhere) {
            part = InviteeInfo{.user = part.user};
        }
    }
    Held& held = hold(std::move(begun));
    held.end_told = rang_elsewhere;
    held.confirmed = true;
    held.announced = info.role != Role::observer;
    if (info.role != Role::inviter && !rang_elsewhere) {
        rings(held, announcement_of(info), {.by = info.inviter}, now, news);
    }
    apply_newer(held, info, now, news);
    correct_call(held, info, now, news);
    settle(held, news);
}

void Inbox::take_standing(Held& held, const InvitationInfo& info, Instant now, News& news) {
    held.missing = false;
    if (info.rev < held.info.rev) {
        if (held.gap) {
            news.emplace_back(Unsure{info.id});
        }
        return;
    }
    held.confirmed = true;
    held.announced = held.announced || info.role == Role::inviter;
    held.gap = false;
    if (std::exchange(held.unlisted, false)) {
        for (const auto& part : info.invitees) {
            held.list(part.user);
        }
    }
    if (held.info.role == Role::observer && info.role == Role::invitee) {
        if (asks(info, me_)) {
            rings(held, announcement_of(info), {.by = info.inviter}, now, news);
        } else {
            held.info.role = Role::invitee;
            held.end_told = true;
        }
    }
    if (held.assumed && held.info.role == Role::invitee) {
        // It was taken for timed out. How it really stands is no news, but what comes next is.
        const InviteeInfo* told = part_in(info, me_);
        InviteeInfo* known = held.part_of(me_);
        if (told != nullptr && known != nullptr) {
            *known = *told;
        }
        held.assumed = false;
    }
    apply_newer(held, info, now, news);
    held.assumed = false;  // it is known how it stands
    correct_call(held, info, now, news);
    settle(held, news);
}

void Inbox::apply_newer(Held& held, const InvitationInfo& told, Instant now, News& news) {
    // It is told whole: whoever is not listed was skipped.
    held.skip([&told](const UserId& user) { return part_in(told, user) == nullptr; });
    Ends ends = ends_in(told, held);
    held.info.rev = told.rev;
    apply_modification(held, told, now, news);
    apply_answers(held, told, now, news);
    for (const auto& [reason, body] : ends.revoked) {
        apply(held, body, {}, now, news);
    }
    const InviteeInfo* const taker = taker_of(told);
    for (const auto& [reason, body] : ends.cancelled) {
        Cause cause;
        if (reason == CancelReason::answered && taker != nullptr) {
            cause.by = taker->user;
            cause.by_device = taker->device;
            cause.here = is_own(taker->user, taker->device);
        } else if (reason == CancelReason::cancelled || reason == CancelReason::replaced ||
                   reason == CancelReason::inviter_lost) {
            cause.by = told.inviter;
            cause.here = reason == CancelReason::cancelled && held.cancelling &&
                         held.info.role == Role::inviter;
        }
        apply(held, body, cause, now, news);
    }
    if (!ends.timed_out.invitees.empty()) {
        apply(held, ends.timed_out, {}, now, news);
    }
    if (!held.over()) {
        held.assumed = false;
        set_deadline(held, told.remaining, now);
    }
}

void Inbox::apply_modification(Held& held, const InvitationInfo& told, Instant now, News& news) {
    InvitationModified modified;
    if (told.data && told.data != held.info.data) {
        modified.data = told.data;
    }
    std::vector<UserId> listed;
    bool adds = false;
    for (const auto& part : told.invitees) {
        listed.push_back(part.user);
        adds = adds || held.part_of(part.user) == nullptr;
    }
    if (adds) {
        modified.invitees = std::move(listed);
    }
    if (modified.data || adds) {
        apply(held, modified, {.by = told.inviter}, now, news);
    }
}

void Inbox::apply_answers(Held& held, const InvitationInfo& told, Instant now, News& news) {
    for (const auto& part : told.invitees) {
        InviteeInfo* known = held.part_of(part.user);
        if (known == nullptr || known->state != State::pending) {
            continue;
        }
        const Cause cause{
            .by = part.user, .by_device = part.device, .here = is_own(part.user, part.device)};
        if (part.ringing && !known->ringing) {
            known->ringing = true;
            if (part.state == State::pending && held.info.role == Role::inviter) {
                tell(held, InviteeRinging{part.user}, {.by = part.user}, now, news);
            }
        }
        if (part.state == State::accepted) {
            apply(held, InviteeAccepted{part.user, part.data}, cause, now, news);
        } else if (part.state == State::rejected) {
            apply(held, InviteeRejected{part.user, part.data, part.reason.value_or("declined")},
                  cause, now, news);
        }
    }
}

}  // namespace beckon
