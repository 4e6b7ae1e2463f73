# SPDX-License-Identifier: Apache-2.0
"""The store's files in other hands: deleted, replaced, made immutable or cut short under a running broker; and options
that name what is not a store."""

import glob
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import unittest

from harness import SystemTest


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def immutable_files_refuse_what_is_open(directory):
    """Not on an overlay: what is open there is written to all the same."""
    def change(how):
        return subprocess.run(["chattr", how, probe], capture_output=True, check=False).returncode == 0

    probe = os.path.join(directory, "probe")
    with open(probe, "wb", buffering=0) as file:
        try:
            if not change("+i"):
                return False
            file.write(b"x")
            return False
        except PermissionError:
            return True
        finally:
            change("-i")
            os.remove(probe)


class UnderARunningBroker(SystemTest):
    def start_stored(self):
        self.broker = self.start_broker({}, persistence=True)
        self.store = os.path.join(self.broker.directory, "beckon.db")
        self._told = []
        self.operator = self.connect(self.broker, "operator", listen=())
        self.operator.subscribe(f"{self.broker.root}/status")
        self.wait_store("ok")
        self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")
        self.kept = self.invite(self.alice, "bob", timeout_ms=600000)
        self.bob.wait_event("new_invitation", id=self.kept)

    def wait_store(self, state):
        """The next status says so."""
        self._told.append(self.operator.wait_message(
            lambda message: message.topic.endswith("/status") and message not in self._told, "another status"))
        self.assertEqual(json.loads(self._told[-1].payload)["store"], state)

    def files(self):
        return sorted(glob.glob(self.store + "*"))

    def assert_refuses(self):
        self.assert_refused(self.bob.ask(f"invitation/{self.kept}/accept"), "storage_unavailable")
        self.wait_store("failing")
        # Reads go on.
        self.assertEqual(self.assert_ok(self.alice.ask(f"invitation/{self.kept}/get"))["invitation"]["rev"], 1)

    def assert_works_again(self):
        self.wait_store("ok")
        self.broker.wait_log("beckon: the store works again")
        self.assert_ok(self.bob.ask(f"invitation/{self.kept}/accept"), rev=2)
        late = self.invite(self.alice, "bob", timeout_ms=600000)
        self.broker.kill()
        for client in (self.operator, self.alice, self.bob):
            client.wait_lost()
        self.broker.start()
        alice = self.keep(self.alice.resume(clean=True, subscribe=True))
        self.assert_refused(alice.ask(f"invitation/{self.kept}/cancel"), "already_accepted")
        self.assertEqual(list(alice.sync()), [late])

    def test_deleted_it_is_noticed_at_once_and_made_anew(self):
        self.start_stored()
        for path in self.files():
            os.remove(path)
        self.assert_refuses()
        self.broker.wait_log(r"beckon: the store takes nothing \(.*beckon\.db is not there any more")
        self.assert_works_again()

    def test_replaced_it_is_noticed_at_once_and_what_took_its_place_is_left_alone(self):
        self.start_stored()
        copy = self.store + ".copy"
        subprocess.run(["sqlite3", self.store, f".backup {copy}"], check=True)
        before = digest(copy)
        os.rename(copy, self.store)
        self.assert_refuses()
        self.broker.wait_log(r"beckon: the store takes nothing \(.*beckon\.db is not the file any more")
        self.assert_refused(self.bob.ask(f"invitation/{self.kept}/accept"), "storage_unavailable")
        self.assertEqual(digest(self.store), before)
        os.remove(self.store)
        self.assert_works_again()

    def test_immutable_it_fails_and_then_works_again(self):
        self.start_stored()
        if not immutable_files_refuse_what_is_open(os.path.dirname(self.store)):
            self.skipTest("nobody may make a file immutable here")
        subprocess.run(["chattr", "+i", *self.files()], check=True)
        try:
            self.assert_refuses()
        finally:
            subprocess.run(["chattr", "-i", *self.files()], check=True)
        self.assert_works_again()

    def test_an_index_of_the_log_that_is_cut_short_does_not_end_the_broker(self):
        self.start_stored()
        os.truncate(self.store + "-shm", 0)
        self.eventually(lambda: self.alice.ask("user/carol/invite"), lambda reply: reply["ok"])
        self.assertIn(self.kept, self.bob.sync())


class OptionsThatNameWhatIsNoStore(SystemTest):
    def test_it_does_not_start_and_leaves_them_alone_to_the_byte(self):
        broker = self.start_broker({}, persistence=True)
        self.invite(self.connect(broker, "alice"), "bob")
        self.close_clients()
        broker.stop()
        directory = broker.directory
        self.assertTrue(os.path.exists(f"{directory}/mosquitto.db"))
        with open(f"{directory}/notes.txt", "w", encoding="utf-8") as notes:
            notes.write("precious words\n" * 1000)
        with sqlite3.connect(f"{directory}/bookmarks.db") as other:
            other.execute("CREATE TABLE bookmarks (url)")
        other.close()
        os.mkdir(f"{directory}/folder")
        for name in ("notes.txt", "mosquitto.db", "bookmarks.db", "folder"):
            with self.subTest(name):
                path = f"{directory}/{name}"
                before = None if os.path.isdir(path) else digest(path)
                names = set(os.listdir(directory))
                broker.options["store"] = path
                self.assertRegex(broker.refusal(), rf"beckon: the store {path} is .*: name another")
                self.assertEqual(None if os.path.isdir(path) else digest(path), before)
                self.assertEqual(set(os.listdir(directory)), names)
        broker.options["store"] = f"{directory}/mosquitto.conf"
        self.assertIn("is no store of Beckon", broker.refusal())
        with open(broker.options["store"], encoding="utf-8") as config:
            self.assertIn("plugin_opt_store", config.read())
        for name in ("/dev/null", "/proc/self/mem"):
            broker.options["store"] = name
            self.assertRegex(broker.refusal(), rf"beckon: .*{name}")

    def test_a_version_that_no_beckon_made_is_left_alone(self):
        broker = self.start_broker({}, persistence=True)
        alice = self.connect(broker, "alice")
        kept = self.invite(alice, "bob", timeout_ms=600000)
        self.close_clients()
        broker.stop()
        store = f"{broker.directory}/beckon.db"
        copy = f"{broker.directory}/copy"
        shutil.copy(store, copy)
        for version in (-1, 0, 99):
            database = sqlite3.connect(store)
            database.execute(f"PRAGMA user_version = {version}")
            database.close()
            before = digest(store)
            self.assertIn(f"is of version {version}, ", broker.refusal())
            self.assertEqual(digest(store), before)
        shutil.copy(copy, store)
        broker.start()
        self.assertIn(kept, self.connect(broker, "alice").sync())


if __name__ == "__main__":
    unittest.main()
