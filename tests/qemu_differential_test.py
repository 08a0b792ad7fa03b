# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap qemu-args against libvirt: every document of xml2argvdata goes through `virsh
domxml-to-native qemu-argv` of Debian 12's and Debian 13's libvirt, in both forms. What AP adds must
be the same to the byte; of what is refused only that it is refused counts.

A libvirt that is not this machine's comes from an unpacked Debian in the cache. On a PC only
type='qemu' works; the rest is compared in the lab."""

import contextlib
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

VIRT_AP = os.environ["VIRT_AP"]
DATA = pathlib.Path(os.environ["SOURCE_DIR"], "tests", "xml2argvdata")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache",
                     "libvirt-ap")
PACKAGES = "libvirt-daemon,libvirt-daemon-driver-qemu,libvirt-clients,qemu-system-misc,coreutils"
RELEASES = {"bookworm": "9.0.0", "trixie": "11.3.0"}
NOBODY = 65534
NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"


def missing_programs(*names):
    return [name for name in names if not shutil.which(name)]


def make_root(release):
    """Unpacks a Debian with libvirt and QEMU, once; returns its directory."""
    root = CACHE / f"libvirt-{release}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"libvirt-{release}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        partial = CACHE / f"libvirt-{release}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", "--mode=root",
                        f"--include={PACKAGES}", release, str(partial)],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        (partial / "etc/passwd").write_text(f"nobody:x:{NOBODY}:{NOBODY}::/:/bin/sh\n")
        (partial / "etc/group").write_text(f"nogroup:x:{NOBODY}:\n")
        partial.chmod(0o755)
        partial.rename(root)
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
        return subprocess.run(self.argv(*args), env=environment, capture_output=True, text=True,
                              check=False)

    def get_arguments(self, text):
        """What libvirt makes of a document; None if it refuses."""
        self.number += 1
        name = f"{self.number}.xml"
        (self.home / name).write_text(text)
        result = self.run("domxml-to-native", "qemu-argv", f"{self.inside}/{name}")
        if result.returncode != 0:
            return None, result.stderr
        words = shlex.split(result.stdout)
        args = []
        for option, value in zip(words, words[1:]):
            terms = [term for term in value.split(",") if re.match(r"ap[^=]*=(on|off)$", term)]
            if option == "-cpu" and terms:
                args += [option, ",".join(terms)]
            if option == "-device" and re.match(r'\{"driver":"vfio-ap","id"|vfio-ap,id=', value):
                args += [option, value]
        return args, ""

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
    elif missing_programs("mmdebstrap", "unshare", "chroot"):
        return f"libvirt {version} is not installed, and there is no mmdebstrap"
    else:
        try:
            root = make_root(release)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no Debian {release} could be unpacked: {error}"
        parent = root
    # Short: the daemon's socket is in it.
    home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="v", dir=parent)))
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    libvirt = Libvirt(root, home)
    stack.callback(libvirt.stop)
    probe = libvirt.run("version")
    if probe.returncode != 0 or f"libvirt {version}" not in probe.stdout:
        return f"libvirt {version} does not run: {probe.stderr.strip()}"
    return libvirt


def make_legacy(text):
    return text.replace("<domain", f"<domain xmlns:legacy='{NAMESPACE}'", 1).replace(
        "</domain>", "<legacy:capabilities><legacy:del capability='device.json+hotplug'/>"
        "</legacy:capabilities></domain>")


def get_our_arguments(path, *options):
    result = subprocess.run([VIRT_AP, "qemu-args", str(path), *options], capture_output=True,
                            text=True, check=False)
    return result.stdout.splitlines() if result.returncode == 0 else None


class DifferentialTest(unittest.TestCase):
    maxDiff = None

    def compare(self, release):
        documents = [path for path in sorted(DATA.glob("*.xml"))
                     if "<domain type='kvm'" not in path.read_text()]
        self.assertGreaterEqual(len(documents), 40)
        with contextlib.ExitStack() as stack:
            libvirt = open_libvirt(release, stack)
            if isinstance(libvirt, str):
                self.skipTest(libvirt)
            for path in documents:
                text = path.read_text()
                for options, document in (((), text), (("--legacy",), make_legacy(text))):
                    with self.subTest(path.stem, options=options):
                        theirs, reason = libvirt.get_arguments(document)
                        self.assertEqual(get_our_arguments(path, *options), theirs, reason)

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
