// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mosquitto_api.hpp"

/// A connection, as the plugin is shown it.
struct mosquitto {
    std::string client_id;
    std::optional<std::string> username{};
    std::optional<std::string> address{};
    bool clean = true;
    int protocol = mp_mqtt;
    int version = 4;
    bool connected = false;
};

namespace beckon {

/// What the plugin published; not every one is `taken`.
struct Published {
    std::string topic;
    std::string payload;
    int qos = 0;
    bool retain = false;
    bool taken = true;
    std::optional<std::string> content_type{};
    std::optional<std::string> correlation{};
};

/// Properties that a client sent with what it published.
struct Properties {
    std::optional<std::string> response_topic{};
    std::optional<std::string> correlation{};
    std::optional<std::string> content_type{};
};

/// As much of Mosquitto as its plugin sees: calls its entry points and callbacks as the broker
/// does, and implements the functions that it calls. Its clock stands still unless `wait` moves it,
/// and all that the plugin draws by chance comes out alike each time.
///
/// There is one in a program. What a client publishes goes to nobody but the plugin: who else would
/// get it is Mosquitto's business.
class StubBroker {
  public:
    using Options = std::vector<std::pair<std::string, std::string>>;

    static StubBroker& instance();

    /// As after a start of the process. False: the plugin does not want to.
    bool load(const Options& options);
    void unload();
    [[nodiscard]] bool is_loaded() const { return is_loaded_; }

    /// Connections stay where they are: the broker's memory is used again, too.
    std::array<mosquitto, 6> connections{};
    /// By client id: what sessions have subscribed.
    std::map<std::string, std::set<std::string>> sessions{};

    void connect(mosquitto& client);
    void disconnect(mosquitto& client);
    /// The broker's verdict.
    int subscribe(mosquitto& client, const std::string& filter);
    int unsubscribe(mosquitto& client, const std::string& filter);
    int may_read(mosquitto& client, const Published& message, bool retained);

    struct Publish {
        std::string topic;
        std::string payload;
        bool retain = false;
        Properties properties{};
    };
    struct Outcome {
        int access = 0;
        /// Not set when access was denied.
        std::optional<int> message{};
        std::string topic{};
        bool retain = false;
    };
    Outcome publish(mosquitto& client, const Publish& what);
    /// As a bridge does: nobody is asked whether it may.
    Outcome come_by_bridge(mosquitto& client, const Publish& what);
    int will(mosquitto& client, const Publish& what);

    void tick();
    /// The loop, for so long.
    void wait(std::int64_t ms);
    /// The machine slept.
    void skip(std::int64_t ms) { now_ms_ += ms; }
    [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }

    /// What is published is taken but for the next so many.
    std::size_t takes_none_of_next = 0;
    std::vector<Published> take_published() { return std::exchange(published_, {}); }
    std::vector<std::pair<int, std::string>> take_log() { return std::exchange(log_, {}); }

    // For the functions that the plugin calls.
    void register_callback(int event, MOSQ_FUNC_generic_callback function, void* user_data);
    void unregister_callback(int event) { callbacks_.erase(event); }
    bool take(Published message);
    void log(int level, std::string line) { log_.emplace_back(level, std::move(line)); }
    void set_timer(std::optional<std::int64_t> ms) { timer_ms_ = ms; }
    std::uint64_t random_bits() { return random_ = random_ * 6'364'136'223'846'793'005U + 1; }

  private:
    int call(int event, void* data);
    int ask(mosquitto& client, int access, const std::string& topic, const Publish* what);

    struct Callback {
        MOSQ_FUNC_generic_callback function = nullptr;
        void* user_data = nullptr;
    };
    bool is_loaded_ = false;
    void* user_data_ = nullptr;
    std::map<int, Callback> callbacks_;
    std::vector<Published> published_;
    std::vector<std::pair<int, std::string>> log_;
    std::int64_t now_ms_ = 1'000'000;
    std::optional<std::int64_t> timer_ms_;
    std::uint64_t random_ = 1;
};

}  // namespace beckon
