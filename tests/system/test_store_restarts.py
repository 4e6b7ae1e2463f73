# SPDX-License-Identifier: Apache-2.0
"""What survives the broker (contract, section 8, promises 3 and 4): killed right after a reply, stopped, away past a
deadline, with a damaged store, or with none."""

import os
import time
import unittest

from harness import Broker, SystemTest, data_of, states


class StoreTest(SystemTest):
    def start_stored(self, options=(), **how):
        return self.start_broker(options, persistence=True, **how)

    def kill_and_start(self, broker, *clients):
        broker.kill()
        for client in clients:
            client.wait_lost()
        broker.start()

    def store_of(self, broker):
        return os.path.join(broker.directory, "beckon.db")

    def again(self, client, **how):
        """The same client, connected anew."""
        return self.keep(client.resume(**{"clean": True, "subscribe": True, **how}))

    def refusal(self, options):
        """What the log says when the broker does not start."""
        broker = Broker(options=options)
        self._brokers.append(broker)
        try:
            return broker.refusal()
        finally:
            broker.remove()


class Restarts(StoreTest):
    def test_what_was_said_is_true_after_a_kill(self):
        broker = self.start_stored()
        alice, bob, carol = self.connect_all(broker, "alice", "bob", "carol")
        pending = self.invite(alice, "bob", data="front door", timeout_ms=60000, also=["dave"])
        accepted = self.invite(alice, "carol", data="back door")
        carol.wait_event("new_invitation", id=accepted)
        self.assert_ok(carol.ask(f"invitation/{accepted}/accept", data="coming"))
        self.assert_ok(alice.ask("group/family/create", name="Family", members=["bob"], profile={"color": "red"}))
        ringing = self.assert_ok(bob.ask("group/family/invite", data="dinner", timeout_ms=60000))["id"]
        before = alice.ask("user/alice/sync")
        self.kill_and_start(broker, alice, bob, carol)
        broker.wait_log(r"beckon: the store .*/beckon\.db has 2 open invitations, 1 that have ended and 1 groups")

        alice, bob, carol = self.again(alice), self.again(bob), self.again(carol)
        after = alice.ask("user/alice/sync")
        self.assertNotEqual(after["server_epoch"], before["server_epoch"])
        self.assertEqual(after["device"], before["device"])
        for one, was in zip(after["invitations"], before["invitations"], strict=True):
            self.assertLess(one.pop("remaining_ms"), was.pop("remaining_ms"))
            self.assertEqual(one, was)
        self.assertEqual({one["id"] for one in after["invitations"]}, {pending, ringing})
        # The end of what has ended, and a repeat of what was answered.
        got = self.assert_ok(bob.ask(f"invitation/{pending}/get"))["invitation"]
        self.assertEqual((data_of(got), states(got)), ("front door", {"bob": "pending", "dave": "pending"}))
        self.assert_ok(carol.ask(f"invitation/{accepted}/accept"), dup=True, rev=2)
        got = self.assert_ok(alice.ask(f"invitation/{accepted}/get"))["invitation"]
        self.assertEqual(data_of(got["invitees"][0]), "coming")
        self.assert_ok(alice.ask("user/bob/invite", id=pending), dup=True, state="open")
        group = self.assert_ok(bob.ask("group/family/get"))["group"]
        self.assertEqual((group["name"], group["owner"], group["profile"], group["count"]),
                         ("Family", "alice", {"color": "red"}, 2))
        # And it goes on from there.
        self.assert_ok(bob.ask(f"invitation/{pending}/accept"), rev=2)
        alice.wait_event("invitee_accepted", id=pending, invitee="bob", rev=2)
        self.assert_ok(alice.ask("group/family/dismiss"))
        bob.wait_event("invitation_cancelled", id=ringing, reason="group_dismissed")

    def test_what_came_due_meanwhile_times_out_once_and_all_are_told(self):
        broker = self.start_stored()
        # Sessions that the broker keeps: what is said while nobody is there waits in them.
        alice = self.connect(broker, "alice", clean=False)
        bob = self.connect(broker, "bob", v5=False, clean=False)
        short = self.invite(alice, "bob", timeout_ms=400)
        long = self.invite(alice, "bob", timeout_ms=60000)
        asked = time.monotonic()
        bob.leave()
        alice.leave()
        broker.stop()
        while time.monotonic() - asked < 0.5:
            time.sleep(0.05)  # the deadline passes while there is no broker
        broker.start()
        bob, alice = self.keep(bob.resume()), self.keep(alice.resume())
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=short, invitees=["bob"], rev=2)
        listed = bob.sync()
        self.assertEqual(list(listed), [long])
        self.assertLess(listed[long]["remaining_ms"], 60000 - 500)
        self.assert_refused(bob.ask(f"invitation/{short}/accept"), "already_timed_out", rev=2)
        self.assertEqual([(one["id"], one["ring_ms"]) for one in bob.ask("user/bob/history")["history"]],
                         [(short, 400)])
        for one in (alice, bob):
            one.no_more_events()
        bob.leave()
        alice.leave()
        broker.restart()
        bob = self.keep(bob.resume())
        self.assertEqual(list(bob.sync()), [long])
        bob.no_more_events()

    def test_a_device_that_was_away_during_a_restart_gets_what_is_still_pending(self):
        broker = self.start_stored()
        alice = self.connect(broker, "alice")
        pending = self.invite(alice, "bob", timeout_ms=60000, on_inviter_lost="keep")
        self.kill_and_start(broker, alice)
        bob = self.connect(broker, "bob")
        self.assertEqual(list(bob.sync()), [pending])
        bob.no_more_events()
        self.assert_ok(bob.ask(f"invitation/{pending}/accept"))

    def test_a_session_that_comes_back_does_not_ring_for_what_was_queued(self):
        broker = self.start_stored()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", v5=False, clean=False)
        bob.leave()
        cancelled = self.invite(alice, "bob", timeout_ms=60000)
        self.assert_ok(alice.ask(f"invitation/{cancelled}/cancel"))
        pending = self.invite(alice, "bob", timeout_ms=60000, on_inviter_lost="keep")
        alice.leave()
        broker.restart()
        bob = self.keep(bob.resume())
        self.assertEqual(list(bob.sync()), [pending])
        self.assertNotIn("new_invitation", [event["event"] for event in bob.events])

    def test_an_inviter_who_does_not_come_back_is_lost_a_grace_period_after_the_start(self):
        broker = self.start_stored({"grace_ms": 300})
        alice, bob = self.connect_all(broker, "alice", "bob")
        lost = self.invite(alice, "bob", timeout_ms=60000)
        kept = self.invite(alice, "bob", timeout_ms=60000, on_inviter_lost="keep")
        self.kill_and_start(broker, alice, bob)
        bob = self.again(bob)
        invitation = self.eventually(lambda: bob.ask(f"invitation/{lost}/get")["invitation"],
                                     lambda told: told["state"] == "ended")
        self.assertEqual(invitation["invitees"][0]["reason"], "inviter_lost")
        self.assertEqual(list(bob.sync()), [kept])

    def test_without_persistence_nothing_is_stored_and_the_log_says_so(self):
        broker = self.start_broker()
        broker.wait_log("beckon: the broker's persistence is off, so Beckon stores nothing either")
        self.assertFalse(os.path.exists(self.store_of(broker)))

    def test_memory_is_no_store(self):
        broker = self.start_stored({"store": "memory"})
        broker.wait_log("beckon: plugin_opt_store is memory")
        self.assertFalse(os.path.exists(self.store_of(broker)))

    def test_a_store_elsewhere_needs_no_persistence(self):
        broker = self.make_broker({"sync": "normal"})
        path = os.path.join(broker.directory, "elsewhere.db")
        broker.options["store"] = path
        broker.start()
        alice = self.connect(broker, "alice")
        pending = self.invite(alice, "bob", timeout_ms=60000)
        self.kill_and_start(broker, alice)
        self.assertEqual(list(self.again(alice).sync()), [pending])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)


