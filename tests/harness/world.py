# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private root directory for tests that need the real paths: /sys, /etc/mdevctl.d, /run/lock.

world.main() runs the calling test file again inside a mount namespace whose root is a tmpfs with
this machine's programs and a host of our own making. It needs root or user namespaces.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import packages

SKIPPED = 77
INSIDE = "AP_TEST_WORLD"

PROGRAMS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group", "nsswitch.conf",
       "alternatives", "localtime")

# Run as root of a new mount namespace: $1 the new root, then what to bind, then "--", the command.
ENTER = r"""
set -e
root=$1; shift
mount -t tmpfs -o mode=755 world "$root"
mkdir -p "$root/proc" "$root/dev" "$root/etc" "$root/sys" "$root/tmp" "$root/run/lock"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
cp -a "$root.skel/." "$root/"
exec chroot "$root" "$@"
"""


def _skeleton(path):
    """What is a link or a small file in the new root; returns the directories to bind."""
    binds = ["/proc", "/dev"]
    for name in PROGRAMS:
        source = pathlib.Path("/", name)
        if source.is_symlink():
            (path / name).symlink_to(os.readlink(source))
        elif source.is_dir():
            binds.append(str(source))
    (path / "etc").mkdir()
    for name in ETC:
        source = pathlib.Path("/etc", name)
        if source.is_dir():
            shutil.copytree(source, path / "etc" / name, symlinks=True)
        elif source.exists():
            shutil.copy(source, path / "etc" / name)
    return binds


def _unshare():
    argv = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    probe = subprocess.run([*argv, "mount", "-t", "tmpfs", "probe", "/tmp"], check=False,
                           capture_output=True, text=True)
    if probe.returncode != 0:
        print(f"skipped: no private mount namespace here: {probe.stderr.strip()}")
        sys.exit(SKIPPED)
    return argv


def _run_inside():
    argv = _unshare()
    mdevctls = packages.find_mdevctls()
    with tempfile.TemporaryDirectory(prefix="ap-world-") as top:
        root, skeleton = pathlib.Path(top, "root"), pathlib.Path(top, "root.skel")
        root.mkdir()
        skeleton.mkdir()
        binds = _skeleton(skeleton)
        for name in ("SOURCE_DIR", "BUILD_DIR"):
            binds.append(os.environ[name])
        # A Python that is none of the distribution's has a place of its own.
        binds += sorted({path for path in (sys.prefix, sys.base_prefix)
                         if not path.startswith("/usr")})
        binds += [str(m.directory) for m in mdevctls if m.directory]
        environment = dict(os.environ, HOME="/", TMPDIR="/tmp", LC_ALL="C.UTF-8",
                           **{INSIDE: packages.to_json(mdevctls)})
        return subprocess.run(
            [*argv, "sh", "-c", ENTER, "sh", str(root), *binds, "--", sys.executable,
             os.path.abspath(sys.argv[0]), *sys.argv[1:]], env=environment, check=False).returncode


def main():
    """What a test file calls instead of unittest.main()."""
    if INSIDE not in os.environ:
        sys.exit(_run_inside())
    unittest.main(verbosity=2)


def mdevctls():
    """The mdevctl programs that there are, one for each protocol."""
    return packages.from_json(os.environ.get(INSIDE, "[]"))
