# SPDX-License-Identifier: Apache-2.0
"""Groups, invitations in them, and messages (contract, sections 4 and 7): who may do what, and who hears of it.

Each rank is played by clients of both MQTT versions and both encodings."""

import unittest

from harness import SystemTest, data_of, states

# What each hears who asks; None: it is done. "free" is for free groups, "closed" for closed ones.
PERMISSIONS = {
    #             stranger        member             admin        owner
    "join":      ("group_closed", "dup",             "dup",       "dup"),
    "add":       ("not_member",   "not_admin",       None,        None),
    "add free":  ("not_member",   None,              None,        None),
    "remove":    ("not_member",   "not_admin",       None,        None),
    "update":    ("not_member",   "not_admin",       None,        None),
    "role":      ("not_member",   "not_owner",       "not_owner", None),
    "transfer":  ("not_member",   "not_owner",       "not_owner", None),
    "dismiss":   ("not_member",   "not_owner",       "not_owner", None),
    "quit":      ("not_member",   None,              None,        "owner_cannot_quit"),
    "get":       ("not_member",   None,              None,        None),
    "invite":    ("not_member",   None,              None,        None),
    "message":   ("not_member",   None,              None,        None),
}
BODIES = {
    "add": {"members": ["new"]}, "add free": {"members": ["new"]}, "remove": {"members": ["extra"]},
    "update": {"name": "renamed"}, "role": {"user": "extra", "role": "admin"}, "transfer": {"user": "extra"},
    "message": {"data": "hello"},
}


class GroupTest(SystemTest):
    def people(self, *users, **options):
        self.broker = self.start_broker(options)
        return self.connect_all(self.broker, *users)

    def group(self, owner, *members, **body):
        """A group of these clients; all have heard of it. Returns its id."""
        group = f"group-{len(owner.messages)}"
        names = [member.user for member in members]
        self.assert_ok(owner.ask(f"group/{group}/create", members=names, **body))
        for one in (owner, *members):
            one.wait_event("group_created", group=group, members=[owner.user, *names])
        return group


class Permissions(GroupTest):
    def try_each(self, verb, owner, admin, member, stranger):
        """Each rank asks it of a group of its own."""
        mode = "free" if verb.endswith(" free") else "closed"
        for rank, asker in enumerate((stranger, member, admin, owner)):
            expected = PERMISSIONS[verb][rank]
            group = f"{verb.split()[0]}-{mode}-{rank}"
            self.assert_ok(owner.ask(f"group/{group}/create", join_mode=mode,
                                     members=[admin.user, member.user, "extra"]))
            self.assert_ok(owner.ask(f"group/{group}/role", user=admin.user, role="admin"))
            reply = asker.ask(f"group/{group}/{verb.split()[0]}", **BODIES.get(verb, {}))
            if expected in (None, "dup"):
                self.assert_ok(reply, dup=True if expected else None)
            else:
                self.assert_refused(reply, expected)

    def test_each_verb_by_each_rank(self):
        owner, admin, member, stranger = self.people("alice", "bob", "carol", "dave")
        for verb in PERMISSIONS:
            with self.subTest(verb):
                self.try_each(verb, owner, admin, member, stranger)

    def test_each_verb_by_each_rank_in_the_other_styles(self):
        owner, admin, member, stranger = self.people("dave", "carol", "bob", "alice")
        for verb in PERMISSIONS:
            with self.subTest(verb):
                self.try_each(verb, owner, admin, member, stranger)


