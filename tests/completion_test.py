#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion offers what there is, and runs nothing of what names of files say."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build-dev/tools/virt-ap"))
UUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
EVIL = ["$(>ran)-a-b", "`>ran`", "a$(>ran).xml", "${x:=$(>ran)}-4-"]

# Instead of the directories of this host; then the words that are typed, the last one empty.
SCRIPT = r"""
source "$1"; shift
ls() { printf '%s\n' "$UUID" "${UUID^^}" "$UUID~" $EVIL; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_virt_ap
printf '%s\n' "${COMPREPLY[@]}"
"""


class CompletionTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="ap-completion-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        for name in EVIL:
            (self.directory / name).touch()

    def complete(self, *words):
        done = subprocess.run(
            ["bash", "-c", SCRIPT, "bash", str(SOURCE / "tools/virt-ap.bash-completion"), VIRT_AP,
             *words], cwd=self.directory, check=True, capture_output=True, encoding="utf-8",
            env=dict(os.environ, UUID=UUID, EVIL="\n".join(EVIL)))
        self.assertEqual("", done.stderr)
        self.assertFalse((self.directory / "ran").exists(), words)
        return done.stdout.splitlines()

    def test_commands_and_options(self):
        self.assertIn("list", self.complete("l"))
        self.assertIn("--phase", self.complete("check", "--ph"))
        self.assertEqual(["ep11"], self.complete("plan", "--mode", "e"))

    def test_mdevs_are_uuids_alone(self):
        found = [word for word in self.complete("show", "") if not word.startswith("--")]
        self.assertEqual(sorted([UUID, UUID.upper(), *EVIL]), sorted(found))

    def test_names_of_files_are_not_run(self):
        for command in ("define", "qemu-args", "show", "check"):
            self.assertIn("a$(>ran).xml", self.complete(command, ""))
        for word in EVIL:
            self.complete("define", word)
            self.complete("--root", word)


if __name__ == "__main__":
    unittest.main()
