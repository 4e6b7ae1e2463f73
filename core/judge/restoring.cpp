// SPDX-License-Identifier: Apache-2.0
#include "restoring.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace beckon {

Invitation* Restoring::last(std::uint64_t number) {
    return last_ != nullptr && last_number_ == number ? last_ : nullptr;
}

void Restoring::operator()(const InvitationKept& kept) {
    records_.go_on_after(kept.number);
    const auto [at, made] = records_.invitations_.obtain(kept.id);
    Invitation& invitation = at->second;
    last_ = &invitation;
    last_number_ = kept.number;
    notes_.clear();
    if (made) {
        invitation.id = &at->first;
        make(invitation, kept);
    }
    invitation.rev = kept.rev;
    invitation.lifetime_end = kept.lifetime_end;
    if (kept.ended_at && !invitation.ended()) {
        if (!made) {
            records_.unlist(invitation);
        }
        records_.become_ended(invitation, *kept.ended_at);
    }
    invitations_.restored(invitation);
}

void Restoring::make(Invitation& invitation, const InvitationKept& kept) {
    invitation.inviter = &records_.refer(kept.inviter);
    invitation.number = kept.number;
    if (const auto* group = std::get_if<GroupId>(&kept.target)) {
        invitation.group = group_at(*group, kept.number);
    } else {
        invitation.target = &records_.refer(std::get<UserId>(kept.target));
    }
    invitation.made_at = kept.made_at;
    if (kept.call) {
        invitation.call = std::make_unique<Call>(invitation);
        invitation.call->changed = false;
    }
    invitation.answer = kept.answer;
    invitation.visibility = kept.visibility;
    invitation.online_only = kept.online_only;
    invitation.keep_when_lost = kept.keep_when_lost;
    invitation.inviter_was_online = kept.inviter_was_online;
    if (!kept.ended_at) {
        Records::list(invitation, *invitation.inviter);
        ++invitation.inviter->inviting;
        if (invitation.group) {
            Records::list(invitation, *invitation.group);
        }
    }
}

/// The group that an invitation with this number is of; perhaps one that is no more.
std::shared_ptr<Group> Restoring::group_at(const GroupId& id, std::uint64_t number) {
    const auto* found = records_.groups_.find(id);
    if (found != nullptr && (*found)->made_after < number) {
        return *found;
    }
    auto dismissed = std::make_shared<Group>();
    dismissed->id = id;
    return dismissed;
}

void Restoring::operator()(const DataKept& kept) {
    if (Invitation* invitation = last(kept.number)) {
        records_.add_bytes(*invitation, size_of(kept.data) - size_of(invitation->data));
        invitation->data = kept.data;
    }
}

void Restoring::operator()(const NoteKept& kept) {
    if (Invitation* invitation = last(kept.number)) {
        notes_.push_back(std::make_shared<const Note>(
            Note{.rev = kept.rev, .data = kept.data, .reason = kept.reason}));
        records_.add_bytes(*invitation, size_of(kept.data));
    }
}

void Restoring::operator()(const InviteeKept& kept) {
    Invitation* invitation = last(kept.number);
    if (invitation == nullptr) {
        return;
    }
    if (kept.position >= invitation->invitees.size()) {
        add_invitee(*invitation, kept);
    }
    Invitee& invitee =
        invitation->invitees[std::min<std::size_t>(kept.position, invitation->invitees.size() - 1)];
    if (invitee.pending() && kept.state != State::pending) {
        end_part(*invitation, invitee, kept);
    }
    if (kept.adder && !invitation->ended()) {
        records_.count_as_own(*invitation, kept.user);
        invitee.changed = false;
    }
    if (!invitation->ended() && kept.state == State::pending) {
        invitations_.restored(*invitation, kept.deadline);
    }
}

void Restoring::add_invitee(Invitation& invitation, const InviteeKept& kept) {
    User& user = records_.refer(kept.user);
    if (!invitation.invitees.empty()) {
        records_.add_bytes(invitation, invitee_bytes);
    }
    invitation.invitees.emplace_back(user, kept.deadline);
    invitation.invitees.back().changed = false;
    ++invitation.pending;
    ++user.invited;
    if (!invitation.ended()) {
        Records::list(invitation, user);
    }
}

void Restoring::end_part(Invitation& invitation, Invitee& invitee, const InviteeKept& kept) {
    User* by = kept.by ? &records_.obtain(*kept.by) : nullptr;
    const auto said = std::find_if(notes_.begin(), notes_.end(),
                                   [&](const auto& note) { return kept.note == note->rev; });
    const bool had_changed = invitee.changed;
    invitee.end(kept.state, by, kept.device, said != notes_.end() ? *said : nullptr);
    invitee.changed = had_changed;
    --invitation.pending;
    --invitee.user().invited;
    if (kept.state == State::rejected && invitee.note() != nullptr) {
        records_.add_bytes(invitation, std::ssize(invitee.note()->reason));
    }
    if (by != nullptr) {
        records_.hold_remover(invitation, *by);
    }
}

