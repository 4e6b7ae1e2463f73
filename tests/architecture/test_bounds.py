# SPDX-License-Identifier: Apache-2.0
"""docs/bounds.md has a row for whatever has a limit or an option, with its default, and a test that drives it there."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parents[2].resolve()
HEAD = ["what", "bound", "option", "beyond it", "who pays", "driven there by"]
# Options that bound nothing.
SETTINGS = {"other_topics", "requests", "root", "status", "store", "sync", "on_store_failure"}


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def rows(markdown):
    """Each row of a table, as its cells without ` around them."""
    for line in markdown.splitlines():
        if line.startswith("|") and not set(line) <= set("|- "):
            yield [cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def bounds():
    return [row for row in rows(text("docs/bounds.md")) if row != HEAD]


def options():
    """Name and default, as operators are told them."""
    told = text("docs/operating.md").split("## Options")[1].split("## Security")[0]
    return {row[0]: row[1].split(" ")[0] for row in rows(told) if row[0] != "option"}


def tests():
    """The names of all there are."""
    found = {f"{path.parent.name}/{path.stem}" for path in (ROOT / "tests").glob("*/transcripts/*/*.txt")}
    for path in (ROOT / "tests").glob("*/*_test.cpp"):
        found.update(re.findall(r'TEST_CASE\(\s*"((?:[^"]|"\s*")*)"', path.read_text(encoding="utf-8")))
    for path in (ROOT / "tests/system").glob("test_*.py"):
        found.update(re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")))
    return {re.sub(r'"\s*"', "", name) for name in found}


class Bounds(unittest.TestCase):
    def test_each_row_is_whole(self):
        self.assertGreater(len(bounds()), 30)
        for row in bounds():
            with self.subTest(row=row[:1]):
                self.assertEqual(len(row), len(HEAD))
                self.assertTrue(row[1] and row[3] and row[4])

    def test_each_limit_and_each_option_that_bounds_something_has_a_row(self):
        limits = set(re.findall(r'LimitInfo\{"(\w+)"', text("core/protocol/include/protocol/limits.hpp")))
        self.assertGreater(len(limits), 20)
        self.assertLessEqual(limits, options().keys())
        self.assertEqual({row[2] for row in bounds() if row[2]}, options().keys() - SETTINGS)

    def test_each_default_is_the_options(self):
        for what, bound, option, *_ in bounds():
            if option and option != "operators":
                with self.subTest(what=what):
                    self.assertEqual(bound.split(" ")[0], options()[option])

    def test_each_is_driven_to_its_bound_by_a_test(self):
        known = tests()
        for what, *_, test in bounds():
            with self.subTest(what=what):
                self.assertTrue(test in known, f"there is no test: {test}")


if __name__ == "__main__":
    unittest.main()
