// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace beckon {

/// What SQLite objects to; `code` without the details.
struct SqlError : std::runtime_error {
    SqlError(int primary, const std::string& text) : std::runtime_error(text), code(primary) {}
    int code;
};

/// A prepared statement: bind from 1, step through the rows, read from 0. What is bound
/// must live until the statement is used again.
class Statement {
  public:
    Statement(sqlite3* database, const char* text);

    Statement& bind(int at, std::int64_t value);
    Statement& bind(int at, std::string_view text);
    Statement& bind_blob(int at, std::string_view bytes);
    Statement& bind_null(int at);

    /// True: there is a row. False: that was the last; the statement may be bound anew.
    bool step();
    /// For a statement without rows.
    void run();
    /// Before all rows were read.
    void reset() noexcept;

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string_view bytes(int column) const;
    [[nodiscard]] int type(int column) const;
    [[nodiscard]] bool is_null(int column) const { return type(column) == SQLITE_NULL; }

  private:
    void check(int result) const;

    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection to an existing file, with its statements. One thread at a time. Errors are
/// thrown as `SqlError`.
class Database {
  public:
    explicit Database(const std::string& path);

    void run(const char* script);
    /// The statement of this text, reset; it is prepared once for each literal.
    Statement& statement(const char* text);
    std::int64_t integer_of(const char* query);

    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] sqlite3* handle() const { return database_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    };
    std::unique_ptr<sqlite3, Close> database_;
    std::unordered_map<const char*, Statement> statements_;
};

}  // namespace beckon
