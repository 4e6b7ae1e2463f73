// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "encodings_read.hpp"
#include "host/bus.hpp"
#include "mosquitto_api.hpp"
#include "presence.hpp"

namespace beckon {

/// The broker that the plugin is in: sends what is published at the start of its next loop, in the
/// order of the calls. The broker's thread.
class MosquittoBus final : public Bus {
  public:
    MosquittoBus(EncodingsRead& encodings_read, const Presence& presence)
        : encodings_read_(encodings_read), presence_(presence) {}

    bool publish(const Publication& publication) override;
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& user) const override {
        return encodings_read_.only(user);
    }
    void published_both(const UserId& user) override { encodings_read_.published_both(user); }
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
    std::uint64_t published_ = 0;
    EncodingsRead& encodings_read_;
    const Presence& presence_;
};

/// `inbox_replies` is where replies of this user go that ask for no topic below it (contract,
/// section 2). `properties` may be null.
ReplyAddress read_reply_address(const mosquitto_property* properties, std::string inbox_replies,
                                Encoding encoding);

}  // namespace beckon
