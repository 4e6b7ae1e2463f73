// SPDX-License-Identifier: Apache-2.0
#include "bytes.hpp"

#include <optional>
#include <variant>

namespace beckon {

namespace {

std::size_t size_of(const Data& data) { return data.bytes.size(); }
std::size_t size_of(const std::optional<Data>& data) { return data ? size_of(*data) : 0; }

}  // namespace

std::size_t bytes_of(const Request& request) {
    return sizeof(Request) + std::visit(
                                 [](const auto& asked) {
                                     if constexpr (requires { asked.data; }) {
                                         return size_of(asked.data);
                                     } else {
                                         return std::size_t{0};
                                     }
                                 },
                                 request.body);
}

std::size_t bytes_of(const Effect& effect) {
    constexpr std::size_t bytes_of_a_user = 40;
    const auto* const delivery = std::get_if<Delivery>(&effect);
    if (delivery == nullptr) {
        return sizeof(Effect);
    }
    const auto data_of = [](const auto& body) {
        if constexpr (requires { body.data; }) {
            return size_of(body.data);
        } else {
            return std::size_t{0};
        }
    };
    std::size_t bytes = sizeof(Effect) + bytes_of_a_user * delivery->to.size();
    if (const auto* const event = std::get_if<Event>(&delivery->event)) {
        bytes += std::visit(data_of, event->body);
    } else if (const auto* const message = std::get_if<MessageEvent>(&delivery->event)) {
        bytes += data_of(*message);
    }
    return bytes;
}

}  // namespace beckon
