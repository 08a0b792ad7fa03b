#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a guest without AP takes to start in the lab, with libvirt-ap's hook, with a hook that
does nothing (/bin/true), and without any: guest_start.py [STARTS]. For docs/hook.rst; the lab has
to be up (./dev lab up).

Blocks of the three alternate, each with a libvirtd that has found the hook at its start, or none.
The best start of each kind counts, in CPU time of the emulator and by the clock."""

import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import lab  # noqa: E402 pylint: disable=wrong-import-position
import libvirt  # noqa: E402 pylint: disable=wrong-import-position

HOOKS = "/etc/libvirt/hooks/qemu.d"
# What the directory of hooks is, for each kind.
KINDS = {
    "with the hook": f"mv {HOOKS}.off {HOOKS}",
    "with an empty hook": f"mkdir {HOOKS}; ln -s /bin/true {HOOKS}/empty",
    "without": "true",
}
# The hook is put away, whatever a kind left.
PUT_AWAY = f"[ -d {HOOKS}.off ] || mv {HOOKS} {HOOKS}.off; rm -rf {HOOKS}"
BLOCKS = 3
NAME = "plain"
UUID = "11111111-2222-4333-8444-555555555559"


def emulator_cpu_s():
    """CPU time that the emulator has taken so far."""
    with open(f"/proc/{lab.status()['pid']}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def switch_to(kind):
    lab.sh("\n".join((PUT_AWAY, KINDS[kind], lab.RESTART_LIBVIRTD)))


def measure_block(kind, starts):
    """CPU and clock time of each start; the first one finds nothing in its caches."""
    switch_to(kind)
    connection = libvirt.open(lab.status()["uri"])
    domain = connection.lookupByName(NAME)
    times = []
    for _ in range(starts + 1):
        cpu, clock = emulator_cpu_s(), time.monotonic()
        domain.create()
        times.append((emulator_cpu_s() - cpu, time.monotonic() - clock))
        domain.destroy()
    connection.close()
    return times[1:]


def main():
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    times = {kind: [] for kind in KINDS}
    lab.remote_virsh("define", "/dev/stdin", xml=lab.domain_xml(NAME, UUID))
    try:
        for _ in range(BLOCKS):
            for kind, taken in times.items():
                taken += measure_block(kind, starts)
    finally:
        lab.remote_virsh("undefine", NAME)
        switch_to("with the hook")
    print("start of a guest without AP    CPU time           clock")
    least = [min(column) for column in zip(*times["without"])]
    for kind, taken in times.items():
        cells = [f"{best:6.2f} s  {best / floor:.2f}x"
                 for best, floor in zip((min(column) for column in zip(*taken)), least)]
        print(f"{kind:<27} {'    '.join(cells)}")


if __name__ == "__main__":
    main()
