# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap's verbs on the real kernel, beside libvirt and mdevctl; and the simulated kernel against
the real one. AP_COMPARE_COUNT: operations per topology and kernel."""

import os
import subprocess
import sys
import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
C = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
MATRIX = "/sys/devices/vfio_ap/matrix"
AP_OPS = "libvirt-ap/selftest/ap_ops"
COMPARE = lab.SOURCE / "kernel/selftest/compare.py"
COUNT = os.environ.get("AP_COMPARE_COUNT", "300")
STRESS_S = os.environ.get("AP_STRESS_SECONDS", "60")

# Three who want one queue: ours, mdevctl and virsh.
STRESS = r"""
end=$(($(date +%s) + $4))
ours() {
    while [ "$(date +%s)" -lt "$end" ]; do
        virt-ap define /root/ours.xml && [ ! -s "/etc/mdevctl.d/matrix/$1" ] && echo LOST
        virt-ap start "$1"
        virt-ap update "$1" /root/ours.xml --live --config
        virt-ap stop "$1"
    done
}
theirs() {
    while [ "$(date +%s)" -lt "$end" ]; do
        mdevctl define -p matrix -u "$1" --jsonfile /root/theirs.json
        mdevctl start -u "$1"
        mdevctl stop -u "$1"
        mdevctl undefine -u "$1"
    done
}
virshs() {
    name=mdev_$(echo "$1" | tr - _)_matrix
    while [ "$(date +%s)" -lt "$end" ]; do
        virsh nodedev-define /root/virsh.xml
        virsh nodedev-start "$name"
        virsh nodedev-destroy "$name"
        virsh nodedev-undefine "$name"
    done
}
ours "$1" >/root/ours.log 2>&1 &
theirs "$2" >/root/theirs.log 2>&1 &
virshs "$3" >/root/virsh.log 2>&1 &
wait
"""


class DriverTest(unittest.TestCase):
    def setUp(self):
        lab.require()
        self.xml = lab.nodedev_xml(A, [5], [4])

    def test_libvirt_and_mdevctl_see_what_we_do_at_once(self):
        lab.must("virt-ap", "define", "-", stdin=self.xml)
        name = lab.device_name(A)
        lab.sh('for i in $(seq 100); do virsh -q nodedev-list --cap mdev --inactive | grep -q "$1" '
               '&& exit; sleep 0.1; done; exit 1', name)
        lab.must("virt-ap", "autostart", A)
        lab.must("virt-ap", "start", name)
        self.assertEqual(lab.must("cat", f"{MATRIX}/{A}/guest_matrix"), "05.0004\n")
        lab.must("virt-ap", "update", A, "-", "--live", "--config",
                 stdin=lab.nodedev_xml(A, [5], [6]))
        self.assertEqual(lab.must("cat", f"{MATRIX}/{A}/guest_matrix"), "05.0006\n")
        listed = lab.must("mdevctl", "list", "--defined", "--dumpjson")
        self.assertIn('"start": "auto"', listed)
        before = lab.must("cat", f"/etc/mdevctl.d/matrix/{A}")
        lab.must("mdevctl", "modify", "-u", A, "--auto")
        self.assertEqual(lab.must("cat", f"/etc/mdevctl.d/matrix/{A}"), before)
        lab.must("virt-ap", "stop", A)
        lab.must("virt-ap", "undefine", A)

    def test_who_dies_in_the_middle_leaves_all_or_nothing(self):
        lab.must("virt-ap", "define", "-", stdin=self.xml)
        lab.must("virt-ap", "start", A)
        lab.run("sh", "-c", "cat >/root/new.xml", stdin=lab.nodedev_xml(A, [5], [6]))
        # The journal is there as soon as a step can have been done.
        lab.sh('virt-ap update "$1" /root/new.xml --live --config & '
               'until [ -e /var/lib/libvirt-ap/journal ] || ! kill -0 $!; do :; done; '
               'kill -9 $!; wait $!; true', A)
        lab.must("virt-ap", "recover")
        live = lab.must("cat", f"{MATRIX}/{A}/matrix")
        defined = lab.must("cat", f"/etc/mdevctl.d/matrix/{A}")
        self.assertIn(live, ("05.0004\n", "05.0006\n"))
        self.assertEqual("0x0006" in defined or '"6"' in defined, live == "05.0006\n")

    def test_nothing_is_lost_or_given_twice_when_all_change_at_once(self):
        for file, text in [
                ("ours.xml", self.xml), ("virsh.xml", lab.nodedev_xml(C, [5], [4])),
                ("theirs.json", '{"mdev_type":"vfio_ap-passthrough","start":"manual","attrs":'
                 '[{"assign_adapter":"5"},{"assign_domain":"4"}]}')]:
            lab.must("sh", "-c", f"cat >/root/{file}", stdin=text)
        refused = "dmesg | grep -c 'Userspace may not assign' || true"
        before = lab.sh(refused)
        lab.sh(STRESS, A, B, C, STRESS_S)
        ours = lab.must("cat", "/root/ours.log")
        self.assertIn("started", ours)
        self.assertNotIn("LOST", ours)
        self.assertNotIn("recover", ours)
        self.assertIn("Node device", lab.must("cat", "/root/virsh.log"))
        # The kernel never had to say no: each conflict was known before.
        self.assertEqual(lab.sh(refused), before)
        self.assertEqual(lab.must("ls", "/run/lock"), "")
        self.assertNotIn("journal", lab.sh("ls /var/lib/libvirt-ap 2> /dev/null || true"))


class CompareTest(unittest.TestCase):
    """Each combination boots the machine anew."""

    def compare(self, topology, kernel, generation, *options):
        lab.require(f"{topology}.conf", kernel, callout=False)
        program = lab.sh("ls /usr/libexec/$1 /usr/local/libexec/$1 2>/dev/null | head -1",
                         AP_OPS).strip()
        done = subprocess.run(
            [sys.executable, COMPARE, "--topology", lab.TOPOLOGIES / f"{topology}.conf",
             "--kernel", generation, "--virt-ap", os.environ["VIRT_AP"],
             "--ap-ops-sim", os.environ["AP_OPS_SIM"], "--count", COUNT,
             "--seeds", "1-2", *options,
             "--", str(lab.LAB), "run", "--", program],
            env=lab.ENVIRONMENT, capture_output=True, encoding="utf-8", check=False)
        print(f"{topology} {generation} {' '.join(options)}: {done.stdout}", end="")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_simulated_kernel_is_as_the_real_one(self):
        for kernel, generation in [("6.12", "6.12"), ("newest", "7.2")]:
            for topology in ("default", "small", "no-apxa"):
                with self.subTest(kernel=kernel, topology=topology):
                    self.compare(topology, kernel, generation)
        with self.subTest(kernel="newest", what="driver_override"):
            self.compare("small", "newest", "7.2", "--overrides")


if __name__ == "__main__":
    unittest.main()
