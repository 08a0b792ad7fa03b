# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian 13's s390x headers and libraries, and the project built with them for the lab."""

import contextlib
import os
import shutil

from . import apt, common, image
from .common import TOP_DIR, LabError

PACKAGES = """
libc6-dev libgcc-14-dev linux-libc-dev libglib2.0-dev libjson-c-dev libxml2-dev libvirt-dev
""".split()
WANT = apt.Want(tuple(PACKAGES), "the s390x sysroot")
TRIPLET = "s390x-linux-gnu"


def build():
    """The directory with `root/`, the sysroot."""
    source = apt.suite(image.SUITE)
    # It is linked with here and runs in the image: of the same point release.
    source.settle([WANT], also=[image.WANT])
    key = common.digest("sysroot 2", *source.closure(WANT))

    def fill(target):
        debs = source.download(WANT)
        with common.step(f"unpacking the sysroot ({len(debs)} packages)"):
            root = target / "root"
            root.mkdir()
            image.unpack_all(debs, root, image.UNNEEDED)
            common.remove_tree(root / "var")
            if not os.path.lexists(root / "lib"):
                (root / "lib").symlink_to("usr/lib")
    return common.cached(f"sysroot-{key}", fill, "sysroot")


def _compiler(root):
    """The compiler on this root alone.

    Debian's cross compiler looks into the C library that was packaged for it (an older one on
    Debian 12) before the sysroot, so the sysroot's directories are named as well.
    """
    library = root / "usr/lib" / TRIPLET
    return [f"{TRIPLET}-gcc", f"--sysroot={root}", f"-B{library}", f"-L{library}",
            f"-Wl,-rpath-link,{library}", "-isystem", f"{root}/usr/include/{TRIPLET}",
            "-isystem", f"{root}/usr/include"]


def cross_file(made, runner=None):
    """A file for meson --cross-file; with @runner Meson runs what it builds, for tests.

    Not part of what is cached: a copied or moved cache has other paths.
    """
    root = made / "root"
    # As a property it is there for tests that are scripts and start a program themselves.
    wrapper = f"exe_wrapper = ['{runner}', '-L', '{root}']\n" if runner else ""
    text = f"""# Written by kernel/lab/lab. Use: meson setup --cross-file THIS BUILDDIR
[binaries]
c = {[str(word) for word in _compiler(root)]}
ar = '{TRIPLET}-ar'
strip = '{TRIPLET}-strip'
pkgconfig = 'pkg-config'
{wrapper}
[built-in options]
c_args = ['-march=z13']

[properties]
sys_root = '{root}'
pkg_config_libdir = '{root}/usr/lib/{TRIPLET}/pkgconfig:{root}/usr/share/pkgconfig'
needs_exe_wrapper = true
{wrapper}
[host_machine]
system = 'linux'
cpu_family = 's390x'
cpu = 's390x'
endian = 'big'
"""
    path = made / ("cross-run.ini" if runner else "cross.ini")
    if not path.exists() or path.read_text(encoding="ascii") != text:
        common.write_atomically(path, text)
    return path


def find_runner():
    """qemu-user, which runs big-endian tests on the PC; None if there is none. The lab needs none.
    """
    return shutil.which("qemu-s390x-static") or shutil.which("qemu-s390x")


def programs():
    """The directory with lab-agent, lab-helper and `initramfs`, built for the lab."""
    sources = [common.LAB_DIR / f"agent/{name}.c"
               for name in ("lab-agent", "lab-helper", "lab-init")]
    made = build()
    key = common.digest("agent 2", *sources, made.name)

    def fill(target):
        compiler = [*_compiler(made / "root"), "-O2", "-Wall", "-Wextra"]
        for source in sources:
            static = ["-static", "-s"] if source.stem == "lab-init" else []
            common.call([*compiler, *static, "-o", target / source.stem, source],
                        failing=f"the lab's program {source.stem} does not build")
        init = (target / "lab-init").read_bytes()
        (target / "initramfs").write_bytes(
            _cpio("dev", 0o040755, b"") + _cpio("dev/console", 0o020600, b"", device=(5, 1))
            + _cpio("init", 0o100755, init) + _cpio("TRAILER!!!", 0, b""))
    return common.cached(f"agent-{key}", fill, "agent")


def _cpio(name, mode, data, device=(0, 0)):
    """One entry of a cpio archive in the kernel's `newc` format."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


@contextlib.contextmanager
def _built_project():
    """The directory that the project is built in for s390x, held; None without a meson.build."""
    if not (TOP_DIR / "meson.build").exists():
        yield None
        return
    made = build()
    # Another compiler comes with another Meson, which cannot go on with the old one's directory.
    compiler = common.call([f"{TRIPLET}-gcc", "-dumpfullversion"])
    key = common.digest("project 4", str(TOP_DIR), made.name, compiler)
    work = common.cache_dir() / f"project-{key}"
    with common.locked(f"{work}.lock", "waiting for another lab that builds the project"):
        if not (work / "build.ninja").exists():
            common.remove_tree(work)
            common.call(["meson", "setup", "--cross-file", cross_file(made), "--prefix=/usr",
                         "--sysconfdir=/etc", "--localstatedir=/var", "--libdir=lib",
                         "--buildtype=debugoptimized", "-Dselftest=true", work, TOP_DIR],
                        failing="meson cannot configure the project for s390x",
                        hint=f"The details are in {work}/meson-logs/meson-log.txt.")
        common.call(["ninja", "-C", work], failing="the project does not build for s390x",
                    hint="Correct the source, then try again.")
        yield work


def build_project():
    with common.step("building the project for s390x"), _built_project():
        pass


def install_project(target):
    """Install the project, built for s390x, below @target. Without a meson.build: nothing."""
    with _built_project() as work:
        if not work:
            return False
        common.call(["meson", "install", "-C", work, "--no-rebuild", "--destdir", target],
                    failing="the project does not install")
    if not any(target.iterdir()):
        raise LabError("meson installed nothing", "Look at the install rules in meson.build.")
    return True
