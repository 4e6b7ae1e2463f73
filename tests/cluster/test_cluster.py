# SPDX-License-Identifier: Apache-2.0
"""beckond as several instances that share a site in PostgreSQL.

Environment: BECKON_SERVICE names beckond."""

import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from instances import LEASE_MS, Instances  # noqa: E402
from postgres import Databases  # noqa: E402
from harness import GENEROUS, ServiceBroker, SystemTest  # noqa: E402


class ClusterTest(SystemTest):
    def start(self, follows=False, **how):
        self.databases = Databases(follows=follows)
        instances = Instances(self.databases, options=dict(GENEROUS), **how)
        self.addCleanup(instances.remove)
        return instances.start()

    def there(self, broker, user):
        return self.connect(broker, user)


class Takeover(ClusterTest):
    def test_a_ring_ends_on_time_although_who_began_it_was_killed(self):
        broker = self.start()
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        began = time.monotonic()
        ring = self.assert_ok(alice.ask("user/bob/invite", timeout_ms=4000))["id"]
        bob.wait_event("new_invitation", id=ring)
        first = broker.kill_owner()
        broker.wait_for_owner(other_than=first)
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=ring)
        took = time.monotonic() - began
        self.assertGreater(took, 3.4)
        self.assertLess(took, 4 + 5)  # a busy machine

    def test_what_was_asked_while_nobody_served_is_answered(self):
        broker = self.start()
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        first = broker.kill_owner()
        asked = alice.send("user/bob/invite", {"id": "meanwhile"})
        broker.wait_for_owner(other_than=first)
        self.assert_ok(alice.wait_reply(asked))
        bob.wait_event("new_invitation", id="meanwhile")

    def test_an_owner_that_was_stopped_says_nothing_when_it_goes_on(self):
        broker = self.start()
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        ring = self.assert_ok(alice.ask("user/bob/invite", timeout_ms=60000))["id"]
        first = broker.owner
        broker.pause_owner(3 * LEASE_MS / 1000)
        broker.wait_log("the site beckon may be another's by now")
        broker.wait_for_owner(other_than=first)
        self.assert_ok(bob.ask(f"invitation/{ring}/accept"))
        alice.wait_event("invitee_accepted", id=ring)
        self.assert_refused(bob.ask(f"invitation/{ring}/reject"), "already_accepted")
        self.assertEqual([event for event in alice.events if event.get("id") == ring], [])

    def test_drained_it_goes_to_another_without_a_gap(self):
        broker = self.start()
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        first = broker.owner
        said = broker.tell(("drain",))
        self.assertRegex(said, f"(one|two) serves the site beckon instead of {first}")
        broker.wait_for_owner(other_than=first)
        self.assert_ok(alice.ask("user/bob/invite", id="after"))
        bob.wait_event("new_invitation", id="after")


class Database(ClusterTest):
    def test_its_commits_are_on_two_machines_and_one_may_be_lost(self):
        broker = self.start(follows=True)
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        self.assertIn("stored on 2 machines", broker.tell(("store", "check")))
        ring = self.assert_ok(alice.ask("user/bob/invite", timeout_ms=60000))["id"]
        self.databases.fail_over()
        bob.wait_event("new_invitation", id=ring)
        broker.wait_log("owns the site beckon, epoch [23456789]")
        asked = bob.send(f"invitation/{ring}/accept")
        self.assert_ok(bob.wait_reply(asked))
        alice.wait_event("invitee_accepted", id=ring)

    def test_nothing_is_said_while_it_is_gone(self):
        broker = self.start()
        alice, bob = self.there(broker, "alice"), self.there(broker, "bob")
        ring = self.assert_ok(alice.ask("user/bob/invite", timeout_ms=1000))["id"]
        bob.wait_event("new_invitation", id=ring)
        self.databases.first.stop("immediate")
        alice.send("user/bob/invite", {"id": "meanwhile"})
        broker.wait_log("the database: .*; trying again")
        time.sleep(1.5)  # the ring is due
        self.assertFalse([one for one in bob.events if one["event"] == "invitation_timeout"])
        self.databases.first.start()
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=ring)
        # Its request may have died with the owner.
        self.assert_ok(alice.ask("user/bob/invite", id="meanwhile"))

    def test_the_tables_are_needed_and_told(self):
        broker = self.start()
        self.assertIn("make them with `beckond store init`", broker.tell(("--site", "other", "store", "check"), 70))
        self.assertIn("are there, and of version", broker.tell(("store", "init")))
        self.assertRegex(broker.tell(("store", "check")), "(one|two) serves it; epoch 1")


class Import(ClusterTest):
    def test_a_file_moves_in_with_its_calls_groups_and_history(self):
        file = self.broker_with_file()
        broker = self.start()
        broker.stop_service()
        said = broker.tell(("--site", "moved", "store", "import", file))
        self.assertRegex(said, "^3 invitations, and the groups, of ")
        self.assertIn("already: name another --site", broker.tell(("--site", "moved", "store", "import", file), 70))
        broker.options["site"] = "moved"
        broker.start_service()
        alice = self.there(broker, "alice")
        self.assertEqual([one["id"] for one in alice.ask("user/alice/sync")["invitations"]], ["rings"])
        self.assertEqual([one["group"] for one in alice.ask("user/alice/groups")["groups"]], ["family"])
        self.assertEqual({one["id"] for one in alice.ask("user/alice/history")["history"]}, {"over", "older"})

    def broker_with_file(self):
        """A service's store in which one rings, one has ended and one is there for history only."""
        broker = ServiceBroker(options={**GENEROUS, "ended_ms": 1000}, persistence=True)
        self.addCleanup(broker.remove)
        broker.start()
        alice = self.there(broker, "alice")
        self.there(broker, "bob")
        self.assert_ok(alice.ask("group/family/create", members=["bob"]))
        for name in ("older", "over"):
            self.assert_ok(alice.ask("user/bob/invite", id=name, timeout_ms=60000))
            self.assert_ok(alice.ask(f"invitation/{name}/cancel"))
            time.sleep(1.2 if name == "older" else 0)
        self.assert_ok(alice.ask("user/bob/invite", id="rings", timeout_ms=600000))
        broker.stop_service()
        return os.path.join(broker.directory, "beckon.db")


if __name__ == "__main__":
    unittest.main()
