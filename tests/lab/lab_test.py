#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's commands, in one lab of their own that is booted once.

Exit code 77: this machine lacks what the lab needs. A lab that the user runs is left alone.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LAB = TOP / "kernel/lab/lab"
NEEDED = ("apt-get", "dpkg-deb", "mksquashfs", "s390x-linux-gnu-gcc", "make", "flex", "bison", "bc")
UUID = "11111111-2222-4333-8444-555555555555"
MATRIX = f"mdev_{UUID.replace('-', '_')}_matrix"

NODEDEV = f"""<device><parent>ap_matrix</parent><capability type='mdev'>
<type id='vfio_ap-passthrough'/><uuid>{UUID}</uuid>
<attr name='assign_adapter' value='0x05'/><attr name='assign_domain' value='0x0004'/>
<attr name='assign_domain' value='0x0047'/><attr name='assign_control_domain' value='0x0004'/>
</capability></device>"""

DOMAIN = f"""<domain type='kvm'><name>g1</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os><cpu mode='host-passthrough'/>
<devices><hostdev mode='subsystem' type='mdev' model='vfio-ap'>
<source><address uuid='{UUID}'/></source></hostdev><console type='pty'/></devices></domain>"""

os.environ.setdefault("LIBVIRT_AP_LAB_NAME", "test")


def lab(*words, **options):
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if options["stdin"] is None:
        options.pop("stdin")
    return subprocess.run([LAB, *words], capture_output=True, check=False, timeout=2400, **options)


def sh(script, **options):
    return lab("run", "--", "sh", "-c", script, **options)


