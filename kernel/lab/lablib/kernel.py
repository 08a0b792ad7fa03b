# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's kernel: Debian's source package, cross-built with kernel.config."""

import os
import re

from . import apt, common
from .common import LAB_DIR, LabError

CROSS = "s390x-linux-gnu-"
CONFIG = LAB_DIR / "kernel.config"
EXCLUDE = LAB_DIR / "kernel-exclude.txt"
# Change it when what build() leaves in the cache changes.
LAYOUT = 1
MAKE = ("make", "ARCH=s390", f"CROSS_COMPILE={CROSS}", "KBUILD_BUILD_USER=lab",
        "KBUILD_BUILD_HOST=lab")
# What must come out of Kconfig exactly so: without one of these the lab cannot work.
REQUIRED = ("CONFIG_AP=m", "CONFIG_ZCRYPT=m", "CONFIG_KVM=m", "CONFIG_VFIO_AP=m",
            "CONFIG_KPROBES=y", "CONFIG_DEBUG_FS=y", "CONFIG_SQUASHFS=y", "CONFIG_OVERLAY_FS=y",
            "CONFIG_EXT4_FS=y", "CONFIG_VIRTIO_BLK=y", "CONFIG_VIRTIO_NET=y",
            "CONFIG_VIRTIO_CONSOLE=y", "CONFIG_MODULE_UNLOAD=y")


def source(kernel):
    """(apt, want): '6.12' is Debian 13's, 'newest' the highest of unstable."""
    suite, word = {"6.12": ("trixie", "linux-source-6.12"),
                   "newest": ("sid", r"^linux-source-[0-9.]+$")}[kernel]
    return apt.suite(suite), apt.Want((word,), "the kernel source", depends=False)


def _key(name):
    """What the result of building the package @name is called."""
    compiler = common.call([f"{CROSS}gcc", "-dumpfullversion"]).strip()
    return "kernel-" + common.digest(LAYOUT, name, CONFIG, EXCLUDE, compiler, MAKE, REQUIRED)


def is_built(kernel):
    suite, want = source(kernel)
    names = suite.known(want)
    return bool(names) and (common.cache_dir() / _key(*names)).is_dir()


def build(kernel):
    """The directory of the built kernel, from the cache when it is there.

    It holds `image`, `release`, `modules/` (a module tree) and `tree/` (to build modules against).
    """
    suite, want = source(kernel)
    name, = suite.closure(want)
    package, key = name.split("_")[0], _key(name)

    def fill(root):
        deb, = suite.download(want)
        tree, log = root / "tree", common.cache_dir() / f"{key}.log"
        log.unlink(missing_ok=True)
        tree.mkdir()
        with common.step(f"unpacking {package}"):
            outer = root / "outer"
            outer.mkdir()
            common.call(["dpkg-deb", "-x", deb, outer], failing="cannot unpack the source package")
            archive, = outer.glob("usr/src/linux-source-*.tar.xz")
            common.call(["tar", "-C", tree, "--strip-components=1", f"--exclude-from={EXCLUDE}",
                         "-I", "xz -T0", "-xf", archive], failing="cannot unpack the source")
            common.remove_tree(outer)
        with common.step(f"building the kernel ({package}, log in {log})"):
            _compile(tree, log)
        _collect(root, tree, log)
    return common.cached(key, fill, "kernel")


def _compile(tree, log):
    common.call([*MAKE, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig"], cwd=tree, log=log,
                failing="cannot configure the kernel")
    got = set((tree / ".config").read_text(encoding="ascii").splitlines())
    lost = [line for line in REQUIRED if line not in got]
    if lost:
        raise LabError(f"Kconfig dropped {', '.join(lost)}",
                       "This kernel needs something new: adapt kernel/lab/kernel.config.")
    counter = common.Counter("kernel objects built:", 1300)
    common.call([*MAKE, f"-j{os.cpu_count()}", "bzImage", "modules"], cwd=tree, log=log,
                counter=lambda line: counter.tick() if line.startswith(b"  ") else None,
                failing="the kernel build failed")
    counter.end()


def _collect(root, tree, log):
    common.call([*MAKE, "modules_install", f"INSTALL_MOD_PATH={root}/modules",
                 "DEPMOD=true"], cwd=tree, log=log)
    release = (tree / "include/config/kernel.release").read_text(encoding="ascii").strip()
    for link in ("build", "source"):
        (root / "modules/lib/modules" / release / link).unlink(missing_ok=True)
    common.write_atomically(root / "release", release + "\n")
    os.link(tree / "arch/s390/boot/bzImage", root / "image")
    # Modules of our own need headers, scripts and Module.symvers; the rest is 1 GB of objects.
    for pattern in ("*.o", "*.a", "*.ko", "vmlinux*"):
        for path in list(tree.rglob(pattern)):
            if path.is_file() and not path.is_relative_to(tree / "scripts"):
                path.unlink()


