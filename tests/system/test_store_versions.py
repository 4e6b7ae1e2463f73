# SPDX-License-Identifier: Apache-2.0
"""A broker that starts on a store which an earlier Beckon left, or a later one."""

import contextlib
import glob
import os
import sqlite3
import unittest

from harness import SystemTest, data_of, states

DUMPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host", "store_version_*.sql")


def make_store(broker, dump):
    path = os.path.join(broker.directory, "beckon.db")
    with contextlib.closing(sqlite3.connect(path)) as database, open(dump, encoding="utf-8") as script:
        database.executescript(script.read())
    return path


class StoreVersions(SystemTest):
    def test_the_store_of_each_earlier_version_is_taken_over(self):
        dumps = glob.glob(DUMPS)
        self.assertTrue(dumps)
        for dump in dumps:
            with self.subTest(os.path.basename(dump)):
                broker = self.make_broker({"store": "{dir}/beckon.db"})
                make_store(broker, dump)
                broker.start()
                alice, bob, carol = self.connect_all(broker, "alice", "bob", "carol")
                # It is of another boot: what was pending has come due.
                self.assertEqual(alice.sync(), {})
                ringing = self.assert_ok(alice.ask("invitation/i1/get"))["invitation"]
                self.assertEqual(states(ringing), {"bob": "timed_out"})
                self.assertEqual(data_of(ringing), "a\0b'\"\u00e4")
                over = self.assert_ok(alice.ask("invitation/i3/get"))["invitation"]
                self.assertEqual(states(over), {"bob": "rejected", "carol": "timed_out"})
                self.assert_refused(carol.ask("invitation/i3/accept"), "already_timed_out")
                family = self.assert_ok(bob.ask("group/family/get"))["group"]
                self.assertEqual((family["name"], family["join_mode"], family["owner"], family["profile"]),
                                 ("The 'family'", "closed", "alice", {"": "\u00e4", "colour": "red"}))
                self.assert_ok(carol.ask("group/empty/get"))
                # It goes on from there.
                kept = self.invite(alice, "bob", timeout_ms=60000)
                self.close_clients()
                broker.kill()
                broker.start()
                self.assertEqual(set(self.connect(broker, "bob").sync()), {kept})

    def test_the_store_of_a_later_version_is_left_alone(self):
        broker = self.make_broker({"store": "{dir}/beckon.db"})
        path = make_store(broker, glob.glob(DUMPS)[0])
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")
        with open(path, "rb") as file:
            before = file.read()
        self.assertRegex(broker.refusal(), r"beckon: .*beckon\.db.*later")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)


if __name__ == "__main__":
    unittest.main()
