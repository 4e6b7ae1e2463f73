# SPDX-License-Identifier: Apache-2.0
"""The sources keep to their rooms, and a violation of each kind would be noticed."""

import pathlib
import re
import tempfile
import unittest

import architecture

ROOT = pathlib.Path(__file__).parents[2].resolve()

# A file of each room for others to include.
TREE = {
    "core/protocol/include/beckon/vocabulary.hpp": "#include <array>\n",
    "core/protocol/include/protocol/wire.hpp": "#include <beckon/vocabulary.hpp>\n",
    "core/protocol/wire_read.cpp": '#include <msgpack.hpp>\n#include "protocol/wire.hpp"\n',
    "core/judge/include/judge/switchboard.hpp": '#include "protocol/wire.hpp"\n',
    "core/judge/records.hpp": "#include <map>\n",
    "core/judge/records.cpp": '#include "judge/switchboard.hpp"\n#include "records.hpp"\n',
    "core/device/include/device/device.hpp": '#include "protocol/wire.hpp"\n',
    "core/device/inbox.hpp": '#include "device/device.hpp"\n',
    "host/include/host/outbox.hpp": '#include "judge/switchboard.hpp"\n',
    "host/sqlite.hpp": "#include <sqlite3.h>\n",
    "broker_plugin/presence.hpp": '#include <mosquitto.h>\n#include "host/outbox.hpp"\n',
    "postgres/include/postgres/pg_store.hpp": '#include <libpq-fe.h>\n#include "host/outbox.hpp"\n',
    "mqtt5/include/mqtt5/properties.hpp": '#include <mosquitto.h>\n#include "host/outbox.hpp"\n',
    "service/acl.hpp": '#include "mqtt5/properties.hpp"\n',
    "client_lib/include/beckon/client.hpp": "#include <beckon/vocabulary.hpp>\n",
    "client_lib/engine.hpp": '#include <mqtt/async_client.h>\n#include "device/device.hpp"\n',
    "cli/app.cpp": "#include <beckon/client.hpp>\n",
    "examples/console.hpp": "#include <beckon/client.hpp>\n",
}


