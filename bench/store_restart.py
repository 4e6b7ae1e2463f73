#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a broker takes to start on a store with very many pending invitations, from its start to its first reply.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/store_restart.py [PENDING]      default: 1000000

Then the same where all of them have timed out meanwhile: how long others wait while that is told.
"""
import contextlib
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
import harness  # noqa: E402
from harness import Broker, Client  # noqa: E402

harness.PATIENCE = 100.0

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


@contextlib.contextmanager
def opened(broker):
    """The store of a broker that is stopped."""
    with contextlib.closing(sqlite3.connect(os.path.join(broker.directory, "beckon.db"),
                                            isolation_level=None)) as database:
        yield database
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def start(broker):
    """Seconds to listening and to the first reply."""
    begin = time.monotonic()
    broker.start()
    listening = time.monotonic() - begin
    with contextlib.closing(Client(broker, "user000000000001")) as client:
        found = client.sync()
        return listening, time.monotonic() - begin, len(found)


def cpu(broker):
    return time.clock_gettime((~broker._process.pid << 3) | 2)


def memory(broker):
    with open(f"/proc/{broker._process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def report(what, broker):
    listening, replied, found = start(broker)
    print(f"{what}: listens after {listening:.2f} s, replies after {replied:.2f} s ({found} found), {cpu(broker):.2f} s of CPU, "
          f"{memory(broker):.0f} MiB", flush=True)


def waits(broker):
    """Of one who asks for something while all that was overdue is told."""
    with contextlib.closing(Client(broker, "user000000000001")) as client:
        times = []
        begin = before = time.monotonic()
        while time.monotonic() < begin + 20:
            client.ask("user/user000000000001/groups")
            now = time.monotonic()
            times.append(now - before)
            before = now
            time.sleep(0.01)
    times.sort()
    print(f"of {len(times)} requests in the first 20 s, half waited {times[len(times) // 2] * 1e3:.0f} ms or less, all "
          f"{times[-1] * 1e3:.0f} ms or less; {cpu(broker):.1f} s of CPU, {memory(broker):.0f} MiB", flush=True)


def main():
    pending = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    broker = Broker(options={"store": "{dir}/beckon.db", "max_pending_per_inviter": 1000},
                    config="log_type none\nlog_type information\nlog_type error")
    try:
        report("empty", broker)
        broker.stop()
        with opened(broker) as database:
            database.executescript(FILL.format(pending=pending))
        print(f"the file has {os.path.getsize(os.path.join(broker.directory, 'beckon.db')) / 1e6:.0f} MB")
        report(f"{pending} pending", broker)
        begin = time.monotonic()
        broker.kill()
        print(f"killed, gone after {time.monotonic() - begin:.2f} s")
        report("the same after a kill", broker)
        begin = time.monotonic()
        broker.stop()
        print(f"a clean stop takes {time.monotonic() - begin:.2f} s")
        with opened(broker) as database:
            database.execute("UPDATE invitees SET deadline_ms = 1")
        report(f"{pending} that are overdue", broker)
        waits(broker)
    finally:
        broker.remove()


if __name__ == "__main__":
    main()
