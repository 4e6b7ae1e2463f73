# SPDX-License-Identifier: Apache-2.0
"""Groups, invitations in them, and messages, as the C++ library does and tells them: among its own clients, and with
clients in other languages."""

import unittest

from harness import SystemTest, data_of
from proxy import Proxy
from test_client_signaling import SignalingTest


class GroupTest(SignalingTest):
    def others(self):
        """One client of each kind that nobody of this project wrote."""
        return self.connect_all(self.broker, *SystemTest.STYLES)

    def group(self, owner, *members, also=(), **options):
        """A group of these clients of the library (and `also`, by name); all have heard of it. Returns its id."""
        group = f"group-{owner.driver.number()}"
        self.assert_result(owner.call("createGroup", groupID=group,
                                      memberList=[member.user for member in members] + list(also), **options))
        for one in (owner, *members):
            one.wait_event("onGroupCreated", groupID=group)
        return group

    def silent(self, *clients):
        for client in clients:
            client.no_more_events()


class Management(GroupTest):
    def test_what_the_library_does_all_members_hear(self):
        door, desk = self.clients("door", "desk")
        others = self.others()
        names = [other.user for other in others]
        both = (door, desk)
        steps = (
            # who, call, result, who of the library hears what, what the others do
            (door, "createGroup", {"groupName": "Flat 2", "memberList": names, "profile": {"floor": "2"}}, {}, (door,),
             "onGroupCreated", {}, "group_created", {"name": "Flat 2", "members": ["door", *names]}),
            (desk, "joinGroup", {}, {}, both,
             "onMemberEnter", {"memberList": ["desk"]}, "member_entered", {"members": ["desk"]}),
            (desk, "inviteUserToGroup", {"memberList": ["eve", "alice"]}, {"skipped": {"alice": "already_member"}}, both,
             "onMemberInvited", {"opUser": "desk", "memberList": ["eve"]}, "member_invited", {"members": ["eve"]}),
            (door, "setGroupMemberRole", {"userID": "desk", "role": "admin"}, {}, both,
             "onGrantAdministrator", {"opUser": "door", "memberList": ["desk"]},
             "role_changed", {"user": "desk", "role": "admin"}),
            (desk, "setGroupInfo", {"groupName": "Flat 3", "joinMode": "closed"}, {}, both,
             "onGroupInfoChanged", {"change": {"groupName": "Flat 3", "joinMode": "closed"}},
             "group_updated", {"name": "Flat 3", "join_mode": "closed", "profile": None}),
            (desk, "setGroupInfo", {"profile": {"floor": "3", "bell": "a"}}, {}, both,
             "onGroupInfoChanged", {"change": {"profile": {"floor": "3", "bell": "a"}}},
             "group_updated", {"name": None, "profile": {"floor": "3", "bell": "a"}}),
            (desk, "kickGroupMember", {"memberList": ["eve", "door"], "reason": "noise"},
             {"skipped": {"door": "not_owner"}}, both,
             "onMemberKicked", {"opUser": "desk", "memberList": ["eve"]},
             "member_removed", {"members": ["eve"], "reason": "noise"}),
            (door, "setGroupMemberRole", {"userID": "desk", "role": "member"}, {}, both,
             "onRevokeAdministrator", {"opUser": "door", "memberList": ["desk"]},
             "role_changed", {"user": "desk", "role": "member"}),
            (door, "transferGroupOwner", {"userID": "desk"}, {}, both,
             "onGroupInfoChanged", {"change": {"owner": "desk"}}, "owner_changed", {"owner": "desk"}),
            (door, "quitGroup", {}, {}, both, "onMemberLeave", {"member": "door"}, "member_left", {"user": "door"}),
            (desk, "dismissGroup", {}, {}, (desk,), "onGroupDismissed", {"opUser": "desk"}, "group_dismissed", {}),
        )
        for who, call, arguments, result, ours, told, told_fields, event, event_fields in steps:
            with self.subTest(call):
                self.assert_result(who.call(call, groupID="flat", **arguments), **result)
                for client in ours:
                    client.wait_event(told, groupID="flat", **told_fields)
                for other in others:
                    other.wait_event(event, group="flat", by=who.user, **event_fields)
        self.silent(door, desk, *others)

    def test_what_other_clients_do_the_library_hears(self):
        door, = self.clients("door")
        for other in self.others():
            me, group = other.user, f"flat-{other.user}"
            steps = (
                ("create", {"members": ["door", "eve"], "name": "Flat"}, "onGroupCreated", {}),
                ("add", {"members": ["zoe"]}, "onMemberInvited", {"opUser": me, "memberList": ["zoe"]}),
                ("role", {"user": "door", "role": "admin"}, "onGrantAdministrator",
                 {"opUser": me, "memberList": ["door"]}),
                ("role", {"user": "door", "role": "member"}, "onRevokeAdministrator",
                 {"opUser": me, "memberList": ["door"]}),
                ("update", {"name": "", "profile": {}}, "onGroupInfoChanged",
                 {"change": {"groupName": "", "profile": {}}}),
                ("remove", {"members": ["eve"]}, "onMemberKicked", {"opUser": me, "memberList": ["eve"]}),
                ("transfer", {"user": "door"}, "onGroupInfoChanged", {"change": {"owner": "door"}}),
                ("quit", {}, "onMemberLeave", {"member": me}),
                ("join", {}, "onMemberEnter", {"memberList": [me]}),
            )
            for verb, body, told, fields in steps:
                with self.subTest(f"{verb} by {me}"):
                    self.assert_ok(other.ask(f"group/{group}/{verb}", **body))
                    door.wait_event(told, groupID=group, **fields)
            self.assert_result(door.call("transferGroupOwner", groupID=group, userID=me))
            door.wait_event("onGroupInfoChanged", groupID=group, change={"owner": me})
            self.assert_ok(other.ask(f"group/{group}/dismiss"))
            door.wait_event("onGroupDismissed", groupID=group, opUser=me)
        door.no_more_events()

    def test_who_is_kicked_hears_it_and_nothing_more(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        self.assert_result(alice.call("kickGroupMember", groupID=group, memberList=["bob"]), skipped={})
        for client in (alice, bob, carol):
            client.wait_event("onMemberKicked", groupID=group, opUser="alice", memberList=["bob"])
        self.assert_result(carol.call("quitGroup", groupID=group))
        for client in (alice, carol):
            client.wait_event("onMemberLeave", member="carol")
        self.silent(alice, bob, carol)

    def test_a_refusal_names_its_reason(self):
        alice, bob = self.clients("alice", "bob")
        group = self.group(alice, joinMode="closed", also=["carol"])
        for who, call, arguments, error, code, fields in (
                (bob, "joinGroup", {}, "group_closed", 10007, {}),
                (bob, "quitGroup", {}, "not_member", 10007, {}),
                (bob, "getGroupMemberList", {}, "not_member", 10007, {"members": []}),
                (bob, "createGroup", {}, "group_exists", 10021, {}),
                (alice, "quitGroup", {}, "owner_cannot_quit", 10009, {}),
                (alice, "joinGroup", {"groupID": "none"}, "unknown_group", 10010, {}),
                (alice, "setGroupMemberRole", {"userID": "carol", "role": "owner"}, "invalid_request", 6017,
                 {"field": "role"}),
                (alice, "transferGroupOwner", {"userID": "bob"}, "not_member", 10007, {}),
                (alice, "setGroupInfo", {"profile": {str(key): "" for key in range(17)}}, "too_large", 8001,
                 {"field": "profile", "limit": 16}),
                (alice, "inviteInGroup", {"groupID": "none"}, "unknown_group", 10010, {}),
                (bob, "inviteInGroup", {}, "not_member", 10007, {}),
                (bob, "sendGroupTextMessage", {"data": "x"}, "not_member", 10007, {})):
            with self.subTest(call):
                self.assert_result(who.call(call, **{"groupID": group, **arguments}), error, code=code, **fields)
        # Its owner creates it again, and a member joins again: nothing changes.
        self.assert_result(alice.call("createGroup", groupID=group))
        self.assert_result(alice.call("joinGroup", groupID=group))
        self.silent(alice, bob)

    def test_a_listener_that_was_removed_hears_no_more(self):
        alice, = self.clients("alice")
        for kind in ("group", "message"):
            alice.ask("addListener", listener="second", kind=kind)
        self.group(alice)
        self.assert_result(alice.call("sendC2CTextMessage", userID="alice", data="x"))
        alice.wait_event("onRecvC2CTextMessage")
        alice.fence()  # both have been told
        for kind in ("group", "message"):
            alice.ask("removeListener", listener="second", kind=kind)
        self.group(alice)
        self.assert_result(alice.call("sendC2CTextMessage", userID="alice", data="y"))
        alice.wait_event("onRecvC2CTextMessage")
        alice.fence()
        self.assertEqual([line["event"] for line in alice.heard(listener="second")],
                         ["onGroupCreated", "onRecvC2CTextMessage"])


class Asking(GroupTest):
    def test_members_are_all_told_however_many(self):
        alice, bob = self.clients("alice", "bob")
        many = sorted(f"user-{number:04}" for number in range(1100))
        group = self.group(alice, also=["bob", *many])
        bob.wait_event("onGroupCreated", groupID=group)
        self.assert_result(alice.call("setGroupMemberRole", groupID=group, userID="user-0700", role="admin"))
        for client in (alice, bob):
            members = self.assert_result(client.call("getGroupMemberList", groupID=group))["members"]
            ranks = {"alice": "owner", "user-0700": "admin"}
            self.assertEqual(sorted(members), [[user, ranks.get(user, "member")] for user in ["alice", "bob", *many]])

    def test_groups_are_all_told_however_many(self):
        self.broker = self.start_broker({"max_groups_per_owner": 1000})
        alice, = self.clients("alice")
        names = [f"group-{number:03}" for number in range(520)]
        for call in [alice.call("createGroup", groupID=name) for name in names]:
            self.assert_result(call)
        groups = self.assert_result(alice.call("getJoinedGroupList"))["groups"]
        self.assertEqual(sorted(group["groupID"] for group in groups), names)

    def test_what_is_known_of_groups(self):
        alice, bob = self.clients("alice", "bob")
        self.assert_result(alice.call("getJoinedGroupList"), groups=[])
        flat = self.group(alice, bob, groupName="Flat 2", joinMode="closed", profile={"floor": "2"})
        plain = self.group(bob, alice)
        groups = {group["groupID"]: group for group in self.assert_result(bob.call("getJoinedGroupList"))["groups"]}
        self.assertEqual(groups, {
            flat: {"groupID": flat, "groupName": "Flat 2", "joinMode": "closed", "memberCount": 2, "role": "member",
                   "owner": "", "profile": {}},
            plain: {"groupID": plain, "groupName": "", "joinMode": "free", "memberCount": 2, "role": "owner",
                    "owner": "", "profile": {}}})
        results = bob.call("getGroupsInfo", groupIDList=[plain, "none", "no id", flat]).result()["results"]
        self.assertEqual([result["error"] for result in results], ["", "unknown_group", "invalid_request", ""])
        self.assertEqual([result["code"] for result in results], [0, 10010, 6017, 0])
        self.assertEqual(results[3]["info"], {
            "groupID": flat, "groupName": "Flat 2", "joinMode": "closed", "memberCount": 2, "role": "member",
            "owner": "alice", "profile": {"floor": "2"}})
        self.assertEqual((results[0]["info"]["groupID"], results[0]["info"]["owner"]), (plain, "bob"))
        self.assertEqual(bob.call("getGroupsInfo", groupIDList=[]).result()["results"], [])


class Invitations(GroupTest):
    def invite(self, who, group, *invitees, plain=False, **options):
        call = who.call("inviteInGroup" if plain else "inviteInGroupWith", groupID=group, invitees=list(invitees),
                        **options)
        self.assert_result(call, inviteID=call.id)
        return call.id

    def observe(self, invitation, *clients, **fields):
        """They hear of it, and that it is not for them."""
        for client in clients:
            event = client.driver.wait(lambda line, client=client: line.get("event") == "onSignalingEvent"
                                       and line["client"] == client.name and line["inviteID"] == invitation,
                                       f"observation of {client.name}")
            for name, value in {"type": "newInvitation", "role": "observer", **fields}.items():
                self.assertEqual(event[name], value, event)

    def test_all_the_others_are_asked_and_the_inviter_learns_who_they_are(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        invitation = self.invite(alice, group, plain=True, data="Who knows?", timeout=20)
        for client in (bob, carol):
            client.wait_event("onReceiveNewInvitation", inviteID=invitation, inviter="alice", groupID=group,
                              inviteeList=["bob", "carol"], data="Who knows?")
        info = self.eventually(lambda: alice.pending()[invitation], lambda asked: asked["inviteeList"])
        self.assertEqual((info["inviteeList"], info["groupID"], info["visibility"], info["role"]),
                         (["bob", "carol"], group, "members", "inviter"))
        self.assertTrue(15000 < info["remaining"] <= 20000, info)
        self.assert_result(bob.call("accept", id=invitation, data="me!"))
        self.assert_ended(bob, invitation, "accepted", here=True)
        for client in (alice, carol):
            client.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob", data="me!")
        alice.fence()
        self.assertEqual(alice.heard("onInvitationEnded"), [])
        self.assert_result(carol.call("reject", id=invitation))
        self.assert_ended(carol, invitation, "rejected", here=True)
        for client in (alice, bob):
            client.wait_event("onInviteeRejected", inviteID=invitation, invitee="carol")
        self.assert_ended(alice, invitation, "accepted")
        self.assert_all_told(alice, bob, carol)

    def test_the_inviter_who_was_answered_at_once_hears_it_and_one_end(self):
        # The library answers within the call to the listener, before the inviter can ask who was invited.
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        for client in (bob, carol):
            client.on("onReceiveNewInvitation", {"do": "accept", "client": client.name, "id": "$id"}, times=20)
        for number in range(20):
            with self.subTest(number):
                invitation = self.invite(alice, group, plain=True)
                for client in (bob, carol):
                    alice.wait_event("onInviteeAccepted", inviteID=invitation, invitee=client.user)
                self.assert_ended(alice, invitation, "accepted")
                for client, another in ((bob, "carol"), (carol, "bob")):
                    client.wait_event("onReceiveNewInvitation", inviteID=invitation)
                    client.wait_event("onInviteeAccepted", inviteID=invitation, invitee=another)
                    self.assert_ended(client, invitation, "accepted", here=True)
        self.assert_all_told(alice, bob, carol)

    def test_who_is_not_asked_looks_on(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        call = alice.call("inviteInGroup", groupID=group, invitees=["bob", "stranger", "alice"])
        self.assert_result(call, skipped={"stranger": "not_member", "alice": "invalid_request"})
        bob.wait_event("onReceiveNewInvitation", inviteID=call.id, inviteeList=["bob"])
        self.observe(call.id, carol, invitees=["bob"], groupID=group, by="alice")
        self.assertEqual(carol.pending()[call.id]["role"], "observer")
        self.assert_result(carol.call("accept", id=call.id), "not_invitee", code=8011)
        self.assert_result(bob.call("accept", id=call.id, data="me"))
        for client in (alice, carol):
            client.wait_event("onInviteeAccepted", inviteID=call.id, invitee="bob", data="me")
        self.assert_ended(alice, call.id, "accepted")
        self.assert_ended(bob, call.id, "accepted", here=True)
        self.assert_all_told(alice, bob, carol)
        self.assertEqual([event["role"] for event in carol.heard("onSignalingEvent")], ["observer", "observer"])
        self.assertEqual([event["type"] for event in carol.heard("onSignalingEvent")],
                         ["newInvitation", "inviteeAccepted"])

    def test_an_observer_hears_each_kind_of_end_and_is_owed_none(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        rejected, cancelled, timed_out = (self.invite(alice, group, "bob", timeout=timeout)
                                          for timeout in (30000, 30000, 300))
        self.wait_rung(rejected, bob)
        self.assert_result(bob.call("reject", id=rejected))
        self.assert_result(alice.call("cancel", id=cancelled, data="no"))
        carol.wait_event("onInviteeRejected", inviteID=rejected, invitee="bob")
        carol.wait_event("onInvitationTimeout", inviteID=timed_out, inviteeList=["bob"])
        self.assert_all_told(carol)
        self.assertEqual(len(carol.heard("onSignalingEvent", type="invitationCancelled", inviteID=cancelled)), 1)

    def test_an_observer_who_is_added_is_rung(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol, also=["dave"])
        invitation = self.invite(alice, group, "bob")
        self.wait_rung(invitation, bob)
        self.observe(invitation, carol)
        self.assert_result(alice.call("addInvitees", id=invitation, invitees=["carol", "zoe"]),
                           skipped={"zoe": "not_member"})
        carol.wait_event("onReceiveNewInvitation", inviteID=invitation, inviteeList=["bob", "carol"], groupID=group)
        self.assertEqual(carol.pending()[invitation]["role"], "invitee")
        self.assert_result(bob.call("reject", id=invitation))
        carol.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob")
        self.assert_result(carol.call("accept", id=invitation))
        self.assert_ended(carol, invitation, "accepted", here=True)
        for client in (alice, bob):
            client.wait_event("onInviteeAccepted", inviteID=invitation, invitee="carol")
        alice.wait_event("onInviteeRejected", invitee="bob")
        self.assert_ended(alice, invitation, "accepted")
        self.assert_ended(bob, invitation, "rejected")
        self.assert_all_told(alice, bob, carol)

    def test_an_observer_who_is_added_while_away_is_rung_when_back(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        alice, bob = self.clients("alice", "bob")
        carol = self.drive("carol", proxy.port)
        group = self.group(alice, bob, carol)
        invitation = self.invite(alice, group, "bob")
        self.wait_rung(invitation, bob)
        self.observe(invitation, carol)
        proxy.hold()
        self.assert_result(alice.call("addInvitees", id=invitation, invitees=["carol"]))
        self.assert_result(bob.call("reject", id=invitation))
        proxy.cut()
        proxy.release()
        carol.wait_event("onReceiveNewInvitation", inviteID=invitation)
        carol.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob")
        self.assert_result(carol.call("accept", id=invitation))
        self.assert_ended(carol, invitation, "accepted", here=True)
        self.assert_all_told(carol)

    def test_who_joins_later_looks_on(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob)
        invitation = self.invite(alice, group, plain=True)
        self.wait_rung(invitation, bob)
        self.assert_result(carol.call("joinGroup", groupID=group))
        for client in (alice, bob, carol):
            client.wait_event("onMemberEnter", memberList=["carol"])
        self.observe(invitation, carol, invitees=["bob"], groupID=group)
        self.assert_result(bob.call("reject", id=invitation, reason="busy"))
        for client in (alice, carol):
            client.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob")
        self.assert_ended(bob, invitation, "rejected", here=True)
        self.assert_ended(alice, invitation, "rejected", reason="busy")
        self.assert_all_told(alice, bob, carol)

    def test_the_first_answer_stops_the_others(self):
        door, panel, phone, desk = self.clients("door", "panel", "phone", "desk")
        group = self.group(door, panel, phone, desk)
        invitation = self.invite(door, group, "panel", "phone", answer="first")
        self.wait_rung(invitation, panel, phone)
        self.assert_result(phone.call("accept", id=invitation))
        self.assert_ended(phone, invitation, "accepted", here=True)
        for client in (door, panel, desk):
            client.wait_event("onInviteeAccepted", inviteID=invitation, invitee="phone")
        told = panel.wait_event("onInvitationCancelled", inviteID=invitation, inviter="door")
        end = self.assert_ended(panel, invitation, "cancelled", reason="answered", by="phone")
        self.assertLess(told["place"], end["place"])
        self.assert_ended(door, invitation, "accepted", by="phone")
        self.assert_all_told(door, panel, phone, desk)
        self.assert_result(panel.call("accept", id=invitation), "already_cancelled", code=8010, by="phone")

    def test_who_leaves_or_is_removed_is_not_asked_any_more(self):
        alice, bob, carol, dave = everyone = self.clients("alice", "bob", "carol", "dave")
        group = self.group(alice, bob, carol, dave)
        invitation = self.invite(alice, group, "bob", "carol")
        self.wait_rung(invitation, bob, carol)
        self.observe(invitation, dave)

        self.assert_result(bob.call("quitGroup", groupID=group))
        for client in everyone:
            client.wait_event("onMemberLeave", member="bob")
        # It did that itself, so its end alone says so.
        self.assert_ended(bob, invitation, "revoked", here=True, reason="left_group", by="bob")
        alice.fence()
        self.assertEqual(alice.heard("onInvitationCancelled", "onInvitationEnded"), [])
        self.assertEqual(len(alice.heard("onSignalingEvent", type="invitationRevoked", invitees=["bob"])), 1)
        self.assert_result(bob.call("accept", id=invitation), "already_revoked", code=8010)

        self.assert_result(alice.call("kickGroupMember", groupID=group, memberList=["carol"]))
        for client in (alice, carol, dave):
            client.wait_event("onMemberKicked", memberList=["carol"])
        told = carol.wait_event("onInvitationCancelled", inviteID=invitation, inviter="alice", data="")
        end = self.assert_ended(carol, invitation, "revoked", here=False, reason="removed", by="alice")
        self.assertLess(told["place"], end["place"])
        self.assert_ended(alice, invitation, "revoked", here=True, reason="removed", by="alice")
        self.assert_all_told(*everyone)

    def test_an_inviter_left_without_invitees_is_told_so(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        invitation = self.invite(bob, group, "carol")
        self.wait_rung(invitation, carol)
        self.assert_result(carol.call("quitGroup", groupID=group))
        for client in (alice, bob, carol):
            client.wait_event("onMemberLeave", member="carol")
        told = bob.wait_event("onInvitationCancelled", inviteID=invitation, inviter="bob", data="")
        end = self.assert_ended(bob, invitation, "revoked", here=False, reason="left_group", by="carol")
        self.assertLess(told["place"], end["place"])
        self.assert_ended(carol, invitation, "revoked", here=True)
        self.assert_all_told(alice, bob, carol)

    def test_what_the_inviter_asked_ends_when_it_leaves(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        invitation = self.invite(bob, group, "carol")
        self.wait_rung(invitation, carol)
        self.observe(invitation, alice)
        self.assert_result(bob.call("quitGroup", groupID=group))
        for client in (alice, bob, carol):
            client.wait_event("onMemberLeave", member="bob")
        carol.wait_event("onInvitationCancelled", inviteID=invitation, inviter="bob")
        self.assert_ended(carol, invitation, "cancelled", reason="left_group", by="bob")
        self.assert_ended(bob, invitation, "cancelled", reason="left_group", here=True)
        self.assert_all_told(alice, bob, carol)

    def test_all_ends_with_the_group(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        invitation = self.invite(bob, group, "carol")
        self.wait_rung(invitation, carol)
        self.observe(invitation, alice)
        self.assert_result(alice.call("dismissGroup", groupID=group))
        for client in (alice, bob, carol):
            client.wait_event("onGroupDismissed", groupID=group, opUser="alice")
        for client in (bob, carol):
            client.wait_event("onInvitationCancelled", inviteID=invitation, inviter="bob")
            self.assert_ended(client, invitation, "cancelled", reason="group_dismissed", by="alice", here=False)
        self.assert_all_told(alice, bob, carol)

    def test_with_visibility_inviter_nobody_else_hears(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        group = self.group(alice, bob, carol, dave)
        invitation = self.invite(alice, group, "bob", "carol", visibility="inviter")
        for client in (bob, carol):
            client.wait_event("onReceiveNewInvitation", inviteID=invitation, inviteeList=[client.user])
        self.assert_result(bob.call("accept", id=invitation))
        alice.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob")
        self.assert_result(carol.call("reject", id=invitation))
        alice.wait_event("onInviteeRejected", inviteID=invitation, invitee="carol")
        self.assert_ended(alice, invitation, "accepted")
        self.assert_ended(bob, invitation, "accepted")
        self.assert_ended(carol, invitation, "rejected")
        self.assert_all_told(alice, bob, carol, dave)
        self.assertEqual(dave.heard("onSignalingEvent"), [])

    def test_with_visibility_invitees_only_they_hear(self):
        alice, bob, carol, dave = self.clients("alice", "bob", "carol", "dave")
        group = self.group(alice, bob, carol, dave)
        invitation = self.invite(alice, group, "bob", "carol", visibility="invitees")
        self.wait_rung(invitation, bob, carol)
        self.assert_result(bob.call("accept", id=invitation))
        for client in (alice, carol):
            client.wait_event("onInviteeAccepted", inviteID=invitation, invitee="bob")
        self.assert_result(alice.call("cancel", id=invitation))
        carol.wait_event("onInvitationCancelled", inviteID=invitation)
        for client, state in ((alice, "accepted"), (bob, "accepted"), (carol, "cancelled")):
            self.assert_ended(client, invitation, state)
        self.assert_all_told(alice, bob, carol, dave)
        self.assertEqual(dave.heard("onSignalingEvent"), [])

    def test_online_only_skips_who_is_away(self):
        alice, bob = self.clients("alice", "bob")
        group = self.group(alice, bob, also=["away"])
        call = alice.call("inviteInGroup", groupID=group, onlineUserOnly=True)
        self.assert_result(call, skipped={"away": "user_offline"})
        self.assertEqual(bob.wait_event("onReceiveNewInvitation", inviteID=call.id)["inviteeList"], ["bob"])
        self.assert_result(bob.call("accept", id=call.id))
        alice.wait_event("onInviteeAccepted")
        self.assert_ended(alice, call.id, "accepted")
        self.assert_ended(bob, call.id, "accepted")
        self.assert_all_told(alice, bob)

    def test_other_clients_are_asked_and_answer(self):
        door, = self.clients("door")
        alice, bob, carol, dave = others = self.others()
        group = self.group(door, also=[other.user for other in others])
        for other in others:
            other.wait_event("group_created", group=group)
        invitation = self.invite(door, group, "alice", "bob", "carol", data_hex="ff00")
        for other in others:
            event = other.wait_event("new_invitation", id=invitation, group=group, inviter="door",
                                     invitees=["alice", "bob", "carol"],
                                     role="observer" if other is dave else "invitee")
            self.assertEqual(data_of(event), b"\xff\x00")
        self.assert_ok(alice.ask(f"invitation/{invitation}/accept", data="me"))
        self.assert_ok(bob.ask(f"invitation/{invitation}/reject"))
        door.wait_event("onInviteeAccepted", inviteID=invitation, invitee="alice", data="me")
        door.wait_event("onInviteeRejected", inviteID=invitation, invitee="bob")
        self.assert_ok(carol.ask(f"group/{group}/quit"))
        door.wait_event("onMemberLeave", groupID=group, member="carol")
        self.assert_ended(door, invitation, "accepted")
        self.assert_all_told(door)
        self.assertEqual(len(door.heard("onSignalingEvent", type="invitationRevoked", invitees=["carol"])), 1)

    def test_other_clients_ask(self):
        door, desk = self.clients("door", "desk")
        for other in self.others():
            with self.subTest(other.user):
                group = f"flat-{other.user}"
                self.assert_ok(other.ask(f"group/{group}/create", members=["door", "desk"]))
                for client in (door, desk):
                    client.wait_event("onGroupCreated", groupID=group)
                invitation = self.assert_ok(other.ask(f"group/{group}/invite", invitees=["door"], data="mic?"))["id"]
                door.wait_event("onReceiveNewInvitation", inviteID=invitation, inviter=other.user, groupID=group,
                                inviteeList=["door"], data="mic?")
                self.observe(invitation, desk)
                self.assert_result(door.call("accept", id=invitation))
                other.wait_event("invitee_accepted", id=invitation, invitee="door")
                desk.wait_event("onInviteeAccepted", inviteID=invitation, invitee="door")
                self.assert_ended(door, invitation, "accepted", here=True)

                invitation = self.assert_ok(other.ask(f"group/{group}/invite"))["id"]
                self.wait_rung(invitation, door, desk)
                self.assert_ok(other.ask(f"group/{group}/remove", members=["desk"]))
                for client in (door, desk):
                    client.wait_event("onMemberKicked", groupID=group, memberList=["desk"])
                desk.wait_event("onInvitationCancelled", inviteID=invitation, inviter=other.user)
                self.assert_ended(desk, invitation, "revoked", reason="removed", by=other.user)
                self.assert_ok(other.ask(f"group/{group}/dismiss"))
                door.wait_event("onGroupDismissed", groupID=group, opUser=other.user)
                door.wait_event("onInvitationCancelled", inviteID=invitation)
                self.assert_ended(door, invitation, "cancelled", reason="group_dismissed")
                self.assert_all_told(door, desk)


class Messages(GroupTest):
    def test_text_and_binary_to_a_user_and_to_a_group(self):
        alice, bob, carol = self.clients("alice", "bob", "carol")
        others = self.others()
        dave = others[3]
        group = self.group(alice, bob, carol, also=["dave"])
        dave.wait_event("group_created", group=group)
        texts = ("hello", "Grüße ☎ \x00 \U0001f514", "{\"a\":[1]}", "")
        for text in texts:
            with self.subTest(text):
                call = alice.call("sendC2CTextMessage", userID="bob", data=text)
                self.assert_result(call)
                bob.wait_event("onRecvC2CTextMessage", msgID=call.done["msgID"], sender="alice", data=text)
                call = alice.call("sendGroupTextMessage", groupID=group, data=text)
                self.assert_result(call)
                for client in (bob, carol):
                    client.wait_event("onRecvGroupTextMessage", msgID=call.done["msgID"], groupID=group,
                                      sender="alice", data=text)
                event = dave.wait_event("message", id=call.done["msgID"], group=group, **{"from": "alice"})
                self.assertEqual(data_of(event), text)
        for data in ("00ff80fe", "616263", ""):
            with self.subTest(data):
                call = alice.call("sendC2CCustomMessage", userID="bob", data_hex=data)
                self.assert_result(call)
                bob.wait_event("onRecvC2CCustomMessage", msgID=call.done["msgID"], sender="alice", data_hex=data)
                call = alice.call("sendGroupCustomMessage", groupID=group, data_hex=data)
                self.assert_result(call)
                for client in (bob, carol):
                    client.wait_event("onRecvGroupCustomMessage", msgID=call.done["msgID"], groupID=group,
                                      sender="alice", data_hex=data)
                event = dave.wait_event("message", id=call.done["msgID"], group=group)
                self.assertEqual(data_of(event), bytes.fromhex(data))
        self.silent(alice, bob, carol, dave)

    def test_with_other_clients(self):
        door, = self.clients("door")
        others = self.others()
        for other in others:
            with self.subTest(other.user):
                me, group = other.user, f"flat-{other.user}"
                binary = {"data_b64": "AP8="} if other.encoding == "json" else {"data": b"\x00\xff"}
                self.assert_ok(other.ask(f"group/{group}/create", members=["door"]))
                door.wait_event("onGroupCreated", groupID=group)
                other.wait_event("group_created")

                self.assert_ok(other.ask("user/door/message", id="text", data="Grüße"))
                door.wait_event("onRecvC2CTextMessage", msgID="text", sender=me, data="Grüße")
                self.assert_ok(other.ask("user/door/message", id="binary", **binary))
                door.wait_event("onRecvC2CCustomMessage", msgID="binary", sender=me, data_hex="00ff")
                self.assert_ok(other.ask(f"group/{group}/message", id="group-text", data=""))
                door.wait_event("onRecvGroupTextMessage", msgID="group-text", groupID=group, sender=me, data="")
                self.assert_ok(other.ask(f"group/{group}/message", id="group-binary", **binary))
                door.wait_event("onRecvGroupCustomMessage", msgID="group-binary", groupID=group, sender=me,
                                data_hex="00ff")

                call = door.call("sendC2CTextMessage", userID=me, data="text")
                self.assert_result(call)
                event = other.wait_event("message", id=call.done["msgID"], to=me, **{"from": "door"})
                self.assertEqual(data_of(event), "text")
                call = door.call("sendGroupCustomMessage", groupID=group, data_hex="ff00")
                self.assert_result(call)
                event = other.wait_event("message", id=call.done["msgID"], group=group)
                self.assertEqual(data_of(event), b"\xff\x00")
        self.silent(door, *others)

    def test_base64_is_no_matter_of_the_listener(self):
        # A sender in JSON: text is text, even when its base64 was sent.
        door, = self.clients("door")
        other = self.connect(self.broker, "alice")
        self.assert_ok(other.ask("user/door/message", id="m", data_b64="dGV4dA=="))
        door.wait_event("onRecvC2CCustomMessage", msgID="m", data_hex="74657874")
        self.assert_ok(other.ask("user/door/message", id="n", data="dGV4dA=="))
        door.wait_event("onRecvC2CTextMessage", msgID="n", data="dGV4dA==")
        door.no_more_events()

    def test_the_same_id_from_two_senders_are_two_messages(self):
        door, = self.clients("door")
        for other in self.others():
            self.assert_ok(other.ask("user/door/message", id="m", data="x"))
            self.assert_ok(other.ask("user/door/message", id="m", data="x"))
            door.wait_event("onRecvC2CTextMessage", msgID="m", sender=other.user)
        door.no_more_events()

    def test_each_comes_once_though_the_senders_connection_was_cut(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        alice, bob = self.drive("alice", proxy.port), self.client("bob")
        group = self.group(alice, bob)
        for call, to, event in (("sendC2CTextMessage", {"userID": "bob"}, "onRecvC2CTextMessage"),
                                ("sendGroupTextMessage", {"groupID": group}, "onRecvGroupTextMessage")):
            with self.subTest(call):
                proxy.hold("to_client")
                sent = alice.call(call, data="once", **to)
                bob.wait_event(event, msgID=sent.done["msgID"], data="once")
                proxy.cut()
                proxy.release()
                self.assert_result(sent)
                bob.no_more_events()

    def test_each_comes_once_though_the_receivers_connection_was_cut(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        alice, bob = self.client("alice"), self.drive("bob", proxy.port, clientID="the panel of bob")
        group = self.group(alice, bob)
        for hold in ("to_client", "to_broker"):  # it does not arrive, its acknowledgement does not
            with self.subTest(hold):
                proxy.hold(hold)
                calls = [alice.call("sendC2CTextMessage", userID="bob", data="x") for _ in range(20)]
                calls += [alice.call("sendGroupCustomMessage", groupID=group, data_hex="ff") for _ in range(20)]
                for call in calls:
                    self.assert_result(call)
                proxy.cut()
                proxy.release()
                for call in calls:
                    bob.wait_event("onRecvC2CTextMessage" if call.verb == "sendC2CTextMessage"
                                   else "onRecvGroupCustomMessage", msgID=call.done["msgID"])
                bob.no_more_events()

    def test_another_device_of_the_sender_does_not_hear_what_it_said_to_a_group(self):
        door, panel, bob = self.clients("alice", "alice", "bob")
        group = self.group(door, bob)
        panel.wait_event("onGroupCreated", groupID=group)
        self.assert_result(door.call("sendGroupTextMessage", groupID=group, data="x"))
        bob.wait_event("onRecvGroupTextMessage")
        self.silent(door, panel, bob)


class Cuts(GroupTest):
    """A group call is sent again after a reconnect, and hears what its first sending has made."""

    AGAIN = (
        # call, its arguments, the contract's verb, what it may say though it was done
        ("createGroup", {"groupID": "new"}, "create", ""),
        ("joinGroup", {"groupID": "open"}, "join", ""),
        ("setGroupInfo", {"groupID": "mine", "groupName": "renamed"}, "update", ""),
        ("setGroupMemberRole", {"groupID": "mine", "userID": "bob", "role": "admin"}, "role", ""),
        ("inviteUserToGroup", {"groupID": "mine", "memberList": ["eve"]}, "add", ""),
        ("kickGroupMember", {"groupID": "mine", "memberList": ["eve"]}, "remove", "not_member"),
        ("quitGroup", {"groupID": "open"}, "quit", "not_member"),
        ("transferGroupOwner", {"groupID": "mine", "userID": "bob"}, "transfer", "not_owner"),
        ("dismissGroup", {"groupID": "new"}, "dismiss", "unknown_group"),
    )

    def test_what_a_call_says_that_was_done_before_its_reply_was_lost(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        bob = self.connect(self.broker, "bob")
        alice = self.drive("alice", proxy.port)
        self.assert_ok(bob.ask("group/open/create"))
        self.assert_result(alice.call("createGroup", groupID="mine", memberList=["bob"]))
        for call, arguments, verb, error in self.AGAIN:
            with self.subTest(call):
                proxy.hold("to_client")
                sent = alice.call(call, **arguments)
                # No two of them have the same topic.
                self.broker.wait_log(f"Received PUBLISH .*group/{arguments['groupID']}/{verb}/")
                # Whatever another client asks now is handled after it.
                bob.fence()
                proxy.cut()
                proxy.release()
                self.assert_result(sent, error)
        self.assert_result(alice.call("getGroupMemberList", groupID="mine"), members=[["alice", "member"],
                                                                                      ["bob", "owner"]])


if __name__ == "__main__":
    unittest.main()
