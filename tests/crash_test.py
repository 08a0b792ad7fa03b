#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills each verb at every system call that it makes, then recovers: all or nothing.

The killer knows nothing of the program: for each system call that a run makes, by name, it kills at
the first, the second, ... until that no longer hits. MUTANT=1: the program writes its journal too
late, and it is an error if nobody notices.
"""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from sim_host import TMP, UNDER_STRACE, VIRT_AP, SimHost
from verbs import NEW, RECOVER, SCENARIOS

# At once: most of the time goes to starting programs.
WORKERS = len(os.sched_getaffinity(0))

KILL_AT = os.environ["KILL_AT"]
LOCK = "run/lock/s390apconfig.lock"


class Crash:
    """One scenario: the host before it, and what the host is before and after."""

    def __init__(self, directory, name, kernel, prepare, verb):
        self.name = name
        self.directory = directory
        self.fresh = {}
        self.host = SimHost(os.path.join(directory, "host"), kernel)
        self.file = os.path.join(directory, "new.xml")
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(NEW)
        self.verb = [self.file if word == "FILE" else word for word in verb]
        if prepare:
            prepare(self.host)
        self.before = self.host.state()
        done = self.copy("done")
        done.must(*self.verb)
        self.after = done.state()
        assert self.before != self.after, name
        # A recovery that was killed is no way back.
        self.ends = [self.after] if verb == RECOVER else [self.before, self.after]

    def copy(self, name):
        path = os.path.join(self.directory, name)
        shutil.rmtree(path, ignore_errors=True)
        # Hard links do: the simulated kernel and the driver replace files, they change none.
        subprocess.run(["cp", "-al", self.host.path, path], check=True)
        return SimHost(path, create=False)

    def calls(self):
        """Names and numbers of the system calls of one run."""
        trace = os.path.join(self.directory, "trace")
        subprocess.run(["strace", "-n", "-o", trace, *self.copy("traced").command(*self.verb)],
                       env=UNDER_STRACE, stdout=subprocess.DEVNULL, check=True)
        with open(trace, encoding="utf-8") as lines:
            found = {(call, number) for number, call
                     in re.findall(r"^\[ *(\d+)\] (\w+)\(", lines.read(), re.M)}
        # At its own end a process is through.
        return sorted(pair for pair in found if pair[0] not in ("exit_group", "execve"))

    def kill_at(self, call, number, n):
        """Returns None if nothing was hit, else whether all is well."""
        name = f"crash-{threading.get_ident()}"
        # A host that is as before can serve again.
        host = self.fresh.pop(name, None) or self.copy(name)
        done = subprocess.run([KILL_AT, number, str(n), *host.command(*self.verb)],
                              env=UNDER_STRACE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 128 + signal.SIGKILL:
            # Not hit it does its work; anything else would be a killer that does not work.
            assert done.returncode == 0, f"{self.name}: {call} {n}: exit code {done.returncode}"
            return None
        recovered = host.run("recover")
        state = host.state()
        if recovered.returncode == 0 and state in self.ends and host.read(LOCK) is None:
            if state == self.before:
                self.fresh[name] = host
            return True
        sys.stdout.write(f"{self.name}: killed at {call} {n}: recover said "
                         f"{recovered.returncode} {recovered.stdout}{recovered.stderr}")
        for path in sorted(set(state) | set(self.before)):
            if state.get(path) != self.before.get(path):
                print(f"  {path}: before {self.before.get(path)!r}, after "
                      f"{self.after.get(path)!r}, now {state.get(path)!r}")
        return False

    def kill_everywhere(self, call):
        """Returns how many points there were, and how many went wrong."""
        name, number = call
        n = wrong = 0
        while True:
            ok = self.kill_at(name, number, n + 1)
            if ok is None:
                return n, wrong
            n += 1
            wrong += not ok


def run_scenario(pool, scenario):
    with tempfile.TemporaryDirectory(dir=TMP) as directory:
        crash = Crash(directory, *scenario)
        results = list(pool.map(crash.kill_everywhere, crash.calls()))
        points = sum(n for n, _ in results)
        wrong = sum(w for _, w in results)
        print(f"{crash.name}: killed at {points} points, {wrong} times neither before nor after",
              flush=True)
        return points, wrong


def main():
    mutant = "MUTANT" in os.environ
    chosen = [s for s in SCENARIOS if not sys.argv[1:] or s[0] in sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        results = [run_scenario(pool, scenario) for scenario in chosen]
    points = sum(n for n, _ in results)
    wrong = sum(w for _, w in results)
    print(f"{os.path.basename(VIRT_AP)}: killed at {points} points in all, {wrong} went wrong")
    if mutant:
        sys.exit(0 if wrong else "a journal that is written too late was not noticed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
