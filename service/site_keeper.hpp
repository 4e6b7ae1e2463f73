// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "descriptor.hpp"
#include "host/bus.hpp"
#include "lease.hpp"
#include "postgres/pg_site.hpp"

namespace beckon {

/// Takes a site when it is free, keeps it, and lets it go: does what a `Lease` decides, on a thread
/// and with a connection of its own. Any thread may ask.
class SiteKeeper {
  public:
    struct Options {
        PgPlace place;
        /// This instance's name, for people.
        std::string me;
        Lease::Settings lease{};
        std::function<void(LogLevel level, const std::string& sentence)> log;
    };

    explicit SiteKeeper(Options options);
    /// Lets it go, if the database can be reached.
    ~SiteKeeper();
    SiteKeeper(const SiteKeeper&) = delete;
    SiteKeeper& operator=(const SiteKeeper&) = delete;

    /// Ends a `poll` when any of the following may have changed.
    [[nodiscard]] const WakeUp& changed() const { return changed_; }
    /// By which epoch it is ours; nothing: it is not.
    [[nodiscard]] std::optional<std::uint64_t> owned() const;
    /// By this very moment it is ours and nobody else's.
    [[nodiscard]] bool may_speak() const;
    /// An operator has asked for another owner.
    [[nodiscard]] bool is_drained() const;
    /// On how many machines is stored what is committed.
    [[nodiscard]] int copies() const { return copies_; }
    /// Nothing is done with it any more: others may have it.
    void give_up();

  private:
    void run();
    void act(Lease& lease, Lease::Deed deed);
    void connect();
    void show(const Lease& lease);

    Options options_;
    WakeUp changed_;
    std::unique_ptr<PgDatabase> database_;
    std::string complaint_{};
    /// Since the system began, in milliseconds; 0: it is not ours.
    std::atomic<std::int64_t> speaks_until_ = 0;
    std::atomic<int> copies_ = 1;

    mutable std::mutex mutex_;
    std::condition_variable called_;
    std::optional<std::uint64_t> owned_{};
    bool is_drained_ = false;
    bool is_given_up_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace beckon
