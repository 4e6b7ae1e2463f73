# SPDX-License-Identifier: Apache-2.0
"""examples/mosquitto.conf, as an operator would deploy it: TLS, passwords, an ACL for the other topics."""
import os
import ssl
import subprocess
import unittest

import paho.mqtt.client as mqtt

from harness import PATIENCE, Broker, SystemTest, paho_client

EXAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "examples")
PEOPLE = ("door", "kitchen", "operator")


class ExampleBroker(Broker):
    """A broker on the example, with its port, its paths and its owner replaced, and nothing else."""

    def _configuration(self):
        with open(os.path.join(EXAMPLES, "mosquitto.conf"), encoding="utf-8") as file:
            text = file.read()
        for there, here in (("listener 8883", f"listener {self.port} 127.0.0.1"),
                            ("/usr/lib/mosquitto/mosquitto_beckon.so", os.environ["BECKON_PLUGIN"]),
                            ("/etc/mosquitto/certs/", f"{self.directory}/"),
                            ("/etc/mosquitto/passwd", f"{self.directory}/passwd"),
                            ("/etc/mosquitto/acl", os.path.abspath(os.path.join(EXAMPLES, "acl"))),
                            ("/var/lib/mosquitto/", f"{self.directory}/")):
            if there not in text:
                raise AssertionError(f"the example says nothing of {there}")
            text = text.replace(there, here)
        return "user root\n" + text

    def start(self):
        if not self._launch():  # its listener speaks TLS, so what the harness asks it first is left out
            raise AssertionError(f"the broker did not start\n{self.log()}")
        return self

    def make_secrets(self):
        at = self.directory
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", f"{at}/server.key", "-out", f"{at}/server.crt"], check=True, capture_output=True)
        with open(f"{at}/passwd", "w", encoding="utf-8") as file:
            file.writelines(f"{user}:{user}-secret\n" for user in PEOPLE)
        subprocess.run(["mosquitto_passwd", "-U", f"{at}/passwd"], check=True, capture_output=True)


class ExampleConfig(SystemTest):
    def setUp(self):
        self.broker = ExampleBroker()
        self.addCleanup(self.broker.remove)
        self.broker.make_secrets()
        self.broker.start()
        self.addCleanup(self.broker.stop)

    def mosquitto(self, program, user, *arguments, password=None):
        command = [program, "-h", "127.0.0.1", "-p", str(self.broker.port), "--cafile",
                   f"{self.broker.directory}/server.crt"]
        if user:
            command += ["-u", user, "-P", password or f"{user}-secret"]
        return subprocess.run(command + list(arguments), capture_output=True, text=True, timeout=3 * PATIENCE,
                              check=False)

    def ask(self, user, topic, body="{}"):
        result = self.mosquitto("mosquitto_rr", user, "-V", "5", "-t", f"beckon/v1/{topic}", "-e",
                                f"beckon/v1/inbox/{user}/reply", "-m", body, "-W", str(PATIENCE))
        return result.stdout

    def test_users_with_a_password_ring_each_other_without_a_line_in_the_acl(self):
        kitchen = paho_client(client_id="the-kitchen-panel")
        kitchen.username_pw_set("kitchen", "kitchen-secret")
        kitchen.tls_set(ca_certs=f"{self.broker.directory}/server.crt", cert_reqs=ssl.CERT_REQUIRED)
        rung = []
        kitchen.on_message = lambda *arguments: rung.append(arguments[2].payload)
        kitchen.connect("127.0.0.1", self.broker.port)
        kitchen.subscribe("beckon/v1/inbox/kitchen/json", qos=1)
        granted = []
        kitchen.on_subscribe = lambda *arguments: granted.append(arguments[3])
        while not granted:
            self.assertEqual(kitchen.loop(PATIENCE), mqtt.MQTT_ERR_SUCCESS)
        self.assertIn('"ok":true', self.ask("door", "user/kitchen/invite", '{"id":"ring-1","online_only":true}'))
        while not rung:
            self.assertEqual(kitchen.loop(PATIENCE), mqtt.MQTT_ERR_SUCCESS)
        self.assertIn(b'"new_invitation"', rung[0])
        kitchen.disconnect()
        self.assertIn('"ok":true', self.ask("kitchen", "invitation/ring-1/accept"))

    def test_nobody_comes_in_without_a_password_or_with_a_wrong_one(self):
        for user, password in ((None, None), ("door", "wrong"), ("mallory", "mallory-secret")):
            result = self.mosquitto("mosquitto_pub", user, "-t", "devices/door/x", "-m", "x", password=password)
            self.assertNotEqual(result.returncode, 0, (user, result.stderr))

    def test_the_acl_still_rules_the_other_topics(self):
        self.mosquitto("mosquitto_pub", "door", "-t", "devices/door/state", "-m", "open", "-r")
        self.mosquitto("mosquitto_pub", "door", "-t", "devices/kitchen/state", "-m", "forged", "-r")
        for user, expected in (("door", "open"), ("kitchen", ""), ("operator", "open")):
            read = self.mosquitto("mosquitto_sub", user, "-t", "devices/+/state", "-t", "beckon/v1/status",
                                  "-F", "%t %p", "--retained-only", "-W", "1").stdout
            self.assertIn("beckon/v1/status", read)
            self.assertEqual([line.split()[1] for line in read.splitlines() if line.startswith("devices/")],
                             [expected] if expected else [], user)


if __name__ == "__main__":
    unittest.main()
