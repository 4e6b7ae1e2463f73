# SPDX-License-Identifier: Apache-2.0
"""No client can speak for another, read another's inbox, or leave anything behind (sections 1, 2 and promise 5)."""

import hashlib
import os
import re
import secrets
import socket
import struct
import unittest

from harness import PATIENCE, SystemTest

FORGED = b'{"event":"new_invitation","id":"forged","rev":1,"inviter":"alice"}'


class AttackTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker(persistence=True)
        self.root = self.broker.root
        self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")

    def inbox(self, user, level):
        return f"{self.root}/inbox/{user}/{level}"

    def some_traffic(self):
        """Events and replies in both inboxes; returns the id."""
        invitation = self.invite(self.alice, "bob", data="secret")
        self.bob.wait_event("new_invitation")
        self.assert_ok(self.bob.ask(f"invitation/{invitation}/accept", data="secret"))
        for client in (self.alice, self.bob):
            client.wait_event("invitee_accepted")
        self.alice.publish(f"{self.root}/user/alice/sync", b'{"req":"plain"}')
        self.alice.fence()
        return invitation

    def assert_silent(self, *clients):
        """The inboxes of alice and bob get nothing that they do not expect, and signaling still works for them."""
        for client in (self.alice, self.bob, *clients):
            client.no_more_events()
        self.assertEqual(self.bob.replies, [])
        self.some_traffic()

    def assert_overheard_nothing(self, spy):
        """Whatever it subscribed to, this client has received nothing below the root but status."""
        spy.marker()
        self.assertEqual([(message.topic, message.payload) for message in spy.messages
                          if message.topic.startswith(self.root)
                          and (message.topic != f"{self.root}/status" or message.payload == FORGED)], [])

    def tearDown(self):
        """Nothing is kept but status: a broker without the plugin shows all that it would retain below the root, and
        its database what it would retain anywhere."""
        self.close_clients()
        self.broker.restart(plugin=False, config="")
        with open(os.path.join(self.broker.directory, "mosquitto.db"), "rb") as database:
            self.assertNotIn(b"forged", database.read())
        reader = self.connect(self.broker)
        reader.subscribe("#")
        reader.marker()
        kept = [message.topic for message in reader.messages if message.retain and message.topic.startswith(self.root)]
        self.assertIn(kept, ([], [f"{self.root}/status"]))


class Forging(AttackTest):
    def test_a_request_in_anothers_name_is_refused_and_the_refusal_goes_to_the_real_sender(self):
        mallory = self.connect(self.broker, "mallory")
        invitation = self.invite(self.alice, "bob")
        self.bob.wait_event("new_invitation")
        for request in ("user/bob/invite/alice", f"invitation/{invitation}/accept/bob",
                        f"invitation/{invitation}/cancel/alice", "user/alice/sync/alice", "user/alice/sync/mallory",
                        "user/alice/sync"):
            with self.subTest(request=request):
                self.assert_refused(mallory.ask(request), "wrong_sender", code=8011)
        for client in (self.alice, self.bob):
            client.no_more_events()
        self.assertIn(invitation, self.bob.sync())

    def test_what_a_client_publishes_to_an_inbox_goes_nowhere(self):
        anonymous = self.connect(self.broker)
        mallory = self.connect(self.broker, "mallory")
        for forger in (mallory, anonymous, self.bob, self.alice):
            for level in ("event", "json", "reply", f"reply/{self.alice.reply_token}", "other", "event/x"):
                for retain in (False, True):
                    for qos in (0, 1, 2):
                        for user in ("alice", "bob"):
                            forger.publish(self.inbox(user, level), FORGED, qos, retain)
            forger.publish(f"{self.root}/inbox", FORGED, 1, True)
            forger.publish(f"{self.root}/inbox/bob", FORGED, 1, True)
            forger.marker()
        late = self.connect(self.broker, "bob", listen=["event", "json", "reply", "other"])
        self.assert_silent(mallory, late)
        for client in (self.alice, self.bob, late):
            self.assertFalse([message for message in client.messages if b"forged" in message.payload])

    def test_what_a_client_publishes_to_status_goes_nowhere(self):
        def status():
            reader = self.connect(self.broker)
            reader.subscribe(f"{self.root}/status")
            reader.marker()
            return [message.payload for message in reader.messages if message.topic == f"{self.root}/status"]

        before = status()
        self.assertEqual(len(before), 1)
        watcher = self.connect(self.broker)
        watcher.subscribe(f"{self.root}/#")
        for forger in (self.connect(self.broker, "mallory"), self.connect(self.broker)):
            for payload in (b"", b"{}", FORGED):
                for retain in (False, True):
                    forger.publish(f"{self.root}/status", payload, 1, retain)
            forger.marker()
        watcher.marker()
        self.assertEqual([message.payload for message in watcher.messages if message.topic == f"{self.root}/status"],
                         before)
        self.assertEqual(status(), before)


