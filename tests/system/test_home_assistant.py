# SPDX-License-Identifier: Apache-2.0
"""beckon home-assistant against real brokers; a client that nobody of this project wrote stands in for Home Assistant.

All that is published is held to schemas/home_assistant. Environment: as for test_cli.py."""

import json
import os
import pathlib
import signal
import subprocess
import unittest

import jsonschema
from harness import Client, port_that_stays_free
from test_cli import DONE, USAGE, CliTest
from test_client_transports import make_authority, make_certificate

SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas" / "home_assistant"


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


TEXTS = schema("texts")["$defs"]
DISCOVERY = "homeassistant/device/beckon_home/config"
OWN = "beckon-ha/home/"
FLAT = OWN + "group/flat-3/"


def judge(message):
    """Holds what was published to its schema."""
    topic, text = message.topic, message.payload.decode()
    if topic == DISCOVERY:
        return jsonschema.Draft202012Validator(schema("discovery")).validate(json.loads(text))
    if not topic.startswith(OWN):
        return None
    rest = topic[len(OWN):]
    last = rest.split("/")[-1]
    if rest.startswith("door/") and last == "state":
        rule = TEXTS["lock"]
    elif last in ("event", "attributes"):
        rule = schema("missed_attributes" if rest.endswith("missed/attributes") else last)
        text = json.loads(text)
    elif last in TEXTS:
        rule = TEXTS[last]
    else:
        return None  # a command, or this program's own
    return jsonschema.Draft202012Validator(rule).validate(text)


class HomeAssistant:
    """What it would hear; of each topic in order: what was passed over is not heard later."""

    def __init__(self, client):
        self.client, self.past = client, {}
        client.subscribe("homeassistant/#")
        client.subscribe(OWN + "#")

    def _take(self, topic, text, retained):
        def found():
            return next((at for at, message in enumerate(self.client.messages[past:], past)
                         if message.topic == topic and message.retain == retained
                         and (text is None or message.payload.decode() == text)), None)
        past = self.past.get(topic, 0)
        self.client.wait_message(lambda _: found() is not None, f"{text or 'message'} at {topic}")
        self.past[topic] = found() + 1
        return self.client.messages[self.past[topic] - 1].payload.decode()

    def hears(self, topic, text=None, *, retained=False):
        """What was published since this was here; `retained`: what was kept before."""
        return self._take(topic, text, retained)

    def presses(self, rest, text="PRESS"):
        self.client.publish(OWN + rest, text.encode())

    def heard(self, topic):
        return [message.payload.decode() for message in self.client.messages if message.topic == topic]

    def check(self):
        for message in self.client.messages:
            if message.payload:
                judge(message)


class HomeAssistantTest(CliTest):
    GROUP = ("--group", "flat-3=Front door")

    def watch(self, broker=None):
        """Somebody in Home Assistant's place."""
        watching = HomeAssistant(self.keep(Client(broker or self.broker, "ha", subscribe=False)))
        self.addCleanup(watching.check)
        return watching

    def make_flat(self, role="admin"):
        """A group of bob's, with alice and the house in it."""
        self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")
        self.assert_ok(self.bob.ask("group/flat-3/create", members=["alice", "home"]))
        if role == "admin":
            self.assert_ok(self.bob.ask("group/flat-3/role", user="home", role="admin"))

    def start_home(self, *words, **how):
        return self.start("home", "home-assistant", *(words or self.GROUP), **how)

    def ring(self, inviter, **body):
        return self.assert_ok(inviter.ask("group/flat-3/invite", **{"data": "ding", **body}))["id"]

    def state_of(self, watching, *states):
        for state in states:
            watching.hears(FLAT + "state", state)


