// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/store.hpp"
#include "postgres/pg_site.hpp"

namespace beckon {

class RowWriter;

/// The tables of a site in PostgreSQL, as one owner of it uses them: every commit is of its epoch,
/// or fails. Errors are thrown as `PgError`.
class PgStore final : public Store {
  public:
    struct Options {
        PgPlace place;
        /// Of the present owner.
        std::uint64_t epoch = 0;
        HistoryLimits history{};
    };

    explicit PgStore(Options options);
    ~PgStore() override;
    PgStore(const PgStore&) = delete;
    PgStore& operator=(const PgStore&) = delete;

    /// The tables are there already.
    void open(const ClockReading& now, std::string_view secret) override;
    void close() override;
    void reopen() override;
    [[nodiscard]] bool is_open() const override;
    /// Nobody sets a database aside: throws `Unusable`.
    std::string set_aside(const std::string& why, const ClockReading& now,
                          std::string_view secret) override;
    void tell_all(const Journal::Tell& tell) override;
    [[nodiscard]] std::uint64_t last_number() const override { return counts_.last_number; }
    [[nodiscard]] const std::string& secret() const override { return secret_; }
    [[nodiscard]] const StoreClock& clock() const override { return clock_; }
    void write(const Batch& batch, const ClockReading& now) override;
    bool prune(const ClockReading& now) override;
    [[nodiscard]] std::unique_ptr<HistorySource> history_source() const override;

  private:
    void connect(const ClockReading& now);
    void commit(const ClockReading& now);
    /// `work` and a commit: both, or on an exception neither.
    void transact(const ClockReading& now, const std::function<void(RowWriter& rows)>& work);

    Options options_;
    std::unique_ptr<PgDatabase> database_;
    std::string secret_;
    StoreCounts counts_;
    StoreClock clock_;
};

}  // namespace beckon
