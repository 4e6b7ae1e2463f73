// SPDX-License-Identifier: Apache-2.0
#pragma once

// Several people in one program, each with a client of their own, and what happens between them in
// the order in which it is to happen. The program's one thread makes all calls (Delivery::poll).

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "console.hpp"

class Stage {
  public:
    explicit Stage(std::string server) : server_(std::move(server)) {}

    [[nodiscard]] const std::string& server() const { return server_; }
    void enters(beckon::Client& client) { clients_.push_back(&client); }

    /// Everybody hears and does what is due, until it has happened.
    void until(const std::string& what, const std::function<bool()>& happened) {
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (!happened()) {
            if (interrupted != 0 || std::chrono::steady_clock::now() > patience) {
                throw std::runtime_error("it did not happen that " + what);
            }
            for (beckon::Client* client : clients_) {
                client->poll(std::chrono::milliseconds(1));
            }
        }
    }
    /// The result of a call, which must be ok: `call` takes the callback.
    template <class Result = beckon::Result, class Call>
    void done(const std::string& what, Call call) {
        // Shared with the callback, which may be called after the waiting was given up.
        const auto result = std::make_shared<std::optional<Result>>();
        call([result](const Result& arrived) { *result = arrived; });
        until(what, [&] { return result->has_value(); });
        if (!(*result)->ok()) {
            throw std::runtime_error(what + ": " + (*result)->message);
        }
    }

  private:
    std::string server_;
    std::vector<beckon::Client*> clients_;
};

/// One user with one device. Who overrides what it hears, says what it makes of it.
class Person : public beckon::SignalingListener,
               public beckon::GroupListener,
               public beckon::SimpleMsgListener {
  public:
    Person(Stage& stage, const std::string& name)
        : name_(name),
          client_({.server = stage.server(), .userID = name, .delivery = beckon::Delivery::poll}) {
        signaling().addSignalingListener(this);
        groups().addGroupListener(this);
        client_.addSimpleMsgListener(this);
        client_.connect();
        stage.enters(client_);
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    beckon::Client& client() { return client_; }
    beckon::SignalingManager& signaling() { return client_.getSignalingManager(); }
    beckon::GroupManager& groups() { return client_.getGroupManager(); }
    [[nodiscard]] bool is_there() const {
        return client_.connectionState() == beckon::ConnectionState::connected;
    }
    void says(const std::string& line) const { say("  " + name_ + ": " + line); }

  private:
    std::string name_;
    beckon::Client client_;
};

/// A name that no other run of the program has taken.
inline std::string fresh(const std::string& name) {
    return name + "-" + std::to_string(std::random_device{}());
}

/// Tells the story; 1 when something did not happen in it.
inline int tell(int count, char** words, const std::string& about,
                const std::function<void(Stage&)>& story) {
    std::string server = "mqtt://127.0.0.1:1883";
    CLI::App app(about);
    app.add_option("--server", server, "mqtt://, mqtts://, ws:// or wss://, host and port")
        ->capture_default_str();
    return run_program(app, count, words, [&] {
        try {
            Stage stage(server);
            story(stage);
            return 0;
        } catch (const std::runtime_error& error) {
            std::cerr << error.what() << "\n";
            return 1;
        }
    });
}
