# SPDX-License-Identifier: Apache-2.0
"""What docs/operating.md and docs/push.md tell to type is typed here, at a broker whose files are below a directory
of the test's own.

Environment: BECKON_PLUGIN and BECKON_CLI.
"""

import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from pages import ROOT, blocks_of

sys.path.insert(0, str(ROOT / "tests" / "system"))
from harness import PATIENCE, SystemTest  # noqa: E402

CLI = os.environ["BECKON_CLI"]
os.environ["no_proxy"] = "127.0.0.1"
PLUGIN = "usr/lib/mosquitto/mosquitto_beckon.so"
# Our broker runs as root.
OWNER = {"-o mosquitto -g mosquitto ": "", "chown -R mosquitto:": "chown -R root:"}


def section(page, title):
    return [block for block in blocks_of(page) if block.section == title]


class Machine:
    """What an operator has in front of them, with / at a directory of its own."""

    def __init__(self, test, plugin):
        directory = tempfile.TemporaryDirectory(prefix="beckon-operating-test-")
        test.addCleanup(directory.cleanup)
        self.root = directory.name
        for folder in ("etc/mosquitto", "var/lib/mosquitto", "var/backups", "build/broker_plugin",
                       os.path.dirname(PLUGIN)):
            os.makedirs(f"{self.root}/{folder}")
        shutil.copy(plugin, f"{self.root}/{PLUGIN}")
        self.broker = test.make_broker({"store": f"{self.root}/var/lib/mosquitto/beckon.db", "operators": "root"},
                                       fixed_port=True, allow_anonymous=False,
                                       config=f"password_file {self.root}/etc/mosquitto/passwd")
        configuration = self.broker._configuration
        self.broker._configuration = lambda: configuration().replace(os.path.abspath(plugin), f"{self.root}/{PLUGIN}")
        self.instead = OWNER | {"sudo ": "", "-C / ": f"-C {self.root} ", "build/broker": f"{self.root}/build/broker",
                                "beckon-move": f"{self.root}/beckon-move", "-P …": f"-P secret -p {self.broker.port}"}
        for place in ("/var/lib/mosquitto", "/var/backups", "/usr/lib/mosquitto"):
            self.instead[f" {place}"] = f" {self.root}{place}"

    def let_in(self, *names):
        path = pathlib.Path(self.root, "etc/mosquitto/passwd")
        path.write_text("".join(f"{name}:secret\n" for name in names), encoding="utf-8")
        subprocess.run(["mosquitto_passwd", "-U", path], check=True, capture_output=True)

    def types(self, blocks):
        """The lines of these blocks; returns what they print."""
        printed = ""
        for line in [line for block in blocks for line in block.lines]:
            service = re.fullmatch(r"sudo systemctl (stop|start|restart|disable --now) mosquitto", line)
            if service:
                {"stop": self.broker.stop, "start": self.broker.start, "restart": self.broker.restart,
                 "disable --now": self.broker.stop}[service[1]]()
                continue
            for there, here in self.instead.items():
                line = line.replace(there, here)
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
            assert done.returncode == 0, f"{line} ended with {done.returncode}:\n{done.stderr}"
            printed += done.stdout
        return printed


class OperatingTest(SystemTest):
    def machine(self):
        return Machine(self, os.environ["BECKON_PLUGIN"])

    def as_(self, machine, name):
        client = self.connect(machine.broker, name, password="secret")
        self.addCleanup(client.close)
        return client

    def groups(self, machine):
        alice = self.as_(machine, "alice")
        told = [one["group"] for one in self.assert_ok(alice.ask("user/alice/groups"))["groups"]]
        alice.leave()
        return told

    def make_group(self, machine, name):
        alice = self.as_(machine, "alice")
        self.assert_ok(alice.ask(f"group/{name}/create", members=["bob"]))
        alice.leave()


class Keeping(OperatingTest):
    def test_a_backup_of_a_broker_that_runs_is_restored(self):
        machine = self.machine()
        machine.let_in("alice", "root")
        machine.broker.start()
        self.make_group(machine, "before")
        self.assertEqual(machine.types(section("docs/operating.md", "Backup")), "ok\n")
        for path in pathlib.Path(machine.root, "var/backups/beckon").iterdir():
            self.assertEqual(path.parent.stat().st_mode & 0o77, 0, path)
        self.make_group(machine, "after")
        machine.let_in("mallory")
        machine.types(section("docs/operating.md", "Restore"))
        self.assertEqual(self.groups(machine), ["before"])
        self.assertRegex(machine.broker.log(), r"the store \S+ has 0 open invitations, 0 that have ended and 1 groups")

    def test_a_new_plugin_takes_the_place_of_the_old_one_while_that_runs(self):
        machine = self.machine()
        machine.let_in("alice", "root")
        machine.broker.start()
        self.make_group(machine, "before")
        old = os.stat(f"{machine.root}/{PLUGIN}").st_ino
        shutil.copy(os.environ["BECKON_PLUGIN"], f"{machine.root}/build/broker_plugin/mosquitto_beckon.so")
        self.assertIn('"protocol":1', machine.types(section("docs/operating.md", "Upgrading")))
        self.assertNotEqual(os.stat(f"{machine.root}/{PLUGIN}").st_ino, old)
        self.assertEqual(self.groups(machine), ["before"])

    def test_another_machine_goes_on(self):
        old, new = self.machine(), self.machine()
        for machine, name in ((old, "alice"), (new, "nobody")):
            machine.let_in(name)
            machine.broker.start()
        self.make_group(old, "before")
        leaves, arrives = section("docs/operating.md", "Moving to another machine")
        old.types([leaves])
        shutil.move(f"{old.root}/beckon-move.tar.gz", new.root)
        new.types([arrives])
        self.assertEqual(self.groups(new), ["before"])


