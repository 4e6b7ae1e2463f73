// SPDX-License-Identifier: Apache-2.0
#include "turns.hpp"

#include <poll.h>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "host/device_tags.hpp"
#include "host/store_journal.hpp"
#include "postgres/pg_store.hpp"
#include "service.hpp"
#include "site_keeper.hpp"

namespace beckon {

namespace {

std::unique_ptr<Journal> journal_in(const ServiceOptions& options, std::uint64_t epoch) {
    const std::chrono::milliseconds lease(options.lease_ms);
    const Duration history = std::chrono::days(options.history_days);
    return std::make_unique<StoreJournal>(
        StoreJournal::Options{.store = std::make_unique<PgStore>(PgStore::Options{
                                  .place = place_of(options),
                                  .epoch = epoch,
                                  .history = {.age = history, .count = options.max_history}}),
                              .history = history,
                              .patience_at_end = lease});
}

}  // namespace

PgPlace place_of(const ServiceOptions& options) {
    return {.address = *options.database,
            .site = options.site,
            // An answer that comes later is of no use.
            .patience = std::chrono::milliseconds(options.lease_ms)};
}

int serve_in_turn(const ServiceOptions& options, const std::function<void(int)>& ending) {
    const Descriptor ends(open_ending_signals());
    SiteKeeper keeper({.place = place_of(options),
                       .me = options.instance,
                       .lease = {.length = Duration(options.lease_ms)},
                       .log = log_line});
    log_line(LogLevel::notice, options.instance + " watches the site " + options.site);
    for (;;) {
        const auto epoch = keeper.owned();
        if (!epoch) {
            std::array<pollfd, 2> wait{
                {{.fd = keeper.changed().fd(), .events = POLLIN, .revents = 0},
                 {.fd = ends.fd, .events = POLLIN, .revents = 0}}};
            poll(wait.data(), wait.size(), -1);
            if (wait[1].revents != 0) {
                ending(0);
                return 0;
            }
            keeper.changed().clear();
            continue;
        }
        try {
            log_line(LogLevel::notice, options.instance + " owns the site " + options.site +
                                           ", epoch " + std::to_string(*epoch));
            Service service(options, journal_in(options, *epoch), &keeper);
            if (const auto code = service.run()) {
                ending(*code);
                return *code;
            }
        } catch (const std::exception& error) {
            log_line(LogLevel::error, error.what());
        }
        keeper.give_up();
    }
}

}  // namespace beckon
