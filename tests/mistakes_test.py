# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap check on domain XML with every mistake that we could think of: what it says is what the
files of tests/mistakes say, with the line and the remedy.

A file is a list of mistakes in one document, plain.xml or (metadata.txt) own.xml:

    == what is wrong
    - a text that is there once
    + what replaces it; without it the text is removed
    = or a whole document
    | what virt-ap prints

Backslashes are Python's. AP_TEST_REGENERATE=1 writes the last part; read it as an administrator at
two in the morning would, before you commit it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import mistakes
from host_tree import Description, HostTree

VIRT_AP = os.environ["VIRT_AP"]
REGENERATE = os.environ.get("AP_TEST_REGENERATE") == "1"
KEYS = ["code", "severity", "phase", "apqns", "mdev", "guest", "guest_state", "other_mdev",
        "other_guest", "other_guest_state", "message", "hint"]


class MistakesTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.work = pathlib.Path(directory.name, "work")
        cls.root = pathlib.Path(directory.name, "root")
        cls.work.mkdir()
        HostTree(Description(mistakes.DATA / "host.host"), cls.root).build()

    def check(self, document, *options):
        (self.work / "guest.xml").write_bytes(document)
        return subprocess.run([VIRT_AP, "--root", self.root, *options, "check", "guest.xml"],
                              cwd=self.work, capture_output=True, text=True, check=False)

    def describe(self, document):
        done = self.check(document)
        rows = [row for row in done.stdout.splitlines() + done.stderr.splitlines()
                if not row.startswith("configuration in force")]
        # What libxml2 says changes with its versions.
        return [re.sub(r"(not XML: ).*", r"\1...", row) for row in rows + [
            f"exit {done.returncode}"]]

    def test_each_mistake_is_told_as_its_file_says(self):
        for path in mistakes.get_files():
            head, made = mistakes.read(path)
            base = mistakes.get_base(path)
            for mistake in made:
                output = self.describe(mistake.make(base))
                with self.subTest(path.stem, mistake=mistake.title):
                    if not REGENERATE:
                        self.assertEqual("\n".join(mistake.output), "\n".join(output))
                mistake.output = output
            if REGENERATE:
                mistakes.write(path, head, made)

    def test_each_finding_has_the_line_and_the_remedy(self):
        for path in mistakes.get_files():
            base = mistakes.get_base(path)
            for mistake in mistakes.read(path)[1]:
                done = self.check(mistake.make(base), "--json")
                result = json.loads(done.stdout)
                with self.subTest(path.stem, mistake=mistake.title):
                    self.assertEqual(result["version"], 1)
                    if done.returncode == 4:
                        self.check_text(result["error"])
                    for finding in result.get("findings", []):
                        self.assertEqual(list(finding), KEYS)
                        self.check_text(finding)
                    rejected = [finding for finding in result.get("findings", [])
                                if finding["severity"] == "reject"]
                    self.assertEqual(done.returncode == 1, bool(rejected))

    def check_text(self, said):
        self.assertRegex(said["message"], r"^guest\.xml: line [1-9]\d*: .")
        self.assertTrue(said["hint"])

    def test_the_documents_without_a_mistake_are_clean(self):
        for name in ("plain", "own"):
            with self.subTest(name):
                self.assertEqual(self.describe((mistakes.DATA / f"{name}.xml").read_bytes()),
                                 ["nothing found", "exit 0"])


if __name__ == "__main__":
    unittest.main()
