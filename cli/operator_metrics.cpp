// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "metrics.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

/// A broker that hangs is noticed after three times that.
constexpr std::chrono::seconds noticed_soon{5};

/// What the broker last told. The web server's threads collect it.
class Metrics : public prometheus::Collectable {
  public:
    void tell(const BrokerKnown& known) {
        auto all = metrics_of(known);
        const std::lock_guard lock(mutex_);
        all_ = std::move(all);
    }
    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
        const std::lock_guard lock(mutex_);
        return all_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<prometheus::MetricFamily> all_ = metrics_of({});
};

/// As 127.0.0.1:9464.
std::string numeric(const addrinfo& place) {
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (getnameinfo(place.ai_addr, place.ai_addrlen, host.data(), host.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        throw std::runtime_error("getnameinfo does not work");
    }
    return std::string(host.data()) + ':' + port.data();
}

/// Empty: one can listen there. The web server, which does not say why it cannot, comes right
/// after.
std::string why_not_free(const addrinfo& place) {
    const int tried = ::socket(place.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(tried, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool is_free = ::bind(tried, place.ai_addr, place.ai_addrlen) == 0;
    std::string why = is_free ? "" : std::generic_category().message(errno);
    ::close(tried);
    return why;
}

struct Address {
    std::string host;
    std::string port;
};

std::optional<Address> parse_address(const std::string& listen) {
    const auto colon = listen.find(':');
    if (colon == std::string::npos || colon == 0) {
        return std::nullopt;
    }
    Address address{listen.substr(0, colon), listen.substr(colon + 1)};
    std::uint16_t number = 0;
    const char* const end = address.port.data() + address.port.size();
    const auto [rest, error] = std::from_chars(address.port.data(), end, number);
    return error == std::errc{} && rest == end ? std::optional(address) : std::nullopt;
}

/// What `--listen` names, as the web server takes it: it can be had.
std::string free_address(const std::string& listen) {
    const auto address = parse_address(listen);
    if (!address) {
        throw CLI::ValidationError("--listen", listen +
                                                   " is no address with a port, such as "
                                                   "127.0.0.1:9464");
    }
    addrinfo hints{};
    hints.ai_family = AF_INET;  // Debian's web server (civetweb) knows no other
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(address->host.c_str(), address->port.c_str(), &hints, &found);
    if (error != 0) {
        throw CLI::ValidationError("--listen", address->host + ": " + gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> places(found, &freeaddrinfo);
    if (const std::string why = why_not_free(*places); !why.empty()) {
        throw std::runtime_error("cannot listen at " + listen + ": " + why);
    }
    return numeric(*places);
}

struct MetricsOptions {
    std::string listen;
};

/// Tells Prometheus what the broker tells operators, until Ctrl-C.
class Exporter : public OperatorListener, public ConnectionListener {
  public:
    Exporter(const MetricsOptions& options, const Output& output)
        : options_(options), output_(output) {}

    Exit run(const Settings& asked) {
        Settings settings = asked;
        settings.client.operatorNews = true;
        settings.client.keepAlive = noticed_soon;
        Session session(settings, output_);
        client_ = &session.client();
        client_->addConnectionListener(this);
        client_->getOperatorManager().addOperatorListener(this);
        serve(free_address(options_.listen));
        client_->connect();
        while (interrupted == 0 && !exit_) {
            session.poll();
            if (client_->brokerStatus() != status_) {
                tell();  // nobody is called for that
            }
        }
        return exit_.value_or(done);
    }

    void onConnectionStateChanged(ConnectionState state, const std::string& /*why*/) override {
        if (state == ConnectionState::disconnected) {
            counters_ = nullptr;  // they come again with the next connection
        }
        tell();
    }
    void onOperatorNews(const std::string& what, const std::string& json) override {
        if (what == "counters") {
            counters_ = Facts::parse(json, nullptr, false);
            tell();
        }
    }
    void onNoOperator() override {
        Output::remark(no_operator);
        exit_ = refused;
    }

  private:
    void serve(const std::string& place) {
        // Never destroyed, as its threads take a second to end: as the client (session.hpp).
        auto& server = *new prometheus::Exposer(place);
        server.RegisterCollectable(metrics_);
        const auto colon = place.rfind(':');
        output_.tell(
            {{"event", "metrics"},
             {"url", "http://" + place.substr(0, colon) + ':' +
                         std::to_string(server.GetListeningPorts().front()) + "/metrics"}});
    }
    void tell() {
        status_ = client_->brokerStatus();
        Facts status = Facts::parse(status_, nullptr, false);
        if (!status.is_object() || status.value("server_epoch", "") != client_->serverEpoch()) {
            status = nullptr;  // of a broker that was there before
        }
        metrics_->tell({.answers = client_->connectionState() == ConnectionState::connected,
                        .counters = counters_,
                        .status = std::move(status)});
    }

    const MetricsOptions& options_;
    const Output& output_;
    Client* client_ = nullptr;
    Facts counters_{};
    std::string status_;
    std::shared_ptr<Metrics> metrics_ = std::make_shared<Metrics>();
    std::optional<Exit> exit_;
};

}  // namespace

void add_operator_metrics(CLI::App& operators, Invocation& invocation) {
    const auto options = std::make_shared<MetricsOptions>();
    add_subcommand(operators, invocation, "metrics",
                   "Tells the counters to Prometheus, by HTTP at /metrics, until Ctrl-C.",
                   "  beckon --user root operator metrics --listen 127.0.0.1:9464\n"
                   "  curl http://127.0.0.1:9464/metrics",
                   options,
                   [](const MetricsOptions& chosen, const Settings& settings,
                      const Output& output) { return Exporter(chosen, output).run(settings); })
        .add_option("--listen", options->listen,
                    "where Prometheus asks: an IPv4 address of this machine, and a port")
        ->option_text("ADDRESS")
        ->required();
}

}  // namespace beckon::cli
