#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the store costs, beside the same without it (plugin_opt_store memory), in one run.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/store_cost.py [ROUNDS]

A cycle is an invite, its new_invitation, its accept and its invitee_accepted, with both replies. The brokers take turns, a
round of cycles each: one cycle at a time, and 64 at once. Counted for each cycle: CPU time of the whole broker and of
its main thread, and the main thread's system calls (strace) and instructions in user space (perf, or where a machine has
no counters, valgrind). What counts are the ratios.

Then the time of one request on an idle broker, beside one commit of SQLite in the same directory.
"""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
import harness  # noqa: E402
from crowd import Crowd  # noqa: E402
from harness import GENEROUS, Broker  # noqa: E402

ROOT = "beckon/v1"
QUIET = "log_type none\nlog_type information"
AT_ONCE = 64
SIDES = {"memory": {"store": "memory"}, "always": {"store": "{dir}/beckon.db", "sync": "always"},
         "normal": {"store": "{dir}/beckon.db", "sync": "normal"}}


class Side:
    """A broker, and pairs of users of whom one rings the other."""

    def __init__(self, name):
        self.name = name
        self.broker = Broker(options={**GENEROUS, "events_per_second": 1000000, "events_burst": 1000000,
                                      **SIDES[name]}, config=QUIET).start()
        self.process = self.broker._process.pid
        self.pairs = [(f"door{number}", f"kitchen{number}") for number in range(AT_ONCE)]
        self.crowd = Crowd(self.broker.port, [user for pair in self.pairs for user in pair],
                           lambda user: [f"{ROOT}/inbox/{user}/event", f"{ROOT}/inbox/{user}/reply"], self._arrived)
        self.number = self.arrived = 0

    def _arrived(self, _user, _topic, _payload):
        self.arrived += 1

    def _until(self, arrived):
        self.crowd.poll_until(lambda: self.arrived >= arrived)

    def cycles(self, at_once):
        """So many at the same time. Each user hears of each step once, and its own by a reply as well."""
        self.arrived = 0
        rings = []
        for door, kitchen in self.pairs[:at_once]:
            self.number += 1
            rings.append((kitchen, f"ring-{self.number:032}"))
            self.crowd.publish(door, f"{ROOT}/user/{kitchen}/invite",
                               json.dumps({"id": rings[-1][1], "data": "x" * 32}).encode())
        self._until(2 * at_once)
        for kitchen, ring in rings:
            self.crowd.publish(kitchen, f"{ROOT}/invitation/{ring}/accept", b"")
        self._until(5 * at_once)

    def one_request(self):
        self.arrived = 0
        self.number += 1
        body = json.dumps({"id": f"idle-{self.number:032}", "data": "x" * 32, "timeout_ms": 1000}).encode()
        begin = time.monotonic()
        self.crowd.publish("door0", f"{ROOT}/user/nobody/invite", body)
        self._until(1)
        took = time.monotonic() - begin
        self.crowd.publish("door0", f"{ROOT}/invitation/idle-{self.number:032}/cancel", b"")
        self._until(3)  # its reply and its event
        return took

    def cpu(self):
        """Of the whole broker and of its main thread."""
        with open(f"/proc/{self.process}/task/{self.process}/schedstat", encoding="ascii") as main_thread:
            return time.clock_gettime((~self.process << 3) | 2), int(main_thread.read().split()[0]) / 1e9

    def end(self):
        self.crowd.close()
        self.broker.stop()
        self.broker.remove()


def settle(side):
    """Returns when the broker is idle, its writer included."""
    before = 0.0
    while side.cpu()[0] - before > 0.0005:
        before = side.cpu()[0]
        time.sleep(0.02)


def cpu_times(sides, at_once, rounds):
    used = {side.name: ([], []) for side in sides}
    cycles = max(1, 640 // at_once)
    for number in range(rounds + 1):
        for side in sides:
            settle(side)
            before = side.cpu()
            for _ in range(cycles):
                side.cycles(at_once)
            settle(side)
            for values, since, now in zip(used[side.name], before, side.cpu()):
                if number:  # the first one warms up
                    values.append((now - since) / cycles / at_once * 1e6)
    return {name: tuple(map(statistics.median, values)) for name, values in used.items()}


def system_calls(side, at_once):
    """Of the main thread alone, by name, for each cycle."""
    cycles = max(1, 1280 // at_once)
    with tempfile.NamedTemporaryFile("r") as report:
        tracer = subprocess.Popen(["strace", "-c", "-p", str(side.process), "-o", report.name],
                                  stderr=subprocess.PIPE, text=True)
        if "attached" not in tracer.stderr.readline():
            raise SystemExit("strace cannot attach to the broker")
        for _ in range(cycles):
            side.cycles(at_once)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        tracer.stderr.close()
        calls = {}
        for line in report.read().splitlines():
            fields = line.split()
            if len(fields) >= 5 and fields[0][0].isdigit() and fields[-1] != "total":
                calls[fields[-1]] = int(fields[3]) / cycles / at_once
    return calls


def has_counters():
    counted = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, text=True,
                             check=False) if shutil.which("perf") else None
    return counted is not None and counted.returncode == 0 and re.match(r"\d", counted.stderr.splitlines()[-1])


def counted_by_perf(side, at_once):
    cycles = max(1, 1280 // at_once)
    counter = subprocess.Popen(["perf", "stat", "-x,", "-e", "instructions:u", "-t", str(side.process)],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)  # it says nothing when it begins
    for _ in range(cycles):
        side.cycles(at_once)
    counter.send_signal(signal.SIGINT)
    return int(counter.communicate()[1].split(",")[0]) / cycles / at_once


def counted_by_valgrind(name, at_once):
    """The difference of a run of many cycles and one of few."""
    def instructions(cycles):
        with tempfile.TemporaryDirectory(prefix="beckon-bench-") as directory:
            plain = harness.MOSQUITTO
            harness.MOSQUITTO = os.path.join(directory, "mosquitto")
            with open(harness.MOSQUITTO, "w", encoding="ascii") as script:
                script.write("#!/bin/sh\nexec valgrind -q --tool=exp-bbv --instr-count-only=yes "
                             f"--bb-out-file={directory}/bb --pc-out-file={directory}/pc {plain} \"$@\"\n")
            os.chmod(harness.MOSQUITTO, 0o700)
            try:
                side = Side(name)
                for _ in range(cycles):
                    side.cycles(at_once)
                side.end()
            finally:
                harness.MOSQUITTO = plain
            # bb is of the main thread, bb.2 and so on are of others.
            with open(os.path.join(directory, "bb"), encoding="ascii") as report:
                return int(re.search(r"Total instructions: (\d+)", report.read())[1])

    few, many = max(1, 64 // at_once), max(2, 640 // at_once)
    return (instructions(many) - instructions(few)) / (many - few) / at_once


def ratios(what, values, unit, aim):
    base = values["memory"]
    print(f"  {what:44} " + "   ".join(f"{name} {value:9.1f}" + ("" if name == "memory" else f" ({value / base:.2f})")
                                       for name, value in values.items()) + f"   {unit}; aim {aim}")


def latencies(sides, rounds):
    with tempfile.TemporaryDirectory(prefix="beckon-bench-") as directory, \
            contextlib.closing(sqlite3.connect(os.path.join(directory, "plain.db"), isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, text TEXT)")
        times = {name: [] for name in ("commit", *(side.name for side in sides))}
        cpu = []

        def commit():
            begin, used = time.monotonic(), time.thread_time()
            plain.execute("INSERT INTO t (text) VALUES (?)", ("x" * 150,))
            cpu.append(time.thread_time() - used)
            return time.monotonic() - begin

        turns = [("commit", commit), *((side.name, side.one_request) for side in sides)]
        for _ in range(rounds * 20):
            for name, act in random.sample(turns, len(turns)):
                time.sleep(0.005)  # idle
                times[name].append(act())
    print("one request on an idle broker, until its reply is read:")
    medians = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    for name, value in medians.items():
        more = f", {value - medians['memory']:.3f} ms more than memory" if name in ("always", "normal") else ""
        print(f"  {name:10} median {value:.3f} ms{more}")
    print(f"  (CPU time of such a commit, which one cycle at a time needs two of: {statistics.median(cpu) * 1e6:.0f} us)")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with contextlib.ExitStack() as ends:
        sides = []
        for name in SIDES:
            sides.append(Side(name))
            ends.callback(sides[-1].end)
        for at_once in (1, AT_ONCE):
            print(f"for each invite-accept cycle, {at_once} at once:", flush=True)
            used = cpu_times(sides, at_once, rounds)
            ratios("CPU time of the broker, all threads", {name: each[0] for name, each in used.items()}, "us", 1.5)
            ratios("CPU time of its main thread", {name: each[1] for name, each in used.items()}, "us", 1.15)
            calls = {side.name: system_calls(side, at_once) for side in sides}
            ratios("system calls of its main thread", {name: sum(each.values()) for name, each in calls.items()},
                   "calls", 1.15)
            for call in sorted({call for each in calls.values() for call in each}):
                print(f"    {call:20} " + "   ".join(f"{name} {each.get(call, 0):7.2f}" for name, each in calls.items()))
            if has_counters():
                counted = {side.name: counted_by_perf(side, at_once) for side in sides}
            else:
                counted = {name: counted_by_valgrind(name, at_once) for name in SIDES}
            ratios("instructions of its main thread, user space", counted, "instructions", 1.15)
        latencies(sides, rounds)


if __name__ == "__main__":
    main()
