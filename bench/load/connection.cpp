// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace beckon::bench {

namespace {

[[noreturn]] void failed(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Poller::Poller() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {
    if (descriptor_ < 0) {
        failed("epoll_create1");
    }
}

Poller::~Poller() { ::close(descriptor_); }

void Poller::poll(int patience_ms) const {
    std::array<epoll_event, 256> events{};
    const auto count = epoll_wait(descriptor_, events.data(), int(events.size()), patience_ms);
    for (int i = 0; i < count; ++i) {
        const auto& event = events.at(std::size_t(i));
        auto* connection = static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) {
            connection->send();
        }
        if (connection->is_open() && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            connection->receive();
        }
    }
}

void Poller::watch(int operation, int socket, bool also_writable, Connection* connection) const {
    epoll_event event{};
    event.events = EPOLLIN | (also_writable ? std::uint32_t(EPOLLOUT) : 0U);
    event.data.ptr = connection;
    if (epoll_ctl(descriptor_, operation, socket, &event) != 0) {
        failed("epoll_ctl");
    }
}

Connection::Connection(const Poller& poller, std::string user, std::size_t tag, const Hear& hear)
    : poller_(poller), user_(std::move(user)), tag_(tag), hear_(hear) {}

Connection::~Connection() { close(); }

void Connection::open(int port, Version version, int qos) {
    version_ = version;
    qos_ = qos;
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::uint16_t(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 ||
        ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        failed("cannot connect to the broker");
    }
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::fcntl(socket_, F_SETFL, O_NONBLOCK);
    poller_.watch(EPOLL_CTL_ADD, socket_, false, this);
    answers_due_ = 1;
    write_connect(to_send_, version_, "bench-" + user_, user_);
}

void Connection::subscribe(const std::vector<std::string>& filters) {
    if (!filters.empty()) {
        ++answers_due_;
        write_subscribe(to_send_, version_, filters, qos_);
    }
}

void Connection::publish(std::string_view topic, std::string_view payload) {
    if (qos_ > 0 && ++last_id_ == 0) {
        last_id_ = 1;
    }
    write_publish(to_send_, version_, topic, payload, last_id_);
}

void Connection::send() {
    std::size_t sent = 0;
    while (sent < to_send_.size()) {
        const auto count =
            ::send(socket_, to_send_.data() + sent, to_send_.size() - sent, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN) {
                failed("cannot send to the broker");
            }
            break;
        }
        sent += std::size_t(count);
    }
    to_send_.erase(0, sent);
    if (waits_to_write_ == to_send_.empty()) {
        waits_to_write_ = !waits_to_write_;
        poller_.watch(EPOLL_CTL_MOD, socket_, waits_to_write_, this);
    }
}

void Connection::leave() {
    leaving_ = true;
    write_disconnect(to_send_);
    send();
}

void Connection::receive() {
    std::array<char, 4096> piece{};
    ssize_t count = 0;
    do {
        count = ::recv(socket_, piece.data(), piece.size(), 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            if (leaving_) {
                close();
                return;
            }
            throw std::runtime_error("the broker closed the connection of " + user_);
        }
        received_.append(piece.data(), count > 0 ? std::size_t(count) : 0);
    } while (count == ssize_t(piece.size()));

    std::string_view rest = received_;
    while (const auto packet = take_packet(rest)) {
        take(*packet);
    }
    received_.erase(0, received_.size() - rest.size());
    if (!to_send_.empty() && !waits_to_write_) {
        send();
    }
}

void Connection::take(const Packet& packet) {
    switch (packet.kind()) {
        case Kind::connack:
        case Kind::suback:
            if (packet.kind() == Kind::connack && packet.body.at(1) != 0) {
                throw std::runtime_error("the broker refused " + user_);
            }
            --answers_due_;
            break;
        case Kind::publish: {
            const auto message = read_publish(packet, version_);
            if (message.id > 0) {
                write_acknowledgement(to_send_, message.id);
            }
            hear_(*this, message);
            break;
        }
        case Kind::disconnect:
            throw std::runtime_error("the broker sent DISCONNECT to " + user_);
        default:
            ++acknowledged_;
            break;
    }
}

void Connection::close() {
    if (socket_ >= 0) {
        ::close(socket_);
        socket_ = -1;
    }
}

}  // namespace beckon::bench
