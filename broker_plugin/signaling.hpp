// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "broker_log.hpp"
#include "encodings_read.hpp"
#include "host/commit_gate.hpp"
#include "host/outbox.hpp"
#include "presence.hpp"
#include "protocol/topics.hpp"
#include "publishing.hpp"

namespace beckon {

/// Who sent a request, as the broker knows it.
struct Caller {
    Sender sender;
    const char* address = nullptr;
};

/// A request that waits for its reply.
struct PendingReply {
    Sender sender;
    std::string address;
    ReplyAddress reply_to;
    bool is_said = false;
};

/// A reply, encoded, and where it goes.
struct ReplyToPublish {
    ReplyAddress to;
    std::string payload;
};

/// An event, encoded when somebody reads that encoding, once for all who read the same.
struct EventToPublish {
    AnyEvent event;
    int qos = 1;
    /// As in `Delivery`.
    bool alone = false;
    std::string msgpack{};
    std::string json{};
    const std::string& in(Encoding encoding, const UserId& reader);
};

/// What a user's inbox is to get.
struct ToPublish {
    std::variant<ReplyToPublish, EventToPublish> what;
    /// About what it takes once it is encoded.
    std::size_t size = 0;
    [[nodiscard]] std::size_t bytes() const { return size; }
};

/// Hands the switchboard what happens in the broker, and publishes what it
/// decides. Each user gets replies and events in the order of the decisions
/// (outbox.hpp); an invitation with many receivers does not delay the others.
/// The broker's thread.
class Signaling {
  public:
    /// Throws `StoreFile::Unusable`.
    Signaling(const Options& options, BrokerLog& log, EncodingsRead& encodings_read, Instant now);

    /// Publishes `status`: what Beckon is, and its limits.
    void announce(Instant now);
    /// What device tags are derived by; empty: there is no store that has a secret.
    [[nodiscard]] std::string_view secret() const { return gate_.secret(); }
    /// Call at the first tick; `wake` is to have `tick` called soon, from any thread.
    void start(const std::function<void()>& wake) { gate_.start(wake); }

    /// Judges one request. It gets a reply in any case: `internal` when there is
    /// no memory for another.
    void handle(const Caller& caller, const RawRequest& raw, const ReplyAddress& reply_to,
                Instant now);

    void apply(const PresenceChanges& changes, Instant now);

    /// Does what is due, and publishes more of what waits; true if it published
    /// some of that, or there is more.
    bool tick(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

  private:
    void perform(Effects effects, PendingReply* asked);
    void reply(const Reply& reply, PendingReply& asked);
    void deliver(Delivery& delivery, bool to_many);
    void publish(const UserId& user, ToPublish& message);

    Topics topics_;
    std::string server_epoch_;
    BrokerLog& log_;
    EncodingsRead& encodings_read_;
    Outbox<ToPublish> outbox_;
    CommitGate gate_;
};

}  // namespace beckon
