# SPDX-License-Identifier: Apache-2.0
"""beckon, the command-line client, against a real broker, among clients that nobody of this project wrote.

Environment:
  BECKON_CLI            path of beckon
  BECKON_CLI_DOCUMENTS  the directory of beckon.1, beckon.bash, beckon.zsh and beckon.fish
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

from harness import PATIENCE, SystemTest, port_that_stays_free
from proxy import Proxy
from test_client_transports import make_authority, make_certificate

PROGRAM = os.environ["BECKON_CLI"]
DOCUMENTS = os.environ["BECKON_CLI_DOCUMENTS"]
DONE, REJECTED, TIMED_OUT, CANCELLED, REFUSED, UNREACHABLE, USAGE = 0, 1, 2, 3, 4, 5, 64
# What steers a terminal, or turns a line around; a line break ends a line and is no part of it.
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = "a\x1b[2Jb\rc\nkitchen accepted\x9b\u202ed \"$(touch pwned)`touch pwned`'; touch pwned; '"


class Running:
    """beckon in the background; all that it prints, line by line."""

    def __init__(self, words, environment, directory, terminal=False):
        self.what = " ".join(words)
        self.text = ""
        self._changed = threading.Condition()
        self._ended = False
        self._terminal = None
        if terminal:
            self._terminal, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
            self.process = subprocess.Popen([PROGRAM, *words], env=environment, cwd=directory, stdin=theirs,
                                            stdout=theirs, stderr=theirs, start_new_session=True,
                                            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            self.settings = lambda: termios.tcgetattr(theirs)
            self._theirs = theirs
            source = self._terminal
        else:
            self.process = subprocess.Popen([PROGRAM, *words], env=environment, cwd=directory,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)
            source = self.process.stdout.fileno()
        self._reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._reader.start()

    def _read(self, source):
        while True:
            try:
                more = os.read(source, 65536)
            except OSError:  # how a terminal ends
                more = b""
            with self._changed:
                self.text += more.decode("utf-8", "replace")
                self._ended = not more
                self._changed.notify_all()
                if not more:
                    return

    def lines(self):
        return self.text.split("\n")[:-1]

    def facts(self):
        """What it has told so far, in --json."""
        return [json.loads(line) for line in self.lines() if line.startswith("{")]

    def _wait(self, fits, what):
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                found = fits()
                if found:
                    return found
                if self._ended or not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{self.what}: no {what} in\n{self.text}")

    def says(self, fragment):
        """Waits for a line, or for a place on the screen."""
        return self._wait(lambda: fragment in self.text, fragment)

    def tells(self, **fields):
        """Waits for a JSON line with these fields."""
        return self._wait(lambda: next((facts for facts in self.facts()
                                        if all(facts.get(name) == value for name, value in fields.items())), None),
                          fields)

    def presses(self, key):
        os.write(self._terminal, key.encode())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def ends(self):
        """What it ends with."""
        code = self.process.wait(PATIENCE)
        if self._terminal is None:
            self._reader.join(PATIENCE)
        return code

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self._terminal is not None:
            os.close(self._theirs)
        self._reader.join(PATIENCE)
        if self._terminal is None:
            self.process.stdout.close()
        else:
            os.close(self._terminal)


class CliTest(SystemTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="beckon-cli-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        # Nobody's own settings, and a locale in which foreign text is text.
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("BECKON_", "XDG_", "http_proxy", "https_proxy"))}
        self.environment.update(HOME=self.directory, LC_ALL="C.UTF-8", TERM="xterm")
        self.broker = self.start_broker()
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{self.broker.port}"

    def start(self, user, *words, terminal=False, **environment):
        running = Running([*(["--user", user] if user else []), *words], {**self.environment, **environment},
                          self.directory, terminal)
        self.addCleanup(running.close)
        return running

    def run_to_end(self, user, *words, **environment):
        """Its exit code, and its lines."""
        running = self.start(user, *words, **environment)
        return running.ends(), running.lines()

    def ask_json(self, user, *words, code=DONE):
        """The one line of a request."""
        ended, lines = self.run_to_end(user, "--json", *words)
        self.assertEqual(ended, code, lines)
        return json.loads(lines[-1])

    def listen(self, user, *words, **how):
        listening = self.start(user, "--json", "listen", *words, **how)
        listening.tells(event="connection", state="connected")
        return listening

    def file(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path


class Asking(CliTest):
    """Without a call: over when all have answered."""

    def test_who_is_called_by_whom_and_what_is_said(self):
        bob = self.connect(self.broker, "bob")
        call = self.start("door", "--json", "call", "--no-call", "bob", "--data", "front door", "--timeout", "1m")
        event = bob.wait_event("new_invitation", by="door", data="front door", answer="all", call=False)
        self.assertTrue(0 < event["remaining_ms"] <= 60_000, event)
        self.assert_ok(bob.ask(f"invitation/{event['id']}/ringing"))
        call.tells(event="invitee_ringing", id=event["id"], invitee="bob")
        self.assert_ok(bob.ask(f"invitation/{event['id']}/accept", data="coming"))
        self.assertEqual(call.ends(), DONE)
        call.tells(re="invite", ok=True, id=event["id"])
        call.tells(event="invitee_accepted", id=event["id"], invitee="bob", by="bob", data="coming")
        self.assertEqual(call.facts()[-1] | {"by_device": 0},
                         {"event": "invitation_ended", "id": event["id"], "state": "accepted", "here": False,
                          "by": "bob", "by_device": 0})

    def test_a_sentence_for_people(self):
        bob = self.connect(self.broker, "bob")
        call = self.start("door", "call", "--no-call", "bob")
        event = bob.wait_event("new_invitation")
        self.assert_ok(bob.ask(f"invitation/{event['id']}/reject", reason="busy", data="later"))
        self.assertEqual(call.ends(), REJECTED)
        self.assertEqual([re.sub("device .*?\\)", "device …)", line) for line in call.lines()],
                         [f"ringing [{event['id']}]", 'bob rejected (busy): "later"',
                          "the ring is over: rejected (busy) by bob (device …)"])

    def test_the_first_of_several_takes_it(self):
        bob, carol = self.connect_all(self.broker, "bob", "carol")
        call = self.start("door", "--json", "call", "--no-call", "--first", "bob", "carol")
        invitation = bob.wait_event("new_invitation", answer="first")["id"]
        carol.wait_event("new_invitation", id=invitation)
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        self.assertEqual(call.ends(), DONE)
        call.tells(event="invitation_cancelled", invitees=["bob"], reason="answered")

    def test_members_of_a_group(self):
        bob, carol = self.connect_all(self.broker, "bob", "carol")
        self.assert_ok(self.ask_json("door", "group", "create", "flat", "--member", "bob", "--member", "carol"))
        for whom, names in ([], ["bob", "carol"]), (["carol"], ["carol"]):
            with self.subTest(whom):
                call = self.start("door", "call", "--no-call", "--group", "flat", "--first", *whom)
                event = carol.wait_event("new_invitation", group="flat")
                self.assertEqual(event["invitees"], names)
                self.assert_ok(carol.ask(f"invitation/{event['id']}/accept"))
                self.assertEqual(call.ends(), DONE)
        bob.wait_event("new_invitation", role="observer")

    def test_nobody_answers_in_time(self):
        self.assertEqual(self.run_to_end("door", "call", "--no-call", "bob", "--timeout", "100ms")[0], TIMED_OUT)

    def test_ctrl_c_cancels_before_it_leaves(self):
        bob = self.connect(self.broker, "bob")
        call = self.start("door", "--json", "call", "--no-call", "bob", "--timeout", "0")
        invitation = bob.wait_event("new_invitation")["id"]
        call.tells(re="invite")
        call.interrupt()
        call.interrupt()  # as from a terminal and from who started it
        self.assertEqual(call.ends(), CANCELLED)
        bob.wait_event("invitation_cancelled", id=invitation, reason="cancelled")

    def test_the_end_of_the_terminal_cancels_as_well(self):
        bob = self.connect(self.broker, "bob")
        call = self.start("door", "--json", "call", "--no-call", "bob", "--timeout", "0")
        invitation = bob.wait_event("new_invitation")["id"]
        call.tells(re="invite")
        call.process.send_signal(signal.SIGHUP)
        self.assertEqual(call.ends(), CANCELLED)
        bob.wait_event("invitation_cancelled", id=invitation, reason="cancelled")

    def test_who_is_not_read_any_more_ends(self):
        environment = {**self.environment, "BECKON_USER": "kitchen"}
        with subprocess.Popen([PROGRAM, "--json", "listen"], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as listening:
            listening.stdout.readline()
            listening.stdout.close()
            alice = self.connect(self.broker, "alice")
            self.assert_ok(alice.ask("user/kitchen/message", data="hello"))
            self.assertEqual(listening.wait(PATIENCE), 70)
            self.assertIn("could not be written", listening.stderr.read())
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(subprocess.run([PROGRAM, "history"], env=environment, stdout=full, check=False,
                                            stderr=subprocess.DEVNULL).returncode, 70)

    def test_ctrl_c_before_there_is_a_broker_never_rings(self):
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{port_that_stays_free()}"
        call = self.start("door", "call", "--no-call", "bob")
        call.says("no connection")
        call.interrupt()
        self.assertEqual(call.ends(), CANCELLED)

    def test_what_the_broker_refuses(self):
        code, lines = self.run_to_end("door", "call", "--group", "nowhere")
        self.assertEqual(code, REFUSED)
        self.assertIn("unknown_group", lines[-1])
        self.assert_refused(self.ask_json("door", "call", "--online-only", "bob", code=REFUSED), "user_offline",
                            code=20101)

    def test_another_ring_of_the_same_user_is_another_matter(self):
        bob = self.connect(self.broker, "bob")
        first = self.start("door", "--json", "call", "--no-call", "bob")
        one = bob.wait_event("new_invitation")["id"]
        second = self.start("door", "--json", "call", "--no-call", "bob")
        other = bob.wait_event("new_invitation")["id"]
        self.assert_ok(bob.ask(f"invitation/{other}/reject"))
        self.assertEqual(second.ends(), REJECTED)
        self.assert_ok(bob.ask(f"invitation/{one}/accept"))
        self.assertEqual(first.ends(), DONE)
        self.assertEqual([facts for facts in first.facts() if facts["id"] != one], [])


class Talking(CliTest):
    def talk(self, caller=(), answers=()):
        """The kitchen listens and accepts, the door calls it; both talk. Returns them, and the invitation."""
        kitchen = self.listen("kitchen", "--accept", *answers)
        door = self.start("door", "--json", "call", "kitchen", *caller)
        invitation = door.tells(re="invite", ok=True)["id"]
        kitchen.tells(event="new_invitation", id=invitation, call=True)
        door.tells(event="invitee_accepted", id=invitation)
        return door, kitchen, invitation

    def assert_over(self, running, invitation, reason="hangup"):
        """Each hears once that it is over, and how long it was by the broker's clock."""
        running.tells(event="call_ended", id=invitation, reason=reason)
        self.assertEqual(len([facts for facts in running.facts() if facts.get("event") == "call_ended"]), 1)

    def test_ctrl_c_of_the_caller_hangs_up(self):
        door, kitchen, invitation = self.talk(answers=["--once"])
        door.interrupt()
        self.assertEqual((door.ends(), kitchen.ends()), (DONE, DONE))
        self.assert_over(door, invitation)
        self.assert_over(kitchen, invitation)

    def test_ctrl_c_of_the_one_who_was_called_hangs_up(self):
        door, kitchen, invitation = self.talk()
        kitchen.interrupt()
        self.assertEqual((door.ends(), kitchen.ends()), (DONE, DONE))
        self.assert_over(door, invitation)

    def test_ctrl_c_while_an_accept_is_on_its_way_hangs_up(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        kitchen = self.listen("kitchen", "--accept", BECKON_SERVER=f"mqtt://127.0.0.1:{proxy.port}")
        proxy.hold("to_broker")
        door = self.start("door", "--json", "call", "kitchen")
        invitation = door.tells(re="invite", ok=True)["id"]
        kitchen.tells(event="new_invitation", id=invitation)
        kitchen.interrupt()
        proxy.release()
        self.assertEqual((door.ends(), kitchen.ends()), (DONE, DONE))
        door.tells(event="invitee_accepted", id=invitation)
        self.assert_over(door, invitation)

    def test_another_process_hangs_up_for_all(self):
        door, kitchen, invitation = self.talk()
        self.assert_ok(self.ask_json("door", "hangup", invitation, "--all", "--data", "bye", "--reason", "dinner"))
        self.assertEqual(door.ends(), DONE)
        kitchen.tells(event="call_ended", id=invitation, reason="dinner", data="bye")
        self.assert_refused(self.ask_json("door", "hangup", invitation, code=REFUSED), "already_ended")

    def test_what_one_signals_the_others_hear(self):
        door, kitchen, invitation = self.talk()
        self.assert_ok(self.ask_json("door", "signal", invitation, "--data", "mic off"))
        kitchen.tells(event="signal", id=invitation, **{"from": "door"}, data="mic off")
        self.assert_ok(self.ask_json("kitchen", "signal", invitation, "--to", "door", "--data", "ok"))
        door.tells(event="signal", id=invitation, **{"from": "kitchen"}, data="ok")
        self.assert_refused(self.ask_json("eve", "signal", invitation, "--data", "x", code=REFUSED),
                            "not_participant")

    def test_who_talks_is_told(self):
        _, _, invitation = self.talk()
        state = self.ask_json("kitchen", "status")["invitations"][0]
        self.assertEqual((state["id"], state["call_state"]["participants"]), (invitation, ["door", "kitchen"]))
        watch = self.start("door", "watch", terminal=True)
        watch.says("talks")

    def test_the_caller_leaves_and_the_others_go_on(self):
        running = [self.listen(name, "--accept") for name in ("kitchen", "hall")]
        door = self.start("door", "--json", "call", "kitchen", "hall")
        for name in ("kitchen", "hall"):
            door.tells(event="invitee_accepted", invitee=name)
        door.interrupt()
        self.assertEqual(door.ends(), DONE)
        for listening in running:
            listening.tells(event="participant_left", user="door", reason="hangup")
        running[0].interrupt()
        running[1].tells(event="call_ended")

    def test_who_accepts_or_resumes_stays_until_it_is_over(self):
        bob = self.connect(self.broker, "bob")
        invitation = self.invite(bob, "kitchen", call=True)
        first = self.start("kitchen", "--json", "accept", invitation)
        bob.wait_event("invitee_accepted", id=invitation)
        first.tells(re="accept", ok=True)
        second = self.start("kitchen", "--json", "resume", invitation)
        bob.wait_event("participant_moved", id=invitation, user="kitchen")
        self.assertEqual(first.ends(), DONE)
        second.tells(re="resume", ok=True)
        self.assert_ok(bob.ask(f"invitation/{invitation}/hangup"))
        self.assertEqual(second.ends(), DONE)
        self.assert_over(second, invitation)

    def test_who_hung_up_joins_again(self):
        bob, carol = self.connect(self.broker, "bob"), self.connect(self.broker, "carol")
        invitation = self.invite(bob, "kitchen", also=["carol"], call=True)
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        first = self.start("kitchen", "--json", "accept", invitation)
        bob.wait_event("invitee_accepted", id=invitation, invitee="kitchen")
        first.tells(re="accept", ok=True)
        first.interrupt()
        bob.wait_event("participant_left", id=invitation, user="kitchen")
        second = self.start("kitchen", "--json", "join", invitation, "--data", "sorry")
        bob.wait_event("participant_joined", id=invitation, user="kitchen", data="sorry")
        second.tells(re="join", ok=True)
        self.assert_ok(bob.ask(f"invitation/{invitation}/hangup", all=True))
        second.tells(event="call_ended", id=invitation)
        self.assertEqual(second.ends(), DONE)

    def test_a_key_hangs_up(self):
        bob = self.connect(self.broker, "bob")
        kitchen = self.start("kitchen", "listen", "--once", terminal=True)
        kitchen.says("connected as kitchen")
        invitation = self.invite(bob, "kitchen", call=True)
        kitchen.says("q quits")
        kitchen.presses("a")
        bob.wait_event("invitee_accepted", id=invitation)
        kitchen.says("h hangs up")
        kitchen.presses("h")
        bob.wait_event("call_ended", id=invitation, reason="hangup")
        self.assertEqual(kitchen.ends(), DONE)

    def test_two_who_call_each_other_talk(self):
        door = self.start("door", "--json", "call", "kitchen")
        invitation = door.tells(re="invite", ok=True)["id"]
        kitchen = self.start("kitchen", "--json", "call", "door")
        kitchen.tells(re="invite", ok=True, merged_into=invitation)
        door.tells(event="invitee_accepted", id=invitation, invitee="kitchen")
        kitchen.interrupt()
        self.assertEqual((door.ends(), kitchen.ends()), (DONE, DONE))

    def test_a_call_that_nobody_takes_ends_as_a_ring(self):
        bob = self.connect(self.broker, "bob")
        door = self.start("door", "--json", "call", "bob")
        invitation = bob.wait_event("new_invitation", call=True)["id"]
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject", reason="busy"))
        self.assertEqual(door.ends(), REJECTED)


class Listening(CliTest):
    def test_what_rings_is_told_and_answered(self):
        bob = self.connect(self.broker, "bob")
        for words, answer, code in ((["--accept", "--data", "yes"], ("invitee_accepted", {"data": "yes"}), DONE),
                                    (["--reject", "busy"], ("invitee_rejected", {"reason": "busy"}), REJECTED)):
            with self.subTest(words):
                kitchen = self.listen("kitchen", "--once", *words)
                invitation = self.invite(bob, "kitchen", data="hello")
                kitchen.tells(event="new_invitation", id=invitation, inviter="bob", invitees=["kitchen"],
                              role="invitee", data="hello")
                bob.wait_event(answer[0], id=invitation, **answer[1])
                self.assertEqual(kitchen.ends(), code)
                kitchen.tells(event="invitation_ended", id=invitation, here=True)

    def test_what_rings_already_is_answered_too(self):
        bob = self.connect(self.broker, "bob")
        invitation = self.invite(bob, "kitchen")
        kitchen = self.listen("kitchen", "--accept", "--once")
        bob.wait_event("invitee_accepted", id=invitation)
        self.assertEqual(kitchen.ends(), DONE)

    def test_without_an_answer_it_rings_until_it_ends(self):
        bob = self.connect(self.broker, "bob")
        for end, code in (("timeout", TIMED_OUT), ("cancel", CANCELLED)):
            with self.subTest(end):
                kitchen = self.listen("kitchen", "--once")
                invitation = self.invite(bob, "kitchen", timeout_ms=200 if end == "timeout" else 30_000)
                bob.wait_event("invitee_ringing", id=invitation)
                if end == "cancel":
                    self.assert_ok(bob.ask(f"invitation/{invitation}/cancel"))
                self.assertEqual(kitchen.ends(), code)

    def test_groups_and_messages_are_told(self):
        bob = self.connect(self.broker, "bob")
        kitchen = self.listen("kitchen")
        for verb, body, told in (
                ("create", {"members": ["kitchen"]}, {"event": "group_created"}),
                ("add", {"members": ["carol"]}, {"event": "member_invited", "by": "bob", "members": ["carol"]}),
                ("role", {"user": "carol", "role": "admin"},
                 {"event": "role_changed", "user": "carol", "role": "admin"}),
                ("update", {"name": "Flat"}, {"event": "group_updated", "name": "Flat"}),
                ("message", {"data": "hello"}, {"event": "message", "from": "bob", "data": "hello"}),
                ("remove", {"members": ["carol"]}, {"event": "member_removed", "by": "bob", "members": ["carol"]}),
                ("dismiss", {}, {"event": "group_dismissed", "by": "bob"})):
            with self.subTest(verb):
                self.assert_ok(bob.ask(f"group/flat/{verb}", **body))
                kitchen.tells(group="flat", **told)
        kitchen.interrupt()
        self.assertEqual(kitchen.ends(), DONE)

    def test_keys_answer_at_a_terminal(self):
        bob = self.connect(self.broker, "bob")
        for key, event, fields, code in (("a", "invitee_accepted", {}, DONE),
                                         ("r", "invitee_rejected", {"reason": "declined"}, REJECTED),
                                         ("b", "invitee_rejected", {"reason": "busy"}, REJECTED)):
            with self.subTest(key):
                kitchen = self.start("kitchen", "listen", "--once", terminal=True)
                kitchen.says("connected as kitchen")
                invitation = self.invite(bob, "kitchen")
                kitchen.says("q quits")
                kitchen.presses(key)
                bob.wait_event(event, id=invitation, **fields)
                self.assertEqual(kitchen.ends(), code)
                self.assertTrue(kitchen.settings()[3] & termios.ECHO, "the terminal is as it was")

    def test_a_broker_that_is_restarted_is_found_again(self):
        broker = self.make_broker(fixed_port=True).start()
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{broker.port}"
        kitchen = self.listen("kitchen", "--accept", "--once")
        broker.restart()
        kitchen._wait(lambda: [facts.get("state") for facts in kitchen.facts()].count("connected") == 2, "reconnect")
        self.invite(self.connect(broker, "bob"), "kitchen")
        self.assertEqual(kitchen.ends(), DONE)


class Exec(CliTest):
    FACTS = 'env | grep ^BECKON_ | sort >"$BECKON_EVENT.new" && mv "$BECKON_EVENT.new" "$BECKON_EVENT.facts"'

    def facts_of(self, event):
        path = self.file(f"{event}.facts")
        self.eventually(lambda: os.path.exists(path), bool)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.remove(path)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def test_the_facts_are_in_the_environment(self):
        bob = self.connect(self.broker, "bob")
        self.listen("kitchen", "--accept", "--exec", self.FACTS)
        invitation = self.invite(bob, "kitchen", data="hello", also=["carol"])
        facts = self.facts_of("new_invitation")
        for name, value in (("ID", invitation), ("INVITER", "bob"), ("INVITEES", "kitchen carol"), ("DATA", "hello"),
                            ("ROLE", "invitee"), ("USER", "kitchen"), ("SERVER", self.environment["BECKON_SERVER"])):
            self.assertEqual(facts[f"BECKON_{name}"], value)
        self.assertEqual(self.facts_of("invitation_ended")["BECKON_STATE"], "accepted")
        # `user` of an event is not who this is.
        self.assert_ok(bob.ask("group/flat/create", members=["kitchen", "carol"]))
        self.assert_ok(bob.ask("group/flat/role", user="carol", role="admin"))
        facts = self.facts_of("role_changed")
        self.assertEqual((facts["BECKON_WHO"], facts["BECKON_USER"]), ("carol", "kitchen"))

    def test_what_others_wrote_is_never_code(self):
        bob = self.connect(self.broker, "bob")
        self.listen("kitchen", "--reject", "busy",
                    "--exec", 'printf %s "$BECKON_DATA" >"$BECKON_EVENT.new" && mv "$BECKON_EVENT.new" "$BECKON_EVENT"')
        self.invite(bob, "kitchen", data=HOSTILE)
        path = self.file("new_invitation")
        self.eventually(lambda: os.path.exists(path) and os.path.exists(self.file("invitation_ended")), bool)
        with open(path, encoding="utf-8", newline="") as file:
            self.assertEqual(file.read(), HOSTILE)
        self.assertFalse(os.path.exists(self.file("pwned")))

    def test_what_an_environment_cannot_hold_comes_in_base64(self):
        bob = self.connect(self.broker, "bob")
        self.listen("kitchen", "--exec", self.FACTS)
        for data, coded in ((b"a\0b", "YQBi"), (b"\xff\0", "/wA=")):
            self.invite(bob, "kitchen", data=data)
            facts = self.facts_of("new_invitation")
            self.assertEqual((facts["BECKON_DATA_B64"], facts.get("BECKON_DATA")), (coded, None))

    def test_a_program_may_answer(self):
        bob = self.connect(self.broker, "bob")
        self.listen("kitchen", "--exec", f'[ $BECKON_EVENT != new_invitation ] || "{PROGRAM}" accept "$BECKON_ID"')
        invitation = self.invite(bob, "kitchen")
        bob.wait_event("invitee_accepted", id=invitation)


class Requests(CliTest):
    def test_what_is_open_and_how_it_ended(self):
        bob = self.connect(self.broker, "bob")
        self.assertEqual(self.ask_json("kitchen", "status")["invitations"], [])
        invitation = self.invite(bob, "kitchen", data="hello", also=["carol"])
        info = self.ask_json("kitchen", "status")["invitations"][0]
        self.assertTrue(0 < info.pop("remaining_ms") <= 30_000)
        theirs = bob.ask(f"invitation/{invitation}/get")["invitation"]
        for name in ("remaining_ms", "role"):  # what differs
            theirs.pop(name, None)
        self.assertEqual(info.pop("role"), "invitee")
        self.assertEqual(info, theirs)
        self.assert_ok(self.ask_json("kitchen", "reject", invitation, "--reason", "busy"))
        bob.wait_event("invitee_rejected", id=invitation, reason="busy")
        self.assert_ok(self.ask_json("carol", "accept", invitation, "--data", "yes"))
        ended = self.ask_json("kitchen", "status", invitation)["invitation"]
        self.assertEqual((ended["state"], [(one["user"], one["state"]) for one in ended["invitees"]]),
                         ("ended", [("kitchen", "rejected"), ("carol", "accepted")]))
        self.assert_refused(self.ask_json("kitchen", "status", "nothing", code=REFUSED), "unknown_invitation",
                            code=8010)

    def test_what_has_ended_is_told_page_by_page(self):
        broker = self.start_broker(persistence=True)
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{broker.port}"
        bob, kitchen = self.connect_all(broker, "bob", "kitchen")
        self.assertEqual(self.ask_json("kitchen", "history")["history"], [])
        missed = self.invite(bob, "kitchen")
        self.assert_ok(bob.ask(f"invitation/{missed}/cancel"))
        call = self.invite(bob, "kitchen", call=True)
        self.assert_ok(kitchen.ask(f"invitation/{call}/accept"))
        self.assert_ok(kitchen.ask(f"invitation/{call}/hangup"))
        page = self.ask_json("kitchen", "history", "--limit", "1")
        told = page["history"][0]
        self.assertTrue(all(0 <= told.pop(name) < 60_000 for name in ("age_ms", "ring_ms", "talk_ms")), told)
        self.assertEqual(told, {"id": call, "inviter": "bob", "invitees": [{"user": "kitchen", "state": "accepted"}],
                                "reason": "hangup", "role": "invitee", "missed": False})
        rest = self.ask_json("kitchen", "history", "--before", page["next"])
        self.assertEqual([(one["id"], one["missed"]) for one in rest["history"]], [(missed, True)])
        self.assertNotIn("next", rest)

    def test_another_device_cancels_some_or_all(self):
        door = self.connect(self.broker, "door")
        invitation = self.invite(door, "bob", also=["carol"])
        self.assert_ok(self.ask_json("door", "cancel", invitation, "bob", "--data", "never mind"),
                       cancelled=["bob"], already=[])
        door.wait_event("invitation_cancelled", invitees=["bob"], data="never mind")
        self.assert_ok(self.ask_json("door", "cancel", invitation), cancelled=["carol"])
        self.assert_refused(self.ask_json("door", "cancel", invitation, code=REFUSED), "already_ended")

    def test_who_was_faster_is_told(self):
        bob = self.connect(self.broker, "bob")
        invitation = self.invite(bob, "kitchen")
        self.assert_ok(self.ask_json("kitchen", "accept", invitation))
        self.assert_refused(self.ask_json("kitchen", "reject", invitation, code=REFUSED), "already_accepted",
                            by="kitchen")


class Keys(CliTest):
    """With --json each line has what the broker tells: another device of the same user hears it from the broker."""

    def assert_has(self, line, told, what=""):
        """`line` has all of what was told, if not the same where that is of a device or a moment."""
        for key, value in told.items():
            if key in ("remaining_ms", "age_ms", "duration_ms") or (key == "device" and "re" in told):
                self.assertIn(key, line, f"{what} {line}")
            elif isinstance(value, dict):
                self.assert_has(line[key], value, f"{what}.{key}")
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                for one, other in zip(line[key], value, strict=True):
                    self.assert_has(one, other, f"{what}.{key}")
            else:
                self.assertEqual(line.get(key), value, f"{what}.{key} of {line}, told {told}")

    def test_of_events(self):
        bob, carol, kitchen = self.connect_all(self.broker, "bob", "carol", "kitchen")
        listening = self.listen("kitchen")

        def group(who, verb, **body):
            self.assert_ok(who.ask(f"group/flat/{verb}", **body))

        def invitation(who, name, verb, **body):
            self.assert_ok(who.ask(f"invitation/{name}/{verb}", **body))

        group(bob, "create", name="Flat", members=["kitchen"])
        group(bob, "add", members=["carol"])
        group(bob, "role", user="carol", role="admin")
        group(carol, "update", name="Flat 3", join_mode="closed", profile={"floor": "3"})
        self.assert_ok(bob.ask("group/flat/invite", id="round", data="all", answer="first", timeout_ms=60000))
        invitation(carol, "round", "reject", reason="busy", data="later")
        invitation(bob, "round", "modify", data="still all")
        invitation(bob, "round", "cancel", data="never mind")
        self.assert_ok(bob.ask("user/kitchen/invite", id="call-1", call=True, also=["carol"]))
        self.assert_ok(bob.ask("user/kitchen/invite", id="call-2", call=True, replace=True, also=["carol"]))
        invitation(kitchen, "call-2", "accept", data="here")
        invitation(carol, "call-2", "accept")
        invitation(bob, "call-2", "signal", data="offer", seq=7)
        invitation(carol, "call-2", "hangup", data="bye")
        invitation(carol, "call-2", "join", data="back")
        invitation(bob, "call-2", "hangup", all=True)
        self.assert_ok(bob.ask("user/kitchen/message", id="m-1", data="hello"))
        self.assert_ok(bob.ask("group/flat/message", id="m-2", data=""))
        group(bob, "transfer", user="carol")
        group(carol, "remove", members=["bob"], reason="moved out")
        group(carol, "dismiss")
        kitchen.fence()
        listening.tells(event="group_dismissed")
        self.assertEqual(len({event["event"] for event in kitchen.events}), 17, kitchen.events)
        for event in kitchen.events:
            with self.subTest(event["event"], id=event.get("id")):
                line = next(line for line in listening.facts() if line["event"] == event["event"]
                            and all(line.get(key) == event[key] for key in ("id", "rev", "group") if key in event))
                self.assert_has(line, event, event["event"])

    def test_of_replies(self):
        bob, kitchen = self.connect_all(self.broker, "bob", "kitchen")
        self.assert_ok(bob.ask("group/flat/create", name="Flat", members=["kitchen"], profile={"floor": "3"}))
        self.assert_ok(bob.ask("user/kitchen/invite", id="over", data="x"))
        self.assert_ok(bob.ask("invitation/over/cancel"))
        self.assert_ok(bob.ask("user/kitchen/invite", id="call", call=True, also=["carol"], data="y"))
        self.assert_ok(kitchen.ask("invitation/call/accept", data="here"))
        for words, topic in ((["status"], "user/kitchen/sync"), (["status", "call"], "invitation/call/get"),
                             (["history"], "user/kitchen/history"), (["group", "list"], "user/kitchen/groups"),
                             (["group", "get", "flat"], "group/flat/get"),
                             (["accept", "over"], "invitation/over/accept"),
                             (["signal", "call", "--data", "x"], "invitation/call/signal"),
                             (["reject", "call"], "invitation/call/reject"),
                             (["group", "add", "flat", "bob"], "group/flat/add")):
            with self.subTest(words):
                body = {"data": "x"} if "signal" in words else {"members": ["bob"]} if "add" in words else {}
                told = kitchen.ask(topic, **body)
                self.assert_has(self.ask_json("kitchen", *words, code=DONE if told["ok"] else REFUSED), told, words[0])
        line = self.ask_json("bob", "cancel", "call", "carol")
        self.assertEqual(self.ask_json("bob", "cancel", "over", code=REFUSED)["rev"], 2)
        self.assert_ok(line, rev=3, cancelled=["carol"], already=[])


class Prefixes(CliTest):
    """The first letters of an id are enough, of what is open."""

    def test_wherever_an_id_is_wanted(self):
        bob = self.connect(self.broker, "bob")
        for number, (command, words, code) in enumerate((
                ("status", (), DONE), ("accept", (), DONE), ("reject", (), DONE), ("signal", ("--data", "x"), DONE),
                ("hangup", (), REFUSED), ("join", (), REFUSED), ("resume", (), REFUSED))):
            with self.subTest(command):
                whole = f"ring-{number}-{command}"
                self.assert_ok(bob.ask("user/kitchen/invite", id=whole))
                told = self.ask_json("kitchen", command, whole[:6], *words, code=code)
                self.assertNotEqual(told.get("error"), "unknown_invitation", told)
        whole = self.invite(bob, "carol", id="of-bob-himself")
        self.assert_ok(self.ask_json("bob", "cancel", "of-bob"), cancelled=["carol"])

    def test_less_than_six_letters_or_no_beginning_are_no_id(self):
        bob = self.connect(self.broker, "bob")
        self.invite(bob, "kitchen", id="0123456789")
        for typed in "01234", "123456", "0123456789a":
            with self.subTest(typed):
                self.assert_refused(self.ask_json("kitchen", "reject", typed, code=REFUSED), "unknown_invitation")
        self.assert_ok(self.ask_json("kitchen", "reject", "012345"))
        self.assert_refused(self.ask_json("kitchen", "reject", "012345", code=REFUSED), "unknown_invitation")

    def test_of_several_none_is_taken(self):
        bob = self.connect(self.broker, "bob")
        for name in "ringing-1", "ringing-2":
            self.invite(bob, "kitchen", id=name)
        code, lines = self.run_to_end("kitchen", "accept", "ringing")
        self.assertEqual(code, USAGE)
        self.assertIn("ringing-1, ringing-2", "\n".join(lines))
        self.assertEqual(self.run_to_end("kitchen", "status", "--ids"), (DONE, ["ringing-1", "ringing-2"]))

    def test_a_whole_id_is_never_taken_for_the_beginning_of_another(self):
        bob = self.connect(self.broker, "bob")
        self.invite(bob, "kitchen", id="doorbell")
        self.assert_ok(bob.ask("invitation/doorbell/cancel"))
        self.invite(bob, "kitchen", id="doorbell-2")
        self.assert_refused(self.ask_json("kitchen", "accept", "doorbell", code=REFUSED), "already_cancelled")
        self.invite(bob, "carol", id="doorbe")
        self.assert_refused(self.ask_json("kitchen", "accept", "doorbe", code=REFUSED), "not_invitee")


class Groups(CliTest):
    def test_the_life_of_a_group(self):
        def group(user, *words, **fields):
            return self.assert_ok(self.ask_json(user, "group", *words), **fields)

        group("bob", "create", "flat", "--name", "Flat 3", "--join-mode", "closed", "--member", "carol",
              "--profile", "floor=3", "--profile", "bell=a=b")
        self.assertEqual(group("carol", "get", "flat")["group"],
                         {"group": "flat", "name": "Flat 3", "join_mode": "closed", "owner": "bob",
                          "profile": {"bell": "a=b", "floor": "3"}, "count": 2,
                          "members": [{"user": "bob", "role": "owner"}, {"user": "carol", "role": "member"}]})
        self.assert_refused(self.ask_json("dave", "group", "join", "flat", code=REFUSED), "group_closed")
        group("bob", "update", "flat", "--join-mode", "free", "--name", "Flat")
        group("dave", "join", "flat")
        group("bob", "add", "flat", "eve", "carol", skipped=[{"user": "carol", "error": "already_member"}])
        group("bob", "role", "flat", "carol", "admin")
        group("carol", "remove", "flat", "eve", "--reason", "moved out")
        group("dave", "quit", "flat")
        group("bob", "transfer", "flat", "carol")
        self.assertEqual(group("carol", "list")["groups"],
                         [{"group": "flat", "name": "Flat", "role": "owner", "join_mode": "free", "count": 2}])
        group("carol", "dismiss", "flat")
        self.assertEqual(group("bob", "list")["groups"], [])

    def test_a_page_for_people(self):
        self.run_to_end("bob", "group", "create", "flat", "--name", "Flat 3", "--member", "carol")
        self.assertEqual(self.run_to_end("bob", "group", "get", "flat"),
                         (DONE, ["flat (Flat 3): free, 2 members", "  bob (owner)", "  carol"]))


class Watching(CliTest):
    def test_a_live_table(self):
        bob = self.connect(self.broker, "bob")
        watch = self.start("kitchen", "watch", terminal=True)
        watch.says("FROM")
        self.assertNotIn("connected as", watch.text, "the page is the table's alone")
        invitation = self.invite(bob, "kitchen", data="front door")
        watch.says("pending")
        watch.says("front door")
        self.assert_ok(self.ask_json("kitchen", "accept", invitation))
        watch.says("the ring is over: accepted")
        watch.presses("q")
        self.assertEqual(watch.ends(), DONE)
        watch._wait(lambda: watch.text.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l"), "the old screen")

    def test_each_change_for_a_program(self):
        bob = self.connect(self.broker, "bob")
        watch = self.start("kitchen", "--json", "watch")
        watch.tells(re="sync", invitations=[])
        invitation = self.invite(bob, "kitchen")
        watch._wait(lambda: any(facts.get("invitations") and facts["invitations"][0]["id"] == invitation
                                for facts in watch.facts()), "the ring")
        watch.interrupt()
        self.assertEqual(watch.ends(), DONE)


class Operators(CliTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker({"operators": "root"})
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{self.broker.port}"

    def test_who_is_online_and_what_is_open(self):
        alice = self.connect(self.broker, "alice")
        invitation = self.invite(alice, "bob")
        online = self.assert_ok(self.ask_json("root", "operator", "online"))["online"]
        self.assertIn({"user": "alice", "devices": 1}, online)
        told = self.assert_ok(self.ask_json("root", "operator", "open"))["invitations"]
        self.assertEqual([(one["id"], one["role"]) for one in told], [(invitation, "observer")])
        self.assert_refused(self.ask_json("alice", "operator", "online", code=REFUSED), "wrong_sender")
        code, lines = self.run_to_end("root", "operator", "open")
        self.assertEqual((code, len(lines)), (DONE, 1), lines)

    def test_what_is_refused_and_who_is_absent_live(self):
        alice = self.connect(self.broker, "alice")
        refused = self.start("root", "--json", "operator", "refused")
        absent = self.start("root", "operator", "absent")
        counters = self.start("root", "operator", "counters")
        counters.says("users online")
        all_listen = {"user": "root", "devices": 4}  # and the one that asks
        while all_listen not in self.ask_json("root", "operator", "online")["online"]:
            pass
        alice.ask("user/bob/invites")
        told = refused.tells(event="refused", user="alice", error="unknown_request")
        self.assertEqual(told["topic"], "beckon/v1/user/bob/invites")
        self.invite(alice, "bob", data="parcel")
        absent.says('alice rings bob, who is not there')
        for one in (refused, absent, counters):
            one.interrupt()
            self.assertEqual(one.ends(), DONE)

    def test_a_program_is_started_for_each_who_is_asked_and_absent_and_for_how_it_ended(self):
        alice = self.connect(self.broker, "alice")
        absent = self.start("root", "operator", "absent", "--exec", "printf '%s|' \"$BECKON_ID\" \"$BECKON_INVITER\" "
                            "\"$BECKON_INVITEES\" \"$BECKON_DATA\" \"$BECKON_STATE\" && printf '.\\n'")
        while {"user": "root", "devices": 2} not in self.ask_json("root", "operator", "online")["online"]:
            pass
        invitation = self.invite(alice, "bob", also=["carol"], data=HOSTILE)
        absent.says(f"{invitation}|alice|bob carol|{HOSTILE}||.")
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        absent.says(f"{invitation}||bob carol||cancelled|.")
        self.assertEqual(os.listdir(self.directory), [])  # nothing of it was code
        absent.interrupt()
        self.assertEqual(absent.ends(), DONE)

    def test_who_was_asked_before_it_listened_is_told_of_as_long_as_that_is_open(self):
        alice, bob = self.connect_all(self.broker, "alice", "bob")
        over = self.invite(alice, "carol")
        self.assert_ok(alice.ask(f"invitation/{over}/cancel"))
        invitation = self.invite(alice, "bob", also=["carol", "dave"], call=True, data="parcel")
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        bobs = self.invite(alice, "bob")
        absent = self.start("root", "--json", "operator", "absent")
        told = absent.tells(event="absent", id=invitation)
        self.assertLessEqual(told.pop("remaining_ms"), 30_000)
        self.assertEqual(told, {"event": "absent", "id": invitation, "inviter": "alice", "call": True,
                                "data": "parcel", "invitees": ["carol", "dave"]})
        self.assertEqual([facts for facts in absent.facts() if facts["id"] in (over, bobs)], [])

    def test_who_is_no_operator_is_told(self):
        code, lines = self.run_to_end("alice", "operator", "refused")
        self.assertEqual((code, lines), (REFUSED, ["I am no operator: plugin_opt_operators of the broker does not "
                                                   "name me"]))


class Doctors(CliTest):
    def doctor(self, user, *words, code):
        ended, lines = self.run_to_end(user, "doctor", *words)
        self.assertEqual(ended, code, lines)
        return lines

    def test_all_is_well(self):
        lines = self.doctor("door", code=DONE)
        self.assertTrue(all(line.startswith("ok ") for line in lines), lines)

    def test_an_operator_sees_who_is_there_and_what_was_refused(self):
        broker = self.start_broker({"operators": "root"})
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{broker.port}"
        bob = self.connect(broker, "bob")
        self.assertIn("ok      bob is there, with 1 device", self.doctor("root", "bob", code=DONE))
        lines = self.doctor("root", "kitchn", code=REFUSED)
        self.assertTrue([line for line in lines if line.startswith("WRONG   nobody of kitchn is there")], lines)
        del bob

    def test_there_is_no_broker_or_no_beckon(self):
        line, = self.doctor("door", "--server", f"127.0.0.1:{port_that_stays_free()}", "--wait", "1s", code=UNREACHABLE)
        self.assertRegex(line, "^WRONG   no connection to .*is Mosquitto running there")
        bare = self.start_broker(plugin=False)
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{bare.port}"
        line, = self.doctor("door", "--wait", "1s", code=UNREACHABLE)
        self.assertRegex(line, "^WRONG   the broker lets me in and does not answer: it has no Beckon")


class ForeignText(CliTest):
    def test_nothing_steers_the_terminal(self):
        bob = self.connect(self.broker, "bob")
        self.invite(bob, "carol", data=HOSTILE)
        for json_lines in ([], ["--json"]):
            with self.subTest(json_lines):
                kitchen = self.start("kitchen", *json_lines, "listen", "--reject", HOSTILE[:20], "--once")
                kitchen.says("connected")
                call = self.start("door", *json_lines, "call", "kitchen", "--data", HOSTILE)
                self.assertEqual((kitchen.ends(), call.ends()), (REJECTED, REJECTED))
                status = self.start("carol", *json_lines, "status")
                self.assertEqual(status.ends(), DONE)
                for running in (kitchen, call, status):
                    self.assertIsNone(STEERING.search(running.text), repr(running.text))
                    self.assertNotIn("\nkitchen accepted", running.text)
                    for line in running.lines() if json_lines else ():
                        json.loads(line)


class Options(CliTest):
    def who(self, *words, **environment):
        """Who it is, as the broker has it: the owner of a new group."""
        group = f"group-{time.monotonic_ns()}"
        code, lines = self.run_to_end(None, *words, "group", "create", group, **environment)
        self.assertEqual(code, DONE, lines)
        _, lines = self.run_to_end(None, *words, "--json", "group", "get", group, **environment)
        return json.loads(lines[-1])["group"]["owner"]

    def test_the_command_line_comes_before_the_environment_and_that_before_the_file(self):
        elsewhere = self.file("elsewhere.toml", 'user = "elsewhere"\n')
        self.file(".config/beckon/config.toml",
                  f'user = "file"\nserver = "{self.environment.pop("BECKON_SERVER")}"\nwait = "9s"\n')
        self.assertEqual(self.who(), "file")
        self.assertEqual(self.who(BECKON_USER="variable"), "variable")
        self.assertEqual(self.who("--user", "option", BECKON_USER="variable"), "option")
        server = {"BECKON_SERVER": f"mqtt://127.0.0.1:{self.broker.port}"}
        self.assertEqual(self.who("--config", elsewhere, **server), "elsewhere")
        self.assertEqual(self.who(BECKON_CONFIG=elsewhere, **server), "elsewhere")

    def test_wrong_usage_says_what_is_wrong(self):
        unknown = self.file("unknown.toml", "uzer = \"x\"\n")
        unfit = self.file("unfit.toml", "user = \"a b\"\nwait = \"soon\"\n")
        no_user = self.file("no_user.toml", "user = \"a b\"\n")
        self.file("empty", "")
        for words, environment, fragment in (
                (["status"], {}, "--user"), (["--user", "a b", "status"], {}, "--user: is not"),
                (["--user", "me", "call"], {}, "USER"),
                (["--user", "me", "call", "you", "--timeout", "30"], {}, "no duration"),
                (["--user", "me", "call", "you", "--timeout", "-1s"], {}, "duration"),
                (["--user", "me", "call", "you", "--group", ""], {}, "--group"),
                (["--user", "me", "status", ""], {}, "ID"), (["--user", "me", "status", "--what"], {}, "--what"),
                (["--user", "me", "listen", "--accept", "--reject", "busy"], {}, "--reject"),
                (["--user", "me", "group", "role", "g", "you", "boss"], {}, "boss"),
                (["--user", "me", "group", "update", "g", "--profile", "x"], {}, "KEY=TEXT"),
                (["--user", "me", "--server", "http://x", "status"], {}, "--server: begins"),
                (["--user", "me", "--server", "mqtt://me:secret@home", "status"], {}, "--server: names a user"),
                (["--user", "me", "--root", "a/b", "status"], {}, "--root: is not"),
                (["--user", "me", "--wait", "0s", "status"], {}, "--wait: out of range"),
                (["--user", "me", "--wait", "soon", "status"], {}, "--wait: soon"),
                (["--user", "me", "status"], {"BECKON_WAIT": "soon"}, "--wait (BECKON_WAIT): soon"),
                (["status"], {"BECKON_USER": "a b"}, "--user (BECKON_USER): is not"),
                (["--user", "me", "--password-file", "nowhere", "status"], {},
                 "--password-file: cannot read nowhere: No such file or directory"),
                (["--user", "me", "--password-file", "empty", "status"], {}, "--password-file: empty is empty"),
                (["--user", "me", "--password-file", ".", "status"], {}, "--password-file: cannot read .: Is a dir"),
                (["--user", "me", "--server", "mqtts://home", "--ca", "nowhere", "status"], {},
                 "--ca: cannot read nowhere: No such file or directory"),
                (["--user", "me", "--server", "wss://home", "--cert", "nowhere", "status"], {}, "--cert: cannot read"),
                (["--user", "me", "--config", "nowhere", "status"], {},
                 "--config: cannot read nowhere: No such file or directory"),
                (["--user", "me", "status"], {"BECKON_CONFIG": "nowhere"}, "BECKON_CONFIG): cannot read nowhere"),
                (["--user", "me", "--config", unknown, "status"], {}, f"{unknown}: uzer is no option"),
                (["--config", unfit, "status"], {}, f"--wait (in {unfit}): soon"),
                (["--config", no_user, "status"], {}, f"--user (in {no_user}): is not")):
            with self.subTest(words=words, environment=environment):
                code, lines = self.run_to_end(None, *words, **environment)
                self.assertEqual(code, USAGE, lines)
                self.assertIn(fragment, "\n".join(lines))
                self.assertNotIn("secret", "\n".join(lines))

    def test_a_command_that_there_is_not_is_guessed(self):
        for words, told in (
                (["cal"], "beckon cal: do you mean call?"),
                (["--user", "me", "cal", "bob"], "beckon cal: do you mean call?"),
                (["hangpu", "x"], "beckon hangpu: do you mean hangup?"),
                (["hist"], "beckon hist: do you mean history?"),
                (["--user=me", "group", "craete", "flat"], "beckon group craete: do you mean create?"),
                (["frobnicate"], "beckon frobnicate: there is no such command, see beckon --help"),
                (["group", "xyz", "flat"], "beckon group xyz: there is no such command, see beckon group --help")):
            with self.subTest(words):
                self.assertEqual(self.run_to_end(None, *words), (USAGE, [told]))

    def test_without_a_command_one_is_helped(self):
        for words, path in ([], []), (["--user", "me"], []), (["--json"], []), (["--user", "me", "group"], ["group"]):
            with self.subTest(words):
                _, helped = self.run_to_end(None, *path, "--help")
                self.assertEqual(self.run_to_end(None, *words), (USAGE, helped))

    def test_a_server_may_be_a_host_alone_or_with_its_port(self):
        port = self.broker.port
        for server in f"127.0.0.1:{port}", f"localhost:{port}", f"mqtt://127.0.0.1:{port}":
            with self.subTest(server):
                self.assert_ok(self.ask_json("bob", "--server", server, "status"))
        for server, said in (("nowhere.invalid", "mqtt://nowhere.invalid"), ("127.0.0.1:1", "mqtt://127.0.0.1:1")):
            with self.subTest(server):
                told = self.ask_json("bob", "--server", server, "--wait", "2s", "status", code=UNREACHABLE)
                self.assertIn(f"cannot connect to {said}", told["message"])

    def test_no_broker_and_no_beckon(self):
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{port_that_stays_free()}"
        for words in (["status"], ["call", "bob"], ["cancel", "x"], ["group", "list"]):
            with self.subTest(words):
                self.assert_refused(self.ask_json("me", "--wait", "300ms", *words, code=UNREACHABLE), "not_connected")
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{self.start_broker(plugin=False).port}"
        self.assert_refused(self.ask_json("me", "--wait", "500ms", "status", code=UNREACHABLE), "no_beckon")

    def test_a_password_comes_from_a_file_or_the_environment(self):
        passwords = self.file("passwords", "")
        subprocess.run(["mosquitto_passwd", "-b", passwords, "bob", "sesame"], check=True, capture_output=True)
        broker = self.start_broker(allow_anonymous=False, config=f"password_file {passwords}")
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{broker.port}"
        secret = self.file("secret", "sesame\n")
        self.assert_ok(self.ask_json("bob", "status", "--password-file", secret))
        self.assertEqual(self.run_to_end("bob", "status", BECKON_PASSWORD="sesame")[0], DONE)
        self.assertEqual(self.run_to_end("bob", "status", BECKON_PASSWORD_FILE=secret)[0], DONE)
        code, lines = self.run_to_end("bob", "status", "--wait", "500ms", BECKON_PASSWORD="simsalabim")
        self.assertEqual(code, UNREACHABLE)
        self.assertNotIn("simsalabim", "".join(lines))
        self.assertEqual(self.run_to_end("bob", "--password", "sesame", "status")[0], USAGE)

    def test_tls(self):
        for authority in ("ours", "theirs"):
            make_authority(self.directory, authority)
        make_certificate(self.directory, "broker", "ours", alternatives="IP:127.0.0.1")
        make_certificate(self.directory, "bob", "ours", password="sesame")
        port = port_that_stays_free()
        self.start_broker(config="\n".join([
            f"listener {port} 127.0.0.1", f"certfile {self.file('broker.crt')}", f"keyfile {self.file('broker.key')}",
            f"cafile {self.file('ours.crt')}", "require_certificate true"]))
        self.environment["BECKON_SERVER"] = f"mqtts://127.0.0.1:{port}"
        mine = ["--cert", "bob.crt", "--key", "bob.key"]
        secret = self.file("secret", "sesame\n")
        self.assert_ok(self.ask_json("bob", "--ca", "ours.crt", *mine, "--key-password-file", secret, "status"))
        self.assertEqual(self.run_to_end("bob", "--insecure", *mine, "status", BECKON_KEY_PASSWORD="sesame")[0], DONE)

    def test_why_tls_fails_is_told(self):
        for authority in ("ours", "theirs"):
            make_authority(self.directory, authority)
        for name, how in (("right", {}), ("elsewhere", {"alternatives": "DNS:example.org"}), ("late", {"made": "-3d"})):
            make_certificate(self.directory, name, "ours", **{"alternatives": "IP:127.0.0.1", **how})
        make_certificate(self.directory, "bob", "ours", password="sesame")
        make_authority(self.directory, "alone")
        ports, lines = {}, []
        for name in "right", "elsewhere", "late", "alone", "asking":
            ports[name] = port_that_stays_free()
            certificate = "right" if name == "asking" else name
            lines += [f"listener {ports[name]} 127.0.0.1", f"certfile {self.file(certificate + '.crt')}",
                      f"keyfile {self.file(certificate + '.key')}"]
        lines += [f"cafile {self.file('ours.crt')}", "require_certificate true"]
        broker = self.start_broker(config="\n".join(lines))
        ports["plain"] = broker.port
        for name, words, why in (
                ("right", ["--ca", "theirs.crt"], "its certificate is not trusted (unable to get local issuer"),
                ("right", [], "its certificate is not trusted (unable to get local issuer certificate)"),
                ("elsewhere", ["--ca", "ours.crt"], "its certificate names another host"),
                ("late", ["--ca", "ours.crt"], "its certificate is not trusted (certificate has expired)"),
                ("alone", ["--ca", "ours.crt"], "its certificate is not trusted (self-signed certificate)"),
                ("asking", ["--ca", "ours.crt"], "it refuses the handshake (tlsv13 alert certificate required)"),
                ("right", ["--ca", "bob.key"], "bob.key has no certificate ("),
                ("asking", ["--ca", "ours.crt", "--cert", "bob.crt", "--key", "bob.key"],
                 "bob.key has no key that can be used ("),
                ("plain", ["--ca", "ours.crt"], "it does not answer as one that speaks TLS")):
            with self.subTest(name=name, words=words):
                told = self.ask_json("bob", "--server", f"mqtts://127.0.0.1:{ports[name]}", *words, "--wait", "1s",
                                     "status", code=UNREACHABLE)
                self.assertIn(f"(cannot connect to mqtts://127.0.0.1:{ports[name]}: {why}", told["message"])
        listening = self.start("bob", "--server", f"mqtts://127.0.0.1:{ports['late']}", "--ca", "ours.crt", "listen")
        listening.says("no connection: cannot connect to")
        listening.says("(certificate has expired)")


def every_help(*path):
    """What --help tells of this and all subcommands below, by path."""
    text = subprocess.run([PROGRAM, *path, "--help"], check=True, capture_output=True, text=True).stdout
    yield path, text
    below = re.search(r"\n(?:Subcommands|SUBCOMMANDS):\n((?:  .*\n)+)", text)
    for name in re.findall(r"^  (\S+)", below[1], re.M) if below else ():
        yield from every_help(*path, name)


class Documents(unittest.TestCase):
    def test_the_manual_page_has_all_that_help_tells(self):
        with open(os.path.join(DOCUMENTS, "beckon.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-").replace("\\e", "\\")
        paths = 0
        for path, text in every_help():
            paths += 1
            options = set(re.findall(r"--[a-z][a-z-]*", text))
            self.assertIn("--help", options)
            for option in options:
                self.assertIn(option, page, path)
            if path and path[-1] != "group":
                self.assertIn("Examples:\n  beckon ", text, path)
            for example in re.findall(r"^  (beckon .*)$", text, re.M):
                self.assertIn(example, page)
        self.assertGreater(paths, 15)

    def test_the_manual_page_is_in_order(self):
        if not shutil.which("man"):
            self.skipTest("no man here")
        shown = subprocess.run(["man", "--warnings", "-l", os.path.join(DOCUMENTS, "beckon.1")], capture_output=True,
                               text=True, env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        if "has been minimized" in shown.stdout:
            self.skipTest("man shows nothing here")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("EXIT STATUS", shown.stdout)



class Completions(CliTest):
    """What each shell offers after some words, the last of which is being typed."""

    def run_shell(self, *command):
        environment = {**self.environment, "PATH": os.path.dirname(PROGRAM) + ":" + os.environ["PATH"]}
        done = subprocess.run(command, capture_output=True, text=True, cwd=DOCUMENTS, env=environment)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.split("\n")

    def bash(self, *words):
        script = ('source ./beckon.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
                  'COMP_POINT=${#COMP_LINE}; compopt() { :; }; _beckon; printf "%s\\n" "${COMPREPLY[@]}"')
        return self.run_shell("bash", "-c", script, "bash", "beckon", *words)

    def zsh(self, *words):
        # Without a terminal zsh completes nothing, so this stands for what its own functions do.
        script = ('_describe() { print -rl -- "${(@)${(P@)@[-1]}%%:*}" }; '
                  'compadd() { [[ $1 == -a ]] && print -rl -- "${(P@)2}" || print -rl -- "$@" }; '
                  '_files() { print -rl -- *(N) }; words=("$@"); CURRENT=$#; source ./beckon.zsh; true')
        offered = self.run_shell("zsh", "-f", "-c", script, "zsh", "beckon", *words)
        return [one for one in offered if one.startswith(words[-1])]

    def fish(self, *words):
        line = " ".join(word or "''" for word in ("beckon", *words[:-1])) + " " + words[-1]
        offered = self.run_shell("fish", "--no-config", "-c", "source ./beckon.fish; complete -C $argv[1]", line)
        return [one.split("\t")[0] for one in offered]

    def offers(self, shell):
        if not shutil.which(shell):
            self.skipTest(f"no {shell} here")
        complete = getattr(self, shell)

        def offered(*words):
            return set(complete(*words)) - {""}

        self.assertEqual(offered("ca"), {"call", "cancel"})
        self.assertEqual(offered("--json", "group", "re"), {"remove"})
        self.assertEqual(offered("call", "--f"), {"--first"})
        self.assertEqual(offered("group", "update", "flat", "--join-mode", ""), {"free", "closed"})
        self.assertEqual(offered("--user", "call", "--fi"), set(), "a user may be named call")
        self.assertEqual(offered("--user", "ca"), set(), "nobody can guess a user")
        self.assertEqual(offered("--ca", "beckon.z"), {"beckon.zsh"})
        self.assertEqual(offered("call", "ca"), set(), "one subcommand")
        for path, text in every_help():
            options = set(re.findall(r"^  (?:-h,)?(--[a-z-]+)", text, re.M))
            self.assertLessEqual(options, offered(*path, "--"), path)
        self.offers_what_is_open(offered)

    def offers_what_is_open(self, offered):
        server = self.environment.pop("BECKON_SERVER")
        bob = self.connect(self.broker, "bob")
        for name in ("ring-one", "ring-two", "other"):
            self.assert_ok(bob.ask("user/kitchen/invite", id=name))
        whole = ("--server", server, "--user=kitchen")
        for command in ("accept", "cancel", "hangup", "join", "reject", "resume", "signal", "status"):
            self.assertEqual(offered(*whole, command, "ring-"), {"ring-one", "ring-two"}, command)
        self.assertEqual(offered("accept", *whole, "--data", "x", "o"), {"other"})
        self.assertEqual(offered(*whole, "accept", "--data", "o"), set(), "a text")
        self.assertEqual(offered(*whole, "cancel", "other", "ring"), set(), "one id")
        self.assertEqual(offered("--server", server, "--user", "nobody", "status", "ring"), set())

    def test_bash_completes_what_there_is(self):
        self.offers("bash")

    def test_zsh_completes_what_there_is(self):
        self.offers("zsh")

    def test_fish_completes_what_there_is(self):
        self.offers("fish")


if __name__ == "__main__":
    unittest.main()
