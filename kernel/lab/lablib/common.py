# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every part of the lab uses: errors, places on disk, locks, progress, child processes."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

LAB_DIR = pathlib.Path(__file__).resolve().parent.parent
TOP_DIR = LAB_DIR.parent.parent


class LabError(Exception):
    """A failure that the user can understand: what went wrong, then what to do about it."""

    def __init__(self, message, hint=None, status=1):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status


class CallError(LabError):
    """A command ended with an exit code but 0; @output is all that it wrote."""

    def __init__(self, message, hint, output):
        super().__init__(message, hint)
        self.output = output


class Interrupted(Exception):
    """A signal asked us to end; main() ends by that signal once everything is cleaned up."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch_signals():
    def handler(signum, _frame):
        # A second Ctrl-C must not interrupt the clean-up of the first.
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        say("interrupted: cleaning up")
        raise Interrupted(signum)
    for signum in SIGNALS:
        # nohup and shells without job control start us with a signal ignored: leave it so.
        if signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, handler)


@contextlib.contextmanager
def signals_held():
    """Ctrl-C waits: what is started in here must not be forgotten."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


# --- places ---------------------------------------------------------------------------------------

def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = pathlib.Path(base) / "libvirt-ap"
    path.mkdir(parents=True, exist_ok=True)
    return path


def labs_dir():
    return cache_dir() / "labs"


def state_dir():
    """A lab's disks, sockets and locks; private, since the token in it opens the lab.

    Not in /run/user: that goes at logout, and the lab stays. Each checkout of the project has its
    own unless told otherwise: a lab runs the code of the checkout that started it.
    """
    name = os.environ.get("LIBVIRT_AP_LAB_NAME", f"default-{digest(str(TOP_DIR))[:8]}")
    if "/" in name or name in ("", ".", ".."):
        raise LabError(f"LIBVIRT_AP_LAB_NAME='{name}' is not a name", "Use letters and digits.")
    path = labs_dir() / name
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


