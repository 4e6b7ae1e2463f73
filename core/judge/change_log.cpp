// SPDX-License-Identifier: Apache-2.0
#include "change_log.hpp"

#include <algorithm>
#include <utility>

namespace beckon {

template class CompiledOnce<ChangeTypes>;

void ChangeLog::mark(Invitation& invitation) {
    if (stored_ && !invitation.changed) {
        invitation.changed = true;
        changed_.push_back(&invitation);
    }
}

void ChangeLog::mark_data(Invitation& invitation) {
    invitation.data_changed = true;
    mark(invitation);
}

void ChangeLog::mark(Call& call) {
    call.changed = true;
    mark(call.invitation);
}

void ChangeLog::mark(Call& call, Participant& one) {
    one.changed = true;
    mark(call.invitation);
}

void ChangeLog::add(const Group& group) {
    add(GroupKept{.group = group.id,
                  .made_after = group.made_after,
                  .name = group.name,
                  .profile = group.profile,
                  .join_mode = group.join_mode,
                  .described_by = *group.described_by->id});
}

void ChangeLog::add(const Group& group, const User& member) {
    const Member& as = group.members.find(*member.id)->second;
    add(MemberKept{
        .group = group.id, .user = *member.id, .rank = as.rank, .brought_by = *as.brought_by->id});
}

void ChangeLog::add_forgotten(const Invitation& invitation) {
    if (!stored_) {
        return;
    }
    if (invitation.changed) {
        describe_changed();
    }
    const bool with_data = std::any_of(
        invitation.invitees.begin(), invitation.invitees.end(),
        [](const auto& one) { return one.note() != nullptr && one.note()->data.has_value(); });
    add(InvitationForgotten{
        .number = invitation.number, .id = *invitation.id, .notes_with_data = with_data});
}

Changes ChangeLog::take() {
    if (!changed_.empty()) {
        // An invitation, its data or what was forgotten for it, and an invitee.
        changes_.reserve(std::max(changes_.size() + 2, std::size_t{3}));
    }
    describe_changed();
    return std::exchange(changes_, {});
}

void ChangeLog::describe_changed() {
    for (Invitation* invitation : std::exchange(changed_, {})) {
        describe(*invitation);
    }
}

void ChangeLog::describe(Invitation& invitation) {
    add(head_of(invitation));
    if (invitation.data_changed) {
        add(DataKept{.number = invitation.number, .data = invitation.data});
    }
    describe_invitees(invitation);
    if (invitation.call) {
        describe(*invitation.call);
    }
    invitation.changed = invitation.data_changed = false;
}

InvitationKept ChangeLog::head_of(const Invitation& invitation) {
    InvitationKept kept{
        .number = invitation.number,
        .id = *invitation.id,
        .inviter = *invitation.inviter->id,
        .target = {},
        .answer = invitation.answer,
        .visibility = invitation.visibility,
        .call = invitation.call != nullptr,
        .online_only = invitation.online_only,
        .keep_when_lost = invitation.keep_when_lost,
        .inviter_was_online = invitation.inviter_was_online,
        .rev = invitation.rev,
        .made_at = invitation.made_at,
        .lifetime_end = invitation.lifetime_end,
        .ended_at = invitation.ended() ? std::optional(invitation.ended_at) : std::nullopt,
        .replaced_by = invitation.seldom().replaced_by};
    if (invitation.group) {
        kept.target = invitation.group->id;
    } else {
        kept.target = *invitation.target->id;
    }
    return kept;
}

void ChangeLog::describe_invitees(Invitation& invitation) {
    std::vector<const Note*> described;
    for (std::size_t i = 0; i < invitation.invitees.size(); ++i) {
        Invitee& invitee = invitation.invitees[i];
        if (!std::exchange(invitee.changed, false)) {
            continue;
        }
        const Note* said = invitee.note();
        if (said != nullptr &&
            std::find(described.begin(), described.end(), said) == described.end()) {
            described.push_back(said);
            add(NoteKept{.number = invitation.number,
                         .rev = said->rev,
                         .data = said->data,
                         .reason = said->reason});
        }
        const auto& adders = invitation.seldom().adders;
        const bool adder = std::find(adders.begin(), adders.end(), &invitee.user()) != adders.end();
        add(InviteeKept{
            .number = invitation.number,
            .position = static_cast<std::uint32_t>(i),
            .user = *invitee.user().id,
            .state = invitee.state(),
            .deadline = invitee.deadline(),
            .by = invitee.by() != nullptr ? std::optional(*invitee.by()->id) : std::nullopt,
            .device = invitee.device(),
            .note = said != nullptr ? std::optional(said->rev) : std::nullopt,
            .adder = adder});
    }
}

void ChangeLog::describe(Call& call) {
    const auto number = call.invitation.number;
    const bool has_begun = call.phase != Call::Phase::waiting;
    const bool has_ended = call.phase == Call::Phase::ended;
    if (std::exchange(call.changed, false)) {
        add(CallKept{.number = number,
                     .started_at = has_begun ? std::optional(call.started_at) : std::nullopt,
                     .ended_at = has_ended ? std::optional(call.ended_at) : std::nullopt,
                     .reason = call.reason,
                     .merged = call.merged});
    }
    for (std::size_t i = 0; i < call.participants.size(); ++i) {
        Participant& one = call.participants[i];
        if (std::exchange(one.changed, false)) {
            add(ParticipantKept{.number = number,
                                .position = static_cast<std::uint32_t>(i),
                                .user = *one.user->id,
                                .device = one.device,
                                .was_online = one.was_online,
                                .takes_part = one.takes_part,
                                .hung_up = one.hung_up});
        }
    }
}

}  // namespace beckon
