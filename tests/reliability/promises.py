# SPDX-License-Identifier: Apache-2.0
"""Watches what devices send and hear, over any number of restarts of the broker, and raises `Broken` when that breaks a
promise of the contract (section 8).

It knows no clock and no connection: whoever uses it says what happened, in the order in which it happened to each
device, and when. What it holds the broker to:

 - what a reply or an event said is still true after a restart: an end stays that end, by that device; what exists
   exists; data, members and `rev` never go back;
 - each (invitation, invitee) ends once, and to nobody a second time; nobody rings twice, nor after the end;
 - what is seen is explained by a request that was sent, was not refused, and was not yet over when it was seen undone:
   a request that broke off with the broker has happened whole, before it ended, or never;
 - nobody times out early, and nothing is pending past its deadline;
 - a call begins with the first accept and ends once, with one reason, by a hangup that could end it, and whoever is
   still pending with it; who has left is not in it again; it lasts as long as it can have lasted, whatever happened
   to the broker; two calls that cross are one;
 - what a sync leaves out has ended, or never was.

The devices of participants are never away for the grace period, and no call lasts until its limit.
"""

import collections
import math

ENDS = ("accepted", "rejected", "cancelled", "timed_out", "revoked")
TOLD = 60  # lines of what led to a promise that is broken
SLACK = 0.005  # seconds: the broker counts in whole milliseconds
LEAVING = ("quit", "remove", "dismiss")
CALL_EVENTS = ("participant_joined", "participant_left", "participant_moved", "call_ended")
WHOLE_CALL = ""  # in place of a user


class Broken(AssertionError):
    """A promise does not hold."""


class Device:
    """One client of a user, with the same client id at all times."""

    def __init__(self, name, user):
        self.name, self.user = name, user
        self.tag = None
        self.revisions = {}
        self.rung = set()
        self.ended = set()
        self.calls_over = set()  # which have ended
        self.calls_left = set()  # by this user
        self.sync_began, self.sync_found = None, None


class Request:
    """What a device asked. It can have happened between `sent` and `over`: its reply, or the end of the broker."""

    def __init__(self, device, verb, subject, body, sent, session):
        self.device, self.verb, self.subject, self.body = device, verb, subject, body
        self.sent, self.session = sent, session
        self.over, self.reply = math.inf, None

    def may_have_happened(self, since=-math.inf):
        """Not refused, and not over before `since`."""
        return (self.reply is None or self.reply["ok"]) and self.over >= since

    def is_repeat(self):
        return self.reply is not None and self.reply.get("dup", False)

    def __str__(self):
        outcome = "no reply" if self.reply is None else self.reply
        return f"{self.device.name} asks {self.verb} {self.subject} {self.body}: {outcome}"


class End:
    def __init__(self, state, said, heard):
        self.state, self.said, self.heard = state, said, heard


class Invitee:
    def __init__(self):
        self.sources = []  # (request that invites, timeout in seconds)
        self.answers = {"accept": [], "reject": []}
        self.confirmed = None
        self.end = None
        self.seen_pending = -math.inf

    def may_be_since(self):
        return min((request.sent for request, _ in self.sources if request.may_have_happened()), default=None)

    def earliest_deadline(self):
        return min((request.sent + timeout for request, timeout in self.sources if request.may_have_happened()),
                   default=math.inf)

    def latest_deadline(self):
        return max((request.over + timeout for request, timeout in self.sources if request.may_have_happened()),
                   default=-math.inf)


class Invitation:
    def __init__(self, name, inviter, group, answer, call):
        self.name, self.inviter, self.group, self.answer, self.call = name, inviter, group, answer, call
        self.invitees = {}
        self.invites, self.cancels, self.writes, self.adds = [], [], [], []
        self.hangups, self.resumes = [], []
        self.gone = {}  # user -> how they left the call; WHOLE_CALL -> how it ended
        self.seen_in = {}  # user -> when they took part, at the latest
        self.merged = None  # the call that crossed it, and that it became the accept of
        self.confirmed = None
        self.seen_absent = -math.inf
        self.revisions = [(-math.inf, 0, 0)]  # (when it was heard, rev, in which session), rising
        self.kinds = {}  # rev -> name of the event
        self.touched = 0.0
        self.story = collections.deque(maxlen=TOLD)

    @property
    def rev(self):
        return self.revisions[-1][1]

    def rev_heard_before(self, moment):
        return next(rev for heard, rev, _ in reversed(self.revisions) if heard < moment)

    def rev_before_session(self, session):
        return next(rev for _, rev, when in reversed(self.revisions) if when < session)

    def over(self):
        """All that is known of it has ended."""
        return self.confirmed is not None and not self.lives() and all(
            invitee.end for invitee in self.invitees.values() if invitee.confirmed is not None)

    def end_heard(self):
        """When the last of its ends was heard of, if any was."""
        ends = [invitee.end for invitee in self.invitees.values() if invitee.end]
        return max((end.heard for end in (*ends, *self.gone.values())), default=math.inf)

    def took_part(self, before=math.inf):
        """Those of whom it was heard before that moment that they came into its call."""
        accepted = [user for user, invitee in self.invitees.items()
                    if invitee.end and invitee.end.state == "accepted" and invitee.end.heard < before]
        return {self.inviter, *accepted} if self.call and accepted else set()

    def lives(self):
        """Its call, as far as is known."""
        return bool(self.took_part()) and WHOLE_CALL not in self.gone

    def has_gone(self, user, before):
        return any(self.gone[whose].heard < before for whose in (user, WHOLE_CALL) if whose in self.gone)


