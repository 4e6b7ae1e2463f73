// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "judge/effects.hpp"
#include "outcome.hpp"
#include "protocol/intake.hpp"
#include "shared_state.hpp"

namespace beckon {

/// What happens in calls (contract, section 7): who joins, signals, moves to another device,
/// hangs up or is lost. `Invitations` has judged by the table who may. One thread.
class Calls {
  public:
    explicit Calls(SharedState& shared) : shared_(shared) {}

    /// The invitation is new, and its call waits for somebody.
    void wait(Invitation& invitation, const Sender& inviter);
    /// An invitee has accepted: the first starts the call.
    void accepted(Invitation& invitation, User& invitee, DeviceTag device);

    ReplyBody signal(const Sender& sender, Invitation& invitation, const Signal& asked,
                     Effects& events);
    /// The sender comes into the call, perhaps back.
    ReplyBody join(const Sender& sender, Invitation& invitation, const Join& asked,
                   Effects& events);
    ReplyBody hang_up(const Sender& sender, Invitation& invitation, const Hangup& asked,
                      Effects& events);
    ReplyBody resume(const Sender& sender, Invitation& invitation, Effects& events);

    /// The call's timer fired.
    void come_due(Call& call, Effects& events);
    /// A device of this user came online, or went.
    void set_online(const User& user, DeviceTag device, bool online);

    /// One who takes part, or did, was made as it is kept: has the grace period to come back.
    void restored(Invitation& invitation, std::size_t position);

    /// At the latest, a call that lives.
    [[nodiscard]] Instant ends_at(const Call& call) const;
    /// But for who takes part. Nothing: it has not begun.
    [[nodiscard]] std::optional<CallInfo> describe(const Invitation& invitation) const;
    /// Those who take part, as far as the reader is told of them; nobody reads: an operator.
    [[nodiscard]] static std::vector<UserId> participants_for(const Invitation& invitation,
                                                              const UserId* reader);

  private:
    void enter(Call& call, User& user, DeviceTag device);
    void move(Call& call, Participant& own, DeviceTag device, Outcome& outcome, Effects& events);
    void note_signal(Participant& one, DeviceTag device) const;
    [[nodiscard]] std::optional<DeviceTag> replacement_for(const Participant& gone) const;
    /// The next thing that time does to it, if any is due.
    bool apply_next_due(Call& call, Effects& events);
    /// Concludes that `gone` leaves, if anybody, or that it ends: then it may be gone after this.
    /// The rev after it.
    Rev conclude(Call& call, Participant* gone, Outcome& outcome, const Actor& by, const Said& said,
                 Effects& events);
    void end(Call& call, std::string_view reason);
    [[nodiscard]] Instant due(const Call& call) const;
    void arm(Call& call);

    SharedState& shared_;
};

}  // namespace beckon
