// SPDX-License-Identifier: Apache-2.0
#include "signaling.hpp"

#include <exception>
#include <nlohmann/json.hpp>

#include "device_tags.hpp"

namespace beckon {

namespace {

constexpr int protocol = 1;

constexpr auto nobody_asked = [](const Reply& /*reply*/) {};

bool is_limit_of_the_broker(const Refusal& refusal, const Limits& limits) {
    return refusal.error == Error::rate_limited || refusal.error == Error::too_many_pending ||
           (refusal.error == Error::too_large && refusal.field == "data" &&
            refusal.limit != limits.max_data_bytes);
}

}  // namespace

Signaling::Signaling(const Options& options, BrokerLog& log)
    : topics_(options.word),
      server_epoch_(DeviceTag(random_bits()).text()),
      switchboard_({.limits = options.limits,
                    .server_epoch = server_epoch_,
                    .secret = {random_bits(), random_bits()}}),
      log_(log) {}

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

void Signaling::perform(const Effects& effects, Instant now, const auto& answer) {
    for (const auto& effect : effects) {
        if (const auto* const delivery = std::get_if<Delivery>(&effect)) {
            deliver(*delivery, now);
        } else {
            answer(std::get<Reply>(effect));
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
        perform(switchboard_.handle(caller.sender, request, now), now, answer);
    } catch (const std::exception& error) {
        log_.internal(Within::message, error.what(), now);
        if (!answered) {
            answer(failure);
        }
    }
}

void Signaling::apply(const PresenceChanges& changes, Instant now) {
    for (const auto& change : changes) {
        perform(switchboard_.set_online(change.user, change.online, now), now, nobody_asked);
    }
}

void Signaling::tick(Instant now) {
    const auto due = switchboard_.next_deadline();
    if (due && *due <= now) {
        perform(switchboard_.advance(now), now, nobody_asked);
    }
}

std::optional<Instant> Signaling::next_deadline() const { return switchboard_.next_deadline(); }

void Signaling::reply(const Reply& reply, const Caller& caller, const ReplyAddress& to,
                      Instant now) {
    if (!publish_reply(to, encode(reply, to.encoding))) {
        log_.not_published(now);
    }
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        if (refusal->error == Error::wrong_sender) {
            log_.attack(Attack::wrong_sender, caller.sender.user.text(), caller.address, now);
        } else if (is_limit_of_the_broker(*refusal, switchboard_.limits())) {
            log_.limit_reached(caller.sender.user, *refusal, now);
        }
    }
}

void Signaling::deliver(const Delivery& delivery, Instant now) {
    // What is for those who are there is not to be kept for those who are not.
    const int qos = delivery.online_only ? 0 : 1;
    bool published = true;
    for (const Encoding encoding : {Encoding::msgpack, Encoding::json}) {
        const std::string payload = encode(delivery.event, encoding);
        for (const auto& user : delivery.to) {
            published &= publish_event(topics_.events(user, encoding), payload, encoding, qos);
        }
    }
    if (!published) {
        log_.not_published(now);
    }
}

}  // namespace beckon
