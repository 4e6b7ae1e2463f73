// SPDX-License-Identifier: Apache-2.0
#include "broker_stopping.hpp"

#include <array>
#include <csignal>

namespace beckon {

namespace {

volatile std::sig_atomic_t is_stopping = 0;

struct Watched {
    int signal = 0;
    /// What the broker does about it.
    struct sigaction broker {};
};
std::array watched{Watched{.signal = SIGTERM}, Watched{.signal = SIGINT}};

void note_stop(int signal, siginfo_t* info, void* context) {
    is_stopping = 1;
    for (const Watched& one : watched) {
        if (one.signal != signal) {
            continue;
        }
        if ((one.broker.sa_flags & SA_SIGINFO) != 0) {
            one.broker.sa_sigaction(signal, info, context);
        } else {
            one.broker.sa_handler(signal);
        }
    }
}

}  // namespace

void watch_for_stop() {
    for (Watched& one : watched) {
        struct sigaction now {};
        if (sigaction(one.signal, nullptr, &now) != 0 || now.sa_sigaction == note_stop ||
            now.sa_handler == SIG_IGN || now.sa_handler == SIG_DFL) {
            continue;  // the broker does nothing about it that we could miss
        }
        one.broker = now;
        now.sa_sigaction = note_stop;
        now.sa_flags |= SA_SIGINFO;
        sigaction(one.signal, &now, nullptr);
    }
}

void leave_stop_to_broker() {
    for (const Watched& one : watched) {
        struct sigaction now {};
        if (sigaction(one.signal, nullptr, &now) == 0 && now.sa_sigaction == note_stop) {
            sigaction(one.signal, &one.broker, nullptr);
        }
    }
}

bool broker_is_stopping() { return is_stopping != 0; }

}  // namespace beckon
