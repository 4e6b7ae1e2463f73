# SPDX-License-Identifier: Apache-2.0
"""Signaling with nothing but mosquitto_pub, mosquitto_sub and mosquitto_rr, in MQTT 5, 3.1.1 and 3.1, on a broker with
default limits; and over websockets."""

import json
import re
import subprocess
import threading
import unittest

import msgpack

from harness import PATIENCE, SystemTest, decode

VERSIONS = ("5", "311", "31")


class Subscriber:
    """A mosquitto_sub on these topics; it is ready when constructed."""

    def __init__(self, broker, user, version, *topics):
        command = ["mosquitto_sub", "-p", str(broker.port), "-V", version, "-d", "-q", "1", "-F", "MESSAGE %t %r %x"]
        command += ["-u", user] if user else []
        for topic in topics:
            command += ["-t", topic]
        self._changed = threading.Condition()
        self._lines, self._ended = [], False
        self._process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait(lambda lines: any(line.startswith("Subscribed") for line in lines))

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, done):
        with self._changed:
            self._changed.wait_for(lambda: done(self._lines) or self._ended, PATIENCE)
            assert done(self._lines), "mosquitto_sub printed:\n" + "\n".join(self._lines)

    def messages(self):
        """(topic, payload) of each so far."""
        matches = [re.fullmatch(r"MESSAGE (\S+) \d (.*)", line) for line in self._lines]
        return [(match[1], bytes.fromhex(match[2])) for match in matches if match]

    def events(self):
        return [decode(payload) for topic, payload in self.messages() if topic.endswith(("/event", "/json"))]

    def event(self, name):
        """The first event, ever, of that name."""
        self.wait(lambda _: any(event["event"] == name for event in self.events()))
        return next(event for event in self.events() if event["event"] == name)

    def stop(self):
        self._process.kill()  # mosquitto_sub at times loses a SIGTERM
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()


class CommandLineTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker({"requests_per_second": None, "requests_burst": None,
                                         "pair_invites_per_second": None, "pair_invites_burst": None})
        self.root = self.broker.root

    def run_client(self, command, user, version, *arguments, stdin=b""):
        result = subprocess.run([command, "-p", str(self.broker.port), "-V", version, "-u", user, *arguments],
                                input=stdin, capture_output=True, timeout=3 * PATIENCE, check=False)
        self.assertEqual(result.returncode, 0, result)
        return result.stdout

    def subscribe(self, user, version, *levels):
        subscriber = Subscriber(self.broker, user, version, *(f"{self.root}/inbox/{user}/{level}" for level in levels))
        self.addCleanup(subscriber.stop)
        return subscriber

    def ask(self, user, version, topic, body):
        """mosquitto_rr: with MQTT 5 it names a Response Topic, before it only subscribes to it."""
        response = f"{self.root}/inbox/{user}/reply" + ("/rr" if version == "5" else "")
        return decode(self.run_client("mosquitto_rr", user, version, "-t", f"{self.root}/{topic}", "-e", response,
                                      "-q", "1", "-W", str(int(PATIENCE)), "-N", "-m", body))


