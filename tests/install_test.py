#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install` puts everything in its place; the doctor, looking at what was installed, finds
callout, hook and boot unit, with either generation of mdevctl."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
BUILD = Path(os.environ.get("BUILD_DIR", SOURCE / "build"))
VIRT_AP = os.environ.get("VIRT_AP", str(BUILD / "tools" / "virt-ap"))
MESON = os.environ.get("MESON", "meson")
HAS_MAN_PAGES = os.environ.get("MAN_PAGES", "yes") == "yes"
CALLOUTS = {"1.2": "etc/mdevctl.d/scripts.d", "1.3": "usr/lib/mdevctl/scripts.d"}
# What libvirt, mdevctl and systemd look for, below a prefix of one's own. Of two links with one
# name Meson tells the last.
LOOKED_FOR = {"etc/libvirt/hooks/qemu.d/libvirt-ap",
              "etc/mdevctl.d/scripts.d/callouts/00-libvirt-ap",
              "lib/systemd/system/libvirt-ap-boot.service"}


def installed(*arguments):
    """Where a build with these options would put its files."""
    with tempfile.TemporaryDirectory(prefix="ap-install-") as build:
        subprocess.run([MESON, "setup", build, str(SOURCE), *arguments], check=True,
                       capture_output=True)
        done = subprocess.run([MESON, "introspect", "--installed", build], check=True,
                              capture_output=True, text=True)
    return set(json.loads(done.stdout).values())


def options():
    """Where this build installs: prefix, datadir, ... as Meson knows them."""
    done = subprocess.run([MESON, "introspect", "--buildoptions", str(BUILD)], check=True,
                          capture_output=True, text=True)
    return {option["name"]: option["value"] for option in json.loads(done.stdout)}


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="ap-install-")
        cls.top = Path(cls.temporary.name)
        subprocess.run([MESON, "install", "-C", str(BUILD), "--no-rebuild", "--quiet",
                        "--destdir", str(cls.top)], check=True, capture_output=True)
        cls.where = options()

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def place(self, kind, *names):
        """A file below one of Meson's directories."""
        path = Path(self.where["prefix"], self.where[kind], *names)
        return self.top / path.relative_to("/")

    def resolve(self, link):
        """Where a link leads, inside what was installed."""
        target = os.readlink(self.top / link)
        self.assertTrue(target.startswith("/"), f"{link} -> {target}")
        return self.top / target.lstrip("/")

    def assert_program(self, path):
        self.assertTrue(path.is_file() and os.access(path, os.X_OK), path)

    def test_programs_can_be_executed(self):
        self.assert_program(self.place("bindir", "virt-ap"))
        self.assert_program(self.place("sbindir", "libvirt-ap-hook"))
        for name in ("boot", "callout", "callout-judge", "guests", "hook-session"):
            self.assert_program(self.place("libexecdir", "libvirt-ap", f"libvirt-ap-{name}"))

    def test_the_callout_is_in_the_directory_of_each_mdevctl(self):
        for directory in CALLOUTS.values():
            program = self.resolve(f"{directory}/callouts/00-libvirt-ap")
            self.assertEqual(program.name, "libvirt-ap-callout")
            self.assert_program(program)

    def test_the_hook_is_where_libvirt_looks(self):
        program = self.resolve("etc/libvirt/hooks/qemu.d/libvirt-ap")
        self.assertEqual(program.name, "libvirt-ap-hook")
        self.assert_program(program)

    def test_the_boot_unit_runs_a_script_that_runs_virt_ap(self):
        unit = next(self.top.rglob("libvirt-ap-boot.service")).read_text()
        script = self.top / re.search("^ExecStart=/(.*)$", unit, re.MULTILINE)[1]
        self.assert_program(script)
        program = re.search("^virt_ap='/(.*)'$", script.read_text(), re.MULTILINE)[1]
        self.assert_program(self.top / program)

    def test_every_document_is_a_man_page_or_beside_the_others(self):
        documents = self.place("datadir", "doc", "libvirt-ap")
        pages = {page.stem: page for page in self.place("mandir").rglob("*.*")}
        for path in sorted((SOURCE / "docs").glob("*.rst")):
            section = re.search(r"^:Manual section: (\d)$", path.read_text(), re.MULTILINE)
            with self.subTest(path.name):
                if section and not HAS_MAN_PAGES:
                    continue
                if section:
                    self.assertIn(".TH", pages[path.stem].read_text())
                    self.assertEqual(pages[path.stem].suffix, "." + section[1])
                else:
                    self.assertEqual((documents / path.name).read_text(), path.read_text())

    def test_a_prefix_of_ones_own_keeps_everything_below_it(self):
        prefix = "/home/me/x/"
        places = installed(f"--prefix={prefix}")
        self.assertEqual([p for p in places if not p.startswith(prefix)], [])
        self.assertLessEqual({prefix + name for name in LOOKED_FOR}, places)

    def test_each_directory_of_others_is_an_option(self):
        places = installed("--prefix=/usr", "-Dlibvirt_hooks_dir=/h", "-Dmdevctl_callouts_dirs=/c",
                           "-Dsystemd_unit_dir=/u")
        self.assertLessEqual({"/h/qemu.d/libvirt-ap", "/c/00-libvirt-ap",
                              "/u/libvirt-ap-boot.service"}, places)
        self.assertEqual([p for p in places if p.startswith(("/etc", "/usr/lib/mdevctl"))], [])

    def test_every_schema_is_installed(self):
        schemas = self.place("datadir", "libvirt-ap", "schemas")
        names = [path.name for path in (SOURCE / "src/conf/schemas").glob("*.rng")]
        self.assertGreater(len(names), 1)
        for name in names:
            self.assertTrue((schemas / name).is_file(), name)

    def test_completion_is_where_bash_looks(self):
        script = self.place("datadir", "bash-completion", "completions", "virt-ap")
        self.assertIn("complete ", script.read_text())

    def test_the_doctor_finds_it(self):
        for version, directory in CALLOUTS.items():
            with self.subTest(version):
                self.add_mdevctl(directory)
                found = self.examine()
                (self.top / directory / "notifiers").rmdir()
                for code in ("callout", "callout-order", "hook"):
                    self.assertEqual(found[code]["state"], "ok", found[code])
                self.assertIn(f"version {version}", found["mdevctl"]["message"])
                self.assertIn("not enabled", found["boot-unit"]["message"])

    def add_mdevctl(self, directory):
        (self.top / "usr/bin").mkdir(parents=True, exist_ok=True)
        (self.top / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
        mdevctl = self.top / "usr/bin/mdevctl"
        mdevctl.touch()
        mdevctl.chmod(0o755)
        (self.top / directory / "notifiers").mkdir()

    def examine(self):
        done = subprocess.run([VIRT_AP, "--root", str(self.top), "--json", "doctor"], check=False,
                              capture_output=True, text=True)
        return {check["code"]: check for check in json.loads(done.stdout)["checks"]}


if __name__ == "__main__":
    unittest.main()
