# SPDX-License-Identifier: Apache-2.0
"""Everything has a limit, an option that sets it, and a reply that names it (section 9)."""

import unittest

from harness import SystemTest, states


class LimitTest(SystemTest):
    def people(self, *users, **options):
        self.broker = self.start_broker(options)
        return self.connect_all(self.broker, *users)


class Sizes(LimitTest):
    def test_max_payload_bytes(self):
        alice, bob = self.people("alice", "bob", max_payload_bytes=1000)
        self.assert_refused(alice.ask("user/bob/invite", pad="x" * 1000), "too_large", field="payload", limit=1000)
        bob.no_more_events()
        self.invite(alice, "bob", pad="x" * 900)

    def test_max_data_bytes(self):
        alice, bob = self.people("alice", "bob", max_data_bytes=10)
        self.assert_refused(alice.ask("user/bob/invite", data="x" * 11), "too_large", field="data", limit=10)
        invitation = self.invite(alice, "bob", data="x" * 10)
        for client, verb in ((alice, "modify"), (alice, "cancel"), (bob, "accept"), (bob, "reject")):
            self.assert_refused(client.ask(f"invitation/{invitation}/{verb}", data="x" * 11), "too_large",
                                field="data", limit=10)

    def test_max_total_data_bytes(self):
        alice, bob = self.people("alice", "bob", max_data_bytes=1000, max_total_data_bytes=1500)
        first = self.invite(alice, "bob", data="x" * 1000)
        self.assert_refused(alice.ask("user/bob/invite", data="x" * 1000), "too_large", limit=1500)
        self.invite(alice, "bob", data="x" * 10)
        self.assert_ok(bob.ask(f"invitation/{first}/reject"))
        self.invite(alice, "bob", data="x" * 1000)  # what has ended makes room
        self.assert_refused(bob.ask(f"invitation/{first}/get"), "unknown_invitation")

    def test_max_invitees(self):
        alice, _ = self.people("alice", "bob", max_invitees=3)
        reply = self.assert_refused(alice.ask("user/bob/invite", also=["u1", "u2", "u3"]), "too_large", limit=3)
        self.assertIn(reply["field"], ("also", "invitees"))
        invitation = self.invite(alice, "bob", also=["u1"])
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["u2", "u3"]), "too_large",
                            field="invitees", limit=3)
        self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["u2"]))
        self.assertEqual(len(states(alice.sync()[invitation])), 3)

    def test_max_audience_counts_the_inviter_and_spares_large_quiet_rounds(self):
        alice, bob = self.people("alice", "bob", max_audience=3)
        self.assert_refused(alice.ask("user/bob/invite", also=["u1", "u2"]), "too_large", field="visibility", limit=3)
        bob.no_more_events()
        self.invite(alice, "bob", also=["u1", "u2"], visibility="inviter")
        invitation = self.invite(alice, "bob", also=["u1"])
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["u2"]), "too_large", limit=3)
        self.assertEqual(len(states(alice.sync()[invitation])), 2)


class Times(LimitTest):
    def test_max_timeout_ms(self):
        alice, _ = self.people("alice", "bob", max_timeout_ms=5000)
        self.assert_refused(alice.ask("user/bob/invite", timeout_ms=5001), "invalid_request", field="timeout_ms")
        invitation = self.invite(alice, "bob", timeout_ms=5000)
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["carol"], timeout_ms=5001),
                            "invalid_request", field="timeout_ms")

    def test_max_lifetime_ms(self):
        alice, bob = self.people("alice", "bob", max_timeout_ms=200, max_lifetime_ms=200)
        self.invite(alice, "bob", timeout_ms=0)
        bob.wait_event("invitation_cancelled", reason="expired")

    def test_ended_ms(self):
        alice, bob = self.people("alice", "bob", ended_ms=200)
        invitation = self.invite(alice, "bob")
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        self.eventually(lambda: alice.ask(f"invitation/{invitation}/get").get("error"),
                        lambda error: error == "unknown_invitation")


