# SPDX-License-Identifier: Apache-2.0
"""From where the C++ library calls, and what is allowed in such a call, with a thread of the library and when polled.

What holds for every client in every test (one thread, one call at a time, one result for each call, nothing after the
end) is checked by DrivenClient.check() in harness.py."""

import unittest

from harness import SystemTest


class CallbackTest(SystemTest):
    """The tests below run once with each kind of delivery."""

    POLL = False

    def setUp(self):
        self.broker = self.start_broker()

    def client(self, user, *, driver=None, broker=None, connect=True, **options):
        """In a process of its own, or in that of `driver`."""
        how = {"poll": True} if self.POLL else {}
        return (driver or self.start_driver()).client(user, (broker or self.broker).port, options=options,
                                                      connect=connect, **how)

    def assert_closed(self, client, *calls):
        """Each was answered so, or by a reply that was quicker, once, before the destructor returned."""
        end = client.wait_destroyed()["place"]
        for call in calls:
            result = call.result()
            self.assertIn((result["error"], result["code"]), (("closed", 20193), ("unknown_invitation", 8010)), result)
            self.assertLess(result["place"], end)


class Rules:
    """For both kinds."""

    def test_results_come_from_where_the_listener_is_called(self):
        alice, bob = self.client("alice"), self.client("bob")
        invitation = alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        calls = [bob.call("accept", id=invitation), bob.call("accept", id="a bad id"), bob.invite("a bad user"),
                 bob.call("getSignalingInfo", id=invitation)]
        self.assertEqual([call.result()["error"] for call in calls], ["", "invalid_request", "invalid_request", ""])
        for call in calls:
            self.assertNotIn(call.result().get("within"), ("accept", "invite", "getSignalingInfo"))

    def test_a_call_without_a_callback_is_made(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.tell("invite", invitee="alice", data="silently")
        rung = alice.wait_event("onReceiveNewInvitation", data="silently")
        for verb in ("ringing", "getSignalingInfo", "accept"):
            alice.tell(verb, id=rung["inviteID"])
        bob.wait_event("onInviteeRinging")
        bob.wait_event("onInviteeAccepted")
        bob.tell("cancel", id=rung["inviteID"])
        bob.tell("inviteSeveral", invitees=["alice"])
        alice.wait_event("onReceiveNewInvitation")

    def test_an_accept_in_the_call_that_rings(self):
        alice, bob = self.client("alice"), self.client("bob")
        for _ in range(10):
            action, accept = bob.action("accept", id="$id", data="at once")
            bob.on("onReceiveNewInvitation", action)
            invitation = alice.ring("bob")
            self.assertTrue(accept.result()["ok"])
            alice.wait_event("onInviteeAccepted", inviteID=invitation, data="at once")
            alice.wait_event("onInvitationEnded", inviteID=invitation)
            bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
            bob.wait_event("onInvitationEnded", inviteID=invitation, here=True)
        bob.no_more_events()

    def test_everything_may_be_called_in_a_listener_and_in_a_callback(self):
        alice, bob = self.client("alice"), self.client("bob")

        def everything():
            calls = [bob.action(verb, id="$id") for verb in ("ringing", "getSignalingInfo", "modifyInvitation",
                                                             "accept", "reject", "cancel")]
            calls += [bob.action("invite", invitee="carol"), bob.action("inviteSeveral", invitees=["carol", "dave"]),
                      bob.action("addInvitees", id="$id", invitees=["carol"])]
            plain = [{"do": verb, "client": bob.name} for verb in ("connect", "state", "pending", "poll")]
            return [action for action, _ in calls] + plain, [call for _, call in calls]

        in_listener, calls = everything()
        in_callback, more_calls = everything()
        calls += more_calls
        action, ask = bob.action("getSignalingInfo", id="$id", then=in_callback)
        bob.on("onReceiveNewInvitation", *in_listener, action)
        invitation = alice.ring("bob")
        for call in [ask, *calls]:
            call.result()
        bob.wait_event("onInvitationEnded", inviteID=invitation)
        bob.fence()

    def test_a_listener_may_be_added_and_removed_in_a_call(self):
        alice, bob = self.client("alice"), self.client("bob")
        for name in ("second", "third", "connection"):
            kind = {"kind": "connection"} if name == "connection" else {}
            bob.ask("addListener", listener=name, **kind)
        # Whoever is removed by another hears nothing more; whoever is added hears from then on.
        bob.on("onReceiveNewInvitation",
               {"do": "removeListener", "client": bob.name, "listener": "third", "delete": True},
               {"do": "removeListener", "client": bob.name, "listener": "connection", "kind": "connection"},
               {"do": "removeListener", "client": bob.name, "listener": "connection", "delete": True},
               {"do": "addListener", "client": bob.name, "listener": "fourth"})
        bob.on("onReceiveNewInvitation", {"do": "removeListener", "client": bob.name, "listener": "second"},
               listener="second")
        first = alice.ring("bob")
        second = alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=first)
        bob.wait_event("onReceiveNewInvitation", inviteID=second)
        bob.fence()

        def rung(name):
            return [line["inviteID"] for line in bob.heard("onReceiveNewInvitation", listener=name)]

        self.assertEqual(rung("main"), [first, second])
        self.assertEqual(rung("second"), [first])
        self.assertEqual(rung("third"), [])
        self.assertIn(rung("fourth"), ([second], [first, second]))

    def test_a_listener_that_removes_itself_hears_no_more(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.on("onSignalingEvent", {"do": "removeListener", "client": bob.name, "listener": "main"})
        alice.ring("bob")
        bob.fence()
        alice.ring("bob")
        bob.fence()
        self.assertEqual(len(bob.heard("onSignalingEvent")), 1)
        self.assertEqual(bob.heard(), [])
        bob.ask("addListener", listener="main")
        invitation = alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation", inviteID=invitation)

    def test_the_same_listener_twice_is_one(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.ask("addListener", listener="main")
        invitation = alice.ring("bob")
        bob.fence()
        self.assertEqual(len(bob.heard("onReceiveNewInvitation", inviteID=invitation)), 1)
        bob.ask("removeListener", listener="main")
        bob.ask("removeListener", listener="main")
        alice.ring("bob")
        bob.fence()
        self.assertEqual(len(bob.heard("onReceiveNewInvitation")), 1)

    def test_the_client_may_be_destroyed_in_a_call_that_rings(self):
        for event in ("onSignalingEvent", "onReceiveNewInvitation"):
            with self.subTest(event):
                alice, bob = self.client("alice"), self.client("bob")
                bob.ask("addListener", listener="second")
                actions, calls = zip(*[bob.action("accept", id=f"id-{number}") for number in range(30)])
                bob.on(event, *actions, {"do": "destroy", "client": bob.name})
                alice.ring("bob")
                self.assert_closed(bob, *calls)
                alice.destroy()

    def test_the_client_may_be_destroyed_in_a_callback(self):
        bob = self.client("bob")
        calls = [bob.call("getSignalingInfo", id="none", then=[{"do": "destroy", "client": bob.name}])]
        calls += [bob.call("getSignalingInfo", id="none") for _ in range(30)]
        bob.wait_destroyed()
        self.assertEqual(calls[0].result()["error"], "unknown_invitation")
        for call in calls[1:]:
            if "failed" not in call.done:
                self.assertIn(call.result()["error"], ("closed", "unknown_invitation"))

    def test_the_client_may_be_destroyed_when_the_connection_changes(self):
        for state in ("connecting", "connected"):
            with self.subTest(state):
                bob = self.client("bob", connect=False)
                if state == "connected":
                    bob.on("onConnectionStateChanged")  # the first is left alone
                call = bob.invite("alice")
                bob.on("onConnectionStateChanged", {"do": "destroy", "client": bob.name})
                bob.tell("connect")
                bob.wait_destroyed()
                self.assertIn(call.result()["error"], ("closed", ""))
                self.assertEqual(bob.heard("onConnectionStateChanged")[-1]["state"], state)

    def test_the_client_may_be_destroyed_when_the_connection_is_lost(self):
        broker = self.start_broker()
        bob = self.client("bob", broker=broker)
        bob.on("onConnectionStateChanged", {"do": "destroy", "client": bob.name})
        broker.kill()
        bob.wait_destroyed()
        broker.start()

    def test_the_client_may_be_destroyed_in_the_result_that_its_destruction_brings(self):
        """That is: what such a callback asks of the client that is going finds nothing to do."""
        bob = self.client("bob", connect=False)
        calls = [bob.call("accept", id=f"id-{number}",
                          then=[{"do": "open", "gate": f"gate-{number}"}]) for number in range(20)]
        bob.destroy()
        self.assert_closed(bob, *calls)

    def test_what_is_outstanding_is_closed_by_the_destruction(self):
        for connect in (True, False):
            with self.subTest(connect=connect):
                bob = self.client("bob", connect=connect)
                calls = [bob.call("getSignalingInfo", id="none") for _ in range(100)]
                bob.destroy()
                end = bob.wait_destroyed()["place"]
                for call in calls:
                    result = call.result()
                    self.assertIn(result["error"], ("closed", "unknown_invitation") if connect else ("closed",))
                    self.assertLess(result["place"], end)

    def test_other_clients_go_on_when_one_is_destroyed(self):
        driver = self.start_driver()
        alice, bob, twin = (self.client(user, driver=driver) for user in ("alice", "bob", "bob"))
        bob.on("onReceiveNewInvitation", {"do": "destroy", "client": bob.name})
        invitation = alice.ring("bob")
        bob.wait_destroyed()
        twin.wait_event("onReceiveNewInvitation", inviteID=invitation)
        self.assertTrue(twin.call("accept", id=invitation).result()["ok"])
        alice.wait_event("onInviteeAccepted", inviteID=invitation)

    def test_clients_come_and_go(self):
        alice = self.client("alice")
        driver = self.start_driver()
        for number in range(6):
            bob = self.client("bob", driver=driver)
            invitation = alice.ring("bob")
            bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
            alice.call("cancel", id=invitation).result()
            if number % 2:
                bob.wait_event("onInvitationEnded", inviteID=invitation)
            bob.destroy()

    def test_states_come_in_their_order(self):
        bob = self.client("bob")
        self.assertEqual([line["state"] for line in bob.heard("onConnectionStateChanged")],
                         ["connecting", "connected"])


class OnTheLibrarysThread(Rules, CallbackTest):
    def test_removing_from_another_thread_waits_for_the_call_that_runs(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.ask("addListener", listener="slow")
        bob.on("onReceiveNewInvitation", {"do": "block", "gate": "slow"}, {"do": "mark", "client": bob.name},
               listener="slow")
        alice.ring("bob")
        bob.driver.wait(lambda line: line.get("did") == "block", "the call")
        bob.tell("removeListener", listener="slow", thread="other", delete=True)
        # Everything else goes on meanwhile; only the removal waits.
        for _ in range(3):
            alice.ring("bob")
        self.assertEqual(bob.state(), "connected")
        self.assertFalse([line for line in bob.driver.lines if line.get("did") == "removeListener"])
        bob.driver.tell("open", gate="slow")
        done = bob.driver.wait(lambda line: line.get("did") == "removeListener", "the removal")
        marked = bob.driver.wait(lambda line: line.get("did") == "mark", "the end of the call")
        self.assertLess(marked["place"], done["place"])
        bob.fence()
        self.assertEqual(len(bob.heard("onReceiveNewInvitation", listener="slow")), 1)

    def test_a_listener_that_blocks_stops_neither_the_connection_nor_other_clients(self):
        driver = self.start_driver()
        alice = self.client("alice")
        carol = self.client("carol", driver=driver)
        bob = self.client("bob", driver=driver, keepAlive=2)
        bob.on("onReceiveNewInvitation", {"do": "block", "gate": "blocked"})
        first = alice.ring("bob")
        bob.driver.wait(lambda line: line.get("did") == "block", "the call")
        since = self.broker.log_position()
        # Other clients hear, are asked and answer.
        for _ in range(5):
            invitation = alice.ring("carol")
            carol.wait_event("onReceiveNewInvitation", inviteID=invitation)
            self.assertTrue(carol.call("accept", id=invitation).result()["ok"])
        # What the blocked one asks is done, only its result waits; and it stays connected.
        waiting = bob.call("accept", id=first)
        alice.wait_event("onInviteeAccepted", inviteID=first)
        second = alice.ring("bob")
        for _ in range(3):
            self.broker.wait_log("PINGREQ", since)
            since = self.broker.log_position()
        self.assertEqual(bob.state(), "connected")
        self.assertEqual(set(bob.pending()), {second})
        self.assertEqual(bob.heard("onReceiveNewInvitation", inviteID=second), [])
        bob.driver.tell("open", gate="blocked")
        self.assertTrue(waiting.result()["ok"])
        bob.wait_event("onReceiveNewInvitation", inviteID=second)
        self.assertFalse(bob.heard("onConnectionStateChanged", state="disconnected"))

    def test_destroying_from_another_thread_waits_for_the_call_that_runs(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.on("onReceiveNewInvitation", {"do": "block", "gate": "slow"}, {"do": "mark", "client": "nobody"})
        alice.ring("bob")
        bob.driver.wait(lambda line: line.get("did") == "block", "the call")
        calls = [bob.call("accept", id="none") for _ in range(5)]
        for call in calls:
            self.assertTrue(call.done)
        bob.tell("destroy", thread="other")
        alice.fence()
        self.assertFalse([line for line in bob.driver.lines if line.get("did") == "destroy"])
        bob.driver.tell("open", gate="slow")
        end = bob.wait_destroyed()
        marked = bob.driver.wait(lambda line: line.get("did") == "mark", "the end of the call")
        self.assertLess(marked["place"], end["place"])
        for call in calls:
            self.assertIn(call.result()["error"], ("closed", "unknown_invitation"))

    def test_poll_does_nothing_for_who_has_a_thread(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.ring("bob")
        bob.wait_event("onReceiveNewInvitation")
        self.assertEqual(bob.ask("poll", wait=0)["count"], 0)


class Polled(Rules, CallbackTest):
    POLL = True


class Polling(CallbackTest):
    """Clients that the test polls itself."""

    def by_hand(self, user, **options):
        client = self.drive(user, self.broker.port, connect=False, delivery="poll", **options)
        client.connect()
        return client

    def poll_until(self, client, done):
        self.eventually(lambda: client.ask("poll", wait=500) and done(), bool)

    def test_nothing_is_called_but_in_poll(self):
        alice = self.client("alice")
        bob = self.by_hand("bob")
        self.eventually(bob.state, lambda state: state == "connected")
        invitation = alice.ring("bob")
        call = bob.call("getSignalingInfo", id="none")
        self.eventually(bob.pending, lambda pending: invitation in pending)
        self.assertEqual(bob.heard("onSignalingEvent", "onConnectionStateChanged", "onReceiveNewInvitation"), [])
        self.poll_until(bob, lambda: bob.heard("onReceiveNewInvitation") and any(
            line.get("result") == call.tag for line in bob.driver.lines))
        self.assertEqual([line["state"] for line in bob.heard("onConnectionStateChanged")],
                         ["connecting", "connected"])
        self.assertEqual(bob.ask("poll")["count"], 0)
        self.assertFalse([line for line in bob.driver.lines if line.get("client") == bob.name
                          and ("event" in line or "result" in line) and line.get("within") != "poll"])

    def test_poll_tells_how_many_calls_there_were(self):
        bob = self.by_hand("bob", whenOffline="fail")
        before = len(bob.driver.lines)
        self.eventually(bob.state, lambda state: state == "connected")
        polled = bob.ask("poll", wait=5000)["count"]
        polled += bob.ask("poll")["count"]
        told = [line for line in bob.driver.lines[before:] if line.get("client") == bob.name and "event" in line]
        self.assertEqual(polled, len(told))

    def test_poll_returns_as_soon_as_there_is_something(self):
        alice = self.client("alice")
        bob = self.by_hand("bob")
        self.poll_until(bob, lambda: bob.heard("onConnectionStateChanged", state="connected"))
        self.assertEqual(bob.ask("poll")["count"], 0)
        bob.driver.tell("poll", client=bob.name, wait=9000, call="long", thread="poller")
        alice.ring("bob")
        done = bob.driver.wait(lambda line: line.get("did") == "poll" and line.get("call") == "long", "early return")
        self.assertGreaterEqual(done["count"], 1)
        self.assertLess(done["took"], 5000)
        bob.wait_event("onReceiveNewInvitation")

    def test_poll_waits_as_long_as_it_is_told_and_no_longer(self):
        bob = self.by_hand("bob")
        self.poll_until(bob, lambda: bob.heard("onConnectionStateChanged", state="connected"))
        for wait in (0, 300):
            done = bob.ask("poll", wait=wait)
            self.assertEqual(done["count"], 0)
            self.assertTrue(wait - 20 <= done["took"] < wait + 1500, done)

    def test_poll_in_a_call_does_nothing(self):
        alice = self.client("alice")
        bob = self.by_hand("bob")
        self.poll_until(bob, lambda: bob.heard("onConnectionStateChanged", state="connected"))
        invitations = [alice.ring("bob") for _ in range(3)]
        self.eventually(bob.pending, lambda pending: len(pending) == 3)
        bob.on("onReceiveNewInvitation", {"do": "poll", "client": bob.name, "wait": 2000, "call": "inner"})
        self.poll_until(bob, lambda: len(bob.heard("onReceiveNewInvitation")) == 3)
        inner = bob.driver.wait(lambda line: line.get("did") == "poll" and line.get("call") == "inner", "inner poll")
        self.assertEqual(inner["count"], 0)
        self.assertLess(inner["took"], 1000)
        self.assertEqual([line["inviteID"] for line in bob.heard("onReceiveNewInvitation")], invitations)

    def test_what_was_due_is_not_called_after_the_destruction(self):
        alice = self.client("alice")
        bob = self.by_hand("bob")
        self.eventually(bob.state, lambda state: state == "connected")
        calls = [bob.call("getSignalingInfo", id="none") for _ in range(5)]
        invitation = alice.ring("bob")
        self.eventually(bob.pending, lambda pending: invitation in pending)
        bob.destroy()
        end = bob.wait_destroyed()["place"]
        for call in calls:
            result = call.result()
            self.assertIn(result["error"], ("closed", "unknown_invitation"))
            self.assertEqual(result["within"], "destroy")
            self.assertLess(result["place"], end)


if __name__ == "__main__":
    unittest.main()
