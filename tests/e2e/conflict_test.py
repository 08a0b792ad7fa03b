# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock virsh, the unmodified kernel, our callout: what overlaps is refused by name, at define, at
start and live; what does not overlap passes."""

import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
C = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
GUEST = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"


def setUpModule():
    lab.require()


class Conflict(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)

    def passes(self, *argv, xml=None):
        done = lab.virsh(*argv, xml=xml)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *argv, xml=None, says=()):
        done = lab.virsh(*argv, xml=xml)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for words in says:
            self.assertIn(words, done.stderr)
        return done.stderr

    def define(self, uuid, adapters, domains, control=()):
        self.passes("nodedev-define", "/root/test.xml",
                    xml=lab.nodedev_xml(uuid, adapters, domains, control))

    def start(self, uuid):
        self.passes("nodedev-start", lab.device_name(uuid))

    def start_guest(self, name, uuid, mdev):
        self.passes("define", "/root/test.xml", xml=lab.domain_xml(name, uuid, mdev))
        self.passes("start", name)

    def test_a_definition_that_overlaps_a_running_guest_is_refused_by_name(self):
        self.define(A, [1, 2], [4, 6])
        self.start(A)
        self.start_guest("payroll", GUEST, A)
        self.refused("nodedev-define", "/root/test.xml", xml=lab.nodedev_xml(B, [2, 3], [4, 6, 42]),
                     says=["APQN 02.0004 (adapter 2, domain 4) belongs to mdev " + A,
                           "of guest 'payroll' (running)", "also 02.0006",
                           "free on adapter 2: domains 0x2a, 0x47, 0xab, 0xff"])
        self.assertNotIn(B, lab.must("mdevctl", "list", "--defined"))

    def test_no_card_is_asked_for_anything(self):
        """A question that no queue of the host can put makes the kernel scan the whole bus."""
        self.define(A, [1, 3, 5, 10], [4, 6])
        before, after = lab.sh("cat /sys/bus/ap/scans; for i in 1 2 3 4 5 6; do virt-ap check "
                               f"{A} --phase start >/dev/null; done; cat /sys/bus/ap/scans").split()
        # The kernel scans by itself twice a minute.
        self.assertLess(int(after) - int(before), 3)

    def test_the_guest_is_named_in_its_state(self):
        self.define(A, [1], [4])
        self.start(A)
        self.start_guest("payroll", GUEST, A)
        self.passes("suspend", "payroll")
        self.refused("nodedev-define", "/root/test.xml", xml=lab.nodedev_xml(B, [1], [4]),
                     says=["of guest 'payroll' (paused)"])

    def test_a_matrix_beside_it_passes_all_the_way(self):
        self.define(A, [1], [4])
        self.define(B, [1], [6])
        self.define(C, [2], [4])
        for uuid in (A, B, C):
            self.start(uuid)
        self.assertEqual(lab.virt_ap("check")["findings"], [])

    def test_a_start_that_overlaps_is_refused_and_leaves_no_device(self):
        self.define(A, [1], [4, 6])
        self.define(B, [1], [42])
        self.start(A)
        self.passes("nodedev-update", lab.device_name(A), "--live", "/root/test.xml",
                    xml=lab.nodedev_xml(A, [1], [4, 6, 42]))
        self.refused("nodedev-start", lab.device_name(B),
                     says=["APQN 01.002a (adapter 1, domain 42) belongs to mdev " + A])
        self.assertFalse(lab.run("test", "-e", f"/sys/bus/mdev/devices/{B}").returncode == 0)

    def test_a_live_change_that_overlaps_is_refused_and_changes_nothing(self):
        self.define(A, [1], [4])
        self.define(B, [2], [4])
        self.start(A)
        self.start(B)
        before = lab.must("cat", f"/sys/bus/mdev/devices/{A}/ap_config")
        self.refused("nodedev-update", lab.device_name(A), "--live", "/root/test.xml",
                     xml=lab.nodedev_xml(A, [1, 2], [4]),
                     says=["APQN 02.0004 (adapter 2, domain 4) belongs to mdev " + B])
        self.assertEqual(lab.must("cat", f"/sys/bus/mdev/devices/{A}/ap_config"), before)

    def test_a_queue_of_the_host_is_refused_at_start(self):
        lab.sh("echo +3 > /sys/bus/ap/apmask; echo +4 > /sys/bus/ap/aqmask; udevadm settle")
        self.define(A, [3], [4])
        self.refused("nodedev-start", lab.device_name(A),
                     says=["APQN 03.0004 (adapter 3, domain 4) belongs to the host's own drivers"])

    def test_an_active_matrix_shows_its_attributes_in_decimal(self):
        self.define(A, [1, 2], [4, 42], [42])
        self.start(A)
        xml = self.passes("nodedev-dumpxml", lab.device_name(A))
        for name, value in (("assign_adapter", 1), ("assign_adapter", 2), ("assign_domain", 4),
                            ("assign_domain", 42), ("assign_control_domain", 42)):
            self.assertIn(f"<attr name='{name}' value='{value}'/>", xml)

    def test_stopping_a_matrix_that_a_guest_holds_is_refused(self):
        self.define(A, [1], [4])
        self.start(A)
        self.start_guest("payroll", GUEST, A)
        done = lab.run("mdevctl", "stop", "--uuid", A)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("in use by guest 'payroll' (running)", done.stderr)
        self.passes("destroy", "payroll")
        self.passes("nodedev-destroy", lab.device_name(A))

    def test_no_command_leaves_the_lock_behind(self):
        self.define(A, [1], [4])
        self.start(A)
        self.refused("nodedev-define", "/root/test.xml", xml=lab.nodedev_xml(B, [1], [4]))
        self.assertEqual(lab.must("ls", "/run/lock"), "")


if __name__ == "__main__":
    unittest.main()
