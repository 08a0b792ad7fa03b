# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU without libvirt: it takes the arguments that `virt-ap qemu-args` prints, and a matrix from
`virt-ap attach`. Each time KVM's own trace tells what is in the guest's CRYCB."""

import json
import unittest

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
GUEST = "11111111-2222-4333-8444-555555555551"
DIRECTORY = "/run/qemu-test"
REQUIRED = ("<cpu mode='host-passthrough'><feature policy='require' name='ap'/>"
            "<feature policy='require' name='apqci'/></cpu>")
NO_BUS = "No 'ap-bus' bus found for device 'vfio-ap'"

CREATE = r"""
matrix=/sys/devices/vfio_ap/matrix
echo "$1" > $matrix/mdev_supported_types/vfio_ap-passthrough/create
for id in $2; do echo "$id" > "$matrix/$1/assign_adapter"; done
for id in $3; do echo "$id" > "$matrix/$1/assign_domain"; done
for id in $4; do echo "$id" > "$matrix/$1/assign_control_domain"; done
"""

# Its CPUs do not run; with -daemonize the command ends when all devices are there, or with 1.
START = r"""
mkdir -p "$1"; cd "$1"; name=$2; shift 2
exec qemu-system-s390x -machine s390-ccw-virtio -accel kvm -m 64 -nodefaults -display none -S \
    -daemonize -pidfile "$name.pid" -qmp "unix:$name.qmp,server=on,wait=off" "$@"
