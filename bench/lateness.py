#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How late a deadline fires on an idle broker, and how long a stored reply takes, beside a plain PUBLISH measured in the
same run.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/lateness.py [ROUNDS]

A round on each listener (TCP, websockets): a plain PUBLISH from a client to another, and an
invitation with a timeout that nobody answers. The invitation's lateness is what passed between
sending it and hearing invitation_timeout, less the timeout: it has the same two hops as the plain
PUBLISH, and the timer. What counts is the difference of the two.

Then, with a store in a file (plugin_opt_sync always), what passes between an invitation and its reply, of which the
commit is most.
"""
import contextlib
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
from harness import Broker, paho_client  # noqa: E402


def connect(user, port, transport="tcp"):
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
        self.wanted = wanted
        self.arrived.clear()
        begin = time.monotonic()
        act()
        if not self.arrived.wait(10):
            raise SystemExit("nothing arrived within 10 s")
        return (self.at - begin) * 1000


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def subscribe(client, *topics):
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.subscribe([(topic, 1) for topic in topics])
    subscribed.wait(10)


def tell(name, what, values):
    print(f"{name:11} {what:14} p50 {percentile(values, 0.5):6.2f} ms   p99 {percentile(values, 0.99):6.2f} ms", flush=True)


def measure(broker, name, rounds, websockets):
    listener = (connect("kitchen-" + name, broker.websockets_port, "websockets") if websockets
                else connect("kitchen-" + name, broker.port))
    sender = connect("door-" + name, broker.port)
    watch = Stopwatch(listener)
    subscribe(listener, "plain/" + name, f"beckon/v1/inbox/kitchen-{name}/json")
    plain, late = [], []
    for _ in range(rounds):
        time.sleep(0.05)  # idle, so that the broker waits
        plain.append(watch.time(lambda topic, _: topic.startswith("plain/"),
                                lambda: sender.publish("plain/" + name, b"x" * 150, qos=1)))
        timeout = random.randint(80, 250)
        body = json.dumps({"timeout_ms": timeout})
        took = watch.time(lambda topic, payload: b"invitation_timeout" in payload,
                          lambda: sender.publish(f"beckon/v1/user/kitchen-{name}/invite", body, qos=1))
        late.append(took - timeout)
    tell(name, "plain PUBLISH", plain)
    tell(name, "timeout", late)
    print(f"{name:11} difference     p50 {percentile(late, 0.5) - percentile(plain, 0.5):6.2f} ms"
          f"   p99 {percentile(late, 0.99) - percentile(plain, 0.99):6.2f} ms")
    for client in listener, sender:
        client.disconnect()
        client.loop_stop()


def measure_reply(broker, rounds):
    door = connect("door", broker.port)
    watch = Stopwatch(door)
    subscribe(door, "beckon/v1/inbox/door/reply")
    took = []
    for number in range(rounds):
        time.sleep(0.05)
        body = json.dumps({"id": f"ring-{number}"})
        took.append(watch.time(lambda topic, payload: b'"invite"' in payload,
                               lambda: door.publish("beckon/v1/user/kitchen/invite", body, qos=1)))
        door.publish(f"beckon/v1/invitation/ring-{number}/cancel", b"", qos=1)
    tell("tcp", "stored reply", took)
    door.disconnect()
    door.loop_stop()


@contextlib.contextmanager
def running(**options):
    broker = Broker(websockets=True, options={"pair_invites_per_second": 1000, "pair_invites_burst": 1000, **options})
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
        broker.remove()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with running() as broker:
        measure(broker, "tcp", rounds, websockets=False)
        measure(broker, "websockets", rounds, websockets=True)
    with running(store="{dir}/beckon.db", sync="always") as broker:
        measure_reply(broker, rounds)


if __name__ == "__main__":
    main()
