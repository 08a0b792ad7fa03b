# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's root: Debian 13 packages for s390x as a read-only image, without root rights.

No maintainer script runs (that would need emulation of each). What they would have done and the
lab needs is done here, nothing else; README.rst lists it, with the lab's own changes.
"""

import os
import pathlib
import re
import shutil
import tempfile

from . import apt, common
from .common import LAB_DIR

SUITE = "trixie"
PACKAGES = """
base-files base-passwd bash bsdutils coreutils dash debianutils diffutils dpkg findutils gawk grep
gzip hostname iproute2 iputils-ping jq kmod libc-bin login mount netbase passwd procps sed strace
tar util-linux dbus systemd systemd-sysv udev
libvirt-clients libvirt-daemon libvirt-daemon-driver-nodedev libvirt-daemon-driver-qemu
libvirt-daemon-system mdevctl qemu-system-s390x s390-tools
libglib2.0-0t64 libjson-c5 libxml2 libvirt0
""".split()
WANT = apt.Want(tuple(PACKAGES), "the lab's packages")
# Never read in the lab, a third of the files.
UNNEEDED = ("usr/share/doc", "usr/share/locale", "usr/share/man", "usr/share/info",
            "usr/share/bash-completion", "usr/share/zsh", "usr/share/lintian")

LIB = "usr/lib/libvirt-ap-lab"

# Lines added to configuration files: (file, text). The reasons are in README.rst.
APPENDED = (
    ("etc/libvirt/libvirtd.conf",
     'listen_tls = 0\nlisten_tcp = 1\nlisten_addr = "0.0.0.0"\nauth_tcp = "none"\n'),
    # Stock: --timeout 120, which ends an idle libvirtd. Starting it takes seconds here.
    ("etc/default/libvirtd", 'LIBVIRTD_ARGS=""\n'),
)
# These connection drivers need a firewall backend, and libvirtd ends when one of them fails.
REMOVED = tuple(f"usr/lib/s390x-linux-gnu/libvirt/connection-driver/libvirt_driver_{name}.so"
                for name in ("network", "nwfilter"))

# (name, id, groups it belongs to): what adduser in maintainer scripts would have made.
USERS = (("libvirt-qemu", 64055, "kvm", ("libvirt-qemu",), "/var/lib/libvirt"),)
GROUPS = (("libvirt-qemu", 64055), ("libvirt", None), ("kvm", None))

# mksquashfs pseudo definitions: path, mode, user, group by name.
OWNERS = (
    ("var/lib/libvirt/qemu", "0750", "libvirt-qemu", "libvirt-qemu"),
    ("var/cache/libvirt", "0711", "root", "root"),
    ("var/cache/libvirt/qemu", "0711", "root", "root"),
    ("var/lib/libvirt/images", "0711", "root", "root"),
    ("var/lib/libvirt/boot", "0711", "root", "root"),
    ("etc/libvirt/qemu.conf", "0600", "root", "root"),
    ("etc/shadow", "0640", "root", "shadow"),
    ("usr/lib/dbus-1.0/dbus-daemon-launch-helper", "4754", "root", "messagebus"),
)

# What `deb-systemd-helper enable` would have linked, for --init systemd.
ENABLED = {
    "multi-user.target.wants": ("libvirtd.service", "lab-ready.service"),
    "sockets.target.wants": ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket",
                             "libvirtd-tcp.socket", "virtlogd.socket", "virtlogd-admin.socket"),
    "sysinit.target.wants": ("lab-devices.service",),
    "basic.target.wants": ("lab-agent.service",),
}
# Slow under emulation, or for hardware and networks that the lab has not.
MASKED = ("systemd-hwdb-update.service", "ldconfig.service", "systemd-firstboot.service",
          "systemd-update-done.service", "systemd-journal-catalog-update.service",
          "getty.target", "serial-getty@.service", "console-getty.service", "logrotate.timer",
          "fstrim.timer", "dpkg-db-backup.timer", "systemd-pcrphase.service",
          "sys-kernel-tracing.mount", "dev-hugepages.mount")


def build():
    """The base image's path, from the cache when it is there."""
    source = apt.suite(SUITE)
    names = source.closure(WANT)
    extra = sorted(path for path in (LAB_DIR / "image").rglob("*") if path.is_file())
    key = common.digest(*names, pathlib.Path(__file__), *extra,
                        *(str(path.relative_to(LAB_DIR)) for path in extra))

    def fill(target):
        debs = source.download(WANT)
        root = target / "root"
        root.mkdir()
        with common.step(f"making the lab's image ({len(debs)} packages)"):
            unpack_all(debs, root, UNNEEDED)
            configure(root)
            squash(root, target / "base.squashfs", ownership(root))
            common.remove_tree(root)
    return common.cached(f"image-{key}", fill, "image") / "base.squashfs"


