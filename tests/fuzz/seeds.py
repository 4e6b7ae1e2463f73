# SPDX-License-Identifier: Apache-2.0
"""Writes what the fuzzers start from: seeds.py DIRECTORY VECTORS.json..."""
import json
import pathlib
import random
import sys

target = pathlib.Path(sys.argv[1])
# In the order of wire_fuzz.cpp's topics; the vectors' words.
verbs = ["invite", "accept", "reject", "cancel", "modify", "ringing", "add", "get", "sync",
         "group_invite", "group_create", "group_join", "group_quit", "group_dismiss", "group_get", "group_update",
         "group_add", "group_remove", "group_role", "group_transfer", "groups", "message",
         "join", "signal", "hangup", "resume", "history", "here", "online", "open"]
reply, event = len(verbs), len(verbs) + 1


def write(fuzzer, name, data):
    directory = target / fuzzer
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(bytes(data))


def kind_of(vector):
    what, _, verb = vector["kind"].partition(":")
    if what == "request":
        return verbs.index(verb)
    return {"reply": reply, "event": event}.get(what)


def text(payload):
    return bytes([len(payload)]) + payload


# Steps of a story, as switchboard_fuzz.cpp reads them.
people = {"alice": 0, "bob": 1, "carol": 2, "dave": 3}


def who(name, device=0):
    return bytes([people[name] + 4 * device])


def online(name):
    return bytes([2, people[name]])


def offline(name):
    return bytes([3, people[name]])


def wait(ms):
    return bytes([0, ms // 256, ms % 256])


def invite(sender, invitee, payload):
    return bytes([5, people[invitee]]) + who(sender) + text(payload)


about_invitation = ["accept", "reject", "cancel", "modify", "ringing", "add", "get", "join", "signal", "hangup",
                    "resume"]


def about(verb, sender, payload=b"", device=0, id=0):
    return bytes([8, id + 4 * about_invitation.index(verb)]) + who(sender, device) + text(payload)


group_verbs = ["invite", "create", "join", "quit", "add", "remove", "role", "update", "transfer", "dismiss", "get",
               "message"]


def in_group(verb, sender, payload=b""):
    return bytes([14, 2 * group_verbs.index(verb)]) + who(sender) + text(payload)


def sync(sender):
    return bytes([7, people[sender]]) + who(sender) + text(b"")


def publish(topic, sender, payload):
    return bytes([4]) + text(topic) + bytes([0]) + who(sender) + text(payload)


ring = b'{"id":"i","data":"ring","also":["carol"]%s}'
everyone = online("alice") + online("bob") + online("carol")
stories = {
    "answers": everyone + invite("alice", "bob", ring % b"") + about("ringing", "bob") +
               about("accept", "bob", b'{"data":"yes"}') + about("accept", "bob") +
               about("reject", "carol", b'{"reason":"busy"}') + about("get", "alice"),
    "call": everyone + invite("alice", "bob", ring % b',"call":true') + about("accept", "bob") +
            about("signal", "bob", b'{"seq":7,"data":"sdp"}') + about("hangup", "bob") + about("join", "bob") +
            about("resume", "alice", device=1) + offline("alice") + bytes([1, 1]),
    "replace": everyone + invite("alice", "bob", ring % b"") + invite("alice", "bob", b'{"id":"j","replace":true}'),
    "first": everyone + invite("alice", "bob", ring % b',"answer":"first"') +
             about("accept", "bob", device=1) + about("accept", "carol") + sync("carol"),
    "cancel": everyone + invite("alice", "bob", ring % b',"visibility":"inviter"') +
              about("cancel", "alice", b'{"invitees":["bob"]}') + about("cancel", "alice") +
              about("cancel", "alice"),
    "add": everyone + invite("alice", "bob", ring % b"") + about("modify", "alice", b'{"data":"x"}') +
           about("accept", "bob") + about("add", "bob", b'{"invitees":["dave","carol"]}') +
           wait(40000) + about("get", "dave"),
    "lost": everyone + invite("alice", "bob", ring % b"") + offline("alice") + bytes([1, 1]),
    "keep": everyone + invite("alice", "bob", ring % b',"on_inviter_lost":"keep","timeout_ms":0') +
            offline("alice") + wait(60000),
    "again": everyone + invite("alice", "bob", ring % b"") * 3 + invite("bob", "alice", ring % b"") +
             invite("alice", "dave", b'{"online_only":true}') + sync("alice"),
    "group": everyone + in_group("create", "alice", b'{"members":["bob"]}') + in_group("join", "carol") +
             in_group("invite", "alice", b'{"id":"i"}') + about("accept", "bob") + in_group("quit", "carol") +
             in_group("role", "alice", b'{"user":"bob","role":"admin"}') + sync("bob") + in_group("dismiss", "alice"),
    "topics": publish(b"user/bob/invite/alice", "alice", b'{"id":"j"}') +
              publish(b"invitation/j/accept/bob", "bob", b"\x80") +
              publish(b"invitation/j/accept/bob", "carol", b"") + publish(b"x/y", "bob", b"{}"),
}
for name, story in stories.items():
    write("switchboard", name, story)

for path in map(pathlib.Path, sys.argv[2:]):
    for number, vector in enumerate(json.loads(path.read_text())):
        kind = kind_of(vector)
        if kind is None:
            continue
        payloads = {"json": vector["json"].encode(), "msgpack": bytes.fromhex(vector["msgpack"])}
        for encoding, payload in payloads.items():
            name = f"{path.stem}-{number}-{encoding}"
            write("wire", name, bytes([kind]) + payload)
            if kind < reply and len(payload) < 256:
                verb = verbs[kind]
                step = (invite("alice", "bob", payload) if verb == "invite" else
                        about(verb, "bob" if verb in ("accept", "reject", "ringing") else "alice", payload)
                        if verb in about_invitation else
                        in_group(verb.removeprefix("group_"), "alice", payload)
                        if verb == "message" or verb.startswith("group_") else
                        publish((b"operator/" if verb in ("online", "open") else b"user/alice/") + verb.encode(),
                                "alice", payload))
                write("switchboard", name, everyone + invite("alice", "bob", ring % b"") + step)

# Stories of those whose bytes choose what happens: by chance, some of each length.
for fuzzer in ["device", "gate", "plugin", "store"]:
    for number in range(60):
        chance = random.Random(number)
        write(fuzzer, f"chance-{number}", chance.randbytes(chance.choice([20, 100, 400, 1000])))

(target / "done").touch()
