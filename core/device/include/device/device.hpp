// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "device/failures.hpp"
#include "device/inbox.hpp"
#include "protocol/topics.hpp"
#include "protocol/wire.hpp"

namespace beckon {

/// One device of one user: the client's half of the protocol, for any transport.
///
/// The host hands in calls, what the connection brings, and time; and does what
/// comes back, in order. Every call ends in exactly one `Result`:
///
///   call ──► waiting ──► in flight ──► reply            Result (Reply)
///               │  ▲          │
///               │  └──────────┤ connection lost: sent again after the next sync
///               └─────────────┴► deadline, close         Result (Failure)
///
/// On each connect it asks `sync` before anything else, so that what the broker
/// queued has arrived and what ended meanwhile is known when a call is sent (again).
///
/// No I/O, no clock, no thread: one thread at a time calls it, time is an argument
/// from a clock that never steps back and runs on while the machine sleeps.
class Device {
  public:
    struct Options {
        UserId user;
        /// Begins each `req`: random, so that no other device of the user has it.
        std::string req_prefix;
        Topics topics{"beckon"};
        Encoding encoding = Encoding::msgpack;
        /// How long a call may take.
        Duration patience{10'000};
        /// How long no reply to a `sync` means that there is no Beckon, and how long until it is
        /// asked again.
        Duration sync_patience{10'000};
        Duration sync_again{30'000};
        std::size_t max_in_flight = 16;
        std::size_t max_waiting = 1000;
    };

    /// The host's name for a call; it gives each another.
    using CallId = std::uint64_t;

    enum class Offline : std::uint8_t { wait, fail };

    enum class Link : std::uint8_t {
        offline,
        syncing,    ///< connected; the broker's Beckon has yet to answer
        ready,      ///< what is open is known
        no_beckon,  ///< connected, and nobody answers
    };

    /// To be published, at most once is enough, and only while still connected.
    struct Send {
        std::string topic;
        std::string payload;
        /// For MQTT 5's Correlation Data, which `receive_reply` takes back: a reply to
        /// a payload that the broker would not read has no `req`.
        std::string correlation{};
        bool operator==(const Send&) const = default;
    };
    struct Result {
        CallId call;
        std::variant<Reply, Failure> outcome;
        bool operator==(const Result&) const = default;
    };
    /// `link()` is another now.
    struct LinkChanged {
        Link link;
        bool operator==(const LinkChanged&) const = default;
    };
    /// A `GroupEvent` is told as it comes, a `MessageEvent` once.
    using Effect =
        std::variant<Send, Result, LinkChanged, Heard, Ended, Busy, GroupEvent, MessageEvent>;
    using Effects = std::vector<Effect>;

    explicit Device(Options options);

    /// What makes an invitation, and a `Message`, carries its id. `Get`, too, is a call; `Sync`
    /// is the device's own.
    Effects call(CallId call, RequestBody body, Offline offline, Instant now);

    /// From now on every ring is rejected as `busy`, with this data; absent: no more. What rings
    /// already rings on.
    void set_busy(std::optional<Reject> as) { busy_ = std::move(as); }

    /// The connection is up, and the inbox is subscribed to (events, replies).
    Effects connected(Instant now);
    Effects disconnected(Instant now);
    /// A message at the inbox. What cannot be read, or is unknown, is ignored.
    Effects receive_event(std::string_view payload, Instant now);
    Effects receive_reply(std::string_view payload, Instant now, std::string_view correlation = {});

    /// Applies what is due.
    Effects advance(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    /// Ends every call with `closed`.
    Effects close();

    [[nodiscard]] Link link() const noexcept { return link_; }
    /// What is open for this user, as far as is known.
    [[nodiscard]] std::vector<InvitationInfo> open(Instant now) const { return inbox_.open(now); }

  private:
    /// Rises with each call; part of its `req`.
    using Number = std::uint64_t;
    /// Calls of the device's own have no name.
    struct Call {
        std::optional<CallId> name{};
        RequestBody body;
        Offline offline = Offline::wait;
        Instant asked{};
        Instant deadline{};
        unsigned sent = 0;
        bool in_flight = false;
    };

    /// What the device asks for by itself until there is an answer: to learn how an
    /// invitation stands, to call one off, or to reject one as busy.
    struct Errand {
        enum class What : std::uint8_t { get, cancel, reject };
        What what = What::get;
        InvitationId id{};
        // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14
        auto operator<=>(const Errand&) const = default;
    };

    Number add(Call call);
    void pump(Instant now);
    void send(Number number, Instant now);
    /// Takes the call out; it is over.
    Call take(Number number);
    void fail(Number number, Failure failure);
    bool was_made(Number number);
    bool withdraw(CallId call, const Cancel& cancel);
    /// Cancels an invite that failed for its caller and may have been made.
    void call_off(const InvitationId& id);
    static Errand errand_of(const Call& call);
    void run_errands(Instant now);

    void set_link(Link link);
    void lose_connection();
    void start_sync(std::optional<std::string> after, Instant now);
    void synced(const Reply& reply, Instant now);
    void no_beckon();

    void pass_on(Inbox::News news, Instant now);
    /// Whether this is of an invitation that is rejected as busy, or will be.
    bool is_rejected(const Heard& heard, Instant now);
    void note_own_part(const GroupEvent& event, Instant now);
    [[nodiscard]] std::optional<Number> number_of(const Reply& reply,
                                                  std::string_view correlation) const;
    void replied(Call call, Reply reply, Instant now);
    void errand_replied(const Call& call, const Reply& reply, Instant now);
    void apply_due(Instant now);
    Effects done();

    Options options_;
    Inbox inbox_;
    Link link_ = Link::offline;
    std::map<Number, Call> calls_;
    std::set<std::pair<Instant, Number>> deadlines_;
    std::deque<Number> waiting_;
    std::size_t in_flight_ = 0;
    Number next_number_ = 1;
    /// When to sync (again), while connected; one after the other.
    std::optional<Instant> sync_at_{};
    bool syncing_ = false;
    /// When to ask (again); absent: it is in flight.
    std::map<Errand, std::optional<Instant>> errands_;
    std::size_t errands_in_flight_ = 0;
    /// How rings are rejected, while busy; and how those are that the broker was not told of yet.
    std::optional<Reject> busy_{};
    std::map<InvitationId, Reject> rejects_;
    /// Of those that were nothing is told.
    RecentIds<InvitationId> rejected_{};
    /// Messages that were told.
    RecentIds<std::pair<UserId, MessageId>> messages_{};
    DeviceTag device_{};
    Effects effects_;
};

}  // namespace beckon