class Planted(unittest.TestCase):
    """`TREE` with one more file, or another one."""

    def setUp(self):
        self.allowed = architecture.STILL_TOO_LONG
        architecture.STILL_TOO_LONG = set()

    def tearDown(self):
        architecture.STILL_TOO_LONG = self.allowed

    def wrongs(self, **files):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory).resolve()
            for name, text in {**TREE, **files.get("files", {})}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return architecture.wrongs(root)

    def assert_noticed(self, file, text, part):
        found = self.wrongs(files={file: text})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(file + ":"), found)
        self.assertIn(part, found[0])

    def assert_fine(self, file, text):
        self.assertEqual(self.wrongs(files={file: text}), [])

    def test_a_tree_that_keeps_the_rules_is_fine(self):
        self.assertEqual(self.wrongs(), [])

    def test_each_arrow_but_those_that_are_drawn_is_noticed(self):
        for file, include, part in (
                ("core/protocol/ids.cpp", '"judge/switchboard.hpp"', "protocol must not know judge"),
                ("core/judge/calls.cpp", '"device/device.hpp"', "judge must not know device"),
                ("core/device/held.cpp", '"judge/switchboard.hpp"', "device must not know judge"),
                ("core/judge/calls.cpp", '"host/outbox.hpp"', "judge must not know host"),
                ("host/clocks.cpp", '"../broker_plugin/presence.hpp"', "host must not know broker_plugin"),
                ("host/clocks.cpp", '"presence.hpp"', "host must not know broker_plugin"),
                ("host/clocks.cpp", '"device/device.hpp"', "host must not know device"),
                ("broker_plugin/access.cpp", '"device/device.hpp"', "broker_plugin must not know device"),
                ("broker_plugin/access.cpp", '"../service/acl.hpp"', "broker_plugin must not know service"),
                ("broker_plugin/access.cpp", '"postgres/pg_store.hpp"', "broker_plugin must not know postgres"),
                ("host/clocks.cpp", '"postgres/pg_store.hpp"', "host must not know postgres"),
                ("service/acl.cpp", '"../broker_plugin/presence.hpp"', "service must not know broker_plugin"),
                ("broker_plugin/access.cpp", '"sqlite.hpp"', "host's own"),
                ("broker_plugin/access.cpp", '"../core/judge/records.hpp"', "judge's own"),
                ("host/clocks.cpp", '"records.hpp"', "judge's own"),
                ("client_lib/mapping.cpp", '"judge/switchboard.hpp"', "client_lib must not know judge"),
                ("client_lib/mapping.cpp", '"inbox.hpp"', "device's own"),
                ("client_lib/include/beckon/groups.hpp", '"protocol/wire.hpp"', "client_api must not know protocol"),
                ("cli/facts.cpp", '"protocol/wire.hpp"', "cli must not know protocol"),
                ("cli/facts.cpp", '"engine.hpp"', "cli must not know client_lib"),
                ("examples/story.hpp", '"../cli/app.cpp"', "examples must not know cli"),
                ("host/clocks.cpp", "<mosquitto.h>", "host has nothing to do with <mosquitto.h>"),
                ("broker_plugin/access.cpp", "<sqlite3.h>", "nothing to do with"),
                ("core/judge/calls.cpp", "<nlohmann/json.hpp>", "nothing to do with"),
                ("cli/facts.cpp", "<mqtt/client.h>", "nothing to do with"),
                ("examples/story.hpp", '"nowhere.hpp"', "nothing to do with")):
            with self.subTest(file=file, include=include):
                self.assert_noticed(file, f"#include {include}\n", part)

    def test_a_file_in_no_room_is_noticed(self):
        self.assert_noticed("core/other/text.cpp", "#include <array>\n", "in no room")

    def test_a_header_for_io_a_clock_or_a_thread_in_core_is_noticed(self):
        for header in ("thread", "mutex", "atomic", "condition_variable", "future", "iostream", "fstream", "filesystem",
                       "cstdio", "ctime", "random"):
            with self.subTest(header=header):
                self.assert_noticed("core/judge/calls.cpp", f"#include <{header}>\n", f"core includes <{header}>")
        for header in ("sys/stat.h", "unistd.h"):
            with self.subTest(header=header):  # as a library, too
                found = self.wrongs(files={"core/judge/calls.cpp": f"#include <{header}>\n"})
                self.assertTrue(any("core includes" in wrong for wrong in found), found)

    def test_a_call_to_the_world_from_core_is_noticed(self):
        for call in ("std::chrono::steady_clock::now()", "HostClock::now()", "std::time(nullptr)", "time(nullptr)",
                     "getenv(name)", "rand()", "std::printf(text)", "fopen(name, mode)", "sqlite3_open(name, &db)",
                     "mosquitto_log_printf(1, text)", "std::cout << text", "std::thread(run)", "std::mutex lock",
                     "std::random_device{}()"):
            with self.subTest(call=call):
                self.assert_noticed("core/device/held.cpp", f"void f() {{\n    {call};\n}}\n", "core has")

    def test_what_only_looks_like_that_is_fine(self):
        self.assert_fine("core/device/held.cpp", """// std::cout, rand(), mosquitto and steady_clock::now() are not used here
/* nor getenv() */
constexpr const char* text = "getenv() \\" sqlite3";
constexpr int many = 1'000'000;
void f(Held& held) {
    held.time(0);
    expand(held);
    set_time(held, '"');
}
""")

    def long_function(self, head, lines):
        return head + " {\n" + "    if (a) { b(); }\n" * (lines - 2) + "}\n"

    def test_a_function_that_is_too_long_is_noticed(self):
        for place in ("core/judge", "core/protocol/include/protocol", "host", "broker_plugin", "service", "client_lib", "cli"):
            with self.subTest(place=place):
                self.assert_fine(f"{place}/long.hpp", self.long_function("void f()", 70))
                self.assert_noticed(f"{place}/long.hpp", self.long_function("void f()", 71),
                                    "f has 71 lines, more than 70")

    def test_each_form_of_a_function_is_measured_with_its_head(self):
        for head in ("void f()", "int Class::f(int a) const noexcept", "Class::Class(int a) : a_(a), b_{a}",
                     "template <class Body>\n    requires requires { Body::list; }\nconstexpr int f(Body body)",
                     "bool f(const std::optional<int>& a = {})", "bool operator==(const A& a, const B& b)",
                     "auto f(int a) -> std::vector<int>"):
            for around in ("{}", "namespace beckon {{\nnamespace {{\n\n{}\n}}\n}}\n",
                           "struct S {{\n    int a{{5}};\n    void g() {{ h(); }}\n{}}};\n"):
                with self.subTest(head=head, around=around):
                    text = around.format(self.long_function(head, 71))
                    self.assertEqual(max(lines for _, _, lines in architecture.functions(text)),
                                     71 + head.count("\n"))

    def test_a_table_may_be_long(self):
        self.assert_fine("core/judge/calls.cpp", "constexpr std::array table{\n" + "    Row{1, 2},\n" * 100 + "};\n"
                         "enum class E {\n" + "    a,\n" * 100 + "};\n")

    def test_who_shortens_a_function_takes_it_off_the_list(self):
        architecture.STILL_TOO_LONG = {("host/long.cpp", "f")}
        self.assert_fine("host/long.cpp", self.long_function("void f()", 71))
        found = self.wrongs(files={"host/long.cpp": self.long_function("void f()", 70)})
        self.assertEqual(len(found), 1, found)
        self.assertIn("take it out", found[0])


class Sources(unittest.TestCase):
    def test_they_keep_the_rules(self):
        for file, name, line, lines in architecture.too_long(ROOT):
            print(f"{file}:{line}: {name} has {lines} lines")
        self.assertEqual(architecture.wrongs(ROOT), [])


class Papers(unittest.TestCase):
    """What they name as a proof is there."""

    PAPERS = ("docs/security.md", "docs/reliability.md")

    def proofs(self, paper):
        """Each file of tests that a table links to, with the names behind it, up to a semicolon."""
        text = (ROOT / paper).read_text(encoding="utf-8")
        rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
        return [(file, re.findall(r"`([^`]+)`", names)) for file, names in
                re.findall(r"\]\(\.\./((?:tests|client_js/test)/[^)#]+)\)([^|;\n]*)", rows)]

    def test_each_test_that_is_named_is_in_its_file(self):
        for paper in self.PAPERS:
            proofs = self.proofs(paper)
            self.assertTrue(proofs, paper)
            for file, names in proofs:
                self.assertTrue((ROOT / file).is_file(), f"{paper}: {file}")
                text = (ROOT / file).read_text(encoding="utf-8")
                for name in names:
                    self.assertTrue(name in text, f"{paper}: no {name} in {file}")


if __name__ == "__main__":
    unittest.main()
