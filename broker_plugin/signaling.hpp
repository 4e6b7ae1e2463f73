// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "broker_log.hpp"
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
/// decides. The broker's thread.
class Signaling {
  public:
    Signaling(const Options& options, BrokerLog& log);

    /// Publishes `status`: what Beckon is, and its limits.
    void announce(Instant now);

    /// Judges one request. It gets a reply in any case: `internal` when there is
    /// no memory for another.
    void handle(const Caller& caller, const RawRequest& raw, const ReplyAddress& reply_to,
                Instant now);

    void apply(const PresenceChanges& changes, Instant now);

    /// Does what is due.
    void tick(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

  private:
    /// `answer` takes the replies.
    void perform(const Effects& effects, Instant now, const auto& answer);
    void reply(const Reply& reply, const Caller& caller, const ReplyAddress& to, Instant now);
    void deliver(const Delivery& delivery, Instant now);

    Topics topics_;
    std::string server_epoch_;
    Switchboard switchboard_;
    BrokerLog& log_;
};

}  // namespace beckon
