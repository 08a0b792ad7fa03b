#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""./dev itself: what it installs, which lab the demo uses, what it writes into files.

It runs in a small tree of its own with a lab that only notes how it is called."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[1]

LAB = r"""#!/bin/sh
echo "lab ${LIBVIRT_AP_LAB_NAME:-default} $*" >> "$LOG"
# The story sends its files: a lab that does not read them ends it with SIGPIPE.
[ "$1" != run ] || cat > /dev/null
[ "$1" != up ] || exit "$UP"
"""

STORY = r"""#!/bin/sh
# As a lab does when it comes up
mkdir -p "$XDG_CACHE_HOME/libvirt-ap/labs/$LIBVIRT_AP_LAB_NAME"
echo "story ${LIBVIRT_AP_LAB_NAME:-default}" >> "$LOG"
exit "$TOLD"
"""


def function(body):
    """A function for bash, which it finds before any program of that name."""
    return f"() {{ {body}\n}}"


class Dev(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name)
        self.log = self.top / "log"
        self.log.touch()
        self.program("kernel/lab/lab", LAB)
        self.program("examples/story/tell.sh", STORY)
        (self.top / "kernel/lab/packages").write_text("# of the lab\nbc\n", encoding="ascii")
        shutil.copy(TOP / "dev", self.top)
        self.environment = {
            **os.environ, "LOG": str(self.log), "XDG_CACHE_HOME": str(self.top / "cache"),
            "UP": "0", "TOLD": "0",
            "BASH_FUNC_apt-get%%": function('echo "apt-get $*" >> "$LOG"'),
            "BASH_FUNC_id%%": function("echo 0"),
            "BASH_FUNC_dpkg-query%%": function("cat \"$LOG.installed\""),
        }
        self.environment.pop("LIBVIRT_AP_LAB_NAME", None)
        self.install("gcc", "meson", "ninja-build", "pkg-config", "libc6-dev", "libglib2.0-dev",
                     "libjson-c-dev", "libxml2-dev", "python3", "bc")

    def program(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        path.chmod(0o755)

    def install(self, *names):
        (self.top / "log.installed").write_text(
            "".join(f"installed {name},\n" for name in names), encoding="ascii")

    def dev(self, *words, **environment):
        return subprocess.run([self.top / "dev", *words], check=False, capture_output=True,
                              text=True, env={**self.environment, **environment},
                              stdin=subprocess.DEVNULL)

    def calls(self):
        return self.log.read_text(encoding="ascii").splitlines()

    def test_what_is_missing_is_named_before_it_is_installed(self):
        self.install("gcc", "meson", "ninja-build", "pkg-config", "libc6-dev", "python3", "bc")
        done = self.dev("demo")
        self.assertIn("installing with apt-get: libglib2.0-dev libjson-c-dev libxml2-dev\n",
                      done.stdout)
        self.assertIn("--no-install", done.stdout)
        self.assertIn("apt-get", self.calls()[0])
        self.assertTrue(self.calls()[1].endswith(" libglib2.0-dev libjson-c-dev libxml2-dev"))

    def test_without_leave_it_is_listed_and_that_is_the_end(self):
        self.install("gcc")
        for words in (("--no-install", "demo"), ("demo", "--no-install")):
            done = self.dev(*words)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout.splitlines(), [
                "bc", "libc6-dev", "libglib2.0-dev", "libjson-c-dev", "libxml2-dev", "meson",
                "ninja-build", "pkg-config", "python3"])
        self.assertEqual(self.calls(), [])

    def test_without_leave_and_with_all_there_it_goes_on(self):
        self.assertEqual(self.dev("--no-install", "demo").returncode, 0)
        self.assertEqual(self.calls(), ["lab default up", "story default"])

    def test_the_demo_uses_the_lab_that_runs(self):
        self.assertEqual(self.dev("demo").returncode, 0)
        self.assertEqual(self.calls(), ["lab default up", "story default"])

    def test_the_demo_leaves_another_lab_alone(self):
        done = self.dev("demo", UP="3")
        self.assertEqual(done.returncode, 0, done.stderr)
        first, story, down = self.calls()
        self.assertEqual(first, "lab default up")
        name = story.removeprefix("story ")
        self.assertRegex(name, r"^dev-\d+$")
        self.assertEqual(down, f"lab {name} down")

    def test_a_story_that_fails_in_a_lab_of_its_own_fails_and_ends_it(self):
        done = self.dev("demo", UP="3", TOLD="7")
        self.assertEqual(done.returncode, 7)
        self.assertTrue(self.calls()[-1].endswith(" down"), self.calls())

    def test_a_lab_that_does_not_come_up_is_an_error(self):
        self.assertEqual(self.dev("demo", UP="1").returncode, 1)
        self.assertEqual(self.calls(), ["lab default up"])

    def test_no_escapes_in_a_file(self):
        # The story of the project, up to where its lab's answers are no good.
        shutil.copytree(TOP / "examples/story", self.top / "examples/story", dirs_exist_ok=True)
        done = self.dev("demo")
        self.assertIn("# An IBM Z host", done.stdout)
        self.assertNotIn("\033", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
