# SPDX-License-Identifier: LGPL-2.1-or-later
"""Simulated hosts for tests of what changes something: made by `virt-ap sim create`."""

import glob
import os
import subprocess

VIRT_AP = os.environ["VIRT_AP"]

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
# A simulated kernel makes many small files: in memory, where there is room for it.
TMP = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
JOURNAL = "var/lib/libvirt-ap/journal"

# Few queues: each is a directory. Adapter 2 is the guests'.
TOPOLOGY = """
[machine]
usage-domains=4,5,6
apmask=-2,-3

[adapter 1]
type=cex8
mode=cca

[adapter 2]
type=cex8
mode=cca

[adapter 3]
type=cex7
mode=cca
"""

# strace and LeakSanitizer exclude each other.
UNDER_STRACE = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")


def xml(adapters, domains, uuid=None, control=()):
    attrs = [("assign_adapter", i) for i in adapters]
    attrs += [("assign_domain", i) for i in domains]
    attrs += [("assign_control_domain", i) for i in control]
    lines = "".join(f"<attr name='{name}' value='{value}'/>" for name, value in attrs)
    name = f"<uuid>{uuid}</uuid>" if uuid else ""
    return ("<device><parent>ap_matrix</parent><capability type='mdev'>"
            f"<type id='vfio_ap-passthrough'/>{name}{lines}</capability></device>")


class SimHost:
    """One simulated host in a directory of its own."""

    def __init__(self, path, kernel="6.12", topology=TOPOLOGY, create=True):
        self.path = path
        if not create:
            return
        file = path + ".conf"
        with open(file, "w", encoding="utf-8") as out:
            out.write(topology)
        self.sim("create", "--topology", file, "--kernel", kernel)

    def sim(self, action, *args):
        subprocess.run([VIRT_AP, "sim", action, self.path, *args], check=True)

    def command(self, *args):
        return [VIRT_AP, "--sim", self.path, *args]

    def run(self, *args, stdin="", timeout=None):
        return subprocess.run(self.command(*args), input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False,
                              timeout=timeout)

    def must(self, *args, stdin=""):
        result = self.run(*args, stdin=stdin)
        assert result.returncode == 0, f"{args}: {result.returncode}: {result.stderr}"
        return result.stdout

    def file(self, path):
        return os.path.join(self.path, path)

    def definition(self, uuid):
        return self.file(f"etc/mdevctl.d/matrix/{uuid}")

    def read(self, path):
        try:
            with open(self.file(path), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, path, text):
        with open(self.file(path), "w", encoding="utf-8") as file:
            file.write(text)

    def matrix(self, uuid):
        """The text of `matrix` of an active mdev, else None."""
        return self.read(f"sys/devices/vfio_ap/matrix/{uuid}/matrix")

    def state(self):
        """Everything that a verb may change: files by path."""
        result = {name: self.read(f"sys/bus/ap/{name}") for name in ("apmask", "aqmask")}
        for top in ("etc", "var"):
            for parent, _, names in os.walk(self.file(top)):
                for name in names:
                    path = os.path.relpath(os.path.join(parent, name), self.path)
                    result[path] = self.read(path)
        for queue in glob.glob(self.file("sys/devices/ap/card??/??.????")):
            path = os.path.relpath(queue, self.path)
            driver = os.path.join(queue, "driver")
            result[f"{path}/driver"] = os.readlink(driver) if os.path.islink(driver) else None
            result[f"{path}/driver_override"] = self.read(f"{path}/driver_override")
        live = "sys/devices/vfio_ap/matrix"
        for uuid in os.listdir(self.file(live)):
            for attr in ("matrix", "control_domains", "guest_matrix"):
                path = f"{live}/{uuid}/{attr}"
                if len(uuid) == 36:
                    result[path] = self.read(path)
        return result
