// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/replies.hpp"

namespace beckon {

/// Why a state changed.
struct Cause {
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    std::string reason{};
    bool here = false;
    bool assumed = false;
};

/// One invitation as a device of `me` knows it: what is so now, and what can be read from that.
/// What of a change is told, `Inbox` decides. A value; no I/O, no clock, no thread.
struct Held {
    UserId me;
    /// Whole, with a `rev`.
    InvitationInfo info;
    /// The invitee's own; for the inviter the last.
    std::optional<Instant> deadline{};
    /// When to look whether it ended without news.
    std::optional<Instant> look{};
    /// The broker has said that it exists. Until then, and while an own invite
    /// has no reply, `rev` is as if it had just been made.
    bool confirmed = false;
    /// The application knows of it, and is owed its end.
    bool announced = false;
    bool end_told = false;
    /// Its end was taken for a timeout while the broker was out of reach. The
    /// inviter may still hear of an answer that came before.
    bool assumed = false;
    /// This device asked to cancel it.
    bool cancelling = false;
    /// An event is missing: `get` is asked, and nothing is over before it tells.
    bool gap = false;
    /// All other members of the group are asked: `get` tells who they are.
    bool unlisted = false;
    /// It was time to look, and `get` was asked.
    bool looked = false;
    /// When the call of `info.call_state` began.
    Instant call_began{};
    /// Not yet told by the present sync.
    bool missing = false;
    /// Known before the first sync that the present start of the broker may answer.
    bool before = false;
    /// Known from an earlier start of the broker.
    bool earlier = false;
    /// Of the last event since that first sync: what a page tells may be older.
    std::optional<Rev> heard{};
    /// What ended it for this user.
    Cause ending{};

    [[nodiscard]] Rev rev() const { return info.rev.value_or(1); }
    /// Nothing: not listed.
    [[nodiscard]] InviteeInfo* part_of(const UserId& user);
    /// This user's, when it is asked.
    [[nodiscard]] const InviteeInfo* own_part() const;
    [[nodiscard]] bool anyone_pending() const;
    /// Nobody is pending or accepted.
    [[nodiscard]] bool nobody_left() const;
    /// For an invitee its own part has ended; for anyone else, nobody is pending.
    [[nodiscard]] bool over() const;
    /// It asks somebody whose part had ended: it was made anew, by a broker that had lost it.
    [[nodiscard]] bool is_asked_again_in(const InvitationInfo& told) const;
    /// This user takes part in its call.
    [[nodiscard]] bool in_call() const;
    /// Until the deadline, when it is not over and there is one.
    [[nodiscard]] std::optional<Duration> remaining(Instant now) const;

    /// As pending, unless it is listed already.
    void list(const UserId& user);
    /// Takes out who is thought to be pending and was never asked.
    void skip(const std::function<bool(const UserId&)>& skipped);
    /// Brings it up to what the event tells, and returns what of that was not so before; nothing:
    /// it was.
    std::optional<EventBody> change(EventBody body, const Cause& cause);
    /// All that `told` knows of, as if it stood so from the beginning of what was known.
    void correct(const InvitationInfo& told);

  private:
    /// Those who were pending, and are not now.
    std::vector<UserId> end(const std::vector<UserId>& users, State state,
                            const std::optional<Data>& data, const Cause& cause);
};

bool contains(const std::vector<UserId>& users, const UserId& user);

/// The part of `user` in it; nothing: not listed.
const InviteeInfo* part_in(const InvitationInfo& info, const UserId& user);

/// Somebody is pending: an invitee itself, for anyone else any.
bool asks(const InvitationInfo& info, const UserId& me);

}  // namespace beckon
