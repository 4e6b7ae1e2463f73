// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "desk.hpp"
#include "effects.hpp"

/// What ends the parts of invitees, whoever asks for it: a request, a deadline, or a call
/// that is over. One thread.
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

/// How many users hear an event that concerns so many invitees.
std::int64_t hearers(const Invitation& invitation, std::size_t concerned);

/// Cancels these, who are pending, and tells the audience.
void cancel(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            CancelReason reason, const std::optional<Data>& data, Effects& events);

/// Charges the user for the events from index `first` on, which no request paid for.
void owe(Desk& desk, const UserId& user, const Effects& events, std::size_t first);

/// To be called when nothing of a request or deadline is left to do: the invitation is ended
/// when it is not open any more, and may be gone after this.
void settle(Desk& desk, Invitation& invitation);

}  // namespace beckon
