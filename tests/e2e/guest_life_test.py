# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's matrix comes and goes with it, however it ends: one that is only defined, and one that
the guest's metadata describes.

Guests execute no instruction here, so none answers `virsh shutdown`. QEMU's own command `quit`
stands in for the answer: QEMU reports SHUTDOWN and ends by itself, libvirt sees the monitor close
and calls that a shutdown, as it does when a guest has powered off."""

import unittest

import libvirt

import guest
import lab
from guest import A, B

# After a start libvirtd answers this when it has found the guest again, or released it; other
# commands, destroy for one, come in between.
QUERY = ("qemu-monitor-command", "payroll", '{"execute":"query-status"}')


def setUpModule():
    lab.require()


class Life(guest.Guests):
    """Every way to end, for both kinds of guests."""

    def starts(self):
        """The same guest, with a definition of its matrix and then with metadata alone."""
        self.define(A, [1], [4, 6])
        self.define_guest("payroll", A)
        yield self.start()
        self.virsh("nodedev-undefine", lab.device_name(A))
        self.define_guest_with_matrix("payroll", [1], [4, 6])
        self.assertEqual(lab.must("mdevctl", "list", "--defined"), "")
        yield self.start()
        self.assertEqual(lab.must("mdevctl", "list", "--defined"), "")

    def start(self):
        self.virsh("start", "payroll")
        self.assertEqual(self.in_use(), ["01.0004", "01.0006"])

    def test_it_is_destroyed(self):
        for _ in self.starts():
            self.virsh("destroy", "payroll")
            self.assert_nothing_left()

    def test_it_shuts_down(self):
        for _ in self.starts():
            self.virsh("shutdown", "payroll")
            # QEMU may be gone before libvirt has read its answer.
            detail = self.until_it_stops(
                "payroll", lambda: lab.remote_virsh("qemu-monitor-command", "payroll",
                                                    '{"execute":"quit"}'))
            self.assertEqual(detail, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
            self.assert_nothing_left()

    def test_qemu_is_killed(self):
        for _ in self.starts():
            detail = self.until_it_stops(
                "payroll", lambda: lab.sh("kill -9 $(cat /run/libvirt/qemu/payroll.pid)"))
            self.assertEqual(detail, libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED)
            self.assert_nothing_left()

    def test_libvirtd_is_restarted_while_it_runs(self):
        for _ in self.starts():
            with self.keeps("payroll", [1], [4, 6]):
                lab.sh(lab.RESTART_LIBVIRTD)
                self.virsh(*QUERY)
            self.virsh("destroy", "payroll")
            self.assert_nothing_left()

    def test_it_ends_while_libvirtd_is_away(self):
        self.define_guest_with_matrix("payroll", [1], [4, 6])
        self.start()
        lab.sh("qemu=$(cat /run/libvirt/qemu/payroll.pid)\n" +
               lab.RESTART_LIBVIRTD.replace("tail", 'kill -9 "$qemu"\ntail'))
        self.refused(*QUERY, says=["domain is not running"])
        self.assert_nothing_left()

    def test_its_start_fails_after_the_hook_said_yes(self):
        disk = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                "<source file='/root/no-such-disk'/><target dev='vda' bus='virtio'/></disk>")
        self.define_guest_with_matrix("payroll", [1], [4, 6], devices=disk)
        self.refused("start", "payroll", says=["/root/no-such-disk"])
        self.assert_nothing_left()

    def test_a_matrix_that_was_active_before_stays(self):
        self.define(A, [1], [4])
        self.virsh("nodedev-start", lab.device_name(A))
        self.define_guest("payroll", A)
        self.virsh("start", "payroll")
        self.virsh("destroy", "payroll")
        self.assertEqual(lab.sh(guest.LEFTOVERS), f"{A}\n")


class Reboot(guest.Guests):
    def test_the_host_reboots_while_guests_run(self):
        self.define(B, [2], [4])
        self.define_guest("second", B)
        self.virsh("start", "second")
        self.define_guest_with_matrix("payroll", [1], [4, 6])
        self.virsh("start", "payroll")
        lab.reboot()
        self.assert_nothing_left()
        lab.sh(lab.FREE_QUEUES)
        self.virsh("start", "payroll")
        self.virsh("start", "second")
        self.assertEqual(self.in_use(), ["01.0004", "01.0006", "02.0004"])
        self.virsh("destroy", "payroll")
        self.virsh("destroy", "second")
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
