# SPDX-License-Identifier: Apache-2.0
"""Who counts as online, and what follows from it: online_only, inviter_lost, and no ring for what has ended."""

import time
import unittest

from harness import SystemTest, states

GRACE = {"grace_ms": 200}


class PresenceTest(SystemTest):
    def is_online(self, asker, user):
        """Asks by an online_only invitation that is cancelled at once."""
        reply = asker.ask(f"user/{user}/invite", online_only=True)
        if reply["ok"]:
            self.assert_ok(asker.ask(f"invitation/{reply['id']}/cancel"))
            return True
        self.assert_refused(reply, "user_offline")
        return False


class Online(PresenceTest):
    def test_who_has_subscribed_to_events_by_name_is_online(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        for number, listen in enumerate((["event"], ["json"], ["+"], ["#"], ["event", "json"])):
            with self.subTest(listen=listen):
                user = f"listener{number}"
                self.assertFalse(self.is_online(alice, user))
                listener = self.connect(broker, user, listen=listen)
                self.assertTrue(self.is_online(alice, user))
                listener.leave()
                self.assertFalse(self.is_online(alice, user))

    def test_who_has_not_is_offline(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        self.connect(broker, "bob", subscribe=False)
        self.connect(broker, "carol", listen=[])  # replies alone
        general = self.connect(broker, "dave", listen=[])
        for topic in ("#", "+/+/+/+/+", f"{general.root}/#", f"{general.root}/inbox/#",
                      f"{general.root}/inbox/+/event", f"{general.root}/inbox/+/json"):
            general.subscribe(topic)
        publisher = self.connect(broker, "erin", listen=[])
        publisher.ask("user/bob/invite")
        for user in ("bob", "carol", "dave", "erin"):
            self.assertFalse(self.is_online(alice, user), user)

    def test_one_device_is_enough(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        tablet = self.connect(broker, "bob")
        tablet.leave()
        self.assertTrue(self.is_online(alice, "bob"))
        bob.drop()
        self.assertFalse(self.is_online(alice, "bob"))

    def test_who_unsubscribes_is_offline(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", listen=["event", "json"])
        for level, online in (("json", True), ("reply", True), ("event", False)):
            bob.unsubscribe(f"{bob.inbox}/{level}")
            bob.marker()
            self.assertEqual(self.is_online(alice, "bob"), online, level)

    def test_a_resumed_session_counts_from_its_first_request(self):
        for session in ({"clean": False}, {"clean": False, "v5": False}, {"clean": True, "expiry": 3600}):
            with self.subTest(**session):
                broker = self.start_broker()
                alice = self.connect(broker, "alice")
                bob = self.connect(broker, "bob", **session)
                bob.leave()
                self.assertFalse(self.is_online(alice, "bob"))
                again = self.keep(bob.resume())
                self.assertTrue(again.session_present)
                self.assertFalse(self.is_online(alice, "bob"))
                again.marker()  # subscribes and publishes elsewhere
                self.assertFalse(self.is_online(alice, "bob"))
                self.assertEqual(again.sync(), {})
                self.assertTrue(self.is_online(alice, "bob"))

    def test_a_resumed_session_that_had_not_subscribed_stays_offline(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", clean=False, listen=[])
        bob.leave()
        again = self.keep(bob.resume())
        again.sync()
        self.assertFalse(self.is_online(alice, "bob"))

    def test_a_new_session_with_the_same_client_id_starts_offline(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", clean=False)
        bob.leave()
        again = self.connect(broker, "bob", client_id=bob.client_id, listen=[])
        self.assertFalse(again.session_present)
        again.sync()
        self.assertFalse(self.is_online(alice, "bob"))

    def test_after_a_restart_of_the_broker_it_counts_once_it_subscribes_again(self):
        broker = self.start_broker(persistence=True)
        bob = self.connect(broker, "bob", clean=False)
        bob.leave()
        broker.restart()
        alice = self.connect(broker, "alice")
        again = self.keep(bob.resume())
        self.assertTrue(again.session_present)
        again.sync()
        self.assertFalse(self.is_online(alice, "bob"))
        again.subscribe_inbox("event")
        self.assertTrue(self.is_online(alice, "bob"))

    def test_a_connection_that_took_its_predecessors_place_is_online(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        tag = bob.tag
        newer = self.connect(broker, "bob", client_id=bob.client_id)
        bob.wait_lost()
        self.assertTrue(self.is_online(alice, "bob"))
        self.assertEqual(newer.tag, tag)


class Tags(PresenceTest):
    def test_a_device_keeps_its_tag_and_shares_it_with_nobody(self):
        broker = self.start_broker()
        first = self.connect(broker, "alice", client_id="tablet")
        tag = first.tag
        first.leave()
        self.assertEqual(self.connect(broker, "alice", client_id="tablet").tag, tag)
        other = self.connect(broker, "alice", client_id="phone").tag
        self.assertNotEqual(other, tag)
        namesake = self.connect(broker, "bob", client_id="Tablet")
        self.assertNotIn(namesake.tag, (tag, other))


class OnlineOnly(PresenceTest):
    def test_it_is_refused_when_nobody_is_there_and_leaves_no_trace(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        self.assert_refused(alice.ask("user/bob/invite", online_only=True, id="chosen"), "user_offline")
        self.assert_refused(alice.ask("invitation/chosen/get"), "unknown_invitation")
        bob = self.connect(broker, "bob")
        self.assertEqual((alice.sync(), bob.sync()), ({}, {}))
        bob.no_more_events()

    def test_it_rings_at_once_and_is_never_queued(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        tablet = self.connect(broker, "bob", clean=False)
        tablet.leave()
        invitation = self.invite(alice, "bob", online_only=True)
        event = bob.wait_event("new_invitation", id=invitation, online_only=True)
        self.assertEqual(event["rev"], 1)
        self.assertEqual([message.qos for message in bob.messages if message.topic.endswith("/event")], [0])
        again = self.keep(tablet.resume())
        again.no_more_events()
        self.assertIn(invitation, again.sync())

    def test_a_device_that_comes_later_may_answer_it(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob", online_only=True)
        bob.wait_event("new_invitation")
        tablet = self.connect(broker, "bob")
        self.assertTrue(tablet.sync()[invitation]["online_only"])
        self.assert_ok(tablet.ask(f"invitation/{invitation}/accept"))
        alice.wait_event("invitee_accepted", by_device=tablet.tag)
        bob.wait_event("invitee_accepted", by_device=tablet.tag)

    def test_of_several_who_is_offline_is_skipped(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        reply = self.assert_ok(alice.ask("user/bob/invite", also=["carol"], online_only=True))
        self.assertEqual(reply["skipped"], [{"user": "carol", "error": "user_offline"}])
        self.assertEqual(bob.wait_event("new_invitation")["invitees"], ["bob"])
        reply = self.assert_ok(alice.ask("user/carol/invite", also=["bob"], online_only=True))
        self.assertEqual(reply["skipped"], [{"user": "carol", "error": "user_offline"}])
        self.assert_refused(alice.ask("user/carol/invite", also=["dave"], online_only=True), "user_offline")

    def test_the_added_must_be_online_too(self):
        broker = self.start_broker()
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob", online_only=True)
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]), "user_offline")
        carol = self.connect(broker, "carol")
        self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]))
        carol.wait_event("new_invitation", online_only=True)
        bob.wait_event("new_invitation")
        bob.wait_event("invitation_modified")


class LateJoiner(PresenceTest):
    def test_who_connects_before_the_deadline_learns_of_it_by_sync_and_may_answer(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        invitation = self.invite(alice, "bob", data="x", timeout_ms=20000)
        bob = self.connect(broker, "bob")
        shown = bob.sync()[invitation]
        self.assertTrue(0 < shown["remaining_ms"] <= 20000, shown)
        self.assertEqual((shown["data"], shown["role"], states(shown)), ("x", "invitee", {"bob": "pending"}))
        bob.no_more_events()
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        alice.wait_event("invitee_accepted", id=invitation)

    def test_a_session_that_was_away_is_not_told_of_what_ended_meanwhile(self):
        broker = self.start_broker()
        alice, carol = self.connect_all(broker, "alice", "carol")
        for v5 in (True, False):
            with self.subTest(v5=v5):
                bob = self.connect(broker, "bob", v5=v5, clean=False)
                bob.leave()
                cancelled = self.invite(alice, "bob")
                self.assert_ok(alice.ask(f"invitation/{cancelled}/cancel"))
                timed_out = self.invite(alice, "bob", timeout_ms=100)
                alice.wait_event("invitation_timeout", id=timed_out)
                taken = self.invite(alice, "bob", also=["carol"], answer="first")
                self.assert_ok(carol.ask(f"invitation/{taken}/accept"))
                again = self.keep(bob.resume())
                again.fence()
                again.subscribe_inbox("event")
                again.fence()
                self.assertEqual([event for event in again.events if event["event"] == "new_invitation"], [])
                self.assertEqual(again.sync(), {})

    def test_a_session_whose_connection_died_unnoticed_is_not_told_of_what_ended_meanwhile(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        for v5 in (True, False):
            with self.subTest(v5=v5):
                bob = self.connect(broker, "bob", v5=v5, clean=False)
                bob.freeze()
                invitation = self.invite(alice, "bob")
                self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
                again = self.keep(bob.resume())
                again.fence()
                self.assertEqual([event for event in again.events if event["event"] == "new_invitation"], [])

    def test_a_session_that_was_away_is_never_told_more_time_than_remains(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", clean=False)
        bob.leave()
        invitation = self.invite(alice, "bob", timeout_ms=20000)
        since = time.monotonic()
        self.eventually(alice.sync, lambda _: time.monotonic() - since > 0.05)
        most = 20000 - 1000 * (time.monotonic() - since)
        again = self.keep(bob.resume())
        again.fence()
        again.subscribe_inbox("event")
        again.fence()
        for event in again.events:  # it may be told again, but rightly
            self.assertEqual((event["event"], event["id"]), ("new_invitation", invitation))
            self.assertLessEqual(event["remaining_ms"], most)
        self.assertLessEqual(again.sync()[invitation]["remaining_ms"], most)

    def test_a_session_that_was_away_hears_the_next_invitation(self):
        broker = self.start_broker()
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", clean=False)
        bob.leave()
        missed = self.invite(alice, "bob")
        again = self.keep(bob.resume())
        self.assertIn(missed, again.sync())
        invitation = self.invite(alice, "bob")
        again.wait_event("new_invitation", id=invitation)

    def test_a_restarted_broker_without_a_store_remembers_no_invitation_and_rings_for_none(self):
        broker = self.start_broker({"store": "memory"}, persistence=True)
        alice = self.connect(broker, "alice")
        bob = self.connect(broker, "bob", clean=False)
        bob.leave()
        invitation = self.invite(alice, "bob")
        epoch = alice.ask("user/alice/sync")["server_epoch"]
        alice.leave()
        broker.restart()
        again = self.keep(bob.resume())
        again.subscribe_inbox("event")
        again.fence()
        self.assertEqual(again.events, [])
        self.assert_refused(again.ask(f"invitation/{invitation}/accept"), "unknown_invitation")
        self.assertNotEqual(again.ask("user/bob/sync")["server_epoch"], epoch)


class InviterLost(PresenceTest):
    def test_what_a_lost_inviter_left_pending_is_cancelled(self):
        for how in ("leave", "drop"):
            with self.subTest(how=how):
                broker = self.start_broker(GRACE)
                alice, bob = self.connect_all(broker, "alice", "bob")
                invitation = self.invite(alice, "bob")
                bob.wait_event("new_invitation")
                getattr(alice, how)()
                bob.wait_event("invitation_cancelled", id=invitation, reason="inviter_lost", invitees=["bob"],
                               inviter="alice", by="alice", rev=2)
                bob.no_more_events()
                self.assert_refused(bob.ask(f"invitation/{invitation}/accept"), "already_cancelled", by="alice", rev=2)

    def test_only_what_is_pending(self):
        broker = self.start_broker(GRACE)
        alice, bob, carol = self.connect_all(broker, "alice", "bob", "carol")
        invitation = self.invite(alice, "bob", also=["carol"])
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        alice.drop()
        carol.wait_event("invitation_cancelled", reason="inviter_lost", invitees=["carol"])
        shown = bob.ask(f"invitation/{invitation}/get")["invitation"]
        self.assertEqual(states(shown), {"bob": "accepted", "carol": "cancelled"})

    def timed_out_instead(self, bob, invitation):
        """The grace period ends long before the invitation's timeout, which is what bob must hear of."""
        bob.wait_event("new_invitation", id=invitation)
        event = bob.wait_event(lambda event: event["event"] != "new_invitation")
        self.assertEqual((event["event"], event["id"]), ("invitation_timeout", invitation))
        bob.no_more_events()

    def test_not_if_it_said_keep(self):
        broker = self.start_broker(GRACE)
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob", on_inviter_lost="keep", timeout_ms=1000)
        alice.drop()
        self.timed_out_instead(bob, invitation)

    def test_not_if_another_device_is_there(self):
        broker = self.start_broker(GRACE)
        alice, bob = self.connect_all(broker, "alice", "bob")
        self.connect(broker, "alice")
        invitation = self.invite(alice, "bob", timeout_ms=1000)
        alice.drop()
        self.timed_out_instead(bob, invitation)

    def test_not_if_the_inviter_only_publishes_and_so_was_never_online(self):
        broker = self.start_broker(GRACE)
        bob = self.connect(broker, "bob")
        button = self.connect(broker, "alice", listen=[])
        invitation = self.invite(button, "bob", timeout_ms=1000)
        button.leave()
        self.timed_out_instead(bob, invitation)

    def test_not_if_the_inviter_is_back_in_time(self):
        broker = self.start_broker({"grace_ms": 2000})
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob", timeout_ms=3000)
        alice.drop()
        back = self.connect(broker, "alice")
        self.timed_out_instead(bob, invitation)
        back.wait_event("invitation_timeout")

    def test_not_if_the_inviters_session_is_resumed_in_time(self):
        broker = self.start_broker({"grace_ms": 2000})
        bob = self.connect(broker, "bob")
        alice = self.connect(broker, "alice", clean=False)
        invitation = self.invite(alice, "bob", timeout_ms=3000)
        alice.drop()
        back = self.keep(alice.resume())
        self.assertIn(invitation, back.sync())
        self.timed_out_instead(bob, invitation)
        back.wait_event("invitation_timeout")

    def test_also_if_the_inviter_comes_back_only_to_publish(self):
        broker = self.start_broker({"grace_ms": 500})
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob")
        alice.drop()
        back = self.connect(broker, "alice", listen=[])
        back.sync()
        bob.wait_event("invitation_cancelled", id=invitation, reason="inviter_lost")

    def test_also_if_the_inviter_came_online_only_after_the_invite(self):
        broker = self.start_broker(GRACE)
        bob = self.connect(broker, "bob")
        alice = self.connect(broker, "alice", listen=[])
        invitation = self.invite(alice, "bob")
        alice.subscribe_inbox("json")
        alice.drop()
        bob.wait_event("invitation_cancelled", id=invitation, reason="inviter_lost")

    def test_also_if_the_device_that_was_online_is_not_the_one_that_invited(self):
        broker = self.start_broker(GRACE)
        panel, bob = self.connect_all(broker, "alice", "bob")
        button = self.connect(broker, "alice", listen=[])
        invitation = self.invite(button, "bob")
        panel.drop()
        bob.wait_event("invitation_cancelled", id=invitation, reason="inviter_lost", by="alice")

    def test_an_online_inviter_hears_nothing_of_a_lost_invitee(self):
        broker = self.start_broker(GRACE)
        alice, bob = self.connect_all(broker, "alice", "bob")
        invitation = self.invite(alice, "bob", timeout_ms=1000)
        bob.drop()
        self.assertEqual(alice.wait_event(id=invitation)["event"], "invitation_timeout")


if __name__ == "__main__":
    unittest.main()
