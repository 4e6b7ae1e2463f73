# SPDX-License-Identifier: Apache-2.0
"""What the C++ library tells about rings after its broker died, and after it was away itself."""

import time
import unittest

from harness import PATIENCE, SystemTest
from proxy import Proxy


class RestartTest(SystemTest):
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


class Restarts(RestartTest):
    def test_a_broker_killed_during_a_ring_ends_it_when_it_has_no_storage(self):
        broker = self.start_broker(fixed_port=True)
        alice, bob, carol = (self.client(user, broker) for user in ("alice", "bob", "carol"))
        invitation = alice.ring("bob")
        accepted = alice.ring("carol")
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        carol.wait_event("onReceiveNewInvitation", inviteID=accepted)
        self.assert_result(carol.call("accept", id=accepted))
        carol.wait_event("onInvitationEnded", inviteID=accepted, state="accepted")
        alice.wait_event("onInviteeAccepted", inviteID=accepted)
        alice.wait_event("onInvitationEnded", inviteID=accepted)
        broker.kill()
        for client in (alice, bob, carol):
            self.assertTrue(client.wait_state("disconnected")["why"])
        self.assertEqual(list(bob.pending()), [invitation])
        broker.start()
        for client in (alice, bob):
            client.wait_state("connected")
            told = client.wait_event("onInvitationCancelled", inviteID=invitation)
            end = client.wait_event("onInvitationEnded", inviteID=invitation, state=None, here=False, by="",
                                    assumed=False)
            self.assertLess(told["place"], end["place"])
            self.assertEqual(client.pending(), {})
        for client in (alice, bob, carol):
            client.no_more_events()
        again = alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=again)

    def test_a_deadline_that_passes_while_the_broker_is_away_is_taken_for_a_timeout(self):
        broker = self.start_broker(fixed_port=True)
        alice, bob = (self.client(user, broker) for user in ("alice", "bob"))
        invitation = alice.ring("bob", timeout=2)
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        broker.kill()
        for client in (alice, bob):
            told = client.wait_event("onInvitationTimeout", inviteID=invitation)
            self.assertEqual(told["inviteeList"], ["bob"])
            end = client.wait_event("onInvitationEnded", inviteID=invitation)
            self.assertEqual((end["state"], end["assumed"], end["here"], end["by"]), ("timed_out", True, False, ""))
            event, = client.heard("onSignalingEvent", type="invitationTimeout")
            self.assertTrue(event["assumed"])
            self.assertEqual(client.pending(), {})
        broker.start()
        for client in (alice, bob):
            client.wait_state("connected")
            client.no_more_events()

    def test_many_kills_leave_a_client_that_works(self):
        broker = self.start_broker(fixed_port=True)
        alice, bob = (self.client(user, broker) for user in ("alice", "bob"))
        for _ in range(10):
            broker.kill()
            broker.start()
            for client in (alice, bob):
                client.wait_state("connected")
            bob.wait_event("onReceiveNewInvitation", inviteID=alice.ring("bob"))


class Sessions(RestartTest):
    def test_what_ended_while_a_device_was_away_never_rings(self):
        for options in ({}, {"clientID": "panel-of-bob"}):
            with self.subTest(**options):
                broker = self.start_broker()
                proxy = self.start_proxy(broker)
                alice = self.connect(broker, "alice")
                bob = self.client("bob", proxy, **options)
                held = self.invite(alice, "bob", timeout_ms=20000)
                bob.wait_event("onReceiveNewInvitation", inviteID=held)
                seen = self.invite(alice, "bob", timeout_ms=20000)
                bob.wait_event("onReceiveNewInvitation", inviteID=seen)
                proxy.refuse()
                proxy.cut()
                bob.wait_state("disconnected")
                ended = self.invite(alice, "bob")
                self.assert_ok(alice.ask(f"invitation/{ended}/cancel"))
                self.assert_ok(alice.ask(f"invitation/{seen}/cancel", data="while you were away"))
                timed_out = self.invite(alice, "bob", timeout_ms=500)
                alice.wait_event("invitation_timeout", id=timed_out)
                news = self.invite(alice, "bob", timeout_ms=10000)
                broker_time = time.monotonic()
                self.eventually(lambda: time.monotonic() - broker_time, lambda passed: passed > 1)
                proxy.forward()
                bob.wait_event("onReceiveNewInvitation", inviteID=news)
                event, = bob.heard("onSignalingEvent", inviteID=news)
                self.assertTrue(5000 < event["remaining"] <= 9000, event)
                told = bob.wait_event("onInvitationCancelled", inviteID=seen)
                end = bob.wait_event("onInvitationEnded", inviteID=seen, state="cancelled", by="alice")
                self.assertLess(told["place"], end["place"])
                bob.no_more_events()
                self.assertEqual(set(bob.pending()), {held, news})

    def test_a_client_that_starts_again_in_its_session_hears_only_of_what_is_pending(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.client("bob", broker, clientID="panel-of-bob")
        first = self.invite(alice, "bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=first)
        bob.destroy()
        ended = self.invite(alice, "bob")
        self.assert_ok(alice.ask(f"invitation/{ended}/cancel"))
        self.assert_ok(alice.ask(f"invitation/{first}/modify", data="new"))
        again = self.client("bob", broker, clientID="panel-of-bob")
        again.wait_event("onReceiveNewInvitation", inviteID=first, data="new")
        again.no_more_events()
        self.assertEqual(list(again.pending()), [first])

    def test_what_happened_to_an_own_ring_meanwhile_is_told(self):
        broker = self.start_broker()
        proxy = self.start_proxy(broker)
        alice = self.client("alice", proxy)
        bob = self.connect(broker, "bob")
        accepted, rejected, open_still = alice.ring("bob"), alice.ring("bob"), alice.ring("bob")
        proxy.refuse()
        proxy.cut()
        alice.wait_state("disconnected")
        self.assert_ok(bob.ask(f"invitation/{accepted}/accept", data="yes"))
        self.assert_ok(bob.ask(f"invitation/{rejected}/reject", data="no", reason="busy"))
        proxy.forward()
        alice.wait_state("connected")
        alice.wait_event("onInviteeAccepted", inviteID=accepted, invitee="bob", data="yes")
        alice.wait_event("onInvitationEnded", inviteID=accepted, state="accepted")
        alice.wait_event("onInviteeRejected", inviteID=rejected, invitee="bob", data="no")
        alice.wait_event("onInvitationEnded", inviteID=rejected, state="rejected", reason="busy")
        alice.no_more_events()
        self.assertEqual(list(alice.pending()), [open_still])


if __name__ == "__main__":
    unittest.main()