class Membership(GroupTest):
    def test_everyone_hears_who_comes_and_goes(self):
        alice, bob, carol, dave = everyone = self.people("alice", "bob", "carol", "dave")
        group = self.group(alice, bob, name="4b", profile={"room": "2.14"})
        self.assert_ok(carol.ask(f"group/{group}/join"))
        self.hear((alice, bob, carol), "member_entered", group=group, by="carol", by_device=carol.tag,
                  members=["carol"])
        self.assert_ok(carol.ask(f"group/{group}/add", members=["dave", "bob"]),
                       skipped=[{"user": "bob", "error": "already_member"}])
        self.hear(everyone, "member_invited", members=["dave"], by="carol")
        self.assert_ok(alice.ask(f"group/{group}/role", user="bob", role="admin"))
        self.hear(everyone, "role_changed", user="bob", role="admin")
        self.assert_ok(bob.ask(f"group/{group}/update", join_mode="closed"))
        event = self.hear(everyone, "group_updated")
        self.assertEqual(event, {"event": "group_updated", "group": group, "by": "bob", "by_device": bob.tag,
                                 "join_mode": "closed"})
        self.assert_ok(bob.ask(f"group/{group}/remove", members=["dave", "alice"], reason="noise"),
                       skipped=[{"user": "alice", "error": "not_owner"}])
        self.hear(everyone, "member_removed", members=["dave"], reason="noise", by="bob")
        self.assert_refused(dave.ask(f"group/{group}/join"), "group_closed")
        self.assert_ok(carol.ask(f"group/{group}/quit"))
        self.hear((alice, bob, carol), "member_left", user="carol")
        self.assert_ok(alice.ask(f"group/{group}/transfer", user="bob"))
        self.hear((alice, bob), "owner_changed", owner="bob")
        found = self.assert_ok(alice.ask(f"group/{group}/get"))["group"]
        self.assertEqual(found, {
            "group": group, "name": "4b", "join_mode": "closed", "owner": "bob", "profile": {"room": "2.14"},
            "count": 2, "members": [{"user": "alice", "role": "member"}, {"user": "bob", "role": "owner"}]})
        self.assertEqual(self.assert_ok(bob.ask("user/bob/groups"))["groups"], [
            {"group": group, "name": "4b", "role": "owner", "join_mode": "closed", "count": 2}])
        self.assert_ok(bob.ask(f"group/{group}/dismiss"))
        self.hear((alice, bob), "group_dismissed", group=group, by="bob")
        self.assert_refused(alice.ask(f"group/{group}/get"), "unknown_group")
        for client in (carol, dave):
            client.no_more_events()

    def test_a_large_group_is_read_page_by_page(self):
        alice, bob = self.people("alice", "bob")
        members = [f"user-{number:04}" for number in range(1200)]
        self.assert_ok(bob.ask("group/large/create", members=[*members, "alice"]))
        found, after = [], {}
        while True:
            page = self.assert_ok(alice.ask("group/large/get", **after))
            self.assertEqual(page["group"]["count"], 1202)
            found += [member["user"] for member in page["group"]["members"]]
            if "next" not in page:
                break
            after = {"after": page["next"]}
        self.assertEqual(sorted(found), sorted([*members, "alice", "bob"]))

    def test_what_a_refusal_named_leaves_no_trace(self):
        alice, bob = self.people("alice", "bob", max_group_members=2)
        self.assert_refused(alice.ask("group/g/create", members=["bob", "carol"]), "too_large", field="members",
                            limit=2)
        self.assert_refused(alice.ask("group/g/get"), "unknown_group")
        self.group(bob)
        self.assert_ok(bob.ask("group/g/create"))
        self.assert_refused(alice.ask("group/g/create"), "group_exists")


