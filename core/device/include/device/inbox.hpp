// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "device/recent_ids.hpp"
#include "protocol/events.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

namespace beckon {

/// An event that the application is told: once each, and none that is its own echo, but for
/// `CallEnded`, which tells how long it was.
struct Heard {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    /// This user's.
    Role role = Role::invitee;
    EventBody body;
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    /// Until the deadline, when somebody is pending and there is one.
    std::optional<Duration> remaining{};
    /// For a cancel or a revocation: this user is among those whom it ends or, the
    /// inviter, is left with nobody who is pending or accepted.
    bool ends_ours = false;
    /// Nobody said so: the deadline passed while the broker was out of reach.
    bool assumed = false;
    bool operator==(const Heard&) const = default;
};

/// The end of an invitation for this user: once for each that was heard of. An
/// invitee's own part has ended; for the inviter, nobody is pending.
struct Ended {
    InvitationId id;
    UserId inviter;
    /// The inviter: `accepted` if anybody did, else the first in the order of
    /// `State`. Absent: the broker knows nothing of it any more.
    std::optional<State> state{};
    std::string reason{};
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    /// This device did it.
    bool here = false;
    bool assumed = false;
    bool operator==(const Ended&) const = default;
};

/// This user was asked while busy, and is not told as of a ring: it is being rejected.
struct Busy {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::optional<Data> data{};
    bool operator==(const Busy&) const = default;
};

/// What was delivered does not tell all: `get` is to be asked.
struct Unsure {
    InvitationId id;
    bool operator==(const Unsure&) const = default;
};

/// An id that had ended is used anew, or a message came very late: `sync` is to be asked.
struct Doubtful {
    bool operator==(const Doubtful&) const = default;
};

/// What one device knows of the invitations of its user, and makes of what the
/// broker delivers: lost, doubled or late, the application hears each event and
/// each end once, and nothing rings on that has ended (contract, sections 3, 4 and 6).
///
///   event       ─┐                            ┌─► Heard, Ended   to the application
///   sync, get    ├─► what is known, by `rev` ─┤
///   own replies ─┘                            └─► Unsure         ask `get`
///
/// No I/O, no clock, no thread.
class Inbox {
  public:
    using News = std::vector<std::variant<Heard, Ended, Unsure, Doubtful>>;

    explicit Inbox(UserId me) : me_(std::move(me)) {}

    /// The tag by which this device knows its own echo; every reply tells it.
    void set_device(DeviceTag device) { device_ = device; }

    // What this device asks.

    /// An invitation of its own is on its way (`invite.id` is set).
    template <MakesInvitation Asked>
    void inviting(const Asked& invite);
    /// It came to nothing: nobody has heard of it.
    void not_invited(const InvitationId& id);
    /// It failed for its caller, though it may have been made: what comes of it is
    /// not told, unless the application has heard of it already.
    void disown(const InvitationId& id);
    /// A cancel of its own, of all who are pending, is on its way (or is not, after all).
    void cancelling(const InvitationId& id, bool on_its_way);

    // What the broker says.

    /// Which start of the broker it is that speaks, before what its `sync` tells. Another one
    /// may have lost what it knew: until it tells how an invitation stands, `rev` proves nothing.
    void speaks(const std::string& server_epoch);
    News take(const Event& event, Instant now);
    /// From `get`.
    News take(const InvitationInfo& info, Instant now);
    /// From the present `sync`. An id that had ended before that was sent may be used anew.
    News listed(const InvitationInfo& info, Instant now);
    /// The reply, an ok or a refusal, to what this device asked.
    News take(const RequestBody& asked, const ReplyBody& reply, Instant now);
    /// The broker does not know `id`, or does not tell this user (any more).
    News forgotten(const InvitationId& id, Instant now);

    /// This user is no member of the group any more: what others were asked there is not told.
    void left(const GroupId& group);

    /// A sync is sent now. What is held and not among what it tells has ended.
    void begin_sync();
    News end_sync();

