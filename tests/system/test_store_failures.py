# SPDX-License-Identifier: Apache-2.0
"""The store's disk is full, its file locked, or not to be written: nothing is said that is not stored, all else goes on,
and it recovers by itself."""

import contextlib
import itertools
import os
import secrets
import sqlite3
import tempfile
import unittest

from harness import SystemTest, states
from own_mounts import in_own_mounts, mount, unmount

DISK = 16 << 20


class StoreTest(SystemTest):
    def start_on_a_small_disk(self, options=()):
        self.disk = tempfile.mkdtemp(prefix="beckon-small-disk-")
        self.addCleanup(os.rmdir, self.disk)
        mount("-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", self.disk)
        self.addCleanup(unmount, self.disk)
        return self.start_broker({"store": f"{self.disk}/beckon.db", **dict(options)})

    def fill(self, but=0):
        """Takes all room on the disk but so many bytes."""
        with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as ballast, \
                contextlib.suppress(OSError):
            for size in (1 << 16, 1 << 10, 1):
                with contextlib.suppress(OSError):
                    while ballast.write(b"x" * size) == size:
                        pass
        os.truncate(ballast.name, os.path.getsize(ballast.name) - but)

    def empty(self):
        os.remove(os.path.join(self.disk, "ballast"))

    def invite_until_refused(self, alice):
        """Returns the ids that were taken, and the one that was not: a file grows only now and then."""
        taken = []
        for number in range(2000):
            name = f"filler-{number}-{secrets.token_hex(4)}"
            reply = alice.ask("user/dave/invite", id=name, data="x" * 1000, timeout_ms=0)
            if not reply["ok"]:
                self.assert_refused(reply, "storage_unavailable")
                return taken, name
            taken.append(name)
        raise AssertionError("the disk never got full")


class AFullDisk(StoreTest):
    OPTIONS = {"max_pending_per_inviter": 10000, "max_pending_per_invitee": 10000}

    def test_what_cannot_be_stored_is_refused_and_all_else_goes_on(self):
        broker = self.start_on_a_small_disk(self.OPTIONS)
        alice, bob, carol = self.connect_all(broker, "alice", "bob", "carol")
        kept = self.invite(alice, "bob", timeout_ms=60000)
        other = self.invite(carol, "bob", timeout_ms=60000)
        short = self.invite(alice, "bob", timeout_ms=2000)
        for _ in (kept, other, short):
            bob.wait_event("new_invitation")
        self.assert_ok(alice.ask("group/family/create", members=["bob"]))
        bob.wait_event("group_created")
        self.fill()
        taken, refused = self.invite_until_refused(alice)

        # What was refused has changed nothing, and there is no half of it.
        self.assert_refused(alice.ask(f"invitation/{refused}/get"), "unknown_invitation")
        for verb in ("accept", "reject"):
            self.assert_refused(bob.ask(f"invitation/{kept}/{verb}"), "storage_unavailable")
        self.assert_refused(alice.ask(f"invitation/{kept}/cancel"), "storage_unavailable")
        self.assert_refused(alice.ask(f"invitation/{kept}/modify", data="new"), "storage_unavailable")
        self.assert_refused(alice.ask("group/family/add", members=["carol"]), "storage_unavailable")
        self.assert_refused(alice.ask("group/another/create"), "storage_unavailable")

        # Reads go on, and other traffic.
        shown = self.assert_ok(alice.ask(f"invitation/{kept}/get"))["invitation"]
        self.assertEqual((states(shown), shown["rev"], "data" in shown), ({"bob": "pending"}, 1, False))
        self.assertLessEqual({kept, *taken}, set(alice.sync()))
        members = self.assert_ok(alice.ask("group/family/get"))["group"]["members"]
        self.assertEqual([member["user"] for member in members], ["alice", "bob"])
        self.assert_refused(alice.ask("group/another/get"), "unknown_group")
        carol.marker()

        # The clock goes on as well.
        for device in (alice, bob):
            device.wait_event("invitation_timeout", id=short, invitees=["bob"])
        self.assert_refused(bob.ask(f"invitation/{short}/accept"), "already_timed_out")
        bob.no_more_events()

        # It recovers by itself, and what was said then survives.
        self.empty()
        self.eventually(lambda: bob.ask(f"invitation/{kept}/accept"), lambda reply: reply["ok"])
        alice.wait_event("invitee_accepted", id=kept, invitee="bob")
        self.assert_ok(alice.ask("group/family/add", members=["carol"]))
        late = self.invite(alice, "bob", timeout_ms=60000)
        self.close_clients()
        broker.kill()
        broker.start()
        alice, bob = self.connect_all(broker, "alice", "bob")
        found = alice.sync()
        self.assertLessEqual({late, *taken}, set(found))
        self.assertNotIn(refused, found)
        self.assertEqual(states(alice.ask(f"invitation/{kept}/get")["invitation"]), {"bob": "accepted"})
        self.assertEqual(states(alice.ask(f"invitation/{short}/get")["invitation"]), {"bob": "timed_out"})
        self.assertIn(other, bob.sync())
        members = self.assert_ok(alice.ask("group/family/get"))["group"]["members"]
        self.assertEqual([member["user"] for member in members], ["alice", "bob", "carol"])

    def test_many_at_once_are_each_stored_or_refused(self):
        broker = self.start_on_a_small_disk(self.OPTIONS)
        alice, carol = self.connect_all(broker, "alice", "carol")
        self.fill(but=1 << 20)
        asked, taken, refused = [], set(), set()
        for number in range(600):
            for device in (alice, carol):
                name = f"{device.user}-{number}"
                asked.append((device, name, device.send("user/dave/invite", {"id": name, "data": "x" * 1000,
                                                                             "timeout_ms": 0})))
        for device, name, sent in asked:
            reply = device.wait_reply(sent)
            if reply["ok"]:
                taken.add(name)
            else:
                self.assert_refused(reply, "storage_unavailable")
                refused.add(name)
        self.assertTrue(taken and refused, (len(taken), len(refused)))
        self.assertEqual(set(alice.sync()) | set(carol.sync()), taken)
        self.close_clients()
        broker.kill()
        broker.start()
        alice, carol = self.connect_all(broker, "alice", "carol")
        self.assertEqual(set(alice.sync()) | set(carol.sync()), taken)

    def test_a_doorbell_can_go_on_from_memory(self):
        broker = self.start_on_a_small_disk({**self.OPTIONS, "on_store_failure": "continue"})
        alice, bob = self.connect_all(broker, "alice", "bob")
        self.fill()
        for number in range(100):
            self.invite(alice, "dave", data="x" * 10000, timeout_ms=0)
        ring = self.invite(alice, "bob", timeout_ms=60000)
        bob.wait_event("new_invitation", id=ring)
        self.assert_ok(bob.ask(f"invitation/{ring}/accept"))
        alice.wait_event("invitee_accepted", id=ring)


