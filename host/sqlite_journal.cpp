// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite_journal.hpp"

#include <memory>
#include <utility>

namespace beckon {

SqliteJournal::SqliteJournal(Options options)
    : StoreJournal({.store = std::make_unique<StoreFile>(options.file),
                    .history = options.file.history,
                    .new_secret = std::move(options.new_secret),
                    .clocks = std::move(options.clocks),
                    .patience_at_end = options.patience_at_end}) {}

}  // namespace beckon
