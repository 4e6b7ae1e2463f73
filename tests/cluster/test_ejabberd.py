# SPDX-License-Identifier: Apache-2.0
"""beckond on a cluster of ejabberd, by the rules that it prints for it.

Environment: BECKON_HOST=service; BECKON_SERVICE names beckond."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from ejabberd import Ejabberd  # noqa: E402
from harness import GENEROUS, PATIENCE, Beckond, Client, ServiceBroker, ServiceNode, flags  # noqa: E402
from postgres import HOST  # noqa: E402

BECKOND = os.environ["BECKON_SERVICE"]
NODES = int(os.environ.get("BECKON_NODES", "2"))


class OnEjabberd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Ejabberd(nodes=NODES)
        cls.addClassCleanup(cls.cluster.close)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.password = os.path.join(cls.folder.name, "password")
        pathlib.Path(cls.password).write_text("any\n", encoding="utf-8")
        cls.lines, cls.changed, cls.service = [], threading.Condition(), None
        cls.addClassCleanup(lambda: cls.service and cls.service.end(signal.SIGTERM))
        cls.start_service()

    @classmethod
    def start_service(cls):
        since = len(cls.lines)
        cls.service = Beckond(
            [*[word for port in cls.cluster.ports for word in ("--server", f"{HOST}:{port}")], "--user", "beckond",
             "--password-file", cls.password, "--fold-case", "yes", "--acl-checked", "yes",
             "--store", os.path.join(cls.folder.name, "beckon.db"),
             *flags(ServiceBroker.of_service(GENEROUS))], cls.heard)
        cls.wait_log("serves beckon/v1 at", since)

    @classmethod
    def heard(cls, line):
        with cls.changed:
            cls.lines.append(line or "ended")
            cls.changed.notify_all()

    @classmethod
    def wait_log(cls, pattern, since=0):
        with cls.changed:
            if not cls.changed.wait_for(lambda: any(re.search(pattern, line) for line in cls.lines[since:]), 3 * PATIENCE):
                raise AssertionError(f"beckond never said {pattern!r}: {cls.lines}")

    def connect(self, node, user, **how):
        client = Client(ServiceNode(self.cluster.ports[node]), user, password="any", **how)
        self.addCleanup(client.close)
        return client

    def test_1_a_user_can_do_nothing_that_a_service_could_not_see(self):
        checked = subprocess.run([BECKOND, "check-acl", "--server", f"{HOST}:{self.cluster.ports[0]}", "--user", "kitchen",
                                  "--password-file", self.password, "--other-user", "victim", "--other-password-file",
                                  self.password], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertNotIn("WRONG", checked.stdout)
        self.assertNotRegex(checked.stdout, "(?m)^ +- ")

    def test_2_who_is_at_one_node_rings_whoever_is_at_another(self):
        alice, bob = self.connect(0, "alice"), self.connect(NODES - 1, "bob", encoding="msgpack")
        ring = alice.ask("user/bob/invite", timeout_ms=60000)
        self.assertTrue(ring["ok"], ring)
        bob.wait_event("new_invitation", id=ring["id"])
        self.assertTrue(bob.ask(f"invitation/{ring['id']}/accept")["ok"])
        alice.wait_event("invitee_accepted", id=ring["id"], by="bob")

    def test_3_status_is_found_at_each_node(self):
        for port in self.cluster.ports:
            deadline = time.monotonic() + 3 * PATIENCE
            while True:
                found = subprocess.run(["mosquitto_sub", "-h", HOST, "-p", str(port), "-V", "5", "-u", "bob", "-P", "any", "-t",
                                        "beckon/v1/status", "-C", "1", "-W", "2"], capture_output=True, text=True, check=False)
                if '"host":"service"' in found.stdout:
                    break
                self.assertLess(time.monotonic(), deadline, f"no status at {port}")

    def test_4_killed_in_mid_ring_it_goes_on(self):
        alice, bob = self.connect(0, "alice"), self.connect(NODES - 1, "bob")
        ring = alice.ask("user/bob/invite", timeout_ms=4000)["id"]
        bob.wait_event("new_invitation", id=ring)
        self.service.end(signal.SIGKILL)
        meanwhile = alice.send("user/bob/invite", {"id": "meanwhile", "timeout_ms": 60000})
        self.start_service()
        self.assertTrue(alice.wait_reply(meanwhile)["ok"])
        bob.wait_event("new_invitation", id="meanwhile")
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=ring)

    def test_5_a_of_many_requests_at_once_none_is_lost(self):
        asker = self.connect(0, "asker", listen=())
        asked = [asker.send("user/asker/groups") for _ in range(1500)]
        for one in asked:
            self.assertTrue(asker.wait_reply(one)["ok"])

    @unittest.skipIf(NODES < 3, "by hand: 6,000 requests")
    def test_5_b_thrown_out_it_ends_with_a_sentence(self):
        """As ejabberd does with a session in which more waits than it keeps for one."""
        asker = self.connect(0, "asker", listen=())
        self.service.process.send_signal(signal.SIGSTOP)
        for _ in range(6000):
            asker.send("user/asker/groups")
        with asker._changed:  # acknowledged, they are in the session's queue
            self.assertTrue(asker._changed.wait_for(lambda: len(asker._published) >= 6000, 6 * PATIENCE))
        self.service.process.send_signal(signal.SIGCONT)
        self.wait_log("has thrown the session away")
        self.service.process.wait(3 * PATIENCE)
        self.assertEqual(self.service.end(signal.SIGTERM), 4)
        self.start_service()
        self.assertTrue(self.connect(0, "alice").ask("user/alice/groups")["ok"])

    def test_6_when_its_node_dies_it_serves_at_another(self):
        serves = re.search(r":(\d+)$", [line for line in self.lines if "serves beckon/v1 at" in line][-1])[1]
        node = self.cluster.ports.index(int(serves))
        other = next(one for one in range(NODES) if one != node)
        alice, bob = self.connect(other, "alice"), self.connect(other, "bob")
        since = len(self.lines)
        self.cluster.kill(node)
        self.wait_log("serves beckon/v1 at", since)
        try:
            ring = alice.ask("user/bob/invite", timeout_ms=60000)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines[-12:]) + self.cluster.log(other)) from error
        self.assertTrue(ring["ok"], ring)
        bob.wait_event("new_invitation", id=ring["id"])


if __name__ == "__main__":
    if shutil.which("ejabberdctl") is None:
        print("there is no ejabberd: scripts/dependencies servers installs it")
        sys.exit(77)
    unittest.main()