def setUpModule():
    lab("down")     # of a test run that was killed
    result = subprocess.run([LAB, "up"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            check=False)
    if result.returncode:
        raise AssertionError("`lab up` failed")


def tearDownModule():
    lab("down")


class Commands(unittest.TestCase):
    def test_a_second_up_changes_nothing_and_is_fast(self):
        first = lab("status").stdout
        start = time.monotonic()
        self.assertEqual(lab("up").stdout, first)
        self.assertLess(time.monotonic() - start, 5)

    def test_up_with_other_arguments_says_what_to_do(self):
        result = lab("up", "--init", "systemd")
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"another init", result.stderr)
        self.assertIn(b"lab down", result.stderr)

    def test_a_topology_that_is_not_there_is_named(self):
        result = lab("up", "--topology", "/no/such.conf")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"/no/such.conf", result.stderr)

    def test_without_a_lab_run_is_125(self):
        other = {**os.environ, "LIBVIRT_AP_LAB_NAME": "no-such-lab"}
        for words in (("run", "--", "true"), ("status",), ("fault", "clear"), ("reboot",)):
            result = lab(*words, env=other)
            self.assertEqual(result.returncode, 125, words)
            self.assertIn(b"lab up", result.stderr)

    def test_ten_runs_share_one_boot(self):
        boot = [lab("run", "--", "cat", "/proc/sys/kernel/random/boot_id").stdout
                for _ in range(10)]
        self.assertEqual(len(set(boot)), 1)

    def test_exit_code_input_and_binary_output(self):
        self.assertEqual(sh("exit 255").returncode, 255)
        data = os.urandom(1_000_000)
        self.assertEqual(lab("run", "--", "cat", input=data).stdout, data)

    def test_a_killed_run_leaves_nothing_in_the_lab(self):
        process = subprocess.Popen([LAB, "run", "--", "sh", "-c", "echo up; exec sleep 54321"],
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        gone = sh("i=0; while pgrep -f 'sleep 5432[1]'; do i=$((i + 1)); [ $i -lt 100 ] || exit 1;"
                  " sleep 0.1; done")
        self.assertEqual(gone.returncode, 0)

    def test_libvirt_listens_on_the_loopback_alone(self):
        port = re.search(rb"uri=qemu\+tcp://127\.0\.0\.1:(\d+)/system", lab("status").stdout)[1]
        listening = pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        here = {line.split()[1] for line in listening if line.split()[3] == "0A"}
        self.assertIn(f"0100007F:{int(port):04X}", here)
        self.assertNotIn(f"00000000:{int(port):04X}", here)

    @unittest.skipUnless(shutil.which("virsh"), "no virsh on this machine")
    def test_virsh_on_this_machine_reaches_it(self):
        uri = re.search(r"uri=(\S+)", lab("status").stdout.decode())[1]
        result = subprocess.run(["virsh", "-c", uri, "list", "--all"], capture_output=True,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


class Machine(unittest.TestCase):
    def test_1_a_fault_is_seen_by_the_kernel_and_can_be_undone(self):
        self.assertEqual(lab("fault", "adapter", "5", "configured", "0").returncode, 0)
        self.assertEqual(sh("cat /sys/bus/ap/devices/card05/config").stdout, b"0\n")
        self.assertEqual(lab("fault", "adapter", "5", "configured", "1").returncode, 0)
        self.assertEqual(lab("fault", "adapter", "6", "remove").returncode, 0)
        self.assertNotEqual(sh("test -e /sys/bus/ap/devices/card06").returncode, 0)
        self.assertEqual(lab("fault", input=b"adapter 6 add cex7 accel\n").returncode, 0)
        self.assertEqual(sh("cat /sys/bus/ap/devices/06.0004/online").stdout, b"1\n")

    def test_1_a_fault_that_does_not_exist_is_named(self):
        result = lab("fault", "adapter", "5", "explode")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"explode", result.stderr)

    def test_2_from_stock_virsh_to_the_crycb(self):
        script = f"""set -e
            echo -5 > /sys/bus/ap/apmask
            cat > matrix.xml <<X\n{NODEDEV}\nX
            cat > guest.xml <<X\n{DOMAIN}\nX
            virsh -q nodedev-define matrix.xml
            virsh -q nodedev-start {MATRIX}
            virsh -q define guest.xml
            virsh -q start g1
            virsh -q domstate g1
            cat /sys/bus/ap/devices/05.0004/status
            pid=$(cat /run/libvirt/qemu/g1.pid)
            trace=/sys/kernel/debug/s390dbf/kvm-$pid/sprintf
            /usr/lib/libvirt-ap-lab/lab-helper --hold-kvm $pid sh -c \
                "virsh -q destroy g1; grep -o '... CRYCB.*' $trace"
        """
        result = sh(script)
        self.assertEqual(result.returncode, 0, result.stderr)
        zero = " ".join(["0" * 16] * 2)
        self.assertEqual(result.stdout.decode().split("\n"), [
            "running", "in use",
            f"SET CRYCB: apm 0400000000000000 {'0' * 16} {zero}",
            f"SET CRYCB: aqm 0800000000000000 0100000000000000 {zero}",
            f"SET CRYCB: adm 0800000000000000 {'0' * 16} {zero}",
            "CLR CRYCB:", ""])

    def test_3_a_reboot_keeps_etc_and_var(self):
        before = lab("status").stdout
        sh("echo e > /etc/kept; echo v > /var/kept; echo r > /run/lost")
        result = lab("reboot")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sh("cat /etc/kept /var/kept; test -e /run/lost").stdout, b"e\nv\n")
        self.assertIn(b"g1", sh("virsh -q list --all --name").stdout)
        uri = re.compile(rb"uri=\S+")
        self.assertEqual(uri.search(lab("status").stdout)[0], uri.search(before)[0])

    def test_4_the_kernel_has_nothing_to_complain_about(self):
        log = sh("dmesg").stdout.decode()
        self.assertNotRegex(log, r"bad count|WARNING:|BUG:|Oops|blocked for more than")

    def test_5_the_end_of_the_lab_ends_a_run_with_125(self):
        process = subprocess.Popen([LAB, "run", "--", "sh", "-c", "echo up; sleep 1000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        self.assertEqual(process.stdout.readline(), b"up\n")
        self.assertEqual(lab("down").returncode, 0)
        self.assertIn(b"the lab ended", process.communicate(timeout=30)[1])
        self.assertEqual(process.returncode, 125)


if __name__ == "__main__":
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        print(f"skipped: this machine lacks {', '.join(missing)}; `kernel/lab/lab packages` lists "
              "the packages", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
