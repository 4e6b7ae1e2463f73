# SPDX-License-Identifier: Apache-2.0
"""Links lead somewhere, tables are tables, and what pages have of the code is what the code has."""

import re
import subprocess
import sys
import tempfile
import unittest

from pages import ROOT, all_pages, anchors_of, blocks_of, links_of, split


def wrong_links(page, text):
    """What is wrong with the links of this text, were it that page."""
    for line, target in links_of(text):
        place = f"{page.relative_to(ROOT)}:{line}: {target}"
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            yield f"{place}: no such file"
        elif ROOT not in (there, *there.parents):
            yield f"{place}: out of the repository"
        elif anchor and there.suffix == ".md":
            told = text if there == page else there.read_text(encoding="utf-8")
            if anchor not in anchors_of(told):
                yield f"{place}: no such heading"


def broken_tables(text):
    """Lines where rows of a table begin without a head."""
    prose = ["", *split(text)[1], ""]
    for number in range(1, len(prose) - 1):
        if prose[number].startswith("|") and not prose[number - 1].startswith("|") \
                and not re.fullmatch(r"\|[-| :]+\|", prose[number + 1]):
            yield number


class Links(unittest.TestCase):
    def test_each_link_leads_somewhere(self):
        pages = all_pages()
        self.assertIn(ROOT / "README.md", pages)
        self.assertEqual([wrong for page in pages for wrong in wrong_links(page, page.read_text(encoding="utf-8"))], [])

    def test_a_link_that_leads_nowhere_is_noticed(self):
        text = ("# A page, of `code` & more\n[ok](../README.md) [ok](#a-page-of-code--more) [ok](http://127.0.0.1/)\n"
                "[file](nowhere.md) ![picture](images/none.png) [heading](#no) [there](../README.md#no)\n"
                "[over\nlines](none.md) <img src=\"none.png\" width=\"1\"> [out](../../x)\n`[code](no.md)`\n\n"
                "    [indented](no.md)\n\n```\n[fenced](no.md)\n```\n")
        wrong = list(wrong_links(ROOT / "docs" / "by-hand.md", text))
        self.assertEqual([what.split(": ")[1] for what in wrong],
                         ["nowhere.md", "images/none.png", "#no", "../README.md#no", "none.md", "none.png", "../../x"])


class Tables(unittest.TestCase):
    def test_each_row_has_a_head(self):
        for page in all_pages():
            with self.subTest(page=str(page.relative_to(ROOT))):
                self.assertEqual(list(broken_tables(page.read_text(encoding="utf-8"))), [])

    def test_a_table_that_a_blank_line_breaks_is_noticed(self):
        self.assertEqual(list(broken_tables("| a | b |\n|---|---|\n| c | d |\n\n| e | f |\n")), [5])


class Readme(unittest.TestCase):
    def test_it_is_read_in_a_minute(self):
        self.assertLessEqual(len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()), 130)

    def test_it_names_each_page_of_docs(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        for page in sorted((ROOT / "docs").glob("*.md")):
            self.assertRegex(text, rf"(?m)^\| \[[^]]+\]\(docs/{re.escape(page.name)}\) \| .+ \|$")


class WhatThePagesHaveOfTheCode(unittest.TestCase):
    def test_troubleshooting_has_each_error(self):
        errors = re.findall(r'ErrorInfo\{Error::\w+, "(\w+)"',
                            (ROOT / "core/protocol/include/protocol/errors.hpp").read_text(encoding="utf-8"))
        self.assertGreater(len(errors), 20)
        told = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8").split("## Refused with")[1].split("\n## ")[0]
        for error in errors:
            self.assertRegex(told, rf"(?m)^\|[^|]*`{error}`")

    def options(self):
        """All that the plugin takes."""
        names = [name for source in ("broker_plugin/options.cpp", "host/host_options.cpp")
                 for name in re.findall(r'\bname == "(\w+)"', (ROOT / source).read_text(encoding="utf-8"))]
        names += re.findall(r'LimitInfo\{"(\w+)"',
                            (ROOT / "core/protocol/include/protocol/limits.hpp").read_text(encoding="utf-8"))
        self.assertGreater(len(names), 30)
        return sorted(names)

    def test_the_manual_page_has_each_option(self):
        with tempfile.NamedTemporaryFile(suffix=".5") as page:
            subprocess.run([sys.executable, ROOT / "broker_plugin/manual_page.py", "1.2.3", ROOT / "docs/operating.md",
                            page.name], check=True)
            told = page.read().decode("utf-8")
        self.assertEqual(sorted(re.findall(r"(?m)^\.TP\n\\fBplugin_opt_(\w+)\\fR$", told)), self.options())
        self.assertIn('"Beckon 1.2.3"', told)
        self.assertEqual(re.findall(r"(?m)^.*(?:\]\(|`|\*\*|^\|).*$", told), [], "what is Markdown's")

    def test_what_the_package_configures_is_there(self):
        snippet = (ROOT / "debian/beckon.conf").read_text(encoding="utf-8")
        self.assertLessEqual(set(re.findall(r"(?m)^#?plugin_opt_(\w+) ", snippet)), set(self.options()))
        self.assertEqual([line for line in snippet.splitlines() if line and not line.startswith("#")],
                         ["plugin /usr/lib/mosquitto/mosquitto_beckon.so", "plugin_opt_other_topics auto"])
        self.assertIn("LIBRARY DESTINATION lib/mosquitto ", (ROOT / "broker_plugin/CMakeLists.txt").read_text())
        link = "/etc/mosquitto/conf.d/00-beckon.conf"
        for script in ("postinst", "prerm", "postrm"):
            self.assertIn(link, (ROOT / f"debian/mosquitto-beckon.{script}").read_text())

    def test_no_page_tells_a_path_of_one_processor(self):
        for page in all_pages() + [ROOT / "examples/mosquitto.conf"]:
            self.assertNotRegex(page.read_text(encoding="utf-8"), r"lib/(x86_64|aarch64|arm)-linux-gnu")

    def test_the_program_in_client_md_is_the_example(self):
        shown = [block.text for block in blocks_of("docs/client.md") if block.language == "cpp"]
        example = (ROOT / "examples/minimal/main.cpp").read_text(encoding="utf-8")
        self.assertEqual(len(shown), 1)
        self.assertEqual(shown[0], example[example.index("#include"):])


if __name__ == "__main__":
    unittest.main()
