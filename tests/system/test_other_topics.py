# SPDX-License-Identifier: Apache-2.0
"""All that is not below the root works as on the same broker without the plugin: each scenario runs on both, and what
its clients experienced must be equal."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from harness import PATIENCE, Broker, Refused, SystemTest, mosquitto_version

DYNAMIC_SECURITY = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"


def experienced(client):
    """What arrived, but for the fences; in MQTT 5 with its properties."""
    return [(message.topic, message.payload, message.qos, message.retain,
             str(message.properties) if client.v5 else "")
            for message in client.messages if not message.topic.startswith("fence/")]


class SameAsWithout(SystemTest):
    def assert_same(self, scenario, **broker):
        """Runs the scenario with and without the plugin; returns what it yields."""
        with_plugin = scenario(self.start_broker(**broker))
        without = scenario(self.start_broker(plugin=False, **broker))
        self.assertEqual(with_plugin, without)
        return with_plugin

    def plain(self, broker, user=None, **how):
        return self.connect(broker, user, subscribe=False, **{"encoding": "json", "v5": True, **how})


class OpenBroker(SameAsWithout):
    """allow_anonymous true, no other access control, other_topics allow."""

    def test_publishing_and_subscribing(self):
        def scenario(broker):
            heard = []
            for v5 in (True, False):
                for user in (None, "alice", "a/b", ""):
                    sender, receiver = self.plain(broker, user, v5=v5), self.plain(broker, v5=v5)
                    granted = [receiver.subscribe(topic, qos) for topic, qos in
                               (("a/#", 0), ("+/b", 1), ("c", 2), ("beckon/+", 2), ("beckon/v2/#", 1))]
                    for qos in (0, 1, 2):
                        for topic in ("a/b", "a/x/y", "c", "d", "beckon", "beckon/other", "beckon/v11", "beckon/v2/x"):
                            sender.publish(topic, f"{topic} {qos}".encode(), qos)
                    sender.marker()
                    receiver.marker()
                    heard.append((granted, sorted(experienced(receiver))))
            return heard
        self.assertTrue(self.assert_same(scenario)[0][1])

    def test_retained_messages(self):
        def scenario(broker):
            sender = self.plain(broker)
            for topic, payload in (("r/1", b"one"), ("r/2", b"two"), ("r/2", b""), ("r/3", b"x" * 100000)):
                sender.publish(topic, payload, 1, True)
            receiver = self.plain(broker)
            receiver.subscribe("r/#")
            receiver.marker()
            return sorted(experienced(receiver))
        self.assertEqual(len(self.assert_same(scenario)), 2)

    def test_retained_messages_survive_a_restart(self):
        def scenario(broker):
            sender = self.plain(broker)
            sender.publish("r/1", b"one", 1, True)
            sender.leave()
            broker.restart()
            receiver = self.plain(broker)
            receiver.subscribe("r/#")
            receiver.marker()
            return experienced(receiver)
        self.assertEqual(len(self.assert_same(scenario, persistence=True)), 1)

    def test_wills(self):
        def scenario(broker):
            receiver = self.plain(broker)
            receiver.subscribe("#")
            for user in (None, "alice"):
                for retain in (False, True):
                    for end in ("drop", "leave"):
                        dying = self.plain(broker, user, will={"topic": f"will/{user}/{retain}/{end}", "payload": b"x",
                                                               "qos": 1, "retain": retain})
                        getattr(dying, end)()
            receiver.marker()
            late = self.plain(broker)
            late.subscribe("will/#")
            late.marker()
            return [entry for entry in experienced(receiver) if entry[0].startswith("will/")], sorted(experienced(late))
        heard, kept = self.assert_same(scenario)
        self.assertEqual((len(heard), len(kept)), (4, 2))

    def test_shared_subscriptions(self):
        def scenario(broker):
            workers = [self.plain(broker, "alice"), self.plain(broker)]
            for worker in workers:
                worker.subscribe("$share/workers/jobs")
            sender = self.plain(broker)
            for number in range(10):
                sender.publish("jobs", str(number).encode())
            for worker in workers:
                worker.marker()
            return [experienced(worker) for worker in workers]
        self.assertEqual(sum(map(len, self.assert_same(scenario))), 10)

    def test_persistent_sessions_and_their_queues(self):
        def scenario(broker):
            heard = []
            for v5 in (True, False):
                for user in (None, "alice"):
                    away = self.plain(broker, user, v5=v5, clean=False)
                    away.subscribe("queue/#", 2)
                    away.leave()
                    sender = self.plain(broker)
                    for number in range(30):
                        sender.publish(f"queue/{number}", b"x", number % 3)
                    again = self.keep(away.resume())
                    again.wait_message(lambda message: message.topic == "queue/29")
                    again.marker()
                    heard.append((again.session_present, sorted(experienced(again))))
            return heard
        self.assertEqual(len(self.assert_same(scenario)[0][1]), 20)

    def test_the_properties_of_mqtt_5(self):
        def scenario(broker):
            receiver = self.plain(broker, "alice")
            receiver.subscribe("p/#")
            self.plain(broker, "bob").publish(
                "p/x", b"text", ResponseTopic="anything/at/all", CorrelationData=b"\0\1", ContentType="text/plain",
                UserProperty=("key", "value"), PayloadFormatIndicator=1)
            receiver.marker()
            return experienced(receiver)
        self.assertEqual(len(self.assert_same(scenario)), 1)

    def test_dollar_topics(self):
        def scenario(broker):
            sender, receiver = self.plain(broker, "alice"), self.plain(broker)
            granted = [receiver.subscribe(topic) for topic in ("$SYS/broker/version", "$elsewhere/#", "#")]
            sender.publish("$elsewhere/x", b"x")
            sender.publish("$SYS/broker/version", b"forged")
            receiver.marker()
            return granted, [entry for entry in experienced(receiver) if entry[0].startswith("$")]
        self.assert_same(scenario)

    def test_the_plugin_adds_one_retained_message_for_all_to_read(self):
        reader = self.plain(self.start_broker())
        reader.subscribe("#")
        reader.marker()
        self.assertEqual([entry[0] for entry in experienced(reader)], ["beckon/v1/status"])


class WithAcl(SameAsWithout):
    ACL = ("topic read public/#\n\n"
           "user alice\ntopic readwrite a/#\n\n"
           "user bob\ntopic read a/#\n\n"
           "pattern readwrite homes/%u/#\npattern readwrite fence/#\n\n")

    def acl(self, extra=""):
        return f"acl_file {self.file(self.ACL + extra)}"

    def path(self, name):
        directory = tempfile.TemporaryDirectory(prefix="beckon-system-test-")
        self.addCleanup(directory.cleanup)
        return os.path.join(directory.name, name)

    def file(self, text=""):
        path = self.path("file")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def probe(self, broker, **passwords):
        """Who gets what of everyone's messages, and what a retained one, a will and a shared subscription add."""
        users = (None, "alice", "bob", "carol")
        clients = {user: self.plain(broker, user, password=passwords.get(user)) for user in users
                   if user is not None or broker.allow_anonymous}
        for client in clients.values():
            for topic in ("a/#", "public/#", "homes/#", "elsewhere", "$share/group/a/shared"):
                client.subscribe(topic)
        for user, client in clients.items():
            for topic in ("a/x", "public/x", "homes/alice/x", "homes/bob/x", "elsewhere", "a/shared"):
                for retain in (False, True):
                    client.publish(topic, f"{user} {retain}".encode(), 1, retain)
            self.plain(broker, user, password=passwords.get(user),
                       will={"topic": "a/will", "payload": str(user).encode(), "qos": 1}).drop()
        for client in clients.values():
            client.marker()
        late = self.plain(broker, "alice", password=passwords.get("alice"))
        late.subscribe("#")
        late.marker()
        return ([(user, experienced(client)) for user, client in clients.items()],
                sorted(entry for entry in experienced(late) if not entry[0].startswith("beckon/")))

    def ring(self, broker, **passwords):
        alice = self.connect(broker, "alice", password=passwords.get("alice"))
        bob = self.connect(broker, "bob", password=passwords.get("bob"))
        invitation = self.invite(alice, "bob")
        bob.wait_event("new_invitation", id=invitation)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        alice.wait_event("invitee_accepted", id=invitation)
        alice.leave()
        bob.leave()

    def refused_with(self, broker, user, password):
        try:
            self.plain(broker, user, password=password).leave()
        except Refused as refused:
            return refused.code
        return 0


