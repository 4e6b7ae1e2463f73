# SPDX-License-Identifier: Apache-2.0
"""What operators may ask and hear, and nobody else (section 8a)."""

import json
import unittest

from harness import SystemTest

ROOT = "beckon/v1"


class OperatorTest(SystemTest):
    def people(self, *users, **options):
        self.broker = self.start_broker({"operators": "root", **options})
        return self.connect_all(self.broker, *users)

    def hears(self, user="root"):
        """A device of this user that reads what is told to operators; `operator_refuses` tells if it may."""
        watcher = self.connect(self.broker, user)
        watcher.taken = set()
        watcher.operator_refuses = watcher.subscribe(f"{ROOT}/operator/+") >= 128
        return watcher

    def told(self, watcher, what):
        """The first that was not taken yet."""
        def is_new(message):
            return message.topic == f"{ROOT}/operator/{what}" and id(message) not in watcher.taken
        message = watcher.wait_message(is_new, what)
        watcher.taken.add(id(message))
        return json.loads(message.payload)


class Asking(OperatorTest):
    def test_how_others_stand(self):
        root, alice, bob = self.people("root", "alice", "bob")
        invitation = self.invite(alice, "bob", visibility="inviter", also=["carol"])
        self.assertEqual(root.ask("user/alice/sync")["invitations"][0]["role"], "inviter")
        told = self.assert_ok(root.ask(f"invitation/{invitation}/get"))["invitation"]
        self.assertEqual((told["role"], len(told["invitees"])), ("observer", 2))
        for other in (alice, bob):
            self.assert_refused(other.ask("user/root/sync"), "wrong_sender")
            self.assert_refused(other.ask("operator/online"), "wrong_sender")
        self.assert_refused(root.ask("user/alice/here", run="1"), "wrong_sender")

    def test_who_is_online_and_what_is_open(self):
        root, alice, bob = self.people("root", "alice", "bob")
        tablet = self.connect(self.broker, "bob")
        invitation = self.invite(alice, "bob")
        online = {one["user"]: one["devices"] for one in self.assert_ok(root.ask("operator/online/root"))["online"]}
        self.assertEqual(online, {"root": 1, "alice": 1, "bob": 2})
        tablet.close()
        while (bobs := root.ask("operator/online")["online"][1]) != {"user": "bob", "devices": 1}:
            self.assertEqual(bobs, {"user": "bob", "devices": 2})
        self.assertEqual([one["id"] for one in self.assert_ok(root.ask("operator/open"))["invitations"]], [invitation])
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        self.assertEqual(self.assert_ok(root.ask("operator/open"))["invitations"], [])


class Hearing(OperatorTest):
    def test_each_refusal_once_a_second_and_how_many_were_left_out(self):
        alice, = self.people("alice")
        root = self.hears()
        for _ in range(3):
            alice.ask("invitation/unheard-of/accept")
        told = self.told(root, "refused")
        self.assertEqual({name: told[name] for name in ("user", "device", "topic", "re", "error", "again")}, {
            "user": "alice", "device": alice.tag, "topic": f"{ROOT}/invitation/unheard-of/accept", "re": "accept",
            "error": "unknown_invitation", "again": 0})
        self.assertIn("127.0.0.1", told["address"])
        alice.ask("user/bob/invites")
        self.assertEqual(self.told(root, "refused")["error"], "unknown_request")

    def test_what_is_no_request_of_anybody(self):
        self.people()
        root_hears = self.hears()
        stranger = self.connect(self.broker, "Front Door", subscribe=False)
        stranger.publish(f"{ROOT}/user/bob/invite", b"{}")
        told = self.told(root_hears, "refused")
        self.assertEqual((told["user"], told["error"], told["field"]), ("Front Door", "invalid_request", "user"))
        alice = self.connect(self.broker, "alice")
        alice.publish(f"{ROOT}/operator/absent", b"{}")
        told = self.told(root_hears, "refused")
        self.assertEqual((told["user"], told["topic"]), ("alice", f"{ROOT}/operator/absent"))

    def test_who_is_asked_and_absent(self):
        alice, bob = self.people("alice", "bob")
        root = self.hears()
        invitation = self.invite(alice, "carol", also=["bob"], data="hello")
        told = self.told(root, "absent")
        self.assertEqual((told["id"], told["inviter"], told["invitees"], told["data"]), (invitation, "alice", ["carol"], "hello"))
        bob.close()
        self.assertEqual(self.told(root, "absent")["invitees"], ["bob"])
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        told = self.told(root, "absent")
        self.assertEqual((told["invitees"], told["state"], told["reason"], told["by"]),
                         (["carol", "bob"], "cancelled", "cancelled", "alice"))

    def test_the_counters_are_retained_and_for_operators_alone(self):
        alice, = self.people("alice")
        alice.ask("invitation/unheard-of/accept")
        told = self.told(self.hears(), "counters")
        self.assertLessEqual({"requests", "refusals", "ends", "calls", "events", "left_out", "open", "ended", "online",
                              "groups", "kept_bytes", "unstored", "oldest_unstored_ms", "lateness_ms"}, told.keys())
        spy = self.hears("alice")
        self.assertTrue(spy.operator_refuses)
        self.assertEqual(spy.subscribe("#"), 1)
        late = self.hears()
        self.assertTrue(late.wait_message(lambda message: message.topic.endswith("/counters")).retain)
        alice.ask("user/bob/invites")
        self.told(late, "refused")
        spy.ask("user/alice/sync")
        self.assertFalse([message.topic for message in spy.messages if "/operator/" in message.topic])

    def test_nobody_hears_while_nobody_is_named(self):
        self.broker = self.start_broker({})
        alice, root = self.connect_all(self.broker, "alice", "root")
        self.assert_refused(root.ask("operator/online"), "wrong_sender")
        self.assert_refused(root.ask("user/alice/sync"), "wrong_sender")

    def test_who_is_named_no_more_hears_nothing_although_the_session_had_subscribed(self):
        self.broker = self.start_broker({"operators": "root,anna"}, persistence=True)
        former = self.connect(self.broker, "root", clean=False)
        self.assertEqual(former.subscribe(f"{ROOT}/operator/+"), 1)
        former.wait_message(lambda message: message.topic.endswith("/counters"))
        former.leave()
        self.broker.restart(options={**self.broker.options, "operators": "anna"})
        back = self.connect(self.broker, "root", clean=False, client_id=former.client_id, listen=[])
        self.assertTrue(back.session_present)
        anna, alice = self.hears("anna"), self.connect(self.broker, "alice")
        self.assertGreaterEqual(back.subscribe(f"{ROOT}/operator/+"), 128)
        alice.ask("invitation/unheard-of/accept")
        self.told(anna, "refused")
        self.told(anna, "counters")
        back.marker()
        self.assertFalse([message.topic for message in back.messages if "/operator/" in message.topic])


if __name__ == "__main__":
    unittest.main()
