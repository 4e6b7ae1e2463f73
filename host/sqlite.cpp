// SPDX-License-Identifier: Apache-2.0
#include "sqlite.hpp"

namespace beckon {

namespace {

constexpr int primary_code = 0xff;

[[noreturn]] void fail(sqlite3* database, int result) {
    throw SqlError(result & primary_code,
                   database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result));
}

}  // namespace

Statement::Statement(sqlite3* database, const char* text) {
    sqlite3_stmt* prepared = nullptr;
    const int result =
        sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    statement_.reset(prepared);
    if (result != SQLITE_OK) {
        fail(database, result);
    }
}

void Statement::check(int result) const {
    if (result != SQLITE_OK) {
        fail(sqlite3_db_handle(statement_.get()), result);
    }
}

Statement& Statement::bind(int at, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), at, value));
    return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), at, text.data(), text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
    // A null pointer would bind NULL.
    const char* const from = bytes.empty() ? "" : bytes.data();
    check(sqlite3_bind_blob64(statement_.get(), at, from, bytes.size(), SQLITE_STATIC));
    return *this;
}

Statement& Statement::bind_null(int at) {
    check(sqlite3_bind_null(statement_.get(), at));
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) {
        return true;
    }
    if (result != SQLITE_DONE) {
        // The text first: a reset may change what is told.
        const std::string text = sqlite3_errmsg(sqlite3_db_handle(statement_.get()));
        reset();
        throw SqlError(result & primary_code, text);
    }
    reset();
    return false;
}

void Statement::run() {
    while (step()) {
    }
}

void Statement::reset() noexcept { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
    const auto* const from =
        static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const auto size = sqlite3_column_bytes(statement_.get(), column);
    return {from, from == nullptr ? 0 : static_cast<std::size_t>(size)};
}

int Statement::type(int column) const { return sqlite3_column_type(statement_.get(), column); }

Database::Database(const std::string& path) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &opened,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(opened);
    if (result != SQLITE_OK) {
        fail(opened, result);
    }
}

void Database::run(const char* script) {
    const int result = sqlite3_exec(database_.get(), script, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) {
        fail(database_.get(), result);
    }
}

Statement& Database::statement(const char* text) {
    const auto known = statements_.find(text);
    if (known != statements_.end()) {
        known->second.reset();
        return known->second;
    }
    return statements_.emplace(text, Statement(database_.get(), text)).first->second;
}

std::int64_t Database::integer_of(const char* query) {
    Statement& asked = statement(query);
    const std::int64_t value = asked.step() ? asked.integer(0) : 0;
    asked.reset();
    return value;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace beckon