class Reading(AttackTest):
    def spy_filters(self):
        inboxes = [self.inbox(user, level) for user in ("alice", "bob", "+")
                   for level in ("event", "json", "reply", "reply/#", "+", "#")]
        wide = ["#", "+/#", "+/+/+/+/+", "+/+/+/+/#", "beckon/#", f"{self.root}/#", f"{self.root}/inbox/#",
                f"{self.root}/+/bob/event", "+/+/inbox/bob/event", f"{self.root}/user/#",
                f"{self.root}/user/bob/invite", f"{self.root}/invitation/#", f"{self.root}/+/+/+"]
        return inboxes + wide + [f"$share/spies/{topic}" for topic in inboxes + wide]

    def test_no_filter_lets_one_read_anothers_inbox_or_requests(self):
        spies = [self.connect(self.broker, "mallory", listen=[]), self.connect(self.broker),
                 self.connect(self.broker, "carol", v5=False, listen=[]), self.connect(self.broker, v5=False)]
        for spy in spies:
            for topic in self.spy_filters():
                spy.subscribe(topic)
        self.some_traffic()
        for spy in spies:
            self.assert_overheard_nothing(spy)

    def test_each_filter_alone_is_no_leak_either(self):
        spies = []
        for number, topic in enumerate(self.spy_filters()):
            spies.append(self.connect(self.broker, f"spy{number}", subscribe=False))
            spies[-1].subscribe(topic)
        self.some_traffic()
        for spy in spies:
            self.assert_overheard_nothing(spy)

    def test_a_shared_subscription_takes_no_event_away_from_the_user(self):
        mallory = self.connect(self.broker, "mallory")
        for topic in (self.inbox("bob", "event"), self.inbox("bob", "#"), "#"):
            mallory.subscribe(f"$share/spies/{topic}")
        for _ in range(5):
            self.some_traffic()
        self.assert_overheard_nothing(mallory)

    def test_the_reply_goes_to_no_response_topic_outside_the_askers_own(self):
        watcher = self.connect(self.broker, "carol")
        watcher.subscribe("#")
        self.alice.subscribe_inbox("reply/#")
        for topic in (self.inbox("bob", "reply"), self.inbox("bob", "event"), self.inbox("alice", "event"),
                      self.inbox("alice", "json"), self.inbox("alice", "replyx"), self.inbox("alice", "reply/../event"),
                      self.inbox("alice", "x/reply"), f"{self.root}/status", f"{self.root}/user/bob/invite",
                      "elsewhere", "$SYS/broker/version", f"/{self.inbox('alice', 'reply')}",
                      self.inbox("ALICE", "reply")):
            with self.subTest(topic=topic):
                self.assert_ok(self.alice.request("user/alice/sync", response_topic=topic))
                below = topic.startswith(self.inbox("alice", "reply/"))
                self.assertEqual(self.alice.messages[-1].topic, topic if below else self.inbox("alice", "reply"))
        for client in (self.bob, watcher):
            client.marker()
            self.assertFalse([message for message in client.messages if b"server_epoch" in message.payload
                              and message.topic != f"{self.root}/status"])
        self.assert_silent()

    def test_requests_reach_no_subscriber_refused_ones_included(self):
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        for topic in ("user/bob/invite", "user/bob", "user", "nonsense", "a/b/c/d/e/f", "invitation/x/accept",
                      "group/x/create", "user/bob/message", "", "user/b ob/invite"):
            self.alice.publish(f"{self.root}/{topic}", b'{"data":"secret"}')
        self.alice.publish(self.root, b'{"data":"secret"}')
        self.alice.fence()
        self.assert_overheard_nothing(watcher)
        self.assertFalse([message for message in watcher.messages if b"secret" in message.payload])


