#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Days of a broker with a store, speeded up: what it says is held to the contract's promises, what it takes to bounds.

    export BECKON_PLUGIN=build/dev/broker_plugin/mosquitto_beckon.so
    export BECKON_FAILING_DISK=build/dev/tests/libfailing_disk.so
    tests/reliability/day.py [--hours H] [--life MINUTES] [--seed S]

The devices of kill_loop.py ring, call, signal, write and change groups, few at night and many by day, which lasts two
minutes. They leave and come back, with a goodbye or without, and visitors come for a moment. The disk fails now and
then. The broker's lives end by SIGTERM and by SIGKILL in turns; it starts in the same directory, and all come back.
promises.py judges all of it.

Every few seconds the broker's memory and descriptors are looked at, those of connected devices not counted. Their
slope is that of least squares within the lives, each without its first quarter (five minutes at most).

It ends with its figures, with status 1 when a promise is broken or a slope is above its bound; Ctrl-C ends it early,
with the figures so far.

    --hours H      so long (default 2)
    --life MINUTES so long the broker lives (default 20, less in a short run)
    --seed S       as for kill_loop.py
"""
import argparse
import errno
import math
import os
import random
import signal
import sys
import time

from kill_loop import USERS, Loop, now
from promises import Broken

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from crowd import Crowd  # noqa: E402

# A slope that is above its bound is noise unless it makes that much of a difference in a life.
MEMORY_PER_HOUR, MEMORY_THAT_COUNTS = 4.0, 1.0  # MiB
DESCRIPTORS_PER_HOUR, DESCRIPTORS_THAT_COUNT = 1.0, 1.0

LONG_ENOUGH = 1 / 6  # hours after the warm-up: in the first minutes memory only grows

DAY = 120  # seconds
BUSIEST = 60  # requests a second at noon
NIGHT = 0.05  # of that
ENDED_MS = 90000  # so that what has ended is forgotten within the warm-up
LOOK_EVERY = 5.0  # seconds
VISITORS_GONE = 3.0  # seconds until the broker has noticed
VISITORS = [f"visitor{number}" for number in range(20)]


class Often:
    """Something that happens every so many seconds on average."""

    def __init__(self, rng, seconds):
        self._random, self._seconds = rng, seconds
        self._due = now() + rng.expovariate(1 / seconds)

    def due(self):
        if now() < self._due:
            return False
        self._due = now() + self._random.expovariate(1 / self._seconds)
        return True


class Life(Loop):
    def __init__(self, arguments):
        super().__init__(arguments)
        self.broker.own_group = True
        self.broker.options["ended_ms"] = ENDED_MS
        self.over = False
        self.looks = []  # in each life: [(seconds, MiB, descriptors)]
        self.went = self.visits = 0
        self.visited_at = -math.inf
        self.back_at = {}  # connection -> when it comes back

    def run(self):
        began = now()
        until = began + 3600 * self.arguments.hours
        try:
            while not self.over and now() < until:
                self.live_for(min(60 * self.arguments.life, until - now()))
                self.end(clean=len(self.looks) % 2 == 1)
                print(f"life {len(self.looks)}: {self.invites} invitations, {sum(self.replies.values())} replies, "
                      f"{self.looks[-1][-1][1] if self.looks[-1] else math.nan:.1f} MiB", flush=True)
            self.settle()
        finally:
            for connection in self.connections:
                if connection.connected:
                    connection.paho.disconnect()
            self.broker.remove()
        return now() - began

    def live_for(self, length):
        self.broker.start()
        began, requests = now(), 0.0
        self.looks.append([])
        self.back_at.clear()
        for connection in self.connections:
            connection.connect(self.broker.port)
        self.poll_until(lambda: all(connection.ready for connection in self.connections))
        self.come_back()
        goes, visits, fails, reloads = (Often(self.random, seconds) for seconds in
                                        (5, 10, DAY / 2, 2 * DAY))
        mended_at, look_at, before = math.inf, began, began
        while not self.over and now() < began + length:
            requests += (now() - before) * BUSIEST * max(NIGHT, math.sin(math.pi * (now() - began) / DAY) ** 2)
            before = now()
            requests = self.make_requests(requests)
            self.poll()
            self.come_and_go(goes.due())
            self.ask_what_is_in_doubt()
            if visits.due():
                self.visit()
            if fails.due() and mended_at == math.inf:
                self.disk.fail(self.random.choice((errno.ENOSPC, errno.EIO, errno.EROFS)))
                self.failures += 1
                mended_at = now() + self.random.uniform(0.5, 5)
            if now() > mended_at:
                self.disk.mend()
                mended_at = math.inf
            if reloads.due():
                self.broker.reload(wait=False)
                self.reloads += 1
            if now() > look_at and now() > self.visited_at + VISITORS_GONE:
                self.look(now() - began)
                self.promises.forget(now() - ENDED_MS / 2000, now() - ENDED_MS / 2000)
                look_at = now() + LOOK_EVERY

    def make_requests(self, due):
        """As many as are due, and those who are there may have in flight; returns what is left."""
        for connection in self.random.sample(self.connections, len(self.connections)):
            if due >= 1 and connection.ready and connection not in self.back_at \
                    and len(connection.waiting) < connection.window:
                self.one_request(connection)
                due -= 1
        return min(due, BUSIEST)

    def one_request(self, connection):
        what = self.random.random()
        if what < 0.1:
            connection.ask("message", self.random.choice(USERS), {
                "id": f"m{self.arguments.seed}-{self.next_number()}", "data": "x" * self.random.randrange(1000)})
        elif what < 0.2:
            user = connection.device.user
            call = self.some_open(lambda invitation: user in invitation.took_part())
            if call is not None:
                connection.ask("signal", call.name, {"data": "x" * self.random.randrange(2000)})
        else:
            super().one_request(connection)

    def ask_what_is_in_doubt(self):
        """What ended while nobody was there to hear it, while the broker remembers it."""
        for user, name in sorted(self.promises.doubts):
            there = [connection for connection in self.connections if connection.device.user == user
                     and connection.ready and connection not in self.back_at]
            if there:
                self.promises.doubts.discard((user, name))
                if name in self.promises.invitations:
                    there[0].ask("get", name)

    # Who comes and goes

    def come_and_go(self, somebody_goes):
        """Who leaves has heard all replies before: what they asked has happened by then, or never."""
        if somebody_goes:
            connection = self.random.choice(self.connections)
            if connection.ready and connection not in self.back_at:
                self.back_at[connection] = now() + self.random.uniform(1, 30)
        for connection, back_at in list(self.back_at.items()):
            if connection.connected and not connection.waiting and now() < back_at:
                self.leave(connection)
            elif now() > back_at:
                del self.back_at[connection]
                if not connection.connected:
                    connection.connect(self.broker.port)
        for connection in self.connections:
            if connection.connected and connection.sync_refused and self.random.random() < 0.1:  # not at once
                connection.sync_refused = False
                connection.ask("sync", connection.device.user)

    def leave(self, connection):
        self.went += 1
        if self.random.random() < 0.5:
            connection.paho.disconnect()
            return
        connection.connected = connection.ready = False
        self.selector.unregister(connection.socket)
        connection.socket.close()

    def visit(self):
        """Strangers who ring each other and are gone."""
        visitors = Crowd(self.broker.port, VISITORS, lambda user: [f"beckon/v1/inbox/{user}/event"])
        for user, other in zip(VISITORS, VISITORS[1:]):
            visitors.publish(user, f"beckon/v1/user/{other}/invite", b'{"timeout_ms":5000}')
        visitors.poll(0)
        visitors.close()
        self.visits += len(VISITORS)
        self.visited_at = now()

    # What it takes

    def look(self, at):
        with open(f"/proc/{self.broker.pid}/status", encoding="ascii") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
        devices = sum(connection.connected for connection in self.connections)
        descriptors = len(os.listdir(f"/proc/{self.broker.pid}/fd")) - devices
        self.looks[-1].append((at, memory, descriptors))

    def slope(self, which):
        """Per hour, and of how many hours in the longest life."""
        above = below = longest = 0.0
        for looks in self.looks:
            if not looks:
                continue
            warm = min(300.0, looks[-1][0] / 4)
            points = [(look[0] / 3600, look[which]) for look in looks if look[0] >= warm]
            middle_x = sum(x for x, _ in points) / len(points)
            middle_y = sum(y for _, y in points) / len(points)
            above += sum((x - middle_x) * (y - middle_y) for x, y in points)
            below += sum((x - middle_x) ** 2 for x, _ in points)
            longest = max(longest, points[-1][0] - points[0][0])
        per_hour = above / below if below else math.nan
        return per_hour, longest

    def report(self):
        """Prints the figures; returns whether the bounds hold."""
        print(self.summary())
        print(f"{len(self.looks)} lives; devices went {self.went} times, {self.visits} visits")
        good = True
        for which, name, most, counting in ((1, "MiB", MEMORY_PER_HOUR, MEMORY_THAT_COUNTS),
                                          (2, "descriptors", DESCRIPTORS_PER_HOUR, DESCRIPTORS_THAT_COUNT)):
            values = [look[which] for looks in self.looks for look in looks]
            per_hour, hours = self.slope(which)
            held = hours >= LONG_ENOUGH
            wrong = held and per_hour > most and per_hour * hours > counting
            good = good and not wrong
            bound = "ABOVE ITS BOUND" if wrong else "bound" if held else "no life long enough for its bound"
            print(f"{name}: {min(values, default=math.nan):.1f} to {max(values, default=math.nan):.1f}, "
                  f"{per_hour:+.2f} per hour, {per_hour * hours:+.2f} in a life "
                  f"({bound}: {most:g} per hour and {counting:g} in a life)")
        return good


def main():
    parser = argparse.ArgumentParser(usage="day.py [--hours H] [--life MINUTES] [--seed S]")
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--life", type=float, default=None)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    parser.set_defaults(failing=True, store="{dir}/beckon.db", sync="always", forget=False, kills=math.inf)
    arguments = parser.parse_args()
    if arguments.life is None:
        arguments.life = min(20, arguments.hours * 60 / 3)
    print(f"day.py --hours {arguments.hours:g} --life {arguments.life:g} --seed {arguments.seed}", flush=True)
    life = Life(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(life, "over", True))
    try:
        took = life.run()
    except Broken as broken:
        life.report()
        print(f"a promise is broken in life {len(life.looks)}, seed {arguments.seed}: {broken}")
        sys.exit(1)
    except BaseException:
        print(life.broker.log()[-4000:])
        raise
    good = life.report()
    print(f"no promise broken in {took / 60:.1f} min, seed {arguments.seed}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
