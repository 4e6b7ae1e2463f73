#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Floods on real brokers while an honest pair rings, beside the same PUBLISHes on a bare one; status 1 when a bound
is broken. scripts/flood builds what it needs and calls it; docs/testing.md says when.

    BECKON_PLUGIN=build/broker_plugin/mosquitto_beckon.so bench/flood.py [--quick] [--after S] [--seconds S] [NAME…]

Three brokers take turns, each flood twice in a row on each: `bare` (examples/mosquitto.conf without Beckon), `example`
(that file as it is) and `broker` (as scripts/broker --state); all three without TLS and passwords. `quiet` runs first:
what the pair costs when nobody attacks is taken off the floods' CPU.

    --quick      floods of 3 s instead of 10, and the memory after 5 s instead of a minute
    --seconds S  so long, where a flood does not say itself how much it is
    --after S    the memory after so many seconds
"""
import argparse
import collections
import contextlib
import glob
import multiprocessing
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
from attackers import FLOODS, KIB, MIB, Target  # noqa: E402
from crowd import allow_many_connections  # noqa: E402
from harness import Broker, plugin_lines  # noqa: E402
from honest_pair import Pair  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples")
SIDES = ("bare", "example", "broker")

# What is held to be enough, beside what holds for each flood (`judge`).
# So many times the pair's p99 on the bare broker under the same flood or, where that is more, on this one without any:
# what its disk takes for a ring is not the flood's doing.
P99 = {"refused": 2, "refused-ten": 2, "colluding-keys": 3, "colluding-names": 3, "colluding-escapes": 3}
CPU_AGAINST_BARE = {"refused": 5, "refused-ten": 5}
MEMORY_OF_THE_SECOND = 1.1
# Beside that, what has ended is remembered for ten minutes: MiB for each request of a flood whose invitations end.
REMEMBERED = dict.fromkeys(
    ("invites", "connections", "colluding-keys", "colluding-names", "colluding-escapes"), 2 / KIB)
PEAK = {"accepts": 150}  # MiB
LONGEST = {"accepts": 0.5}  # seconds
KEPT = {"accepts": 30}  # MiB more than at the start
HELD = {"reads-stopped": 16}  # MiB more at the peak than at the start
LARGEST_REPLY = 64 * KIB
REPLY_BYTES, REPLY_BYTES_PER_SECOND = 16 * MIB, MIB


class Attacked(Broker):
    """One of SIDES."""

    own_group = True

    def __init__(self, side):
        super().__init__(plugin=side != "bare", fixed_port=True)
        self.side = side

    def _configuration(self):
        return self._as_scripts_broker() if self.side == "broker" else self._as_the_example()

    def _as_scripts_broker(self):
        return "\n".join([f"listener {self.port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true",
                          *plugin_lines({"other_topics": "allow"}), "user root", "log_dest stderr",
                          "log_timestamp_format %H:%M:%S", "persistence true",
                          f"persistence_location {self.directory}/", ""])

    def _as_the_example(self):
        with open(os.path.join(EXAMPLES, "acl"), encoding="utf-8") as file:
            rules = file.read()
        with open(f"{self.directory}/acl", "w", encoding="utf-8") as file:
            file.write(rules + "\npattern readwrite plain/#\n")
        with open(os.path.join(EXAMPLES, "mosquitto.conf"), encoding="utf-8") as file:
            text = file.read()
        for there, here in (("listener 8883", f"listener {self.port} 127.0.0.1"),
                            ("/usr/lib/mosquitto/mosquitto_beckon.so", os.environ["BECKON_PLUGIN"]),
                            ("allow_anonymous false", "allow_anonymous true"),
                            ("/etc/mosquitto/acl", f"{self.directory}/acl"),
                            ("/var/lib/mosquitto/", f"{self.directory}/")):
            if there not in text:
                raise AssertionError(f"the example says nothing of {there}")
            text = text.replace(there, here)
        without = ("password_file", "certfile", "keyfile", "tls_version") + (() if self.plugin else ("plugin",))
        return "user root\n" + "".join(line for line in text.splitlines(True) if not line.startswith(without))

    # What it takes

    def memory(self, what="VmRSS"):
        """In MiB; what="VmHWM" is the most since forget_peak()."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what)) / KIB

    def forget_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def cpu(self):
        return time.clock_gettime((~self.pid << 3) | 2)  # CLOCK_PROCESS_CPUTIME of that process

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settle(self, patience=60):
        """Returns when it runs no more, nor wants to."""
        limit = time.monotonic() + patience
        before = self._busy()
        while time.monotonic() < limit:
            time.sleep(0.3)
            before, last = self._busy(), before
            if before - last < 0.03:
                return

    def _busy(self):
        """Seconds that its threads ran, or waited to run."""
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
                total += sum(map(int, file.read().split()[:2]))
        return total / 1e9


