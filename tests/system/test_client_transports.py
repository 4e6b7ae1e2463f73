# SPDX-License-Identifier: Apache-2.0
"""The C++ library over TLS and websockets: whom it trusts, and whom it shows who it is."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness import SystemTest, libfaketime, port_that_stays_free


def openssl(directory, *arguments, **environment):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True,
                   env={**os.environ, **environment})


def make_authority(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")


def make_certificate(directory, name, authority, *, subject=None, alternatives=None, password=None, made="+0"):
    """For two days from when it is `made`, as libfaketime says that: `-3d`."""
    key = ["-passout", f"pass:{password}"] if password else ["-nodes"]
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *key, "-subj",
            f"/CN={subject or name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    with open(os.path.join(directory, f"{name}.ext"), "w", encoding="utf-8") as file:
        file.write(f"subjectAltName={alternatives}\n" if alternatives else "basicConstraints=CA:FALSE\n")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt",
            **({} if made == "+0" else {"LD_PRELOAD": libfaketime(), "FAKETIME": made}))


class Transports(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="beckon-certificates-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        for authority in ("ours", "theirs"):
            make_authority(cls.directory, authority)
        make_certificate(cls.directory, "broker", "ours", alternatives="DNS:localhost,IP:127.0.0.1")
        make_certificate(cls.directory, "elsewhere", "ours", subject="example.org", alternatives="DNS:example.org")
        make_certificate(cls.directory, "bob", "ours")
        make_certificate(cls.directory, "locked", "ours", subject="bob", password="sesame")
        make_certificate(cls.directory, "stranger", "theirs", subject="bob")

    def file(self, name):
        return os.path.join(self.directory, name)

    def start_tls_broker(self, certificate="broker", *more):
        self.tls_port = port_that_stays_free()
        return self.start_broker(config="\n".join([
            f"listener {self.tls_port} 127.0.0.1", f"certfile {self.file(certificate + '.crt')}",
            f"keyfile {self.file(certificate + '.key')}", *more]))

    def client(self, scheme="mqtts", host="127.0.0.1", *, connect=True, path="", **options):
        return self.drive("bob", f"{scheme}://{host}:{self.tls_port}{path}", connect=connect, **options)

    def assert_in(self, client):
        client.fence()
        again = client.ring("alice", data="over TLS")
        self.assertIn(again, client.pending())

    def assert_kept_out(self, client):
        client.connect()
        self.assertTrue(client.wait_state("disconnected")["why"])
        self.assertEqual(client.invite("alice").result()["error"], "not_connected")
        self.assertFalse(client.heard("onConnectionStateChanged", state="connected"))

    def test_a_broker_whose_certificate_is_in_order_is_trusted(self):
        self.start_tls_broker()
        for host in ("127.0.0.1", "localhost"):
            with self.subTest(host):
                self.assert_in(self.client(host=host, caFile=self.file("ours.crt")))

    def test_a_certificate_of_another_authority_is_refused(self):
        self.start_tls_broker()
        self.assert_kept_out(self.client(caFile=self.file("theirs.crt"), requestTimeout=1000, connect=False))

    def test_a_certificate_that_the_system_does_not_know_is_refused(self):
        self.start_tls_broker()
        self.assert_kept_out(self.client(requestTimeout=1000, connect=False))

    def test_a_certificate_for_another_name_is_refused(self):
        self.start_tls_broker("elsewhere")
        for host in ("127.0.0.1", "localhost"):
            with self.subTest(host):
                self.assert_kept_out(self.client(host=host, caFile=self.file("ours.crt"), requestTimeout=1000,
                                                 connect=False))

    def test_without_verification_anybody_is_trusted(self):
        self.start_tls_broker("elsewhere")
        self.assert_in(self.client(caFile=self.file("theirs.crt"), verify=False))
        self.assert_in(self.client(verify=False))

    def test_a_broker_that_speaks_no_tls_is_no_broker(self):
        self.tls_port = self.start_broker().port
        self.assert_kept_out(self.client(caFile=self.file("ours.crt"), requestTimeout=1000, connect=False))

    def test_a_broker_may_ask_for_a_certificate(self):
        self.start_tls_broker("broker", f"cafile {self.file('ours.crt')}", "require_certificate true")
        ours = {"caFile": self.file("ours.crt")}
        self.assert_in(self.client(certFile=self.file("bob.crt"), keyFile=self.file("bob.key"), **ours))
        self.assert_in(self.client(certFile=self.file("locked.crt"), keyFile=self.file("locked.key"),
                                   keyPassword="sesame", **ours))
        ours.update(requestTimeout=1000, connect=False)
        self.assert_kept_out(self.client(**ours))
        self.assert_kept_out(self.client(certFile=self.file("stranger.crt"), keyFile=self.file("stranger.key"),
                                         **ours))

    def test_files_that_are_not_there_are_told(self):
        self.start_tls_broker()
        client = self.client(caFile=self.file("nowhere.crt"), requestTimeout=1000, connect=False)
        if client.refused is None:  # both are in order: told at once, or when it connects
            self.assert_kept_out(client)
        else:
            self.assertIn("caFile", client.refused)

    def test_websockets(self):
        broker = self.start_broker(websockets=True)
        for path in ("", "/", "/mqtt"):
            with self.subTest(path):
                bob = self.drive("bob", f"ws://127.0.0.1:{broker.websockets_port}{path}")
                alice = self.drive("alice", broker.port)
                invitation = alice.ring("bob", data="x" * 10000)
                bob.wait_event("onReceiveNewInvitation", inviteID=invitation, data="x" * 10000)
                self.assertTrue(bob.call("accept", id=invitation, data="y" * 10000).result()["ok"])
                alice.wait_event("onInviteeAccepted", inviteID=invitation, data="y" * 10000)
                bob.destroy()
                alice.destroy()

    def test_websockets_over_tls(self):
        self.start_tls_broker("broker", "protocol websockets", "socket_domain ipv4")
        bob = self.client("wss", caFile=self.file("ours.crt"))
        self.assert_in(bob)
        self.assert_kept_out(self.client("wss", caFile=self.file("theirs.crt"), requestTimeout=1000, connect=False))


if __name__ == "__main__":
    unittest.main()