class Metrics(OperatingTest):
    def test_the_commands_and_each_metric_that_the_page_names(self):
        blocks = section("docs/operating.md", "Metrics")
        self.broker = self.start_broker({"operators": "root"}, fixed_port=True)
        serve, ask = blocks[0].lines
        serve = serve.replace("beckon ", f"exec {CLI} ", 1).replace(":9464", ":0")
        with subprocess.Popen(serve, shell=True, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "BECKON_SERVER": f"127.0.0.1:{self.broker.port}"}) as exporter:
            try:
                url = exporter.stdout.readline().split()[-1]
                ask = re.sub(r"http\S+", url, ask)
                told, deadline = "", time.monotonic() + 3 * PATIENCE
                while "\nbeckon_up 1" not in told and time.monotonic() < deadline:
                    told = subprocess.run(ask, shell=True, capture_output=True, text=True, check=True).stdout
            finally:
                exporter.kill()
        names = set(re.findall(r"# TYPE (beckon_\w+)", told))
        page = (ROOT / "docs/operating.md").read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
        table = set(re.findall(r"`(beckon_\w+)", page))
        self.assertEqual(table, names)
        rules = blocks[2].text
        self.assertLess(set(re.findall(r"\bbeckon_\w+", rules)), names)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (Debian's prometheus)")
    def test_prometheus_takes_the_configuration_and_the_rules(self):
        scrape, rules = (block.text for block in section("docs/operating.md", "Metrics") if block.language == "yaml")
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "prometheus.yml").write_text(scrape, encoding="utf-8")
            pathlib.Path(directory, "beckon.rules.yml").write_text(rules, encoding="utf-8")
            checked = subprocess.run(["promtool", "check", "config", f"{directory}/prometheus.yml"], text=True,
                                     capture_output=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            self.assertIn("3 rules found", checked.stdout)


class Ntfy(http.server.BaseHTTPRequestHandler):
    """Stands for ntfy's server: what it was told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.told.append((self.path, self.headers["Title"], self.headers["Priority"], body))
        self.send_response(200)
        self.end_headers()
        with self.server.changed:
            self.server.changed.notify_all()

    def log_message(self, *_):
        pass


class Push(OperatingTest):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ntfy)
        self.server.told, self.server.changed = [], threading.Condition()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.program = pathlib.Path(directory.name, "beckon-push")
        script, = (block.text for block in section("docs/push.md", "ntfy") if block.text.startswith("#!/bin/sh"))
        self.program.write_text(script, encoding="utf-8")
        self.program.chmod(0o755)

    def told(self, count):
        with self.server.changed:
            self.server.changed.wait_for(lambda: len(self.server.told) >= count, 3 * PATIENCE)
        return sorted(self.server.told)

    def test_ntfy_is_told_once_for_each_who_is_not_there(self):
        self.broker = self.start_broker({"operators": "push"})
        alice, bob = self.connect_all(self.broker, "alice", "bob")
        early = self.invite(alice, "erin")  # before anybody could tell
        command, = (block.lines[0] for block in section("docs/push.md", ""))
        command = command.replace("beckon ", f"exec {CLI} ", 1).replace("/usr/local/bin/beckon-push", str(self.program))
        secret = next(line.split("=")[1].rstrip("…") for block in section("docs/push.md", "ntfy")
                      for line in block.lines if line.startswith("NTFY_SECRET="))
        with subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL, env={
                **os.environ, "NTFY_SERVER": f"http://127.0.0.1:{self.server.server_port}", "NTFY_SECRET": secret,
                "BECKON_SERVER": f"127.0.0.1:{self.broker.port}"}) as push:
            try:
                erins = (f"/{secret}-erin", "alice rings", "urgent", "erin is asked to answer")
                self.assertEqual(self.told(1), [erins])
                self.invite(alice, "carol", also=["bob", "dave"], data="@/etc/passwd")
                self.assert_ok(alice.ask(f"invitation/{early}/cancel"))
                self.invite(alice, "frank")
                wanted = [(f"/{secret}-{user}", "alice rings", "urgent", f"{user} is asked to answer")
                          for user in ("carol", "dave", "erin", "frank")]
                self.assertEqual(self.told(4), wanted)
            finally:
                push.terminate()
        bob.close()


if __name__ == "__main__":
    unittest.main()
