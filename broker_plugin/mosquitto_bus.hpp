// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/bus.hpp"
#include "inbox_readers.hpp"
#include "mosquitto_api.hpp"
#include "mqtt5/properties.hpp"
#include "presence.hpp"
#include "protocol/topics.hpp"

namespace beckon {

/// The broker that the plugin is in: sends what is published at the start of its next loop, in the
/// order of the calls. The broker's thread.
class MosquittoBus final : public Bus {
  public:
    MosquittoBus(InboxReaders& readers, const Presence& presence)
        : readers_(readers), presence_(presence) {}

    bool publish(const Publication& publication) override;
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& user) const override {
        return readers_.only_encoding(user);
    }
    void published_both(const UserId& user) override { readers_.published_both(user); }
    void tell_online(const std::function<void(const Sender&)>& tell) const override {
        presence_.tell_online(tell);
    }
    void log(LogLevel level, const std::string& sentence) override { log_line(level, sentence); }

    /// Likewise, before there is a bus.
    static void log_line(LogLevel level, const std::string& sentence);
    /// Removes what is retained there. False: the broker did not take it.
    static bool clear_retained(const std::string& topic);

    /// How often it was asked to publish.
    [[nodiscard]] std::uint64_t published() const { return published_; }

  private:
    [[nodiscard]] std::optional<Encoding> type_of(const Publication& publication);

    std::uint64_t published_ = 0;
    InboxReaders& readers_;
    const Presence& presence_;
};

}  // namespace beckon
