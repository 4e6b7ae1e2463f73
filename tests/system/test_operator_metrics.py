# SPDX-License-Identifier: Apache-2.0
"""beckon operator metrics, against a real broker: asked by HTTP, read by Prometheus' own parsers.

Environment: as for test_cli.py."""

import json
import shutil
import socket
import subprocess
import time
import unittest
import urllib.request

from harness import PATIENCE
from prometheus_client.parser import text_string_to_metric_families
from test_cli import DONE, REFUSED, USAGE, CliTest

FAILED = 70
COUNTERS = "beckon/v1/operator/counters"


class Exporter:
    def __init__(self, running):
        self.running = running
        self.url = running.says("/metrics") and running.text.split("metrics are at ")[1].split()[0]

    def text(self):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def samples(self):
        """Of Beckon: by name and labels, as PromQL writes them."""
        told = {}
        for family in text_string_to_metric_families(self.text()):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                told[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
        return {name: value for name, value in told.items() if name.startswith("beckon_")}

    def until(self, fits):
        deadline = time.monotonic() + 3 * PATIENCE
        while not fits(told := self.samples()):
            if time.monotonic() > deadline:
                raise AssertionError(f"never told otherwise than {told}")
            time.sleep(0.05)  # nobody says when it is worth asking
        return told


class MetricsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker({"operators": "root"}, fixed_port=True)
        self.environment["BECKON_SERVER"] = f"mqtt://127.0.0.1:{self.broker.port}"

    def exporter(self, listen="127.0.0.1:0", *words):
        return Exporter(self.start("root", "operator", "metrics", "--listen", listen, *words))

    def operator_is_told(self, client, fits):
        """The first counters that fit; they come every ten seconds."""
        def is_it(message):
            return message.topic == COUNTERS and fits(json.loads(message.payload))
        for last in (False, False, True):
            try:
                return json.loads(client.wait_message(is_it).payload)
            except AssertionError:
                if last:
                    raise
        return None


class Telling(MetricsTest):
    def test_what_operators_are_told_in_the_words_of_prometheus(self):
        root, alice, bob = self.connect_all(self.broker, "root", "alice", "bob")
        root.subscribe(COUNTERS)
        exporter = self.exporter()
        before = exporter.until(lambda told: told["beckon_up"] == 1)
        self.assertEqual((before["beckon_open_invitations"], before['beckon_store_state{state="memory"}'],
                          before['beckon_store_state{state="failing"}']), (0, 1, 0))
        self.assertEqual(before['beckon_invitees_ended_total{state="rejected"}'], 0)
        self.assertEqual(before["beckon_kept_max_bytes"], 268435456)
        self.assertTrue([name for name in before if name.startswith('beckon_info{host="broker",version="')])

        self.invite(alice, "bob", data="parcel")
        self.assert_ok(bob.ask(f"invitation/{self.invite(alice, 'bob')}/reject"))
        self.assert_refused(alice.ask("invitation/unheard-of/accept"), "unknown_invitation")
        counters = self.operator_is_told(root, lambda told: told["refusals"])
        told = exporter.until(lambda told: 'beckon_refusals_total{error="unknown_invitation"}' in told)
        wanted = {f'beckon_requests_total{{verb="{verb}"}}': count for verb, count in counters["requests"].items()} | {
            'beckon_refusals_total{error="unknown_invitation"}': 1,
            'beckon_invitees_ended_total{state="rejected"}': 1,
            "beckon_open_invitations": 1,
            "beckon_remembered_invitations": 1,
            "beckon_calls_total": 0,
            "beckon_events_total": counters["events"],
            "beckon_online_users": 3,
            "beckon_groups": 0,
            "beckon_kept_bytes": counters["kept_bytes"],
            "beckon_unstored_changes": 0,
            "beckon_oldest_unstored_seconds": 0,
            "beckon_refusals_left_out_total": 0,
            "beckon_deadline_lateness_p99_seconds": counters["lateness_ms"]["p99"] / 1000,
        }
        self.assertEqual({name: told.get(name) for name in wanted}, wanted)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (Debian's prometheus)")
    def test_promtool_finds_nothing_to_say_about_the_names(self):
        exporter = self.exporter()
        exporter.until(lambda told: told["beckon_up"] == 1)
        ours = "".join(line for line in exporter.text().splitlines(True) if "exposer_" not in line)
        checked = subprocess.run(["promtool", "check", "metrics"], input=ours, capture_output=True, text=True,
                                 check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))


class Away(MetricsTest):
    def test_what_was_told_before_is_told_no_more_when_the_broker_is_gone(self):
        exporter = self.exporter()
        exporter.until(lambda told: told["beckon_up"] == 1)
        self.broker.kill()
        self.assertEqual(exporter.until(lambda told: told["beckon_up"] == 0), {"beckon_up": 0})
        self.broker.start()
        self.assertEqual(exporter.until(lambda told: told["beckon_up"] == 1)["beckon_open_invitations"], 0)

    def test_a_broker_that_lost_its_beckon_is_not_there_although_it_retains_the_counters(self):
        self.broker.stop()
        self.broker.persistence = True
        self.broker.start()
        root = self.connect(self.broker, "root")
        root.subscribe(COUNTERS)
        root.wait_message(lambda message: message.topic == COUNTERS)
        root.leave()
        self.broker.restart(plugin=False)
        exporter = self.exporter("127.0.0.1:0", "--wait", "1s")
        watch = self.connect(self.broker, "root", subscribe=False)
        watch.subscribe(COUNTERS)
        self.assertTrue(watch.wait_message(lambda message: message.topic == COUNTERS).retain)
        exporter.running.says("no connection")
        self.assertEqual(exporter.samples(), {"beckon_up": 0})

    def test_it_may_be_there_before_the_broker_is(self):
        self.broker.stop()
        exporter = self.exporter()
        self.assertEqual(exporter.samples(), {"beckon_up": 0})
        self.broker.start()
        exporter.until(lambda told: told["beckon_up"] == 1)
        with socket.create_connection(("127.0.0.1", int(exporter.url.split(":")[-1].split("/")[0]))):  # who never asks
            exporter.running.interrupt()
            self.assertEqual(exporter.running.ends(), DONE)


class Refusing(MetricsTest):
    def refused(self, listen, code, sentence, user="root"):
        ended, lines = self.run_to_end(user, "operator", "metrics", *(["--listen", listen] if listen else []))
        self.assertEqual((ended, lines[-1:]), (code, [sentence]))

    def test_where_it_cannot_listen(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused(f"127.0.0.1:{port}", FAILED,
                         f"beckon: cannot listen at 127.0.0.1:{port}: Address already in use")
        self.refused("192.0.2.1:9464", FAILED,
                     "beckon: cannot listen at 192.0.2.1:9464: Cannot assign requested address")

    def test_what_is_no_address(self):
        for wrong in ("9464", "127.0.0.1", "[::1]:9464", ":9464", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"):
            self.refused(wrong, USAGE, f"beckon: --listen: {wrong} is no address with a port, such as 127.0.0.1:9464")
        self.refused(None, USAGE, "beckon: --listen is required")

    def test_who_is_no_operator(self):
        self.refused("127.0.0.1:0", REFUSED, "I am no operator: plugin_opt_operators of the broker does not name me",
                     user="alice")


if __name__ == "__main__":
    unittest.main()
