// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "broker_log.hpp"
#include "outbox.hpp"
#include "presence.hpp"
#include "publishing.hpp"
#include "switchboard.hpp"
#include "topics.hpp"

namespace beckon {

/// Who sent a request, as the broker knows it.
struct Caller {
    Sender sender;
    const char* address = nullptr;
};

/// Hands the switchboard what happens in the broker, and publishes what it
/// decides. Each user gets replies and events in the order of the decisions
/// (outbox.hpp); an invitation with many receivers does not delay the others.
/// The broker's thread.
class Signaling {
  public:
    Signaling(const Options& options, BrokerLog& log);

    /// Publishes `status`: what Beckon is, and its limits.
    void announce(Instant now);

    /// Judges one request. It gets a reply in any case: `internal` when there is
    /// no memory for another.
    void handle(const Caller& caller, const RawRequest& raw, const ReplyAddress& reply_to,
                Instant now);

    void apply(const Changes& changes, Instant now);

    /// Does what is due, and publishes more of what waits.
    void tick(Instant now);
    /// Something waits for the next tick.
    [[nodiscard]] bool hurries() const { return !outbox_.empty(); }
    [[nodiscard]] std::optional<Instant> next_deadline() const;

  private:
    /// `answer` takes the replies.
    void perform(const Effects& effects, const auto& answer);
    void reply(const Reply& reply, const Caller& caller, const ReplyAddress& to, Instant now);
    void deliver(const Delivery& delivery, bool to_many);

    Topics topics_;
    std::string server_epoch_;
    Switchboard switchboard_;
    BrokerLog& log_;
    Outbox<ToPublish> outbox_;
};

}  // namespace beckon
