// SPDX-License-Identifier: Apache-2.0
// What the store alone costs: commits one by one on an idle store, and together. JSON lines; judges
// nothing.
//
//   bench_store [FOLDER]          default: the folder for temporary files
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
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

    void start() {
        store_.load([](Change&&) {});
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
                throw std::runtime_error("not stored: " + *progress.failure);
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

void print(const nlohmann::json& line) { std::printf("%s\n", line.dump().c_str()); }
void print(const char* what, const std::vector<double>& seconds) {
    nlohmann::json us;
    for (const auto one : seconds) {
        us.push_back(one * 1e6);
    }
    print({{"what", what}, {"us", us}});
}

/// What the disk alone needs for as many bytes as one commit writes.
void plain_sync(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    std::vector<double> times;
    const std::string bytes(4 * 4120, 'x');
    for (int i = 0; i < 500; ++i) {
        const auto start = Clock::now();
        if (::write(fd, bytes.data(), bytes.size()) < 0 || ::fdatasync(fd) != 0) {
            throw std::runtime_error("the disk takes nothing");
        }
        times.push_back(seconds_since(start));
    }
    ::close(fd);
    print("a write of 16 KiB and fdatasync", times);
}

void commits(const std::string& path, bool sync_always, std::uint64_t& number) {
    Host host(path, sync_always);
    host.start();
    std::vector<double> times;
    for (int i = 0; i < 500; ++i) {
        const auto start = Clock::now();
        host.wait_for(host.store().put(invite(++number)));
        times.push_back(seconds_since(start));
    }
    print(sync_always ? "always" : "normal", times);

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
    const auto each = [](double sum) { return sum / (2 * cycles) * 1e6; };
    print({{"what", sync_always ? "many at a time, always" : "many at a time, normal"},
           {"requests_per_second", 2 * cycles / seconds_since(start)},
           {"cpu_us", each(cpu() - used)},
           {"handing_over_us", each(putting)}});
}

}  // namespace

int main(int argc, char** argv) {
    const std::span words(argv, std::size_t(argc));
    const std::filesystem::path in =
        argc > 1 ? std::filesystem::path(words[1]) : std::filesystem::temp_directory_path();
    std::string folder = (in / "beckon-bench-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) {
        std::perror(folder.c_str());
        return 1;
    }
    int status = 0;
    try {
        std::uint64_t number = 0;
        plain_sync(folder + "/plain");
        commits(folder + "/store.db", true, number);
        commits(folder + "/store.db", false, number);
    } catch (const std::exception& wrong) {
        std::cerr << "bench_store: " << wrong.what() << '\n';
        status = 1;
    }
    std::filesystem::remove_all(folder);
    return status;
}
