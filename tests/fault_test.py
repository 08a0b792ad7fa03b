#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each system call of each verb and of each operation of the hook fails once, with each error
number that it can give, on simulated hosts: before or after, never between, and no wrong yes.

MUTANT=1: the program has a fault of this kind, and it is an error if nobody notices.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import fault
from sim_host import A, B, JOURNAL, TMP, SimHost, xml
from verbs import NEW, SCENARIOS, active, defined

HOOK = os.environ["AP_HOOK"]
WORKERS = len(os.sched_getaffinity(0))
CLAIMS = "run/libvirt-ap/claims"

GUESTS = {name: f"0000000{i}-0000-4000-8000-000000000000"
          for i, name in enumerate(("payroll", "web"))}
CPU = "<cpu mode='custom'><model>z13</model></cpu>"
METADATA = ("<metadata><ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'><ap:adapter id='2'/>"
            "<ap:domain id='4'/></ap:matrix></metadata>")
ASKS_POOL = ("<metadata><ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'>"
             "<ap:pool name='p' queues='1'/></ap:matrix></metadata>")


def domain(name, extra="", mdev=A):
    device = ("<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source><address "
              f"uuid='{mdev}'/></source></hostdev>") if mdev else ""
    return (f"<domain type='kvm' id='1'><name>{name}</name><uuid>{GUESTS[name]}</uuid>{extra}"
            f"<os><type arch='s390x'>hvm</type></os><devices>{device}</devices></domain>")


# How a host gets ready.

def other_active(host):
    host.must("start", "-", stdin=xml([2], [4], B))


def defined_beside_other(host):
    defined(host)
    other_active(host)


def in_use(host):
    active(host)
    host.sim("open", A)


def autostart_beside_other(host):
    defined(host)
    host.must("define", "-", stdin=xml([2], [4], B))
    host.must("autostart", B)


def two_active(host):
    host.must("start", "-", stdin=xml([2], [5], A))
    other_active(host)


def defined_of_host(host):
    # Who asks for adapter 1 asks for the host's queues.
    path = f"etc/mdevctl.d/matrix/{A}"
    defined(host)
    host.write(path, host.read(path).replace('"2"', '"1"'))


def with_open_journal(host):
    defined(host)
    os.makedirs(host.file("var/lib/libvirt-ap"), exist_ok=True)
    host.write(JOURNAL, "{}")


def configure(host, text):
    os.makedirs(host.file("etc/libvirt-ap"), exist_ok=True)
    host.write("etc/libvirt-ap/libvirt-ap.conf", text)


def claim(host, guest, running=False, brought_up=False):
    """The claim of a guest whose daemon lives: this process."""
    # A simulated host has no processes: then each of them lives.
    os.makedirs(host.file(CLAIMS), exist_ok=True)
    host.write(f"{CLAIMS}/{GUESTS[guest]}.{A}",
               f"[claim]\nguest={guest}\nguest-uuid={GUESTS[guest]}\nmdev={A}\n"
               f"daemon-pid={os.getpid()}\ndaemon-start=1\n"
               f"running={str(running).lower()}\nbrought-up={str(brought_up).lower()}\n")


def claimed_by_other(host):
    active(host)
    claim(host, "web")


def run_by_other(host):
    active(host)
    os.makedirs(host.file("run/libvirt/qemu"))
    host.write("run/libvirt/qemu/web.xml",
               f"<domstatus state='running' pid='{os.getpid()}'>{domain('web')}</domstatus>")


def had_by_other(host):
    active(host)
    os.makedirs(host.file("var/lib/libvirt-ap"), exist_ok=True)
    host.write("var/lib/libvirt-ap/last-guests",
               f"[02.0004]\nguest=web\nuuid={GUESTS['web']}\n")
    configure(host, "[severity]\nprevious-owner=reject\n")


def in_pool(host):
    configure(host, "[pool p]\nadapters=2\ndomains=4\nguests=payroll\n")


def brought_up(host):
    active(host)
    claim(host, "payroll", brought_up=True)


def running(host):
    active(host)
    host.sim("open", A)
    claim(host, "payroll")


def given_to_host(host):
    defined_of_host(host)


def badly_configured(host):
    active(host)
    configure(host, "[nonsense\n")


REFUSED_VERBS = [
    ("no: define what another has", "6.12", other_active, ["define", "FILE"]),
    ("no: start what another has", "6.12", defined_beside_other, ["start", A]),
    ("no: start what the host has", "6.12", defined_of_host, ["start", A]),
    ("no: stop what a guest has", "6.12", in_use, ["stop", A]),
    ("no: let start at boot what another has", "6.12", autostart_beside_other, ["autostart", A]),
    ("no: update live to what another has", "6.12", two_active, ["update", A, "FILE", "--live"]),
    ("no: start while a change is open", "6.12", with_open_journal, ["start", A]),
]

