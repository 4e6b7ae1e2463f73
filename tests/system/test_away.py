# SPDX-License-Identifier: Apache-2.0
"""Devices that were away (contract, sections 4 and 6): whatever their session's queue kept or lost meanwhile, they learn
by `sync` what is still pending, with the time that really remains, and nothing rings that has ended."""

import time
import unittest

from harness import SystemTest

QUEUE = 1000  # Mosquitto's max_queued_messages, unless the configuration says otherwise


class Away(SystemTest):
    def fill_queue(self, sender):
        """Nothing more is kept for whoever is away and has subscribed to this."""
        for _ in range(QUEUE):
            sender.publish("news", b"x")

    def come_back(self, client):
        again = self.keep(client.resume())
        self.assertTrue(again.session_present)
        return again

    def test_whom_a_full_queue_lost_the_events_of_learns_of_all_that_is_pending(self):
        for v5 in (True, False):
            with self.subTest(v5=v5):
                broker = self.start_broker(persistence=True)
                alice = self.connect(broker, "alice")
                bob = self.connect(broker, "bob", v5=v5, clean=False)
                bob.subscribe("news")
                bob.leave()
                first = self.invite(alice, "bob", timeout_ms=60000)
                rang = time.monotonic()
                gone = self.invite(alice, "bob", timeout_ms=60000)
                self.fill_queue(alice)
                lost = self.invite(alice, "bob", timeout_ms=60000)
                self.assert_ok(alice.ask(f"invitation/{gone}/cancel"))
                bob = self.come_back(bob)
                passed_ms = (time.monotonic() - rang) * 1000
                listed = bob.sync()
                self.assertEqual(set(listed), {first, lost})
                self.assertLessEqual(listed[first]["remaining_ms"], 60000 - passed_ms + 1)
                self.assert_refused(bob.ask(f"invitation/{gone}/accept"), "already_cancelled")
                self.assert_ok(bob.ask(f"invitation/{lost}/accept"))
                alice.wait_event("invitee_accepted", id=lost, invitee="bob")
                bob.fence()
                self.assertNotIn("new_invitation", [event["event"] for event in bob.events])
                self.assertNotIn("invitation_cancelled", [event["event"] for event in bob.events], "the queue was full")

    def test_who_was_away_for_longer_than_anything_is_remembered_does_not_ring(self):
        for v5 in (True, False):
            with self.subTest(v5=v5):
                broker = self.start_broker({"ended_ms": 1}, persistence=True)
                alice = self.connect(broker, "alice")
                bob = self.connect(broker, "bob", v5=v5, clean=False)
                bob.leave()
                rang = [self.invite(alice, "bob", timeout_ms=1) for _ in range(5)]
                for invitation in rang:
                    alice.wait_event("invitation_timeout", id=invitation)
                alice.leave()
                broker.restart()
                bob = self.come_back(bob)
                self.assertEqual(bob.sync(), {})
                for invitation in rang:
                    self.assert_refused(bob.ask(f"invitation/{invitation}/accept"), "unknown_invitation")
                bob.fence()
                self.assertNotIn("new_invitation", [event["event"] for event in bob.events])
                missed = bob.ask("user/bob/history")["history"]
                self.assertEqual([(one["id"], one["missed"]) for one in missed], [(one, True) for one in reversed(rang)])


if __name__ == "__main__":
    unittest.main()