    // Time.

    /// Deadlines that passed without news: asks how it ended while `connected`, else
    /// (or when there is no answer to that) takes it for timed out. What has no
    /// deadline is asked for now and then.
    News advance(bool connected, Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    // What is known.

    [[nodiscard]] bool holds(const InvitationId& id) const { return held_.contains(id); }
    /// An invitation of this device's own that the broker was heard to have made, though the
    /// reply to it may be lost: how it stands.
    [[nodiscard]] std::optional<Openness> made(const InvitationId& id) const;
    /// What is open for this user and known to the broker, calls that it takes part in included,
    /// by id, times as of `now`.
    [[nodiscard]] std::vector<InvitationInfo> open(Instant now) const;

  private:
    /// Why a state changed.
    struct Cause {
        std::optional<UserId> by{};
        std::optional<DeviceTag> by_device{};
        std::string reason{};
        bool here = false;
        bool assumed = false;
    };
    struct Held {
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
        /// Known from an earlier start of the broker.
        bool earlier = false;
        /// What ended it for this user.
        Cause ending{};
    };

    [[nodiscard]] bool is_own(const std::optional<UserId>& by,
                              const std::optional<DeviceTag>& by_device) const;
    [[nodiscard]] const InviteeInfo* own_part(const Held& held) const;
    [[nodiscard]] bool over(const Held& held) const;
    [[nodiscard]] std::optional<Duration> remaining(const Held& held, Instant now) const;
    static InviteeInfo* part_of(Held& held, const UserId& user);
    /// Somebody is pending: an invitee itself, for anyone else any.
    [[nodiscard]] bool asks_us(const InvitationInfo& info) const;
    /// As pending, unless it is listed already.
    static void list(Held& held, const UserId& user);
    /// Takes out who is thought to be pending and was never asked.
    void skip(Held& held, const std::function<bool(const UserId&)>& skipped) const;
    static bool anyone_pending(const Held& held);
    /// Nobody is pending or accepted.
    static bool nobody_left(const Held& held);

    /// This user takes part in its call.
    [[nodiscard]] bool in_call(const Held& held) const;
    News take_of_call(const Event& event, Instant now);
    /// `user` has accepted.
    void join_call(Held& held, const UserId& user, Instant now, News& news) const;
    void leave_call(Held& held, const ParticipantLeft& left, const Cause& cause, Instant now,
                    News& news) const;
    void end_call(Held& held, CallEnded ended, const Cause& cause, Instant now, News& news) const;
    void correct_call(Held& held, const InvitationInfo& told, Instant now, News& news);

    Held& hold(InvitationInfo info);
    void apply(Held& held, const EventBody& body, Cause cause, Instant now, News& news);
    void apply_newer(Held& held, const InvitationInfo& told, Instant now, News& news);
    void tell(const Held& held, EventBody body, const Cause& cause, Instant now, News& news) const;
    /// After each change: tells the end, once, and forgets what nobody waits for.
    void settle(Held& held, News& news);
    void tell_end(Held& held, News& news) const;
    void assume(Held& held, Instant now, News& news);
    void set_deadline(Held& held, std::optional<Duration> remaining, Instant now);
    void look_at(Held& held, std::optional<Instant> when);
    void drop(const InvitationId& id);
    void correct(Held& held, const InvitationInfo& told);
    void rings(Held& held, const NewInvitation& body, const Cause& cause, Instant now, News& news);

    UserId me_;
    std::optional<DeviceTag> device_{};
    std::string server_epoch_{};
    std::map<InvitationId, Held> held_;
    std::set<std::pair<Instant, InvitationId>> looks_;
    /// Ended for all: whatever still comes of them is late.
    RecentIds<InvitationId> ended_;
    /// Signals that were told.
    RecentIds<std::tuple<InvitationId, DeviceTag, std::uint64_t>> signals_;
    /// Own invitations of which nothing is to be told.
    RecentIds<InvitationId> disowned_;
};

}  // namespace beckon
