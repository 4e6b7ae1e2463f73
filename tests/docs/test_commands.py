# SPDX-License-Identifier: Apache-2.0
"""What README and docs/by-hand.md tell to type is typed here, at a real broker, and what they say that it prints has
to come: `…` stands for what varies. The same for the house of docs/at-home.md, with its configuration.

A paragraph of a block that begins with a program's name is typed, line by line; any other is what is printed then, by
whatever runs in that section. Programs that wait (BACKGROUND) stay until the section ends. Each is at a terminal of its own, at
which somebody presses keys (KEYS).

Environment: BECKON_PLUGIN, BECKON_CLI, and BECKON_EXAMPLES, the directory of the programs of examples/.
"""

import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from pages import ROOT, blocks_of

sys.path.insert(0, str(ROOT / "tests" / "system"))
from harness import PATIENCE, Broker, port_that_stays_free  # noqa: E402

CLI = str(pathlib.Path(os.environ["BECKON_CLI"]).parent)
PAGES = ("README.md", "docs/by-hand.md")
PORT = "18830"  # of the pages; here it is one that is free
PROGRAMS = re.compile(r"(scripts/|build/|sudo |export |tail |beckon |mosquitto_(pub|sub|rr) )")
BACKGROUND = re.compile(r"tail -f |mosquitto_sub |build/examples/indoor_panel |beckon .*\b(listen|watch)\b")

# A line that begins so is not typed.
NOT_RUN = {
    "scripts/demo": "builds first; the story is the test `demo: the story`",
    "scripts/test": "runs this",
    "scripts/broker --port 18830": "a test of its own, below; in its place stands a broker whose log tells when "
                                   "somebody has subscribed",
    "build/examples/apartment": "in `demo: the story`",
    "build/examples/raise_hand": "in `demo: the story`",
    "build/examples/voice_room": "in `demo: the story`",
}

# What somebody presses while the line runs: whose program, what it has printed by then, the key.
KEYS = {
    "build/examples/door_station --server mqtt://127.0.0.1:18830 --user door kitchen": [("kitchen", "door rings", "a")],
    'beckon --user door call kitchen --timeout 20s && echo "we talked"': [
        ("kitchen", "door calls", "a"), ("kitchen", "talking", "h")],
    'beckon --user door call --group flat-3 --first --data "front door"': [
        ("hall", "door calls", "a"), ("hall", "talking", "h")],
    "beckon --server 127.0.0.1 --user door --password-file door.password call kitchen": [
        ("kitchen", "door calls", "a"), ("kitchen", "talking", "h")],
    "beckon --server 127.0.0.1 --user door --password-file door.password call --group flat --first": [
        ("kitchen", "door calls", "a"), ("kitchen", "talking", "h")],
}

# Numbers that are as time has it.
VARIES = re.compile(r'("(?:duration_ms|remaining_ms)":)\d+')


def fits(said):
    """What a line of the page allows to be printed."""
    said = VARIES.sub(r"\1…", said.strip())
    return re.compile(".*".join(map(re.escape, said.split("…"))))


