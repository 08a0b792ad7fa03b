# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt-ap-boot.service on a host with systemd: after a boot, what was interrupted is ended, the
matrices of the guests are there, and only then libvirtd starts."""

import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
MATRIX = "/sys/devices/vfio_ap/matrix"
JOURNAL = "/var/lib/libvirt-ap/journal"

# An update of A that dies when its file is done and the kernel has not been told.
INTERRUPT = r"""
strace -o /dev/null -P "$1/$2/ap_config" -e trace=write -e inject=write:signal=KILL:when=1 \
    virt-ap update "$2" /root/new.xml --live --config
[ -e "$3" ]
"""

# As chzdev writes it: when all is bound it sets the masks and loads the driver, long before we do.
MASKS_RULE = """ACTION=="change", DEVPATH=="/devices/ap", ENV{BINDINGS}=="complete", \\
ENV{COMPLETECOUNT}=="1", ATTR{../../bus/ap/apmask}="%s", RUN{builtin}+="kmod load vfio_ap"
""" % ("0x9" + "f" * 63)

# A queue that loses its driver whenever it is bound, and a limit that does not bore the tests.
UNBIND_RULE = ('ACTION=="bind", SUBSYSTEM=="ap", KERNEL=="00.0006", RUN+="/bin/sh -c \''
               'echo 00.0006 > /sys/bus/ap/drivers/cex4queue/unbind\'"\n')
LIMIT = """[Service]
ExecStart=
ExecStart=/usr/libexec/libvirt-ap/libvirt-ap-boot --limit 3
"""


def properties(unit, *names):
    """What systemd says of a unit."""
    lines = lab.must("systemctl", "show", unit, "-p", ",".join(names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


class Boot(unittest.TestCase):
    def setUp(self):
        # Its masks give adapters 1 and 2 to guests before any driver is loaded.
        lab.require("small.conf", init="systemd")
        # Without a rule nothing that starts at boot could keep its queues, and would be refused.
        lab.write_file("/etc/udev/rules.d/41-ap.rules", MASKS_RULE)
        for uuid, domain in ((A, 4), (B, 6)):
            lab.must("virt-ap", "define", "-", stdin=lab.nodedev_xml(uuid, [1], [domain]))
            lab.must("virt-ap", "autostart", uuid)
        self.interrupt([2], [4])

    def interrupt(self, adapters, domains):
        lab.write_file("/root/new.xml", lab.nodedev_xml(A, adapters, domains))
        if lab.run("test", "-e", f"{MATRIX}/{A}").returncode:
            lab.must("virt-ap", "start", A)
        lab.sh(INTERRUPT, MATRIX, A, JOURNAL)

    def assert_ready(self, **matrices):
        """The journal is closed, and the matrices are active with their queues."""
        self.assertNotEqual(lab.run("test", "-e", JOURNAL).returncode, 0)
        for uuid, queues in ((A, matrices["a"]), (B, matrices["b"])):
            self.assertEqual(lab.must("cat", f"{MATRIX}/{uuid}/guest_matrix"), queues)

    def assert_before_libvirtd(self):
        unit = properties("libvirt-ap-boot", "ExecMainExitTimestampMonotonic")
        libvirtd = properties("libvirtd", "ExecMainStartTimestampMonotonic")
        self.assertLess(int(unit["ExecMainExitTimestampMonotonic"]),
                        int(libvirtd["ExecMainStartTimestampMonotonic"]))

    def test_a_boot_ends_what_was_interrupted_before_anything_starts(self):
        lab.reboot()
        log = lab.must("journalctl", "-b", "-u", "libvirt-ap-boot", "-o", "cat")
        self.assertIn("update (of an earlier boot): its files are complete", log)
        self.assertEqual(properties("libvirt-ap-boot", "ActiveState", "Result"),
                         {"ActiveState": "active", "Result": "success"}, log)
        self.assert_before_libvirtd()
        self.assert_ready(a="02.0004\n", b="01.0006\n")

    def test_neither_a_driver_that_was_first_nor_a_queue_without_one_holds_it_up(self):
        lab.write_file("/etc/udev/rules.d/99-unbind.rules", UNBIND_RULE)
        lab.sh('mkdir -p "$1" && cat > "$1/limit.conf" <<END\n' + LIMIT + 'END\n',
               "/etc/systemd/system/libvirt-ap-boot.service.d")
        lab.reboot()
        log = lab.must("journalctl", "-b", "-u", "libvirt-ap-boot", "-o", "cat")
        self.assertIn("after 3 s not all queues are bound to a driver", log)
        self.assertEqual(properties("libvirt-ap-boot", "ActiveState", "Result"),
                         {"ActiveState": "failed", "Result": "exit-code"}, log)
        self.assert_before_libvirtd()
        self.assert_ready(a="02.0004\n", b="01.0006\n")


if __name__ == "__main__":
    unittest.main()
