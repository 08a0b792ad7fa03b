#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An audit of more than anybody reads: it lists some, counts the rest, stays small, and the verdict
is that of all."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build-dev" / "tools" / "virt-ap"))
DEFINITIONS = "etc/mdevctl.d/matrix"
LAST_GUESTS = "var/lib/libvirt-ap/last-guests"


def uuid(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def definition(adapters, domains, start="manual"):
    return json.dumps({"mdev_type": "vfio_ap-passthrough", "start": start, "attrs": [
        *({"assign_adapter": str(i)} for i in adapters),
        *({"assign_domain": str(i)} for i in domains)]})


def domain(number, mdev):
    return (f"<domain type='kvm'><name>g{number:04}</name><uuid>{uuid(number)}</uuid><devices>"
            "<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source>"
            f"<address uuid='{mdev}'/></source></hostdev></devices></domain>")


class AuditSizeTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="ap-audit-")
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.write("sys/bus/ap/apmask", "0x" + "0" * 64 + "\n")
        self.write("sys/bus/ap/aqmask", "0x" + "0" * 64 + "\n")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def define(self, numbers, *args, **options):
        for number in numbers:
            self.write(f"{DEFINITIONS}/{uuid(number)}", definition(*args, **options))

    def check(self, *args):
        done = subprocess.run([VIRT_AP, "--root", str(self.root), "check", "--json", *args],
                              capture_output=True, text=True, check=False, timeout=100)
        return done.returncode, json.loads(done.stdout)["findings"]

    def messages(self, code, *args):
        return [found["message"] for found in self.check(*args)[1] if found["code"] == code]

    def test_few_are_listed_one_by_one(self):
        self.define(range(20), [5], [4])
        messages = self.messages("defined-elsewhere")
        self.assertEqual(20 * 19 // 2, len(messages))
        self.assertFalse([text for text in messages if text.startswith("and ")])

    def test_many_are_counted(self):
        self.define(range(600), [5], [4])
        messages = self.messages("defined-elsewhere")
        self.assertLess(len(messages), 1100)
        self.assertIn(f"and 567 more mdevs share queues with mdev {uuid(0)}", messages)
        listed = [text for text in messages if not text.startswith("and ")]
        counted = sum(int(re.match(r"and (\d+) more", text)[1]) for text in messages
                      if text.startswith("and "))
        self.assertEqual(600 * 599 // 2, len(listed) + counted)
        self.assertEqual(599, len(self.messages("defined-elsewhere", uuid(300))))

    def test_a_refusal_among_the_many_stays_one(self):
        self.define(range(300), [5], [4])
        self.assertEqual(0, self.check("--phase", "audit")[0])
        self.define([250], [5], [4], start="auto")
        code, findings = self.check()
        self.assertEqual(1, code)
        self.assertTrue([found for found in findings if found["severity"] == "reject"
                         and uuid(250) in (found["mdev"], found["other_mdev"])])

    def test_what_is_only_counted_is_refused_too(self):
        self.define(range(100), [5], [4], start="auto")
        counted = [found for found in self.check()[1] if found["message"].startswith("and ")]
        self.assertEqual({("reject", "audit")},
                         {(found["severity"], found["phase"]) for found in counted})

    def test_guests_of_one_mdev_are_counted(self):
        for number in range(100):
            self.write(f"etc/libvirt/qemu/g{number:04}.xml", domain(number, uuid(0)))
        for defined in (False, True):
            if defined:
                self.define([0], [5], [4])
            messages = self.messages("guest-shared-mdev")
            self.assertEqual(9 * 8 // 2 + 1, len(messages), messages)
            self.assertIn(f"and 91 more guests name mdev {uuid(0)}", messages)

    def test_large_matrices_do_not_fill_the_memory(self):
        self.define(range(40), range(256), range(256))
        findings = self.check()[1]
        self.assertLess(sum(len(found["apqns"]) for found in findings), 1 << 21)
        self.assertIn("defined-elsewhere", {found["code"] for found in findings})
        self.assertTrue([found for found in findings
                         if re.match(r"and \d+ more such findings", found["message"])])

    def test_former_guests_of_one_matrix_are_counted(self):
        mdev = uuid(0)
        self.define([0], range(256), range(256))
        self.write("etc/libvirt/qemu/g.xml", domain(1, mdev))
        for n, more in ((32, ""), (33, "one more guest"), (65536, "65504 more guests")):
            with self.subTest(n):
                self.write(LAST_GUESTS, "".join(
                    f"[{i >> 8:02x}.{i & 255:04x}]\nguest=h{i}\nuuid={uuid(i + 2)}\n"
                    for i in range(n)))
                for args in ((), ("g0001",)):
                    found = [f for f in self.check(*args)[1] if f["code"] == "previous-owner"]
                    self.assertEqual(len(found), min(n, 33))
                    self.assertEqual(len({a for f in found for a in f["apqns"]}), n)
                    counted = [f["message"] for f in found if not f["other_guest"]]
                    self.assertEqual([more in text for text in counted], [True] if more else [])

    def test_files_have_the_size_of_what_they_are(self):
        self.define([0], [5], [4])
        self.write("etc/libvirt/qemu/g.xml", domain(1, uuid(0)))
        for path, text, says in (
                (LAST_GUESTS, "[a]\n" * (5 << 20), "larger than"),
                (LAST_GUESTS, "".join(f"[{i:x}]\n" for i in range(70000)), "is damaged"),
                (LAST_GUESTS, "".join(f"[{i:x}]\n" for i in range(600)), "is damaged"),
                ("etc/libvirt/qemu/big.xml", "<domain>" + "<a/>" * (3 << 20), "larger than"),
                (f"{DEFINITIONS}/{uuid(1)}", definition([1] * 20000, [4]), "larger than")):
            with self.subTest(path):
                self.write(path, text)
                self.assertTrue([m for m in self.messages("unreadable") if says in m])
                (self.root / path).unlink()


if __name__ == "__main__":
    unittest.main()
