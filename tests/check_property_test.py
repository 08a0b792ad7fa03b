#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap check on random hosts finds what plain set arithmetic finds.

Each host is a description as in tests/hosts; what is to be found is computed here from sets of
pairs (adapter, domain), by the table of docs/codes.rst. To see one host: HOST=number."""

import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

from host_tree import FULL, Description, HostTree, apply_mask, apqn_text, full_uuid, parse_ids
from hosts_test import VIRT_AP, brief

N_HOSTS = int(os.environ.get("N_HOSTS", "25"))
ADAPTERS, DOMAINS = [5, 6, 9], [4, 5, 0x47]
SHARING = ["in-use", "guest-overlap", "defined-elsewhere"]  # of equal ones the first tells most
SEVERITIES = ["reject", "warn", None]


def ids(numbers):
    return ",".join(str(n) for n in sorted(numbers)) or "none"


def some(rng, numbers, least=1):
    return rng.sample(numbers, rng.randint(least, len(numbers)))


def make_matrix(rng):
    adapters = some(rng, ADAPTERS + [10], rng.random() > 0.1)
    domains = some(rng, DOMAINS + [0x50], rng.random() > 0.1)
    control = some(rng, DOMAINS, 0) if rng.random() < 0.3 else []
    return f"adapters={ids(adapters)} domains={ids(domains)} control={ids(control)}"


def make_host(rng):
    """A description. One queue is in one active matrix at most, as the kernel sees to."""
    adapters, domains = some(rng, ADAPTERS), some(rng, DOMAINS)
    rows = [f"lpar adapters={ids(adapters)} domains={ids(domains)} "
            f"control={ids(some(rng, DOMAINS))}",
            rng.choice(["max 255 255"] * 3 + ["max 8 70"]),
            "apmask " + rng.choice(["-5-10", "-5-10", "-5", "-5,-9-10", "all"]),
            "aqmask " + rng.choice(["all", "all", "-4", "-0x47"])]
    rows += [f"card {a:02x} type={rng.choice(['CEX8A', 'CEX8C config=0', 'CEX8P chkstop=1'])}"
             for a in adapters if rng.random() < 0.3]
    rows += [f"queue {apqn_text(a, d)} " + rng.choice(["absent", "driver=", "config=0"])
             for a in adapters for d in domains if rng.random() < 0.1]
    taken = set()
    for name in "abcd":
        matrix = make_matrix(rng)
        pairs = Matrix(dict(w.split("=") for w in matrix.split())).pairs
        if rng.random() < 0.5 and not pairs & taken:
            taken |= pairs
            rows.append(f"mdev {name} {matrix}")
        if rng.random() < 0.6:
            rows.append(f"define {name} {rng.choice(['auto', 'manual'])} {make_matrix(rng)}")
    rows += [f"guest {name} mdev={mdev} " + rng.choice(["", "state=running", "state=paused"]) +
             rng.choice(["", "", " autostart", " once"])
             for name, mdev in zip(("db", "web", "x1"), rng.sample("abcd", 3))
             if rng.random() < 0.7]
    if rng.random() < 0.3:
        rows.append("guest x2 mdev=" + rng.choice("abcd"))
    if rng.random() < 0.2:
        rows.append("rule " + rng.choice(["apmask=-5", "apmask=-5-10 aqmask=-4"]))
    rows.append("candidate new.xml " + make_matrix(rng))
    return "title A random host.\n" + "\n".join(rows) + "\n"


class Matrix:
    def __init__(self, options):
        self.adapters, self.domains, self.control = (
            parse_ids(options.get(key, "")) for key in ("adapters", "domains", "control"))

    @property
    def pairs(self):
        return {(a, d) for a in self.adapters for d in self.domains}


class Host:
    """What the tree of a description means."""

    def __init__(self, description, tree):
        self.tree = tree
        self.max_adapter, self.max_domain = (int(n) for n in description.one("max"))
        self.active = {full_uuid(x.args[0]): x for x in description.all("mdev")}
        self.defined = {full_uuid(x.args[0]): x for x in description.all("define")}
        self.guests = {x.args[0]: x for x in description.all("guest")}
        self.rule = description.options("rule")

    def mdevs(self):
        return sorted(set(self.active) | set(self.defined))

    def matrices(self, mdev):
        """Its active and its defined matrix, as far as there are."""
        return [Matrix(which[mdev].options) for which in (self.active, self.defined)
                if mdev in which]

    def guests_of(self, mdev):
        """Who runs goes first."""
        return sorted((n for n, g in self.guests.items() if full_uuid(g.options["mdev"]) == mdev),
                      key=lambda n: (not self.runs(n), n))

    def runs(self, guest):
        return "state" in self.guests[guest].options

    def state(self, guest):
        return guest and self.guests[guest].options.get("state", "shut off")

    def starts_at_boot(self, guest):
        return bool({"autostart", "once"} & set(self.guests[guest].args))

    def is_auto(self, mdev):
        return mdev in self.defined and "auto" in self.defined[mdev].args

    def driver(self, pair):
        """None where the LPAR has no such queue, or there is no device."""
        known = pair[0] in self.tree.adapters and pair[1] in self.tree.domains
        return self.tree.driver(*pair) if known else None

    def owned(self, pairs):
        """Those of the host. Full masks leave it to the driver that is bound."""
        apmask, aqmask = self.tree.apmask, self.tree.aqmask
        if apmask == FULL and aqmask == FULL:
            return {p for p in pairs if self.driver(p) != "vfio_ap"}
        return {p for p in pairs if p[0] in apmask and p[1] in aqmask}

    def owned_at_boot(self, pairs):
        """Masks that no rule sets stay: the command line is not known. Full ones leave no queue to
        a guest, since nobody keeps a driver_override."""
        masks = [apply_mask(self.rule[key]) if key in self.rule else now
                 for key, now in (("apmask", self.tree.apmask), ("aqmask", self.tree.aqmask))]
        return {p for p in pairs if p[0] in masks[0] and p[1] in masks[1]}

    def boots(self, mdev):
        """Whether somebody starts it at boot."""
        return self.is_auto(mdev) or any(self.starts_at_boot(g) for g in self.guests_of(mdev))

    def visible(self, matrix):
        """One queue that is not bound to vfio_ap hides its adapter."""
        domains = matrix.domains & self.tree.domains
        return {(a, d) for a in matrix.adapters & self.tree.adapters for d in domains
                if all(self.driver((a, other)) == "vfio_ap" for other in domains)}

    def is_unusable(self, pair):
        options = [self.tree.cards.get(pair[0], {})]
        if apqn_text(*pair) in self.tree.queues:
            options.append(self.tree.queues[apqn_text(*pair)].options)
        return any(o.get("config") == "0" or o.get("chkstop") == "1" for o in options)

    def reach(self, master, victim):
        """The victim's queues whose master keys the other's control domains could change."""
        return {(a, d) for a, d in victim.pairs if a in master.adapters and
                d in master.control & self.tree.control and
                not self.tree.cards.get(a, {}).get("type", "").endswith("A")}


class Judge:
    """One candidate in one phase."""

    def __init__(self, host, matrix, mdev, phase, guest=None, is_audit=False):
        self.host, self.matrix, self.mdev, self.phase = host, matrix, mdev, phase
        users = host.guests_of(mdev)
        self.guest = guest or (users[0] if users else None)
        self.autostart = any(host.starts_at_boot(g) for g in ([guest] if guest else users))
        self.findings = []
        self.in_use = set()
        self.is_audit = is_audit

    def add(self, code, apqns, define, start, guest, other=None, other_guest=None):
        severity = {"define": define, "guest": guest}.get(self.phase, start)
        if severity:
            state = self.host.state
            self.findings.append({
                "code": code, "severity": severity, "phase": self.phase,
                "apqns": sorted(apqn_text(*p) for p in apqns),
                "mdev": self.mdev, "guest": self.guest, "guest_state": state(self.guest),
                "other_mdev": other, "other_guest": other_guest,
                "other_guest_state": state(other_guest)})

    def share_with(self, other):
        host, pairs = self.host, self.matrix.pairs
        live = pairs & Matrix(host.active[other].options).pairs if other in host.active else set()
        shared = set().union(*(pairs & m.pairs for m in host.matrices(other)))
        guests = host.guests_of(other)
        first = guests[0] if guests else None
        self.in_use |= live
        claimed = other in host.active or host.is_auto(other) or guests
        define = "reject" if claimed else "warn"
        if live:
            self.add("in-use", shared, define, "reject", "reject", other, first)
        elif shared:
            self.add("defined-elsewhere", shared, define, "warn", "warn", other, first)
            for guest in guests:
                if host.runs(guest) or (self.autostart and host.starts_at_boot(guest)):
                    self.add("guest-overlap", shared, "warn", None,
                             "reject" if host.runs(guest) else "warn", other, guest)
                    break

    def share_mdev(self):
        for guest in self.host.guests_of(self.mdev):
            if guest != self.guest:
                self.add("guest-shared-mdev", self.matrix.pairs, "warn", None,
                         "reject" if self.host.runs(guest) else "warn", self.mdev, guest)

    def control(self):
        for other in self.host.mdevs():
            others = [] if other == self.mdev else self.host.matrices(other)
            forward = set().union(*(self.host.reach(self.matrix, m) for m in others))
            back = set().union(*(self.host.reach(m, self.matrix) for m in others))
            if forward or back:
                self.add("control-overlap", forward or back, "warn", "warn", "warn", other,
                         (self.host.guests_of(other) or [None])[0])
        lpar = Matrix({"adapters": ids(self.host.tree.adapters),
                       "domains": ids(self.host.tree.domains)})
        reach = self.host.owned(self.host.reach(self.matrix, lpar))
        if reach:
            self.add("control-overlap", reach, "warn", "warn", "warn")

    def machine(self):
        host, matrix = self.host, self.matrix
        pairs = matrix.pairs
        high = [{a for a in matrix.adapters if a > host.max_adapter},
                {d for d in matrix.domains if d > host.max_domain}]
        beyond = {p for p in pairs if p[0] in high[0] or p[1] in high[1]}
        missing = [matrix.adapters - host.tree.adapters - high[0],
                   matrix.domains - host.tree.domains - high[1],
                   {d for d in matrix.control - host.tree.control if d <= host.max_domain}]
        if any(high) or any(d > host.max_domain for d in matrix.control):
            self.add("beyond-limit", beyond, "warn", "reject", "reject")
        if any(missing):
            self.add("not-installed", {p for p in pairs - beyond
                                       if p[0] in missing[0] or p[1] in missing[1]},
                     "warn", "warn", "warn")
        if matrix.control and not matrix.domains:
            self.add("no-usage-domain", [], "warn", "reject", "reject")
        elif not pairs:
            self.add("empty", [], None, None, "reject")

    def queues(self):
        host, pairs = self.host, self.matrix.pairs
        owned = host.owned(pairs)
        if owned:
            self.add("host-owned", owned, "warn", "reject", "reject")
        installed = {p for p in pairs
                     if p[0] in host.tree.adapters and p[1] in host.tree.domains}
        visible = host.visible(self.matrix)
        lost = installed - visible - owned - self.in_use
        if lost:
            self.add("filtered", lost, "warn", "warn", "warn" if visible else "reject")
        unusable = {p for p in installed if host.is_unusable(p)}
        if unusable:
            self.add("unusable", unusable, "warn", "warn", "warn")
        is_judged = self.phase == "guest" or (self.phase == "live" and not self.is_audit)
        if (is_judged and self.mdev in host.active and self.guest
                and host.runs(self.guest) and not visible - unusable):
            self.add("no-queue-left", [], None, "warn", "reject")

    def boot(self):
        """The definition is what starts at boot."""
        host, mdev = self.host, self.mdev
        starts = host.boots(mdev) if self.phase != "guest" else (
            host.is_auto(mdev) or self.autostart)
        if self.phase == "start" or mdev not in host.defined or not starts:
            return
        lost = host.owned_at_boot(Matrix(host.defined[mdev].options).pairs)
        if lost:
            self.add("lost-at-boot", lost, "warn" if self.is_audit else "reject", "warn", "warn")

    def kept(self):
        """What is active and what is defined."""
        host, mdev = self.host, self.mdev
        if self.phase not in ("live", "guest") or mdev not in host.active:
            return
        if mdev not in host.defined:
            if self.guest:
                self.add("not-kept", [], None, "warn", "warn")
        elif len({(m.adapters, m.domains, m.control) for m in host.matrices(mdev)}) > 1:
            self.add("differs", [], "warn", "warn", "warn")

    def run(self):
        for other in self.host.mdevs():
            if other != self.mdev:
                self.share_with(other)
        self.share_mdev()
        self.machine()
        self.queues()
        self.control()
        self.boot()
        self.kept()
        return self.findings


def settle(findings):
    """One for each code and other owner: the strongest; of the sharing codes one for each owner."""
    best = {}
    for finding in findings:
        code, own, other = (finding[key] for key in ("code", "mdev", "other_mdev"))
        subject = ("sharing" if code in SHARING else code, own, other)
        if code == "empty" or (other and own == other):
            subject += finding["guest"], finding["other_guest"]
        rank = (SEVERITIES.index(finding["severity"]),
                SHARING.index(code) if code in SHARING else 0)
        if subject not in best or rank < best[subject][0]:
            best[subject] = (rank, finding)
    order = ("other_mdev", "mdev", "guest", "other_guest")
    return sorted((finding for _, finding in best.values()), key=lambda f: (
        SEVERITIES.index(f["severity"]), f["code"], *(f[key] or "" for key in order)))


def judge_mdev(host, mdev, guest=None, is_audit=False):
    """As it is active; else its definition, when it is made and when it starts."""
    is_active = mdev in host.active
    phases = (["live"] if is_active else ["define", "start"]) + (["guest"] if guest else [])
    matrix = host.matrices(mdev)[0]
    return [f for phase in phases
            for f in Judge(host, matrix, mdev, phase, guest, is_audit).run()]


def judge_guest(host, guest):
    mdev = full_uuid(host.guests[guest].options["mdev"])
    if mdev in host.mdevs():
        return judge_mdev(host, mdev, guest)
    judge = Judge(host, Matrix({}), mdev, "guest", guest)
    judge.share_mdev()
    judge.add("empty", [], None, None, "reject")
    return judge.findings


def audit(host):
    """Each pair is told once, by its smaller uuid; two guests of one mdev by the smaller name."""
    findings = []
    for mdev in host.mdevs():
        findings += judge_mdev(host, mdev, is_audit=True)
        if mdev in host.active and mdev in host.defined:
            findings += Judge(host, host.matrices(mdev)[1], mdev, "define", is_audit=True).run()
    for guest in sorted(host.guests):
        findings += [f for f in judge_guest(host, guest) if f["phase"] == "guest"]
    for finding in findings:
        finding["phase"] = "audit"
        sides = [(finding[p + "mdev"] or "", finding[p + "guest"] or "") for p in ("", "other_")]
        if finding["other_mdev"] and sides[1] < sides[0]:
            for key in ("mdev", "guest", "guest_state"):
                other = "other_" + key
                finding[key], finding[other] = finding[other], finding[key]
    return settle(findings)


class CheckProperty(unittest.TestCase):
    maxDiff = None

    def check(self, host, *args):
        done = subprocess.run([VIRT_AP, "--root", self.root, "--json", "check", *args],
                              cwd=self.work, capture_output=True, text=True, timeout=60)
        findings = json.loads(done.stdout)["findings"]
        self.assertEqual(done.returncode, any(f["severity"] == "reject" for f in findings))
        return [brief(f) for f in findings]

    def try_host(self, number):
        rng = random.Random(number)
        with tempfile.TemporaryDirectory(prefix="ap-property-") as top:
            text = make_host(rng)
            path = Path(top, "random.host")
            path.write_text(text)
            description = Description(path)
            tree = HostTree(description, Path(top, "root"))
            tree.build()
            self.root, self.work = str(tree.root), Path(top, "work")
            tree.write_candidates(self.work)
            host = Host(description, tree)
            candidate = Matrix(description.all("candidate")[0].options)
            wanted = {(): audit(host), ("new.xml",): settle(
                [f for p in ("define", "start") for f in Judge(host, candidate, None, p).run()])}
            mdev = rng.choice(host.mdevs() or [None])
            guest = rng.choice(sorted(host.guests) or [None])
            if mdev:
                wanted[(mdev,)] = settle(judge_mdev(host, mdev))
            if guest:
                wanted[(guest,)] = settle(judge_guest(host, guest))
            for args, findings in wanted.items():
                with self.subTest(number=number, args=args):
                    self.assertEqual(self.check(host, *args), [brief(f) for f in findings], text)

    def test_random_hosts(self):
        for number in [int(os.environ["HOST"])] if "HOST" in os.environ else range(N_HOSTS):
            self.try_host(number)


if __name__ == "__main__":
    unittest.main()
