#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our programs have what compiler and linker offer against faults, in this build and in the one
that the README describes, and the boot unit has no right that it does not need."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
BUILD = Path(os.environ.get("BUILD_DIR", SOURCE / "build-dev"))
MESON = os.environ.get("MESON", "meson")
READELF = os.environ.get("READELF", "readelf")
# Of systemd-analyze's 10.0 for a unit without any sandbox.
EXPOSURE_MAX = 3.0
FLAGS = {"x86_64": ["-fcf-protection=full"], "aarch64": ["-mbranch-protection=standard"]}


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def installed_programs(build):
    targets = json.loads(output(MESON, "introspect", "--targets", str(build)))
    return sorted(Path(name) for target in targets
                  if target["type"] == "executable" and target["installed"]
                  for name in target["filename"])


def faults_of(program):
    """What the linker could have done for a program and did not."""
    header, segments, dynamic, symbols = (
        output(READELF, option, str(program)) for option in ("-hW", "-lW", "-dW", "-sW"))
    stack = re.search(r"GNU_STACK.* (R\S*) ", segments)
    wanted = {
        "a position-independent executable": re.search(r"Type: +DYN", header),
        "RELRO": "GNU_RELRO" in segments,
        "BIND_NOW": re.search("BIND_NOW|Flags:.*NOW", dynamic),
        "a stack that is not executable": stack and stack[1] == "RW",
        "no RPATH": not re.search("RPATH|RUNPATH", dynamic),
        "a stack protector": "__stack_chk_fail" in symbols,
    }
    return [f"{program.name} lacks {what}" for what, there in wanted.items() if not there]


class ProgramTest(unittest.TestCase):
    def test_what_is_installed_is_hardened(self):
        programs = installed_programs(BUILD)
        self.assertGreater(len(programs), 3)
        for program in programs:
            with self.subTest(program.name):
                self.assertEqual([], faults_of(program))


@unittest.skipUnless(os.environ.get("README_BUILD"), "only with this machine's own compiler")
class ReadmeBuildTest(unittest.TestCase):
    """What `meson setup` makes that gets no flags from anybody; one program shows what the linker
    does, the commands show the rest."""

    @classmethod
    def setUpClass(cls):
        words = re.search(r"^meson setup (\S+) (--.*?) &&", (SOURCE / "README.md").read_text(),
                          re.MULTILINE)[2].split()
        cls.directory = tempfile.mkdtemp(prefix="ap-hardening-")
        env = {name: value for name, value in os.environ.items()
               if name not in ("CFLAGS", "CPPFLAGS", "LDFLAGS")}
        for argv in ([MESON, "setup", cls.directory, str(SOURCE), *words],
                     ["ninja", "-C", cls.directory, "src/node_device/libvirt-ap-callout-judge"]):
            subprocess.run(argv, check=True, capture_output=True, env=env)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def test_the_linker_hardens(self):
        program = Path(self.directory, "src/node_device/libvirt-ap-callout-judge")
        self.assertEqual([], faults_of(program))
        self.assertRegex(output(READELF, "-sW", str(program)), r"__\w+_chk@")

    def test_every_file_is_compiled_with_all_that_there_is(self):
        commands = json.loads(Path(self.directory, "compile_commands.json").read_text())
        wanted = ["-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE="]
        wanted += FLAGS.get(os.uname().machine, [])
        self.assertGreater(len(commands), 50)
        for command in commands:
            lacking = [flag for flag in wanted if flag not in command["command"]]
            self.assertEqual([], lacking, command["file"])


class BootUnitTest(unittest.TestCase):
    UNIT = BUILD / "src/boot/libvirt-ap-boot.service"

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_has_few_rights(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                               str(self.UNIT)], capture_output=True, text=True, check=False)
        found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        if not found and "offline" in done.stderr:
            self.skipTest("this systemd-analyze looks at running units only")
        self.assertIsNotNone(found, done.stderr)
        self.assertLessEqual(float(found[1]), EXPOSURE_MAX)

    def test_may_write_where_recover_does(self):
        unit = self.UNIT.read_text()
        writable = re.search("^ReadWritePaths=(.*)$", unit, re.MULTILINE)[1].split()
        state = re.search("^StateDirectory=(.*)$", unit, re.MULTILINE)[1]
        for path in ("/etc/mdevctl.d", "/etc/udev/rules.d", "/run"):
            self.assertIn(path, [word.lstrip("-") for word in writable])
        self.assertEqual(state, "libvirt-ap")
        self.assertNotIn("ProtectKernelTunables=yes", unit)


if __name__ == "__main__":
    unittest.main()
