// SPDX-License-Identifier: Apache-2.0
#include "site_keeper.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "host/clocks.hpp"

namespace beckon {

SiteKeeper::SiteKeeper(Options options) : options_(std::move(options)) {
    thread_ = std::thread([this] { run(); });
}

SiteKeeper::~SiteKeeper() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    called_.notify_one();
    thread_.join();
}

std::optional<std::uint64_t> SiteKeeper::owned() const {
    const std::scoped_lock lock(mutex_);
    return is_given_up_ ? std::nullopt : owned_;
}

bool SiteKeeper::may_speak() const {
    return host_now().time_since_epoch().count() < speaks_until_.load();
}

bool SiteKeeper::is_drained() const {
    const std::scoped_lock lock(mutex_);
    return is_drained_;
}

void SiteKeeper::give_up() {
    speaks_until_ = 0;
    {
        const std::scoped_lock lock(mutex_);
        is_given_up_ = owned_.has_value();
    }
    called_.notify_one();
}

// ------------------------------------------------------------- its thread

void SiteKeeper::run() {
    Lease lease(options_.lease, host_now());
    std::unique_lock lock(mutex_);
    for (;;) {
        // Once: what is being let go of takes as long as the database does.
        const auto is_called = [&] { return stopping_ || (is_given_up_ && lease.owned()); };
        const auto left = lease.next().when - host_now();
        called_.wait_for(lock, std::max(left, Duration(0)), is_called);
        if (is_called()) {
            speaks_until_ = 0;
            lease.give_up(host_now());
        }
        const bool ends = stopping_;
        const auto next = lease.next();
        lock.unlock();
        if (ends && next.deed != Lease::Deed::let_go) {
            return;
        }
        if (host_now() >= next.when) {
            act(lease, next.deed);
            show(lease);
        }
        if (ends) {
            return;
        }
        lock.lock();
    }
}

void SiteKeeper::act(Lease& lease, Lease::Deed deed) {
    const auto asked = host_now();
    try {
        connect();
        const auto clocks = read_clocks();
        switch (deed) {
            case Lease::Deed::look:
                lease.saw(look_at_site(*database_), asked, host_now());
                break;
            case Lease::Deed::take: {
                const auto seen_at = lease.clock_seen_at();
                const auto epoch = take_site(
                    *database_, lease.seen(), options_.me,
                    seen_at ? std::optional(clocks.since_boot - *seen_at) : std::nullopt, clocks);
                lease.took(epoch, asked, host_now());
                break;
            }
            case Lease::Deed::renew:
                lease.renewed(renew_site(*database_, *lease.owned(), clocks), asked, host_now());
                break;
            case Lease::Deed::let_go:
                let_go_of_site(*database_, lease.given_up().value_or(0), clocks);
                lease.was_let_go(host_now());
                break;
        }
        complaint_.clear();
    } catch (const std::exception& error) {
        database_.reset();
        lease.failed(host_now());
        if (std::exchange(complaint_, error.what()) != error.what()) {
            options_.log(LogLevel::warning, complaint_ + "; trying again");
        }
    }
}

void SiteKeeper::connect() {
    if (!database_ || !database_->is_open()) {
        database_ = connect_to(options_.place);
        check_tables(*database_, options_.place.site);
        copies_ = database_->copies();
    }
}

void SiteKeeper::show(const Lease& lease) {
    bool is_news = false;
    {
        const std::scoped_lock lock(mutex_);
        const auto owned = lease.owned();
        is_given_up_ = is_given_up_ && lease.given_up().has_value();
        is_news = owned != owned_ || (owned && lease.is_drained() != is_drained_);
        owned_ = owned;
        is_drained_ = owned && lease.is_drained();
        const auto until = owned && !is_given_up_ ? lease.speaks_until() : std::nullopt;
        speaks_until_ = until ? until->time_since_epoch().count() : 0;
    }
    if (is_news) {
        changed_.wake();
    }
}

}  // namespace beckon
