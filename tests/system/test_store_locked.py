# SPDX-License-Identifier: Apache-2.0
"""A store that takes nothing for a while: here another program has locked the file."""

import contextlib
import json
import os
import sqlite3
import unittest

from harness import SystemTest


class Failure(SystemTest):
    def start_stored(self, **options):
        self.broker = self.start_broker(options, persistence=True)
        self._told = []
        self.operator = self.connect(self.broker, "operator", listen=())
        self.operator.subscribe(f"{self.broker.root}/status")
        self.wait_store("ok")
        return self.connect_all(self.broker, "alice", "bob")

    def wait_store(self, state):
        """The next status says so."""
        self._told.append(self.operator.wait_message(
            lambda message: message.topic.endswith("/status") and message not in self._told, "another status"))
        self.assertEqual(json.loads(self._told[-1].payload)["store"], state)

    @contextlib.contextmanager
    def locked(self):
        database = sqlite3.connect(os.path.join(self.broker.directory, "beckon.db"), isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.close()

    def test_what_cannot_be_stored_is_refused_all_else_goes_on_and_it_recovers(self):
        alice, bob = self.start_stored()
        pending = self.invite(alice, "bob", timeout_ms=60000)
        bob.wait_event("new_invitation", id=pending)
        short = self.invite(alice, "bob", timeout_ms=4000)
        bob.wait_event("new_invitation", id=short)
        with self.locked():
            self.assert_refused(bob.ask(f"invitation/{pending}/accept"), "storage_unavailable", code=20104)
            self.wait_store("failing")
            self.broker.wait_log(r"beckon: the store takes nothing \(database is locked\): requests that change")
            self.assertEqual(set(bob.sync()), {pending, short})
            self.assertEqual(self.assert_ok(alice.ask(f"invitation/{pending}/get"))["invitation"]["rev"], 1)
            # Of no concern to the store.
            self.assert_ok(alice.ask("user/bob/message", data="hello"))
            bob.wait_event("message", data="hello")
            # Said on time.
            for one in (alice, bob):
                one.wait_event("invitation_timeout", id=short, rev=2)
            self.assert_refused(alice.ask("user/bob/invite"), "storage_unavailable")
            self.assert_refused(bob.ask(f"invitation/{short}/accept"), "already_timed_out", rev=2)
        self.wait_store("ok")
        self.broker.wait_log("beckon: the store works again")
        self.assertEqual(self.broker.log().count("beckon: the store takes nothing"), 1)
        self.assert_ok(bob.ask(f"invitation/{pending}/accept"), rev=2)
        alice.wait_event("invitee_accepted", id=pending)
        alice.no_more_events()
        self.broker.kill()
        for client in (self.operator, alice, bob):
            client.wait_lost()
        self.broker.start()
        alice = self.keep(alice.resume(clean=True, subscribe=True))
        self.assert_refused(alice.ask(f"invitation/{short}/cancel"), "already_timed_out")
        self.assert_refused(alice.ask(f"invitation/{pending}/cancel"), "already_accepted")

    def test_if_so_told_it_goes_on_from_memory_and_stores_that_later(self):
        alice, bob = self.start_stored(on_store_failure="continue")
        pending = self.invite(alice, "bob", timeout_ms=60000)
        bob.wait_event("new_invitation", id=pending)
        with self.locked():
            self.assert_ok(bob.ask(f"invitation/{pending}/accept"))
            self.wait_store("failing")
            self.broker.wait_log(r"beckon: the store takes nothing \(database is locked\): Beckon goes on from memory")
            other = self.invite(alice, "bob", timeout_ms=60000)
            bob.wait_event("new_invitation", id=other)
        self.wait_store("ok")
        self.assert_ok(bob.ask("user/alice/invite"))  # a change, which is stored behind all that waited
        self.broker.kill()
        for client in (self.operator, alice, bob):
            client.wait_lost()
        self.broker.start()
        alice = self.keep(alice.resume(clean=True, subscribe=True))
        self.assertIn(other, alice.sync())
        self.assert_refused(alice.ask(f"invitation/{pending}/cancel"), "already_accepted")


if __name__ == "__main__":
    unittest.main()
