// SPDX-License-Identifier: Apache-2.0
#include "broker_log.hpp"

#include "mosquitto_api.hpp"

namespace beckon {

namespace {

// The end of a sentence of which others were held back.
std::string more(unsigned held_back) {
    return held_back == 0 ? "" : " (and " + std::to_string(held_back) + " more like it before)";
}

const char* sentence_of(Attack attack) {
    switch (attack) {
        case Attack::wrong_sender:
            return "sent a request in another user's name; it was refused";
        case Attack::foreign_inbox:
            return "tried to subscribe to another user's inbox; it was refused";
        case Attack::forged:
            break;
    }
    return "published to an inbox or to status, as only the broker does; it went nowhere";
}

const char* name_of(Within within) {
    switch (within) {
        case Within::access:
            return "an access check";
        case Within::message:
            return "a request";
        case Within::tick:
            return "what was due";
        case Within::disconnect:
            break;
    }
    return "a disconnect";
}

}  // namespace

void BrokerLog::started(const Options& options) {
    mosquitto_log_printf(
        MOSQ_LOG_NOTICE, "beckon: version %s serves %s/v1, other_topics %s, requests %s",
        BECKON_VERSION, options.word.c_str(), std::string(name_of(options.other_topics)).c_str(),
        std::string(name_of(options.requests)).c_str());
}

void BrokerLog::refused_to_start(const std::string& sentence) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "beckon: %s", sentence.c_str());
}

void BrokerLog::config_unread(const std::string& file) {
    mosquitto_log_printf(MOSQ_LOG_WARNING,
                         "beckon: cannot read %s, so make sure yourself that Beckon is the first "
                         "plugin and per_listener_settings is off",
                         file.c_str());
}

void BrokerLog::doubt(const std::string& sentence) {
    mosquitto_log_printf(MOSQ_LOG_WARNING, "beckon: %s", sentence.c_str());
}

void BrokerLog::no_wakeup(const char* why) {
    mosquitto_log_printf(MOSQ_LOG_WARNING,
                         "beckon: there is no timer to wake the broker (%s), so what is due can be "
                         "100 ms late",
                         why);
}

void BrokerLog::store(const std::string& path, const Switchboard::Counts& counts) {
    mosquitto_log_printf(MOSQ_LOG_NOTICE,
                         "beckon: the store %s has %zu open invitations, %zu that have ended and "
                         "%zu groups",
                         path.c_str(), counts.open, counts.ended, counts.groups);
}

void BrokerLog::no_store(bool is_meant) {
    if (is_meant) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE,
                             "beckon: plugin_opt_store is memory: a restart forgets invitations "
                             "and groups");
    } else {
        mosquitto_log_printf(MOSQ_LOG_WARNING,
                             "beckon: the broker's persistence is off, so Beckon stores nothing "
                             "either: a restart forgets invitations and groups. Say persistence "
                             "true, or plugin_opt_store with a path, or with memory if this is "
                             "meant");
    }
}

void BrokerLog::store_damaged(const std::string& sentence) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "beckon: %s", sentence.c_str());
}

void BrokerLog::store_fails(const std::string& why, OnStoreFailure then) {
    mosquitto_log_printf(
        MOSQ_LOG_ERR, "beckon: the store takes nothing (%s): %s", why.c_str(),
        then == OnStoreFailure::refuse
            ? "requests that change something are refused until it does"
            : "Beckon goes on from memory, and a restart would forget what changes now");
}

void BrokerLog::store_works_again() {
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "beckon: the store works again");
}

void BrokerLog::attack(Attack attack, std::string_view user, const char* address, Instant now) {
    const auto held_back = attacks_[static_cast<std::size_t>(attack)].pass(now);
    if (held_back) {
        const std::string who =
            user.empty() ? "somebody who has no name" : "user " + std::string(user);
        mosquitto_log_printf(MOSQ_LOG_WARNING, "beckon: %s at %s %s%s", who.c_str(),
                             address != nullptr ? address : "an unknown address",
                             sentence_of(attack), more(*held_back).c_str());
    }
}

void BrokerLog::limit_reached(const UserId& user, const Refusal& refusal, Instant now) {
    if (const auto held_back = limits_.pass(now)) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "beckon: user %s met a limit: %s, limit %lld%s",
                             user.text().c_str(), std::string(info(refusal.error).name).c_str(),
                             static_cast<long long>(refusal.limit.value_or(0)),
                             more(*held_back).c_str());
    }
}

void BrokerLog::not_published(Instant now) {
    if (const auto held_back = not_published_.pass(now)) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "beckon: the broker took no message to publish%s",
                             more(*held_back).c_str());
    }
}

void BrokerLog::internal(Within within, const char* what, Instant now) {
    if (const auto held_back = internals_[static_cast<std::size_t>(within)].pass(now)) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "beckon: internal error in %s: %s%s", name_of(within),
                             what, more(*held_back).c_str());
    }
}

}  // namespace beckon
