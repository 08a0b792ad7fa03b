# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab for tests: machines of their own, kept up from test to test while their topology does.

Every test module begins with require(); none of them brings its machine down, ./dev test does at
its end. Modules that run at the same time have a machine each."""

import itertools
import json
import os
import pathlib
import socket
import subprocess
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LAB = SOURCE / "kernel/lab/lab"
TOPOLOGIES = SOURCE / "kernel/lab/topologies"
GROUP = os.environ.get("LIBVIRT_AP_LAB_NAME", "test")

# Gives every queue of the host to vfio_ap.
FREE_QUEUES = r"""
echo 0x0 > /sys/bus/ap/apmask
echo 0x0 > /sys/bus/ap/aqmask
udevadm settle
"""

# Frees every queue of the host and removes every matrix and guest of the test before.
RESET = r"""
commands=
for name in $(virsh -q list --all --name); do
    commands="$commands destroy $name; undefine $name;"
done
[ -z "$commands" ] || virsh -q "$commands"
for dir in /sys/devices/vfio_ap/matrix/*-*-*-*-*; do
    [ ! -d "$dir" ] || echo 1 > "$dir/remove"
done
rm -f /etc/mdevctl.d/matrix/* /etc/libvirt-ap/libvirt-ap.conf /etc/udev/rules.d/41-ap.rules \
    /run/libvirt-ap/claims/*
[ ! -e /proc/sys/vm/allocate_pgste ] || echo 1 > /proc/sys/vm/allocate_pgste
""" + FREE_QUEUES


RESTART_LIBVIRTD = r"""
if [ -d /run/systemd/system ]; then exec systemctl restart libvirtd; fi
pid=$(cat /run/libvirtd.pid)
kill "$pid"
tail --pid="$pid" -s 0.1 -f /dev/null
/usr/lib/libvirt-ap-lab/lab-helper --start libvirtd --listen
"""


class CommandFailed(AssertionError):
    """A command of a test's own set-up failed."""


def _take_machine():
    """The name of the first machine of the group that no other process has. It is this one's until
    it ends: the socket that says so lives as long."""
    for number in itertools.count(1):
        name = f"{GROUP}-{number}"
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0libvirt-ap-lab-{name}")
        except OSError:
            claim.close()
        else:
            return name, claim


NAME, _CLAIM = _take_machine()
ENVIRONMENT = {**os.environ, "LIBVIRT_AP_LAB_NAME": NAME}


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


def keep_masks():
    """A rule of udev that gives all queues to guests at boot, as reset() does now: without one no
    matrix may be made to start at boot."""
    write_file("/etc/udev/rules.d/41-ap.rules",
               'ATTR{../../bus/ap/apmask}="0x0"\nATTR{../../bus/ap/aqmask}="0x0"\n')


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


def hostdev_xml(mdev):
    """The device of a guest that passes a matrix."""
    return (f"<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source>"
            f"<address uuid='{mdev}'/></source></hostdev>")


def domain_xml(name, uuid, mdev=None, cpu="<cpu mode='host-passthrough'/>", metadata="",
               devices=""):
    """Domain XML of a small guest, with a matrix if @mdev names one."""
    hostdev = hostdev_xml(mdev) if mdev else ""
    return (f"<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid><metadata>{metadata}"
            f"</metadata><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='s390x' "
            f"machine='s390-ccw-virtio'>hvm</type></os>{cpu}<devices>{devices}{hostdev}"
            f"<memballoon model='none'/></devices></domain>")


def write_file(path, text):
    """Writes a file in the lab."""
    must("sh", "-c", 'cat > "$1"', "sh", path, stdin=text)


def remote_virsh(*argv, xml=None):
    """Runs virsh on the PC, connected to the lab's libvirtd: a program that starts in the lab takes
    a second of its own. @xml is what `/dev/stdin` holds."""
    return subprocess.run(["virsh", "-q", "-c", status()["uri"], *argv], input=xml or "",
                          check=False, text=True, capture_output=True)


def virsh(*argv, xml=None):
    """Runs virsh in the lab; @xml is what it finds in the file of its last argument."""
    if xml is None:
        return run("virsh", *argv)
    write_file("/root/test.xml", xml)
    return run("virsh", *argv)
