# SPDX-License-Identifier: LGPL-2.1-or-later
"""KVM puts into the guest's CRYCB exactly what `virt-ap show` predicts.

Generated matrices, defined as mdevctl stores them, created through the kernel, held by a VM; a
quarter with a queue that was unbound, ids that the LPAR lacks, or both. The prediction is asked
for before the mdev exists, so it cannot have read what the kernel made of it."""

import random
import unittest

import lab

GUEST = "/usr/libexec/libvirt-ap/selftest/ap_guest"

# A line is one case: UUID, queues to unbind, adapters, domains, control domains; "-" is none.
RUN_CASES = r"""
# libvirtd would ask mdevctl for its list after each step.
pkill -STOP -x libvirtd
trap 'pkill -CONT -x libvirtd' EXIT
matrix=/sys/devices/vfio_ap/matrix
mkdir -p /etc/mdevctl.d/matrix
words() { [ "$1" = - ] || echo "$1" | tr , ' '; }
attrs() {
    for id in $(words "$2"); do printf '%s{"assign_%s":"%s"}' "$comma" "$1" "$id"; comma=,; done
}
assign() { for id in $(words "$2"); do echo "$id" > "$matrix/$uuid/assign_$1" || exit 1; done; }
while read -r uuid unbind adapters domains control; do
    for queue in $(words "$unbind"); do echo "$queue" > /sys/bus/ap/drivers/vfio_ap/unbind; done
    comma=
    { printf '{"mdev_type":"vfio_ap-passthrough","start":"manual","attrs":['
      attrs adapter "$adapters"; attrs domain "$domains"; attrs control_domain "$control"
      printf ']}'; } > "/etc/mdevctl.d/matrix/$uuid"
    virt-ap --json show "$uuid" | jq -r '.crycb | "\(.apm)|\(.aqm)|\(.adm)"'
    echo "$uuid" > "$matrix/mdev_supported_types/vfio_ap-passthrough/create" || exit 1
    assign adapter "$adapters"; assign domain "$domains"; assign control_domain "$control"
    "$GUEST" "$uuid" || exit 1
    echo 1 > "$matrix/$uuid/remove"
    rm "/etc/mdevctl.d/matrix/$uuid"
    for queue in $(words "$unbind"); do echo "$queue" > /sys/bus/ap/drivers/vfio_ap/bind; done
done
"""


def pick(source, ids, least):
    """A random choice of at least @least of @ids."""
    ids = sorted(ids)
    return sorted(source.sample(ids, source.randint(least, len(ids))))


def join(ids):
    return ",".join(str(i) for i in ids) or "-"


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
        """One case as a line; every fourth is special."""
        adapters = pick(self.source, self.adapters, 1)
        domains = pick(self.source, self.domains, 1)
        control = pick(self.source, self.domains, 0)
        unbind = []
        if number % 4 == 0:
            unbind = [f"{self.source.choice(adapters):02x}.{self.source.choice(domains):04x}"]
        if number % 8 >= 4 and number % 4 == 0:
            adapters += self.source.sample(sorted(self.absent_adapters), 2)
            domains += self.source.sample(sorted(self.absent_domains), 2)
            control += self.source.sample(sorted(self.absent_domains), 1)
            unbind = unbind if self.source.random() < 0.5 else []
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        return " ".join([uuid, join(unbind), join(adapters), join(domains), join(control)])


def normalize_log(line):
    """ap_guest's line as predicted: the three masks separated by bars."""
    _uuid, rest = line.split(" ", 1)
    return (rest.removeprefix("apm ").replace(" aqm ", "|").replace(" adm ", "|"))


class Crycb(unittest.TestCase):
    def check(self, topology, seed, count):
        lab.require(topology)
        generator = Generator(seed)
        cases = [generator.make(number) for number in range(count)]
        script = f"GUEST={GUEST}\n{RUN_CASES}"
        output = lab.must("sh", "-c", script, stdin="\n".join(cases) + "\n").splitlines()
        self.assertEqual(len(output), 2 * count)
        for number, case in enumerate(cases):
            predicted, logged = output[2 * number], normalize_log(output[2 * number + 1])
            self.assertEqual(logged, predicted, case)
        print(f"{topology}: {count} CRYCBs are as predicted")

    def test_with_apxa_two_hundred_matrices_are_as_predicted(self):
        self.check("default.conf", 1, 160)

    def test_without_apxa_the_short_block_is_as_predicted(self):
        self.check("no-apxa.conf", 2, 60)


if __name__ == "__main__":
    unittest.main()
