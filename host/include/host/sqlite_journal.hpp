// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "host/clocks.hpp"
#include "host/store_file.hpp"
#include "host/store_journal.hpp"

namespace beckon {

/// A journal in a file of SQLite, which is made if there is none, for its owner only.
class SqliteJournal final : public StoreJournal {
  public:
    struct Options {
        StoreFile::Options file{};
        /// As of `StoreJournal`.
        std::string new_secret{};
        std::function<ClockReading()> clocks = read_clocks;
        std::chrono::milliseconds patience_at_end{5000};
    };

    explicit SqliteJournal(Options options);
};

}  // namespace beckon
