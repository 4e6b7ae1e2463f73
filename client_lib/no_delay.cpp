// SPDX-License-Identifier: Apache-2.0
#include "no_delay.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace beckon {
namespace {

/// Of the peer of a TCP socket; 0: it is none.
int peer_port(int socket) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
        return 0;
    }
    switch (peer.ss_family) {
        case AF_INET:
            return ntohs(reinterpret_cast<const sockaddr_in&>(peer).sin_port);
        case AF_INET6:
            return ntohs(reinterpret_cast<const sockaddr_in6&>(peer).sin6_port);
        default:
            return 0;
    }
}

}  // namespace

void send_at_once_to(int port) {
    std::error_code ignored;
    // It may be closed, and its number another's, at any moment: no call here minds.
    for (std::filesystem::directory_iterator open("/proc/self/fd", ignored), end;
         !ignored && open != end; open.increment(ignored)) {
        const std::string name = open->path().filename();
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        if (peer_port(descriptor) == port) {
            const int yes = 1;
            setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        }
    }
}

}  // namespace beckon
