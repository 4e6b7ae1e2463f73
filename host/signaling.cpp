// SPDX-License-Identifier: Apache-2.0
#include "host/signaling.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "host/device_tags.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

constexpr int protocol = 1;

bool is_limit_of_the_broker(const Refusal& refusal, const Limits& limits) {
    return refusal.error == Error::rate_limited || refusal.error == Error::too_many_pending ||
           (refusal.error == Error::too_large && refusal.field == "data" &&
            refusal.limit != limits.max_data_bytes);
}

/// What a broker holds of a message beside its payload: topic, properties, its own records.
constexpr std::size_t broker_overhead = 300;

/// So much that waited leaves holes in memory.
constexpr std::size_t worth_giving_back = std::size_t{8} * 1024 * 1024;
constexpr Duration until_receivers_have_it = std::chrono::seconds(5);

/// What lies free at the end of the heap goes back to the system only above this. glibc's own
/// 128 KiB are less than a large body takes while it is judged: each such would be given back, and
/// come anew, a page fault for each 4 KiB, which is most of what it costs.
constexpr int most_free_at_end = 4 * 1024 * 1024;
/// Nor is what is smaller than this mapped by itself.
constexpr int least_mapped = 1024 * 1024;

/// More receivers than that are many.
constexpr std::size_t most_that_are_few = 16;

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
    return receivers > most_that_are_few;
}

const NewInvitation* news_in(const AnyEvent& event) {
    const auto* const told = std::get_if<Event>(&event);
    return told != nullptr ? std::get_if<NewInvitation>(&told->body) : nullptr;
}

}  // namespace

Signaling::Signaling(Settings settings, Bus& bus, std::unique_ptr<Journal> journal,
                     std::function<Instant()> clock)
    : settings_(std::move(settings)),
      topics_(settings_.word),
      bus_(bus),
      clock_(std::move(clock)),
      log_(bus),
      outbox_({random_bits(), random_bits()}, {},
              [this](const UserId& to, ToPublish& message) { publish(to, message); }),
      gate_(settings_.gate, gate_host(), std::move(journal), clock_()) {
    // NOLINTBEGIN(concurrency-mt-unsafe): no other thread of ours is there yet
    mallopt(M_TRIM_THRESHOLD, most_free_at_end);
    mallopt(M_MMAP_THRESHOLD, least_mapped);
    // NOLINTEND(concurrency-mt-unsafe)
    if (settings_.gate.operators) {
        news_.emplace(bus_, topics_);
    }
    if (gate_.damage()) {
        log_.store_damaged(*gate_.damage());
    }
}

CommitGate::Host Signaling::gate_host() {
    return {.say = [this](Effects effects,
                          const CommitGate::Asker& asker) { perform(std::move(effects), asker); },
            .store_changed =
                [this](const std::optional<std::string>& failure) {
                    if (failure) {
                        log_.store_fails(*failure, settings_.gate.on_failure);
                    } else {
                        log_.store_works_again();
                    }
                    announce();
                },
            .tell_online = [this](const auto& tell) { bus_.tell_online(tell); },
            .new_secret =
                [] {
                    return SipKey{random_bits(), random_bits()};
                }};
}

void Signaling::announce() {
    const std::string status = settings_.tells_status && !is_retired_
                                   ? status_of(settings_, gate_.server_epoch(), gate_.state())
                                   : std::string();
    if (!bus_.publish({.topic = topics_.status(), .payload = status, .retain = true})) {
        log_.not_published(clock_());
    }
    if (!news_ && !std::exchange(announced_, true)) {
        // What an earlier start left, when operators were named.
        bus_.publish({.topic = topics_.for_operators("counters"), .payload = {}, .retain = true});
    }
}

void Signaling::retire() {
    is_retired_ = true;
    for (const auto& topic : {topics_.status(), topics_.for_operators("counters")}) {
        bus_.publish({.topic = topic, .payload = {}, .retain = true});
    }
}