class Helper:
    """A process that says when it is ready, works once it is told to, and answers."""

    def __init__(self, work, *arguments):
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self):
        self._pipe.send(None)

    def hear(self):
        try:
            return self._pipe.recv()
        except EOFError:
            raise AssertionError("a process ended before it answered; see above") from None

    def end(self):
        self._process.join(10)
        self._process.kill()
        self._pipe.close()


def attack(pipe, name, port, bare, turn, seconds):
    flood = FLOODS[name](Target(port, bare), turn, seconds)
    flood.prepare()
    flood.found.clear()
    pipe.send(None)
    pipe.recv()
    sent = flood.run()
    pipe.send((sent, flood.found))
    pipe.recv()
    flood.leave()


def ring(pipe, port, bare):
    pair = Pair(port, bare)
    pipe.send(None)
    pipe.recv()
    pair.ring_until(pipe.poll)
    pipe.send((pair.done, pair.refused, pair.lost))


class Record:
    """What one flood did to one broker, in both turns."""

    def __init__(self, name, side):
        self.name, self.side = name, side
        self.sent = self.lost = 0
        self.cpu = 0.0
        self.done, self.refused, self.found = [], [], []
        self.starts, self.peaks, self.afters, self.descriptors = [], [], [], []

    def rings(self):
        return len(self.done) + len(self.refused) + self.lost

    def percentile(self, share):
        ordered = sorted(self.done)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")

    def longest(self):
        return max(self.done, default=float("inf"))

    def cpu_each(self, quiet):
        """CPU for each request, less what the pair's rings cost when it is quiet."""
        return max(0.0, self.cpu - quiet.cpu / quiet.rings() * self.rings()) / self.sent if self.sent else 0.0


def flood_once(broker, record, turn, seconds):
    bare = broker.side == "bare"
    attackers = Helper(attack, record.name, broker.port, bare, turn, seconds)
    attackers.hear()
    if FLOODS[record.name].restarts:
        broker.restart()
    pair = Helper(ring, broker.port, bare)
    pair.hear()
    broker.settle()
    record.starts.append(broker.memory())
    broker.forget_peak()
    before = broker.cpu()
    pair.tell()
    attackers.tell()
    sent, found = attackers.hear()
    broker.settle()
    pair.tell()
    done, refused, lost = pair.hear()
    record.cpu += broker.cpu() - before
    record.peaks.append(broker.memory("VmHWM"))
    record.sent += sent
    record.found.append(found)
    record.done += done
    record.refused += refused
    record.lost += lost
    attackers.tell()
    attackers.end()
    pair.end()


def run(name, seconds, after):
    """The records of this flood, one for each side."""
    brokers = [Attacked(side) for side in SIDES]
    records = [Record(name, side) for side in SIDES]
    try:
        for broker in brokers:
            broker.start()
        for turn in (1, 2):
            ended = []
            for broker, record in zip(brokers, records):
                flood_once(broker, record, turn, seconds)
                ended.append(time.monotonic())
            for broker, record, end in zip(brokers, records, ended):
                time.sleep(max(0.0, end + after - time.monotonic()))
                record.afters.append(broker.memory())
                record.descriptors.append(broker.descriptors())
        for broker in brokers:
            broker.stop()
    except BaseException:
        for broker in brokers:
            print(f"--- the log of {broker.side}\n{broker.log()[-2000:]}", file=sys.stderr)
        raise
    finally:
        for broker in brokers:
            broker.remove()
    return records


