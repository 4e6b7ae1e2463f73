// SPDX-License-Identifier: Apache-2.0
#include "broker_log.hpp"

#include "host/host_log.hpp"
#include "mosquitto_bus.hpp"

namespace beckon {

namespace {

const char* sentence_of(Attack attack) {
    switch (attack) {
        case Attack::foreign_inbox:
            return " tried to subscribe to another user's inbox; it was refused";
        case Attack::forged:
            break;
    }
    return " published to an inbox or to status, as only the broker does; it went nowhere";
}

}  // namespace

void BrokerLog::started(const Options& options) {
    MosquittoBus::log_line(LogLevel::notice,
                           std::string("version " BECKON_VERSION " serves ") + options.word +
                               "/v1, other_topics " + std::string(name_of(options.other_topics)) +
                               ", requests " + std::string(name_of(options.requests)));
}

void BrokerLog::refused_to_start(const std::string& sentence) {
    MosquittoBus::log_line(LogLevel::error, sentence);
}

void BrokerLog::decided(Policy policy, const std::string& why) {
    MosquittoBus::log_line(LogLevel::notice, "plugin_opt_other_topics auto is " +
                                                 std::string(name_of(policy)) + ": " + why);
}

void BrokerLog::retired() {
    MosquittoBus::log_line(LogLevel::notice,
                           "the broker's configuration names Beckon's plugin no more, so what it "
                           "retained is taken away; it serves until the broker ends");
}

void BrokerLog::config_unread(const std::string& file) {
    MosquittoBus::log_line(LogLevel::warning,
                           "cannot read " + file +
                               ", so make sure yourself that Beckon is the first plugin and "
                               "per_listener_settings is off");
}

void BrokerLog::doubt(const std::string& sentence) {
    MosquittoBus::log_line(LogLevel::warning, sentence);
}

void BrokerLog::no_wakeup(const char* why) {
    MosquittoBus::log_line(LogLevel::warning,
                           std::string("there is no timer to wake the broker (") + why +
                               "), so what is due can be 100 ms late");
}

void BrokerLog::attack(Attack attack, std::string_view name, const char* address, Instant now) {
    if (const auto held_back = attacks_[static_cast<std::size_t>(attack)].pass(now)) {
        MosquittoBus::log_line(LogLevel::warning,
                               somebody_at(name.empty() ? "" : shown_name(name), address) +
                                   sentence_of(attack) + more_like_it(*held_back));
    }
}

void BrokerLog::cannot_signal(Tried tried, std::string_view name, const char* address,
                              Instant now) {
    if (const auto held_back = cannot_signal_[static_cast<std::size_t>(tried)].pass(now)) {
        MosquittoBus::log_line(LogLevel::warning, beckon::cannot_signal(tried, name, address) +
                                                      more_like_it(*held_back));
    }
}

}  // namespace beckon
