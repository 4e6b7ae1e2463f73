# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends: an answer as the contract says, the connection and the broker alive, nothing changed."""

import base64
import random
import struct
import unittest

import msgpack

from harness import SERVICE, SystemTest, data_of, encode, states

VERBS = ("accept", "reject", "cancel", "modify", "ringing", "add", "get")
TYPES = {"null": None, "truth": True, "number": 7, "fraction": 1.5, "text": "text", "list": ["a"], "map": {"a": 1}}


def packed(*parts):
    """A msgpack map of these already packed keys and values."""
    return msgpack.Packer().pack_map_header(len(parts) // 2) + b"".join(parts)


def nested(depth):
    """A JSON and a msgpack request whose depth is that (the top map is 1)."""
    value = 1
    for _ in range(depth - 1):
        value = [value]
    return encode({"x": value}, "json"), encode({"x": value}, "msgpack")


class BadInputTest(SystemTest):
    def setUp(self):
        # Mosquitto 2.1 takes no more than 2 MB unless it is told.
        self.broker = self.start_broker(config="max_packet_size 60000000")
        self.alice, self.bob = self.connect_all(self.broker, "alice", "bob")
        self.invitation = self.invite(self.alice, "bob", data="before")
        self.bob.wait_event("new_invitation")

    def tearDown(self):
        """After all of it nothing has changed, and signaling goes on."""
        for client in (self.alice, self.bob):
            client.no_more_events()
            self.assertEqual(list(client.sync()), [self.invitation])
        shown = self.alice.sync()[self.invitation]
        self.assertEqual((shown["rev"], data_of(shown), states(shown)), (1, "before", {"bob": "pending"}))
        self.assert_ok(self.bob.ask(f"invitation/{self.invitation}/accept"))
        self.alice.wait_event("invitee_accepted")

    def assert_invalid(self, payload, topic="user/bob/invite", **fields):
        with self.subTest(topic=topic, payload=payload[:60], size=len(payload)):
            self.assert_refused(self.alice.request(topic, payload=payload), "invalid_request", **fields)


class Bodies(BadInputTest):
    def test_an_empty_payload_is_an_empty_map(self):
        self.assert_refused(self.alice.request(f"invitation/{self.invitation}/modify", payload=b""),
                            "invalid_request", field="data")
        self.assert_ok(self.alice.request(f"invitation/{self.invitation}/get", payload=b""))

    def test_truncated(self):
        for body in ({"data": "x", "also": ["carol"]}, {"timeout_ms": 70000, "x": {"y": [1.5, None]}}):
            for encoding in ("json", "msgpack"):
                whole = encode(body, encoding)
                for length in range(1, len(whole)):
                    self.assert_invalid(whole[:length])

    def test_not_a_map(self):
        for value in ([], ["data"], "text", 7, -7, None, True, 1.5, b"bytes"):
            self.assert_invalid(msgpack.packb(value))
        for payload in (b"[]", b'"text"', b"7", b"null", b" []", b"\xef\xbb{}", b"\x00", b"\xc1", b"}"):
            self.assert_invalid(payload)

    def test_not_json(self):
        for payload in (b"{", b"{]", b"{'data':1}", b"{data:1}", b'{"data":}', b'{"data" "x"}', b'{"data":"x",}',
                        b'{"x":01}', b'{"x":+1}', b'{"x":.5}', b'{"x":NaN}', b'{"x":Infinity}', b'{"x":"\\q"}',
                        b'{"x":"\\u12"}', b'{"x":"a\nb"}', b'{"x":"a\0b"}', b"{/**/}", b'{"x":tru}', b"{1:2}",
                        b'{null:1}', b"{\0}"):
            self.assert_invalid(payload)

    def test_trailing_bytes(self):
        for body in ({}, {"data": "x"}):
            for encoding in ("json", "msgpack"):
                for tail in (b"\0", b"{}", b"x", b"\x80", b"\xc0"):
                    self.assert_invalid(encode(body, encoding) + tail)

    def test_sizes_that_the_payload_does_not_have(self):
        data = msgpack.packb("data")
        for header in (b"\xdf\xff\xff\xff\xff", b"\xde\xff\xff", b"\x8f"):
            self.assert_invalid(header)
            self.assert_invalid(header + data + b"\xa1x")
        for value in (b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                      b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x01", b"\xd9\xff"):
            self.assert_invalid(packed(data, value))
            self.assert_invalid(packed(msgpack.packb("unknown"), value))

    def test_too_deep(self):
        for payload in nested(9) + nested(100) + nested(500):
            self.assert_invalid(payload)
        self.assert_invalid(b'{"x":' + b"[" * 30000)
        self.assert_invalid(b'{"x":' * 6000)
        self.assert_invalid(b"\x81\xa1x" + b"\x91" * 30000)
        self.assert_invalid(b"\x81\xa1x" * 10000)
        for payload in nested(8):
            self.assert_ok(self.alice.request("user/alice/sync", payload=payload))

    def test_duplicate_keys(self):
        for payload in (b'{"data":"a","data":"b"}', b'{"data":"a","data":"a"}', b'{"data":"a","\\u0064ata":"b"}',
                        b'{"unknown":1,"unknown":2}', b'{"x":{"a":1,"a":2}}', b'{"x":[{"a":1,"a":2}]}'):
            self.assert_invalid(payload)
        data, short, long = msgpack.packb("data"), b"\xa1x", b"\xd9\x01x"
        self.assert_invalid(packed(data, short, data, b"\xa1y"))
        self.assert_invalid(packed(short, b"\x01", short, b"\x02"))
        self.assert_invalid(packed(short, b"\x01", long, b"\x02"))  # two spellings of one key
        self.assert_invalid(packed(short, packed(short, b"\x01", long, b"\x02")))

    def test_invalid_utf_8(self):
        for broken in (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"):
            size = bytes([0xa0 + len(broken)])
            self.assert_invalid(b'{"data":"' + broken + b'"}')
            self.assert_invalid(b'{"unknown":"' + broken + b'"}')
            self.assert_invalid(b'{"' + broken + b'":1}')
            self.assert_invalid(packed(msgpack.packb("data"), size + broken))
            self.assert_invalid(packed(msgpack.packb("unknown"), size + broken))
            self.assert_invalid(packed(size + broken, b"\x01"))
        for lone in (b"\\ud800", b"\\udc00", b"\\ud800x", b"\\udc00\\ud800"):
            self.assert_invalid(b'{"data":"' + lone + b'"}')

    def test_random_bytes_and_mutations_each_get_an_answer(self):
        generator = random.Random(20210614)
        whole = [encode({"data": "x", "timeout_ms": 1000, "also": ["carol"], "answer": "first", "x": {"y": [1]}}, form)
                 for form in ("json", "msgpack")]
        payloads = [generator.randbytes(generator.randrange(1, 100)) for _ in range(200)]
        for _ in range(400):
            payload = bytearray(generator.choice(whole))
            for _ in range(generator.randrange(1, 4)):
                payload[generator.randrange(len(payload))] = generator.randrange(256)
            payloads.append(bytes(payload))
        # To a topic whose request is refused even if a mutation happens to be a good body.
        sent = [self.alice.send("user/alice/invite", payload=payload) for payload in payloads]
        for token, payload in zip(sent, payloads):
            with self.subTest(payload=payload):
                self.assert_refused(self.alice.wait_reply(token), "invalid_request")


class Types(BadInputTest):
    def refuse_all_but(self, good, field, topic, needed=(), skip=()):
        """Each wrong type of this field is refused by name, in both encodings and whoever asks."""
        for client, encoding in ((self.alice, "json"), (self.bob, "msgpack")):
            extra = {"bytes": b"bytes", "ext": msgpack.ExtType(5, b"x")} if encoding == "msgpack" else {}
            for name, value in {**TYPES, **extra}.items():
                if name in good or name in skip:
                    continue
                with self.subTest(field=field, type=name, encoding=encoding, topic=topic):
                    reply = client.ask(topic.format(other={"alice": "bob", "bob": "alice"}[client.user]),
                                       **{**dict(needed), field: value})
                    self.assert_refused(reply, "invalid_request", field=field)

    def test_every_field_of_invite(self):
        for field, good in (("id", ["text"]), ("data", ["text", "bytes"]), ("timeout_ms", ["number"]), ("also", []),
                            ("answer", []), ("call", ["truth"]), ("online_only", ["truth"]), ("on_inviter_lost", []),
                            ("visibility", []), ("req", ["text", "number"])):
            self.refuse_all_but(good, field, "user/{other}/invite", skip=["list"] if field == "also" else [])

    def test_every_field_of_what_is_said_in_calls(self):
        for verb, fields in (("signal", (("to", ["text"]), ("seq", ["number"]), ("data", ["text", "bytes"]))),
                             ("hangup", (("reason", ["text"]), ("all", ["truth"]), ("data", ["text", "bytes"])))):
            for field, good in fields:
                self.refuse_all_but(good, field, f"invitation/{self.invitation}/{verb}",
                                    needed={"data": "x"} if verb == "signal" and field != "data" else {})

    def test_lists_of_users_hold_users(self):
        for value in ([7], [None], [["carol"]], [""], ["carol", "a/b"], ["x" * 65], [True], [{"user": "carol"}]):
            self.assert_refused(self.alice.ask("user/bob/invite", also=value), "invalid_request", field="also")
            for verb in ("add", "cancel"):
                self.assert_refused(self.alice.ask(f"invitation/{self.invitation}/{verb}", invitees=value),
                                    "invalid_request", field="invitees")

    def test_the_fields_of_the_others(self):
        topic = f"invitation/{self.invitation}/"
        for verb in VERBS:
            self.refuse_all_but(["text", "number"], "req", topic + verb)
        for verb in ("accept", "reject", "cancel", "modify"):
            self.refuse_all_but(["text", "bytes"], "data", topic + verb)
        self.refuse_all_but(["text"], "reason", topic + "reject")
        self.refuse_all_but([], "invitees", topic + "cancel", skip=["list"])
        self.refuse_all_but([], "invitees", topic + "add", skip=["list"])
        self.refuse_all_but(["number"], "timeout_ms", topic + "add", needed={"invitees": ["carol"]})

    def test_numbers_that_are_no_durations(self):
        for number in (b"1e400", b"-1e400"):  # no double holds them, so no field need be to blame
            self.assert_invalid(b'{"timeout_ms":' + number + b"}")
        for number in (b"-1", b"1.5", b"1e30", b"9223372036854775808", b"18446744073709551616",
                       b"-9223372036854775809", b'"30000"', b"86400001", b"1e-5"):
            self.assert_invalid(b'{"timeout_ms":' + number + b"}", field="timeout_ms")
        for form, head, number in ((">Bd", 0xcb, float("nan")), (">Bd", 0xcb, float("inf")), (">Bd", 0xcb, 1.5),
                                   (">Bf", 0xca, -1.0), (">BQ", 0xcf, 2**64 - 1), (">Bq", 0xd3, -2**63),
                                   (">Bb", 0xd0, -1)):
            self.assert_invalid(packed(msgpack.packb("timeout_ms"), struct.pack(form, head, number)),
                                field="timeout_ms")

    def test_an_integral_number_is_one_however_it_is_written(self):
        payloads = [b'{"timeout_ms":' + text + b"}" for text in (b"30000.0", b"3e4", b"30000")]
        payloads += [packed(msgpack.packb("timeout_ms"), struct.pack(form, head, 30000))
                     for form, head in ((">Bd", 0xcb), (">Bf", 0xca), (">BQ", 0xcf), (">Bi", 0xd2))]
        for payload in payloads:
            reply = self.assert_ok(self.alice.request("user/carol/invite", payload=payload))
            self.assertTrue(0 < reply["remaining_ms"] <= 30000)
            if SERVICE:  # for which whoever says no `device` is another than the one that said `here`
                self.alice.wait_event("new_invitation", id=reply["id"], role="inviter")
            self.assert_ok(self.alice.ask(f"invitation/{reply['id']}/cancel"))
            self.alice.wait_event("invitation_cancelled", id=reply["id"])

    def test_base64_that_is_none(self):
        for text in ("*", "YQ", "YQ=", "YQ===", "Y Q==", "YQ==\n", "YQ==YQ==", "-_-_", "=", 7, None):
            reply = self.assert_refused(self.alice.ask("user/bob/invite", data_b64=text), "invalid_request")
            self.assertIn(reply["field"], ("data_b64", "data"))

    def test_a_refusal_echoes_req_where_it_can_be_read(self):
        for req in ("mine", 7):
            for client in (self.alice, self.bob):
                self.assert_refused(client.ask("user/carol/invite", req=req, timeout_ms="soon"), "invalid_request",
                                    req=req)


class Topics(BadInputTest):
    def test_unknown_verbs_and_shapes(self):
        for topic in ("user/bob/frobnicate", f"invitation/{self.invitation}/frobnicate", "user/bob/Invite",
                      f"invitation/{self.invitation}/sync", "user/bob/fro bnicate", "user/bob/accept", "user/bob/",
                      "user", "user/bob", "user/bob/invite/alice/more", "invitation", f"invitation/{self.invitation}",
                      f"invitation/{self.invitation}/accept/alice/more", "nonsense", "non/sense", "non/sense/at",
                      "non/sense/at/all", "a/b/c/d/e/f/g/h", "", "/", "//", "user/alice/sync/alice/more",
                      "x" * 300, "user/bob/" + "x" * 65, "User/bob/invite"):
            for payload in (b"", b"{}", b"\x80"):
                with self.subTest(topic=topic, payload=payload):
                    self.assert_refused(self.alice.request(topic, payload=payload), "unknown_request", code=20105)

    def test_what_it_does_not_know(self):
        for topic in ("group/family/sync", "group/family/accept", "group/family/hangup"):
            self.assert_refused(self.alice.ask(topic, data="x"), "unknown_request")

    def test_bad_ids_in_a_topic_are_named_after_their_place(self):
        for bad in ("", "b ob", "b\u00f6b", "x" * 65, "a,b", "*", "b$b", "\u202ebob"):
            with self.subTest(id=bad):
                self.assert_refused(self.alice.ask(f"user/{bad}/invite"), "invalid_request", field="invitee")
                self.assert_refused(self.alice.ask(f"user/bob/invite/{bad}"), "invalid_request", field="me")
                self.assert_refused(self.alice.ask(f"user/{bad}/sync"), "invalid_request", field="me")
                for verb in VERBS:
                    self.assert_refused(self.alice.ask(f"invitation/{bad}/{verb}"), "invalid_request", field="id")
        self.assert_refused(self.alice.ask(f"invitation/{'x' * 64}/get"), "unknown_invitation")


class Sizes(BadInputTest):
    def test_a_payload_over_the_limit(self):
        def body(size):
            return b'{"pad":"' + b"x" * (size - 10) + b'"}'
        for size in (32769, 65536, 1 << 20):
            for topic in ("user/bob/invite", f"invitation/{self.invitation}/accept", "invitation/unheard-of/accept"):
                self.assert_refused(self.alice.request(topic, payload=body(size)), "too_large", field="payload",
                                    limit=32768, code=8001)
        self.assert_refused(self.alice.request("user/bob/invite", payload=b"\x81\xa1x" + b"\xff" * 40000),
                            "too_large", field="payload")
        self.assert_ok(self.alice.request("user/alice/sync", payload=body(32768)))

    def test_50_megabytes(self):
        huge = b'{"pad":"' + b"x" * 50_000_000 + b'"}'
        self.assert_refused(self.alice.request("user/bob/invite", payload=huge), "too_large", field="payload",
                            limit=32768)
        nobody = self.connect(self.broker)
        nobody.publish(f"{nobody.root}/user/bob/invite", huge)
        nobody.marker()

    def test_data_over_the_limit(self):
        topics = {"user/bob/invite": {}, f"invitation/{self.invitation}/modify": {},
                  f"invitation/{self.invitation}/cancel": {}}
        for topic in topics:
            self.assert_refused(self.alice.ask(topic, data="x" * 16385), "too_large", field="data", limit=16384)
            self.assert_refused(self.alice.ask(topic, data="\u20ac" * 5462), "too_large", field="data", limit=16384)
            reply = self.assert_refused(self.alice.ask(topic, data_b64=base64.b64encode(bytes(16385)).decode()),
                                        "too_large", limit=16384)
            self.assertIn(reply["field"], ("data", "data_b64"))
        for verb in ("accept", "reject"):
            self.assert_refused(self.bob.ask(f"invitation/{self.invitation}/{verb}", data=b"x" * 16385), "too_large",
                                field="data", limit=16384)

    def test_data_at_the_limit_arrives(self):
        for data in ("x" * 16384, "\u20ac" * 5461 + "x", bytes(range(256)) * 64):
            body = {"data": data} if isinstance(data, str) else {"data_b64": base64.b64encode(data).decode()}
            invitation = self.invite(self.alice, "bob", **body)
            self.assertEqual(data_of(self.bob.wait_event("new_invitation", id=invitation)), data)
            self.assert_ok(self.alice.ask(f"invitation/{invitation}/cancel"))
            for client in (self.alice, self.bob):
                client.wait_event("invitation_cancelled", id=invitation)


if __name__ == "__main__":
    unittest.main()
