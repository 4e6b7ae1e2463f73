# SPDX-License-Identifier: Apache-2.0
"""A real Mosquitto with the plugin, and clients that nobody of this project wrote, for the system tests.

Environment:
  BECKON_PLUGIN             path of mosquitto_beckon.so
  BECKON_HOST               "service": a plain Mosquitto and beckond beside it, instead of the plugin in it
  BECKON_SERVICE            path of beckond, then and for its own tests
  MOSQUITTO                 path of the broker, if not the installed one
  BECKON_SANITIZER_PRELOAD  LD_PRELOAD of the broker alone (a plugin built with sanitizers)
  BECKON_CAPTURE            file to which each message received below beckon/v1/ is appended as a JSON line
  BECKON_DRIVER             path of client_driver (tests/client/driver.cpp), for the tests of the client library
  BECKON_CLI                path of beckon, and BECKON_CLI_DOCUMENTS of the directory of its manual page (test_cli.py)
"""

import base64
import contextlib
import functools
import glob
import json
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import msgpack
import of_a_broker
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = os.environ.get("MOSQUITTO", "/usr/sbin/mosquitto")
SERVICE = os.environ.get("BECKON_HOST") == "service"
# The broker is a cluster of ejabberd (tests/cluster/on_ejabberd.py).
ON_EJABBERD = os.environ.get("BECKON_ENGINE") == "ejabberd"
if ON_EJABBERD:
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cluster"))
# Of whoever says none: there, nobody is let in without.
PASSWORD = "any" if ON_EJABBERD else None
PATIENCE = 10.0  # seconds; the upper bound of every wait, all of which return as soon as what they wait for is there

CONTENT_TYPES = {"json": "application/json", "msgpack": "application/vnd.msgpack"}

CODES = {
    "invalid_request": 6017, "too_large": 8001,
    "unknown_invitation": 8010, "already_accepted": 8010, "already_rejected": 8010, "already_cancelled": 8010,
    "already_timed_out": 8010, "already_revoked": 8010, "already_ended": 8010,
    "not_inviter": 8011, "not_invitee": 8011, "not_participant": 8011, "wrong_sender": 8011,
    "already_exists": 8012, "already_invited": 8012,
    "user_offline": 20101, "rate_limited": 20102, "too_many_pending": 20102, "not_modifiable": 20103,
    "storage_unavailable": 20104, "unknown_request": 20105, "internal": 20199,
    "unknown_group": 10010, "not_member": 10007, "not_owner": 10007, "not_admin": 10007, "group_closed": 10007,
    "owner_cannot_quit": 10009, "group_full": 10014, "group_exists": 10021,
}

# Those that carry the present `rev`, and do not raise it.
CALL_EVENTS = ("invitee_ringing", "signal", "participant_joined", "participant_left", "participant_moved", "call_ended")

ID = re.compile(r"[A-Za-z0-9._@:-]{1,64}\Z")

# Raises the limits that a busy test would meet by accident; tests of a limit set their own.
GENEROUS = {"requests_per_second": 10000, "requests_burst": 10000,
            "pair_invites_per_second": 10000, "pair_invites_burst": 10000, "max_pending_per_pair": 10000,
            "max_user_data_bytes": 2**30, "reply_bytes_per_second": 2**28, "reply_bytes_burst": 2**30}


def _no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"duplicate key among {keys}")
    return dict(pairs)


def encode(body, encoding):
    return json.dumps(body, ensure_ascii=False).encode() if encoding == "json" else msgpack.packb(body)


def encoding_of(payload):
    """The contract's rule: what begins as a map of msgpack does is msgpack, all else JSON."""
    first = payload[0] if payload else 0
    return "msgpack" if first & 0xF0 == 0x80 or first in (0xDE, 0xDF) else "json"


def decode(payload):
    """With what the broker leaves out. Strictly: duplicate keys, trailing bytes, invalid UTF-8 and NaN raise."""
    if encoding_of(payload) == "json":
        return filled_in(json.loads(payload.decode("utf-8"), object_pairs_hook=_no_duplicates,
                                    parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name))))
    return filled_in(msgpack.unpackb(payload, object_pairs_hook=_no_duplicates))


def filled_in(message):
    """`message` with what is told only when it is unusual (contract, section 3)."""
    def usually(place, **fields):
        for name, value in fields.items():
            assert name not in place or place[name] != value, f"{name} is told though it is usual: {message}"
            place.setdefault(name, value)

    def of_invitation(place):
        usually(place, call=False, answer="all", online_only=False, role="invitee",
                visibility="members" if "group" in place else "invitees")

    if not isinstance(message, dict):
        return message
    if message.get("event") == "new_invitation":
        of_invitation(message)
        usually(message, by=message["inviter"])
    for shown in [message["invitation"]] if "invitation" in message else message.get("invitations", []):
        of_invitation(shown)
        usually(shown, state="open")
        for part in shown["invitees"]:
            usually(part, state="pending", ringing=False)
    for past in message.get("history", []):
        usually(past, role="invitee", missed=False)
    if message.get("re") == "invite" and message.get("dup") and "merged_into" not in message:
        usually(message, state="open")
    return message


def data_of(message):
    """`data` of an event, or of a part of a reply, as text, as bytes, or None."""
    if "data_b64" in message:
        assert "data" not in message, message
        return base64.b64decode(message["data_b64"], validate=True)
    return message.get("data")


def properties(packet=PacketTypes.PUBLISH, **values):
    result = Properties(packet)
    for name, value in values.items():
        setattr(result, name, value)
    return result


def plugin_lines(options):
    """The configuration that loads the plugin, `options` without their None values."""
    path = os.environ.get("BECKON_PLUGIN")
    if not path or not os.path.isfile(path):
        raise AssertionError("BECKON_PLUGIN must name mosquitto_beckon.so")
    return [f"plugin {os.path.abspath(path)}"] + [f"plugin_opt_{name} {value}"
                                                  for name, value in options.items() if value is not None]


@functools.cache
def mosquitto_version():
    """Of the broker under test, such as (2, 0, 11)."""
    told = subprocess.run([MOSQUITTO, "-h"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.search(r"mosquitto version (\d+)\.(\d+)\.(\d+)", told).groups()))


def libfaketime():
    """Preloaded by a program, it shows it another wall clock; None: it is not installed."""
    return next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


