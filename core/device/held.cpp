// SPDX-License-Identifier: Apache-2.0
#include "held.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace beckon {

namespace {

bool is_pending(const InviteeInfo& part) { return part.state == State::pending; }

template <class Parts>
auto find_part(Parts& parts, const UserId& user) -> decltype(parts.data()) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&user](const auto& part) { return part.user == user; });
    return found == parts.end() ? nullptr : &*found;
}

bool any_pending(const InvitationInfo& info) {
    return std::any_of(info.invitees.begin(), info.invitees.end(), is_pending);
}

}  // namespace

bool contains(const std::vector<UserId>& users, const UserId& user) {
    return std::find(users.begin(), users.end(), user) != users.end();
}

const InviteeInfo* part_in(const InvitationInfo& info, const UserId& user) {
    return find_part(info.invitees, user);
}

bool asks(const InvitationInfo& info, const UserId& me) {
    if (info.role != Role::invitee) {
        return any_pending(info);
    }
    const InviteeInfo* own = part_in(info, me);
    return own != nullptr && is_pending(*own);
}

InviteeInfo* Held::part_of(const UserId& user) { return find_part(info.invitees, user); }

const InviteeInfo* Held::own_part() const {
    return info.role == Role::invitee ? part_in(info, me) : nullptr;
}

bool Held::anyone_pending() const { return any_pending(info); }

bool Held::nobody_left() const {
    return std::all_of(info.invitees.begin(), info.invitees.end(), [](const auto& part) {
        return part.state != State::pending && part.state != State::accepted;
    });
}

bool Held::over() const {
    const InviteeInfo* own = own_part();
    return own != nullptr ? !is_pending(*own) : !anyone_pending();
}

bool Held::is_asked_again_in(const InvitationInfo& told) const {
    return std::any_of(info.invitees.begin(), info.invitees.end(), [&told](const auto& known) {
        const InviteeInfo* part = part_in(told, known.user);
        return !is_pending(known) && (part == nullptr || is_pending(*part));
    });
}

bool Held::in_call() const {
    const auto& call = info.call_state;
    return call && !call->reason && contains(call->participants, me);
}

std::optional<Duration> Held::remaining(Instant now) const {
    return deadline && !over() ? std::optional(std::max(*deadline - now, Duration{0}))
                               : std::nullopt;
}

void Held::list(const UserId& user) {
    if (part_of(user) == nullptr) {
        info.invitees.push_back({.user = user});
    }
}

void Held::skip(const std::function<bool(const UserId&)>& skipped) {
    const bool was_over = over();
    std::erase_if(info.invitees,
                  [&skipped](const auto& part) { return is_pending(part) && skipped(part.user); });
    if (was_over || !over()) {
        return;
    }
    // So another's end was the last, and was told as it came.
    for (const auto& part : info.invitees) {
        const bool answer = part.state == State::accepted || part.state == State::rejected;
        ending = {.by = answer ? std::optional(part.user) : std::nullopt,
                  .by_device = part.device,
                  .reason = part.reason.value_or("")};
    }
}

std::vector<UserId> Held::end(const std::vector<UserId>& users, State state,
                              const std::optional<Data>& data, const Cause& cause) {
    const bool answered = state == State::accepted || state == State::rejected;
    std::vector<UserId> changed;
    for (const auto& user : users) {
        list(user);
        InviteeInfo& part = *part_of(user);
        if (!is_pending(part)) {
            continue;
        }
        part.state = state;
        part.data = data;
        part.device = answered ? cause.by_device : std::nullopt;
        part.reason = cause.reason.empty() ? std::nullopt : std::optional(cause.reason);
        changed.push_back(user);
    }
    return changed;
}

std::optional<EventBody> Held::change(EventBody body, const Cause& cause) {
    const bool is_new = std::visit(
        [&]<class Body>(Body& told) {
            if constexpr (std::is_same_v<Body, InviteeAccepted>) {
                return !end({told.invitee}, State::accepted, told.data, cause).empty();
            } else if constexpr (std::is_same_v<Body, InviteeRejected>) {
                return !end({told.invitee}, State::rejected, told.data, cause).empty();
            } else if constexpr (std::is_same_v<Body, InvitationCancelled>) {
                told.invitees = end(told.invitees, State::cancelled, told.data, cause);
                return !told.invitees.empty();
            } else if constexpr (std::is_same_v<Body, InvitationRevoked>) {
                told.invitees = end(told.invitees, State::revoked, std::nullopt, cause);
                return !told.invitees.empty();
            } else if constexpr (std::is_same_v<Body, InvitationTimeout>) {
                told.invitees = end(told.invitees, State::timed_out, std::nullopt, cause);
                return !told.invitees.empty();
            } else if constexpr (std::is_same_v<Body, InvitationModified>) {
                if (told.data) {
                    info.data = told.data;
                }
                for (const auto& user : told.invitees.value_or(std::vector<UserId>{})) {
                    list(user);
                }
                return true;
            }
            return false;
        },
        body);
    return is_new ? std::optional(std::move(body)) : std::nullopt;
}

void Held::correct(const InvitationInfo& told) {
    info.rev = std::min(rev(), told.rev.value_or(1));
    for (const auto& part : told.invitees) {
        InviteeInfo* known = part_of(part.user);
        if (known != nullptr && known->state != part.state) {
            *known = InviteeInfo{.user = part.user, .ringing = known->ringing && part.ringing};
        }
    }
}

}  // namespace beckon
