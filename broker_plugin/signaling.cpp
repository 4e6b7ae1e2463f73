// SPDX-License-Identifier: Apache-2.0
#include "signaling.hpp"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "host/device_tags.hpp"
#include "wakeup.hpp"

namespace beckon {

namespace {

constexpr int protocol = 1;

bool is_limit_of_the_broker(const Refusal& refusal, const Limits& limits) {
    return refusal.error == Error::rate_limited || refusal.error == Error::too_many_pending ||
           (refusal.error == Error::too_large && refusal.field == "data" &&
            refusal.limit != limits.max_data_bytes);
}

/// More receivers than that are many.
constexpr std::size_t most_at_once = 16;

using SomeEffects = std::span<Effect>;

/// The id of the invitation, the group or the message that it is about.
std::string_view subject_of(const AnyEvent& event) {
    return std::visit(
        [](const auto& told) -> std::string_view {
            if constexpr (requires { told.group; }) {
                return told.group.text();
            } else {
                return told.id.text();
            }
        },
        event);
}

/// How many of the first effects are events about one subject.
std::size_t events_of_one_subject(SomeEffects effects) {
    const auto* const first = std::get_if<Delivery>(&effects.front());
    const auto end = std::ranges::find_if(effects, [first](const Effect& effect) {
        const auto* const delivery = std::get_if<Delivery>(&effect);
        return first == nullptr || delivery == nullptr ||
               delivery->event.index() != first->event.index() ||
               subject_of(delivery->event) != subject_of(first->event);
    });
    return static_cast<std::size_t>(end - effects.begin());
}

bool is_for_many(SomeEffects deliveries) {
    std::size_t receivers = 0;
    for (const auto& delivery : deliveries) {
        receivers += std::get<Delivery>(delivery).to.size();
    }
    return receivers > most_at_once;
}

bool has_store(const Options& options) { return options.store && *options.store != in_memory; }

CommitGate::Settings settings_of(const Options& options, const std::string& server_epoch) {
    CommitGate::Settings settings{.switchboard = {.limits = options.limits,
                                                  .server_epoch = server_epoch,
                                                  .secret = {random_bits(), random_bits()}},
                                  .on_failure = options.on_store_failure};
    if (has_store(options)) {
        settings.store.emplace();
        settings.store->file = {.path = *options.store,
                                .sync_always = options.sync_always,
                                .history = std::chrono::days(options.history_days),
                                .max_history = options.max_history};
        settings.store->new_secret = DeviceTags::new_secret();
    }
    return settings;
}

}  // namespace

Signaling::Signaling(const Options& options, BrokerLog& log, EncodingsRead& encodings_read,
                     Instant now)
    : topics_(options.word),
      server_epoch_(DeviceTag(random_bits()).text()),
      log_(log),
      encodings_read_(encodings_read),
      outbox_({random_bits(), random_bits()}, {},
              [this](const UserId& to, ToPublish& message) { publish(to, message); }),
      gate_(settings_of(options, server_epoch_),
            {.say =
                 [this](Effects effects, const CommitGate::Asker& asker) {
                     perform(std::move(effects), asker.get());
                 },
             .store_changed =
                 [this, then = options.on_store_failure](const auto& failure) {
                     if (failure) {
                         BrokerLog::store_fails(*failure, then);
                     } else {
                         BrokerLog::store_works_again();
                     }
                     announce(host_now());
                 }},
            now) {
    if (gate_.damage()) {
        BrokerLog::store_damaged(*gate_.damage());
    }
    if (has_store(options)) {
        BrokerLog::store(*options.store, gate_.counts());
    } else {
        BrokerLog::no_store(options.store.has_value());
    }
}

void Signaling::announce(Instant now) {
    nlohmann::ordered_json limits = nlohmann::ordered_json::object();
    for (const auto& limit : limit_table) {
        limits[std::string(limit.name)] = gate_.limits().*limit.value;
    }
    const nlohmann::ordered_json status = {{"version", BECKON_VERSION},
                                           {"protocol", protocol},
                                           {"server_epoch", server_epoch_},
                                           {"store", gate_.state()},
                                           {"limits", limits}};
    if (!publish_retained(topics_.status(), status.dump())) {
        log_.not_published(now);
    }
}

void Signaling::perform(Effects effects, PendingReply* asked) {
    auto rest = std::span(effects);
    while (!rest.empty()) {
        const auto same = rest.first(events_of_one_subject(rest));
        const bool to_many = is_for_many(same);
        for (auto& delivery : same) {
            deliver(std::get<Delivery>(delivery), to_many);
        }
        rest = rest.subspan(same.size());
        if (same.empty()) {
            reply(std::get<Reply>(rest.front()), *asked);
            asked->is_said = true;
            rest = rest.subspan(1);
        }
    }
}

void Signaling::handle(const Caller& caller, const RawRequest& raw, const ReplyAddress& reply_to,
                       Instant now) {
    Reply failure{.re = "unknown", .device = caller.sender.device, .body = Refusal{}};
    const auto asked = std::make_shared<PendingReply>(
        PendingReply{.sender = caller.sender,
                     .address = caller.address != nullptr ? caller.address : "",
                     .reply_to = reply_to});
    try {
        auto taken = take_in(caller.sender, raw, gate_.limits());
        if (auto* const refused = std::get_if<Reply>(&taken)) {
            gate_.reply(asked, std::move(*refused));
            return;
        }
        auto& request = std::get<Request>(taken);
        failure.re = verb_of(request);
        failure.req = request.req;
        gate_.handle(asked, caller.sender, std::move(request), now);
    } catch (const std::exception& error) {
        log_.internal(Within::message, error.what(), now);
        if (!asked->is_said) {
            gate_.reply(asked, std::move(failure));
        }
    }
}

void Signaling::apply(const PresenceChanges& changes, Instant now) {
    for (const auto& change : changes) {
        gate_.set_online({change.user, change.device}, change.online, now);
    }
}

bool Signaling::tick(Instant now) {
    const bool more = gate_.tick(now);
    return outbox_.publish_slice() || !outbox_.empty() || more;
}

std::optional<Instant> Signaling::next_deadline() const { return gate_.next_deadline(); }

void Signaling::reply(const Reply& reply, PendingReply& asked) {
    const ReplyAddress& to = asked.reply_to;
    ReplyToPublish message{to, encode(reply, to.encoding)};
    const auto size = sizeof(ToPublish) + message.to.topic.size() + message.payload.size() +
                      (to.correlation ? to.correlation->size() : 0);
    outbox_.say(std::span(&asked.sender.user, 1), {std::move(message), size});
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        if (refusal->error == Error::wrong_sender) {
            log_.attack(Attack::wrong_sender, asked.sender.user.text(), asked.address.c_str(),
                        host_now());
        } else if (is_limit_of_the_broker(*refusal, gate_.limits())) {
            log_.limit_reached(asked.sender.user, *refusal, host_now());
        }
    }
}

