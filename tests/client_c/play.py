# SPDX-License-Identifier: Apache-2.0
"""Speaks with the player (player.c) of libbeckon-c, wherever that runs."""

import ast
import subprocess

import msgpack


class Lines(Exception):
    """What came was not what was expected."""


def decoded(value):
    """What the player wrote of a value: texts as `t` and hex digits, binary as `b`."""
    if isinstance(value, str):
        data = bytes.fromhex(value[1:])
        return data.decode() if value[0] == "t" else data
    if isinstance(value, list):
        return [decoded(one) for one in value]
    if isinstance(value, dict):
        return {decoded(key): decoded(one) for key, one in value.items()}
    return value


def own(text):
    """Of the player's own: the keys, and words of the contract, are plain; texts of messages are not."""
    def plain(key, value):
        if key in ("told", "role", "state"):
            return value
        return decoded(value)
    return {key: plain(key, value) for key, value in ast.literal_eval(text).items()}


def two(text):
    """`{own} {whole}`: what is known of it, over what came."""
    parsed = text.split("} {", 1)
    if len(parsed) == 1:
        return own(text), {}
    return own(parsed[0] + "}"), decoded(ast.literal_eval("{" + parsed[1]))


def data_word(data):
    if data is None:
        return "-"
    return "b" + data.hex() if isinstance(data, bytes) else "t" + data.encode().hex()


class Player:
    """One device of bob's. `sent` and `told` are what came of the steps so far, in order."""

    def __init__(self, command, sync_limit=0, prefix="r", device="bobs-own"):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.begin(sync_limit, prefix, device)

    def begin(self, sync_limit=0, prefix="r", device="bobs-own"):
        """As from the start."""
        self.time = (1 << 32) - 10_000  # the device's clock wraps soon
        self.due = None
        self.sent, self.told, self.calls, self.log = [], [], {}, []
        self.step(f"init bob {prefix} {device} {sync_limit}")

    def close(self):
        try:
            self.step("end")
        except Lines:
            pass
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)

    def step(self, line):
        self.log.append(line)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        for answer in iter(self.process.stdout.readline, ""):
            answer = answer.rstrip("\n")
            self.log.append("    " + answer)
            if answer == ".":
                return
            self.take(answer)
        raise Lines("the player ended:\n" + "\n".join(self.log[-30:]))

    def take(self, answer):
        word, _, rest = answer.partition(" ")
        if word == "sent":
            topic, payload = rest.split(" ")
            self.sent.append((topic.removeprefix("beckon/v1/"), bytes.fromhex(payload)))
        elif word == "told":
            mine, came = two(rest)
            self.told.append({**came, **mine})
        elif word == "result":
            call, _, rest = rest.partition(" ")
            mine, came = two(rest)
            self.told.append({**came, **mine, "told": "result", "call": self.calls.get(int(call), call)})
        elif word == "link":
            self.told.append({"told": "link", "link": rest})
        elif word == "called":
            self.called = int(rest)
        elif word == "next":
            self.due = None if int(rest) == 0xffffffff else self.time + int(rest)
        elif word.startswith(("{", "[", "'")):
            self.value = decoded(ast.literal_eval(answer))
        elif word not in ("subscribe", "will"):
            raise Lines(f"the player says: {answer}")

    def do(self, what, rest=""):
        self.step(f"{what} {self.time % (1 << 32)} {rest}".rstrip())

    def deliver(self, kind, body):
        self.do(kind, msgpack.packb(body).hex())

    def wait(self, duration):
        """What is due is done at its time."""
        until = self.time + duration
        while self.due is not None and self.due <= until:
            self.time = self.due
            self.do("advance")
            if self.due == self.time:
                raise Lines("what is due is not done:\n" + "\n".join(self.log[-10:]))
        self.time = until

    def call(self, name, verb, words):
        self.do("call", f"{verb} {words}")
        if self.called > 0:
            self.calls[self.called] = name
            for one in self.told:
                if one.get("told") == "result" and one["call"] == str(self.called):
                    one["call"] = name
        return self.called


VISIBILITIES = [None, "members", "invitees", "inviter"]


def ask(player, name, topic, body):
    """The call of a request, as the scenarios and vectors spell it. None: there is no such call."""
    place, about, verb = topic.split("/")
    known = {"data", "req", "device"} | {
        "invite": {"id", "timeout_ms", "also", "invitees", "answer", "call", "online_only", "on_inviter_lost",
                   "visibility", "replace"},
        "reject": {"reason"}, "hangup": {"reason", "all"}, "signal": {"to", "seq"},
        "message": {"id", "online_only"}}.get(verb, set())
    if verb not in ("invite", "accept", "reject", "cancel", "ringing", "signal", "join", "hangup", "resume", "message"):
        return None
    if place == "group" and verb not in ("invite", "message"):
        return None
    if not set(body) <= known or body.get("timeout_ms", 0) >= 1 << 32:
        return None
    traits = sum(bit for bit, is_set in {
        1: body.get("call"), 2: body.get("online_only"), 4: body.get("replace"), 8: body.get("all"),
        16: body.get("answer") == "first", 32: body.get("on_inviter_lost") == "keep"}.items() if is_set)
    others = [body["to"]] if "to" in body else body.get("also" if place == "user" else "invitees", [])
    words = [body.get("id", "x") if place != "invitation" else about, about if place == "user" else "-",
             about if place == "group" else "-", data_word(body.get("data")), str(body.get("timeout_ms", 30000)),
             str(traits), str(VISIBILITIES.index(body.get("visibility"))), data_word(body.get("reason")), *others]
    return player.call(name, verb, " ".join(words))
