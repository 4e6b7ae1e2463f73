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
        return {"id": "i", "rev": rev, "inviter": "ann", "answer": "all",
                "invitees": [{"user": user, "state": state} for user, state in states.items()], **fields}

    def get(self, states, rev=1, **fields):
        self.ask(self.ann, "get", "i", invitation=self.shown(states, rev, **fields))

    def restart(self):
        self.now += 1
        self.promises.restarted(self.now)

    def assert_broken(self, why, what, *arguments, **named):
        with self.assertRaisesRegex(Broken, why):
            what(*arguments, **named)


class Honest(Judged):
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
