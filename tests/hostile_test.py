#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A captured host whose every name holds what a terminal obeys: nothing of it is printed as it is,
in text, errors or JSON, and JSON stays JSON in UTF-8."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from host_tree import Description, HostTree

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build-dev" / "tools" / "virt-ap"))

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
GUEST = "00000000-0000-4000-8000-000000000001"
ESC = "\x1b]0;title\x07\x1b[31m"
C1 = "\x9b31m\u202ename\u200b\u2066\u2028"
SEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]")

COMMANDS = [["list"], ["map"], ["check"], ["doctor"], ["show", C1], ["show", "05.0004"],
            ["show", "card05"], ["show", A], ["check", C1], ["check", A], ["show", ESC],
            ["check", f"./{ESC}.xml"], ["check", f"{C1}\n.xml"], ["check", "--phase", ESC],
            ["check", "-"], ["qemu-args", "-"], ["qemu-args", f"{ESC}\n.xml"], ["define", "-"],
            ["start", ESC], ["recover"], [ESC + "\n"], ["--" + ESC], ["map", "--" + C1 + "\n"],
            ["list", ESC]]


def domain(name):
    return (f"<domain type='kvm'><name>{name}</name><uuid>{GUEST}</uuid><os><type>hvm</type></os>"
            "<devices><hostdev mode='subsystem' type='mdev' model='vfio-ap'><source>"
            f"<address uuid='{A}'/></source></hostdev></devices></domain>")


def nodedev(text):
    return (f"<device><name>{text}</name><capability type='mdev'><type id='vfio_ap-passthrough'/>"
            f"<uuid>{text}</uuid><attr name='{text}' value='{text}'/></capability></device>")


class HostileTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="ap-hostile-")
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name, "root")
        HostTree(Description(SOURCE / "tests/hosts/guest-overlap.host"), self.root).build()
        self.poison()

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def poison(self):
        self.write("etc/libvirt/qemu/evil.xml", domain(C1))
        self.write("etc/libvirt/qemu/lines.xml", domain("two\nlines"))
        for name in (ESC.replace("/", ""), C1, "a\nb"):
            self.write(f"etc/libvirt/qemu/{name}.xml", "<broken")
            self.write(f"run/libvirt/qemu/{name}.xml", f"<domain type='{C1}'/>")
            (self.root / "etc/libvirt/qemu/autostart").mkdir(exist_ok=True)
            (self.root / f"etc/libvirt/qemu/autostart/{name}.xml").symlink_to(ESC)
            self.write(f"etc/libvirt/hooks/qemu.d/{name}", "#!/bin/sh\n")
        self.write(f"etc/mdevctl.d/matrix/{A.upper()}", f'{{"mdev_type":"{C1}","start":{ESC}')
        for card in (self.root / "sys/devices/ap").glob("card*"):
            (card / "type").write_bytes(ESC.encode() + b"\nC\n")
            (card / "serialnr").write_bytes(b"\xff\xfe" + ESC.encode() + b"\n")
            for queue in card.glob("*.*"):
                if (queue / "driver").is_symlink():
                    (queue / "driver").unlink()
                    (queue / "driver").symlink_to("../" + ESC)
                (queue / "status").write_bytes(b"in use" + C1.encode() + b"\xff\n")
        self.write("sys/bus/ap/bindings", ESC)
        self.write("var/lib/libvirt-ap/last-guests",
                   f"[{ESC}]\nguest={ESC}\n[05.0004]\nguest={C1}\\nx\nuuid={GUEST}\n")
        self.write(f"run/libvirt-ap/claims/{GUEST}.{A}",
                   f"[claim]\nguest={ESC}\\nx\nguest-uuid={GUEST}\nmdev={A}\ndaemon-pid=1\n"
                   "daemon-start=1\nrunning=false\nbrought-up=true\n")
        self.write("run/libvirt-ap/claims/" + "\x1b" * 73, "x")

    def run_once(self, *args, stdin=""):
        done = subprocess.run([VIRT_AP, "--root", str(self.root), *args], capture_output=True,
                              input=stdin.encode(), timeout=100, check=False, cwd=self.root)
        self.assertIn(done.returncode, range(5), done.stderr)
        texts = [done.stdout.decode(), done.stderr.decode()]
        for text in texts:
            self.assertEqual([], SEEN.findall(text), (args, text))
            # A line that a name has made would begin with what is left of it.
            self.assertNotRegex(text, r"(?m)^(b\.xml|x\b|lines|C$)", args)
        return texts[0]

    def run_all(self):
        for command in COMMANDS:
            for stdin in (domain(C1), domain(ESC), nodedev(C1)) if "-" in command else ("",):
                self.run_once(*command, stdin=stdin)
                json.loads(self.run_once("--json", *command, stdin=stdin))

    def test_a_terminal_sees_letters_alone(self):
        self.run_all()

    def test_and_so_with_a_bad_configuration(self):
        self.write("etc/libvirt-ap/libvirt-ap.conf", f"[severity]\n{ESC}={C1}\n[{C1}]\n")
        self.run_all()

    def test_json_keeps_the_name(self):
        guests = json.loads(self.run_once("--json", "list"))["guests"]
        self.assertIn(C1, [guest["name"] for guest in guests])

    def test_a_root_has_a_name_too(self):
        root = self.root / f"{ESC.replace('/', '')}\n"
        for command in ("list", "check", "doctor"):
            done = subprocess.run([VIRT_AP, "--root", str(root), command], capture_output=True,
                                  text=True, check=False)
            self.assertEqual([], SEEN.findall(done.stdout + done.stderr))


if __name__ == "__main__":
    unittest.main()
