// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "host/sql.hpp"

namespace beckon {

/// What the database objects to, or that it cannot be reached.
struct PgError : std::runtime_error {
    PgError(std::string sql_state, const std::string& text)
        : std::runtime_error(text), state(std::move(sql_state)) {}
    /// Five characters; empty: there was no answer, so nobody knows whether it happened.
    std::string state;
};

/// A connection to PostgreSQL, or what speaks its protocol. What is run within a transaction is
/// sent without waiting, and answered as a whole by its commit, so that a commit is one round trip.
/// After an error it is closed: nobody would know what of it goes on.
///
/// The store's SQL is SQLite's: a parameter is "?1", and a column may be called user. Bytes that
/// may be a text or not are a bytea that begins with t or b.
class PgDatabase final : public Sql {
  public:
    struct Options {
        /// As libpq takes it: postgresql://user@host/database.
        std::string address;
        /// Of the site.
        std::string schema;
        /// So long is waited for any answer.
        std::chrono::milliseconds patience{3000};
    };

    explicit PgDatabase(Options options);
    ~PgDatabase() override;
    PgDatabase(const PgDatabase&) = delete;
    PgDatabase& operator=(const PgDatabase&) = delete;

    Statement statement(const char* text) override;
    std::int64_t integer_of(const char* query);
    /// Several statements, as one transaction; waits without end.
    void run_script(const std::string& script);
    /// "name" in SQL.
    [[nodiscard]] std::string quoted(const std::string& name) const;

    void begin();
    /// Returns when it is stored on as many machines as the database is told to wait for.
    void commit();
    [[nodiscard]] bool is_open() const { return connection_ != nullptr; }
    /// On how many machines what is committed is stored, as far as the database's settings tell.
    int copies();

  private:
    friend class PreparedInPg;
    struct Finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    struct Clear {
        void operator()(PGresult* result) const { PQclear(result); }
    };
    using Result = std::unique_ptr<PGresult, Clear>;

    /// Answers all that was sent; the result of the last that has one.
    Result sync();
    Result next_result(std::chrono::steady_clock::time_point until);
    [[noreturn]] void lose(const std::string& what);
    void check_sent(int sent);
    std::string text_of(const char* query);

    Options options_;
    std::unique_ptr<PGconn, Finish> connection_;
    bool in_transaction_ = false;
    /// The database has told that a commit is not stored where it should be.
    bool is_warned_ = false;
    std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;
};

}  // namespace beckon
