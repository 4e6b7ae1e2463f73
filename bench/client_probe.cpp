// SPDX-License-Identifier: Apache-2.0
// A device that accepts whatever rings, from its listener, until its stdin ends. bench/client.py
// measures it.
//
//   bench_client SERVER USER
#include <beckon/beckon.hpp>
#include <iostream>
#include <span>

namespace {

struct Accepts : beckon::SignalingListener, beckon::ConnectionListener {
    beckon::SignalingManager* signaling = nullptr;

    void onConnectionStateChanged(beckon::ConnectionState state,
                                  const std::string& /*why*/) override {
        if (state == beckon::ConnectionState::connected) {
            std::cout << "connected" << std::endl;
        }
    }

    void onReceiveNewInvitation(const std::string& id, const std::string& /*inviter*/,
                                const std::string& /*group*/,
                                const std::vector<std::string>& /*invitees*/,
                                const std::string& /*data*/) override {
        signaling->accept(id);
    }
};

}  // namespace

int main(int argc, char** argv) {
    const std::span words(argv, std::size_t(argc));
    if (words.size() != 3) {
        std::cerr << "bench_client SERVER USER\n";
        return 64;
    }
    Accepts listener;  // outlives the client, which calls it
    beckon::Client client(beckon::ClientOptions{.server = words[1], .userID = words[2]});
    listener.signaling = &client.getSignalingManager();
    listener.signaling->addSignalingListener(&listener);
    client.addConnectionListener(&listener);
    client.connect();
    std::cin.get();
    return 0;
}
