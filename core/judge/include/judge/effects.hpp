// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <variant>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/replies.hpp"

namespace beckon {

/// An event that names those whom it concerns.
template <class Body>
concept lists_invitees = requires(Body body) {
    { body.invitees } -> std::same_as<std::vector<UserId>&>;
};

/// An event, and the users whose devices all get it, in this order.
struct Delivery {
    std::vector<UserId> to;
    AnyEvent event;
    /// Only for devices that are there; not to be queued for others.
    bool online_only = false;
    /// Each of them reads itself alone as the event's `invitees`, which are left out here.
    bool alone = false;
    /// Where the host remembers what it has to tell: by this number.
    std::uint64_t untold = 0;
    bool operator==(const Delivery&) const = default;
};

/// Those whom an event names; nothing: it is of no such kind.
inline std::vector<UserId>* invitees_in(EventBody& body) {
    return std::visit(
        []<class Body>(Body& one) -> std::vector<UserId>* {
            if constexpr (lists_invitees<Body>) {
                return &one.invitees;
            } else {
                return nullptr;
            }
        },
        body);
}

/// Makes `reader` the event's only invitee: what it reads of an event that is `alone`.
inline void name_alone(AnyEvent& event, const UserId& reader) {
    if (auto* const invitees = invitees_in(std::get<Event>(event).body)) {
        invitees->assign(1, reader);
    }
}

/// What the host has to do, in order. A refusal is a `Reply` like any other.
using Effect = std::variant<Reply, Delivery, Absent>;
using Effects = std::vector<Effect>;

/// The invitation that it tells of, unasked; nothing: of none.
inline const InvitationId* invitation_of(const Effect& effect) {
    if (const auto* const absent = std::get_if<Absent>(&effect)) {
        return std::visit([](const auto& told) { return &told.id; }, *absent);
    }
    const auto* const delivery = std::get_if<Delivery>(&effect);
    const auto* const event = delivery != nullptr ? std::get_if<Event>(&delivery->event) : nullptr;
    return event != nullptr ? &event->id : nullptr;
}

}  // namespace beckon
