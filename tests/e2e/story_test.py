# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story of ./dev demo passes, and does not pass without the callout; virsh on the PC reaches
the lab's libvirt."""

import subprocess
import unittest

import lab

STORY = lab.SOURCE / "examples/story/tell.sh"
CALLOUT = "/usr/lib/mdevctl/scripts.d/callouts/00-libvirt-ap"


def setUpModule():
    lab.require()


def tell():
    return subprocess.run([str(STORY)], env=lab.ENVIRONMENT, check=False, text=True,
                          capture_output=True)


class Story(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)

    def test_the_story_is_true(self):
        told = tell()
        self.assertEqual(told.returncode, 0, told.stdout[-3000:] + told.stderr)
        self.assertIn("Proved on the unmodified kernel", told.stdout)

    def test_without_the_callout_the_story_fails(self):
        self.addCleanup(lab.sh, f"mv /root/callout {CALLOUT}")
        lab.sh(f"mv {CALLOUT} /root/callout; rm -f /etc/mdevctl.d/scripts.d/callouts/*")
        told = tell()
        self.assertNotEqual(told.returncode, 0)
        self.assertIn("should have been refused", told.stderr)

    def test_virsh_on_the_pc_sees_the_labs_devices(self):
        listed = subprocess.run(["virsh", "-c", lab.status()["uri"], "nodedev-list", "--cap",
                                 "ap_card"], check=True, text=True, capture_output=True)
        self.assertIn("ap_card01", listed.stdout.split())


if __name__ == "__main__":
    unittest.main()
