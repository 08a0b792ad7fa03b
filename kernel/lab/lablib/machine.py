# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated machine: start it, wait for it, ask it to end.

A running machine holds a lock on state_dir()/alive, which QEMU inherits: who can take that lock
knows that there is no machine, whatever files an earlier one left behind.
"""

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

from . import common
from .common import LabError

MEMORY = "2048"
# With 12 and 15 (QCI and APFT) AP code that is built in could see them too; 76 gives a CRYCB of
# format 1 or 2, as on all machines since z10.
KERNEL_ARGS = ("console=ttysclp0 net.ifnames=0 facilities=12,15,76 mitigations=off panic=-1 quiet "
               "systemd.show_status=false")
INITS = {"minimal": "/usr/lib/libvirt-ap-lab/minimal", "systemd": "/usr/lib/systemd/systemd"}
BOOT_SECONDS = {"minimal": 600, "systemd": 900}


class Machine:
    def __init__(self):
        self.dir = common.state_dir()
        self.console = self.dir / "console.log"
        self.state_file = self.dir / "state.json"

    def lock(self):
        """Held by whoever starts or ends the machine."""
        return common.locked(self.dir / "lock", "waiting for another `lab` command")

    def _alive_lock(self, wait=False):
        """The lock that a machine holds, or None when one runs."""
        handle = open(self.dir / "alive", "a", encoding="ascii")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            handle.close()
            return None
        return handle

    def running(self):
        """The state of the running machine, else None."""
        handle = self._alive_lock()
        if handle:
            handle.close()
            return None
        state = common.load_json(self.state_file)
        # A machine that still boots has no state file yet, or one without `ready`.
        return state if state and state.get("ready") else None

    def require(self):
        state = self.running()
        if not state:
            raise LabError("no lab runs", "Start it: kernel/lab/lab up", status=125)
        return state

    def start(self, emulator, spec):
        """Boot what @spec describes; returns its state when the lab is ready.

        spec: image (kernel), initramfs, base, layer, disk, init; ports to use again, or none.
        """
        alive = self._alive_lock()
        if alive is None:
            raise LabError("a lab that never became ready still runs",
                           "End it: kernel/lab/lab down")
        self.state_file.unlink(missing_ok=True)
        self.console.write_bytes(b"")
        ours, sockets = {}, {}
        with contextlib.ExitStack() as stack:
            stack.enter_context(alive)
            for name in ("boot", "qmp"):
                ours[name], sockets[name] = _listener(self.dir / f"{name}.sock", stack)
            argv = [*emulator, *self._arguments(spec, sockets)]
            started = time.monotonic()
            with common.signals_held():
                guard = Guard(argv, self.dir / "qemu.log",
                              [alive.fileno(), *(s.fileno() for s in sockets.values())])
                stack.enter_context(guard)
            for listener in sockets.values():
                listener.close()
            alive.close()
            self._wait_for_boot(ours["boot"], BOOT_SECONDS[spec["init"]])
            state = {**spec, **self._ports(ours["qmp"]), "pid": guard.qemu_pid,
                     "boot_seconds": round(time.monotonic() - started, 1), "ready": True}
            common.write_atomically(self.state_file, json.dumps(state, indent=1), 0o600)
            guard.keep()
        return state

    def _arguments(self, spec, sockets):
        ports = spec.get("ports") or [0, 0]
        disks = []
        for name, readonly in (("base", "on"), ("layer", "on"), ("disk", "off")):
            # cache=unsafe: the disk need not outlive a crash of this machine.
            disks += ["-drive", f"if=none,id={name},format=raw,read-only={readonly},cache=unsafe,"
                                f"file={spec[name]}",
                      "-device", f"virtio-blk-ccw,drive={name},serial={name}"]
        return ["-M", "s390-ccw-virtio", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
                "-m", MEMORY, "-nodefaults", "-display", "none", "-no-reboot",
                "-name", "libvirt-ap lab", "-kernel", spec["image"],
                "-initrd", spec["initramfs"],
                "-append", f"{KERNEL_ARGS} lab.init={INITS[spec['init']]}", *disks,
                # restrict: nothing in the lab reaches the network, only the two forwards come in.
                "-netdev", "user,id=net,restrict=on,"
                           f"hostfwd=tcp:127.0.0.1:{ports[0]}-:16509,"
                           f"hostfwd=tcp:127.0.0.1:{ports[1]}-:16514",
                "-device", "virtio-net-ccw,netdev=net", "-device", "virtio-rng-ccw",
                "-device", "virtio-serial-ccw",
                "-chardev", f"socket,id=boot,fd={sockets['boot'].fileno()},server=on,wait=off",
                "-device", "virtserialport,chardev=boot,name=org.libvirt-ap.lab",
                "-chardev", f"file,id=console,path={self.console}",
                "-device", "sclpconsole,chardev=console",
                "-chardev", f"socket,id=qmp,fd={sockets['qmp'].fileno()},server=on,wait=off",
                "-mon", "chardev=qmp,mode=control"]

    def _wait_for_boot(self, boot, seconds):
        """Until the lab says ready; its end or its own complaint is an error."""
        deadline, text = time.monotonic() + seconds, b""
        while True:
            readable, _, _ = select.select([boot], [], [], max(0, deadline - time.monotonic()))
            data = boot.recv(4096) if readable else b""
            if not data:
                what = "ended while it booted" if readable else f"is not ready after {seconds} s"
                raise LabError(f"the lab {what}\n{self.tail()}",
                               f"Its console is in {self.console}.")
            text += data
            for line in text.decode(errors="replace").splitlines():
                word, _, rest = line.partition(" ")
                if word == "ready" or (word == "failed" and os.environ.get("LIBVIRT_AP_LAB_KEEP")):
                    return
                if word == "failed" and not os.environ.get("LIBVIRT_AP_LAB_KEEP"):
                    raise LabError(f"the lab does not come up: {rest}\n{self.tail()}",
                                   f"Its console is in {self.console}.")

    def tail(self):
        lines = self.console.read_text(encoding="utf-8", errors="replace").splitlines()
        lines += (self.dir / "qemu.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join("  " + line for line in lines[-15:] if line.strip())

    @staticmethod
    def _ports(qmp):
        info = Qmp(qmp).human("info usernet")
        found = {guest: int(host) for host, guest in
                 re.findall(r"HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", info)}
        return {"libvirt_port": found["16509"], "agent_port": found["16514"]}

    def stop(self):
        """End the machine at once; returns whether there was one. Not for the disk's sake."""
        alive = self._alive_lock()
        if alive is None:
            # Also one that hangs in its boot: it listens from its first moment on.
            with contextlib.suppress(OSError), \
                    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as qmp:
                _at(self.dir / "qmp.sock", qmp.connect)
                Qmp(qmp).send("quit")
            alive = self._alive_lock(wait=True)
            was = True
        else:
            was = False
        alive.close()
        for name in ("state.json", "boot.sock", "qmp.sock"):
            (self.dir / name).unlink(missing_ok=True)
        return was

    def wait_for_end(self, state, seconds):
        """Whether the machine powered itself off in time."""
        try:
            handle = os.pidfd_open(state["pid"])
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)