class Group:
    """Changed by one request at a time, so what it can be is known: one state, or two while a request broke off.
    A state is None, or (name, members as sorted pairs of user and role)."""

    def __init__(self, name):
        self.name = name
        self.states = [None]
        self.asked = None
        self.leaving = []
        self.story = collections.deque(maxlen=TOLD)


def created(request):
    members = {user: "member" for user in request.body.get("members", [])}
    members[request.device.user] = "owner"
    return request.body.get("name"), members


def changed(state, request):
    """The state after this request, if it is done."""
    actor, body, verb = request.device.user, request.body, request.verb
    if verb == "create":
        return state if state is not None else packed(*created(request))
    if state is None or verb == "get":
        return state
    name, members = state[0], dict(state[1])
    if verb == "join":
        members.setdefault(actor, "member")
    elif actor not in members:
        return state
    elif verb == "add":
        for user in body["members"]:
            members.setdefault(user, "member")
    elif verb == "remove":
        rank = ["member", "admin", "owner"].index
        for user in body["members"]:
            if user in members and rank(members[user]) < rank(members[actor]):
                del members[user]
    elif verb == "quit":
        if members[actor] == "owner":
            return state
        del members[actor]
    elif verb == "role" and members[actor] == "owner" and body["user"] in members:
        members[body["user"]] = body["role"]
    elif verb == "transfer" and members[actor] == "owner" and body["user"] in members:
        members[actor] = "member"
        members[body["user"]] = "owner"
    elif verb == "update" and members[actor] != "member":
        name = body["name"]
    elif verb == "dismiss" and members[actor] == "owner":
        return None
    return packed(name, members)


def packed(name, members):
    return name, tuple(sorted(members.items()))


