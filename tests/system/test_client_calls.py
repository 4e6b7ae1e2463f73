# SPDX-License-Identifier: Apache-2.0
"""Calls by the C++ library: among its own clients, and with clients in other languages."""

import time
import unittest

from harness import SystemTest, data_of


class CallTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker({"grace_ms": 1000})

    def client(self, user, **options):
        return self.drive(user, self.broker.port, **options)

    def clients(self, *users):
        return [self.client(user) for user in users]

    def call(self, inviter, *others, **options):
        """Rings them; returns the call's id."""
        call = inviter.call("inviteSeveral", invitees=[other.user for other in others], isCall=True, **options)
        return self.assert_result(call)["inviteID"]

    def assert_result(self, call, error="", **fields):
        result = call.result()
        self.assertEqual(result["error"], error, result)
        for name, value in fields.items():
            self.assertEqual(result.get(name), value, f"{name} of {result}")
        return result

    def talk(self, inviter, *others):
        """A call of these clients; all have heard of it. Returns its id."""
        call = self.call(inviter, *others)
        for other in others:
            other.wait_event("onReceiveNewInvitation", inviteID=call)
            self.assert_result(other.call("accept", id=call))
            other.wait_event("onInvitationEnded", inviteID=call, state="accepted", here=True)
            for one in (inviter, *others):
                if one is not other:
                    one.wait_event("onInviteeAccepted", inviteID=call, invitee=other.user)
        inviter.wait_event("onInvitationEnded", inviteID=call, state="accepted")
        return call