class Announced(HomeAssistantTest):
    def test_all_that_can_be_configured_fits_the_schemas_and_is_kept(self):
        self.make_flat()
        watching = self.watch()
        self.start_home(*self.GROUP, "--contact", "alice=Alice", "--contact-group", "flat-3", "--door", "door=open",
                        "--lock", "gate=open=shut=Gate")
        components = json.loads(watching.hears(DISCOVERY))["cmps"]
        kinds = [component["p"] for component in components.values()]
        self.assertEqual({kind: kinds.count(kind) for kind in kinds},
                         {"event": 2, "sensor": 4, "device_automation": 8, "button": 6, "notify": 2, "lock": 1,
                          "switch": 1})
        self.assertEqual(len({(one["type"], one["stype"]) for one in components.values() if "stype" in one}),
                         sum("stype" in one for one in components.values()))
        watching.hears(OWN + "status", "online")
        watching.hears(FLAT + "status", "online")
        watching.hears(FLAT + "stop/status", "online")
        later = self.watch()
        later.hears(DISCOVERY, retained=True)
        later.hears(FLAT + "state", "idle", retained=True)
        later.hears(OWN + "status", "online", retained=True)

    def test_again_when_home_assistant_has_started(self):
        watching = self.watch()
        self.start_home()
        watching.hears(DISCOVERY)
        watching.hears(OWN + "status", "online")
        watching.client.publish("homeassistant/status", b"online")
        watching.hears(DISCOVERY)
        watching.hears(OWN + "status", "online")

    def test_who_is_killed_is_unavailable_and_who_leaves_too(self):
        watching = self.watch()
        home = self.start_home()
        for number in (signal.SIGKILL, signal.SIGTERM):
            watching.hears(OWN + "status", "online")
            before = len(watching.heard(OWN + "status"))
            home.process.send_signal(number)
            watching.client.wait_message(
                lambda _: watching.heard(OWN + "status")[before:] == ["offline"], "offline")
            home.ends()
            if number == signal.SIGKILL:
                home = self.start_home()

    def test_what_is_no_more_configured_goes_and_all_goes_with_remove(self):
        watching = self.watch()
        home = self.start_home()
        self.assertIn("group_flat-3_event", json.loads(watching.hears(DISCOVERY))["cmps"])
        watching.hears(OWN + "status", "online")
        home.interrupt()
        self.assertEqual(home.ends(), DONE)
        home = self.start_home("--contact", "alice")
        removing, without = (json.loads(watching.hears(DISCOVERY))["cmps"] for _ in range(2))
        self.assertEqual(removing["group_flat-3_event"], {"p": "event"})
        self.assertNotIn("group_flat-3_event", without)
        home.says(f"announced to Home Assistant at {DISCOVERY}")
        home.interrupt()
        self.assertEqual(home.ends(), DONE)
        self.assertEqual(self.run_to_end("home", "home-assistant", *self.GROUP, "--remove"), (DONE, []))
        later = self.watch()
        later.client.publish(OWN + "fence")
        later.client.wait_message(lambda message: message.topic == OWN + "fence")
        self.assertEqual([message.topic for message in later.client.messages if message.retain], [])