class Invitations(GroupTest):
    def test_the_class_sees_who_raises_a_hand(self):
        teacher, ann, ben, late = self.people("alice", "bob", "carol", "dave")
        group = self.group(teacher, ann, ben)
        invitation = self.assert_ok(teacher.ask(f"group/{group}/invite", data="Who knows?"), skipped=[])["id"]
        event = self.hear((ann, ben), "new_invitation", group=group, invitees=["bob", "carol"], role="invitee",
                          visibility="members")
        self.assertEqual(data_of(event), "Who knows?")
        self.assert_ok(ann.ask(f"invitation/{invitation}/accept", data="me!"), rev=2)
        self.hear((teacher, ann, ben), "invitee_accepted", invitee="bob", rev=2)
        # One who joins now looks on, and hears the rest.
        self.assert_ok(late.ask(f"group/{group}/join"))
        self.hear((teacher, ann, ben, late), "member_entered")
        self.assertEqual(late.sync()[invitation]["role"], "observer")
        self.assert_refused(late.ask(f"invitation/{invitation}/accept"), "not_invitee")
        self.assert_ok(ben.ask(f"invitation/{invitation}/reject"), rev=3)
        self.hear((teacher, ann, ben, late), "invitee_rejected", invitee="carol", rev=3)

    def test_observers_are_told_that_they_are(self):
        teacher, ann, ben = self.people("alice", "bob", "carol")
        group = self.group(teacher, ann, ben)
        reply = self.assert_ok(ann.ask(f"group/{group}/invite", invitees=["alice", "stranger"]),
                               skipped=[{"user": "stranger", "error": "not_member"}])
        self.hear((teacher,), "new_invitation", id=reply["id"], role="invitee", invitees=["alice"])
        self.hear((ben,), "new_invitation", id=reply["id"], role="observer", invitees=["alice"])
        self.assert_ok(ann.ask(f"invitation/{reply['id']}/add", invitees=["carol"]), rev=2)
        self.hear((ben,), "new_invitation", role="invitee", invitees=["alice", "carol"], rev=2)
        self.hear((teacher, ann), "invitation_modified", invitees=["alice", "carol"], rev=2)

    def test_each_visibility_is_told_to_whom_it_says(self):
        teacher, ann, ben, carl = self.people("alice", "bob", "carol", "dave")
        group = self.group(teacher, ann, ben, carl)
        hearers = {"members": (teacher, ann, ben, carl), "invitees": (teacher, ann, ben), "inviter": (teacher, ann)}
        for visibility, audience in hearers.items():
            invitation = self.assert_ok(teacher.ask(f"group/{group}/invite", invitees=["bob", "carol"],
                                                    visibility=visibility))["id"]
            for client in (ann, ben, *((carl,) if visibility == "members" else ())):
                client.wait_event("new_invitation", id=invitation)
            self.assert_ok(ann.ask(f"invitation/{invitation}/accept"))
            self.hear(audience, "invitee_accepted", id=invitation)
            for client in (ben, carl):
                client.no_more_events()
            may_look = carl.ask(f"invitation/{invitation}/get")
            self.assertEqual(may_look["ok"], visibility == "members", may_look)

    def test_who_leaves_is_not_asked_any_more(self):
        teacher, ann, ben, carl = everyone = self.people("alice", "bob", "carol", "dave")
        group = self.group(teacher, ann, ben, carl)
        invitation = self.assert_ok(teacher.ask(f"group/{group}/invite"))["id"]
        for client in (ann, ben, carl):
            client.wait_event("new_invitation", id=invitation)
        self.assert_ok(ann.ask(f"group/{group}/quit"))
        for client in everyone:
            client.wait_event("member_left", user="bob")
        self.hear(everyone, "invitation_revoked", invitees=["bob"], reason="left_group", by="bob")
        self.assert_refused(ann.ask(f"invitation/{invitation}/accept"), "already_revoked", by="bob")
        self.assert_ok(teacher.ask(f"group/{group}/remove", members=["carol"]))
        for client in (teacher, ben, carl):
            client.wait_event("member_removed", members=["carol"])
        self.hear(everyone, "invitation_revoked", invitees=["carol"], reason="removed", by="alice")
        self.assertEqual(states(self.assert_ok(teacher.ask(f"invitation/{invitation}/get"))["invitation"]),
                         {"bob": "revoked", "carol": "revoked", "dave": "pending"})

    def test_what_the_inviter_asked_ends_when_it_leaves_and_all_with_the_group(self):
        teacher, ann, ben = everyone = self.people("alice", "bob", "carol")
        group = self.group(teacher, ann, ben)
        first = self.assert_ok(ann.ask(f"group/{group}/invite"))["id"]
        second = self.assert_ok(teacher.ask(f"group/{group}/invite"))["id"]
        for client in everyone:
            for invitation in (first, second):
                if client is not {first: ann, second: teacher}[invitation]:
                    client.wait_event("new_invitation", id=invitation)
        self.assert_ok(ann.ask(f"group/{group}/quit"))
        for client in everyone:
            client.wait_event("member_left", user="bob")
            client.wait_event("invitation_cancelled", id=first, reason="left_group", by="bob",
                              invitees=["alice", "carol"])
        self.hear(everyone, "invitation_revoked", id=second, invitees=["bob"])
        self.assert_ok(teacher.ask(f"group/{group}/dismiss"))
        for client in (teacher, ben):
            client.wait_event("group_dismissed", group=group)
        self.hear(everyone, "invitation_cancelled", id=second, reason="group_dismissed", invitees=["carol"])
        self.assertEqual(ben.sync(), {})

    def test_a_door_rings_a_flat_and_the_first_answer_takes_it(self):
        door, panel, phone = self.people("alice", "bob", "carol")
        group = self.group(door, panel, phone)
        invitation = self.assert_ok(door.ask(f"group/{group}/invite", answer="first"))["id"]
        for client in (panel, phone):
            client.wait_event("new_invitation", id=invitation, answer="first")
        self.assert_ok(phone.ask(f"invitation/{invitation}/accept"))
        for client in (door, panel, phone):
            client.wait_event("invitee_accepted", invitee="carol")
        self.hear((door, panel, phone), "invitation_cancelled", reason="answered", invitees=["bob"], by="carol")
        self.assert_refused(panel.ask(f"invitation/{invitation}/accept"), "already_cancelled", by="carol")

    def test_one_deadline_is_one_event_with_the_whole_list(self):
        teacher, ann, ben = self.people("alice", "bob", "carol")
        group = self.group(teacher, ann, ben)
        self.assert_ok(teacher.ask(f"group/{group}/invite", timeout_ms=50))
        for client in (ann, ben):
            client.wait_event("new_invitation")
        self.hear((teacher, ann, ben), "invitation_timeout", invitees=["bob", "carol"])

    def test_an_audience_over_the_limit_takes_visibility_inviter(self):
        teacher, ann, ben = self.people("alice", "bob", "carol", max_audience=2)
        group = self.group(teacher, ann, ben)
        self.assert_refused(teacher.ask(f"group/{group}/invite"), "too_large", field="visibility", limit=2)
        self.assert_ok(teacher.ask(f"group/{group}/invite", visibility="inviter"))
        for client in (ann, ben):
            client.wait_event("new_invitation", invitees=[client.user])


