#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each system call of each event of the callout fails once, with each error number that it can
give: no wrong yes, no lock that stays, and what is changed live is before or after.

mdevctl takes an end by a signal, and exit code 2, for a yes: neither may be.
"""

import json
import subprocess
import time

from harness import fault, world
from harness.callout import ENVIRONMENT, WorldTest, argv
from harness.host import LOCK, config_line, definition, mask, uuid

A, B = uuid(1), uuid(2)
JOURNAL = "var/lib/libvirt-ap/journal"
YES, NO = True, False


def other_active(host):
    host.activate(B, [1], [4])


def other_starts_at_boot(host):
    host.define(B, [1], [4], auto=True)


def other_has_guest(host):
    host.define(B, [1], [4])
    host.add_guest("web", B)


def own_defined(host):
    host.define(A, [1], [4])


def own_active(host):
    host.activate(A, [1], [6])


def both_active(host):
    own_active(host)
    other_active(host)


def own_at_boot_beside_other(host):
    own_defined(host)
    other_starts_at_boot(host)


# Stands for the QEMU of a guest: its command line has the guest's UUID.
QEMU = subprocess.Popen(["sh", "-c", "read _", "-uuid", B], stdin=subprocess.PIPE)


def queue_in_use(host):
    host.activate(A, [1], [4])
    host.write("sys/devices/ap/card01/01.0004/status", "in use\n")


def guest_runs(host):
    host.activate(A, [1], [4])
    host.write("run/libvirt/qemu/web.xml", f"""<domstatus state='running' pid='{QEMU.pid}'>
<domain type='kvm'><name>web</name><uuid>{B}</uuid><os><type>hvm</type></os><devices><hostdev
mode='subsystem' type='mdev' model='vfio-ap'><source><address uuid='{A}'/></source></hostdev>
</devices></domain></domstatus>""")


def host_has_queue(host):
    host.write("sys/bus/ap/apmask", mask([1]) + "\n")
    host.write("sys/bus/ap/aqmask", mask([4]) + "\n")


def change_is_open(host):
    host.write(JOURNAL, "{}")


def badly_configured(host):
    host.write("etc/libvirt-ap/libvirt-ap.conf", "[nonsense\n")


# The answer, what there is before, event, action, mdevctl's JSON.
DEFINITION = definition([1], [4])
SCENARIOS = {
    "define": (YES, None, "pre", "define", DEFINITION),
    "define beside others": (YES, own_active, "pre", "define", DEFINITION),
    "modify": (YES, own_defined, "pre", "modify", DEFINITION),
    "start": (YES, None, "pre", "start", DEFINITION),
    "stop": (YES, own_active, "pre", "stop", DEFINITION),
    "undefine": (YES, own_defined, "pre", "undefine", DEFINITION),
    "after a start": (YES, None, "post", "start", DEFINITION),
    "after a definition": (YES, None, "post", "define", DEFINITION),
    "change live": (YES, own_active, "live", "modify", DEFINITION),
    "attributes": (YES, own_active, "get", "attributes", ""),
    "capabilities": (YES, None, "get", "capabilities", ""),
    "a definition twice": (NO, own_defined, "pre", "define", DEFINITION),
    "define what another has": (NO, other_active, "pre", "define", DEFINITION),
    "define what another gets at boot": (NO, other_starts_at_boot, "pre", "define", DEFINITION),
    "define what a guest names": (NO, other_has_guest, "pre", "define", DEFINITION),
    "let start at boot what another gets": (NO, own_at_boot_beside_other, "pre", "modify",
                                            definition([1], [4], auto=True)),
    "no such step": (NO, None, "pre", "define", DEFINITION.replace("assign_adapter", "../../x")),
    "start what another has": (NO, other_active, "pre", "start", DEFINITION),
    "start what the host has": (NO, host_has_queue, "pre", "start", DEFINITION),
    "start while a change is open": (NO, change_is_open, "pre", "start", DEFINITION),
    "start with a bad configuration": (NO, badly_configured, "pre", "start", DEFINITION),
    "stop what a queue calls in use": (NO, queue_in_use, "pre", "stop", DEFINITION),
    "stop what a guest has": (NO, guest_runs, "pre", "stop", DEFINITION),
    "change live to what another has": (NO, both_active, "live", "modify", DEFINITION),
}


class FaultTest(WorldTest):
    known = fault.Known()
    points = 0

    def prepare(self, prepare):
        self.host.reset()
        self.host.path(JOURNAL).unlink(missing_ok=True)
        if prepare:
            prepare(self.host)

    def judge(self, scenario, point, result):
        answer, _, event, action, _ = scenario
        wrong = []
        locked = LOCK.exists()
        if result.returncode < 0 or result.returncode == 2:
            wrong.append("what mdevctl takes for a yes")
        if result.returncode == 0 and answer == NO:
            wrong.append("a wrong yes")
        if event == "post" and result.returncode != 127 and (result.returncode != 0 or locked):
            wrong.append("after a change the lock stays")
        if event == "pre" and locked != (result.returncode == 0):
            wrong.append("a yes without the lock" if not locked else "a no, and the lock stays")
        if event in ("live", "get") and locked:
            wrong.append("the lock stays")
        if event == "live":
            config = self.host.path(f"sys/devices/vfio_ap/matrix/{A}/ap_config").read_text()
            wanted = config_line([1], [4 if result.returncode == 0 else 6])
            if config != wanted and "nobody can tell" not in result.stderr:
                wrong.append(f"it holds {config}")
        if action == "attributes" and result.returncode == 0 and result.stdout and (
                {"assign_domain": "6"} not in json.loads(result.stdout)):
            wrong.append(f"it says {result.stdout}")
        return [f"{point}: {sentence} (exit code {result.returncode}: {result.stderr.strip()})"
                for sentence in wrong]

    def run_scenario(self, name, scenario):
        answer, prepare, event, action, text = scenario
        command = argv(event, action, A)
        self.prepare(prepare)
        code = subprocess.run(command, input=text, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, encoding="utf-8", check=False).returncode
        self.assertEqual(code, 0 if answer == YES else 1, name)
        LOCK.unlink(missing_ok=True)
        points = fault.list_points(self.known, command, text)
        wrong = []
        for point in points:
            # Nothing but a live change writes.
            if event == "live":
                self.host.activate(A, [1], [6])
            LOCK.unlink(missing_ok=True)
            result = point.run(command, text)
            if result is not None:
                found = self.judge(scenario, point, result)
                for sentence in found:
                    print(f"{name}: {sentence}", flush=True)
                wrong += found
                FaultTest.points += 1
        LOCK.unlink(missing_ok=True)
        self.assertEqual(wrong, [])

    def test_each_system_call_of_each_event_fails_once(self):
        self.addCleanup(QEMU.communicate)
        fault.ENVIRONMENT.clear()
        fault.ENVIRONMENT.update(ENVIRONMENT)
        for name, scenario in SCENARIOS.items():
            begin = time.monotonic()
            before = self.points
            fault.ENVIRONMENT.pop("FAULT_AT_PID", None)
            if scenario[2] == "post":
                fault.ENVIRONMENT["FAULT_AT_PID"] = str(LOCK)
            with self.subTest(name):
                self.run_scenario(name, scenario)
            print(f"{name}: {self.points - before} faults ({time.monotonic() - begin:.0f} s)",
                  flush=True)
        print(f"{self.points} faults in all")
        self.assertGreater(self.points, 1000 / fault.STEP)


if __name__ == "__main__":
    world.main()
