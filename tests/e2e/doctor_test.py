# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap doctor on a real host: what it names is so, and what it says mends it."""

import json
import re
import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
CALLOUTS = ("/usr/lib/mdevctl/scripts.d/callouts/00-libvirt-ap",
            "/etc/mdevctl.d/scripts.d/callouts/00-libvirt-ap")
HOOK = "/etc/libvirt/hooks/qemu.d/libvirt-ap"
GUEST = "11111111-2222-4333-8444-555555555551"
# What hints had the tests make, and how the lab was before.
FORGET = """
systemctl enable libvirt-ap-boot.service
rm -f /usr/sbin/mdevctl
"""


def setUpModule():
    lab.require()


class Doctor(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)
        self.addCleanup(lab.sh, FORGET)

    def examine(self):
        """The exit code, and what is not as it should be."""
        done = lab.run("virt-ap", "--json", "doctor")
        checks = json.loads(done.stdout)["checks"]
        return done.returncode, {c["code"]: c for c in checks if c["state"] != "ok"}

    def mend(self, check):
        commands = re.findall("`([^`]+)`", check["hint"])
        self.assertTrue(commands, check)
        for command in commands:
            lab.sh(command)

    def mend_all(self):
        for check in self.examine()[1].values():
            self.mend(check)
        self.assertEqual(self.examine(), (0, {}))

    def test_the_hints_mend_what_a_new_host_lacks(self):
        lab.must("systemctl", "disable", "libvirt-ap-boot.service")
        code, found = self.examine()
        states = {name: check["state"] for name, check in found.items()}
        self.assertEqual((code, states), (1, {"vfio-ap-boot": "fault", "masks": "fault",
                                              "autostart": "warn", "boot-unit": "fault"}))
        self.mend_all()

    def test_without_the_callout_nobody_is_asked(self):
        self.mend_all()
        self.remove_callout(CALLOUTS[0])
        self.assertEqual(self.examine()[0], 0)
        self.assert_asked(True)
        self.remove_callout(CALLOUTS[1])
        code, found = self.examine()
        self.assertEqual((code, found["callout"]["state"]), (1, "fault"))
        self.assert_asked(False)
        self.mend(found["callout"])
        self.assertEqual(self.examine(), (0, {}))
        self.assert_asked(True)

    def remove_callout(self, path):
        target = lab.must("readlink", path).strip()
        self.addCleanup(lab.must, "ln", "-sf", target, path)
        lab.must("rm", path)

    def assert_asked(self, asked):
        """Only the callout refuses a definition that names no queue of a kind that there is."""
        xml = lab.nodedev_xml(A, [1], [4]).replace("assign_domain", "assign_dommain")
        done = lab.virsh("nodedev-define", "/root/test.xml", xml=xml)
        lab.run("rm", "-f", f"/etc/mdevctl.d/matrix/{A}")
        self.assertEqual("assign_dommain" in done.stderr, asked, done.stderr)
        self.assertEqual(done.returncode != 0, asked)

    def test_a_hook_that_came_after_the_daemon_is_not_run(self):
        self.mend_all()
        target = lab.must("readlink", HOOK).strip()
        self.addCleanup(lab.sh, lab.RESTART_LIBVIRTD)
        self.addCleanup(lab.sh, f"ln -sf {target} {HOOK}")
        lab.must("rm", HOOK)
        code, found = self.examine()
        self.assertEqual((code, found["hook"]["state"]), (1, "fault"))
        lab.sh(lab.RESTART_LIBVIRTD)
        # /proc tells in whole seconds when the daemon started.
        lab.must("sleep", "4")
        lab.must("ln", "-s", target, HOOK)
        code, found = self.examine()
        self.assertEqual((code, list(found)), (1, ["hook-seen"]))
        self.assert_started_by_the_hook(False)
        lab.sh(lab.RESTART_LIBVIRTD)
        self.assertEqual(self.examine(), (0, {}))
        self.assert_started_by_the_hook(True)

    def assert_started_by_the_hook(self, started):
        """libvirt does not start a guest's matrix that is only defined; the hook does."""
        done = lab.virsh("nodedev-define", "/root/test.xml", xml=lab.nodedev_xml(A, [1], [4]))
        self.assertEqual(done.returncode, 0, done.stderr)
        lab.virsh("define", "/root/test.xml", xml=lab.domain_xml("payroll", GUEST, A))
        done = lab.virsh("start", "payroll")
        self.assertEqual(done.returncode == 0, started, done.stderr)
        lab.run("virsh", "destroy", "payroll")
        lab.run("virsh", "undefine", "payroll")
        lab.must("virsh", "nodedev-undefine", lab.device_name(A))

    def test_a_broken_definition_is_named(self):
        self.mend_all()
        lab.sh(f"mkdir -p /etc/mdevctl.d/matrix; echo '{{' > /etc/mdevctl.d/matrix/{A}")
        self.assertNotEqual(lab.run("mdevctl", "list", "--defined").returncode, 0)
        code, found = self.examine()
        self.assertEqual((code, list(found)), (1, ["definitions"]))
        self.assertIn(A, found["definitions"]["message"])
        self.mend(found["definitions"])
        self.assertEqual(lab.run("mdevctl", "list", "--defined").returncode, 0)
        self.assertEqual(self.examine(), (0, {}))

    def test_a_capture_says_the_same(self):
        self.addCleanup(lab.run, "rm", "-rf", "/root/captured")
        self.remove_callout(CALLOUTS[0])
        lab.must("virt-ap", "capture", "/root/captured")
        here = lab.virt_ap("doctor")
        there = lab.virt_ap("--root", "/root/captured", "doctor")
        self.assertEqual(here, there)


if __name__ == "__main__":
    unittest.main()