class Messages(GroupTest):
    def test_text_and_binary_to_a_user_and_to_a_group(self):
        alice, bob, carol = self.people("alice", "bob", "carol")
        group = self.group(alice, bob, carol)
        self.assert_ok(alice.ask(f"group/{group}/message", id="m1", data="hello"), id="m1")
        self.hear((bob, carol), "message", id="m1", **{"from": "alice"}, group=group, data="hello")
        reply = self.assert_ok(alice.ask("user/bob/message", data_b64="AP8="))
        event = self.hear((bob,), "message", id=reply["id"], **{"from": "alice"}, to="bob")
        self.assertEqual(data_of(event), b"\x00\xff")
        for client in (alice, carol):
            client.no_more_events()

    def test_online_only_is_for_those_who_are_there_and_kept_for_nobody(self):
        alice, = self.people("alice")
        bob = self.connect(self.broker, "bob", clean=False)
        self.assert_ok(alice.ask("group/g/create", members=["bob"]))
        alice.wait_event("group_created")
        bob.wait_event("group_created")
        self.assert_ok(alice.ask("group/g/message", id="m1", data="now", online_only=True))
        self.hear((bob,), "message", id="m1")
        bob.leave()
        self.eventually(lambda: alice.ask("user/bob/message", data="now", online_only=True),
                        lambda reply: reply.get("error") == "user_offline")
        self.assert_refused(alice.ask("group/g/message", data="now", online_only=True), "user_offline")
        self.assert_ok(alice.ask("group/g/message", id="m2", data="later"))
        bob = self.keep(bob.resume())
        self.hear((bob,), "message", id="m2")


if __name__ == "__main__":
    unittest.main()
