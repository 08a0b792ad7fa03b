# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/getting-started.rst: its commands, literally, both ways, and what they print."""

import re
import unittest

import lab

PAGE = (lab.SOURCE / "docs/getting-started.rst").read_text(encoding="utf-8")
# As after the first boot: all queues are the host's.
ALL_OF_THE_HOST = r"""
for mask in apmask aqmask; do
    printf '0x%s\n' "$(printf 'f%.0s' $(seq 64))" > /sys/bus/ap/$mask
done
"""
FILES = lab.SOURCE / "examples/getting-started"


def commands(heading):
    """Of one section: each command, and the lines that the page shows below it."""
    section = re.search(rf"^{heading}\n-+\n(.*?)(?=^[^\n]+\n---)", PAGE, re.M | re.S)[1]
    found = []
    for line in re.findall(r"^  (.*)$|^$", section, re.M):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and line:
            found[-1][1].append(line)
    return found


class GettingStarted(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        lab.require()
        lab.sh(ALL_OF_THE_HOST)
        for path in sorted(FILES.iterdir()):
            lab.write_file(f"/root/{path.name}", path.read_text(encoding="utf-8"))
        for guest in ("payroll", "webshop"):
            lab.must("virsh", "define", f"/root/{guest}.xml")

    def follow(self, heading):
        steps = commands(heading)
        self.assertGreater(len(steps), 8)
        for command, shown in steps:
            done = lab.run("sh", "-c", f"cd /root && {command}")
            self.assertEqual(done.returncode, 0, command + done.stdout + done.stderr)
            self.assertEqual([line.rstrip() for line in done.stdout.splitlines() if line.strip()],
                             shown, command)
        self.assertEqual(lab.virt_ap("check")["findings"], [])

    def test_with_virt_ap(self):
        self.follow("With virt-ap")

    def test_with_chzdev_and_virsh(self):
        self.follow("With chzdev and virsh")


if __name__ == "__main__":
    unittest.main()