# What is there before, the operation, the guest's XML.
HOOKS = [
    ("prepare", defined, "prepare begin", domain("payroll")),
    ("prepare from metadata", in_pool, "prepare begin", domain("payroll", METADATA)),
    ("prepare from a pool", in_pool, "prepare begin", domain("payroll", ASKS_POOL)),
    ("prepare what is active", active, "prepare begin", domain("payroll")),
    ("start", brought_up, "start begin", domain("payroll")),
    ("started", running, "started begin", domain("payroll")),
    ("reconnect", running, "reconnect begin", domain("payroll")),
    ("release", brought_up, "release end", domain("payroll")),
    ("release what was active", claimed_by_other, "release end", domain("payroll")),
    ("a guest without AP", active, "prepare begin", domain("payroll", mdev=None)),
]
REFUSED_HOOKS = [
    ("no: claimed by another guest", claimed_by_other, "prepare begin", domain("payroll")),
    ("no: held by another guest", run_by_other, "prepare begin", domain("payroll")),
    ("no: another was the last to have it", had_by_other, "prepare begin", domain("payroll")),
    ("no: another matrix has the queue", defined_beside_other, "prepare begin", domain("payroll")),
    ("no: the host has the queue", given_to_host, "prepare begin", domain("payroll")),
    ("no: metadata without a pool", None, "prepare begin", domain("payroll", METADATA)),
    ("no: asks a pool that is not there", None, "prepare begin", domain("payroll", ASKS_POOL)),
    ("no: nothing of that name", None, "prepare begin", domain("payroll")),
    ("no: the configuration is broken", badly_configured, "prepare begin", domain("payroll")),
    ("no: a change is open", with_open_journal, "prepare begin", domain("payroll")),
    ("no: the CPU has no AP", active, "start begin", domain("payroll", CPU)),
    ("no: half a document", active, "prepare begin", domain("payroll")[:-20]),
]


def state_of(host):
    """What a verb or the hook may change; claims by what they say of the mdev."""
    state = host.state()
    path = host.file(CLAIMS)
    for name in os.listdir(path) if os.path.isdir(path) else ():
        lines = (host.read(f"{CLAIMS}/{name}") or "").splitlines()
        state[f"{CLAIMS}/{name}"] = [line for line in lines if not line.startswith("daemon-")]
    return state


def differences(old, new):
    return "; ".join(f"{path}: {old.get(path)!r} -> {new.get(path)!r}"
                     for path in sorted({*old, *new}) if old.get(path) != new.get(path))


class Scenario:
    """A host before a run, what it is before and after, and a host for each worker."""

    def __init__(self, directory, name, kernel, prepare):
        self.name = name
        self.directory = directory
        self.stdin = ""
        self.refused = "no: " in name
        self.fresh = {}
        self.host = SimHost(os.path.join(directory, "host"), kernel)
        if prepare:
            prepare(self.host)
        self.before = state_of(self.host)
        self.after = None

    def command(self, host):
        raise NotImplementedError

    def judge(self, host, point, result):
        """What is wrong after a run with a fault: sentences. May mend the host."""
        raise NotImplementedError

    def copy(self, name):
        path = os.path.join(self.directory, name)
        shutil.rmtree(path, ignore_errors=True)
        # Hard links do: simulated kernel, driver and hook replace files, they change none.
        subprocess.run(["cp", "-al", self.host.path, path], check=True)
        return SimHost(path, create=False)

    def run_without_fault(self):
        done = self.copy("done")
        result = subprocess.run(self.command(done), input=self.stdin, capture_output=True,
                                encoding="utf-8", check=False, env=fault.ENVIRONMENT)
        wanted = {False: (0,), True: (1,)}[self.refused]
        assert result.returncode in wanted, f"{self.name}: {result}"
        self.after = state_of(done)
        assert not self.refused or self.after == self.before, self.name

    def try_point(self, point):
        """Returns how often it went wrong, None if the point was missed."""
        name = f"worker-{threading.get_ident()}"
        host = self.fresh.pop(name, None) or self.copy(name)
        result = point.run(self.command(host), self.stdin)
        if result is None:
            return None
        wrong = self.judge(host, point, result)
        for sentence in wrong:
            told = result.stderr.strip().replace("\n", " | ")
            print(f"{self.name}: {point}: {sentence} (exit code {result.returncode}: {told})")
        # A host that is as before can serve again.
        if not wrong and state_of(host) == self.before and not self.locks(host):
            self.fresh[name] = host
        return len(wrong)

    @staticmethod
    def locks(host):
        return os.listdir(host.file("run/lock"))

    def judge_end(self, point, result):
        """What is wrong with the way the program ended."""
        if result.returncode < 0 and not point.may_end_by_signal():
            return [f"ended by signal {-result.returncode}"]
        if result.returncode == 0 and self.refused:
            return ["a wrong yes"]
        return []


