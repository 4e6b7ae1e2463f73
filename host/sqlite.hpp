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

/// As SQLite keeps it: its integers have a sign.
constexpr std::int64_t as_integer(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

/// A prepared statement in use: bind from 1, step through the rows, read from 0. It is reset when
/// this goes, however it goes, so that no exception and no early return leaves a read open, which
/// would show the rows of that moment for ever. What is bound must live until then.
class Statement {
  public:
    explicit Statement(sqlite3_stmt* prepared) : prepared_(prepared) {}

    Statement& bind(int at, std::int64_t value);
    Statement& bind(int at, std::string_view text);
    Statement& bind_blob(int at, std::string_view bytes);
    Statement& bind_null(int at);

    /// True: there is a row. False: that was the last; the statement may be bound anew.
    bool step();
    /// For a statement without rows.
    void run();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string_view bytes(int column) const;
    [[nodiscard]] int type(int column) const;
    [[nodiscard]] bool is_null(int column) const { return type(column) == SQLITE_NULL; }

  private:
    void check(int result) const;

    struct Reset {
        void operator()(sqlite3_stmt* statement) const { sqlite3_reset(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Reset> prepared_;
};

/// A connection to an existing file, with its statements. One thread at a time. Errors are
/// thrown as `SqlError`.
class Database {
  public:
    enum class Access : std::uint8_t { write, read };

    explicit Database(const std::string& path, Access access = Access::write);

    void run(const char* script);
    /// The statement of this text, prepared once for each literal; one use of it at a time.
    Statement statement(const char* text);
    std::int64_t integer_of(const char* query);

    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] sqlite3* handle() const { return database_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3, Close> database_;
    std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> prepared_;
};

}  // namespace beckon
