// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include "host/sql.hpp"

namespace beckon {

/// What SQLite objects to; `code` without the details.
struct SqlError : std::runtime_error {
    SqlError(int primary, const std::string& text) : std::runtime_error(text), code(primary) {}
    int code;
};

/// A connection to an existing file, with its statements. One thread at a time. Errors are
/// thrown as `SqlError`.
class Database final : public Sql {
  public:
    enum class Access : std::uint8_t { write, read };

    explicit Database(const std::string& path, Access access = Access::write);

    void run(const char* script);
    /// The statement of this text, prepared once for each literal; one use of it at a time.
    Statement statement(const char* text) override;
    std::int64_t integer_of(const char* query);

    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] sqlite3* handle() const { return database_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    };
    std::unique_ptr<sqlite3, Close> database_;
    std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;
};

}  // namespace beckon
