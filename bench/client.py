# SPDX-License-Identifier: Apache-2.0
"""What the client library takes, from outside: until it says what its user says, how often it wakes while nothing
happens, and a request of the command-line client."""
import contextlib
import glob
import json
import os
import re
import select
import shutil
import socket
import subprocess
import time

from crowd import Crowd
from sides import program

PATIENCE = 20.0  # seconds
EVENT, ACCEPT = b"new_invitation", b"/accept"


class Line:
    """Between one client and the broker: notes when an event passes to the client, and when an accept comes from it."""

    def __init__(self, broker_port):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._broker_port = broker_port
        self._client = self._broker = None
        self.rang = self.accepted = None

    def serve(self):
        """The client comes."""
        self._client, _ = self._server.accept()
        self._broker = socket.create_connection(("127.0.0.1", self._broker_port))
        for link in self._client, self._broker:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def carry_until(self, over):
        limit = time.monotonic() + PATIENCE
        while not over():
            if time.monotonic() > limit:
                raise SystemExit("the client does not do what it is waited for")
            for link in select.select([self._client, self._broker], [], [], 0.05)[0]:
                data = link.recv(65536)
                if not data:
                    raise SystemExit("the client's connection ended")
                if link is self._client:
                    if ACCEPT in data:
                        self.accepted = time.monotonic()
                    self._broker.sendall(data)
                else:
                    self._client.sendall(data)
                    if EVENT in data:
                        self.rang = time.monotonic()

    def close(self):
        for link in self._server, self._client, self._broker:
            if link is not None:
                link.close()


@contextlib.contextmanager
def accepting(port, user):
    """bench_client, and what it says."""
    with subprocess.Popen([program("bench/bench_client"), f"mqtt://127.0.0.1:{port}", user], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def accepts(broker, count):
    """Milliseconds from the new_invitation on the client's wire to its accept there."""
    line = Line(broker.port)
    took = []
    with contextlib.closing(line), accepting(line.port, "kitchen") as process, \
            contextlib.closing(Crowd(broker.port, ["door"], lambda user: [])) as door:
        line.serve()
        line.carry_until(lambda: select.select([process.stdout], [], [], 0)[0])
        if process.stdout.readline() != "connected\n":
            raise SystemExit("the client does not connect")
        for number in range(count):
            line.rang = line.accepted = None
            body = json.dumps({"id": f"ring-{number}"}).encode()
            door.publish("door", "beckon/v1/user/kitchen/invite", body)
            line.carry_until(lambda: line.accepted)
            took.append((line.accepted - line.rang) * 1e3)
    return took


def wakes(broker, seconds):
    """How often a second a thread of a client goes on that has nothing to do."""
    with accepting(broker.port, "sleeper") as process:
        if process.stdout.readline() != "connected\n":
            raise SystemExit("the client does not connect")
        time.sleep(1)  # what connecting leaves behind
        before = _switches(process.pid)
        time.sleep(seconds)
        return (_switches(process.pid) - before) / seconds


def _switches(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="ascii") as file:
            total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.MULTILINE)[1])
    return total


def round_trips(broker, count):
    """Milliseconds of `beckon status ID`, and of the same request by mosquitto_rr, in turns; None: that is not there."""
    if not shutil.which("mosquitto_rr"):
        return None
    invitation = "ring-0123456789abcdef0123456789ab"
    with contextlib.closing(Crowd(broker.port, ["asker"], lambda user: [])) as asker:
        asker.publish("asker", "beckon/v1/user/nobody/invite", json.dumps({"id": invitation}).encode())
    ours = [program("cli/beckon"), "--server", f"mqtt://127.0.0.1:{broker.port}", "--user", "asker", "status", invitation]
    theirs = ["mosquitto_rr", "-V", "5", "-p", str(broker.port), "-u", "asker", "-q", "1", "-n",
              "-t", f"beckon/v1/invitation/{invitation}/get", "-e", "beckon/v1/inbox/asker/reply"]
    took = {True: [], False: []}
    for _ in range(count + 1):
        for is_ours, command in (True, ours), (False, theirs):
            begin = time.monotonic()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "BECKON_CONFIG": os.devnull})
            took[is_ours].append((time.monotonic() - begin) * 1e3)
    return took[True][1:], took[False][1:]  # the first reads them from the disk
