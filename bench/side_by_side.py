#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Beckon beside a bare Mosquitto and the floor, a plugin that judges nothing, in one run: a table of goals and one of
instructions, in Markdown. scripts/bench builds what it needs and calls it; docs/performance.md says what the rows mean.
"""
import argparse
import signal
import sys
import time

from parts import PARTS  # first: it finds tests/system
from report import Tables
from crowd import allow_many_connections


def main():
    arguments = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog="parts (all, if none is said):\n" + "".join(f"  {name:13} {about}\n" for name, (_, about) in PARTS.items()))
    arguments.add_argument("part", metavar="PART", nargs="*")
    arguments.add_argument("--quick", action="store_true", help="smaller rounds: whether it works, more than how much it is")
    arguments.add_argument("--only-check", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    for part in chosen.part:
        if part not in PARTS:
            arguments.error(f"there is no part {part}; there are {', '.join(PARTS)}")
    if chosen.only_check:
        return
    # So that what it started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    allow_many_connections()
    tables = Tables()
    begin = time.monotonic()
    try:
        for name in chosen.part or PARTS:
            print(f"bench: {name} ({time.monotonic() - begin:.0f} s)", file=sys.stderr, flush=True)
            PARTS[name][0](tables, chosen.quick)
    except KeyboardInterrupt:
        print("bench: ended early; what was measured until then:", file=sys.stderr)
    print(tables)


if __name__ == "__main__":
    main()
