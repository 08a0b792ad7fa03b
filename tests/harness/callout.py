# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the callout and the real mdevctl, on the host that harness.host has made below /."""

import os
import pathlib
import subprocess
import unittest

from harness import world
from harness.host import Host, LOCK, TYPE, definition

CALLOUT = os.environ.get("AP_CALLOUT", "")
NAME = "00-libvirt-ap"
# mdevctl 1.4 looks below this directory, which is / but for /usr/lib/mdevctl.
MDEVCTL_ROOT = pathlib.Path("/mdevctl-root")
CALLOUT_DIRS = {"1.2": pathlib.Path("/etc/mdevctl.d/scripts.d/callouts"),
                "1.4": MDEVCTL_ROOT / "usr/lib/mdevctl/scripts.d/callouts"}
# The sanitizers' leak check needs ptrace, which is the tests' own here.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "MDEVCTL_ENV_ROOT": str(MDEVCTL_ROOT), "ASAN_OPTIONS": "detect_leaks=0"}


def argv(event, action, mdev, mdev_type=TYPE, parent="matrix", state="none", program=None):
    return [program or CALLOUT, "-t", mdev_type, "-e", event, "-a", action, "-s", state,
            "-u", mdev, "-p", parent]


def call(event, action, mdev, text="", **options):
    """One call of the callout as mdevctl makes it; gives back the lock that it may have taken."""
    timeout = options.pop("timeout", 60)
    release = options.pop("release", True)
    text = text.encode() if isinstance(text, str) else text
    result = subprocess.run(argv(event, action, mdev, **options), input=text, env=ENVIRONMENT,
                            capture_output=True, timeout=timeout, check=False)
    result.stdout = result.stdout.decode(errors="replace")
    result.stderr = result.stderr.decode(errors="replace")
    if release and LOCK.exists() and LOCK.read_text(encoding="utf-8") == f"{os.getpid()}\n":
        LOCK.unlink()
    return result


class WorldTest(unittest.TestCase):
    """A fresh host for each test, with our callout where every mdevctl looks for it."""

    maxDiff = None

    def setUp(self):
        self.host = Host()
        self.host.reset()
        for directory in CALLOUT_DIRS.values():
            self._prepare(directory)
            self.install(CALLOUT, NAME, directory)

    def _prepare(self, directory):
        notifiers = directory.parent / "notifiers"
        notifiers.mkdir(parents=True, exist_ok=True)
        directory.mkdir(parents=True, exist_ok=True)
        for child in directory.iterdir():
            child.unlink()
        for name in ("etc", "sys"):
            link = MDEVCTL_ROOT / name
            if not link.is_symlink():
                MDEVCTL_ROOT.mkdir(exist_ok=True)
                link.symlink_to(f"/{name}")

    @staticmethod
    def install(program, name, directory):
        (directory / name).symlink_to(program)

    @staticmethod
    def install_script(text, name, version):
        path = CALLOUT_DIRS[version] / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def get_mdevctl(self, version):
        """An mdevctl of that generation, with our callout only where that one looks first."""
        mdevctl = next((m for m in world.mdevctls() if m.version == version), None)
        if not mdevctl or mdevctl.reason:
            self.skipTest(mdevctl.reason if mdevctl else f"no mdevctl {version}")
        for other, directory in CALLOUT_DIRS.items():
            if other != version and (directory / NAME).exists():
                (directory / NAME).unlink()
        return mdevctl.argv

    def mdevctl(self, version, *args, text="", **options):
        result = subprocess.run([*self.get_mdevctl(version), *args], input=text, text=True,
                                env=ENVIRONMENT, capture_output=True, timeout=60, check=False,
                                **options)
        return result

    def define(self, version, mdev, *where, **options):
        """`mdevctl define` of a matrix, as libvirt runs it."""
        return self.mdevctl(version, "define", "--uuid", mdev, "--parent", "matrix",
                            "--jsonfile", "/dev/stdin", text=definition(*where, **options))

    def assert_free(self):
        """Nothing is locked, and nothing lies about beside the lock."""
        self.assertEqual(os.listdir("/run/lock"), [])

    def assert_refused(self, result, *texts):
        self.assertEqual(result.returncode, 1, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)

    def assert_passed(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
