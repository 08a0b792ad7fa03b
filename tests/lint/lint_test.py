#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tree keeps the rules of lint.py, and lint.py catches each sample that does not."""

import pathlib
import tempfile
import unittest

import lint


class LintTest(unittest.TestCase):
    def test_the_tree_keeps_every_rule(self):
        self.assertEqual([], [f"{name}:{line}: {what} [{rule}]"
                              for rule, name, line, what in lint.lint(lint.TOP)])

    def test_every_rule_has_a_bad_sample(self):
        samples = {path.name for path in lint.HERE.glob("bad-*")}
        self.assertEqual({f"bad-{rule}" for rule in lint.RULES}, samples)

    def test_each_line_that_says_bad_is_caught_and_no_other(self):
        for rule in lint.RULES:
            top = lint.HERE / f"bad-{rule}"
            wanted = {(name, number) for name, text in lint.Tree(top).files.items()
                      for number, line in enumerate(text.split("\n"), 1) if "BAD" in line}
            found = {(name, line) for _, name, line, _ in lint.lint(top, [rule])}
            with self.subTest(rule=rule):
                self.assertEqual(wanted, found)
                self.assertTrue(wanted)

    def test_a_rule_that_cannot_look_fails(self):
        with tempfile.TemporaryDirectory() as empty:
            pathlib.Path(empty, "src").mkdir()
            found = {rule for rule, *_ in lint.lint(empty)}
        self.assertEqual(set(lint.RULES), found)


if __name__ == "__main__":
    unittest.main()
