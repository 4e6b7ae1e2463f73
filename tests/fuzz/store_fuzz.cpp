// SPDX-License-Identifier: Apache-2.0
// Any file where the store is to be: it is left alone with a sentence, or kept aside and a new one
// begun, or what it has is told; and then all that anybody asks is decided, and stored again.
#include <sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bodies.hpp"
#include "host/commit_gate.hpp"
#include "host/sqlite_journal.hpp"
#include "input.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"
#include "world/promises.hpp"

using namespace beckon;
namespace fs = std::filesystem;

namespace {

void require(bool holds, const std::string& otherwise) {
    if (!holds) {
        throw BrokenPromise(otherwise);
    }
}

/// Files by name, as they are in the folder of the store.
using Files = std::map<std::string, std::string>;

/// Where all of it happens: in memory, if the system has such files.
class Folder {
  public:
    Folder() {
        std::error_code none;
        const fs::path memory = "/dev/shm";
        auto path = ((fs::is_directory(memory, none) ? memory : fs::temp_directory_path()) /
                     "beckon-fuzz-XXXXXX")
                        .string();
        if (mkdtemp(path.data()) == nullptr) {
            std::abort();
        }
        path_ = path;
    }
    ~Folder() {
        std::error_code none;
        fs::remove_all(path_, none);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string store() const { return (path_ / "store").string(); }
    void put(const Files& files) const {
        for (const auto& entry : fs::directory_iterator(path_)) {
            fs::remove_all(entry.path());
        }
        for (const auto& [name, bytes] : files) {
            std::ofstream(path_ / name, std::ios::binary) << bytes;
        }
    }
    [[nodiscard]] Files files() const {
        Files files;
        for (const auto& entry : fs::directory_iterator(path_)) {
            std::ifstream file(entry.path(), std::ios::binary);
            files[entry.path().filename().string()] = {std::istreambuf_iterator<char>(file), {}};
        }
        return files;
    }

  private:
    fs::path path_;
};
const Folder& folder() {
    static const Folder one;
    return one;
}

constexpr std::int64_t some_wall_ms = 1'700'000'000'000;
/// When the store was made, and when it is opened.
const ClockReading made_at{
    .boot_id = "first", .since_boot = at(5000), .wall_ms = some_wall_ms, .wall_is_right = true};
constexpr std::int64_t later_ms = 10'000;

/// What a host of the store has: a gate before it, which is asked things.
class Host {
  public:
    explicit Host(ClockReading now)
        : now_(std::move(now)),
          gate_(
              CommitGate::Settings{.limits = without_rates(),
                                   .server_epoch = "epoch",
                                   .patience = Duration(a_year_ms)},
              CommitGate::Host{.say = [](const Effects& effects,
                                         const CommitGate::Asker& /*asker*/) { look_at(effects); },
                               .store_changed =
                                   [this](const auto& failure) {
                                       if (failure) {
                                           failure_ = *failure;
                                       }
                                   },
                               .tell_online = [](const auto&) {},
                               .new_secret =
                                   [] {
                                       return SipKey{1, 2};
                                   }},
              std::make_unique<SqliteJournal>(SqliteJournal::Options{
                  .file = {.path = folder().store(),
                           .sync_always = false,
                           .history = Duration(86'400'000),
                           .max_history = 3,
                           .checkpoint_pages = 10},
                  .new_secret = std::string(32, 's'),
                  // The host's thread never moves it while the store's may read it.
                  .clocks = [clocks = now_] { return clocks; }}),
              now_.since_boot) {}

