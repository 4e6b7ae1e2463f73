// SPDX-License-Identifier: Apache-2.0
#include "postgres/pg_database.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace beckon {

namespace {

constexpr Oid bool_type = 16;
constexpr Oid bytes_type = 17;
constexpr Oid integer_type = 20;
constexpr Oid text_type = 25;

/// Big-endian, as the protocol has it.
std::string binary(std::int64_t value) {
    std::string bytes(sizeof(value), '\0');
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        bytes[at] = static_cast<char>(value >> (8 * (bytes.size() - 1 - at)));
    }
    return bytes;
}

std::int64_t number_of(std::string_view bytes) {
    if (bytes.empty()) {
        return 0;
    }
    // The sign is in the first byte.
    auto value = static_cast<std::uint64_t>(
        static_cast<std::int64_t>(static_cast<signed char>(bytes.front())));
    for (const char byte : bytes.substr(1)) {
        value = (value << 8U) | static_cast<unsigned char>(byte);
    }
    return static_cast<std::int64_t>(value);
}

bool is_word(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '_';
}

/// From SQLite's SQL to PostgreSQL's.
std::string translated(std::string_view sqlite) {
    constexpr std::string_view user = "user";
    std::string text;
    for (std::size_t at = 0; at < sqlite.size(); ++at) {
        const bool is_user =
            sqlite.substr(at, user.size()) == user && (at == 0 || !is_word(sqlite[at - 1])) &&
            (at + user.size() == sqlite.size() || !is_word(sqlite[at + user.size()]));
        if (is_user) {
            text += "\"user\"";
            at += user.size() - 1;
        } else {
            text += sqlite[at] == '?' ? '$' : sqlite[at];
        }
    }
    return text;
}

