// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "host/device_tags.hpp"
#include "host/host_options.hpp"
#include "host/sqlite_journal.hpp"

namespace beckon {

std::unique_ptr<Journal> journal_of(const HostOptions& options) {
    if (!has_store(options)) {
        return nullptr;
    }
    return std::make_unique<SqliteJournal>(
        SqliteJournal::Options{.file = {.path = *options.store,
                                        .sync_always = options.sync_always,
                                        .history = std::chrono::days(options.history_days),
                                        .max_history = options.max_history},
                               .new_secret = DeviceTags::new_secret()});
}

}  // namespace beckon
