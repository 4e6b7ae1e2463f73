// SPDX-License-Identifier: Apache-2.0
#include <beckon/client.hpp>

#include "engine.hpp"

namespace beckon {

ConnectionListener::ConnectionListener() = default;
ConnectionListener::~ConnectionListener() = default;
void ConnectionListener::onConnectionStateChanged(ConnectionState /*state*/,
                                                  const std::string& /*why*/) {}

Client::Client(const ClientOptions& options)
    : engine_(Engine::start(options)),
      signaling_(*engine_),
      groups_(*engine_),
      operators_(*engine_) {}

Client::~Client() { engine_->close(); }

void Client::connect() { engine_->connect(); }

ConnectionState Client::connectionState() const { return engine_->state(); }

const std::string& Client::userID() const { return engine_->user(); }

std::string Client::device() const {
    const auto tag = engine_->device_tag();
    return tag ? tag->str() : std::string();
}

std::string Client::serverEpoch() const { return engine_->server_epoch(); }

std::string Client::brokerStatus() const { return engine_->broker_status(); }

void Client::addConnectionListener(ConnectionListener* listener) {
    engine_->connection_listeners().add(listener);
}

void Client::removeConnectionListener(ConnectionListener* listener) {
    engine_->connection_listeners().remove(listener);
}

SignalingManager& Client::getSignalingManager() { return signaling_; }

GroupManager& Client::getGroupManager() { return groups_; }

OperatorManager& Client::getOperatorManager() { return operators_; }

int Client::descriptor() const { return engine_->descriptor(); }

std::size_t Client::poll(std::chrono::milliseconds wait) {
    // A call that is made in it may destroy the client.
    const auto engine = engine_;
    return engine->poll(wait);
}

}  // namespace beckon
