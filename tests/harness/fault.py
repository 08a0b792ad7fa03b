# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets each system call of a run fail once, with each error number that it can give.

The number of a call is not known before a run: one without a fault lists them all. What the loader
does for a program is tried once. Error numbers that neither libc nor our code tells apart take
turns from point to point.
"""

import errno
import os
import subprocess
import tempfile

FAULT_AT = os.environ["FAULT_AT"]
NOT_HIT = 200
# Every how many points one is tried: for a quick look.
STEP = int(os.environ.get("AP_TEST_STEP", "1"))

# LeakSanitizer and what answers for the kernel exclude each other.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", LC_ALL="C.UTF-8")

# What a machine that is short of something can answer, one whose disk is broken or whose file
# system lacks a feature, and one with a security module. Not what would be untrue: that a file is
# not there, or that a process is gone. Of those before a bar each point gets one, by turns.
_PATH = "EACCES EIO ENOMEM |"
_CHANGE = "EACCES EIO ENOSPC EROFS |"
_DESCRIPTOR = "EMFILE ENFILE |"
ERRNOS = {
    "access": _PATH,
    "bind": "EACCES ENOMEM",
    "brk": "ENOMEM",
    "clock_nanosleep": "EINTR",
    "clone": "EAGAIN ENOMEM",
    "clone3": "EAGAIN ENOMEM ENOSYS",
    "close": "EIO",
    "close_range": "ENOSYS",
    "connect": "ECONNREFUSED EACCES",
    "dup": _DESCRIPTOR,
    "dup2": "EMFILE EBUSY",
    "dup3": "EMFILE EBUSY",
    "execve": "EACCES ENOMEM E2BIG",
    "faccessat": _PATH,
    "faccessat2": _PATH,
    "fchmod": "EPERM EIO EROFS |",
    "fchmodat": "EPERM EIO EROFS |",
    "fchown": "EPERM EIO EROFS |",
    # What is asked of it (F_GETFD, F_GETFL, F_SETFD) cannot fail.
    "fcntl": "",
    "flock": "EINTR ENOLCK EWOULDBLOCK",
    "fork": "EAGAIN ENOMEM",
    "fstat": "EIO ENOMEM |",
    "fsync": "EIO ENOSPC EDQUOT |",
    "ftruncate": "EIO",
    "getdents64": "EIO ENOMEM |",
    "getrandom": "ENOSYS",
    "getsockopt": "ENOMEM",
    "ioctl": "EIO ENOTTY",
    "kill": "EPERM",
    "link": "EACCES EIO ENOSPC EROFS | EPERM",
    "linkat": "EACCES EIO ENOSPC EROFS | EPERM",
    "lseek": "EIO",
    "lstat": _PATH,
    "memfd_create": _DESCRIPTOR + " ENOMEM ENOSYS",
    "mkdir": _CHANGE,
    "mkdirat": _CHANGE,
    "mmap": "ENOMEM",
    "mprotect": "ENOMEM",
    "mremap": "ENOMEM",
    "munmap": "ENOMEM",
    "nanosleep": "EINTR",
    "newfstatat": _PATH,
    "open": "EACCES EIO ENOMEM EMFILE | EINTR",
    "openat": "EACCES EIO ENOMEM EMFILE | EINTR",
    "openat2": "EACCES EIO ENOMEM EMFILE | EPERM ENOSYS | EAGAIN",
    "pidfd_open": _DESCRIPTOR,
    "pipe": _DESCRIPTOR,
    "pipe2": _DESCRIPTOR,
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "prctl": "EINVAL EPERM",
    "pread64": "EIO EINTR",
    "read": "EIO ENOMEM | EINTR",
    "readlink": _PATH,
    "readlinkat": _PATH,
    "recvmsg": "EINTR ENOMEM",
    "rename": _CHANGE,
    "renameat": _CHANGE,
    "renameat2": _CHANGE + " EINVAL ENOSYS",
    "rmdir": _CHANGE,
    "rt_sigtimedwait": "EINTR",
    "sendmsg": "EAGAIN ENOBUFS",
    "sendto": "EAGAIN ENOBUFS",
    "setsockopt": "ENOMEM",
    "socket": _DESCRIPTOR + " EACCES",
    "socketpair": _DESCRIPTOR,
    "stat": _PATH,
    "statx": _PATH + " ENOSYS",
    "symlink": _CHANGE,
    "symlinkat": _CHANGE,
    "unlink": "EACCES EIO EPERM EROFS |",
    "unlinkat": "EACCES EIO EPERM EROFS |",
    "vfork": "EAGAIN ENOMEM",
    "wait4": "EINTR ECHILD",
    "waitid": "EINTR ECHILD",
    "write": "EIO ENOSPC EDQUOT | EINTR",
    "writev": "EIO ENOSPC EDQUOT | EINTR",
}

# Without memory a program of GLib ends at once, by a signal: as if it were killed.
MEMORY = {"brk", "mmap", "mprotect", "mremap", "munmap"}


class Point:
    """One system call of a run, and an error number."""

    def __init__(self, call, n, error):
        self.call = call
        self.n = n
        self.error = error

    def __str__(self):
        return f"{self.call} {self.n} {self.error}"

    def run(self, argv, stdin):
        """Returns the program's result, None if there was no such call this time: openat2 is
        called again when somebody else renames something. A negative code is a signal's."""
        result = subprocess.run(
            [FAULT_AT, self.call, str(self.n), str(getattr(errno, self.error)), *argv],
            input=stdin, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace", check=False)
        if result.returncode == NOT_HIT:
            return None
        assert result.returncode != 99, f"{argv}: {self}: {result}"
        if result.returncode > 128:
            result.returncode = 128 - result.returncode
        return result

    def may_end_by_signal(self):
        return self.call in MEMORY


def list_calls(argv, stdin):
    """The system calls of a run in their order, each with whether it is the program's own."""
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as file:
        subprocess.run([FAULT_AT, "--list", file.name, *argv], input=stdin, env=ENVIRONMENT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, encoding="utf-8",
                       check=False)
        return [(call, what == "own") for call, what in (line.split() for line in file)]


class Known:
    """What the loader did for the programs that were tried."""

    def __init__(self):
        self.loaders = set()

    def add_loader(self, calls):
        """Returns whether this work of the loader is new."""
        key = tuple(calls)
        new = key not in self.loaders
        self.loaders.add(key)
        return new


def _find_loaders(calls):
    """Where a loader works: from the start of a program to the unmapping of its cache."""
    begin = 0
    for i, call in enumerate(calls):
        if call == "execve":
            begin = i + 1
        elif call == "munmap" and begin is not None:
            yield range(begin, i + 1)
            begin = None


def _choose_errnos(call, turn):
    """One of each group, by turns, and all that stand alone."""
    *groups, rest = ERRNOS[call].split("|")
    chosen = [names.split()[turn % len(names.split())] for names in groups]
    return chosen + rest.split()


def list_points(known, argv, stdin):
    """The points of a run."""
    calls = list_calls(argv, stdin)
    names = [call for call, _ in calls]
    skipped = set()
    for loader in _find_loaders(names):
        if not known.add_loader(names[i] for i in loader):
            skipped.update(loader)
    # Runs begin at different turns, as they do much alike.
    turn = len(calls)
    seen = {}
    points = []
    for i, (call, own) in enumerate(calls):
        seen[call] = seen.get(call, 0) + 1
        if i not in skipped and own and not call.isdigit():
            points += [Point(call, seen[call], name) for name in _choose_errnos(call, turn + i)]
    return points[::STEP]