class Verb(Scenario):
    def __init__(self, directory, name, kernel, prepare, verb):
        self.file = os.path.join(directory, "new.xml")
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(NEW)
        self.verb = [self.file if word == "FILE" else word for word in verb]
        super().__init__(directory, name, kernel, prepare)
        self.run_without_fault()

    def command(self, host):
        return host.command(*self.verb)

    def recover(self, host, result):
        """What is wrong with what a change that is open says, and leaves."""
        wrong = []
        if (result.returncode >= 0 and self.verb != ["recover"]
                and "virt-ap recover" not in result.stderr):
            wrong.append("a change is open and nobody is told")
        recovered = host.run("recover")
        if recovered.returncode != 0 or host.read(JOURNAL) is not None:
            wrong.append(f"recover: {recovered.stderr.strip()}")
        return wrong

    def judge(self, host, point, result):
        wrong = self.judge_end(point, result)
        state = state_of(host)
        was_open = JOURNAL in self.before
        if "nothing was changed" in result.stderr and state != self.before:
            wrong.append(f"something was changed: {differences(self.before, state)}")
        if JOURNAL in state and (not was_open or self.verb == ["recover"]):
            wrong += self.recover(host, result)
            state = state_of(host)
        elif result.returncode > 0 and state == self.after != self.before and (
                "but" not in result.stderr and "standard output" not in result.stderr):
            wrong.append("it is done and nobody is told")
        if state not in (self.before, self.after):
            wrong.append(f"between: {differences(self.before, state)}")
        if result.returncode == 0 and state != self.after:
            wrong.append(f"not done: {differences(self.after, state)}")
        if self.locks(host) and result.returncode >= 0:
            wrong.append(f"locked: {self.locks(host)}")
        return wrong


class Hook(Scenario):
    def __init__(self, directory, name, prepare, operation, text):
        self.operation = operation
        super().__init__(directory, f"hook: {name}", "6.12", prepare)
        self.stdin = text
        self.run_without_fault()

    def command(self, host, operation=None):
        return [HOOK, "--sim", host.path, "payroll", *(operation or self.operation).split(), "-"]

    def may_refuse(self):
        return self.operation in ("prepare begin", "start begin")

    def release(self, host):
        """As libvirt does after a no, too."""
        subprocess.run(self.command(host, "release end"), input=domain("payroll"),
                       capture_output=True, encoding="utf-8", check=True, env=fault.ENVIRONMENT)

    def judge_state(self, host, result):
        state = state_of(host)
        if self.may_refuse():
            if result.returncode == 0:
                return [] if state == self.after else [
                    f"a yes, and not all is done: {differences(self.after, state)}"]
            if state == self.before:
                return []
            self.release(host)
            state = state_of(host)
            return [] if state == self.before else [
                f"left after a no: {differences(self.before, state)}"]
        if self.operation == "release end":
            own = f"{CLAIMS}/{GUESTS['payroll']}.{A}"
            mdev = f"sys/devices/vfio_ap/matrix/{A}/matrix"
            if self.after.get(mdev) is None and state.get(mdev) and not (
                    {own, f"{own}.ended"} & set(state)):
                return ["the matrix stays, and nobody knows whose it is"]
            self.release(host)
            state = state_of(host)
            return [] if state == self.after else [
                f"left after the next release: {differences(self.after, state)}"]
        lost = [path for path in self.before if path not in state]
        return [f"lost: {lost}"] if lost else []

    def judge(self, host, point, result):
        wrong = self.judge_end(point, result)
        # 127: not even the loader could begin.
        if not self.may_refuse() and result.returncode not in (0, 127):
            wrong.append("what cannot fail has failed")
        wrong += self.judge_state(host, result)
        if self.locks(host) and result.returncode >= 0:
            wrong.append(f"locked: {self.locks(host)}")
        return wrong


def run_scenario(pool, known, make):
    with tempfile.TemporaryDirectory(dir=TMP) as directory:
        begin = time.monotonic()
        scenario = make(directory)
        host = scenario.copy("listed")
        points = fault.list_points(known, scenario.command(host), scenario.stdin)
        results = list(pool.map(scenario.try_point, points))
        missed = results.count(None)
        wrong = sum(result or 0 for result in results)
        assert missed <= 3 + len(points) / 20, f"{scenario.name}: {missed} of {len(points)} missed"
        assert state_of(scenario.host) == scenario.before, scenario.name
        print(f"{scenario.name}: {len(points) - missed} faults, {wrong} times wrong "
              f"({time.monotonic() - begin:.0f} s)", flush=True)
        return len(points) - missed, wrong


def list_scenarios():
    makers = [(s[0], lambda d, s=s: Verb(d, *s)) for s in SCENARIOS + REFUSED_VERBS]
    makers += [(f"hook: {s[0]}", lambda d, s=s: Hook(d, *s)) for s in HOOKS + REFUSED_HOOKS]
    return makers


def main():
    chosen = [make for name, make in list_scenarios() if not sys.argv[1:] or name in sys.argv[1:]]
    known = fault.Known()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = [run_scenario(pool, known, make) for make in chosen]
    points = sum(n for n, _ in results)
    wrong = sum(w for _, w in results)
    print(f"{points} faults in all, {wrong} went wrong")
    if not points:
        sys.exit("nothing was tried")
    if "MUTANT" in os.environ:
        sys.exit(0 if wrong else "a program that has such a fault was not noticed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
