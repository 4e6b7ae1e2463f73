# SPDX-License-Identifier: Apache-2.0
"""The floods of flood.py: each a class whose process attacks one broker.

On a bare broker each sends the same PUBLISHes to topics below `plain/v1`, which nobody reads unless it says so."""
import contextlib
import json
import os
import socket
import sys
import time

import msgpack

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
from crowd import Crowd, connection, publication, subscription  # noqa: E402

KIB, MIB = 1024, 1024 * 1024


class Target:
    """The broker that is attacked."""

    def __init__(self, port, bare):
        self.port, self.bare = port, bare
        self.root = "plain/v1" if bare else "beckon/v1"

    def topic(self, path):
        return f"{self.root}/{path}"

    def request(self, path, body, mid=None):
        """A PUBLISH; `body` as bytes, or what is JSON."""
        return publication(self.topic(path), body if isinstance(body, bytes) else json.dumps(body).encode(), mid)

    def link(self, client_id, user, *topics, window=None):
        """A connection of which nothing is read but by whoever asked for it."""
        link = socket.socket()
        if window is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        link.settimeout(30)
        link.connect(("127.0.0.1", self.port))
        link.sendall(connection(client_id, user) + (subscription(map(self.topic, topics)) if topics else b""))
        return link


class Flood:
    """What one flood does. Only `run` is measured; it returns how many requests it sent."""

    restarts = False  # the broker, between `prepare` and `run`, so that it has nothing that it only had on the way

    def __init__(self, target, turn, seconds):
        self.target, self.turn, self.seconds = target, turn, seconds
        self.crowd = None
        self.found = {}  # what is held against bounds of its own
        self._ready = set()

    def prepare(self):
        pass

    def run(self):
        raise NotImplementedError

    def leave(self):
        if self.crowd is not None:
            self.crowd.close()

    # What they have in common

    def gather(self, users, hears=()):
        """Connects these users, of whom those in `hears` read their replies."""
        self.crowd = Crowd(self.target.port, users, lambda user: [
            self.target.topic(f"inbox/{user}/reply")] if user in hears else [], self.hear)

    def hear(self, _user, topic, payload):
        if topic.endswith("/reply"):
            reply = json.loads(payload)
            if "req" in reply:
                self._ready.add(reply["req"])
                self.found.setdefault("refused", []).extend([] if reply["ok"] else [reply["error"]])

    def ask(self, user, path, body):
        """As a part of the preparations: until it is done, which a bare broker does not say. What the turn before
        used up comes back by the second."""
        for attempt in range(60):
            req = f"{path}-{self.turn}-{attempt}"
            self.found["refused"] = []
            self.crowd.send(user, self.target.request(path, {**body, "req": req}))
            if self.target.bare:
                return
            self.crowd.poll_until(lambda wanted=req: wanted in self._ready)
            if self.found["refused"] != ["rate_limited"]:
                break
            self.read_on()
        if self.found["refused"]:
            raise AssertionError(f"{path} is refused: {self.found['refused']}")

    def paced(self, rate, seconds=None):
        """The numbers of what is due, at `rate` in a second; what arrives is read in between."""
        seconds = seconds or self.seconds
        begin, sent, all_of_them = time.monotonic(), 0, int(rate * seconds)
        while sent < all_of_them and time.monotonic() < begin + 4 * seconds:
            due = min(int((time.monotonic() - begin) * rate), all_of_them, sent + 200)
            for number in range(sent, due):
                yield number
            if self.crowd is not None:
                self.crowd.poll(0 if due > sent else 0.002)
            elif due == sent:
                time.sleep(0.002)
            sent = due

    def read_on(self, seconds=1.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.crowd.poll(0.05)


class Quiet(Flood):
    """nothing: what the pair costs, and hears, when nobody attacks"""

    def run(self):
        time.sleep(self.seconds)
        return 0


class Invites(Flood):
    """10,000 invites in a second by one account, which reads the replies"""

    def prepare(self):
        self.gather(["mallory"], ["mallory"])

    def run(self):
        for number in self.paced(10000, 1):
            self.crowd.publish("mallory", self.target.topic("user/victim/invite"), json.dumps(
                {"id": f"flood-{self.turn}-{number}", "data": "x" * 64}).encode())
        self.read_on()
        return 10000


class Names(Flood):
    """1,000 invites by 30 accounts, each of 1,000 invented names for a day: a million"""

    def prepare(self):
        self.accounts = [f"mallory{number}" for number in range(30)]
        self.gather(self.accounts)

    def run(self):
        for number in self.paced(1000 / self.seconds):
            named = f"{self.turn}-{number}"
            body = {"visibility": "inviter", "timeout_ms": 86400000,
                    "also": [f"invented-{named}-{other}" for other in range(999)]}
            self.crowd.send(self.accounts[number % 30], self.target.request(f"user/invented-{named}/invite", body))
        return 1000


class Signals(Flood):
    """5,000 signals of 1 KB a second in a call of 250 who all read"""

    def prepare(self):
        guests = [f"guest{number}" for number in range(249)]
        everybody = ["mallory", *guests]
        self.crowd = Crowd(self.target.port, everybody, lambda user: [
            self.target.topic(f"inbox/{user}/event"), *([self.target.topic("inbox/mallory/reply")]
                                                        if user == "mallory" else [])], self.hear)
        self.call = f"call-{self.turn}"
        self.ask("mallory", f"user/{guests[0]}/invite", {"id": self.call, "also": guests[1:], "call": True,
                                                       "timeout_ms": 600000})
        for guest in guests:
            self.crowd.send(guest, self.target.request(f"invitation/{self.call}/accept", {}))
            self.crowd.poll(0)
        self.read_on(3)

    def run(self):
        body = json.dumps({"data": "x" * 1000}).encode()
        sent = 0
        for sent in self.paced(5000):
            self.crowd.publish("mallory", self.target.topic(f"invitation/{self.call}/signal"), body)
        return sent + 1


class Connections(Flood):
    """5,000 connections that subscribe, invite and vanish, a third of them with a DISCONNECT"""

    def run(self):
        for begin in range(0, 5000, 50):
            links = []
            for number in range(begin, begin + 50):
                user = f"visitor{number}"
                link = self.target.link(f"visit-{self.turn}-{number}", user, f"inbox/{user}/event")
                link.sendall(self.target.request(f"user/visitor{number + 1}/invite", {}, 1)
                             + (b"\xe0\0" if number % 3 == 0 else b""))
                links.append(link)
            for link in links:
                link.close()
        return 5000


class Takeovers(Flood):
    """1,000 takeovers of one client id, by its user and another: idle, subscribed, ringing, in a call, signaling, after"""

    STATES = [[], [], ["ring"], ["ring", "accept"], ["ring", "accept", "signal"], ["ring", "accept", "hangup"]]

    def prepare(self):
        self.gather(["host"])

    def run(self):
        before = None
        sent = 0
        for number in range(1000):
            user = "taken" if number % 5 else "other"
            link = self.target.link("the-client-id", user, *([f"inbox/{user}/event"] if number % 6 else []))
            for verb in self.STATES[number % 6]:
                name = f"takeover-{self.turn}-{number}"
                if verb == "ring":
                    self.crowd.send("host", self.target.request(f"user/{user}/invite", {"id": name, "call": True}))
                else:
                    link.sendall(self.target.request(f"invitation/{name}/{verb}", {"data": "s"}, 1))
                sent += 1
            with contextlib.suppress(OSError):
                link.recv(100)
            if before is not None:
                before.close()
            before = link
            self.crowd.poll(0)
        before.close()
        return sent + 1000


class Readers(Flood):
    """messages of 16 KB by ten accounts at their rate to 20 devices that read nothing (on a bare broker, too)"""

    def prepare(self):
        self.deaf = [self.target.link(f"deaf-{number}", f"deaf{number % 10}", f"user/deaf{number % 10}/message" if
                                      self.target.bare else f"inbox/deaf{number % 10}/json", window=4096)
                     for number in range(20)]
        self.gather([f"mallory{number}" for number in range(10)])

    def run(self):
        body = {"data": "x" * 16000}
        sent = 0
        for sent in self.paced(500):
            self.crowd.send(f"mallory{sent % 10}", self.target.request(f"user/deaf{sent // 10 % 10}/message", body))
        return sent + 1

    def leave(self):
        super().leave()
        for link in self.deaf:
            link.close()


class Filters(Flood):
    """3,000 subscriptions to filters of 64 KB and of 190 levels, shared ones, and wildcards"""

    def kinds(self, number):
        root = self.target.root
        inbox = f"{root}/inbox/mallory"
        return [f"{inbox}/{'a' * 65400}", "/".join([inbox, *map(str, range(number, number + 190))]),
                f"$share/{'g' * 60000}/{inbox}/json", "#", "+/+/+/+/+", f"{inbox}/reply/{number}{'y' * 60000}",
                f"{root}/{'u' * 65000}/#"]

    def run(self):
        link = self.target.link(f"filters-{self.turn}", "mallory")
        refused = 0
        for number in self.paced(3000 / self.seconds):
            try:
                link.sendall(subscription([self.kinds(number)[number % 7]]))
                if number % 100 == 0:
                    link.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while link.recv(MIB):
                            pass
                    link.settimeout(30)
            except OSError:
                refused += 1
                link.close()
                link = self.target.link(f"filters-{self.turn}", "mallory")
        link.close()
        return 3000


class Payloads(Flood):
    """invites with 50 MB of payload, one connection after the other"""

    def run(self):
        request = self.target.request("user/victim/invite", b"x" * 50_000_000, 1)
        sent, end = 0, time.monotonic() + self.seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError), contextlib.closing(self.target.link("payload", "mallory")) as link:
                link.sendall(request)
                link.settimeout(5)
                link.recv(100)  # CONNACK, or the end
                link.recv(100)
            sent += 1
        return sent