class ALockedFile(StoreTest):
    def test_requests_are_refused_until_the_lock_is_gone(self):
        broker = self.start_broker({"store": "{dir}/beckon.db"})
        alice, bob = self.connect_all(broker, "alice", "bob")
        kept = self.invite(alice, "bob", timeout_ms=60000)
        bob.wait_event("new_invitation")
        with contextlib.closing(sqlite3.connect(os.path.join(broker.directory, "beckon.db"),
                                                isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            self.assert_refused(bob.ask(f"invitation/{kept}/accept"), "storage_unavailable")
            self.assertIn(kept, alice.sync())
            other.execute("ROLLBACK")
            self.eventually(lambda: bob.ask(f"invitation/{kept}/accept"), lambda reply: reply["ok"])
        alice.wait_event("invitee_accepted", id=kept)
        alice.no_more_events()

    def test_whoever_only_reads_it_disturbs_nobody(self):
        broker = self.start_broker({"store": "{dir}/beckon.db"})
        alice = self.connect(broker, "alice")
        with contextlib.closing(sqlite3.connect(f"file:{broker.directory}/beckon.db?mode=ro", uri=True,
                                                isolation_level=None)) as reader:
            reader.execute("BEGIN")
            for number in itertools.count(1):
                self.invite(alice, "bob", timeout_ms=60000)
                if number == 20:
                    break
                self.assertLessEqual(reader.execute("SELECT count(*) FROM invitations").fetchone()[0], number)


class AReadOnlyDisk(StoreTest):
    def test_the_broker_does_not_start_on_it_and_says_why(self):
        broker = self.start_on_a_small_disk()
        alice = self.connect(broker, "alice")
        kept = self.invite(alice, "bob", timeout_ms=60000)
        self.close_clients()
        broker.kill()
        mount("-o", "remount,ro", self.disk)
        self.assertRegex(broker.refusal(), r"beckon: .*beckon\.db")
        mount("-o", "remount,rw", self.disk)
        broker.start()
        self.assertIn(kept, self.connect(broker, "alice").sync())


if __name__ == "__main__":
    in_own_mounts()
    unittest.main()
