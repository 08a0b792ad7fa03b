# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap qemu-args against Debian 12's and Debian 13's libvirt, on every document of
xml2argvdata (harness/native.py), and on the mistakes of tests/mistakes.

A libvirt that is not this machine's comes from an unpacked Debian in the cache. On a PC only
type='qemu' works, and no host-model; the rest is compared in the lab."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import debian, mistakes, native

DATA = pathlib.Path(os.environ["SOURCE_DIR"], "tests", "xml2argvdata")
PACKAGES = ["base-files", "libvirt-clients", "libvirt-daemon", "libvirt-daemon-driver-qemu",
            "qemu-system-misc"]
RELEASES = {"bookworm": "9.0.0", "trixie": "11.3.0"}
NOBODY = 65534
# What virsh converts, and virt-ap refuses: libvirt's define refuses the first; a DOCTYPE's entities
# could grow without limit; virsh passes on text whose encoding nobody looks at.
OURS_ALONE = ("document: the name has a line break in it", "document: a document type",
              "document: an entity", "document: an encoding that is not true")
# What a host that is no s390x refuses.
LAB_ONLY = re.compile(rb"<domain type='kvm'|mode='host-model'")


def missing_programs(*names):
    return [name for name in names if not shutil.which(name)]


def make_root(release):
    """A Debian with libvirt and QEMU."""
    root = debian.unpack(release, PACKAGES, "libvirt")
    (root / "etc/passwd").write_text(f"nobody:x:{NOBODY}:{NOBODY}::/:/bin/sh\n")
    (root / "etc/group").write_text(f"nogroup:x:{NOBODY}:\n")
    return root


class Libvirt:
    """A session daemon of an unprivileged user, in this machine's root or in an unpacked one."""

    def __init__(self, root, home):
        self.root = root
        self.home = home
        self.inside = home if root is None else "/" + str(home.relative_to(root))
        self.number = 0

    def argv(self, *args):
        # Both lead to a mount namespace of its own where there is a root to go to.
        virsh = ["virsh", "-c", "qemu:///session", *args]
        if self.root is None:
            if os.geteuid() != 0:
                return virsh
            return ["chroot", f"--userspec={NOBODY}:{NOBODY}", "--groups=", "/", *virsh]
        script = ('mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && '
                  f'root=$1 && shift && exec chroot --userspec={NOBODY}:{NOBODY} --groups= '
                  '"$root" "$@"')
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(self.root), *virsh]

    def run(self, *args):
        environment = {"HOME": str(self.inside), "XDG_RUNTIME_DIR": str(self.inside),
                       "XDG_CONFIG_HOME": f"{self.inside}/c", "XDG_CACHE_HOME": f"{self.inside}/k",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        # virsh empties the one before it writes to the other: they stay in order.
        return subprocess.run(self.argv(*args), env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="backslashreplace",
                              check=False)

    def convert(self, texts):
        """What virsh says of each document."""
        for number, text in enumerate(texts):
            (self.home / f"{number}.xml").write_bytes(text)
        result = self.run(native.make_virsh_command(self.inside, len(texts)))
        return native.split_answers(result.stdout, len(texts))

    def stop(self):
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.home / "libvirt/libvirtd.pid").read_text())
            os.kill(pid, signal.SIGTERM)


def open_libvirt(release, stack):
    """The libvirt of @release; a string says why there is none."""
    version = RELEASES[release]
    missing = missing_programs("virsh", "libvirtd", "qemu-system-s390x")
    local = "" if missing else subprocess.run(["virsh", "--version"], capture_output=True,
                                              text=True, check=False).stdout.strip()
    if local == version:
        root, parent = None, None
    elif os.geteuid() != 0:
        return f"libvirt {version} is not installed, and an unpacked one needs root"
    elif missing_programs("unshare", "chroot"):
        return f"libvirt {version} is not installed, and an unpacked one needs unshare and chroot"
    else:
        try:
            root = make_root(release)
        except (OSError, debian.LabError) as error:
            return f"no Debian {release} could be unpacked: {error}"
        parent = root
    # Short: the daemon's socket is in it.
    home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="v", dir=parent)))
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    libvirt = Libvirt(root, home)
    stack.callback(libvirt.stop)
    # `version` would want an emulator of this machine's own architecture.
    probe = libvirt.run("domcapabilities", "--virttype", "qemu", "--arch", "s390x")
    said = libvirt.run("--version").stdout.split()
    if probe.returncode != 0 or said[-1:] != [version]:
        return f"libvirt {version} does not run: {probe.stdout.strip()[:200]}"
    return libvirt


class DifferentialTest(unittest.TestCase):
    maxDiff = None

    def compare(self, release):
        documents = {name: text for name, text in native.read_documents(DATA).items()
                     if not LAB_ONLY.search(text)}
        self.assertGreaterEqual(len(documents), 40)
        documents.update((title, text) for title, text in mistakes.make_all().items()
                         if title not in OURS_ALONE)
        with contextlib.ExitStack() as stack:
            libvirt = open_libvirt(release, stack)
            if isinstance(libvirt, str):
                self.skipTest(libvirt)
            cases = native.make_cases(documents)
            native.compare(self, cases, libvirt.convert([case.text for case in cases]),
                           native.ask_virt_ap(cases))

    def test_libvirt_9_0_0_generates_the_same(self):
        self.compare("bookworm")

    def test_libvirt_11_3_0_generates_the_same(self):
        self.compare("trixie")


def main():
    result = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(DifferentialTest))
    if not result.wasSuccessful():
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
