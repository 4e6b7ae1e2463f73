// SPDX-License-Identifier: Apache-2.0
#include "broker_login.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "mqtt5/properties.hpp"

namespace beckon {

std::string why(int error) {
    return error == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(error);
}

std::string BrokerAddress::text() const {
    return (tls ? "mqtts://" : "mqtt://") + host + ":" + std::to_string(port);
}

void DestroyClient::operator()(mosquitto* client) const { mosquitto_destroy(client); }

void prepare(mosquitto* client, const BrokerLogin& login) {
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (!login.user.empty()) {
        mosquitto_username_pw_set(client, login.user.c_str(),
                                  login.password.empty() ? nullptr : login.password.c_str());
    }
    if (std::none_of(login.brokers.begin(), login.brokers.end(),
                     [](const BrokerAddress& broker) { return broker.tls; })) {
        return;
    }
    const auto text = [](const std::string& file) { return file.empty() ? nullptr : file.c_str(); };
    // The library asks by a function that has no place for whose password it is.
    static std::string key_password;
    key_password = login.key_password;
    const auto tell_password = [](char* buffer, int size, int, void*) {
        const auto length = std::min(static_cast<std::size_t>(size), key_password.size());
        std::copy_n(key_password.begin(), length, buffer);
        return static_cast<int>(length);
    };
    const int code = mosquitto_tls_set(client, text(login.ca_file),
                                       login.ca_file.empty() ? "/etc/ssl/certs" : nullptr,
                                       text(login.cert_file), text(login.key_file), tell_password);
    if (code != MOSQ_ERR_SUCCESS) {
        throw std::runtime_error("the certificates cannot be used: " + why(code));
    }
    if (login.takes_anybody) {
        mosquitto_tls_insecure_set(client, true);
        mosquitto_tls_opts_set(client, 0, nullptr, nullptr);
    }
}

}  // namespace beckon