    [[nodiscard]] const std::optional<std::string>& damage() const { return gate_.damage(); }
    [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
    [[nodiscard]] Switchboard::Counts counts() const { return gate_.counts(); }

    void start() {
        gate_.start([] {});
    }
    void ask(const std::string& who, const std::string& topic, const std::string& body = "") {
        const Sender sender{.user = user(who), .device = DeviceTag(1)};
        const auto taken = take_in(sender, {.topic = topic, .payload = body}, gate_.limits());
        if (const auto* const request = std::get_if<Request>(&taken)) {
            gate_.handle(nullptr, sender, *request, now_.since_boot);
        }
    }
    void set_online(const std::string& who) {
        gate_.set_online({.user = user(who), .device = DeviceTag(1)}, true, now_.since_boot);
    }
    void wait(Duration time) {
        now_.since_boot += time;
        for (int turns = 0; turns < 1000 && gate_.tick(now_.since_boot); ++turns) {
        }
    }
    /// Until all is stored that was decided, or will not be.
    void settle() {
        for (int n = 0; n < 20'000 && !failure_; ++n) {
            gate_.tick(now_.since_boot);
            if (gate_.unstored(now_.since_boot).changes == 0) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
    }

  private:
    static void look_at(const Effects& effects) {
        for (const auto& effect : effects) {
            const auto* const reply = std::get_if<Reply>(&effect);
            const auto* const refusal =
                reply != nullptr ? std::get_if<Refusal>(&reply->body) : nullptr;
            require(refusal == nullptr || refusal->error != Error::internal, "an internal error");
            for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
                if (reply != nullptr) {
                    require(decode_reply(encode(*reply, encoding)).index() == 0,
                            "a reply that cannot be read");
                } else if (const auto* delivery = std::get_if<Delivery>(&effect)) {
                    require(decode_event(encode(delivery->event, encoding)).index() == 0,
                            "an event that cannot be read");
                }
            }
        }
    }

    ClockReading now_;
    std::optional<std::string> failure_;
    CommitGate gate_;
};

/// A store with something of all there is, without and with a log beside it.
struct Bases {
    Files closed;
    Files with_log;
};

void fill(Host& host) {
    for (const auto* who : {"alice", "bob", "carol"}) {
        host.set_online(who);
    }
    host.ask("alice", "group/g/create",
             R"({"members":["bob","carol"],"name":"n","profile":{"a":"b"}})");
    host.ask("bob", "group/h/create", R"({"members":["alice"]})");
    host.ask("alice", "group/g/invite",
             R"({"id":"i","call":true,"data":"some text","timeout_ms":0})");
    host.ask("bob", "invitation/i/accept", R"({"data_b64":"AAECAw=="})");
    host.ask("alice", "user/bob/invite",
             R"({"id":"j","also":["carol","dave"],"call":true,"data":"x"})");
    host.ask("carol", "invitation/j/accept");
    host.ask("carol", "invitation/j/add", R"({"invitees":["erin"]})");
    host.ask("dave", "invitation/j/reject", R"({"reason":"busy","data":"no"})");
    host.ask("carol", "user/dave/invite", R"({"id":"k","timeout_ms":60000})");
    host.ask("carol", "user/dave/invite", R"({"id":"l","replace":true,"on_inviter_lost":"keep"})");
    host.ask("dave", "user/erin/invite", R"({"id":"m","call":true})");
    host.ask("erin", "user/dave/invite", R"({"id":"n","call":true})");
    host.ask("dave", "invitation/m/hangup");
    host.ask("bob", "group/h/invite", R"({"id":"o"})");
    host.ask("alice", "group/h/quit");
    host.ask("bob", "user/alice/invite",
             R"({"id":"p","online_only":true,"answer":"first","also":["carol"]})");
    host.ask("alice", "invitation/p/accept");
}

const Bases& bases() {
    static const Bases made = [] {
        Bases all;
        folder().put({});
        {
            Host host(made_at);
            host.start();
            fill(host);
            host.settle();
            all.with_log = folder().files();
        }
        all.closed = folder().files();
        all.with_log.erase("store-shm");
        return all;
    }();
    return made;
}

// ------------------------------------------------------------- damage

/// Bytes of the file, anywhere.
void change_bytes(Input& input, std::string& bytes) {
    if (bytes.empty()) {
        return;
    }
    const auto at = input.number(3) % bytes.size();
    switch (input.below(5)) {
        case 0:
            bytes[at] = static_cast<char>(input.byte());
            break;
        case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << input.below(8)));
            break;
        case 2: {
            const auto text = input.text();
            bytes.replace(at, std::min(text.size(), bytes.size() - at), text);
            break;
        }
        case 3:  // a page, as another
            bytes.replace(at / 4096 * 4096,
                          std::min<std::size_t>(4096, bytes.size() - at / 4096 * 4096),
                          bytes.substr(input.below(32) * 4096 % bytes.size(), 4096));
            break;
        default:
            bytes.resize(at);
            break;
    }
}

/// A value of a row, by SQL, so that all is well but for what it says.
class Rows {
  public:
    explicit Rows(const std::string& path) {
        if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) {
            std::abort();
        }
    }
    ~Rows() { sqlite3_close(database_); }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    void change(Input& input) {
        static const std::vector<std::pair<const char*, std::vector<const char*>>> tables{
            {"invitations",
             {"number", "id", "inviter", "invitee", "group_id", "answer", "visibility", "call",
              "online_only", "keep_when_lost", "inviter_was_online", "rev", "made_ms",
              "lifetime_ms", "ended_ms", "remembered", "data", "replaced_by"}},
            {"invitees",
             {"invitation", "position", "user", "state", "deadline_ms", "ended_by", "device",
              "note", "adder"}},
            {"notes", {"invitation", "rev", "reason", "data"}},
            {"calls", {"invitation", "started_ms", "ended_ms", "reason", "merged"}},
            {"participants",
             {"invitation", "position", "user", "device", "was_online", "takes_part", "hung_up"}},
            {"history", {"user", "ended_ms", "invitation"}},
            {"groups", {"id", "made_after", "name", "join_mode", "profile", "described_by"}},
            {"members", {"group_id", "user", "role", "brought_by"}},
            {"broker",
             {"device_secret", "last_number", "clock_ms", "boot_id", "since_boot_ms", "wall_ms",
              "wall_is_right"}}};
        static const std::map<std::string, std::string> keys{
            {"invitations", "number"},
            {"invitees", "invitation, position"},
            {"notes", "invitation, rev"},
            {"calls", "invitation"},
            {"participants", "invitation, position"},
            {"history", "user, ended_ms, invitation"},
            {"groups", "id"},
            {"members", "group_id, user"},
            {"broker", "one"}};
        const auto& [table, columns] = input.one_of(tables);
        const auto* const column = input.one_of(columns);
        const auto key = "(" + keys.at(table) + ")";
        const std::string row = std::to_string(input.below(16));
        const auto one = key + " = (SELECT " + keys.at(table) + " FROM " + table +
                         " LIMIT 1 OFFSET " + row + ")";
        if (input.below(8) == 0) {
            run("DELETE FROM " + std::string(table) + " WHERE " + one, nullptr);
            return;
        }
        run("UPDATE " + std::string(table) + " SET " + column + " = ?1 WHERE " + one, &input);
    }

