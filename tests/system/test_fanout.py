# SPDX-License-Identifier: Apache-2.0
"""Large fan-outs: nobody else waits for one, each receiver hears all of it, and in order."""

import collections
import json
import unittest

from crowd import Crowd, allow_many_connections, publication
from harness import SystemTest

MANY = 1000


def setUpModule():
    allow_many_connections()


class FanOut(SystemTest):
    def assemble(self, *users, **options):
        """A broker and these users, who hear their JSON events; all that arrives is in `heard`, in order."""
        self.broker = self.start_broker({"events_per_second": 1000000, "events_burst": 1000000, **options})
        self.heard = []
        self.counts = collections.Counter()
        self.crowd = Crowd(self.broker.port, users, lambda user: [f"beckon/v1/inbox/{user}/json"], self.hear)
        self.addCleanup(self.crowd.close)

    def hear(self, user, _topic, payload):
        event = json.loads(payload)
        self.heard.append((user, event))
        self.counts[user, event["event"]] += 1

    def ask(self, user, *requests):
        """Sends the requests, topic and body, in one packet, so that the broker has them all before it does one."""
        self.crowd.send(user, b"".join(publication(f"beckon/v1/{topic}", json.dumps(body).encode(), number)
                                       for number, (topic, body) in enumerate(requests, 1)))

    def wait_counts(self, event, users, count=1):
        self.crowd.poll_until(lambda: all(self.counts[user, event] >= count for user in users))

    @staticmethod
    def invite_all(invitation, users):
        return f"user/{users[0]}/invite", {"id": invitation, "also": users[1:], "visibility": "inviter"}


class Ring(FanOut):
    def test_a_ring_arrives_while_a_fan_out_goes_on(self):
        many = [f"u{number}" for number in range(MANY)]
        self.assemble("alice", "bob", *many)
        self.ask("alice", self.invite_all("round", many), ("user/bob/invite", {"id": "ring"}))
        self.wait_counts("new_invitation", many + ["bob"])
        order = [user for user, _ in self.heard]
        self.assertLess(order.index("bob"), len(order) - MANY // 4)

    def test_a_ring_to_one_of_them_comes_after_what_it_was_told_before(self):
        many = [f"u{number}" for number in range(MANY)]
        self.assemble("alice", *many)
        last = many[-1]
        self.ask("alice", self.invite_all("round", many), (f"user/{last}/invite", {"id": "ring"}))
        self.wait_counts("new_invitation", many)
        self.wait_counts("new_invitation", [last], 2)
        order = [(user, event["id"]) for user, event in self.heard]
        self.assertLess(order.index((last, "round")), order.index((last, "ring")))
        self.assertLess(order.index((last, "ring")), len(order) - MANY // 4)


class Order(FanOut):
    def test_each_receiver_hears_an_invitation_in_order(self):
        many = [f"u{number}" for number in range(MANY)]
        self.assemble("alice", *many)
        self.ask("alice", self.invite_all("round", many),
                 ("invitation/round/modify", {"data": "1"}),
                 ("invitation/round/cancel", {"invitees": many[::7]}),
                 ("invitation/round/modify", {"data": "2"}),
                 ("invitation/round/cancel", {}))
        self.wait_counts("invitation_modified", many, 2)
        self.wait_counts("invitation_cancelled", many)
        heard = collections.defaultdict(list)
        for user, event in self.heard:
            heard[user].append((event["rev"], event["event"]))
        for user in many:
            self.assertEqual(heard[user][0], (1, "new_invitation"))
            self.assertEqual(heard[user], sorted(heard[user]), user)
            self.assertEqual(len(heard[user]), 4, heard[user])


class Flood(FanOut):
    def test_250_accepts_at_once_that_all_of_them_hear(self):
        many = [f"u{number}" for number in range(250)]
        self.assemble("alice", *many, max_audience=251)
        self.ask("alice", ("user/u0/invite", {"id": "round", "also": many[1:]}))
        self.wait_counts("new_invitation", many)
        for user in many:
            self.ask(user, ("invitation/round/accept", {"data": user}))
        self.wait_counts("invitee_accepted", ["alice"] + many, 250)
        heard = collections.defaultdict(list)
        for user, event in self.heard:
            if event["event"] == "invitee_accepted":
                heard[user].append(event["rev"])
        for user in ["alice"] + many:
            self.assertEqual(heard[user], list(range(2, 252)), user)


if __name__ == "__main__":
    unittest.main()
