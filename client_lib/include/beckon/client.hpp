// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/export.hpp>
#include <beckon/groups.hpp>
#include <beckon/messages.hpp>
#include <beckon/operators.hpp>
#include <beckon/signaling.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace beckon {

class Engine;

/// Where the calls to listeners and callbacks come from.
enum class Delivery {
    thread,  ///< a thread of the library
    poll,    ///< whoever calls `Client::poll`
};

/// What happens to a call that is made while there is no connection.
enum class WhenOffline {
    wait,  ///< it is sent after the next connect, if that comes in time
    fail,  ///< it fails at once, with `not_connected`
};

struct TlsOptions {
    /// PEM files; an empty `caFile` means the system's certificates.
    std::string caFile{};
    std::string certFile{};
    std::string keyFile{};
    std::string keyPassword{};
    /// Off, anybody can pretend to be the broker.
    bool verify = true;
};

struct ClientOptions {
    /// `mqtt://`, `mqtts://`, `ws://` or `wss://`, host, port; websockets may add a path.
    std::string server = "mqtt://127.0.0.1:1883";
    /// Who this is: the MQTT user name; 1 to 64 of A-Z a-z 0-9 . _ @ : -
    std::string userID{};
    std::string password{};
    /// Names this device to the broker, and is a secret. With one, what the broker has
    /// for the device waits for `sessionExpiry` while no client runs; two clients must
    /// not share it. Empty: a random one, whose session ends with each connection: messages
    /// and what happens to groups while there is none do not reach this device.
    std::string clientID{};
    TlsOptions tls{};
    Delivery delivery = Delivery::thread;
    WhenOffline whenOffline = WhenOffline::wait;
    /// How long a call may take until it fails; an invitation that waits to be sent
    /// counts that against its timeout, too.
    std::chrono::milliseconds requestTimeout{10'000};
    /// Calls that may wait for a connection or for the replies to others.
    std::size_t maxWaiting = 1000;
    /// A dead connection is noticed after at most three times that long; at least 2 s.
    std::chrono::seconds keepAlive{15};
    std::chrono::seconds sessionExpiry{3600};
    /// The wait before the next attempt to connect doubles from the first to the
    /// second, with jitter.
    std::chrono::milliseconds reconnectMin{500};
    std::chrono::milliseconds reconnectMax{30'000};
    /// The first level of all topics (the broker's `plugin_opt_root`).
    std::string topicRoot = "beckon";
    /// Reads what only operators may, for `OperatorListener`.
    bool operatorNews = false;
};

enum class ConnectionState {
    disconnected,   ///< not started, or lost: the client tries again by itself
    connecting,     ///< on the way, until the broker's Beckon has answered
    connected,      ///< all that is open is known
    noBeckon,       ///< connected to a broker that does not answer; asked again now and then
    kickedOffline,  ///< another client connected with the same clientID: stays offline
                    ///< (if the broker says so; Mosquitto 2.0 does not, and the two take turns)
};

/// Hears of the connection. As for `SignalingListener`.
class BECKON_EXPORT ConnectionListener {
  public:
    ConnectionListener();
    ConnectionListener(const ConnectionListener&) = delete;
    ConnectionListener& operator=(const ConnectionListener&) = delete;
    virtual ~ConnectionListener();

    /// `why` is a sentence for people, empty when all is well.
    virtual void onConnectionStateChanged(ConnectionState state, const std::string& why);
};

/// One device of one user: keeps the connection to the broker, and what rings.
///
/// Any thread may call anything. In calls to listeners and callbacks everything is
/// allowed, the destruction of the client included. It does not outlive a `fork`: in
/// the child it is not to be touched.
class BECKON_EXPORT Client {
  public:
    /// Throws `std::invalid_argument` that names the option that cannot be.
    explicit Client(const ClientOptions& options);
    /// Leaves the broker. What was asked and has no reply fails with `closed`: those
    /// callbacks are made here, in `Delivery::poll` and in a call to a listener, else
    /// by the library's thread, which is waited for. Afterwards nothing is called.
    /// What this device rings, the broker ends when the user has been offline for
    /// its grace period (15 s).
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Begins to connect, and from then on does so again whenever that fails.
    /// Listeners that were added before miss nothing. Again: nothing happens
    /// (but after `kickedOffline`, it starts anew).
    void connect();

    [[nodiscard]] ConnectionState connectionState() const;
    [[nodiscard]] const std::string& userID() const;
    /// This device, by the name that others are told (`SignalingEvent::byDevice`); empty until the
    /// broker has told it.
    [[nodiscard]] std::string device() const;
    /// The broker's own mark of its present start, another after each; empty until the first
    /// `connected`.
    [[nodiscard]] std::string serverEpoch() const;
    /// What the broker's Beckon says of itself (contract, section 2), as JSON; empty until it has
    /// come, or where it is off.
    [[nodiscard]] std::string brokerStatus() const;

    void addConnectionListener(ConnectionListener* listener);
    /// As `SignalingManager::removeSignalingListener`.
    void removeConnectionListener(ConnectionListener* listener);

    SignalingManager& getSignalingManager();
    GroupManager& getGroupManager();
    OperatorManager& getOperatorManager();

    void addSimpleMsgListener(SimpleMsgListener* listener);
    /// As `SignalingManager::removeSignalingListener`.
    void removeSimpleMsgListener(SimpleMsgListener* listener);

    /// A message to a user, or to all other members of a group; one who is offline gets it
    /// later, as far as the broker's queue reaches. Returns its id at once. Text is UTF-8,
    /// custom data any bytes.
    std::string sendC2CTextMessage(const std::string& text, const std::string& userID,
                                   ResultCallback callback = {});
    std::string sendC2CCustomMessage(const std::string& customData, const std::string& userID,
                                     ResultCallback callback = {});
    std::string sendGroupTextMessage(const std::string& text, const std::string& groupID,
                                     ResultCallback callback = {});
    std::string sendGroupCustomMessage(const std::string& customData, const std::string& groupID,
                                       ResultCallback callback = {});

    /// With `Delivery::poll`: makes the calls to listeners and callbacks that are due,
    /// waits up to `wait` for the first; returns how many there were. From one thread
    /// at a time; nothing is done in a call that comes from within.
    std::size_t poll(std::chrono::milliseconds wait = std::chrono::milliseconds{0});
    /// For programs that wait for other things as well, by poll(2) and the like: with
    /// `Delivery::poll`, a descriptor that can be read while `poll` has calls to make; it is the
    /// client's. Otherwise -1.
    [[nodiscard]] int descriptor() const;

  private:
    std::shared_ptr<Engine> engine_;
    SignalingManager signaling_;
    GroupManager groups_;
    OperatorManager operators_;
};

}  // namespace beckon
