# SPDX-License-Identifier: Apache-2.0
"""promises.py itself: it lets an honest broker be, and notices each kind of lie."""

import os
import sqlite3
import tempfile
import unittest

from promises import Broken, Device, Promises
from write_ahead_log import forget_last_commit


class Judged(unittest.TestCase):
    def setUp(self):
        self.promises = Promises()
        self.promises.group("family", ["ann", "bob", "cat"])
        self.ann, self.bob, self.cat = (Device(user, user) for user in ("ann", "bob", "cat"))
        self.now = 100.0
        for device in (self.ann, self.bob, self.cat):
            self.sync(device, [])

    def ask(self, device, verb, subject, body=None, **reply):
        """A request and its reply; reply=None: there was none."""
        self.now += 0.001
        request = self.promises.sent(device, verb, subject, body or {}, self.now)
        if reply.get("reply", reply) is None:
            return
        self.now += 0.001
        self.promises.answered(request, {"ok": "error" not in reply, "device": f"tag of {device.name}",
                                         "code": 8010, **reply}, self.now)

    def sync(self, device, invitations):
        self.ask(device, "sync", device.user, server_epoch=f"epoch {self.promises.session}", invitations=invitations)

    def invite(self, **body):
        self.ask(self.ann, "invite", "bob", {"id": "i", **body}, id="i", rev=1)

    def accept(self):
        self.ask(self.bob, "accept", "i", rev=2)

    def hear(self, device, event, **fields):
        self.now += 0.001
        self.promises.heard(device, {"event": event, "id": "i", **fields}, self.now)

    def hear_ring(self, device, **fields):
        self.hear(device, "new_invitation", rev=1, invitees=["bob"], role="invitee", **fields)

    def shown(self, states, rev=1, **fields):
        return {"id": "i", "rev": rev, "inviter": "ann", "answer": "all", "call": False,
                "invitees": [{"user": user, "state": state} for user, state in states.items()], **fields}

    def get(self, states, rev=1, **fields):
        self.ask(self.ann, "get", "i", invitation=self.shown(states, rev, **fields))

    def restart(self):
        self.now += 1
        self.promises.restarted(self.now)

    def assert_broken(self, why, what, *arguments, **named):
        with self.assertRaisesRegex(Broken, why):
            what(*arguments, **named)


class JudgedCalls(Judged):
    """ann has called bob and cat."""

    def setUp(self):
        super().setUp()
        self.ann2 = Device("ann2", "ann")
        self.sync(self.ann2, [])
        self.ask(self.ann, "invite", "bob", {"id": "i", "also": ["cat"], "call": True}, id="i", rev=1)

    def cross(self, **reply):
        """ann calls bob, and bob her."""
        self.ask(self.ann, "invite", "bob", {"id": "first", "call": True}, id="first", rev=1)
        self.cross_again(**reply)

    def cross_again(self, **reply):
        self.ask(self.bob, "invite", "ann", {"id": "second", "call": True}, **reply)

    def get_first(self, state, **fields):
        shown = {"id": "first", "call": True, "invitees": [{"user": "bob", "state": state}], **fields}
        self.ask(self.ann, "get", "first", invitation={**self.shown({}), **shown})

    def talk(self):
        self.accept()
        self.ask(self.cat, "accept", "i", rev=3)

    def hang_up(self, device, body=None, **reply):
        self.ask(device, "hangup", "i", body, **(reply or {"rev": 3}))

    def in_call(self, *participants, bob="accepted", cat="accepted", duration_ms=5, **fields):
        self.get({"bob": bob, "cat": cat}, 3, call=True,
                 call_state={"participants": participants, "duration_ms": duration_ms, **fields})

    def hear_hung_up(self, hearer, device, event="call_ended", reason="hangup", duration_ms=5, **fields):
        fields |= {"duration_ms": duration_ms} if event == "call_ended" else {"user": device.user}
        self.hear(hearer, event, rev=3, reason=reason, by=device.user, by_device=device.tag, **fields)

    def past(self, **fields):
        row = {"id": "i", "age_ms": 1000, "reason": "hangup", "talk_ms": 5, "invitees": [
            {"user": "bob", "state": "accepted"}, {"user": "cat", "state": "accepted"}], **fields}
        self.ask(self.ann, "history", "ann", history=[row])


