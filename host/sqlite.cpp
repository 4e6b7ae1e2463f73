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

}  // namespace

void Statement::check(int result) const {
    if (result != SQLITE_OK) {
        fail(sqlite3_db_handle(prepared_.get()), result);
    }
}

Statement& Statement::bind(int at, std::int64_t value) {
    check(sqlite3_bind_int64(prepared_.get(), at, value));
    return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
    check(sqlite3_bind_text64(prepared_.get(), at, text.data(), text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
    // A null pointer would bind NULL.
    const char* const from = bytes.empty() ? "" : bytes.data();
    check(sqlite3_bind_blob64(prepared_.get(), at, from, bytes.size(), SQLITE_STATIC));
    return *this;
}

Statement& Statement::bind_null(int at) {
    check(sqlite3_bind_null(prepared_.get(), at));
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(prepared_.get());
    if (result == SQLITE_ROW) {
        return true;
    }
    // The text first: a reset may change what is told.
    const std::string text =
        result == SQLITE_DONE ? "" : sqlite3_errmsg(sqlite3_db_handle(prepared_.get()));
    sqlite3_reset(prepared_.get());
    if (result != SQLITE_DONE) {
        throw SqlError(result & primary_code, text);
    }
    return false;
}

void Statement::run() {
    while (step()) {
    }
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(prepared_.get(), column);
}

std::string_view Statement::bytes(int column) const {
    const auto* const from = static_cast<const char*>(sqlite3_column_blob(prepared_.get(), column));
    const auto size = sqlite3_column_bytes(prepared_.get(), column);
    return {from, from == nullptr ? 0 : static_cast<std::size_t>(size)};
}

int Statement::type(int column) const { return sqlite3_column_type(prepared_.get(), column); }

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
        prepared.reset(made);
        if (result != SQLITE_OK) {
            fail(database_.get(), result);
        }
    }
    return Statement(prepared.get());
}

std::int64_t Database::integer_of(const char* query) {
    Statement asked = statement(query);
    return asked.step() ? asked.integer(0) : 0;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace beckon
