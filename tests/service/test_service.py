# SPDX-License-Identifier: Apache-2.0
"""beckond, the switchboard as a service, on a plain Mosquitto with the rules that it prints: what is its own, beside what
tests/system asks of both hosts.

Environment: BECKON_HOST=service, BECKON_SERVICE; BECKON_DRIVER and BECKON_FAILING_DISK for some.
"""

import errno
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import PATIENCE, Beckond, Client, Driver, SystemTest, port_that_stays_free, states  # noqa: E402
from test_client_transports import make_authority, make_certificate  # noqa: E402

BECKOND = os.environ["BECKON_SERVICE"]


class ServiceTest(SystemTest):
    def start(self, options=(), **how):
        return self.start_broker(options, **{"persistence": True, **how})

    def asks(self, broker, user="eve", **how):
        """Somebody who publishes, and does not say that they are there."""
        return self.connect(broker, user, listen=(), **how)


class Rings(ServiceTest):
    def test_mosquittos_own_clients_ring_with_their_name_as_the_last_level(self):
        broker = self.start()
        where = ["-h", "127.0.0.1", "-p", str(broker.port)]
        since = broker.log_position()
        panel = subprocess.Popen(["mosquitto_sub", *where, "-u", "kitchen", "-C", "2", "-W", "20", "-t",
                                  "beckon/v1/inbox/kitchen/json", "-t", "beckon/v1/inbox/kitchen/reply"],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(panel.stdout.close)
        broker.wait_log("Sending SUBACK to", since)
        for user, topic, body in (("kitchen", "user/kitchen/here/kitchen", {"run": "1", "device": "panel"}),
                                  ("door", "user/kitchen/invite/door", {"id": "ring-1", "data": "front door"})):
            subprocess.run(["mosquitto_pub", *where, "-u", user, "-q", "1", "-t", f"beckon/v1/{topic}", "-m",
                            json.dumps(body)], check=True, timeout=PATIENCE)
        here, ring = map(json.loads, panel.communicate(timeout=3 * PATIENCE)[0].splitlines())
        self.assert_ok(here, re="here", again_ms=600000)
        self.assertEqual((ring["event"], ring["id"], ring["data"]), ("new_invitation", "ring-1", "front door"))

    def test_the_cpp_client_rings_and_is_rung(self):
        broker = self.start()
        alice, bob = self.drive("alice", broker.port), self.drive("bob", broker.port)
        call = alice.call("inviteSeveral", invitees=["bob"], isCall=True).result()["inviteID"]
        bob.wait_event("onReceiveNewInvitation", inviteID=call)
        self.assertTrue(bob.call("accept", id=call).result()["ok"])
        alice.wait_event("onInviteeAccepted", inviteID=call, invitee="bob")
        self.assertTrue(alice.call("hangup", id=call).result()["ok"])
        bob.wait_event("onCallEnded", inviteID=call, reason="hangup")

    def test_status_tells_what_this_host_is(self):
        broker = self.start()
        client = self.asks(broker)
        client.subscribe("beckon/v1/status")
        status = json.loads(client.wait_message(lambda one: one.topic == "beckon/v1/status").payload)
        self.assertEqual({name: status.get(name) for name in ("host", "sender", "presence", "copies", "store")},
                         {"host": "service", "sender": "topic", "presence": "told", "copies": 1, "store": "ok"})
        self.assertNotIn("unchecked", status)


class WhoAsks(ServiceTest):
    def test_a_request_without_a_sender_or_with_anothers_goes_nowhere(self):
        broker = self.start()
        bob, eve = self.connect(broker, "bob"), self.asks(broker)
        for topic in ("user/bob/invite", "user/bob/invite/alice"):
            eve.publish(f"beckon/v1/{topic}", b"{}")
        bob.no_more_events()
        eve.fence()

    def test_a_retained_request_is_refused_and_removed(self):
        broker = self.start()
        alice = self.connect(broker, "alice")
        self.assert_refused(alice.request("user/bob/invite", {}, retain=True), "invalid_request", field="retain")
        self.assert_ok(alice.ask("user/bob/invite"))
        service = self.connect(broker, "beckond", subscribe=False)
        service.subscribe("beckon/v1/user/+/+/+")
        service.marker()
        self.assertEqual([one for one in service.messages if one.retain], [])

    def test_a_request_that_was_retained_while_nobody_served_is_refused_and_removed(self):
        broker = self.start()
        bob = self.connect(broker, "bob")
        broker.stop_service()
        eve = self.asks(broker)
        sent = eve.send("user/bob/invite", {}, retain=True)
        broker.start_service()
        self.assert_refused(eve.wait_reply(sent), "invalid_request", field="retain")
        bob.no_more_events()

    def test_what_is_no_request_is_refused_with_what_is_to_blame(self):
        broker = self.start()
        alice = self.connect(broker, "alice")
        self.assert_refused(alice.request("user/bob/dance", {}), "unknown_request")
        self.assert_refused(alice.request("user/b b/invite", {}), "invalid_request", field="invitee")
        self.assert_refused(alice.request("user/bob/here", {"run": "1"}), "wrong_sender")
        self.assert_refused(alice.request("operator/online", {}), "wrong_sender")
        self.assert_refused(alice.request("user/alice/here", {"run": ""}), "invalid_request", field="run")
        self.assert_refused(alice.request("user/bob/invite", {"device": "no id"}), "invalid_request", field="device")

    def test_devices_are_told_apart_by_device_else_by_response_topic(self):
        broker = self.start()
        alice = self.asks(broker, "alice")
        tags = {alice.request("user/alice/groups", {"device": name})["device"] for name in ("a", "b", "a")
                if setattr(alice, "_tag", None) is None}
        self.assertEqual(len(tags), 2)
        by_topic = []
        for level in ("x", "y", "x"):
            alice.subscribe(f"beckon/v1/inbox/alice/reply/{level}")
            alice._tag = None
            by_topic.append(alice.wait_reply(alice.send(
                "user/alice/groups", payload=b"{}", response_topic=f"beckon/v1/inbox/alice/reply/{level}"))["device"])
        self.assertEqual(by_topic[0], by_topic[2])
        self.assertEqual(len(set(by_topic) | tags), 4)

    def test_where_case_folds_only_lower_case_is_a_name(self):
        broker = self.start({"fold_case": "yes"})
        loud = self.asks(broker, "EVE")
        self.assert_refused(loud.request("user/bob/invite", {}), "wrong_sender")
        eve = self.asks(broker, "eve")
        self.assert_refused(eve.ask("user/Bob/invite"), "invalid_request", field="invitee")
        self.assert_refused(eve.ask("user/bob/invite", also=["Carol"]), "invalid_request", field="also")


class Presence(ServiceTest):
    def test_who_has_no_device_there_gets_no_ring_and_learns_of_it_by_sync(self):
        broker = self.start()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", listen=())
        bob.subscribe_inbox("json")
        reply = self.assert_ok(alice.ask("user/bob/invite"))
        self.assertEqual(reply["offline"], ["bob"])
        bob.no_more_events()
        bob.say_here()
        self.assertEqual(list(bob.sync()), [reply["id"]])

    def test_a_ring_expires_with_its_time(self):
        broker = self.start()
        alice, bob = self.connect_all(broker, "alice", "bob")
        self.invite(alice, "bob", timeout_ms=20000)
        bob.wait_event("new_invitation")
        ring = bob.wait_message(lambda one: b"new_invitation" in one.payload)
        self.assertIn(ring.properties.MessageExpiryInterval if bob.v5 else 20, range(15, 21))

    def test_a_device_whose_connection_breaks_is_gone_by_its_will(self):
        broker = self.start({"grace_ms": 0})
        alice, bob = self.connect_all(broker, "alice", "bob")
        ring = self.invite(alice, "bob")
        bob.wait_event("new_invitation")
        alice.drop()
        bob.wait_event("invitation_cancelled", id=ring, reason="inviter_lost")

    def test_a_device_is_gone_when_it_was_silent_for_as_long_as_it_said(self):
        broker = self.start({"grace_ms": 0})
        alice, bob = self.connect_all(broker, "alice", "bob")
        alice.say_here(again_ms=500)
        ring = self.invite(alice, "bob")
        bob.wait_event("new_invitation")
        bob.wait_event("invitation_cancelled", id=ring, reason="inviter_lost")
        alice.sync()  # which brings it back
        self.assert_ok(bob.ask("user/alice/invite", online_only=True))


class BadDays(ServiceTest):
    def test_killed_while_it_rings_it_goes_on_and_nobody_is_lost(self):
        broker = self.start({"grace_ms": 300})
        alice, bob = self.connect_all(broker, "alice", "bob")
        ring = self.invite(alice, "bob", call=True)
        bob.wait_event("new_invitation", id=ring)
        epoch = alice.ask("user/alice/sync")["server_epoch"]
        broker.kill_service()
        accept = bob.send(f"invitation/{ring}/accept")  # waits in the session
        broker.start_service()
        self.assert_ok(bob.wait_reply(accept))
        alice.wait_event("invitee_accepted", id=ring)
        self.assertEqual(alice.ask("user/alice/sync")["server_epoch"], epoch)
        # Both have been there all the time, so their call outlives the grace period.
        carol = self.connect(broker, "carol")
        short = self.invite(carol, "dave", timeout_ms=700)
        carol.wait_event("invitation_timeout", id=short)
        self.assertEqual(alice.get(ring)["call_state"]["participants"], ["alice", "bob"])
        self.assert_ok(bob.ask(f"invitation/{ring}/hangup"))
        alice.wait_event("call_ended", id=ring)

    def test_what_came_due_while_it_was_away_is_said_once(self):
        broker = self.start()
        alice, bob = self.connect_all(broker, "alice", "bob")
        ring = self.invite(alice, "bob", timeout_ms=200)
        bob.wait_event("new_invitation", id=ring)
        broker.kill_service()
        broker.start_service()
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=ring)
            one.no_more_events()

    def test_a_second_one_takes_over_and_the_first_ends_with_a_sentence(self):
        broker = self.start()
        first = broker.service
        broker.service_up.clear()
        # Of another store, since the file is claimed.
        arguments = broker.arguments()
        arguments[arguments.index("--store") + 1] = "memory"
        second = Beckond(arguments, broker._service_log)
        self.addCleanup(second.end, signal.SIGKILL)
        self.assertEqual(first.process.wait(PATIENCE), 3)
        broker.wait_log("beckon: another beckond serves beckon/v1 at ")
        broker.service = None
        self.assertTrue(broker.service_up.wait(PATIENCE))
        self.assert_ok(self.connect(broker, "alice").ask("user/bob/invite"))

    def test_two_sites_of_other_words_do_not_meet(self):
        broker = self.start()
        arguments = broker.arguments() + ["--site", "other"]
        arguments[arguments.index("--store") + 1] = "memory"
        second = Beckond(arguments + ["--root", "elsewhere"], lambda line: None)
        self.addCleanup(second.end, signal.SIGTERM)
        self.assert_ok(self.connect(broker, "alice").ask("user/bob/invite"))
        self.assertIsNone(second.process.poll())

    def test_a_broker_that_restarts_is_served_again(self):
        broker = self.start(fixed_port=True)
        self.invite(self.connect(broker, "alice"), "bob")
        self.close_clients()
        broker.service_up.clear()
        service, broker.service = broker.service, None
        broker.stop()
        broker.plugin = False
        broker.start()  # the broker alone, without rules
        broker.plugin, broker.service = True, service
        self.assertTrue(broker.service_up.wait(3 * PATIENCE))
        alice = self.connect(broker, "alice")
        self.assertEqual(len(alice.sync()), 1)

    def test_no_request_is_lost_of_thousands_at_once(self):
        broker = self.start({"max_pending_per_inviter": 10000, "max_pending_per_invitee": 10000},
                            before="max_queued_messages 0")
        alice = self.asks(broker, "alice")
        alice.subscribe_inbox("reply")
        broker.stop_service()
        count = 1500
        for number in range(count):
            alice._paho.publish("beckon/v1/user/bob/invite/alice", json.dumps(
                {"id": f"ring-{number}", "req": number, "timeout_ms": 0}), 1)
        broker.start_service()
        with alice._changed:
            alice._changed.wait_for(lambda: len([1 for one in alice.messages if b'"invite"' in one.payload]) >= count,
                                    6 * PATIENCE)
        replies = {json.loads(one.payload)["req"] for one in alice.messages if b'"invite"' in one.payload}
        self.assertEqual(replies, set(range(count)))

    def test_a_broker_whose_rules_let_it_hear_nothing_is_told(self):
        broker = self.make_broker(persistence=True)
        broker.plugin = False
        broker.config = "acl_file {dir}/nothing"
        with open(os.path.join(broker.directory, "nothing"), "w", encoding="utf-8") as file:
            file.write("topic read nothing\n")
        broker.start()
        broker.plugin = True
        broker.service = Beckond(broker.arguments(), broker._service_log)
        broker.wait_log("beckon: the broker (does not let|refuses).*beckond acl", 0)

    @unittest.skipUnless("BECKON_FAILING_DISK" in os.environ, "no disk that fails")
    def test_while_the_store_takes_nothing_nothing_is_accepted_and_nothing_said(self):
        broker = self.make_broker(persistence=True)
        disk = os.path.join(broker.directory, "disk")
        with open(disk, "wb") as file:
            file.write(struct.pack("i", 0))
        os.environ.update(LD_PRELOAD=os.environ["BECKON_FAILING_DISK"], FAILING_DISK=disk)
        self.addCleanup(os.environ.pop, "LD_PRELOAD")
        self.addCleanup(os.environ.pop, "FAILING_DISK")
        broker.start()
        os.environ["LD_PRELOAD"] = ""
        alice, bob = self.connect_all(broker, "alice", "bob")
        ring = self.invite(alice, "bob", timeout_ms=300)
        bob.wait_event("new_invitation", id=ring)
        with open(disk, "r+b") as file:
            file.write(struct.pack("i", errno.ENOSPC))
        alice.send("user/bob/invite", {"id": "too-early"})
        broker.wait_log("the store takes nothing .*: nothing is accepted and nothing said")
        time.sleep(0.5)  # the ring is due
        heard = [one.payload for client in (alice, bob) for one in client.messages
                 if b"timeout" in one.payload or b"too-early" in one.payload]
        self.assertEqual(heard, [])
        with open(disk, "r+b") as file:
            file.write(struct.pack("i", 0))
        for one in (alice, bob):
            one.wait_event("invitation_timeout", id=ring)
        self.assert_ok(alice.ask("user/bob/invite", id="too-early"))
        bob.wait_event("new_invitation", id="too-early")


