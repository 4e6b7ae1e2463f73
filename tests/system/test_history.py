# SPDX-License-Identifier: Apache-2.0
"""`history` (contract, section 7): what has ended, of one user, newest first, page by page."""

import unittest

from harness import SystemTest


class History(SystemTest):
    def start(self, *users, **options):
        self.broker = self.start_broker(options, persistence=True)
        return self.connect_all(self.broker, *users)

    def history(self, client, **body):
        return self.assert_ok(client.ask(f"user/{client.user}/history", **body))

    def end(self, how, alice, bob):
        """An invitation that ends so; returns its id."""
        invitation = self.invite(alice, "bob", data="secret", timeout_ms=1 if how == "timed_out" else 60000)
        if how == "accepted":
            self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        elif how in ("declined", "busy"):
            self.assert_ok(bob.ask(f"invitation/{invitation}/reject", reason=how))
        elif how == "cancelled":
            self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        else:
            alice.wait_event("invitation_timeout", id=invitation)
        return invitation

    def test_it_tells_how_each_ended_and_what_was_missed(self):
        alice, bob, carol = self.start("alice", "bob", "carol")
        ends = {how: self.end(how, alice, bob) for how in ("accepted", "declined", "busy", "cancelled", "timed_out")}
        newest_first = list(reversed(ends.values()))
        self.invite(alice, "bob", timeout_ms=60000)  # has not ended
        told = {client.user: self.history(client) for client in (alice, bob)}
        for user, reply in told.items():
            self.assertNotIn("next", reply)
            self.assertEqual([one["id"] for one in reply["history"]], newest_first)
            for one in reply["history"]:
                self.assertEqual((one["inviter"], one["role"]), ("alice", "inviter" if user == "alice" else "invitee"))
                self.assertNotIn("data", one)
                self.assertTrue(0 <= one["age_ms"] < 60000 and 0 <= one["ring_ms"] < 60000, one)
        reasons = {one["id"]: (one["reason"], one["missed"]) for one in told["bob"]["history"]}
        self.assertEqual(reasons, {ends["accepted"]: ("accepted", False), ends["declined"]: ("rejected", False),
                                   ends["busy"]: ("rejected", True), ends["cancelled"]: ("cancelled", True),
                                   ends["timed_out"]: ("timed_out", True)})
        self.assertFalse(any(one["missed"] for one in told["alice"]["history"]))
        parts = {one["id"]: one["invitees"] for one in told["bob"]["history"]}
        self.assertEqual(parts[ends["busy"]], [{"user": "bob", "state": "rejected", "reason": "busy"}])
        self.assertEqual(parts[ends["accepted"]], [{"user": "bob", "state": "accepted"}])
        self.assertEqual(self.history(carol)["history"], [])

    def test_who_was_told_of_nobody_else_is_not_told_later(self):
        alice, bob, carol = self.start("alice", "bob", "carol")
        invitation = self.invite(alice, "bob", also=["carol"], visibility="inviter")
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_ok(carol.ask(f"invitation/{invitation}/reject"))
        self.assertEqual([one["user"] for one in self.history(alice)["history"][0]["invitees"]], ["bob", "carol"])
        mine = self.history(carol)["history"][0]
        self.assertEqual(([one["user"] for one in mine["invitees"]], mine["reason"]), (["carol"], "rejected"))

    def test_page_by_page_across_a_restart_and_after_it_is_forgotten(self):
        alice, bob = self.start("alice", "bob", ended_ms=0)
        ends = [self.end("declined", alice, bob) for _ in range(5)]
        self.broker.kill()
        for client in (alice, bob):
            client.wait_lost()
        self.broker.start()
        bob = self.keep(bob.resume(clean=True, subscribe=True))
        told, before = [], {}
        for _ in range(3):
            page = self.history(bob, limit=2, **before)
            told += [one["id"] for one in page["history"]]
            before = {"before": page.get("next")}
        self.assertEqual(told, list(reversed(ends)))
        self.assertIsNone(before["before"])

    def test_what_is_wrong_is_refused(self):
        alice, = self.start("alice")
        for body, field in (({"limit": 0}, "limit"), ({"limit": "all"}, "limit"), ({"before": "yesterday"}, "before")):
            with self.subTest(body=body):
                self.assert_refused(alice.ask("user/alice/history", **body), "invalid_request", field=field)
        self.assert_refused(alice.ask("user/bob/history"), "wrong_sender")

    def test_without_a_store_there_is_none(self):
        alice, bob = self.connect_all(self.start_broker({"store": "memory"}), "alice", "bob")
        self.end("declined", alice, bob)
        self.assertEqual(self.history(alice)["history"], [])


if __name__ == "__main__":
    unittest.main()
