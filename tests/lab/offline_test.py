#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What of the lab can be tested without one: the agent runs on this machine instead."""

import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "kernel/lab"))

from lablib import apt, common, image, lab, remote, sysroot  # noqa: E402

TOKEN = "0123456789abcdef" * 4
RUNNER = ("import sys; sys.path.insert(0, sys.argv[1]); from lablib import remote; "
          "sys.exit(remote.run(int(sys.argv[2]), sys.argv[3], sys.argv[4:]))")


class Agent(unittest.TestCase):
    """lab-agent and remote.run(): argv, streams and exit code arrive as they were given."""

    @classmethod
    def setUpClass(cls):
        compiler = shutil.which("cc")
        if not compiler:
            raise unittest.SkipTest("no C compiler")
        cls.dir = tempfile.TemporaryDirectory()
        program = pathlib.Path(cls.dir.name) / "lab-agent"
        subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-o", program,
                        TOP / "kernel/lab/agent/lab-agent.c"], check=True)
        token = pathlib.Path(cls.dir.name) / "token"
        token.write_text(TOKEN, encoding="ascii")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            cls.port = probe.getsockname()[1]
        cls.agent = subprocess.Popen([program, "--serve", "127.0.0.1", str(cls.port), token],
                                     env={**os.environ, "HOME": "/"})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", cls.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise AssertionError("the agent does not listen")

    @classmethod
    def tearDownClass(cls):
        cls.agent.kill()
        cls.agent.wait()
        cls.dir.cleanup()

    def argv(self, *words, token=TOKEN):
        return [sys.executable, "-c", RUNNER, str(TOP / "kernel/lab"), str(self.port), token,
                *words]

    def run_in(self, *words, stdin=b"", **options):
        return subprocess.run(self.argv(*words, **options), input=stdin, capture_output=True,
                              check=False, timeout=60)

    def test_exit_codes_are_the_commands_own(self):
        for code in (0, 1, 77, 125, 255):
            self.assertEqual(self.run_in("sh", "-c", f"exit {code}").returncode, code)

    def test_a_signal_counts_as_in_a_shell(self):
        self.assertEqual(self.run_in("sh", "-c", "kill -9 $$").returncode, 137)

    def test_a_missing_program_is_127_and_one_that_cannot_run_is_126(self):
        result = self.run_in("no-such-program")
        self.assertEqual(result.returncode, 127)
        self.assertIn(b"no-such-program", result.stderr)
        self.assertEqual(self.run_in("/etc/passwd").returncode, 126)

    def test_words_arrive_unquoted_and_unsplit(self):
        words = ["a b", "", "'", '"', "$HOME", "*", "new\nline", "\\", "-x", "ü"]
        result = self.run_in("printf", "%s\\0", *words)
        self.assertEqual(result.stdout, b"".join(w.encode() + b"\0" for w in words))

    def test_large_binary_input_and_output_are_unchanged(self):
        data = os.urandom(5_000_000)
        self.assertEqual(self.run_in("cat", stdin=data).stdout, data)

    def test_stdout_and_stderr_stay_apart(self):
        result = self.run_in("sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.stdout, result.stderr), (b"out\n", b"err\n"))

    def test_input_that_nobody_reads_does_no_harm(self):
        self.assertEqual(self.run_in("true", stdin=bytes(3_000_000)).returncode, 0)

    def test_a_background_process_is_not_waited_for(self):
        result = self.run_in("sh", "-c", "sleep 50 & echo $!")
        os.kill(int(result.stdout), signal.SIGKILL)

    def test_a_wrong_token_runs_nothing(self):
        result = self.run_in("echo", "secret", token="f" * 64)
        self.assertNotIn(b"secret", result.stdout)
        self.assertNotEqual(result.returncode, 0)

    def test_ctrl_c_reaches_the_command(self):
        process = subprocess.Popen(
            self.argv("sh", "-c", "trap 'echo caught; exit 7' INT; echo up; sleep 60 & wait"),
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.stdout.read(), b"caught\n")
        process.stdout.close()
        self.assertEqual(process.wait(10), 7)

    def test_who_is_killed_leaves_nothing_running(self):
        process = subprocess.Popen(self.argv("sh", "-c", "echo $$; exec sleep 1000"),
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        watched = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        process.wait()
        process.stdout.close()
        self.assertTrue(select.select([watched], [], [], 20)[0])
        os.close(watched)


@unittest.mock.patch.dict(os.environ, {"LIBVIRT_AP_MIRROR": ""})
class Sources(unittest.TestCase):
    """The mirror comes from apt's sources, in both formats."""

    def stanzas(self, name, text):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / name
            path.write_text(text, encoding="utf-8")
            return list(apt._stanzas(path))  # pylint: disable=protected-access

    def test_one_line_format(self):
        text = ("# deb http://no/mirror x main\n"
                "deb [arch=amd64 signed-by=/k] http://m/mirror s main\n")
        self.assertEqual(self.stanzas("a.list", text), [(["http://m/mirror"], ["s"])])

    def test_deb822_format_with_comments_and_continuation(self):
        text = ("Types: deb\n# a comment\nURIs: http://a/mirror\n http://b/mirror\n"
                "Suites: s s-updates\n\nTypes: deb-src\nURIs: http://no/\nSuites: s\n\n"
                "Types: deb\nEnabled: no\nURIs: http://off/mirror\nSuites: s\n")
        self.assertEqual(self.stanzas("a.sources", text),
                         [(["http://a/mirror", "http://b/mirror"], ["s", "s-updates"])])

    def machine(self, *sources):
        return unittest.mock.patch.object(apt, "_machine_sources", lambda: iter(sources))

    def test_every_debian_archive_of_the_machine_counts(self):
        with self.machine(("http://s/debian-security", ["trixie-security"]),
                          ("http://a/debian", ["trixie"]), ("http://x/ubuntu", ["noble"]),
                          ("http://b/x/debian", ["trixie"]), ("http://a/debian", ["sid"])):
            self.assertEqual(apt.mirrors(), ["http://a/debian", "http://b/x/debian"])
            self.assertEqual(apt.security_archive("http://a/debian"), "http://s/debian-security")

    def test_the_security_archive_is_the_sibling_where_none_is_named(self):
        with self.machine(("http://a/debian", ["trixie"])):
            self.assertEqual(apt.security_archive("http://a/debian"), "http://a/debian-security")

    def test_uris_that_stand_for_others(self):
        expand = apt._expand  # pylint: disable=protected-access
        with tempfile.NamedTemporaryFile("w", suffix=".list") as mirrors:
            mirrors.write("http://a/debian/\n\nhttp://b/debian priority:1\n# none\n")
            mirrors.flush()
            self.assertEqual(expand(f"mirror+file://{mirrors.name}"),
                             ["http://a/debian", "http://b/debian"])
        self.assertEqual(expand("file:/srv/debian/"), ["copy:/srv/debian"])
        self.assertEqual(expand("http://a/debian/"), ["http://a/debian"])

    def test_no_archive_says_what_to_set(self):
        with self.machine(("http://x/ubuntu", ["noble"])):
            with self.assertRaises(common.LabError) as caught:
                apt.mirrors()
        self.assertIn("LIBVIRT_AP_MIRROR", caught.exception.hint)


class Interrupted(unittest.TestCase):
    """A signal that comes while a child is started is not lost, and the child ends."""

    SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from lablib import common
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
common.catch_signals()
try:
    common.call(["sh", "-c", "sleep 20; echo late"])
except common.Interrupted as interrupt:
    print("ended by", interrupt.signum)
"""

    def test_in_the_fork(self):
        done = subprocess.run([sys.executable, "-c", self.SCRIPT, str(TOP / "kernel/lab")],
                              check=False, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, f"ended by {int(signal.SIGINT)}\n", done.stderr)
        self.assertNotIn("Exception ignored", done.stderr)


class Pieces(unittest.TestCase):
    def test_cpio_entries_are_aligned(self):
        data = sysroot._cpio("init", 0o100755, b"abc")  # pylint: disable=protected-access
        self.assertEqual(len(data) % 4, 0)
        self.assertTrue(re.match(rb"070701[0-9A-F]{104}init\0", data))

    def test_a_failed_build_leaves_nothing_and_the_next_succeeds(self):
        with tempfile.TemporaryDirectory() as directory:
            saved = os.environ.get("XDG_CACHE_HOME")
            os.environ["XDG_CACHE_HOME"] = directory
            try:
                def fail(target):
                    (target / "half").touch()
                    raise common.Interrupted(signal.SIGINT)
                with self.assertRaises(common.Interrupted):
                    common.cached("thing", fail, "thing")
                self.assertEqual([path.name for path in common.cache_dir().iterdir()],
                                 ["thing.lock"])
                made = common.cached("thing", lambda target: (target / "x").touch(), "thing")
                self.assertTrue((made / "x").exists())
            finally:
                os.environ.pop("XDG_CACHE_HOME")
                if saved:
                    os.environ["XDG_CACHE_HOME"] = saved

    def test_no_mirror_is_written_down(self):
        for path in (TOP / "kernel/lab").rglob("*"):
            if path.is_file() and path.suffix not in (".pyc",):
                text = path.read_text(encoding="utf-8")
                self.assertNotRegex(text, r"https?://[a-z0-9.]*debian\.org", str(path))

    def test_every_program_the_lab_calls_has_its_package(self):
        self.assertIn("squashfs-tools", lab.packages())
        self.assertIn("mdevctl", image.PACKAGES)
        self.assertEqual(remote.WINDOW, 4 * 65536)


if __name__ == "__main__":
    unittest.main(verbosity=2)
