#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the simulated kernel with a real one.

Makes random operations from a seed and the topology, hands the same ones to ap_ops on either side,
and compares line by line: the errno, and what changed of matrix, guest_matrix, control_domains,
ap_config, masks, bindings, driver links and queue status. Stops at the first difference.

A list either removes mdevs or unbinds queues by hand, never both: up to 7.2 a queue that is
unassigned while its adapter is filtered keeps its pointer to the mdev (vfio_ap_ops.c:
vfio_ap_mdev_hot_unplug_adapters() clears it for queues of the guest alone), and when the mdev is
removed and the queue then unbound, get_update_locks_for_queue() follows it: the kernel oopses.

README.rst lists what is not compared. Of that, no mask is written while a queue is bound to no
driver, and a matrix of more than 511 APQNs is not read.
"""

import argparse
import configparser
import itertools
import os
import random
import subprocess
import sys
import tempfile

UUIDS = [f"{c * 8}-{c * 4}-4{c * 3}-8{c * 3}-{c * 12}" for c in "abcdef"]
BUS = "/sys/bus/ap"
FULL = "0x" + "f" * 64


def parse_ids(text):
    ids = []
    for term in filter(None, text.split(",")):
        first, _, last = term.partition("-")
        ids += range(int(first, 0), int(last or first, 0) + 1)
    return ids


class Topology:
    def __init__(self, path):
        config = configparser.ConfigParser(interpolation=None)
        config.read(path)
        machine = config["machine"]
        self.adapters = sorted(int(name.split()[1], 0) for name in config.sections()
                               if name.startswith("adapter "))
        self.domains = parse_ids(machine["usage-domains"])
        apxa = machine.getboolean("apxa", True)
        self.max_adapter = int(machine.get("max-adapter", "255" if apxa else "63"), 0)
        self.max_domain = int(machine.get("max-domain", "255" if apxa else "15"), 0)


class Generator:
    """Random operations that are often, but not always, good ones."""

    def __init__(self, seed, topology, generation, size):
        self.random = random.Random(seed)
        self.topology = topology
        self.generation = tuple(int(part) for part in generation.split("."))
        # Few ids, so that matrices meet.
        self.adapters = self.pick(topology.adapters, size)
        self.domains = self.pick(topology.domains, size)
        self.unbound = set()
        # See above: what may be done to whole mdevs and to single queues.
        self.removes = seed % 2 == 0

    def pick(self, ids, size):
        return sorted(self.random.sample(ids, min(size, len(ids))))

    def number(self, value):
        form = self.random.random()
        if form < 0.5:
            return str(value)
        if form < 0.8:
            return f"0x{value:x}"
        return self.random.choice([f"0{value:o}", f"+{value}", f"{value}\\n", f"0X{value:X}"])

    def odd_number(self):
        return self.random.choice([
            "", "x", "-1", "0x", "5,6", " 5", "5 ", "256", "255", "99999999999999999999999",
            str(self.topology.max_adapter + 1), str(self.topology.max_domain + 1),
            str(self.topology.max_adapter), str(self.topology.max_domain), "64", "63", "16", "15",
            "08", "1e1", "\\n", "5\\n\\n", "++5", "0b1"])

    def mask(self, ids):
        bits = sum(1 << (255 - i) for i in ids)
        return f"0x{bits:064x}"

    def some(self, ids, most=3):
        return self.random.sample(ids, self.random.randint(0, min(most, len(ids))))

    def ap_config(self):
        r = self.random
        if r.random() < 0.1:
            return r.choice(["0x0,0x0\\n", "0x0,0x0", ",,", "", "x", "0x04,0x08,0x0 ", "5,5,5",
                             f"{FULL},{FULL},{FULL}", "0x0,0x0,0x0,junk", "0X0,0x0,0x0",
                             "0x" + "0" * 65 + ",0x0,0x0"])
        adapters = self.some(self.adapters)
        domains = self.some(self.domains)
        control = self.some(self.domains)
        if r.random() < 0.1:
            adapters.append(r.randint(0, 255))
        if r.random() < 0.1:
            domains.append(r.randint(0, 255))
        text = ",".join(self.mask(ids) for ids in (adapters, domains, control))
        return text + r.choice(["\\n", ""])

    def write(self):
        r = self.random
        uuid = r.choice(UUIDS)
        kind = r.random()
        if kind < 0.25:
            return f"write {uuid} ap_config {self.ap_config()}"
        what = r.choice(["adapter", "adapter", "domain", "domain", "control_domain"])
        verb = r.choice(["assign", "assign", "unassign"])
        if r.random() < 0.08:
            value = self.odd_number()
        elif r.random() < 0.08:
            value = self.number(r.randint(0, 255))
        else:
            value = self.number(r.choice(self.adapters if what == "adapter" else self.domains))
        return f"write {uuid} {verb}_{what} {value}"

    def mask_write(self):
        r = self.random
        name = r.choice(["apmask", "apmask", "aqmask"])
        ids = self.adapters if name == "apmask" else self.domains
        kind = r.random()
        if kind < 0.7:
            terms = [f"{r.choice('-++')}{self.number(r.choice(ids))}".replace("++", "+")
                     .replace("-+", "-") for _ in range(r.randint(1, 3))]
            value = ",".join(terms).replace("\\n", "")
        elif kind < 0.8:
            value = FULL
        elif kind < 0.9:
            others = set(range(256)) - set(self.some(ids))
            value = self.mask(others)
        else:
            value = r.choice(["", "\\n", "0x", "+5-3", "+300", "+1 +2", "+1,2", "-1,-3-4,", "zz",
                              "0X80", "0x" + "f" * 65, "+0x10-0x1f", "-0x10-0x1f\\n", "f" * 64])
        return f"bind {BUS}/{name} {value}"

    def queue(self):
        return f"{self.random.choice(self.adapters):02x}.{self.random.choice(self.domains):04x}"

    def driver_write(self):
        """Unbinds a queue, or binds one that was unbound."""
        r = self.random
        if self.unbound and r.random() < 0.7:
            queue = r.choice(sorted(self.unbound))
            where = r.choice(["drivers_probe", "drivers/vfio_ap/bind", "drivers/cex4queue/bind"])
            return f"bind {BUS}/{where} {queue}"
        queue = self.queue() if r.random() < 0.95 else "fe.00fe"
        driver = r.choice(["vfio_ap", "vfio_ap", "cex4queue"])
        self.unbound.add(queue)
        return f"bind {BUS}/drivers/{driver}/unbind {queue}"

    def override_write(self):
        r = self.random
        queue = self.queue()
        value = r.choice(["vfio_ap", "vfio_ap", "cex4queue", "\\n", "\\n", "foo"])
        return f"bind /sys/devices/ap/card{queue[:2]}/{queue}/driver_override {value}"

    def bind_all(self):
        """Puts every unbound queue back to a driver before a mask changes."""
        for queue in sorted(self.unbound):
            yield f"bind {BUS}/drivers_probe {queue}"
        self.unbound.clear()

    def operations(self, n):
        yield "clean"
        yield f"bind {BUS}/apmask " + ",".join(f"-{a}" for a in self.adapters[:-1])
        for _ in range(n):
            kind = self.random.random()
            if kind < 0.06:
                yield f"create {self.random.choice(UUIDS)}"
            elif kind < 0.08:
                if self.removes:
                    yield f"remove {self.random.choice(UUIDS)}"
            elif kind < 0.085:
                yield "create " + self.random.choice(["x", UUIDS[0][:-1], UUIDS[0].upper(),
                                                      UUIDS[1] + "\\n", UUIDS[2] + "z"])
            elif kind < 0.16:
                yield from self.bind_all()
                yield self.mask_write()
            elif kind < 0.22:
                if not self.removes:
                    yield self.driver_write()
            else:
                yield self.write()
        yield "clean"


class OverrideGenerator(Generator):
    """7.x: masks stay full, queues move by driver_override, which rebinds nothing itself."""

    def operations(self, n):
        yield "clean"
        for _ in range(n):
            kind = self.random.random()
            if kind < 0.06:
                yield f"create {self.random.choice(UUIDS)}"
            elif kind < 0.10:
                yield from self.bind_all()
                yield f"bind {BUS}/apmask +{self.random.choice(self.adapters)}"
            elif kind < 0.35:
                yield self.override_write()
            elif kind < 0.60:
                yield self.driver_write()
            else:
                yield self.write()
        yield "clean"


def run(command, operations):
    text = "\n".join(operations) + "\n"
    result = subprocess.run(command, input=text, stdout=subprocess.PIPE, encoding="utf-8",
                            check=False)
    if result.returncode != 0:
        sys.exit(f"compare: {' '.join(command)} ended with {result.returncode}")
    return result.stdout.splitlines()


def blocks(lines):
    """The lines of each operation, the changes sorted: a list of lists."""
    result = []
    for line in lines:
        if line.startswith("> "):
            result.append([])
        result[-1].append(line)
    return result


def report(simulated, real, position):
    print(f"difference at operation {position + 1}")
    for block in real[max(0, position - 12):position]:
        print("   ", block[0], block[1][2:])
    for title, side in (("simulated", simulated), ("real", real)):
        print(f"  {title}:")
        for line in side[position] if position < len(side) else ["(nothing)"]:
            print("     ", line)


def compare(args, seed):
    topology = Topology(args.topology)
    kind = OverrideGenerator if args.overrides else Generator
    operations = list(kind(seed, topology, args.kernel, args.size).operations(args.count))
    with tempfile.TemporaryDirectory() as directory:
        host = os.path.join(directory, "host")
        subprocess.run([args.virt_ap, "sim", "create", host, "--topology", args.topology,
                        "--kernel", args.kernel], check=True)
        simulated = blocks(run([args.ap_ops_sim, host], operations))
    real = blocks(run(args.real, operations))
    for position, (a, b) in enumerate(itertools.zip_longest(simulated, real, fillvalue=[])):
        # What the two find at first differs if the real side was not clean.
        if position > 0 and a != b:
            report(simulated, real, position)
            return False
    errors = {}
    for block in real:
        errors[block[1][2:]] = errors.get(block[1][2:], 0) + 1
    counts = ", ".join(f"{name} {n}" for name, n in sorted(errors.items()))
    print(f"seed {seed}: {len(operations)} operations, no difference ({counts})", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topology", required=True, help="of both sides")
    parser.add_argument("--kernel", required=True, help="generation of both sides")
    parser.add_argument("--virt-ap", required=True)
    parser.add_argument("--ap-ops-sim", required=True)
    parser.add_argument("--count", type=int, default=1000, help="operations per seed")
    parser.add_argument("--size", type=int, default=4, help="how many adapters and domains to use")
    parser.add_argument("--seeds", default="1", help="one, or FIRST-LAST")
    parser.add_argument("--overrides", action="store_true", help="driver_override instead of masks")
    parser.add_argument("real", nargs=argparse.REMAINDER,
                        help="command that runs ap_ops on the real side")
    args = parser.parse_args()
    if args.real[:1] == ["--"]:
        args.real = args.real[1:]
    first, _, last = args.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        if not compare(args, seed):
            sys.exit(1)


if __name__ == "__main__":
    main()
