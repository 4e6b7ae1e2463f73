# SPDX-License-Identifier: Apache-2.0
"""What the listeners and callbacks of the C++ library say about each invitation: among its own clients, and with
clients in other languages."""

import re
import subprocess
import threading
import unittest

from harness import PATIENCE, SystemTest, data_of, states


class SignalingTest(SystemTest):
    def setUp(self):
        self.broker = self.start_broker()

    def client(self, user, **options):
        return self.drive(user, self.broker.port, **options)

    def clients(self, *users):
        return [self.client(user) for user in users]

    def assert_result(self, call, error="", **fields):
        result = call.result()
        self.assertEqual(result["error"], error, result)
        self.assertEqual(result["ok"], not error)
        for name, value in fields.items():
            self.assertEqual(result.get(name), value, f"{name} of {result}")
        return result

    def assert_ended(self, client, invitation, state, **fields):
        """Takes that end, which is the only one."""
        end = client.wait_event("onInvitationEnded", inviteID=invitation)
        for name, value in {"state": state, "assumed": False, **fields}.items():
            self.assertEqual(end[name], value, f"{name} of {end}")
        return end

    def wait_rung(self, invitation, *clients):
        for client in clients:
            client.wait_event("onReceiveNewInvitation", inviteID=invitation)

    def assert_all_told(self, *clients):
        for client in clients:
            client.no_more_events()
            self.assertEqual(client.pending(), {})


