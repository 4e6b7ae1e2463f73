#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a large fan-out costs, and how late it makes a ring between two others, beside a plain PUBLISH to as many.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/fanout.py [USERS [ROUNDS]]

Two brokers run at once, one bare and one with Beckon, each with USERS subscribers in a process of their own, and take
turns. A round on the bare one: a plain PUBLISH to all of them, and shortly after it one from a user to another. A round
on the other one: a request whose events reach all of them, and shortly after it a ring between two others. What counts
is the difference of the rings' times and the ratio of the brokers' CPU times.

Then a flood: 250 invitees accept at once, and all of them hear all of it. What counts is that it arrives, and the memory
that the broker took for it.
"""
import collections
import json
import os
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
from crowd import Crowd, allow_many_connections  # noqa: E402
from harness import GENEROUS, Broker  # noqa: E402

ROOT = "beckon/v1"

# A line for each message would be most of the cost.
QUIET = "log_type none\nlog_type information"

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
        self._clock = (~broker._process.pid << 3) | 2  # CLOCK_PROCESS_CPUTIME of that process
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


def flood(users, data):
    """Prints what the flood of answers with `data` takes."""
    broker = Broker(options={**GENEROUS, "max_audience": 1000, "events_burst": 1000000}, config=QUIET).start()
    received = 0

    def count(_user, _topic, _payload):
        nonlocal received
        received += 1

    crowd = Crowd(broker.port, ["inviter"] + users, lambda user: [f"{ROOT}/inbox/{user}/event"], count)
    try:
        crowd.publish("inviter", f"{ROOT}/user/{users[0]}/invite", json.dumps({"id": "i", "also": users[1:]}).encode())
        crowd.poll_until(lambda: received == len(users))
        before = peak_memory(broker)
        begin = time.monotonic()
        for user in users:
            crowd.publish(user, f"{ROOT}/invitation/i/accept", json.dumps({"data": "x" * data}).encode())
        crowd.poll_until(lambda: received == len(users) * (len(users) + 2))
        print(f"flood    {len(users)} accepts with {data} bytes of data, heard by {len(users) + 1}: all had all after "
              f"{time.monotonic() - begin:.1f} s, the broker took {(peak_memory(broker) - before) / 1024:.1f} MiB")
    finally:
        crowd.close()
        broker.stop()
        broker.remove()


def peak_memory(broker):
    """The most that the process ever had, in KiB."""
    with open(f"/proc/{broker._process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def fan_outs(users, number):
    """The requests of one round, by name, each with one event for each of the users."""
    first, *others = users
    return {"invite": (f"user/{first}/invite",
                       {"id": f"all-{number}", "also": others, "visibility": "inviter", "data": "x" * 100}),
            "modify": (f"invitation/all-{number}/modify", {"data": "x" * 100}),
            "cancel": (f"invitation/all-{number}/cancel", {"data": "x" * 100}),
            "message": ("group/all/message", {"data": "x" * 100})}


def report(kind, bare, beckon):
    rings, cpu = {}, {}
    for side in bare, beckon:
        results = side.results[kind]
        rings[side] = [result.ring * 1e3 for result in results]
        cpu[side] = statistics.median(result.cpu for result in results) * 1e3
        print(f"{kind:8} {side.name:7} ring p50 {percentile(rings[side], 0.5):6.1f} ms   "
              f"p99 {percentile(rings[side], 0.99):6.1f} ms   "
              f"all had it after {statistics.median(result.length for result in results) * 1e3:6.1f} ms   "
              f"broker CPU {cpu[side]:6.1f} ms   {statistics.median(result.size for result in results):.0f} bytes each")
    print(f"{kind:8} ring later by p50 {percentile(rings[beckon], 0.5) - percentile(rings[bare], 0.5):.1f} ms, "
          f"p99 {percentile(rings[beckon], 0.99) - percentile(rings[bare], 0.99):.1f} ms;   "
          f"CPU {cpu[beckon] / cpu[bare]:.2f} times")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    allow_many_connections()
    users = [f"u{number}" for number in range(count)]
    limits = {"max_invitees": count, "max_group_members": count + 1, "events_per_second": 1000000, "events_burst": 1000000,
              "max_pending_per_invitee": 1000, "max_pending_per_inviter": 1000}
    bare = Side("bare", users, lambda user: [f"plain/{user}" if user == "kitchen" else "plain/all"],
                Broker(plugin=False, config=QUIET))
    beckon = Side("Beckon", users, lambda user: [f"{ROOT}/inbox/{user}/event"],
                  Broker(options={**GENEROUS, **limits}, config=QUIET))
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
        for kind in beckon.results:
            report(kind, bare, beckon)
    finally:
        for side in bare, beckon:
            side.end()
    for data in 0, 10000:
        flood(users[:250], data)


if __name__ == "__main__":
    main()
