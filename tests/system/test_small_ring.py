# SPDX-License-Identifier: Apache-2.0
"""A button of libbeckon-c and libmosquitto (examples/small_ring.c) rings whoever is no client of ours."""

import os
import signal
import subprocess
import sys
import unittest

from harness import PATIENCE, SystemTest

PROGRAM = os.environ.get("BECKON_SMALL_RING")


class SmallRing(SystemTest):
    def press(self, broker, whom):
        """The button's process, which rings them."""
        button = subprocess.Popen([PROGRAM, "button", whom, str(broker.port)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(button.stdout.close)
        self.addCleanup(button.kill)
        return button

    def ring(self):
        """It rings bob. Its process, bob and the invitation."""
        broker = self.start_broker()
        bob = self.connect(broker, "bob")
        button = self.press(broker, "bob")
        return button, bob, bob.wait_event(event="new_invitation", inviter="button")["id"]

    def said(self, button):
        return button.communicate(timeout=PATIENCE)[0].splitlines()

    def test_it_tells_who_accepted(self):
        button, bob, invitation = self.ring()
        bob.ask(f"invitation/{invitation}/ringing")
        bob.ask(f"invitation/{invitation}/accept")
        said = self.said(button)
        self.assertIn("it rings at bob", said)
        self.assertIn("accepted by bob", said)
        self.assertEqual(button.returncode, 0)

    def test_it_tells_who_rejected(self):
        button, bob, invitation = self.ring()
        bob.ask(f"invitation/{invitation}/reject", reason="busy")
        self.assertIn("rejected by bob", self.said(button))
        self.assertEqual(button.returncode, 1)

    def test_interrupted_it_cancels(self):
        button, bob, invitation = self.ring()
        button.send_signal(signal.SIGINT)
        bob.wait_event(event="invitation_cancelled", id=invitation, reason="cancelled")
        self.said(button)
        self.assertEqual(button.returncode, 3)

    def test_a_cpp_client_hears_its_ring_and_answers(self):
        broker = self.start_broker()
        phone = self.drive("phone", broker.port)
        button = self.press(broker, "phone")
        ring = phone.wait_event("onReceiveNewInvitation")["inviteID"]
        self.assertTrue(phone.call("accept", id=ring).result()["ok"])
        self.assertIn("accepted by phone", self.said(button))


if __name__ == "__main__":
    if not PROGRAM:
        print("without the C client there is nothing to test")
        sys.exit(77)
    unittest.main()
