# SPDX-License-Identifier: Apache-2.0
"""The brokers that are measured side by side, the load that is put on them, and what counts instructions and system
calls."""
import collections
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BECKON_BENCH_BUILD", os.path.join(SOURCE, "build", "bench"))
os.environ.setdefault("BECKON_PLUGIN", os.path.join(BUILD, "broker_plugin", "mosquitto_beckon.so"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "system"))
from harness import MOSQUITTO, Broker  # noqa: E402,F401

# So that nobody is refused, and that what has ended is forgotten as fast as it comes after a moment.
LIMITS = {"requests_per_second": 1000000, "requests_burst": 1000000, "pair_invites_per_second": 1000000,
          "pair_invites_burst": 1000000, "events_per_second": 1000000, "events_burst": 10000000,
          "max_pending_per_inviter": 100000, "max_pending_per_invitee": 100000, "max_pending_per_pair": 100000,
          "max_pending": 2000000, "max_total_data_bytes": 2000000000, "max_user_data_bytes": 2**30, "max_ended": 1000,
          "reply_bytes_per_second": 2**28, "reply_bytes_burst": 2**30}
STORES = {"memory": {"store": "memory"}, "normal": {"store": "{dir}/beckon.db", "sync": "normal"},
          "always": {"store": "{dir}/beckon.db", "sync": "always"}}
# A line for each message would be most of the cost. Overlapping filters stand for Beckon's fifth message (bench_load).
QUIET = "log_type none\nlog_type information\nmax_connections -1\nallow_duplicate_messages true"


def program(name):
    return os.path.join(BUILD, name)


def pinned(core):
    """Brokers and load each have a core, where there are two."""
    return ("taskset", "-c", str(core)) if os.cpu_count() > 1 and shutil.which("taskset") else ()


class Measured(Broker):
    """`kind`: bare, floor, or one of STORES. `sizes`: of the floor's messages. `under`: a command that runs it. `limits`:
    beside LIMITS."""

    own_group = True

    def __init__(self, kind, sizes=(), under=(), websockets=False, **limits):
        config = QUIET
        if kind == "floor":
            config += f"\nplugin {program('bench/bench_floor.so')}\nplugin_opt_sizes {' '.join(map(str, sizes))}"
        super().__init__(plugin=kind in STORES, options={**LIMITS, **STORES.get(kind, {}), **limits}, config=config,
                         websockets=websockets)
        self.kind, self.under = kind, (*pinned(0), *under)


class Side:
    """How the load speaks to a broker (bench_load), and what that is called."""

    def __init__(self, name, broker, speech):
        self.name, self.broker, self.speech = name, broker, speech

    def __str__(self):
        return f"{self.name}:{self.speech}:{self.broker.port}:{self.broker.pid}"


@contextlib.contextmanager
def running(*brokers):
    with contextlib.ExitStack() as ends:
        for broker in brokers:
            ends.callback(broker.remove)
            broker.start()
        yield
        for broker in brokers:
            broker.stop()


def load(part, sides, *options, begin=None, end=None):
    """Runs bench_load on the sides; what it found, by the side's name. `begin` and `end` are called with the side when
    what counts of it begins and ends."""
    command = [*pinned(1), program("bench/bench_load"), part, *map(str, options)]
    command += [word for side in sides for word in ("--side", str(side))] + (["--ask"] if begin else [])
    named = {side.name: side for side in sides}
    found = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            said = json.loads(line)
            if "asks" in said:
                (begin if said["asks"] == "begin" else end)(named[said["side"]])
                process.stdin.write("\n")
                process.stdin.flush()
            else:
                found[said["side"]] = said
    if process.returncode:
        raise SystemExit(f"the load failed: {' '.join(command)}")
    return found


@contextlib.contextmanager
def load_meanwhile(part, sides, *options):
    """As load(), beside what happens meanwhile; it is told to end after that."""
    command = [*pinned(1), program("bench/bench_load"), part, *map(str, options)]
    command += [word for side in sides for word in ("--side", str(side))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            if process.poll() is not None:
                raise SystemExit("the load ended before what it was to be beside")
        finally:
            process.terminate()


class Callgrind:
    """Counts the instructions in user space of what runs under it, by thread, while it is told to."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="beckon-callgrind-")
        self.under = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
                      f"--callgrind-out-file={self._directory.name}/out")

    def begin(self, side):
        self._switch("on", side)

    def end(self, side):
        self._switch("off", side)

    @staticmethod
    def _switch(how, side):
        subprocess.run(["callgrind_control", "-i", how, str(side.broker.pid)], check=True, capture_output=True)

    def counted(self):
        """After the end of what ran: of the first thread, and of all others; and of the first, by the program or library
        that they are in."""
        first = others = 0
        places = collections.Counter()
        for path in glob.glob(f"{self._directory.name}/out*"):
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            totals = re.findall(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            thread = re.search(r"^thread: (\d+)", text, re.MULTILINE)
            if totals and (thread is None or thread[1] == "1"):
                first += int(totals[-1])
                places.update(self._by_place(text))
            elif totals:
                others += int(totals[-1])
        self._directory.cleanup()
        return first, others, places

    @staticmethod
    def _by_place(text):
        """Callgrind's format: `ob=(1) /path` names a place, later `ob=(1)` alone; then lines of a position and a cost, of
        which the one after `calls=` is what was called."""
        names, costs = {}, collections.Counter()
        place = is_call = None
        for line in text.splitlines():
            if line.startswith(("ob=", "cob=")):
                what, _, value = line.partition("=")
                number, _, path = value.partition(" ")
                if path:
                    names[number] = os.path.basename(path)
                if what == "ob":
                    place = names[number]
            elif line.startswith("calls="):
                is_call = True
            elif line[:1] in "+-*0123456789" and line:
                if not is_call:
                    costs[place] += int(line.split()[1])
                is_call = False
        return costs


class SystemCalls:
    """Counts the system calls of a broker's threads, by perf."""

    EVENT = "raw_syscalls:sys_enter"

    @classmethod
    def why_not(cls):
        """Why they cannot be counted here; None: they can."""
        if not shutil.which("perf"):
            return "there is no perf (Debian: linux-perf)"
        tried = subprocess.run(["perf", "stat", "-e", cls.EVENT, "true"], capture_output=True, text=True, check=False)
        return None if tried.returncode == 0 else "perf may not count them here"

    def begin(self, side):
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._process = subprocess.Popen(
            ["perf", "stat", "-x,", "-e", self.EVENT, "-p", str(side.broker.pid), "-D", "-1",
             "--control", f"fd:{commands},{answers}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            pass_fds=(commands, answers))
        os.close(commands)
        os.close(answers)
        self._tell("enable")

    def end(self, _side):
        self._tell("disable")
        self._process.send_signal(signal.SIGINT)
        told = self._process.communicate(timeout=20)[1]
        os.close(self._commands)
        os.close(self._answers)
        self.count = int(next(line.split(",")[0] for line in told.splitlines() if self.EVENT in line))

    def _tell(self, command):
        os.write(self._commands, command.encode() + b"\n")
        if not os.read(self._answers, 16).startswith(b"ack"):
            raise SystemExit("perf does not do as it is told")
