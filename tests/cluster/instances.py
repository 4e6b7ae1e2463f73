# SPDX-License-Identifier: Apache-2.0
"""Two beckond that share a site in PostgreSQL, beside a broker that goes on."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from harness import PATIENCE, Beckond, ServiceBroker, flags  # noqa: E402

LEASE_MS = 700


class Instances(ServiceBroker):
    """`names` are those that run; `owner` is whoever has said last that the site is its own."""

    NAMES = ("one", "two")

    def __init__(self, databases, **how):
        super().__init__(**how)
        self.databases = databases
        self.running = {}
        self.owner = None
        self.owns = threading.Condition()
        self.tell(("store", "init"))

    def arguments(self):
        said = super().arguments()
        said[said.index("--store") + 1] = self.databases.address
        return [*said, "--lease-ms", str(LEASE_MS)]

    def tell(self, words, code=0):
        """What beckond says to a command."""
        done = subprocess.run([os.environ["BECKON_SERVICE"], "--store", self.databases.address, *words],
                              capture_output=True, text=True, check=False)
        if done.returncode != code:
            raise AssertionError(f"{words}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def start_service(self, **more):
        for name in self.NAMES:
            if name not in self.running:
                self.start_instance(name, **more)
        self.wait_for_owner()

    def start_instance(self, name, **more):
        self.running[name] = Beckond([*self.arguments(), "--instance", name, *flags(more)], self._service_log)

    def _service_log(self, line):
        super()._service_log(line)
        owns = re.match(r"beckon: (\w+) owns the site", line or "")
        if owns:
            with self.owns:
                self.owner = owns[1]
                self.service_up.clear()
                self.owns.notify_all()

    def wait_for_owner(self, other_than=None):
        """Until it serves."""
        with self.owns:
            if not self.owns.wait_for(lambda: self.owner in self.running and self.owner != other_than, 3 * PATIENCE):
                raise AssertionError("nobody owns the site\n" + self.log())
        self.service_up.wait(3 * PATIENCE)

    def kill_owner(self):
        gone = self.owner
        self.running.pop(gone).end(signal.SIGKILL)
        return gone

    def stop_service(self):
        """All of them, cleanly."""
        while self.running:
            code = self.running.popitem()[1].end(signal.SIGTERM)
            if code != 0:
                raise AssertionError(f"beckond ended with {code}")
        self.owner = None

    def kill_service(self):
        while self.running:
            self.running.popitem()[1].end(signal.SIGKILL)
        self.owner = None

    @property
    def service(self):
        return bool(self.running)

    @service.setter
    def service(self, _value):
        pass

    def pause_owner(self, seconds):
        """It is stopped for so long, and goes on without knowing."""
        process = self.running[self.owner].process
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def remove(self):
        super().remove()
        self.databases.close()
