# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of another Debian release for this machine's architecture, unpacked in the cache: the
lab's code fetches them. Nothing is installed and no maintainer script runs."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "kernel/lab"))

# pylint: disable=wrong-import-position
from lablib import apt, common, image  # noqa: E402
from lablib.common import LabError  # noqa: E402,F401


def unpack(release, packages, what, depends=True):
    """The directory with the packages, and all that they depend on; LabError says why not."""
    arch = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                          text=True).stdout.strip()
    source = apt.suite(release, arch)
    want = apt.Want(tuple(packages), f"{what} of {release}", depends)
    key = common.digest("unpacked 1", arch, *source.closure(want))

    def fill(target):
        image.unpack_all(source.download(want), target)
    return common.cached(f"{what}-{release}-{key}", fill, what)
