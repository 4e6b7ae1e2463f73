// SPDX-License-Identifier: Apache-2.0
// What requests cost from the broker's callback to its publish, the broker itself left out: each
// scenario so many times, for bench/instructions.py, which runs this under callgrind. No clock, no
// thread and no chance is in it, so that the counts are the same each time.
#include <gnu/libc-version.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "counted.hpp"
#include "host/signaling.hpp"
#include "host/store_file.hpp"

using namespace beckon;

namespace {

UserId user(const char* role, std::size_t number) {
    const auto digits = std::to_string(number);
    std::string name(role);
    name.append(16 - name.size() - digits.size(), '-');
    return *UserId::parse(name + digits);
}

/// Takes whatever is published.
class Taker final : public Bus {
  public:
    explicit Taker(Encoding read) : read_(read) {}

    bool publish(const Publication& publication) override {
        if (looks && publication.topic.ends_with("/reply") &&
            publication.payload.find("error") != std::string_view::npos) {
            throw std::runtime_error("refused: " + std::string(publication.payload));
        }
        ++taken;
        return true;
    }
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& /*user*/) const override {
        return read_;
    }
    void published_both(const UserId& /*user*/) override {}
    void tell_online(const std::function<void(const Sender&)>& /*tell*/) const override {}
    void log(LogLevel /*level*/, const std::string& /*sentence*/) override {}

    std::size_t taken = 0;
    /// Whether anybody is refused; while it counts, that would cost.
    bool looks = true;

  private:
    Encoding read_;
};

/// Stores at once, at no place; keeps what it was given for whoever wants to write it.
class Drawer final : public Journal {
  public:
    explicit Drawer(Batch& put) : all_(put) {}

    std::optional<std::string> load(const Tell& /*tell*/) override { return std::nullopt; }
    std::string set_aside(const std::string& why) override { return why; }
    [[nodiscard]] const std::string& secret() const override { return secret_; }
    [[nodiscard]] std::uint64_t last_number() const override { return 0; }
    void start(std::function<void()> wake) override { wake_ = std::move(wake); }
    std::uint64_t put(Changes changes) override {
        all_.push_back(std::move(changes));
        return ++last_;
    }
    void hand_over() override {
        if (std::exchange(handed_over_, last_) != last_) {
            wake_();
        }
    }
    Progress progress() override { return {.stored = handed_over_}; }
    [[nodiscard]] Waiting waiting() const override { return {}; }
    void look_at_unstored(
        const std::function<void(std::uint64_t, const Changes&)>& /*look*/) const override {}
    Batch give_up() override { return {}; }
    void reload() override {}
    void ask_history(std::uint64_t /*asked*/, UserId /*user*/, std::size_t /*limit*/,
                     std::optional<HistoryMark> /*before*/) override {}

  private:
    std::string secret_ = "secret";
    std::uint64_t last_ = 0;
    std::uint64_t handed_over_ = 0;
    std::function<void()> wake_;
    Batch& all_;
};

/// So that nobody is refused, and what has ended is forgotten as fast as more of it comes.
Limits limits() {
    Limits limits;
    limits.requests_per_second = limits.requests_burst = 1'000'000;
    limits.pair_invites_per_second = limits.pair_invites_burst = 1'000'000;
    limits.events_per_second = limits.events_burst = 1'000'000;
    limits.max_pending_per_pair = 1000;
    limits.max_ended = 100;
    return limits;
}

/// What a user asks.
struct Asked {
    UserId by;
    std::string topic;
    std::string body;
};
using Script = std::vector<Asked>;

/// A host, and users who ask it.
class Stage {
  public:
    explicit Stage(Encoding encoding, std::unique_ptr<Journal> journal = nullptr)
        : encoding_(encoding),
          bus_(encoding),
          signaling_({.version = "bench", .gate = {.limits = limits()}}, bus_, std::move(journal),
                     [this] { return now_; }) {
        signaling_.start([] {});
    }