# More values than are taken, as many as a payload holds.
TOO_MANY_VALUES = b"\x81\xa1x\xdd" + (32000).to_bytes(4, "big") + b"\x80" * 32000


class Refused(Flood):
    """2,000 requests a second by one account, each of 32,000 values of msgpack"""

    accounts, rate = 1, 2000
    body = TOO_MANY_VALUES

    def prepare(self):
        self.gather([f"mallory{number}" for number in range(self.accounts)])

    def run(self):
        sent = 0
        for sent in self.paced(self.rate):
            self.crowd.send(f"mallory{sent % self.accounts}",
                            self.target.request(f"user/victim{sent % 1000}/invite", self.body))
        return sent + 1


class RefusedTen(Refused):
    """the same by ten accounts, each at the rate that it is allowed (50/s)"""

    accounts, rate = 10, 500


class ColludingKeys(RefusedTen):
    """ten accounts at their rate, 4,090 unknown keys in each invite, of msgpack"""

    body = msgpack.packb({"timeout_ms": 1000, **{f"{number:05}": 1 for number in range(4090)}})


class ColludingNames(RefusedTen):
    """ten accounts at their rate, each invite of 1,000 invented names"""

    body = json.dumps({"visibility": "inviter", "timeout_ms": 1000,
                       "also": [f"invented-name-{number:012}" for number in range(999)]}).encode()


