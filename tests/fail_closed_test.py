#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A no stays a no when something cannot be looked at: each system call by which virt-ap looks fails
once, at every place, in a run that the rules refuse."""

import os
import shutil
import subprocess
import tempfile
import unittest

from sim_host import A, B, TMP, UNDER_STRACE, SimHost, xml

# What can fail on a machine that is short of something, or whose disk is.
FAULTS = {"openat": "EMFILE", "openat2": "EMFILE", "getdents64": "EIO", "read": "EIO",
          "readlinkat": "ENOMEM", "newfstatat": "ENOMEM"}


class FailClosedTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=TMP)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.host = SimHost(os.path.join(self.directory, "host"))
        self.host.must("start", "-", stdin=xml([2], [4], A))
        self.trace = os.path.join(self.directory, "trace")

    def run_with_fault(self, call, n, *verb, stdin=""):
        """The exit code, None if there is no @n-th call."""
        result = subprocess.run(
            ["strace", "-f", "-o", self.trace, "-e", f"trace={call}",
             "-e", f"inject={call}:error={FAULTS[call]}:when={n}", *self.host.command(*verb)],
            env=UNDER_STRACE, input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            encoding="utf-8", check=False)
        with open(self.trace, encoding="utf-8") as lines:
            return result.returncode if "(INJECTED)" in lines.read() else None

    def assert_always_refused(self, *verb, **options):
        self.assertEqual(self.host.run(*verb, **options).returncode, 1)
        before = self.host.state()
        points = 0
        for call in FAULTS:
            n = 1
            while (code := self.run_with_fault(call, n, *verb, **options)) is not None:
                self.assertNotEqual(code, 0, f"{call} failed for the {n}th time")
                n += 1
            points += n - 1
        self.assertEqual(self.host.state(), before)
        print(f"{verb[0]}: refused with each of {points} faults")
        self.assertGreater(points, 30)

    def test_a_definition_that_overlaps_an_active_matrix(self):
        self.assert_always_refused("define", "-", stdin=xml([2], [4], B))

    def test_stopping_a_matrix_that_a_guest_has(self):
        self.host.sim("open", A)
        self.assert_always_refused("stop", A)


if __name__ == "__main__":
    unittest.main()