class Files(StoreTest):
    def test_a_damaged_store_is_kept_aside_and_said(self):
        broker = self.start_stored()
        alice = self.connect(broker, "alice")
        self.invite(alice, "bob")
        alice.leave()
        broker.stop()
        with open(self.store_of(broker), "r+b") as file:
            file.seek(100)  # behind the header, by which it is known for Beckon's
            file.write(b"this is no database any more" * 100)
        broker.start()
        broker.wait_log(r"beckon: the store .*/beckon\.db is damaged .* it is kept as .*/beckon\.db\.corrupt-1")
        self.assertTrue(os.path.exists(self.store_of(broker) + ".corrupt-1"))
        alice = self.again(alice)
        self.assertEqual(alice.sync(), {})
        self.invite(alice, "bob")

    def test_two_brokers_cannot_share_one(self):
        broker = self.start_stored()
        self.assertIn("is in use by another broker: each needs its own",
                      self.refusal({"store": self.store_of(broker)}))

    def test_a_store_that_cannot_be_made_keeps_the_broker_from_starting(self):
        self.assertIn("beckon: cannot open the store /nonexistent/beckon.db: No such file or directory",
                      self.refusal({"store": "/nonexistent/beckon.db"}))

    def test_each_option_is_checked(self):
        for name, value, complaint in (
                ("store", "beckon.db", "is neither memory nor a path from the root"),
                ("sync", "often", "is neither always nor normal"),
                ("on_store_failure", "panic", "is neither refuse nor continue"),
                ("history_days", "-1", "is not a whole number from 0 to 36500"),
                ("max_history", "many", "is not a whole number")):
            with self.subTest(option=name):
                self.assertIn(f"plugin_opt_{name}: '{value}' {complaint}", self.refusal({name: value}))


if __name__ == "__main__":
    unittest.main()
