// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "calls.hpp"
#include "invitations.hpp"
#include "judge/changes.hpp"
#include "shared_state.hpp"

namespace beckon {

/// Makes what changes tell, in their order (changes.hpp): the switchboard's records as they were,
/// with their timers. That is no change itself. What cannot be is passed over. One thread.
class Restoring {
  public:
    Restoring(SharedState& shared, Invitations& invitations, Calls& calls)
        : shared_(shared), records_(shared.records), invitations_(invitations), calls_(calls) {}

    void operator()(const InvitationKept& kept);
    void operator()(const DataKept& kept);
    void operator()(const NoteKept& kept);
    void operator()(const InviteeKept& kept);
    void operator()(const CallKept& kept);
    void operator()(const ParticipantKept& kept);
    void operator()(const InvitationForgotten& forgotten);
    void operator()(const GroupKept& kept);
    void operator()(const MemberKept& kept);
    void operator()(const MemberGone& gone);
    void operator()(const GroupGone& gone);

  private:
    /// The last invitation, if it has this number.
    Invitation* last(std::uint64_t number);
    void make(Invitation& invitation, const InvitationKept& kept);
    std::shared_ptr<Group> group_at(const GroupId& id, std::uint64_t number);
    void add_invitee(Invitation& invitation, const InviteeKept& kept);
    void end_part(Invitation& invitation, Invitee& invitee, const InviteeKept& kept);

    SharedState& shared_;
    Records& records_;
    Invitations& invitations_;
    Calls& calls_;
    /// The last that was restored, and its notes.
    Invitation* last_ = nullptr;
    std::uint64_t last_number_ = 0;
    std::vector<std::shared_ptr<const Note>> notes_;
    /// The last group that was taken away; it may come again.
    std::shared_ptr<Group> gone_;
};

}  // namespace beckon
