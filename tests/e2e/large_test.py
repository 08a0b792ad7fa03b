# SPDX-License-Identifier: LGPL-2.1-or-later
"""A matrix of 528 APQNs: judged right, and the kernel is never made to print it, which it has no
room for (up to 6.12 it writes past the page)."""

import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


def setUpModule():
    lab.require("wide.conf")


class Large(unittest.TestCase):
    def test_a_matrix_of_528_queues_is_judged_and_the_kernel_stays_quiet(self):
        listed = lab.virt_ap("list")
        adapters = [int(card["adapter"], 16) for card in listed["cards"]]
        domains = sorted({int(queue["apqn"][3:], 16) for queue in listed["queues"]})
        self.assertEqual(len(adapters) * len(domains), 528)
        done = lab.virsh("nodedev-define", "/root/test.xml",
                         xml=lab.nodedev_xml(A, adapters, domains))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = lab.virsh("nodedev-start", lab.device_name(A))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(lab.virt_ap("check")["findings"], [])
        done = lab.virsh("nodedev-define", "/root/test.xml",
                         xml=lab.nodedev_xml(B, adapters, domains))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("and 496 more: adapters 0x00-0x0f × domains 0x00-0x20", done.stderr)
        lab.must("virsh", "nodedev-dumpxml", lab.device_name(A))
        lab.must("virt-ap", "show", A)
        lab.must("virt-ap", "capture", "/tmp/captured")
        log = lab.kernel_log()
        for trouble in ("bad count", "overrun", "BUG", "WARNING", "Oops"):
            self.assertNotIn(trouble, log)

    def test_the_kernel_does_complain_when_somebody_prints_it(self):
        """The test above can fail: this is what it would have found."""
        if lab.run("test", "-e", f"/sys/bus/mdev/devices/{A}").returncode:
            self.skipTest("the matrix is not active")
        if not lab.status()["kernel"].startswith("6.12"):
            self.skipTest("later kernels print what there is room for")
        lab.sh(f"cat /sys/bus/mdev/devices/{A}/matrix > /dev/null || true")
        self.assertIn("bad count", lab.kernel_log())


if __name__ == "__main__":
    unittest.main()
