# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of another Debian release for this machine's architecture, and sources of packages,
unpacked in the cache: the lab's code fetches them. Nothing is installed and no maintainer script
runs."""

import pathlib
import re
import subprocess
import sys
import tarfile

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


class SourcePlace(apt.Place):
    """A state directory of apt that knows the source packages of a suite."""

    def configure(self):
        super().configure()
        path = self.path / "sources.list"
        common.write_atomically(path, path.read_text("utf-8").replace("deb ", "deb-src ", 1))

    def _get(self, *argv, **options):
        self.fetch("apt-get", "-q", *argv, progress=lambda: common.size_of(self.path), **options)

    def fetch_source(self, package, target):
        """Downloads what the authors of @package released to the directory @target."""
        self.configure()
        self._get("update")
        codename = re.compile(rf"^Codename: {re.escape(self.sources[0].codename)}$", re.M)
        for path in self.path.glob("lists/*Release"):
            if not codename.search(path.read_text("utf-8")):
                raise apt.Unfit(f"it is not {self.sources[0].codename}")
        self._get("--tar-only", "--download-only", "source", package, cwd=target)
        return next(target.glob("*.orig.tar.*"))


def fetch_source(release, package, target):
    """The archive of the source of @package, checked by apt; LabError says why there is none."""
    unfit = apt.Unfit("no mirror is known")
    for mirror in apt.mirrors():
        for name in (release, *apt.ALIASES):
            place = SourcePlace(target / "apt", [apt.Source(mirror, name, release)], "amd64",
                                target / "apt/archives")
            try:
                with common.step(f"downloading the source of {package} from {name} of {mirror}"):
                    return place.fetch_source(package, target)
            except apt.Unfit as error:
                unfit = unfit if name != release else error
                common.remove_tree(target / "apt")
    raise unfit


def unpack_source(release, package, directory):
    """The directory @directory of the source of @package; LabError says why there is none."""
    def fill(target):
        with tarfile.open(fetch_source(release, package, target)) as tar:
            for member in tar:
                inside = member.name.partition("/")[2]
                if member.isfile() and inside.startswith(f"{directory}/"):
                    path = target / "source" / inside
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(tar.extractfile(member).read())
        common.remove_tree(target / "apt")
        for path in target.glob("*.tar.*"):
            path.unlink()
    key = common.digest("source 2", release, package, directory)
    return common.cached(f"{package}-{release}-{key}", fill,
                         f"source of {package}") / "source" / directory
