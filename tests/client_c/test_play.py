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


class Limits(unittest.TestCase):
    """With the tables that it has by itself: what does not fit is told."""

    def setUp(self):
        if "larger" in COMMAND[0]:
            self.skipTest("of the tables that it has by itself")
        self.player = a_player()
        self.connect()

    def connect(self, invitations=()):
        self.player.do("connected", "0")
        self.answer("here")
        self.answer("sync", server_epoch="e", invitations=list(invitations))
        self.told()

    def answer(self, verb, **body):
        """The reply to the last request of that verb."""
        asked = [one for one in self.player.sent if one[0].split("/")[-2] == verb][-1]
        self.player.sent.remove(asked)
        topic, payload = asked
        head = {"re": verb, "req": msgpack.unpackb(payload)["req"], "ok": "error" not in body,
                "device": "b100000000000000"}
        self.player.deliver("reply", {**head, **body})
        return topic

    def ring(self, name, invitees=("bob",), **more):
        self.player.deliver("event", {"event": "new_invitation", "id": name, "rev": 1, "by_device": "a" * 16,
                                      "inviter": "alice", "invitees": list(invitees), "remaining_ms": 30000, **more})

    def told(self):
        told, self.player.told = self.player.told, []
        return told

    def test_a_ring_for_which_there_is_no_room_is_told_and_rings_once_there_is(self):
        for name in ("r1", "r2", "r3", "r4"):
            self.ring(name)
        self.told()
        self.ring("r5")
        self.assertEqual([(one["told"], one["id"]) for one in self.told()], [("left_out", "r5")])
        self.player.deliver("event", {"event": "invitation_timeout", "id": "r1", "rev": 2, "invitees": ["bob"]})
        self.assertEqual([one["told"] for one in self.told()], ["invitation_timeout", "ended"])
        self.player.wait(1)
        open_now = [{"id": name, "inviter": "alice", "rev": 1, "remaining_ms": 20000, "invitees": [{"user": "bob"}]}
                    for name in ("r2", "r3", "r4", "r5")]
        self.answer("sync", server_epoch="e", invitations=open_now)
        self.assertEqual([(one["told"], one["id"]) for one in self.told()], [("new_invitation", "r5")])

    def test_what_is_over_for_this_user_gives_way_to_what_rings(self):
        for name in ("r1", "r2", "r3", "r4"):
            self.ring(name, ("bob", "carol"))
        self.player.deliver("event", {"event": "invitee_rejected", "id": "r2", "rev": 2, "by": "bob",
                                      "by_device": "c" * 16, "invitee": "bob", "reason": "declined"})
        self.told()
        self.ring("r5")
        self.assertEqual([(one["told"], one["id"]) for one in self.told()], [("new_invitation", "r5")])
        self.player.deliver("event", {"event": "invitee_rejected", "id": "r2", "rev": 3, "by": "carol",
                                      "by_device": "c" * 16, "invitee": "carol", "reason": "declined"})
        self.assertEqual((self.told(), self.player.sent), ([], []))

    def test_of_many_invitees_some_are_known_and_oneself_always(self):
        others = [f"user{number}" for number in range(12)]
        self.ring("r1", [*others, "bob"])
        ring, left_out = self.told()
        self.assertEqual((ring["told"], ring["left_out"], ring["invitees"]), ("new_invitation", 5, [*others[:7], "bob"]))
        self.assertEqual((left_out["told"], left_out["id"], left_out["left_out"]), ("left_out", "r1", 5))
        self.player.deliver("event", {"event": "invitee_accepted", "id": "r1", "rev": 2, "by": "user11",
                                      "by_device": "c" * 16, "invitee": "user11"})
        self.assertEqual([(one["told"], one["invitee"]) for one in self.told()], [("invitee_accepted", "user11")])
        self.player.deliver("event", {"event": "invitation_cancelled", "id": "r1", "rev": 3, "by": "user11",
                                      "by_device": "c" * 16, "inviter": "alice", "invitees": [*others[:11], "bob"],
                                      "reason": "answered"})
        self.assertEqual([(one["told"], one.get("state")) for one in self.told()],
                         [("invitation_cancelled", None), ("ended", "cancelled")])

    def test_a_large_group_that_it_rings_is_over_when_nobody_is_left(self):
        users = [f"user{number}" for number in range(12)]
        ask(self.player, "ring", "group/g/invite", {"id": "r1", "answer": "first"})
        self.answer("invite", id="r1", rev=1, remaining_ms=30000)
        get = {"id": "r1", "inviter": "bob", "group": "g", "role": "inviter", "answer": "first", "rev": 1,
               "remaining_ms": 30000, "invitees": [{"user": user} for user in users]}
        self.answer("get", invitation=get)
        self.assertEqual([(one["told"], one.get("left_out")) for one in self.told()], [("result", None), ("left_out", 4)])
        self.player.deliver("event", {"event": "invitee_accepted", "id": "r1", "rev": 2, "by": "user10",
                                      "by_device": "c" * 16, "invitee": "user10"})
        self.assertEqual([(one["told"], one["invitee"]) for one in self.told()], [("invitee_accepted", "user10")])
        ended = [{"user": user, "state": "cancelled", "reason": "answered"} for user in users if user != "user10"]
        self.answer("get", invitation={**get, "rev": 3, "state": "ended",
                                       "invitees": [*ended, {"user": "user10", "state": "accepted"}]})
        self.assertEqual([(one["told"], one.get("state")) for one in self.told()][-1], ("ended", "accepted"))

    def test_calls_beyond_its_tables_hear_so_at_once(self):
        for _ in range(7):
            self.assertGreater(ask(self.player, "one", "invitation/x/ringing", {}), 0)
        self.assertEqual(ask(self.player, "one", "invitation/x/ringing", {}), -1)

    def test_data_that_does_not_fit_is_never_cut(self):
        self.assertEqual(ask(self.player, "one", "invitation/x/accept", {"data": "x" * 600}), -4)
        self.assertGreater(ask(self.player, "two", "invitation/x/accept", {"data": "x" * 500}), 0)
        self.assertEqual(ask(self.player, "three", "invitation/x/accept", {"data": "x" * 100}), -1)
        self.assertEqual(len(msgpack.unpackb(self.player.sent.pop()[1])["data"]), 500)

    def test_what_is_no_id_and_too_many_invitees_are_refused(self):
        for name in ("", "a/b", "x" * 65, "#"):
            self.assertEqual(ask(self.player, "one", f"user/{name or '%'}/invite".replace("a/b", "a+b"), {}), -2)
        also = [f"user{number}" for number in range(8)]
        self.assertEqual(ask(self.player, "one", "user/alice/invite", {"also": also}), -2)
        self.assertGreater(ask(self.player, "one", "user/alice/invite", {"also": also[:7]}), 0)

    def test_a_signal_is_to_one_or_all_and_no_trait_is_where_it_does_not_belong(self):
        self.assertEqual(self.player.call("one", "signal", "x - - t61 0 63 0 - alice carol"), -2)
        self.assertGreater(self.player.call("two", "signal", "x - - t61 0 63 0 - alice"), 0)
        self.assertEqual(set(msgpack.unpackb(self.player.sent.pop()[1])), {"req", "device", "data", "seq", "to"})
        self.assertEqual(self.player.call("three", "accept", "x - - - 0 0 0 - alice"), -2)

    def test_a_packet_that_the_applications_buffer_does_not_hold_ends_that_call(self):
        self.player.do("buffer", "200")
        ask(self.player, "one", "invitation/x/accept", {"data": "x" * 300})
        self.assertEqual([(one["told"], one["error"]) for one in self.told()], [("result", "too_large")])
        self.player.do("buffer", "1000")

    def test_a_message_that_was_too_large_for_the_application_is_found_out_about(self):
        self.player.do("missed", "event")
        self.answer("sync", server_epoch="e", invitations=[
            {"id": "r1", "inviter": "alice", "rev": 1, "remaining_ms": 20000, "invitees": [{"user": "bob"}]}])
        self.assertEqual([one["told"] for one in self.told()], ["new_invitation"])

    def test_a_list_that_was_too_large_is_asked_for_one_by_one(self):
        self.player.do("missed", "event")
        self.player.do("missed", "reply")
        self.assertEqual(msgpack.unpackb(self.player.sent[-1][1])["limit"], 1)
        self.player.do("missed", "reply")
        self.assertEqual([(one["told"], one.get("id")) for one in self.told()], [("left_out", None)])

    def test_nothing_is_left_of_a_thousand_calls(self):
        for number in range(1000):
            self.player.wait(100)  # at the pace of the broker
            ask(self.player, "ring", "user/alice/invite", {"id": f"ring{number}", "call": True, "data": "front"})
            self.answer("invite", id=f"ring{number}", rev=1, remaining_ms=30000)
            for event in ({"event": "invitee_accepted", "rev": 2, "by": "alice", "invitee": "alice"},
                          {"event": "call_ended", "rev": 2, "by": "alice", "reason": "hangup", "duration_ms": 5000}):
                self.player.deliver("event", {"id": f"ring{number}", "by_device": "a" * 16, **event})
        told = self.told()
        self.assertEqual([sum(one["told"] == what for one in told) for what in ("result", "ended", "call_ended")],
                         [1000] * 3)
        self.assertIsNone(self.player.due)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    COMMAND = arguments[:split]
    unittest.main(argv=[sys.argv[0], *arguments[split + 1:]])