class Typed:
    """A command at a terminal of its own; `changed` is notified of all that it prints."""

    def __init__(self, line, user, environment, directory, changed=None):
        self.line, self.user, self.text = line, user, ""
        self._changed, self._ended = changed or threading.Condition(), False
        self._terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(["bash", "-c", line], env=environment, cwd=directory, stdin=theirs,
                                        stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                more = os.read(self._terminal, 65536)
            except OSError:  # how a terminal ends
                more = b""
            with self._changed:
                self.text += more.decode("utf-8", "replace").replace("\r\n", "\n")
                self._ended = not more
                self._changed.notify_all()
                if not more:
                    return

    def wait(self, seen, since=0):
        """Until it has printed that."""
        with self._changed:
            self._changed.wait_for(lambda: seen in self.text[since:] or self._ended, PATIENCE)
            return seen in self.text[since:]

    def printed(self, pattern):
        return any(pattern.fullmatch(line.strip()) for line in self.text.splitlines())

    def presses(self, key):
        os.write(self._terminal, key.encode())

    def ends(self):
        code = self.process.wait(2 * PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        os.close(self._terminal)


class Desk:
    """Somebody who types what a section tells; what stands in `instead` is typed otherwise here."""

    def __init__(self, broker, directory, environment, instead):
        self.broker, self.directory, self.environment, self.instead = broker, directory, environment, instead
        self.exports, self.typed, self.skipped = [], [], set()
        self.changed = threading.Condition()

    def close(self):
        for program in self.typed:
            program.close()

    def do(self, block):
        for paragraph in block.text.strip("\n").split("\n\n"):
            do = self.type if PROGRAMS.match(paragraph) else self.sees
            for line in paragraph.split("\n"):
                do(line)

    def type(self, line):
        reason = next((start for start in NOT_RUN if line.startswith(start)), None)
        if reason is not None:
            self.skipped.add(reason)
            return
        if line.startswith("export "):
            self.exports = [self.here(line)]
            return
        if "| jq " in line and not shutil.which("jq"):
            return
        command = re.sub(r" {2,}#.*", "", line)
        user = re.search(r"(?:-u|--user) (\S+)", command)
        since = self.broker.log_position()
        told = {program: len(program.text) for program in self.typed}
        program = Typed("; ".join([*self.exports, self.here(command)]), user and user[1], self.environment,
                        self.directory, self.changed)
        self.typed.append(program)
        if BACKGROUND.match(command):
            if user:  # The library's programs ask `sync` when they have subscribed.
                self.broker.wait_log(r"Sending SUBACK to" if command.startswith("mosquitto_sub") else
                                     rf"PUBLISH from .*beckon/v1/user/{user[1]}/sync", since)
            return
        for who, seen, key in KEYS.get(command, ()):
            at = next(one for one in reversed(self.typed) if one.user == who)
            assert at.wait(seen, told.get(at, 0)), f"{at.line} never told {seen}:\n{at.text}"
            at.presses(key)
        code = program.ends()
        assert code == 0, f"{line} ended with {code}:\n{program.text}"
        if command.startswith("mosquitto_pub"):
            # It is gone before the broker has read all: what is typed next comes after it.
            self.broker.wait_log(r"Client \S+ (\[.*\] )?(disconnected|closed its connection)", since)

    def here(self, line):
        """As it is typed where this test runs."""
        for there, here in self.instead.items():
            line = line.replace(there, here)
        return line

    def sees(self, line):
        pattern = fits(line)
        with self.changed:
            seen = self.changed.wait_for(lambda: any(program.printed(pattern) for program in self.typed), PATIENCE)
        assert seen, f"nobody printed {line}, but\n" + "\n".join(f"{one.line}\n{one.text}" for one in self.typed)


class DeskTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        # Nothing of who runs this: no configuration, no server.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}
        self.environment.update(HOME=self.directory, XDG_CONFIG_HOME=self.directory, TERM="dumb", NO_COLOR="1")


class ByHand(DeskTest):
    def test_all_that_the_pages_tell_is_so(self):
        skipped = set()
        for page in PAGES:
            blocks = [block for block in blocks_of(page) if block.language in ("", "sh")]
            self.assertTrue(blocks, page)
            broker = Broker(allow_anonymous=True)  # with the limits that anybody has
            self.addCleanup(broker.remove)
            broker.start()
            for section in dict.fromkeys(block.section for block in blocks):
                with self.subTest(page=page, section=section):
                    desk = Desk(broker, self.directory, self.environment, {
                        PORT: str(broker.port), "$PWD/build/cli": CLI,
                        "build/examples/": os.environ["BECKON_EXAMPLES"] + "/"})
                    try:
                        for block in blocks:
                            if block.section == section:
                                desk.do(block)
                    finally:
                        desk.close()
                        skipped |= desk.skipped
            broker.stop()
        self.assertEqual(set(NOT_RUN) - skipped, set(), "these are in no page any more")

    def test_keys_are_pressed_for_lines_that_are_there(self):
        lines = {line for page in (*PAGES, "docs/at-home.md") for block in blocks_of(page) for line in block.lines}
        self.assertEqual(set(KEYS) - lines, set())

    def test_scripts_broker_is_a_broker_with_beckon(self):
        port = port_that_stays_free()
        script = Typed(f"exec {ROOT}/scripts/broker --port {port} --plugin {os.environ['BECKON_PLUGIN']}", None,
                       {**os.environ, **self.environment}, self.directory)
        self.addCleanup(script.close)
        self.assertTrue(script.wait(f"Beckon is listening on 127.0.0.1:{port}."), script.text)
        asked = subprocess.run(["mosquitto_rr", "-V", "5", "-p", str(port), "-u", "door", "-t",
                                "beckon/v1/user/door/sync", "-e", "beckon/v1/inbox/door/reply", "-n", "-W",
                                str(int(PATIENCE))], capture_output=True, text=True, check=False)
        self.assertIn('"re":"sync","ok":true', asked.stdout, asked.stderr)
        script.process.send_signal(signal.SIGINT)
        self.assertEqual(script.ends(), 0, script.text)


NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


class HouseBroker(Broker):
    """The one of docs/at-home.md: what the package brings, and what the page writes to house.conf, with other ports
    and paths."""

    def _configuration(self):
        parts = [block.text for block in blocks_of("docs/at-home.md") if block.language == "conf"]
        text = (ROOT / "debian/beckon.conf").read_text(encoding="utf-8") + "".join(parts)
        for there, here in ({"/usr/lib/mosquitto/mosquitto_beckon.so": os.environ["BECKON_PLUGIN"],
                             "#plugin_opt_operators anna": "plugin_opt_operators anna",
                             "/etc/mosquitto/passwd": f"{self.directory}/passwd",
                             "listener 1883": f"listener {self.port} 127.0.0.1",
                             "listener 9001": f"listener {self.websockets_port}"}).items():
            if there not in text:
                raise AssertionError(f"the page says nothing of {there}")
            text = text.replace(there, here)
        return f"user root\nlog_dest stderr\nlog_type all\n{text}"


class AtHome(DeskTest):
    NAMES = ("door", "kitchen", "anna")

    @classmethod
    def setUpClass(cls):
        cls.broker = HouseBroker(websockets=True)
        cls.addClassCleanup(cls.broker.remove)
        at = cls.broker.directory
        with open(f"{at}/passwd", "w", encoding="utf-8") as file:
            file.writelines(f"{name}:the password of {name}\n" for name in cls.NAMES)
        subprocess.run(["mosquitto_passwd", "-U", f"{at}/passwd"], check=True, capture_output=True)
        (certificate,) = (block.text for block in blocks_of("docs/at-home.md") if "openssl req" in block.text)
        certificate = certificate[certificate.index("sudo openssl"):]
        subprocess.run(certificate.replace("sudo ", "").replace("/etc/nginx", at), shell=True, check=True,
                       capture_output=True)
        pathlib.Path(at, "page").mkdir()
        pathlib.Path(at, "page", "index.html").write_text("the intercom", encoding="utf-8")
        cls.broker.start()
        cls.addClassCleanup(cls.broker.stop)

    def test_the_house_rings(self):
        instead = {"--server 127.0.0.1": f"--server 127.0.0.1:{self.broker.port}",
                   "-h home.local": f"-h 127.0.0.1 -p {self.broker.port}", "-P …": "-P 'the password of door'"}
        for name in self.NAMES:
            pathlib.Path(self.directory, f"{name}.password").write_text(f"the password of {name}\n", encoding="utf-8")
        desk = Desk(self.broker, self.directory, {**self.environment, "PATH": f"{CLI}:{os.environ['PATH']}"}, instead)
        self.addCleanup(desk.close)
        for block in blocks_of("docs/at-home.md"):
            for line in block.lines:
                if line.startswith(("beckon ", "mosquitto_pub ")):
                    desk.type(line)
        doctor = next(program.text for program in desk.typed if program.line.endswith("doctor"))
        self.assertRegex(doctor, r"\A(ok .*\n)+\Z")
        listens = next(program for program in desk.typed if program.line.endswith("listen"))
        self.assertTrue(listens.wait('"front door"'), listens.text)  # the button of the page

    def start_nginx(self):
        """With what the page writes to home.conf; its port."""
        port, at = port_that_stays_free(), self.broker.directory
        (server,) = (block.text for block in blocks_of("docs/at-home.md") if block.language == "nginx")
        for there, here in {"listen 8443": f"listen 127.0.0.1:{port}", "127.0.0.1:9001": f"127.0.0.1:{self.broker.websockets_port}",
                            "/usr/share/mosquitto-beckon/web_intercom": f"{at}/page"}.items():
            self.assertIn(there, server)
            server = server.replace(there, here)
        os.chmod(at, 0o755)
        pathlib.Path(at, "nginx.conf").write_text(
            f"pid {at}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{server}\n}}\n", encoding="utf-8")
        nginx = subprocess.Popen([NGINX, "-p", at, "-c", f"{at}/nginx.conf", "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.02)
        raise AssertionError("nginx does not listen")

    @unittest.skipIf(NGINX is None, "there is no nginx")
    def test_the_page_comes_by_https_with_the_certificate_that_was_made(self):
        trust = ssl.create_default_context(cafile=f"{self.broker.directory}/home.crt")
        with socket.create_connection(("127.0.0.1", self.start_nginx()), PATIENCE) as plain, \
                trust.wrap_socket(plain, server_hostname="home.local") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: home.local\r\n\r\n")
            told = b""
            while b"the intercom" not in told:
                more = secure.recv(4096)
                self.assertTrue(more, told)
                told += more


if __name__ == "__main__":
    unittest.main()