void Signaling::deliver(Delivery& delivery, bool to_many) {
    // What is for those who are there is not to be kept for those who are not.
    const int qos = delivery.online_only ? 0 : 1;
    EventToPublish event{.event = std::move(delivery.event), .qos = qos, .alone = delivery.alone};
    // The event itself, and its two encodings.
    const auto size =
        sizeof(ToPublish) + 3 * event.in(Encoding::msgpack, delivery.to.front()).size();
    if (to_many) {
        outbox_.say_in_turn(delivery.to, {std::move(event), size});
    } else {
        outbox_.say(delivery.to, {std::move(event), size});
    }
}

const std::string& EventToPublish::in(Encoding encoding, const UserId& reader) {
    auto& payload = encoding == Encoding::json ? json : msgpack;
    if (alone) {
        name_alone(event, reader);
    }
    if (alone || payload.empty()) {
        payload = encode(event, encoding);
    }
    return payload;
}

void Signaling::publish(const UserId& user, ToPublish& message) {
    bool published = true;
    if (const auto* const reply = std::get_if<ReplyToPublish>(&message.what)) {
        published = publish_reply(reply->to, reply->payload);
    } else {
        auto& event = std::get<EventToPublish>(message.what);
        const auto only = encodings_read_.only(user);
        for (const Encoding encoding : {Encoding::msgpack, Encoding::json}) {
            if (only.value_or(encoding) == encoding) {
                published &= publish_event(topics_.events(user, encoding), event.in(encoding, user),
                                           encoding, event.qos);
            }
        }
        if (published && !only) {
            encodings_read_.published_both(user);
        }
    }
    if (!published) {
        log_.not_published(host_now());
    }
}

}  // namespace beckon
