#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the broker again and again under the load of many devices, and holds it to the contract's promises.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so tests/reliability/kill_loop.py [--kills N] [--minutes M] [--seed S]

Devices of six users ring and call each other, answer, cancel, hang up, move calls to another device, change groups and
ask, several requests at a time each. At a moment
that the seed chooses the broker is killed with SIGKILL: right after something was received, right after something was
sent, while devices come back, or while it starts; sometimes it gets a SIGTERM instead, or a SIGHUP on the way. Then it is
started in the same directory, everybody comes back, and promises.py judges what they see.

With BECKON_HOST=service it is beckond that is killed, beside a broker that goes on (BECKON_SERVICE names it). Devices
connect anew all the same, when it has answered what waited for it: only then is it known what became of a request.
With --takeovers there are two that share a PostgreSQL, and whichever serves is killed, or stopped for longer than its
lease; with --failovers the database is killed as well now and then, and one that followed it takes its place.

It ends with a summary, or with the first promise that is broken and the story of the invitation. SIGTERM ends it early,
with a summary.

    --kills N        so many SIGKILLs (default 200)
    --minutes M      fewer, when the time is up
    --seed S         chooses the load and the moments; without it, one is drawn. What the machine's own timing adds is
                     not in it, so a seed repeats the kind of a run, not each step
    --sync, --store  the values of plugin_opt_sync and plugin_opt_store (default: always, and a file beside the broker's)
    --failing        lets the disk fail now and then as well, full, read-only or with an I/O error, so that requests are
                     refused in between (BECKON_FAILING_DISK names the library that does it, failing_disk.cpp)
    --takeovers, --failovers  see above
    --forget         takes the last commit out of the store's log after each kill, as if what was said had not been
                     stored: succeeds when the promises are found broken
"""

import argparse
import collections
import errno
import functools
import math
import os
import random
import secrets
import selectors
import signal
import struct
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in ("system", "cluster")]
import paho.mqtt.client as mqtt  # noqa: E402
import instances  # noqa: E402
from harness import (CONTENT_TYPES, GENEROUS, SERVICE, Beckond, Broker, ServiceBroker, decode, encode,  # noqa: E402
                     encoding_of, paho_client, properties)
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from postgres import Databases  # noqa: E402
from promises import CALL_EVENTS, Broken, Device, Promises  # noqa: E402
from write_ahead_log import forget_last_commit  # noqa: E402

ROOT = "beckon/v1"
PATIENCE = 30.0  # seconds; the upper bound of every wait
USERS = ["ann", "bob", "cat", "dan", "eve", "fox"]
DEVICES = [("ann", "json"), ("ann", "msgpack"), ("bob", "msgpack"), ("bob", "json"), ("cat", "json"),
           ("dan", "msgpack"), ("eve", "json"), ("fox", "msgpack")]
GROUPS = ["family", "shift", "house"]
MOST_OPEN = 20  # by one user, so that what is looked at after each restart does not grow
TIMEOUTS = [30, 100, 300, 1000, 3000, 60000, 60000, 0]  # ms
HERE = b"here"  # the Correlation Data of what is no request of the load
QUIET = "connection_messages false\nlog_type none\nlog_type information\nlog_type error\nlog_type warning\nlog_type notice"


class Connection:
    """A device, and its connection for the time of one broker: subscribes, syncs, and then is `ready`."""

    def __init__(self, loop, number, user, encoding):
        self.loop, self.encoding = loop, encoding
        self.device = Device(f"{user}-{number}", user)
        self.client_id = f"device-{number}-{secrets.token_hex(4)}"
        self.window = 1 + number % 4
        self.waiting = {}
        self.broke_off = []
        self.ready = self.connected = self.sync_refused = False
        self.paho = None
        self.known = {}  # invitation -> the last rev that it has had, since a service may tell an event again

    def connect(self, port):
        self.paho = paho_client(self.client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        self.paho.username_pw_set(self.device.user)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_message = self._on_message
        self.paho.connect("127.0.0.1", port, clean_start=True,
                          properties=properties(PacketTypes.CONNECT, SessionExpiryInterval=0))
        self.paho.socket().setsockopt(6, 1, 1)  # TCP_NODELAY
        self.connected = True
        self.socket = self.paho.socket()
        self.loop.selector.register(self.socket, selectors.EVENT_READ, self)

    def read(self):
        self.paho.loop_read(1)
        if self.connected and self.paho.want_write():
            self.paho.loop_write()

    def ask(self, verb, subject, body=None):
        body = body or {}
        request = self.loop.promises.sent(self.device, verb, subject, body, now())
        token = b"%d" % self.loop.next_number()
        self.waiting[token] = request
        kind = ("user" if verb in ("sync", "history", "groups", "message") or (verb == "invite" and subject in USERS)
                else "group" if subject in GROUPS else "invitation")
        self.publish(f"{kind}/{subject}/{verb}", body, token)
        self.loop.count += 1
        return request

    def publish(self, topic, body, token):
        self.paho.publish(f"{ROOT}/{topic}/{self.device.user}", encode(body, self.encoding),
                          self.loop.random.choice((0, 1, 1, 1, 2)), properties=properties(
                              ResponseTopic=f"{ROOT}/inbox/{self.device.user}/reply/{self.client_id}",
                              CorrelationData=token))

    def is_told_again(self, body):
        """As the contract has devices know it (section 3)."""
        for shown in [body["invitation"]] if "invitation" in body else body.get("invitations", []):
            self.known[shown["id"]] = max(shown.get("rev", 0), self.known.get(shown["id"], 0))
        if "event" not in body or "rev" not in body or body["event"] in CALL_EVENTS + ("invitee_ringing", "signal"):
            return False
        known, self.known[body["id"]] = self.known.get(body["id"], 0), max(body["rev"], self.known.get(body["id"], 0))
        return body["rev"] <= known

    def _on_connect(self, _client, _userdata, _flags, code, *_):
        if code != 0:
            raise AssertionError(f"{self.device.name} is refused: {code}")
        inbox = f"{ROOT}/inbox/{self.device.user}"
        self.paho.subscribe([(f"{inbox}/{'json' if self.encoding == 'json' else 'event'}", mqtt.SubscribeOptions(1)),
                             (f"{inbox}/reply/{self.client_id}", mqtt.SubscribeOptions(1))])

    def _on_subscribe(self, *_):
        if SERVICE:
            self.publish(f"user/{self.device.user}/here", {"run": self.client_id}, HERE)
        self.ask("sync", self.device.user)

    def _on_disconnect(self, *_):
        if self.connected:
            self.connected = self.ready = False
            self.loop.selector.unregister(self.socket)
            self.broke_off = list(self.waiting.values())
            self.waiting.clear()

    def ask_what_broke_off(self):
        """As a client does that does not know whether it was heard."""
        for request in self.broke_off:
            if (request.verb == "invite" or request.subject in self.loop.promises.invitations) \
                    and request.verb != "get" and self.loop.random.random() < 0.5:
                self.ask(request.verb, request.subject, request.body)
        self.broke_off = []

    def _on_message(self, _client, _userdata, message):
        self.loop.count += 1
        body = decode(message.payload)
        if message.properties.ContentType != CONTENT_TYPES[encoding_of(message.payload)]:
            raise AssertionError("Content Type")
        if SERVICE and (self.is_told_again(body) or getattr(message.properties, "CorrelationData", b"") == HERE):
            return
        if "/reply/" not in message.topic:
            self.loop.promises.heard(self.device, body, now())
            return
        request = self.waiting.pop(message.properties.CorrelationData)
        self.loop.promises.answered(request, body, now())
        self.loop.replies[(request.verb, body.get("error", "ok"))] += 1
        if request.verb == "sync":
            self.sync_refused = not body["ok"]
            if self.sync_refused:
                return
            if "next" in body:
                self.ask("sync", self.device.user, {"after": body["next"]})
            else:
                self.ready = True


def now():
    return time.monotonic()


class Fence:
    def answers_what_waits(self):
        """A request that comes behind all others is answered when these are."""
        answered = []
        client = paho_client(f"fence-{secrets.token_hex(8)}", protocol=mqtt.MQTTv5)
        client.username_pw_set("fence")
        client.on_message = lambda *_: answered.append(True)
        client.on_subscribe = lambda *_: client.publish(f"{ROOT}/user/fence/groups/fence", b"{}", 1)
        client.connect("127.0.0.1", self.port, clean_start=True)
        client.subscribe(f"{ROOT}/inbox/fence/reply", 1)
        limit = time.monotonic() + PATIENCE
        while not answered:
            client.loop(0.05)
            if time.monotonic() > limit:
                raise AssertionError("what waited is not answered")
        client.disconnect()


class KilledService(Fence, ServiceBroker):
    """Its broker goes on."""

    def start(self):
        if self._process is None:
            return super().start()
        if self.service is None:
            self.start_service()
            self.answers_what_waits()
        return self

    def start_and_kill(self, after):
        self.kill()
        self.service = Beckond(self.arguments(), self._service_log)
        time.sleep(after)
        self.kill()
        self.start()

    def kill(self):
        if self.service:
            self.kill_service()

    def stop(self):
        self.stop_service()


class TakenOver(Fence, instances.Instances):
    """Its broker goes on, and so does one of two instances."""

    def __init__(self, arguments, chance, **how):
        super().__init__(Databases(follows=arguments.failovers), **how)
        self.chance, self.fails_over = chance, arguments.failovers
        self.pauses = self.failovers = 0

    def start(self):
        if self._process is None:
            return super().start()
        self.start_service()
        self.answers_what_waits()
        return self

    def start_and_kill(self, after):
        """One takes over, and is killed while it does."""
        if self._process is None:
            self.start()
        gone = self.kill_owner()
        self.start_instance(gone)
        with self.owns:
            self.owns.wait_for(lambda: self.owner != gone, PATIENCE)
        time.sleep(after)
        self.kill_owner()

    def kill(self):
        if self.fails_over and self.chance.random() < 0.3:
            self.failovers += 1
            self.databases.fail_over()
            self.databases.follow()
        elif self.chance.random() < 0.2:
            self.pauses += 1
            owner = self.owner
            self.pause_owner(self.chance.uniform(1.2, 3) * instances.LEASE_MS / 1000)
            self.wait_for_owner(other_than=owner)
        else:
            gone = self.kill_owner()
            self.wait_for_owner(other_than=gone)

    def stop(self):
        if self.chance.random() < 0.5:
            self.tell(("drain",))
        else:
            gone = self.owner
            if self.running.pop(gone).end(signal.SIGTERM) != 0:
                raise AssertionError("it did not end well")
            self.wait_for_owner(other_than=gone)


class FailingDisk:
    """What failing_disk.cpp does to a broker's store."""

    def __init__(self, broker):
        library = os.environ["BECKON_FAILING_DISK"]
        self.path = os.path.join(broker.directory, "disk")
        self.mend()
        broker.preload(library, FAILING_DISK=self.path)

    def fail(self, error):
        with open(self.path, "r+b" if os.path.exists(self.path) else "w+b") as file:
            file.write(struct.pack("i", error))

    def mend(self):
        self.fail(0)


class Loop:
    """The broker, the devices and what they do: all on one thread."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.promises = Promises(disk_fails=arguments.failing, epoch_stays=SERVICE)
        self.selector = selectors.DefaultSelector()
        self.connections = [Connection(self, number, user, encoding)
                            for number, (user, encoding) in enumerate(DEVICES)]
        for group in GROUPS:
            self.promises.group(group, USERS)
        kind = KilledService if SERVICE else Broker
        if arguments.takeovers:
            kind = functools.partial(TakenOver, arguments, self.random)
        self.broker = kind(options={**GENEROUS, "events_per_second": 1000000, "events_burst": 1000000,
                                    "max_pending_per_inviter": 1000, "max_pending_per_invitee": 1000,
                                    "grace_ms": 600000, "store": arguments.store, "sync": arguments.sync},
                           config=QUIET, persistence=SERVICE)
        self.disk = FailingDisk(self.broker) if arguments.failing else None
        self.count = self.number = 0
        self.kills = self.killed_early = self.stops = self.reloads = self.failures = self.invites = 0
        self.replies = collections.Counter()
        self.recent = collections.deque(maxlen=400)

    def next_number(self):
        self.number += 1
        return self.number

    # The broker's life

    def run(self):
        began, told = time.monotonic(), 0
        try:
            while self.kills < self.arguments.kills and time.monotonic() < began + 60 * self.arguments.minutes:
                if self.random.random() < 0.1:
                    self.broker.start_and_kill(self.random.uniform(0, 0.03))
                    self.kills += 1
                    self.killed_early += 1
                self.live()
                self.promises.forget(now() - 60)
                if self.kills >= told + 500:
                    told = self.kills
                    print(f"{told} kills, {time.monotonic() - began:.0f} s, {len(self.promises.still_open())} are open",
                          flush=True)
            self.settle()
        finally:
            for connection in self.connections:
                if connection.connected:
                    connection.paho.disconnect()
            self.broker.remove()
        return time.monotonic() - began

    def live(self):
        """One life of the broker, from its start to its end."""
        self.broker.start()
        self.count = 0
        for connection in self.connections:
            connection.connect(self.broker.port)
        if self.random.random() < 0.15:  # while they come back
            until = self.random.randrange(2 * len(self.connections))
            self.poll_until(lambda: self.count >= until)
            self.end()
            return
        self.poll_until(lambda: all(connection.ready for connection in self.connections))
        self.come_back()
        self.count = 0
        until = self.random.randint(1, 150)
        reload_at = self.random.randint(1, until) if self.random.random() < 0.1 else None
        fail_at = self.random.randint(1, until) if self.disk and self.random.random() < 0.5 else None
        mend_at = self.random.randint(fail_at, 2 * until) if fail_at is not None else None
        limit = time.monotonic() + PATIENCE
        while self.count < until:
            self.load(until)
            self.poll(lambda: self.count >= until)
            if reload_at is not None and self.count >= reload_at:
                self.broker.reload(wait=False)
                self.reloads += 1
                reload_at = None
            if fail_at is not None and self.count >= fail_at:
                self.disk.fail(self.random.choice((errno.ENOSPC, errno.EIO, errno.EROFS)))
                self.failures += 1
                fail_at = None
            if mend_at is not None and self.count >= mend_at:
                self.disk.mend()
                mend_at = None
            if time.monotonic() > limit:
                raise AssertionError("the load does not go on")
        self.end()

    def end(self, clean=None):
        """By SIGTERM if `clean`, else by SIGKILL; the seed chooses if it is not said."""
        if self.random.random() < 0.1 if clean is None else clean:
            self.broker.stop()
            self.stops += 1
        else:
            self.broker.kill()
            self.kills += 1
        if SERVICE:
            if self.arguments.forget:
                forget_last_commit(os.path.join(self.broker.directory, "beckon.db-wal"))
            for connection in self.connections:
                if connection.connected:
                    connection.paho.disconnect()
            self.broker.start()
        # All that it had said is still to be read.
        limit = time.monotonic() + PATIENCE
        while any(connection.connected for connection in self.connections):
            self.poll()
            if time.monotonic() > limit:
                raise AssertionError("a connection outlives the broker")
        self.promises.restarted(now())
        if self.disk:
            self.disk.mend()
        if self.arguments.forget and not SERVICE:
            forget_last_commit(os.path.join(self.broker.directory, "beckon.db-wal"))

    def settle(self):
        """What is still open is cancelled; then each (invitation, invitee) has to have ended."""
        self.arguments.forget = False
        self.broker.start()
        for connection in self.connections:
            connection.connect(self.broker.port)
        self.poll_until(lambda: all(connection.ready for connection in self.connections))
        for user in USERS:
            self.one_of(user).ask("history", user)
        for verb in ("get", "cancel", "get", "hangup", "get"):  # what is got tells who is in a call
            for invitation in self.promises.still_open():
                for user in invitation.took_part() if verb == "hangup" else [invitation.inviter]:
                    self.one_of(user).ask(verb, invitation.name)
            self.poll_until(self.nothing_waits)
        for invitation in self.promises.still_open():
            self.promises.broken("it has no end", invitation)
        self.broker.stop()

    def one_of(self, user):
        return self.random.choice([connection for connection in self.connections if connection.device.user == user])

    def nothing_waits(self):
        return not any(connection.waiting for connection in self.connections)

    def come_back(self):
        """What is in doubt since the restart is looked at before anything is done."""
        doubts, self.promises.doubts = self.promises.doubts, set()
        for user, name in sorted(doubts):
            if name in self.promises.invitations:
                self.one_of(user).ask("get", name)
        self.poll_until(self.nothing_waits)
        for connection in self.connections:
            connection.ask_what_broke_off()

    def poll(self, until=lambda: False):
        """Reads what is there, a packet for each device, but no more once `until` holds."""
        for key, _ in self.selector.select(0.05):
            if key.data.connected:
                key.data.read()
            if until():
                return

    def poll_until(self, done):
        limit = time.monotonic() + PATIENCE
        while not done():
            self.poll(done)
            if time.monotonic() > limit:
                raise AssertionError("what the devices wait for does not come")

    # The load

    def load(self, until):
        for connection in self.random.sample(self.connections, len(self.connections)):
            while connection.ready and len(connection.waiting) < connection.window and self.count < until:
                self.one_request(connection)

    def one_request(self, connection):
        what = self.random.random()
        if what < 0.3:
            self.invite(connection)
        elif what < 0.55:
            self.answer(connection)
        elif what < 0.7:
            self.talk(connection)
        elif what < 0.8:
            self.as_inviter(connection)
        elif what < 0.9:
            self.change_group(connection)
        elif what < 0.92:
            connection.ask("history", connection.device.user)
        elif what < 0.94 and connection.device.sync_found is not None and not self.syncing(connection):
            connection.ask("sync", connection.device.user)
        else:
            self.ask_again(connection)

    @staticmethod
    def syncing(connection):
        return any(request.verb == "sync" for request in connection.waiting.values())

    def invite(self, connection):
        user = connection.device.user
        mine = [invitation for invitation in self.promises.still_open() if invitation.inviter == user]
        if len(mine) > MOST_OPEN:
            self.end_it(mine[0], connection)
            return
        others = [other for other in USERS if other != user]
        self.invites += 1
        body = {"id": f"i{self.arguments.seed}-{self.invites}", "timeout_ms": self.random.choice(TIMEOUTS),
                "data": f"data {self.invites}"}
        call = self.random.random() < 0.5
        if self.random.random() < (0.25 if call else 0.5):
            body["answer"] = "first"
        if call:
            body["call"] = True
            body["timeout_ms"] = self.random.choice(TIMEOUTS[3:])  # most are answered
            crossed = self.some(lambda invitation: invitation.call and list(invitation.invitees) == [user]
                                and not invitation.invitees[user].end)
            if crossed is not None and self.random.random() < 0.5:
                self.remember(body["id"], connection.ask("invite", crossed.inviter, body))
                return
        group = self.random.choice(GROUPS)
        if self.random.random() < 0.3 and self.is_member(group, user):
            members = [member for member in dict(self.promises.groups[group].states[0][1]) if member != user]
            if members and self.random.random() < 0.7:
                body["invitees"] = self.random.sample(members, self.random.randint(1, len(members)))
            self.remember(body["id"], connection.ask("invite", group, body))
            return
        first, *also = self.random.sample(others, self.random.choice((1, 1, 2, 4)))
        if also:
            body["also"] = also
        self.remember(body["id"], connection.ask("invite", first, body))

    @staticmethod
    def end_it(invitation, connection):
        """As its inviter."""
        if invitation.took_part():
            connection.ask("hangup", invitation.name, {"all": True})
        else:
            connection.ask("cancel", invitation.name)

    def remember(self, name, request):
        self.recent.append((name, request))

    def is_member(self, group, user):
        states = self.promises.groups[group].states
        return len(states) == 1 and states[0] is not None and user in dict(states[0][1])

    def some(self, wanted):
        """A recent invitation that fits, most likely."""
        for _ in range(20):
            if not self.recent:
                return None
            name, request = self.recent[-1 - int(len(self.recent) * self.random.random() ** 2)]
            invitation = self.promises.invitations.get(name)
            if invitation is not None and invitation.seen_absent < invitation.invites[-1].sent and wanted(invitation):
                return invitation
        return None

    def some_open(self, wanted):
        """Also an old one, so that each ends at last."""
        found = [invitation for invitation in self.promises.still_open() if wanted(invitation)]
        return self.random.choice(found) if found else None

    def answer(self, connection):
        user = connection.device.user
        late = self.random.random() < 0.1
        invitation = self.some(lambda invitation: user in invitation.invitees
                               and (late or invitation.invitees[user].end is None))
        if invitation is None:
            return self.invite(connection)
        verb = self.random.choice(("accept", "accept", "accept", "reject", "ringing"))
        body = {}
        if verb == "reject" and self.random.random() < 0.5:
            body["reason"] = "busy"
        elif verb != "ringing" and self.random.random() < 0.3:
            body["data"] = f"answer {self.next_number()}"
        connection.ask(verb, invitation.name, body)

    def talk(self, connection):
        user = connection.device.user
        invitation = self.some(lambda invitation: user in invitation.took_part()) \
            if self.random.random() < 0.2 else self.some_open(
                lambda invitation: user in invitation.took_part() and not invitation.has_gone(user, now()))
        if invitation is None:
            return self.answer(connection)
        if self.random.random() < 0.4:
            return connection.ask("resume", invitation.name)
        body = {}
        if self.random.random() < 0.5:
            body["reason"] = f"reason {self.next_number()}"
        if self.random.random() < 0.3:
            body["data"] = f"last words {self.next_number()}"
        if user == invitation.inviter and self.random.random() < 0.3:
            body["all"] = True
        return connection.ask("hangup", invitation.name, body)

    def as_inviter(self, connection):
        user = connection.device.user
        late = self.random.random() < 0.2
        invitation = self.some(lambda invitation: invitation.inviter == user and (late or not invitation.over())) \
            if self.random.random() < 0.5 else self.some_open(lambda invitation: invitation.inviter == user)
        if invitation is None:
            return self.invite(connection)
        what = self.random.random()
        if what < 0.4:
            body = {}
            if self.random.random() < 0.3 and invitation.invitees:
                body["invitees"] = [self.random.choice([name for name, invitee in invitation.invitees.items()
                                                        if invitee.sources] or [invitation.inviter])]
                if body["invitees"] == [invitation.inviter]:
                    return None
            connection.ask("cancel", invitation.name, body)
        elif what < 0.7:
            connection.ask("modify", invitation.name, {"data": f"data {self.next_number()} modified"})
        else:
            strangers = [other for other in USERS if other != user]
            connection.ask("add", invitation.name, {"invitees": self.random.sample(strangers, 2),
                                                    "timeout_ms": self.random.choice(TIMEOUTS)})
        return None

    def ask_again(self, connection):
        user = connection.device.user
        invitation = self.some(lambda invitation: invitation.inviter == user)
        if invitation is None:
            return self.invite(connection)
        first = invitation.invites[0]
        if self.random.random() < 0.6:
            connection.ask("invite", first.subject, first.body)
        else:
            connection.ask("get", invitation.name)
        return None

    def change_group(self, connection):
        free = [group for group in self.promises.groups.values() if group.asked is None]
        if not free:
            return self.invite(connection)
        group, user = self.random.choice(free), connection.device.user
        state = group.states[0]
        others = [other for other in USERS if other != user]
        some = self.random.sample(others, self.random.randint(1, 3))
        if len(group.states) > 1 or self.random.random() < 0.2:
            connection.ask("get", group.name)
        elif state is None:
            connection.ask("create", group.name, {"members": some, "name": f"name {self.next_number()}"})
        elif user not in dict(state[1]):
            connection.ask("join", group.name)
        else:
            role = dict(state[1])[user]
            verbs = {"owner": ["add", "remove", "role", "transfer", "update", "dismiss"],
                     "admin": ["add", "remove", "update", "quit"], "member": ["quit", "add"]}[role]
            verb = self.random.choice(verbs)
            members = [member for member in dict(state[1]) if member != user]
            if verb in ("remove", "role", "transfer") and not members:
                verb = "update"
            body = {"add": lambda: {"members": some}, "remove": lambda: {"members": [self.random.choice(members)]},
                    "role": lambda: {"user": self.random.choice(members),
                                     "role": self.random.choice(("admin", "member"))},
                    "transfer": lambda: {"user": self.random.choice(members)},
                    "update": lambda: {"name": f"name {self.next_number()}"}}.get(verb, dict)()
            connection.ask(verb, group.name, body)
        return None

    def summary(self):
        outcomes = collections.Counter()
        for (_, outcome), number in self.replies.items():
            outcomes[outcome] += number
        return "\n".join([
            f"{self.kills} kills ({self.killed_early} while it started), {self.stops} clean stops, "
            f"{self.reloads} SIGHUPs, {self.failures} times the disk failed"
            + (f"; of the kills, {self.broker.pauses} pauses, {self.broker.failovers} of the database"
               if self.arguments.takeovers else ""),
            f"{sum(self.replies.values())} replies ({self.promises.broke_off} requests broke off), "
            f"{self.invites} invitations made",
            f"ends: {self.promises.ends}",
            f"outcomes: {dict(outcomes.most_common())}"])


def main():
    parser = argparse.ArgumentParser(usage="kill_loop.py [--kills N] [--minutes M] [--seed S] "
                                           "[--sync always|normal] [--store PATH|memory] [--failing] [--forget] "
                                           "[--takeovers] [--failovers]")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--sync", default="always")
    parser.add_argument("--store", default="{dir}/beckon.db")
    parser.add_argument("--failing", action="store_true")
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--takeovers", action="store_true")
    parser.add_argument("--failovers", action="store_true")
    arguments = parser.parse_args()
    arguments.takeovers = arguments.takeovers or arguments.failovers
    if arguments.takeovers and not SERVICE:
        parser.error("--takeovers is of a service: BECKON_HOST=service")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1000000)
    print(f"kill_loop.py --kills {arguments.kills} --seed {arguments.seed} --sync {arguments.sync}"
          + (" --takeovers" if arguments.takeovers else "") + (" --failovers" if arguments.failovers else "")
          + (" --failing" if arguments.failing else "") + (" --forget" if arguments.forget else ""), flush=True)
    loop = Loop(arguments)
    signal.signal(signal.SIGTERM, lambda *_: setattr(arguments, "minutes", 0))
    try:
        took = loop.run()
    except Broken as broken:
        print(loop.summary())
        print(f"a promise is broken after {loop.kills} kills, seed {arguments.seed}: {broken}")
        sys.exit(0 if arguments.forget else 1)
    except BaseException:
        print(loop.broker.log()[-4000:])
        raise
    print(loop.summary())
    print(f"no promise broken in {took:.0f} s, seed {arguments.seed}")
    sys.exit(1 if arguments.forget else 0)


if __name__ == "__main__":
    main()
