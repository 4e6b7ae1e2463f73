# SPDX-License-Identifier: Apache-2.0
"""The system tests on a cluster of ejabberd: BECKON_HOST=service BECKON_ENGINE=ejabberd [BECKON_NODES=3].

A cluster serves all tests of a process, each of which has a beckond of its own, and whose clients are spread over the
nodes."""

import atexit
import itertools
import os
import re
import secrets
import unittest

from ejabberd import Ejabberd
from harness import PASSWORD, ServiceBroker

NODES = int(os.environ.get("BECKON_NODES", "3"))
# As ServiceBroker.OTHER_TOPICS.
OTHER_TOPICS = '      "fence/#": all\n      "news": all\n'


def _with_other_topics(rules):
    for access in "access_publish:\n", "access_subscribe:\n":
        rules = rules.replace(access, access + OTHER_TOPICS)
    return rules


class EjabberdBroker(ServiceBroker):
    """Whatever tests tell Mosquitto alone is not for it."""

    # What ejabberd does without being told.
    AS_IT_IS = ("max_packet_size 60000000",)
    _clusters = {}
    _serving = None

    def __init__(self, **how):
        for word in "before", "config", "websockets", "fixed_port":
            if how.get(word) and how[word] not in self.AS_IT_IS:
                raise unittest.SkipTest(f"{word}: of Mosquitto's configuration")
        if dict(how.get("options", ())).get("root", "beckon") != "beckon":
            raise unittest.SkipTest("the cluster's rules are for the usual root")
        super().__init__(**how)
        self._site = secrets.token_hex(4)
        self._next_port = itertools.cycle(())

    @property
    def port(self):
        """Of another node each time."""
        return next(self._next_port)

    @port.setter
    def port(self, port):
        self._next_port = itertools.repeat(port)

    @property
    def pid(self):
        raise unittest.SkipTest("the broker is no process of the test's")

    def broker_arguments(self):
        path = os.path.join(self.directory, "password")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PASSWORD + "\n")
        os.environ["BECKON_PASSWORD_FILE"] = path  # for the command line
        servers = [word for port in self._cluster().ports for word in ("--server", f"127.0.0.1:{port}")]
        return [*servers, "--password-file", path, "--fold-case", "yes", "--site", self._site]

    def _cluster(self):
        operators = self.options.get("operators", "")
        if operators not in self._clusters:
            made = Ejabberd(nodes=NODES, operators=operators, change=_with_other_topics)
            atexit.register(made.close)
            self._clusters[operators] = made
        return self._clusters[operators]

    # Its life

    def start(self):
        self._next_port = itertools.cycle(self._cluster().ports)
        if self.plugin:
            # A test's earlier broker had topics of its own.
            if EjabberdBroker._serving is not None:
                EjabberdBroker._serving.stop()
            self.start_service()
            EjabberdBroker._serving = self
        return self

    def stop(self):
        if EjabberdBroker._serving is self:
            EjabberdBroker._serving = None
        self.stop_service()

    def kill(self):
        if self.service:
            self.kill_service()

    def reload(self, wait=True, **changes):
        raise unittest.SkipTest("the cluster's rules stay")

    def wait_log(self, pattern, since=0):
        # What becomes of connections is nowhere told.
        if not re.match(r"Client .*disconnected", pattern):
            super().wait_log(pattern, since)
