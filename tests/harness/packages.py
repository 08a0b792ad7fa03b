# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two generations of mdevctl: this machine's own, and the other from the Debian release that
has it. A machine that cannot have it skips the tests that need it."""

import dataclasses
import json
import re
import shutil
import subprocess

from harness import debian

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


def _fetched(version):
    try:
        # With the C library that it needs, nothing else.
        root = debian.unpack(RELEASES[version], ["mdevctl", "libc6", "libgcc-s1"], "mdevctl",
                             depends=False)
    except (OSError, debian.LabError) as error:
        return Mdevctl(version, [], reason=f"mdevctl {version} cannot be had: {error}")
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