class Honest(Judged):
    def test_what_ended_long_ago_may_be_forgotten_whoever_asks(self):
        self.invite()
        self.accept()
        self.now += 60
        self.ask(self.bob, "accept", "i", rev=2, dup=True)
        self.promises.forget(self.now - 30)
        self.assertIn("i", self.promises.invitations)
        self.promises.forget(self.now - 30, self.now - 30)
        self.ask(self.bob, "accept", "i", error="unknown_invitation")

    def test_what_was_said_may_be_said_again(self):
        self.invite()
        self.hear_ring(self.bob)
        self.accept()
        self.hear(self.ann, "invitee_accepted", rev=2, invitee="bob", by="bob", by_device="tag of bob")
        self.restart()
        self.get({"bob": "accepted"}, 2)
        self.ask(self.bob, "accept", "i", dup=True, rev=2)

    def test_what_broke_off_may_have_happened_or_not(self):
        for state in ("pending", "accepted"):
            with self.subTest(state=state):
                self.setUp()
                self.invite()
                self.ask(self.bob, "accept", "i", reply=None)
                self.restart()
                self.get({"bob": state}, 2 if state == "accepted" else 1)

    def test_who_does_not_answer_times_out(self):
        self.invite(timeout_ms=500)
        self.restart()
        self.hear(self.ann, "invitation_timeout", rev=2, invitees=["bob"])


    def test_who_is_added_after_a_sync_was_not_in_it(self):
        self.invite()
        self.now += 0.001
        sync = self.promises.sent(self.cat, "sync", "cat", {}, self.now)
        self.ask(self.ann, "add", "i", {"invitees": ["cat"]}, rev=2, skipped=[])
        self.promises.answered(sync, {"ok": True, "device": "tag of cat", "server_epoch": "epoch 1",
                                      "invitations": []}, self.now)
        self.ask(self.cat, "get", "i", invitation=self.shown({"bob": "pending", "cat": "pending"}, 2))


class HonestCalls(JudgedCalls):
    def test_one_leaves_and_another_ends_it(self):
        self.talk()
        self.in_call("ann", "bob", "cat", duration_ms=3)
        self.hang_up(self.bob, {"data": "bye"})
        for device in (self.ann, self.bob, self.cat):
            self.hear_hung_up(device, self.bob, "participant_left", data="bye")
        self.restart()
        self.in_call("ann", "cat", duration_ms=1010)
        self.hang_up(self.bob, dup=True, rev=3)
        self.hang_up(self.cat, {"reason": "tired"})
        self.hear_hung_up(self.ann, self.cat, reason="tired", duration_ms=1016)
        self.restart()
        self.in_call(reason="tired", duration_ms=1016)
        self.past(reason="tired", talk_ms=1016)
        self.hang_up(self.ann, error="already_ended")

    def test_a_hangup_that_broke_off_may_have_happened_or_not(self):
        for participants in (("ann", "cat"), ("ann", "bob", "cat")):
            with self.subTest(participants=participants):
                self.setUp()
                self.talk()
                self.hang_up(self.bob, reply=None)
                self.restart()
                self.in_call(*participants, duration_ms=1000)
                self.hang_up(self.bob, {}, rev=3, **({"dup": True} if len(participants) == 2 else {}))

    def test_who_is_pending_ends_with_it(self):
        self.accept()
        self.hang_up(self.bob)
        self.hear_hung_up(self.ann, self.bob, duration_ms=1)
        self.hear(self.cat, "invitation_cancelled", rev=3, invitees=["cat"], reason="call_ended", by="bob",
                  by_device=self.bob.tag)
        self.restart()
        self.in_call(cat="cancelled", reason="hangup", duration_ms=1)

    def test_another_device_takes_it_over(self):
        self.talk()
        self.ask(self.ann, "resume", "i", dup=True, rev=3)
        self.ask(self.ann2, "resume", "i", rev=3)
        self.hear(self.bob, "participant_moved", rev=3, user="ann", by="ann", by_device=self.ann2.tag)
        self.restart()
        self.ask(self.ann2, "resume", "i", dup=True, rev=3)
        self.ask(self.ann, "resume", "i", rev=3)
        self.hang_up(self.ann)
        self.ask(self.ann, "resume", "i", error="not_participant", code=8011)
        self.hang_up(self.ann2, error="not_participant", code=8011)

    def test_calls_that_cross_are_one(self):
        self.cross(merged_into="first")
        self.restart()
        self.get_first("accepted", rev=2, call_state={"participants": ["ann", "bob"], "duration_ms": 1000})
        self.cross_again(merged_into="first", dup=True)

    def test_a_crossing_call_that_broke_off_may_have_become_the_accept_or_not(self):
        self.cross(reply=None)
        self.restart()
        self.get_first("accepted", rev=2, call_state={"participants": ["ann", "bob"], "duration_ms": 1000})
        self.setUp()
        self.cross(reply=None)
        self.restart()
        self.get_first("pending")


