# SPDX-License-Identifier: Apache-2.0
"""Every device hears every event in the encoding to which it subscribed, whenever it did and whoever else listens.

The broker leaves out the encoding of which it knows that nobody reads it, so each test lets it learn that first."""

import unittest

from harness import SystemTest


class Encodings(SystemTest):
    def ring_and_cancel(self, inviter, invitee):
        """Twice, since after the first the broker knows who reads what."""
        for _ in range(2):
            invitation = self.invite(inviter, invitee)
            self.assert_ok(inviter.ask(f"invitation/{invitation}/cancel"))
            inviter.fence()
        return invitation

    def test_a_device_with_the_other_encoding_may_come_later(self):
        for first, second in (("json", "msgpack"), ("msgpack", "json")):
            with self.subTest(first=first):
                broker = self.start_broker()
                alice = self.connect(broker, "alice")
                bob = self.connect(broker, "bob", encoding=first)
                self.ring_and_cancel(alice, "bob")
                tablet = self.connect(broker, "bob", encoding=second)
                invitation = self.ring_and_cancel(alice, "bob")
                for device in bob, tablet:
                    device.wait_event("new_invitation", id=invitation)
                    device.wait_event("invitation_cancelled", id=invitation)

    def test_a_device_may_turn_to_the_other_encoding_or_take_both(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", encoding="json")
        self.ring_and_cancel(alice, "bob")
        bob.unsubscribe(f"{bob.inbox}/json")
        bob.subscribe_inbox("event")
        invitation = self.ring_and_cancel(alice, "bob")
        bob.wait_event("new_invitation", id=invitation)
        bob.unsubscribe(f"{bob.inbox}/event")
        bob.subscribe_inbox("+")
        invitation = self.ring_and_cancel(alice, "bob")
        bob.fence()
        for level in "json", "event":
            self.assertTrue(any(message.topic == f"{bob.inbox}/{level}" and invitation.encode() in message.payload
                                for message in bob.messages), level)

    def test_sessions_that_the_broker_restored_from_disk_miss_nothing(self):
        broker = self.start_broker(persistence=True)
        bobs = [self.connect(broker, "bob", clean=False, encoding=encoding) for encoding in ("json", "msgpack")]
        for bob in bobs:
            bob.leave()
        broker.restart()
        alice = self.connect(broker, "alice")
        tablet = self.connect(broker, "bob", encoding="json")
        invitation = self.ring_and_cancel(alice, "bob")
        tablet.wait_event("invitation_cancelled", id=invitation)
        for bob in bobs:
            again = self.keep(bob.resume())
            again.wait_event("invitation_cancelled", id=invitation)

    def test_content_type_is_there_for_whoever_has_it_whenever_that_comes(self):
        # The harness looks for it in each message to a client of MQTT 5.
        for before in False, True:  # a client that was there before knew it, or not
            with self.subTest(v5_before=before):
                broker = self.start_broker()
                alice = self.connect(broker, "alice", v5=before)
                bob = self.connect(broker, "bob", v5=before)
                self.ring_and_cancel(alice, "bob")
                phone = self.connect(broker, "alice", v5=True, listen=["json", "reply"])
                tablet = self.connect(broker, "bob", v5=True)
                older = self.connect(broker, "bob", v5=False)
                invitation = self.ring_and_cancel(alice, "bob")
                for device in bob, tablet, older:
                    device.wait_event("invitation_cancelled", id=invitation)
                sent = older.send("user/bob/sync")
                older.wait_reply(sent)
                tablet.sync()
                phone.wait_event("invitation_cancelled", id=invitation)
                if not before:
                    reply = phone.wait_message(lambda message: message.topic == f"{phone.inbox}/reply")
                    self.assertEqual(reply.properties.ContentType, "application/json")

    def test_a_session_that_outlives_its_connection_may_come_back_by_mqtt_5(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", v5=False, clean=False)
        self.ring_and_cancel(alice, "bob")
        bob.leave()
        invitation = self.ring_and_cancel(alice, "bob")
        again = self.connect(broker, "bob", v5=True, clean=False, listen=[], client_id=bob.client_id)
        self.assertTrue(again.session_present)
        again.wait_event("invitation_cancelled", id=invitation)

    def test_who_takes_over_a_session_that_hears_everything_hears_both(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        self.connect(broker, "bob", encoding="json")
        self.ring_and_cancel(alice, "bob")
        carol = self.connect(broker, "carol", v5=True, encoding="msgpack", clean=False, listen=[])
        carol.subscribe("#")
        carol.leave()
        self.ring_and_cancel(alice, "bob")
        taken = self.connect(broker, "bob", v5=True, encoding="msgpack", clean=False, listen=[],
                             client_id=carol.client_id)
        self.assertTrue(taken.session_present)
        invitation = self.ring_and_cancel(alice, "bob")
        taken.wait_message(lambda message: message.topic == f"{taken.inbox}/event"
                           and invitation.encode() in message.payload)


if __name__ == "__main__":
    unittest.main()
