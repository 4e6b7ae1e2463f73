#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the model of an invitation (invitation.pml) by spin, in every state that there is; then that each fault that
can be planted in it is found, so that what is checked means something.

    tests/model/check.py                        all of it
    tests/model/check.py FAULT_SECOND_ACCEPT    how spin finds that one: what happened, line by line
    tests/model/check.py --long                 more on the line at once, and that it comes to rest: minutes
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).with_name("invitation.pml")
FAULTS = sorted(set(re.findall(r"\bFAULT_\w+", MODEL.read_text())))

# What may not happen, in any state; and that all ends, in whatever way things go on (weakly fair).
NEVER = ["-DSAFETY", "-DNOCLAIM"], []
AT_LAST = ["-DNFAIR=3"], ["-a", "-f"]

# Where a fault is looked for: where nobody is told of anything, unless only a device can notice. Without a timer
# nothing wrong is ever done: only nothing is.
RULES_ALONE = NEVER, "RULES_ALONE"
WORLDS = {
    "FAULT_NO_TIMER": (AT_LAST, "RULES_ALONE"),
    "FAULT_REV_NOT_RAISED": (NEVER,),
    "FAULT_WHO_LEFT_IS_NOT_TOLD": (NEVER,),
    "FAULT_DEVICE_DOES_NOT_SYNC": (NEVER,),
    "FAULT_DEVICE_IGNORES_REV": (NEVER, "NO_CALL"),
}


class Run:
    """One model, made into a program that goes through its states until it finds an error."""

    def __init__(self, what, *macros, optimize="-O0"):
        compiled, asked = what
        self.macros = [f"-D{macro}" for macro in macros]
        with tempfile.TemporaryDirectory() as directory:
            def run(*command):
                done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
                if done.returncode != 0:
                    sys.exit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
                return done.stdout

            (pathlib.Path(directory) / MODEL.name).write_text(MODEL.read_text())
            run("spin", *self.macros, "-a", MODEL.name)
            run("gcc", optimize, "-w", "-DNOREDUCE", *compiled, "-o", "pan", "pan.c")
            self.output = run("./pan", "-m20000", "-w20", *asked)
            self.found = "errors: 0" not in self.output
            self.trail = run("spin", *self.macros, "-t", "-p", MODEL.name) if self.found else ""
        # "Not completed", "too small", out of memory: what was not looked at is not known to be right.
        if not self.found and re.search(r"not completed|too small|out of memory", self.output):
            sys.exit(self.output)

    def states(self):
        return int(float(re.search(r"([\d.e+]+) states, stored", self.output)[1]))

    def error(self):
        return re.search(r"^pan:\d+: (.*)", self.output, re.MULTILINE)[1]


def right(what, *macros):
    run = Run(what, *macros, optimize="-O1")
    print(f"{run.trail}\n{run.output}" if run.found else f"{run.states():,} states, no error {' '.join(run.macros)}",
          flush=True)
    return not run.found


def wrong(fault, shown=False):
    run = Run(*WORLDS.get(fault, RULES_ALONE), fault)
    found = run.error() if run.found else "NOT FOUND"
    print(f"{run.trail}\n{run.output}" if shown else f"{fault}: {found}", flush=True)
    return run.found


def main(arguments):
    if arguments == ["--long"]:
        return right(NEVER, "LONGER_LINE") and right(AT_LAST, "NO_CALL", "INVITEE_IS_CUT_OFF")
    if arguments:
        return all([wrong(fault, shown=True) for fault in arguments])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        all_ends = [pool.submit(right, NEVER), pool.submit(right, AT_LAST, "RULES_ALONE")]
        all_found = [pool.submit(wrong, fault) for fault in FAULTS]
        return all(run.result() for run in all_ends) and FAULTS and all(run.result() for run in all_found)


sys.exit(0 if main(sys.argv[1:]) else 1)
