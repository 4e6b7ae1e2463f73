// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "judge/effects.hpp"
#include "parts.hpp"
#include "protocol/intake.hpp"
#include "shared_state.hpp"

namespace beckon {

/// The user's place in the call: nothing before it has begun; when it has ended, for all who
/// ever had one.
const Participant* in_call(const Invitation& invitation, const UserId& user);
bool lives(const Invitation& invitation);
bool call_has_ended(const Invitation& invitation);

/// What a user may say in an invitation, and to whom.
struct Voice {
    bool inviter = false;
    bool pending = false;
    /// Takes part in the call, while one lives; else the inviter and everyone who accepted.
    bool talks = false;

    [[nodiscard]] bool speaks() const { return inviter || pending || talks; }
    [[nodiscard]] bool reaches(const Voice& other) const {
        return (inviter && other.pending) || (pending && other.inviter) || (talks && other.talks);
    }
};
Voice voice_of(const Invitation& invitation, const UserId& user);

/// What happens in calls (contract, section 7): who joins, signals, moves to another device,
/// hangs up or is lost. `Invitations` has judged by the table who may. One thread.
class Calls {
  public:
    explicit Calls(SharedState& shared) : shared_(shared) {}

    /// The invitation is new, and its call waits for somebody.
    void wait(Invitation& invitation, const Sender& inviter);
    /// An invitee has accepted: the first starts the call.
    void join(Invitation& invitation, User& invitee, DeviceTag device);

    ReplyBody signal(const Sender& sender, const Invitation& invitation, const Signal& asked,
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
    /// Nothing: it has not begun.
    [[nodiscard]] std::optional<CallInfo> describe(const Invitation& invitation,
                                                   const UserId& reader) const;

  private:
    void take_part(Call& call, User& user, DeviceTag device);
    /// Whom a signal is for; nobody: its sender has no say.
    [[nodiscard]] static std::vector<UserId> addressees(const Invitation& invitation,
                                                        const UserId& from);
    /// Ends what is due. False: the call has ended, and may be gone.
    bool lose_those_away(Call& call, Effects& events);
    /// `gone` leaves; with two, the call ends. False: it has ended, and may be gone.
    bool leave(Call& call, Participant& gone, const Actor& by, const std::string& reason,
               const std::optional<Data>& data, Effects& events);
    void end(Call& call, const Actor& by, const std::string& reason,
             const std::optional<Data>& data, Effects& events);
    [[nodiscard]] Instant due(const Call& call) const;
    void arm(Call& call);
    /// Notes that the call has changed, and who of it.
    void touch(Call& call);
    void touch(Call& call, Participant& one);

    SharedState& shared_;
};

}  // namespace beckon
