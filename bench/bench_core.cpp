// SPDX-License-Identifier: Apache-2.0
// What the core costs: memory for each pending invitation, and time for each request,
// with few and with very many pending. Prints; judges nothing.
//
//   bench_core [pending]          default: 1000000
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "judge/switchboard.hpp"
#include "protocol/intake.hpp"
#include "protocol/wire.hpp"

using namespace beckon;

namespace {

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

/// Runs `part` in a process of its own, so that its memory is its own.
void apart(auto&& part) {
    std::fflush(stdout);
    if (const auto child = fork(); child == 0) {
        part();
        std::fflush(stdout);
        _exit(0);
    } else {
        int status = 0;
        waitpid(child, &status, 0);
        if (status != 0) {
            std::exit(1);
        }
    }
}

/// A switchboard as a host drives it: bytes in, bytes out.
class Host {
  public:
    explicit Host(Limits limits) : switchboard_({.limits = limits}) {}

    /// Returns how many bytes went out, or ends the program: here nothing is refused.
    std::size_t publish(const std::string& user, const std::string& topic,
                        const std::string& payload) {
        const Sender sender{*UserId::parse(user), DeviceTag(1)};
        auto taken = take_in(sender, {.topic = topic, .payload = payload}, switchboard_.limits());
        const auto encoding = encoding_of(payload);
        std::size_t out = 0;
        if (const auto* refused = std::get_if<Reply>(&taken)) {
            refused_by(*refused);
        }
        for (const auto& effect : switchboard_.handle(sender, std::get<Request>(taken), now)) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                if (!reply->ok() && !may_refuse) {
                    refused_by(*reply);
                }
                out += encode(*reply, encoding).size();
            } else {
                // An event goes to each inbox in both encodings.
                const auto& event = std::get<Delivery>(effect).event;
                out += encode(event, Encoding::msgpack).size();
                out += encode(event, Encoding::json).size();
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
    static void refused_by(const Reply& reply) {
        std::fprintf(stderr, "refused: %s\n", encode(reply, Encoding::json).c_str());
        std::_Exit(1);
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
    std::printf("memory, %s: %lld bytes for each of %zu pending (%zu users)\n",
                users_shared ? "users shared" : "all users distinct",
                static_cast<long long>((after - before) / std::int64_t(pending)), counts.open,
                counts.users);
    std::printf("  the slowest invite on the way there: %.2f ms\n", longest * 1e3);
}

/// Seconds for each invite and accept, the median of rounds.
class Cycles {
  public:
    Cycles(std::size_t pending, std::size_t users) : users_(users), host_(limits_for(pending)) {
        fill(host_, pending, true);
    }
    void round(Encoding encoding) {
        constexpr int cycles = 2000;
        const auto start = worked();
        for (int i = 0; i < cycles; ++i) {
            host_.now += Duration(1);
            // All over the users, so that no cache holds them.
            const auto inviter = ++next_ * 7919 % users_;
            const auto invitee = (inviter + 1 + next_ % 97) % users_;
            host_.invite(1'000'000'000 + next_, inviter, invitee, encoding, Duration(30'000));
            host_.accept(1'000'000'000 + next_, invitee, encoding);
        }
        rounds_.push_back((worked() - start) / cycles);
    }
    double median() {
        std::sort(rounds_.begin(), rounds_.end());
        const auto middle = rounds_[rounds_.size() / 2];
        rounds_.clear();
        return middle;
    }
    Host& host() { return host_; }

  private:
    std::size_t users_;
    Host host_;
    std::size_t next_ = 0;
    std::vector<double> rounds_;
};

void time(std::size_t pending) {
    Cycles few(1000, 100);
    Cycles many(pending, pending / per_user);
    for (const auto encoding : {Encoding::msgpack, Encoding::json}) {
        for (int round = 0; round < 21; ++round) {
            few.round(encoding);
            many.round(encoding);
        }
        const auto of_few = few.median();
        const auto of_many = many.median();
        std::printf(
            "invite and accept in %s: %.1f us with 1000 pending, %.1f us with %zu: x %.2f\n",
            encoding == Encoding::json ? "JSON" : "msgpack", of_few * 1e6, of_many * 1e6, pending,
            of_many / of_few);
    }

    constexpr int ticks = 1'000'000;
    auto& host = many.host();
    auto start = worked();
    for (int i = 0; i < ticks; ++i) {
        host.switchboard().advance(host.now);
    }
    std::printf("an advance when nothing is due: %.0f ns\n", (worked() - start) / ticks * 1e9);
    start = worked();
    std::int64_t sum = 0;
    for (int i = 0; i < ticks; ++i) {
        sum += host.switchboard().next_deadline()->time_since_epoch().count();
    }
    std::printf("next_deadline: %.0f ns\n", (worked() - start) / ticks * 1e9 + (sum == 1 ? 1 : 0));

    // A day passes in the smallest steps that next_deadline asks for.
    start = worked();
    double longest = 0;
    std::size_t wakes = 0;
    while (const auto next = host.switchboard().next_deadline()) {
        const auto wake = worked();
        host.switchboard().advance(*next);
        longest = std::max(longest, worked() - wake);
        ++wakes;
    }
    std::printf("%zu time out: %.2f us each in %zu wakes, the slowest %.2f ms\n", pending,
                (worked() - start) / double(pending) * 1e6, wakes, longest * 1e3);
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
    const auto names = [](std::string prefix, std::size_t count) {
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
    const auto pending = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000ULL;
    if (pending < 10'000) {
        std::fprintf(stderr, "usage: bench_core [pending, at least 10000]\n");
        return 2;
    }
    apart([&] { memory(pending, true); });
    apart([&] { memory(pending, false); });
    apart([&] { time(pending); });
    apart([&] { dear_requests(); });
    return 0;
}
