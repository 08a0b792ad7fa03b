# SPDX-License-Identifier: LGPL-2.1-or-later
"""The QEMU that emulates the lab: the machine's own if it is new enough, else a private one."""

import functools
import os
import platform
import re
import shutil

from . import apt, common, image
from .common import LabError

# Below 8.1 the emulated checksum instruction is wrong and the lab drops TCP packets; what was
# really seen to work is 10.
OLDEST = 10
WANT = apt.Want(("qemu-system-s390x",), "QEMU")
ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "s390x": "s390x"}
LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1",
           "usr/lib64/ld64.so.2", "usr/lib/ld64.so.1")


def _version(command):
    try:
        text = common.call([*command, "--version"])
    except LabError:
        return 0
    match = re.search(r"version (\d+)\.", text)
    return int(match[1]) if match else 0


def find():
    """The command line that starts qemu-system-s390x, without its arguments."""
    return native() or private()


@functools.lru_cache(maxsize=None)
def native():
    """This machine's own, if it is new enough."""
    program = shutil.which("qemu-system-s390x")
    return [program] if program and _version([program]) >= OLDEST else None


def source():
    """The suite of Debian 13 that has a QEMU for this machine."""
    arch = ARCHES.get(platform.machine())
    if not arch:
        raise LabError(f"Debian has no QEMU for a {platform.machine()}",
                       f"Install qemu-system-s390x {OLDEST} or newer.")
    return apt.suite(image.SUITE, arch)


def private():
    """Debian 13's QEMU with all its libraries, unpacked into the cache and never installed.

    It is started by its own dynamic loader, so that it runs on other distributions too and uses no
    library of this machine.
    """
    suite = source()
    key = common.digest("qemu 1", *suite.closure(WANT))

    def fill(root):
        debs = suite.download(WANT)
        with common.step(f"unpacking QEMU ({len(debs)} packages)"):
            image.unpack_all(debs, root, image.UNNEEDED)
            common.remove_tree(root / "var")
            # Not every package brings the links of a merged /usr.
            for name in ("lib", "lib64"):
                if not os.path.lexists(root / name):
                    (root / name).symlink_to(f"usr/{name}")
        if not _version(command(root)):
            raise LabError("the fetched QEMU does not start", "Install qemu-system-s390x yourself.")
    return command(common.cached(f"qemu-{key}", fill, "QEMU"))


def command(root):
    loader = next((root / path for path in LOADERS if (root / path).exists()), None)
    if loader is None:
        raise LabError("the fetched QEMU has no dynamic loader", "Run `kernel/lab/lab clean`.")
    libraries = sorted({str(path.parent) for path in (root / "usr/lib").rglob("*.so.*")})
    # QEMU loads modules by itself when it finds them; nothing that the lab uses is one.
    return [str(loader), "--library-path", ":".join(libraries),
            str(root / "usr/bin/qemu-system-s390x"), "-L", str(root / "usr/share/qemu")]
