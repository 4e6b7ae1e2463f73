// SPDX-License-Identifier: Apache-2.0
// What the store costs: loading very many pending invitations, commits one by one and
// together, and what one waits on an idle store. Prints; judges nothing.
//
//   bench_store [pending [folder]]          default: 1000000, the folder for temporary files
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "host/sqlite_journal.hpp"

using namespace beckon;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// `prefix` and a number, padded to `size`.
std::string padded(std::string prefix, std::uint64_t number, std::size_t size) {
    const auto digits = std::to_string(number);
    prefix.append(size - prefix.size() - digits.size(), '-');
    return prefix + digits;
}
UserId user(std::uint64_t number) { return *UserId::parse(padded("user", number, 16)); }

/// A one-to-one invitation with the names and data of bench_core.
Changes invite(std::uint64_t number) {
    const auto now = read_clocks().since_boot;
    const auto invitee = user(number * 7919 % 100'000);
    const InvitationKept kept{.number = number,
                              .id = *InvitationId::parse(padded("invitation", number, 36)),
                              .inviter = user(number % 100'000),
                              .target = invitee,
                              .made_at = now,
                              .lifetime_end = now + Duration(86'400'000)};
    return {kept, DataKept{number, Data{.bytes = std::string(32, 'd')}},
            InviteeKept{.number = number, .user = invitee, .deadline = now + Duration(86'400'000)}};
}
Changes accept(std::uint64_t number) {
    auto changes = invite(number);
    auto& kept = std::get<InvitationKept>(changes[0]);
    kept.rev = 2;
    kept.ended_at = kept.made_at;
    auto& invitee = std::get<InviteeKept>(changes[2]);
    invitee.state = State::accepted;
    invitee.by = invitee.user;
    invitee.device = DeviceTag(number);
    changes.erase(changes.begin() + 1);
    return changes;
}

class Host {
  public:
    Host(const std::string& path, bool sync_always)
        : store_({.file = {.path = path,
                           .sync_always = sync_always,
                           .history = Duration(30LL * 86'400'000),
                           .max_history = 1'000'000},
                  .new_secret = "secret"}) {}

    std::size_t load() {
        std::size_t count = 0;
        store_.load([&](Change&& change) {
            count += std::holds_alternative<InvitationKept>(change) ? 1U : 0U;
        });
        return count;
    }
    void start() {
        store_.start([this] {
            const std::lock_guard lock(mutex_);
            woken_ = true;
            wake_.notify_one();
        });
    }
    void wait_for(std::uint64_t ticket) {
        store_.hand_over();
        std::unique_lock lock(mutex_);
        for (;;) {
            const auto progress = store_.progress();
            if (progress.failure) {
                std::fprintf(stderr, "not stored: %s\n", progress.failure->c_str());
                std::exit(1);
            }
            if (progress.stored >= ticket) {
                return;
            }
            wake_.wait(lock, [this] { return woken_; });
            woken_ = false;
        }
    }
    SqliteJournal& store() { return store_; }

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
    SqliteJournal store_;
};

void print_quantiles(const char* what, std::vector<double> times) {
    std::sort(times.begin(), times.end());
    const auto at = [&](double part) {
        return times[std::size_t(part * double(times.size() - 1))] * 1e3;
    };
    std::printf("  %s: median %.2f ms, 90 %% %.2f ms, 99 %% %.2f ms\n", what, at(0.5), at(0.9),
                at(0.99));
}

/// What the disk alone needs for as many bytes as one commit writes.
void plain_sync(const std::string& path) {
    const auto fd = ::fileno(std::fopen(path.c_str(), "w"));
    std::vector<double> times;
    const std::string bytes(4 * 4120, 'x');
    for (int i = 0; i < 500; ++i) {
        const auto start = Clock::now();
        if (::write(fd, bytes.data(), bytes.size()) < 0 || ::fdatasync(fd) != 0) {
            std::exit(1);
        }
        times.push_back(seconds_since(start));
    }
    ::close(fd);
    print_quantiles("a write of 16 KiB and fdatasync, without a store", times);
}

void commits(const std::string& path, bool sync_always, std::uint64_t& number) {
    std::printf("sync %s:\n", sync_always ? "always" : "normal");
    Host host(path, sync_always);
    host.load();
    host.start();
    std::vector<double> times;
    for (int i = 0; i < 500; ++i) {
        const auto start = Clock::now();
        host.wait_for(host.store().put(invite(++number)));
        times.push_back(seconds_since(start));
    }
    print_quantiles("one request on an idle store", times);

    // As many as come, with a bound on what waits.
    constexpr int cycles = 30'000;
    const auto start = Clock::now();
    const auto used = cpu();
    std::vector<Changes> made;
    std::uint64_t ticket = 0;
    double putting = 0;
    for (int i = 0; i < cycles; ++i) {
        auto first = invite(++number);
        auto second = accept(number);
        const auto before = Clock::now();
        host.store().put(std::move(first));
        ticket = host.store().put(std::move(second));
        putting += seconds_since(before);
        if (i % 200 == 199) {
            host.wait_for(ticket - 200);
        }
    }
    host.wait_for(ticket);
    const auto took = seconds_since(start);
    std::printf(
        "  invite and accept, many at a time: %.0f requests/s, %.1f us of all CPU for each "
        "request, of which handing over %.2f us\n",
        2 * cycles / took, (cpu() - used) / (2 * cycles) * 1e6, putting / (2 * cycles) * 1e6);
}

void load(const std::string& path, std::uint64_t pending) {
    {
        Host host(path, false);
        host.load();
        host.start();
        std::uint64_t ticket = 0;
        const auto start = Clock::now();
        for (std::uint64_t number = 1; number <= pending; ++number) {
            ticket = host.store().put(invite(number));
            if (number % 20'000 == 0) {
                host.wait_for(ticket);
            }
        }
        host.wait_for(ticket);
        std::printf("%llu invites stored in %.1f s\n", static_cast<unsigned long long>(pending),
                    seconds_since(start));
    }
    std::printf("  the file: %.0f MB\n", double(std::filesystem::file_size(path)) * 1e-6);
    const auto start = Clock::now();
    const auto used = cpu();
    Host host(path, true);
    const auto count = host.load();
    std::printf("%zu pending loaded in %.2f s, %.2f s of CPU\n", count, seconds_since(start),
                cpu() - used);
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t pending = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    const std::filesystem::path in =
        argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
    std::string folder = (in / "beckon-bench-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) {
        std::perror(folder.c_str());
        return 1;
    }
    load(folder + "/store.db", pending);
    auto number = pending;
    plain_sync(folder + "/plain");
    commits(folder + "/store.db", true, number);
    commits(folder + "/store.db", false, number);
    std::filesystem::remove_all(folder);
}
