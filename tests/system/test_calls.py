# SPDX-License-Identifier: Apache-2.0
"""Calls (contract, section 7), by clients of both MQTT versions and both encodings: who talks, who leaves, and when it
is over."""

import unittest

from harness import SystemTest, data_of

GRACE = {"grace_ms": 300}


class CallTest(SystemTest):
    def people(self, *users, **options):
        self.broker = self.start_broker(options)
        return self.connect_all(self.broker, *users)

    def talk(self, inviter, *others, **body):
        """A call of these clients; all have heard of it. Returns its id."""
        first, *also = [other.user for other in others]
        call = self.invite(inviter, first, call=True, also=also, **body)
        for other in others:
            other.wait_event("new_invitation", id=call, call=True)
            self.assert_ok(other.ask(f"invitation/{call}/accept"))
            for one in (inviter, *others):
                one.wait_event("invitee_accepted", id=call, invitee=other.user)
        return call

    def call_state(self, client, call):
        return self.assert_ok(client.ask(f"invitation/{call}/get"))["invitation"].get("call_state")


class Hangup(CallTest):
    def test_of_two_it_ends_the_call_and_both_hear_how_long_it_was(self):
        alice, bob = self.people("alice", "bob")
        call = self.talk(alice, bob)
        self.assertEqual(self.call_state(bob, call)["participants"], ["alice", "bob"])
        self.assertEqual(bob.sync()[call]["state"], "open")
        self.assert_ok(alice.ask(f"invitation/{call}/hangup", data="bye"), rev=2)
        end = self.hear([alice, bob], "call_ended", id=call, rev=2, by="alice", by_device=alice.tag, reason="hangup")
        self.assertEqual(data_of(end), "bye")
        self.assertTrue(0 <= end["duration_ms"] < 10_000, end)
        self.assertEqual(self.call_state(bob, call),
                         {"participants": [], "duration_ms": end["duration_ms"], "reason": "hangup"})
        self.assertEqual(bob.sync(), {})
        self.assert_ok(alice.ask(f"invitation/{call}/hangup"), dup=True)
        self.assert_refused(bob.ask(f"invitation/{call}/hangup"), "already_ended", rev=2)
        self.assert_refused(bob.ask(f"invitation/{call}/signal", data="x"), "already_ended")

    def test_of_several_one_leaves_and_the_others_go_on(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        call = self.talk(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{call}/hangup", reason="dinner"))
        self.hear([alice, bob, carol], "participant_left", id=call, by="bob", user="bob", reason="dinner")
        self.assert_refused(bob.ask(f"invitation/{call}/resume"), "not_participant")
        self.assert_ok(carol.ask(f"invitation/{call}/signal", data="now us two"))
        self.hear([alice], "signal", id=call, **{"from": "carol"})
        self.assert_ok(carol.ask(f"invitation/{call}/hangup"))
        self.hear([alice, bob, carol], "call_ended", id=call, by="carol")

    def test_for_all_ends_it_and_cancels_who_is_pending(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        call = self.talk(alice, bob, carol)
        self.assert_ok(alice.ask(f"invitation/{call}/add", invitees=["dave"]))
        for one in (alice, bob, carol):
            one.wait_event("invitation_modified", id=call)
        dave.wait_event("new_invitation", id=call, call=True)
        self.assert_refused(bob.ask(f"invitation/{call}/hangup", all=True), "not_inviter")
        self.assert_ok(alice.ask(f"invitation/{call}/hangup", all=True), rev=5)
        for one in (alice, bob, carol, dave):
            one.wait_event("call_ended", id=call, rev=4)
        self.hear([alice, bob, carol, dave], "invitation_cancelled", id=call, rev=5, reason="call_ended",
                  invitees=["dave"])

    def test_without_a_call_nobody_takes_part(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.invite(alice, "bob")
        bob.wait_event("new_invitation", id=invitation, call=False)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        for verb in ("hangup", "resume"):
            self.assert_refused(alice.ask(f"invitation/{invitation}/{verb}"), "not_participant")


class Signals(CallTest):
    def test_before_the_answer_they_go_between_the_inviter_and_who_is_asked(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        call = self.invite(alice, "bob", call=True, also=["carol"])
        for one in (bob, carol):
            one.wait_event("new_invitation", id=call)
        self.assert_ok(alice.ask(f"invitation/{call}/signal", seq=7, data="picture"), rev=1)
        said = self.hear([bob, carol], "signal", id=call, rev=1, by="alice", by_device=alice.tag, seq=7)
        self.assertEqual((said["from"], data_of(said)), ("alice", "picture"))
        self.assert_ok(bob.ask(f"invitation/{call}/signal", data="seen"))
        self.hear([alice], "signal", id=call, **{"from": "bob"})
        carol.no_more_events()
        self.assert_refused(bob.ask(f"invitation/{call}/signal", to="carol", data="x"), "not_participant")

    def test_one_sender_s_arrive_in_order(self):
        alice, bob = self.people("alice", "bob")
        call = self.talk(alice, bob)
        sent = [alice.send(f"invitation/{call}/signal", {"seq": seq, "data": str(seq)}) for seq in range(100)]
        for one in sent:
            self.assert_ok(alice.wait_reply(one))
        self.assertEqual([bob.wait_event("signal", id=call)["seq"] for _ in range(100)], list(range(100)))


class Devices(CallTest):
    def test_another_device_takes_over(self):
        alice, panel = self.people("alice", "bob")
        phone = self.connect(self.broker, "bob")
        call = self.talk(alice, panel)
        phone.sync()
        self.assert_ok(panel.ask(f"invitation/{call}/resume"), dup=True)
        self.assert_ok(phone.ask(f"invitation/{call}/resume"))
        for one in (alice, panel, phone):
            one.wait_event("participant_moved", id=call, user="bob", by="bob", by_device=phone.tag)
        self.assert_refused(self.connect(self.broker, "carol").ask(f"invitation/{call}/resume"), "not_participant")

    def test_who_is_gone_for_the_grace_period_has_left(self):
        alice, bob, carol = self.people("alice", "bob", "carol", **GRACE)
        call = self.talk(alice, bob, carol)
        bob.drop()
        lost = self.hear([alice, carol], "participant_left", id=call, user="bob", by="bob", reason="connection_lost")
        self.assertNotIn("by_device", lost)
        carol.leave()
        self.hear([alice], "call_ended", id=call, by="carol", reason="connection_lost")

    def test_another_device_that_is_there_does_not_keep_the_place_of_one_that_is_gone(self):
        alice, panel = self.people("alice", "bob", **GRACE)
        phone = self.connect(self.broker, "bob")
        call = self.talk(alice, panel)
        panel.drop()
        phone.wait_event("call_ended", id=call, reason="connection_lost")
        alice.wait_event("call_ended", id=call, reason="connection_lost")

    def test_who_comes_back_or_is_replaced_in_time_stays(self):
        alice, bob = self.people("alice", "bob", grace_ms=1500)
        panel = self.connect(self.broker, "carol", clean=False)
        call = self.talk(alice, bob, panel)
        bob.drop()
        panel.drop()
        phone = self.connect(self.broker, "bob")
        self.assert_ok(phone.ask(f"invitation/{call}/resume"))
        alice.wait_event("participant_moved", id=call, user="bob")
        again = self.keep(panel.resume())
        again.sync()
        # Were they lost, that would be told now.
        dave = self.connect(self.broker, "dave")
        late = self.invite(dave, "erin", timeout_ms=2000)
        dave.wait_event("invitation_timeout", id=late)
        self.assertEqual(self.call_state(alice, call)["participants"], ["alice", "bob", "carol"])


class Limits(CallTest):
    def test_a_call_ends_at_its_limit(self):
        alice, bob = self.people("alice", "bob", max_call_ms=300)
        call = self.talk(alice, bob)
        end = self.hear([alice, bob], "call_ended", id=call, reason="expired", duration_ms=300)
        self.assertNotIn("by", end)


class Glare(CallTest):
    def test_two_calls_that_cross_are_one(self):
        alice, bob = self.people("alice", "bob")
        call = self.invite(alice, "bob", call=True)
        bob.wait_event("new_invitation", id=call)
        other = {"id": "crossing", "call": True, "data": "me too"}
        self.assert_ok(bob.ask("user/alice/invite", **other), merged_into=call)
        accepted = self.hear([alice, bob], "invitee_accepted", id=call, invitee="bob")
        self.assertEqual(data_of(accepted), "me too")
        self.assert_ok(bob.ask("user/alice/invite", **other), merged_into=call, dup=True)
        self.assert_refused(bob.ask("invitation/crossing/get"), "unknown_invitation")
        self.assertEqual(self.call_state(alice, call)["participants"], ["alice", "bob"])


if __name__ == "__main__":
    unittest.main()
