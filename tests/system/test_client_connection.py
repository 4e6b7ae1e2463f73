# SPDX-License-Identifier: Apache-2.0
"""How the C++ library finds its broker, what becomes of calls while there is none, and options that cannot be."""

import time
import unittest

from harness import PATIENCE, SystemTest
from proxy import Proxy


class ConnectionTest(SystemTest):
    def client(self, user, server, **options):
        return self.drive(user, server.port, **options)

    def start_proxy(self, broker):
        proxy = Proxy(broker.port)
        self.addCleanup(proxy.close)
        return proxy

    def assert_result(self, call, error="", patience=PATIENCE, **fields):
        result = call.result(patience)
        self.assertEqual(result["error"], error, result)
        for name, value in fields.items():
            self.assertEqual(result.get(name), value, f"{name} of {result}")
        return result


class Finding(ConnectionTest):
    def test_a_broker_that_comes_later_is_found(self):
        broker = self.make_broker(fixed_port=True)
        bob = self.client("bob", broker, connect=False)
        self.assertEqual(bob.state(), "disconnected")
        bob.connect()
        bob.wait_state("connecting")
        self.assertTrue(bob.wait_state("disconnected")["why"])
        broker.start()
        line = bob.wait_state("connected")
        self.assertEqual(line["why"], "")
        self.assertEqual(bob.state(), "connected")
        alice = self.client("alice", broker)
        alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation")

    def test_who_does_not_connect_stays_disconnected(self):
        broker = self.start_broker()
        bob = self.client("bob", broker, connect=False)
        self.client("alice", broker).ring("bob")
        self.assertEqual(bob.state(), "disconnected")
        self.assertEqual(bob.heard("onConnectionStateChanged") + bob.heard(), [])
        self.assertEqual(bob.pending(), {})

    def test_connecting_again_changes_nothing(self):
        broker = self.start_broker()
        bob = self.client("bob", broker)
        before = len(bob.heard("onConnectionStateChanged"))
        for _ in range(3):
            bob.connect()
        bob.fence()
        self.assertEqual(len(bob.heard("onConnectionStateChanged")), before)

    def test_a_listener_that_was_added_before_connecting_misses_nothing(self):
        broker = self.start_broker()
        invitation = self.client("alice", broker).ring("bob")
        bob = self.client("bob", broker)
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        self.assertEqual([line["state"] for line in bob.heard("onConnectionStateChanged")],
                         ["connecting", "connected"])

    def test_another_root_is_another_beckon(self):
        broker = self.start_broker({"root": "house-1"})
        alice = self.client("alice", broker, topicRoot="house-1")
        bob = self.client("bob", broker, topicRoot="house-1")
        bob.wait_event("onReceiveNewInvitation", inviteID=alice.ring("bob"))

    def test_who_is_told_that_another_came_with_the_same_client_id_stays_offline(self):
        # What brokers say of their own accord from MQTT 5 on; Mosquitto 2.0.11 closes the connection without a word.
        proxy = self.start_proxy(self.start_broker())
        bob = self.client("bob", proxy, clientID="panel-of-bob")
        connections = proxy.accepted
        proxy.say(b"\xe0\x02\x8e\x00")  # DISCONNECT, session taken over
        self.assertTrue(bob.wait_state("kickedOffline")["why"])
        proxy.cut()
        self.assert_result(bob.invite("alice"), "not_connected", patience=15)
        self.assertEqual((bob.state(), proxy.accepted), ("kickedOffline", connections))
        bob.connect()
        bob.wait_state("connected")
        bob.fence()


