// SPDX-License-Identifier: Apache-2.0
#include "host/host_log.hpp"

namespace beckon {

namespace {

const char* name_of(Within within) {
    switch (within) {
        case Within::access:
            return "an access check";
        case Within::message:
            return "a request";
        case Within::tick:
            return "what was due";
        case Within::reload:
            return "reloading";
        case Within::disconnect:
            break;
    }
    return "a disconnect";
}

}  // namespace

std::string more_like_it(unsigned held_back) {
    return held_back == 0 ? "" : " (and " + std::to_string(held_back) + " more like it before)";
}

std::string somebody_at(std::string_view user, const char* address) {
    const std::string who = user.empty() ? "somebody who has no name" : "user " + std::string(user);
    // A service sees no addresses.
    return address == nullptr ? who + " at an unknown address"
           : *address == '\0' ? who
                              : who + " at " + address;
}

void HostLog::store(const std::string& path, const Switchboard::Counts& counts) const {
    bus_.log(LogLevel::notice, "the store " + path + " has " + std::to_string(counts.open) +
                                   " open invitations, " + std::to_string(counts.ended) +
                                   " that have ended and " + std::to_string(counts.groups) +
                                   " groups");
}

void HostLog::no_store(bool is_meant) const {
    if (is_meant) {
        bus_.log(LogLevel::notice,
                 "plugin_opt_store is memory: a restart forgets invitations and groups");
    } else {
        bus_.log(LogLevel::warning,
                 "the broker's persistence is off, so Beckon stores nothing either: a restart "
                 "forgets invitations and groups. Say persistence true, or plugin_opt_store with a "
                 "path, or with memory if this is meant");
    }
}

void HostLog::store_damaged(const std::string& sentence) const {
    bus_.log(LogLevel::error, sentence);
}

void HostLog::store_fails(const std::string& why, OnStoreFailure then) const {
    bus_.log(LogLevel::error,
             "the store takes nothing (" + why + "): " +
                 (then == OnStoreFailure::refuse
                      ? "requests that change something are refused until it does"
                  : then == OnStoreFailure::be_silent
                      ? "nothing is accepted and nothing said until it does"
                      : "Beckon goes on from memory, and a restart would forget what changes now"));
}

void HostLog::store_works_again() const { bus_.log(LogLevel::notice, "the store works again"); }

void HostLog::log_some(LineLimiter& limiter, LogLevel level, const std::string& sentence,
                       Instant now) {
    if (const auto held_back = limiter.pass(now)) {
        bus_.log(level, sentence + more_like_it(*held_back));
    }
}

void HostLog::wrong_sender(const UserId& user, const char* address, Instant now) {
    log_some(wrong_sender_, LogLevel::warning,
             somebody_at(user.text(), address) +
                 " sent a request in another user's name; it was refused",
             now);
}

void HostLog::limit_reached(const UserId& user, const Refusal& refusal, Instant now) {
    log_some(limits_, LogLevel::notice,
             "user " + user.str() + " met a limit: " + std::string(info(refusal.error).name) +
                 ", limit " + std::to_string(refusal.limit.value_or(0)),
             now);
}

void HostLog::not_published(Instant now) {
    log_some(not_published_, LogLevel::error, "the broker took no message to publish", now);
}

void HostLog::internal(Within within, const char* what, Instant now) {
    log_some(internals_[static_cast<std::size_t>(within)], LogLevel::error,
             std::string("internal error in ") + name_of(within) + ": " + what, now);
}

}  // namespace beckon
