// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "device/failures.hpp"
#include "device/news.hpp"
#include "protocol/replies.hpp"
#include "protocol/requests.hpp"
#include "protocol/topics.hpp"
#include "protocol/wire.hpp"

namespace beckon {

class BusyMode;
class Errands;
class Inbox;
class OpenRequests;
class Pace;
struct Doubtful;
struct OpenRequest;
struct Unsure;
template <class Key>
class RecentIds;

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
        /// What this device is called, the same whenever it connects and told to nobody but the
        /// host: by it hosts that see no connections know it.
        std::string device;
        Topics topics{"beckon"};
        Encoding encoding = Encoding::msgpack;
        /// How long a call may take.
        Duration patience{10'000};
        /// How long no reply to a `sync` means that there is no Beckon, and how long until it is
        /// asked again.
        Duration sync_patience{10'000};
        Duration sync_again{30'000};
        /// What the host's packets have beside topic, payload and correlation.
        std::size_t packet_overhead = 0;
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
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    Device(Device&&) noexcept;
    Device& operator=(Device&&) noexcept;

    /// What makes an invitation, and a `Message`, carries its id. `Get`, too, is a call; `Sync`
    /// is the device's own.
    Effects call(CallId call, RequestBody body, Offline offline, Instant now);

    /// From now on every ring is rejected as `busy`, with this data; absent: no more. What rings
    /// already rings on.
    void set_busy(std::optional<Reject> as);

    /// What is to be the will of the next connection: that this device is there no more.
    Send will();
    /// The connection is up, and the inbox is subscribed to (events, replies). The broker takes
    /// packets up to that size, if it said so.
    Effects connected(Instant now, std::optional<std::size_t> max_packet = {});
    /// `too_large`: the broker said that this was because of a packet's size.
    Effects disconnected(Instant now, bool too_large = false);
    /// What `status` says: limits that it is kept to.
    Effects receive_status(std::string_view payload, Instant now);
    /// A message at the inbox. What cannot be read, or is unknown, is ignored.
    Effects receive_event(std::string_view payload, Instant now);
    Effects receive_reply(std::string_view payload, Instant now, std::string_view correlation = {});

    /// Applies what is due.
    Effects advance(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    /// Ends every call with `closed`, and says that this device is gone.
    Effects close();

    [[nodiscard]] Link link() const noexcept { return link_; }
    /// What is open for this user, as far as is known.
    [[nodiscard]] std::vector<InvitationInfo> open(Instant now) const;
    /// Which start of the broker that was told by; empty: there was no sync.
    [[nodiscard]] std::string server_epoch() const;
    /// Its own tag, once a reply has told it.
    [[nodiscard]] std::optional<DeviceTag> tag() const;

  private:
    using Number = std::uint64_t;
    using News = std::vector<std::variant<Heard, Ended, Unsure, Doubtful>>;

    void pump(Instant now);
    void send(Number number, Instant now);
    [[nodiscard]] Send message_of(Number number, Instant now) const;
    /// How large the payload of this could be, if it is too large.
    [[nodiscard]] std::optional<std::int64_t> size_broken_by(const Send& send) const;
    void refuse_as_too_large(Number number, std::optional<std::int64_t> limit, Instant now);
    void blame_for_loss(bool too_large, Instant now);
    /// When not all that it names fitted into it: asks for the rest.
    bool go_on(OpenRequest& asked, Reply& reply);
    bool get_on(OpenRequest& asked, Got& page);
    [[nodiscard]] Send here(bool gone) const;
    void say_here(Instant now);
    void here_replied(const Reply& reply, Instant now);
    [[nodiscard]] std::string here_req() const;
    /// A request that no caller waits for.
    void send_own(RequestBody body, Duration patience, Instant now);
    void fail(Number number, Failure failure);
    [[nodiscard]] Failure failure_of(Number number, Failure unsent) const;
    bool was_made(Number number);
    bool withdraw(CallId call, const Cancel& cancel);
    /// Cancels what an invite that failed for its caller may have made.
    void call_off(const RequestBody& invite);

    void set_link(Link link);
    void lose_connection(Instant now, bool too_large = false);
    void start_sync(std::optional<std::string> after, Instant now);
    void synced(const Sync& asked, const Reply& reply, Instant now);
    void no_beckon();

    void pass_on(News news, Instant now);
    /// Whether this is of an invitation that is rejected as busy, or will be.
    bool is_rejected(const Heard& heard, Instant now);
    void note_own_part(const GroupEvent& event, Instant now);
    void replied(Number number, Reply reply, Instant now);
    void told(const OpenRequest& asked, Reply reply, Instant now);
    void errand_replied(const RequestBody& asked, const Reply& reply, Instant now);
    void apply_due(Instant now);
    Effects done();

    Options options_;
    Link link_ = Link::offline;
    /// When to sync (again), while connected; one after the other.
    std::optional<Instant> sync_at_{};
    /// The page to go on with, when that was refused for now.
    std::optional<std::string> sync_after_{};
    bool syncing_ = false;
    /// None of this connection's has had an answer to its last page yet.
    bool sync_unanswered_ = false;
    DeviceTag device_{};
    /// How many wills there were: names the connection.
    std::uint64_t runs_ = 0;
    /// When to say (again) that this device is there, and how often it was said without a reply.
    std::optional<Instant> here_at_{};
    unsigned here_tries_ = 0;
    bool here_noted_ = false;
    /// What the broker said of its limits, by `status` and as it accepted the connection.
    std::optional<Status> status_{};
    std::optional<std::size_t> max_packet_{};
    Effects effects_;
    /// What of the broker's news is told.
    std::unique_ptr<Inbox> inbox_;
    std::unique_ptr<OpenRequests> requests_;
    std::unique_ptr<Errands> errands_;
    std::unique_ptr<BusyMode> busy_;
    std::unique_ptr<Pace> pace_;
    /// Messages that were told.
    std::unique_ptr<RecentIds<std::pair<UserId, MessageId>>> messages_;
};

}  // namespace beckon
