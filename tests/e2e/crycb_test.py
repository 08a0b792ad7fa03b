# SPDX-License-Identifier: LGPL-2.1-or-later
"""KVM puts into the guest's CRYCB exactly what `virt-ap show` predicts.

Generated matrices, defined as mdevctl stores them, created through the kernel, held by a VM; a
quarter with a queue that was unbound, ids that the LPAR lacks, or both. The prediction is asked
for before the mdev exists, so it cannot have read what the kernel made of it."""

import json
import random
import unittest

import lab

# A line is one case: UUID, queues to unbind, adapters, domains, control domains; "-" is none.
UUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"

# What the generated script is made of. No program is started but the two that matter: on an
# emulated machine each takes its time.
WORDS = rf"""
set -e
# libvirtd would ask mdevctl for its list after each step.
pkill -STOP -x libvirtd
trap 'pkill -CONT -x libvirtd' EXIT
matrix=/sys/devices/vfio_ap/matrix
mdev=$matrix/{UUID}
mkdir -p /etc/mdevctl.d/matrix
unbind() {{ echo "$1" >/sys/bus/ap/drivers/vfio_ap/unbind; }}
bind() {{ echo "$1" >/sys/bus/ap/drivers/vfio_ap/bind; }}
predict() {{ echo "$1" >/etc/mdevctl.d/matrix/{UUID}; virt-ap --json show {UUID}; }}
create() {{ echo {UUID} >"$matrix/mdev_supported_types/vfio_ap-passthrough/create"; }}
assign() {{ echo "$2" >"$mdev/$1"; }}
hold() {{ /usr/libexec/libvirt-ap/selftest/ap_guest {UUID}; }}
remove() {{ echo 1 >"$mdev/remove"; }}
"""


def pick(source, ids, least):
    """A random choice of at least @least of @ids."""
    ids = sorted(ids)
    return sorted(source.sample(ids, source.randint(least, len(ids))))


class Generator:
    """Cases for the host that runs."""

    def __init__(self, seed):
        listed = lab.virt_ap("list")
        self.source = random.Random(seed)
        self.adapters = {int(card["adapter"], 16) for card in listed["cards"]}
        self.domains = {int(queue["apqn"][3:], 16) for queue in listed["queues"]}
        self.absent_adapters = set(range(int(listed["limits"]["max_adapter"], 16))) - self.adapters
        self.absent_domains = set(range(int(listed["limits"]["max_domain"], 16))) - self.domains

    def make(self, number):
        """One case as a piece of the script; every fourth is special."""
        adapters = pick(self.source, self.adapters, 1)
        domains = pick(self.source, self.domains, 1)
        control = pick(self.source, self.domains, 0)
        unbound = ""
        if number % 4 == 0:
            unbound = f"{self.source.choice(adapters):02x}.{self.source.choice(domains):04x}"
        if number % 8 == 4:
            adapters += self.source.sample(sorted(self.absent_adapters), 2)
            domains += self.source.sample(sorted(self.absent_domains), 2)
            control += self.source.sample(sorted(self.absent_domains), 1)
            unbound = unbound if self.source.random() < 0.5 else ""
        attrs = [("assign_adapter", i) for i in adapters]
        attrs += [("assign_domain", i) for i in domains]
        attrs += [("assign_control_domain", i) for i in control]
        definition = {"mdev_type": "vfio_ap-passthrough", "start": "manual",
                      "attrs": [{name: str(value)} for name, value in attrs]}
        lines = [f"predict '{json.dumps(definition)}'", "create",
                 *(f"assign {name} {value}" for name, value in attrs), "hold", "remove"]
        if unbound:
            lines = [f"unbind {unbound}", *lines, f"bind {unbound}"]
        return "\n".join(lines)


def read_results(output):
    """Pairs of what `virt-ap show` predicted and what ap_guest read, both "apm|aqm|adm"."""
    while output:
        shown, end = json.JSONDecoder().raw_decode(output)
        logged, _, output = output[end:].lstrip().partition("\n")
        masks = logged.removeprefix(f"{UUID} apm ").replace(" aqm ", "|").replace(" adm ", "|")
        yield "|".join(shown["crycb"][name] for name in ("apm", "aqm", "adm")), masks


class Crycb(unittest.TestCase):
    def check(self, topology, seed, count):
        lab.require(topology)
        generator = Generator(seed)
        cases = [generator.make(number) for number in range(count)]
        lab.write_file("/root/cases", "\n".join([WORDS, *cases, ""]))
        results = list(read_results(lab.must("sh", "/root/cases")))
        self.assertEqual(len(results), count)
        for case, (predicted, logged) in zip(cases, results):
            self.assertEqual(logged, predicted, case)
        print(f"{topology}: {count} CRYCBs are as predicted")

    def test_with_apxa_two_hundred_matrices_are_as_predicted(self):
        self.check("default.conf", 1, 150)

    def test_without_apxa_the_short_block_is_as_predicted(self):
        self.check("no-apxa.conf", 2, 60)


if __name__ == "__main__":
    unittest.main()