class Wills(AttackTest):
    def test_a_will_has_no_effect_and_leaves_nothing(self):
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        invitation = self.invite(self.alice, "bob")
        self.bob.wait_event("new_invitation")
        topics = [f"{self.root}/{topic}" for topic in
                  ("user/bob/invite", f"invitation/{invitation}/cancel", f"invitation/{invitation}/accept",
                   f"invitation/{invitation}/accept/bob", "status", "inbox/bob/event", "inbox/bob/json",
                   "inbox/alice/reply", "inbox/bob", "nonsense", "")] + [self.root]
        for user in ("mallory", "alice", "bob", None):
            for topic in topics:
                for retain in (False, True):
                    dying = self.connect(self.broker, user, subscribe=False, v5=not retain,
                                         will={"topic": topic, "payload": FORGED, "qos": 1, "retain": retain})
                    dying.drop()
        self.assertIn(invitation, self.bob.sync())
        self.assert_silent()
        self.assert_overheard_nothing(watcher)

    def test_neither_has_a_delayed_will(self):
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        topics = [f"{self.root}/{topic}" for topic in ("user/bob/invite", "status", "inbox/bob/event")]
        for topic in topics + ["witness"]:
            dying = self.connect(self.broker, "alice" if topic != "witness" else None, subscribe=False, will_delay=1,
                                 will={"topic": topic, "payload": FORGED, "qos": 1, "retain": topic != "witness"})
            dying.drop()
        watcher.wait_message(lambda message: message.topic == "witness")
        self.assert_silent()
        self.assert_overheard_nothing(watcher)

    def test_wills_that_the_broker_sends_when_it_stops_leave_nothing(self):
        topics = [f"{self.root}/{topic}" for topic in ("user/bob/invite", "status", "inbox/bob/event", "non/sense")]
        for topic in topics:
            for user in ("alice", None):
                dying = self.connect(self.broker, user, subscribe=False,
                                     will={"topic": topic, "payload": FORGED, "qos": 1, "retain": True})
                dying.freeze()
            waiting = self.connect(self.broker, "alice", subscribe=False, will_delay=1000,
                                   will={"topic": topic, "payload": FORGED, "qos": 1, "retain": True})
            waiting.drop()
        self.alice.leave()
        self.bob.leave()
        self.broker.restart(plugin=False)  # before tearDown, which closes the connections


class Retaining(AttackTest):
    def test_what_was_retained_before_the_plugin_was_there_reaches_nobody(self):
        self.close_clients()
        self.broker.restart(plugin=False)
        forger = self.connect(self.broker)
        topics = [f"{self.root}/{topic}" for topic in ("inbox/bob/event", "inbox/bob/json", "inbox/bob/reply", "status",
                                                       "user/bob/invite", "non/sense")] + [self.root]
        for topic in topics:
            forger.publish(topic, FORGED, 1, True)
        self.close_clients()
        self.broker.restart(plugin=True)
        self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")
        late = self.connect(self.broker, "bob", listen=["event", "json", "reply"])
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        self.assert_silent(late)
        self.assert_overheard_nothing(watcher)
        self.close_clients()
        cleaner = self.connect(self.broker.restart(plugin=False))
        for topic in topics:
            cleaner.publish(topic, b"", 1, True)

    def test_a_retained_request_is_refused(self):
        for payload in (b"", b"{}", b'{"id":"forged"}'):
            self.assert_refused(self.alice.request("user/bob/invite", payload=payload, retain=True),
                                "invalid_request", field="retain")
        invitation = self.invite(self.alice, "bob")
        self.bob.wait_event("new_invitation")
        self.assert_refused(self.bob.request(f"invitation/{invitation}/accept", {}, retain=True),
                            "invalid_request", field="retain")
        self.assertIn(invitation, self.bob.sync())
        late = self.connect(self.broker, "carol")
        late.subscribe("#")
        self.assert_overheard_nothing(late)
        for client in (self.alice, self.bob):
            client.no_more_events()

    def test_nothing_below_the_root_is_ever_retained(self):
        anonymous = self.connect(self.broker)
        for client in (self.alice, anonymous, self.connect(self.broker, "a/b", subscribe=False)):
            for topic in ("", "/", "/x", "/user/bob/invite", "/invitation/x/get", "/group/x/create", "/a/b/c/d/e/f",
                          "/inbox/bob/event", "/inbox/alice/reply", "/user/bob/message", "/status/x"):
                client.publish(f"{self.root}{topic}", FORGED, 1, True)
            client.marker()
        self.assert_silent()  # and tearDown looks at what is kept


