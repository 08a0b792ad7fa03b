# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs of the lab."""

import os
import platform
import secrets
import subprocess
import sys
import time

from . import apt, common, emulator, image, kernel, layer, machine, remote, sysroot
from .common import LAB_DIR, LabError

TOPOLOGY = LAB_DIR / "topologies/default.conf"
DISK_SIZE = 4 << 30
# `up` ends so where a lab runs, but not the one that is wanted.
ANOTHER_RUNS = 3


def packages():
    """What is needed of the machine's own distribution."""
    lines = (LAB_DIR / "packages").read_text(encoding="ascii").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def _wanted(args):
    try:
        topology = args.topology.resolve(strict=True)
    except OSError as error:
        raise LabError(f"cannot read the topology {args.topology}: {error.strerror}",
                       f"There are some in {LAB_DIR}/topologies.") from error
    return {"topology": str(topology), "topology_digest": common.digest(topology),
            "checkout": str(common.TOP_DIR), "kernel": args.kernel, "init": args.init,
            "callout": not args.without_callout}


def _must_serve(state, wanted):
    """The lab that runs is the one that is wanted; the place of its topology file is no matter."""
    names = {"topology_digest": "topology", "callout": "--without-callout", "kernel": "kernel",
             "init": "init", "checkout": "checkout of the project"}
    differs = [text for name, text in names.items() if wanted[name] != state["wanted"].get(name)]
    if differs:
        raise LabError(f"a lab runs with another {' and '.join(differs)}",
                       f"End it: {_down()}; or leave it and set LIBVIRT_AP_LAB_NAME for a second.",
                       status=ANOTHER_RUNS)


def _down(name=None):
    """The command that ends a lab, of this checkout or the one of that name."""
    name = name or os.environ.get("LIBVIRT_AP_LAB_NAME")
    return f"LIBVIRT_AP_LAB_NAME={name} kernel/lab/lab down" if name else "kernel/lab/lab down"


def up(args):
    wanted = _wanted(args)
    box = machine.Machine()
    started = time.monotonic()
    with box.lock():
        state = box.running()
        if state:
            _must_serve(state, wanted)
            return describe(state)
        words = layer.topology(wanted["topology"])
        built, base, qemu = _prepare(wanted["kernel"])
        place = box.dir
        token = secrets.token_hex(32)
        _new_disk(place / "disk.ext4")
        project = layer.build(place / "layer.squashfs", base=base, built=built, words=words,
                              token=token, callout=wanted["callout"])
        spec = {"wanted": wanted, "token": token, "init": wanted["init"], "project": project,
                "image": str(built / "image"), "base": str(base),
                "initramfs": str(sysroot.programs() / "initramfs"),
                "layer": str(place / "layer.squashfs"), "disk": str(place / "disk.ext4"),
                "release": (built / "release").read_text(encoding="ascii").strip(),
                "emulator": qemu, "prepare_seconds": round(time.monotonic() - started, 1)}
        with common.step("booting"):
            state = box.start(qemu, spec)
        _bake(state, base, built)
        common.prune()
        return describe(state)


def _wants(which):
    """[(suite, what is needed of it)], the kernel's source first."""
    suite, want = kernel.source(which)
    debian = apt.suite(image.SUITE)
    wants = [(suite, [want]), (debian, [image.WANT, sysroot.WANT])]
    if not emulator.native():
        wants.append((emulator.source(), [emulator.WANT]))
    return wants


