// SPDX-License-Identifier: Apache-2.0
#include "broker_events.hpp"

#include <cstring>
#include <optional>
#include <utility>

#include "broker_stopping.hpp"
#include "config_doubts.hpp"
#include "presence_filter.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// Mosquitto 2.0 ticks so often in any case; without a wake-up, nothing is later than this.
constexpr long most_between_ticks_ms = 100;

/// What the broker authenticated; empty: nothing.
std::string_view name_of(const mosquitto* client) {
    const char* const name = mosquitto_client_username(client);
    return name != nullptr ? name : std::string_view{};
}

/// The user, when its name is an id; else empty.
std::string_view user_of(const mosquitto* client) {
    const auto name = name_of(client);
    return is_id(name) ? name : std::string_view{};
}

/// Nothing: the client can have no device (contract, section 1).
std::optional<Connection> connection_of(const mosquitto* client, const std::optional<UserId>& id) {
    const char* const client_id = mosquitto_client_id(client);
    if (!id || client_id == nullptr) {
        return std::nullopt;
    }
    const bool clean = mosquitto_client_clean_session(client);
    // A session of MQTT 5 may outlive its connection however that began.
    const bool ends = clean && mosquitto_client_protocol_version(client) < 5;
    return Connection{.pointer = client,
                      .client_id = client_id,
                      .user = *id,
                      .resumed = !clean && mosquitto_client_sub_count(client) > 0,
                      .ends_session = ends};
}

/// Whoever has this session has no Content Type: MQTT before 5, and the session ends with its
/// connection, so that nobody goes on with it by MQTT 5.
bool has_no_types(const mosquitto* client) {
    const int version = mosquitto_client_protocol_version(client);
    return version > 0 && version < 5 && mosquitto_client_clean_session(client);
}

std::string_view payload_of(const auto& event) {
    return event.payload == nullptr
               ? std::string_view{}
               : std::string_view(static_cast<const char*>(event.payload), event.payloadlen);
}

int code_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::allow:
            return MOSQ_ERR_SUCCESS;
        case Verdict::defer:
            return MOSQ_ERR_PLUGIN_DEFER;
        case Verdict::ignore:
            return plugin_ignores;
        case Verdict::deny:
            break;
    }
    return MOSQ_ERR_ACL_DENIED;
}

}  // namespace

BrokerEvents::BrokerEvents(const Options& options)
    : access_(options),
      presence_([this](const UserId& user,
                       std::string_view client_id) { return tags_.tag_of(user, client_id); },
                {random_bits(), random_bits()}),
      inbox_readers_(access_.topics(), {random_bits(), random_bits()}),
      bus_(inbox_readers_, presence_),
      signaling_(signaling_settings(options, BECKON_VERSION), bus_, journal_of(options), host_now),
      tags_(signaling_.secret().empty() ? DeviceTags::new_secret()
                                        : std::string(signaling_.secret())),
      other_topics_is_auto_(options.other_topics_is_auto) {
    if (has_store(options)) {
        signaling_.log().store(*options.store, signaling_.counts());
    } else {
        signaling_.log().no_store(options.store.has_value());
    }
    BrokerLog::started(options);
    signaling_.announce();
}

int BrokerEvents::check_access(const mosquitto_evt_acl_check& event) {
    switch (event.access) {
        case MOSQ_ACL_READ:
            return code_of(access_.may_be_ours(event.topic) ? read(event) : access_.elsewhere());
        case MOSQ_ACL_WRITE:
            settle_will();
            return code_of(access_.may_be_ours(event.topic) ? write(event) : access_.elsewhere());
        case MOSQ_ACL_SUBSCRIBE:
            return code_of(subscribe(event, user_of(event.client)));
        case MOSQ_ACL_UNSUBSCRIBE:
            return code_of(unsubscribe(event, user_of(event.client)));
        default:
            return MOSQ_ERR_ACL_DENIED;
    }
}

