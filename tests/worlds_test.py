#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random worlds: what the callout and the hook answer, beside a small model of its own.

Each world is a description as in tests/hosts, with guests that run, start and are shut off, claims,
matrices in metadata, and things that cannot be read. It is asked many questions: may this be
defined, changed, started, stopped; may this guest start. harness/worlds_model.py knows what has to
be answered. A yes that must be a no fails the test, and so does a no where nothing speaks against
it. N_ANSWERS: how many; FIRST: the number of the first world; WORLD=number: one world, KEEP=DIR
where its tree is left."""

import collections
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.host import TYPE, attrs
from harness.worlds_model import Matrix, judge
from host_tree import (FULL, Description, HostTree, apply_mask, apqn_text, domain_xml, full_uuid,
                       guest_uuid)

CALLOUT, HOOK = os.environ["AP_CALLOUT"], os.environ["AP_HOOK"]
N_ANSWERS = int(os.environ.get("N_ANSWERS", "2000"))
FIRST = int(os.environ.get("FIRST", "0"))
N_QUESTIONS = 50  # of each world
ADAPTERS, DOMAINS = [5, 6, 9], [4, 5, 0x47]
MDEVS, NEW = "abcd", "ef"
LIBVIRTD, GONE = "77", "99"
QEMU = {"db": "81", "web": "82", "tke": "83", "x": "84"}
SYSFS = "/sys/devices/vfio_ap/matrix"

Guest = collections.namedtuple("Guest", "name mdev runs boots brings")
Definition = collections.namedtuple("Definition", "matrix auto")
Claim = collections.namedtuple("Claim", "guest mdev is_alive")
Question = collections.namedtuple(
    "Question", "operation mdev matrix auto guest brings cpu second is_cut bad_attr",
    defaults=[None, None, False, None, None, None, None, False, None])


def ids(numbers):
    return ",".join(str(n) for n in sorted(numbers)) or "none"


def options(matrix):
    return (f"adapters={ids(matrix.adapters)} domains={ids(matrix.domains)} "
            f"control={ids(matrix.control)}")


def some(rng, numbers, least=1):
    few = rng.random() < 0.6
    return rng.sample(numbers, rng.randint(least, max(least, 1 if few else len(numbers))))


def make_matrix(rng):
    if rng.random() < 0.01:
        return Matrix(range(24), range(24))
    wide = rng.random() < 0.15
    adapters = some(rng, ADAPTERS + ([10] if wide else []), rng.random() > 0.04)
    domains = some(rng, DOMAINS + ([0x50] if wide else []), rng.random() > 0.04)
    return Matrix(adapters, domains, some(rng, DOMAINS, 0) if rng.random() < 0.2 else [])


def metadata(matrix):
    rows = [f"<ap:{kind} id='{i}'/>" for kind, numbers in (
        ("adapter", matrix.adapters), ("domain", matrix.domains),
        ("control-domain", matrix.control)) for i in sorted(numbers)]
    return ("  <metadata><ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'>" + "".join(rows) +
            "</ap:matrix></metadata>\n")


def guest_xml(name, mdevs, brings=None, cpu=None):
    wanted = {"mdev": ",".join(mdevs)}
    if cpu is not None:
        wanted["cpu"] = cpu
    text = domain_xml(name, wanted)
    return text.replace("  <os>", metadata(brings) + "  <os>") if brings else text


class World:
    """A random one: its description, and what the model has to know of it."""

    def __init__(self, rng):
        self.rng = rng
        self.rows = ["title A random world."]
        self.active, self.defined, self.guests, self.claims = {}, {}, {}, []
        self.hidden, self.used, self.pools = {}, set(), {}
        self.hidden_masks, self.rule = set(), {}
        self.has_cut_guest = self.has_cut_claim = self.has_cut_status = False
        self.has_bad_rule = False
        self.has_ended_guest = False
        self.starts = rng.random() > 0.05
        self.has_processes = rng.random() < 0.4
        self.kernel = rng.choice([(5, 19), (6, 1), (6, 12), (6, 12), (6, 12), (7, 2)])
        self.rows.append("kernel %d.%d" % self.kernel)
        self.make_machine()
        self.make_mdevs()
        self.make_guests()
        self.make_claims()
        self.make_configuration()
        if rng.random() < 0.3:
            self.make_unreadable()

    def file(self, path, text=""):
        self.rows.append(f"file {path}")
        self.rows += ["    " + line for line in text.splitlines()]

    def make_machine(self):
        rng = self.rng
        self.adapters = frozenset(rng.sample(ADAPTERS, rng.choice([2, 3, 3])))
        self.domains = frozenset(rng.sample(DOMAINS, rng.choice([2, 3, 3])))
        self.max_adapter, self.max_domain = rng.choice([(255, 255)] * 5 + [(8, 0x47), (9, 5)])
        names = ["all", "all"] if self.kernel >= (7, 0) and rng.random() < 0.6 else [
            rng.choice(["-5-10", "-5-10", "-5-10", "-0-255", "-5", "-5,-9-10", "all"]),
            rng.choice(["all", "all", "-4", "-0x47"])]
        self.apmask, self.aqmask = map(apply_mask_or_all, names)
        self.rows += [f"lpar adapters={ids(self.adapters)} domains={ids(self.domains)}",
                      f"max {self.max_adapter} {self.max_domain}",
                      f"apmask {ids(self.apmask)}", f"aqmask {ids(self.aqmask)}"]
        overrides = names == ["all", "all"] and self.kernel >= (7, 0)
        for a in sorted(self.adapters):
            for d in sorted(self.domains):
                if overrides and rng.random() < 0.8:
                    self.rows.append(f"queue {apqn_text(a, d)} override=vfio_ap")
                elif rng.random() < 0.06:
                    self.rows.append(f"queue {apqn_text(a, d)} " +
                                     rng.choice(["absent", "driver=", "config=0"]))
        if rng.random() < 0.5:
            change = rng.choice(["-5", "-5-10", "-5-10", "-6-9"])
            self.rule["apmask"] = apply_mask(change)
            self.rows.append(f"rule apmask={change}")

    def make_mdevs(self):
        """One queue is in one active matrix at most, as the kernel sees to."""
        rng, taken = self.rng, set()
        for name in MDEVS:
            uuid, matrix = full_uuid(name), make_matrix(rng)
            if rng.random() < 0.55 and not matrix.pairs & taken and len(matrix.pairs) <= 511:
                taken |= matrix.pairs
                self.active[uuid] = matrix
            if rng.random() < (0.6 if uuid in self.active else 0.9):
                differs = rng.random() < 0.3 or uuid not in self.active
                defined = make_matrix(rng) if differs else self.active[uuid]
                self.defined[uuid] = Definition(defined, rng.random() < 0.35)
                start = "auto" if self.defined[uuid].auto else "manual"
                self.rows.append(f"define {name} {start} {options(defined)}")

    def make_guests(self):
        rng = self.rng
        for name, letter in zip(("db", "web", "tke"), rng.sample(MDEVS, 3)):
            if rng.random() < 0.3:
                continue
            mdev = full_uuid(letter)
            runs = mdev in self.active and rng.random() < 0.6
            boots = rng.random() < 0.25
            self.guests[name] = Guest(name, mdev, runs, boots, None)
            row = f"guest {name} mdev={mdev}" + (f" {rng.choice(['autostart', 'once'])}"
                                                 if boots else "")
            if runs:
                row += f" state={rng.choice(['running', 'paused'])} pid={QEMU[name]}"
                self.used.add(mdev)
            elif self.has_processes and rng.random() < 0.15:
                row += f" state=running pid={GONE}"
                self.has_ended_guest = True
            self.rows.append(row)
        if rng.random() < 0.2:
            self.guests["twin"] = Guest("twin", full_uuid(rng.choice(MDEVS)), False, False, None)
            self.rows.append(f"guest twin mdev={self.guests['twin'].mdev}")
        if rng.random() < 0.3:
            self.make_bringer()

    def make_bringer(self):
        """A guest that brings its matrix; shut off, a pool gives it all."""
        mdev, matrix = full_uuid("9"), make_matrix(self.rng)
        if not matrix.pairs or len(matrix.pairs) > 511 or matrix.control:
            return
        self.pools["own"] = matrix.pairs
        self.guests["own"] = Guest("own", mdev, False, False, matrix)
        self.file("/etc/libvirt/qemu/own.xml", guest_xml("own", [mdev], matrix))

    def make_claims(self):
        rng = self.rng
        shut_off = [g for g in self.guests.values() if not g.runs]
        if shut_off and rng.random() < 0.35:
            guest = rng.choice(shut_off)
            is_alive = not self.has_processes or rng.random() < 0.6
            self.claims.append(Claim(guest.name, guest.mdev, is_alive))
            own = guest_uuid(guest.name)
            pid = LIBVIRTD if is_alive else GONE
            self.file(f"/run/libvirt-ap/claims/{own}.{guest.mdev}",
                      f"[claim]\nguest={guest.name}\nguest-uuid={own}\nmdev={guest.mdev}\n"
                      f"daemon-pid={pid}\ndaemon-start=5\nrunning=false\nbrought-up=false\n")
        if self.has_processes:
            self.rows.append("dir /proc/self")
            self.file(f"/proc/{LIBVIRTD}/stat",
                      f"{LIBVIRTD} (libvirtd) S 1 " + "0 " * 17 + "5 0 0\n")
            for name, pid in QEMU.items():
                self.file(f"/proc/{pid}/cmdline", f"qemu\0-uuid\0{guest_uuid(name)}\0")

    def make_configuration(self):
        text = "" if self.starts else "[guests]\nstart=no\n"
        for guest, pairs in self.pools.items():
            text += (f"[pool {guest}]\nadapters={ids({a for a, _ in pairs})}\n"
                     f"domains={ids({d for _, d in pairs})}\nguests={guest}\n")
        if text:
            self.file("/etc/libvirt-ap/libvirt-ap.conf", text)

    def make_unreadable(self):
        rng = self.rng
        kind = rng.choice(["claim", "status", "mask", "matrix", "matrix", "gone", "gone",
                           "state", "definition", "guest", "rule"])
        if kind == "claim":
            self.has_cut_claim = True
            path = f"/run/libvirt-ap/claims/{guest_uuid('x')}.{full_uuid(rng.choice(MDEVS))}"
            how = rng.choice(["empty", "cut", "fifo", "dir"])
            if how in ("fifo", "dir"):
                self.rows.append(f"{how} {path}")
            else:
                self.file(path, "" if how == "empty" else "[claim]\nguest=x\n")
        elif kind == "status":
            self.has_cut_status = True
            self.file("/run/libvirt/qemu/x.xml", rng.choice([
                "", "<domstatus state='running' pid='84'><domain><name>x</na"]))
        elif kind == "state":
            self.make_unknown_state(full_uuid("a"))
        elif kind == "mask":
            mask = rng.choice(["apmask", "aqmask"])
            self.hidden_masks.add(mask)
            self.hide(f"/sys/bus/ap/{mask}")
        elif kind in ("matrix", "gone") and self.active:
            self.hide_matrix(rng.choice(sorted(self.active)), kind == "gone")
        elif kind == "definition":
            self.file(f"/etc/mdevctl.d/matrix/{full_uuid('8')}", '{"mdev_type"')
        elif kind == "guest":
            self.has_cut_guest = True
            self.file("/etc/libvirt/qemu/x.xml", "<domain><name>x</na")
        elif kind == "rule":
            self.has_bad_rule = True
            self.rows.append("rule apmask=none,5")
            self.rule = {}

    def make_unknown_state(self, mdev):
        """A newer libvirt may have it; whoever has a status has his mdev."""
        self.file("/run/libvirt/qemu/x.xml", "<domstatus state='dancing' pid='84'>\n"
                  f"{guest_xml('x', [mdev])}</domstatus>")
        self.guests["x"] = Guest("x", mdev, True, False, None)

    def hide(self, path):
        if self.rng.random() < 0.5:
            self.rows.append(f"remove {path}")
        else:
            self.file(path, "0x04,0x08")

    def hide_matrix(self, mdev, is_gone):
        self.hidden[mdev] = "missing" if is_gone else "garbage"
        for name in ["matrix"] + ["ap_config"] * (self.kernel >= (6, 10)):
            if is_gone:
                self.rows.append(f"remove {SYSFS}/{mdev}/{name}")
            else:
                self.file(f"{SYSFS}/{mdev}/{name}", "0x04,0x08")

    def build(self, top):
        for mdev, matrix in self.active.items():
            extra = ""
            if mdev in self.used or self.rng.random() < 0.05:
                self.used.add(mdev)
                extra = " used"
            else:
                extra = " idle"
            self.rows.append(f"mdev {mdev} {options(matrix)}{extra}")
        path = Path(top, "random.host")
        path.write_text("\n".join(self.rows) + "\n")
        self.tree = HostTree(Description(path), Path(top, "root"))
        self.tree.build()

    def driver(self, pair):
        """None where there is no such queue."""
        known = pair[0] in self.adapters and pair[1] in self.domains
        return self.tree.driver(*pair) if known else None


def apply_mask_or_all(text):
    return FULL if text == "all" else apply_mask(text)


def ask_define(world, rng):
    """A UUID that is not defined; it may be active."""
    free = [full_uuid(n) for n in MDEVS + NEW if full_uuid(n) not in world.defined]
    mdev = rng.choice(free)
    is_live = mdev in world.active and rng.random() < 0.6
    matrix = world.active[mdev] if is_live else make_matrix(rng)
    bad = {"assign_adapter": "256"} if rng.random() < 0.02 else None
    return Question("define", mdev, matrix, rng.random() < 0.4, bad_attr=bad)


def ask_modify(world, rng):
    mdev = rng.choice(sorted(world.defined) or [None])
    if not mdev:
        return None
    old = world.defined[mdev]
    kind = rng.random()
    matrix = make_matrix(rng)
    if kind < 0.3:
        matrix = old.matrix
    elif kind < 0.5 and mdev in world.active:
        matrix = world.active[mdev]
    elif kind < 0.7:
        matrix = Matrix(old.matrix.adapters | matrix.adapters, old.matrix.domains)
    return Question("modify", mdev, matrix, rng.random() < 0.5)


def ask_start(world, rng):
    idle = [u for u in sorted(world.defined) if u not in world.active]
    if idle and rng.random() < 0.6:
        mdev = rng.choice(idle)
        return Question("start", mdev, world.defined[mdev].matrix)
    bad = {"assign_nonsense": "1"} if rng.random() < 0.02 else None
    return Question("start", full_uuid(rng.choice(NEW)), make_matrix(rng), bad_attr=bad)


def ask_stop(world, rng):
    return Question("stop", rng.choice(sorted(world.active))) if world.active else None


def ask_guest(world, rng):
    operation = "prepare" if rng.random() < 0.85 else "begin"
    known = [g for g in world.guests.values() if not g.runs]
    guest = (rng.choice(known) if known and rng.random() < 0.6 else
             Guest("new", full_uuid(rng.choice(MDEVS + "e")), False, False, None))
    brings = guest.brings
    if rng.random() < 0.04:
        brings = make_matrix(rng)
    cpu = rng.choice(["z14", "z14,ap", "z14,ap,apft", "z14,ap,apft,apqci", ",-ap", ""]) \
        if rng.random() < 0.1 else None
    second = full_uuid("e") if rng.random() < 0.02 else None
    return Question(operation, guest.mdev, guest=guest.name, brings=brings, cpu=cpu,
                    second=second, is_cut=rng.random() < 0.02)


ASK = [ask_define, ask_define, ask_modify, ask_modify, ask_start, ask_start, ask_stop, ask_guest,
       ask_guest, ask_guest]


def definition(question):
    matrix = question.matrix
    if matrix is None:
        return ""
    rows = attrs(*(sorted(ids) for ids in (matrix.adapters, matrix.domains, matrix.control)))
    return json.dumps({"mdev_type": TYPE, "start": "auto" if question.auto else "manual",
                       "attrs": rows + ([question.bad_attr] if question.bad_attr else [])})


def put(world, question):
    """Asks the program whose question it is: its exit code and what it says."""
    root = str(world.tree.root)
    if question.guest:
        mdevs = [question.mdev] + ([question.second] if question.second else [])
        text = guest_xml(question.guest, mdevs, question.brings, question.cpu)
        text = text[:len(text) * 2 // 3] if question.is_cut else text
        operation = "prepare" if question.operation == "prepare" else "start"
        argv = [HOOK, "--root", root, question.guest, operation, "begin", "-"]
    else:
        text = definition(question)
        argv = [CALLOUT, "--root", root, "-t", TYPE, "-e", "pre", "-a", question.operation, "-s",
                "active" if question.operation == "stop" else "none", "-u", question.mdev, "-p",
                "matrix"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False,
                          timeout=60, close_fds=False)
    return done.returncode, done.stderr


def explore(number):
    """The answers of one world: counts by operation and verdict, and what is wrong."""
    rng = random.Random(number)
    counts, faults = collections.Counter(), []
    with tempfile.TemporaryDirectory(prefix="ap-worlds-") as top:
        world = World(rng)
        world.build(top)
        for _ in range(N_QUESTIONS):
            question = rng.choice(ASK)(world, rng)
            if not question:
                continue
            no, unsure = judge(world, question)
            code, said = put(world, question)
            wanted = "must be no" if no else "may be no" if unsure else "must be yes"
            verdict = {0: "yes", 1: "no"}.get(code, f"exit {code}")
            counts[question.operation, wanted, verdict] += 1
            wrong = {"must be no": "no", "must be yes": "yes"}.get(wanted, verdict)
            if verdict != wrong or verdict not in ("yes", "no"):
                faults.append((number, f"{question.operation}: {verdict}, {wanted}: "
                               f"{', '.join(sorted(no))}", str(tell(question)), said))
        if "WORLD" in os.environ:
            print("\n".join(world.rows))
        if "KEEP" in os.environ:
            shutil.copytree(top, os.environ["KEEP"], symlinks=True)
    return counts, faults


def tell(question):
    matrix = question.matrix or question.brings
    return question._replace(matrix=options(matrix) if matrix else None)


class Worlds(unittest.TestCase):
    def setUp(self):
        self.counts, self.kinds = collections.Counter(), collections.Counter()

    def take(self, counts, faults):
        self.counts += counts
        for number, what, question, said in faults:
            if what not in self.kinds:
                print(f"WORLD={number}: {what}\n  {question}\n  {said}", flush=True)
            self.kinds[what] += 1

    def test_no_wrong_answer(self):
        numbers = ([int(os.environ["WORLD"])] if "WORLD" in os.environ else
                   range(FIRST, FIRST + max(1, N_ANSWERS // N_QUESTIONS)))
        with multiprocessing.Pool(2) as pool:
            for counts, faults in pool.imap_unordered(explore, numbers):
                self.take(counts, faults)
        for (operation, wanted, verdict), n in sorted(self.counts.items()):
            print(f"{operation:8} {wanted:12} {verdict:4} {n:7}")
        print(f"{self.counts.total()} answers, {self.kinds.total()} wrong")
        for what, n in self.kinds.most_common():
            print(f"  {n} x {what}")
        self.assertFalse(self.kinds)


if __name__ == "__main__":
    unittest.main()
