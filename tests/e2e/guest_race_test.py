# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of two guests that start at the same moment for one queue exactly one runs, every time.

Two connections of one process on the PC, so that both requests are in libvirtd before it has
answered one of them."""

import threading
import time
import unittest

import libvirt

import guest
import lab
from guest import A, B

ROUNDS = 25


def setUpModule():
    lab.require()


class Race(guest.Guests):
    def setUp(self):
        super().setUp()
        self.connections = [libvirt.open(lab.status()["uri"]) for _ in guest.UUIDS]

    def tearDown(self):
        for connection in self.connections:
            connection.close()

    def start_both(self):
        """Returns the messages of those that did not start, by name."""
        barrier = threading.Barrier(len(guest.UUIDS))
        refusals = {}

        def start(connection, name):
            domain = connection.lookupByName(name)
            barrier.wait()
            try:
                domain.create()
            except libvirt.libvirtError as error:
                refusals[name] = str(error)

        threads = [threading.Thread(target=start, args=pair)
                   for pair in zip(self.connections, guest.UUIDS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return refusals

    def race(self, queue):
        """All rounds; each loser is told of @queue and of the other."""
        winners = []
        begin = time.monotonic()
        for _ in range(ROUNDS):
            refusals = self.start_both()
            running = self.connections[0].listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            self.assertEqual(len(running), 1, refusals)
            winners.append(running[0].name())
            (loser, message), = refusals.items()
            self.assertNotEqual(loser, winners[-1])
            self.assertIn(queue, message)
            self.assertRegex(message, f"guest.* '{winners[-1]}' \\((starting|running)\\)")
            running[0].destroy()
        self.assert_nothing_left()
        print(f"{ROUNDS} rounds, {winners.count('payroll')} won by the first: "
              f"{time.monotonic() - begin:.0f} s")

    def test_for_one_mdev(self):
        self.define(A, [1], [4])
        self.define_guest("payroll", A)
        self.define_guest("second", A)
        self.race("APQN 01.0004 (adapter 1, domain 4)")

    def test_for_a_queue_of_two_mdevs(self):
        self.define(A, [1], [4])
        self.define(B, [1, 2], [6])
        self.define_guest("payroll", A)
        self.define_guest("second", B)
        # A definition that takes a queue of another one with a guest is refused; a file is not.
        lab.sh("sed -i 's/0x0006/0x0004/' /etc/mdevctl.d/matrix/$1", B)
        self.race("APQN 01.0004 (adapter 1, domain 4)")


if __name__ == "__main__":
    unittest.main()
