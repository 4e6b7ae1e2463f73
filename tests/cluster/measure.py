# SPDX-License-Identifier: Apache-2.0
"""How long nobody answers when an instance is killed or drained, and how long a ring takes beside one instance with a file.

    BECKON_HOST=service BECKON_SERVICE=build/service/beckond tests/cluster/measure.py [--times N] [--lease-ms MS] [--pending N]"""

import argparse
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import instances  # noqa: E402
from harness import GENEROUS, Client, ServiceBroker  # noqa: E402
from postgres import Databases  # noqa: E402


def ms(values):
    ordered = sorted(values)
    return f"p50 {1000 * statistics.median(ordered):.1f}, p99 {1000 * ordered[int(0.99 * (len(ordered) - 1))]:.1f} ms"


def rings(broker, count=300):
    alice, bob = Client(broker, "alice"), Client(broker, "bob")
    took = []
    for number in range(count):
        began = time.monotonic()
        alice.send("user/bob/invite", {"id": f"r{number}", "timeout_ms": 60000})
        bob.wait_event("new_invitation", id=f"r{number}")
        took.append(time.monotonic() - began)
        alice.ask(f"invitation/r{number}/cancel")
    alice.close()
    bob.close()
    return took


def longest_silence(broker, act):
    """While somebody asks again and again, each answered within 2 s or asked anew."""
    asker = Client(broker, "asker", listen=())
    times, acted = [time.monotonic()], False
    end = times[0] + 8
    while time.monotonic() < end:
        try:
            asker.ask("user/asker/groups")
            times.append(time.monotonic())
        except AssertionError:
            pass
        if not acted and times[-1] - times[0] > 0.5:
            act()
            acted = True
        time.sleep(0.005)
    asker.close()
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--lease-ms", type=int, default=3000)
    arguments = parser.parse_args()
    instances.LEASE_MS = arguments.lease_ms
    broker = instances.Instances(Databases(), options=dict(GENEROUS))
    try:
        broker.start()
        print(f"ring, two databases: {ms(rings(broker))}")

        def kill():
            gone = broker.kill_owner()
            broker.start_instance(gone)

        for name, act in (("killed", kill), ("drained", lambda: broker.tell(("drain",)))):
            gaps = [longest_silence(broker, act) for _ in range(arguments.times)]
            print(f"{name}: nobody answered for {', '.join(f'{gap:.2f}' for gap in gaps)} s")
    finally:
        broker.remove()
    alone = ServiceBroker(options=dict(GENEROUS), persistence=True)
    try:
        alone.start()
        print(f"ring, one instance and a file: {ms(rings(alone))}")
    finally:
        alone.remove()


if __name__ == "__main__":
    if os.environ.get("BECKON_HOST") != "service":
        sys.exit("say BECKON_HOST=service")
    main()