class ColludingEscapes(RefusedTen):
    """ten accounts at their rate, each invite with 5,300 escaped letters of JSON"""

    body = b'{"timeout_ms":1000,"data":"' + b"\\u0041" * 5300 + b'"}'


class Accepts(Flood):
    """996 accepts of 16 KB at once: 249 users answer four invitations, and all hear of each"""

    INVITATIONS = 4

    def prepare(self):
        self.guests = [f"guest{number}" for number in range(249)]
        self.gather(["mallory", *self.guests], ["mallory"])
        for number in range(self.INVITATIONS):
            self.ask("mallory", f"user/{self.guests[0]}/invite", {
                "id": self.invitation(number), "also": self.guests[1:], "timeout_ms": 3600000,
                "on_inviter_lost": "keep"})
            self._ready.clear()

    def invitation(self, number):
        return f"large-{self.turn}-{number}"

    def run(self):
        body = json.dumps({"data": "x" * 16000}).encode()
        for guest in self.guests:
            self.crowd.send(guest, b"".join(self.target.request(f"invitation/{self.invitation(number)}/accept", body)
                                            for number in range(self.INVITATIONS)))
            self.crowd.poll(0)
        return self.INVITATIONS * len(self.guests)


class Messages(Flood):
    """800 messages of 16 KB at once: four accounts, each to a group of 50"""

    def prepare(self):
        self.accounts = [f"mallory{number}" for number in range(4)]
        self.gather(self.accounts, self.accounts)
        for user in self.accounts:
            self.ask(user, f"group/of-{user}/create", {"members": [f"{user}-{number}" for number in range(49)]})

    def run(self):
        request = {user: self.target.request(f"group/of-{user}/message", {"data": "x" * 16000})
                   for user in self.accounts}
        for _ in range(20):
            for user in self.accounts:
                self.crowd.send(user, 10 * request[user])
                self.crowd.poll(0)
        return 800


