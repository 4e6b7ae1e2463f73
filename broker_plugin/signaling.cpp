// SPDX-License-Identifier: Apache-2.0
#include "signaling.hpp"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "device_tags.hpp"
#include "wakeup.hpp"

namespace beckon {

namespace {

constexpr int protocol = 1;

constexpr auto nobody_asked = [](const Reply& /*reply*/) {};

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

}  // namespace

Signaling::Signaling(const Options& options, BrokerLog& log, ReadWatch& read_watch)
    : topics_(options.word),
      server_epoch_(DeviceTag(random_bits()).text()),
      switchboard_({.limits = options.limits,
                    .server_epoch = server_epoch_,
                    .secret = {random_bits(), random_bits()}}),
      log_(log),
      read_watch_(read_watch),
      outbox_({random_bits(), random_bits()}, {},
              [this](const UserId& to, ToPublish& message) { publish(to, message); }) {}

void Signaling::announce(Instant now) {
    nlohmann::ordered_json limits = nlohmann::ordered_json::object();
    for (const auto& limit : limit_table) {
        limits[std::string(limit.name)] = switchboard_.limits().*limit.value;
    }
    const nlohmann::ordered_json status = {{"version", BECKON_VERSION},
                                           {"protocol", protocol},
                                           {"server_epoch", server_epoch_},
                                           {"limits", limits}};
    if (!publish_retained(topics_.status(), status.dump())) {
        log_.not_published(now);
    }
}

void Signaling::perform(Effects effects, const auto& answer) {
    auto rest = std::span(effects);
    while (!rest.empty()) {
        const auto same = rest.first(events_of_one_subject(rest));
        const bool to_many = is_for_many(same);
        for (auto& delivery : same) {
            deliver(std::get<Delivery>(delivery), to_many);
        }
        rest = rest.subspan(same.size());
        if (same.empty()) {
            answer(std::get<Reply>(rest.front()));
            rest = rest.subspan(1);
        }
    }
}

void Signaling::handle(const Caller& caller, const RawRequest& raw, const ReplyAddress& reply_to,
                       Instant now) {
    Reply failure{.re = "unknown", .device = caller.sender.device, .body = Refusal{}};
    bool answered = false;
    const auto answer = [&](const Reply& one) {
        reply(one, caller, reply_to, now);
        answered = true;
    };
    try {
        const auto taken = take_in(caller.sender, raw, switchboard_.limits());
        if (const auto* const refused = std::get_if<Reply>(&taken)) {
            answer(*refused);
            return;
        }
        const auto& request = std::get<Request>(taken);
        failure.re = verb_of(request);
        failure.req = request.req;
        perform(switchboard_.handle(caller.sender, request, now), answer);
    } catch (const std::exception& error) {
        log_.internal(Within::message, error.what(), now);
        if (!answered) {
            answer(failure);
        }
    }
}

void Signaling::apply(const PresenceChanges& changes, Instant now) {
    for (const auto& change : changes) {
        perform(switchboard_.set_online({change.user, change.device}, change.online, now),
                nobody_asked);
    }
}

bool Signaling::tick(Instant now) {
    const auto due = switchboard_.next_deadline();
    if (due && *due <= now) {
        perform(switchboard_.advance(now), nobody_asked);
    }
    return outbox_.publish_slice() || !outbox_.empty();
}

std::optional<Instant> Signaling::next_deadline() const { return switchboard_.next_deadline(); }

void Signaling::reply(const Reply& reply, const Caller& caller, const ReplyAddress& to,
                      Instant now) {
    ReplyToPublish message{to, encode(reply, to.encoding)};
    const auto size = sizeof(ToPublish) + message.to.topic.size() + message.payload.size() +
                      (to.correlation ? to.correlation->size() : 0);
    outbox_.say(std::span(&caller.sender.user, 1), {std::move(message), size});
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        if (refusal->error == Error::wrong_sender) {
            log_.attack(Attack::wrong_sender, caller.sender.user.text(), caller.address, now);
        } else if (is_limit_of_the_broker(*refusal, switchboard_.limits())) {
            log_.limit_reached(caller.sender.user, *refusal, now);
        }
    }
}

void Signaling::deliver(Delivery& delivery, bool to_many) {
    // What is for those who are there is not to be kept for those who are not.
    const int qos = delivery.online_only ? 0 : 1;
    EventToPublish event{.event = std::move(delivery.event), .qos = qos};
    // The event itself, and its two encodings.
    const auto size = sizeof(ToPublish) + 3 * event.in(Encoding::msgpack).size();
    if (to_many) {
        outbox_.say_in_turn(delivery.to, {std::move(event), size});
    } else {
        outbox_.say(delivery.to, {std::move(event), size});
    }
}

const std::string& EventToPublish::in(Encoding encoding) {
    auto& payload = encoding == Encoding::json ? json : msgpack;
    if (payload.empty()) {
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
        const auto only = read_watch_.only(user);
        for (const Encoding encoding : {Encoding::msgpack, Encoding::json}) {
            if (only.value_or(encoding) == encoding) {
                published &= publish_event(topics_.events(user, encoding), event.in(encoding),
                                           encoding, event.qos);
            }
        }
        if (published && !only) {
            read_watch_.published_both(user);
        }
    }
    if (!published) {
        log_.not_published(monotonic_now());
    }
}

}  // namespace beckon
