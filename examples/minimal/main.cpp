// SPDX-License-Identifier: Apache-2.0
//
// minimal ME [USER]: accepts whatever rings ME, and rings USER. Enter ends it.
#include <beckon/beckon.hpp>
#include <iostream>
#include <string>
#include <vector>

struct Phone : beckon::SignalingListener {
    beckon::SignalingManager* signaling = nullptr;

    void onReceiveNewInvitation(const std::string& id, const std::string& inviter,
                                const std::string&, const std::vector<std::string>&,
                                const std::string&) override {
        std::cout << inviter << " rings" << std::endl;
        signaling->accept(id);
    }
    void onInviteeAccepted(const std::string&, const std::string& invitee,
                           const std::string&) override {
        std::cout << invitee << " accepted" << std::endl;
    }
};

int main(int count, char** words) {
    if (count < 2) {
        std::cerr << "minimal ME [USER]\n";
        return 64;
    }
    Phone phone;                    // outlives the client, which calls it
    beckon::ClientOptions options;  // the server is mqtt://127.0.0.1:1883 unless it is told
    options.userID = words[1];
    beckon::Client client(options);
    phone.signaling = &client.getSignalingManager();
    phone.signaling->addSignalingListener(&phone);
    client.connect();
    if (count > 2) {
        phone.signaling->invite(words[2]);
    }
    std::cin.get();
}