class Numbers(LimitTest):
    def test_max_pending_per_inviter(self):
        alice, bob = self.people("alice", "bob", max_pending_per_inviter=2)
        first = self.invite(alice, "u1", also=["u2", "u3"])  # counts once
        self.invite(alice, "u2")
        self.assert_refused(alice.ask("user/u3/invite"), "too_many_pending", limit=2, code=20102)
        self.invite(bob, "u3")
        self.assert_ok(alice.ask(f"invitation/{first}/cancel"))
        self.invite(alice, "u3")

    def test_max_pending_per_pair(self):
        alice, carol = self.people("alice", "carol", max_pending_per_pair=2)
        self.invite(alice, "bob")
        self.invite(alice, "dave", also=["bob"])
        self.assert_refused(alice.ask("user/bob/invite"), "too_many_pending", limit=2, code=20102)
        self.invite(carol, "bob")

    def test_max_pending_per_invitee(self):
        alice, carol, dave = self.people("alice", "carol", "dave", max_pending_per_invitee=2)
        first = self.invite(alice, "bob")
        self.invite(carol, "bob")
        self.assert_refused(dave.ask("user/bob/invite"), "too_many_pending", limit=2)
        reply = self.assert_ok(dave.ask("user/bob/invite", also=["erin"]))
        self.assertEqual(reply["skipped"], [{"user": "bob", "error": "too_many_pending"}])
        self.assertEqual(states(dave.sync()[reply["id"]]), {"erin": "pending"})
        reply = self.assert_refused(dave.ask(f"invitation/{reply['id']}/add", invitees=["bob"]), "too_many_pending")
        self.assert_ok(alice.ask(f"invitation/{first}/cancel"))
        self.invite(dave, "bob")

    def test_max_pending(self):
        alice, bob = self.people("alice", "bob", max_pending=2)
        first = self.invite(alice, "u1")
        self.invite(bob, "u2")
        self.assert_refused(bob.ask("user/u3/invite"), "too_many_pending", limit=2)
        self.assert_ok(alice.ask(f"invitation/{first}/cancel"))
        self.invite(bob, "u3")

    def test_max_ended_pushes_out_the_oldest(self):
        alice, _ = self.people("alice", "bob", max_ended=2)
        ended = [self.invite(alice, "bob") for _ in range(3)]
        for invitation in ended:
            self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        answers = [alice.ask(f"invitation/{invitation}/get").get("error") for invitation in ended]
        self.assertEqual(answers, ["unknown_invitation", None, None])


