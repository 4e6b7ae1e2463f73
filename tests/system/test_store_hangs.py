# SPDX-License-Identifier: Apache-2.0
"""A disk that hangs: no error, no answer. What is on its way waits, what comes is refused at once, and what is due is
said on time."""

import os
import struct
import tempfile
import time
import unittest

from harness import SystemTest

HANGS, WORKS = -1, 0


@unittest.skipUnless(os.environ.get("BECKON_FAILING_DISK"), "there is no library that hangs a disk")
class ADiskThatHangs(SystemTest):
    def start_on_such_a_disk(self, **options):
        directory = tempfile.TemporaryDirectory(prefix="beckon-hanging-disk-")
        self.addCleanup(directory.cleanup)
        self.control = os.path.join(directory.name, "control")
        self.let_disk(WORKS)
        broker = self.make_broker({"store": f"{directory.name}/beckon.db", **options})
        broker.preload(os.environ["BECKON_FAILING_DISK"], FAILING_DISK=self.control)
        self.addCleanup(self.let_disk, WORKS)
        return broker.start()

    def let_disk(self, how):
        with open(self.control, "r+b" if os.path.exists(self.control) else "w+b", buffering=0) as control:
            control.write(struct.pack("i", how))

    def test_what_is_due_is_said_on_time_and_what_comes_is_refused_at_once(self):
        broker = self.start_on_such_a_disk(store_patience_ms=500)
        alice, bob, carol = self.connect_all(broker, "alice", "bob", "carol")
        short = self.invite(alice, "bob", timeout_ms=2000)
        other = self.invite(alice, "bob", timeout_ms=60000)
        for _ in (short, other):
            bob.wait_event("new_invitation")
        asked = time.monotonic()

        self.let_disk(HANGS)
        on_its_way = carol.send("user/dave/invite", {"id": "on-its-way", "timeout_ms": 60000})
        timeout = bob.wait_event("invitation_timeout")
        self.assertEqual(timeout["id"], short)
        self.assertLess(time.monotonic() - asked, 20)

        # Refused now, not when the disk answers; many of them need no room.
        for _ in range(50):
            self.assert_refused(bob.ask(f"invitation/{other}/accept"), "storage_unavailable")
        self.assert_refused(bob.ask(f"invitation/{short}/accept"), "already_timed_out")
        self.assert_ok(bob.ask(f"invitation/{other}/get"))
        # Of what may be stored or not, nobody says either.
        self.assert_refused(carol.ask("invitation/on-its-way/get"), "storage_unavailable")

        self.let_disk(WORKS)
        self.assert_ok(carol.wait_reply(on_its_way))
        broker.wait_log("the store works again")
        self.assert_ok(bob.ask(f"invitation/{other}/accept"))
        self.assert_ok(carol.ask("invitation/on-its-way/get"))

    def test_killed_while_it_hangs_what_was_said_holds(self):
        broker = self.start_on_such_a_disk(store_patience_ms=500)
        alice, bob = self.connect_all(broker, "alice", "bob")
        kept = self.invite(alice, "bob", timeout_ms=60000)
        bob.wait_event("new_invitation")
        self.let_disk(HANGS)
        bob.send(f"invitation/{kept}/accept")
        broker.wait_log("the store takes nothing")
        self.close_clients()
        broker.kill()
        self.let_disk(WORKS)
        broker.start()
        bob = self.connect(broker, "bob")
        self.assert_ok(bob.ask(f"invitation/{kept}/accept"))


if __name__ == "__main__":
    unittest.main()
