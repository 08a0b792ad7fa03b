# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's qemu hook: a guest's matrix comes and goes with it, and what would give a queue to two
guests is refused, while the other guest keeps what it has."""

import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
FIRST = "11111111-2222-4333-8444-555555555551"
SECOND = "11111111-2222-4333-8444-555555555552"


def setUpModule():
    lab.require()


class Hook(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)

    def define(self, uuid, adapters, domains):
        done = lab.virsh("nodedev-define", "/root/test.xml",
                         xml=lab.nodedev_xml(uuid, adapters, domains))
        self.assertEqual(done.returncode, 0, done.stderr)

    def define_guest(self, name, uuid, mdev, **options):
        xml = lab.domain_xml(name, uuid, mdev, **options)
        done = lab.virsh("define", "/root/test.xml", xml=xml)
        self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, name):
        done = lab.virsh("start", name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def refused(self, name, *says):
        done = lab.virsh("start", name)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for words in says:
            self.assertIn(words, done.stderr)

    def mdevs(self):
        return lab.sh("ls /sys/bus/mdev/devices").split()

    def queues_in_use(self):
        return [queue["apqn"] for queue in lab.virt_ap("list")["queues"]
                if queue["status"] == "in use"]

    def assert_nothing_left(self):
        self.assertEqual(self.mdevs(), [])
        self.assertEqual(lab.sh("ls /run/libvirt-ap/claims /run/lock").split(),
                         ["/run/libvirt-ap/claims:", "/run/lock:"])

    def test_a_matrix_that_is_only_defined_comes_and_goes_with_its_guest(self):
        self.define(A, [1], [4, 6])
        self.define_guest("payroll", FIRST, A)
        self.start("payroll")
        self.assertEqual(self.queues_in_use(), ["01.0004", "01.0006"])
        lab.must("virsh", "destroy", "payroll")
        self.assert_nothing_left()

    def test_it_goes_also_when_qemu_is_killed(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", FIRST, A)
        self.start("payroll")
        lab.sh("kill -9 $(cat /run/libvirt/qemu/payroll.pid);"
               "virsh -q event --domain payroll --event lifecycle --timeout 30 > /dev/null || true;"
               "while virsh -q domstate payroll | grep -q running; do sleep 0.2; done;"
               "for i in $(seq 100); do [ -n \"$(ls /sys/bus/mdev/devices)\" ] || exit 0;"
               "sleep 0.2; done")
        self.assert_nothing_left()

    def test_a_matrix_that_was_active_before_stays(self):
        self.define(A, [1], [4])
        lab.must("virsh", "nodedev-start", lab.device_name(A))
        self.define_guest("payroll", FIRST, A)
        self.start("payroll")
        lab.must("virsh", "destroy", "payroll")
        self.assertEqual(self.mdevs(), [A])

    def test_two_guests_that_name_one_mdev_do_not_both_run(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", FIRST, A)
        self.define_guest("second", SECOND, A)
        self.start("payroll")
        self.refused("second", "guests 'second' and 'payroll' (running) name the same mdev " + A)
        self.assertEqual(self.queues_in_use(), ["01.0004"])

    def test_a_queue_of_a_running_guest_is_refused_by_name(self):
        self.define(A, [1], [4])
        self.define(B, [1], [6])
        self.define_guest("payroll", FIRST, A)
        self.define_guest("second", SECOND, B)
        self.start("payroll")
        lab.virsh("nodedev-update", lab.device_name(A), "--live", "/root/test.xml",
                  xml=lab.nodedev_xml(A, [1], [4, 6]))
        self.refused("second", "APQN 01.0006 (adapter 1, domain 6) belongs to mdev " + A,
                     "of guest 'payroll' (running)")
        self.assertEqual(self.queues_in_use(), ["01.0004", "01.0006"])

    def test_a_cpu_without_ap_is_refused_before_qemu_says_ap_bus(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", FIRST, A,
                          cpu="<cpu mode='host-passthrough'><feature policy='disable' name='ap'/>"
                              "</cpu>")
        self.refused("payroll", "ap")
        self.assertNotIn("No 'ap-bus'", lab.virsh("start", "payroll").stderr)
        self.assert_nothing_left()

    def test_of_two_that_start_at_once_exactly_one_runs(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", FIRST, A)
        self.define_guest("second", SECOND, A)
        for _ in range(5):
            lab.sh("for name in payroll second; do virsh -q start $name > /dev/null 2>&1 & done;"
                   "wait")
            running = lab.must("virsh", "-q", "list", "--name").split()
            self.assertEqual(len(running), 1, running)
            lab.must("virsh", "-q", "destroy", running[0])
            self.assert_nothing_left()

    def test_a_broken_configuration_refuses_guests_with_ap_alone(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", FIRST, A)
        plain = lab.domain_xml("plain", SECOND, A)
        start, end = plain.index("<hostdev"), plain.index("</hostdev>") + len("</hostdev>")
        lab.virsh("define", "/root/test.xml", xml=plain[:start] + plain[end:])
        lab.sh("mkdir -p /etc/libvirt-ap; echo '[severity' > /etc/libvirt-ap/libvirt-ap.conf")
        self.refused("payroll", "/etc/libvirt-ap/libvirt-ap.conf")
        self.start("plain")


if __name__ == "__main__":
    unittest.main()