def ended(alive):
    """Whether no machine holds the lock @alive."""
    with open(alive, "a", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _at(path, function):
    """function(path of a socket), which may have 107 characters only: go by its directory."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        function(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


def _listener(path, stack):
    """(our connected end, the listening end for QEMU): QEMU need not be waited for."""
    path.unlink(missing_ok=True)
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    _at(path, listener.bind)
    listener.listen(4)
    ours = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    _at(path, ours.connect)
    return ours, listener


class Qmp:
    def __init__(self, connected):
        self.file = connected.makefile("rwb")
        self.file.readline()        # the greeting
        self.send("qmp_capabilities")

    def send(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                return answer.get("return")
        return None

    def human(self, line):
        return self.send("human-monitor-command", **{"command-line": line}) or ""


class Guard:
    """Starts QEMU so that it ends when we do, in whatever way, until keep() is called.

    A process between us and QEMU holds a pipe: when it ends, we end.
    """

    def __init__(self, argv, log, descriptors):
        read_end, self.pipe = os.pipe()
        pid_read, pid_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                os.close(pid_read)
                self._guard(argv, log, descriptors, read_end, pid_write)
            finally:
                os._exit(1)
        os.close(read_end)
        os.close(pid_write)
        with os.fdopen(pid_read) as answer:
            text = answer.read()
        self.qemu_pid = int(text) if text else None

    @staticmethod
    def _guard(argv, log, descriptors, read_end, pid_write):
        os.setsid()
        for signum in common.SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, common.SIGNALS)
        with open(log, "wb") as out:
            qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    pass_fds=descriptors, cwd="/")
        for descriptor in descriptors:
            os.close(descriptor)
        # Who is killed while it waits for the answer has no ear for it.
        with contextlib.suppress(BrokenPipeError):
            os.write(pid_write, str(qemu.pid).encode())
        os.close(pid_write)
        if not os.read(read_end, 1):
            qemu.kill()
            qemu.wait()
        os._exit(0)

    def __enter__(self):
        if self.qemu_pid is None:
            self.__exit__()
            raise LabError("QEMU does not start", "Run `kernel/lab/lab clean` and try again.")
        return self

    def keep(self):
        os.write(self.pipe, b"k")

    def __exit__(self, *_exception):
        os.close(self.pipe)
        os.waitpid(self.pid, 0)