class Ringing(HomeAssistantTest):
    def setUp(self):
        super().setUp()
        self.make_flat()
        self.door = self.connect(self.broker, "door")
        self.assert_ok(self.bob.ask("group/flat-3/add", members=["door"]))
        self.watching = self.watch()
        self.home = self.start_home()
        self.watching.hears(FLAT + "stop/status", "online")

    def test_a_ring_that_is_answered(self):
        ring = self.ring(self.door, invitees=["home", "alice"])
        event = json.loads(self.watching.hears(FLAT + "event"))
        self.assertEqual(event, {"event_type": "ring", "by": "door", "data": "ding", "group": "flat-3",
                                 "invitees": ["home", "alice"], "id": ring})
        self.watching.hears(FLAT + "trigger", "rung")
        self.state_of(self.watching, "ringing")
        self.assert_ok(self.alice.ask(f"invitation/{ring}/accept"))
        self.watching.hears(FLAT + "trigger", "answered")
        self.watching.hears(FLAT + "trigger", "ended")
        self.watching.client.wait_message(lambda _: self.watching.heard(FLAT + "state")[-1] == "idle", "idle")
        # Nobody waited for the house.
        self.door.wait_event("invitee_rejected", id=ring, invitee="home")
        self.assertEqual(self.watching.heard(FLAT + "missed"), [])

    def test_a_call_lasts_until_it_is_over(self):
        ring = self.ring(self.door, call=True, answer="first")
        self.state_of(self.watching, "ringing")
        self.assert_ok(self.alice.ask(f"invitation/{ring}/accept"))
        self.state_of(self.watching, "in_call")
        self.watching.client.wait_message(
            lambda message: message.topic == FLAT + "attributes" and b'"participants":["door","alice"]' in
            message.payload, "who talks")
        self.assertNotIn("ended", self.watching.heard(FLAT + "trigger"))
        self.assert_ok(self.alice.ask(f"invitation/{ring}/hangup"))
        self.watching.hears(FLAT + "trigger", "ended")
        self.assertEqual(self.watching.heard(FLAT + "state")[-1], "idle")

    def test_one_that_is_missed(self):
        self.ring(self.door, timeout_ms=200)
        self.watching.hears(FLAT + "trigger", "rung")
        self.watching.hears(FLAT + "trigger", "missed")
        self.watching.hears(FLAT + "trigger", "ended")
        self.watching.hears(FLAT + "missed")
        self.assertEqual(json.loads(self.watching.hears(FLAT + "missed/attributes"))["by"], "door")

    def test_stop(self):
        ring = self.ring(self.door)
        self.state_of(self.watching, "ringing")
        self.watching.presses("group/flat-3/stop")
        self.door.wait_event("invitation_cancelled", id=ring, by="home", reason="cancelled")
        self.state_of(self.watching, "idle")
        self.watching.hears(FLAT + "trigger", "ended")
        self.assertNotIn("missed", self.watching.heard(FLAT + "trigger"))

    def test_who_is_no_admin_any_more_cannot(self):
        self.assert_ok(self.bob.ask("group/flat-3/role", user="home", role="member"))
        self.watching.hears(FLAT + "stop/status", "offline")
        self.home.says("Its owner says: beckon group role flat-3 home admin")
        self.ring(self.door)
        self.state_of(self.watching, "ringing")
        self.watching.presses("group/flat-3/stop")
        self.home.says("could not stop")
        self.assertEqual(self.watching.heard(FLAT + "state")[-1], "ringing")

    def test_a_program_that_is_killed_in_mid_ring_tells_the_truth_and_rings_no_second_time(self):
        ring, other = self.ring(self.door), self.ring(self.door)
        self.watching.hears(FLAT + "trigger", "rung")
        self.watching.hears(FLAT + "trigger", "rung")
        self.home.close()
        self.watching.hears(OWN + "status", "offline")
        self.assert_ok(self.door.ask(f"invitation/{other}/cancel"))
        self.start_home()
        self.watching.client.wait_message(lambda _: self.watching.heard(OWN + "status")[-1] == "online", "online")
        self.watching.hears(FLAT + "trigger", "missed")
        self.watching.client.wait_message(
            lambda message: message.topic == FLAT + "attributes" and not message.retain and
            [one["id"] for one in json.loads(message.payload)["rings"]] == [ring], "what still rings")
        self.assert_ok(self.door.ask(f"invitation/{ring}/cancel"))
        self.watching.client.wait_message(lambda _: self.watching.heard(FLAT + "state")[-1] == "idle", "idle")
        self.assertEqual(self.watching.heard(FLAT + "trigger").count("rung"), 2)

    def test_do_not_disturb(self):
        self.watching.presses("dnd/set", "ON")
        self.watching.hears(OWN + "dnd", "ON")
        self.home.close()
        self.watching.hears(OWN + "status", "offline")
        self.start_home()
        self.watching.client.wait_message(lambda _: self.watching.heard(OWN + "status")[-1] == "online", "online")
        direct = self.invite(self.door, "home")
        self.door.wait_event("invitee_rejected", id=direct, invitee="home", reason="busy")
        self.watching.hears(OWN + "self/trigger", "missed")
        self.ring(self.door)
        self.state_of(self.watching, "ringing")
        self.assertEqual([text for text in self.watching.heard(FLAT + "trigger") + self.watching.heard(
            OWN + "self/trigger") if text == "rung"], [])
        self.watching.presses("dnd/set", "OFF")
        self.watching.hears(OWN + "dnd", "OFF")
        self.invite(self.door, "home")
        self.watching.hears(OWN + "self/trigger", "rung")

    def test_what_is_hostile_is_text(self):
        hostile = '{{ states("lock.gate") }}</script>\n\u202e' + "#" * 4000
        self.ring(self.door, data=hostile)
        event = json.loads(self.watching.hears(FLAT + "event"))
        self.assertTrue(hostile.startswith(event["data"]))
        self.assertLessEqual(len(event["data"].encode()), 255)


