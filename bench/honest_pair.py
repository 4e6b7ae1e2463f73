# SPDX-License-Identifier: Apache-2.0
"""Two who ring while others flood: what they hear of it."""
import json
import os
import secrets
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "system"))
from crowd import Crowd  # noqa: E402

EVERY = 0.2  # seconds
LOST = 5.0  # seconds; a ring that takes longer counts as lost
# One caller may ring the same user once a second.
KITCHENS = [f"honest-kitchen{number}" for number in range(8)]
DOOR = "honest-door"


class Pair:
    """Each 200 ms the door rings a kitchen, which accepts; done when the door hears that. On a bare broker a PUBLISH
    goes to the kitchen, and one back."""

    def __init__(self, port, bare):
        self.bare = bare
        self.done, self.refused, self.lost = [], [], 0  # seconds each; errors
        self._open = {}
        self._run = secrets.token_hex(4)
        self.crowd = Crowd(port, [DOOR, *KITCHENS], lambda user: (
            [f"plain/pair/{user}"] if bare else
            [f"beckon/v1/inbox/{user}/json", f"beckon/v1/inbox/{user}/reply"]), self._hear)

    def ring_until(self, over):
        """Rings until `over()`, then waits for what is not done yet."""
        number, due = 0, time.monotonic()
        while not over():
            if time.monotonic() >= due:
                self._ring(number)
                # What it could not ring in time on a busy machine is left out: rung at once, it would be too much.
                number, due = number + 1, max(due + EVERY, time.monotonic())
            self.crowd.poll(max(0.0, min(due - time.monotonic(), EVERY)))
        limit = time.monotonic() + LOST
        while self._open and time.monotonic() < limit:
            self.crowd.poll(0.05)
        self.lost += len(self._open)
        self.crowd.close()

    def _ring(self, number):
        kitchen, name = KITCHENS[number % len(KITCHENS)], f"ring-{self._run}-{number}"
        self._open[name] = time.monotonic()
        body = json.dumps({"id": name, "req": name, "timeout_ms": 20000}).encode()
        self.crowd.publish(DOOR, f"plain/pair/{kitchen}" if self.bare else f"beckon/v1/user/{kitchen}/invite", body)

    def _hear(self, user, topic, payload):
        message = json.loads(payload)
        if topic.endswith("/reply"):
            if not message["ok"] and self._open.pop(message.get("req"), None):
                self.refused.append(message["error"])
        elif user != DOOR:
            if message.get("event", "new_invitation") == "new_invitation":
                self.crowd.publish(user, f"plain/pair/{DOOR}" if self.bare else
                                   f"beckon/v1/invitation/{message['id']}/accept",
                                   json.dumps({"id": message["id"], "req": message["id"]}).encode())
        elif message.get("event", "invitee_accepted") == "invitee_accepted" and message["id"] in self._open:
            self._ended(time.monotonic() - self._open.pop(message["id"]))

    def _ended(self, took):
        if took <= LOST:
            self.done.append(took)
        else:
            self.lost += 1
