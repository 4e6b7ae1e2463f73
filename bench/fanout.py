# SPDX-License-Identifier: Apache-2.0
"""How late a large fan-out makes a ring between two others, beside a plain PUBLISH to as many, and what it costs.

Two brokers run at once, one bare and one with Beckon, each with many subscribers in a process of their own, and take
turns. A round on the bare one: a plain PUBLISH to all of them, and shortly after it one from a user to another. A round
on the other one: a request whose events reach all of them, and shortly after it a ring between two others.
"""
import collections
import json
import os
import struct
import time

from sides import Measured
from crowd import Crowd

ROOT = "beckon/v1"

Result = collections.namedtuple("Result", "ring length size cpu")


class Audience:
    """The subscribers, in a process of their own, so that the ring's clock is not kept from running."""

    def __init__(self, port, users, filters):
        here, there = os.pipe()
        self._users = len(users)
        self._child = os.fork()
        if self._child == 0:
            os.nice(5)
            self._listen(there, port, users, filters)
        os.close(there)
        self._pipe = os.fdopen(here, "rb", buffering=0)
        self._read()

    def _listen(self, pipe, port, users, filters):
        received = 0
        size = 0

        def count(_user, _topic, payload):
            nonlocal received, size
            received += 1
            size += len(payload)
            if received % self._users == 0:
                os.write(pipe, struct.pack("!dI", time.monotonic(), size // self._users))
                size = 0

        crowd = Crowd(port, users, filters, count)
        os.write(pipe, struct.pack("!dI", 0, 0))
        while True:
            crowd.poll(10)

    def _read(self):
        return struct.unpack("!dI", self._pipe.read(12))

    def wait_all(self):
        """When each had one more message, and their mean size."""
        return self._read()

    def end(self):
        os.kill(self._child, 9)
        os.waitpid(self._child, 0)
        self._pipe.close()


class Side:
    """A broker with its audience, and three users beside it: one who speaks to all, and two who ring."""

    def __init__(self, name, users, filters, broker):
        self.name, self.broker = name, broker.start()
        self.audience = Audience(broker.port, users, filters)
        self.trio = Crowd(broker.port, ["speaker", "door", "kitchen"],
                          lambda user: filters(user) if user == "kitchen" else [], self._arrived)
        self._clock = (~broker.pid << 3) | 2  # CLOCK_PROCESS_CPUTIME of that process
        self.results = collections.defaultdict(list)

    def _arrived(self, _user, _topic, payload):
        if self._wanted in payload:
            self._rang = time.monotonic()

    def round(self, kind, fan_out, ring, wanted, delay):
        self._wanted, self._rang = wanted, None
        cpu = time.clock_gettime(self._clock)
        begin = time.monotonic()
        self.trio.publish("speaker", *fan_out)
        while time.monotonic() < begin + delay:
            pass
        rung = time.monotonic()
        self.trio.publish("door", *ring)
        self.trio.poll_until(lambda: self._rang is not None)
        end, size = self.audience.wait_all()
        self._settle()
        self.results[kind].append(Result(ring=self._rang - rung, length=end - begin, size=size,
                                         cpu=time.clock_gettime(self._clock) - cpu))
        return size

    def _settle(self):
        """Returns when the broker is idle again."""
        before = 0.0
        while (now := time.clock_gettime(self._clock)) - before > 0.001:
            before = now
            self.trio.poll(0.02)
            time.sleep(0.05)

    def end(self):
        self.audience.end()
        self.trio.close()
        self.broker.stop()
        self.broker.remove()


def fan_outs(users, number):
    """The requests of one round, by name, each with one event for each of the users."""
    first, *others = users
    return {"invite": (f"user/{first}/invite",
                       {"id": f"all-{number}", "also": others, "visibility": "inviter", "data": "x" * 100}),
            "modify": (f"invitation/all-{number}/modify", {"data": "x" * 100}),
            "cancel": (f"invitation/all-{number}/cancel", {"data": "x" * 100}),
            "message": ("group/all/message", {"data": "x" * 100})}


def measure(count, rounds):
    """The results of the bare broker and of Beckon, by kind of request."""
    users = [f"u{number}" for number in range(count)]
    limits = {"max_invitees": count, "max_group_members": count + 1, "max_audience": 1000}
    bare = Side("bare", users, lambda user: [f"plain/{user}" if user == "kitchen" else "plain/all"], Measured("bare"))
    beckon = Side("Beckon", users, lambda user: [f"{ROOT}/inbox/{user}/event"], Measured("memory", **limits))
    try:
        beckon.trio.publish("speaker", f"{ROOT}/group/all/create", json.dumps({"members": users}).encode())
        beckon.audience.wait_all()
        size = 250
        for number in range(rounds):
            delay = 0.04 * number / rounds
            for kind, (topic, body) in fan_outs(users, number).items():
                name = f"ring-{number}-{kind}"
                bare.round(kind, ("plain/all", b"x" * size), ("plain/kitchen", name.encode()), name.encode(), delay)
                size = beckon.round(  # the same bytes for all the next time
                    kind, (f"{ROOT}/{topic}", json.dumps(body).encode()),
                    (f"{ROOT}/user/kitchen/invite", json.dumps({"id": name, "timeout_ms": 500}).encode()),
                    name.encode(), delay)
        return bare.results, beckon.results
    finally:
        for side in bare, beckon:
            side.end()
