// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker_link.hpp"
#include "descriptor.hpp"
#include "host/device_tags.hpp"
#include "host/signaling.hpp"
#include "options.hpp"
#include "presence_told.hpp"
#include "site_keeper.hpp"

namespace beckon {

/// Can be read when SIGTERM or SIGINT has come, which are blocked in all threads.
int open_ending_signals();
/// A sentence to stderr, for people and for journald. Any thread.
void log_line(LogLevel level, const std::string& sentence);

/// Somebody else's broker, as a client of it has it. The host's thread.
class ServiceBus final : public Bus {
  public:
    ServiceBus(BrokerLink& link, PresenceTold& presence) : link_(link), presence_(presence) {}

    bool publish(const Publication& publication) override;
    /// A client cannot tell who has subscribed to what.
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& /*user*/) const override {
        return std::nullopt;
    }
    void published_both(const UserId& /*user*/) override {}
    void tell_online(const std::function<void(const Sender&)>& tell) const override {
        presence_.tell_online(tell);
    }
    std::vector<PresenceChange> taken_in(const Sender& sender, const Request& request,
                                         Instant now) override {
        return presence_.heard(sender, request.body, now);
    }
    std::shared_ptr<const void> telling(std::uint64_t untold) override;
    void log(LogLevel level, const std::string& sentence) override { log_line(level, sentence); }

    /// Events that all have been told of whom they are for, since it was asked last.
    std::vector<std::uint64_t> take_told();

  private:
    /// Outlives the bus: whoever tells last has it.
    struct ToldNumbers {
        std::mutex mutex;
        std::vector<std::uint64_t> numbers;
    };

    BrokerLink& link_;
    PresenceTold& presence_;
    std::shared_ptr<ToldNumbers> told_ = std::make_shared<ToldNumbers>();
};

/// The switchboard as a service. `run` is the host's thread.
class Service {
  public:
    /// `journal` null: nothing is stored. `keeper` null: nobody else may serve the same site.
    /// Throws `Journal::Unusable`, and `std::runtime_error` for what cannot be used.
    Service(const ServiceOptions& options, std::unique_ptr<Journal> journal, SiteKeeper* keeper);
    ~Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Until a signal that ends it, which has to be blocked in all threads, or until it is thrown
    /// out: the program's code. Nothing: another instance is to serve the site.
    std::optional<int> run();

  private:
    void handle(const Arrived& arrived, Instant now);
    bool turn();
    void keep();
    [[nodiscard]] int ms_until_next(bool has_more) const;
    void finish();

    ServiceOptions options_;
    SiteKeeper* keeper_;
    Topics topics_;
    WakeUp wake_up_;
    Descriptor signals_;
    std::atomic<bool> is_up_ = false;
    PresenceTold presence_;
    BrokerLink link_;
    ServiceBus bus_;
    Signaling signaling_;
    DeviceTags tags_;
};

}  // namespace beckon
