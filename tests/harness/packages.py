# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two generations of mdevctl: this machine's own, and the other from the Debian release that
has it.

apt fetches it into a private directory, checks the archive's signature and the hashes as always;
nothing is installed. A machine that cannot have it skips the tests that need it.
"""

import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")
# Version of mdevctl -> release that has it. 1.2 speaks the old protocol, 1.4 the versioned one.
RELEASES = {"1.2": "bookworm", "1.4": "trixie"}


@dataclasses.dataclass
class Mdevctl:
    """One mdevctl; reason says why it is missing."""

    version: str
    argv: list
    directory: str = None
    reason: str = None


def to_json(mdevctls):
    return json.dumps([dataclasses.asdict(m) for m in mdevctls])


def from_json(text):
    return [Mdevctl(**m) for m in json.loads(text)]


def _mirror():
    """The Debian archive that the machine's own apt sources name."""
    text = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"],
                          check=False, capture_output=True, text=True).stdout
    uris = [uri.rstrip("/") for uri in text.split()]
    # Mirrors keep the archive's own name as the last part of the path.
    return next((uri for uri in uris if uri.endswith("/debian")), None)


def _apt(directory, *argv):
    return subprocess.run(argv, env={**os.environ, "APT_CONFIG": str(directory / "apt.conf")},
                          check=True, capture_output=True, text=True, cwd=directory).stdout


def _configure(directory, release):
    keyring = next((k for k in KEYRINGS if os.path.exists(k)), None)
    mirror = os.environ.get("LIBVIRT_AP_MIRROR") or _mirror()
    if not keyring or not mirror:
        raise OSError("no Debian archive in this machine's apt sources, or no archive keyring")
    for name in ("lists/partial", "cache/archives/partial", "empty"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "status").touch()
    (directory / "sources.list").write_text(
        f"deb [signed-by={keyring}] {mirror} {release} main\n", encoding="utf-8")
    network = [line for line in
               subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True,
                              text=True).stdout.splitlines() if "IndexTargets" not in line]
    (directory / "apt.conf").write_text("\n".join([
        f'Dir::Etc::parts "{directory}/empty";', f'Dir::Etc::main "{directory}/status";',
        *network,
        f'Dir::State "{directory}";', f'Dir::State::status "{directory}/status";',
        f'Dir::State::lists "{directory}/lists";', f'Dir::Cache "{directory}/cache";',
        f'Dir::Etc::sourcelist "{directory}/sources.list";',
        f'Dir::Etc::sourceparts "{directory}/empty";',
        f'Dir::Etc::trusted "{directory}/status";', f'Dir::Etc::trustedparts "{directory}/empty";',
        f'Dir::Etc::preferences "{directory}/status";',
        f'Dir::Etc::preferencesparts "{directory}/empty";',
        'Acquire::Languages "none";', 'Acquire::Retries "1";', 'Acquire::http::Timeout "20";',
        'APT::Sandbox::User "root";', ""]), encoding="utf-8")


def _unpack(directory, release):
    _configure(directory, release)
    _apt(directory, "apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any")
    _apt(directory, "apt-get", "-q", "download", "mdevctl", "libc6", "libgcc-s1")
    shutil.rmtree(directory / "root", ignore_errors=True)
    for package in sorted(directory.glob("*.deb")):
        _apt(directory, "dpkg-deb", "-x", str(package), str(directory / "root"))
        package.unlink()
    for name in ("lists", "cache"):
        shutil.rmtree(directory / name)
    (directory / "complete").touch()


def _fetch(release):
    """The directory with the unpacked mdevctl of a release, and the C library that it needs."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    arch = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                          text=True).stdout.strip()
    directory = cache / "libvirt-ap" / "mdevctl" / f"{release}-{arch}"
    if (directory / "complete").exists():
        return directory / "root"
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "complete").exists():
            _unpack(directory, release)
    return directory / "root"


def _fetched(version):
    try:
        root = _fetch(RELEASES[version])
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        return Mdevctl(version, [], reason=f"mdevctl {version} cannot be had: "
                                           f"{detail.strip().splitlines()[-1]}")
    loader = next(root.glob("**/ld-linux-x86-64.so.2"), None) or next(root.glob("**/ld64.so.1"))
    library = next(root.glob("**/libc.so.6")).parent
    program = next(p for p in root.glob("usr/*bin/mdevctl"))
    return Mdevctl(version, [str(loader), "--library-path", str(library), str(program)],
                   directory=str(root))


def _installed():
    program = shutil.which("mdevctl", path="/usr/bin:/usr/sbin:/bin:/sbin")
    if not program:
        return None
    text = subprocess.run([program, "--version"], check=False, capture_output=True,
                          text=True).stdout
    match = re.search(r"(\d+\.\d+)", text)
    version = {"1.3": "1.4"}.get(match[1], match[1]) if match else None
    return Mdevctl(version, [program]) if version in RELEASES else None


def find_mdevctls():
    """One Mdevctl for each known version."""
    installed = _installed()
    return [installed if installed and installed.version == version else _fetched(version)
            for version in RELEASES]
