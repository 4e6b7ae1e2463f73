# SPDX-License-Identifier: Apache-2.0
"""The wall clock jumps, while the broker runs and between two runs, and the system boots again: nothing comes back to
life, nothing lives longer than it was to, and what can be proven to have time left keeps exactly that."""

import contextlib
import ctypes
import os
import struct
import sys
import tempfile
import time
import unittest

from harness import SystemTest, libfaketime, mosquitto_version, states
from own_mounts import SKIPPED, in_own_mounts, mount, unmount

BOOT_ID = "/proc/sys/kernel/random/boot_id"
STEPS = {"an hour ahead": "+3600", "two days back": "-172800", "1970": "@1970-01-01 00:01:00",
         "not at all": "+0"}


def kernel_trusts_its_wall_clock():
    state = ctypes.create_string_buffer(512)
    code = ctypes.CDLL(None).adjtimex(state)
    status, = struct.unpack_from("i", state, 40)
    return code >= 0 and not status & 0x40  # STA_UNSYNC


class ClockTest(SystemTest):
    def start_with_a_false_clock(self):
        """A broker whose wall clock is what set_clock() says; no other clock is touched."""
        directory = tempfile.TemporaryDirectory(prefix="beckon-clock-")
        self.addCleanup(directory.cleanup)
        self.clock = os.path.join(directory.name, "clock")
        self.set_clock("+0")
        broker = self.make_broker({"store": "{dir}/beckon.db"})
        broker.preload(libfaketime(), FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1",
                       FAKETIME_TIMESTAMP_FILE=self.clock)
        return broker.start()

    def set_clock(self, when):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(when + "\n")
        os.replace(self.clock + ".new", self.clock)  # who reads it half written, ends

    @contextlib.contextmanager
    def another_boot(self):
        """The broker started meanwhile finds another boot id."""
        with tempfile.NamedTemporaryFile("w") as other:
            other.write(f"{os.urandom(8).hex()}\n")
            other.flush()
            mount("--bind", other.name, BOOT_ID)
            try:
                yield
            finally:
                unmount(BOOT_ID)

    def remaining(self, device, name):
        return self.assert_ok(device.ask(f"invitation/{name}/get"))["invitation"]["remaining_ms"]


class WhileItRuns(ClockTest):
    def test_a_step_of_the_wall_clock_changes_nothing(self):
        broker = self.start_with_a_false_clock()
        # Mosquitto 2.0.21 drops whose keepalive a step makes late: it takes the wall clock for it.
        alice, bob = (self.connect(broker, user, keepalive=0) for user in ("alice", "bob"))
        steps = dict(STEPS)
        if mosquitto_version() == (2, 0, 21):
            del steps["1970"]  # after which it counts each second until now, for a quarter of a minute
        for name, step in steps.items():
            with self.subTest(name):
                began = time.monotonic()
                long = self.invite(alice, "bob", timeout_ms=60000)
                short = self.invite(alice, "bob", timeout_ms=300)
                self.set_clock(step)
                alice.wait_event("invitation_timeout", id=short, invitees=["bob"])
                self.assertGreaterEqual(time.monotonic() - began, 0.3)
                left = self.remaining(alice, long)
                self.assertLessEqual(left, 60000 - 300)
                self.assertGreaterEqual(left, 60000 - (time.monotonic() - began) * 1000 - 5)
                self.assert_ok(bob.ask(f"invitation/{long}/accept"))
                alice.wait_event("invitee_accepted", id=long)
        alice.no_more_events()


