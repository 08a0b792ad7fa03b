#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C at any time: nothing is left running, no half result counts, and the next call works.

Each test has a cache of its own, into which what was downloaded before is linked."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LAB = TOP / "kernel/lab/lab"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache",
                     "libvirt-ap")


def processes_of(directory):
    """Command lines of the processes that work in or for a cache."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
            text = (path / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(directory).encode() in words:
            found.append(text)
    return found


class Interrupt(unittest.TestCase):
    def setUp(self):
        # Beside the real one: what is linked must be on the same file system.
        CACHE.mkdir(parents=True, exist_ok=True)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=".interrupt", dir=CACHE))
        self.addCleanup(shutil.rmtree, self.home)
        self.cache = self.home / "libvirt-ap"
        self.cache.mkdir()
        self.env = {**os.environ, "XDG_CACHE_HOME": str(self.home), "LC_ALL": "C"}

    def link(self, *names, without=()):
        """What the cache has, without what is to be made again."""
        for path in CACHE.iterdir():
            if path.is_dir() and path.name.split("-")[0] in names:
                shutil.copytree(path, self.cache / path.name, copy_function=os.link, symlinks=True,
                                ignore=shutil.ignore_patterns(*without))

    def interrupt(self, *words, at, then=lambda line: None):
        """Runs a command of the lab and presses Ctrl-C when it says @at, and @then has returned."""
        with subprocess.Popen([LAB, *words], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              process_group=0) as process:
            said = []
            for line in process.stderr:
                said.append(line)
                if at in line and line.rstrip().endswith("..."):
                    break
            else:
                self.fail(f"never came to: {at}\n{''.join(said)}")
            then(said[-1])
            os.killpg(process.pid, signal.SIGINT)
            rest = process.stderr.read()
            self.assertIn("interrupted", rest)
            self.assertEqual(process.wait(60), -signal.SIGINT, rest)
        self.assertEqual(processes_of(self.home), [])

    def wait_for_a_compiler(self, line):
        log = re.search(r"log in (\S+)\)", line)[1]
        with subprocess.Popen(["tail", "-n", "+1", "-F", log], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as tail:
            self.assertTrue(any(text.startswith("  CC ") for text in tail.stdout))
            tail.kill()

    def must(self, *words):
        done = subprocess.run([LAB, *words], env=self.env, stdin=subprocess.DEVNULL, check=False,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_in_a_download(self):
        self.link("apt", without=["*.deb"])
        self.interrupt("sysroot", at="downloading")
        self.assertEqual(list(self.cache.glob("sysroot-*[!k]")), [])
        self.assertIn("cross_file=", self.must("sysroot"))

    def test_in_the_kernel_build(self):
        self.link("apt")
        self.interrupt("kernel", at="building the kernel", then=self.wait_for_a_compiler)
        # So the next call begins again.
        self.assertEqual([path.name for path in self.cache.glob("kernel-*") if path.is_dir()], [])

    def test_in_the_boot(self):
        self.link("apt", "kernel", "modules", "image", "qemu", "sysroot", "agent", "baked")
        self.interrupt("up", at="booting")
        self.assertEqual(subprocess.run([LAB, "status"], env=self.env, check=False,
                                        capture_output=True).returncode, 125)
        self.assertIn("uri=", self.must("up"))
        self.must("down")
        self.assertEqual(processes_of(self.home), [])


if __name__ == "__main__":
    if not any(CACHE.glob("kernel-*")):
        print("skipped: the lab was never up on this machine", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
