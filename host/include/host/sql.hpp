// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace beckon {

/// As databases keep it: their integers have a sign.
constexpr std::int64_t as_integer(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

/// A statement that a database has read once, and does again and again.
class Prepared {
  public:
    Prepared() = default;
    virtual ~Prepared() = default;
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;

    virtual void bind(int at, std::int64_t value) = 0;
    virtual void bind(int at, std::string_view text) = 0;
    virtual void bind_bytes(int at, std::string_view bytes, bool is_text) = 0;
    virtual void bind_null(int at) = 0;
    virtual bool step() = 0;
    virtual std::optional<std::int64_t> run() = 0;
    [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
    [[nodiscard]] virtual std::string_view bytes(int column) const = 0;
    [[nodiscard]] virtual bool is_text(int column) const = 0;
    [[nodiscard]] virtual bool is_null(int column) const = 0;
    virtual void reset() = 0;
};

/// A prepared statement in use: bind from 1, step through the rows, read from 0. It is reset when
/// this goes, however it goes, so that no exception and no early return leaves a read open. What is
/// bound must live until then. Errors are thrown as the database's.
class Statement {
  public:
    explicit Statement(Prepared& prepared) : prepared_(&prepared) {}

    Statement& bind(int at, std::int64_t value) {
        prepared_->bind(at, value);
        return *this;
    }
    /// Of a name or a word of the contract: no text has a zero byte.
    Statement& bind(int at, std::string_view text) {
        prepared_->bind(at, text);
        return *this;
    }
    /// What may be any bytes, and whether they are a text.
    Statement& bind_bytes(int at, std::string_view bytes, bool is_text) {
        prepared_->bind_bytes(at, bytes, is_text);
        return *this;
    }
    Statement& bind_null(int at) {
        prepared_->bind_null(at);
        return *this;
    }

    /// True: there is a row. False: that was the last; the statement may be bound anew.
    bool step() { return prepared_->step(); }
    /// For a statement without rows: how many it has changed; nothing: that is not known before the
    /// transaction ends.
    // NOLINTNEXTLINE(modernize-use-nodiscard): most do not ask.
    std::optional<std::int64_t> run() { return prepared_->run(); }

    [[nodiscard]] std::int64_t integer(int column) const { return prepared_->integer(column); }
    [[nodiscard]] std::string_view bytes(int column) const { return prepared_->bytes(column); }
    /// Of what `bind_bytes` has bound.
    [[nodiscard]] bool is_text(int column) const { return prepared_->is_text(column); }
    [[nodiscard]] bool is_null(int column) const { return prepared_->is_null(column); }

  private:
    struct Reset {
        void operator()(Prepared* prepared) const { prepared->reset(); }
    };
    std::unique_ptr<Prepared, Reset> prepared_;
};

/// A connection to a database that has the store's tables, whose SQL is what SQLite and PostgreSQL
/// both take. One thread at a time.
class Sql {
  public:
    Sql() = default;
    virtual ~Sql() = default;
    Sql(const Sql&) = delete;
    Sql& operator=(const Sql&) = delete;

    /// The statement of this text, prepared once for each literal; one use of it at a time.
    virtual Statement statement(const char* text) = 0;
};

}  // namespace beckon