    void play(const Script& script) {
        for (const auto& asked : script) {
            now_ += Duration(1);
            signaling_.handle({.sender = {.user = asked.by, .device = DeviceTag(1)}},
                              {.topic = asked.topic, .payload = asked.body},
                              {.encoding = encoding_}, now_);
            tick();
        }
    }
    void pass(Duration time) {
        now_ += time;
        tick();
    }
    /// Counts `act`, which is about so many units, and says so.
    void count(const char* name, std::size_t units, const std::function<void()>& act,
               bool may_refuse = false) {
        bus_.looks = false;
        const auto before = bus_.taken;
        bench::counted(name, act);
        bus_.looks = !may_refuse;
        if (bus_.taken == before) {
            throw std::runtime_error(std::string(name) + ": nobody was told anything");
        }
        tell(name, units);
    }
    void count(const char* name, std::size_t units, const Script& script) {
        count(name, units, [&] { play(script); });
    }
    static void tell(const char* name, std::size_t units) {
        std::printf("%s\n", nlohmann::json{{"name", name}, {"units", units}}.dump().c_str());
    }

  private:
    void tick() {
        while (signaling_.tick(now_)) {
        }
    }

    Encoding encoding_;
    Instant now_{Duration(1)};
    Taker bus_;
    Signaling signaling_;
};

/// Writes what users ask, in an encoding.
class Writer {
  public:
    explicit Writer(Encoding encoding) : encoding_(encoding) {}

    [[nodiscard]] std::string body(const std::string& json) const {
        if (encoding_ == Encoding::json) {
            return json;
        }
        std::string packed;
        nlohmann::json::to_msgpack(nlohmann::json::parse(json), packed);
        return packed;
    }
    /// With 32 bytes of data, and an id that no other has.
    [[nodiscard]] Asked invite(const UserId& by, const UserId& invitee,
                               const std::string& more = "") {
        return invite_at(by, "user/" + std::string(invitee.text()), more);
    }
    [[nodiscard]] Asked invite_at(const UserId& by, const std::string& topic,
                                  const std::string& more = "") {
        const auto digits = std::to_string(++number_);
        id_ = std::string(32 - digits.size(), '0') + digits;
        return {by, topic + "/invite",
                body(R"({"id":")" + id_ + R"(","data":"dddddddddddddddddddddddddddddddd")" + more +
                     "}")};
    }
    /// About the last invitation.
    [[nodiscard]] Asked about(const UserId& by, const std::string& verb,
                              const std::string& json = "{}") const {
        return {by, "invitation/" + id_ + "/" + verb, body(json)};
    }
    [[nodiscard]] Script cycles(std::size_t count) {
        Script script;
        for (std::size_t i = 0; i < count; ++i) {
            const auto callee = user("callee", i % 100);
            script.push_back(invite(user("caller", i % 100), callee));
            script.push_back(about(callee, "accept"));
        }
        return script;
    }

  private:
    Encoding encoding_;
    std::size_t number_ = 0;
    std::string id_;
};

constexpr std::size_t warm_up =
    300;  // until what has ended is forgotten as fast as more of it comes
constexpr std::size_t times = 200;

void cycles(const char* name, Encoding encoding) {
    Writer writer(encoding);
    Stage stage(encoding);
    stage.play(writer.cycles(warm_up));
    stage.count(name, times, writer.cycles(times));
}

/// What the broker's thread has to do for a store, and what the writer's has.
void stored_cycles() {
    Writer writer(Encoding::json);
    Batch put;
    Stage stage(Encoding::json, std::make_unique<Drawer>(put));
    stage.play(writer.cycles(warm_up));
    put.clear();
    stage.count("a stored cycle, JSON: decided", times, writer.cycles(times));

    std::string folder = (std::filesystem::temp_directory_path() / "beckon-bench-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) {
        throw std::runtime_error("there is no room for a file");
    }
    {
        StoreFile file({.path = folder + "/beckon.db",
                        .sync_always = false,
                        .history = Duration(30LL * 86'400'000),
                        .max_history = 1'000'000});
        ClockReading now = read_clocks();
        file.open(now, "secret");
        file.tell_all([](Change&&) {});
        // As many as come meanwhile, with 100 pairs.
        constexpr std::ptrdiff_t together = 20;
        std::vector<Batch> batches;
        while (!put.empty()) {
            const auto end = std::next(put.begin(), std::min(together, std::ssize(put)));
            batches.emplace_back().splice(batches.back().end(), put, put.begin(), end);
        }
        bench::counted("a stored cycle, JSON: written", [&] {
            for (const Batch& batch : batches) {
                now.since_boot += Duration(1);
                file.write(batch, now);
            }
        });
        Stage::tell("a stored cycle, JSON: written", times);
    }
    std::filesystem::remove_all(folder);
}