class Lies(Judged):
    def test_a_lost_invitation_is_noticed(self):
        self.invite()
        self.restart()
        self.assert_broken("it is lost", self.ask, self.ann, "get", "i", error="unknown_invitation")

    def test_a_lost_accept_is_noticed(self):
        self.invite()
        self.accept()
        self.restart()
        self.assert_broken("pending again", self.get, {"bob": "pending"}, 2)

    def test_a_second_end_is_noticed(self):
        self.invite(timeout_ms=100)
        self.accept()
        self.now += 1
        self.assert_broken("had accepted", self.hear, self.ann, "invitation_timeout", rev=3, invitees=["bob"])

    def test_the_same_end_twice_is_noticed(self):
        self.invite(timeout_ms=100)
        self.now += 1
        self.hear(self.ann, "invitation_timeout", rev=2, invitees=["bob"])
        self.restart()
        self.assert_broken("ends twice", self.hear, self.ann, "invitation_timeout", rev=3, invitees=["bob"])

    def test_another_device_of_an_end_is_noticed(self):
        self.invite()
        self.accept()
        self.assert_broken("had accepted", self.get, {"bob": "accepted"}, 2, invitees=[
            {"user": "bob", "state": "accepted", "device": "tag of another"}])

    def test_a_rev_that_goes_back_is_noticed(self):
        self.invite()
        self.ask(self.ann, "modify", "i", {"data": "x"}, rev=2)
        self.restart()
        self.assert_broken("rev went back", self.get, {"bob": "pending"}, 1, data="x")

    def test_a_rev_used_twice_is_noticed(self):
        self.invite()
        self.hear(self.bob, "invitation_modified", rev=2)
        self.restart()
        self.assert_broken("before the restart", self.hear, self.ann, "invitation_modified", rev=2)

    def test_a_second_ring_is_noticed(self):
        self.invite()
        self.hear_ring(self.bob)
        self.restart()
        self.bob.revisions.clear()
        self.promises.invitations["i"].revisions[:] = [(0, 0, 0)]
        self.assert_broken("rings twice", self.hear_ring, self.bob)

    def test_what_nobody_asked_for_is_noticed(self):
        self.assert_broken("nobody asked", self.sync, self.ann, [self.shown({"bob": "pending"})])
        self.assert_broken("nobody asked", self.hear_ring, self.bob)

    def test_an_end_without_a_request_is_noticed(self):
        for state in ("accepted", "rejected", "cancelled", "revoked", "timed_out"):
            with self.subTest(state=state):
                self.setUp()
                self.invite()
                self.assert_broken("no request explains", self.get, {"bob": state}, 2)

    def test_what_was_refused_and_happened_is_noticed(self):
        self.invite()
        self.ask(self.bob, "accept", "i", error="storage_unavailable", code=20104)
        self.assert_broken("no request explains", self.get, {"bob": "accepted"}, 2)

    def test_a_refused_invite_that_exists_is_noticed(self):
        self.ask(self.ann, "invite", "bob", {"id": "i"}, error="storage_unavailable", code=20104)
        self.assert_broken("each invite was refused", self.hear_ring, self.bob)

    def test_what_broke_off_and_happens_later_is_noticed(self):
        self.invite()
        self.ask(self.bob, "accept", "i", reply=None)
        self.restart()
        self.get({"bob": "pending"})
        self.assert_broken("no request explains", self.get, {"bob": "accepted"}, 2)

    def test_an_invite_that_broke_off_and_comes_later_is_noticed(self):
        self.ask(self.ann, "invite", "bob", {"id": "i"}, reply=None)
        self.restart()
        self.ask(self.ann, "get", "i", error="unknown_invitation")
        self.assert_broken("did not exist", self.hear_ring, self.bob)

    def test_a_time_that_is_stretched_is_noticed(self):
        self.invite(timeout_ms=500)
        self.restart()
        self.assert_broken("after the deadline", self.get, {"bob": "pending"})

    def test_a_time_that_is_cut_is_noticed(self):
        self.invite(timeout_ms=10000)
        self.restart()
        self.assert_broken("no request explains", self.hear, self.ann, "invitation_timeout", rev=2, invitees=["bob"])

    def test_half_a_change_is_noticed(self):
        self.ask(self.ann, "invite", "bob", {"id": "i", "also": ["cat"], "answer": "first"}, id="i", rev=1)
        self.ask(self.bob, "accept", "i", reply=None)
        self.restart()
        self.assert_broken("half done", self.get, {"bob": "accepted", "cat": "pending"}, 2, answer="first")

    def test_an_invitee_who_is_gone_is_noticed(self):
        self.ask(self.ann, "invite", "bob", {"id": "i", "also": ["cat"]}, id="i", rev=1)
        self.assert_broken("missing", self.get, {"bob": "pending"})

    def test_data_that_goes_back_is_noticed(self):
        self.invite(data="first")
        self.ask(self.ann, "modify", "i", {"data": "second"}, rev=2)
        self.restart()
        self.assert_broken("its data", self.get, {"bob": "pending"}, 2, data="first")

    def test_a_sync_without_what_is_open_is_noticed(self):
        self.invite()
        self.restart()
        self.sync(self.ann, [])
        self.assert_broken("sync did not show", self.get, {"bob": "pending"})

    def test_a_history_without_what_ended_is_noticed(self):
        self.invite()
        self.get({"bob": "pending"})
        self.accept()
        self.restart()
        row = {"id": "i", "age_ms": 1000, "reason": "accepted", "invitees": [{"user": "bob", "state": "accepted"}]}
        self.ask(self.ann, "history", "ann", history=[row])
        self.assert_broken("without it", self.ask, self.ann, "history", "ann", history=[])

    def test_a_member_who_is_gone_is_noticed(self):
        self.ask(self.ann, "create", "family", {"members": ["bob"]})
        self.ask(self.cat, "join", "family")
        self.restart()
        members = [{"user": "ann", "role": "owner"}, {"user": "bob", "role": "member"}]
        self.assert_broken("could be", self.ask, self.ann, "get", "family", group={"members": members})

    def test_who_is_pending_after_having_left_is_noticed(self):
        self.ask(self.ann, "create", "family", {"members": ["bob"]})
        self.ask(self.ann, "invite", "family", {"id": "i", "invitees": ["bob"]}, id="i", rev=1)
        self.ask(self.bob, "quit", "family")
        self.assert_broken("though bob asks quit", self.get, {"bob": "pending"}, group="family")

    def test_another_tag_is_noticed(self):
        self.bob.tag = "another"
        self.assert_broken("was another", self.sync, self.bob, [])

    def test_an_old_epoch_is_noticed(self):
        self.restart()
        self.assert_broken("server_epoch", self.ask, self.ann, "sync", "ann", server_epoch="epoch 1", invitations=[])


