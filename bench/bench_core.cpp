// SPDX-License-Identifier: Apache-2.0
// What the core alone costs; each part is a process of its own, so that its memory is, too. Judges
// nothing. JSON lines, but for `dear`.
//
//   bench_core memory [PENDING]          bytes of each pending invitation
//   bench_core memory-distinct [PENDING] where no user has two
//   bench_core time [PENDING]            of a cycle, with 1000 and with so many; of deadlines
//   bench_core instructions [PENDING]    of cycles; under callgrind, --instr-atstart=no
//   bench_core dear                      the dearest requests that one user may make
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "counted.hpp"
#include "judge/switchboard.hpp"
#include "protocol/intake.hpp"
#include "protocol/wire.hpp"

using namespace beckon;

namespace {

void print(const nlohmann::json& line) { std::printf("%s\n", line.dump().c_str()); }

/// The time that this thread has worked: what others do on the machine is not in it.
double worked() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// `prefix` and a number, padded to `size`.
std::string padded(std::string prefix, std::size_t number, std::size_t size) {
    const auto digits = std::to_string(number);
    prefix.append(size - prefix.size() - digits.size(), '-');
    return prefix + digits;
}
std::string user_name(std::size_t number) { return padded("user", number, 16); }
std::string invitation_id(std::size_t number) { return padded("invitation", number, 36); }

std::int64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t total = 0;
    std::int64_t resident = 0;
    statm >> total >> resident;
    return resident * sysconf(_SC_PAGESIZE);
}

/// A switchboard as a host drives it: bytes in, bytes out.
class Host {
  public:
    explicit Host(Limits limits) : switchboard_({.limits = limits}) {}

    /// Returns how many bytes went out.
    std::size_t publish(const std::string& user, const std::string& topic,
                        const std::string& payload) {
        const Sender sender{*UserId::parse(user), DeviceTag(1)};
        auto taken = take_in(sender, {.topic = topic, .payload = payload}, switchboard_.limits());
        const auto encoding = encoding_of(payload);
        std::size_t out = 0;
        if (const auto* refused = std::get_if<Reply>(&taken)) {
            if (!may_refuse) {
                refused_by(*refused);
            }
            return encode(*refused, encoding).size();
        }
        for (const auto& effect : switchboard_.handle(sender, std::get<Request>(taken), now)) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                if (!reply->ok() && !may_refuse) {
                    refused_by(*reply);
                }
                out += encode(*reply, encoding).size();
            } else {
                out += encode(std::get<Delivery>(effect).event, encoding).size();
            }
        }
        return out;
    }

    void invite(std::size_t id, std::size_t inviter, std::size_t invitee, Encoding encoding,
                Duration timeout) {
        const Request request{.body = Invite{.invitee = *UserId::parse(user_name(invitee)),
                                             .id = InvitationId::parse(invitation_id(id)),
                                             .data = Data{.bytes = std::string(32, 'd')},
                                             .timeout = timeout}};
        publish(user_name(inviter), "user/" + user_name(invitee) + "/invite",
                encode(request, encoding));
    }
    void accept(std::size_t id, std::size_t invitee, Encoding encoding) {
        publish(user_name(invitee), "invitation/" + invitation_id(id) + "/accept",
                encode(Request{.body = Accept{}}, encoding));
    }

    Switchboard& switchboard() { return switchboard_; }
    Instant now{Duration(1)};
    bool may_refuse = false;

  private:
    [[noreturn]] static void refused_by(const Reply& reply) {
        throw std::runtime_error("refused: " + encode(reply, Encoding::json));
    }
    Switchboard switchboard_;
};

constexpr Duration a_day{24LL * 3600 * 1000};
constexpr std::size_t per_user = 10;

Limits limits_for(std::size_t pending) {
    Limits limits;
    limits.max_pending = std::max<std::int64_t>(limits.max_pending, std::int64_t(pending) + 1000);
    limits.max_ended = 1000;
    return limits;
}

/// Fills a host with so many pending invitations, one each millisecond, so that
/// what the rates remember is what a second of real use leaves.
double fill(Host& host, std::size_t pending, bool users_shared) {
    double longest = 0;
    const auto users = pending / per_user;
    for (std::size_t i = 0; i < pending; ++i) {
        host.now += Duration(1);
        const auto inviter = users_shared ? i % users : 2 * i;
        const auto invitee = users_shared ? (i % users + i / users + 1) % users : 2 * i + 1;
        const auto start = worked();
        host.invite(i, inviter, invitee, Encoding::msgpack, a_day);
        longest = std::max(longest, worked() - start);
    }
    return longest;
}

void memory(std::size_t pending, bool users_shared) {
    Host host(limits_for(pending));
    const auto before = resident_bytes();
    const auto longest = fill(host, pending, users_shared);
    const auto after = resident_bytes();
    const auto counts = host.switchboard().counts();
    print({{"users", counts.users},
           {"pending", counts.open},
           {"bytes_each", (after - before) / std::int64_t(pending)},
           {"slowest_invite_ms", longest * 1e3}});
}

/// Invites and their accepts, while so many others stay pending.
class Cycles {
  public:
    explicit Cycles(std::size_t pending)
        : users_(std::max<std::size_t>(pending / per_user, 100)), host_(limits_for(pending)) {
        fill(host_, pending, true);
    }
    void run(std::size_t count, Encoding encoding) {
        for (std::size_t i = 0; i < count; ++i) {
            host_.now += Duration(1);
            // All over the users, so that no cache holds them.
            const auto inviter = ++next_ * 7919 % users_;
            const auto invitee = (inviter + 1 + next_ % 97) % users_;
            host_.invite(1'000'000'000 + next_, inviter, invitee, encoding, Duration(30'000));
            host_.accept(1'000'000'000 + next_, invitee, encoding);
        }
    }
    Switchboard& switchboard() { return host_.switchboard(); }
    [[nodiscard]] Instant now() const { return host_.now; }

