// SPDX-License-Identifier: Apache-2.0
#include "status_everywhere.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "mqtt5/properties.hpp"

namespace beckon {

namespace {

constexpr std::chrono::seconds patience_of_a_node{5};
constexpr std::chrono::seconds until_asked_again{5};

}  // namespace

/// On its way to one node.
struct StatusEverywhere::Publication {
    const Options& options;
    const std::string& payload;
    bool is_there = false;

    void send(mosquitto* client) const {
        mosquitto_property* list = nullptr;
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY,
                                           options.own_property.c_str(), options.own.c_str());
        const Properties properties(list);
        mosquitto_publish_v5(client, nullptr, options.topic.c_str(),
                             static_cast<int>(payload.size()), payload.data(), 1, true, list);
    }
};

StatusEverywhere::StatusEverywhere(Options options) : options_(std::move(options)) {
    if (options_.login.brokers.size() > 1) {
        thread_ = std::thread([this] { run(); });
    }
}

StatusEverywhere::~StatusEverywhere() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    called_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void StatusEverywhere::tell(std::string payload, std::string here) {
    {
        const std::scoped_lock lock(mutex_);
        told_ = Told{.payload = std::move(payload), .here = std::move(here)};
    }
    called_.notify_one();
}

void StatusEverywhere::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const auto* const node = next();
        if (node == nullptr) {
            called_.wait(lock);
            continue;
        }
        const Told now = *told_;
        lock.unlock();
        const bool has_it = publish(*node, now.payload);
        lock.lock();
        if (has_it && told_->payload == now.payload && told_->here == now.here) {
            told_->at.insert(node->text());
        } else if (!has_it) {
            // The others come first, then this one again.
            std::rotate(options_.login.brokers.begin(), options_.login.brokers.begin() + 1,
                        options_.login.brokers.end());
            called_.wait_for(lock, until_asked_again, [this] { return stopping_; });
        }
    }
}

/// One that has not got it.
const BrokerAddress* StatusEverywhere::next() const {
    if (!told_ || (options_.may_speak && !options_.may_speak())) {
        return nullptr;
    }
    const auto found = std::ranges::find_if(options_.login.brokers, [this](const auto& node) {
        return node.text() != told_->here && !told_->at.contains(node.text());
    });
    return found == options_.login.brokers.end() ? nullptr : &*found;
}

bool StatusEverywhere::publish(const BrokerAddress& node, const std::string& payload) const {
    try {
        Publication publication{.options = options_, .payload = payload};
        const MosquittoClient client(
            mosquitto_new((options_.client_id + "-status").c_str(), true, &publication));
        if (!client) {
            return false;
        }
        prepare(client.get(), options_.login);
        mosquitto_connect_callback_set(client.get(), [](mosquitto* self, void* what, int code) {
            if (code == 0) {
                static_cast<Publication*>(what)->send(self);
            }
        });
        mosquitto_publish_v5_callback_set(
            client.get(), [](mosquitto*, void* what, int, int reason, const mosquitto_property*) {
                static_cast<Publication*>(what)->is_there = reason < first_refusal;
            });
        if (mosquitto_connect_bind_v5(client.get(), node.host.c_str(), node.port, 30, nullptr,
                                      nullptr) != MOSQ_ERR_SUCCESS) {
            return false;
        }
        const auto until = std::chrono::steady_clock::now() + patience_of_a_node;
        while (!publication.is_there && std::chrono::steady_clock::now() < until &&
               mosquitto_loop(client.get(), 100, 1) == MOSQ_ERR_SUCCESS) {
        }
        mosquitto_disconnect(client.get());
        mosquitto_loop(client.get(), 100, 1);
        return publication.is_there;
    } catch (const std::exception& /*error*/) {
        return false;
    }
}

}  // namespace beckon
