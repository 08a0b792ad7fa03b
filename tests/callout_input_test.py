# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the callout is called with and what stands on its standard input."""

import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import world
from harness.callout import CALLOUT, ENVIRONMENT, WorldTest, argv, call
from harness.host import LOCK, definition, uuid

A, B = uuid(0xa), uuid(0xb)
GOOD = definition([5], [4])
CHANGES = (("pre", "define"), ("pre", "modify"), ("pre", "start"), ("live", "modify"))

# name: standard input of a change, what the refusal says
BAD_INPUT = {
    "no text": ("", "not JSON: "),
    "an empty line": ("\n", "not JSON"),
    "null": ("null", "it is null"),
    "an array": ("[]", "it is not an object"),
    "a string": ('"x"', "it is not an object"),
    "no type": ('{"start":"auto"}', "'mdev_type' is missing"),
    "another type": ('{"mdev_type":"i915","start":"auto"}', "'mdev_type' is 'i915'"),
    "no start": ('{"mdev_type":"vfio_ap-passthrough"}', "'start' is missing"),
    "attributes that are no array": (
        '{"mdev_type":"vfio_ap-passthrough","start":"auto","attrs":{}}', "'attrs' is not an array"),
    "a NUL byte": (GOOD.replace("5", "5\0"), "a NUL at byte"),
    "a NUL byte behind it": (GOOD + "\0", "a NUL at byte"),
    "two objects": (GOOD + GOOD, "not JSON"),
    "no UTF-8": (GOOD.encode().replace(b"5", b"\xff"), "not JSON"),
    "2 MB of [": ("[" * 2_000_000, "more than 1 MiB"),
    "half a MB of [": ("[" * 500_000, "not JSON"),
    "10 MB of attributes": (definition([5] * 400_000, [4]), "more than 1 MiB of JSON"),
    "an attribute outside of sysfs": (GOOD.replace("assign_domain", "../../../x"), "../../../x"),
    "an id that is no number": (GOOD.replace('"4"', '"4x"'), "4x"),
    "an id above 255": (GOOD.replace('"4"', '"256"'), "256"),
}

# name: command line, exit code, what is said
BAD_CALLS = {
    "no options": ([], 1, "usage: "),
    "only a type": (["-t", "vfio_ap-passthrough"], 1, "usage: "),
    "an option too much": ([*argv("pre", "define", A)[1:], "-x", "y"], 1, "usage: "),
    "an option twice": ([*argv("pre", "define", A)[1:], "-p", "matrix"], 1, "usage: "),
    "an option without value": ([*argv("pre", "define", A)[1:], "--root"], 1, "usage: "),
    "an unknown action": (argv("pre", "dance", A)[1:], 1, "unknown event or action"),
    "an unknown event": (argv("during", "define", A)[1:], 1, "unknown event or action"),
    "no UUID": (argv("pre", "define", "x")[1:], 1, "'x' is not a UUID"),
    "an empty UUID": (argv("pre", "define", "")[1:], 1, "'' is not a UUID"),
    "a way out for UUID": (argv("pre", "define", "../" + A)[1:], 1, "is not a UUID"),
    "another parent": (argv("pre", "define", A, parent="0000:00:02.0")[1:], 1,
                       "the parent of an AP matrix is 'matrix', not '0000:00:02.0'"),
    "a root that is not there": ([*argv("pre", "define", A)[1:], "--root", "/nowhere"], 1,
                                 "cannot use '/nowhere' as root"),
    "a foreign type": (argv("pre", "define", A, mdev_type="i915")[1:], 2, ""),
    "a foreign type and nonsense": (["-t", "i915", "-x", "y", "z"], 2, ""),
    "an empty type": (argv("pre", "define", A, mdev_type="")[1:], 2, ""),
}