class Offline(ConnectionTest):
    def test_with_fail_a_call_fails_at_once(self):
        broker = self.start_broker(fixed_port=True)
        bob = self.client("bob", broker, connect=False, whenOffline="fail")
        self.assert_result(bob.invite("alice"), "not_connected", code=20191)
        bob.connect()
        bob.wait_state("connected")
        bob.fence()
        broker.kill()
        bob.wait_state("disconnected")
        started = time.monotonic()
        for verb in ("accept", "reject", "cancel", "ringing", "getSignalingInfo"):
            self.assert_result(bob.call(verb, id="some-id"), "not_connected", code=20191)
        self.assertLess(time.monotonic() - started, 2)
        broker.start()
        bob.wait_state("connected")
        bob.fence()

    def test_with_wait_a_call_is_made_after_the_connect(self):
        broker = self.make_broker(fixed_port=True)
        alice = self.client("alice", broker, connect=False)
        call = alice.invite("bob", data="I waited")
        self.assertTrue(call.id)
        alice.connect()
        alice.wait_state("disconnected")
        broker.start()
        self.assert_result(call, inviteID=call.id)
        bob = self.client("bob", broker)
        bob.wait_event("onReceiveNewInvitation", inviteID=call.id, data="I waited")

    def test_with_wait_it_fails_after_the_request_timeout(self):
        broker = self.make_broker()
        broker.port = 1  # where nobody listens
        alice = self.client("alice", broker, connect=False, requestTimeout=700)
        alice.connect()
        calls = [alice.invite("bob"), alice.call("accept", id="some-id"), alice.call("getSignalingInfo", id="some-id")]
        for call in calls:
            result = self.assert_result(call, "not_connected", code=20191)
            self.assertTrue(600 <= result["t"] - call.done["t"] < 2000, result)
        self.assertEqual(alice.heard(), [])

    def test_the_time_that_a_ring_waits_counts_against_its_timeout(self):
        broker = self.make_broker(fixed_port=True)
        alice = self.client("alice", broker, connect=False)
        alice.connect()
        call = alice.invite("bob", timeout=10)
        several = alice.call("inviteSeveral", invitees=["bob"], timeout=8000)
        endless = alice.invite("bob", timeout=0)
        asked = call.done["t"]
        alice.wait_state("disconnected")
        alice.driver.wait(lambda line: line.get("event") == "onConnectionStateChanged" and line["t"] - asked >= 3500,
                         "attempts to connect")
        broker.start()
        bob = self.connect(broker, "bob")
        for ring, timeout in ((call, 10000), (several, 8000)):
            result = self.assert_result(ring)
            waited = result["t"] - asked
            self.assertGreater(waited, 3000)
            remaining = bob.sync()[ring.id]["remaining_ms"]
            self.assertLessEqual(remaining, timeout - 3400)
            self.assertGreater(remaining, timeout - waited - 1500)
        self.assert_result(endless)
        self.assertNotIn("remaining_ms", bob.sync()[endless.id])

    def test_a_ring_whose_time_is_over_is_never_sent(self):
        broker = self.make_broker(fixed_port=True)
        alice = self.client("alice", broker, connect=False)
        alice.connect()
        call = alice.invite("bob", timeout=1)
        result = self.assert_result(call, "not_connected", code=20191)
        self.assertTrue(900 <= result["t"] - call.done["t"] < 2500, result)
        broker.start()
        alice.wait_state("connected")
        self.assert_result(alice.call("getSignalingInfo", id=call.id), "unknown_invitation")
        self.assertEqual((alice.heard(), alice.pending()), ([], {}))

    def test_a_ring_that_was_cancelled_before_it_was_sent_is_never_sent(self):
        broker = self.make_broker(fixed_port=True)
        alice = self.client("alice", broker, connect=False)
        alice.connect()
        call = alice.invite("bob")
        other = alice.invite("bob")
        cancel = alice.call("cancel", id=call.id)
        self.assert_result(call, "withdrawn", code=20195, inviteID=call.id)
        self.assertTrue(cancel.result()["ok"])
        broker.start()
        self.assert_result(other)
        self.assert_result(alice.call("getSignalingInfo", id=call.id), "unknown_invitation")
        self.assertEqual(list(alice.pending()), [other.id])
        self.assertEqual(alice.heard(), [])

    def test_only_so_many_calls_may_wait(self):
        broker = self.make_broker(fixed_port=True)
        alice = self.client("alice", broker, connect=False, maxWaiting=5)
        calls = [alice.call("accept", id=f"id-{number}") for number in range(5)]
        beyond = [alice.invite("bob"), alice.call("accept", id="id-6")]
        for call in beyond:
            self.assert_result(call, "too_many_waiting", code=20194, limit=5)
        broker.start()
        alice.connect()
        for call in calls:
            self.assert_result(call, "unknown_invitation")
        alice.fence()


class Options(ConnectionTest):
    def test_an_option_that_cannot_be_is_refused_and_named(self):
        driver = self.start_driver()
        for name, values in {
                "userID": ["", "a b", "a/b", "+", "#", "ä", "x" * 65],
                "server": ["", "http://127.0.0.1:1883", "127.0.0.1", "mqtt://", "mqtt://127.0.0.1:0",
                           "mqtt://127.0.0.1:65536", "mqtt://127.0.0.1:x"],
                "topicRoot": ["", "a/b", "+", "a b"],
                "requestTimeout": [-1], "keepAlive": [-1], "sessionExpiry": [-1], "reconnectMin": [-1],
                "reconnectMax": [-1]}.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    options = {"userID": "bob", name: value}
                    user, server = options.pop("userID"), options.pop("server", "mqtt://127.0.0.1:1")
                    client = driver.client(user, server, options=options, connect=False)
                    self.assertIn(name, client.refused or "nothing was thrown")


if __name__ == "__main__":
    unittest.main()
