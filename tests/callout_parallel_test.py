# SPDX-License-Identifier: LGPL-2.1-or-later
"""Twenty at once, some of them killed: exactly one gets the queue."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import world
from harness.callout import CALLOUT, ENVIRONMENT, NAME, WorldTest, call
from harness.host import DEFINITIONS, LOCK, definition, uuid

N = 20

# Becomes the callout. Beside it, a process kills mdevctl: while it holds the lock and waits for the
# verdict, or as soon as the callout has said yes.
KILLER = f"""#!/bin/sh
case "$4 $AP_VICTIM" in
"pre early") (n=0; while [ $n -lt 2000 ] && ! grep -qsx $PPID {LOCK}; do n=$((n+1)); sleep 0.01;
             done; kill -9 $PPID) < /dev/null > /dev/null 2>&1 & ;;
"pre late") (while kill -0 $$; do :; done; kill -9 $PPID) < /dev/null > /dev/null 2>&1 & ;;
esac
exec {CALLOUT} "$@"
"""


class Cases:
    """For each mdevctl."""

    version = None

    def define_all(self, victim=lambda n: ""):
        """All 20 at once; returns their exit codes."""
        command = self.get_mdevctl(self.version)
        processes = []
        for n in range(N):
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*command, "define", "--uuid", uuid(n), "--parent", "matrix", "--jsonfile",
                 "/dev/stdin"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env={**ENVIRONMENT, "AP_VICTIM": victim(n)}, text=True)
            process.stdin.write(definition([5], [0x47, n], auto=True))
            process.stdin.close()
            processes.append(process)
        codes = []
        for process in processes:
            process.stderr.read()
            process.stderr.close()
            codes.append(process.wait())
        return codes

    def get_winners(self):
        """Definitions that mdevctl could start; a killed one may have left an empty file."""
        winners = []
        for name in self.host.defined():
            try:
                json.loads(self.host.path(f"{DEFINITIONS}/{name}").read_text())
            except ValueError:
                continue
            winners.append(name)
        return winners

    def test_of_twenty_one_wins(self):
        codes = self.define_all()
        self.assertEqual(sorted(codes), [0] + [1] * (N - 1))
        self.assertEqual(self.host.defined(), [uuid(codes.index(0))])
        self.assert_free()

    def test_of_twenty_one_wins_though_many_are_killed_between_pre_and_post(self):
        self.get_mdevctl(self.version)
        self.install_script(KILLER, NAME, self.version)
        codes = self.define_all(lambda n: ("early", "late", "")[n % 3])
        self.assertEqual(len(self.get_winners()), 1, codes)
        # Whoever died with the lock: it is stale, and the next one does not even wait.
        self.assert_refused(call("pre", "define", uuid(99), definition([5], [0x47])), "05.0047")
        self.assert_free()
        print(f"mdevctl {self.version}: {codes.count(-9)} killed, {codes.count(0)} said yes")
        self.assertGreater(codes.count(-9), 0)


class Mdevctl12Test(Cases, WorldTest):
    """The unversioned protocol."""

    version = "1.2"


class Mdevctl14Test(Cases, WorldTest):
    """The versioned protocol."""

    version = "1.4"


if __name__ == "__main__":
    world.main()
