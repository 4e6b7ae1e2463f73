#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How late a deadline fires on an idle broker, beside a plain PUBLISH measured in the same run.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/lateness.py [ROUNDS]

A round on each listener (TCP, websockets): a plain PUBLISH from a client to another, and an
invitation with a timeout that nobody answers. The invitation's lateness is what passed between
sending it and hearing invitation_timeout, less the timeout: it has the same two hops as the plain
PUBLISH, and the timer. What counts is the difference of the two.
"""
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
import paho.mqtt.client as mqtt  # noqa: E402
from harness import Broker  # noqa: E402


def connect(user, port, transport="tcp"):
    client = mqtt.Client(transport=transport)
    client.username_pw_set(user)
    client.connect("127.0.0.1", port)
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


def measure(broker, name, rounds, websockets):
    listener = (connect("kitchen-" + name, broker.websockets_port, "websockets") if websockets
                else connect("kitchen-" + name, broker.port))
    sender = connect("door-" + name, broker.port)
    watch = Stopwatch(listener)
    subscribed = threading.Event()
    listener.on_subscribe = lambda *_: subscribed.set()
    listener.subscribe([("plain/" + name, 1), (f"beckon/v1/inbox/kitchen-{name}/json", 1)])
    subscribed.wait(10)
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
    for what, values in ("plain PUBLISH", plain), ("timeout", late):
        print(f"{name:11} {what:14} p50 {percentile(values, 0.5):6.2f} ms   p99 {percentile(values, 0.99):6.2f} ms")
    print(f"{name:11} difference     p50 {percentile(late, 0.5) - percentile(plain, 0.5):6.2f} ms"
          f"   p99 {percentile(late, 0.99) - percentile(plain, 0.99):6.2f} ms")
    for client in listener, sender:
        client.disconnect()
        client.loop_stop()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    broker = Broker(websockets=True, options={"pair_invites_per_second": 1000, "pair_invites_burst": 1000})
    broker.start()
    try:
        measure(broker, "tcp", rounds, websockets=False)
        measure(broker, "websockets", rounds, websockets=True)
    finally:
        broker.stop()
        broker.remove()


if __name__ == "__main__":
    main()