class Tls(ServiceTest):
    """Whom it trusts, and whom it shows who it is."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for authority in ("ours", "theirs"):
            make_authority(cls.folder, authority)
        make_certificate(cls.folder, "broker", "ours", alternatives="IP:127.0.0.1")
        make_certificate(cls.folder, "elsewhere", "ours", subject="example.org", alternatives="DNS:example.org")
        make_certificate(cls.folder, "beckond", "ours", password="sesame")

    def file(self, name):
        return os.path.join(self.folder, name)

    def serve(self, certificate="broker", more=(), said=("--ca", "ours.crt"), password=None):
        """What it says first of whether it serves."""
        port = port_that_stays_free()
        broker = self.make_broker(config="\n".join([
            f"listener {port} 127.0.0.1", f"certfile {self.file(certificate + '.crt')}",
            f"keyfile {self.file(certificate + '.key')}", *more]))
        broker.plugin = False
        broker.start()
        lines, known = [], threading.Event()

        def heard(line):
            lines.append(line or "ended")
            if re.search("serves beckon/v1|cannot connect|cannot be used|is lost", lines[-1]):
                known.set()

        key = os.path.join(self.folder, "sesame")
        with open(key, "w", encoding="utf-8") as file:
            file.write(password or "")
        words = [self.file(word) if "." in word else word for word in said]
        service = Beckond(["--server", f"mqtts://127.0.0.1:{port}", "--user", "beckond", "--store", "memory", "--acl-checked",
                           "yes", *words, *(("--key-password-file", key) if password else ())], heard)
        self.addCleanup(service.end, signal.SIGTERM)
        self.assertTrue(known.wait(3 * PATIENCE), lines)
        return next(line for line in lines if re.search("serves beckon/v1|cannot connect|cannot be used|is lost", line))

    def test_a_broker_that_our_authority_vouches_for_is_served(self):
        self.assertIn("serves beckon/v1 at mqtts://127.0.0.1:", self.serve())

    def test_nobody_else_is_taken_for_the_broker(self):
        for certificate, said in (("broker", ("--ca", "theirs.crt")), ("elsewhere", ("--ca", "ours.crt")), ("broker", ())):
            with self.subTest(certificate=certificate, said=said):
                self.assertNotIn("serves", self.serve(certificate, said=said))

    def test_anybody_is_if_that_is_said(self):
        self.assertIn("serves", self.serve("elsewhere", said=("--insecure", "yes")))

    def test_it_shows_a_certificate_of_its_own_whose_key_is_locked(self):
        wants = (f"cafile {self.file('ours.crt')}", "require_certificate true")
        shown = ("--ca", "ours.crt", "--cert", "beckond.crt", "--key", "beckond.key")
        self.assertIn("serves", self.serve(more=wants, said=shown, password="sesame"))
        self.assertNotIn("serves", self.serve(more=wants))


class Acl(ServiceTest):
    """What `check-acl` finds, by the rules that are printed and by wrong ones."""

    WRONG = {
        "anybody's name in a request": (("pattern write beckon/v1/user/+/+/%u", "pattern write beckon/v1/user/+/+/+"),
                                        "send a message as somebody else"),
        "anybody's name in an answer": (
            ("pattern write beckon/v1/invitation/+/+/%u", "pattern write beckon/v1/invitation/+/+/+"),
            "answer a ring as somebody else"),
        "anybody's name in a group": (("pattern write beckon/v1/group/+/+/%u", "pattern write beckon/v1/group/#"),
                                      "speak to a group as somebody else"),
        "all inboxes": (("pattern read beckon/v1/inbox/%u/json", "pattern read beckon/v1/inbox/#"),
                        "read another's inbox by its name"),
        "requests": (("pattern read beckon/v1/status", "pattern read beckon/v1/status\npattern read beckon/v1/user/#"),
                     "read what others ask"),
        "status": (("pattern read beckon/v1/status", "pattern readwrite beckon/v1/status"), "write status"),
        "own inbox": (("pattern read beckon/v1/inbox/%u/json", "pattern readwrite beckon/v1/inbox/%u/json"),
                      "write to an inbox"),
    }

    def check(self, broker, *more):
        return subprocess.run([BECKOND, "check-acl", "--server", f"127.0.0.1:{broker.port}", "--user", "mallory", *more],
                              capture_output=True, text=True, timeout=6 * PATIENCE, check=False)

    def test_the_printed_rules_are_right_and_each_wrong_one_is_found(self):
        broker = self.start()
        path = os.path.join(broker.directory, "acl")
        with open(path, encoding="utf-8") as file:
            right = file.read()
        told = self.check(broker, "--other-user", "bob")
        self.assertEqual(told.returncode, 0, told)
        self.assertNotIn("WRONG", told.stdout)
        self.assertIn("right  mallory could not read another's inbox by taking over its session", told.stdout)
        for name, ((line, instead), found) in self.WRONG.items():
            with self.subTest(name):
                self.assertIn(line + "\n", right)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(right.replace(line + "\n", instead + "\n"))
                since = broker.log_position()
                broker._process.send_signal(signal.SIGHUP)
                broker.wait_log("Reloading config", since)
                told = self.check(broker)
                self.assertEqual(told.returncode, 1, told)
                self.assertIn(f"WRONG  mallory could {found}", told.stdout)

    def test_where_nobody_answers_nothing_can_be_tried(self):
        broker = self.start()
        broker.stop_service()
        told = self.check(broker)
        self.assertEqual(told.returncode, 70, told)
        self.assertIn("nobody answers mallory", told.stderr)


class Options(unittest.TestCase):
    def told(self, *arguments, **environment):
        return subprocess.run([BECKOND, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env={**os.environ, **environment})

    def test_a_wrong_option_is_named_and_nothing_is_done(self):
        for arguments, sentence in (
                (["--max-timeout-ms", "soon"], "--max-timeout-ms: 'soon' is not a whole number from 1 to"),
                (["--max_timeout_ms", "0"], "--max-timeout-ms: '0' is not a whole number from 1 to"),
                (["--max-timeout-ms", "90000000"], "is over --max_lifetime_ms"),
                (["--server", "ws://x"], "--server: 'ws://x' begins with neither mqtt:// nor mqtts://"),
                (["--server", "mqtt://x:0"], "--server: 'mqtt://x:0' has no port from 1 to 65535"),
                (["--server", "x", "--server", "mqtts://y"], "--server: all of them mqtt://, or all mqtts://"),
                (["--site", "a/b"], "--site: 'a/b' is not 1 to 48 characters"),
                (["--sender", "me"], "--sender: 'me' is neither topic nor claimed"),
                (["--store", "here.db"], "--store: 'here.db' is neither memory nor a path"),
                (["--password-file", "/nowhere"], "--password-file: cannot read /nowhere"),
                (["--ca", "/nowhere"], "--ca: cannot read /nowhere"),
                (["--cert", "/etc/passwd"], "--cert and --key go together"),
                (["--nonsense"], "--nonsense"),
                (["acl", "hub"], "'hub' is none of mosquitto"),
                (["check-acl"], "--user: whose rights")):
            with self.subTest(arguments):
                told = self.told(*arguments)
                self.assertEqual(told.returncode, 64, told)
                self.assertIn(sentence, told.stderr)

    def test_the_command_line_comes_before_the_environment_and_that_before_the_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('root = "of-file"\nuser = "of-file"\noperators = "of-file"\n')
            file.flush()
            told = self.told("acl", "mosquitto", "--config", file.name, "--root", "of-line",
                             BECKOND_ROOT="of-env", BECKOND_USER="of-env")
            self.assertIn("pattern read of-line/v1/status", told.stdout)
            self.assertIn("user of-env\n", told.stdout)
            self.assertIn("user of-file\ntopic read of-line/v1/operator/counters", told.stdout)
            file.write('sond = "x"\n')
            file.flush()
            told = self.told("acl", "mosquitto", "--config", file.name)
            self.assertEqual(told.returncode, 64, told)
            self.assertIn("sond is no option of beckond", told.stderr)


if __name__ == "__main__":
    unittest.main()