Verdict BrokerEvents::read(const mosquitto_evt_acl_check& event) {
    const auto spot = access_.spot_of(event.topic);
    if (spot.place == Place::elsewhere) {
        return access_.elsewhere();
    }
    inbox_readers_.asked(spot.below, has_no_types(event.client));
    const auto verdict = access_.read(user_of(event.client), spot, event.retain);
    if (verdict != Verdict::allow || spot.place != Place::inbox) {
        return verdict;
    }
    // MQTT would keep it for a session whose device is away, and asks again for
    // what it kept when the device is back, before that has done anything.
    if (is_news(payload_of(event)) && !is_present(event.client)) {
        return Verdict::deny;
    }
    if (mosquitto_client_protocol(event.client) == mp_websockets) {
        wakeup_.hurry(host_now());
    }
    return verdict;
}

Verdict BrokerEvents::write(const mosquitto_evt_acl_check& event) {
    const auto spot = access_.spot_of(event.topic);
    const auto place = spot.place;
    if (place == Place::elsewhere) {
        return access_.elsewhere();
    }
    const auto me = user_of(event.client);
    const auto verdict = access_.write(me, spot);
    if (place != Place::sink && verdict == Verdict::deny) {
        tell_operators(event, me);
    }
    if (place == Place::inbox || place == Place::status) {
        log_.attack(Attack::forged, name_of(event.client), mosquitto_client_address(event.client),
                    host_now());
    }
    if (place == Place::request && me.empty()) {
        log_.cannot_signal(Tried::request, name_of(event.client),
                           mosquitto_client_address(event.client), host_now());
    }
    if (place != Place::request || verdict == Verdict::deny) {
        return verdict;
    }
    if (event.retain && broker_is_stopping()) {
        return Verdict::deny;
    }
    publish_origin_.asked(event.client, event.topic, event.retain);
    return verdict;
}

/// Of what is published below the root and goes nowhere.
void BrokerEvents::tell_operators(const mosquitto_evt_acl_check& event, std::string_view me) {
    const auto name = name_of(event.client);
    const char* const address = mosquitto_client_address(event.client);
    Refusal refusal = refuse(me.empty() ? Error::invalid_request : Error::wrong_sender);
    if (!me.empty()) {
        refusal.message = "only the broker publishes there";
    } else {
        refusal.field = "user";
        refusal.message = name.empty()
                              ? "who has no user name can use no signaling"
                              : "this user name can use no signaling: it is not 1 to 64 characters "
                                "A-Z a-z 0-9 . _ @ : -";
    }
    signaling_.refused({.user = name,
                        .address = address != nullptr ? address : std::string_view{},
                        .topic = event.topic,
                        .refusal = refusal},
                       host_now());
}

Verdict BrokerEvents::subscribe(const mosquitto_evt_acl_check& event, std::string_view me) {
    inbox_readers_.subscribed(event.topic);
    const auto verdict = access_.subscribe(me, event.topic);
    if (verdict == Verdict::deny) {
        refused_subscription(event, me);
    } else if (const auto by = connection_of(event.client, UserId::parse(me))) {
        const auto filter = read_presence_filter(event.topic, access_.topics().root(), me);
        signaling_.apply(presence_.subscribed(*by, filter), host_now());
    }
    return verdict;
}

void BrokerEvents::refused_subscription(const mosquitto_evt_acl_check& event, std::string_view me) {
    const char* const address = mosquitto_client_address(event.client);
    if (access_.is_for_operators(event.topic)) {
        return;  // who looks, and is none
    }
    if (me.empty()) {
        log_.cannot_signal(Tried::inbox, name_of(event.client), address, host_now());
    } else {
        log_.attack(Attack::foreign_inbox, me, address, host_now());
    }
}

Verdict BrokerEvents::unsubscribe(const mosquitto_evt_acl_check& event, std::string_view me) {
    if (const auto by = connection_of(event.client, UserId::parse(me))) {
        const auto filter = read_presence_filter(event.topic, access_.topics().root(), me);
        signaling_.apply(presence_.unsubscribed(*by, filter), host_now());
    }
    return access_.unsubscribe(event.topic);
}

