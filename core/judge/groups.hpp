// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "invitations.hpp"
#include "judge/effects.hpp"
#include "protocol/intake.hpp"
#include "shared_state.hpp"

namespace beckon {

/// A request that names its group.
template <class Verb>
concept NamesGroup = std::same_as<decltype(Verb::group), GroupId>;

/// Judges what is asked about groups, and messages (contract, section 7), by the table
/// in group_rules.hpp. Who leaves has an end made to their invitations. One thread.
class Groups {
  public:
    Groups(SharedState& shared, Invitations& invitations)
        : shared_(shared), invitations_(invitations) {}

    ReplyBody judge(const Sender& sender, const CreateGroup& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const ListGroups& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const Message& asked, Effects& events);
    /// The checks that every verb about a group shares, in the contract's order.
    template <NamesGroup Verb>
    ReplyBody judge(const Sender& sender, const Verb& asked, Effects& events);

  private:
    ReplyBody apply(const Sender& sender, Group& group, const JoinGroup& asked, Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const QuitGroup& asked, Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const DismissGroup& asked, Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const AddMembers& asked, Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const RemoveMembers& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const SetRank& asked, Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const TransferGroup& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Group& group, const UpdateGroup& asked, Effects& events);
    ReplyBody apply(const Sender& sender, const Group& group, const GetGroup& asked,
                    Effects& events) const;

    /// `SharedState::charge` for a group, by the limit on what groups keep.
    [[nodiscard]] std::optional<Refusal> charge(const UserId& user, std::int64_t events,
                                                std::int64_t bytes, std::int64_t own);
    [[nodiscard]] std::optional<Refusal> over_owned(const UserId& user,
                                                    std::string_view field) const;
    /// These leave or are removed: ends what is pending for them.
    void part(const Sender& sender, Group& group, const std::vector<UserId>& gone,
              RevokeReason reason, Effects& events);

    SharedState& shared_;
    Invitations& invitations_;
};

}  // namespace beckon
