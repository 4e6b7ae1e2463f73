#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of each scenario of bench_scenarios by callgrind, and holds them to bounds; no time is in it,
so it says the same on a busy machine.

    bench/instructions.py [--update] [BUILD]        BUILD: the build directory, build/dev if it is not said

The bounds are in instruction_bounds.json, for each compiler and each of its flags that they were counted with; for any
other it says so, and skips (77). What takes more than its bound and the tolerance fails (1): either the cost goes again,
or --update moves the bounds, and the commit says why.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BOUNDS = os.path.join(HERE, "instruction_bounds.json")
SKIPPED = 77


def count(program):
    """What the program was made by and with, as a sentence, and the instructions of a unit of each scenario; nothing of
    those, if it was built without valgrind's headers."""
    with tempfile.TemporaryDirectory(prefix="beckon-callgrind-") as directory:
        told = subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={directory}/out", program],
            stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        about, *scenarios = map(json.loads, told)
        dumps = [open(path, encoding="utf-8", errors="replace").read() for path in glob.glob(f"{directory}/out.*")]
    totals, units = collections.Counter(), collections.Counter()
    for dump in dumps:  # one scenario may have several
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", dump, re.MULTILINE)[1]
        totals[name] += int(re.search(r"^totals: (\d+)", dump, re.MULTILINE)[1])
    for one in scenarios:
        units[one["name"]] += one["units"]
    made = ", ".join([about.pop("compiler"), *(f"{what} {version}" for what, version in sorted(about.items()))])
    return made, totals and {name: round(totals[name] / count) for name, count in units.items()}


def why_not(program):
    """Why nothing can be counted; None: it can."""
    if not os.path.isfile(program):
        return f"there is no {program}: build it"
    return None if shutil.which("valgrind") else "there is no valgrind (Debian: valgrind)"


def judge(counted, bounds, tolerance):
    """Prints each scenario beside its bound; what is over it."""
    over = []
    for name, instructions in counted.items():
        bound = bounds.get(name)
        remark = "no bound: --update makes one"
        if bound is not None:
            remark = f"bound {bound:7,} ({instructions / bound - 1:+.1%})"
            if instructions > bound * (1 + tolerance):
                remark += "  TOO MUCH"
            elif instructions < bound * (1 - tolerance):
                remark += "  less: --update keeps it so"
        if bound is None or instructions > bound * (1 + tolerance):
            over.append(name)
        print(f"{instructions:9,}  {name:45} {remark}")
    return over


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build", metavar="BUILD", nargs="?", default=os.path.join(HERE, "..", "build", "dev"))
    arguments.add_argument("--update", action="store_true", help="makes what is counted now the bounds of this compiler")
    chosen = arguments.parse_args()
    program = os.path.join(chosen.build, "bench", "bench_scenarios")
    if reason := why_not(program):
        print(f"instructions: nothing is counted, {reason}")
        return SKIPPED
    with open(BOUNDS, encoding="utf-8") as file:
        kept = json.load(file)
    made, counted = count(program)
    if not counted:
        print("instructions: nothing is counted, the program was built before valgrind's headers were there")
        return SKIPPED
    print(made)
    if chosen.update:
        kept["bounds"][made] = counted
        with open(BOUNDS, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=2)
            file.write("\n")
    if made not in kept["bounds"]:
        print("".join(f"{instructions:9,}  {name}\n" for name, instructions in counted.items()) +
              "instructions: nothing is held to bounds, which were counted with others:\n  " + "\n  ".join(kept["bounds"]) +
              f"\nbench/instructions.py --update {chosen.build} adds bounds for this one.")
        return SKIPPED
    over = judge(counted, kept["bounds"][made], kept["tolerance"])
    if not over:
        return 0
    print(f"\ninstructions: {len(over)} of {len(counted)} take more than their bound and {kept['tolerance']:.0%}.\n"
          "What costs it: callgrind_annotate, or the commits since. If it is worth its cost, move the bounds by\n"
          f"    bench/instructions.py --update {chosen.build}\nand say in the commit what it buys.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
