# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own, on loopback, in a folder that goes with it; and one that follows it."""

import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def programs():
    """Debian's newest, which are on nobody's path."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    if not folders:
        raise FileNotFoundError("there is no /usr/lib/postgresql: install postgresql")
    return max(folders, key=lambda folder: float(folder.split("/")[4]))


class Postgres:
    """`primary`: it follows that one, and is asked by its commits when the primary waits for it."""

    def __init__(self, primary=None, port=None):
        self.bin = programs()
        # PostgreSQL takes no orders from root; whoever runs it has to reach its folder.
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="beckon-pg-"))
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.data = self.folder / "data"
        self.port = port or free_port()
        self.address = f"postgresql://beckon@{HOST}:{self.port}/beckon"
        if primary is None:
            self._run("initdb", "-D", self.data, "-U", "beckon", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        else:
            primary.sql("SELECT pg_create_physical_replication_slot('standby') WHERE NOT EXISTS "
                        "(SELECT 1 FROM pg_replication_slots WHERE slot_name = 'standby')")
            self._run("pg_basebackup", "-D", self.data, "-h", HOST, "-p", primary.port, "-U", "beckon", "-R",
                      "-S", "standby", "-X", "stream", "--no-sync", "--checkpoint=fast")
        with open(self.data / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write(f"port = {self.port}\nlisten_addresses = '{HOST}'\nunix_socket_directories = ''\n"
                           "max_connections = 40\nshared_buffers = 16MB\nwal_level = replica\n"
                           "wal_sender_timeout = 5s\nmax_replication_slots = 4\nhot_standby = on\n")
            if primary is not None:
                settings.write("cluster_name = 'standby'\nsynchronous_standby_names = ''\n")
        self.start()
        if primary is None:
            self.sql("CREATE DATABASE beckon", database="postgres")

    def _run(self, program, *words):
        done = subprocess.run([*self.user, f"{self.bin}/{program}", *map(str, words)], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")
        return done.stdout

    def start(self):
        self._run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-s", "start")

    def stop(self, how="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", how, "-w", "-s", "stop")

    def kill(self):
        """As a machine that is gone: nobody is told."""
        with open(self.data / "postmaster.pid", encoding="utf-8") as file:
            master = int(file.readline())
        children = subprocess.run(["pgrep", "-P", str(master)], stdout=subprocess.PIPE, text=True, check=False)
        for pid in [master, *map(int, children.stdout.split())]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{master}") and time.monotonic() < deadline:
            time.sleep(0.01)

    def promote(self):
        self._run("pg_ctl", "-D", self.data, "-w", "-s", "promote")

    def wait_for_standby(self):
        """From now on each commit waits for the one that follows."""
        self.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.sql("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 20
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1":
            if time.monotonic() > deadline:
                raise TimeoutError("the standby does not follow")
            time.sleep(0.05)

    def sql(self, text, database="beckon"):
        done = subprocess.run([f"{self.bin}/psql", "-h", HOST, "-p", str(self.port), "-U", "beckon", "-d", database,
                               "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def close(self):
        try:
            self.stop("immediate")
        except RuntimeError:
            pass  # it was killed
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class Databases:
    """A PostgreSQL, and one that follows it, so that each commit is on both; and what happens to them."""

    def __init__(self, follows=True):
        self.ports = [free_port(), free_port()]
        self.first = Postgres(port=self.ports[0])
        self.second = None
        if follows:
            self.follow()
        hosts = ",".join(f"{HOST}:{port}" for port in self.ports)
        self.address = f"postgresql://beckon@{hosts}/beckon?target_session_attrs=read-write"

    def follow(self):
        port = next(port for port in self.ports if port != self.first.port)
        self.second = Postgres(primary=self.first, port=port)
        self.first.wait_for_standby()

    def fail_over(self):
        """The first is gone; the second goes on, alone until another follows."""
        self.first.kill()
        self.second.promote()
        self.first.close()
        self.first, self.second = self.second, None

    def close(self):
        for one in (self.second, self.first):
            if one is not None:
                one.close()
