// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "device/news.hpp"
#include "held.hpp"
#include "protocol/events.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"
#include "recent_ids.hpp"

namespace beckon {

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

    explicit Inbox(UserId me) : me_(me) {}

    /// The tag by which this device knows its own echo; every reply tells it.
    void set_device(DeviceTag device) { device_ = device; }
    [[nodiscard]] const std::optional<DeviceTag>& device() const noexcept { return device_; }

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
    /// Of the broker that spoke last; empty: none has.
    [[nodiscard]] const std::string& server_epoch() const noexcept { return server_epoch_; }
    News take(const Event& event, Instant now);
    /// From `get`, told whole.
    News take(const InvitationInfo& info, Instant now);
    /// From the present `sync`. An id that had ended before that was sent may be used anew.
    News listed(const InvitationInfo& info, Instant now);
    /// The reply, an ok or a refusal, to what this device asked.
    News take(const RequestBody& asked, const ReplyBody& reply, Instant now);
    /// The broker does not know `id`, or does not tell this user (any more).
    News forgotten(const InvitationId& id, Instant now);

    /// This user is no member of the group any more: what others were asked there is not told.
    void left(const GroupId& group);

    /// A sync is sent now; `again`: the last one on this connection had no answer. What is held and
    /// not among what it tells has ended.
    void begin_sync(bool again);
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
    [[nodiscard]] bool is_own(const std::optional<UserId>& by,
                              const std::optional<DeviceTag>& by_device) const;
    /// Of this nothing is told any more.
    [[nodiscard]] bool is_past(const InvitationId& id) const;
    Held* find(const InvitationId& id);
    Held& hold(InvitationInfo info);
    void drop(const InvitationId& id);

    // What is held changes (inbox.cpp).

    void tell(const Held& held, EventBody body, const Cause& cause, Instant now, News& news) const;
    /// Somebody is asked, and this user perhaps only watches.
    void rings(Held& held, const NewInvitation& body, const Cause& cause, Instant now, News& news);
    void apply(Held& held, const EventBody& body, Cause cause, Instant now, News& news);
    /// After each change: tells the end, once, and forgets what nobody waits for.
    void settle(Held& held, News& news);
    static void tell_end(Held& held, News& news);
    void assume(Held& held, Instant now, News& news);
    void set_deadline(Held& held, std::optional<Duration> remaining, Instant now);
    void look_at(Held& held, std::optional<Instant> when);
    void look_now_and_then(Held& held, Instant now);

    // By an event (inbox_events.cpp).

    [[nodiscard]] Cause cause_of(const Event& event) const;
    void take_echo(const InvitationId& id, const NewInvitation& body, Instant now);
    void take_new(const Event& event, const NewInvitation& body, Instant now, News& news);
    void take_ringing(const Event& event, const InviteeRinging& body, Instant now, News& news);
    void take_unknown(const Event& event, News& news) const;
    void take_change(Held& held, const Event& event, Instant now, News& news);
    void take_of_call(const Event& event, Instant now, News& news);

    // By what happens in a call (inbox_calls.cpp).

    /// This user is in the call of an invitation that was over here: how it stands is asked.
    void come_back(const InvitationId& id, News& news);
    /// `user` has accepted, or come into the call otherwise.
    void join_call(Held& held, const UserId& user, Instant now, News& news) const;
    void leave_call(Held& held, const ParticipantLeft& left, const Cause& cause, Instant now,
                    News& news) const;
    void end_call(Held& held, CallEnded ended, const Cause& cause, Instant now, News& news);
    void correct_call(Held& held, const InvitationInfo& told, Instant now, News& news);

    // By what `sync` and `get` tell (inbox_standing.cpp).

    void take_unheard(const InvitationInfo& info, Instant now, News& news);
    void take_standing(Held& held, const InvitationInfo& info, Instant now, News& news);
    void apply_newer(Held& held, const InvitationInfo& told, Instant now, News& news);
    void apply_modification(Held& held, const InvitationInfo& told, Instant now, News& news);
    void apply_answers(Held& held, const InvitationInfo& told, Instant now, News& news);

    // By the reply to what this device asked (inbox_replies.cpp).

    void merged_into(const InvitationId& id, const std::optional<Data>& data, Instant now,
                     News& news);
    template <class Asked>
    void take_reply(Held& held, const Asked& asked, const ReplyBody& reply, Instant now,
                    News& news);

    UserId me_;
    std::optional<DeviceTag> device_{};
    std::string server_epoch_{};
    std::map<InvitationId, Held> held_;
    std::set<std::pair<Instant, InvitationId>> looks_;
    /// Ended for all: whatever still comes of them is late.
    RecentIds<InvitationId> ended_;
    /// Likewise, before the broker was started anew; it may have lost them, and they may be made
    /// anew.
    RecentIds<InvitationId> ended_before_;
    /// What had ended when the first sync was sent that the present start may answer.
    RecentIds<InvitationId>::Number first_sync_ = 0;
    /// Into the calls of these, which are not held, this user has come.
    std::set<InvitationId> returned_;
    /// The end of the calls of these was told: nobody comes into them any more.
    RecentIds<InvitationId> calls_over_;
    /// Signals that were told.
    RecentIds<std::tuple<InvitationId, DeviceTag, std::uint64_t>> signals_;
    /// Own invitations of which nothing is to be told.
    RecentIds<InvitationId> disowned_;
};

}  // namespace beckon