class Takeover(AttackTest):
    def test_another_user_with_the_same_client_id_reads_nothing(self):
        for v5 in (True, False):
            with self.subTest(v5=v5):
                user = f"victim-{v5}"
                victim = self.connect(self.broker, user, v5=v5, clean=False)
                self.invite(self.alice, user, data="secret")
                victim.wait_event("new_invitation")
                victim.leave()
                queued = self.invite(self.alice, user, data="secret")
                self.assert_ok(self.alice.ask(f"invitation/{queued}/modify", data="secret"))
                self.alice.wait_event("invitation_modified")
                thief = self.connect(self.broker, "mallory", v5=v5, clean=False, subscribe=False,
                                     client_id=victim.client_id)
                self.invite(self.alice, user, data="secret")
                self.alice.fence()
                thief.publish(f"{self.root}/user/mallory/sync")
                self.assert_overheard_nothing(thief)
                self.assert_refused(self.alice.ask(f"user/{user}/invite", online_only=True), "user_offline")
                self.assert_refused(self.alice.ask("user/mallory/invite", online_only=True), "user_offline")

    def test_taking_over_a_live_connection_gains_nothing_either(self):
        victim = self.connect(self.broker, "carol", clean=False)
        thief = self.connect(self.broker, "mallory", clean=False, subscribe=False, client_id=victim.client_id,
                             v5=victim.v5)
        self.assertTrue(thief.session_present)
        victim.wait_lost()
        invitation = self.invite(self.alice, "carol", data="secret")
        thief.publish(f"{self.root}/invitation/{invitation}/accept")
        self.alice.fence()
        self.assert_overheard_nothing(thief)
        self.assert_silent()
        back = self.connect(self.broker, "carol")
        self.assertIn(invitation, back.sync())

    def test_client_ids_are_not_told_nor_to_be_guessed_from_tags(self):
        client_id = f"top-secret-{secrets.token_hex(4)}"
        carol = self.connect(self.broker, "carol", client_id=client_id)
        tag = carol.tag
        self.invite(carol, "bob")
        self.bob.wait_event("new_invitation", by_device=tag)
        self.assertFalse([message for message in self.bob.messages if client_id.encode() in message.payload])
        for text in (client_id, f"carol{client_id}", f"carol/{client_id}", f"carol:{client_id}", f"{client_id}carol"):
            for name in ("md5", "sha1", "sha256", "sha512"):
                self.assertNotIn(tag.lower(), hashlib.new(name, text.encode()).hexdigest())
        other = self.connect(self.start_broker(), "carol", client_id=client_id)
        self.assertNotEqual(other.tag, tag)  # each broker has a secret of its own


class Bridges(AttackTest):
    def plain_broker(self, config=""):
        return self.start_broker(plugin=False, config=config)

    def forge(self, far, near):
        """Publishes on the far broker all that must have no effect here, then waits until the near one has had it."""
        forger = self.connect(far)
        for topic in ("inbox/bob/event", "inbox/bob/json", "inbox/alice/reply", "status", "user/bob/invite",
                      "user/bob/invite/alice"):
            for retain in (False, True):
                forger.publish(f"{self.root}/{topic}", FORGED, 1, retain)
        forger.publish("bridged/after", b"x", 1, True)
        near.wait_message(lambda message: message.topic == "bridged/after", "the bridged message")

    def bridge_config(self, port, direction, user=""):
        return "\n".join([f"connection bridge-{secrets.token_hex(4)}", f"address 127.0.0.1:{port}",
                          f"topic {self.root}/# {direction} 1", f"topic bridged/# {direction} 1", "cleansession true",
                          "try_private false", "restart_timeout 1"] + ([f"remote_username {user}"] if user else []))

    def test_a_bridge_of_this_broker_brings_nothing_in(self):
        for user in ("", "alice"):
            with self.subTest(user=user):
                far = self.plain_broker()
                self.close_clients()
                self.broker.restart(config=self.bridge_config(far.port, "in", user))
                self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")
                watcher = self.connect(self.broker, "carol", subscribe=False)
                watcher.subscribe("#")
                self.forge(far, watcher)
                self.assert_silent()
                self.assert_overheard_nothing(watcher)

    def test_a_bridge_of_another_broker_forges_nothing(self):
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        far = self.plain_broker(self.bridge_config(self.broker.port, "out"))
        self.forge(far, watcher)
        self.assert_silent()
        self.assert_overheard_nothing(watcher)

    def test_a_bridge_of_another_broker_reads_nothing(self):
        far = self.plain_broker(self.bridge_config(self.broker.port, "in", "mallory"))
        reader = self.connect(far)
        reader.subscribe("#")
        feeder = self.connect(self.broker)
        feeder.publish("bridged/before", b"x", 1, True)
        reader.wait_message(lambda message: message.topic == "bridged/before")
        self.some_traffic()
        feeder.publish("bridged/after", b"x")
        reader.wait_message(lambda message: message.topic == "bridged/after")
        self.assert_overheard_nothing(reader)