def paho_client(*identity, **how):
    """Of Paho 1 or 2, which call back alike only if 2 is told so."""
    versions = getattr(mqtt, "CallbackAPIVersion", None)
    return mqtt.Client(*(() if versions is None else (versions.VERSION1,)), *identity, **how)


class Broker:
    """One broker process on a free port of 127.0.0.1, with a directory of its own that vanishes with it."""

    own_group = False  # of processes: so that Ctrl-C at the terminal does not end it, too
    under = ()  # a command that runs it, such as valgrind's

    def __init__(self, *, plugin=True, options=(), before="", config="", websockets=False, persistence=False,
                 allow_anonymous=True, fixed_port=False):
        """`options` are plugin_opt_ values (None leaves a default out); `before` and `config` are configuration lines
        for the top and the end of the file; in all three, {dir} is the broker's directory. With `fixed_port` it has a
        `port` at once, and the same at each start."""
        self.plugin = plugin
        self.options = {"other_topics": "allow", **dict(options)}
        self.root = f"{self.options.get('root', 'beckon')}/v1"
        self.before, self.config = before, config
        self.websockets, self.persistence, self.allow_anonymous = websockets, persistence, allow_anonymous
        self.port = self.websockets_port = None
        self._preloaded, self._variables = None, {}
        self._fixed_port = fixed_port
        if fixed_port:
            self.port = port_that_stays_free()
        self._directory = tempfile.TemporaryDirectory(prefix="beckon-system-test-")
        self.directory = self._directory.name
        self._process = self._reader = None
        self._changed = threading.Condition()
        self._lines = []
        self._ended = False

    def preload(self, library, **variables):
        """Each start loads this library before all else, with these environment variables."""
        self._preloaded, self._variables = library, variables

    # Its life

    def start(self):
        if not self._launch():
            self._process = None
            raise AssertionError("the broker did not start")
        # Listening is not enough: a signal that arrives before its main loop would be lost, so it must answer.
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
            if connection.recv(1) != b"\x20":
                raise AssertionError("the broker does not answer")
        return self

    def refusal(self):
        """Starts a broker that is expected to refuse its configuration; returns its log."""
        if self._launch():
            self._end(signal.SIGTERM)
            raise AssertionError("the broker accepted a configuration that it should refuse")
        if self._process.returncode <= 0:
            raise AssertionError(f"the broker ended with {self._process.returncode} instead of refusing to start")
        self._end(signal.SIGTERM)
        self._process = None
        return self.log()

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        """Ends the broker, which must still be alive and leave cleanly."""
        if self._process is None:
            return
        early = self._process.poll()
        code = self._end(signal.SIGTERM)
        self._process = None
        if early is not None:
            raise AssertionError(f"the broker had ended by itself with {early}")
        if code != 0:
            raise AssertionError(f"the broker ended with {code}")

    def kill(self):
        """Ends the broker as a power cut does; start() brings it back in the same directory."""
        self._end(signal.SIGKILL)
        self._process = None

    def restart(self, **changes):
        """Stops it and starts it in the same directory, perhaps with other attributes (for example plugin=False)."""
        self.stop()
        vars(self).update(changes)
        return self.start()

    def reload(self, wait=True, **changes):
        """With other attributes, perhaps."""
        vars(self).update(changes)
        self._write_configuration()
        self._process.send_signal(signal.SIGHUP)
        if wait:
            self.wait_log("Reloading config")

    def start_and_kill(self, after):
        """Starts a broker and kills it so many seconds later, wherever it is by then."""
        self._spawn()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(after)
        self.kill()

    def remove(self):
        with contextlib.suppress(Exception):
            if self._process is not None:
                self._end(signal.SIGKILL)
        self._directory.cleanup()

    def _launch(self):
        for _ in range(50):
            first_line = len(self._lines)
            self._spawn()
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._find(r"mosquitto version .* running", first_line),
                                       3 * PATIENCE)
                if not self._ended:
                    if self._find(r"mosquitto version .* running", first_line):
                        return True
                    raise AssertionError("the broker neither started nor ended\n" + self.log())
            self._process.wait(PATIENCE)
            self._reader.join(PATIENCE)
            if not self._find("Address already in use", first_line):
                return False
        raise AssertionError("found no free port")

    def _spawn(self):
        if not self._fixed_port:
            self.port = self._free_port()
        self.websockets_port = self._free_port() if self.websockets else None
        path = self._write_configuration()
        self._ended = False
        self._process = subprocess.Popen([*self.under, MOSQUITTO, "-c", path], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                         env=self._environment(), cwd=self.directory,
                                         process_group=0 if self.own_group else None)
        self._reader = threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    def _write_configuration(self):
        path = os.path.join(self.directory, "mosquitto.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._configuration())
        return path

    @staticmethod
    def _free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def _configuration(self):
        lines = ["user root", self.before, "log_dest stderr", "log_type all", "set_tcp_nodelay true",
                 f"persistence {str(self.persistence).lower()}", f"persistence_location {self.directory}/",
                 f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(self.allow_anonymous).lower()}"]
        if self.plugin:
            lines += plugin_lines(self.options)
        if self.websockets:
            lines += [f"listener {self.websockets_port} 127.0.0.1", "protocol websockets",
                      "socket_domain ipv4"]  # or 2.0 binds all addresses
        return "\n".join(lines + [self.config, ""]).replace("{dir}", self.directory)

    def _environment(self):
        environment = {**os.environ, **self._variables}
        sanitizers = environment.get("BECKON_SANITIZER_PRELOAD")
        preload = [library for library in (sanitizers, self._preloaded) if library]
        if preload:
            environment["LD_PRELOAD"] = " ".join(preload)
        if sanitizers:
            suppressions = os.path.join(os.path.dirname(os.path.abspath(__file__)), "broker_leaks.supp")
            environment["LSAN_OPTIONS"] = f"suppressions={suppressions}:print_suppressions=0"
            environment.setdefault("ASAN_OPTIONS", "halt_on_error=1")
            if self.websockets and mosquitto_version() > (2, 0, 11):
                # It leaks a listener of its own, in a function without a name to be suppressed by.
                environment["ASAN_OPTIONS"] += ":detect_leaks=0"
            environment.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        return environment

    def _end(self, with_signal):
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        try:
            return self._process.wait(3 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(PATIENCE)
        finally:
            self._reader.join(PATIENCE)
            self._process.stderr.close()

    # Its log

    def _read_log(self, stream):
        for line in stream:
            with self._changed:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _find(self, pattern, since):
        return any(re.search(pattern, line) for line in self._lines[since:])

    def log(self):
        return "\n".join(self._lines)

    def log_position(self):
        return len(self._lines)

    def wait_log(self, pattern, since=0):
        with self._changed:
            if not self._changed.wait_for(lambda: self._find(pattern, since) or self._ended, PATIENCE) \
                    or not self._find(pattern, since):
                raise AssertionError(f"the broker never logged {pattern!r}")


class Beckond:
    """One beckond process; what it says goes to `log`, and the end of that is told by log(None)."""

    def __init__(self, arguments, log):
        path = os.environ.get("BECKON_SERVICE")
        if not path or not os.path.isfile(path):
            raise AssertionError("BECKON_SERVICE must name beckond")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("BECKOND_") and name != "JOURNAL_STREAM"}
        self.process = subprocess.Popen([path, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=environment)
        self._reader = threading.Thread(target=self._read, args=(log,), daemon=True)
        self._reader.start()

    def _read(self, log):
        for line in self.process.stderr:
            log(line.decode("utf-8", "replace").rstrip("\n"))
        log(None)

    def end(self, with_signal):
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(3 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(PATIENCE)
        finally:
            self._reader.join(PATIENCE)
            self.process.stderr.close()


def flags(options):
    """As beckond is told them."""
    return [text for name, value in options.items() for text in ("--" + name.replace("_", "-"), str(value))]


class ServiceNode:
    """A plain broker that beckond serves and somebody else has started, as a client wants it."""

    root, plugin = "beckon/v1", True

    def __init__(self, port):
        self.port = port


class ServiceBroker(Broker):
    """A plain Mosquitto with the rules that `beckond acl mosquitto` prints, and beckond beside it."""

    # What only a broker can be told.
    OF_PLUGIN = ("other_topics", "requests", "on_store_failure")
    # What tests do beside signaling; and a plugin says that to whoever may.
    OTHER_TOPICS = "topic readwrite fence/#\npattern readwrite fence/#\npattern readwrite news\ntopic readwrite news\n"

    def __init__(self, **how):
        super().__init__(**how)
        self.service = None
        self.service_up = threading.Event()

    def arguments(self):
        store = os.path.join(self.directory, "beckon.db") if self.persistence else "memory"
        said = flags({"store": store, **self.of_service(self.options)})
        return [*self.broker_arguments(), "--user", "beckond", "--acl-checked", "yes",
                *[text.replace("{dir}", self.directory) for text in said]]

    def broker_arguments(self):
        return ["--server", f"127.0.0.1:{self.port}"]

    @classmethod
    def of_service(cls, options):
        return {name: value for name, value in options.items() if value is not None and name not in cls.OF_PLUGIN}

    def _configuration(self):
        plugin, self.plugin = self.plugin, False
        try:
            lines = super()._configuration()
        finally:
            self.plugin = plugin
        if not plugin:
            return lines
        path = os.path.join(self.directory, "acl")
        root = self.options.get("root", "beckon")
        operators = self.options.get("operators")
        rules = subprocess.run([os.environ["BECKON_SERVICE"], "--root", root,
                                *(("--operators", operators) if operators else ()), "acl", "mosquitto"],
                               capture_output=True, text=True, check=True).stdout
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.OTHER_TOPICS + rules)
        return lines + f"acl_file {path}\n"

    def _launch(self):
        if not super()._launch():
            return False
        if self.plugin:
            self.start_service()
        return True

    def start_service(self, **more):
        """More options than those that it always has; returns when it serves."""
        self.service_up.clear()
        since = self.log_position()
        self.service = Beckond(self.arguments() + flags(more), self._service_log)
        self.service_up.wait(3 * PATIENCE)
        if not self._find(r"beckon: serves ", since):
            raise AssertionError("beckond does not serve\n" + self.log())

    def _service_log(self, line):
        with self._changed:
            if line is not None:
                self._lines.append(line)
            self._changed.notify_all()
        if line is None or line.startswith("beckon: serves "):
            self.service_up.set()

    def stop_service(self):
        service, self.service = self.service, None
        code = service.end(signal.SIGTERM) if service else 0
        if code != 0:
            raise AssertionError(f"beckond ended with {code}")

    def kill_service(self):
        self.service.end(signal.SIGKILL)
        self.service = None

    def stop(self):
        self.stop_service()
        super().stop()

    def kill(self):
        if self.service:
            self.kill_service()
        super().kill()

    def remove(self):
        with contextlib.suppress(Exception):
            if self.service:
                self.kill_service()
        super().remove()


def broker_of_host(**how):
    if ON_EJABBERD:
        from on_ejabberd import EjabberdBroker  # pylint: disable=import-outside-toplevel
        return EjabberdBroker(**how)
    return (ServiceBroker if SERVICE else Broker)(**how)


def port_that_stays_free():
    """A port that no outgoing connection takes, as it is below the ephemeral ones, and that is free now."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


class Refused(Exception):
    """The broker refused the connection; `code` is CONNACK's."""

    def __init__(self, code):
        super().__init__(f"connection refused with {code}")
        self.code = code


class Client:
    """A Paho client of one user on one connection.

    What arrives is received on Paho's thread and kept in order: `events` until wait_event() takes them, `replies` (with
    their messages) until wait_reply() does, and `messages`, everything, for good. Each reply and event is checked
    against what holds for all of them; what is wrong is raised by the next call, or by close()."""

    def __init__(self, broker, user=None, *, v5=True, encoding="json", client_id=None, clean=True, subscribe=True,
                 listen=None, password=None, will=None, will_delay=None, expiry=None, websockets=False,
                 reply_token=None, keepalive=60):
        """`listen` are the last levels of the inbox to subscribe to, beside the replies (default: the one that fits
        the encoding); subscribe=False subscribes to nothing. `will` are the arguments of Paho's will_set(); a session
        that is not clean, or has a delayed will, stays for an hour unless `expiry` says otherwise."""
        self.broker, self.user, self.v5, self.encoding = broker, user, v5, encoding
        self.root = broker.root
        self.client_id = client_id or f"client-{secrets.token_hex(8)}"
        self.reply_token = reply_token or secrets.token_hex(4)
        self._identity = {"v5": v5, "encoding": encoding, "client_id": self.client_id, "password": password,
                          "websockets": websockets, "reply_token": self.reply_token}
        self.inbox = f"{self.root}/inbox/{user}"
        self.reply_topic = f"{self.inbox}/reply/{self.reply_token}" if v5 else f"{self.inbox}/reply"
        self.hears_replies = subscribe and user is not None
        self.messages, self.events, self.replies = [], [], []
        self.lost = False
        self._granted, self._published, self._faults = {}, set(), []
        self._revisions, self._answered = {}, set()
        self._tag = None
        self._connack = None
        self._leaving = False
        self._thawed = threading.Event()
        self._thawed.set()
        self._sent = 0
        self._prefix = secrets.token_hex(4)
        self._fence_topic = None
        self._changed = threading.Condition()

        extra = {} if v5 else {"clean_session": clean}
        self._paho = paho_client(self.client_id, protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
                                 transport="websockets" if websockets else "tcp", reconnect_on_failure=False, **extra)
        self._paho.on_socket_open = lambda _client, _userdata, sock: self._on_socket(
            sock, lambda plain: plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = self._on_disconnect
        self._paho.on_subscribe = self._on_subscribe
        self._paho.on_publish = self._on_publish
        self._paho.on_message = self._on_message
        if user is not None:
            self._paho.username_pw_set(user, PASSWORD if password is None else password)
        self._says_here = SERVICE and broker.plugin and self.hears_replies and listen != ()
        self._run = secrets.token_hex(4)
        if will is None and self._says_here and ID.match(user):
            will = {"topic": f"{self.root}/user/{user}/here/{user}", "qos": 1,
                    "payload": json.dumps({"device": self.client_id, "run": self._run, "gone": True})}
        if will is not None:
            delay = {} if will_delay is None else {
                "properties": properties(PacketTypes.WILLMESSAGE, WillDelayInterval=will_delay)}
            self._paho.will_set(**will, **delay)
        session = {}
        if v5:
            if expiry is None:
                expiry = 0 if clean and will_delay is None else 3600
            session = {"clean_start": clean,
                       "properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry)}
        self._paho.connect("127.0.0.1", broker.websockets_port if websockets else broker.port, keepalive, **session)
        self._paho.loop_start()
        try:
            self._wait(lambda: self._connack is not None, "CONNACK")
            if self._connack[0] != 0:
                raise Refused(self._connack[0])
        except BaseException:
            self._leaving = True
            self._paho.disconnect()
            self._paho.loop_stop()
            raise
        self.session_present = self._connack[1]
        if self.hears_replies:
            default = ("json",) if encoding == "json" else ("event",)
            self.subscribe_inbox(*(default if listen is None else listen), self.reply_topic[len(self.inbox) + 1:])
            if self._says_here:
                self.say_here()

    def say_here(self, **more):
        """Where devices have to tell that they are there."""
        reply = self.request(f"user/{self.user}/here", {"run": self._run, **more})
        assert reply["ok"], reply

    def resume(self, **changes):
        """Another connection with the same client id, in the session that is there; it subscribes to nothing."""
        again = Client(self.broker, self.user, **{**self._identity, "clean": False, "subscribe": False, **changes})
        again.hears_replies = self.hears_replies
        if self._says_here:
            again._says_here = True
            again.say_here()
        return again

    # Leaving

    def leave(self):
        """Sends DISCONNECT and returns when the broker has handled it."""
        if self._says_here:
            self.say_here(gone=True)
        self._end(self._paho.disconnect)

    def drop(self):
        """Breaks the connection, so that the will is sent, and returns when the broker has noticed."""
        self._end(lambda: self._on_socket(self._paho.socket(), lambda plain: plain.shutdown(socket.SHUT_RDWR)))

    def _end(self, how):
        since = self.broker.log_position()
        self._leaving = True
        how()
        self.broker.wait_log(rf"Client {re.escape(self.client_id)} (\[.*\] )?(closed its connection|disconnected)",
                             since)
        self._paho.loop_stop()
        self._raise_faults()

    def freeze(self):
        """Takes and acknowledges no message any more, while the broker believes it connected, as a device does that
        left the network; what becomes of the connection is of no interest."""
        self._leaving = True
        self._thawed.clear()

    def wait_lost(self):
        """Returns when the broker has ended this connection, as the test expects."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.lost, PATIENCE), f"{self.user} is still connected"
            self.lost = False

    def close(self):
        """Ends the connection if it is still there, and raises what was wrong with it."""
        lost, self._leaving = self.lost, True
        self._thawed.set()
        if self._says_here:  # as its will would
            self._paho.publish(f"{self.root}/user/{self.user}/here/{self.user}", json.dumps(
                {"device": self.client_id, "run": self._run, "gone": True}))
        self._paho.disconnect()
        self._paho.loop_stop()
        if lost:
            self._faults.append("the broker closed this connection")
        self._raise_faults()

    # Plain MQTT

    def subscribe(self, topic, qos=1):
        """Returns the code that the broker granted; 128 and above is a refusal."""
        _, mid = self._paho.subscribe(topic, qos)
        self._wait(lambda: mid in self._granted, f"SUBACK for {topic}")
        return self._granted[mid]

    def subscribe_inbox(self, *levels):
        for level in levels:
            granted = self.subscribe(f"{self.inbox}/{level}")
            assert granted < 128, f"{self.user} may not subscribe to its own inbox/{level}: {granted}"

    def unsubscribe(self, topic):
        self._paho.unsubscribe(topic)

    def publish(self, topic, payload=b"", qos=1, retain=False, **v5_properties):
        """Publishes, and returns when the broker has acknowledged it (QoS 0: when it is sent)."""
        info = self._paho.publish(topic, payload, qos, retain,
                                  properties(**v5_properties) if v5_properties else None)
        self._wait(lambda: info.mid in self._published, f"acknowledgement for {topic}")

    def publish_twice(self, topic, payload, qos=1):
        """The same packet again with the DUP flag, as a client sends it whose acknowledgement was lost. Paho offers
        that only on a reconnect of its own choosing, hence the private function."""
        for dup in (False, True):
            self._paho._send_publish(60000, topic.encode(), payload, qos, False, dup)

    def wait_message(self, predicate, what="a message"):
        """The first message, ever, that fits."""
        self._wait(lambda: any(predicate(message) for message in self.messages), what)
        return next(message for message in self.messages if predicate(message))

    # Signaling

    def ask(self, topic, **body):
        """The request with this body; returns its reply."""
        return self.request(topic, body)

    def request(self, topic, body=None, **how):
        return self.wait_reply(self.send(topic, body, **how))

    def send(self, topic, body=None, *, payload=None, qos=1, retain=False, encoding=None, response_topic=None):
        """Sends a request below the root, `body` encoded or `payload` as it is; returns what wait_reply() needs."""
        self._sent += 1
        token = f"{self._prefix}-{self._sent}"
        if payload is None:
            body = dict(body or {})
            if not self.v5:
                body.setdefault("req", token)
            if SERVICE:
                body.setdefault("device", self.client_id)
            payload = encode(body, encoding or self.encoding)
        how = {}
        if self.v5:
            how["properties"] = properties(ResponseTopic=response_topic or self.reply_topic,
                                           CorrelationData=token.encode())
        levels = 3 if topic.startswith("operator/") else 4
        if SERVICE and topic.count("/") + 1 < levels:
            topic += f"/{self.user}"
        self._paho.publish(f"{self.root}/{topic}", payload, qos, retain, **how)
        return {"named": "device" in (body or {}), "token": token, "topic": topic, "body": body, "encoding": encoding_of(payload)}

    def wait_reply(self, sent):
        asked = (sent["body"] or {}).get("req")
        asked = asked if type(asked) in (str, int) else None

        def found():
            for message, body in self.replies:
                if (getattr(message.properties, "CorrelationData", b"") == sent["token"].encode() if self.v5
                        else body.get("req") == asked):
                    return message, body
            return None

        self._wait(found, f"the reply to {sent['topic']}")
        with self._changed:
            message, reply = found()
            self.replies.remove((message, reply))
        self._check_reply(message, reply, sent, asked)
        return reply

    @property
    def tag(self):
        """The device tag that the broker gave this client."""
        if self._tag is None:
            self.request(f"user/{self.user}/sync")
        return self._tag

    def sync(self):
        """Follows `next` to the end; returns the invitations by id."""
        found, after = {}, {}
        while True:
            page = self.request(f"user/{self.user}/sync", after)
            assert page["ok"] and page["server_epoch"], page
            for invitation in page["invitations"]:
                assert invitation["id"] not in found, f"{invitation['id']} is on two pages"
                found[invitation["id"]] = invitation
            if "next" not in page:
                return found
            after = {"after": page["next"]}

    def get(self, invitation):
        """Follows `next` to the end; returns the invitation whole."""
        whole, after = None, {}
        while True:
            page = self.request(f"invitation/{invitation}/get", after)
            assert page["ok"], page
            if whole is None:
                whole = page["invitation"]
            else:
                whole["invitees"] += page["invitation"]["invitees"]
            if "next" not in page:
                return whole
            after = {"after": page["next"]}

    def wait_event(self, wanted=lambda event: True, /, **fields):
        """Takes the first event not yet taken that has this name (or fits the predicate) and these fields."""
        def fits(event):
            named = event["event"] == wanted if isinstance(wanted, str) else wanted(event)
            return named and all(event.get(name) == value for name, value in fields.items())

        self._wait(lambda: any(map(fits, self.events)),
                   f"{wanted} {fields} at {self.user}, who has not taken {self.events}")
        with self._changed:
            event = next(filter(fits, self.events))
            self.events.remove(event)
        return event

    def no_more_events(self):
        """Everything that the broker sent before has arrived, and wait_event() has taken it all."""
        self.fence()
        assert not self.events, f"{self.user} has events that nobody expected: {self.events}"

    def fence(self):
        """Returns when all that the broker sent this client before has arrived: first the reply to a request (it is
        queued behind all events), then a message of its own (a connection keeps the order)."""
        if self.hears_replies:
            self.request(f"user/{self.user}/sync")
        self.marker()

    def marker(self):
        """The second half of a fence, for who has no signaling. QoS 2, because lower ones overtake it."""
        if self._fence_topic is None:
            self._fence_topic = f"fence/{secrets.token_hex(8)}"
            self.subscribe(self._fence_topic, 2)
        token = secrets.token_bytes(8)
        self.publish(self._fence_topic, token, 2)
        self.wait_message(lambda message: message.payload == token, "the fence")

    # Paho's thread

    @staticmethod
    def _on_socket(wrapped, action):
        """Does something to the connection's socket, which for websockets hides inside another object."""
        with socket.socket(fileno=os.dup(wrapped.fileno())) as plain:
            action(plain)

    def _on_connect(self, _client, _userdata, flags, code, *_):
        with self._changed:
            self._connack = (getattr(code, "value", code), bool(flags["session present"]))
            self._changed.notify_all()

    def _on_disconnect(self, *_):
        with self._changed:
            self.lost = not self._leaving
            self._changed.notify_all()

    def _on_subscribe(self, _client, _userdata, mid, granted, *_):
        with self._changed:
            self._granted[mid] = getattr(granted[0], "value", granted[0])
            self._changed.notify_all()

    def _on_publish(self, _client, _userdata, mid):
        with self._changed:
            self._published.add(mid)
            self._changed.notify_all()

    def _on_message(self, _client, _userdata, message):
        self._thawed.wait()
        with self._changed:
            try:
                self._receive(message)
            except Exception as error:  # pylint: disable=broad-except
                self._faults.append(f"{message.topic} {message.payload!r}: {error!r}")
            self.messages.append(message)
            self._changed.notify_all()

    def _receive(self, message):
        if self.broker.plugin and self.root == "beckon/v1" and message.topic.startswith("beckon/v1/"):
            self._capture(message)
        level = message.topic[len(self.inbox) + 1:].split("/")[0] if message.topic.startswith(self.inbox + "/") else ""
        if level not in ("event", "json", "reply"):
            return
        body = decode(message.payload)
        kind = encoding_of(message.payload)
        if self.v5:
            assert message.properties.ContentType == CONTENT_TYPES[kind], "Content Type"
        assert not message.retain, "retained"
        if level == "reply":
            assert message.qos == 1, "QoS"
            self.replies.append((message, body))
            return
        assert kind == {"event": "msgpack", "json": "json"}[level], "encoding"
        if body["event"] != "message":  # of which it does not tell
            assert message.qos == (0 if body["event"] == "new_invitation" and body["online_only"] else 1), "QoS"
        if SERVICE and self._is_told_again(level, body):
            return
        if not message.dup:
            self._check_event(level, body)
        self.events.append(body)

    def _is_told_again(self, level, event):
        """A service may tell an event again that it had told when it was killed: by `rev` a device knows."""
        return "rev" in event and event["event"] not in CALL_EVENTS and \
            event["rev"] <= self._revisions.get((level, event["id"]), 0)

    def _check_event(self, level, event):
        """What holds for all events: rev only rises, each (invitation, invitee) ends once, and nobody rings for what
        has ended (promise 1)."""
        if event["event"] == "message":
            assert ID.match(event["id"]) and ID.match(event["from"]) and ("to" in event) != ("group" in event), "message"
            return
        if "rev" not in event:
            assert ID.match(event["group"]) and ID.match(event["by"]) and event["by_device"], "group"
            return
        assert ID.match(event["id"]) and type(event["rev"]) is int and event["rev"] >= 1, "id, rev"
        assert ("by" in event) or ("by_device" not in event), "by"
        if event["event"] in CALL_EVENTS:
            return
        key = (level, event["id"])
        assert event["rev"] > self._revisions.get(key, 0), f"rev did not rise above {self._revisions.get(key)}"
        self._revisions[key] = event["rev"]
        assert event["event"] != "new_invitation" or (*key, self.user) not in self._answered, "it rings after its end"
        if event["event"] in ("invitee_accepted", "invitee_rejected"):
            ended = [event["invitee"]]
        elif event["event"] in ("invitation_cancelled", "invitation_timeout", "invitation_revoked"):
            ended = event["invitees"]
        else:
            ended = []
        for invitee in ended:
            assert (*key, invitee) not in self._answered, f"{invitee} had an answer already"
            self._answered.add((*key, invitee))

    def _check_reply(self, message, reply, sent, asked):
        """What holds for all replies."""
        levels = sent["topic"].split("/")
        if levels[0] == "operator":
            levels.insert(1, "")  # about nobody
        verb = levels[2] if len(levels) > 2 and ID.match(levels[2]) else "unknown"
        assert reply["re"] == verb, f"re of {reply}"
        assert encoding_of(message.payload) == sent["encoding"], f"the reply is not in the request's encoding: {reply}"
        assert sent["body"] is None or reply.get("req") == asked, f"req of {reply}"
        assert isinstance(reply["device"], str) and reply["device"], f"device of {reply}"
        if not SERVICE or (sent["named"] and reply.get("field") != "device" and not reply.get("error") in (
                "rate_limited", "wrong_sender", "unknown_request", "too_large", "invalid_request")):
            assert self._tag in (None, reply["device"]), f"the device tag changed: {reply}"
            self._tag = reply["device"]
        if reply["ok"] is True:
            assert "error" not in reply, reply
        else:
            assert reply["ok"] is False and reply["code"] == CODES[reply["error"]], f"code of {reply}"
            assert reply["message"] and isinstance(reply["message"], str), f"message of {reply}"

    @staticmethod
    def _capture(message):
        path = os.environ.get("BECKON_CAPTURE")
        if path and message.payload:
            line = json.dumps({"topic": message.topic, "encoding": encoding_of(message.payload),
                               "payload_b64": base64.b64encode(message.payload).decode()})
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(file, line.encode() + b"\n")  # one write, so that parallel tests do not mix their lines
            finally:
                os.close(file)

    # Waiting

    def _wait(self, done, what):
        with self._changed:
            self._changed.wait_for(lambda: done() or self.lost or self._faults, PATIENCE)
            self._raise_faults()
            if not done():
                raise AssertionError(f"{self.user}: " + ("the connection was lost before " if self.lost else "no ")
                                     + what)

    def _raise_faults(self):
        if self._faults:
            faults, self._faults = self._faults, []
            raise AssertionError(f"{self.user} received something wrong:\n" + "\n".join(faults))


class Driver:
    """A process with clients of the C++ library (tests/client/driver.cpp says how it is spoken with)."""

    def __init__(self):
        path = os.environ.get("BECKON_DRIVER")
        if not path or not os.path.isfile(path):
            raise AssertionError("BECKON_DRIVER must name client_driver")
        self.lines, self.clients = [], {}
        self._changed = threading.Condition()
        self._ended = False
        self._numbers = 0
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                                        text=True, bufsize=1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def client(self, user, server, *, name=None, options=None, connect=True, **how):
        """A client of that user; `options` are of ClientOptions, `how` goes beside them (poll=True)."""
        return DrivenClient(self, name or f"{user}-{self.number()}", user, server, options or {}, connect, how)

    def number(self):
        self._numbers += 1
        return self._numbers

    def tell(self, do, **fields):
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()

    def ask(self, do, **fields):
        """Tells, and returns the line that says that it is done."""
        number = f"ask-{self.number()}"
        self.tell(do, call=number, **fields)
        return self.wait(lambda line: line.get("did") == do and line.get("call") == number, f"the end of {do}")

    def wait(self, fits, what, since=0, patience=PATIENCE):
        """The first line at or after the place `since` that fits."""
        deadline = time.monotonic() + patience
        place = since
        with self._changed:
            while True:
                while place < len(self.lines):
                    if fits(self.lines[place]):
                        return self.lines[place]
                    place += 1
                if self._ended:
                    raise AssertionError(f"the driver ended before {what}")
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and place == len(self.lines):
                    raise AssertionError(f"no {what}")

    def position(self):
        return len(self.lines)

    def hang_up(self):
        """Says that there is no more to do."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def close(self):
        """Ends it, and checks that it leaves cleanly and what holds for every client at any time."""
        self.hang_up()
        try:
            code = self.process.wait(3 * PATIENCE)
        except subprocess.TimeoutExpired as hangs:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise AssertionError("the driver does not end") from hangs
        finally:
            self._reader.join(PATIENCE)
            self.process.stdout.close()
            self._errors.seek(0)
            errors = self._errors.read().decode("utf-8", "replace")
            self._errors.close()
        if code != 0 or errors:
            raise AssertionError(f"the driver ended with {code}\n{errors}")
        for client in self.clients.values():
            client.check()

    def log(self):
        return "\n".join(json.dumps(line) for line in self.lines)

    def _read(self):
        for text in self.process.stdout:
            with self._changed:
                self.lines.append({**json.loads(text), "place": len(self.lines), "at": time.monotonic()})
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class DrivenCall:
    """A call of a DrivenClient, answered once."""

    def __init__(self, client, verb, tag):
        self._client, self.verb, self.tag = client, verb, tag

    @property
    def id(self):
        """What `invite` and `inviteSeveral` returned."""
        return self.done["inviteID"]

    @property
    def done(self):
        """The line that says that the call returned."""
        return self._client.driver.wait(
            lambda line: line.get("did") == self.verb and line.get("call") == self.tag, f"return of {self.verb}")

    def result(self, patience=PATIENCE):
        return self._client.driver.wait(lambda line: line.get("result") == self.tag,
                                        f"result of {self.verb} of {self._client.name}", patience=patience)


class DrivenClient:
    """One client of the C++ library. What its listener `main` hears is kept in order until wait_event() takes it."""

    MAPPED = {"onReceiveNewInvitation": ["newInvitation"], "onInviteeAccepted": ["inviteeAccepted"],
              "onInviteeRejected": ["inviteeRejected"],
              "onInvitationCancelled": ["invitationCancelled", "invitationRevoked"],
              "onInvitationTimeout": ["invitationTimeout"], "onInvitationModified": ["invitationModified"],
              "onInviteeRinging": ["inviteeRinging"], "onSignal": ["signal"],
              "onParticipantLeft": ["participantLeft"], "onParticipantMoved": ["participantMoved"],
              "onCallEnded": ["callEnded"]}
    INVITES = ("invite", "inviteSeveral", "inviteInGroup", "inviteInGroupWith")
    # So that no test waits long for what it does not test.
    BRISK = {"reconnectMin": 20, "reconnectMax": 200}

    def __init__(self, driver, name, user, server, options, connect, how):
        self.driver, self.name, self.user, self.how = driver, name, user, how
        if isinstance(server, int):
            server = f"mqtt://127.0.0.1:{server}"
        login = {"password": PASSWORD} if PASSWORD else {}
        self.options = {**self.BRISK, "server": server, "userID": user, **login, **options}
        if how.get("poll"):
            self.options["delivery"] = "poll"
        self._calls, self._taken = set(), set()
        self._states_since = driver.position()
        driver.clients[name] = self
        driver.tell("new", client=name, options=self.options, **how)
        self.refused = driver.wait(lambda line: line.get("did") == "new" and line["client"] == name,
                                   f"client {name}").get("threw")
        if self.refused is None and connect:
            self.connect()
            self.wait_state("connected")

    # What it is told

    def tell(self, do, **fields):
        self.driver.tell(do, client=self.name, **fields)

    def ask(self, do, **fields):
        return self.driver.ask(do, client=self.name, **fields)

    def connect(self):
        self.ask("connect")

    def call(self, verb, **fields):
        tag = f"{verb}-{self.driver.number()}"
        self._calls.add(tag)
        self.tell(verb, call=tag, **fields)
        return DrivenCall(self, verb, tag)

    def action(self, verb, **fields):
        """A command for on() or `then`, and what becomes of its call."""
        tag = f"{verb}-{self.driver.number()}"
        self._calls.add(tag)
        return {"do": verb, "client": self.name, "call": tag, **fields}, DrivenCall(self, verb, tag)

    def invite(self, invitee, **fields):
        return self.call("invite", invitee=invitee, **fields)

    def ring(self, invitee, **fields):
        """An invitation that is expected to succeed; returns its id."""
        call = self.invite(invitee, **fields)
        result = call.result()
        assert result["ok"] and result["inviteID"] == call.id, result
        return call.id

    def on(self, event, *actions, **how):
        self.ask("on", event=event, actions=list(actions), **how)

    def destroy(self):
        self.tell("destroy")
        return self.wait_destroyed()

    def wait_destroyed(self):
        return self.driver.wait(lambda line: line.get("did") == "destroy" and line["client"] == self.name,
                                f"end of {self.name}")

    def pending(self):
        return {info["inviteID"]: info for info in self.ask("pending")["pending"]}

    def state(self):
        return self.ask("state")["state"]

    # What it hears

    def wait_state(self, state, patience=PATIENCE):
        """Takes the connection's states up to the next that is this one; returns its line."""
        line = self.driver.wait(
            lambda line: line.get("client") == self.name and line.get("event") == "onConnectionStateChanged"
            and line["listener"] == "main" and line["state"] == state,
            f"state {state} of {self.name}", self._states_since, patience)
        self._states_since = line["place"] + 1
        return line

    def wait_event(self, event, /, patience=PATIENCE, **fields):
        """Takes the first not yet taken call to `main` that has this name and these fields."""
        def fits(line):
            return (line.get("event") == event and line.get("client") == self.name and line["listener"] == "main"
                    and line["place"] not in self._taken
                    and all(line.get(name) == value for name, value in fields.items()))

        line = self.driver.wait(fits, f"{event} {fields} at {self.name}", patience=patience)
        self._taken.add(line["place"])
        return line

    def heard(self, *events, listener="main", **fields):
        """All such calls so far, taken or not; without names, all but the detailed ones and the connection's."""
        def fits(line):
            name = line.get("event")
            wanted = name in events if events else name not in ("onSignalingEvent", "onConnectionStateChanged")
            return (name and wanted and line.get("client") == self.name and line["listener"] == listener
                    and all(line.get(key) == value for key, value in fields.items()))

        return [line for line in list(self.driver.lines) if fits(line)]

    def untaken(self):
        return [line for line in self.heard() if line["place"] not in self._taken]

    def fence(self):
        """Returns when all that the broker sent it before has been told."""
        result = self.call("getSignalingInfo", id=f"fence-{self.driver.number()}").result()
        assert result["error"] == "unknown_invitation", result

    def no_more_events(self):
        self.fence()
        assert not self.untaken(), f"{self.name} heard what nobody expected: {self.untaken()}"

    # What always holds

    def check(self):
        """After the driver's end: each call had one result, and the rules of the listener were kept."""
        own = [line for line in self.driver.lines if line.get("client") == self.name]
        results = [line["result"] for line in own if "result" in line]
        assert len(results) == len(set(results)), f"a call of {self.name} had more than one result"
        begun = {line["call"] for line in own if line.get("call") in self._calls and "failed" not in line}
        assert set(results) == begun, f"{self.name} never heard of {begun ^ set(results)}"
        told = [line for line in own if "event" in line or "result" in line]
        destroyed = next((line["place"] for line in own if line.get("did") == "destroy"), None)
        for line in told:
            assert destroyed is None or line["place"] < destroyed, f"{self.name} was called after its end: {line}"
            assert not line.get("overlap"), f"two calls at once: {line}"
            allowed = (None, "poll", "destroy") if "result" in line else (None, "poll")
            assert line.get("within") in allowed, f"from within a call: {line}"
            assert line.get("within") == "destroy" or not line.get("nested"), f"within another callback: {line}"
            assert not ("result" in line and line.get("error") == "closed") or line.get("code") == 20193, line
        threads = {line["thread"] for line in told}
        if self.how.get("poll"):
            assert threads <= {0}, f"{self.name} is polled by the main thread, and was called from {threads}"
        elif self.options.get("delivery") != "poll":
            assert len(threads) <= 1 and 0 not in threads, f"{self.name} was called from {threads}"
        for listener in {line["listener"] for line in told if "listener" in line}:
            self._check_listener(listener, told)

    def _check_listener(self, listener, told):
        messages = [(line["sender"], line["msgID"]) for line in told
                    if line.get("listener") == listener and "msgID" in line]
        assert len(messages) == len(set(messages)), f"a message was told twice: {messages}"
        lost = {line["inviteID"] for line in told if line.get("event") == "onInvitationEnded" and line["state"] is None}
        announced, ended, before = set(), set(), {}
        known = {line["inviteID"] for line in self.driver.lines if line.get("client") == self.name
                 and line.get("did") in self.INVITES}
        failed = {line["inviteID"] for line in told if line.get("verb") in self.INVITES and not line["ok"]}
        for line in told:
            if line.get("listener") != listener or "inviteID" not in line:
                continue
            event, invitation = line["event"], line["inviteID"]
            if event == "onReceiveNewInvitation":
                assert invitation not in announced, f"rang twice: {line}"
                assert invitation not in ended, f"rang after its end: {line}"
                announced.add(invitation)
            if event == "onInvitationEnded":
                assert invitation not in ended, f"ended twice: {line}"
                assert invitation not in failed, f"ended what failed: {line}"
                assert invitation in known, f"ended what was never told: {line}"
                ended.add(invitation)
            if event != "onInvitationEnded":
                known.add(invitation)
            # (Of what the broker has forgotten there is no event to tell.)
            if event in self.MAPPED and not (event == "onInvitationCancelled" and invitation in lost):
                assert (before.get("event"), before.get("inviteID")) == ("onSignalingEvent", invitation) and \
                    before["type"] in self.MAPPED[event], f"no onSignalingEvent before {line}: {before}"
            before = line


class SystemTest(unittest.TestCase):
    """Starts brokers and clients, ends them, and prints the brokers' logs if the test failed."""

    # Each kind of client is somebody in every scenario, so that encodings and MQTT versions always mix.
    STYLES = {"alice": {}, "bob": {"encoding": "msgpack"}, "carol": {"v5": False},
              "dave": {"v5": False, "encoding": "msgpack"}}

    maxDiff = None

    def run(self, result=None):
        module = os.path.splitext(os.path.basename(sys.modules[type(self).__module__].__file__))[0]
        name = f"{module[len('test_'):]}.{'.'.join(self.id().split('.')[-2:])}"
        reason = of_a_broker.reason(name, ON_EJABBERD)
        if SERVICE and reason:
            result.startTest(self)
            result.addSkip(self, reason)
            result.stopTest(self)
            return result
        self._brokers, self._clients, self._drivers = [], [], []
        before = len(result.failures) + len(result.errors) if result is not None else 0
        super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            for number, broker in enumerate(self._brokers, 1):
                print(f"\n--- broker {number} of {len(self._brokers)} in {self.id()}\n{broker.log()}\n---", flush=True)
            for driver in self._drivers:
                print(f"\n--- the driver in {self.id()}\n{driver.log()}\n---", flush=True)
        return result

    def start_broker(self, options=(), **how):
        return self.make_broker(options, **how).start()

    def make_broker(self, options=(), **how):
        """One that is yet to be started."""
        broker = broker_of_host(options={**GENEROUS, **dict(options)}, **how)
        self._brokers.append(broker)
        self.addCleanup(broker.remove)
        self.addCleanup(broker.stop)
        return broker

    def start_driver(self):
        """A process for several clients of the C++ library."""
        if not self._drivers:
            self.addCleanup(self._close_drivers)
        driver = Driver()
        self._drivers.append(driver)
        return driver

    def drive(self, user, port, *, connect=True, **options):
        """A client of the C++ library in a process of its own (beside others in a process, Paho connects slowly)."""
        return self.start_driver().client(user, port, options=options, connect=connect)

    def _close_drivers(self):
        for driver in self._drivers:
            driver.hang_up()
        with contextlib.ExitStack() as all_of_them:
            for driver in self._drivers:
                all_of_them.callback(driver.close)

    def connect(self, broker, user=None, **how):
        """A client in the user's own style (STYLES), but for what is given."""
        return self.keep(Client(broker, user, **{**self.STYLES.get(user, {}), **how}))

    def connect_all(self, broker, *users):
        return [self.connect(broker, user) for user in users]

    def keep(self, client):
        self._clients.append(client)
        self.addCleanup(client.close)
        return client

    def close_clients(self):
        for client in self._clients:
            client.close()

    def hear(self, clients, name, **fields):
        """All of them get the event and nothing else; returns it, the same for all of them."""
        events = [client.wait_event(name, **fields) for client in clients]
        self.assertTrue(all(event == events[0] for event in events), events)
        for client in clients:
            client.no_more_events()
        return events[0]

    def assert_ok(self, reply, **fields):
        self.assertTrue(reply["ok"], reply)
        self._assert_fields(reply, fields)
        return reply

    def assert_refused(self, reply, error, **fields):
        self.assertEqual(reply.get("error"), error, reply)
        self._assert_fields(reply, fields)
        return reply

    def _assert_fields(self, reply, fields):
        for name, value in fields.items():
            self.assertEqual(reply.get(name), value, f"{name} of {reply}")

    def invite(self, inviter, invitee, **body):
        """An invitation that is expected to succeed; returns its id."""
        return self.assert_ok(inviter.ask(f"user/{invitee}/invite", **body))["id"]

    def eventually(self, attempt, accepted):
        """Asks again and again until the answer is accepted: for what only time brings about."""
        limit = time.monotonic() + PATIENCE
        while True:
            answer = attempt()
            if accepted(answer):
                return answer
            self.assertLess(time.monotonic(), limit, f"still {answer}")


def states(invitation):
    """user -> state of an invitation from `sync` or `get`."""
    return {invitee["user"]: invitee["state"] for invitee in invitation["invitees"]}
