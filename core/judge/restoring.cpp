// SPDX-License-Identifier: Apache-2.0
#include "restoring.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "audience.hpp"

namespace beckon {

void Restoring::operator()(const InvitationKept& kept) {
    end_last();
    records_.go_on_after(kept.number);
    notes_.clear();
    const auto [at, made] = records_.invitations_.obtain(kept.id);
    ensure(made, "no two invitations that are remembered have one id");
    last_ = &at->second;
    last_->id = &at->first.key;
    make(*last_, kept);
    if (kept.ended_at) {
        records_.become_ended(*last_, *kept.ended_at);
    }
    invitations_.restored(*last_);
}

void Restoring::end_last() {
    if (last_ == nullptr) {
        return;
    }
    const Invitation& invitation = *std::exchange(last_, nullptr);
    ensure(!invitation.invitees.empty(), "an invitation asks somebody");
    ensure(invitation.open() != invitation.ended(),
           "an invitation has ended when nobody is pending and no call lives");
    ensure(!invitation.call || (!invitation.call->participants.empty() &&
                                invitation.call->participants.front().user == invitation.inviter),
           "the first in a call is the inviter");
}

Invitation* Restoring::last(std::uint64_t number) {
    return last_ != nullptr && last_->number == number ? last_ : nullptr;
}

void Restoring::make(Invitation& invitation, const InvitationKept& kept) {
    invitation.inviter = &records_.refer(kept.inviter);
    invitation.number = kept.number;
    invitation.rev = kept.rev;
    invitation.lifetime_end = kept.lifetime_end;
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
    if (kept.replaced_by) {
        invitation.make_seldom().replaced_by = kept.replaced_by;
    }
    if (!kept.ended_at) {
        Records::list(invitation, *invitation.inviter);
        records_.list_for_operators(invitation);
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
        records_.add_bytes(*invitation, size_of(kept.data), *invitation->inviter);
        invitation->data = kept.data;
    }
}

void Restoring::operator()(const NoteKept& kept) {
    if (last(kept.number) != nullptr) {
        notes_.push_back(std::make_shared<const Note>(
            Note{.rev = kept.rev, .data = kept.data, .reason = kept.reason}));
    }
}

void Restoring::operator()(const InviteeKept& kept) {
    Invitation* invitation = last(kept.number);
    if (invitation == nullptr) {
        return;
    }
    ensure(kept.position == invitation->invitees.size(), "invitees have places without gaps");
    Invitee& invitee = add_invitee(*invitation, kept);
    if (kept.state != State::pending) {
        end_part(*invitation, invitee, kept);
    }
    if (kept.adder && !invitation->ended()) {
        records_.count_as_own(*invitation, kept.user);
    }
    invitee.changed = false;
    if (!invitation->ended() && kept.state == State::pending) {
        invitations_.restored(*invitation, kept.deadline);
    }
}

Invitee& Restoring::add_invitee(Invitation& invitation, const InviteeKept& kept) {
    User& user = records_.refer(kept.user);
    if (!invitation.invitees.empty()) {
        records_.add_bytes(invitation, invitee_bytes, *invitation.inviter);
    }
    ++invitation.pending;
    ++user.invited;
    if (!invitation.ended()) {
        Records::list(invitation, user);
    }
    return invitation.invitees.emplace_back(user, kept.deadline);
}

void Restoring::end_part(Invitation& invitation, Invitee& invitee, const InviteeKept& kept) {
    User* by = kept.by ? &records_.obtain(*kept.by) : nullptr;
    const auto said = std::find_if(notes_.begin(), notes_.end(),
                                   [&](const auto& note) { return kept.note == note->rev; });
    const bool is_first = said != notes_.end() && said->use_count() == 1;
    invitee.end(kept.state, by, kept.device, said != notes_.end() ? *said : nullptr);
    --invitation.pending;
    --invitee.user().invited;
    if (by != nullptr) {
        records_.hold_remover(invitation, *by);
    }
    User& whose = by != nullptr ? *by : *invitation.inviter;
    if (is_first) {  // of all who share what was said
        records_.add_bytes(invitation, size_of(invitee.note()->data), whose);
    }
    if (kept.state == State::rejected && invitee.note() != nullptr) {
        records_.add_bytes(invitation, std::ssize(invitee.note()->reason), whose);
    }
}

void Restoring::operator()(const CallKept& kept) {
    Invitation* invitation = last(kept.number);
    if (invitation == nullptr || !invitation->call) {
        return;
    }
    ensure(!kept.ended_at || (kept.started_at && *kept.started_at <= *kept.ended_at),
           "a call ends after it began");
    Call& call = *invitation->call;
    call.phase = kept.ended_at     ? Call::Phase::ended
                 : kept.started_at ? Call::Phase::lives
                                   : Call::Phase::waiting;
    call.started_at = kept.started_at.value_or(Instant{});
    call.ended_at = kept.ended_at.value_or(Instant{});
    records_.add_bytes(*invitation, std::ssize(kept.reason), *invitation->inviter);
    call.reason = kept.reason;
    if (kept.merged) {
        call.merged = kept.merged;
        records_.merged_.obtain(*kept.merged).first->second = invitation;
    }
    calls_.restored(*invitation, call.participants.size());
}

void Restoring::operator()(const ParticipantKept& kept) {
    Invitation* invitation = last(kept.number);
    if (invitation == nullptr || !invitation->call) {
        return;
    }
    User* user = records_.find(kept.user);
    // Which is what refers to this user, and keeps the record.
    ensure(user != nullptr &&
               (user == invitation->inviter || invitee_of(*invitation, kept.user) != nullptr),
           "who is in a call has a part in its invitation");
    auto& all = invitation->call->participants;
    ensure(kept.position == all.size(), "those in a call have places without gaps");
    Participant& one = all.emplace_back();
    one.user = user;
    one.device = kept.device;
    one.was_online = kept.was_online;
    one.takes_part = kept.takes_part;
    one.hung_up = kept.hung_up;
    one.changed = false;
    calls_.restored(*invitation, kept.position);
}

void Restoring::operator()(const GroupKept& kept) {
    const auto [at, made] = records_.groups_.obtain(kept.group);
    if (!made) {
        return;
    }
    at->second = std::make_shared<Group>();
    Group& group = *at->second;
    group.id = kept.group;
    group.max_audience = shared_.limits.max_audience;
    group.made_after = kept.made_after;
    group.name = kept.name;
    group.profile = kept.profile;
    group.join_mode = kept.join_mode;
    records_.set_described_by(group, &records_.obtain(kept.described_by));
}

void Restoring::operator()(const MemberKept& kept) {
    Group* group = records_.find(kept.group);
    if (group != nullptr && !group->has(kept.user)) {
        records_.insert(*group, kept.user,
                        {.rank = kept.rank, .brought_by = &records_.obtain(kept.brought_by)});
    }
}

}  // namespace beckon