class Asking(HomeAssistantTest):
    def test_contacts_doors_and_locks(self):
        self.make_flat()
        door, gate = self.connect(self.broker, "door"), self.connect(self.broker, "gate")
        watching = self.watch()
        self.start_home("--contact", "alice=Alice", "--contact-group", "flat-3", "--door", "door=open", "--lock",
                        "gate=open=shut=Gate", "--data", "dinner", "--ring-for", "7s")
        watching.hears(OWN + "status", "online")
        watching.presses("ring/user/alice")
        ring = self.alice.wait_event("new_invitation", by="home", data="dinner")
        self.assertTrue(0 < ring["remaining_ms"] <= 7000, ring)
        watching.presses("ring/user/alice")
        self.alice.wait_event("new_invitation", replaces=[ring["id"]])
        watching.presses("ring/group/flat-3")
        self.bob.wait_event("new_invitation", group="flat-3", by="home")
        watching.presses("notify/user/alice", "Dinner is ready")
        self.alice.wait_event("message", **{"from": "home", "to": "alice", "data": "Dinner is ready"})
        watching.presses("notify/group/flat-3", "All of you")
        self.bob.wait_event("message", group="flat-3", data="All of you")
        watching.presses("door/door/open")
        door.wait_event("message", data="open")
        watching.presses("door/gate/set", "UNLOCK")
        gate.wait_event("message", data="open")
        watching.presses("door/gate/set", "LOCK")
        gate.wait_event("message", data="shut")
        self.assert_ok(gate.ask("user/home/message", data="jammed"))
        watching.hears(OWN + "door/gate/state", "JAMMED")

    def test_what_was_pressed_before_and_kept_is_not_done(self):
        self.make_flat()
        watching = self.watch()
        watching.client.publish(OWN + "ring/user/alice", b"PRESS", retain=True)
        self.start_home("--contact", "alice")
        watching.hears(OWN + "status", "online")
        watching.presses("notify/user/alice", "fence")
        self.alice.wait_event("message", data="fence")
        self.assertFalse([event for event in self.alice.events if event["event"] == "new_invitation"])


