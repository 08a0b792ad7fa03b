# SPDX-License-Identifier: LGPL-2.1-or-later
"""The simulated kernel does what the real one does: kernel/selftest/compare.py on both.

Short goes with the other tests in the lab. Long is `./dev test --suite long`: 20,000 operations,
on several topologies, each freshly booted, of both of the lab's kernels."""

import os
import re
import subprocess
import sys
import unittest

import lab

AP_OPS = "/usr/libexec/libvirt-ap/selftest/ap_ops"
COMPARE = lab.SOURCE / "kernel/selftest/compare.py"


class Compare(unittest.TestCase):
    def compare(self, topology, count, seeds, *options, kernel="6.12", generation="6.12"):
        """Returns how many operations there were; @count is for each seed."""
        lab.require(f"{topology}.conf", kernel)
        # They would ask mdevctl for its list, and look for rules, after each change.
        lab.sh("pkill -STOP -x 'libvirtd|systemd-udevd'")
        try:
            done = subprocess.run(
                [sys.executable, COMPARE, "--topology", lab.TOPOLOGIES / f"{topology}.conf",
                 "--kernel", generation, "--virt-ap", os.environ["VIRT_AP"],
                 "--ap-ops-sim", os.environ["AP_OPS_SIM"], "--count", str(count),
                 "--seeds", seeds, *options, "--", lab.LAB, "run", "--", AP_OPS],
                env=lab.ENVIRONMENT, capture_output=True, encoding="utf-8", check=False)
        finally:
            lab.sh("pkill -CONT -x 'libvirtd|systemd-udevd'")
        print(f"{topology} {generation} {' '.join(options)}:\n{done.stdout}", flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return sum(map(int, re.findall(r": (\d+) operations, no difference", done.stdout)))


class Short(Compare):
    def test_with_apxa(self):
        self.compare("default", 300, "1-2")

    def test_without_apxa(self):
        self.compare("no-apxa", 300, "1-2")


class Long(Compare):
    def test_twenty_thousand_operations(self):
        # No other test has a use for the last machine.
        self.addCleanup(lab.down)
        total = 0
        for kernel, generation in [("6.12", "6.12"), ("newest", "7.2")]:
            for topology in ("default", "small", "no-apxa"):
                total += self.compare(topology, 1500, "1-2", kernel=kernel, generation=generation)
        total += self.compare("small", 1500, "1-2", "--overrides", kernel="newest",
                              generation="7.2")
        print(f"{total} operations in all, no difference")
        self.assertGreaterEqual(total, 20000)


if __name__ == "__main__":
    unittest.main()