class Reads(Accepts):
    """50 `get`, `sync` and `history` a second of an invitation with 248 answers of 16 KB, by one account that reads"""

    INVITATIONS = 1
    restarts = True
    REQUESTS = ("invitation/large-0/get", "user/mallory/sync", "user/mallory/history")

    def prepare(self):
        if self.turn > 1:
            return  # it is the same
        super().prepare()
        self.guests.pop()  # who does not answer keeps it open
        super().run()
        self.read_on(3)
        self.crowd.close()
        self.crowd = None

    def invitation(self, number):
        return f"large-{number}"

    def hear(self, user, topic, payload):
        super().hear(user, topic, payload)
        self.found["bytes"] = self.found.get("bytes", 0) + len(payload)
        self.found["largest"] = max(self.found.get("largest", 0), len(payload))

    def run(self):
        self.gather(["mallory"], ["mallory"])
        sent = 0
        for sent in self.paced(50):
            self.crowd.send("mallory", self.one(sent))
        self.read_on()
        self.found["seconds"] = self.seconds + 1
        return sent + 1

    def one(self, number):
        return self.target.request(self.REQUESTS[number % 3], {"limit": 200})


class ReadsStopped(Reads):
    """the same, 200 at once and then 50 a second, by one account that reads nothing"""

    def run(self):
        self.link = self.target.link("stopped", "mallory", "inbox/mallory/reply", window=4096)
        self.link.sendall(b"".join(map(self.one, range(200))))
        sent = 0
        for sent in self.paced(50):
            self.link.sendall(self.one(sent))
        return 200 + sent + 1

    def leave(self):
        self.link.close()


class Pots(Flood):
    """100 accounts fill what is shared: each 60 invites with 16 KB for a day, and 100 groups with 32 KB of profile"""

    def prepare(self):
        self.accounts = [f"mallory{number}" for number in range(100)]
        self.gather([*self.accounts, "honest"], ["honest"])

    def run(self):
        profile = {f"key{number}": "x" * 16000 for number in range(2)}
        invite = json.dumps({"data": "x" * 16000, "timeout_ms": 86400000}).encode()
        create = json.dumps({"profile": profile}).encode()
        for number in range(160):
            for user in self.accounts:
                path, body = (f"user/invented-{user}-{self.turn}-{number}/invite", invite) if number < 60 else (
                    f"group/large-{user}-{number}/create", create)
                self.crowd.send(user, self.target.request(path, body))
            self.crowd.poll(0)
        self.probe()
        return 16000

    def probe(self):
        """Whether somebody else can still ring, and make a group."""
        if self.target.bare:
            return
        asked = {"invite": ("user/other/invite", {"data": "help"}),
                 "group": (f"group/honest-{self.turn}/create", {"members": ["other"]})}
        for name, (path, body) in asked.items():
            self._ready.clear()
            self.found["refused"] = []
            self.crowd.send("honest", self.target.request(path, {**body, "req": name}))
            self.crowd.poll_until(lambda wanted=name: wanted in self._ready)
            self.found[name] = self.found.pop("refused") or "ok"


FLOODS = {"quiet": Quiet, "invites": Invites, "names": Names, "signals": Signals, "connections": Connections,
          "takeovers": Takeovers, "readers": Readers, "filters": Filters, "payloads": Payloads, "refused": Refused,
          "refused-ten": RefusedTen, "colluding-keys": ColludingKeys, "colluding-names": ColludingNames,
          "colluding-escapes": ColludingEscapes, "accepts": Accepts, "messages": Messages, "reads": Reads,
          "reads-stopped": ReadsStopped, "pots": Pots}
