#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap capture: what is captured says the same as the host, keeps no secret, and nothing is left
of a capture that failed."""

import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from host_tree import Description, HostTree

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))

SECRETS = """<domain type='kvm'>
  <!-- SECRET -->
  <name>web</name>
  <uuid>4678f48e-9e6e-53d3-9c13-dbd66056a5d1</uuid>
  <devices>
    <disk type='network'><auth username='SECRET'><secret type='iscsi' usage='SECRET'/></auth></disk>
    <graphics type='vnc' passwd='SECRET'/>
    <hostdev mode='subsystem' type='mdev' model='vfio-ap'>
      <source><address uuid='aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'/></source>
    </hostdev>
  </devices>
</domain>
"""


def virt_ap(root, *args, **options):
    return subprocess.run([VIRT_AP, "--root", str(root), *args], capture_output=True, text=True,
                          timeout=60, check=False, **options)


def without_secrets(text):
    """Of a list of APQNs a capture keeps what is one: the rest could be anything."""
    return re.sub(r"'[^']*' is not an adapter and", "'?' is not an adapter and", text)


class CaptureTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="ap-capture-")
        self.addCleanup(temporary.cleanup)
        self.top = Path(temporary.name)

    def build(self, name):
        root = self.top / name
        HostTree(Description(SOURCE / "tests" / "hosts" / f"{name}.host"), root).build()
        return root

    def assert_same(self, root, captured, *args):
        before, after = virt_ap(root, *args), virt_ap(captured, *args)
        told = without_secrets(before.stdout)
        self.assertEqual((after.stdout.replace(str(captured), "ROOT"), after.returncode),
                         (told.replace(str(root), "ROOT"), before.returncode))

    def test_only_what_is_known_by_name_and_form_is_taken(self):
        root = self.build("in-use")
        definitions = root / "etc/mdevctl.d/matrix"
        secret = root / "etc/shadow"
        secret.write_text("root:SECRET:1::::::\n")
        uuid = "dddddddd-dddd-4ddd-8ddd-ddddddddddd"
        for number, name in enumerate(("notes.txt", f"{uuid}1", f"{uuid}2", f"{uuid}2.bak")):
            (definitions / name).write_text('{"x": "SECRET"}' if number % 2 else "SECRET")
        (definitions / f"{uuid}3").symlink_to("/etc/shadow")
        (definitions / "b").symlink_to("../../shadow")
        for name in ("etc/libvirt-ap/libvirt-ap.conf", "etc/udev/rules.d/41-ap.rules",
                     "var/lib/libvirt-ap/last-guests", "sys/bus/ap/features"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).unlink(missing_ok=True)
            (root / name).symlink_to("/etc/shadow")
        done = virt_ap(root, "capture", str(self.top / "kept"))
        self.assertIn(f"left out: /etc/mdevctl.d/matrix/{uuid}3: not JSON", done.stderr)
        self.assertEqual(0, done.returncode, done.stderr)
        names = {path.name for path in (self.top / "kept").rglob("*")}
        self.assertEqual(set(), names & {"notes.txt", f"{uuid}2.bak", "b"})
        for path in (self.top / "kept").rglob("*"):
            if path.is_file():
                self.assertNotIn(b"SECRET", path.read_bytes(), path)

    def look(self, root, *args):
        """What is said of a host, where it may differ in a capture made equal: what could not be
        read there "cannot be read" here, what a parser says of a file that is none may change with
        its stand-in, and a link is none that leads anywhere. All that changes the order."""
        done = virt_ap(root, *args)
        text = done.stdout.replace(str(root), "ROOT").replace("cannot read ROOT", "ROOT")
        text = re.sub(r"(not (?:XML|JSON): )[^\"\\\\]*", r"\1...", text)
        text = without_secrets(text)
        text = text.replace("a link leads nowhere", "it is a link, not a file")
        if not text.startswith("{"):
            return done.returncode, text
        data = json.loads(text)
        for key in ("findings", "incomplete"):
            data[key] = sorted(json.dumps(x) for x in data.get(key, []))
        return done.returncode, data

    def test_a_capture_says_what_the_host_said(self):
        # A udev rule that is a link to nothing is not among what the doctor takes.
        differ = {"links-outside"}
        for path in sorted((SOURCE / "tests" / "hosts").glob("*.host")):
            if path.stem in differ:
                continue
            with self.subTest(path.stem):
                root, captured = self.build(path.stem), self.top / f"{path.stem}.captured"
                self.assertEqual(virt_ap(root, "capture", str(captured)).returncode, 0)
                for args in (("list", "--json"), ("check", "--json"), ("map",)):
                    self.assertEqual(self.look(root, *args), self.look(captured, *args))
                shutil.rmtree(root)
                shutil.rmtree(captured)

    def test_what_only_root_may_read_stays_unread_in_a_capture(self):
        if Path(VIRT_AP).read_bytes().startswith(b"#!"):
            self.skipTest("a cross-built program: another user cannot read its sysroot")
        if os.geteuid() != 0:
            self.skipTest("nobody is root")
        root, captured = self.build("in-use"), self.top / "captured"
        program = shutil.copy(VIRT_AP, self.top)
        for path in (self.top, root):
            path.chmod(0o777)
        (root / "etc/libvirt/qemu").chmod(0o700)
        done = subprocess.run([program, "--root", root, "capture", captured], user=65534,
                              group=65534, extra_groups=[], capture_output=True, text=True,
                              check=True)
        self.assertIn("run as root", done.stderr)
        findings = json.loads(virt_ap(captured, "check", "--json").stdout)["findings"]
        self.assertEqual([(f["severity"], f["hint"].split()[-1]) for f in findings
                          if f["message"].endswith("etc/libvirt/qemu: Permission denied")],
                         [("reject", "root")])

    def test_what_the_host_has_and_needs_says_the_same_when_captured(self):
        for path in sorted((SOURCE / "tests" / "hosts").glob("h*.host")):
            name = path.stem
            with self.subTest(name):
                root, captured = self.build(name), self.top / f"{name}.captured"
                self.assertEqual(virt_ap(root, "capture", str(captured)).returncode, 0)
                for args in (("list", "--json"), ("check", "--json"), ("doctor", "--json"),
                             ("map",)):
                    self.assert_same(root, captured, *args)
                shutil.rmtree(root)
                shutil.rmtree(captured)

    def test_of_tokens_and_the_command_line_only_what_is_read_is_kept(self):
        root, captured = self.build("host-needs-others"), self.top / "captured"
        token = root / "etc/opencryptoki/ep11tok01.conf"
        token.write_text("PIN SECRET\nAPQN_ALLOWLIST\n6 71 # SECRET\nSECRET\nEND\nSECRET\n")
        (root / "proc").mkdir(exist_ok=True)
        (root / "proc/cmdline").write_text("SECRET \"ap.apmask=-5\" -- ap.aqmask=-SECRET\n")
        virt_ap(root, "capture", str(captured))
        kept = [p for p in captured.rglob("*") if p.is_file()]
        self.assertEqual([p for p in kept if "SECRET" in p.read_text()], [])
        self.assertEqual((captured / "etc/opencryptoki/ep11tok01.conf").read_text(),
                         "APQN_ALLOWLIST\n6 71\n?\nEND\n")
        self.assertEqual((captured / "proc/cmdline").read_text(), "\"ap.apmask=-5\"\n")

    def test_what_the_host_needs_is_captured(self):
        root, captured = self.build("host-needs"), self.top / "captured"
        xml = self.top / "all.xml"
        description = Description(SOURCE / "tests/hosts/host-needs.host")
        HostTree(description, root).write_candidates(self.top)
        virt_ap(root, "capture", str(captured))
        self.assert_same(root, captured, "check", str(xml), "--phase", "free", "--json")
        info = (captured / "etc/zkey/repository/root.info").read_text()
        self.assertEqual(info.strip(), "apqns=07.0047")

    def test_a_capture_of_a_capture_is_the_same(self):
        root = self.build("in-use")
        first, second = self.top / "first", self.top / "second"
        virt_ap(root, "capture", str(first))
        virt_ap(first, "capture", str(second))
        listing = [subprocess.run(["find", ".", "-printf", "%P %y %l\n"], cwd=d, text=True,
                                  capture_output=True, check=True).stdout for d in (first, second)]
        self.assertEqual(sorted(listing[0].splitlines()), sorted(listing[1].splitlines()))

    def test_no_secret_is_kept(self):
        root, captured = self.build("filtered-stale"), self.top / "captured"
        (root / "etc/libvirt/qemu/web.xml").write_text(SECRETS)
        status = f"<domstatus state='running' pid='5'><monitor path='SECRET'/>{SECRETS}</domstatus>"
        (root / "run/libvirt/qemu/web.xml").write_text(status)
        (root / "etc/libvirt/qemu/broken.xml").write_text(SECRETS[:-20])
        (root / "etc/libvirt/libvirtd.conf").write_text("SECRET")
        done = virt_ap(root, "capture", str(captured))
        self.assertEqual(done.returncode, 0)
        self.assertIn("broken.xml", done.stderr)
        kept = "".join(p.read_text() for p in captured.rglob("*") if p.is_file())
        self.assertIn("<name>web</name>", kept)
        self.assertIn("vfio-ap", kept)
        self.assertNotIn("SECRET", kept)

    def test_only_the_owner_may_look(self):
        root, captured = self.build("in-use"), self.top / "captured"
        virt_ap(root, "capture", str(captured))
        for path in [captured, *captured.rglob("*")]:
            if not path.is_symlink():
                self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        self.assertEqual(stat.S_IMODE(captured.stat().st_mode), 0o700)

    def test_what_exists_is_not_touched(self):
        root, target = self.build("in-use"), self.top / "target"
        target.mkdir()
        self.assertEqual(virt_ap(root, "capture", str(target)).returncode, 2)
        self.assertEqual(list(target.iterdir()), [])
        link = self.top / "link"
        link.symlink_to("nowhere")
        done = virt_ap(root, "capture", str(link), "--json")
        self.assertEqual((done.returncode, '"code":"usage"' in done.stdout), (2, True))
        self.assertTrue(link.is_symlink())

    def test_links_out_of_the_root_lead_nowhere(self):
        root, captured = self.build("in-use"), self.top / "captured"
        (self.top / "outside").write_text("SECRET")
        rules = root / "etc/udev/rules.d"
        rules.mkdir(parents=True)
        (rules / "41-ap.rules").symlink_to(self.top / "outside")
        (root / "etc/libvirt-ap").symlink_to("../../../" * 5 + str(self.top))
        virt_ap(root, "capture", str(captured))
        kept = "".join(p.read_text() for p in captured.rglob("*") if p.is_file())
        self.assertNotIn("SECRET", kept)

    def test_nothing_is_left_of_a_failure(self):
        root = self.build("in-use")
        place = self.top / "place"
        place.mkdir()

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        done = virt_ap(root, "capture", str(place / "dir"), preexec_fn=limit)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(list(place.iterdir()), [])
        self.assertEqual(virt_ap(root, "capture", str(place / "no/such/dir")).returncode, 4)
        self.assertEqual(list(place.iterdir()), [])

    def test_a_relative_directory_is_the_callers(self):
        root = self.build("in-use")
        done = virt_ap(root, "capture", "here", cwd=self.top)
        self.assertEqual(done.returncode, 0)
        self.assertTrue((self.top / "here/sys/bus/ap/apmask").is_file())
        self.assertIn("virt-ap --root here map", done.stdout)


if __name__ == "__main__":
    unittest.main()
