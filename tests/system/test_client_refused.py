# SPDX-License-Identifier: Apache-2.0
"""The C++ library at brokers that know nothing of Beckon, or do not let it in."""

import os
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE, SystemTest

QUICK = {"requestTimeout": 1000}


class RefusedTest(SystemTest):
    def client(self, user, server, **options):
        return self.drive(user, server.port, **options)

    def assert_result(self, call, error="", patience=PATIENCE, **fields):
        result = call.result(patience)
        self.assertEqual(result["error"], error, result)
        for name, value in fields.items():
            self.assertEqual(result.get(name), value, f"{name} of {result}")
        return result


class Refused(RefusedTest):
    def test_a_broker_without_beckon_is_said_to_be_one(self):
        broker = self.start_broker(plugin=False)
        bob = self.client("bob", broker, connect=False, requestTimeout=2000)
        bob.connect()
        self.assertTrue(bob.wait_state("noBeckon", patience=20)["why"])
        calls = [bob.invite("alice"), *(bob.call(verb, id="some-id") for verb in
                                        ("accept", "reject", "cancel", "ringing", "getSignalingInfo")),
                 bob.call("modifyInvitation", id="some-id", data="x"),
                 bob.call("addInvitees", id="some-id", invitees=["carol"]),
                 bob.call("inviteSeveral", invitees=["alice", "carol"])]
        for call in calls:
            result = self.assert_result(call, "no_beckon", code=20192)
            self.assertTrue(result["message"])
        self.assertEqual(bob.heard(), [])

    def test_what_waits_for_a_broker_that_has_no_beckon_is_told_so_in_time(self):
        broker = self.start_broker(plugin=False)
        bob = self.client("bob", broker, connect=False, requestTimeout=2000)
        call = bob.invite("alice")
        started = time.monotonic()
        bob.connect()
        result = call.result()
        self.assertIn(result["error"], ("no_beckon", "not_connected"))
        self.assertLess(time.monotonic() - started, 4)

    def test_a_broker_that_gets_beckon_is_found(self):
        broker = self.start_broker(plugin=False, fixed_port=True)
        bob = self.client("bob", broker, connect=False, requestTimeout=2000)
        bob.connect()
        bob.wait_state("noBeckon", patience=20)
        broker.restart(plugin=True)
        bob.wait_state("connected")
        bob.fence()

    def test_a_wrong_password_is_a_reason_and_calls_fail_in_time(self):
        with tempfile.TemporaryDirectory() as directory:
            passwords = os.path.join(directory, "passwords")
            self.set_password(passwords, "bob", "right", new=True)
            broker = self.start_broker(allow_anonymous=False, config=f"password_file {passwords}")
            bob = self.client("bob", broker, connect=False, password="wrong", **QUICK)
            bob.connect()
            self.assertTrue(bob.wait_state("disconnected")["why"])
            self.assert_result(bob.invite("alice"), "not_connected", code=20191)
            self.assertNotEqual(bob.state(), "connected")
            right = self.client("bob", broker, password="right")
            right.fence()
            # And when what was wrong becomes right, the one that was refused comes in by itself.
            self.set_password(passwords, "bob", "wrong")
            broker.reload()
            bob.wait_state("connected")
            bob.fence()

    @staticmethod
    def set_password(path, user, password, new=False):
        subprocess.run(["mosquitto_passwd", *(["-c"] if new else []), "-b", path, user, password], check=True,
                       capture_output=True)
        os.chmod(path, 0o644)


if __name__ == "__main__":
    unittest.main()
