// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "judge/effects.hpp"
#include "shared_state.hpp"

/// What ends the parts of invitees and who hears of it, whoever asks for it: a request, a
/// deadline, or a call that is over. One thread.
namespace beckon {

/// Who acts, and with which device; nobody: the clock.
struct Actor {
    const User* user = nullptr;
    std::optional<DeviceTag> device{};
};
inline constexpr Actor the_clock{};

template <class MaybeConst>
auto invitee_of(MaybeConst& invitation, const UserId& user)
    -> decltype(&invitation.invitees.front()) {
    for (auto& invitee : invitation.invitees) {
        if (*invitee.user().id == user) {
            return &invitee;
        }
    }
    return nullptr;
}

std::vector<Invitee*> all_pending(Invitation& invitation);

/// Whether each invitee reads of nobody but itself.
bool is_private(const Invitation& invitation);
/// The members who may look on though they have no part in it.
std::vector<const User*> onlookers(const Invitation& invitation);
void append_users(std::vector<UserId>& to, const std::vector<Invitee>& invitees);
/// Those of the onlookers who hear of it: nobody, once the group has grown so large that the
/// audience would be over its limit.
void append_observers(std::vector<UserId>& to, const Invitation& invitation);
/// How many users hear an event that concerns so many invitees.
std::int64_t hearers(const Invitation& invitation, std::size_t concerned);

/// One event, with the present rev, to these.
void tell(std::vector<UserId> to, const Invitation& invitation, const Actor& by, EventBody body,
          Effects& events);
/// One event, with the next rev, to the invitation's audience. With visibility `inviter` each
/// invitee whom it concerns reads of nobody but itself.
void announce(const Actor& by, Invitation& invitation, const std::vector<Invitee*>& concerned,
              EventBody body, Effects& events);

/// What the invitation's next event tells; nothing: it tells nothing of the kind.
std::shared_ptr<const Note> note(const Invitation& invitation, const std::optional<Data>& data,
                                 std::string reason = {});
/// The one way to end.
void end(Invitation& invitation, Invitee& invitee, State how, const Actor& by,
         std::shared_ptr<const Note> note);
/// Cancels these, who are pending, and tells the audience.
void cancel(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            CancelReason reason, const std::optional<Data>& data, Effects& events);
/// Likewise: they may not answer any more.
void revoke(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            RevokeReason reason, Effects& events);

/// Charges the user for the events from index `first` on, which no request paid for.
void owe(SharedState& shared, const UserId& user, const Effects& events, std::size_t first);

/// To be called when nothing of a request or deadline is left to do: the invitation is ended
/// when it is not open any more, and may be gone after this.
void settle(SharedState& shared, Invitation& invitation);

}  // namespace beckon
