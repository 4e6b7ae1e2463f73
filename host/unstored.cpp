// SPDX-License-Identifier: Apache-2.0
#include "unstored.hpp"

#include <utility>
#include <variant>

namespace beckon {

namespace {

std::size_t length(const std::string& text) { return text.size(); }
std::size_t length(const Data& data) { return data.bytes.size(); }
std::size_t length(const Profile& profile) {
    constexpr std::size_t node = 100;
    std::size_t sum = 0;
    for (const auto& [key, value] : profile) {
        sum += node + key.size() + value.size();
    }
    return sum;
}
std::size_t length(const auto& perhaps) { return perhaps ? length(*perhaps) : 0; }

/// Ids are short, so they count as a part of it.
std::size_t weight_of(const Change& change) {
    constexpr std::size_t ids = 100;
    return sizeof(Change) + ids +
           std::visit(
               [](const auto& one) {
                   std::size_t sum = 0;
                   if constexpr (requires { one.data; }) {
                       sum += length(one.data);
                   }
                   if constexpr (requires { one.reason; }) {
                       sum += length(one.reason);
                   }
                   if constexpr (requires { one.event; }) {
                       sum += one.event.size() + one.to.size() * sizeof(UserId);
                   }
                   if constexpr (requires { one.name; }) {
                       sum += length(one.name) + length(one.profile);
                   }
                   return sum;
               },
               change);
}

}  // namespace

void Unstored::add(Changes changes) {
    size_.changes += changes.size();
    size_.bytes += sizeof(Changes);
    for (const Change& change : changes) {
        size_.bytes += weight_of(change);
    }
    puts_.push_back(std::move(changes));
}

void Unstored::add(Unstored&& more) {
    size_.changes += more.size_.changes;
    size_.bytes += more.size_.bytes;
    puts_.splice(puts_.end(), more.take());
}

void Unstored::look_at(std::uint64_t last_ticket, const Look& look) const {
    auto ticket = last_ticket - puts_.size();
    for (const Changes& changes : puts_) {
        look(++ticket, changes);
    }
}

Batch Unstored::take() {
    size_ = {};
    return std::exchange(puts_, {});
}

}  // namespace beckon
