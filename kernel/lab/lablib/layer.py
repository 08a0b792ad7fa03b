# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second, small layer of the root: modules, topology, agent, the project.

Each `up` makes it again, in about a second, so that a change of our code does not touch the
base image.
"""

import shutil
import sys

from . import common, image, kernel, sysroot
from .common import TOP_DIR, LabError

EMULATOR = TOP_DIR / "kernel/ap_emu"


def modules(built):
    """A module tree with the kernel's modules and ours, ready for modprobe."""
    sources = sorted(path for path in EMULATOR.glob("*")
                     if path.suffix in (".c", ".h") or path.name in ("Kbuild", "Makefile"))
    if not sources:
        raise LabError("kernel/ap_emu is missing", "Use a complete copy of the project.")
    key = common.digest("modules 1", built.name, *(path.name for path in sources), *sources)

    def fill(target):
        work = target / "build"
        work.mkdir()
        for path in sources:
            shutil.copy(path, work)
        release = (built / "release").read_text(encoding="ascii").strip()
        shutil.copytree(built / "modules", target / "tree")
        extra = target / "tree/lib/modules" / release / "extra"
        extra.mkdir()
        with common.step("building the emulator's modules"):
            common.call([*kernel.MAKE, "-C", built / "tree", f"M={work}", "modules"],
                        failing="the emulator's modules do not build")
        for module in work.rglob("*.ko"):
            shutil.move(module, extra)
        common.remove_tree(work)
        common.call([common.sbin("depmod"), "-b", target / "tree", release])
    return common.cached(f"modules-{key}", fill, "modules") / "tree/lib/modules"


def topology(path):
    """{params, control, masks}: the topology file in ap_emu's and the kernel's words."""
    made = {}
    for part in ("params", "control", "masks"):
        made[part] = common.call([sys.executable, EMULATOR / "topology", f"--{part}", path],
                                 failing="the topology file is not good",
                                 hint="kernel/ap_emu/README.rst describes the format.")
    return made


def baked_key(base, built):
    return f"baked-{common.digest('baked 1', base.parent.name, built.name)}"


def enable(root):
    """What `systemctl enable` does for the project's unit, if it is installed."""
    unit = "usr/lib/systemd/system/libvirt-ap-boot.service"
    if (root / unit).exists():
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / "libvirt-ap-boot.service").symlink_to(f"/{unit}")


def build(target, *, base, built, words, token, callout):
    """Write the layer's image to @target; returns whether the project is in it."""
    root = target.parent / "layer"
    common.remove_tree(root)
    root.mkdir()
    try:
        project = sysroot.install_project(root)
        if not callout:
            for path in root.rglob("callouts/*libvirt-ap*"):
                path.unlink()
        enable(root)
        shutil.copytree(modules(built), root / "usr/lib/modules", dirs_exist_ok=True)
        lib = root / image.LIB
        lib.mkdir(parents=True)
        for name in ("lab-agent", "lab-helper"):
            shutil.copy(sysroot.programs() / name, lib)
        lab = root / "lab"
        lab.mkdir()
        for name, text in {**words, "token": token}.items():
            (lab / name).write_text(text, encoding="ascii")
        (lab / "token").chmod(0o600)
        baked = common.cache_dir() / baked_key(base, built) / "baked.tar"
        if baked.exists():
            common.call(["tar", "-C", root, "-xpf", baked])
        target.unlink(missing_ok=True)
        image.squash(root, target)
        return project
    finally:
        common.remove_tree(root)


