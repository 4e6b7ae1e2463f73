# SPDX-License-Identifier: Apache-2.0
"""beckond on the configuration that Home Assistant's Mosquitto add-on writes, with its access plugin stood in for, and the
two files of `beckond acl home-assistant` in its folder of one's own configuration.

Environment: BECKON_HOST=service, BECKON_SERVICE, BECKON_ADD_ON_ACCESS (add_on_access.c)."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from harness import PATIENCE, Beckond, Client, ServiceNode, port_that_stays_free  # noqa: E402

BECKOND = os.environ["BECKON_SERVICE"]
# As of its version 7: what a test has elsewhere is in braces.
CONFIGURATION = """user {user}
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%d %H:%M:%S
persistence true
persistence_location {folder}/

max_queued_messages 8192

auth_plugin {plugin}
auth_plugin_deny_special_chars false
auth_opt_backends files,http
auth_opt_hasher pbkdf2
auth_opt_cache true
auth_opt_files_password_path /etc/mosquitto/pw
auth_opt_files_acl_path /etc/mosquitto/acl
auth_opt_http_host 127.0.0.1
auth_opt_http_port 80

listener {port} 127.0.0.1
protocol mqtt

include_dir {folder}/share
"""


class AddOn(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.port = pathlib.Path(folder.name), port_that_stays_free()
        share = self.folder / "share"
        share.mkdir()
        rules = subprocess.run([BECKOND, "acl", "home-assistant"], capture_output=True, text=True, check=True).stdout
        # As its first lines say, but for where the folder is.
        (share / "beckon.conf").write_text(f"acl_file {share}/beckon.acl\n", encoding="utf-8")
        (share / "beckon.acl").write_text(rules, encoding="utf-8")
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(CONFIGURATION.format(
            user=subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip(),
            folder=self.folder, plugin=os.environ["BECKON_ADD_ON_ACCESS"], port=self.port), encoding="utf-8")
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            broker = subprocess.Popen([os.environ.get("MOSQUITTO", "/usr/sbin/mosquitto"), "-c", configuration],
                                      stderr=log)
        self.addCleanup(broker.wait)
        self.addCleanup(broker.terminate)
        self.password = self.folder / "password"
        self.password.write_text("any\n", encoding="utf-8")
        self.serves = threading.Event()
        deadline = time.monotonic() + PATIENCE
        while not self.serves.is_set():
            service = Beckond(["--server", f"127.0.0.1:{self.port}", "--user", "beckond", "--password-file",
                               str(self.password), "--acl-checked", "yes", "--store", "memory"], self.heard)
            self.addCleanup(service.end, signal.SIGTERM)
            if not self.serves.wait(PATIENCE):
                self.assertLess(time.monotonic(), deadline, (self.folder / "log").read_text(encoding="utf-8"))

    def heard(self, line):
        if line is not None and "serves beckon/v1" in line:
            self.serves.set()

    def connect(self, user, **how):
        client = Client(ServiceNode(self.port), user, password="any", **how)
        self.addCleanup(client.close)
        return client

    def test_a_door_rings_a_panel(self):
        door, panel = self.connect("door"), self.connect("panel", encoding="msgpack")
        ring = door.ask("user/panel/invite", timeout_ms=60000)
        self.assertTrue(ring["ok"], ring)
        panel.wait_event("new_invitation", id=ring["id"])
        self.assertTrue(panel.ask(f"invitation/{ring['id']}/accept")["ok"])
        door.wait_event("invitee_accepted", id=ring["id"], by="panel")

    def test_nobody_speaks_for_others_and_home_assistant_does_what_it_did(self):
        checked = subprocess.run([BECKOND, "check-acl", "--server", f"127.0.0.1:{self.port}", "--user", "panel",
                                  "--password-file", self.password, "--other-user", "victim", "--other-password-file",
                                  self.password], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertNotIn("WRONG", checked.stdout)
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-u", "homeassistant", "-P", "any"]
        hears = subprocess.Popen(["mosquitto_sub", *where, "-t", "homeassistant/#", "-C", "1", "-W", "20"],
                                 stdout=subprocess.PIPE, text=True)
        for _ in range(20):
            subprocess.run(["mosquitto_pub", *where, "-q", "1", "-t", "homeassistant/status", "-m", "online"], check=True)
            if hears.poll() is not None:
                break
            time.sleep(0.1)
        self.assertEqual(hears.communicate()[0], "online\n")


if __name__ == "__main__":
    unittest.main()