class Trouble(HomeAssistantTest):
    def test_a_group_that_there_is_not_yet(self):
        watching = self.watch()
        home = self.start_home()
        watching.hears(FLAT + "status", "offline")
        home.says("beckon group add flat-3 home")
        self.make_flat()
        watching.hears(FLAT + "status", "online")
        watching.hears(FLAT + "stop/status", "online")

    def test_a_broker_that_is_started_anew(self):
        self.broker.stop()
        broker = self.start_broker(persistence=True, fixed_port=True)
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{broker.port}"
        self.broker = broker
        self.make_flat()
        self.start_home()
        first = self.watch()
        first.client.wait_message(lambda _: first.heard(OWN + "status")[-1:] == ["online"], "online")
        ring = self.ring(self.bob, timeout_ms=60_000, on_inviter_lost="keep")
        first.hears(FLAT + "trigger", "rung")
        for client in (self.alice, self.bob, first.client):
            client.leave()
        broker.restart()
        alice = self.connect(broker, "alice")
        watching = self.watch()
        watching.client.wait_message(lambda _: watching.heard(OWN + "status")[-1:] == ["online"], "online")
        watching.client.wait_message(lambda _: watching.heard(FLAT + "state")[-1:] == ["ringing"], "ringing")
        self.assertEqual(watching.heard(FLAT + "trigger"), [])
        self.assert_ok(alice.ask(f"invitation/{ring}/accept"))
        watching.hears(FLAT + "trigger", "answered")

    def test_home_assistant_at_another_broker_which_knows_no_beckon(self):
        self.make_flat()
        other = self.make_broker(plugin=False, allow_anonymous=False, config="password_file {dir}/passwords")
        passwords = os.path.join(other.directory, "passwords")
        for user in ("ha", "mqtt-user"):
            subprocess.run(["mosquitto_passwd", "-b", *([] if os.path.exists(passwords) else ["-c"]), passwords, user,
                            f"{user}'s"], check=True, capture_output=True)
        other.start()
        client = self.keep(Client(other, "ha", subscribe=False, password="ha's"))
        watching = HomeAssistant(client)
        self.addCleanup(watching.check)
        self.start_home(*self.GROUP, "--mqtt-server", f"127.0.0.1:{other.port}", "--mqtt-user", "mqtt-user",
                        "--mqtt-password-file", self.file("password", "mqtt-user's\n"))
        watching.hears(FLAT + "stop/status", "online")
        ring = self.ring(self.bob)
        watching.hears(FLAT + "trigger", "rung")
        watching.presses("group/flat-3/stop")
        self.bob.wait_event("invitation_cancelled", id=ring, by="home")
        for client in (self.alice, self.bob):
            client.leave()
        self.broker.stop()  # Beckon goes, and Home Assistant's broker stays
        watching.hears(OWN + "status", "offline")

    def test_both_connections_go_by_tls_and_trust_nobody_else(self):
        for authority in ("ours", "theirs"):
            make_authority(self.directory, authority)
        make_certificate(self.directory, "broker", "ours", alternatives="IP:127.0.0.1")
        port = port_that_stays_free()
        broker = self.start_broker(config="\n".join([
            f"listener {port} 127.0.0.1", f"certfile {self.file('broker.crt')}", f"keyfile {self.file('broker.key')}"]))
        self.environment["BECKON_SERVER"] = f"mqtts://127.0.0.1:{port}"
        watching = self.watch(broker)
        self.start_home(*self.GROUP, "--ca", "theirs.crt").says("no connection to Home Assistant's broker")
        self.assertEqual(watching.client.messages, [])
        self.start_home(*self.GROUP, "--ca", "ours.crt")
        watching.hears(OWN + "status", "online")

    def test_home_assistants_broker_by_websockets(self):
        other = self.start_broker(plugin=False, websockets=True)
        watching = self.watch(other)
        self.start_home(*self.GROUP, "--mqtt-server", f"ws://127.0.0.1:{other.websockets_port}")
        watching.hears(OWN + "status", "online")

    def test_missing_rights_are_told_with_what_to_do(self):
        other = self.make_broker(plugin=False, config="acl_file {dir}/acl")
        with open(os.path.join(other.directory, "acl"), "w", encoding="utf-8") as acl:
            acl.write("user home\ntopic readwrite beckon-ha/home/#\ntopic read homeassistant/status\n")
        other.start()
        home = self.start_home(*self.GROUP, "--mqtt-server", f"127.0.0.1:{other.port}", "--mqtt-user", "home")
        home.says("does not deliver what I publish at " + DISCOVERY)

    def test_what_cannot_be_configured(self):
        for words, told in (
                (("--group", "flat 3"), "--group: 'flat 3' is no id: 1 to 64 of A-Z a-z 0-9 . _ @ : -"),
                (("--door", "door"), "--door: 'door' is no USER=WORD, or that and =NAME"),
                (("--mqtt-server", "http://home"), "--mqtt-server: begins with none of mqtt:// mqtts:// ws:// wss://"),
                (("--mqtt-user", "me"), "--mqtt-server: --mqtt-user, --mqtt-password-file and --mqtt-ca are of another "
                                        "broker than Beckon's, which this is to name")):
            with self.subTest(words):
                self.assertEqual(self.run_to_end("home", "home-assistant", *words), (USAGE, [f"beckon: {told}"]))
        file = self.file("config.toml", 'user = "home"\n[home-assistant]\ngroup = ["a b"]\n')
        self.assertEqual(
            self.run_to_end(None, "--config", file, "home-assistant"),
            (USAGE, [f"beckon: --group (in {file}): 'a b' is no id: 1 to 64 of A-Z a-z 0-9 . _ @ : -"]))
        file = self.file("config.toml", 'user = "home"\n[home-assistant]\ngroups = ["a"]\n')
        self.assertEqual(self.run_to_end(None, "--config", file, "home-assistant"),
                         (USAGE, [f"beckon: {file}: home-assistant.groups is no option of beckon"]))

    def test_the_example_of_a_configuration(self):
        example = pathlib.Path(__file__).parents[2] / "examples" / "home-assistant.toml"
        code, lines = self.run_to_end(None, "--config", str(example), "home-assistant", "--print",
                                      BECKON_PASSWORD_FILE="/dev/null/none")
        self.assertEqual(code, USAGE, lines)  # its password is a file that is not there
        code, lines = self.run_to_end(None, "--config", str(example), "--password-file",
                                      self.file("password", "secret\n"), "home-assistant", "--print")
        self.assertEqual(code, DONE, lines)
        jsonschema.Draft202012Validator(schema("discovery")).validate(json.loads(lines[0]))
        self.assertNotIn("secret", lines[0])


if __name__ == "__main__":
    unittest.main()
