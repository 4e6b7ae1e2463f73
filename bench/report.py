# SPDX-License-Identifier: Apache-2.0
"""What was measured, as two tables in Markdown."""
import datetime
import os
import platform
import re
import statistics
import subprocess

from sides import BUILD, MOSQUITTO, SOURCE


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Ratio:
    """Of what each round of one side took to what it took on the anchor's, or of two single figures."""

    def __init__(self, ours, anchor):
        self.all = [one / other for one, other in zip(ours, anchor)]
        self.median = statistics.median(self.all)

    def __str__(self):
        if len(self.all) == 1:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} ({min(self.all):.2f}..{max(self.all):.2f})"


class Tables:
    """Goals and instructions, in the order in which they came."""

    def __init__(self):
        self.goals, self.instructions, self.notes = [], [], []

    def goal(self, number, what, anchor, ours, ratio=None, bound="", met=None):
        """`met` None: it is told beside the goals, and held to nothing."""
        self.goals.append((number, what, anchor, ours, "" if ratio is None else str(ratio), bound,
                           {None: "", True: "yes", False: "**no**"}[met]))

    def within(self, number, what, ours, anchor, unit, most):
        """A goal that is a ratio of what rounds took, at most so many times the anchor's; None: told only."""
        ratio = Ratio(ours, anchor)
        self.goal(number, what, f"{statistics.median(anchor):,.1f} {unit}", f"{statistics.median(ours):,.1f} {unit}",
                  ratio, "" if most is None else f"{most} times", None if most is None else ratio.median <= most)

    def count(self, what, side, first, others, bare, floor=None):
        """Instructions of a unit, on the broker's own thread and on others; bare and floor: of the same unit there."""
        of = [f"{(first + others) / other:.2f}" if other else "" for other in (bare, floor)]
        self.instructions.append((what, side, f"{first:,.0f}", f"{others:,.0f}" if others else "", *of))

    def note(self, sentence):
        self.notes.append(sentence)

    def __str__(self):
        text = head()
        if self.goals:
            text += table(("", "goal", "anchor in the same run", "Beckon", "ratio (min..max)", "bound", "met"), self.goals)
        if self.instructions:
            text += table(("one", "side", "instructions", "on other threads", "times bare", "times the floor"),
                          self.instructions)
        return text + "".join(f"- {sentence}\n" for sentence in self.notes)


def table(titles, rows):
    lines = [titles, ["---"] * len(titles), *sorted(rows, key=lambda row: row[0] if titles[0] == "" else "")]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def told(*command):
    return subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False).stdout.strip()


def head():
    """Where and of what this is."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        processor = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    with open(f"{BUILD}/CMakeCache.txt", encoding="utf-8") as file:
        cache = dict(re.findall(r"^(CMAKE_CXX_COMPILER|CMAKE_CXX_FLAGS_RELEASE):\w+=(.*)$", file.read(), re.MULTILINE))
    compiler = told(cache["CMAKE_CXX_COMPILER"], "--version").splitlines()[0]
    changed = " and what is changed since" if told("git", "status", "--porcelain", "--untracked-files=no") else ""
    broker = re.search(r"mosquitto version \S+", told(MOSQUITTO, "-h"))
    return "\n".join([
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, commit {told('git', 'rev-parse', '--short', 'HEAD')}"
        f"{changed}; {processor[1] if processor else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"load average {' '.join(f'{load:.1f}' for load in os.getloadavg())} at the end;",
        f"{compiler}, {cache['CMAKE_CXX_FLAGS_RELEASE']}; {broker[0] if broker else MOSQUITTO}.", "", ""])