std::string status_of(const Signaling::Settings& settings, std::string_view server_epoch,
                      std::string_view store) {
    nlohmann::ordered_json limits = nlohmann::ordered_json::object();
    for (const auto& limit : limit_table) {
        limits[std::string(limit.name)] = settings.gate.limits.*limit.value;
    }
    const HostKind& host = settings.host;
    nlohmann::ordered_json status = {{"version", settings.version},
                                     {"protocol", protocol},
                                     {"server_epoch", server_epoch},
                                     {"store", store},
                                     {"host", host.host},
                                     {"sender", host.sender},
                                     {"presence", host.presence}};
    if (host.copies) {
        status["copies"] = *host.copies;
    }
    if (!host.unchecked.empty()) {
        status["unchecked"] = host.unchecked;
    }
    status["limits"] = limits;
    return status.dump();
}

void Signaling::perform(Effects effects, const CommitGate::Asker& asked) {
    auto rest = std::span(effects);
    // What came due comes before the reply, and what the request caused after it.
    const UserId* cause = nullptr;
    while (!rest.empty()) {
        const auto same = rest.first(events_of_one_subject(rest));
        const bool to_many = is_for_many(same);
        for (auto& delivery : same) {
            deliver(std::get<Delivery>(delivery), to_many, cause);
        }
        rest = rest.subspan(same.size());
        if (!same.empty()) {
            continue;
        }
        if (const auto* const absent = std::get_if<Absent>(&rest.front())) {
            news_->absent(*absent);
        } else {
            reply(std::get<Reply>(rest.front()), asked);
            asked->is_said = true;
            cause = &asked->sender.user;
        }
        rest = rest.subspan(1);
    }
}

void Signaling::handle(const Caller& caller, const RawRequest& raw, ReplyAddress reply_to,
                       Instant now) {
    // What the reply to a failure says.
    std::string_view re = "unknown";
    std::optional<Req> req;
    const auto asked = std::make_shared<PendingReply>(
        PendingReply{.sender = caller.sender,
                     .address = caller.address != nullptr ? caller.address : "",
                     .topic = news_ ? topics_.root() + '/' + std::string(raw.topic) : "",
                     .reply_to = std::move(reply_to)});
    try {
        auto no = gate_.admit(caller.sender.user, now);
        if (!no) {
            no = too_much_waits(caller.sender.user);
        }
        if (no) {
            gate_.reply(asked, refuse_untaken(caller.sender, raw, std::move(*no)));
            return;
        }
        auto taken = take_in(asked->sender, raw, gate_.limits(), settings_.intake);
        if (auto* const refused = std::get_if<Reply>(&taken)) {
            gate_.reply(asked, std::move(*refused));
            return;
        }
        auto& request = std::get<Request>(taken);
        re = verb_of(request);
        req = request.req;
        apply(bus_.taken_in(asked->sender, request, now), now);
        gate_.handle(asked, asked->sender, std::move(request), now);
    } catch (const std::exception& error) {
        log_.internal(Within::message, error.what(), now);
        if (!asked->is_said) {
            gate_.reply(asked, {.re = std::string(re),
                                .device = asked->sender.device,
                                .req = std::move(req),
                                .body = Refusal{}});
        }
    }
}

std::optional<Refusal> Signaling::too_much_waits(const UserId& user) const {
    if (!outbox_.is_full() || !outbox_.waits_because_of(user)) {
        return std::nullopt;
    }
    auto refusal =
        refuse_count(Error::rate_limited, static_cast<std::int64_t>(outbox_.most_bytes()));
    refusal.message = "what you caused is still being told to others, and there is too much of it";
    return refusal;
}

void Signaling::apply(std::span<const PresenceChange> changes, Instant now) {
    for (const auto& change : changes) {
        gate_.set_online(change.device, change.online, now);
    }
}

void Signaling::refused(const Refused& what, Instant now) {
    if (news_) {
        news_->refused(what, now);
    }
}

bool Signaling::tick(Instant now) {
    const bool more = gate_.tick(now);
    if (news_ && !is_retired_) {
        news_->tick(now, [&] {
            const auto unstored = gate_.unstored(now);
            return OperatorNews::Now{.counts = gate_.counts(),
                                     .unstored = unstored.changes,
                                     .oldest_unstored = unstored.oldest};
        });
    }
    const bool published = outbox_.publish_slice();
    give_memory_back(now);
    return published || !outbox_.empty() || more;
}

