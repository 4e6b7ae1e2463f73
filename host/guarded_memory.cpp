// SPDX-License-Identifier: Apache-2.0
#include "guarded_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

namespace beckon {

namespace {

struct Mapping {
    std::atomic<std::uintptr_t> begin = 0;  ///< 0: this place is free
    std::atomic<std::size_t> size = 0;
    std::atomic<GuardedMemory*> memory = nullptr;
    int uses = 0;
};

/// For a log of so many times 4096 pages. Of a fixed size, since a handler may not wait for a lock.
std::array<Mapping, 4096> mappings;
std::mutex mappings_mutex;
std::uintptr_t page_size = 0;
struct sigaction handler_before {};

void on_sigbus(int signal, siginfo_t* info, void* /*context*/) {
    const int error = errno;
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (Mapping& mapping : mappings) {
        const auto begin = mapping.begin.load();
        if (info->si_code <= 0 || begin == 0 || at < begin || at >= begin + mapping.size) {
            continue;
        }
        // Before there is anything in it to be misled by.
        mapping.memory.load()->lose();
        char* const page = static_cast<char*>(info->si_addr) - at % page_size;
        if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                 -1, 0) != MAP_FAILED) {
            errno = error;
            return;
        }
    }
    // None of ours: it happens again at once, and then as if we were not here.
    sigaction(signal, &handler_before, nullptr);
    if (info->si_code <= 0) {
        static_cast<void>(raise(signal));
    }
    errno = error;
}

void install() {
    static std::once_flag once;
    std::call_once(once, [] {
        page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
        struct sigaction action {};
        action.sa_sigaction = on_sigbus;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGBUS, &action, &handler_before);
    });
}

Mapping* find(std::uintptr_t begin) {
    auto* const found = std::find_if(mappings.begin(), mappings.end(),
                                     [&](const Mapping& one) { return one.begin == begin; });
    return found == mappings.end() ? nullptr : found;
}

}  // namespace

GuardedMemory::~GuardedMemory() {
    const std::lock_guard lock(mappings_mutex);
    for (Mapping& mapping : mappings) {
        if (mapping.begin != 0 && mapping.memory == this) {
            mapping.begin = 0;
        }
    }
}

bool GuardedMemory::guard(volatile void* at, std::size_t size) {
    install();
    const std::lock_guard lock(mappings_mutex);
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    Mapping* mapping = find(begin);
    if (mapping == nullptr) {
        mapping = find(0);
        if (mapping == nullptr) {
            return false;
        }
        mapping->uses = 0;
        mapping->size = size;
        mapping->memory = this;
        mapping->begin = begin;
    }
    ++mapping->uses;
    ++guarded_;
    return true;
}

void GuardedMemory::let_go(volatile void* at) {
    const std::lock_guard lock(mappings_mutex);
    Mapping* const mapping = find(reinterpret_cast<std::uintptr_t>(at));
    if (mapping != nullptr && --mapping->uses == 0) {
        mapping->begin = 0;
    }
    if (--guarded_ == 0) {
        is_lost_ = false;
    }
}

}  // namespace beckon
