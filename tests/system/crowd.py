# SPDX-License-Identifier: Apache-2.0
"""Many users on one thread: an MQTT 5 client that can do little, and that for thousands of connections at once."""

import itertools
import resource
import select
import socket
import struct
import time

PATIENCE = 60.0  # seconds; the upper bound of every wait


def allow_many_connections():
    """Raises this process's limit of open files, and that of the brokers that it starts later, as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _number(value):
    """A length as MQTT spells it."""
    spelled = bytearray()
    while True:
        value, digit = divmod(value, 128)
        spelled.append(digit | (128 if value else 0))
        if not value:
            return bytes(spelled)


def _text(text):
    text = text.encode()
    return struct.pack("!H", len(text)) + text


def _packet(first_byte, body):
    return bytes([first_byte]) + _number(len(body)) + body


def connection(client_id, user):
    """A CONNECT of MQTT 5, with a clean start, without keep-alive and properties."""
    return _packet(0x10, _text("MQTT") + b"\x05\x82\0\0\0" + _text(client_id) + _text(user))


def subscription(topics):
    """A SUBSCRIBE to all of them at QoS 1."""
    return _packet(0x82, b"\0\1\0" + b"".join(_text(topic) + b"\1" for topic in topics))


def publication(topic, payload, mid=1):
    """A PUBLISH of QoS 1, or of QoS 0 when `mid` is None."""
    if mid is None:
        return _packet(0x30, _text(topic) + b"\0" + payload)
    return _packet(0x32, _text(topic) + struct.pack("!H", mid) + b"\0" + payload)


class Crowd:
    """Each of `users` on a connection of its own, subscribed to `filters(user)` at QoS 1.

    All happens within poll() and what calls it: it acknowledges what arrives and hands it to
    `on_message(user, topic, payload)`, in the order in which the connections had something to read.
    """

    def __init__(self, port, users, filters, on_message=lambda user, topic, payload: None):
        self.on_message = on_message
        self._poller = select.epoll()
        self._sockets, self._users, self._rest = {}, {}, {}
        self._mids = itertools.cycle(range(1, 65536))
        self._granted = 0
        wanted = 0
        for user in users:
            link = socket.create_connection(("127.0.0.1", port), PATIENCE)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(connection(f"crowd-{user}", user))
            topics = filters(user)
            if topics:
                wanted += len(topics)
                link.sendall(subscription(topics))
            self._sockets[user] = link
            self._users[link.fileno()] = user
            self._rest[link.fileno()] = b""
            self._poller.register(link, select.EPOLLIN)
        self.poll_until(lambda: self._granted == wanted)

    def publish(self, user, topic, payload):
        self.send(user, publication(topic, payload, next(self._mids)))

    def send(self, user, packets):
        self._sockets[user].sendall(packets)

    def poll(self, patience):
        """Reads what is there, waiting for it up to `patience` seconds."""
        for number, _ in self._poller.poll(patience, 1000):
            self._read(number)

    def poll_until(self, condition):
        limit = time.monotonic() + PATIENCE
        while not condition():
            self.poll(0.1)
            if time.monotonic() > limit:
                raise AssertionError("what the crowd waits for does not come")

    def close(self):
        for link in self._sockets.values():
            link.close()
        self._poller.close()

    def _read(self, number):
        user = self._users[number]
        link = self._sockets[user]
        received = link.recv(65536)
        if not received:
            raise AssertionError(f"the broker closed the connection of {user}")
        rest = self._rest[number] + received
        acknowledgements = b""
        at = 0
        while True:
            begin, end = self._body(rest, at)
            if end is None:
                break
            kind = rest[at] & 0xF0
            if kind == 0x30:
                acknowledgements += self._take(user, rest[at], rest, begin, end)
            elif kind == 0x90:
                codes = rest[begin + 3:end]  # after the id and the properties' length, 0
                if any(code > 1 for code in codes):
                    raise AssertionError(f"{user} may not subscribe: {codes}")
                self._granted += len(codes)
            elif kind not in (0x20, 0x40):
                raise AssertionError(f"{user} received a packet of kind {kind:#x}")
            at = end
        self._rest[number] = rest[at:]
        if acknowledgements:
            link.sendall(acknowledgements)

    @staticmethod
    def _body(data, at):
        """Where the body of the packet at `at` begins and ends; it ends at None when it is not there yet."""
        length = shift = 0
        for place in range(at + 1, min(at + 5, len(data))):
            length |= (data[place] & 127) << shift
            shift += 7
            if data[place] < 128:
                end = place + 1 + length
                return place + 1, end if end <= len(data) else None
        return None, None

    def _take(self, user, first_byte, data, at, end):
        size = data[at] << 8 | data[at + 1]
        topic = data[at + 2:at + 2 + size].decode()
        at += 2 + size
        acknowledgement = b""
        if first_byte & 0x06:
            acknowledgement = b"\x40\x02" + data[at:at + 2]
            at += 2
        if data[at] > 127:
            raise AssertionError("more properties than were expected")
        at += 1 + data[at]
        self.on_message(user, topic, data[at:end])
        return acknowledgement
