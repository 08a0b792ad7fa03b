# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever ends the judge is a no, and leaves nothing locked.

AP_TEST_STEP=1 hits the judge at each of its system calls, a larger number only at every so many.
"""

import ctypes
import itertools
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import world
from harness.callout import CALLOUT, CALLOUT_DIRS, ENVIRONMENT, NAME, WorldTest, argv
from harness.host import LOCK, definition, uuid

KILL_JUDGE = os.environ.get("KILL_JUDGE", "")
STEP = int(os.environ.get("AP_TEST_STEP", "1"))
LOG = pathlib.Path("/tmp/hit.log")
KINDS = (str(int(signal.SIGKILL)), str(int(signal.SIGSEGV)), str(int(signal.SIGABRT)), "nomem")
PR_SET_CHILD_SUBREAPER = 36
A, B, C = uuid(0xa), uuid(0xb), uuid(0xc)

EVENTS = (("pre", "define", B), ("pre", "modify", A), ("pre", "start", B), ("pre", "stop", C),
          ("pre", "undefine", A), ("live", "modify", C), ("get", "attributes", C))


def hit_environment(at, kind):
    return {**ENVIRONMENT, "AP_CALLOUT": CALLOUT, "AP_HIT_AT": str(at), "AP_HIT_WITH": kind,
            "AP_HIT_LOG": str(LOG),
            # A fatal signal is to end the judge, not to be reported by the sanitizer.
            "ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:handle_abort=0"}


def read_log():
    """How many system calls were seen, and whether the last of them was hit; the tracer may be a
    moment behind the callout."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if LOG.exists() and LOG.read_text(encoding="utf-8").endswith("\n"):
            count, how = LOG.read_text(encoding="utf-8").split()
            return int(count), how == "hit"
        time.sleep(0.002)
    raise AssertionError("the tracer has not written its log")


class KillTest(WorldTest):
    """The judge is the target; its parent outlives it."""

    def setUp(self):
        super().setUp()
        # The judge reads what a busy host has, and writes a warning to the journal.
        self.host.define(A, [5], [4])
        self.host.activate(C, [2], [0x2a])
        self.host.define(uuid(0xd), [5], [6])

    def run_judge(self, event, action, mdev, at, kind):
        LOG.unlink(missing_ok=True)
        if event == "live":
            self.host.activate(C, [2], [0x2a])
        return subprocess.run(argv(event, action, mdev, program=KILL_JUDGE),
                              input=definition([5], [4, 6] if mdev == A else [6]),
                              env=hit_environment(at, kind),
                              capture_output=True, text=True, timeout=60, check=False)

    def check(self, result, kind):
        """Returns whether the judge was hit at all."""
        _, hit = read_log()
        if result.returncode == 0 and (kind == "nomem" or not hit):
            LOCK.unlink(missing_ok=True)
        else:
            self.assertEqual(result.returncode, 1, result)
        self.assert_free()
        return hit

    def test_a_judge_that_dies_at_any_system_call_has_said_no(self):
        for event, action, mdev in EVENTS:
            tried, hit = 0, True
            for at, kind in zip(range(1, 3000, STEP), itertools.cycle(KINDS)):
                with self.subTest(f"{event} {action}", at=at, kind=kind):
                    hit = self.check(self.run_judge(event, action, mdev, at, kind), kind)
                if not hit:
                    break
                tried += 1
            print(f"{event} {action}: {tried} points of {read_log()[0]}", flush=True)
            self.assertGreater(tried * STEP, 20)

    def check_mdevctl(self, version):
        self.get_mdevctl(version)
        (CALLOUT_DIRS[version] / NAME).unlink()
        self.install(KILL_JUDGE, NAME, CALLOUT_DIRS[version])
        command = [*self.get_mdevctl(version), "define", "--uuid", B, "--parent", "matrix",
                   "--jsonfile", "/dev/stdin"]
        tried = 0
        for at, kind in zip(range(2, 3000, 5 * STEP), itertools.cycle(KINDS[:3])):
            LOG.unlink(missing_ok=True)
            result = subprocess.run(command, input=definition([1], [4]),
                                    env=hit_environment(at, kind), capture_output=True, text=True,
                                    timeout=60, check=False)
            if not read_log()[1]:
                break
            self.assert_refused(result, "the check was ended by signal")
            self.assertNotIn(B, self.host.defined())
            self.assert_free()
            tried += 1
        print(f"mdevctl {version} define: {tried} points")
        self.assertGreater(tried, 1)

    def test_mdevctl_1_2_lets_nothing_pass_when_the_judge_dies(self):
        self.check_mdevctl("1.2")

    def test_mdevctl_1_4_lets_nothing_pass_when_the_judge_dies(self):
        self.check_mdevctl("1.4")


