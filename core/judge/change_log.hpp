// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "group.hpp"
#include "invitation.hpp"
#include "judge/changes.hpp"

namespace beckon {

/// What has changed since it was taken last, as a host's journal is told it. Whoever changes a
/// record marks it, which costs a flag; how it stands is described once, when it is taken. One
/// thread.
class ChangeLog {
  public:
    /// `stored`: somebody takes the changes; else there are none.
    explicit ChangeLog(bool stored) : stored_(stored) {}

    /// The invitation itself has changed, or something of it that has a mark of its own.
    void mark(Invitation& invitation);
    void mark_data(Invitation& invitation);
    /// The call but for who takes part; and one who does, or did.
    void mark(Call& call);
    void mark(Call& call, Participant& one);

    /// What is no part of an invitation changes at once.
    template <class SomeChange>
    void add(SomeChange change) {
        if (stored_) {
            changes_.push_back(std::move(change));
        }
    }
    /// What the group is called, and the like.
    void add(const Group& group);
    /// How this member stands in it.
    void add(const Group& group, const User& member);
    void add_forgotten(const Invitation& invitation);

    /// In the order of changes.hpp, each as it stands now.
    Changes take();

  private:
    void describe_changed();
    void describe(Invitation& invitation);
    static InvitationKept head_of(const Invitation& invitation);
    void describe_invitees(Invitation& invitation);
    void describe(Call& call);

    const bool stored_;
    std::vector<Invitation*> changed_;
    Changes changes_;
};

}  // namespace beckon