void calls() {
    Writer writer(Encoding::json);
    Stage stage(Encoding::json);
    const auto script = [&](std::size_t count) {
        Script all;
        for (std::size_t i = 0; i < count; ++i) {
            const auto caller = user("caller", i % 100);
            const auto callee = user("callee", i % 100);
            all.push_back(writer.invite(caller, callee, R"(,"call":true)"));
            all.push_back(writer.about(callee, "accept"));
            all.push_back(writer.about(caller, "signal", R"({"data":"offer"})"));
            all.push_back(writer.about(callee, "signal", R"({"data":"answer"})"));
            all.push_back(writer.about(caller, "hangup"));
        }
        return all;
    };
    stage.play(script(warm_up));
    stage.count("a call: accept, two signals, hangup; JSON", times, script(times));
}

/// An invitation of all others, which two of them answer. Counted for each who hears of it, so it
/// shows what grows with their number.
void group(std::size_t members, const char* invites, const char* answers) {
    Writer writer(Encoding::json);
    Stage stage(Encoding::json);
    const auto owner = user("member", 0);
    std::string others;
    for (std::size_t i = 1; i < members; ++i) {
        others.append(i > 1 ? "," : "").append("\"" + std::string(user("member", i).text()) + "\"");
    }
    stage.play({{owner, "group/flat/create", "{\"members\":[" + others + "]}"}});
    for (const bool counts : {false, true}) {
        const Script invite{writer.invite_at(owner, "group/flat")};
        const Script accepts{writer.about(user("member", 1), "accept"),
                             writer.about(user("member", 2), "accept")};
        if (counts) {
            stage.count(invites, members, invite);
            stage.count(answers, 2 * members, accepts);
        } else {
            stage.play(invite);
            stage.play(accepts);
            stage.play({writer.about(owner, "cancel")});
        }
    }
}

void timeouts() {
    Writer writer(Encoding::json);
    Stage stage(Encoding::json);
    for (const bool counts : {false, true}) {
        for (std::size_t i = 0; i < times; ++i) {
            stage.play({writer.invite(user("caller", i % 100), user("callee", i % 100),
                                      R"(,"timeout_ms":1000)")});
        }
        const auto all_time_out = [&] { stage.pass(Duration(2000)); };
        counts ? stage.count("a timeout, JSON", times, all_time_out) : all_time_out();
    }
}

void reads_and_refusals() {
    Writer writer(Encoding::json);
    Stage stage(Encoding::json);
    const auto callee = user("callee", 0);
    for (std::size_t i = 0; i < 50; ++i) {
        stage.play({writer.invite(user("caller", i), callee, R"(,"timeout_ms":3600000)")});
    }
    const Asked sync{callee, "user/" + std::string(callee.text()) + "/sync", ""};
    stage.play({sync});
    stage.count("a sync of 50 that ring, JSON", 20, Script(20, sync));
    const auto stranger = user("stranger", 0);
    const Asked refused{stranger, "invitation/nothing/accept", "{}"};
    stage.count(
        "a request that is refused, JSON", times, [&] { stage.play(Script(times, refused)); },
        true);
}

}  // namespace

int main() {
    std::printf("%s\n", nlohmann::json{{"compiler", BECKON_COMPILED_BY},
                                       {"glibc", gnu_get_libc_version()},
                                       {"libstdc++", __GLIBCXX__},
                                       {"sqlite", sqlite3_libversion()}}
                            .dump()
                            .c_str());
    try {
        cycles("a cycle, JSON", Encoding::json);
        cycles("a cycle, msgpack", Encoding::msgpack);
        stored_cycles();
        calls();
        // Each has hashes of its own; together they say nearly the same each time.
        for (int i = 0; i < 5; ++i) {
            group(50, "an invitation of a group of 50, for each",
                  "an answer in a group of 50, for each");
            group(250, "an invitation of a group of 250, for each",
                  "an answer in a group of 250, for each");
        }
        timeouts();
        reads_and_refusals();
    } catch (const std::exception& wrong) {
        std::cerr << "bench_scenarios: " << wrong.what() << '\n';
        return 1;
    }
    return 0;
}