class Scenarios(CommandLineTest):
    def test_an_invitation_from_the_ring_to_the_answer(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                alice = self.subscribe("alice", version, "json")
                bob = self.subscribe("bob", version, "json")
                reply = self.ask("alice", version, "user/bob/invite", '{"data":"at the door","req":7}')
                self.assert_ok(reply, re="invite", req=7, rev=1)
                bob.wait(lambda _: any(event["id"] == reply["id"] for event in bob.events()))
                self.assert_ok(self.ask("bob", version, f"invitation/{reply['id']}/ringing", "{}"))
                self.assertEqual(alice.event("invitee_ringing")["invitee"], "bob")
                self.assert_ok(self.ask("bob", version, f"invitation/{reply['id']}/accept", '{"data":"coming"}'))
                for subscriber in (alice, bob):
                    self.assertEqual(subscriber.event("invitee_accepted")["data"], "coming")
                self.assert_refused(self.ask("alice", version, f"invitation/{reply['id']}/cancel", "{}"),
                                    "already_accepted", by="bob")
                self.assert_ok(self.ask("alice", version, "user/alice/sync", "{}"), invitations=[])

    def test_the_same_with_mosquitto_pub_which_reads_no_replies(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                replies = self.subscribe("alice", version, "reply")
                bob = self.subscribe("bob", version, "event", "reply")
                self.run_client("mosquitto_pub", "alice", version, "-t", f"{self.root}/user/bob/invite",
                                "-m", json.dumps({"id": f"chosen-{version}"}))
                self.assertEqual(bob.event("new_invitation")["id"], f"chosen-{version}")
                self.run_client("mosquitto_pub", "bob", version, "-t",
                                f"{self.root}/invitation/chosen-{version}/reject/bob", "-q", "2", "-s",
                                stdin=msgpack.packb({"reason": "busy", "req": "r"}))
                self.assertEqual(bob.event("invitee_rejected")["reason"], "busy")
                bob.wait(lambda _: any(topic.endswith("/reply") for topic, _ in bob.messages()))
                reply, = [payload for topic, payload in bob.messages() if topic.endswith("/reply")]
                self.assert_ok(msgpack.unpackb(reply), re="reject", req="r", rev=2)
                replies.wait(lambda _: replies.messages())
                self.assert_ok(decode(replies.messages()[0][1]), re="invite", id=f"chosen-{version}")

    def test_a_null_message_is_an_empty_map(self):
        bob = self.subscribe("bob", "311", "json")
        self.run_client("mosquitto_pub", "alice", "311", "-t", f"{self.root}/user/bob/invite", "-n", "-q", "1")
        self.assertEqual(bob.event("new_invitation")["inviter"], "alice")

    def test_versions_and_encodings_mix(self):
        alice = self.subscribe("alice", "5", "event")
        bob = self.subscribe("bob", "311", "json")
        self.run_client("mosquitto_pub", "alice", "5", "-t", f"{self.root}/user/bob/invite", "-q", "1", "-s",
                        stdin=msgpack.packb({"id": "chosen", "data": b"\0\xff"}))
        self.assertEqual(bob.event("new_invitation")["data_b64"], "AP8=")
        self.assert_ok(self.ask("bob", "311", "invitation/chosen/accept", '{"data_b64":"/wA="}'))
        self.assertEqual(alice.event("invitee_accepted")["data"], b"\xff\0")

    def test_a_timeout_is_told(self):
        bob = self.subscribe("bob", "311", "json")
        self.assert_ok(self.ask("alice", "5", "user/bob/invite", '{"timeout_ms":300}'))
        self.assertEqual(bob.event("invitation_timeout")["invitees"], ["bob"])

    def test_status_is_there_for_all(self):
        for version in VERSIONS:
            printed = subprocess.run(["mosquitto_sub", "-p", str(self.broker.port), "-V", version, "-C", "1", "-W",
                                      str(int(PATIENCE)), "-t", f"{self.root}/status"], capture_output=True,
                                     check=True).stdout
            self.assertEqual(json.loads(printed)["protocol"], 1)


class Acknowledgements(CommandLineTest):
    def reason(self, topic, body, qos="1"):
        """The reason code of PUBACK or PUBREC, as the broker logged it."""
        since = self.broker.log_position()
        client_id = f"client-{since}"
        self.run_client("mosquitto_pub", "alice", "5", "-t", f"{self.root}/{topic}", "-q", qos, "-i", client_id,
                        "-s" if body else "-n", stdin=body)
        kind = {"1": "PUBACK", "2": "PUBREC"}[qos]
        self.broker.wait_log(rf"Sending {kind} to {client_id} \(m\d+, rc\d+\)", since)
        return int(re.search(rf"Sending {kind} to {client_id} \(m\d+, rc(\d+)\)", self.broker.log())[1])

    def test_a_request_is_acknowledged_with_success_refused_or_not(self):
        for qos in ("1", "2"):
            for topic, body in (("user/bob/invite", b"{}"), ("user/bob/invite", b"{"), ("user/bob/invite", b""),
                                ("user/alice/invite", b"{}"), ("invitation/unheard-of/accept", b"{}"),
                                ("user/bob/invite/carol", b"{}"), ("non/sense", b"{}"), ("user/b ob/invite", b"{}"),
                                ("group/family/create", b"{}"), ("user/bob/invite", b"x" * 40000)):
                with self.subTest(topic=topic, qos=qos, size=len(body)):
                    self.assertIn(self.reason(topic, body, qos), (0x00, 0x10))


class Websockets(SystemTest):
    def test_signaling_over_websockets_and_tcp_mixes(self):
        broker = self.start_broker(websockets=True)
        alice = self.connect(broker, "alice", websockets=True)
        bob = self.connect(broker, "bob")
        carol = self.connect(broker, "carol", websockets=True)
        invitation = self.invite(alice, "bob", also=["carol"], data="x" * 10000)
        for client in (bob, carol):
            client.wait_event("new_invitation", id=invitation, data="x" * 10000)
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        for client in (alice, bob, carol):
            client.wait_event("invitee_accepted", invitee="carol")
            client.wait_event("invitee_rejected", invitee="bob")
            client.no_more_events()

    def test_who_leaves_a_websocket_is_offline(self):
        broker = self.start_broker({"grace_ms": 200}, websockets=True)
        alice = self.connect(broker, "alice", websockets=True)
        bob = self.connect(broker, "bob", websockets=True)
        invitation = self.invite(alice, "bob", online_only=True)
        bob.wait_event("new_invitation", id=invitation)
        alice.drop()
        bob.wait_event("invitation_cancelled", reason="inviter_lost")
        self.assert_refused(bob.ask("user/alice/invite", online_only=True), "user_offline")

    def test_a_spy_on_a_websocket_reads_nothing(self):
        broker = self.start_broker(websockets=True)
        alice, bob = self.connect_all(broker, "alice", "bob")
        spy = self.connect(broker, "mallory", websockets=True, subscribe=False)
        for topic in ("#", f"{broker.root}/inbox/bob/#", f"$share/spies/{broker.root}/inbox/+/event"):
            spy.subscribe(topic)
        spy.publish(f"{broker.root}/inbox/bob/event", b"\x80", 1, True)
        self.invite(alice, "bob")
        bob.wait_event("new_invitation")
        bob.no_more_events()
        spy.marker()
        self.assertEqual({message.topic for message in spy.messages if message.topic.startswith(broker.root)},
                         {f"{broker.root}/status"})


if __name__ == "__main__":
    unittest.main()
