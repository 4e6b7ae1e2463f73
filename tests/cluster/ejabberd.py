# SPDX-License-Identifier: Apache-2.0
"""ejabberd, an MQTT 5 broker that is a cluster: nodes of a test's own, on loopback, with the rules of `beckond acl`."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from postgres import HOST, free_port


class Ejabberd:
    """`nodes` of one cluster. Anybody may log in, by any password but none."""

    def __init__(self, nodes=1, rules=None, user="beckond", more="", operators="", change=lambda rules: rules):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="beckon-ej-"))
        self.cookie = self.folder.name
        self.epmd = free_port()
        self.ports = [free_port() for _ in range(nodes)]
        named = ["--operators", operators] if operators else []
        self.rules = rules if rules is not None else change(subprocess.run(
            [os.environ["BECKON_SERVICE"], "acl", "ejabberd", "--user", user, *named], capture_output=True, text=True,
            check=True).stdout.replace("@HOST", "@localhost"))
        self.more = more
        for node in range(nodes):
            self._write(node)
            self.start(node)
        for node in range(1, nodes):
            self._tell(node, "join_cluster", self._name(0))
        for node in range(nodes):
            self.wait(node)

    def _name(self, node):
        return f"{self.cookie}-{node}@localhost"

    def _write(self, node):
        home = self.folder / str(node)
        for part in ("spool", "logs"):
            (home / part).mkdir(parents=True)
        (home / "ejabberd.yml").write_text(
            f"hosts: [localhost]\nloglevel: info\nauth_method: [anonymous]\nanonymous_protocol: login_anon\n"
            f"allow_multiple_connections: true\nlisten:\n  - port: {self.ports[node]}\n    ip: \"{HOST}\"\n"
            f"    module: mod_mqtt\n    backlog: 1000\n{self.rules}{self.more}", encoding="utf-8")
        (home / "ejabberdctl.cfg").write_text(
            f"ERLANG_NODE={self._name(node)}\nINET_DIST_INTERFACE={HOST}\nERL_EPMD_ADDRESS={HOST}\n"
            f"ERL_OPTIONS=\"+S 1:1 +sbwt none -setcookie {self.cookie}\"\n", encoding="utf-8")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "ejabberd", self.folder], check=True)

    def _command(self, node, *words):
        home = self.folder / str(node)
        become = ["runuser", "-u", "ejabberd", "--"] if os.geteuid() == 0 else []
        return [*become, "env", f"ERL_EPMD_PORT={self.epmd}", f"ERL_EPMD_ADDRESS={HOST}", f"HOME={home}",
                "ejabberdctl", "--node", self._name(node), "--config-dir", str(home), "--config",
                str(home / "ejabberd.yml"), "--ctl-config", str(home / "ejabberdctl.cfg"), "--spool",
                str(home / "spool"), "--logs", str(home / "logs"), *words]

    def _tell(self, node, *words):
        done = subprocess.run(self._command(node, *words), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"ejabberdctl {words}: {done.stdout}{done.stderr}{self.log(node)}")
        return done.stdout

    def start(self, node):
        self._tell(node, "start")
        self.wait(node)

    def wait(self, node):
        deadline = time.monotonic() + 60
        while subprocess.run(self._command(node, "status"), capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError("ejabberd does not start\n" + self.log(node))
            time.sleep(0.1)

    def log(self, node):
        path = self.folder / str(node) / "logs" / "ejabberd.log"
        return path.read_text(encoding="utf-8", errors="replace")[-4000:] if path.exists() else ""

    def kill(self, node):
        for pid in self._pids(self._name(node)):
            os.kill(pid, signal.SIGKILL)

    def _pids(self, text):
        found = subprocess.run(["pgrep", "-f", text], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        return [int(pid) for pid in found if int(pid) != os.getpid()]

    def close(self):
        for node in range(len(self.ports)):
            self.kill(node)
        for pid in self._pids(f"epmd.*-port {self.epmd}"):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