"""

STOP = r"""
for file in "$1"/*.pid; do
    [ -e "$file" ] || continue
    read -r pid < "$file"
    kill "$pid" && tail --pid="$pid" -s 0.1 -f /dev/null
done
rm -rf "$1"
"""

# Prints QMP's answer to the last of several commands.
QMP = r"""
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(shift) or die "$!\n";
$socket->autoflush(1);
my $answer = <$socket>;
for my $command ('{"execute":"qmp_capabilities"}', @ARGV) {
    print $socket "$command\n";
    do { $answer = <$socket> } while $answer =~ /"event"/;
}
print $answer;
"""


def setUpModule():
    lab.require()


def create(uuid, adapters, domains, control_domains=""):
    lab.sh(CREATE, uuid, adapters, domains, control_domains)


def get_arguments(*options, cpu=REQUIRED):
    """What virt-ap prints for a guest with matrix A: the CPU's terms, and the device."""
    lab.write_file("/root/test.xml", lab.domain_xml("payroll", GUEST, A, cpu))
    option, terms, *device = lab.must("virt-ap", "qemu-args", *options,
                                      "/root/test.xml").splitlines()
    assert option == "-cpu"
    return terms, device


def start(name, *arguments):
    return lab.run("sh", "-c", START, "sh", DIRECTORY, name, *arguments)


def virt_ap(verb, name, uuid):
    return lab.run("virt-ap", verb, "--qmp", f"{DIRECTORY}/{name}.qmp", uuid)


def ask_qmp(name, command, **arguments):
    text = json.dumps({"execute": command, "arguments": arguments})
    answer = lab.must("perl", "-e", QMP, f"{DIRECTORY}/{name}.qmp", text)
    return json.loads(answer)["return"]


def get_trace(name):
    """What KVM wrote into the guest's CRYCB, line by line."""
    return lab.sh('read -r pid < "$1"; sed -n "s/^.*\\(\\(SET\\|CLR\\) CRYCB:.*\\)/\\1/p" '
                  "/sys/kernel/debug/s390dbf/kvm-$pid/sprintf",
                  f"{DIRECTORY}/{name}.pid").splitlines()


def predict(uuid):
    """The lines that KVM's trace has to end with."""
    crycb = lab.virt_ap("show", uuid)["crycb"]
    return [f"SET CRYCB: {mask} {crycb[mask]}" for mask in ("apm", "aqm", "adm")]


class Qemu(unittest.TestCase):
    def setUp(self):
        lab.sh(lab.RESET)
        self.addCleanup(lab.sh, STOP, DIRECTORY)

    def starts(self, name, *arguments):
        done = start(name, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

    def passes(self, verb, name, uuid):
        done = virt_ap(verb, name, uuid)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def refused(self, name, uuid, *says):
        done = virt_ap("attach", name, uuid)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(done.stderr.startswith("virt-ap: QEMU refuses device_add: "), done.stderr)
        for words in says:
            self.assertIn(words, done.stderr)

    def check_arguments(self, name, device_id, *options):
        terms, device = get_arguments(*options)
        self.starts(name, "-cpu", f"host,{terms}", *device)
        path = f"/machine/peripheral/{device_id}"
        self.assertEqual(ask_qmp(name, "qom-get", path=path, property="type"), "vfio-ap")
        self.assertIs(ask_qmp(name, "qom-get", path=path, property="realized"), True)
        self.assertEqual(get_trace(name), predict(A))

    def test_it_takes_the_arguments_in_both_forms(self):
        create(A, "1 2", "4 6", "4 5")
        self.check_arguments("json", "hostdev0")
        lab.sh(STOP, DIRECTORY)
        self.check_arguments("legacy", "hostdev0", "--legacy")

    def test_what_it_says_of_a_cpu_without_ap_was_foretold(self):
        create(A, "1", "4")
        off = REQUIRED.replace("'require' name='ap'", "'disable' name='ap'")
        terms, device = get_arguments(cpu=off)
        done = start("off", "-cpu", f"host,{terms}", *device)
        self.assertEqual(done.returncode, 1)
        self.assertIn(NO_BUS, done.stderr)
        codes = [finding["code"] for finding in lab.virt_ap("check", "/root/test.xml")["findings"]]
        self.assertIn("cpu-no-ap", codes)

    def test_attach_sets_the_masks_and_detach_clears_them(self):
        create(A, "1 2", "4 6", "4 5")
        create(B, "3", "4")
        self.starts("guest", "-cpu", "host,ap=on")
        self.assertEqual(get_trace("guest"), [])
        self.passes("attach", "guest", A)
        self.assertEqual(get_trace("guest"), predict(A))
        self.refused("guest", B, NO_BUS, f"the guest has mdev {A}, and QEMU takes one",
                     f"virt-ap detach --qmp {DIRECTORY}/guest.qmp {A}")
        self.assertEqual(get_trace("guest"), predict(A))
        self.passes("detach", "guest", A)
        self.assertEqual(get_trace("guest"), predict(A) + ["CLR CRYCB:"])
        self.passes("attach", "guest", B)
        self.assertEqual(get_trace("guest")[-3:], predict(B))

    def test_detach_takes_the_device_of_the_command_line_too(self):
        create(A, "1", "4")
        terms, device = get_arguments()
        self.starts("guest", "-cpu", f"host,{terms}", *device)
        self.assertEqual(virt_ap("detach", "guest", B).returncode, 3)
        self.passes("detach", "guest", A)
        self.assertEqual(get_trace("guest")[-1], "CLR CRYCB:")

    def test_a_matrix_of_another_guest_stays_there(self):
        create(A, "1", "4")
        terms, device = get_arguments()
        self.starts("first", "-cpu", f"host,{terms}", *device)
        self.starts("second", "-cpu", "host")
        self.refused("second", A, f"vfio {A}: Could not open '/dev/vfio/", "resource busy",
                     f"see `virt-ap show {A}`")
        self.assertEqual(get_trace("first"), predict(A))
        self.assertEqual(get_trace("second"), [])

    def test_a_matrix_that_is_not_active_is_refused(self):
        self.starts("guest", "-cpu", "host")
        self.refused("guest", A, f"/sys/bus/mdev/devices/{A}: no such host device",
                     "it must be active")

    def test_a_guest_that_was_started_without_ap_gets_no_matrix(self):
        create(A, "1", "4")
        self.starts("guest", "-cpu", "host,ap=off")
        self.refused("guest", A, NO_BUS, "only for a CPU with AP instructions")
        self.assertEqual(get_trace("guest"), [])


if __name__ == "__main__":
    unittest.main()
