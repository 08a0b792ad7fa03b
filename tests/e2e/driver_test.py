# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap's verbs on the real kernel, beside libvirt and mdevctl. AP_STRESS_SECONDS: how long all
three change the same host at the same time."""

import os
import re
import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
C = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
D = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
MATRIX = "/sys/devices/vfio_ap/matrix"
STRESS_S = os.environ.get("AP_STRESS_SECONDS", "60")

# Three who want one queue: ours, mdevctl and virsh; a fourth looks on. What one has defined nobody
# else may take away; and a queue that two matrices have, which two readings in a row show alike,
# was given twice.
STRESS = r"""
matrix=/sys/devices/vfio_ap/matrix
definitions=/etc/mdevctl.d/matrix
end=$(($(date +%s) + $4))
goes_on() {
    [ "$(date +%s)" -lt "$end" ]
}
has() {
    [ -s "$definitions/$1" ] || echo LOST
}
ours() {
    while goes_on; do
        virt-ap define /root/ours.xml && has "$1"
        virt-ap start "$1"
        virt-ap update "$1" /root/ours.xml --live --config
        virt-ap stop "$1"
        has "$1"
    done
}
theirs() {
    while goes_on; do
        mdevctl define -p matrix -u "$1" --jsonfile /root/theirs.json && has "$1"
        mdevctl start -u "$1" && echo "$1 started"
        mdevctl stop -u "$1"
        mdevctl undefine -u "$1"
    done
}
virshs() {
    name=mdev_$(echo "$1" | tr - _)_matrix
    while goes_on; do
        virsh nodedev-define /root/virsh.xml && has "$1"
        virsh nodedev-start "$name"
        virsh nodedev-destroy "$name"
        virsh nodedev-undefine "$name"
    done
}
watch() {
    looks=0
    while goes_on; do
        seen=$(grep -s . "$matrix"/*-*-*-*-*/matrix)
        twice=$(echo "$seen" | sed 's/.*://' | sort | uniq -d)
        if [ -n "$twice" ] && [ "$seen" = "$(grep -s . "$matrix"/*-*-*-*-*/matrix)" ]; then
            echo "TWICE: $seen"
        fi
        looks=$((looks + 1))
        sleep 0.1
    done
    echo "looked $looks times"
}
ours "$1" >/root/ours.log 2>&1 &
theirs "$2" >/root/theirs.log 2>&1 &
virshs "$3" >/root/virsh.log 2>&1 &
watch >/root/watch.log 2>&1 &
wait
for who in ours theirs virsh; do
    echo "$who started $(grep -c started "/root/$who.log") times"
done
grep -h LOST /root/ours.log /root/theirs.log /root/virsh.log
cat /root/watch.log
"""


class DriverTest(unittest.TestCase):
    def setUp(self):
        lab.require()
        self.xml = lab.nodedev_xml(A, [5], [4])

    def test_libvirt_and_mdevctl_see_what_we_do_at_once(self):
        lab.keep_masks()
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

    def test_nothing_is_lost_or_given_twice_when_all_change_at_once(self):
        lab.keep_masks()
        for file, text in [
                ("ours.xml", self.xml), ("virsh.xml", lab.nodedev_xml(C, [5], [4])),
                ("theirs.json", '{"mdev_type":"vfio_ap-passthrough","start":"manual","attrs":'
                 '[{"assign_adapter":"5"},{"assign_domain":"4"}]}')]:
            lab.write_file(f"/root/{file}", text)
        lab.must("virt-ap", "define", "-", stdin=lab.nodedev_xml(D, [6], [6]))
        lab.must("virt-ap", "autostart", D)
        untouched = lab.must("cat", f"/etc/mdevctl.d/matrix/{D}")
        refused = "dmesg | grep -c 'Userspace may not assign' || true"
        before = lab.sh(refused)
        seen = lab.sh(STRESS, A, B, C, STRESS_S)
        print(seen)
        # On a busy machine one of the three may never have had its turn.
        self.assertGreater(sum(map(int, re.findall(r"started (\d+) times", seen))), 1)
        self.assertRegex(seen, "looked [1-9]")
        self.assertNotIn("LOST", seen)
        self.assertNotIn("TWICE", seen)
        self.assertEqual(lab.must("cat", f"/etc/mdevctl.d/matrix/{D}"), untouched)
        # Nobody was killed, so nothing was left to be recovered.
        self.assertNotIn("recover", lab.must("cat", "/root/ours.log"))
        # The kernel never had to say no: each conflict was known before.
        self.assertEqual(lab.sh(refused), before)
        self.assertEqual(lab.must("ls", "/run/lock"), "")
        self.assertNotIn("journal", lab.sh("ls /var/lib/libvirt-ap 2> /dev/null || true"))


if __name__ == "__main__":
    unittest.main()
