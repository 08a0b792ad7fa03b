# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-install on the PC makes a guest with a matrix in the lab, and virt-xml changes it; what
comes out starts and has its queues."""

import subprocess
import unittest

import guest
import lab
from guest import A, B


def setUpModule():
    lab.require()


class Virtinst(guest.Guests):
    def setUp(self):
        super().setUp()
        self.define(A, [1], [4, 6])
        self.define(B, [2], [42])

    def tool(self, program, *argv):
        done = subprocess.run([program, "--connect", lab.status()["uri"], *argv], check=False,
                              stdin=subprocess.DEVNULL, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def edit(self, *argv):
        self.tool("virt-xml", "payroll", *argv)

    def assert_starts_with(self, adapters, domains):
        self.virsh("start", "payroll")
        self.assert_has("payroll", adapters, domains)
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()

    def test_virt_install_makes_a_guest_with_a_matrix(self):
        self.tool("virt-install", "--name", "payroll", "--memory", "64", "--vcpus", "1",
                  "--arch", "s390x", "--cpu", "host-passthrough", "--osinfo",
                  "detect=off,require=off", "--disk", "none", "--network", "none",
                  "--graphics", "none", "--memballoon", "none", "--rng", "none",
                  "--import", "--noautoconsole", "--hostdev", lab.device_name(A))
        self.assert_has("payroll", [1], [4, 6])
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()

    def test_virt_xml_removes_a_matrix_and_adds_and_changes_one(self):
        self.define_guest("payroll", A)
        self.edit("--remove-device", "--hostdev", "1")
        self.assertNotIn("hostdev", self.virsh("dumpxml", "payroll"))
        self.edit("--add-device", "--hostdev", lab.device_name(A))
        self.assert_starts_with([1], [4, 6])
        self.edit("--edit", "--hostdev", f"xpath1.set=./source/address/@uuid,xpath1.value={B}")
        self.assert_starts_with([2], [42])


if __name__ == "__main__":
    unittest.main()
