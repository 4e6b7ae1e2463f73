# SPDX-License-Identifier: Apache-2.0
"""Kamailio, a SIP proxy, and SIPp as its callers and callees: what a call that is set up costs it, and one that rings."""
import contextlib
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from sides import pinned

HERE = pathlib.Path(__file__).parent / "kamailio"
PATIENCE_S = 60
KAMAILIO = shutil.which("kamailio", path=os.environ["PATH"] + ":/usr/sbin")
SIPP = shutil.which("sipp")


def why_not():
    """Why there is no Kamailio here; nothing: there is."""
    missing = [name for name, path in (("kamailio", KAMAILIO), ("sipp", SIPP)) if path is None]
    return f"there is no {' and no '.join(missing)}" if missing else ""


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Kamailio:
    """A proxy of one worker, in a folder of its own."""

    def __enter__(self):
        self._ends = contextlib.ExitStack()
        self._folder = pathlib.Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="beckon-kamailio-")))
        self.port = free_port()
        configuration = self._folder / "kamailio.cfg"
        configuration.write_text((HERE / "kamailio.cfg").read_text(encoding="utf-8").replace("PORT", str(self.port)),
                                 encoding="utf-8")
        # The shared memory is there for as many calls as are held.
        self._process = subprocess.Popen(
            [*pinned(0), KAMAILIO, "-f", str(configuration), "-Y", str(self._folder), "-m", "2048", "-M", "32", "-x", "fm",
             "-DD", "-E"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._ends.callback(self._stop)
        self._answers()
        return self

    def __exit__(self, *_):
        self._ends.close()

    def _stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def _answers(self):
        """Waits until it does: to what has nowhere to go, by an error."""
        ask = (f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKa;rport\r\n"
               f"From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n"
               f"Max-Forwards: 0\r\nContent-Length: 0\r\n\r\n").encode()
        deadline = time.monotonic() + PATIENCE_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(("127.0.0.1", self.port))
            one.settimeout(0.2)
            while time.monotonic() < deadline and self._process.poll() is None:
                with contextlib.suppress(OSError):
                    one.send(ask)
                    one.recv(4096)
                    return
                time.sleep(0.05)
        raise SystemExit("Kamailio does not answer")

    def _all(self):
        return [path.split("/")[2] for path in glob.glob("/proc/[0-9]*/stat") if _session(path) == self._process.pid]

    def cpu_us(self):
        """That all its processes have taken."""
        return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
                   for pid in self._all()) / 1e3

    def resident_bytes(self):
        """Of all its processes, what they share counted once."""
        total = 0
        for pid in self._all():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    @contextlib.contextmanager
    def _sipp(self, scenario, port, *words):
        process = subprocess.Popen(
            [*pinned(1), SIPP, "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin", *map(str, words)],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def _callers(self, callee_port, calls, at_once):
        return self._sipp(HERE / "caller.xml", free_port(), f"127.0.0.1:{self.port}", "-key", "callee_port", callee_port,
                          "-m", calls, "-l", at_once, "-r", 20000, "-rp", 1000)

    def set_up(self, calls, at_once=32):
        """CPU in microseconds of each of so many calls: INVITE, 100, 180, 200, ACK."""
        port = free_port()
        with self._sipp(HERE / "callee.xml", port):
            time.sleep(0.3)  # SIPp does not say when it listens; what comes early is sent again
            before = self.cpu_us()
            with self._callers(port, calls, at_once) as callers:
                if callers.wait(PATIENCE_S):
                    raise SystemExit("not all of Kamailio's calls were set up")
            return (self.cpu_us() - before) / calls

    def held(self, calls):
        """Resident bytes of each of so many calls that ring."""
        scenario = self._folder / "rings.xml"
        text = (HERE / "callee.xml").read_text(encoding="utf-8")
        scenario.write_text(text.partition("<!-- accept -->")[0] + "</scenario>\n", encoding="utf-8")
        port = free_port()
        before = self.resident_bytes()
        with self._sipp(scenario, port), self._callers(port, calls, calls):
            settled, last, deadline = 0, before, time.monotonic() + PATIENCE_S
            while settled < 4:  # a second without a page more, once there is as much as calls cannot be without
                if time.monotonic() > deadline:
                    raise SystemExit("the calls that Kamailio holds do not settle")
                time.sleep(0.25)
                now = self.resident_bytes()
                settled, last = (settled + 1, last) if now == last > before + 1024 * calls else (0, now)
            return (last - before) / calls


def _session(stat):
    try:
        return int(pathlib.Path(stat).read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[3])
    except OSError:
        return 0