class LiesAboutCalls(JudgedCalls):
    def test_a_call_that_is_lost_is_noticed(self):
        self.accept()
        self.restart()
        self.assert_broken("its call is None", self.get, {"bob": "accepted", "cat": "pending"}, 3, call=True)

    def test_a_call_before_an_accept_is_noticed(self):
        self.assert_broken("its call is {", self.in_call, "ann", "bob", bob="pending", cat="pending")

    def test_a_call_that_ended_and_lives_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True})
        self.restart()
        self.assert_broken("or it had ended", self.in_call, "ann", "bob", duration_ms=1000)
        self.assert_broken("or it had ended", self.ask, self.bob, "resume", "i", rev=3)
        self.assert_broken("or it had ended", self.hang_up, self.bob)

    def test_a_hangup_that_is_forgotten_is_noticed(self):
        self.talk()
        self.hang_up(self.bob)
        self.restart()
        self.assert_broken("bob had left", self.in_call, "ann", "bob", "cat", duration_ms=1000)
        self.assert_broken("bob had left", self.hang_up, self.bob)

    def test_who_is_gone_without_a_hangup_is_noticed(self):
        self.talk()
        self.assert_broken("bob is missing", self.in_call, "ann", "cat")
        self.assert_broken("bob is in the call, and is not", self.hang_up, self.bob, error="not_participant")
        self.assert_broken("no request explains", self.hear_hung_up, self.ann, self.bob, "participant_left")

    def test_a_stranger_in_a_call_is_noticed(self):
        self.accept()
        self.assert_broken("cannot be", self.in_call, "ann", "bob", "cat", cat="pending")
        self.assert_broken("no request explains", self.hear, self.cat, "participant_left", rev=3, user="bob",
                           by="bob", by_device="tag of bob", reason="hangup")

    def test_a_call_with_oneself_is_noticed(self):
        self.accept()
        self.hang_up(self.bob, reply=None)
        self.assert_broken("cannot be", self.in_call, "ann", cat="pending")
        self.assert_broken("no request explains", self.in_call, cat="pending", duration_ms=2)  # nobody, and no end

    def test_an_end_without_a_hangup_is_noticed(self):
        self.talk()
        self.assert_broken("no request explains", self.in_call, reason="hangup")
        self.assert_broken("no request explains", self.hang_up, self.ann, error="already_ended")

    def test_an_end_of_a_call_that_goes_on_is_noticed(self):
        self.talk()
        self.hang_up(self.bob)
        self.assert_broken("no request explains", self.hear_hung_up, self.ann, self.bob)

    def test_a_call_that_goes_on_with_one_is_noticed(self):
        self.accept()
        self.ask(self.cat, "reject", "i", rev=3)
        self.hang_up(self.bob)
        self.assert_broken("no request explains", self.hear_hung_up, self.ann, self.bob, "participant_left")

    def test_what_broke_off_and_ends_it_later_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True}, reply=None)
        self.restart()
        self.in_call("ann", "bob", "cat", duration_ms=1000)
        self.assert_broken("no request explains", self.in_call, reason="hangup", duration_ms=900)

    def test_a_hangup_that_was_refused_and_happened_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True}, error="storage_unavailable", code=20104)
        self.assert_broken("no request explains", self.in_call, reason="hangup")

    def test_another_reason_is_noticed(self):
        for ask in (lambda: self.hear_hung_up(self.cat, self.bob, reason="b"),
                    lambda: self.in_call(reason="b", cat="cancelled"),
                    lambda: self.past(reason="b"),
                    lambda: self.past(reason="accepted")):
            self.setUp()
            self.accept()
            self.hang_up(self.ann, {"reason": "a", "all": True}, reply=None)
            self.hang_up(self.bob, {"reason": "b"}, reply=None)
            self.hear_hung_up(self.ann, self.ann, reason="a", duration_ms=2)
            self.assert_broken("reason|outcome|another|explains", ask)

    def test_another_duration_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True})
        self.hear_hung_up(self.ann, self.ann, duration_ms=5)
        self.assert_broken("5}, .*4}", self.in_call, reason="hangup", duration_ms=4)
        self.assert_broken("5}, .*4}", self.past, talk_ms=4)

    def test_a_duration_that_cannot_be_is_noticed(self):
        self.talk()
        self.now += 10
        for duration in (9000, 11000):
            self.assert_broken("has lasted", self.in_call, "ann", "bob", "cat", duration_ms=duration)
        self.hang_up(self.ann, {"all": True})
        for device, duration in ((self.ann, 9000), (self.bob, 11000)):
            self.assert_broken("has lasted", self.hear_hung_up, device, self.ann, duration_ms=duration)
            self.assert_broken("has lasted", self.past, talk_ms=duration)

    def test_a_duration_without_the_time_away_is_noticed(self):
        self.talk()
        self.restart()
        self.assert_broken("has lasted", self.in_call, "ann", "bob", "cat", duration_ms=5)

    def test_another_who_ended_it_is_noticed(self):
        self.talk()
        self.hang_up(self.bob)
        self.hang_up(self.cat)
        self.hear_hung_up(self.ann, self.cat)
        self.assert_broken("its call has ended", self.hear_hung_up, self.cat, self.bob)

    def test_other_last_words_are_noticed(self):
        self.talk()
        self.hang_up(self.bob, {"data": "bye"})
        self.assert_broken("no request explains", self.hear_hung_up, self.ann, self.bob, "participant_left", data="b")
        self.hang_up(self.ann, {"data": "bye", "all": True})
        self.assert_broken("no request explains", self.hear_hung_up, self.ann, self.ann)

    def test_what_is_heard_after_the_end_is_noticed(self):
        self.talk()
        self.hang_up(self.bob)
        self.hang_up(self.ann)
        self.hear_hung_up(self.bob, self.bob, "participant_left")
        self.assert_broken("is over", self.hear_hung_up, self.bob, self.cat, "participant_left")
        self.hear_hung_up(self.bob, self.ann)  # as all who heard that it was answered
        self.assert_broken("is over", self.hear_hung_up, self.bob, self.ann)
        self.hear_hung_up(self.cat, self.ann)
        self.assert_broken("is over", self.hear_hung_up, self.cat, self.ann)

    def test_a_signal_proves_no_more_than_that_its_call_exists(self):
        self.accept()
        self.hear(self.ann, "signal", rev=1, by="bob", data="s")  # with a rev from before
        self.ask(self.ann, "signal", "i", {"data": "s"}, error="not_participant")
        self.assert_broken("it is lost", self.ask, self.ann, "signal", "i", {"data": "s"}, error="unknown_invitation")

    def test_a_refused_sync_is_let_be_only_where_the_disk_fails(self):
        self.promises.disk_fails = True
        self.ask(self.bob, "sync", "bob", error="storage_unavailable")
        self.promises.disk_fails = False
        self.assert_broken("cannot sync", self.ask, self.bob, "sync", "bob", error="storage_unavailable")

    def test_a_history_without_what_timed_out_is_let_be_only_where_the_disk_fails(self):
        self.get({"bob": "pending", "cat": "pending"}, call=True)
        self.now += 31
        self.hear(self.ann, "invitation_timeout", rev=2, invitees=["bob", "cat"])
        self.promises.disk_fails = True
        self.ask(self.ann, "history", "ann", history=[])
        self.promises.disk_fails = False
        self.assert_broken("is without it", self.ask, self.ann, "history", "ann", history=[])

    def test_an_old_rev_of_a_call_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True})
        self.hear(self.ann, "invitee_accepted", rev=4, invitee="cat", by="cat", by_device="tag of cat")
        self.assert_broken("rev went back", self.hear_hung_up, self.ann, self.ann)

    def test_who_is_pending_after_the_end_is_noticed(self):
        self.accept()
        self.hang_up(self.bob)
        self.assert_broken("half done", self.in_call, cat="pending", reason="hangup", duration_ms=2)
        self.assert_broken("though the call had ended", self.ask, self.cat, "ringing", "i", rev=3)
        self.assert_broken("no request explains", self.ask, self.cat, "accept", "i", rev=3)

    def test_a_cancel_without_the_end_is_noticed(self):
        self.accept()
        self.assert_broken("no request explains", self.hear, self.cat, "invitation_cancelled", rev=3,
                           invitees=["cat"], reason="call_ended", by="bob", by_device="tag of bob")

    def test_a_repeat_of_nothing_is_noticed(self):
        self.talk()
        self.assert_broken("not hung up before", self.hang_up, self.bob, dup=True, rev=3)

    def test_a_repeat_that_is_not_known_again_is_noticed(self):
        self.talk()
        self.hang_up(self.bob)
        self.assert_broken("not known again", self.hang_up, self.bob, error="not_participant", code=8011)
        self.hang_up(self.cat)
        self.assert_broken("not known again", self.hang_up, self.cat, error="already_ended")

    def test_a_place_that_is_not_where_it_was_put_is_noticed(self):
        self.talk()
        self.assert_broken("place in the call", self.ask, self.ann2, "resume", "i", dup=True, rev=3)
        self.assert_broken("place in the call", self.ask, self.ann, "resume", "i", rev=3)
        self.setUp()
        self.talk()
        self.ask(self.ann2, "resume", "i", rev=3)
        self.restart()
        self.assert_broken("place in the call", self.ask, self.ann, "resume", "i", dup=True, rev=3)
        self.assert_broken("place in the call", self.ask, self.ann2, "resume", "i", rev=3)

    def test_a_move_that_nobody_asked_for_is_noticed(self):
        self.talk()
        self.assert_broken("has moved, and no request", self.hear, self.bob, "participant_moved", rev=3, user="ann",
                           by="ann", by_device=self.ann2.tag)

    def test_a_sync_without_a_call_is_noticed(self):
        self.talk()
        self.restart()
        self.sync(self.ann, [])
        self.assert_broken("sync did not show", self.in_call, "ann", "bob", "cat", duration_ms=1006)

    def test_a_sync_with_a_call_that_ended_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True})
        shown = self.shown({"bob": "accepted", "cat": "accepted"}, 3, call=True, call_state={
            "participants": [], "duration_ms": 5, "reason": "hangup"})
        self.assert_broken("shows what has ended", self.sync, self.ann, [shown])

    def test_a_history_without_the_talk_is_noticed(self):
        self.talk()
        self.hang_up(self.ann, {"all": True})
        row = {"id": "i", "age_ms": 1000, "reason": "hangup", "invitees": [{"user": "bob", "state": "accepted"}]}
        self.assert_broken("another outcome", self.ask, self.ann, "history", "ann", history=[row])

    def test_a_second_call_that_crosses_is_noticed(self):
        self.cross(id="second", rev=1)
        self.assert_broken("a second call", self.get_first, "pending")

    def test_a_merged_call_that_exists_is_noticed(self):
        self.cross(merged_into="first")
        self.assert_broken("was merged into first", self.promises.heard, self.ann,
                           {"event": "new_invitation", "id": "second", "rev": 1, "role": "invitee"}, self.now)

    def test_a_merge_that_is_forgotten_is_noticed(self):
        self.cross(reply=None)
        self.restart()
        self.get_first("accepted", rev=2, call_state={"participants": ["ann", "bob"], "duration_ms": 1000})
        self.assert_broken("was merged into first", self.cross_again, id="second", rev=1)

    def test_a_merge_without_the_accept_is_noticed(self):
        self.cross(merged_into="first")
        self.restart()
        self.assert_broken("pending again", self.get_first, "pending")

    def test_a_merge_of_what_does_not_cross_is_noticed(self):
        self.assert_broken("did not cross", self.cross, merged_into="i")

    def test_a_merge_of_what_exists_is_noticed(self):
        self.cross(id="second", rev=1)
        self.assert_broken("a call of its own", self.cross_again, merged_into="first")


class Log(unittest.TestCase):
    def test_the_last_commit_can_be_forgotten(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "some.db")
            writer = sqlite3.connect(path, isolation_level=None)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE t (n)")
            for number in (1, 2, 3):
                writer.execute("INSERT INTO t VALUES (?)", (number,))
            for file in ("some.db", "some.db-wal"):
                with open(os.path.join(directory, file), "rb") as original, \
                        open(os.path.join(directory, f"copy-{file}"), "wb") as copy:
                    copy.write(original.read())
            writer.close()
            self.assertTrue(forget_last_commit(os.path.join(directory, "copy-some.db-wal")))
            reader = sqlite3.connect(os.path.join(directory, "copy-some.db"))
            self.assertEqual(reader.execute("SELECT n FROM t").fetchall(), [(1,), (2,)])
            reader.close()


if __name__ == "__main__":
    unittest.main()
