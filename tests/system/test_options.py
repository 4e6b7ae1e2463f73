# SPDX-License-Identifier: Apache-2.0
"""A wrong configuration stops the broker at its start, with a sentence that names what is wrong."""

import re
import unittest

from harness import Broker, SystemTest, mosquitto_version, plugin_lines

DAY = 24 * 3600 * 1000
DEFAULTS = {"max_payload_bytes": 32768, "max_payload_values": 4096, "max_data_bytes": 16384, "max_total_data_bytes": 256 * 2**20,
            "max_timeout_ms": DAY, "max_lifetime_ms": DAY, "max_call_ms": DAY, "max_invitees": 1000, "max_audience": 250,
            "max_pending_per_inviter": 64, "max_pending_per_invitee": 256, "max_pending_per_pair": 16,
            "max_pending": 1000000, "max_user_data_bytes": 2**20, "max_user_group_bytes": 2**22,
            "reply_bytes_per_second": 2**20, "reply_bytes_burst": 2**24,
            "max_ended": 100000, "ended_ms": 600000, "requests_per_second": 50, "requests_burst": 200,
            "pair_invites_per_second": 1, "pair_invites_burst": 5, "events_per_second": 5000, "events_burst": 10000,
            "grace_ms": 15000}


class Refused(SystemTest):
    def assert_refused_to_start(self, name, **how):
        """The broker ends, and its log has a sentence with that name (or pattern)."""
        broker = Broker(**how)
        self._brokers.append(broker)
        try:
            log = broker.refusal()
        finally:
            broker.remove()
        self.assertTrue([line for line in log.splitlines() if re.search(name, line) and len(line.split()) > 4], log)

    @unittest.skipIf(mosquitto_version() >= (2, 1), "Mosquitto 2.1 can do without an opinion")
    def test_other_topics_must_be_given(self):
        self.assert_refused_to_start("other_topics", options={"other_topics": None})
        self.assert_refused_to_start("other_topics", options={"other_topics": "ignore"})

    def test_switches_have_two_positions(self):
        for option in ("other_topics", "requests"):
            for value in ("deny", "Allow", "true", "allow defer", "1"):
                with self.subTest(option=option, value=value):
                    self.assert_refused_to_start(option, options={option: value})

    def test_unknown_options(self):
        for option in ("colour", "max_invitee", "Root", "other_topic", "grace"):
            with self.subTest(option=option):
                self.assert_refused_to_start(option, options={option: "1"})

    def test_limits_are_integers_in_their_range(self):
        cases = [(option, value) for option in DEFAULTS for value in ("many", "-1")]
        cases += [("max_invitees", value) for value in ("1.5", "1k", "0x10", "99999999999999999999", "1 2", "1e3")]
        for option, value in cases:
            with self.subTest(option=option, value=value):
                self.assert_refused_to_start(option, options={option: value})

    def test_a_timeout_cannot_exceed_the_lifetime(self):
        self.assert_refused_to_start("max_timeout_ms", options={"max_timeout_ms": 1001, "max_lifetime_ms": 1000})
        self.assert_refused_to_start("max_timeout_ms", options={"max_lifetime_ms": 1000})

    def test_the_root_is_one_word(self):
        for root in ("a/b", "+", "#", "a+", "a b", "$SYS", "/", "x" * 300):
            with self.subTest(root=root):
                self.assert_refused_to_start("root", options={"root": root})

    def test_per_listener_settings(self):
        self.assert_refused_to_start("per_listener_settings", before="per_listener_settings true")

    @unittest.skipIf(mosquitto_version() < (2, 1), "Mosquitto 2.0 has no plugin_load")
    def test_loaded_for_some_listeners(self):
        plugin = plugin_lines({})[0].split()[1]
        self.assert_refused_to_start("plugin_load", plugin=False,
                                     config=f"plugin_load beckon {plugin}\nplugin_use beckon")

    def test_loaded_twice(self):
        second = "\n".join(plugin_lines({"other_topics": "allow"}))
        self.assert_refused_to_start("twice|already|once", config=second)


class Accepted(SystemTest):
    def test_each_option_alone(self):
        for option, value in [*DEFAULTS.items(), ("root", "beckon"), ("requests", "allow"),
                              ("requests", "defer")]:
            with self.subTest(option=option, value=value):
                broker = Broker(options={option: value})
                self._brokers.append(broker)
                broker.start()
                broker.stop()
                broker.remove()

    def test_another_root(self):
        broker = self.start_broker({"root": "doorbell"})
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob")
        bob.wait_event("new_invitation", id=invitation)
        self.assertTrue(bob.messages[0].topic.startswith("doorbell/v1/inbox/bob/"))
        reader = self.connect(broker)
        reader.subscribe("#")
        alice.publish("beckon/v1/user/bob/invite", b"relayed as any other topic", 1, True)
        reader.wait_message(lambda message: message.topic == "beckon/v1/user/bob/invite")
        reader.wait_message(lambda message: message.topic == "doorbell/v1/status")
        bob.no_more_events()

    def test_reloading_the_configuration_changes_nothing(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob")
        bob.wait_event("new_invitation")
        broker.reload()
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        alice.wait_event("invitee_accepted", id=invitation)

    def test_a_reload_without_the_plugin_takes_back_what_is_retained(self):
        broker = self.start_broker({"operators": "root"}, persistence=True)
        alice, bob = self.connect_all(broker, "alice", "bob")
        seen = self.connect(broker, "root", subscribe=False)
        seen.subscribe("beckon/v1/#")
        seen.wait_message(lambda message: message.topic == "beckon/v1/operator/counters")
        broker.reload(plugin=False)
        for topic in ("beckon/v1/status", "beckon/v1/operator/counters"):
            seen.wait_message(lambda message, topic=topic: (message.topic, message.payload) == (topic, b""))
        bob.wait_event("new_invitation", id=self.invite(alice, "bob"))  # until the broker ends
        for client in (alice, bob, seen):
            client.leave()
        broker.restart()
        late = self.connect(broker, subscribe=False)
        late.subscribe("beckon/#")
        late.marker()
        self.assertEqual([message.topic for message in late.messages if message.topic.startswith("beckon")], [])

    def test_it_leaves_cleanly_with_everything_under_way(self):
        broker = self.start_broker(persistence=True)
        alice, bob = self.connect_all(broker, "alice", "bob")
        self.invite(alice, "bob", timeout_ms=1000)
        self.close_clients()
        broker.restart()
        alice, bob = self.connect_all(broker, "alice", "bob")
        self.invite(alice, "bob", timeout_ms=1000)
        bob.wait_event("new_invitation")


if __name__ == "__main__":
    unittest.main()
