# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap dies in the middle of a change on the real kernel, hundreds of times: `virt-ap recover`
leaves the host as before or as after. tests/crash_test.py does so at every system call, on the
simulated kernel."""

import pathlib
import re
import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SCRIPT = pathlib.Path(__file__).with_name("crash.sh").read_text(encoding="utf-8")


class Crash(unittest.TestCase):
    def check(self, step, every, least):
        lab.require()
        lab.keep_masks()
        lab.write_file("/root/old.xml", lab.nodedev_xml(A, [5], [4]))
        lab.write_file("/root/new.xml", lab.nodedev_xml(A, [5, 6], [4, 6], [6]))
        done = lab.run("sh", "-c", SCRIPT, "sh", str(step), str(every))
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        hit, missed = re.search(r"^killed at (\d+) points in all, (\d+) were not there again",
                                done.stdout, re.M).groups()
        self.assertGreater(int(hit), least)
        self.assertLess(int(missed), 20)

    def test_whoever_is_killed_leaves_all_or_nothing(self):
        self.check(150, 3, 140)


class Long(Crash):
    def test_whoever_is_killed_leaves_all_or_nothing(self):
        self.check(60, 1, 300)


if __name__ == "__main__":
    unittest.main()
