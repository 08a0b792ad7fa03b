# SPDX-License-Identifier: LGPL-2.1-or-later
"""Broken hardware: what the real kernel makes of it, and that list and check tell it."""

import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
MATRIX = f"/sys/devices/vfio_ap/matrix/{A}"


def setUpModule():
    lab.require()


class Fault(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)
        lab.virsh("nodedev-define", "/root/test.xml", xml=lab.nodedev_xml(A, [1, 2], [4, 6]))
        lab.must("virsh", "nodedev-start", lab.device_name(A))

    def card(self, adapter):
        cards = {card["adapter"]: card for card in lab.virt_ap("list")["cards"]}
        return cards.get(adapter)

    def findings(self, code):
        return [finding for finding in lab.virt_ap("check", A)["findings"]
                if finding["code"] == code]

    def guest_matrix(self):
        return lab.must("cat", f"{MATRIX}/guest_matrix").split()

    def test_an_unplugged_card_is_gone_from_the_guest_and_comes_back(self):
        self.addCleanup(lab.fault, "adapter", "2", "add", "cex8", "cca")
        lab.fault("adapter", "2", "remove")
        self.assertEqual(self.guest_matrix(), ["01.0004", "01.0006"])
        self.assertIsNone(self.card("0x02"))
        missing, = self.findings("not-installed")
        self.assertEqual(missing["apqns"], ["02.0004", "02.0006"])
        lab.fault("adapter", "2", "add", "cex8", "cca")
        self.assertEqual(self.guest_matrix(), ["01.0004", "01.0006", "02.0004", "02.0006"])
        self.assertEqual(self.findings("not-installed"), [])

    def test_a_domain_taken_from_the_lpar_is_gone_from_the_guest(self):
        self.addCleanup(lab.fault, "domain", "6", "add")
        lab.fault("domain", "6", "remove")
        self.assertEqual(self.guest_matrix(), ["01.0004", "02.0004"])
        missing, = self.findings("not-installed")
        self.assertEqual(missing["apqns"], ["01.0006", "02.0006"])

    def test_a_deconfigured_card_stays_in_the_guest_and_is_told(self):
        self.addCleanup(lab.fault, "adapter", "1", "configured", "1")
        lab.fault("adapter", "1", "configured", "0")
        self.assertEqual(lab.must("cat", "/sys/devices/ap/card01/config").strip(), "0")
        self.assertEqual(len(self.guest_matrix()), 4)
        self.assertIs(self.card("0x01")["configured"], False)
        unusable, = self.findings("unusable")
        self.assertEqual(unusable["apqns"], ["01.0004", "01.0006"])
        self.assertIn("deconfigured", unusable["message"])

    def test_a_checkstopped_card_is_told(self):
        self.addCleanup(lab.fault, "adapter", "1", "checkstopped", "0")
        lab.fault("adapter", "1", "checkstopped", "1")
        self.assertIs(self.card("0x01")["checkstopped"], True)
        unusable, = self.findings("unusable")
        self.assertIn("checkstopped", unusable["message"])

    def test_a_queue_that_fails_its_reset_hides_its_adapter_and_is_told(self):
        self.addCleanup(lab.fault, "queue", "01.0006", "reset-response", "00")
        lab.fault("queue", "01.0006", "reset-response", "42")
        lab.sh(f"echo 6 > {MATRIX}/unassign_domain; echo 6 > {MATRIX}/assign_domain")
        self.assertIn("01.0006", lab.kernel_log())
        self.assertEqual(self.guest_matrix(), ["02.0004", "02.0006"])
        filtered, = self.findings("filtered")
        self.assertEqual(filtered["apqns"], ["01.0004", "01.0006"])

    def test_a_slow_reset_is_waited_for(self):
        self.addCleanup(lab.fault, "queue", "01.0006", "reset-polls", "0")
        lab.fault("queue", "01.0006", "reset-polls", "5")
        lab.sh(f"echo 6 > {MATRIX}/unassign_domain; echo 6 > {MATRIX}/assign_domain")
        self.assertEqual(self.guest_matrix(), ["01.0004", "01.0006", "02.0004", "02.0006"])
        self.assertIn("Waited", lab.kernel_log())

    def test_a_stale_filter_is_told_with_the_remedy_that_works(self):
        self.addCleanup(lab.sh, "echo 01.0006 > /sys/bus/ap/drivers/vfio_ap/bind || true")
        lab.sh("echo 01.0006 > /sys/bus/ap/drivers/vfio_ap/unbind")
        lab.sh(f"echo 6 > {MATRIX}/unassign_domain")
        self.assertEqual(self.guest_matrix(), ["02.0004"])
        filtered, = self.findings("filtered")
        self.assertEqual(filtered["apqns"], ["01.0004"])
        remedy = filtered["hint"].splitlines()[-1]
        lab.sh(remedy)
        self.assertEqual(self.guest_matrix(), ["01.0004", "02.0004"])
        self.assertEqual(self.findings("filtered"), [])


if __name__ == "__main__":
    unittest.main()