class InputTest(WorldTest):
    """Each refusal says why, and leaves nothing locked."""

    def test_bad_input_is_refused_with_its_reason(self):
        for name, (text, told) in BAD_INPUT.items():
            for event, action in CHANGES[:1] if len(text) > 1000 else CHANGES:
                with self.subTest(name, event=event, action=action):
                    self.host.reset()
                    self.host.activate(B, [1], [4])
                    if action == "modify":
                        self.host.define(B, [1], [4])
                    result = call(event, action, B, text, release=False)
                    self.assert_refused(result, told)
                    self.assert_free()

    def test_json_cut_at_any_byte_is_refused(self):
        for length in range(len(GOOD)):
            with self.subTest(length=length):
                self.assert_refused(call("pre", "define", A, GOOD[:length], release=False),
                                    "not JSON: ")
                self.assert_free()

    def test_bad_calls_are_refused_with_their_reason(self):
        for name, (options, code, told) in BAD_CALLS.items():
            with self.subTest(name):
                result = subprocess.run([CALLOUT, *options], input=GOOD, env=ENVIRONMENT,
                                        capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(told, result.stderr)
                self.assertEqual((result.stdout, bool(told)), ("", bool(result.stderr)))
                self.assert_free()

    def test_a_uuid_in_upper_case_is_the_same_mdev(self):
        self.host.activate(A, [5], [4])
        self.assert_passed(call("pre", "define", A.upper(), GOOD))
        self.assertIn('"4"', call("get", "attributes", A.upper()).stdout)
        self.host.define(B.upper(), [5], [6], auto=True)
        self.assert_refused(call("pre", "define", uuid(0xc), definition([5], [6])), f"mdev {B}")

    def test_every_spelling_of_the_root_locks_and_unlocks(self):
        for root in ("/", "//", "/.", "/tmp/..", "/proc/.."):
            with self.subTest(root):
                options = [*argv("pre", "define", A), "--root", root]
                subprocess.run(options, input=GOOD, text=True, env=ENVIRONMENT, check=True)
                self.assertEqual(LOCK.read_text(encoding="utf-8"), f"{os.getpid()}\n")
                options[4], options[8] = "post", "success"
                subprocess.run(options, input=GOOD, text=True, env=ENVIRONMENT, check=True)
                self.assert_free()

    def test_another_root_is_never_locked(self):
        subprocess.run([*argv("pre", "define", A), "--root", "/tmp"], input=GOOD, text=True,
                       env=ENVIRONMENT, capture_output=True, check=True)
        self.assert_free()

    def test_a_foreign_type_touches_nothing(self):
        log = "/tmp/strace.log"
        subprocess.run(["strace", "-f", "-o", log, *argv("pre", "define", A, mdev_type="i915")],
                       input=GOOD, text=True, env=ENVIRONMENT, capture_output=True, check=False)
        with open(log, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("exited with 2", text)
        self.assertNotRegex(text, r"/run|/sys/(bus|devices)|/etc/(mdevctl|libvirt)")
        self.assertNotRegex(text, re.compile(r"^\d+ +(clone|fork|vfork|link)", re.M))

    def test_all_input_is_read_whatever_is_said(self):
        """Who writes is not told that nobody reads: mdevctl 1.2 takes that for a yes."""
        calls = {name: options for name, (options, _, _) in BAD_CALLS.items()}
        calls.update({f"{event} {action}": argv(event, action, A)[1:] for event, action in
                      (("post", "define"), ("notify", "define"), ("get", "capabilities"),
                       ("get", "attributes"), ("pre", "stop"), ("pre", "undefine"), *CHANGES)})
        for name, options in calls.items():
            with self.subTest(name):
                read_end, write_end = os.pipe()
                with subprocess.Popen([CALLOUT, *options], stdin=read_end, env=ENVIRONMENT,
                                      stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL) as process:
                    os.close(read_end)
                    for _ in range(64):  # more than a pipe takes
                        os.write(write_end, b" " * 65536)
                    self.assertIsNone(process.poll())
                    os.close(write_end)
                LOCK.unlink(missing_ok=True)

    def test_a_broken_standard_input_is_no_yes(self):
        for name, redirection in {"closed": "<&-", "a directory": "< /tmp",
                                  "write-only": "0> /dev/null", "empty": "< /dev/null"}.items():
            with self.subTest(name):
                command = f'exec "$@" {redirection}'
                result = subprocess.run(["sh", "-c", command, "sh", *argv("pre", "define", A)],
                                        env=ENVIRONMENT, capture_output=True, text=True,
                                        timeout=60, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertNotEqual(result.stderr, "")
                self.assert_free()

    def test_nothing_of_the_current_directory_is_run(self):
        """Where /proc is not mounted, as in a rescue shell, nobody says where we are."""
        self.host.define(A, [5], [4])
        self.host.add_guest("web", A)
        for name in ("libvirt-ap-guests", "libvirt-ap-callout-judge"):
            path = self.host.write(f"tmp/evil/{name}", "#!/bin/sh\ntouch /tmp/evil/ran\n")
            path.chmod(0o755)
        hide = ["unshare", "-m", "sh", "-c", 'umount -l /proc; exec "$@"', "sh"]
        for words in ([], hide):
            result = subprocess.run([*words, *argv("pre", "define", B)], input=GOOD,
                                    env=ENVIRONMENT, capture_output=True, text=True,
                                    cwd="/tmp/evil", check=False)
            LOCK.unlink(missing_ok=True)
            self.assertFalse(os.path.exists("/tmp/evil/ran"))
            self.assertNotEqual(result.returncode, 0, result.stderr)


@unittest.skipUnless(os.environ.get("AP_TEST_SLOW"), "takes half a minute")
class EndlessTest(WorldTest):
    """mdevctl can be stopped while it writes: by a signal, in a frozen cgroup."""

    def test_a_pause_of_33_seconds_changes_nothing(self):
        self.host.activate(B, [5], [4])
        for event, action in CHANGES[:1]:
            with subprocess.Popen(argv(event, action, A), stdin=subprocess.PIPE, env=ENVIRONMENT,
                                  stderr=subprocess.PIPE, text=True) as process:
                process.stdin.write(GOOD[:20])
                process.stdin.flush()
                time.sleep(33)
                _, error = process.communicate(GOOD[20:])
            self.assertEqual(process.returncode, 1)
            self.assertIn("05.0004", error)
        self.assert_free()


if __name__ == "__main__":
    world.main()