class Guarded(WithAcl):
    """With the operator's own access control, other_topics defer."""

    def test_an_acl_file_keeps_deciding(self):
        heard, _ = self.assert_same(self.probe, options={"other_topics": "defer"}, config=self.acl())
        received = {user: {topic for topic, *_ in messages} for user, messages in heard}
        self.assertLessEqual({"a/x", "a/will", "homes/alice/x"}, received["alice"])
        self.assertIn("a/x", received["bob"])
        self.assertNotIn("homes/alice/x", received["bob"])
        self.assertNotIn("a/x", received["carol"])

    def test_signaling_needs_no_line_in_the_acl_file(self):
        broker = self.start_broker({"other_topics": "defer"}, config=self.acl())
        self.ring(broker)
        spy = self.connect(broker, "mallory")
        spy.subscribe("beckon/v1/inbox/bob/#")
        self.ring(broker)
        spy.no_more_events()
        self.assertFalse([message for message in spy.messages if "/bob/" in message.topic])

    def test_an_acl_file_opens_no_inbox_and_lets_nobody_forge(self):
        broker = self.start_broker({"other_topics": "defer"}, config=self.acl("user mallory\ntopic readwrite #\n"))
        bob = self.connect(broker, "bob")
        mallory = self.connect(broker, "mallory", subscribe=False)
        mallory.subscribe("#")
        mallory.publish("beckon/v1/inbox/bob/event", b"\x80", 1, True)
        mallory.marker()
        self.ring(broker)
        mallory.marker()
        bob.wait_event("new_invitation")
        bob.wait_event("invitee_accepted")
        bob.no_more_events()
        self.assertEqual({topic for topic, *_ in experienced(mallory)}, {"beckon/v1/status"})

    def test_with_requests_defer_the_acl_file_says_who_may_ring_whom(self):
        lines = ("user dave\ntopic write beckon/v1/user/bob/invite\ntopic write beckon/v1/user/dave/sync\n")
        broker = self.start_broker({"other_topics": "defer", "requests": "defer"}, config=self.acl(lines))
        dave = self.connect(broker, "dave")
        bob = self.connect(broker, "bob")
        self.assert_ok(dave.ask("user/bob/invite"))
        bob.wait_event("new_invitation", inviter="dave")
        dave.publish("beckon/v1/user/alice/invite", b"{}")
        bob.publish("beckon/v1/user/dave/invite", b"{}")
        bob.marker()
        dave.no_more_events()
        self.assertEqual(len(dave.sync()), 1)

    def test_a_password_file_keeps_deciding_who_is_who(self):
        passwords = {"alice": "a", "bob": "b", "carol": "c"}
        path = self.file()
        for user, password in passwords.items():
            subprocess.run(["mosquitto_passwd", "-b", path, user, password], check=True, capture_output=True)

        def scenario(broker):
            codes = [self.refused_with(broker, *who) for who in
                     (("alice", "a"), ("alice", "wrong"), ("alice", None), ("mallory", "a"), (None, None), ("", "a"))]
            return codes, self.probe(broker, **passwords)

        for anonymous in (False, True):
            with self.subTest(allow_anonymous=anonymous):
                how = {"config": f"password_file {path}\n{self.acl()}", "allow_anonymous": anonymous,
                       "options": {"other_topics": "defer"}}
                codes, _ = self.assert_same(scenario, **how)
                self.assertEqual([code == 0 for code in codes][:4], [True, False, False, False])
                self.ring(self.start_broker(**how), **passwords)

    def test_dynamic_security_keeps_deciding(self):
        passwords = {"admin": "secret", "alice": "a", "bob": "b", "carol": "c"}

        def scenario(broker):
            admin = self.plain(broker, "admin", password="secret")
            admin.subscribe("$CONTROL/dynamic-security/v1/response")
            acls = [{"acltype": kind, "topic": topic, "allow": True} for topic in ("a/#", "fence/#")
                    for kind in ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")]
            commands = [{"command": "createRole", "rolename": "member", "acls": acls},
                        {"command": "createRole", "rolename": "reader", "acls": acls[1:]}]
            commands += [{"command": "createClient", "username": user, "password": passwords[user],
                          "roles": [{"rolename": role}]}
                         for user, role in (("alice", "member"), ("bob", "reader"), ("carol", "reader"))]
            admin.publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": commands}).encode())
            done = admin.wait_message(lambda message: message.topic.startswith("$CONTROL/")).payload
            codes = [self.refused_with(broker, *who) for who in
                     (("alice", "a"), ("alice", "wrong"), ("mallory", "a"), (None, None))]
            if broker.plugin:
                self.ring(broker, **passwords)
            return json.loads(done), codes, self.probe(broker, **passwords)

        def config():
            path = self.path("dynamic-security.json")
            subprocess.run(["mosquitto_ctrl", "dynsec", "init", path, "admin", "secret"], check=True,
                           capture_output=True, timeout=PATIENCE)
            return f"plugin {DYNAMIC_SECURITY}\nplugin_opt_config_file {path}"

        how = {"options": {"other_topics": "defer"}, "allow_anonymous": False}
        with_plugin = scenario(self.start_broker(config=config(), **how))
        without = scenario(self.start_broker(config=config(), plugin=False, **how))
        self.assertEqual(with_plugin, without)
        responses, codes, _ = with_plugin
        self.assertFalse([response for response in responses["responses"] if "error" in response], responses)
        self.assertEqual([code == 0 for code in codes], [True, False, False, False])


class UnprivilegedBroker(Broker):
    """It reads its configuration as root, and then is somebody who may not."""

    def _configuration(self):
        return super()._configuration().replace("user root", "user nobody", 1)


class Auto(WithAcl):
    """other_topics auto: by what the broker's configuration has."""

    AUTO = {"other_topics": "auto"}
    BY_CONFIGURATION = mosquitto_version() < (2, 1)  # which 2.1 does not need: it can be without an opinion

    def decided(self, broker, policy, why=""):
        expected = policy if self.BY_CONFIGURATION else "ignore"
        self.assertIn(f"serves beckon/v1, other_topics {expected},", broker.log())
        if self.BY_CONFIGURATION:
            self.assertRegex(broker.log(), f"plugin_opt_other_topics auto is {policy}: .*{re.escape(why)}")

    def included(self, text):
        folder = self.path("conf.d")
        os.mkdir(folder)
        with open(os.path.join(folder, "more.conf"), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return f"include_dir {folder}"

    def test_an_acl_file_keeps_deciding(self):
        for config in (self.acl(), self.included(self.acl())):
            self.assert_same(self.probe, options=self.AUTO, config=config)
        self.decided(self.start_broker(self.AUTO, config=config), "defer", "more.conf names an acl_file")

    def test_a_plugin_keeps_deciding(self):
        path = self.path("dynamic-security.json")
        subprocess.run(["mosquitto_ctrl", "dynsec", "init", path, "admin", "secret"], check=True, capture_output=True,
                       timeout=PATIENCE)
        broker = self.start_broker(self.AUTO, allow_anonymous=False,
                                   config=f"plugin {DYNAMIC_SECURITY}\nplugin_opt_config_file {path}")
        self.decided(broker, "defer", DYNAMIC_SECURITY)

    def test_where_nothing_decides_all_is_open(self):
        heard, _ = self.assert_same(self.probe, options=self.AUTO)
        self.assertIn("homes/alice/x", {topic for topic, *_ in dict(heard)["carol"]})
        self.decided(self.start_broker(self.AUTO), "allow")

    def test_an_acl_file_that_comes_by_a_reload_is_asked_from_then_on(self):
        broker = self.start_broker(self.AUTO)
        carol = self.plain(broker, "carol")
        carol.subscribe("a/#")
        carol.publish("a/x", b"before")
        carol.marker()
        broker.reload(config=self.acl())
        self.ring(broker)
        carol.publish("a/x", b"after")
        carol.marker()
        self.assertEqual([payload for _, payload, *_ in experienced(carol)], [b"before"])

    @unittest.skipUnless(BY_CONFIGURATION and os.geteuid() == 0, "where it matters, as root")
    def test_what_the_broker_cannot_read_keeps_it_from_starting(self):
        broker = UnprivilegedBroker(options=self.AUTO)
        self.addCleanup(broker.remove)
        self.assertRegex(broker.refusal(), "plugin_opt_other_topics is auto, and .*mosquitto.conf cannot be read, which")


class Unsaid:
    """The same where other_topics is not given."""

    def make_broker(self, options=(), **how):
        return super().make_broker({**dict(options), "other_topics": None}, **how)


@unittest.skipIf(mosquitto_version() < (2, 1), "Mosquitto 2.0 takes no opinion for a denial")
class OpenBrokerUnsaid(Unsaid, OpenBroker):
    pass


@unittest.skipIf(mosquitto_version() < (2, 1), "Mosquitto 2.0 takes no opinion for a denial")
class GuardedUnsaid(Unsaid, Guarded):
    pass


if __name__ == "__main__":
    unittest.main()
