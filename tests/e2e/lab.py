# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab for tests: one machine of their own, kept up from test to test while its topology does.

Every test module begins with require(); none of them brings the lab down, ./dev test does at its
end."""

import json
import os
import pathlib
import subprocess
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LAB = SOURCE / "kernel/lab/lab"
TOPOLOGIES = SOURCE / "kernel/lab/topologies"
ENVIRONMENT = {**os.environ, "LIBVIRT_AP_LAB_NAME": os.environ.get("LIBVIRT_AP_LAB_NAME", "test")}

# Frees every queue of the host and removes every matrix and guest of the test before.
RESET = r"""
for name in $(virsh -q list --all --name); do
    virsh -q destroy "$name"; virsh -q undefine "$name"
done
for dir in /sys/devices/vfio_ap/matrix/*-*-*-*-*; do
    [ ! -d "$dir" ] || echo 1 > "$dir/remove"
done
rm -f /etc/mdevctl.d/matrix/* /etc/libvirt-ap/libvirt-ap.conf /etc/udev/rules.d/41-ap.rules
[ ! -e /proc/sys/vm/allocate_pgste ] || echo 1 > /proc/sys/vm/allocate_pgste
echo 0x0 > /sys/bus/ap/apmask
echo 0x0 > /sys/bus/ap/aqmask
udevadm settle
"""


class CommandFailed(AssertionError):
    """A command of a test's own set-up failed."""


def _lab(*words, **options):
    return subprocess.run([str(LAB), *words], env=ENVIRONMENT, check=False, text=True,
                          capture_output=True, **options)


def require(topology="default.conf", kernel="6.12", callout=True, init="minimal"):
    """A lab with that topology, in the state that RESET leaves."""
    words = ["--topology", str(TOPOLOGIES / topology), "--kernel", kernel, "--init", init]
    if not callout:
        words.append("--without-callout")
    up = _lab("up", *words)
    if up.returncode and "runs with another" in up.stderr:
        _lab("down")
        up = _lab("up", *words)
    if up.returncode == 77:
        raise unittest.SkipTest(up.stderr.strip())
    if up.returncode:
        raise CommandFailed(f"the lab does not come up:\n{up.stderr}")
    sh(RESET)


def reboot():
    """A clean shutdown and a new boot; /etc and /var stay."""
    done = _lab("reboot")
    if done.returncode:
        raise CommandFailed(f"the lab does not come up again:\n{done.stderr}")


def down():
    """Ends the lab."""
    _lab("down")


def status():
    """What `lab status` says, as a dictionary."""
    return dict(line.split("=", 1) for line in _lab("status").stdout.splitlines())


def run(*argv, stdin=None):
    """Runs a command in the lab; returns its CompletedProcess."""
    return _lab("run", "--", *argv, input=stdin if stdin is not None else "")


def must(*argv, stdin=None):
    """Runs a command in the lab that has to work; returns its standard output."""
    done = run(*argv, stdin=stdin)
    if done.returncode:
        raise CommandFailed(f"{' '.join(argv)}: exit code {done.returncode}\n"
                            f"{done.stdout}{done.stderr}")
    return done.stdout


def sh(script, *args):
    """Runs a shell script in the lab; its last command has to work."""
    return must("sh", "-c", script, "sh", *args)


def fault(*words):
    """Breaks or mends the emulated hardware, and waits until the kernel has seen it."""
    done = _lab("fault", *words)
    if done.returncode:
        raise CommandFailed(done.stderr)


def virt_ap(*argv):
    """What a command of virt-ap prints as JSON, whatever its exit code."""
    return json.loads(run("virt-ap", "--json", *argv).stdout)


def kernel_log():
    """The kernel's log, for what must not be in it."""
    return must("dmesg")


def device_name(uuid):
    """libvirt's name of a matrix."""
    return f"mdev_{uuid.replace('-', '_')}_matrix"


def nodedev_xml(uuid, adapters, domains, control_domains=()):
    """Node-device XML of a matrix; `virsh nodedev-update` wants a name in it."""
    attrs = [("assign_adapter", f"0x{i:02x}") for i in adapters]
    attrs += [("assign_domain", f"0x{i:04x}") for i in domains]
    attrs += [("assign_control_domain", f"0x{i:04x}") for i in control_domains]
    lines = "".join(f"<attr name='{name}' value='{value}'/>" for name, value in attrs)
    return (f"<device><name>{device_name(uuid)}</name><parent>ap_matrix</parent>"
            f"<capability type='mdev'><type id='vfio_ap-passthrough'/><uuid>{uuid}</uuid>"
            f"{lines}</capability></device>")


def domain_xml(name, uuid, mdev, cpu="<cpu mode='host-passthrough'/>"):
    """Domain XML of a small guest with a matrix."""
    return (f"<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64"
            f"</memory><vcpu>1</vcpu><os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type>"
            f"</os>{cpu}<devices><hostdev mode='subsystem' type='mdev' model='vfio-ap'><source>"
            f"<address uuid='{mdev}'/></source></hostdev><memballoon model='none'/></devices>"
            f"</domain>")


def write_file(path, text):
    """Writes a file in the lab."""
    must("sh", "-c", 'cat > "$1"', "sh", path, stdin=text)


def virsh(*argv, xml=None):
    """Runs virsh in the lab; @xml is what it finds in the file of its last argument."""
    if xml is None:
        return run("virsh", *argv)
    write_file("/root/test.xml", xml)
    return run("virsh", *argv)