class Promises:
    """All of it. Times are seconds on one clock that never steps.

    With `disk_fails`, a timeout may be said before it is stored, as it follows from what is: a broker that ends before
    the disk takes it times out what is still pending again, and counts `rev` from what is stored. With `epoch_stays`, as
    a service's does, there is one `server_epoch` for all of its starts."""

    def __init__(self, disk_fails=False, epoch_stays=False):
        self.disk_fails, self.epoch_stays = disk_fails, epoch_stays
        self.session = 1
        self.invitations, self.forgotten = {}, set()
        self._open = set()
        self.calls = {}  # (inviter, invitee) -> their calls, to nobody else
        self.groups = {}
        self.asked = set()
        self.epochs = {}
        self.touched = set()
        self.doubts = set()  # (user, invitation): a `get` is to tell
        self.missing = {}  # (user, invitation) -> when a sync did not show it, though it was not known to have ended
        self.ends = dict.fromkeys((*ENDS, "participant_left", "call_ended", "merged"), 0)
        self.broke_off = 0

    # What happened

    def sent(self, device, verb, subject, body, now):
        """A request, about to be sent; `subject` is the id in its topic."""
        request = Request(device, verb, subject, body, now, self.session)
        self.asked.add(request)
        if verb == "sync":
            if "after" not in body:
                device.sync_began, device.sync_found = now, set()
        elif verb == "invite":
            self._invite_sent(request)
        elif subject in self.invitations:
            self._sent_about(self.invitations[subject], request)
        elif subject in self.groups:
            self._sent_to_group(self.groups[subject], request)
        return request

    def answered(self, request, reply, now):
        request.over, request.reply = now, reply
        self.asked.discard(request)
        device = request.device
        if device.tag not in (None, reply["device"]):
            self.broken(f"{device.name} was {device.tag} and is {reply['device']}")
        device.tag = reply["device"]
        if request.verb == "sync":
            self._synced(request, reply, now)
        elif request.verb == "history":
            self._history(request, reply, now)
        elif request.verb == "invite" and request.body["id"] in self.invitations:
            self._invited(self.invitations[request.body["id"]], request, reply, now)
        elif request.subject in self.invitations:
            self._answered_about(self.invitations[request.subject], request, reply, now)
        elif request.subject in self.groups:
            self._answered_by_group(self.groups[request.subject], request, reply, now)

    def heard(self, device, event, now):
        if "rev" not in event or event["id"] in self.forgotten:
            return
        invitation = self.invitations.get(event["id"]) or self.broken(f"{event} is about what nobody asked for")
        self._tell(invitation, now, f"{device.name} hears {event}")
        if event["event"] in ("invitee_ringing", "signal"):
            return
        self._exists(invitation, now)
        if event["event"] in CALL_EVENTS:
            self._call_event(invitation, device, event, now)
            return
        self._event_rev(invitation, device, event, now)
        for user in event.get("invitees", []):
            self._invitee(invitation, user, now)
        name = event["event"]
        if name == "new_invitation":
            self._rings(invitation, device, event)
        elif name in ("invitee_accepted", "invitee_rejected"):
            self._ended_event(invitation, device, [event["invitee"]], name[len("invitee_"):], event, now)
        elif name == "invitation_cancelled":
            self._ended_event(invitation, device, event["invitees"], "cancelled", event, now)
        elif name == "invitation_timeout":
            self._ended_event(invitation, device, event["invitees"], "timed_out", event, now)
        elif name == "invitation_revoked":
            self._ended_event(invitation, device, event["invitees"], "revoked", event, now)
        if name in ("new_invitation", "invitation_modified") and "data" in event:
            if not any(write.body.get("data") == event["data"] and write.may_have_happened()
                       for write in invitation.writes):
                self.broken("its data was never sent", invitation)

    def restarted(self, now):
        """The broker is gone, and all that it had said has been heard."""
        self.broke_off += len(self.asked)
        for request in self.asked:
            request.over = now
        self.asked.clear()
        self.session += 1
        for group in self.groups.values():
            if group.asked is not None:
                group.states = unique(group.states + [changed(state, group.asked) for state in group.states])
                group.asked = None
        for invitation in self.touched:
            invitation.story.append((now, "the broker ends"))
            self.doubts.add((invitation.inviter, invitation.name))
        self.touched.clear()

    def forget(self, before, ended_before=-math.inf):
        """What has ended and was last heard of before that moment is of no interest any more, nor what is known to have
        ended before the other one: the broker forgets that, too, whoever still asks about it."""
        for invitation in list(self.invitations.values()):
            if (invitation.touched < before and (invitation.over() or invitation.confirmed is None)) \
                    or (invitation.over() and invitation.end_heard() < ended_before):
                del self.invitations[invitation.name]
                self.forgotten.add(invitation.name)
                for calls in self.calls.values():
                    if invitation in calls:
                        calls.remove(invitation)

    def still_open(self):
        """Those of which somebody is pending, or the call lives, as far as anybody was told."""
        self._open = {invitation for invitation in self._open if not invitation.over()}
        return sorted(self._open, key=lambda invitation: invitation.confirmed)

    def broken(self, why, about=None):
        story = "".join(f"\n  {when:10.4f} {what}" for when, what in about.story) if about is not None else ""
        name = f"{about.name}: " if about is not None else ""
        raise Broken(f"{name}{why}{story}")

    # Requests

    def _invite_sent(self, request):
        body = request.body
        invitation = self.invitations.get(body["id"])
        group = request.subject if request.subject in self.groups else None
        if invitation is None:
            invitation = Invitation(body["id"], request.device.user, group, body.get("answer", "all"),
                                    body.get("call", False))
            self.invitations[body["id"]] = invitation
            if invitation.call and group is None and "also" not in body:
                self.calls.setdefault((invitation.inviter, request.subject), []).append(invitation)
        self._tell(invitation, request.sent, request)
        invitation.invites.append(request)
        invitation.writes.append(request)
        if group is None:
            invitees = [request.subject, *body.get("also", [])]
        elif "invitees" in body:
            invitees = body["invitees"]
        else:
            invitees = self.groups[group].everybody - {request.device.user}
        for user in invitees:
            invitation.invitees.setdefault(user, Invitee()).sources.append((request, timeout_of(body)))

    def _sent_about(self, invitation, request):
        self._tell(invitation, request.sent, request, request.verb == "get")
        verb, user = request.verb, request.device.user
        if verb in ("accept", "reject") and user in invitation.invitees:
            invitation.invitees[user].answers[verb].append(request)
        elif verb == "cancel":
            invitation.cancels.append(request)
        elif verb == "modify":
            invitation.writes.append(request)
        elif verb == "hangup":
            invitation.hangups.append(request)
        elif verb == "resume":
            invitation.resumes.append(request)
        elif verb == "add":
            invitation.adds.append(request)
            for added in request.body["invitees"]:
                invitation.invitees.setdefault(added, Invitee()).sources.append((request, timeout_of(request.body)))

    def _invited(self, invitation, request, reply, now):
        self._tell(invitation, now, request)
        if not reply["ok"]:
            if reply["error"] == "already_exists":
                self.broken("a repeated invite is not known again", invitation)
            return
        if "merged_into" in reply:
            self._merged(invitation, request, reply, now)
            return
        known = invitation.confirmed is not None and invitation.confirmed < request.sent
        if known and not reply.get("dup"):
            self.broken("it is made a second time", invitation)
        self._exists(invitation, now)
        self._rev(invitation, reply["rev"], now, request.sent)
        if not reply.get("dup"):
            skipped = {entry["user"] for entry in reply.get("skipped", [])}
            for user, invitee in invitation.invitees.items():
                if user in skipped:
                    invitee.sources = [source for source in invitee.sources if source[0] is not request]
                elif invitation.group is None or "invitees" in request.body:
                    if any(source is request for source, _ in invitee.sources):
                        self._invitee(invitation, user, now)

    def _answered_about(self, invitation, request, reply, now):
        self._tell(invitation, now, request, request.verb == "get")
        user, verb = request.device.user, request.verb
        error = reply.get("error")
        if error == "unknown_invitation":
            if invitation.confirmed is not None and invitation.confirmed < request.sent:
                self.broken("it is lost", invitation)
            invitation.seen_absent = max(invitation.seen_absent, request.sent)
            return
        if verb == "hangup" and error in ("not_participant", "already_ended") and not request.body.get("all") and any(
                hangup.device is request.device and hangup.reply is not None and hangup.over < request.sent
                for hangup in self._may_have_hung_up(invitation, user)):
            self.broken("a repeated hangup is not known again", invitation)
        if error in ("not_invitee", "not_participant", "not_inviter"):
            self._refused_stranger(invitation, request, error)
            return
        if reply["ok"] or reply["code"] == 8010:
            self._exists(invitation, now)
        if reply["ok"] and "rev" in reply:
            self._rev(invitation, reply["rev"], now, request.sent)
        if verb == "get" and reply["ok"]:
            self._shown(invitation, request, reply["invitation"], now)
        elif verb in ("accept", "reject", "ringing"):
            if reply["ok"] and verb != "ringing":
                self._taken(invitation, request, {"accept": "accepted", "reject": "rejected"}[verb], now,
                            device=request.device.tag)
            elif reply["ok"]:
                self._state(invitation, user, "pending", now, request.sent)
            elif error and error.startswith("already_") and error[len("already_"):] in ENDS:
                self._state(invitation, user, error[len("already_"):], now, request.sent, by=reply.get("by"),
                            device=reply.get("by_device"))
        elif verb in ("hangup", "resume"):
            self._call_answered(invitation, request, reply, now)
        elif verb == "cancel" and reply["ok"]:
            for cancelled in reply["cancelled"]:
                self._state(invitation, cancelled, "cancelled", now, request.sent, by=user)
            for ended in reply["already"]:
                self._state(invitation, ended["user"], ended["state"], now, request.sent)
        elif verb == "add" and reply["ok"]:
            skipped = {entry["user"]: entry["error"] for entry in reply.get("skipped", [])}
            for added in request.body["invitees"]:
                invitee = invitation.invitees[added]
                if added in skipped:
                    invitee.sources = [source for source in invitee.sources if source[0] is not request]
                else:
                    self._state(invitation, added, "pending", now, request.sent)

    def _taken(self, invitation, request, state, now, **said):
        """The answer of an invitee, as the reply to it says."""
        user = request.device.user
        if request.sent > self._invitee(invitation, user, now).latest_deadline() + SLACK and not request.is_repeat():
            self.broken(f"{request.verb} came after the deadline, and was taken", invitation)
        self._state(invitation, user, state, now, request.sent, by=user, **said)

    def _merged(self, invitation, request, reply, now):
        """It crossed another call, and is no second one, but the accept of that."""
        into = reply["merged_into"]
        if invitation.confirmed is not None or invitation.merged not in (None, into):
            self.broken(f"it was {invitation.merged or 'a call of its own'}, and is merged into {into}", invitation)
        invitation.merged = into
        if into in self.forgotten:
            return
        crossed = self.invitations.get(into)
        if crossed not in self.calls.get((request.subject, request.device.user), []):
            self.broken(f"it did not cross {into}", invitation)
        self._tell(crossed, now, request)
        self._exists(crossed, now)
        self.ends["merged"] += not request.is_repeat()
        # Another device may repeat it.
        self._taken(crossed, request, "accepted", now, device=None if request.is_repeat() else request.device.tag)

    def _refused_stranger(self, invitation, request, error):
        user = request.device.user
        if request.verb == "signal":
            return  # who has left the call may not, the inviter included
        if request.verb in ("hangup", "resume") and error == "not_participant":
            if user in invitation.took_part(request.sent) and not self._may_have_hung_up(invitation, user):
                self.broken(f"{user} is in the call, and is not", invitation)
            return
        invitee = invitation.invitees.get(user)
        if error == "not_invitee" and invitee is not None and invitee.confirmed is not None \
                and invitee.confirmed < request.sent:
            self.broken(f"{user} was invited, and is no invitee", invitation)
        if error in ("not_participant", "not_inviter") and user == invitation.inviter:
            self.broken(f"{user} is the inviter, and is not", invitation)

    # What is shown

    def _synced(self, request, reply, now):
        device = request.device
        if not reply["ok"]:
            if reply["error"] == "storage_unavailable" and self.disk_fails:
                return  # while memory is built anew, say
            self.broken(f"{device.name} cannot sync: {reply}")
        epoch = reply["server_epoch"]
        if self.epoch_stays:
            self.epochs[epoch] = 0
            if len(self.epochs) > 1:
                self.broken(f"server_epoch {epoch} is another than before")
        elif self.epochs.setdefault(epoch, self.session) != self.session:
            self.broken(f"server_epoch {epoch} is of another start")
        for shown in reply["invitations"]:
            if shown["id"] in self.forgotten:
                continue
            if shown["id"] not in self.invitations:
                self.broken(f"nobody asked for {shown}")
            if shown["id"] in device.sync_found:
                self.broken(f"{device.name} was told twice of {shown['id']} in one sync")
            device.sync_found.add(shown["id"])
            invitation = self.invitations[shown["id"]]
            self._tell(invitation, now, f"{device.name} syncs: {shown}", looking=True)
            self._shown(invitation, request, shown, now)
            if device.user == invitation.inviter and all(part["state"] != "pending" for part in shown["invitees"]) \
                    and not talking(shown):
                self.broken("sync shows what has ended", invitation)
        if "next" in reply:
            return
        for invitation in self.still_open():
            if invitation.name in device.sync_found or invitation.confirmed > device.sync_began:
                continue
            invitee = invitation.invitees.get(device.user)
            if device.user == invitation.inviter or device.user in invitation.took_part(device.sync_began) or (
                    invitee and not invitee.end and (invitee.confirmed or math.inf) <= device.sync_began):
                invitation.story.append((now, f"{device.name} synced without it"))
                self.missing[(device.user, invitation.name)] = now
                self.doubts.add((device.user, invitation.name))

    def _shown(self, invitation, request, shown, now):
        """What a `get` or `sync`, asked at request.sent, shows."""
        asked = request.sent
        user = request.device.user
        self._exists(invitation, now)
        self._rev(invitation, shown["rev"], now, asked)
        for field, value in (("inviter", invitation.inviter), ("group", invitation.group),
                             ("answer", invitation.answer), ("call", invitation.call)):
            if shown.get(field) != value:
                self.broken(f"{field} is {shown.get(field)}", invitation)
        self._data(invitation, shown.get("data"), asked)
        states = {}
        for part in shown["invitees"]:
            states[part["user"]] = part["state"]
            self._state(invitation, part["user"], part["state"], now, asked, device=part.get("device"),
                        reason=part.get("reason"))
        self._call_shown(invitation, shown, states, now, asked)
        if user == invitation.inviter:
            for name, invitee in invitation.invitees.items():
                if invitee.confirmed is not None and invitee.confirmed < asked and name not in states:
                    self.broken(f"{name} is missing among its invitees", invitation)
            if invitation.answer == "first" and "accepted" in states.values() and "pending" in states.values() \
                    and not (invitation.call and invitation.adds):
                self.broken("it is half done: somebody took it, and others are pending", invitation)
        if request.verb == "get" and self.missing.get((user, invitation.name), math.inf) < asked:
            del self.missing[(user, invitation.name)]
            if talking(shown) or "pending" in (states.values() if user == invitation.inviter else [states.get(user)]):
                self.broken("it is open, and sync did not show it", invitation)
        if "remaining_ms" in shown and user in states and user != invitation.inviter:
            invitee = invitation.invitees[user]
            if states[user] == "pending" and not invitation.adds:
                remaining = shown["remaining_ms"] / 1000
                if remaining > invitee.latest_deadline() - asked + SLACK:
                    self.broken(f"{user}'s time is stretched to {remaining} s", invitation)
                if remaining < invitee.earliest_deadline() - now - SLACK:
                    self.broken(f"{user}'s time has shrunk to {remaining} s", invitation)

    def _data(self, invitation, data, asked):
        """Written by an invite or a modify that may have happened, and that no other has overwritten for certain."""
        for write in invitation.writes:
            if write.body.get("data") == data and write.may_have_happened() and not any(
                    other.verb == "modify" and other.reply is not None and other.reply["ok"]
                    and other.sent > write.over and other.over < asked for other in invitation.writes):
                return
        self.broken(f"its data is {data!r}", invitation)

    def _history(self, request, reply, now):
        if not reply["ok"]:
            if reply["error"] == "storage_unavailable":
                return
            self.broken(f"no history: {reply}")
        user = request.device.user
        listed = set()
        for row in reply["history"]:
            if row["id"] in listed:
                self.broken(f"history of {user} tells twice of {row['id']}")
            listed.add(row["id"])
            if row["id"] in self.forgotten:
                continue
            invitation = self.invitations.get(row["id"]) or self.broken(f"history tells of {row}")
            self._tell(invitation, now, f"history of {user}: {row}", looking=True)
            self._exists(invitation, now)
            states = {part["state"] for part in row["invitees"]}
            if "pending" in states:
                self.broken("history tells of what has not ended", invitation)
            for part in row["invitees"]:
                self._state(invitation, part["user"], part["state"], now, request.sent, reason=part.get("reason"))
            if invitation.call and "accepted" in states and "talk_ms" in row:
                self._hung_up(invitation, WHOLE_CALL, {"reason": row["reason"], "duration_ms": row["talk_ms"]}, now)
            elif invitation.call and "accepted" in states or "talk_ms" in row \
                    or row["reason"] != next(state for state in ENDS if state in states):
                self.broken("history tells another outcome", invitation)
        # A page that is not the last one need not reach back to what ended before its oldest.
        oldest = now - reply["history"][-1]["age_ms"] / 1000 if "next" in reply else -math.inf
        for invitation in self.invitations.values():
            if invitation.inviter == user and invitation.name not in listed and self._surely_ended(
                    invitation, request.sent) and not self._may_be_unstored(invitation) and oldest < max(invitee.seen_pending
                                                               for invitee in invitation.invitees.values()):
                self.broken(f"the history of {user} is without it", invitation)

    @staticmethod
    def _surely_ended(invitation, before):
        """As was heard before that moment; nobody can be pending of whom nothing was heard."""
        ended = invitation.gone.get(WHOLE_CALL)
        return invitation.over() and not invitation.adds and (ended is None or ended.heard < before) and all(
            invitee.end.heard < before if invitee.end else invitee.may_be_since() is None
            for invitee in invitation.invitees.values())

    # What holds for each invitation

    def _tell(self, invitation, now, what, looking=False):
        """Adds to its story. Who only looks leaves nothing to be doubted."""
        invitation.story.append((now, str(what)))
        if not looking:
            invitation.touched = now
            self.touched.add(invitation)

    def _exists(self, invitation, now):
        if not any(request.may_have_happened(invitation.seen_absent) for request in invitation.invites):
            self.broken("it exists, though each invite was refused, or over when it did not exist", invitation)
        if invitation.merged is not None:
            self.broken(f"it exists, though it was merged into {invitation.merged}", invitation)
        if invitation.confirmed is None:
            invitation.confirmed = now
            self._open.add(invitation)

    def _invitee(self, invitation, user, now):
        invitee = invitation.invitees.get(user)
        if invitee is None or invitee.may_be_since() is None:
            self.broken(f"nobody invited {user}", invitation)
        if invitee.confirmed is None:
            invitee.confirmed = now
            self._open.add(invitation)
        return invitee

    def _may_be_unstored(self, invitation):
        """What was said last of it, so that `rev` and history may be without it."""
        return self.disk_fails and any(invitee.end and invitee.end.state == "timed_out"
                                       for invitee in invitation.invitees.values())

    def _rev(self, invitation, rev, now, asked):
        if self._may_be_unstored(invitation):
            return
        if rev < invitation.rev_heard_before(asked):
            self.broken(f"rev went back to {rev}", invitation)
        if rev > invitation.rev:
            invitation.revisions.append((now, rev, self.session))

    def _event_rev(self, invitation, device, event, now):
        rev, name = event["rev"], event["event"]
        if self.disk_fails and name == "invitation_timeout" or self._may_be_unstored(invitation):
            return
        if rev <= device.revisions.get(invitation.name, 0):
            self.broken(f"rev {rev} again at {device.name}", invitation)
        device.revisions[invitation.name] = rev
        # A service tells what it was not known to have told; this device has not heard it, or it would not be judged.
        if not self.epoch_stays and rev <= invitation.rev_before_session(self.session):
            self.broken(f"rev {rev} was used before the restart", invitation)
        kind = "new_invitation" if name == "invitation_modified" and "invitees" in event else name
        if invitation.kinds.setdefault(rev, kind) != kind:
            self.broken(f"rev {rev} is {invitation.kinds[rev]} to one, {kind} to another", invitation)
        if rev > invitation.rev:
            invitation.revisions.append((now, rev, self.session))

    def _rings(self, invitation, device, event):
        ring = (invitation.name, event["role"])
        if ring in device.rung:
            self.broken(f"it rings twice at {device.name}", invitation)
        device.rung.add(ring)
        if (invitation.name, device.user) in device.ended:
            self.broken(f"it rings at {device.name} after its end", invitation)

    def _ended_event(self, invitation, device, users, state, event, now):
        for user in users:
            if (invitation.name, user) in device.ended and not (self.disk_fails and state == "timed_out"):
                self.broken(f"{user} ends twice at {device.name}", invitation)
            device.ended.add((invitation.name, user))
            self._state(invitation, user, state, now, None, by=event.get("by"), device=event.get("by_device"),
                        reason=event.get("reason"))

    def _state(self, invitation, user, state, now, asked, **said):
        """`user` is in that state; `asked` is when that was asked for, if it was."""
        invitee = self._invitee(invitation, user, now)
        end = invitee.end
        if state == "pending":
            if asked is None:
                return
            if end is not None and end.heard < asked:
                self.broken(f"{user} had {end.state}, and is pending again", invitation)
            if asked > invitee.latest_deadline() + SLACK:
                self.broken(f"{user} is pending {asked - invitee.latest_deadline():.3f} s after the deadline",
                            invitation)
            self._still_member(invitation, invitee, user, asked)
            self._still_call(invitation, user, asked)
            invitee.seen_pending = max(invitee.seen_pending, asked)
            return
        said = {name: value for name, value in said.items() if value is not None}
        if state == "accepted":
            said.pop("reason", None)
        if state in ("timed_out", "cancelled", "revoked"):
            said.pop("device", None)  # an error names it as `by_device`, `get` the invitee's own
        if said.get("reason") == "call_ended":
            self._hung_up(invitation, WHOLE_CALL, {"by": said["by"]} if "by" in said else {}, now)
        if end is not None:
            if end.state != state or contradict(end.said, said):
                self.broken(f"{user} had {end.state} {end.said}, and has {state} {said}", invitation)
            end.said.update(said)
            return
        if not self._explained(invitation, user, invitee, state, said, now):
            self.broken(f"{user} has {state} {said}, and no request explains it", invitation)
        invitee.end = End(state, said, now)
        self.ends[state] += 1

    def _still_member(self, invitation, invitee, user, asked):
        if invitation.group is None or invitee.confirmed is None:
            return
        for leaving in self.groups[invitation.group].leaving:
            if leaving.reply is not None and leaving.reply["ok"] and leaving.over < asked \
                    and leaving.sent > invitee.confirmed and (leaves(leaving, user)
                                                              or leaves(leaving, invitation.inviter)):
                self.broken(f"{user} is pending, though {leaving}", invitation)

    def _explained(self, invitation, user, invitee, state, said, now):
        since = invitee.seen_pending
        if state == "rejected":
            return any(answer.may_have_happened(since)
                       and said.get("device") in (None, answer.device.tag)
                       and said.get("reason") in (None, answer.body.get("reason", "declined"))
                       for answer in invitee.answers["reject"])
        if state == "accepted":
            fits = [answer for answer in self._accepts(invitation, user)
                    if said.get("device") in (None, answer.device.tag) and not invitation.has_gone(
                        WHOLE_CALL, answer.sent)]
            if fits:
                invitee.answers["accept"] = fits
            names = {answer.body.get("id") for answer in fits}  # an accept has none
            if len(names) == 1 and None not in names:
                self.invitations[names.pop()].merged = invitation.name
            return bool(fits)
        if state == "timed_out":
            return now >= invitee.earliest_deadline() - SLACK
        reason = said.get("reason")
        leaving = [request for request in (self.groups[invitation.group].leaving if invitation.group else [])
                   if request.may_have_happened(since)]
        if state == "revoked":
            return any(leaves(request, user) for request in leaving)
        if reason in (None, "cancelled") and any(
                request.may_have_happened(since) and user in request.body.get("invitees", [user])
                and request.device.user == invitation.inviter for request in invitation.cancels):
            return True
        if reason in (None, "call_ended") and any(hangup.may_have_happened(since) for hangup in invitation.hangups):
            return True
        if reason in (None, "answered") and invitation.answer == "first" and any(
                answer.may_have_happened(since) for other in invitation.invitees.values()
                for answer in other.answers["accept"]):
            return True
        if reason in (None, "answered") and any(
                answer.may_have_happened(since) for other in self.invitations.values()
                if other.call and other.inviter == invitation.inviter and other is not invitation
                and user in other.invitees for answer in self._accepts(other, user)):
            return True
        if reason in (None, "left_group") and any(request.verb != "dismiss" and leaves(request, invitation.inviter)
                                                  for request in leaving):
            return True
        return reason in (None, "group_dismissed") and any(request.verb == "dismiss" for request in leaving)

    # Calls

    def _accepts(self, invitation, user):
        """What may be the accept of this invitee: also a call of theirs that crossed it."""
        invitee = invitation.invitees[user]
        crossing = self.calls.get((user, invitation.inviter), [])
        if invitation not in self.calls.get((invitation.inviter, user), []):
            crossing = []
        return [request for request in invitee.answers["accept"] + [
            invite for other in crossing if other.confirmed is None and other.merged in (None, invitation.name)
            for invite in other.invites] if request.may_have_happened(invitee.seen_pending)]

    def _still_call(self, invitation, user, asked):
        """Who is pending is so in a call that has not ended, and is the only one between the two."""
        if invitation.has_gone(WHOLE_CALL, asked):
            self.broken(f"{user} is pending, though the call had ended", invitation)
        if invitation.adds or invitation not in self.calls.get((invitation.inviter, user), []):
            return
        for other in self.calls.get((user, invitation.inviter), []):
            if other.confirmed is not None and invitation.confirmed < other.invites[0].sent \
                    and other.confirmed < asked:
                self.broken(f"{other.name} crossed it, and is a second call", invitation)

    def _call_event(self, invitation, device, event, now):
        name, user = event["event"], event.get("user", WHOLE_CALL)
        if event["rev"] < device.revisions.get(invitation.name, 0) and not self._may_be_unstored(invitation):
            self.broken(f"rev went back to {event['rev']} at {device.name}", invitation)
        if invitation.name in device.calls_over or (invitation.name in device.calls_left and user != WHOLE_CALL):
            self.broken(f"{device.name} hears of a call that is over", invitation)
        # Of an end all hear who heard that it was answered; of the rest, who talks.
        heard_by = set() if user == WHOLE_CALL else {device.user}
        for one in (heard_by | {user, event["by"]}) - {invitation.inviter, WHOLE_CALL}:
            self._state(invitation, one, "accepted", now, None)
        if name == "participant_moved":
            if not any(resume.may_have_happened() and (resume.device.user, resume.device.tag) == (
                    user, event["by_device"]) for resume in invitation.resumes):
                self.broken(f"{user} has moved, and no request explains it", invitation)
            return
        said = {"reason": event["reason"], "by": event["by"], "device": event["by_device"], "data": event.get("data")}
        if user == WHOLE_CALL:
            device.calls_over.add(invitation.name)
            said["duration_ms"] = event["duration_ms"]
            if device.user not in invitation.took_part():
                del said["data"]  # which is for those who talked
        elif user == device.user:
            device.calls_left.add(invitation.name)
        self._hung_up(invitation, user, said, now)

    def _call_answered(self, invitation, request, reply, now):
        """A reply to `hangup` or `resume`."""
        user = request.device.user
        if reply.get("error") == "already_ended":
            self._hung_up(invitation, WHOLE_CALL, {}, now)
        if not reply["ok"]:
            return
        if user != invitation.inviter:
            self._state(invitation, user, "accepted", now, request.sent)
        if not (request.verb == "hangup" and request.is_repeat()) and invitation.has_gone(user, request.sent):
            self.broken(f"{user} had left the call, or it had ended", invitation)
        if request.verb == "resume":
            self._in_call(invitation, user, request.sent)
            devices = self._may_hold(invitation, request)
            if not (request.device in devices if request.is_repeat() else devices - {request.device}):
                self.broken(f"{user}'s place in the call is with {[device.name for device in devices]}", invitation)
            return
        if request.is_repeat():
            if not any(other.device is request.device for other in self._may_have_hung_up(invitation, user)):
                self.broken(f"{request.device.name} has not hung up before", invitation)
        elif request.body.get("all"):
            self._hung_up(invitation, WHOLE_CALL, {"by": user, "device": request.device.tag,
                                                   "reason": request.body.get("reason", "hangup")}, now)
        invitation.gone.setdefault(user, End("gone", {}, now))

    @staticmethod
    def _may_have_hung_up(invitation, user, since=-math.inf):
        return [hangup for hangup in invitation.hangups if hangup.device.user == user
                and hangup.may_have_happened(since) and not hangup.is_repeat()]

    def _may_hold(self, invitation, request):
        """The devices that may have the user's place in the call when this request comes."""
        user = request.device.user
        takes = [take for take in (invitation.invites if user == invitation.inviter
                                   else self._accepts(invitation, user)) + invitation.resumes
                 if take is not request and take.device.user == user and take.may_have_happened()
                 and not take.is_repeat()]
        return {take.device for take in takes if not any(
            later.verb == "resume" and later.reply is not None and later.sent > take.over
            and later.over < request.sent for later in takes)}

    def _in_call(self, invitation, user, asked):
        invitation.seen_in[user] = max(invitation.seen_in.get(user, -math.inf), asked)

    def _call_shown(self, invitation, shown, states, now, asked):
        call = shown.get("call_state")
        if (call is not None) != (invitation.call and "accepted" in states.values()):
            self.broken(f"its call is {call}", invitation)
        if call is None:
            return
        participants = set(call["participants"])
        if not participants:
            self._hung_up(invitation, WHOLE_CALL, {"reason": call.get("reason"), "duration_ms": call["duration_ms"]},
                          now)
            if "pending" in states.values():
                self.broken("it is half done: the call has ended, and somebody is pending", invitation)
            return
        accepted = {user for user, state in states.items() if state == "accepted"} | {invitation.inviter}
        if len(participants) < 2 or participants - accepted:
            self.broken(f"{participants} cannot be in its call", invitation)
        for user in participants:
            if invitation.has_gone(user, asked):
                self.broken(f"{user} had left the call, or it had ended", invitation)
            self._in_call(invitation, user, asked)
        for user in accepted - participants:
            if not self._may_have_hung_up(invitation, user, invitation.seen_in.get(user, -math.inf)):
                self.broken(f"{user} is missing in the call", invitation)
            invitation.gone.setdefault(user, End("gone", {}, now))
        self._lasts(invitation, call["duration_ms"], asked, now)

    def _lasts(self, invitation, duration_ms, earliest_end, latest_end):
        accepts = {user: self._accepts(invitation, user) for user in invitation.invitees}
        earliest = min((accept.sent for some in accepts.values() for accept in some), default=math.inf)
        latest = min((min(invitee.end.heard, max(accept.over for accept in accepts[user]))
                      for user, invitee in invitation.invitees.items()
                      if invitee.end and invitee.end.state == "accepted"), default=math.inf)
        if not earliest_end - latest - SLACK <= duration_ms / 1000 <= latest_end - earliest + SLACK:
            self.broken(f"its call has lasted {duration_ms} ms, which is not between {earliest_end - latest:.3f} s "
                        f"and {latest_end - earliest:.3f} s", invitation)

    def _hung_up(self, invitation, whose, said, now):
        """The user has left the call, or WHOLE_CALL has ended, and that is said of it."""
        what = "its call has ended" if whose == WHOLE_CALL else f"{whose} has left the call"
        end = invitation.gone.get(whose)
        if end is not None and contradict(end.said, said):
            self.broken(f"{what}, {end.said}, and {said}", invitation)
        said = {**(end.said if end else {}), **said}
        hangups = [hangup for hangup in invitation.hangups if self._hangs_up(invitation, whose, hangup, said)]
        if not hangups:
            self.broken(f"{what}, {said}, and no request explains it", invitation)
        if "duration_ms" in said:
            self._lasts(invitation, said["duration_ms"], min(hangup.sent for hangup in hangups),
                        min(now, max(hangup.over for hangup in hangups)))
        if "reason" in said and not (end and "reason" in end.said):
            self.ends["call_ended" if whose == WHOLE_CALL else "participant_left"] += 1
        invitation.gone[whose] = End("gone", said, end.heard if end else now)

    def _hangs_up(self, invitation, whose, hangup, said):
        """Whether this request may have had that effect: with two it ends the call, with more its sender leaves."""
        body, user = hangup.body, hangup.device.user
        since = max(invitation.seen_in.values(), default=-math.inf) if whose == WHOLE_CALL \
            else invitation.seen_in.get(user, -math.inf)
        done = {"reason": body.get("reason", "hangup"), "by": user, "device": hangup.device.tag,
                "data": body.get("data")}
        if not hangup.may_have_happened(since) or hangup.is_repeat() or contradict(done, said):
            return False
        if whose == WHOLE_CALL:
            there = [one for one in invitation.took_part(hangup.sent)
                     if one == user or not self._may_have_hung_up(invitation, one)]
            return body.get("all", False) or len(there) <= 2
        there = [one for one, invitee in invitation.invitees.items() if self._accepts(invitation, one)
                 and (invitee.end is None or invitee.end.state == "accepted")] + [invitation.inviter]
        return user == whose and not body.get("all", False) and len(
            [one for one in there if one == user or not invitation.has_gone(one, hangup.sent)]) > 2

    # Groups

    def group(self, name, everybody):
        """A group that may come to be, of some of these users."""
        self.groups[name] = Group(name)
        self.groups[name].everybody = set(everybody)

    def _sent_to_group(self, group, request):
        assert group.asked is None, "one request at a time"
        group.asked = request
        group.story.append((request.sent, request))
        if request.verb in LEAVING:
            group.leaving = group.leaving[-100:] + [request]

    def _answered_by_group(self, group, request, reply, now):
        group.asked = None
        user = request.device.user
        error = reply.get("error")
        if request.verb == "get":
            told = None
            if reply["ok"]:
                shown = reply["group"]
                told = packed(shown.get("name"), {member["user"]: member["role"] for member in shown["members"]})
                fits = [state for state in group.states if state == told]
            elif error == "unknown_group":
                fits = [state for state in group.states if state is None]
            elif error == "not_member":
                fits = [state for state in group.states if state is not None and user not in dict(state[1])]
            elif error == "storage_unavailable" and self.disk_fails:
                return
            else:
                self.broken(f"get is refused: {reply}", group)
            if not fits:
                self.broken(f"it is {told or error}, and could be {group.states}", group)
            group.states = fits
        elif reply["ok"]:
            group.states = unique([changed(state, request) for state in group.states])


def unique(states):
    return list(dict.fromkeys(states))


def contradict(one, other):
    return any(one.get(name, value) != value for name, value in other.items())


def talking(shown):
    """The participants of a call, while it lives."""
    return shown.get("call_state", {}).get("participants", [])


def timeout_of(body):
    """Of an invite or add, in seconds."""
    return body.get("timeout_ms", 30000) / 1000 or math.inf


def leaves(request, user):
    return (request.verb == "dismiss" or (request.verb == "quit" and request.device.user == user)
            or (request.verb == "remove" and user in request.body["members"]))
