// SPDX-License-Identifier: Apache-2.0
#include "sqlite.hpp"

#include "guarded_vfs.hpp"

namespace beckon {

namespace {

constexpr int primary_code = 0xff;
/// How long whoever uses the file waits for another program that has locked it.
constexpr int locked_ms = 1000;

[[noreturn]] void fail(sqlite3* database, int result) {
    throw SqlError(result & primary_code,
                   database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result));
}

class PreparedInSqlite final : public Prepared {
  public:
    PreparedInSqlite(sqlite3* database, sqlite3_stmt* made) : database_(database), made_(made) {}

    void bind(int at, std::int64_t value) override {
        check(sqlite3_bind_int64(made_.get(), at, value));
    }
    void bind(int at, std::string_view text) override {
        check(sqlite3_bind_text64(made_.get(), at, text.data(), text.size(), SQLITE_STATIC,
                                  SQLITE_UTF8));
    }
    void bind_bytes(int at, std::string_view bytes, bool is_text) override {
        if (is_text) {
            bind(at, bytes);
        } else {
            // A null pointer would bind NULL.
            const char* const from = bytes.empty() ? "" : bytes.data();
            check(sqlite3_bind_blob64(made_.get(), at, from, bytes.size(), SQLITE_STATIC));
        }
    }
    void bind_null(int at) override { check(sqlite3_bind_null(made_.get(), at)); }

    bool step() override {
        const int result = sqlite3_step(made_.get());
        if (result == SQLITE_ROW) {
            return true;
        }
        // The text first: a reset may change what is told.
        const std::string text = result == SQLITE_DONE ? "" : sqlite3_errmsg(database_);
        sqlite3_reset(made_.get());
        if (result != SQLITE_DONE) {
            throw SqlError(result & primary_code, text);
        }
        return false;
    }
    std::optional<std::int64_t> run() override {
        while (step()) {
        }
        return sqlite3_changes(database_);
    }

    [[nodiscard]] std::int64_t integer(int column) const override {
        return sqlite3_column_int64(made_.get(), column);
    }
    [[nodiscard]] std::string_view bytes(int column) const override {
        const auto* const from = static_cast<const char*>(sqlite3_column_blob(made_.get(), column));
        const auto size = sqlite3_column_bytes(made_.get(), column);
        return {from, from == nullptr ? 0 : static_cast<std::size_t>(size)};
    }
    // Before the bytes: reading those may change it.
    [[nodiscard]] bool is_text(int column) const override {
        return sqlite3_column_type(made_.get(), column) == SQLITE_TEXT;
    }
    [[nodiscard]] bool is_null(int column) const override {
        return sqlite3_column_type(made_.get(), column) == SQLITE_NULL;
    }
    void reset() override { sqlite3_reset(made_.get()); }

  private:
    void check(int result) const {
        if (result != SQLITE_OK) {
            fail(database_, result);
        }
    }

    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> made_;
};

}  // namespace

Database::Database(const std::string& path, Access access) {
    // Not to count what it allocates, which takes a lock each time. Where another part of the
    // process has begun to use it, all stays as it is.
    static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    static_cast<void>(uncounted);
    sqlite3* opened = nullptr;
    const int mode = access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    const int result =
        sqlite3_open_v2(path.c_str(), &opened, mode | SQLITE_OPEN_NOMUTEX, guarded_vfs());
    database_.reset(opened);
    if (result != SQLITE_OK) {
        fail(opened, result);
    }
    sqlite3_busy_timeout(opened, locked_ms);
}

void Database::run(const char* script) {
    const int result = sqlite3_exec(database_.get(), script, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) {
        fail(database_.get(), result);
    }
}

Statement Database::statement(const char* text) {
    auto& prepared = prepared_[text];
    if (!prepared) {
        sqlite3_stmt* made = nullptr;
        const int result = sqlite3_prepare_v3(database_.get(), text, -1, SQLITE_PREPARE_PERSISTENT,
                                              &made, nullptr);
        if (result != SQLITE_OK) {
            fail(database_.get(), result);
        }
        prepared = std::make_unique<PreparedInSqlite>(database_.get(), made);
    }
    return Statement(*prepared);
}

std::int64_t Database::integer_of(const char* query) {
    Statement asked = statement(query);
    return asked.step() ? asked.integer(0) : 0;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace beckon