/// What was freed after a flood lies between what is used, where the allocator keeps it.
void Signaling::give_memory_back(Instant now) {
    if (outbox_.waiting_bytes() > worth_giving_back) {
        give_back_at_ = now + until_receivers_have_it;
    } else if (give_back_at_ && now >= *give_back_at_) {
        malloc_trim(0);
        give_back_at_.reset();
    }
}

void Signaling::reply(const Reply& reply, const CommitGate::Asker& asker) {
    const PendingReply& asked = *asker;
    const ReplyAddress& to = asked.reply_to;
    ReplyToPublish message{asker, encode(reply, to.encoding)};
    const auto size =
        to.topic.size() + message.payload.size() + (to.correlation ? to.correlation->size() : 0);
    outbox_.say(std::span(&asked.sender.user, 1),
                {std::move(message), sizeof(ToPublish) + size, broker_overhead + size});
    if (news_) {
        tell_operators(reply, asked);
    }
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        if (refusal->error == Error::wrong_sender) {
            log_.wrong_sender(asked.sender.user, asked.address.c_str(), clock_());
        } else if (is_limit_of_the_broker(*refusal, gate_.limits())) {
            log_.limit_reached(asked.sender.user, *refusal, clock_());
        }
    }
}

void Signaling::tell_operators(const Reply& reply, const PendingReply& asked) {
    news_->replied(reply);
    if (const auto* const refusal = std::get_if<Refusal>(&reply.body)) {
        news_->refused({.user = asked.sender.user.text(),
                        .device = asked.sender.device,
                        .address = asked.address,
                        .topic = asked.topic,
                        .re = reply.re,
                        .refusal = *refusal},
                       clock_());
    }
}

void Signaling::deliver(Delivery& delivery, bool to_many, const UserId* cause) {
    if (news_) {
        news_->told(delivery.to.size());
    }
    // What is for those who are there is not to be kept for those who are not.
    const int qos = delivery.online_only ? 0 : 1;
    EventToPublish event{.event = std::move(delivery.event), .qos = qos, .alone = delivery.alone};
    if (delivery.untold != 0) {
        event.telling = bus_.telling(delivery.untold);
    }
    // The event itself and its two encodings, of which a broker gets both where it is not known
    // which is read; they are about as long.
    const UserId& reader = delivery.to.front();
    const auto encoding = bus_.only_encoding(reader).value_or(Encoding::msgpack);
    const auto size = event.in(encoding, reader).size();
    ToPublish message{std::move(event), sizeof(ToPublish) + 3 * size, 2 * (broker_overhead + size)};
    if (to_many) {
        outbox_.say_in_turn(delivery.to, std::move(message), cause);
    } else {
        outbox_.say(delivery.to, std::move(message), cause);
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
        const auto& to = reply->asked->reply_to;
        if (to.topic.empty()) {
            topics_.replies(topic_, user);
        }
        published = bus_.publish({.topic = to.topic.empty() ? topic_ : to.topic,
                                  .payload = reply->payload,
                                  .encoding = to.encoding,
                                  .correlation = to.correlation ? &*to.correlation : nullptr,
                                  .reader = to.topic.empty() ? &user : nullptr,
                                  .is_reply = true});
    } else {
        auto& event = std::get<EventToPublish>(message.what);
        const auto only = bus_.only_encoding(user);
        for (const Encoding encoding : {Encoding::msgpack, Encoding::json}) {
            if (only.value_or(encoding) == encoding) {
                topics_.events(topic_, user, encoding);
                published &= bus_.publish({.topic = topic_,
                                           .payload = event.in(encoding, user),
                                           .encoding = encoding,
                                           .qos = event.qos,
                                           .reader = &user,
                                           .news = news_in(event.event),
                                           .telling = &event.telling});
            }
        }
        if (published && !only) {
            bus_.published_both(user);
        }
    }
    if (!published) {
        log_.not_published(clock_());
    }
}

}  // namespace beckon