class KernelJob:
    """The kernel's build in a process of its own, side by side with everything else."""

    def __init__(self, which):
        self.process = None
        if not kernel.is_built(which):
            self.process = common.spawn(
                [sys.executable, LAB_DIR / "lab", "kernel", "--kernel", which],
                stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def check(self, wait=False):
        """Its failure is ours, as soon as we look; it has said why itself."""
        if self.process and (self.process.wait() if wait else self.process.poll()):
            raise LabError("there is no kernel, so there is no lab", "Read the lines above.")

    def __exit__(self, *_exception):
        if self.process and self.process.poll() is None:
            common.end_group(self.process, patience=60)


def _prepare(which):
    """(kernel, base image, emulator), from the cache or made.

    That everything can be had is seen first, since the rest takes minutes; what takes longest, the
    kernel, starts as soon as its source is there.
    """
    wants = _wants(which)
    for suite, some in wants:
        suite.settle([], also=some)
    (suite, source), *rest = wants
    if not kernel.is_built(which):
        suite.settle(source)
    with KernelJob(which) as job:
        for suite, some in rest:
            suite.settle(some)
            job.check()
        base = image.build()
        job.check()
        qemu = emulator.find()
        sysroot.programs()
        sysroot.build_project()
        job.check(wait=True)
    return kernel.build(which), base, qemu


def _new_disk(path):
    path.unlink(missing_ok=True)
    with open(path, "wb") as disk:
        disk.truncate(DISK_SIZE)
    common.call([common.sbin("mke2fs"), "-q", "-F", "-t", "ext4", "-E",
                 "lazy_itable_init=1,lazy_journal_init=1,nodiscard", path],
                failing="cannot make the lab's disk")


def _bake(state, base, built):
    """Keep what the first boot of a kernel and image found out, for the next: it costs seconds."""
    name = layer.baked_key(base, built)
    if (common.cache_dir() / name).exists() or state["init"] != "minimal":
        return

    def fill(target):
        with common.step("keeping what the first boot found out"):
            remote.checked(state["agent_port"], state["token"], ["ldconfig"])
            (target / "baked.tar").write_bytes(remote.checked(
                state["agent_port"], state["token"],
                ["tar", "-C", "/", "-cf", "-", "etc/ld.so.cache", "var/cache/libvirt/qemu"]))
    common.cached(name, fill, "first boot's results")


def describe(state):
    return {
        "uri": f"qemu+tcp://127.0.0.1:{state['libvirt_port']}/system",
        "pid": state["pid"], "kernel": state["release"], "init": state["init"],
        "topology": state["wanted"]["topology"],
        "callout": "yes" if state["project"] and state["wanted"]["callout"] else "no",
        "boot_seconds": state["boot_seconds"],
        "console": machine.Machine().console,
    }


def status():
    return describe(machine.Machine().require())


def run(argv):
    state = machine.Machine().require()
    if argv[:1] == ["--"]:
        argv = argv[1:]
    return remote.run(state["agent_port"], state["token"], argv)


FAULT = """
set -e
if ! error=$(cat 2>&1 > /sys/kernel/debug/ap_emu/control); then
    said=$(dmesg | grep -o 'ap_emu: .*' | tail -n 1)
    echo "${said:-$error}" >&2
    exit 1
fi
# What a mask change or a scan does to devices happens in workers; udev has seen it all after this.
echo 1 > /sys/bus/ap/scans
udevadm settle
"""


def fault(words):
    """One command of ap_emu's control file, or none: then from stdin; then a scan of the bus."""
    state = machine.Machine().require()
    lines = (" ".join(words) + "\n").encode() if words else sys.stdin.buffer.read()
    code, out, err = remote.output(state["agent_port"], state["token"], ["sh", "-c", FAULT], lines)
    sys.stdout.write(out.decode())
    if code:
        text = err.decode(errors="replace").strip()
        raise LabError(f"the fault was refused: {text}",
                       "kernel/ap_emu/README.rst, section Control, has the commands.")
    return 0


def reboot():
    box = machine.Machine()
    with box.lock():
        state = box.require()
        off = (["systemctl", "poweroff"] if state["init"] == "systemd"
               else ["kill", "-s", "TERM", "1"])
        with common.step("shutting down"):
            try:
                remote.output(state["agent_port"], state["token"], off)
            except remote.Gone:
                pass
            if not box.wait_for_end(state, 90):
                common.say("the lab does not shut down by itself: its power is cut")
        box.stop()
        spec = {**state, "ports": [state["libvirt_port"], state["agent_port"]], "ready": False}
        with common.step("booting"):
            return describe(box.start(state["emulator"], spec))


def down():
    box = machine.Machine()
    with box.lock():
        was = box.stop()
        for name in ("disk.ext4", "layer.squashfs"):
            (box.dir / name).unlink(missing_ok=True)
        return was


def console():
    return machine.Machine().console.read_text(encoding="utf-8", errors="replace")


def refresh():
    for suite, arch in (("trixie", "s390x"), ("sid", "s390x"),
                        ("trixie", emulator.ARCHES.get(platform.machine(), "amd64"))):
        apt.suite(suite, arch).forget()


def clean():
    for path in common.labs_dir().glob("*/alive"):
        if not machine.ended(path):
            raise LabError(f"the lab '{path.parent.name}' runs from what would be removed",
                           f"End it first: {_down(path.parent.name)}")
    for path in common.cache_dir().iterdir():
        if path.is_dir():
            common.remove_tree(path)
        else:
            path.unlink()