@contextlib.contextmanager
def locked(path, waiting=None):
    """Hold an exclusive lock on @path; say @waiting when somebody else has it."""
    with open(path, "a", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


def digest(*parts):
    """A short hash over strings, and over the content of paths."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode()
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def cached(name, build, what):
    """The directory @name in the cache; when missing, build(tmp) fills one that is then renamed.

    An interrupted build leaves no half result: it is removed here, or by the next call if we were
    killed. Two calls at the same time share one build.
    """
    root = cache_dir()
    final = root / name
    if final.is_dir():
        os.utime(final)     # for prune()
        return final
    with locked(root / f"{name}.lock", f"waiting for another lab that builds the {what}"):
        if final.is_dir():
            return final
        for stale in root.glob(f"{name}.tmp*"):
            remove_tree(stale)
        temp = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}.tmp", dir=root))
        temp.chmod(0o755)
        try:
            build(temp)
            temp.rename(final)
        except BaseException:
            remove_tree(temp)
            raise
    return final


KEEP_DAYS = 14


def prune():
    """Remove what no lab used for a while: each change of an input leaves an older result."""
    for path in cache_dir().glob("*-????????????????"):
        if path.is_dir() and time.time() - path.stat().st_mtime > KEEP_DAYS * 86400:
            remove_tree(path)


def remove_tree(path):
    def writable(function, name, _info):
        # Packages have directories that not even their owner may write to.
        os.chmod(os.path.dirname(name), 0o700)
        if os.path.isdir(name) and not os.path.islink(name):
            os.chmod(name, 0o700)
        function(name)
    if os.path.lexists(path):
        shutil.rmtree(path, onerror=writable)


def size_of(path):
    """Bytes of all files below @path."""
    total = 0
    for directory, _names, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_size
    return total


def write_atomically(path, data, mode=0o644):
    path = pathlib.Path(path)
    handle, temp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(temp, mode)
    os.replace(temp, path)


# --- progress -------------------------------------------------------------------------------------

TIMES = []


def say(text):
    # On a terminal a Counter, of another process maybe, may stand in this line.
    start = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{start}lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    """Announce a long step, then tell how long it took."""
    say(f"{text} ...")
    start = time.monotonic()
    yield
    seconds = time.monotonic() - start
    TIMES.append((text, seconds))
    say(f"{text}: {seconds:.1f} s")


class Counter:
    """A line on a terminal that counts; silent elsewhere."""

    def __init__(self, text, total=None):
        self.text, self.total, self.count, self.shown = text, total, 0, 0.0
        self.live = sys.stderr.isatty()

    def tick(self):
        self.count += 1
        now = time.monotonic()
        if self.live and now - self.shown > 0.2:
            self.shown = now
            of = f" of about {self.total}" if self.total else ""
            print(f"\r\033[Klab: {self.text} {self.count}{of}", end="", file=sys.stderr, flush=True)

    def end(self):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


# --- children -------------------------------------------------------------------------------------

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with(parent, signum):
    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        # Python ignores it; a child such as `xz | tar` counts on it.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return prepare


def spawn(argv, signum=signal.SIGTERM, **options):
    """Popen in a process group of its own that gets @signum when we end, however we end."""
    options.setdefault("stdin", subprocess.DEVNULL)
    process = None
    try:
        # Python loses the exception of a signal that comes while its own hooks for fork() run.
        with signals_held():
            process = subprocess.Popen([str(word) for word in argv], start_new_session=True,
                                       preexec_fn=_die_with(os.getpid(), signum), **options)
        return process
    except Interrupted:
        if process:
            end_group(process)
        raise
    except FileNotFoundError as error:
        raise LabError(f"program '{argv[0]}' is missing",
                       "Install the packages that `kernel/lab/lab packages` lists.") from error


def end_group(process, patience=5):
    """End a child and its whole group, by force after @patience seconds; returns when it is gone.
    """
    for signum, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    # make and apt may leave grandchildren behind for a moment.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _cpu_time(group):
    """Ticks that a process group has taken: on a busy machine it may get few, but some."""
    total = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        fields = (read_text(path) or "").rpartition(") ")[2].split()
        if len(fields) > 14 and fields[2] == str(group):
            total += sum(int(ticks) for ticks in fields[11:15])
    return total


@contextlib.contextmanager
def _watched(process, seconds, measure):
    """End @process when it does nothing and @measure() gives the same for @seconds; the list it
    yields says so then."""
    ended, done = [], threading.Event()

    def look():
        return measure(), _cpu_time(process.pid)

    def watch():
        seen, since = look(), time.monotonic()
        while not done.wait(min(2, seconds / 4)):
            now = look()
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > seconds:
                ended.append(f"no byte came for {seconds} s")
                end_group(process)
                return
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield ended
    finally:
        done.set()
        watcher.join()


def tail(text):
    return "\n  ".join([line for line in text.splitlines() if line.strip()][-12:])


def call(argv, *, log=None, counter=None, env=None, cwd=None, stdin=None, failing=None, hint=None,
         stall=None):
    """Run a command to its end and return its output; an exit code but 0 is a CallError.

    With @log the output goes to that file as well, which the error then names. @stall, (seconds,
    function), ends a command for which the function gives the same for so long.
    """
    full_env = {**os.environ, "LC_ALL": "C", **(env or {})}
    process = spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=full_env, cwd=cwd,
                    **({"stdin": stdin} if stdin else {}))
    lines = []
    try:
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(open(log, "ab")) if log else None
            stalled = stack.enter_context(_watched(process, *stall)) if stall else []
            for line in process.stdout:
                lines.append(line)
                if sink:
                    sink.write(line)
                if counter:
                    counter(line)
        status = process.wait()
    except BaseException:
        end_group(process)
        raise
    text = "\n".join([b"".join(lines).decode(errors="replace"), *stalled])
    if status != 0:
        shown = " ".join(str(word) for word in argv[:3])
        where = f" The whole output is in {log}." if log else ""
        raise CallError(f"{failing or 'a command failed'}: `{shown} ...` ended with {status}"
                        f"\n  {tail(text)}", f"{hint or 'Read the lines above.'}{where}", text)
    return text


def sbin(program):
    """The path of a program that an ordinary user's PATH may not lead to."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return shutil.which(program, path=path) or program


def read_text(path):
    """The content of a small file of ours; None if there is none."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except OSError:
        return None


def load_json(path):
    try:
        return json.loads(read_text(path) or "")
    except ValueError:
        return None