void Restoring::operator()(const CallKept& kept) {
    Invitation* invitation = last(kept.number);
    if (invitation == nullptr || !invitation->call) {
        return;
    }
    Call& call = *invitation->call;
    call.phase = kept.ended_at     ? Call::Phase::ended
                 : kept.started_at ? Call::Phase::lives
                                   : Call::Phase::waiting;
    call.started_at = kept.started_at.value_or(Instant{});
    call.ended_at = kept.ended_at.value_or(Instant{});
    records_.add_bytes(*invitation, std::ssize(kept.reason) - std::ssize(call.reason));
    call.reason = kept.reason;
    if (kept.merged && !call.merged) {
        call.merged = kept.merged;
        records_.merged_.obtain(*kept.merged).first->second = invitation;
    }
    calls_.restored(*invitation, call.participants.size());
}

void Restoring::operator()(const ParticipantKept& kept) {
    Invitation* invitation = last(kept.number);
    User* user = invitation != nullptr ? records_.find(kept.user) : nullptr;
    if (user == nullptr || !invitation->call) {
        return;
    }
    auto& all = invitation->call->participants;
    if (kept.position > all.size()) {
        return;
    }
    if (kept.position == all.size()) {
        all.emplace_back();
    }
    Participant& one = all[kept.position];
    one.user = user;
    one.device = kept.device;
    one.was_online = kept.was_online;
    one.takes_part = kept.takes_part;
    one.hung_up = kept.hung_up;
    one.changed = false;
    calls_.restored(*invitation, kept.position);
}

void Restoring::operator()(const InvitationForgotten& forgotten) {
    Invitation* invitation = records_.find(forgotten.id);
    if (invitation == nullptr || invitation->number != forgotten.number) {
        return;
    }
    shared_.wheel.disarm(*invitation);
    if (invitation->call) {
        shared_.wheel.disarm(*invitation->call);
    }
    if (invitation->ended()) {
        records_.ended_bytes_ -= invitation->counted_bytes;
        auto& ended = records_.ended_;
        const auto not_before = std::lower_bound(
            ended.begin(), ended.end(), invitation->ended_at,
            [](const Invitation* one, Instant when) { return one->ended_at < when; });
        ended.erase(std::find(not_before, ended.end(), invitation));
    } else {
        records_.unlist(*invitation);
        for (const Invitee& invitee : invitation->invitees) {
            invitee.user().invited -= invitee.pending() ? 1U : 0U;
        }
    }
    shared_.changes.drop(*invitation);
    last_ = last_ == invitation ? nullptr : last_;
    records_.erase(*invitation);
}

void Restoring::operator()(const GroupKept& kept) {
    const auto [at, made] = records_.groups_.obtain(kept.group);
    if (made) {
        // The same as before, for what is open in it.
        const bool is_again = gone_ && gone_->id == kept.group;
        at->second = is_again ? std::exchange(gone_, nullptr) : std::make_shared<Group>();
    }
    Group& group = *at->second;
    group.id = kept.group;
    group.max_audience = shared_.limits.max_audience;
    group.made_after = kept.made_after;
    records_.add_bytes(group,
                       group_bytes + size_of(kept.name) + size_of(kept.profile) -
                           (made ? 0 : group_bytes + size_of(group.name) + size_of(group.profile)));
    group.name = kept.name;
    group.profile = kept.profile;
    group.join_mode = kept.join_mode;
    if (made) {
        for (Invitation* invitation : records_.ended_) {
            if (invitation->group && invitation->group->id == group.id &&
                invitation->number > group.made_after) {
                invitation->group = at->second;
            }
        }
    }
}

void Restoring::operator()(const MemberKept& kept) {
    Group* group = records_.find(kept.group);
    if (group != nullptr && !group->has(kept.user)) {
        records_.insert(*group, kept.user, kept.rank);
        records_.add_bytes(*group, member_bytes);
    }
}

void Restoring::operator()(const MemberGone& gone) {
    Group* group = records_.find(gone.group);
    if (group != nullptr && group->has(gone.user)) {
        records_.remove(*group, *records_.find(gone.user));
        records_.add_bytes(*group, -member_bytes);
    }
}

void Restoring::operator()(const GroupGone& gone) {
    gone_ = nullptr;
    if (Group* group = records_.find(gone.group)) {
        gone_ = records_.erase(*group);
    }
}

}  // namespace beckon