/// libpq's lines as one.
std::string one_line(const char* text) {
    std::string line;
    for (const char letter : std::string_view(text == nullptr ? "" : text)) {
        const bool is_blank = letter == '\n' || letter == '\t' || letter == ' ';
        if (!is_blank || (!line.empty() && line.back() != ' ')) {
            line += is_blank ? ' ' : letter;
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return line;
}

}  // namespace

class PreparedInPg final : public Prepared {
  public:
    PreparedInPg(PgDatabase& database, std::string name, std::string text)
        : database_(database), name_(std::move(name)), text_(std::move(text)) {}

    void bind(int at, std::int64_t value) override { set(at, integer_type, binary(value)); }
    void bind(int at, std::string_view text) override { set(at, text_type, std::string(text)); }
    void bind_bytes(int at, std::string_view bytes, bool is_text) override {
        set(at, bytes_type, (is_text ? 't' : 'b') + std::string(bytes));
    }
    void bind_null(int at) override {
        set(at, 0, {});
        values_[static_cast<std::size_t>(at) - 1].is_null = true;
    }

    bool step() override {
        if (!rows_) {
            send();
            rows_ = database_.sync();
            row_ = -1;
        }
        if (++row_ < PQntuples(rows_.get())) {
            return true;
        }
        rows_.reset();
        return false;
    }
    std::optional<std::int64_t> run() override {
        send();
        if (database_.in_transaction_) {
            return std::nullopt;
        }
        const auto result = database_.sync();
        const std::string_view count = PQcmdTuples(result.get());
        std::int64_t changed = 0;
        std::from_chars(count.data(), count.data() + count.size(), changed);
        return changed;
    }

    [[nodiscard]] std::int64_t integer(int column) const override { return number_of(raw(column)); }
    [[nodiscard]] std::string_view bytes(int column) const override {
        const auto all = raw(column);
        return PQftype(rows_.get(), column) == bytes_type && !all.empty() ? all.substr(1) : all;
    }
    [[nodiscard]] bool is_text(int column) const override { return raw(column).starts_with('t'); }
    [[nodiscard]] bool is_null(int column) const override {
        return PQgetisnull(rows_.get(), row_, column) != 0;
    }
    void reset() override { rows_.reset(); }

  private:
    struct Value {
        Oid type = 0;
        std::string bytes{};
        bool is_null = false;
    };

    void set(int at, Oid type, std::string bytes) {
        const auto place = static_cast<std::size_t>(at) - 1;
        values_.resize(std::max(values_.size(), place + 1));
        values_[place] = {type, std::move(bytes), false};
    }
    [[nodiscard]] std::string_view raw(int column) const {
        return {PQgetvalue(rows_.get(), row_, column),
                static_cast<std::size_t>(PQgetlength(rows_.get(), row_, column))};
    }
    void send() {
        if (!database_.is_open()) {
            throw PgError("", "the connection to the database is lost");
        }
        auto* const connection = database_.connection_.get();
        const auto count = static_cast<int>(values_.size());
        if (!is_prepared_) {
            std::vector<Oid> types;
            for (const auto& value : values_) {
                types.push_back(value.type);
            }
            database_.check_sent(
                PQsendPrepare(connection, name_.c_str(), text_.c_str(), count, types.data()));
            is_prepared_ = true;
        }
        std::vector<const char*> values;
        std::vector<int> lengths;
        for (const auto& value : values_) {
            values.push_back(value.is_null ? nullptr : value.bytes.data());
            lengths.push_back(static_cast<int>(value.bytes.size()));
        }
        const std::vector<int> formats(values.size(), 1);
        database_.check_sent(PQsendQueryPrepared(connection, name_.c_str(), count, values.data(),
                                                 lengths.data(), formats.data(), 1));
    }

    PgDatabase& database_;
    std::string name_;
    std::string text_;
    std::vector<Value> values_;
    bool is_prepared_ = false;
    PgDatabase::Result rows_;
    int row_ = -1;
};

PgDatabase::PgDatabase(Options options) : options_(std::move(options)) {
    const auto patience = std::to_string(options_.patience.count());
    const auto seconds = std::to_string(std::max<std::int64_t>(
        std::chrono::ceil<std::chrono::seconds>(options_.patience).count(), 2));
    // What the address says itself comes later, and holds.
    const std::array names{"application_name", "connect_timeout",
                           "keepalives_idle",  "tcp_user_timeout",
                           "dbname",           static_cast<const char*>(nullptr)};
    const std::array values{
        "beckond",        seconds.c_str(),          seconds.c_str(),
        patience.c_str(), options_.address.c_str(), static_cast<const char*>(nullptr)};
    connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (connection_ == nullptr || PQstatus(connection_.get()) != CONNECTION_OK) {
        lose(connection_ ? one_line(PQerrorMessage(connection_.get())) : "no memory");
    }
    PQsetNoticeReceiver(
        connection_.get(),
        [](void* self, const PGresult* notice) {
            // A commit that was cancelled while it waited for another machine is a warning.
            const std::string_view state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
            static_cast<PgDatabase*>(self)->is_warned_ |= state == "01000";
        },
        this);
    if (PQsetnonblocking(connection_.get(), 1) != 0 ||
        PQenterPipelineMode(connection_.get()) == 0) {
        lose("no pipeline");
    }
    if (!options_.schema.empty()) {
        PreparedInPg(*this, "", "SET search_path TO " + quoted(options_.schema)).run();
    }
}

PgDatabase::~PgDatabase() = default;

std::string PgDatabase::quoted(const std::string& name) const {
    const std::unique_ptr<char, decltype(&PQfreemem)> text(
        PQescapeIdentifier(connection_.get(), name.data(), name.size()), &PQfreemem);
    return text ? text.get() : "";
}

Statement PgDatabase::statement(const char* text) {
    auto& prepared = prepared_[text];
    if (!prepared) {
        prepared = std::make_unique<PreparedInPg>(*this, "s" + std::to_string(prepared_.size()),
                                                  translated(text));
    }
    return Statement(*prepared);
}

std::int64_t PgDatabase::integer_of(const char* query) {
    Statement asked = statement(query);
    return asked.step() ? asked.integer(0) : 0;
}

void PgDatabase::run_script(const std::string& script) {
    PQexitPipelineMode(connection_.get());
    PQsetnonblocking(connection_.get(), 0);
    const Result result(PQexec(connection_.get(), script.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
        const PgError error(state == nullptr ? "" : state,
                            one_line(PQerrorMessage(connection_.get())));
        connection_.reset();
        throw PgError(error);
    }
    PQsetnonblocking(connection_.get(), 1);
    PQenterPipelineMode(connection_.get());
}

void PgDatabase::begin() {
    in_transaction_ = true;
    statement("BEGIN").run();
}

void PgDatabase::commit() {
    is_warned_ = false;
    statement("COMMIT").run();
    in_transaction_ = false;
    sync();
    if (is_warned_) {
        lose("a commit was not waited for until it was stored elsewhere");
    }
}

int PgDatabase::copies() {
    Statement row = statement(
        "SELECT current_setting('synchronous_commit'), "
        "current_setting('synchronous_standby_names')");
    if (!row.step()) {
        return 1;
    }
    const auto commit = row.bytes(0);
    const auto names = row.bytes(1);
    if (names.empty() || commit == "off" || commit == "local") {
        return 1;
    }
    // "FIRST 2 (a, b)", "ANY 1 (*)", "2 (a, b)"; and a list alone is one.
    const auto digit = names.find_first_of("0123456789");
    int others = 1;
    if (digit < names.find('(') && names.find('(') != std::string_view::npos) {
        std::from_chars(names.data() + digit, names.data() + names.size(), others);
    }
    return 1 + others;
}

void PgDatabase::check_sent(int sent) {
    if (sent == 0) {
        lose(one_line(PQerrorMessage(connection_.get())));
    }
}

void PgDatabase::lose(const std::string& what) {
    connection_.reset();
    in_transaction_ = false;
    throw PgError("", "the database: " + what);
}

PgDatabase::Result PgDatabase::sync() {
    check_sent(PQpipelineSync(connection_.get()));
    const auto until = std::chrono::steady_clock::now() + options_.patience;
    Result last;
    std::optional<PgError> error;
    for (;;) {
        Result result = next_result(until);
        switch (result ? PQresultStatus(result.get()) : PGRES_PIPELINE_ABORTED) {
            case PGRES_PIPELINE_ABORTED:
                // After an error; or the end of one answer.
                break;
            case PGRES_PIPELINE_SYNC:
                if (error) {
                    connection_.reset();
                    in_transaction_ = false;
                    throw PgError(*error);
                }
                return last;
            case PGRES_COMMAND_OK:
            case PGRES_TUPLES_OK:
                last = std::move(result);
                break;
            default:
                if (!error) {
                    const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
                    error =
                        PgError(state == nullptr ? "" : state,
                                "the database: " + one_line(PQresultErrorMessage(result.get())));
                }
        }
    }
}

PgDatabase::Result PgDatabase::next_result(std::chrono::steady_clock::time_point until) {
    auto* const connection = connection_.get();
    for (;;) {
        const int unsent = PQflush(connection);
        if (unsent < 0) {
            lose(one_line(PQerrorMessage(connection)));
        }
        if (unsent == 0 && PQisBusy(connection) == 0) {
            Result result(PQgetResult(connection));
            if (PQstatus(connection) == CONNECTION_BAD) {
                lose(one_line(PQerrorMessage(connection)));
            }
            return result;
        }
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wait{.fd = PQsocket(connection),
                    .events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)),
                    .revents = 0};
        if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) == 0) {
            lose("no answer within " + std::to_string(options_.patience.count()) + " ms");
        }
        if ((wait.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(connection) == 0) {
            lose(one_line(PQerrorMessage(connection)));
        }
    }
}

}  // namespace beckon
