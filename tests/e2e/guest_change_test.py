# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be done to a guest besides starting and ending it goes as without the hook, which
libvirt does not ask then; and afterwards the hook knows what has become of the guest."""

import unittest

import guest
import lab
from guest import A, B


def setUpModule():
    lab.require()


class Hotplug(guest.Guests):
    """libvirt runs no hook for it."""

    def test_a_matrix_is_attached_and_detached(self):
        self.define(A, [1], [4, 6])
        self.virsh("nodedev-start", lab.device_name(A))
        self.define_guest("payroll")
        self.define_guest("second", A)
        self.virsh("start", "payroll")
        self.virsh("attach-device", "payroll", "/dev/stdin", "--live", xml=lab.hostdev_xml(A))
        with self.keeps("payroll", [1], [4, 6]):
            self.refused("start", "second", says=["'payroll' (running), which guest 'second'"])
        self.virsh("detach-device", "payroll", "/dev/stdin", "--live", xml=lab.hostdev_xml(A))
        self.assertEqual(self.crycb("payroll")[-1], "CLR CRYCB:")
        self.virsh("start", "second")
        with self.keeps("second", [1], [4, 6]):
            self.virsh("destroy", "payroll")
        self.virsh("destroy", "second")
        self.assertEqual(lab.sh(guest.LEFTOVERS), f"{A}\n")

    def test_a_detached_matrix_goes_when_its_guest_ends(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", A)
        self.virsh("start", "payroll")
        self.virsh("detach-device", "payroll", "/dev/stdin", "--live", xml=lab.hostdev_xml(A))
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()

    def test_a_detached_matrix_goes_with_the_guest_that_took_it(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", A)
        self.define_guest("second", A)
        self.virsh("start", "payroll")
        self.virsh("detach-device", "payroll", "/dev/stdin", "--live", xml=lab.hostdev_xml(A))
        self.virsh("start", "second")
        with self.keeps("second", [1], [4]):
            self.virsh("destroy", "payroll")
        self.virsh("destroy", "second")
        self.assert_nothing_left()


class Change(guest.Guests):
    def setUp(self):
        super().setUp()
        self.define_guest_with_matrix("payroll", [1], [4])
        self.virsh("start", "payroll")

    def test_it_is_suspended_and_resumed(self):
        self.define_guest("second", A)
        with self.keeps("payroll", [1], [4]):
            self.virsh("suspend", "payroll")
            self.refused("start", "second", says=["of guest 'payroll' (paused)"])
            self.virsh("resume", "payroll")
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()

    def test_managed_save_is_refused_in_qemus_words(self):
        with self.keeps("payroll", [1], [4]):
            self.refused("managedsave", "payroll", says=["vfio-ap", "migrat"])
            self.assertEqual(self.virsh("domstate", "payroll").strip(), "running")
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()

    def test_it_is_undefined_while_it_runs(self):
        with self.keeps("payroll", [1], [4]):
            self.virsh("undefine", "payroll")
            self.define_guest("second", A)
            self.refused("start", "second", says=["of guest 'payroll' (running)"])
        self.virsh("destroy", "payroll")
        self.assert_nothing_left()
        self.assertNotIn("payroll", self.virsh("list", "--all", "--name"))

    def test_it_is_renamed(self):
        self.virsh("destroy", "payroll")
        self.virsh("domrename", "payroll", "ledger")
        self.refused("start", "ledger", says=["no pool gives APQN 01.0004 (adapter 1, domain 4) "
                                              "to guest 'ledger'"])
        lab.sh(f"sed -i s/payroll/ledger/ {guest.CONFIG}")
        self.virsh("start", "ledger")
        # Its UUID is the same: nobody else had the queue before.
        self.assertNotIn("previous-owner", lab.run("virt-ap", "check", "ledger").stdout)
        self.define_guest("second", B, metadata=guest.metadata_xml([1], [4]))
        with self.keeps("ledger", [1], [4]):
            self.refused("start", "second", says=["of guest 'ledger' (running)"])
        self.virsh("destroy", "ledger")
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
