# SPDX-License-Identifier: Apache-2.0
"""libbeckon-c plays schemas/scenarios, and reads and writes the golden vectors.

Usage: test_play.py PLAYER [ARGUMENT...] [-- UNITTEST...]: the player (player.c), built for this machine, or run in
an emulator."""

import json
import pathlib
import re
import sys
import unittest

import msgpack

from play import Player, ask

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
COMMAND = []
PLAYERS = []


def a_player(**options):
    """One plays all, since to start an emulator takes a while."""
    if not PLAYERS:
        PLAYERS.append(Player(COMMAND))
    PLAYERS[0].begin(**options)
    return PLAYERS[0]


def tearDownModule():
    for player in PLAYERS:
        player.close()


def has(found, wanted):
    return all(found.get(key) == value for key, value in wanted.items())


class Scenario:
    def __init__(self):
        self.player = a_player()
        self.asked = {}

    def play(self, line):
        step, _, rest = line.partition(" ")
        match = re.fullmatch(r"([^{ ]\S*)? ?(.*)", rest)
        word, text = match[1], match[2]
        getattr(self, step)(word, text)

    @staticmethod
    def body(text):
        return json.loads(text) if text else {}

    def connect(self, word, _):
        self.player.do("connected", word or "0")

    def cut(self, word, _):
        self.player.do("disconnected", "1" if word == "too_large" else "0")

    def status(self, _, text):
        # It reads no JSON: the application tells what it knows.
        status = self.body(text)
        limits = status.get("limits", {})
        told = [limits.get(name, 0) for name in ("max_payload_bytes", "requests_per_second", "requests_burst")]
        self.player.do("limits", " ".join(map(str, told)) + (" 1" if status.get("presence") == "told" else " 0"))

    def event(self, _, text):
        self.player.deliver("event", self.body(text))

    def reply(self, topic, text):
        body = self.body(text)
        ok = "error" not in body
        head = {"re": topic.split("/")[-2], "req": self.asked[topic]["req"], "ok": ok, "device": "b100000000000000"}
        self.player.deliver("reply", {**head, **({} if ok else {"message": "no"}), **body})

    def after(self, _, text):
        pass

    def busy(self, _, text):
        if not text:
            return self.player.do("busy", "0 -")
        return self.player.do("busy", "1 t" + self.body(text)["data"].encode().hex())

    def call(self, name, text):
        topic, _, body = text.partition(" ")
        if not ask(self.player, name, topic, self.body(body)):
            raise unittest.SkipTest(f"it cannot ask {topic}")
        if self.player.called == -4:
            raise unittest.SkipTest("more data than its table holds")
        assert self.player.called > 0, self.player.called

    def sent(self, topic, text):
        found_topic, payload = self.player.sent.pop(0)
        found = msgpack.unpackb(payload)
        assert found_topic == topic, f"{found_topic} was sent"
        assert has(found, self.body(text)), found
        assert found["device"] == "bobs-own", found
        self.asked[topic] = found

    def silent(self, *_):
        assert not self.player.sent, self.player.sent

    def told(self, _, text):
        found = self.player.told.pop(0)
        assert has(found, self.body(text)), found

    def quiet(self, *_):
        assert not self.player.told, self.player.told

    def pass_time(self, text):
        count, unit = re.fullmatch(r"(\d+)\s*(s|ms)", text).groups()
        self.player.wait(int(count) * (1000 if unit == "s" else 1))


class Scenarios(unittest.TestCase):
    pass


def scenario_test(path):
    def test(self):
        scenario = Scenario()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            try:
                if line.startswith("after "):
                    scenario.pass_time(line[6:])
                else:
                    scenario.play(line)
            except (AssertionError, IndexError) as error:
                log = "\n".join(scenario.player.log[-12:])
                self.fail(f"{path.name}:{number}: {line}\n{error}\n{log}")
    return test


for one in sorted((SCHEMAS / "scenarios").glob("*.txt")):
    setattr(Scenarios, f"test_{one.stem}", scenario_test(one))


def vectors(name):
    return json.loads((SCHEMAS / "vectors" / f"{name}.json").read_text())


class Vectors(unittest.TestCase):
    def test_it_reads_each_event_and_reply_as_it_was_meant(self):
        player = a_player()
        count = 0
        for name in ("events", "replies"):
            for vector in vectors(name):
                with self.subTest(name=vector["name"], kind=vector["kind"]):
                    player.step(f"value {vector['msgpack']}")
                    self.assertEqual(player.value, self.told(msgpack.unpackb(bytes.fromhex(vector["msgpack"]))))
                    count += 1
        self.assertGreater(count, 200)

    def test_what_it_asks_is_what_the_vectors_ask(self):
        played = set()
        for vector in vectors("requests"):
            body = msgpack.unpackb(bytes.fromhex(vector["msgpack"]))
            kind = vector["kind"].removeprefix("request:")
            place = "group" if kind.startswith("group_") else "user" if kind in ("invite", "message") else "invitation"
            with self.subTest(name=vector["name"], kind=kind):
                player = a_player()
                player.do("connected", "0")
                player.deliver("reply", {"re": "sync", "req": "r:1", "ok": True, "device": "b100000000000000",
                                         "server_epoch": "e", "invitations": []})
                player.sent.clear()
                if not ask(player, "one", f"{place}/y/{kind.removeprefix('group_')}", body):
                    continue
                if player.called == -4 or (player.called == -2 and len(body.get("also", [])) > 7):
                    continue  # more than its tables hold, and it says so
                self.assertGreater(player.called, 0)
                topic, payload = player.sent.pop(0)
                found = msgpack.unpackb(payload)
                self.assertEqual(topic, f"{place}/y/{kind.removeprefix('group_')}/bob")
                self.assertEqual(self.meant(kind, found), self.meant(kind, body))
                self.assertEqual(payload, msgpack.packb(found), "not the shortest form")
                played.add(kind)
        self.assertLessEqual({"invite", "group_invite", "accept", "reject", "cancel", "ringing", "signal", "join",
                              "hangup", "resume", "message"}, played)

    @classmethod
    def told(cls, value):
        """Of numbers below 0, which only a `req` of somebody else has, it tells that they are none of its own."""
        if isinstance(value, dict):
            return {key: cls.told(one) for key, one in value.items()}
        if isinstance(value, list):
            return [cls.told(one) for one in value]
        return None if isinstance(value, int) and value < 0 else value

    @staticmethod
    def meant(kind, body):
        """Without what is each device's own; and what may be left out is."""
        usual = {"also": [], "answer": "all", "call": False, "online_only": False, "on_inviter_lost": "cancel",
                 "visibility": "members" if kind.startswith("group") else "invitees", "replace": False, "all": False,
                 "reason": {"reject": "declined", "hangup": "hangup"}.get(kind), "timeout_ms": 30000}
        return {key: value for key, value in body.items()
                if key not in ("req", "device", "seq", "id") and usual.get(key, ()) != value}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    COMMAND = arguments[:split]
    unittest.main(argv=[sys.argv[0], *arguments[split + 1:]])