class Answers(SignalingTest):
    def test_a_ring_tells_all_about_itself(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob", data="ding dong", timeout=20)
        rung = bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
        for name, value in {"inviter": "alice", "groupID": "", "inviteeList": ["bob"], "data": "ding dong"}.items():
            self.assertEqual(rung[name], value)
        event, = bob.heard("onSignalingEvent")
        for name, value in {"type": "newInvitation", "invitees": ["bob"], "data": "ding dong", "by": "alice",
                            "reason": "", "assumed": False}.items():
            self.assertEqual(event[name], value)
        self.assertTrue(event["byDevice"])
        self.assertTrue(15000 < event["remaining"] <= 20000, event)
        alice.no_more_events()
        self.assertEqual(alice.heard("onSignalingEvent"), [])

    def test_who_accepts_hears_nothing_but_the_result_and_the_end(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        self.assert_result(bob.call("accept", id=invitation, data="coming"))
        self.assert_ended(bob, invitation, "accepted", here=True, by="bob")
        alice.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob", data="coming")
        self.assert_ended(alice, invitation, "accepted", here=False, by="bob")
        self.assert_all_told(alice, bob)
        self.assertEqual([event["type"] for event in bob.heard("onSignalingEvent")], ["newInvitation"])

    def test_another_device_of_who_accepts_hears_that_it_was_answered_elsewhere(self):
        alice, panel, phone = self.clients("alice", "bob", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, panel, phone)
        self.assert_result(panel.call("accept", id=invitation, data="from the panel"))
        own = self.assert_ended(panel, invitation, "accepted", here=True)
        told = phone.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob", data="from the panel")
        end = self.assert_ended(phone, invitation, "accepted", here=False, by="bob")
        self.assertLess(told["place"], end["place"])
        self.assertTrue(end["byDevice"])
        self.assertIn(own["byDevice"], ("", end["byDevice"]))
        alice.wait_event("onInviteeAccepted", invitee="bob")
        self.assert_ended(alice, invitation, "accepted", byDevice=end["byDevice"])
        self.assert_all_told(alice, panel, phone)

    def test_another_device_of_who_rejects_hears_it_likewise(self):
        alice, panel, phone = self.clients("alice", "bob", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, panel, phone)
        self.assert_result(phone.call("reject", id=invitation))
        self.assert_ended(phone, invitation, "rejected", here=True, reason="declined")
        panel.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob", data="")
        self.assert_ended(panel, invitation, "rejected", here=False, by="bob", reason="declined")
        alice.wait_event("onInviteeRejected", invitee="bob")
        self.assert_ended(alice, invitation, "rejected", here=False, by="bob", reason="declined")
        self.assert_all_told(alice, panel, phone)

    def test_busy_is_a_reason(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        self.assert_result(bob.call("reject", id=invitation, data="in the bath", reason="busy"))
        self.assert_ended(bob, invitation, "rejected", here=True, reason="busy")
        alice.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob", data="in the bath")
        event, = alice.heard("onSignalingEvent")
        self.assertEqual((event["type"], event["reason"], event["invitees"]), ("inviteeRejected", "busy", ["bob"]))
        self.assert_ended(alice, invitation, "rejected", reason="busy", by="bob")
        self.assert_all_told(alice, bob)

    def test_an_invitation_to_all_ends_for_each_invitee_by_itself_and_for_the_inviter_with_the_last(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        call = alice.call("inviteSeveral", invitees=["bob", "carol", "dave"], data="all")
        self.assert_result(call)
        invitation = call.id
        self.wait_rung(invitation, bob, carol, dave)
        self.assert_result(bob.call("reject", id=invitation))
        self.assert_ended(bob, invitation, "rejected", here=True)
        for other in (alice, carol, dave):
            other.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob")
        self.assert_result(carol.call("accept", id=invitation))
        self.assert_ended(carol, invitation, "accepted", here=True)
        for other in (alice, bob, dave):
            other.wait_event("onInviteeAccepted", inviteID=invitation, invitee="carol")
        alice.fence()
        self.assertEqual(alice.heard("onInvitationEnded"), [])
        self.assertTrue(alice.pending()[invitation]["open"])
        self.assert_result(dave.call("reject", id=invitation, reason="busy"))
        self.assert_ended(dave, invitation, "rejected", here=True)
        for other in (alice, bob, carol):
            other.wait_event("onInviteeRejected", inviteID=invitation, invitee="dave")
        self.assert_ended(alice, invitation, "accepted", here=False)
        self.assert_all_told(alice, bob, carol, dave)

    def test_the_first_answer_stops_the_ring_of_the_others(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        call = alice.call("inviteSeveral", invitees=["bob", "carol", "dave"], answer="first")
        self.assert_result(call)
        invitation = call.id
        self.wait_rung(invitation, bob, carol, dave)
        self.assert_result(carol.call("accept", id=invitation, data="mine"))
        self.assert_ended(carol, invitation, "accepted", here=True)
        for other in (bob, dave):
            other.wait_event("onInviteeAccepted", inviteID=invitation, invitee="carol", data="mine")
            told = other.wait_event("onInvitationCancelled", inviteID=invitation, inviter="alice")
            end = self.assert_ended(other, invitation, "cancelled", reason="answered", by="carol", here=False)
            self.assertLess(told["place"], end["place"])
        alice.wait_event("onInviteeAccepted", inviteID=invitation, invitee="carol", data="mine")
        self.assert_ended(alice, invitation, "accepted", by="carol")
        self.assert_all_told(alice, bob, carol, dave)
        self.assertEqual(carol.heard("onInvitationCancelled") + alice.heard("onInvitationCancelled"), [])
        self.assert_result(bob.call("accept", id=invitation), "already_cancelled", code=8010, by="carol")

    def test_with_visibility_inviter_invitees_know_nothing_of_each_other(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        call = alice.call("inviteSeveral", invitees=["bob", "carol"], visibility="inviter")
        self.assert_result(call)
        for client, name in ((bob, "bob"), (carol, "carol")):
            self.assertEqual(client.wait_event("onReceiveNewInvitation", inviteID=call.id)["inviteeList"], [name])
        self.assert_result(bob.call("accept", id=call.id))
        self.assert_ended(bob, call.id, "accepted", here=True)
        alice.wait_event("onInviteeAccepted", invitee="bob")
        self.assert_result(carol.call("reject", id=call.id))
        self.assert_ended(carol, call.id, "rejected", here=True)
        alice.wait_event("onInviteeRejected", invitee="carol")
        self.assert_ended(alice, call.id, "accepted")
        self.assert_all_told(alice, bob, carol)

    def test_ringing_is_told_to_the_inviter(self):
        alice, panel, phone = self.clients("alice", "bob", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, panel, phone)
        self.assert_result(panel.call("ringing", id=invitation))
        alice.wait_event("onInviteeRinging", inviteID=invitation, invitee="bob")
        self.assertEqual(alice.pending()[invitation]["invitees"][0]["ringing"], True)
        for client in (alice, panel, phone):
            client.no_more_events()


class Endings(SignalingTest):
    def test_who_cancels_hears_nothing_but_the_result_and_the_end(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        self.assert_result(alice.call("cancel", id=invitation, data="never mind"), cancelled=["bob"], already={})
        self.assert_ended(alice, invitation, "cancelled", here=True, reason="cancelled", by="alice")
        told = bob.wait_event("onInvitationCancelled", inviteID=invitation, inviter="alice", data="never mind")
        end = self.assert_ended(bob, invitation, "cancelled", here=False, reason="cancelled", by="alice")
        self.assertLess(told["place"], end["place"])
        self.assert_all_told(alice, bob)

    def test_another_device_of_the_inviter_may_cancel(self):
        door, desk, bob = self.clients("alice", "alice", "bob")
        invitation = door.ring("bob")
        self.wait_rung(invitation, bob)
        self.assert_result(desk.call("cancel", id=invitation, data="I am in"), cancelled=["bob"])
        door.wait_event("onInvitationCancelled", inviteID=invitation, inviter="alice", data="I am in")
        end = self.assert_ended(door, invitation, "cancelled", here=False, by="alice", reason="cancelled")
        self.assertTrue(end["byDevice"])
        bob.wait_event("onInvitationCancelled", inviteID=invitation, inviter="alice", data="I am in")
        self.assert_ended(bob, invitation, "cancelled", by="alice", byDevice=end["byDevice"])
        for client in (door, bob):
            self.assert_all_told(client)

    def test_another_device_of_the_inviter_that_cancels_hears_nothing_but_the_result_and_the_end(self):
        door, desk = self.clients("alice", "alice")
        invitation = door.ring("bob")
        shown = desk.wait_event("onSignalingEvent", inviteID=invitation, role="inviter")
        self.assertEqual((shown["type"], shown["invitees"]), ("newInvitation", ["bob"]))
        self.assertIn(invitation, desk.pending())
        self.assert_result(desk.call("cancel", id=invitation), cancelled=["bob"])
        door.wait_event("onInvitationCancelled", inviteID=invitation)
        desk.fence()
        self.assertEqual(desk.heard("onInvitationCancelled", "onSignalingEvent", "onReceiveNewInvitation"), [shown])
        self.assertFalse([end for end in desk.heard("onInvitationEnded") if not end["here"]])
        self.assertEqual(desk.pending(), {})

    def test_a_cancel_of_some_leaves_the_others_ringing(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        call = alice.call("inviteSeveral", invitees=["bob", "carol"])
        self.assert_result(call)
        self.wait_rung(call.id, bob, carol)
        self.assert_result(alice.call("cancel", id=call.id, invitees=["bob"]), cancelled=["bob"])
        bob.wait_event("onInvitationCancelled", inviteID=call.id)
        self.assert_ended(bob, call.id, "cancelled")
        for client in (alice, carol):
            client.no_more_events()
            self.assertIn(call.id, client.pending())
        self.assertEqual([event["type"] for event in carol.heard("onSignalingEvent")],
                         ["newInvitation", "invitationCancelled"])
        self.assert_result(carol.call("accept", id=call.id))
        self.assert_ended(carol, call.id, "accepted")
        self.assert_result(alice.call("cancel", id=call.id, invitees=["carol"]), cancelled=[],
                           already={"carol": "accepted"})
        alice.wait_event("onInviteeAccepted")
        self.assert_ended(alice, call.id, "accepted")
        bob.wait_event("onInviteeAccepted", invitee="carol")
        self.assert_all_told(alice, bob, carol)

    def test_a_timeout_is_told_to_both_sides(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob", timeout=1)
        self.wait_rung(invitation, bob)
        for client in (alice, bob):
            told = client.wait_event("onInvitationTimeout", inviteID=invitation)
            self.assertEqual(told["inviteeList"], ["bob"])
            end = self.assert_ended(client, invitation, "timed_out", here=False, by="", byDevice="")
            self.assertLess(told["place"], end["place"])
        self.assert_all_told(alice, bob)
        self.assert_result(bob.call("accept", id=invitation), "already_timed_out", code=8010, by="")

    def test_a_ring_without_timeout_has_no_deadline(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob", timeout=0)
        self.wait_rung(invitation, bob)
        for client in (alice, bob):
            self.assertNotIn("remaining", client.pending()[invitation])
        self.assert_result(alice.call("cancel", id=invitation))
        bob.wait_event("onInvitationCancelled")
        for client in (alice, bob):
            self.assert_ended(client, invitation, "cancelled")
        self.assert_all_told(alice, bob)

    def test_a_lost_inviter_is_a_reason(self):
        broker = self.start_broker({"grace_ms": 200})
        alice = self.drive("alice", broker.port)
        bob = self.drive("bob", broker.port)
        lost = alice.ring("bob")
        call = alice.call("inviteSeveral", invitees=["bob"], keepWhenInviterLost=True)
        self.assert_result(call)
        self.wait_rung(lost, bob)
        self.wait_rung(call.id, bob)
        alice.destroy()
        bob.wait_event("onInvitationCancelled", inviteID=lost, inviter="alice")
        self.assert_ended(bob, lost, "cancelled", reason="inviter_lost", by="alice", byDevice="")
        bob.no_more_events()
        self.assertEqual(list(bob.pending()), [call.id])


class Changes(SignalingTest):
    def test_a_modification_reaches_the_invitees(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob", data="one")
        self.wait_rung(invitation, bob)
        self.assert_result(alice.call("modifyInvitation", id=invitation, data="two"))
        bob.wait_event("onInvitationModified", inviteID=invitation, data="two")
        for client in (alice, bob):
            client.no_more_events()
            self.assertEqual(client.pending()[invitation]["data"], "two")

    def test_a_modification_reaches_the_other_devices_of_the_inviter(self):
        door, desk = self.clients("alice", "alice")
        invitation = door.ring("bob", data="one")
        self.assert_result(door.call("modifyInvitation", id=invitation, data="two"))
        desk.wait_event("onInvitationModified", inviteID=invitation, data="two")
        for client in (door, desk):
            client.no_more_events()
            self.assertEqual(client.pending()[invitation]["data"], "two")

    def test_who_is_added_rings_and_the_others_hear_of_it(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        invitation = alice.ring("bob", data="join us")
        self.wait_rung(invitation, bob)
        self.assert_result(alice.call("addInvitees", id=invitation, invitees=["carol", "bob"], timeout=20),
                           skipped={"bob": "already_invited"}, inviteID=invitation)
        rung = carol.wait_event("onReceiveNewInvitation", inviteID=invitation, inviter="alice", data="join us")
        self.assertEqual(sorted(rung["inviteeList"]), ["bob", "carol"])
        bob.fence()
        event = bob.heard("onSignalingEvent")[-1]
        self.assertEqual((event["type"], "carol" in event["invitees"]), ("invitationModified", True), event)
        self.assertEqual(bob.heard("onInvitationModified"), [], "the data is the same")
        for client in (alice, bob, carol):
            client.no_more_events()
            self.assertEqual(sorted(client.pending()[invitation]["inviteeList"]), ["bob", "carol"])
        self.assert_result(carol.call("accept", id=invitation))
        self.assert_ended(carol, invitation, "accepted")
        self.assert_result(bob.call("accept", id=invitation))
        self.assert_ended(bob, invitation, "accepted")
        self.assert_ended(alice, invitation, "accepted")

    def test_who_accepted_may_add(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        call = alice.call("inviteSeveral", invitees=["bob", "carol"])
        self.assert_result(call)
        self.wait_rung(call.id, bob, carol)
        self.assert_result(bob.call("accept", id=call.id))
        self.assert_ended(bob, call.id, "accepted")
        self.assert_result(bob.call("addInvitees", id=call.id, invitees=["dave"]), skipped={})
        self.wait_rung(call.id, dave)
        alice.fence()
        self.assertEqual(sorted(alice.pending()[call.id]["inviteeList"]), ["bob", "carol", "dave"])
        self.assert_result(carol.call("addInvitees", id=call.id, invitees=["erin"]), "not_participant", code=8011)


class Refusals(SignalingTest):
    def test_who_answers_too_late_hears_who_was_faster(self):
        alice, panel, phone = self.clients("alice", "bob", "bob")
        for verb, error in (("accept", "already_accepted"), ("reject", "already_rejected")):
            invitation = alice.ring("bob")
            self.wait_rung(invitation, panel, phone)
            self.assert_result(panel.call(verb, id=invitation))
            result = self.assert_result(phone.call("accept", id=invitation), error, code=8010, by="bob")
            self.assertTrue(result["byDevice"] and result["message"])
            result = self.assert_result(alice.call("cancel", id=invitation), error, code=8010, by="bob")
            self.assertTrue(result["byDevice"])
        invitation = alice.ring("bob")
        self.wait_rung(invitation, panel, phone)
        self.assert_result(alice.call("cancel", id=invitation))
        self.assert_result(phone.call("accept", id=invitation), "already_cancelled", code=8010, by="alice")
        self.assert_result(alice.call("modifyInvitation", id=invitation, data="x"), "already_cancelled", code=8010)

    def test_the_same_device_may_repeat_itself(self):
        alice, bob = self.clients("alice", "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        for _ in range(3):
            self.assert_result(bob.call("accept", id=invitation, data="yes"))
        self.assert_ended(bob, invitation, "accepted", here=True)
        alice.wait_event("onInviteeAccepted", invitee="bob")
        self.assert_ended(alice, invitation, "accepted")
        self.assert_all_told(alice, bob)

    def test_who_may_not_is_refused(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        for verb in ("accept", "reject", "ringing"):
            self.assert_result(carol.call(verb, id=invitation), "not_invitee", code=8011)
        self.assert_result(bob.call("cancel", id=invitation), "not_inviter", code=8011)
        self.assert_result(bob.call("modifyInvitation", id=invitation, data="x"), "not_inviter", code=8011)
        self.assert_result(carol.call("getSignalingInfo", id=invitation), "not_participant", code=8011)
        for verb in ("accept", "reject", "ringing", "cancel", "getSignalingInfo"):
            self.assert_result(bob.call(verb, id="no-such"), "unknown_invitation", code=8010)
        self.assert_result(alice.invite("alice"), "invalid_request", code=6017, field="invitee")
        self.assertIn(invitation, bob.pending())
        self.assertEqual(carol.heard(), [])

    def test_online_only_rings_nobody_who_is_offline(self):
        alice, bob = self.clients("alice", "bob")
        self.assert_result(alice.invite("carol", onlineUserOnly=True), "user_offline", code=20101)
        call = alice.call("inviteSeveral", invitees=["carol", "bob"], onlineUserOnly=True)
        self.assert_result(call, skipped={"carol": "user_offline"}, inviteID=call.id)
        self.assertEqual(bob.wait_event("onReceiveNewInvitation", inviteID=call.id)["inviteeList"], ["bob"])
        self.assertTrue(bob.pending()[call.id]["onlineUserOnly"])
        self.assert_result(alice.call("modifyInvitation", id=call.id, data="x"), "not_modifiable", code=20103)
        self.assert_result(bob.call("accept", id=call.id))
        self.assert_ended(bob, call.id, "accepted")
        alice.wait_event("onInviteeAccepted")
        self.assert_ended(alice, call.id, "accepted")
        self.assert_all_told(alice, bob)

    def test_history_tells_what_was_missed_page_by_page(self):
        broker = self.start_broker(persistence=True)
        alice, bob = (self.drive(user, broker.port) for user in ("alice", "bob"))
        ends = []
        for reason in ("declined", "busy"):
            invitation = alice.ring("bob")
            bob.wait_event("onReceiveNewInvitation", inviteID=invitation)
            self.assert_result(bob.call("reject", id=invitation, reason=reason))
            ends.append(invitation)
        newest = self.assert_result(bob.call("getHistory", limit=1))
        self.assertEqual(newest["history"], [{"inviteID": ends[1], "reason": "rejected", "missed": True, "invitees": 1}])
        older = self.assert_result(bob.call("getHistory", before=newest["next"]))
        self.assertEqual(older["history"], [{"inviteID": ends[0], "reason": "rejected", "missed": False, "invitees": 1}])
        self.assertEqual(older["next"], "")
        self.assert_result(bob.call("getHistory", limit=0), "invalid_request", field="limit")

    def test_a_limit_is_named(self):
        broker = self.start_broker({"max_data_bytes": 100, "max_pending_per_inviter": 2})
        alice = self.drive("alice", broker.port)
        self.assert_result(alice.invite("bob", data="x" * 101), "too_large", code=8001, field="data", limit=100)
        for _ in range(2):
            alice.ring("bob", data="x" * 100)
        self.assert_result(alice.invite("bob"), "too_many_pending", code=20102, limit=2)
        alice.no_more_events()


class Asking(SignalingTest):
    def test_the_state_of_an_invitation(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        call = alice.call("inviteSeveral", invitees=["bob", "carol"], data="where?", answer="first", timeout=20000)
        self.assert_result(call)
        self.wait_rung(call.id, bob, carol)
        self.assert_result(bob.call("ringing", id=call.id))
        for client, role in ((alice, "inviter"), (bob, "invitee")):
            info = self.assert_result(client.call("getSignalingInfo", id=call.id))["info"]
            wanted = {"inviteID": call.id, "inviter": "alice", "groupID": "", "inviteeList": ["bob", "carol"],
                      "data": "where?", "onlineUserOnly": False, "role": role, "open": True, "answer": "first",
                      "visibility": "invitees"}
            self.assertEqual({name: info[name] for name in wanted}, wanted)
            self.assertTrue(15000 < info["remaining"] <= 20000, info)
            self.assertEqual([(invitee["user"], invitee["state"], invitee["ringing"]) for invitee in info["invitees"]],
                             [("bob", "pending", True), ("carol", "pending", False)])
        self.assert_result(carol.call("accept", id=call.id, data="here"))
        info = self.assert_result(bob.call("getSignalingInfo", id=call.id))["info"]
        self.assertFalse(info["open"])
        self.assertEqual([(invitee["user"], invitee["state"], invitee["data"], invitee["reason"])
                          for invitee in info["invitees"]],
                         [("bob", "cancelled", "", "answered"), ("carol", "accepted", "here", "")])
        self.assertTrue(info["invitees"][1]["device"])

    def test_what_is_pending_at_the_start_rings_with_the_time_that_remains(self):
        alice = self.client("alice")
        kept = alice.ring("bob", data="still", timeout=20)
        gone = alice.ring("bob", data="gone")
        endless = alice.ring("bob", timeout=0)
        self.assert_result(alice.call("cancel", id=gone))
        bob = self.client("bob")
        self.assertEqual(set(bob.pending()), {kept, endless})
        self.wait_rung(kept, bob)
        self.wait_rung(endless, bob)
        bob.no_more_events()
        info = bob.pending()[kept]
        self.assertTrue(15000 < info["remaining"] <= 20000, info)
        self.assertEqual((info["data"], info["role"], info["inviter"]), ("still", "invitee", "alice"))
        self.assertNotIn("remaining", bob.pending()[endless])
        self.assertEqual(alice.pending()[kept]["role"], "inviter")

    def test_many_pending_invitations_come_in_pages_and_ring_once_each(self):
        broker = self.start_broker({"max_pending_per_inviter": 1000})
        alice = self.drive("alice", broker.port)
        calls = [alice.invite("bob", data=f"number {number}") for number in range(250)]
        for call in calls:
            self.assert_result(call)
        bob = self.drive("bob", broker.port)
        self.assertEqual(set(bob.pending()), {call.id for call in calls})
        bob.fence()
        self.assertEqual({line["inviteID"] for line in bob.heard("onReceiveNewInvitation")}, set(bob.pending()))
        self.assertEqual(len(bob.heard()), 250)

    def test_data_is_kept_as_it_was(self):
        alice, bob = self.clients("alice", "bob")
        for data in ({"data": "Grüße ☎ \x00 \U0001f514"}, {"data_hex": "00ff80fe"}, {"data_hex": "7bff"}, {"data": ""},
                     {"data": "{\"a\":[1]}"}):
            with self.subTest(data):
                invitation = alice.ring("bob", **data)
                bob.wait_event("onReceiveNewInvitation", inviteID=invitation, **data)
                self.assert_result(alice.call("modifyInvitation", id=invitation, **data))
                bob.wait_event("onInvitationModified", inviteID=invitation, **data)
                self.assert_result(bob.call("accept", id=invitation, **data))
                alice.wait_event("onInviteeAccepted", inviteID=invitation, **data)
                info = self.assert_result(alice.call("getSignalingInfo", id=invitation))["info"]
                self.assertEqual({key: info["invitees"][0][key] for key in data}, data)

                invitation = alice.ring("bob")
                self.assert_result(bob.call("reject", id=invitation, **data))
                alice.wait_event("onInviteeRejected", inviteID=invitation, **data)
                invitation = alice.ring("bob")
                self.assert_result(alice.call("cancel", id=invitation, **data))
                bob.wait_event("onInvitationCancelled", inviteID=invitation, **data)


class OtherClients(SignalingTest):
    """Those that nobody of this project wrote, in both encodings and versions of MQTT."""

    STYLE_NAMES = ("alice", "bob", "carol", "dave")

    def test_they_ring_the_library(self):
        door = self.client("door")
        for name in self.STYLE_NAMES:
            with self.subTest(name):
                other = self.connect(self.broker, name)
                data = {"data_b64": "AP8="} if other.encoding == "json" else {"data": b"\x00\xff"}

                invitation = self.invite(other, "door", **data)
                door.wait_event("onReceiveNewInvitation", inviteID=invitation, inviter=name, data_hex="00ff")
                self.assert_result(door.call("ringing", id=invitation))
                other.wait_event("invitee_ringing", id=invitation, invitee="door")
                self.assert_result(door.call("accept", id=invitation, data_hex="ff00"))
                self.assertEqual(data_of(other.wait_event("invitee_accepted", id=invitation)), b"\xff\x00")
                self.assert_ended(door, invitation, "accepted", here=True)

                invitation = self.invite(other, "door", data="text")
                door.wait_event("onReceiveNewInvitation", inviteID=invitation, data="text")
                self.assert_result(door.call("reject", id=invitation, reason="busy", data="no"))
                event = other.wait_event("invitee_rejected", id=invitation, reason="busy")
                self.assertEqual(event["data"], "no")
                self.assert_ended(door, invitation, "rejected", here=True)

                invitation = self.invite(other, "door")
                self.wait_rung(invitation, door)
                self.assert_ok(other.ask(f"invitation/{invitation}/modify", data="new"))
                door.wait_event("onInvitationModified", inviteID=invitation, data="new")
                self.assert_ok(other.ask(f"invitation/{invitation}/add", invitees=["mallory"]))
                other.wait_event("invitation_modified", id=invitation, invitees=["door", "mallory"])
                self.assert_ok(other.ask(f"invitation/{invitation}/cancel", data="bye"))
                door.wait_event("onInvitationCancelled", inviteID=invitation, inviter=name, data="bye")
                self.assert_ended(door, invitation, "cancelled", by=name, reason="cancelled")

                invitation = self.invite(other, "door", timeout_ms=300)
                self.wait_rung(invitation, door)
                door.wait_event("onInvitationTimeout", inviteID=invitation)
                self.assert_ended(door, invitation, "timed_out", by="")
                self.assert_all_told(door)

    def test_they_are_rung_by_the_library(self):
        door = self.client("door")
        for name in self.STYLE_NAMES:
            with self.subTest(name):
                other = self.connect(self.broker, name)
                binary = {"data_b64": "AP8="} if other.encoding == "json" else {"data": b"\x00\xff"}

                invitation = door.ring(name, data_hex="ff00", timeout=20)
                event = other.wait_event("new_invitation", id=invitation, inviter="door", invitees=[name])
                self.assertEqual(data_of(event), b"\xff\x00")
                self.assertTrue(15000 < event["remaining_ms"] <= 20000)
                self.assert_ok(other.ask(f"invitation/{invitation}/ringing"))
                door.wait_event("onInviteeRinging", inviteID=invitation, invitee=name)
                self.assert_ok(other.ask(f"invitation/{invitation}/accept", **binary))
                door.wait_event("onInviteeAccepted", inviteID=invitation, invitee=name, data_hex="00ff")
                self.assert_ended(door, invitation, "accepted", by=name, byDevice=other.tag)

                invitation = door.ring(name, data="text")
                self.assertEqual(other.wait_event("new_invitation", id=invitation)["data"], "text")
                self.assert_ok(other.ask(f"invitation/{invitation}/reject", reason="busy", data="no"))
                door.wait_event("onInviteeRejected", inviteID=invitation, invitee=name, data="no")
                self.assert_ended(door, invitation, "rejected", reason="busy", by=name, byDevice=other.tag)

                invitation = door.ring(name)
                self.assert_result(door.call("modifyInvitation", id=invitation, data="new"))
                self.assertEqual(other.wait_event("invitation_modified", id=invitation)["data"], "new")
                self.assert_result(door.call("cancel", id=invitation, data="bye"), cancelled=[name])
                self.assertEqual(other.wait_event("invitation_cancelled", id=invitation)["data"], "bye")
                self.assert_ended(door, invitation, "cancelled", here=True)

                invitation = door.ring(name, timeout=1)
                door.wait_event("onInvitationTimeout", inviteID=invitation)
                self.assert_ended(door, invitation, "timed_out")
                self.assertEqual(states(self.assert_ok(other.ask(f"invitation/{invitation}/get"))["invitation"]),
                                 {name: "timed_out"})
                self.assert_all_told(door)

    def test_an_answer_on_another_kind_of_device_is_an_answer_elsewhere(self):
        alice, panel = self.clients("alice", "bob")
        phone = self.connect(self.broker, "bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, panel)
        self.assert_ok(phone.ask(f"invitation/{invitation}/accept", data="phone"))
        panel.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob", data="phone")
        self.assert_ended(panel, invitation, "accepted", here=False, by="bob", byDevice=phone.tag)
        self.assert_result(panel.call("accept", id=invitation), "already_accepted", by="bob", byDevice=phone.tag)

    def test_what_another_device_of_the_user_asks_is_no_result_of_this_one(self):
        alice = self.client("alice")
        other = self.connect(self.broker, "alice", v5=False)
        calls = [alice.invite("bob", data=f"number {number}") for number in range(20)]
        for req in range(1, 40):
            other.request("invitation/none/get", {"req": req})
        for call in calls:
            self.assert_result(call)
        self.assert_result(alice.call("getSignalingInfo", id="none"), "unknown_invitation")


class Witness(SignalingTest):
    """mosquitto_sub beside the library, on the same inbox."""

    def replies(self, user):
        """Starts it; returns a function that gives what verbs were replied to until now, but for questions."""
        topic = f"{self.broker.root}/inbox/{user}/reply"
        process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", "-p", str(self.broker.port), "-u", user, "-d", "-q", "1",
             "-t", topic, "-t", topic + "/#", "-F", "REPLY %x"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        verbs, changed = [], threading.Condition()

        def read():
            for line in process.stdout:
                with changed:
                    if line.startswith("Subscribed"):
                        verbs.append("(subscribed)")
                    elif line.startswith("REPLY"):
                        verbs.append(re.search(rb"\xa2re.(\w+?)\xa2ok", bytes.fromhex(line.split()[1]))[1].decode())
                    changed.notify_all()

        def wait_for(verb):
            with changed:
                self.assertTrue(changed.wait_for(lambda: verb in verbs, PATIENCE), verbs)
                return [verb for verb in verbs if verb not in ("(subscribed)", "get")]

        threading.Thread(target=read, daemon=True).start()
        wait_for("(subscribed)")
        return wait_for

    def test_each_call_is_one_request(self):
        alice, bob = self.clients("alice", "bob")
        of_alice, of_bob = self.replies("alice"), self.replies("bob")
        invitation = alice.ring("bob")
        self.wait_rung(invitation, bob)
        self.assert_result(alice.call("modifyInvitation", id=invitation, data="x"))
        self.assert_result(bob.call("ringing", id=invitation))
        self.assert_result(alice.call("addInvitees", id=invitation, invitees=["carol"]))
        self.assert_result(bob.call("accept", id=invitation))
        self.assert_result(alice.call("cancel", id=invitation))
        for client in (alice, bob):
            self.assert_result(client.call("reject", id="none"), "unknown_invitation")
        self.assertEqual(of_alice("reject"), ["invite", "modify", "add", "cancel", "reject"])
        self.assertEqual(of_bob("reject"), ["ringing", "accept", "reject"])


if __name__ == "__main__":
    unittest.main()