def unpack_all(debs, root, unneeded=()):
    """Unpack packages in parallel, with dpkg's database, so that dpkg works in the lab."""
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info.parent / "updates").mkdir()
    excludes = [f"--exclude=./{path}/*" for path in unneeded]
    with tempfile.TemporaryFile() as names:
        names.write("".join(f"{deb}\0" for deb in debs).encode())
        names.seek(0)
        common.call(["xargs", "-0", f"-P{os.cpu_count()}", "-I{}", LAB_DIR / "lablib/unpack.sh",
                     root, "{}", *excludes], stdin=names, failing="cannot unpack the packages",
                    hint="Run `kernel/lab/lab clean` to fetch them again.")
    status = []
    for path in sorted(info.glob("*.control")):
        text = path.read_text(encoding="utf-8").rstrip("\n")
        arch = re.search(r"^Architecture: (\S+)$", text, re.M)[1]
        status.append(text.replace("\n", "\nStatus: install ok installed\n", 1) + "\n")
        if re.search(r"^Multi-Arch: same$", text, re.M):
            path.with_suffix(".list").rename(info / f"{path.stem}:{arch}.list")
        path.unlink()
    (info.parent / "status").write_text("\n".join(status), encoding="utf-8")
    (info / "format").write_text("1\n", encoding="ascii")


def configure(root):
    for path in UNNEEDED:
        common.remove_tree(root / path)
    for path in REMOVED:
        (root / path).unlink()
    _accounts(root)
    for path, text in APPENDED:
        with open(root / path, "a", encoding="utf-8") as out:
            out.write(f"\n# --- added by the libvirt-ap lab ---\n{text}")
    shutil.copytree(LAB_DIR / "image", root, dirs_exist_ok=True)
    links = {"usr/bin/awk": "gawk", "var/run": "/run", "var/lock": "/run/lock",
             "etc/mtab": "../proc/self/mounts", "etc/localtime": "/usr/share/zoneinfo/Etc/UTC"}
    for name, target in links.items():
        path = root / name
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        if not os.path.lexists(path):
            path.symlink_to(target)
    units = root / "etc/systemd/system"
    for directory, names in ENABLED.items():
        (units / directory).mkdir(parents=True, exist_ok=True)
        for name in names:
            home = "/etc" if (units / name).exists() else "/usr/lib"
            (units / directory / name).symlink_to(f"{home}/systemd/system/{name}")
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    files = {
        "etc/hostname": "lab\n", "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab\n",
        "etc/fstab": "", "etc/machine-id": "", "etc/resolv.conf": "",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"
                             "services: files\nprotocols: files\n",
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="ascii")


def _accounts(root):
    """passwd and group from base-passwd, from sysusers.d, and what adduser would have added."""
    master = root / "usr/share/base-passwd"
    users, groups = {}, {}
    for table, name in ((users, "passwd.master"), (groups, "group.master")):
        for line in (master / name).read_text(encoding="ascii").splitlines():
            table[line.split(":")[0]] = line.split(":")
    free = iter(range(999, 100, -1))

    def group(name, gid=None):
        if name not in groups:
            taken = {fields[2] for fields in groups.values()}
            number = str(gid) if gid else next(str(n) for n in free if str(n) not in taken)
            groups[name] = [name, "x", number, ""]
        return groups[name][2]

    def user(name, uid, gid, home="/"):
        if name not in users:
            users[name] = [name, "x", str(uid), str(gid), "", home, "/usr/sbin/nologin"]

    for conf in sorted((root / "usr/lib/sysusers.d").glob("*.conf")):
        for line in conf.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if len(words) < 2 or words[0] not in ("g", "u", "u!"):
                continue
            number = words[2].split(":")[0] if len(words) > 2 and words[2][0].isdigit() else None
            gid = group(words[1], number)
            if words[0] != "g":
                user(words[1], number or gid, gid)
    for name, gid in GROUPS:
        group(name, gid)
    for name, uid, main, others, home in USERS:
        user(name, uid, group(main), home)
        for other in others:
            groups[other][3] = name
    etc = root / "etc"
    (etc / "passwd").write_text("".join(":".join(u) + "\n" for u in users.values()), "ascii")
    (etc / "group").write_text("".join(":".join(g) + "\n" for g in groups.values()), "ascii")
    (etc / "shadow").write_text("".join(f"{u}:*:20000::::::\n" for u in users), "ascii")


def ownership(root):
    ids = {}
    for kind in ("passwd", "group"):
        for line in (root / "etc" / kind).read_text(encoding="ascii").splitlines():
            fields = line.split(":")
            ids[kind, fields[0]] = fields[2]
    return [f"{path} m {mode} {ids['passwd', user]} {ids['group', group]}"
            for path, mode, user, group in OWNERS if (root / path).exists()]


def squash(root, target, pseudo=()):
    """A read-only image that belongs to root. Uncompressed: unpacking would be emulated."""
    command = ["mksquashfs", root, target, "-all-root", "-noappend", "-no-progress", "-quiet",
               "-no-exports", "-comp", "lz4", "-noI", "-noD", "-noF", "-noX"]
    for line in pseudo:
        command += ["-p", line]
    common.call(command, failing="cannot make an image")
