# SPDX-License-Identifier: Apache-2.0
"""What the operator reads in the broker's log: who can use no signaling, and which lines of the configuration take from
what Beckon promises. Clients hear nothing of either."""

import os
import unittest

from harness import SystemTest

RULE = "[A-Za-z0-9._@:-]{1,64}"
NAMES = ("Front Door", "Küche", "+491700000001", "a/b", "x" * 65)


def lines_of(broker):
    return [line.split("beckon: ", 1)[1] for line in broker.log().splitlines() if "beckon: " in line]


class NamesThatCannotSignal(SystemTest):
    @staticmethod
    def told(client, fragment):
        """The lines that have it of all that this client did, who leaves: the log tells of that last."""
        client.leave()
        return [line for line in lines_of(client.broker) if fragment in line]

    def test_a_request_is_told_with_the_name_and_the_rule_and_never_with_the_payload(self):
        for name in (*NAMES, None, ""):
            with self.subTest(name):
                broker = self.start_broker()
                kitchen = self.connect(broker, "kitchen")
                nameless = self.connect(broker, name, subscribe=False)
                nameless.publish(f"{broker.root}/user/kitchen/invite", b'{"data":"secret"}')
                nameless.marker()
                kitchen.no_more_events()
                line, = self.told(nameless, "sent a request")
                self.assertIn(f"user '{name}' at 127.0.0.1" if name else "somebody who has no name at 127.0.0.1", line)
                self.assertIn(RULE, line)
                self.assertNotIn("secret", broker.log())

    def test_a_subscription_is_not_taken_for_an_attack(self):
        for name in ("Front Door", "Küche", None):
            for inbox in (name or "me", "kitchen"):
                with self.subTest(name=name, inbox=inbox):
                    broker = self.start_broker()
                    nameless = self.connect(broker, name, subscribe=False)
                    self.assertGreaterEqual(nameless.subscribe(f"{broker.root}/inbox/{inbox}/json"), 128)
                    line, = self.told(nameless, "inbox")
                    self.assertIn(RULE, line)
                    self.assertNotIn("another user", line)

    def test_who_has_a_name_is_still_told_of_another_users_inbox(self):
        broker = self.start_broker()
        mallory = self.connect(broker, "mallory")
        self.assertGreaterEqual(mallory.subscribe(f"{broker.root}/inbox/kitchen/json"), 128)
        line, = self.told(mallory, "inbox")
        self.assertIn("user mallory at 127.0.0.1 tried to subscribe to another user's inbox", line)

    def test_a_forger_is_told_by_name(self):
        broker = self.start_broker()
        nameless = self.connect(broker, "Front Door", subscribe=False)
        nameless.publish(f"{broker.root}/inbox/kitchen/json", b"{}")
        nameless.marker()
        line, = self.told(nameless, "inbox")
        self.assertIn("user 'Front Door' at 127.0.0.1 published to an inbox", line)

    def test_many_of_them_make_one_line(self):
        broker = self.start_broker()
        nameless = self.connect(broker, "Front Door", subscribe=False)
        for _ in range(50):
            nameless.publish(f"{broker.root}/user/kitchen/invite", b"{}")
        nameless.marker()
        self.assertEqual(len(self.told(nameless, "sent a request")), 1)

    def test_who_reads_everything_is_told_nothing_of(self):
        broker = self.start_broker()
        reader = self.connect(broker, subscribe=False)
        for wide in ("#", f"{broker.root}/#", f"{broker.root}/status"):
            self.assertLess(reader.subscribe(wide), 128)
        self.assertEqual(self.told(reader, RULE), [])


class Doubts(SystemTest):
    def warnings(self, **broker):
        """What a broker says at its start, but for what it always does."""
        started = self.start_broker(**broker)
        if "connection " in broker.get("config", ""):
            # A broker that is stopped while it looks up the name of the other may crash (getaddrinfo_a's thread).
            started.wait_log(r"Connecting bridge (\(step 2\)|\w)")
        return [line for line in lines_of(started)
                if not line.startswith(("version ", "plugin_opt_store ", "the broker's persistence is off"))]

    def test_an_ordinary_configuration_has_none(self):
        self.assertEqual(self.warnings(config="connection cloud\naddress 127.0.0.1:1\ntopic sensors/# out"), [])

    def test_each_line_has_its_sentence(self):
        for lines, fragment in (
                ("connection cloud\naddress 127.0.0.1:1\ntopic # both 0 \"\" far/", "the bridge cloud"),
                ("log_dest topic", "log_dest topic"), ("message_size_limit 8000", "message_size_limit 8000"),
                ("mount_point home1/", "mount_point home1/"),
                ("use_username_as_clientid true", "use_username_as_clientid")):
            with self.subTest(lines):
                # The broker's own probe has no name, so none may need one.
                at_another = "listener 0 {dir}/socket\n" if fragment.startswith(("mount", "use")) else ""
                sentence, = self.warnings(config=at_another + lines)
                self.assertIn(fragment, sentence)

    def test_an_included_file_is_read_as_well(self):
        broker = self.start_broker()
        os.mkdir(os.path.join(broker.directory, "conf.d"))
        with open(os.path.join(broker.directory, "conf.d", "log.conf"), "w", encoding="utf-8") as file:
            file.write("log_dest topic\n")
        broker.restart(config="include_dir {dir}/conf.d")
        self.assertTrue([line for line in lines_of(broker) if line.startswith("log_dest topic")])


if __name__ == "__main__":
    unittest.main()
