# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running a command in the lab: the PC's end of agent/lab-agent.c.

After the token (64 bytes) and the header (u32 size, then argv as NUL-terminated words) both sides
send frames: one byte type, u32 length, data. Numbers are big-endian.
  to the lab:   i stdin   e end of stdin   s signal number (u8)
  from there:   o stdout  r stderr  c stdin granted (u32)  x ended (u8 0 exit, 1 signal; u8 code)
Stdin flows only as far as it is granted, so signals and the end of the connection always pass.
"""

import os
import select
import signal
import socket
import struct

from .common import LabError

WINDOW = 4 * 65536
CHUNK = 65536


class Gone(LabError):
    """The lab ended while a command ran in it."""

    def __init__(self):
        super().__init__("the lab ended while the command ran", "Start it: kernel/lab/lab up",
                         status=125)


class Session:
    def __init__(self, port, token, argv):
        words = b"".join(os.fsencode(word) + b"\0" for word in argv)
        if any(b"\0" in os.fsencode(word) for word in argv) or not argv:
            raise LabError("nothing to run", "Say: lab run -- COMMAND [ARG ...]", status=2)
        try:
            self.sock = socket.create_connection(("127.0.0.1", port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock.sendall(token.encode() + struct.pack(">I", len(words)) + words)
        except OSError as error:
            raise Gone() from error
        self.received = b""

    def send(self, kind, data=b""):
        try:
            self.sock.sendall(kind + struct.pack(">I", len(data)) + data)
        except OSError as error:
            raise Gone() from error

    def frames(self):
        """The frames that have come in; at least one recv()."""
        try:
            data = self.sock.recv(CHUNK * 4)
        except OSError as error:
            raise Gone() from error
        if not data:
            raise Gone()
        self.received += data
        at = 0
        while len(self.received) - at >= 5:
            length, = struct.unpack_from(">I", self.received, at + 1)
            if len(self.received) - at < 5 + length:
                break
            yield self.received[at:at + 1], self.received[at + 5:at + 5 + length]
            at += 5 + length
        self.received = self.received[at:]


def _write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def run(port, token, argv):
    """Run @argv with our own three streams; returns the exit code as a shell would say it."""
    session = Session(port, token, argv)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    caught = []

    def forward(signum, _frame):
        caught.append(signum)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(signum, forward)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    credit, stdin_open = WINDOW, True
    try:
        os.fstat(0)
    except OSError:                     # we were started with stdin closed
        stdin_open = False
        session.send(b"e")
    try:
        while True:
            watched = [session.sock, wake_read] + ([0] if stdin_open and credit else [])
            ready, _, _ = select.select(watched, [], [])
            if wake_read in ready:
                os.read(wake_read, 512)
                for signum in caught:
                    session.send(b"s", bytes([signum]))
                if len(caught) > 2:     # asked three times: end it here, the agent ends it there
                    return 128 + caught[-1]
            if 0 in ready:
                try:
                    data = os.read(0, min(CHUNK, credit))
                except OSError:         # closed, or a directory: as good as empty
                    data = b""
                if data:
                    credit -= len(data)
                    session.send(b"i", data)
                else:
                    stdin_open = False
                    session.send(b"e")
            if session.sock not in ready:
                continue
            for kind, data in session.frames():
                if kind == b"c":
                    credit += struct.unpack(">I", data)[0]
                elif kind == b"x":
                    return data[1] + (128 if data[0] else 0)
                else:
                    _write_all(1 if kind == b"o" else 2, data)
    except BrokenPipeError:
        # Whoever read our output is gone: end as a local command would. Closing the connection
        # ends the one in the lab.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
        return 128 + signal.SIGPIPE
    finally:
        signal.set_wakeup_fd(-1)


def output(port, token, argv, stdin=b""):
    """Run @argv, return (exit code, stdout, stderr); for the lab's own use."""
    session = Session(port, token, argv)
    streams = {b"o": b"", b"r": b""}
    if len(stdin) > WINDOW:
        raise LabError("too much input for a command in the lab")
    for at in range(0, len(stdin), CHUNK):
        session.send(b"i", stdin[at:at + CHUNK])
    session.send(b"e")
    while True:
        for kind, data in session.frames():
            if kind == b"x":
                return data[1] + (128 if data[0] else 0), streams[b"o"], streams[b"r"]
            if kind in streams:
                streams[kind] += data


def checked(port, token, argv, stdin=b""):
    code, out, err = output(port, token, argv, stdin)
    if code:
        raise LabError(f"`{' '.join(argv)}` in the lab ended with {code}: "
                       f"{err.decode(errors='replace').strip()}")
    return out


