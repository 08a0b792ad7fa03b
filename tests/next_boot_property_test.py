#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap check, virt-ap doctor and the callout say the same of the next boot, and what set
arithmetic says.

Each random host is a description as in tests/hosts, with a kernel command line, udev rules and
driverctl's records of its own. What its next boot comes to is computed here from sets of pairs
(adapter, domain). To see one host: HOST=number."""

import json
import os
import random
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from host_tree import FULL, Description, HostTree, attr_lines, full_uuid, mask_text
from hosts_test import VIRT_AP

CALLOUT = os.environ["AP_CALLOUT"]
N_HOSTS = int(os.environ.get("N_HOSTS", "15"))
ADAPTERS, DOMAINS = [5, 6, 9], [4, 0x47]
PAIRS = {(a, d) for a in ADAPTERS for d in DOMAINS}
MASKS = ("apmask", "aqmask")
CHANGES = {"apmask": ["-5", "-5,-6", "-5-10", "+5", "0x0", mask_text(FULL - {5})],
           "aqmask": ["-4", "-4,-0x47", "+4", mask_text(FULL - {4})]}
# Where a rule looks, and whether it acts where zcrypt comes up before it is read.
LATE = 'ACTION=="change", SUBSYSTEM=="ap", ENV{BINDINGS}=="complete", ENV{COMPLETECOUNT}=="1"'
EARLY = 'ACTION=="add", DEVPATH=="/bus/ap", ATTR{bindings_complete_count}!="0"'


def apply(mask, text):
    """One write to a mask."""
    if text[0] in "+-":
        ids = set(mask)
        for sign, first, last in re.findall(r"([+-])(\w+)(?:-(\w+))?", text):
            span = range(int(first, 0), int(last or first, 0) + 1)
            ids = ids | set(span) if sign == "+" else ids - set(span)
        return frozenset(ids)
    bits = bin(int(text, 16))[2:].zfill(4 * len(text[2:]))
    return frozenset(i for i, bit in enumerate(bits) if bit == "1")


class Boot:
    """A random host, and how its next boot may come."""

    def __init__(self, rng):
        self.rng = rng
        self.overrides = rng.random() < 0.3
        self.rows = ["title A random next boot.", "lpar adapters=5,6,9 domains=4,0x47"]
        self.now = {"apmask": FULL, "aqmask": FULL}
        if self.overrides:
            self.rows += ["kernel 7.2", "apmask all"]
        else:
            for name in MASKS:
                self.now[name] = apply(FULL, rng.choice(CHANGES[name]))
                ids = ",".join(map(str, sorted(self.now[name])))
                self.rows.append(f"{name} {ids or 'none'}")
        self.initrd = rng.random() < 0.3
        self.counts = rng.random() < 0.5
        if self.initrd:
            self.rows.append("file /etc/dracut.conf text=zcrypt")
        if self.counts:
            self.rows.append("file /sys/bus/ap/bindings_complete_count text=1")
        self.start = self.make_cmdline()
        self.rules = self.make_rules()
        self.records = self.make_records()
        self.make_owners()

    def make_cmdline(self):
        """None if it is not known."""
        if self.rng.random() < 0.2:
            return None
        masks, words = {"apmask": FULL, "aqmask": FULL}, ["root=/dev/x", "map.apmask=0x0"]
        for name in MASKS:
            if self.rng.random() < 0.2:
                # The kernel takes a relative one for relative to nothing; that is another test.
                text = self.rng.choice([c for c in CHANGES[name] if c.startswith("0x")])
                words.append(f"ap.{name}={text}")
                masks[name] = apply(FULL, text)
        self.rows.append(f"file /proc/cmdline text=\"{' '.join(words)}\"")
        return masks

    def make_rules(self):
        """(trigger, {mask: change}) in the order in which they count."""
        rules = []
        for name in self.rng.sample(["41-ap", "50-own", "99-last"], self.rng.randint(0, 2)):
            changes = {m: self.rng.choice(CHANGES[m]) for m in MASKS if self.rng.random() < 0.6}
            trigger = self.rng.choice(["late", "both", "any"])
            tests = {"late": [LATE], "both": [EARLY, LATE], "any": ['KERNEL=="ap"']}[trigger]
            text = ["    " + ", ".join([test] + [f'ATTR{{../../bus/ap/{m}}}="{c}"'
                                                 for m, c in changes.items()]) for test in tests]
            where = self.rng.choice(["/etc", "/run", "/usr/lib"])
            hidden = self.rng.random() < 0.2 and where != "/etc"
            if changes:
                self.rows += [f"file {where}/udev/rules.d/{name}.rules", *text]
            if hidden:
                self.rows.append(f"link /etc/udev/rules.d/{name}.rules /dev/null")
            if changes and not hidden:
                rules.append((name, trigger, changes))
                if where == "/usr/lib":
                    self.rows.append("file /usr/lib/udev/rules.d/05-driverctl.rules text=x")
        return sorted(rules)

    def make_records(self):
        kept = set()
        for a, d in sorted(PAIRS) if self.overrides else []:
            driver = self.rng.choice([None, "vfio_ap", "vfio_ap", "cex4queue"])
            if self.rng.random() < 0.6:
                self.rows.append(f"queue {a:02x}.{d:04x} override=vfio_ap")
            if driver:
                self.rows.append(f"file /etc/driverctl.d/ap-{a:02x}.{d:04x} text={driver}")
            if driver == "vfio_ap":
                kept.add((a, d))
        return kept

    def make_owners(self):
        """Matrices that share no queue, so that only the next boot speaks against them."""
        pairs = sorted(PAIRS)
        self.rng.shuffle(pairs)
        self.owners = {}
        for name in "abcd":
            a, d = pairs.pop()
            guest = self.rng.random() < 0.4
            auto = self.rng.choice(["auto", "manual"])
            boots = auto == "auto"
            self.rows.append(f"define {name} {auto} adapters={a} domains={d}")
            if guest:
                starts = self.rng.choice(["", " autostart", " once"])
                boots = boots or bool(starts)
                self.rows.append(f"guest g{name} mdev={name}{starts}")
            self.owners[full_uuid(name)] = ((a, d), boots)

    def play(self, initrd):
        """The masks, and which of them a rule has set."""
        masks, by_rule = dict(self.start or {"apmask": FULL, "aqmask": FULL}), set()
        phases = ["early"] if initrd else ["early", "late"]
        for phase in phases:
            for _, trigger, changes in self.rules:
                acts = {"any": True, "late": phase == "late",
                        "both": phase == "late" or (initrd and self.counts)}[trigger]
                for name, change in changes.items() if acts else []:
                    masks[name] = apply(masks[name], change)
                    by_rule.add(name)
        return masks, by_rule

    def lost(self, pairs):
        """Those of @pairs that nobody can rely on."""
        meant, by_rule = self.play(False)
        outcomes = [meant] + ([self.play(True)[0]] if self.initrd else [])
        for masks in outcomes if self.start is None else []:
            masks.update({name: self.now[name] for name in MASKS if name not in by_rule})
        has_records = any(row.startswith("file /etc/driverctl.d") for row in self.rows)
        result = set()
        for masks in outcomes:
            if masks["apmask"] == FULL and masks["aqmask"] == FULL:
                result |= pairs - self.records
                continue
            result |= {p for p in pairs if p[0] in masks["apmask"] and p[1] in masks["aqmask"]}
            is_full = meant["apmask"] == FULL and meant["aqmask"] == FULL
            if has_records and self.rules and not is_full:
                result |= pairs - self.records
        return result


class NextBootProperty(unittest.TestCase):
    maxDiff = None

    def run_json(self, *args):
        done = subprocess.run([VIRT_AP, "--root", self.root, "--json", *args], check=False,
                              capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    def callout_refuses(self, pair):
        text = json.dumps({"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [
            {k: v} for k, v in attr_lines({"adapters": str(pair[0]), "domains": str(pair[1])})]})
        done = subprocess.run(
            [CALLOUT, "--root", self.root, "-t", "vfio_ap-passthrough", "-e", "pre", "-a",
             "define", "-s", "none", "-u", full_uuid("e"), "-p", "matrix"], input=text,
            capture_output=True, text=True, check=False, timeout=60)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode == 1

    def try_host(self, number):
        boot = Boot(random.Random(number))
        text = "\n".join(boot.rows) + "\n"
        with tempfile.TemporaryDirectory(prefix="ap-next-boot-") as top:
            path = Path(top, "random.host")
            path.write_text(text)
            tree = HostTree(Description(path), Path(top, "root"))
            tree.build()
            self.root = str(tree.root)
            wanted = {u for u, (pair, boots) in boot.owners.items() if boots and boot.lost({pair})}
            found = {f["mdev"] for f in self.run_json("check")["findings"]
                     if f["code"] == "lost-at-boot"}
            self.assertEqual(found, wanted, text)
            doctor = [c["message"] for c in self.run_json("doctor")["checks"]
                      if c["code"] == "next-boot"]
            said = {u for u in boot.owners if any(u in message for message in doctor)}
            self.assertEqual(said, wanted, (text, doctor))
            free = sorted(PAIRS - {pair for pair, _ in boot.owners.values()})
            for pair in free:
                self.assertEqual(self.callout_refuses(pair), bool(boot.lost({pair})), (text, pair))

    def test_random_hosts(self):
        for number in [int(os.environ["HOST"])] if "HOST" in os.environ else range(N_HOSTS):
            with self.subTest(number=number):
                self.try_host(number)


if __name__ == "__main__":
    unittest.main()