int BrokerEvents::message(mosquitto_evt_message& event) {
    if (!access_.may_be_ours(event.topic)) {
        return MOSQ_ERR_SUCCESS;
    }
    const auto spot = access_.spot_of(event.topic);
    if (spot.place == Place::elsewhere) {
        return MOSQ_ERR_SUCCESS;
    }
    const auto me = UserId::parse(name_of(event.client));
    if (spot.place != Place::request || !me || !publish_origin_.came(event.client, event.topic)) {
        return MOSQ_ERR_ACL_DENIED;  // from a bridge of this broker's, which no access check stops
    }
    handle(event, spot.below, *me);
    // The broker goes on with a topic that nobody reads: so the message goes
    // nowhere and is acknowledged as a success. It fits, as the root is longer.
    std::memcpy(event.topic, access_.sink().c_str(), access_.sink().size() + 1);
    event.retain = false;
    return MOSQ_ERR_SUCCESS;
}

void BrokerEvents::handle(const mosquitto_evt_message& event, std::string_view below,
                          const UserId& me) {
    const auto by = connection_of(event.client, me);
    if (!by) {
        return;
    }
    const auto now = host_now();
    const auto requested = presence_.requested(*by);
    const Caller caller{.sender = {.user = me,
                                   .device = requested.device,
                                   .is_operator = access_.is_operator(me.text())},
                        .address = mosquitto_client_address(event.client)};
    signaling_.apply(requested.changes, now);

    const RawRequest raw{.topic = below, .payload = payload_of(event), .retain = event.retain};
    auto reply_to = read_reply_address(event.properties, access_.topics(), me,
                                       encoding_of(raw.payload), free_property_value);
    signaling_.handle(caller, raw, std::move(reply_to), now);
}

void BrokerEvents::tick(mosquitto_evt_tick& event) {
    if (!has_started_) {
        start();
    }
    settle_will();
    const auto now = host_now();
    const auto published_before = bus_.published();
    // Mosquitto 2.1 sends what a tick published after its next wait, which so has to be short.
    const bool has_more = signaling_.tick(now);
    if (has_more || (is_mosquitto_2_1() && bus_.published() != published_before)) {
        wakeup_.hurry(now);
    }
    inbox_readers_.ticked();
    wakeup_.ticked(now, signaling_.next_deadline());
    // Mosquitto 2.1 reckons from these when it ticks next, by the wall clock: were they now, a step
    // back would end all ticks until that clock is here again.
    event.now_s = 0;
    event.now_ns = 0;
    next_ms_of(event) = most_between_ticks_ms;
}

/// Not before the first tick: a broker that goes into the background does so in between. What
/// fails is tried again at the next.
void BrokerEvents::start() {
    if (!wakes_) {
        wakes_ = true;
        if (const char* const why = wakeup_.start()) {
            BrokerLog::no_wakeup(why);
        }
    }
    watch_for_stop();
    signaling_.start([this] { wakeup_.call(); });
    has_started_ = true;
}

void BrokerEvents::disconnected(const mosquitto* client) {
    const char* const client_id = mosquitto_client_id(client);
    if (client_id != nullptr) {
        signaling_.apply(presence_.disconnected(client, client_id), host_now());
    }
}

void BrokerEvents::reloaded(const ConfigCheck& config) {
    if (config.lacks_own_plugin && !config.unread) {
        BrokerLog::retired();
        signaling_.retire();
    }
    if (!other_topics_is_auto_ || access_.elsewhere() == Verdict::defer) {
        return;  // never back to `allow`: whether what was there decides no more, a restart shows
    }
    const auto decided = decide_other_topics(config);
    const auto* const known = std::get_if<DecidedPolicy>(&decided);
    if (known == nullptr || known->policy == Policy::defer) {
        access_.defer_elsewhere();
        BrokerLog::decided(Policy::defer,
                           known != nullptr ? known->why : std::get<std::string>(decided));
    }
}

bool BrokerEvents::is_present(const mosquitto* client) const {
    const char* const client_id = mosquitto_client_id(client);
    return client_id != nullptr && presence_.is_present(client, client_id);
}

void BrokerEvents::settle_will() {
    if (!publish_origin_.is_open()) {
        return;
    }
    const auto topic = publish_origin_.settle();
    if (topic && !MosquittoBus::clear_retained(*topic)) {
        signaling_.log().not_published(host_now());
    }
}

void BrokerEvents::failed(Within within, const char* what) noexcept {
    try {
        signaling_.log().internal(within, what, host_now());
    } catch (...) {
        // There is no memory even for the sentence.
    }
}

}  // namespace beckon