  private:
    std::size_t users_;
    Host host_;
    std::size_t next_ = 0;
};

constexpr std::size_t cycles = 2000;

void instructions(std::size_t pending) {
    Cycles all(pending);
    all.run(std::size_t(limits_for(pending).max_ended) + cycles, Encoding::msgpack);
    bench::counted("cycles", [&] { all.run(cycles, Encoding::msgpack); });
    print({{"pending", all.switchboard().counts().open}, {"cycles", cycles}});
}

/// Rounds of cycles with few and with many pending, in turns.
void time_of_cycles(Cycles& few, Cycles& many) {
    for (const auto encoding : {Encoding::msgpack, Encoding::json}) {
        nlohmann::json rounds;
        for (int round = 0; round < 21; ++round) {
            nlohmann::json us;
            for (auto* side : {&few, &many}) {
                const auto start = worked();
                side->run(cycles, encoding);
                us.push_back((worked() - start) / double(cycles) * 1e6);
            }
            rounds.push_back(us);
        }
        print({{"encoding", encoding == Encoding::json ? "json" : "msgpack"}, {"us", rounds}});
    }
}

void time(std::size_t pending) {
    Cycles few(1000);
    Cycles many(pending);
    time_of_cycles(few, many);

    constexpr int ticks = 1'000'000;
    auto& switchboard = many.switchboard();
    auto start = worked();
    for (int i = 0; i < ticks; ++i) {
        switchboard.advance(many.now());
    }
    const auto advance = (worked() - start) / ticks;
    // A day passes in the smallest steps that next_deadline asks for.
    start = worked();
    double longest = 0;
    std::size_t wakes = 0;
    while (const auto next = switchboard.next_deadline()) {
        const auto wake = worked();
        switchboard.advance(*next);
        longest = std::max(longest, worked() - wake);
        ++wakes;
    }
    print({{"pending", pending},
           {"idle_advance_ns", std::round(advance * 1e9)},
           {"timeout_us", std::round((worked() - start) / double(pending) * 1e8) / 100},
           {"wakes", wakes},
           {"slowest_wake_ms", std::round(longest * 1e5) / 100}});
}

/// The dearest requests that one user may make, with the default limits.
void dear_requests() {
    Host host({});
    host.may_refuse = true;
    const auto cost = [&](const char* what, const std::string& user, const std::string& topic,
                          const std::string& payload) {
        host.now += Duration(60'000);
        const auto start = worked();
        const auto out = host.publish(user, topic, payload);
        std::printf("  %-58s %8.2f ms, %zu bytes out\n", what, (worked() - start) * 1e3, out);
    };
    const auto names = [](const std::string& prefix, std::size_t count) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i) {
            text += (i > 0 ? ",\"" : "\"") + prefix + std::to_string(i) + "\"";
        }
        return text;
    };
    const std::string day = R"("timeout_ms":86400000)";
    std::printf("the dearest requests:\n");
    cost("invite 1000, only the inviter hears", "alice", "user/u0/invite",
         R"({"id":"i","visibility":"inviter",)" + day + R"(,"also":[)" + names("u", 1000) + "]}");
    cost("add 4000 who are too many", "alice", "invitation/i/add",
         "{" + day + R"(,"invitees":[)" + names("v", 4000) + "]}");
    cost("add 1000 who are listed", "alice", "invitation/i/add",
         "{" + day + R"(,"invitees":[)" + names("u", 1000) + "]}");
    std::string last;
    for (int i = 0; i < 4000; ++i) {
        last += R"("u999",)";
    }
    cost("cancel one, named 4000 times, with 1000 invitees", "alice", "invitation/i/cancel",
         R"({"invitees":[)" + last + R"("u999"]})");
    cost("modify 16 KiB", "alice", "invitation/i/modify",
         R"({"data":")" + std::string(16'384, 'x') + R"("})");
    cost("cancel 998 with 16 KiB", "alice", "invitation/i/cancel",
         R"({"data":")" + std::string(16'384, 'x') + R"(","invitees":[)" + names("u", 998) + "]}");
    cost("get it", "alice", "invitation/i/get", "");
    cost("sync it", "alice", "user/alice/sync", "");
    cost(
        "depth and keys that nobody reads, 32 KiB", "alice", "user/alice/sync", R"({"x":[)" + [] {
            std::string text;
            for (int i = 0; i < 4000; ++i) {
                text += R"({"a":1},)";
            }
            return text;
        }() + "1]}");
}

}  // namespace

int main(int argc, char** argv) {
    const std::span words(argv, std::size_t(argc));
    const std::string part = argc > 1 ? words[1] : "";
    const auto pending = argc > 2 ? std::strtoull(words[2], nullptr, 10) : 1'000'000ULL;
    try {
        if (part == "memory" && pending >= per_user) {
            memory(pending, true);
        } else if (part == "memory-distinct" && pending >= per_user) {
            memory(pending, false);
        } else if (part == "time" && pending >= 1000) {
            time(pending);
        } else if (part == "instructions" && pending >= 1000) {
            instructions(pending);
        } else if (part == "dear") {
            dear_requests();
        } else {
            std::cerr << "bench_core: memory, memory-distinct, time or instructions, and how many "
                         "pending (at least 1000); or dear\n";
            return 2;
        }
    } catch (const std::exception& wrong) {
        std::cerr << "bench_core: " << wrong.what() << '\n';
        return 1;
    }
    return 0;
}
