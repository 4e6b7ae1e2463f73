# SPDX-License-Identifier: Apache-2.0
"""How late a timeout is to a listener on websockets, beside a plain PUBLISH to it: the broker's websockets are served
otherwise than TCP, which bench_load has."""
import contextlib
import json
import random
import socket
import threading
import time

from sides import Measured
from harness import paho_client

LISTENER, SENDER = "kitchen", "door"


def connect(user, port, transport):
    client = paho_client(transport=transport)
    client.username_pw_set(user)
    client.connect("127.0.0.1", port)
    if transport == "tcp":
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.loop_start()
    return client


class Stopwatch:
    """Notes when a message arrives at a client."""

    def __init__(self, client):
        self.arrived = threading.Event()
        self.wanted = lambda topic, payload: False
        client.on_message = self._on_message

    def _on_message(self, _client, _userdata, message):
        now = time.monotonic()
        if self.wanted(message.topic, message.payload):
            self.at = now
            self.arrived.set()

    def time(self, wanted, act):
        """Microseconds."""
        self.wanted = wanted
        self.arrived.clear()
        begin = time.monotonic()
        act()
        if not self.arrived.wait(10):
            raise SystemExit("nothing arrived within 10 s")
        return (self.at - begin) * 1e6


def subscribe(client, *topics):
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.subscribe([(topic, 1) for topic in topics])
    subscribed.wait(10)


def measure(rounds):
    """Of a plain PUBLISH and of timeouts, in microseconds, as bench_load tells them."""
    broker = Measured("memory", websockets=True)
    with contextlib.ExitStack() as ends:
        ends.callback(broker.remove)
        broker.start()
        clients = [connect(LISTENER, broker.websockets_port, "websockets"), connect(SENDER, broker.port, "tcp")]
        for client in clients:
            ends.callback(client.loop_stop)
            ends.callback(client.disconnect)
        listener, sender = clients
        watch = Stopwatch(listener)
        subscribe(listener, "plain/ring", f"beckon/v1/inbox/{LISTENER}/json")
        plain, late = [], []
        for _ in range(rounds):
            time.sleep(0.05)  # idle, so that the broker waits
            plain.append(watch.time(lambda topic, _: topic.startswith("plain/"),
                                    lambda: sender.publish("plain/ring", b"x" * 150, qos=1)))
            timeout = random.randint(80, 250)
            body = json.dumps({"timeout_ms": timeout})
            took = watch.time(lambda topic, payload: b"invitation_timeout" in payload,
                              lambda: sender.publish(f"beckon/v1/user/{LISTENER}/invite", body, qos=1))
            late.append(took - timeout * 1e3)
        return {"plain_us": plain, "late_us": late}
