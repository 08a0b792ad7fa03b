#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A no stays a no when something cannot be looked at: each system call by which virt-ap and the
hook look fails once, at every place, in a run that must not do what it is asked for."""

import itertools
import os
import shutil
import subprocess
import tempfile
import unittest

from sim_host import A, B, TMP, UNDER_STRACE, SimHost, xml

# What can fail on a machine that is short of something, or whose disk is.
FAULTS = {"openat": "EMFILE", "openat2": "EMFILE", "getdents64": "EIO", "read": "EIO",
          "readlinkat": "ENOMEM", "newfstatat": "ENOMEM"}


HOOK = os.environ["AP_HOOK"]
GUEST = f"""<domain type='kvm'><name>web</name><uuid>{B}</uuid><os><type>hvm</type></os><devices>
<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source><address uuid='{A}'/></source>
</hostdev></devices></domain>"""


class FailClosedTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=TMP)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.host = SimHost(os.path.join(self.directory, "host"))
        self.trace = os.path.join(self.directory, "trace")

    def run_with_fault(self, call, n, command, stdin):
        """The exit code, None if there is no @n-th call."""
        result = subprocess.run(
            ["strace", "-f", "-o", self.trace, "-e", f"trace={call}",
             "-e", f"inject={call}:error={FAULTS[call]}:when={n}", *command],
            env=UNDER_STRACE, input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            encoding="utf-8", check=False)
        with open(self.trace, encoding="utf-8") as lines:
            return result.returncode if "(INJECTED)" in lines.read() else None

    def with_each_fault(self, command, stdin, check, prepare=lambda: None):
        """Calls prepare() before each run, and check(exit code) after one that had a fault."""
        points = 0
        for call in FAULTS:
            for n in itertools.count(1):
                prepare()
                code = self.run_with_fault(call, n, command, stdin)
                if code is None:
                    break
                with self.subTest(call=call, n=n):
                    check(code)
                points += 1
        print(f"{self.id().rpartition('.')[2]}: the same with each of {points} faults")
        self.assertGreater(points, 30)

    def assert_always_refused(self, *verb, stdin=""):
        self.assertEqual(self.host.run(*verb, stdin=stdin).returncode, 1)
        before = self.host.state()
        self.with_each_fault(self.host.command(*verb), stdin,
                             lambda code: self.assertNotEqual(code, 0))
        self.assertEqual(self.host.state(), before)

    def test_a_definition_that_overlaps_an_active_matrix(self):
        self.host.must("start", "-", stdin=xml([2], [4], A))
        self.assert_always_refused("define", "-", stdin=xml([2], [4], B))

    def test_stopping_a_matrix_that_a_guest_has(self):
        self.host.must("start", "-", stdin=xml([2], [4], A))
        self.host.sim("open", A)
        self.assert_always_refused("stop", A)

    def test_a_guest_that_ends_and_its_matrix_that_another_has(self):
        self.host.must("define", "-", stdin=xml([2], [4], A))
        hook = [HOOK, "--sim", self.host.path, "web"]
        subprocess.run([*hook, "prepare", "begin", "-"], input=GUEST, encoding="utf-8", check=True)
        self.host.sim("open", A)
        claim = self.host.file(f"run/libvirt-ap/claims/{B}.{A}")
        with open(claim, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("brought-up=true", text)

        def claim_again():
            with open(claim, "w", encoding="utf-8") as file:
                file.write(text)
        release = [*hook, "release", "end", "destroyed"]
        self.with_each_fault(release, GUEST,
                             lambda _: self.assertEqual(self.host.matrix(A), "02.0004\n"),
                             claim_again)
        # It is its use that keeps it: once nobody has it, it goes.
        self.host.sim("close", A)
        claim_again()
        subprocess.run(release, input=GUEST, encoding="utf-8", check=True)
        self.assertIsNone(self.host.matrix(A))


if __name__ == "__main__":
    unittest.main()
