// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "calls.hpp"
#include "judge/effects.hpp"
#include "outcome.hpp"
#include "protocol/intake.hpp"
#include "protocol/refusals.hpp"
#include "shared_state.hpp"

namespace beckon {

/// A request that names its invitation.
template <class Verb>
concept NamesInvitation = std::same_as<decltype(Verb::id), InvitationId>;

/// Judges what is asked about invitations, and what time and absence do to them
/// (contract, section 4), by the table in rules.hpp. One thread.
class Invitations {
  public:
    Invitations(SharedState& shared, Calls& calls) : shared_(shared), calls_(calls) {}

    ReplyBody judge(const Sender& sender, const Invite& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const GroupInvite& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const Sync& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const Join& asked, Effects& events);
    ReplyBody judge(const Sender& sender, const ListOnline& asked, Effects& events) const;
    ReplyBody judge(const Sender& sender, const ListOpen& asked, Effects& events);
    /// The checks that every verb about an invitation shares, in the contract's order.
    template <NamesInvitation Verb>
    ReplyBody judge(const Sender& sender, const Verb& asked, Effects& events);

    /// The invitation's timer fired.
    void come_due(Invitation& invitation, Effects& events);
    /// A device came online, or went.
    void set_online(const Sender& device, bool online, Effects& effects);
    /// The user has been away for too long.
    void lose(User& user, Effects& events);
    /// These members, who still are, leave or are removed: what is pending for them is
    /// revoked, what they asked is cancelled.
    void parted(const Group& group, const std::vector<UserId>& gone, const Sender& sender,
                RevokeReason reason, Effects& events);
    /// The group, which still is, is dismissed: all that is open in it is cancelled.
    void dismissed(const Group& group, const Sender& sender, Effects& events);

    /// It was made as it is kept; its inviter has the grace period to be there.
    void restored(Invitation& invitation);
    /// So was one of it who is pending.
    void restored(Invitation& invitation, Instant deadline);

  private:
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Accept& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Reject& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Cancel& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Modify& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Ringing& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Add& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, const Invitation& invitation, const Get& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Signal& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Join& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Hangup& asked,
                    Effects& events);
    ReplyBody apply(const Sender& sender, Invitation& invitation, const Resume& asked,
                    Effects& events);

    /// The one-to-one call that waits for the sender and whose inviter this invite would call.
    [[nodiscard]] Invitation* crossed_by(const Sender& sender, const Invite& asked);
    /// The reply to an invite whose id is known.
    [[nodiscard]] ReplyBody known_already(const Sender& sender, const Invitation& known,
                                          bool same_target) const;
    /// A new invitation of these users. `field` named them, `target` is what the topic named.
    template <class Asked, class Target>
    ReplyBody invite(const Sender& sender, const Asked& asked, const Target& target,
                     std::string_view field, std::vector<UserId> named, Effects& events);

    void announce(Outcome& outcome, Invitation& invitation, const Sender& sender,
                  const std::vector<Invitation*>& replaced, Effects& events);
    /// What this inviter has pending that was sent to the same topic, but calls that live.
    template <class Target>
    [[nodiscard]] std::vector<Invitation*> pending_at(const UserId& inviter, const Target& target);

    /// In how many of an inviter's invitations, but those of groups, a user is pending.
    using Waiting = std::unordered_map<const User*, std::int64_t>;
    /// What `asker` asks others for: an invitation of `inviter`, perhaps in `group`.
    struct Asking {
        RateKey asker;
        const UserId& inviter;
        const Group* group = nullptr;
        bool online_only = false;
        /// What ends with it, and counts no more.
        std::span<Invitation* const> replaced{};
        Waiting waiting{};
    };
    /// Nobody, where nobody can be over the limit. `inviter` null: nobody knows them yet.
    [[nodiscard]] Waiting waiting_of(const User* inviter, const Group* group,
                                     std::span<Invitation* const> replaced) const;
    /// Why this user cannot be asked.
    [[nodiscard]] WhyNot why_not(const Asking& asking, const UserId& user) const;
    /// `gone`: so many of the user's own end with it; null: they have none.
    [[nodiscard]] std::optional<Refusal> over_pending(const User* user, std::size_t gone) const;
    [[nodiscard]] std::optional<Refusal> over_audience(Visibility visibility,
                                                       std::int64_t audience) const;
    /// `Outcome::charge`, the bytes being kept by `invitation`.
    [[nodiscard]] std::optional<Refusal> charge(Outcome& outcome, std::int64_t bytes,
                                                Invitation& invitation, const UserId& whose);
    /// The sender's part in it ends, by this row.
    ReplyBody answer(const Rule& rule, const Sender& sender, Invitation& invitation,
                     const Said& said, Effects& events);
    /// They talk now: what else rings between the two, of this inviter's, ends.
    void end_other_rings(const Invitation& accepted, const Actor& by, Effects& events);
    /// What nobody asks for; to be settled after it.
    void happen(Cause cause, Invitation& invitation, const Actor& by,
                std::vector<Invitee*> concerned, Effects& events);
    /// Some of those concerned leave the group, or are removed.
    void part(Invitation& invitation, const std::unordered_set<const User*>& leaving,
              const Actor& by, RevokeReason reason, Effects& events);

    // As it is told to `reader`; to nobody: to an operator, who is told of all.
    /// All but its invitees, and who takes part in its call.
    [[nodiscard]] InvitationInfo head_of(const Invitation& invitation, const UserId* reader) const;
    /// As `sync` tells it.
    [[nodiscard]] InvitationInfo item_of(const Invitation& invitation, const UserId* reader) const;
    /// An invitee's own time, anyone else's the last; none when nothing runs.
    [[nodiscard]] std::optional<Duration> remaining(const Invitation& invitation,
                                                    const UserId* reader) const;
    /// Which of them has no device online.
    [[nodiscard]] std::vector<UserId> away(std::vector<UserId> users) const;
    [[nodiscard]] static std::vector<UserId> away(const Invitation& invitation);

    /// When those who are asked now have to have answered (0: when the lifetime ends).
    [[nodiscard]] Instant deadline_after(const Invitation& invitation, Duration timeout) const;
    /// Asks these users, with that deadline.
    void ask(const UserId& asker, Invitation& invitation, const std::vector<UserId>& asked,
             Duration timeout);
    /// Has its timer run at `due`, or before.
    void look_again(Invitation& invitation, Instant due);
    void await(User& user);
    void tell_absent(const User& user, Effects& effects);

    SharedState& shared_;
    Calls& calls_;
};

}  // namespace beckon
