# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the verbs do on simulated hosts: for the tests that kill them, and that let calls fail."""

import os
import signal
import subprocess

from sim_host import A, JOURNAL, UNDER_STRACE, xml

# A change of the simulated kernel becomes visible when this is renamed.
KERNEL = ".sim/state.new"

OLD = xml([2], [4], A)
NEW = xml([2, 3], [4, 6], A, [5])


def defined(host):
    host.must("define", "-", stdin=OLD)


def active(host):
    defined(host)
    host.must("start", A)


def run_killed(host, verb, call, n, *options):
    """Runs a verb that dies at the nth of its system calls of that name, of those that strace's
    options let through; returns whether it did."""
    result = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", f"trace={call}", *options,
         "-e", f"inject={call}:signal=KILL:when={n}", *host.command(*verb)],
        env=UNDER_STRACE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return result.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def leave_open(path, call, n, *verb):
    """A change that died at its nth call of that name for that path."""
    def prepare(host):
        file = host.path + ".xml"
        with open(file, "w", encoding="utf-8") as out:
            out.write(NEW)
        if verb[0] == "update":
            active(host)
        assert run_killed(host, [*verb[:-1], file], call, n, "-P", host.file(path))
        assert host.read(JOURNAL)
    return prepare


def two_masks(host):
    """To have a queue of adapter 2 again the host needs a bit in each mask."""
    host.must("free", "01.0005")


def all_of_the_host(host):
    host.must("reclaim", "2", "3")
    os.unlink(host.file("etc/udev/rules.d/41-ap.rules"))


def all_overridden(host):
    all_of_the_host(host)
    host.must("free", "01.0005")


def leave_handover_open(path, call, n, prepare, *verb):
    """The same of queues that change hands."""
    def run(host):
        prepare(host)
        assert run_killed(host, verb, call, n, "-P", host.file(path))
        assert host.read(JOURNAL)
    return run


UPDATE = ["update", A, "--live", "--config", "FILE"]
RECOVER = ["recover"]

# What is done, what it needs before, and on which kernel: 6.0 has no ap_config, so each bit is a
# step of its own. `recover` itself is killed too, while it undoes or completes.
SCENARIOS = [
    ("define", "6.12", None, ["define", "FILE"]),
    ("define another", "6.12", defined, ["define", "FILE"]),
    ("undefine", "6.12", defined, ["undefine", A]),
    ("autostart", "6.12", defined, ["autostart", A]),
    ("start", "6.12", defined, ["start", A]),
    ("start bit by bit", "6.0", defined, ["start", A]),
    ("start a file", "7.2", None, ["start", "FILE"]),
    ("stop", "6.12", active, ["stop", A]),
    ("update config", "6.12", active, ["update", A, "FILE", "--config"]),
    ("update live", "6.12", active, ["update", A, "FILE", "--live"]),
    ("update both", "6.12", active, UPDATE),
    ("update both bit by bit", "6.0", active, UPDATE),
    ("recover a half update", "6.12", leave_open(KERNEL, "rename", 1, *UPDATE), RECOVER),
    ("recover a half update bit by bit", "6.0", leave_open(KERNEL, "rename", 3, *UPDATE), RECOVER),
    ("recover a whole update", "6.12", leave_open(JOURNAL, "unlink", 1, *UPDATE), RECOVER),
    ("free", "6.12", None, ["free", "01.0005"]),
    ("reclaim by both masks", "6.12", two_masks, ["reclaim", "02.0005"]),
    ("free by driver_override", "7.2", all_of_the_host, ["free", "01.0005"]),
    ("reclaim by driver_override", "7.2", all_overridden, ["reclaim", "01.0005"]),
    ("recover a half reclaim", "6.12",
     leave_handover_open(KERNEL, "rename", 1, two_masks, "reclaim", "02.0005"), RECOVER),
    ("recover a half override", "7.2",
     leave_handover_open(KERNEL, "rename", 2, all_of_the_host, "free", "01.0005"), RECOVER),
    ("recover a half start", "6.0", leave_open(KERNEL, "rename", 4, "start", "FILE"), RECOVER),
]