class Names(AttackTest):
    def test_who_has_no_valid_name_can_use_no_signaling_and_all_the_rest(self):
        watcher = self.connect(self.broker, "carol", subscribe=False)
        watcher.subscribe("#")
        for user in (None, "", "+", "#", "a/b", "x" * 65, "al ice", "al\u00efce", "$SYS", "../bob"):
            for v5 in (True, False):
                with self.subTest(user=user, v5=v5):
                    nobody = self.connect(self.broker, user, v5=v5, subscribe=False)
                    for topic in ("#", f"{self.root}/#", f"{self.root}/inbox/#", self.inbox("+", "event")):
                        nobody.subscribe(topic)
                    for topic in ("user/bob/invite", "user/bob/invite/alice", "user/alice/sync", "user//sync"):
                        how = {"ResponseTopic": self.inbox("bob", "reply")} if v5 else {}
                        nobody.publish(f"{self.root}/{topic}", b"{}", 1, **how)
                    self.alice.fence()
                    self.assert_overheard_nothing(nobody)  # its marker shows that other topics work
        self.assert_silent()
        self.assert_overheard_nothing(watcher)

    def test_a_name_that_only_looks_like_anothers_is_another(self):
        for user in ("Alice", "alice.", "ALICE", "alice:"):
            double = self.connect(self.broker, user)
            self.assert_refused(double.ask("user/bob/invite/alice"), "wrong_sender")
            self.assertEqual(double.sync(), {})
        self.assert_silent()


def text(string):
    return struct.pack(">H", len(string)) + string.encode()


def packet(kind, body):
    """An MQTT packet."""
    length, rest = b"", len(body)
    while rest >= 128:
        length, rest = length + bytes([rest % 128 + 128]), rest // 128
    return bytes([kind]) + length + bytes([rest]) + body


class Growing(SystemTest):
    """Without Paho, a client of which takes a thread."""

    def come_and_go(self, broker, user, client_id):
        """A clean session of MQTT 5 with an expiry of 0, which the broker forgets when this returns."""
        with socket.create_connection(("127.0.0.1", broker.port), PATIENCE) as connection:
            connection.sendall(packet(0x10, text("MQTT") + b"\x05\x82\x00\x00\x00" + text(client_id) + text(user)))
            self.assertEqual(connection.recv(100)[:1], b"\x20")
            connection.sendall(packet(0x82, b"\x00\x01\x00" + text(f"{broker.root}/inbox/{user}/event") + b"\x01"))
            self.assertEqual(connection.recv(100)[:1], b"\x90")
            connection.sendall(b"\xe0\x00")
            self.assertEqual(connection.recv(100), b"")

    def resident(self, broker):
        with open(f"/proc/{broker.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])

    @unittest.skipIf(os.environ.get("BECKON_SANITIZER_PRELOAD"), "what is freed stays resident")
    def test_the_client_ids_that_a_user_had_leave_nothing_behind(self):
        broker = self.start_broker()

        def come_and_go_as(numbers):
            for number in numbers:
                self.come_and_go(broker, "mallory", f"{number:08}".ljust(20000, "x"))

        come_and_go_as(range(500))
        before = self.resident(broker)
        come_and_go_as(range(500, 2000))
        self.assertLess(self.resident(broker) - before, 4096)


if __name__ == "__main__":
    unittest.main()
