// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/bus.hpp"

namespace beckon {

/// A broker in which nobody is, and which takes everything; with what it was given.
struct HeardBus final : Bus {
    struct Told {
        std::string topic;
        std::string payload;
        bool retain = false;
    };
    std::vector<Told> all;

    bool publish(const Publication& publication) override {
        all.push_back(
            {std::string(publication.topic), std::string(publication.payload), publication.retain});
        return true;
    }
    [[nodiscard]] std::optional<Encoding> only_encoding(const UserId& /*user*/) const override {
        return std::nullopt;
    }
    void published_both(const UserId& /*user*/) override {}
    void tell_online(const std::function<void(const Sender&)>& /*tell*/) const override {}
    void log(LogLevel /*level*/, const std::string& /*sentence*/) override {}
};

}  // namespace beckon
