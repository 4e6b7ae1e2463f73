// SPDX-License-Identifier: Apache-2.0
//
// What somebody else's program is: the public headers, the library, and here no broker.
#include <beckon/beckon.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Ringing : beckon::SignalingListener {
    void onReceiveNewInvitation(const std::string&, const std::string&, const std::string&,
                                const std::vector<std::string>&, const std::string&) override {
        std::cout << "rings\n";
    }
};

/// An exception from within the library is caught by its type.
bool names_the_option_that_cannot_be() {
    try {
        beckon::ClientOptions options;
        options.userID = "no/user";
        beckon::Client{options};
    } catch (const std::invalid_argument& error) {
        return std::string(error.what()).find("userID") != std::string::npos;
    }
    return false;
}

static_assert(beckon::name_of(beckon::State::timed_out) == "timed_out");

}  // namespace

int main() {
    if (!names_the_option_that_cannot_be()) {
        std::cout << "a bad userID was not refused\n";
        return 1;
    }

    std::string error = "no result";
    {
        beckon::ClientOptions options;
        options.server = "mqtt://127.0.0.1:1";  // where nobody listens
        options.userID = "door";
        options.delivery = beckon::Delivery::poll;
        options.whenOffline = beckon::WhenOffline::fail;
        beckon::Client client(options);
        Ringing listener;
        auto& signaling = client.getSignalingManager();
        signaling.addSignalingListener(&listener);
        client.connect();
        signaling.invite("kitchen", "ding dong", false, 30,
                         [&error](const beckon::InviteResult& result) { error = result.error; });
        client.poll(std::chrono::seconds{5});
        signaling.removeSignalingListener(&listener);
    }
    std::cout << "invite: " << error << '\n';
    return error == "not_connected" ? 0 : 1;
}
