#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documents say what the programs do: every transcript of virt-ap in them is its real output,
the man page has the commands of its table, completion offers them, the picture is up to date."""

import os
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))


def run(*words):
    return subprocess.run([VIRT_AP, *words], cwd=SOURCE, capture_output=True, text=True,
                          check=False).stdout


def commands():
    """Name and synopsis of each command, from the program's own table."""
    found = re.findall(r"^  ([a-z][a-z-]*)((?: [^ ]+)*)  +", run("--help"), re.MULTILINE)
    for name, _ in found:
        usage = run(name, "--help").split("\n")[0]
        yield name, usage.removeprefix("usage: virt-ap [--root DIR] [--json] ")


class DocsTest(unittest.TestCase):
    maxDiff = None

    def test_transcripts_are_real_output(self):
        seen = 0
        for path in [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.rst"))]:
            text = path.read_text(encoding="utf-8")
            for indent, words, block in re.findall(
                    r"^( *)\$ virt-ap (--root examples.*)\n((?:(?!\1\$ |```|[^ `\n].*::)"
                    r"(?:\1.*)?\n)*)", text, re.MULTILINE):
                said = "".join(line.removeprefix(indent) + "\n" for line in block.split("\n")[:-1])
                with self.subTest(path=path.name, command=words):
                    wanted = run(*words.split())
                    self.assertEqual(said.rstrip("\n")[:len(wanted)], wanted.rstrip("\n"))
                seen += 1
        self.assertGreaterEqual(seen, 3)

    def test_the_man_page_has_each_command_of_the_table_and_no_other(self):
        text = (SOURCE / "docs/virt-ap.rst").read_text(encoding="utf-8")
        section = text.split("\nCOMMANDS\n")[1].split("\nEXIT STATUS\n")[0]
        titles = re.findall(r"^(\S.*)\n(-{3,})$", section, re.MULTILINE)
        described = [title for title, line in titles if len(line) >= len(title)]
        self.assertEqual(described, [synopsis for _, synopsis in commands()])

    def complete(self, *words):
        """What the completion offers for the word after @words."""
        script = ('. "$1"; shift; COMP_WORDS=("$@" ""); COMP_CWORD=$#; _virt_ap; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash",
                               SOURCE / "tools/virt-ap.bash-completion", VIRT_AP, *words],
                              capture_output=True, text=True, check=True, cwd=SOURCE)
        return set(done.stdout.split())

    def test_completion_offers_each_command(self):
        names = {name for name, _ in commands()}
        self.assertLessEqual(names | {"--root", "--sim", "--json", "--help"}, self.complete())
        self.assertLessEqual(names, self.complete("--root", "/"))

    def test_completion_offers_the_options_of_each_command(self):
        seen = set()
        for name, synopsis in commands():
            with self.subTest(name):
                options = set(re.findall(r"\[(--[a-z-]+)", synopsis))
                self.assertLessEqual(options, self.complete(name))
                seen |= options
        self.assertLessEqual({"--phase", "--live", "--topology"}, seen)
        self.assertNotIn("--live", self.complete("list"))

    def test_completion_offers_directories_for_a_root(self):
        self.assertIn("docs", self.complete("--root"))
        self.assertNotIn("README.md", self.complete("--root"))
        self.assertIn("README.md", self.complete("define"))

    def test_the_picture_is_up_to_date(self):
        done = subprocess.run([SOURCE / "docs/draw_map.py", VIRT_AP, "examples/hosts/lpar1"],
                              cwd=SOURCE, capture_output=True, text=True, check=True)
        self.assertEqual((SOURCE / "docs/map.svg").read_text(encoding="utf-8"), done.stdout)


if __name__ == "__main__":
    unittest.main()