def needs_loader(program):
    """Whether an ELF file of 64 bits has a segment PT_INTERP."""
    data = pathlib.Path(program).read_bytes()
    order = "<" if data[5] == 1 else ">"
    offset, = struct.unpack_from(order + "Q", data, 32)
    size, count = struct.unpack_from(order + "HH", data, 54)
    return any(struct.unpack_from(order + "I", data, offset + i * size)[0] == 3
               for i in range(count))


class SignalTest(WorldTest):
    """The callout's own process."""

    def start(self, *where, **options):
        # pylint: disable=consider-using-with
        process = subprocess.Popen(argv("pre", "define", B), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=ENVIRONMENT, text=True, **options)
        process.stdin.write(definition(*where)[:10])
        process.stdin.flush()
        return process, definition(*where)[10:]

    @staticmethod
    def wait_until_it_reads(pid):
        """Until the callout has blocked the signals and sleeps."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            if "State:\tS" in text and "SigBlk:\tffffff" in text:
                return
            time.sleep(0.002)
        raise AssertionError("the callout does not block signals and wait for input")

    def test_no_signal_but_kill_ends_it_before_it_has_judged(self):
        self.host.activate(A, [5], [0x47])
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
                       signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1, signal.SIGPIPE,
                       signal.SIGALRM, signal.SIGXCPU):
            with self.subTest(number.name):
                process, rest = self.start([5], [0x47])
                self.wait_until_it_reads(process.pid)
                process.send_signal(number)
                _, error = process.communicate(rest, timeout=30)
                self.assertEqual(process.returncode, 1, error)
                self.assertIn("05.0047", error)
        self.assert_free()

    def test_an_ignored_sigchld_does_not_lose_the_verdict(self):
        self.host.activate(A, [5], [0x47])
        process, rest = self.start([5], [0x47],
                                   preexec_fn=lambda: signal.signal(signal.SIGCHLD,
                                                                    signal.SIG_IGN))
        _, error = process.communicate(rest, timeout=30)
        self.assertEqual(process.returncode, 1, error)
        self.assertIn("05.0047", error)
        self.assert_free()

    def test_no_limit_that_mdevctl_survives_makes_it_a_yes(self):
        if needs_loader(CALLOUT):
            self.skipTest("only a callout that is linked statically needs so little")
        self.host.activate(A, [5], [0x47])
        for limit, sizes in ((resource.RLIMIT_DATA, range(256, 2048, 128)),
                             (resource.RLIMIT_AS, range(1536, 16384, 1024)),
                             (resource.RLIMIT_FSIZE, (0, 1)), (resource.RLIMIT_STACK, (64, 256))):
            for kib in sizes:
                with self.subTest(limit=limit, kib=kib):
                    both = (kib * 1024, kib * 1024)
                    process, rest = self.start(
                        [5], [0x47], preexec_fn=lambda: resource.setrlimit(limit, both))
                    _, error = process.communicate(rest, timeout=30)
                    self.assertEqual(process.returncode, 1, error)
                    self.assertNotEqual(error, "")
        self.assert_free()

    def test_a_judge_that_cannot_be_run_has_said_no(self):
        shutil.copy(CALLOUT, "/tmp/libvirt-ap-callout")
        result = subprocess.run(argv("pre", "define", B, program="/tmp/libvirt-ap-callout"),
                                input=definition([5], [4]), env=ENVIRONMENT, capture_output=True,
                                text=True, timeout=30, check=False)
        self.assert_refused(result, "cannot run libvirt-ap-callout-judge: No such file")
        self.assert_free()

    def orphan(self, dies_early):
        """Runs the callout; its parent dies before or after it looked who that is. Returns its
        exit code."""
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        read_end, write_end = os.pipe()
        with subprocess.Popen(["sh", "-c", '"$@" < /tmp/orphan 2>&1 >&3 3>&- & echo $!; read x',
                               "sh", *argv("pre", "define", B)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
                              preexec_fn=lambda: os.dup2(write_end, 3), pass_fds=[3]) as parent:
            os.close(write_end)
            pid = int(parent.stdout.readline())
            if dies_early:
                os.close(read_end)
                parent.kill()
                parent.wait()
            with open("/tmp/orphan", "w", encoding="utf-8") as fifo:
                if not dies_early:
                    self.wait_until_it_reads(pid)
                    parent.kill()
                    parent.wait()
                fifo.write(definition([5], [4]))
            _, status = os.waitpid(pid, 0)
        if not dies_early:
            os.close(read_end)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0)
        return os.waitstatus_to_exitcode(status)

    def test_nothing_stays_locked_for_who_adopts_an_orphan(self):
        os.mkfifo("/tmp/orphan")
        for dies_early in (False, True):
            with self.subTest(dies_early=dies_early):
                self.assertEqual(self.orphan(dies_early), 1)
                self.assert_free()


if __name__ == "__main__":
    world.main()
