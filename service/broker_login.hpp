// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

struct mosquitto;

namespace beckon {

/// MQTT 5: reason codes from here on are refusals.
constexpr int first_refusal = 0x80;

/// Where a broker is, and by what it is spoken to.
struct BrokerAddress {
    std::string host;
    int port = 1883;
    bool tls = false;
    [[nodiscard]] std::string text() const;
};

struct BrokerLogin {
    std::vector<BrokerAddress> brokers{};
    std::string user{};
    std::string password{};
    std::string ca_file{};
    std::string cert_file{};
    std::string key_file{};
    std::string key_password{};
    /// Whoever answers is taken for the broker.
    bool takes_anybody = false;
};

struct DestroyClient {
    void operator()(mosquitto* client) const;
};
using MosquittoClient = std::unique_ptr<mosquitto, DestroyClient>;

/// Readies a client of libmosquitto for MQTT 5, and for this login. Throws `std::runtime_error` for
/// what cannot be used.
void prepare(mosquitto* client, const BrokerLogin& login);
/// What a code of libmosquitto's functions means.
std::string why(int error);

}  // namespace beckon
