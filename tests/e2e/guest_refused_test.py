# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that would take another one's queues does not start: the refusal names queue and owner,
and the other guest's CRYCB is as it was. Less than it wants is a warning in the journal."""

import json
import unittest

import guest
import lab
from guest import A, B

# The minimal init has no journal; this is systemd's, alone.
START_JOURNAL = """
[ -S /run/systemd/journal/socket ] || {
    mkdir -p /run/systemd/journal
    /usr/lib/libvirt-ap-lab/lab-helper --start /usr/lib/systemd/systemd-journald
}
"""


def setUpModule():
    lab.require()


class Refused(guest.Guests):
    """Guest 'payroll' runs with 01.0004 and 01.0006; 'second' is to start."""

    def setUp(self):
        super().setUp()
        self.define(A, [1], [4])
        self.define_guest("payroll", A)

    def payroll_runs(self):
        self.virsh("start", "payroll")
        lab.must("virt-ap", "update", A, "-", "--live", stdin=lab.nodedev_xml(A, [1], [4, 6]))

    def second_is_refused(self, *says):
        with self.keeps("payroll", [1], [4, 6]):
            text = self.refused("start", "second", says=says)
        self.assertEqual(lab.sh("ls /sys/bus/mdev/devices").split(), [A])
        return text

    def test_another_guest_holds_one_of_its_queues(self):
        self.define(B, [1], [6])
        self.define_guest("second", B)
        self.payroll_runs()
        self.second_is_refused(
            f"APQN 01.0006 (adapter 1, domain 6) belongs to mdev {A} of guest 'payroll' (running)")

    def test_another_guest_holds_one_and_it_brings_its_own_matrix(self):
        self.payroll_runs()
        lab.sh(f"mkdir -p /etc/libvirt-ap; printf '[pool one]\\nadapters = 1,2\\ndomains = 6\\n"
               f"guests = second\\n' > {guest.CONFIG}")
        self.define_guest("second", B, metadata=guest.metadata_xml([1, 2], [6]))
        self.second_is_refused(
            f"APQN 01.0006 (adapter 1, domain 6) belongs to mdev {A} of guest 'payroll' (running)")

    def test_both_name_one_mdev(self):
        self.define_guest("second", A)
        self.payroll_runs()
        self.second_is_refused(f"APQN 01.0004 (adapter 1, domain 4) belongs to mdev {A} of guest "
                               "'payroll' (running), which guest 'second' names too",
                               "also 01.0006")

    def test_its_cpu_has_no_ap(self):
        self.define(B, [2], [4])
        self.define_guest("second", B, cpu="<cpu mode='host-passthrough'>"
                                           "<feature policy='disable' name='ap'/></cpu>")
        self.payroll_runs()
        text = self.second_is_refused("the feature 'ap' has the policy 'disable'")
        self.assertNotIn("No 'ap-bus'", text)

    def test_it_would_see_none_of_its_queues(self):
        self.define(B, [1], [42, 71])
        self.define_guest("second", B)
        self.payroll_runs()
        self.addCleanup(lab.sh, "echo 01.0047 > /sys/bus/ap/drivers/vfio_ap/bind")
        lab.sh("echo 01.0047 > /sys/bus/ap/drivers/vfio_ap/unbind")
        self.second_is_refused(
            "APQN 01.002a (adapter 1, domain 42) is hidden from the guest, with its adapter; "
            "nothing is left", "01.0047 (adapter 1, domain 71) is bound to no driver")

    def test_it_would_see_a_part_of_its_queues(self):
        self.define(B, [1, 2], [42, 71])
        self.define_guest("second", B)
        self.payroll_runs()
        self.addCleanup(lab.sh, "echo 01.0047 > /sys/bus/ap/drivers/vfio_ap/bind")
        lab.sh("echo 01.0047 > /sys/bus/ap/drivers/vfio_ap/unbind")
        lab.sh(START_JOURNAL)
        self.virsh("start", "second")
        self.assertEqual(self.crycb("second")[-3], f"SET CRYCB: apm {guest.mask([2])}")
        lines = lab.sh("journalctl --sync; journalctl -t libvirt-ap -o json MDEV=$1", B)
        warning, = [entry for entry in map(json.loads, lines.splitlines())
                    if entry["CODE"] == "filtered"]
        for words in ("APQN 01.002a (adapter 1, domain 42)", "01.0047 (adapter 1, domain 71)",
                      "is bound to no driver"):
            self.assertIn(words, warning["MESSAGE"])
        self.assertEqual((warning["GUEST"], warning["APQN"]), ("second", "01.002a"))
        self.virsh("destroy", "second")
        lab.sh(f"mkdir -p /etc/libvirt-ap; printf '[severity guest]\\nfiltered = reject\\n' "
               f"> {guest.CONFIG}")
        self.second_is_refused("APQN 01.002a (adapter 1, domain 42) is hidden from the guest")

    def test_the_configuration_is_broken_and_it_has_ap(self):
        lab.sh(f"mkdir -p /etc/libvirt-ap; echo '[severity' > {guest.CONFIG}")
        self.refused("start", "payroll", says=[guest.CONFIG])
        self.define_guest("second")
        self.virsh("start", "second")
        self.virsh("destroy", "second")
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