class Calls(CallTest):
    def test_two_talk_and_hang_up(self):
        alice, bob = self.clients("alice", "bob")
        call = self.talk(alice, bob)
        held = bob.pending()[call]
        self.assertEqual(held["participants"], ["alice", "bob"])
        self.assertTrue(held["call"])
        self.assert_result(alice.call("signal", id=call, data="offer"))
        bob.wait_event("onSignal", inviteID=call, **{"from": "alice"}, data="offer")
        self.assert_result(bob.call("signal", id=call, data="answer"))
        alice.wait_event("onSignal", inviteID=call, **{"from": "bob"}, data="answer")
        self.assert_result(bob.call("hangup", id=call, data="bye"))
        ends = [one.wait_event("onCallEnded", inviteID=call, reason="hangup", data="bye") for one in (alice, bob)]
        self.assertEqual(ends[0]["duration"], ends[1]["duration"])
        for one in (alice, bob):
            one.no_more_events()
            self.assertEqual(one.pending(), {})
        self.assert_result(alice.call("hangup", id=call), "already_ended")

    def test_one_of_three_leaves_and_the_inviter_ends_it_for_all(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        call = self.talk(alice, bob, carol, dave)
        self.assert_result(bob.call("hangup", id=call, reason="dinner"))
        for one in (alice, carol, dave):
            one.wait_event("onParticipantLeft", inviteID=call, user="bob", reason="dinner")
        bob.no_more_events()
        self.assertEqual(bob.pending(), {})
        self.assert_result(carol.call("hangup", id=call, all=True), "not_inviter")
        self.assert_result(alice.call("hangup", id=call, all=True, reason="closing"))
        for one in (alice, carol, dave):
            one.wait_event("onCallEnded", inviteID=call, reason="closing")
            one.no_more_events()

    def test_who_hung_up_by_mistake_or_declined_comes_into_the_call(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        call = self.call(alice, bob, carol, dave)
        for one in (bob, carol, dave):
            one.wait_event("onReceiveNewInvitation", inviteID=call)
        for one in (bob, carol):
            self.assert_result(one.call("accept", id=call))
        self.assert_result(dave.call("reject", id=call))
        for one, data in (bob, "back"), (dave, "after all"):
            if one is bob:
                self.assert_result(bob.call("hangup", id=call))
                carol.wait_event("onParticipantLeft", inviteID=call, user="bob")
            self.assert_result(one.call("join", id=call, data=data))
            for other in (alice, carol):
                other.wait_event("onParticipantJoined", inviteID=call, user=one.user, data=data)
        self.assert_result(alice.call("hangup", id=call, all=True))
        for one in (alice, bob, carol, dave):
            one.wait_event("onCallEnded", inviteID=call, reason="hangup")
            one.fence()
            self.assertEqual(one.pending(), {})
        self.assert_result(bob.call("join", id=call), "already_ended")

    def test_another_device_takes_the_call_over(self):
        alice, panel, phone = self.clients("alice", "bob", "bob")
        call = self.call(alice, panel)
        for one in (panel, phone):
            one.wait_event("onReceiveNewInvitation", inviteID=call)
        self.assert_result(panel.call("accept", id=call))
        phone.wait_event("onInvitationEnded", inviteID=call, state="accepted", here=False)
        self.assert_result(phone.call("resume", id=call))
        panel.wait_event("onParticipantMoved", inviteID=call, user="bob")
        alice.wait_event("onParticipantMoved", inviteID=call, user="bob")
        phone.fence()
        self.assertEqual(phone.heard("onParticipantMoved"), [])
        panel.destroy()
        self.assert_result(phone.call("hangup", id=call))
        alice.wait_event("onCallEnded", inviteID=call, reason="hangup")
        phone.wait_event("onCallEnded", inviteID=call, reason="hangup")

    def test_a_client_that_starts_anew_finds_its_call_and_resumes_it(self):
        self.broker = self.start_broker()  # whose grace is long: newer Pahos take a second to end
        alice, bob = self.clients("alice", "bob")
        call = self.talk(alice, bob)
        bob.destroy()
        again = self.client("bob")
        self.assertEqual(again.pending()[call]["participants"], ["alice", "bob"])
        self.assert_result(again.call("resume", id=call))
        alice.wait_event("onParticipantMoved", inviteID=call, user="bob")
        self.assert_result(alice.call("hangup", id=call))
        again.wait_event("onCallEnded", inviteID=call, reason="hangup")

    def test_who_is_away_for_too_long_has_left(self):
        alice, bob = self.clients("alice", "bob")
        call = self.talk(alice, bob)
        bob.destroy()
        alice.wait_event("onCallEnded", inviteID=call, reason="connection_lost")

    def test_a_broker_that_forgets_a_call_leaves_nobody_in_it(self):
        self.broker = self.start_broker(fixed_port=True)
        alice, bob = self.clients("alice", "bob")
        call = self.talk(alice, bob)
        self.broker.restart()
        for one in (alice, bob):
            one.wait_event("onCallEnded", inviteID=call, reason="")
            one.fence()
            self.assertEqual(one.pending(), {})

    def kill_and_start(self, *clients):
        self.broker.kill()
        for client in clients:
            client.wait_state("disconnected")
        self.broker.start()
        for client in clients:
            client.wait_state("connected")
            client.no_more_events()

    def test_a_stored_call_goes_on_after_a_kill_and_all_of_it_counts(self):
        self.broker = self.start_broker(persistence=True, fixed_port=True)
        alice, bob = self.clients("alice", "bob")
        begun = time.monotonic()
        call = self.talk(alice, bob)
        talked = time.monotonic()
        self.eventually(lambda: alice.pending()[call]["callDuration"], lambda duration: duration >= 300)
        self.kill_and_start(alice, bob)
        for one in (alice, bob):
            held = one.pending()[call]
            self.assertEqual(held["participants"], ["alice", "bob"])
            self.assertGreaterEqual(held["callDuration"], 300)
        for one, other in ((alice, bob), (bob, alice)):
            self.assert_result(one.call("signal", id=call, data="still there?"))
            other.wait_event("onSignal", inviteID=call, **{"from": one.user}, data="still there?")
        hung_up = time.monotonic()
        self.assert_result(bob.call("hangup", id=call, data="bye"))
        ends = [one.wait_event("onCallEnded", inviteID=call, reason="hangup", data="bye") for one in (alice, bob)]
        self.assertEqual(ends[0]["duration"], ends[1]["duration"])
        # By the clock of the same machine, the broker's absence included; in whole milliseconds.
        self.assertGreaterEqual(ends[0]["duration"], (hung_up - talked) * 1000 - 1)
        self.assertLessEqual(ends[0]["duration"], (ends[0]["at"] - begun) * 1000)
        for one in (alice, bob):
            one.no_more_events()
            self.assertEqual(one.pending(), {})

    def test_a_stored_ring_goes_on_after_a_kill_and_becomes_a_call(self):
        self.broker = self.start_broker(persistence=True, fixed_port=True)
        alice, bob = self.clients("alice", "bob")
        call = self.call(alice, bob, timeout=30000)
        bob.wait_event("onReceiveNewInvitation", inviteID=call)
        self.kill_and_start(alice, bob)
        for one in (alice, bob):
            held = one.pending()[call]
            self.assertEqual((held["call"], held["participants"]), (True, []))
            self.assertLess(held["remaining"], 30000)
        answered = time.monotonic()
        self.assert_result(bob.call("accept", id=call, data="coming"))
        alice.wait_event("onInviteeAccepted", inviteID=call, invitee="bob", data="coming")
        for one in (alice, bob):
            one.wait_event("onInvitationEnded", inviteID=call, state="accepted")
        self.assert_result(alice.call("hangup", id=call))
        ends = [one.wait_event("onCallEnded", inviteID=call, reason="hangup") for one in (alice, bob)]
        self.assertEqual(ends[0]["duration"], ends[1]["duration"])
        self.assertLessEqual(ends[0]["duration"], (ends[0]["at"] - answered) * 1000)  # without the ring
        for one in (alice, bob):
            one.no_more_events()

    def test_two_who_call_each_other_talk(self):
        alice, bob = self.clients("alice", "bob")
        call = self.call(alice, bob)
        bob.wait_event("onReceiveNewInvitation", inviteID=call)
        crossing = bob.call("inviteSeveral", invitees=["alice"], data="me too", isCall=True)
        self.assert_result(crossing, mergedInto=call)
        bob.wait_event("onInvitationEnded", inviteID=call, state="accepted", here=True)
        alice.wait_event("onInviteeAccepted", inviteID=call, invitee="bob", data="me too")
        self.assert_result(bob.call("hangup", id=call))
        for one in (alice, bob):
            one.wait_event("onCallEnded", inviteID=call)

    def test_a_client_in_another_language_talks_with_it(self):
        alice = self.client("alice")
        bob = self.connect(self.broker, "bob")
        call = self.assert_ok(bob.ask("user/alice/invite", call=True))["id"]
        alice.wait_event("onReceiveNewInvitation", inviteID=call)
        self.assert_result(alice.call("signal", id=call, data="who is it?"))
        self.assertEqual(data_of(bob.wait_event("signal", id=call)), "who is it?")
        self.assert_result(alice.call("accept", id=call))
        bob.wait_event("invitee_accepted", id=call)
        said = {"seq": 1, "data": "me"}
        for _ in range(2):  # as MQTT may: it is told once
            self.assert_ok(bob.ask(f"invitation/{call}/signal", **said))
        alice.wait_event("onSignal", inviteID=call, **{"from": "bob"}, data="me")
        alice.fence()
        self.assertEqual(len(alice.heard("onSignal")), 1)
        self.assert_ok(bob.ask(f"invitation/{call}/hangup"))
        alice.wait_event("onCallEnded", inviteID=call, reason="hangup")


class Busy(CallTest):
    def test_who_is_busy_does_not_ring_and_the_caller_hears_why(self):
        alice, bob = self.clients("alice", "bob")
        self.assert_result(bob.call("setBusy", data="in a meeting"))
        call = self.call(alice, bob, timeout=30000)
        alice.wait_event("onInviteeRejected", inviteID=call, invitee="bob", data="in a meeting")
        alice.wait_event("onInvitationEnded", inviteID=call, state="rejected", reason="busy")
        bob.wait_event("onRejectedAsBusy", inviteID=call, inviter="alice")
        bob.no_more_events()
        self.assertEqual(bob.pending(), {})
        self.assert_result(bob.call("setBusy", busy=False))
        call = self.call(alice, bob)
        bob.wait_event("onReceiveNewInvitation", inviteID=call)

    def test_what_waited_while_it_was_away_is_rejected_as_well(self):
        alice = self.client("alice")
        bob = self.client("bob", connect=False)
        self.assert_result(bob.call("setBusy"))
        call = self.call(alice, bob)
        bob.connect()
        alice.wait_event("onInvitationEnded", inviteID=call, state="rejected", reason="busy")
        bob.wait_event("onRejectedAsBusy", inviteID=call, inviter="alice")
        bob.no_more_events()


if __name__ == "__main__":
    unittest.main()
