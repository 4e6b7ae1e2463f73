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

/// Makes what the shortest changes tell, in their order (changes.hpp): the records of a new
/// switchboard, with their timers. That is no change itself. Throws `InvariantBroken` at what
/// cannot be. One thread.
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
    void operator()(const GroupKept& kept);
    void operator()(const MemberKept& kept);
    void operator()(const auto& /*gone*/) { ensure(false, "what is gone is not told again"); }
    /// That was all; or all of the invitation that was told last.
    void end_last();

  private:
    /// The invitation that was told last, if it has this number: all that is told of one follows
    /// it.
    Invitation* last(std::uint64_t number);
    void make(Invitation& invitation, const InvitationKept& kept);
    std::shared_ptr<Group> group_at(const GroupId& id, std::uint64_t number);
    Invitee& add_invitee(Invitation& invitation, const InviteeKept& kept);
    void end_part(Invitation& invitation, Invitee& invitee, const InviteeKept& kept);

    SharedState& shared_;
    Records& records_;
    Invitations& invitations_;
    Calls& calls_;
    /// What was told last, and its notes.
    Invitation* last_ = nullptr;
    std::vector<std::shared_ptr<const Note>> notes_;
};

}  // namespace beckon
