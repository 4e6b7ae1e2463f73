# SPDX-License-Identifier: Apache-2.0
"""How long a broker takes to start on a store with very many pending invitations, and where all of them have timed out
meanwhile."""
import contextlib
import os
import sqlite3
import time

from sides import Measured
import harness

PATIENCE = 100.0  # seconds

# As bench_core has them: 100,000 users, ids of 36 bytes, names of 16, 32 bytes of data, a day to go.
FILL = """
BEGIN;
CREATE TEMP TABLE n AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {pending}) SELECT n FROM n;
INSERT INTO invitations (number, id, inviter, invitee, answer, visibility, call, online_only, keep_when_lost,
                         inviter_was_online, rev, made_ms, lifetime_ms, data)
    SELECT n, printf('invitation%026d', n), printf('user%012d', n % 100000), printf('user%012d', n * 7919 % 100000),
           'all', 'invitees', 0, 0, 0, 0, 1, clock_ms, clock_ms + 86400000, printf('%032d', n) FROM n, broker;
INSERT INTO invitees (invitation, position, user, state, deadline_ms, adder)
    SELECT n, 0, printf('user%012d', n * 7919 % 100000), 'pending', clock_ms + 80000000 + n % 1000000, 0
    FROM n, broker;
UPDATE broker SET last_number = {pending};
COMMIT;
"""


class Started:
    """A broker with a store, which may be filled while it is stopped."""

    def __init__(self):
        harness.PATIENCE = PATIENCE
        self._broker = Measured("always")

    def start(self):
        """What it took until the first reply: seconds, of them of CPU, and MiB."""
        begin = time.monotonic()
        self._broker.start()
        with contextlib.closing(harness.Client(self._broker, "user000000000001")) as client:
            client.ask("user/user000000000001/groups")
            seconds = time.monotonic() - begin
        cpu = time.clock_gettime((~self._broker.pid << 3) | 2)  # CLOCK_PROCESS_CPUTIME of that process
        with open(f"/proc/{self._broker.pid}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
        return seconds, cpu, resident

    def stop(self):
        self._broker.stop()

    def kill(self):
        self._broker.kill()

    def remove(self):
        self._broker.remove()

    def change(self, script):
        """The store of the broker, which is stopped; the size of its file."""
        path = os.path.join(self._broker.directory, "beckon.db")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.executescript(script)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return os.path.getsize(path)


def measure(pending):
    """(seconds, CPU, MiB) of a start: empty; with so many pending; and with so many that are overdue. And the size of the
    file."""
    broker = Started()
    try:
        empty = broker.start()
        broker.stop()
        size = broker.change(FILL.format(pending=pending))
        full = broker.start()
        broker.kill()
        broker.change("UPDATE invitees SET deadline_ms = 1")
        overdue = broker.start()
        broker.kill()
        return empty, full, overdue, size
    finally:
        broker.remove()
