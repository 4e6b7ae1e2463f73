# SPDX-License-Identifier: Apache-2.0
"""The C++ library at the limits of a broker: what it refuses of one call is the fault of that call alone."""

import unittest

from harness import SystemTest, decode


class Limits(SystemTest):
    def assert_result(self, call, error="", **fields):
        result = call.result(30)
        self.assertEqual(result["error"], error, result)
        for name, value in fields.items():
            self.assertEqual(result.get(name), value, f"{name} of {result}")
        return result

    def test_a_call_larger_than_a_packet_may_be_fails_alone(self):
        broker = self.start_broker(config="max_packet_size 8000")
        bob = self.drive("bob", broker.port)
        large = bob.call("sendC2CTextMessage", userID="alice", data="x" * 12_000)
        small = bob.call("sendC2CTextMessage", userID="alice", data="x")
        self.assert_result(large, "too_large", code=8001)
        self.assert_result(small)
        self.assertEqual(broker.log().count("u'bob'"), 1)

    def test_a_call_larger_than_beckon_takes_fails_alone(self):
        broker = self.start_broker({"max_payload_bytes": 1000})
        bob = self.drive("bob", broker.port)
        self.assert_result(bob.call("sendC2CTextMessage", userID="alice", data="x" * 2_000), "too_large")
        self.assert_result(bob.call("sendC2CTextMessage", userID="alice", data="x"))
        self.assertEqual(broker.log().count("u'bob'"), 1)

    def test_a_group_of_all_that_it_may_have_is_created(self):
        broker = self.start_broker()
        bob = self.drive("bob", broker.port)
        names = [f"user-{number}-{'x' * 50}" for number in range(1_999)]
        self.assert_result(bob.call("createGroup", groupID="town", memberList=names))
        members = self.assert_result(bob.call("getGroupMemberList", groupID="town"))["members"]
        self.assertEqual(len(members), 2_000)

    def test_a_backlog_is_sent_as_fast_as_the_broker_takes_it(self):
        broker = self.start_broker({"requests_per_second": 100, "requests_burst": 20})
        bob = self.drive("bob", broker.port, connect=False, requestTimeout=20_000)
        calls = [bob.call("sendC2CTextMessage", userID="alice", data=str(number)) for number in range(150)]
        bob.connect()
        for call in calls:
            self.assert_result(call)

    def test_a_device_says_that_it_is_here_and_its_will_that_it_is_gone(self):
        broker = self.start_broker(plugin=False)
        watcher = self.connect(broker, "watcher", subscribe=False)
        watcher.subscribe("beckon/v1/user/bob/here/bob")
        bob = self.drive("bob", broker.port, connect=False)
        bob.connect()
        here = decode(watcher.wait_message(lambda message: not decode(message.payload).get("gone")).payload)
        bob.destroy()
        gone = decode(watcher.wait_message(lambda message: decode(message.payload).get("gone")).payload)
        self.assertEqual((gone["run"], gone["device"]), (here["run"], here["device"]))


if __name__ == "__main__":
    unittest.main()
