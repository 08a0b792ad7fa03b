# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of guests in the lab have in common: a host with two matrices to give, and a look
at everything that a guest with a matrix can leave behind."""

import contextlib
import unittest

import libvirt

import lab

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
UUIDS = {"payroll": "11111111-2222-4333-8444-555555555551",
         "second": "11111111-2222-4333-8444-555555555552"}
CONFIG = "/etc/libvirt-ap/libvirt-ap.conf"

# An event that does not come fails the test after this many milliseconds.
PATIENCE_MS = 120_000

# Queues that a guest holds, as the kernel tells it.
IN_USE = r"""
grep -l 'in use' /sys/devices/ap/card*/*.*/status | sed 's,/status$,,; s,.*/,,'
"""

# A line for each thing that can be left of a guest's matrix: mdev, claim, lock, queue.
LEFTOVERS = r"""
for dir in /sys/bus/mdev/devices /run/libvirt-ap/claims /run/lock; do
    [ ! -d "$dir" ] || ls "$dir"
done
""" + IN_USE

libvirt.virEventRegisterDefaultImpl()
libvirt.registerErrorHandler(lambda _context, _error: None, None)


def metadata_xml(adapters, domains):
    """The element with which a guest describes its matrix."""
    ids = [f"<ap:adapter id='{i}'/>" for i in adapters]
    ids += [f"<ap:domain id='{i}'/>" for i in domains]
    return f"<ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'>{''.join(ids)}</ap:matrix>"


def mask(ids):
    """A mask as KVM logs it."""
    digits = f"{sum(1 << (255 - i) for i in ids):064x}"
    return " ".join(digits[i:i + 16] for i in range(0, 64, 16))


class Guests(unittest.TestCase):
    """A host whose queues are all free, without matrices and guests."""

    def setUp(self):
        lab.sh(lab.RESET)

    def virsh(self, *argv, xml=None):
        """A command of virsh that has to work; returns what it prints."""
        done = lab.remote_virsh(*argv, xml=xml)
        self.assertEqual(done.returncode, 0, f"virsh {' '.join(argv)}: {done.stderr}")
        return done.stdout

    def refused(self, *argv, says=(), xml=None):
        """A command of virsh that must fail, and say all of @says; returns what it says."""
        done = lab.remote_virsh(*argv, xml=xml)
        self.assertNotEqual(done.returncode, 0, f"virsh {' '.join(argv)}: {done.stdout}")
        for words in says:
            self.assertIn(words, done.stderr)
        return done.stderr

    def define(self, uuid, adapters, domains):
        self.virsh("nodedev-define", "/dev/stdin", xml=lab.nodedev_xml(uuid, adapters, domains))

    def define_guest(self, name, mdev=None, **options):
        self.virsh("define", "/dev/stdin", xml=lab.domain_xml(name, UUIDS[name], mdev, **options))

    def define_guest_with_matrix(self, name, adapters, domains, **options):
        """The mdev is nowhere defined; a pool allows it."""
        lab.sh(f"mkdir -p /etc/libvirt-ap; cat > {CONFIG} << END\n[pool finance]\n"
               f"adapters = {','.join(map(str, adapters))}\n"
               f"domains = {','.join(map(str, domains))}\nguests = {name}\nEND\n")
        self.define_guest(name, A, metadata=metadata_xml(adapters, domains), **options)

    def assert_nothing_left(self):
        """No mdev, no claim, no lock, no queue in use."""
        self.assertEqual(lab.sh(LEFTOVERS), "")

    def in_use(self):
        return lab.sh(IN_USE).split()

    def crycb(self, name):
        """What KVM logged of the guest's CRYCB so far."""
        return lab.sh('grep -ho "... CRYCB.*" "/sys/kernel/debug/s390dbf/kvm-$('
                      f'cat /run/libvirt/qemu/{name}.pid)/sprintf"').splitlines()

    def assert_has(self, name, adapters, domains):
        """The guest's CRYCB has these queues, and no others are in use; returns KVM's log of it."""
        log = self.crycb(name)
        self.assertEqual(log[-3:], [f"SET CRYCB: apm {mask(adapters)}",
                                    f"SET CRYCB: aqm {mask(domains)}",
                                    f"SET CRYCB: adm {mask([])}"])
        self.assertEqual(self.in_use(), [f"{a:02x}.{d:04x}" for a in adapters for d in domains])
        return log

    @contextlib.contextmanager
    def keeps(self, name, adapters, domains):
        """The guest has these queues, and what is done meanwhile does not touch its CRYCB."""
        before = self.assert_has(name, adapters, domains)
        yield
        self.assertEqual(self.assert_has(name, adapters, domains), before)

    def until_it_stops(self, name, action):
        """Does @action and waits for libvirt's event that the guest has stopped, which comes when
        its hooks have run; returns the event's detail."""
        connection = libvirt.open(lab.status()["uri"])
        details = []

        def hear(_connection, _domain, event, detail, _data):
            if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
                details.append(detail)

        timer = libvirt.virEventAddTimeout(PATIENCE_MS, lambda *_: details.append(None), None)
        connection.domainEventRegisterAny(connection.lookupByName(name),
                                          libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, hear, None)
        action()
        while not details:
            libvirt.virEventRunDefaultImpl()
        libvirt.virEventRemoveTimeout(timer)
        connection.close()
        self.assertIsNotNone(details[0], f"guest '{name}' does not stop")
        return details[0]
