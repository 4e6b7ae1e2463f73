// SPDX-License-Identifier: Apache-2.0
#include "service.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "host/clocks.hpp"

namespace beckon {

namespace {

/// So many requests are judged before what they cause is stored and said.
constexpr std::size_t at_once = 256;
/// How long the end waits for what is said to be acknowledged.
constexpr Duration patience_at_end{2000};

Signaling::Settings settings_of(const ServiceOptions& options, const SiteKeeper* keeper,
                                TagOf tag_of) {
    auto settings = signaling_settings(options, BECKON_VERSION);
    settings.host = {.host = "service",
                     .sender = options.sender_is_proven ? "topic" : "claimed",
                     .presence = "told",
                     .copies = keeper != nullptr    ? keeper->copies()
                               : has_store(options) ? 1
                                                    : 0};
    if (options.sender_is_proven && !options.acl_is_checked) {
        settings.host.unchecked.emplace_back("acl");
    }
    settings.intake = {.tag_of = std::move(tag_of), .folds_case = options.folds_case};
    settings.gate.on_failure = OnStoreFailure::be_silent;
    settings.gate.presence_is_told = true;
    settings.gate.epoch_of_journal = has_store(options);
    settings.gate.keeps_untold = has_store(options);
    return settings;
}

}  // namespace

int open_ending_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

void log_line(LogLevel level, const std::string& sentence) {
    // What systemd takes the level from.
    static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    const char* const mark = level == LogLevel::error     ? "<3>"
                             : level == LogLevel::warning ? "<4>"
                                                          : "<5>";
    static_cast<void>(
        std::fprintf(stderr, "%sbeckon: %s\n", to_journal ? mark : "", sentence.c_str()));
}

std::shared_ptr<const void> ServiceBus::telling(std::uint64_t untold) {
    return {this, [told = told_, untold](const void*) {
                const std::scoped_lock lock(told->mutex);
                told->numbers.push_back(untold);
            }};
}

std::vector<std::uint64_t> ServiceBus::take_told() {
    const std::scoped_lock lock(told_->mutex);
    return std::exchange(told_->numbers, {});
}

bool ServiceBus::publish(const Publication& publication) {
    std::optional<std::uint32_t> expires;
    if (publication.news != nullptr && publication.reader != nullptr) {
        if (!presence_.is_online(*publication.reader)) {
            return true;  // whoever comes hears of it by `sync`
        }
        if (publication.news->remaining) {
            const auto seconds =
                std::chrono::ceil<std::chrono::seconds>(*publication.news->remaining).count();
            expires = static_cast<std::uint32_t>(std::max<std::int64_t>(seconds, 1));
        }
    }
    return link_.publish(
        {.topic = publication.topic,
         .payload = std::string(publication.payload),
         .encoding = publication.encoding,
         .correlation = publication.correlation != nullptr ? std::optional(*publication.correlation)
                                                           : std::nullopt,
         .expires_after_s = expires,
         .telling = publication.telling != nullptr ? *publication.telling : nullptr,
         .qos = publication.qos,
         .retain = publication.retain,
         .says_whose = publication.retain});
}

Service::Service(const ServiceOptions& options, std::unique_ptr<Journal> journal,
                 SiteKeeper* keeper)
    : options_(options),
      keeper_(keeper),
      topics_(options.word),
      signals_(open_ending_signals()),
      link_({.login = options.login, .word = options.word, .client_id = "beckond-" + options.site},
            {.wake = [this] { wake_up_.wake(); },
             .log = log_line,
             .is_up =
                 [this] {
                     is_up_ = true;
                     wake_up_.wake();
                 },
             .may_speak = keeper == nullptr ? std::function<bool()>()
                                            : [keeper] { return keeper->may_speak(); }}),
      bus_(link_, presence_),
      signaling_(settings_of(options, keeper,
                             [this](const UserId& user, std::string_view device) {
                                 return tags_.tag_of(user, "device " + std::string(device));
                             }),
                 bus_, std::move(journal), host_now),
      tags_(signaling_.secret().empty() ? DeviceTags::new_secret()
                                        : std::string(signaling_.secret())) {
    for (const auto& device : signaling_.take_devices()) {
        presence_.restore(device);
    }
    std::vector<PresenceChange> there;
    presence_.tell_online([&there](const Sender& device) { there.push_back({device, true}); });
    signaling_.apply(there, host_now());
    if (has_store(options)) {
        signaling_.log().store(*options.store, signaling_.counts());
    } else {
        log_line(LogLevel::notice,
                 "the store is memory: a restart forgets invitations, groups and who is there");
    }
    if (!options.sender_is_proven) {
        log_line(LogLevel::warning,
                 "sender is claimed: whoever can publish here can ring and answer in anybody's "
                 "name");
    } else if (!options.acl_is_checked) {
        log_line(LogLevel::warning,
                 "nobody has said that the broker's access rules were checked, and they alone "
                 "keep users from speaking for others: run `beckond check-acl`, then say "
                 "--acl-checked yes");
    }
}

std::optional<int> Service::run() {
    signaling_.start([this] { wake_up_.wake(); });
    link_.start();
    bool has_more = false;
    while (true) {
        std::array<pollfd, 3> wait{{{.fd = wake_up_.fd(), .events = POLLIN, .revents = 0},
                                    {.fd = signals_.fd, .events = POLLIN, .revents = 0},
                                    {.fd = keeper_ != nullptr ? keeper_->changed().fd() : -1,
                                     .events = POLLIN,
                                     .revents = 0}}};
        poll(wait.data(), wait.size(), ms_until_next(has_more));
        // First: this process may have been stopped for any time.
        if (keeper_ != nullptr && !keeper_->may_speak()) {
            log_line(LogLevel::warning,
                     "the site " + options_.site +
                         " may be another's by now: its lease could not be renewed in time");
            return std::nullopt;
        }
        if (wait[1].revents != 0) {
            finish();
            return 0;
        }
        wake_up_.clear();
        if (keeper_ != nullptr && wait[2].revents != 0) {
            keeper_->changed().clear();
            if (keeper_->is_drained()) {
                log_line(LogLevel::notice, "lets the site " + options_.site + " go, as was asked");
                finish();
                return std::nullopt;
            }
        }
        if (const auto end = link_.end()) {
            if (end->code == BrokerLink::speaks_no_more) {
                return std::nullopt;
            }
            log_line(LogLevel::error, end->sentence);
            return end->code;
        }
        has_more = turn();
    }
}

/// True: there is more to be done at once.
bool Service::turn() {
    if (is_up_.exchange(false)) {
        signaling_.announce();
    }
    std::deque<Arrived> taken;
    if (link_.has_room()) {
        taken = link_.take(at_once);
    }
    for (const auto& arrived : taken) {
        handle(arrived, host_now());
    }
    const auto now = host_now();
    signaling_.apply(presence_.advance(now), now);
    keep();
    const bool more_to_say = signaling_.tick(now);
    return more_to_say || taken.size() == at_once;
}

/// What to go on from after a restart.
void Service::keep() {
    Changes changes = presence_.take_changes();
    for (const auto number : bus_.take_told()) {
        changes.emplace_back(UntoldDone{number});
    }
    if (has_store(options_)) {
        signaling_.keep(std::move(changes));
    }
}

void Service::handle(const Arrived& arrived, Instant now) {
    if (arrived.retain && !arrived.payload.empty()) {
        link_.publish({.topic = topics_.root() + '/' + arrived.topic,
                       .payload = {},
                       .retain = true,
                       .says_whose = true});
    }
    if (!arrived.sender) {
        return;  // nobody who could be replied to
    }
    const UserId& me = *arrived.sender;
    Caller caller{.sender = {.user = me,
                             .device = tags_.tag_of(me, arrived.reply_to.topic),
                             .is_operator = options_.operators.contains(me)}};
    signaling_.handle(
        caller, {.topic = arrived.topic, .payload = arrived.payload, .retain = arrived.retain},
        arrived.reply_to, now);
}

int Service::ms_until_next(bool has_more) const {
    if (has_more) {
        return 0;
    }
    const auto due = signaling_.next_deadline();
    const auto silent = presence_.next_deadline();
    if (!due && !silent) {
        return 1000;
    }
    const Instant next = due && silent ? std::min(*due, *silent) : due ? *due : *silent;
    const auto left = (next - host_now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

/// What has arrived is judged, and what is decided is stored and said, if that goes quickly: first
/// while more comes, then of what came last. What comes after that is whoever's who serves next.
void Service::finish() {
    const auto until = host_now() + patience_at_end;
    const auto go_on_until = [&](const auto& is_done) {
        bool has_more = true;
        while (host_now() < until && !link_.end() && (has_more || !is_done())) {
            has_more = turn();
            pollfd wait{.fd = wake_up_.fd(), .events = POLLIN, .revents = 0};
            poll(&wait, 1, has_more ? 0 : 10);
            wake_up_.clear();
        }
    };
    go_on_until([this] { return link_.is_drained(); });
    link_.stop_reading();
    go_on_until([this] { return link_.is_dry() && signaling_.is_idle() && link_.is_sent(); });
}

}  // namespace beckon