class AcrossARestart(ClockTest):
    def test_in_the_same_boot_each_keeps_the_time_that_it_has(self):
        for name, step in STEPS.items():
            with self.subTest(name):
                broker = self.start_with_a_false_clock()
                alice = self.connect(broker, "alice")
                began = time.monotonic()
                long = self.invite(alice, "bob", timeout_ms=60000)
                invited = time.monotonic()
                forever = self.invite(alice, "bob", timeout_ms=0)
                alice.close()
                broker.kill()
                self.set_clock(step)
                broker.start()
                alice, bob = self.keep(alice.resume()), self.connect(broker, "bob")
                asked = time.monotonic()
                left = self.remaining(bob, long)
                self.assertLessEqual(left, 60000 - (asked - invited) * 1000 + 5)
                self.assertGreaterEqual(left, 60000 - (time.monotonic() - began) * 1000 - 5)
                self.assertEqual(set(bob.sync()), {long, forever})
                self.assert_ok(bob.ask(f"invitation/{forever}/accept"))

    def test_in_the_same_boot_what_came_due_meanwhile_times_out_once(self):
        for name, step in STEPS.items():
            with self.subTest(name):
                broker = self.start_with_a_false_clock()
                alice = self.connect(broker, "alice")
                short = self.invite(alice, "bob", timeout_ms=100)
                due = time.monotonic() + 0.1
                alice.close()
                broker.kill()
                self.set_clock(step)
                while time.monotonic() < due:
                    time.sleep(due - time.monotonic())
                broker.start()
                bob = self.connect(broker, "bob")
                self.assertNotIn(short, bob.sync())
                self.assertEqual(states(bob.ask(f"invitation/{short}/get")["invitation"]), {"bob": "timed_out"})
                self.assert_refused(bob.ask(f"invitation/{short}/accept"), "already_timed_out")

    @unittest.skipIf(kernel_trusts_its_wall_clock(), "the kernel vouches for the wall clock here")
    def test_after_another_boot_what_was_pending_times_out_as_no_time_can_be_proven(self):
        for name, step in STEPS.items():
            with self.subTest(name):
                broker = self.start_with_a_false_clock()
                alice, bob = self.connect_all(broker, "alice", "bob")
                long = self.invite(alice, "bob", timeout_ms=60000)
                taken = self.invite(alice, "bob", timeout_ms=60000)
                self.assert_ok(bob.ask(f"invitation/{taken}/accept"))
                alice.close()
                bob.close()
                broker.kill()
                self.set_clock(step)
                with self.another_boot():
                    broker.start()
                    bob = self.connect(broker, "bob")
                    self.assertEqual(bob.sync(), {})
                    self.assertEqual(states(bob.ask(f"invitation/{long}/get")["invitation"]), {"bob": "timed_out"})
                    self.assertEqual(states(bob.ask(f"invitation/{taken}/get")["invitation"]), {"bob": "accepted"})
                    # A start later it is still so, though that boot is known.
                    bob.close()
                    broker.kill()
                    broker.start()
                    bob = self.connect(broker, "bob")
                    self.assertEqual(states(bob.ask(f"invitation/{long}/get")["invitation"]), {"bob": "timed_out"})

    @unittest.skipUnless(kernel_trusts_its_wall_clock(), "the kernel does not vouch for the wall clock here")
    def test_after_another_boot_a_wall_clock_that_the_kernel_vouches_for_tells_the_time_that_passed(self):
        for step, state in (("+10", "pending"), ("+3600", "timed_out"), ("-172800", "timed_out"),
                            ("@1970-01-01 00:01:00", "timed_out")):
            with self.subTest(step):
                broker = self.start_with_a_false_clock()
                alice = self.connect(broker, "alice")
                long = self.invite(alice, "bob", timeout_ms=60000)
                alice.close()
                broker.kill()
                self.set_clock(step)
                with self.another_boot():
                    broker.start()
                    bob = self.connect(broker, "bob")
                    shown = bob.ask(f"invitation/{long}/get")["invitation"]
                    self.assertEqual(states(shown), {"bob": state})
                    self.assertLessEqual(shown.get("remaining_ms", 0), 50000)


if __name__ == "__main__":
    if libfaketime() is None:
        print("skipped: there is no libfaketime")
        sys.exit(SKIPPED)
    in_own_mounts()
    unittest.main()
