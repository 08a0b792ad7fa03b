#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What runs at boot, on a simulated host: in which order, and what it does when something hangs."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from sim_host import A, JOURNAL, TMP, UNDER_STRACE, VIRT_AP, SimHost, xml

BOOT = os.environ["BOOT"]


class BootTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=TMP)
        self.addCleanup(shutil.rmtree, self.directory)
        self.host = SimHost(os.path.join(self.directory, "host"))
        self.log = os.path.join(self.directory, "log")
        self.bin = os.path.join(self.directory, "bin")
        os.mkdir(self.bin)
        for name in ("modprobe", "udevadm", "mdevctl"):
            self.make_program(name, f'echo "{name} $*" >>{self.log}')
        # The programs of this build, not of the host.
        self.script = os.path.join(self.directory, "libvirt-ap-boot")
        with open(BOOT, encoding="utf-8") as source, \
                open(self.script, "w", encoding="utf-8") as script:
            for line in source:
                script.write(f"virt_ap={self.bin}/virt-ap\n" if line.startswith("virt_ap=")
                             else line)
        self.make_program("virt-ap", f'echo virt-ap $3 $4 >>{self.log}\nexec {VIRT_AP} "$@"')

    def make_program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, stat.S_IRWXU)

    def boot(self, *args):
        return subprocess.run(["sh", self.script, "--sim", self.host.path, *args],
                              env=dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}"),
                              capture_output=True, encoding="utf-8", check=False)

    def steps(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()

    def interrupt(self):
        self.host.must("define", "-", stdin=xml([2], [4], A))
        subprocess.run(["strace", "-o", "/dev/null", "-e", "trace=renameat2",
                        "-e", "inject=renameat2:signal=KILL:when=2",
                        *self.host.command("define", "-")],
                       input=xml([2], [5], A), encoding="utf-8", env=UNDER_STRACE,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        self.assertIsNotNone(self.host.read(JOURNAL))

    def test_recovers_before_the_driver_is_loaded(self):
        os.rename(self.host.file("sys/devices/vfio_ap"), self.host.file("later"))
        self.interrupt()
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.steps(), ["virt-ap recover", "udevadm settle --timeout=60",
                                        "virt-ap recover --masks", "modprobe vfio_ap",
                                        "udevadm settle --timeout=60"])
        self.assertIsNone(self.host.read(JOURNAL))

    def test_starts_what_udev_could_not_start(self):
        self.host.must("define", "-", stdin=xml([2], [4], A))
        self.host.must("autostart", A)
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.steps()[-1], "mdevctl start-parent-mdevs matrix")
        self.host.must("start", A)
        self.boot()
        self.assertEqual(self.steps()[-1], "udevadm settle --timeout=60")

    def replace(self, path, text):
        os.unlink(self.host.file(path))
        self.host.write(path, text)

    def boot_unbound(self):
        """Boots with one queue less bound; returns how often it was waited for in vain."""
        self.replace("sys/bus/ap/bindings", "8/9\n")
        result = self.boot("--limit", "1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("modprobe vfio_ap", self.steps())
        return result.stderr.count("after 1 s not all queues are bound to a driver: 8/9")

    def test_goes_on_when_a_queue_is_never_bound(self):
        for mask in ("apmask", "aqmask"):
            self.replace(f"sys/bus/ap/{mask}", "0x" + "f" * 64 + "\n")
        queue = self.host.file("sys/bus/ap/devices/02.0004")
        os.unlink(f"{queue}/driver")
        # Once for those who wait until all is bound to set the masks, once for the guests.
        self.assertEqual(self.boot_unbound(), 2)
        # This one waits for vfio_ap, so vfio_ap cannot wait for it.
        with open(f"{queue}/driver_override", "w", encoding="utf-8") as file:
            file.write("vfio_ap\n")
        self.assertEqual(self.boot_unbound(), 1)

    def test_does_not_wait_for_masks_that_are_set(self):
        self.assertEqual(self.boot_unbound(), 1)

    def test_what_cannot_be_recovered_is_told(self):
        self.interrupt()
        self.host.write(JOURNAL, "{")
        result = self.boot()
        self.assertEqual(result.returncode, 1)
        self.assertIn("damaged", result.stderr)
        self.assertIn("modprobe vfio_ap", self.steps())

    def masks(self):
        return [self.host.read(f"sys/bus/ap/{name}").strip() for name in ("apmask", "aqmask")]

    def write_rule(self, name, text):
        os.makedirs(self.host.file("etc/udev/rules.d"), exist_ok=True)
        self.host.write(f"etc/udev/rules.d/{name}.rules", text)

    def test_a_rule_that_has_not_acted_is_applied(self):
        self.host.must("free", "01.0005", "--config")
        before = self.masks()
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("41-ap.rules has not acted: its masks are set now", result.stdout)
        self.assertEqual(self.masks()[0], before[0])
        self.assertEqual(self.masks()[1], "0xfb" + "f" * 62)
        self.assertIsNone(self.host.read(JOURNAL))
        result = self.boot()
        self.assertNotIn("has not acted", result.stdout)
        self.assertIn("the masks are those of", result.stdout)

    def test_masks_that_another_rule_sets_are_only_told(self):
        self.host.must("free", "01.0005", "--config")
        self.write_rule("10-mine", 'TEST=="/x", ATTR{../../bus/ap/apmask}="-9"\n')
        before = self.masks()
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("may have conditions", result.stdout)
        self.assertEqual(self.masks(), before)

    def test_masks_that_cannot_be_set_are_told(self):
        self.host.must("free", "01.0005", "--config")
        self.host.sim("fail", "bind", "EBUSY")
        result = self.boot()
        self.assertEqual(result.returncode, 1)
        self.assertIn("the masks for this boot could not be set", result.stderr)
        self.assertIn("modprobe vfio_ap", self.steps())

    def test_a_host_without_an_ap_bus_is_left_alone(self):
        shutil.rmtree(self.host.file("sys/bus/ap"))
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.steps(), ["modprobe -q ap"])

    def test_wrong_usage_is_told(self):
        self.assertEqual(self.boot("what").returncode, 2)


if __name__ == "__main__":
    unittest.main()
