# SPDX-License-Identifier: Apache-2.0
"""The C++ library behind a network that is slow, or silent: a dead connection is noticed, a slow one is kept."""

import time
import unittest

from harness import PATIENCE, SystemTest
from proxy import Proxy

LONG = 30.0  # seconds; for what waits for keep-alive


class NetworkTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker()

    def start_proxy(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        return proxy

    def client(self, user, through, **options):
        return self.drive(user, through.port, **options)


class Silence(NetworkTest):
    def test_a_half_open_connection_is_noticed(self):
        for directions in (("to_client",), ("to_broker",), ("to_broker", "to_client")):
            with self.subTest(directions=directions):
                proxy = self.start_proxy()
                bob = self.client("bob", proxy, keepAlive=2)
                alice = self.connect(self.broker, "alice")
                before = proxy.accepted
                proxy.hold(*directions)
                missed = self.invite(alice, "bob")
                started = time.monotonic()
                self.assertTrue(bob.wait_state("disconnected", LONG)["why"])
                self.assertLess(time.monotonic() - started, 8)
                proxy.cut()
                proxy.release()
                bob.wait_state("connected")
                self.assertGreater(proxy.accepted, before)
                bob.wait_event("onReceiveNewInvitation", inviteID=missed)
                bob.no_more_events()
                self.assert_ok(alice.ask(f"invitation/{missed}/cancel"))
                alice.leave()

    def test_a_broker_that_accepts_and_never_answers_is_left_alone(self):
        proxy = self.start_proxy()
        proxy.ignore()
        bob = self.client("bob", proxy, connect=False, keepAlive=2, requestTimeout=1000)
        bob.connect()
        bob.wait_state("connecting")
        call = bob.invite("alice")
        result = call.result()
        self.assertEqual(result["error"], "not_connected", result)
        self.assertLess(result["t"] - call.done["t"], 3000)
        proxy.forward()
        bob.wait_state("connected", 3 * LONG)
        bob.fence()

    def test_a_client_leaves_a_broker_that_never_answers(self):
        for silent in (True, False):
            with self.subTest(silent=silent):
                proxy = self.start_proxy()
                if silent:
                    proxy.ignore()
                else:
                    proxy.hold()
                bob = self.client("bob", proxy, connect=False)
                bob.connect()
                proxy.wait_accepted(1)
                call = bob.invite("alice")
                started = time.monotonic()
                bob.destroy()
                self.assertLess(time.monotonic() - started, 5)
                self.assertEqual(call.result()["error"], "closed")

    def test_slow_is_not_broken(self):
        proxy = self.start_proxy()
        proxy.delay(0.5, 0.5)
        alice = self.client("alice", proxy, keepAlive=5)
        bob = self.client("bob", proxy, keepAlive=5)
        states = [len(client.heard("onConnectionStateChanged")) for client in (alice, bob)]
        for answer, heard in (("accept", "onInviteeAccepted"), ("reject", "onInviteeRejected")):
            call = alice.invite("bob", timeout=20)
            rung = bob.wait_event("onReceiveNewInvitation")
            self.assertEqual(rung["inviteID"], call.id)
            self.assertTrue(bob.call(answer, id=call.id).result()["ok"])
            bob.wait_event("onInvitationEnded", inviteID=call.id, here=True)
            alice.wait_event(heard, inviteID=call.id)
            alice.wait_event("onInvitationEnded", inviteID=call.id)
            self.assertTrue(call.result()["ok"])
        for client in (alice, bob):
            client.no_more_events()
        self.assertEqual([len(client.heard("onConnectionStateChanged")) for client in (alice, bob)], states)

    def test_many_calls_over_a_slow_network_go_side_by_side(self):
        proxy = self.start_proxy()
        alice = self.client("alice", proxy)
        proxy.delay(0.2, 0.2)
        started = time.monotonic()
        calls = [alice.invite(f"user-{number}") for number in range(60)]
        for call in calls:
            self.assertTrue(call.result()["ok"])
        self.assertLess(time.monotonic() - started, PATIENCE)

    def test_crossing_answers_have_one_outcome_for_all(self):
        """An accept on a slow line crosses a cancel: whoever wins, all agree."""
        slow = self.start_proxy()
        alice = self.client("alice", self.broker)
        bob = self.client("bob", slow)
        slow.delay(0.05, 0.05)
        outcomes = set()
        for number in range(12):
            invitation = alice.ring("bob")
            bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
            accept = bob.call("accept", id=invitation)
            if number % 2:
                self.broker.wait_log(f"{invitation}/accept|Received PUBLISH")
            cancel = alice.call("cancel", id=invitation)
            accepted, cancelled = accept.result(), cancel.result()
            self.assertNotEqual(accepted["ok"], cancelled["ok"], (accepted, cancelled))
            winner = "accepted" if accepted["ok"] else "cancelled"
            outcomes.add(winner)
            for client in (alice, bob):
                client.wait_event("onInvitationEnded", inviteID=invitation, state=winner,
                                  here=(client is bob) == accepted["ok"])
            if accepted["ok"]:
                alice.wait_event("onInviteeAccepted", inviteID=invitation)
            else:
                bob.wait_event("onInvitationCancelled", inviteID=invitation)
                self.assertEqual((accepted["error"], accepted["by"]), ("already_cancelled", "alice"))
            for client in (alice, bob):
                client.no_more_events()
        self.assertIn("cancelled", outcomes)


if __name__ == "__main__":
    unittest.main()
