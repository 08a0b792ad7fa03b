#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virt-ap says to an ordinary user, who may not read what libvirt and mdevctl keep for root:
what is unknown and why, and never that it is not there."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from host_tree import Description, HostTree, full_uuid

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))
NOBODY = 65534

HOST = """title An mdev that a guest has, another that is only defined, and what the host needs.
lpar adapters=5,6 domains=4,0x47
mdev a adapters=5 domains=4
mdev c adapters=5 domains=0x47
define b auto adapters=6 domains=4
define c manual adapters=5 domains=0x47
guest web mdev=a state=running
guest old mdev=c autostart
file /var/lib/libvirt-ap/last-guests text=
file /etc/udev/rules.d/41-ap.rules text=
file /etc/libvirt-ap/libvirt-ap.conf text=
file /etc/zkey/repository/root.info text=apqns=07.0047
"""

# What is closed, and which paths are then named as unreadable.
LIBVIRT = ["etc/libvirt/qemu", "run/libvirt/qemu"]
STATUS = ["run/libvirt/qemu"]
STATUS_FILE = ["run/libvirt/qemu/web.xml"]
AUTOSTART = ["etc/libvirt/qemu/autostart"]
DEFINITIONS = ["etc/mdevctl.d/matrix"]
DEFINITION = [f"etc/mdevctl.d/matrix/{full_uuid('c')}"]
CLAIMS = ["run/libvirt-ap/claims"]
ALL = LIBVIRT + DEFINITIONS


class OrdinaryUserTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="ap-user-")
        self.addCleanup(temporary.cleanup)
        self.top = Path(temporary.name)
        self.top.chmod(0o777)
        # The build may be where only root may go.
        self.virt_ap = self.top / "virt-ap"
        shutil.copy(VIRT_AP, self.virt_ap)

    def build(self, closed=(), text=HOST):
        """Makes the tree; what is @closed nobody but its owner may read, and we are not he."""
        description = self.top / "x.host"
        description.write_text(text)
        root = self.top / "root"
        shutil.rmtree(root, ignore_errors=True)
        HostTree(Description(description), root).build()
        root.chmod(0o755)
        (root / "run/libvirt-ap/claims").mkdir(parents=True, exist_ok=True)
        for path in closed:
            (root / path).chmod(0o700 if os.geteuid() == 0 else 0)
            self.addCleanup(self.open_again, root / path)
        self.root = root
        self.closed = [str(root / path) for path in closed]

    @staticmethod
    def open_again(path):
        if path.exists():
            path.chmod(0o700)

    def run_as_user(self, *args, sim=None):
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        where = ["--sim", str(sim)] if sim else ["--root", str(self.root)]
        return subprocess.run([str(self.virt_ap), *where, *args], capture_output=True, text=True,
                              timeout=60, check=False, cwd="/", **user)

    def run_json(self, *args):
        done = self.run_as_user(*args, "--json")
        data = json.loads(done.stdout)
        return done.returncode, data

    def assert_told(self, *args):
        """Text and JSON name what is closed; the text ends with it."""
        done = self.run_as_user(*args)
        last = done.stderr.splitlines()[-1]
        self.assertRegex(last, "^incomplete: this user cannot read .*: run as root$")
        for path in self.closed:
            self.assertIn(path, last)
        code, data = self.run_json(*args)
        self.assertEqual(code, done.returncode)
        for path in self.closed:
            self.assertTrue(any(f"cannot read {path}: " in line for line in data["incomplete"]),
                            data["incomplete"])
        return done.stdout, data

    def test_a_user_who_may_read_all_is_told_nothing(self):
        self.build()
        for args in (["list"], ["map"], ["show", "web"], ["check"], ["doctor"]):
            with self.subTest(args):
                done = self.run_as_user(*args)
                self.assertNotIn("incomplete", done.stderr)
                self.assertNotIn("unknown guest", done.stdout)
                self.assertEqual(self.run_json(*args)[1]["incomplete"], [])

    def test_each_command_names_what_it_could_not_read(self):
        self.build(ALL)
        for args in (["list"], ["map"], ["show", full_uuid("a")], ["check"],
                     ["check", full_uuid("a")], ["show", "5"]):
            with self.subTest(args):
                self.assert_told(*args)

    def test_no_hint_says_mend_or_remove(self):
        for closed in (ALL, STATUS_FILE, DEFINITION, CLAIMS, AUTOSTART,
                       ["var/lib/libvirt-ap/last-guests"], ["etc/udev/rules.d/41-ap.rules"],
                       ["etc/zkey/repository"]):
            with self.subTest(closed):
                self.build(closed)
                findings = self.run_json("check")[1]["findings"]
                hints = [f["hint"] for f in findings if f["code"] == "unreadable"]
                self.assertEqual(set(hints) | {"run as root"}, {"run as root"})
                self.assertNotIn("mend", self.run_as_user("check").stdout)
                self.assert_told("check")

    def test_guests_that_cannot_be_read_are_unknown(self):
        self.build(LIBVIRT)
        text, data = self.assert_told("list")
        self.assertIn("guests: unknown\n", text)
        self.assertNotIn("no guests", text)
        states = {m["uuid"]: (m["guest"], m["guest_state"]) for m in data["matrices"]}
        self.assertEqual(set(states.values()), {(None, "unknown")})
        rows = [row.split() for row in text.splitlines() if row.startswith(full_uuid("a"))]
        self.assertEqual([row[-2:] for row in rows], [["unknown", "unknown"]])
        self.assertIn("unknown guest", self.run_as_user("map").stdout)
        xml = self.top / "new.xml"
        xml.write_text(NEW)
        message = self.run_json("check", str(xml))[1]["findings"][0]["message"]
        self.assertIn("its guest could not be found out", message)

    def test_whether_a_guest_runs_is_unknown_without_its_status(self):
        for closed, expected in ((STATUS, {"web": "unknown", "old": "unknown"}),
                                 (STATUS_FILE, {"web": "unknown", "old": "shut off"})):
            with self.subTest(closed):
                self.build(closed)
                _, data = self.assert_told("list")
                self.assertEqual({g["name"]: g["state"] for g in data["guests"]}, expected)
                _, data = self.assert_told("show", "web")
                self.assertEqual(data["state"], "unknown")

    def test_whether_a_guest_starts_at_boot_is_unknown_without_the_links(self):
        self.build(AUTOSTART)
        text, data = self.assert_told("list")
        self.assertEqual({g["name"]: g["autostart"] for g in data["guests"]},
                         {"web": None, "old": None})
        self.assertRegex(text, "web +running +unknown")

    def test_what_is_defined_is_unknown_without_the_definitions(self):
        self.build(DEFINITIONS)
        text, data = self.assert_told("list")
        self.assertEqual({(m["defined"], m["autostart"]) for m in data["matrices"]},
                         {(None, None)})
        self.assertRegex(text, f"{full_uuid('a')} +yes +unknown +unknown")
        self.assertIn("definition that cannot be read", self.run_as_user("map").stdout)
        codes = {f["code"] for f in self.run_json("check")[1]["findings"]}
        self.assertNotIn("not-kept", codes)
        self.assertNotIn("empty", codes)

    def test_one_definition_that_cannot_be_read_is_unknown(self):
        self.build(DEFINITION)
        _, data = self.assert_told("list")
        defined = {m["uuid"]: m["defined"] for m in data["matrices"]}
        self.assertEqual(defined, {full_uuid("a"): False, full_uuid("b"): True,
                                   full_uuid("c"): None})

    def test_what_may_be_hidden_is_not_said_to_be_missing(self):
        self.build(ALL)
        for args in (["show", "web"], ["show", full_uuid("b")], ["check", "web"],
                     ["check", full_uuid("b")]):
            with self.subTest(args):
                code, data = self.run_json(*args)
                self.assertEqual((code, data["error"]["code"], data["error"]["hint"]),
                                 (4, "denied", "run as root"))
                self.assertIn("cannot read", data["error"]["message"])
                done = self.run_as_user(*args)
                self.assertTrue(done.stderr.endswith("\n  run as root\n"), done.stderr)
        self.build()
        self.assertEqual(self.run_json("show", "nobody")[0], 3)

    def test_the_doctor_does_not_take_hidden_for_missing(self):
        self.build(DEFINITIONS + ["etc/udev/rules.d", "etc/zkey/repository"])
        text, data = self.assert_told("doctor")
        states = {check["code"]: check["state"] for check in data["checks"]}
        for code in ("definitions", "next-boot", "host-needs"):
            self.assertEqual(states[code], "unknown", code)
        self.assertNotIn("fault ", text.split("\nfaults")[0])

    def test_a_configuration_that_cannot_be_read_stops(self):
        self.build(["etc/libvirt-ap/libvirt-ap.conf"])
        code, data = self.run_json("check")
        self.assertEqual((code, data["error"]["code"], data["error"]["hint"]),
                         (4, "denied", "run as root"))

    def test_a_capture_says_what_it_lacks(self):
        self.build(ALL)
        self.assert_told_once("capture", str(self.top / "kept"))

    def assert_told_once(self, *args):
        done = self.run_as_user(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "^incomplete: .* run as root$")

    def test_what_changes_a_host_refuses_with_the_reason(self):
        sim = self.top / "sim"
        topology = self.top / "topology"
        topology.write_text("[machine]\nusage-domains=4\n[adapter 5]\ntype=cex8\nmode=cca\n")
        subprocess.run([VIRT_AP, "sim", "create", str(sim), "--topology", str(topology),
                        "--kernel", "6.12"],
                       check=True, capture_output=True)
        subprocess.run(["chmod", "-R", "go+rX,go-w", str(sim)], check=True)
        xml = self.top / "new.xml"
        xml.write_text(NEW)
        if os.geteuid() != 0:
            self.skipTest("a tree of our own we may always write")
        for args in (["define", str(xml)], ["start", str(xml)], ["stop", full_uuid("a")],
                     ["undefine", full_uuid("a")], ["autostart", full_uuid("a")], ["recover"]):
            with self.subTest(args):
                done = self.run_as_user(*args, "--json", sim=sim)
                error = json.loads(done.stdout)["error"]
                self.assertEqual((done.returncode, error["code"], error["hint"]),
                                 (4, "denied", "run as root"))


NEW = """<device><parent>ap_matrix</parent><capability type='mdev'>
<type id='vfio_ap-passthrough'/><attr name='assign_adapter' value='5'/>
<attr name='assign_domain' value='4'/></capability></device>
"""


if __name__ == "__main__":
    unittest.main()
