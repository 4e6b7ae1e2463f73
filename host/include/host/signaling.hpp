// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/bus.hpp"
#include "host/commit_gate.hpp"
#include "host/host_log.hpp"
#include "host/operator_news.hpp"
#include "host/outbox.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// Who sent a request, as the host knows it.
struct Caller {
    Sender sender;
    const char* address = nullptr;
};

/// A request that waits for its reply.
struct PendingReply {
    Sender sender;
    std::string address;
    /// Only where operators are named.
    std::string topic{};
    ReplyAddress reply_to;
    bool is_said = false;
};

/// A reply, encoded, and who asked.
struct ReplyToPublish {
    CommitGate::Asker asked;
    std::string payload;
};

/// An event, encoded when somebody reads that encoding, once for all who read the same.
struct EventToPublish {
    AnyEvent event;
    int qos = 1;
    /// As in `Delivery`.
    bool alone = false;
    /// As in `Publication`.
    std::shared_ptr<const void> telling{};
    std::string msgpack{};
    std::string json{};
    const std::string& in(Encoding encoding, const UserId& reader);
};

/// What a user's inbox is to get.
struct ToPublish {
    std::variant<ReplyToPublish, EventToPublish> what;
    /// About what it takes once it is encoded, and what a broker takes for each receiver.
    std::size_t size = 0;
    std::size_t size_for_each = 0;
    [[nodiscard]] std::size_t bytes() const { return size; }
    [[nodiscard]] std::size_t bytes_for_each() const { return size_for_each; }
};

/// What a host can do, in the words of `status`.
struct HostKind {
    std::string_view host = "broker";
    std::string_view sender = "connection";
    std::string_view presence = "connection";
    /// Of a service: on how many machines is stored what is said.
    std::optional<int> copies{};
    /// And what of the broker's nobody has looked at.
    std::vector<std::string_view> unchecked{};
};

/// Hands the switchboard what happens in the broker, and publishes what it decides. Each user gets
/// replies and events in the order of the decisions (outbox.hpp); an invitation with many receivers
/// does not delay the others. The host's thread.
class Signaling {
  public:
    struct Settings {
        /// The first level of all topics.
        std::string word = "beckon";
        std::string version;
        /// Without it nothing is retained for all to read.
        bool tells_status = true;
        /// What `status` tells of the host (contract, section 10).
        HostKind host{};
        /// How requests are read there.
        Intake intake{};
        CommitGate::Settings gate{};
    };

    /// `journal` null: nothing is stored. `clock`: now, for what happens by itself. Throws
    /// `Journal::Unusable`.
    Signaling(Settings settings, Bus& bus, std::unique_ptr<Journal> journal,
              std::function<Instant()> clock);

    /// Publishes `status`: what Beckon is, and its limits; or takes away what an earlier start
    /// left.
    void announce();
    /// Takes away what is retained, for a host that will not be back; all else goes on.
    void retire();
    /// What device tags are derived by; empty: there is no journal that has a secret.
    [[nodiscard]] std::string_view secret() const { return gate_.secret(); }
    [[nodiscard]] Switchboard::Counts counts() const { return gate_.counts(); }
    [[nodiscard]] HostLog& log() { return log_; }
    /// Call when the host's loop has begun; `wake` is to have `tick` called soon, from any thread.
    void start(const std::function<void()>& wake) { gate_.start(wake); }

    /// Something was published below the root that is no request, or by one who can ask nothing:
    /// operators hear of it.
    void refused(const Refused& what, Instant now);
    /// Judges one request. It gets a reply in any case: `internal` when there is
    /// no memory for another.
    void handle(const Caller& caller, const RawRequest& raw, ReplyAddress reply_to, Instant now);

    void apply(std::span<const PresenceChange> changes, Instant now);
    /// What the host is to remember beside the switchboard; and, once, what it remembered.
    void keep(Changes changes) { gate_.keep(std::move(changes)); }
    [[nodiscard]] std::vector<DeviceKept> take_devices() { return gate_.take_devices(); }

    /// Does what is due, and publishes more of what waits; true if it published
    /// some of that, or there is more.
    bool tick(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const { return gate_.next_deadline(); }
    /// All that was decided is published.
    [[nodiscard]] bool is_idle() const { return gate_.is_idle() && outbox_.empty(); }

  private:
    CommitGate::Host gate_host();
    void perform(Effects effects, const CommitGate::Asker& asked);
    void reply(const Reply& reply, const CommitGate::Asker& asker);
    void tell_operators(const Reply& reply, const PendingReply& asked);
    /// `cause`: as in the outbox.
    void deliver(Delivery& delivery, bool to_many, const UserId* cause);
    /// What is to be told because of this user waits, and no more is to come (outbox.hpp).
    [[nodiscard]] std::optional<Refusal> too_much_waits(const UserId& user) const;
    void publish(const UserId& user, ToPublish& message);
    void give_memory_back(Instant now);

    Settings settings_;
    Topics topics_;
    /// Of what is being published: its memory is used again.
    std::string topic_;
    Bus& bus_;
    std::function<Instant()> clock_;
    HostLog log_;
    bool announced_ = false;
    bool is_retired_ = false;
    /// Only where operators are named.
    std::optional<OperatorNews> news_{};
    Outbox<ToPublish> outbox_;
    std::optional<Instant> give_back_at_{};
    CommitGate gate_;
};

/// The retained `status` (contract, section 2), as JSON.
std::string status_of(const Signaling::Settings& settings, std::string_view server_epoch,
                      std::string_view store);

}  // namespace beckon