  private:
    /// Whether it can be done or not.
    void run(const std::string& sql, Input* value) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
            if (value != nullptr) {
                bind(statement, *value);
            }
            sqlite3_step(statement);
        }
        sqlite3_finalize(statement);
    }
    static void bind(sqlite3_stmt* statement, Input& input) {
        static const std::vector<std::string> words{"alice",
                                                    "bob",
                                                    "dave",
                                                    "erin",
                                                    "zoe",
                                                    "i",
                                                    "j",
                                                    "m",
                                                    "g",
                                                    "h",
                                                    "pending",
                                                    "accepted",
                                                    "rejected",
                                                    "cancelled",
                                                    "timed_out",
                                                    "revoked",
                                                    "all",
                                                    "first",
                                                    "invitees",
                                                    "members",
                                                    "inviter",
                                                    "owner",
                                                    "admin",
                                                    "member",
                                                    "free",
                                                    "closed",
                                                    "",
                                                    "no id",
                                                    "0000000000000001",
                                                    "hangup",
                                                    "{\"a\":1}",
                                                    "{\"a\":\"b\"}",
                                                    "\xff"};
        static constexpr std::int64_t numbers[] = {0,
                                                   1,
                                                   2,
                                                   3,
                                                   -1,
                                                   INT64_MAX,
                                                   INT64_MIN,
                                                   some_wall_ms,
                                                   some_wall_ms + later_ms,
                                                   some_wall_ms + 86'400'000,
                                                   4'294'967'296,
                                                   INT64_MAX / 2};
        switch (input.below(6)) {
            case 0:
                sqlite3_bind_null(statement, 1);
                break;
            case 1:
                sqlite3_bind_int64(statement, 1, input.one_of(numbers));
                break;
            case 2:
                sqlite3_bind_int64(statement, 1, static_cast<std::int64_t>(input.number(8)));
                break;
            case 3:
            case 4: {
                const auto& word = input.one_of(words);
                sqlite3_bind_text(statement, 1, word.data(), static_cast<int>(word.size()),
                                  SQLITE_TRANSIENT);
                break;
            }
            default: {
                const auto bytes = input.text();
                sqlite3_bind_blob(statement, 1, bytes.data(), static_cast<int>(bytes.size()),
                                  SQLITE_TRANSIENT);
                break;
            }
        }
    }

    sqlite3* database_ = nullptr;
};

// ------------------------------------------------------------- the start