class Rates(LimitTest):
    def test_requests_of_one_user_whatever_they_are_and_from_whichever_device(self):
        alice, bob = self.people("alice", "bob", requests_per_second=1, requests_burst=5)
        phone = self.connect(self.broker, "alice")
        sent = [(client, client.send("user/alice/sync")) for client in (alice, phone) * 10]
        replies = [client.wait_reply(token) for client, token in sent]
        refused = [reply for reply in replies if not reply["ok"]]
        self.assertGreaterEqual(len(refused), 10)  # 5 at once, and one for each second that this took
        self.assertGreaterEqual(len(replies) - len(refused), 5)
        for reply in refused:
            self.assert_refused(reply, "rate_limited", code=20102)
            self.assertIsInstance(reply["limit"], int)
        self.assert_ok(bob.ask("user/bob/sync"))
        self.eventually(lambda: alice.ask("user/alice/sync"), lambda reply: reply["ok"])

    def test_a_refused_request_changes_nothing_and_repeats_count(self):
        alice, bob = self.people("alice", "bob", requests_per_second=1, requests_burst=3)
        sent = [alice.send("user/bob/invite", {"id": "chosen"}) for _ in range(15)]
        replies = [alice.wait_reply(token) for token in sent]
        self.assertIn("rate_limited", [reply.get("error") for reply in replies])
        sent = [alice.send("user/bob/invite", {"id": f"other-{number}"}) for number in range(15)]
        taken = {reply["id"] for reply in map(alice.wait_reply, sent) if reply["ok"]}
        bob.fence()
        self.assertEqual({event["id"] for event in bob.events}, taken | {"chosen"})

    def test_invites_between_the_same_two(self):
        alice, bob = self.people("alice", "bob", pair_invites_per_second=1, pair_invites_burst=2)
        replies = [alice.ask("user/bob/invite") for _ in range(10)]
        errors = [reply.get("error") for reply in replies]
        self.assertEqual(errors[:2], [None, None])
        self.assertIn("rate_limited", errors)
        self.assertIsInstance(next(reply for reply in replies if not reply["ok"])["limit"], int)
        self.invite(alice, "carol")
        self.invite(bob, "alice")
        self.eventually(lambda: alice.ask("user/bob/invite"), lambda reply: reply["ok"])

    def test_of_several_who_is_invited_too_often_is_skipped(self):
        alice, = self.people("alice", pair_invites_per_second=1, pair_invites_burst=1)
        replies = [self.assert_ok(alice.ask(f"user/u{number}/invite", also=["bob"])) for number in range(10)]
        skipped = [entry for reply in replies for entry in reply.get("skipped", [])]
        self.assertIn({"user": "bob", "error": "rate_limited"}, skipped)
        self.assertEqual({entry["user"] for entry in skipped}, {"bob"})

    def test_add_counts_as_the_adders_own_invite(self):
        alice, bob = self.people("alice", "bob", pair_invites_per_second=1, pair_invites_burst=1)
        errors = []
        for number in range(10):
            invitation = self.invite(alice, f"u{number}")
            errors.append(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]).get("error"))
        self.assertIsNone(errors[0])
        self.assertIn("rate_limited", errors)
        self.invite(bob, "carol")

    def test_events_that_one_user_causes(self):
        alice, bob = self.people("alice", "bob", events_per_second=1, events_burst=5)
        many = [f"u{number}" for number in range(20)]
        reply = alice.ask("user/bob/invite", also=many, visibility="inviter")
        self.assert_refused(reply, "rate_limited")
        self.assertIsInstance(reply["limit"], int)
        bob.no_more_events()
        self.assertEqual(alice.sync(), {})
        self.invite(alice, "bob")


class Defaults(LimitTest):
    def test_five_invites_at_once_between_the_same_two(self):
        alice, bob = self.people("alice", "bob", pair_invites_per_second=None, pair_invites_burst=None)
        errors = [alice.ask("user/bob/invite").get("error") for _ in range(12)]
        self.assertEqual(errors[:5], [None] * 5)
        self.assertIn("rate_limited", errors)

    def test_64_pending_of_one_inviter(self):
        alice, = self.people("alice")
        for number in range(64):
            self.invite(alice, f"u{number}")
        self.assert_refused(alice.ask("user/one-more/invite"), "too_many_pending", limit=64)

    def test_250_hear_each_answer_1000_are_invited(self):
        alice, = self.people("alice")
        users = [f"u{number}" for number in range(1000)]
        self.assert_ok(alice.ask("user/u0/invite", also=users[:249]))
        self.assert_refused(alice.ask("user/u0/invite", also=users[:250]), "too_large", field="visibility", limit=250)
        invitation = self.invite(alice, "u0", also=users, visibility="inviter")
        item = alice.sync()[invitation]
        self.assertEqual((len(item["invitees"]), item["invitees_left_out"], item.get("rev")), (100, 900, None))
        self.assertEqual(len(states(alice.get(invitation))), 1000)
        self.assert_refused(alice.ask("user/one-more/invite", also=users, visibility="inviter"), "too_large",
                            limit=1000)

    def test_200_requests_at_once(self):
        alice, = self.people("alice", requests_per_second=None, requests_burst=None)
        sent = [alice.send("user/alice/sync") for _ in range(199)]
        for token in sent:
            self.assert_ok(alice.wait_reply(token))


if __name__ == "__main__":
    unittest.main()