def judge(record, bare, quiet):
    """The bounds that are broken, in words."""
    name = record.name

    def bound(value, most, what):
        return [] if value <= most else [f"{what} {value:.3g} > {most:.3g}"]

    refusals = ", ".join(f"{number} {error}" for error, number in collections.Counter(record.refused).most_common())
    wrong = bound(record.lost, 0, "lost") + ([f"refused {refusals}"] if refusals else [])
    # What the bare broker grows by is not Beckon's.
    not_held = REMEMBERED.get(name, 0) * record.sent / 2 + max(0.0, bare.peaks[1] - bare.peaks[0])
    wrong += bound((record.peaks[1] - not_held) / record.peaks[0], MEMORY_OF_THE_SECOND, "second flood's memory")
    wrong += bound(record.descriptors[1], record.descriptors[0], "descriptors")
    if name in P99:
        wrong += bound(record.percentile(0.99) / max(bare.percentile(0.99), quiet[record.side].percentile(0.99)),
                       P99[name], "times the p99")
    if name in CPU_AGAINST_BARE:
        wrong += bound(record.cpu_each(quiet[record.side]) / bare.cpu_each(quiet["bare"]), CPU_AGAINST_BARE[name],
                       "times bare's CPU")
    if name in PEAK:
        wrong += bound(max(record.peaks), PEAK[name], "peak MiB")
    if name in LONGEST:
        wrong += bound(record.longest(), LONGEST[name], "longest ring s")
    if name in KEPT:
        wrong += bound(max(record.afters) - record.starts[0], KEPT[name], "kept MiB")
    if name in HELD:
        wrong += bound(max(peak - start for peak, start in zip(record.peaks, record.starts)), HELD[name], "held MiB")
    for found in record.found:
        if "largest" in found:
            wrong += bound(found["largest"], LARGEST_REPLY, "largest reply")
            wrong += bound(found["bytes"], REPLY_BYTES + REPLY_BYTES_PER_SECOND * found["seconds"], "reply bytes")
        wrong += [f"an honest {what}: {found[what]}" for what in ("invite", "group") if found.get(what, "ok") != "ok"]
    return list(dict.fromkeys(wrong))


HEADINGS = (f"{'flood':17} {'side':7} {'requests':>8} {'us each':>7} {'ratio':>5}  {'rings: done/lost/refused':24} "
            f"{'p50':>6} {'p99':>7} {'max':>7} ms {'ratio':>5}  {'MiB: peak 1st':>13} {'2nd':>6} {'after':>6}  fds  "
            "verdict")


def report(record, bare, quiet):
    """Prints its row; returns whether a bound is broken."""
    each, each_bare = record.cpu_each(quiet[record.side]), bare.cpu_each(quiet["bare"])
    ours = record is not bare
    wrong = judge(record, bare, quiet) if ours else []
    rings = f"{len(record.done)}/{record.lost}/{len(record.refused)}"
    print(f"{record.name:17} {record.side:7} {record.sent:8} {each * 1e6:7.0f} "
          f"{f'{each / each_bare:5.1f}' if ours and each_bare else '     '}  {rings:24} "
          f"{record.percentile(0.5) * 1e3:6.1f} {record.percentile(0.99) * 1e3:7.1f} {record.longest() * 1e3:7.1f}    "
          f"{f'{record.percentile(0.99) / bare.percentile(0.99):5.1f}' if ours else '     '}  {record.peaks[0]:13.1f} "
          f"{record.peaks[1]:6.1f} {record.afters[1]:6.1f}  {record.descriptors[1]:3}  "
          f"{'' if not ours else 'ok' if not wrong else '; '.join(wrong)}", flush=True)
    return bool(wrong)


def main():
    floods = "".join(f"  {name:18} {kind.__doc__}\n" for name, kind in FLOODS.items())
    parser = argparse.ArgumentParser(usage="flood [--quick] [--seconds S] [--after S] [NAME…]",
                                     epilog=f"NAME is one of\n{floods}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*FLOODS, []], metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="floods of 3 s, and the memory after 5 s")
    parser.add_argument("--seconds", type=float, help="of each flood that does not say how much it is (10)")
    parser.add_argument("--after", type=float, help="seconds after which the memory is looked at again (60)")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (3 if arguments.quick else 10)
    after = arguments.after if arguments.after is not None else (5 if arguments.quick else 60)
    allow_many_connections()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the brokers end with it
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n{HEADINGS}", flush=True)
    broken, quiet = [], {}
    for name in dict.fromkeys(["quiet", *(arguments.names or FLOODS)]):
        records = run(name, seconds, after if name != "quiet" else 0)
        quiet = quiet or {record.side: record for record in records}
        wrong = [report(record, records[0], quiet) for record in records]
        if any(wrong):
            broken.append(name)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; " + (
        f"bounds broken in: {', '.join(broken)}" if broken else "no bound broken"))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
