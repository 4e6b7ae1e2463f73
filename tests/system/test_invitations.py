# SPDX-License-Identifier: Apache-2.0
"""Section 4 of the contract, rule by rule: what each request does, who hears of it, and what is refused."""

import base64
import json
import random
import unittest

from harness import SystemTest, data_of, states


class InvitationTest(SystemTest):
    def people(self, *users, **options):
        """One connected client of each user, on a new broker."""
        self.broker = self.start_broker(options)
        return self.connect_all(self.broker, *users)

    def ringing(self, inviter, *invitees, **body):
        """An invitation that the invitees (clients) have heard of; returns its id."""
        also = {"also": [invitee.user for invitee in invitees[1:]]} if invitees[1:] else {}
        invitation = self.invite(inviter, invitees[0].user, **also, **body)
        for invitee in invitees:
            invitee.wait_event("new_invitation", id=invitation)
        return invitation

    def shown_to(self, devices, *invitations):
        """Each of the inviter's devices sees what another of them asks."""
        for device in devices:
            for invitation in invitations:
                device.wait_event("new_invitation", id=invitation, role="inviter", inviter=device.user)

    def state_of(self, asker, invitation):
        return states(self.assert_ok(asker.ask(f"invitation/{invitation}/get"))["invitation"])


class Invite(InvitationTest):
    def test_the_invitee_hears_all_about_it_and_the_inviter_gets_the_reply_only(self):
        alice, bob = self.people("alice", "bob")
        reply = self.assert_ok(alice.ask("user/bob/invite", data="hello", timeout_ms=20000), rev=1)
        event = bob.wait_event("new_invitation")
        remaining = event.pop("remaining_ms")
        self.assertEqual(event, {
            "event": "new_invitation", "id": reply["id"], "rev": 1, "by": "alice", "by_device": alice.tag,
            "inviter": "alice", "invitees": ["bob"], "data": "hello", "call": False, "answer": "all",
            "visibility": "invitees", "online_only": False, "role": "invitee"})
        for value in (remaining, reply["remaining_ms"]):
            self.assertTrue(0 < value <= 20000, value)
        self.assertFalse(reply.get("skipped"), reply)
        bob.no_more_events()
        alice.no_more_events()

    def test_all_devices_of_the_invitee_hear_it_and_of_nobody_else(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        tablet = self.connect(self.broker, "bob", encoding="json", v5=False)
        invitation = self.ringing(alice, bob)
        tablet.wait_event("new_invitation", id=invitation)
        carol.no_more_events()

    def test_both_forms_of_an_event_say_the_same(self):
        alice, = self.people("alice")
        bob = self.connect(self.broker, "bob", listen=("event", "json"))
        self.invite(alice, "bob", data="text")
        first, second = bob.wait_event("new_invitation"), bob.wait_event("new_invitation")
        for event in (first, second):
            self.assertLessEqual(event.pop("remaining_ms"), 30000)
        self.assertEqual(first, second)
        bob.no_more_events()

    def test_the_inviter_may_choose_the_id_else_the_broker_does(self):
        alice, _ = self.people("alice", "bob")
        self.assertEqual(self.invite(alice, "bob", id="My-id_1.@:"), "My-id_1.@:")
        chosen = {self.invite(alice, "bob") for _ in range(5)}
        self.assertEqual(len(chosen), 5)
        for invitation in chosen:
            self.assertRegex(invitation, r"\A[A-Za-z0-9._@:-]{1,64}\Z")

    def test_without_a_timeout_it_rings_for_30_seconds(self):
        alice, _ = self.people("alice", "bob")
        reply = self.assert_ok(alice.ask("user/bob/invite"))
        self.assertTrue(20000 < reply["remaining_ms"] <= 30000, reply)

    def test_a_timeout_of_0_is_none_and_nobody_is_told_a_remaining_time(self):
        alice, bob = self.people("alice", "bob")
        reply = self.assert_ok(alice.ask("user/bob/invite", timeout_ms=0))
        self.assertNotIn("remaining_ms", reply)
        self.assertNotIn("remaining_ms", bob.wait_event("new_invitation"))
        self.assertNotIn("remaining_ms", bob.sync()[reply["id"]])

    def test_without_a_timeout_it_expires_at_the_end_of_its_lifetime(self):
        alice, bob = self.people("alice", "bob", max_timeout_ms=300, max_lifetime_ms=300)
        invitation = self.ringing(alice, bob, timeout_ms=0)
        event = self.hear([alice, bob], "invitation_cancelled", id=invitation, reason="expired", invitees=["bob"])
        self.assertNotIn("by", event)
        self.assert_refused(bob.ask(f"invitation/{invitation}/accept"), "already_cancelled", rev=event["rev"])

    def test_fields_outside_their_values_are_refused_by_name(self):
        alice, bob = self.people("alice", "bob")
        day = 24 * 3600 * 1000
        for field, value in (("timeout_ms", -1), ("timeout_ms", day + 1), ("answer", "none"), ("visibility", "all"),
                             ("visibility", "members"), ("on_inviter_lost", "shrug"), ("call", 1), ("id", "a b"),
                             ("id", ""), ("id", "x" * 65), ("also", ["car ol"])):
            with self.subTest(field=field, value=value):
                self.assert_refused(alice.ask("user/bob/invite", **{field: value}), "invalid_request", field=field)
        self.assert_ok(alice.ask("user/bob/invite", timeout_ms=day))
        bob.wait_event("new_invitation")
        bob.no_more_events()

    def test_nobody_invites_themselves(self):
        alice, = self.people("alice")
        self.assert_refused(alice.ask("user/alice/invite"), "invalid_request", field="invitee")
        alice.no_more_events()

    def test_any_valid_id_may_be_invited_whether_anybody_knows_that_user_or_not(self):
        alice, = self.people("alice")
        self.invite(alice, "Nobody_has.heard-of:me@example")

    def test_the_same_invite_again_is_a_duplicate_and_rings_nobody(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob, id="chosen")
        again = self.assert_ok(alice.ask("user/bob/invite", id="chosen"), id=invitation, dup=True, rev=1, state="open")
        self.assertTrue(0 < again["remaining_ms"] <= 30000, again)
        self.assert_ok(bob.ask("invitation/chosen/reject"), rev=2)
        bob.wait_event("invitee_rejected")
        self.assert_ok(alice.ask("user/bob/invite", id="chosen"), dup=True, rev=2, state="ended")
        bob.no_more_events()

    def test_another_device_of_the_inviter_may_repeat_the_invite(self):
        alice, bob = self.people("alice", "bob")
        phone = self.connect(self.broker, "alice")
        self.ringing(alice, bob, id="chosen")
        self.assert_ok(phone.ask("user/bob/invite", id="chosen"), dup=True, rev=1)
        bob.no_more_events()

    def test_anything_else_with_a_known_id_already_exists(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        self.ringing(alice, bob, id="chosen")
        self.assert_refused(alice.ask("user/carol/invite", id="chosen"), "already_exists")
        self.assert_refused(carol.ask("user/bob/invite", id="chosen"), "already_exists")
        self.assert_refused(bob.ask("user/alice/invite", id="chosen"), "already_exists")
        for client in (alice, bob, carol):
            client.no_more_events()

    def test_a_packet_that_mqtt_sends_again_rings_once_if_it_carries_its_id(self):
        for qos in (1, 2):
            with self.subTest(qos=qos):
                alice, bob = self.people("alice", "bob")
                alice.publish_twice(f"{alice.root}/user/bob/invite", b'{"id":"chosen","data":"x"}', qos)
                bob.wait_event("new_invitation", id="chosen")
                alice.fence()
                bob.no_more_events()

    def test_without_an_id_it_is_another_invitation(self):
        alice, bob = self.people("alice", "bob")
        alice.publish_twice(f"{alice.root}/user/bob/invite", b"{}")
        first, second = bob.wait_event("new_invitation"), bob.wait_event("new_invitation")
        self.assertNotEqual(first["id"], second["id"])
        bob.no_more_events()

    def test_also_invites_several_in_one_invitation(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.invite(alice, "bob", also=["carol", "dave", "bob", "carol"])
        for client in (bob, carol, dave):
            event = client.wait_event("new_invitation", id=invitation)
            self.assertEqual(sorted(event["invitees"]), ["bob", "carol", "dave"])
            client.no_more_events()
        self.assertEqual(self.state_of(alice, invitation), dict.fromkeys(("bob", "carol", "dave"), "pending"))

    def test_the_inviter_among_also_is_skipped(self):
        alice, bob = self.people("alice", "bob")
        reply = self.assert_ok(alice.ask("user/bob/invite", also=["alice"]))
        self.assertEqual(reply["skipped"], [{"user": "alice", "error": "invalid_request"}])
        self.assertEqual(bob.wait_event("new_invitation")["invitees"], ["bob"])
        alice.no_more_events()


class Data(InvitationTest):
    def test_text_and_bytes_arrive_as_sent_in_either_form(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        for value in ("", "text", "\0 \u20ac \U0001f4de \"quoted\" \\", b"", b"\x00\xff\xfe{", b"text"):
            with self.subTest(value=value):
                packed = self.invite(bob, "alice", data=value, also=["carol", "dave"])
                for client in (alice, carol, dave):
                    self.assertEqual(data_of(client.wait_event("new_invitation", id=packed)), value)
                    self.assertEqual(data_of(client.sync()[packed]), value)
                body = ({"data": value} if isinstance(value, str)
                        else {"data_b64": base64.b64encode(value).decode()})
                spelled = self.invite(alice, "bob", also=["carol", "dave"], **body)
                for client in (bob, carol, dave):
                    self.assertEqual(data_of(client.wait_event("new_invitation", id=spelled)), value)

    def test_absent_data_is_absent(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.invite(alice, "bob")
        self.assertNotIn("data", bob.wait_event("new_invitation"))
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assertNotIn("data", alice.wait_event("invitee_accepted"))

    def test_unknown_keys_are_ignored(self):
        alice, bob = self.people("alice", "bob")
        self.invite(alice, "bob", color="red", nested={"deep": [1, None, True, 1.5]})
        self.assertNotIn("color", bob.wait_event("new_invitation"))


class Replies(InvitationTest):
    def test_req_comes_back_as_it_was(self):
        alice, bob = self.people("alice", "bob")
        for client in (alice, bob):
            for req in ("text", "", 0, 7, -7, 2**53):
                with self.subTest(user=client.user, req=req):
                    reply = client.ask(f"user/{client.user}/sync", req=req)
                    self.assertEqual((reply["req"], type(reply["req"])), (req, type(req)))
        self.assert_refused(alice.ask("invitation/none/accept", req="refused, too"), "unknown_invitation",
                            req="refused, too")

    def test_a_request_without_a_response_topic_is_answered_at_reply(self):
        alice, = self.people("alice")
        alice.subscribe_inbox("reply")
        alice.publish(f"{alice.root}/user/alice/sync", b'{"req":"plain"}', CorrelationData=b"mine")
        message = alice.wait_message(lambda message: b'"plain"' in message.payload)
        self.assertEqual(message.topic, f"{alice.inbox}/reply")
        self.assertEqual(message.properties.CorrelationData, b"mine")

    def test_the_response_topic_may_be_reply_or_anything_below_it(self):
        alice, = self.people("alice")
        alice.subscribe_inbox("reply/#")
        for topic in ("reply", "reply/a", "reply/a/b/c"):
            self.assert_ok(alice.request("user/alice/sync", response_topic=f"{alice.inbox}/{topic}"))
            self.assertEqual(alice.messages[-1].topic, f"{alice.inbox}/{topic}")

    def test_a_topic_alias_works(self):
        alice, bob = self.people("alice", "bob")
        for topic in (f"{alice.root}/user/bob/invite", "", ""):
            alice.publish(topic, b"{}", TopicAlias=1)
            bob.wait_event("new_invitation")
        bob.no_more_events()

    def test_all_devices_of_the_user_see_the_plain_replies(self):
        carol, = self.people("carol")
        phone = self.connect(self.broker, "carol")
        carol.ask("user/carol/sync", req="shared")
        phone.wait_message(lambda message: b'"shared"' in message.payload)

    def test_the_last_level_may_be_the_senders_own_name(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.assert_ok(alice.ask("user/bob/invite/alice"))["id"]
        bob.wait_event("new_invitation")
        for request in ("ringing", "get", "accept"):
            self.assert_ok(bob.ask(f"invitation/{invitation}/{request}/bob"))
        self.assert_ok(bob.ask("user/bob/sync/bob"))

    def test_requests_are_handled_at_every_qos(self):
        alice, bob = self.people("alice", "bob")
        for qos in (0, 1, 2):
            self.assert_ok(alice.request("user/bob/invite", qos=qos))
            bob.wait_event("new_invitation")
            bob.no_more_events()

    def test_status_tells_versions_epoch_and_limits(self):
        alice, = self.people("alice", max_invitees=7)
        alice.subscribe(f"{alice.root}/status")
        message = alice.wait_message(lambda message: message.topic == f"{alice.root}/status")
        self.assertTrue(message.retain)
        self.assertEqual(message.properties.ContentType, "application/json")
        status = json.loads(message.payload)
        self.assertEqual(status["protocol"], 1)
        self.assertTrue(status["version"])
        self.assertEqual(status["server_epoch"], alice.ask("user/alice/sync")["server_epoch"])
        self.assertLessEqual({
            "max_payload_bytes": 32768, "max_payload_values": 4096, "max_data_bytes": 16384, "max_total_data_bytes": 256 * 2**20,
            "max_timeout_ms": 86400000, "max_lifetime_ms": 86400000, "max_call_ms": 86400000, "max_invitees": 7, "max_audience": 250,
            "max_pending_per_inviter": 64, "max_pending_per_invitee": 256, "max_pending": 1000000,
            "max_ended": 100000, "ended_ms": 600000, "grace_ms": 15000, "events_per_second": 5000,
            "events_burst": 10000}.items(), status["limits"].items())


class Accept(InvitationTest):
    def test_the_audience_hears_who_accepted_the_acting_device_included(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        tablet = self.connect(self.broker, "bob", encoding="json")
        invitation = self.ringing(alice, bob, carol)
        tablet.wait_event("new_invitation")
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept", data="coming"), rev=2)
        event = self.hear([alice, bob, tablet, carol], "invitee_accepted")
        self.assertEqual(event, {"event": "invitee_accepted", "id": invitation, "rev": 2, "invitee": "bob",
                                 "data": "coming", "by": "bob", "by_device": bob.tag})
        self.assertEqual(self.state_of(alice, invitation), {"bob": "accepted", "carol": "pending"})

    def test_only_an_invitee_may_accept(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        for stranger in (alice, carol):
            self.assert_refused(stranger.ask(f"invitation/{invitation}/accept"), "not_invitee")
        self.assert_refused(bob.ask("invitation/unheard-of/accept"), "unknown_invitation")
        self.assertEqual(self.state_of(alice, invitation), {"bob": "pending"})
        for client in (alice, bob, carol):
            client.no_more_events()

    def test_again_from_the_same_device_is_a_duplicate_whatever_happened_to_others(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"), rev=2)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"), rev=2, dup=True)
        self.assert_ok(carol.ask(f"invitation/{invitation}/reject"), rev=3)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"), rev=3, dup=True)
        for client in (alice, bob, carol):
            client.wait_event("invitee_accepted", rev=2)
        self.hear([alice, bob, carol], "invitee_rejected", rev=3)

    def test_the_second_device_is_told_which_one_was_first(self):
        alice, bob = self.people("alice", "bob")
        tablet = self.connect(self.broker, "bob", encoding="json")
        for verb, error in (("accept", "already_accepted"), ("reject", "already_rejected")):
            invitation = self.ringing(alice, bob)
            self.assert_ok(bob.ask(f"invitation/{invitation}/{verb}"))
            for late in ("accept", "reject"):
                self.assert_refused(tablet.ask(f"invitation/{invitation}/{late}"), error,
                                    by="bob", by_device=bob.tag, rev=2)
            self.assertEqual(self.state_of(tablet, invitation), {"bob": error.removeprefix("already_")})

    def test_one_device_cannot_change_its_answer(self):
        alice, bob = self.people("alice", "bob")
        for verb, other, error in (("accept", "reject", "already_accepted"), ("reject", "accept", "already_rejected")):
            invitation = self.ringing(alice, bob)
            self.assert_ok(bob.ask(f"invitation/{invitation}/{verb}"))
            self.assert_refused(bob.ask(f"invitation/{invitation}/{other}"), error, by="bob", by_device=bob.tag)

    def test_an_accept_after_the_cancel_is_refused_with_by(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob)
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        self.assert_refused(bob.ask(f"invitation/{invitation}/accept"), "already_cancelled",
                            by="alice", by_device=alice.tag, rev=2)

    def test_an_accept_after_the_timeout_is_refused_and_nobody_did_it(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob, timeout_ms=200)
        bob.wait_event("invitation_timeout")
        reply = self.assert_refused(bob.ask(f"invitation/{invitation}/accept"), "already_timed_out", rev=2)
        self.assertNotIn("by", reply)

    def test_when_accept_and_cancel_race_exactly_one_wins_and_all_agree(self):
        alice, bob = self.people("alice", "bob")
        for number in range(30):
            invitation = self.ringing(alice, bob)
            racers = [(alice, "cancel"), (bob, "accept")]
            sent = [client.send(f"invitation/{invitation}/{verb}") for client, verb in racers[::(-1) ** number]]
            first, second = (client.wait_reply(token)
                             for (client, _), token in zip(racers[::(-1) ** number], sent))
            cancelled, accepted = (first, second)[::(-1) ** number]
            self.assertNotEqual(cancelled["ok"], accepted["ok"])
            if accepted["ok"]:
                self.assert_refused(cancelled, "already_accepted", by="bob")
                self.hear([alice, bob], "invitee_accepted", id=invitation, rev=2)
            else:
                self.assert_refused(accepted, "already_cancelled", by="alice")
                self.hear([alice, bob], "invitation_cancelled", id=invitation, rev=2)

    def test_when_accept_and_timeout_race_exactly_one_wins_and_all_agree(self):
        alice, bob = self.people("alice", "bob")
        for timeout in range(1, 31):
            invitation = self.invite(alice, "bob", timeout_ms=timeout)
            reply = bob.ask(f"invitation/{invitation}/accept")
            if reply["ok"]:
                alice.wait_event("invitee_accepted", id=invitation)
            else:
                self.assert_refused(reply, "already_timed_out", rev=2)
                alice.wait_event("invitation_timeout", id=invitation)
        alice.no_more_events()

    def test_requests_of_one_connection_are_handled_in_their_order(self):
        alice, bob = self.people("alice", "bob")
        sent = [alice.send("user/bob/invite", {"id": "chosen"}), alice.send("invitation/chosen/cancel"),
                alice.send("invitation/chosen/get")]
        for token in sent[:2]:
            self.assert_ok(alice.wait_reply(token))
        self.assertEqual(states(alice.wait_reply(sent[2])["invitation"]), {"bob": "cancelled"})


class Reject(InvitationTest):
    def test_a_reject_says_why(self):
        alice, bob = self.people("alice", "bob")
        for body, reason in (({}, "declined"), ({"reason": "busy"}, "busy"), ({"reason": "asleep"}, "asleep")):
            invitation = self.ringing(alice, bob)
            self.assert_ok(bob.ask(f"invitation/{invitation}/reject", data="sorry", **body), rev=2)
            event = self.hear([alice, bob], "invitee_rejected", id=invitation)
            self.assertEqual(event, {"event": "invitee_rejected", "id": invitation, "rev": 2, "invitee": "bob",
                                     "data": "sorry", "reason": reason, "by": "bob", "by_device": bob.tag})
            self.assertEqual(self.state_of(alice, invitation), {"bob": "rejected"})

    def test_again_from_the_same_device_is_a_duplicate(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob)
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject", reason="busy"), rev=2, dup=True)
        self.hear([alice, bob], "invitee_rejected", reason="declined")

    def test_only_an_invitee_may_reject(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        for stranger in (alice, carol):
            self.assert_refused(stranger.ask(f"invitation/{invitation}/reject"), "not_invitee")
        self.assert_refused(bob.ask("invitation/unheard-of/reject"), "unknown_invitation")


class Cancel(InvitationTest):
    def test_it_ends_it_for_all_who_are_pending(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/cancel", data="never mind"), rev=2)
        self.assertEqual((sorted(reply["cancelled"]), reply["already"]), (["bob", "carol"], []))
        event = self.hear([alice, bob, carol], "invitation_cancelled")
        self.assertEqual(sorted(event.pop("invitees")), ["bob", "carol"])
        self.assertEqual(event, {"event": "invitation_cancelled", "id": invitation, "rev": 2, "inviter": "alice",
                                 "data": "never mind", "reason": "cancelled", "by": "alice", "by_device": alice.tag})

    def test_who_has_answered_already_is_left_alone_and_named(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol, dave)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_ok(dave.ask(f"invitation/{invitation}/reject"))
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"), cancelled=["carol"])
        self.assertEqual({entry["user"]: entry["state"] for entry in reply["already"]},
                         {"bob": "accepted", "dave": "rejected"})
        for client in (alice, bob, carol, dave):
            client.wait_event("invitee_accepted")
            client.wait_event("invitee_rejected")
        self.hear([alice, bob, carol, dave], "invitation_cancelled", invitees=["carol"])

    def test_it_may_name_the_invitees(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel", invitees=["bob"]), cancelled=["bob"], already=[])
        self.hear([alice, bob, carol], "invitation_cancelled", invitees=["bob"])
        self.assertEqual(self.state_of(carol, invitation), {"bob": "cancelled", "carol": "pending"})
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))

    def test_it_cannot_name_others_or_nobody(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        for invitees in (["dave"], ["bob", "dave"], [], ["b ob"]):
            self.assert_refused(alice.ask(f"invitation/{invitation}/cancel", invitees=invitees), "invalid_request",
                                field="invitees")
        for client in (alice, bob, carol):
            client.no_more_events()

    def test_only_the_inviter_may_cancel(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        for other in (bob, carol):
            self.assert_refused(other.ask(f"invitation/{invitation}/cancel"), "not_inviter")
        self.assert_refused(alice.ask("invitation/unheard-of/cancel"), "unknown_invitation")
        self.assertEqual(self.state_of(alice, invitation), {"bob": "pending"})

    def test_every_device_of_the_inviter_may_cancel(self):
        alice, bob = self.people("alice", "bob")
        phone = self.connect(self.broker, "alice")
        invitation = self.ringing(alice, bob)
        self.shown_to([alice, phone], invitation)
        self.assert_ok(phone.ask(f"invitation/{invitation}/cancel"))
        self.hear([alice, bob, phone], "invitation_cancelled", by="alice", by_device=phone.tag)

    def test_too_late_for_the_one_invitee_it_tells_how_it_ended(self):
        alice, bob = self.people("alice", "bob")
        for verb, error in (("accept", "already_accepted"), ("reject", "already_rejected")):
            invitation = self.ringing(alice, bob)
            self.assert_ok(bob.ask(f"invitation/{invitation}/{verb}"))
            self.assert_refused(alice.ask(f"invitation/{invitation}/cancel"), error,
                                by="bob", by_device=bob.tag, rev=2)
        invitation = self.ringing(alice, bob, timeout_ms=200)
        alice.wait_event("invitation_timeout")
        self.assert_refused(alice.ask(f"invitation/{invitation}/cancel"), "already_timed_out", rev=2)

    def test_too_late_for_all_of_several_it_has_ended(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        for client in (bob, carol):
            self.assert_ok(client.ask(f"invitation/{invitation}/accept"))
        self.assert_refused(alice.ask(f"invitation/{invitation}/cancel"), "already_ended", rev=3)
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/cancel", invitees=["bob"]), cancelled=[])
        self.assertEqual(reply["already"], [{"user": "bob", "state": "accepted"}])
        for client in (alice, bob, carol):
            client.wait_event("invitee_accepted", invitee="bob")
        self.hear([alice, bob, carol], "invitee_accepted", invitee="carol")

    def test_again_from_the_same_device_is_a_duplicate_from_another_it_is_late(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        phone = self.connect(self.broker, "alice")
        single, several = self.ringing(alice, bob), self.ringing(alice, bob, carol)
        self.shown_to([alice, phone], single, several)
        for invitation in (single, several):
            self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"), rev=2)
            self.hear([alice, bob], "invitation_cancelled", id=invitation)
            self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"), rev=2, dup=True)
        self.assert_refused(phone.ask(f"invitation/{single}/cancel"), "already_cancelled",
                            by="alice", by_device=alice.tag, rev=2)
        self.assert_refused(phone.ask(f"invitation/{several}/cancel"), "already_ended", rev=2)
        for client in (alice, bob):
            client.no_more_events()


class Modify(InvitationTest):
    def test_it_replaces_the_data_for_all(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol, data="six o'clock")
        self.assert_ok(alice.ask(f"invitation/{invitation}/modify", data="seven"), rev=2)
        event = self.hear([alice, bob, carol], "invitation_modified")
        self.assertEqual(event, {"event": "invitation_modified", "id": invitation, "rev": 2, "data": "seven",
                                 "by": "alice", "by_device": alice.tag})
        for client in (alice, bob, carol):
            self.assertEqual(data_of(client.sync()[invitation]), "seven")

    def test_only_the_inviter_may_and_only_with_data(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        for other in (bob, carol):
            self.assert_refused(other.ask(f"invitation/{invitation}/modify", data="x"), "not_inviter")
        self.assert_refused(alice.ask(f"invitation/{invitation}/modify"), "invalid_request", field="data")
        self.assert_refused(alice.ask("invitation/unheard-of/modify", data="x"), "unknown_invitation")
        for client in (alice, bob, carol):
            client.no_more_events()

    def test_while_one_is_pending_all_hear_of_it_afterwards_it_is_refused(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_ok(alice.ask(f"invitation/{invitation}/modify", data="x"), rev=3)
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"), rev=4)
        self.assert_refused(alice.ask(f"invitation/{invitation}/modify", data="y"), "already_ended", rev=4)
        single = self.ringing(alice, bob)
        self.assert_ok(bob.ask(f"invitation/{single}/reject"))
        self.assert_refused(alice.ask(f"invitation/{single}/modify", data="y"), "already_rejected", by="bob", rev=2)

    def test_an_online_only_invitation_cannot_be_modified(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob, online_only=True, data="x")
        self.assert_refused(alice.ask(f"invitation/{invitation}/modify", data="y"), "not_modifiable")
        self.assertEqual(data_of(bob.sync()[invitation]), "x")


class Ringing(InvitationTest):
    def test_the_inviter_hears_it_the_first_time_for_each_invitee(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        tablet = self.connect(self.broker, "bob", encoding="json")
        phone = self.connect(self.broker, "alice")
        invitation = self.ringing(alice, bob, carol)
        self.shown_to([alice, phone], invitation)
        tablet.wait_event("new_invitation")
        for client in (bob, bob, tablet):
            self.assert_ok(client.ask(f"invitation/{invitation}/ringing"), rev=1)
        event = self.hear([alice, phone], "invitee_ringing")
        self.assertEqual(event, {"event": "invitee_ringing", "id": invitation, "rev": 1, "invitee": "bob",
                                 "by": "bob", "by_device": bob.tag})
        self.assert_ok(carol.ask(f"invitation/{invitation}/ringing"))
        self.hear([alice, phone], "invitee_ringing", invitee="carol")
        for client in (bob, tablet, carol):
            client.no_more_events()

    def test_sync_shows_who_rings(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/ringing"))
        shown = {invitee["user"]: invitee["ringing"] for invitee in alice.sync()[invitation]["invitees"]}
        self.assertEqual(shown, {"bob": True, "carol": False})

    def test_only_a_pending_invitee_rings(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        for stranger in (alice, carol):
            self.assert_refused(stranger.ask(f"invitation/{invitation}/ringing"), "not_invitee")
        self.assert_refused(bob.ask("invitation/unheard-of/ringing"), "unknown_invitation")
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_refused(bob.ask(f"invitation/{invitation}/ringing"), "already_accepted", by="bob", rev=2)
        cancelled = self.ringing(alice, bob)
        self.assert_ok(alice.ask(f"invitation/{cancelled}/cancel"))
        self.assert_refused(bob.ask(f"invitation/{cancelled}/ringing"), "already_cancelled", by="alice", rev=2)


class Add(InvitationTest):
    def test_the_added_are_invited_and_the_others_told_all_names(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, data="party")
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol", "dave"]), rev=2)
        self.assertTrue(0 < reply["remaining_ms"] <= 30000, reply)
        for client in (carol, dave):
            event = client.wait_event("new_invitation", id=invitation, rev=2, inviter="alice", role="invitee",
                                      data="party", by="alice", by_device=alice.tag)
            self.assertEqual(sorted(event["invitees"]), ["bob", "carol", "dave"])
            client.no_more_events()
        event = self.hear([alice, bob], "invitation_modified", id=invitation, rev=2, by="alice")
        self.assertEqual(sorted(event["invitees"]), ["bob", "carol", "dave"])
        self.assert_ok(dave.ask(f"invitation/{invitation}/accept"), rev=3)
        self.hear([alice, bob, carol, dave], "invitee_accepted", invitee="dave")

    def test_who_accepted_may_add_while_it_is_open(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"), rev=2)
        self.assert_ok(bob.ask(f"invitation/{invitation}/add", invitees=["dave"]), rev=3)
        dave.wait_event("new_invitation", inviter="alice", by="bob", by_device=bob.tag, rev=3)
        for client in (alice, bob, carol):
            client.wait_event("invitee_accepted")
        self.hear([alice, bob, carol], "invitation_modified", by="bob", rev=3)

    def test_nobody_else_may_add(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(carol.ask(f"invitation/{invitation}/reject"))
        for other in (bob, carol, dave):
            reply = other.ask(f"invitation/{invitation}/add", invitees=["erin"])
            self.assertEqual(reply.get("code"), 8011, reply)
        self.assert_refused(alice.ask("invitation/unheard-of/add", invitees=["erin"]), "unknown_invitation")
        self.assertNotIn("erin", self.state_of(alice, invitation))

    def test_after_the_end_nobody_can_be_added(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        for client in (alice, bob):
            reply = client.ask(f"invitation/{invitation}/add", invitees=["carol"])
            self.assertEqual(reply.get("code"), 8010, reply)
        carol.no_more_events()
        self.assertEqual(self.state_of(alice, invitation), {"bob": "accepted"})

    def test_who_is_listed_already_is_skipped_with_the_error_of_their_state(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["bob", "carol", "dave", "alice"]))
        self.assertEqual({entry["user"]: entry["error"] for entry in reply["skipped"]},
                         {"bob": "already_rejected", "carol": "already_invited", "alice": "invalid_request"})
        dave.wait_event("new_invitation")
        bob.wait_event("invitee_rejected")
        bob.wait_event("invitation_modified")
        bob.no_more_events()

    def test_when_all_are_skipped_it_is_refused_with_their_common_error(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]), "already_invited")
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["bob"]), "already_accepted",
                            by="bob", by_device=bob.tag)
        self.assert_refused(alice.ask(f"invitation/{invitation}/add", invitees=["bob", "carol"]), "invalid_request")
        for body in ({}, {"invitees": []}, {"invitees": ["x y"]}):
            self.assert_refused(alice.ask(f"invitation/{invitation}/add", **body), "invalid_request", field="invitees")
        for client in (alice, bob, carol):
            client.wait_event("invitee_accepted")
            client.no_more_events()


class Get(InvitationTest):
    def test_it_shows_the_invitation_as_it_is(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol, data="x")
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept", data="y"))
        for client, role in ((alice, "inviter"), (bob, "invitee"), (carol, "invitee")):
            shown = self.assert_ok(client.ask(f"invitation/{invitation}/get"))["invitation"]
            listed = client.sync()[invitation]
            for form in (shown, listed):
                form.pop("remaining_ms", None)
            self.assertEqual(shown, listed)
            self.assertEqual({key: shown.get(key) for key in ("id", "inviter", "data", "call", "answer", "online_only",
                                                              "visibility", "rev", "state", "role")},
                             {"id": invitation, "inviter": "alice", "data": "x", "call": False, "answer": "all",
                              "online_only": False, "visibility": "invitees", "rev": 2, "state": "open", "role": role})
            self.assertEqual(states(shown), {"bob": "accepted", "carol": "pending"})
            answer = next(entry for entry in shown["invitees"] if entry["user"] == "bob")
            self.assertEqual((answer["data"], answer["device"]), ("y", bob.tag))
            self.assertNotIn("group", shown)

    def test_an_ended_one_tells_how_it_ended(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob)
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject", reason="busy"))
        for client in (alice, bob):
            shown = self.assert_ok(client.ask(f"invitation/{invitation}/get"))["invitation"]
            self.assertEqual((shown["state"], shown["rev"]), ("ended", 2))
            self.assertEqual((shown["invitees"][0]["state"], shown["invitees"][0]["reason"]), ("rejected", "busy"))
            self.assertEqual(client.sync(), {})

    def test_strangers_see_nothing(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        reply = self.assert_refused(carol.ask(f"invitation/{invitation}/get"), "not_participant")
        self.assertNotIn("invitation", reply)
        self.assertEqual(carol.sync(), {})
        self.assert_refused(carol.ask("invitation/unheard-of/get"), "unknown_invitation")


class First(InvitationTest):
    def test_the_first_accept_takes_it_and_the_others_stop_ringing(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol, dave, answer="first")
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        for client in (alice, bob, carol, dave):
            client.wait_event("invitee_accepted", invitee="carol", rev=2)
        event = self.hear([alice, bob, carol, dave], "invitation_cancelled", rev=3, reason="answered",
                          inviter="alice", by="carol", by_device=carol.tag)
        self.assertEqual(sorted(event["invitees"]), ["bob", "dave"])
        self.assertEqual(self.state_of(alice, invitation),
                         {"bob": "cancelled", "carol": "accepted", "dave": "cancelled"})

    def test_a_later_accept_hears_who_took_it(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol, answer="first")
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assert_refused(carol.ask(f"invitation/{invitation}/accept"), "already_cancelled",
                            by="bob", by_device=bob.tag, rev=3)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"), dup=True, rev=3)

    def test_a_reject_leaves_it_to_the_others(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol, answer="first")
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        self.hear([alice, bob, carol], "invitee_rejected", invitee="bob")
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        self.hear([alice, bob, carol], "invitee_accepted", invitee="carol", rev=3)

    def test_of_simultaneous_accepts_exactly_one_wins(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        for _ in range(10):
            invitation = self.ringing(alice, bob, carol, dave, answer="first")
            sent = [(client, client.send(f"invitation/{invitation}/accept")) for client in (bob, carol, dave)]
            replies = {client.user: client.wait_reply(token) for client, token in sent}
            winner, = [user for user, reply in replies.items() if reply["ok"]]
            for user, reply in replies.items():
                if user != winner:
                    self.assert_refused(reply, "already_cancelled", by=winner)
            for client in (alice, bob, carol, dave):
                client.wait_event("invitee_accepted", invitee=winner)
            self.hear([alice, bob, carol, dave], "invitation_cancelled", reason="answered", by=winner)


class Visibility(InvitationTest):
    def test_with_inviter_the_invitees_do_not_hear_of_each_other(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.invite(alice, "bob", also=["carol"], visibility="inviter")
        for client in (bob, carol):
            self.assertEqual(client.wait_event("new_invitation", visibility="inviter")["invitees"], [client.user])
            self.assertEqual(states(client.sync()[invitation]), {client.user: "pending"})
        self.assertEqual(states(alice.sync()[invitation]), {"bob": "pending", "carol": "pending"})
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.hear([alice, bob], "invitee_accepted", invitee="bob")
        self.assert_ok(alice.ask(f"invitation/{invitation}/modify", data="x"))
        self.hear([alice, bob, carol], "invitation_modified", data="x")

    def test_with_inviter_each_hears_of_its_own_cancellation_only(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol, visibility="inviter")
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        self.assertEqual(sorted(alice.wait_event("invitation_cancelled")["invitees"]), ["bob", "carol"])
        alice.no_more_events()
        for client in (bob, carol):
            self.hear([client], "invitation_cancelled", invitees=[client.user])

    def test_with_inviter_each_hears_of_its_own_timeout_only(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        self.ringing(alice, bob, carol, visibility="inviter", timeout_ms=200)
        self.assertEqual(sorted(alice.wait_event("invitation_timeout")["invitees"]), ["bob", "carol"])
        alice.no_more_events()
        for client in (bob, carol):
            self.hear([client], "invitation_timeout", invitees=[client.user])

    def test_with_inviter_add_tells_only_the_added_and_the_inviter(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, visibility="inviter")
        self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]))
        self.hear([carol], "new_invitation", invitees=["carol"])
        self.assertEqual(sorted(alice.wait_event("invitation_modified")["invitees"]), ["bob", "carol"])
        for client in (alice, bob):
            client.no_more_events()

    def test_with_inviter_the_first_accept_stops_the_others(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        self.ringing(alice, bob, carol, visibility="inviter", answer="first", id="chosen")
        self.assert_ok(bob.ask("invitation/chosen/accept"))
        self.hear([carol], "invitation_cancelled", reason="answered", invitees=["carol"])
        for client in (alice, bob):
            client.wait_event("invitee_accepted", invitee="bob")
        alice.wait_event("invitation_cancelled", invitees=["carol"])
        for client in (alice, bob):
            client.no_more_events()


class Time(InvitationTest):
    def test_one_timeout_event_names_all_who_did_not_answer(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        invitation = self.ringing(alice, bob, carol, dave, timeout_ms=1000)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        for client in (alice, bob, carol, dave):
            client.wait_event("invitee_accepted")
        event = self.hear([alice, bob, carol, dave], "invitation_timeout", id=invitation, rev=3)
        self.assertEqual(sorted(event["invitees"]), ["carol", "dave"])
        self.assertNotIn("by", event)
        self.assertEqual(self.state_of(alice, invitation),
                         {"bob": "accepted", "carol": "timed_out", "dave": "timed_out"})

    def test_each_deadline_has_its_own_timeout_event(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, timeout_ms=1000)
        reply = self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol"], timeout_ms=1200))
        self.assertLessEqual(reply["remaining_ms"], 1200)
        carol.wait_event("new_invitation")
        for client in (alice, bob):
            client.wait_event("invitation_modified")
        for client in (alice, bob, carol):
            client.wait_event("invitation_timeout", invitees=["bob"], rev=3)
        self.hear([alice, bob, carol], "invitation_timeout", invitees=["carol"], rev=4)

    def test_an_invitee_is_shown_its_own_time_the_inviter_the_last(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, timeout_ms=60000)
        self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol"], timeout_ms=600000))
        for client, least, most in ((bob, 0, 60000), (carol, 60000, 600000), (alice, 60000, 600000)):
            for shown in (client.sync()[invitation], client.ask(f"invitation/{invitation}/get")["invitation"]):
                self.assertTrue(least < shown["remaining_ms"] <= most, (client.user, shown))

    def test_the_added_ring_for_30_seconds_unless_said(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, timeout_ms=3600000)
        self.assert_ok(alice.ask(f"invitation/{invitation}/add", invitees=["carol"]))
        self.assertTrue(20000 < carol.wait_event("new_invitation")["remaining_ms"] <= 30000)

    def test_the_added_may_have_no_timeout(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        self.assertNotIn("remaining_ms", self.assert_ok(
            alice.ask(f"invitation/{invitation}/add", invitees=["carol"], timeout_ms=0)))
        self.assertNotIn("remaining_ms", carol.wait_event("new_invitation"))
        self.assertNotIn("remaining_ms", carol.sync()[invitation])
        self.assertIn("remaining_ms", bob.sync()[invitation])

    def test_an_answer_stops_the_clock(self):
        alice, bob = self.people("alice", "bob")
        answered = self.ringing(alice, bob, timeout_ms=1000)
        self.assert_ok(bob.ask(f"invitation/{answered}/accept"))
        self.ringing(alice, bob, timeout_ms=1000)
        for client in (alice, bob):
            client.wait_event("invitee_accepted", id=answered)
        self.hear([alice, bob], "invitation_timeout")  # the later deadline; the answered one would have come before

    def test_the_present_time_is_told_not_the_original(self):
        alice, bob = self.people("alice", "bob")
        invitation = self.ringing(alice, bob, timeout_ms=60000)
        earlier = bob.sync()[invitation]["remaining_ms"]
        later = self.eventually(lambda: bob.sync()[invitation]["remaining_ms"], lambda left: left < earlier)
        self.assertLess(later, 60000)

    def test_an_ended_invitation_is_remembered_for_a_while_only(self):
        alice, bob = self.people("alice", "bob", ended_ms=300)
        invitation = self.ringing(alice, bob, id="chosen")
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        reply = self.eventually(lambda: bob.ask(f"invitation/{invitation}/accept"),
                                lambda reply: reply["error"] != "already_cancelled")
        self.assert_refused(reply, "unknown_invitation")
        self.assert_refused(alice.ask(f"invitation/{invitation}/get"), "unknown_invitation")


class Sync(InvitationTest):
    def test_it_shows_everything_open_for_this_user_and_nothing_else(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        self.assertEqual(bob.sync(), {})
        mine, theirs, ended = self.ringing(bob, alice), self.ringing(alice, bob, carol), self.ringing(carol, bob)
        foreign = self.ringing(carol, alice)
        self.assert_ok(bob.ask(f"invitation/{ended}/reject"))
        found = bob.sync()
        self.assertEqual({name: invitation["role"] for name, invitation in found.items()},
                         {mine: "inviter", theirs: "invitee"})
        self.assertNotIn(foreign, found)

    def test_who_accepted_keeps_seeing_it_while_others_are_pending(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob, carol)
        self.assert_ok(bob.ask(f"invitation/{invitation}/accept"))
        self.assertIn(invitation, bob.sync())
        self.assert_ok(carol.ask(f"invitation/{invitation}/accept"))
        self.assertEqual((alice.sync(), bob.sync(), carol.sync()), ({}, {}, {}))

    def test_many_come_in_pages_each_invitation_once(self):
        alice, bob, carol, dave = self.people("alice", "bob", "carol", "dave")
        expected = set()
        for client, invitee in ((alice, "dave"), (bob, "dave"), (carol, "dave"), (alice, "carol")):
            sent = [client.send(f"user/{invitee}/invite", {"data": "x" * 3000}) for _ in range(30)]
            replies = [self.assert_ok(client.wait_reply(token)) for token in sent]
            if invitee == "dave":
                expected |= {reply["id"] for reply in replies}
        self.assertEqual(set(dave.sync()), expected)

    def test_a_nonsensical_after_is_refused_or_finds_nothing_new(self):
        alice, bob = self.people("alice", "bob")
        self.ringing(alice, bob)
        self.assert_refused(bob.ask("user/bob/sync", after=7), "invalid_request", field="after")
        reply = bob.ask("user/bob/sync", after="x")
        if not reply["ok"]:
            self.assert_refused(reply, "invalid_request", field="after")


class Order(InvitationTest):
    """The order of the checks, where two of them object."""

    def test_ids_come_before_the_sender(self):
        alice, = self.people("alice")
        self.assert_refused(alice.ask("user/b ob/invite/carol"), "invalid_request", field="invitee")

    def test_the_sender_comes_before_the_body(self):
        alice, = self.people("alice")
        self.assert_refused(alice.request("user/bob/invite/carol", payload=b"{"), "wrong_sender")

    def test_retain_comes_before_the_body(self):
        alice, = self.people("alice")
        self.assert_refused(alice.request("user/bob/invite", payload=b"{", retain=True), "invalid_request",
                            field="retain")

    def test_the_body_comes_before_existence(self):
        alice, = self.people("alice")
        self.assert_refused(alice.ask("invitation/unheard-of/accept", data=7), "invalid_request", field="data")

    def test_repeats_come_before_state(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        self.ringing(alice, bob, carol, id="chosen", answer="first")
        self.assert_ok(bob.ask("invitation/chosen/accept"))
        self.assert_ok(bob.ask("invitation/chosen/accept"), dup=True)

    def test_permission_comes_before_state(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        invitation = self.ringing(alice, bob)
        self.assert_ok(alice.ask(f"invitation/{invitation}/cancel"))
        self.assert_refused(carol.ask(f"invitation/{invitation}/accept"), "not_invitee")
        self.assert_refused(bob.ask(f"invitation/{invitation}/cancel"), "not_inviter")


class Storm(InvitationTest):
    ENDS = {"invitee_accepted": "accepted", "invitee_rejected": "rejected", "invitation_cancelled": "cancelled",
            "invitation_timeout": "timed_out"}

    def some_request(self, generator, client, users, known):
        """Anything that this client might ask now; not all of it is allowed."""
        others = generator.sample([user for user in users if user != client.user], generator.randrange(1, 4))
        verb = generator.choice("invite invite accept accept reject cancel modify ringing add".split())
        if verb == "invite" or not known:
            known.append((f"storm-{len(known)}", client))
            return f"user/{others[0]}/invite", {
                "id": known[-1][0], "also": others[1:], "answer": generator.choice(["all", "first"]),
                "timeout_ms": generator.choice([1, 10, 50, 5000]), "online_only": generator.random() < 0.3}
        invitation, _ = generator.choice(known[-15:])
        body = {"modify": {"data": "x"}, "add": {"invitees": others}}.get(verb, {})
        return f"invitation/{invitation}/{verb}", body

    def test_each_invitee_ends_once_and_all_agree_how(self):
        users = ("alice", "bob", "carol", "dave")
        clients = self.people(*users, max_pending_per_inviter=1000)
        generator, known = random.Random(20210614), []
        for _ in range(150):
            sent = [(client, client.send(*self.some_request(generator, client, users, known)))
                    for client in generator.sample(clients, len(clients))]
            for client, token in sent:
                client.wait_reply(token)
        for client in clients:
            for invitation, shown in client.sync().items():
                if shown["role"] == "inviter":
                    client.ask(f"invitation/{invitation}/cancel")
        for client in clients:
            self.assertEqual(client.sync(), {})
            client.fence()
        ended = {invitation: self.state_of(inviter, invitation) for invitation, inviter in known}
        self.assertLess(100, len(ended))
        self.assertEqual({state for invitees in ended.values() for state in invitees.values()},
                         set(self.ENDS.values()))
        for client in clients:
            heard = {}
            for event in client.events:
                if event["event"] in self.ENDS:
                    for invitee in event.get("invitees") or [event["invitee"]]:
                        heard.setdefault(event["id"], {})[invitee] = self.ENDS[event["event"]]
            for invitation, inviter in known:
                if inviter is client:
                    self.assertEqual(heard[invitation], ended[invitation], invitation)
                elif client.user in ended[invitation]:
                    self.assertEqual(heard[invitation][client.user], ended[invitation][client.user], invitation)
                    self.assertLessEqual(heard[invitation].items(), ended[invitation].items())
                else:
                    self.assertNotIn(invitation, heard)


if __name__ == "__main__":
    unittest.main()