ClockReading opened_at(Input& input) {
    ClockReading now = made_at;
    now.since_boot += Duration(later_ms);
    now.wall_ms += later_ms;
    switch (input.below(4)) {
        case 0:
            now.boot_id = "second";
            break;
        case 1:
            now.boot_id = "second";
            now.wall_is_right = false;
            break;
        default:
            break;
    }
    return now;
}

/// All that anybody may ask of what is there.
void ask_everything(Host& host) {
    static const std::vector<std::string> people{"alice", "bob", "carol", "dave", "erin", "zoe"};
    static const std::vector<std::string> invitations{"i", "j", "k", "l", "m", "n", "o", "p"};
    for (const auto& who : people) {
        for (const auto* verb : {"sync", "groups"}) {
            host.ask(who, "user/" + who + '/' + verb);
        }
        for (const auto& id : invitations) {
            host.ask(who, "invitation/" + id + "/get");
        }
        for (const auto* group : some_groups) {
            host.ask(who, std::string("group/") + group + "/get");
        }
    }
    for (const auto& id : invitations) {
        for (const auto& who : people) {
            for (const auto* verb :
                 {"join", "ringing", "accept", "resume", "hangup", "reject", "cancel"}) {
                host.ask(who, "invitation/" + id + '/' + verb);
            }
        }
        host.wait(Duration(6000));
    }
    host.set_online("alice");
    for (const auto& who : people) {
        host.ask(who, "user/bob/invite", R"({"replace":true,"also":["erin"],"call":true})");
        for (const auto* group : some_groups) {
            host.ask(who, std::string("group/") + group + "/invite");
            host.ask(who, std::string("group/") + group + "/join");
            host.ask(who, std::string("group/") + group + "/update", R"({"name":"x"})");
            host.ask(who, std::string("group/") + group + "/remove",
                     R"({"members":["carol","zoe"]})");
            host.ask(who, std::string("group/") + group + "/transfer", R"({"user":"bob"})");
            host.ask(who, std::string("group/") + group + "/quit");
        }
    }
    host.wait(Duration(40'000));
    for (const auto& who : people) {
        for (const auto* group : some_groups) {
            host.ask(who, std::string("group/") + group + "/dismiss");
        }
    }
    host.wait(Duration(86'400'000));
    host.wait(Duration(86'400'000));
    for (const auto& who : people) {
        host.ask(who, "user/" + who + "/sync");
    }
}

/// Opens what is there, twice. `is_sound`: SQLite has nothing to object to.
void open(const ClockReading& now, bool is_sound) {
    const auto before = folder().files();
    try {
        Host host(now);
        if (host.damage()) {
            require(!host.damage()->empty(), "moved aside without a sentence");
            const auto after = folder().files();
            require(after.contains("store.corrupt-1"), "what was damaged is not kept");
            const auto counts = host.counts();
            require(counts.open == 0 && counts.ended == 0 && counts.groups == 0,
                    "something is left of what was void");
        }
        const bool is_new = host.damage().has_value();
        ask_everything(host);
        host.start();
        host.settle();
        require(!host.failure() || !(is_sound || is_new),
                "loaded, and cannot be stored to: " + host.failure().value_or(""));
    } catch (const Journal::Unusable& unusable) {
        require(*unusable.what() != '\0', "refused without a sentence");
        auto after = folder().files();
        // Empty ones beside it are SQLite's, which was asked what it is.
        std::erase_if(after, [&](const auto& file) { return !before.contains(file.first); });
        require(after == before, "refused, and not left alone");
        return;
    }
    if (is_sound) {
        const Host again(now);
        require(!again.damage(), "damaged by us: " + again.damage().value_or(""));
    }
}

void run(Input input) {
    const auto kind = input.below(4);
    const auto now = opened_at(input);
    if (kind == 0) {
        folder().put({{"store", std::string(input.take(input.left()))}});
        open(now, false);
        return;
    }
    auto files = input.below(2) == 0 ? bases().closed : bases().with_log;
    if (kind != 1) {
        folder().put(files);
        Rows rows(folder().store());
        const auto most = input.below(8);
        for (std::size_t n = 0; n <= most && !input.empty(); ++n) {
            rows.change(input);
        }
    }
    if (kind == 2) {
        open(now, true);
        return;
    }
    if (kind == 3) {
        files = folder().files();
    }
    while (!input.empty()) {
        change_bytes(
            input,
            files[input.below(4) == 0 && files.contains("store-wal") ? "store-wal" : "store"]);
    }
    folder().put(files);
    open(now, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return judge([&] { run(Input(data, size)); });
}
