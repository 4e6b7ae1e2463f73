// SPDX-License-Identifier: Apache-2.0
#include <beckon/client.hpp>
#include <utility>

#include "arguments.hpp"
#include "mapping.hpp"

namespace beckon {
namespace {

std::string send(Engine& engine, Arguments& arguments, std::variant<UserId, GroupId> to, Data data,
                 ResultCallback callback) {
    Message message{.to = to, .data = std::move(data), .id = MessageId::parse(Engine::random_id())};
    std::string id = message.id->str();
    arguments.call(engine, std::move(message), completion(std::move(callback), to_result));
    return id;
}

}  // namespace

SimpleMsgListener::SimpleMsgListener() = default;
SimpleMsgListener::~SimpleMsgListener() = default;
void SimpleMsgListener::onRecvC2CTextMessage(const std::string& /*msgID*/,
                                             const std::string& /*sender*/,
                                             const std::string& /*text*/) {}
void SimpleMsgListener::onRecvC2CCustomMessage(const std::string& /*msgID*/,
                                               const std::string& /*sender*/,
                                               const std::string& /*customData*/) {}
void SimpleMsgListener::onRecvGroupTextMessage(const std::string& /*msgID*/,
                                               const std::string& /*groupID*/,
                                               const std::string& /*sender*/,
                                               const std::string& /*text*/) {}
void SimpleMsgListener::onRecvGroupCustomMessage(const std::string& /*msgID*/,
                                                 const std::string& /*groupID*/,
                                                 const std::string& /*sender*/,
                                                 const std::string& /*customData*/) {}

void Client::addSimpleMsgListener(SimpleMsgListener* listener) {
    engine_->message_listeners().add(listener);
}

void Client::removeSimpleMsgListener(SimpleMsgListener* listener) {
    engine_->message_listeners().remove(listener);
}

std::string Client::sendC2CTextMessage(const std::string& text, const std::string& userID,
                                       ResultCallback callback) {
    Arguments arguments;
    const auto to = arguments.user(userID, "peer");
    return send(*engine_, arguments, to, arguments.text_data(text), std::move(callback));
}

std::string Client::sendC2CCustomMessage(const std::string& customData, const std::string& userID,
                                         ResultCallback callback) {
    Arguments arguments;
    const auto to = arguments.user(userID, "peer");
    return send(*engine_, arguments, to, arguments.binary_data(customData), std::move(callback));
}

std::string Client::sendGroupTextMessage(const std::string& text, const std::string& groupID,
                                         ResultCallback callback) {
    Arguments arguments;
    const auto to = arguments.group(groupID);
    return send(*engine_, arguments, to, arguments.text_data(text), std::move(callback));
}

std::string Client::sendGroupCustomMessage(const std::string& customData,
                                           const std::string& groupID, ResultCallback callback) {
    Arguments arguments;
    const auto to = arguments.group(groupID);
    return send(*engine_, arguments, to, arguments.binary_data(customData), std::move(callback));
}

}  // namespace beckon
