# SPDX-License-Identifier: Apache-2.0
"""The C++ library behind a network that cuts connections: every call has one result, every ring one end."""

import threading
import unittest

from harness import SystemTest
from proxy import Proxy, cut_at_random

LONG = 30.0  # seconds; for what waits for many reconnects


class NetworkTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker()

    def start_proxy(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        return proxy

    def client(self, user, through, **options):
        return self.drive(user, through.port, **options)

    def count_requests(self, verb, since=0):
        """How many such requests the broker received, by its own log."""
        return sum("Received PUBLISH" in line and f"/{verb}/" in line for line in self.broker.log().split("\n")[since:])

    def assert_settled(self, *clients):
        """Nothing is pending anywhere, and each ring had one end."""
        for client in clients:
            self.eventually(client.pending, lambda pending: not pending)
            rings = {line["inviteID"] for line in client.heard("onReceiveNewInvitation")}
            rings |= {line["inviteID"] for line in client.driver.lines if line.get("client") == client.name
                      and line.get("verb") in ("invite", "inviteSeveral") and line.get("ok")}
            for invitation in rings:
                # What is pending no more is told a moment later.
                client.wait_event("onInvitationEnded", inviteID=invitation)
                self.assertEqual(len(client.heard("onInvitationEnded", inviteID=invitation)), 1, invitation)


class Cuts(NetworkTest):
    def test_an_accept_whose_reply_is_lost_is_ok_after_the_reconnect(self):
        proxy = self.start_proxy()
        alice = self.connect(self.broker, "alice")
        bob = self.client("bob", proxy)
        invitation = self.invite(alice, "bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        proxy.hold("to_client")
        call = bob.call("accept", id=invitation, data="yes")
        event = alice.wait_event("invitee_accepted", id=invitation)
        proxy.cut()
        proxy.release()
        result = call.result()
        self.assertTrue(result["ok"], result)
        bob.wait_state("connected")
        end = bob.wait_event("onInvitationEnded", inviteID=invitation, state="accepted", here=True)
        self.assertEqual(end["by"], event["by"])
        bob.no_more_events()
        alice.no_more_events()
        self.assertEqual(bob.pending(), {})

    def test_a_reject_and_a_cancel_likewise(self):
        proxy = self.start_proxy()
        bob = self.connect(self.broker, "bob")
        alice = self.client("alice", proxy)
        for verb in ("reject", "cancel"):
            with self.subTest(verb):
                if verb == "reject":
                    invitation = self.invite(bob, "alice")
                    alice.wait_event("onReceiveNewInvitation", inviteID=invitation)
                else:
                    invitation = alice.ring("bob")
                proxy.hold("to_client")
                call = alice.call(verb, id=invitation, data="no")
                bob.wait_event("invitee_rejected" if verb == "reject" else "invitation_cancelled", id=invitation)
                proxy.cut()
                proxy.release()
                result = call.result()
                self.assertTrue(result["ok"], result)
                if verb == "cancel":
                    self.assertEqual((result["cancelled"], result["already"]), (["bob"], {}))
                alice.wait_event("onInvitationEnded", inviteID=invitation, here=True)
                alice.no_more_events()

    def test_an_invite_whose_reply_is_lost_rings_once(self):
        proxy = self.start_proxy()
        bob = self.connect(self.broker, "bob")
        alice = self.client("alice", proxy)
        proxy.hold("to_client")
        call = alice.invite("bob", data="once")
        bob.wait_event("new_invitation", id=call.id)
        proxy.cut()
        proxy.release()
        result = call.result()
        self.assertTrue(result["ok"], result)
        self.assertEqual(list(alice.pending()), [call.id])
        alice.no_more_events()
        bob.no_more_events()
        self.assert_ok(bob.ask(f"invitation/{call.id}/accept"))
        alice.wait_event("onInviteeAccepted", inviteID=call.id)
        alice.wait_event("onInvitationEnded", inviteID=call.id, state="accepted")
        alice.no_more_events()

    def test_an_invite_that_was_answered_before_its_reply_came_tells_the_answer(self):
        proxy = self.start_proxy()
        bob = self.connect(self.broker, "bob")
        alice = self.client("alice", proxy)
        proxy.hold("to_client")
        call = alice.invite("bob")
        bob.wait_event("new_invitation", id=call.id)
        self.assert_ok(bob.ask(f"invitation/{call.id}/accept", data="quick"))
        proxy.cut()
        proxy.release()
        self.assertTrue(call.result()["ok"])
        alice.wait_event("onInviteeAccepted", inviteID=call.id, invitee="bob", data="quick")
        alice.wait_event("onInvitationEnded", inviteID=call.id, state="accepted")
        alice.no_more_events()
        self.assertEqual(alice.pending(), {})

    def test_an_invite_that_never_arrived_rings_after_the_reconnect(self):
        proxy = self.start_proxy()
        bob = self.connect(self.broker, "bob")
        alice = self.client("alice", proxy)
        proxy.hold("to_broker")
        call = alice.invite("bob", timeout=20)
        self.assertTrue(call.id)
        proxy.cut()
        proxy.release()
        self.assertTrue(call.result()["ok"])
        bob.wait_event("new_invitation", id=call.id)
        bob.no_more_events()
        self.assertEqual(self.count_requests("invite"), 1)

    def test_without_an_answer_a_call_fails_in_time_and_its_ring_is_called_off(self):
        proxy = self.start_proxy()
        bob = self.connect(self.broker, "bob")
        alice = self.client("alice", proxy, requestTimeout=1500)
        proxy.hold("to_client")
        call = alice.invite("bob")
        bob.wait_event("new_invitation", id=call.id)
        other = alice.call("accept", id="some-id")
        for one in (call, other):
            result = one.result()
            self.assertEqual((result["error"], result["code"]), ("no_reply", 6012))
            self.assertTrue(1300 <= result["t"] - one.done["t"] < 3500, result)
        proxy.cut()
        proxy.release()
        alice.wait_state("connected")
        # Nobody rings on for a ring that its inviter was told has failed.
        bob.wait_event("invitation_cancelled", id=call.id)
        self.eventually(alice.pending, lambda pending: not pending)

    def test_fifty_cuts_during_fifty_rings_lose_nothing(self):
        proxy = self.start_proxy()
        alice = self.client("alice", proxy, requestTimeout=20000, reconnectMax=50)
        bob = self.client("bob", proxy, requestTimeout=20000, reconnectMax=50)
        done = threading.Event()
        self.addCleanup(done.set)
        verbs = ("accept", "reject", None)
        reactions = []
        for number in range(50):
            verb = verbs[number % 3]
            if verb:
                action, call = bob.action(verb, id="$id")
                bob.on("onReceiveNewInvitation", action)
                reactions.append(call)
            else:
                bob.on("onReceiveNewInvitation")
        cutting = cut_at_random(proxy, done, seed=20260101, times=50)
        rings, cancels = [], []
        for number in range(50):
            ring = alice.invite("bob", timeout=60)
            rings.append(ring)
            ring.result(LONG)
            if number % 5 == 4:
                cancels.append(alice.call("cancel", id=ring.id))
        for call in rings + cancels:
            call.result(LONG)
        cutting.join(LONG)
        done.set()
        self.assertFalse(cutting.is_alive())
        for ring in rings:
            self.assertTrue(ring.result()["ok"], ring.result())
        for client in (alice, bob):
            self.eventually(client.state, lambda state: state == "connected")
            client.fence()
        for ring in rings:
            info = alice.call("getSignalingInfo", id=ring.id).result()["info"]
            if info["open"]:
                alice.call("cancel", id=ring.id).result()
        self.assert_settled(alice, bob)
        for ring in rings:
            info = alice.call("getSignalingInfo", id=ring.id).result()["info"]
            end, = alice.heard("onInvitationEnded", inviteID=ring.id)
            self.assertEqual(end["state"], info["invitees"][0]["state"])
        rung = [line["inviteID"] for line in bob.heard("onReceiveNewInvitation")]
        self.assertEqual(len(rung), len(set(rung)))

    def test_cuts_while_both_sides_ring_each_other(self):
        proxies = [self.start_proxy(), self.start_proxy()]
        users = [self.client("alice", proxies[0], requestTimeout=20000, reconnectMax=50),
                 self.client("bob", proxies[1], requestTimeout=20000, reconnectMax=50)]
        done = threading.Event()
        self.addCleanup(done.set)
        for user in users:
            for _ in range(25):
                action, _ = user.action("accept", id="$id")
                user.on("onReceiveNewInvitation", action)
        threads = [cut_at_random(proxy, done, seed=seed, times=25) for seed, proxy in enumerate(proxies)]
        rings = [user.invite(other.user, timeout=60) for _ in range(25) for user, other in (users, users[::-1])]
        for ring in rings:
            self.assertTrue(ring.result(LONG)["ok"], ring.result())
        for thread in threads:
            thread.join(LONG)
        for user in users:
            self.eventually(user.state, lambda state: state == "connected")
            user.fence()
        self.assert_settled(*users)
        for ring in rings:
            for user in users:
                end, = user.heard("onInvitationEnded", inviteID=ring.id)
                self.assertEqual(end["state"], "accepted", end)


if __name__ == "__main__":
    unittest.main()
