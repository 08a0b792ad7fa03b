# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages of any suite and architecture, as an ordinary user.

apt runs on a private state directory, so the machine's own packages, lists and locks stay as they
are. The archive's signature and every file's hash are checked by apt as always, against the keyring
of the package debian-archive-keyring.
"""

import contextlib
import json
import os
import pathlib
import re
import urllib.parse

from . import common
from .common import LabError

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")
# What the archive calls its suites beside their code names.
ALIASES = ("stable", "oldstable", "testing", "unstable")


def _stanzas(path):
    """(URIs, suites) of each source in an apt sources file, in either format."""
    text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    if str(path).endswith(".list"):
        for line in text.splitlines():
            match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
            if match:
                yield [match[1]], [match[2]]
        return
    for block in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.lower()
                fields[name] = value.strip()
        if ("deb" in fields.get("types", "").split()
                and fields.get("enabled", "yes").lower() not in ("no", "false", "0")):
            yield fields.get("uris", "").split(), fields.get("suites", "").split()


def mirror():
    """The URI of the Debian archive that the machine's own apt sources name."""
    if os.environ.get("LIBVIRT_AP_MIRROR"):
        return os.environ["LIBVIRT_AP_MIRROR"].rstrip("/")
    etc = pathlib.Path("/etc/apt")
    files = [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list")),
             *sorted(etc.glob("sources.list.d/*.sources"))]
    for path in files:
        if not path.is_file():
            continue
        for uris, suites in _stanzas(path):
            if any("security" in suite or suite.endswith("/") for suite in suites):
                continue
            for uri in uris:
                uri = uri.rstrip("/")
                # Mirrors keep the archive's own name as the last part of the path.
                if urllib.parse.urlparse(uri).path.split("/")[-1] == "debian":
                    return uri
    raise LabError("no apt source of this machine names a Debian archive",
                   "Set LIBVIRT_AP_MIRROR to the URI of a Debian mirror.")


def keyring():
    for path in KEYRINGS:
        if os.path.exists(path):
            return path
    raise LabError("Debian's archive keyring is missing",
                   "Install it: apt-get install debian-archive-keyring")


class Apt:
    """One suite for one architecture."""

    def __init__(self, suite, arch="s390x"):
        self.suite, self.arch = suite, arch
        self.root = common.cache_dir() / "apt" / f"{suite}-{arch}"
        self.archives = self.root / "archives"
        self.answers = self.root / "answers.json"
        self.name_file = self.root / "name"

    def _name(self):
        """What the mirror is asked for: the suite, or the alias under which its lists came."""
        return (common.read_text(self.name_file) or self.suite).strip()

    def _configure(self):
        for name in ("lists/partial", "archives/partial", "none/partial", "empty"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "status").touch()
        common.write_atomically(self.root / "sources.list",
                                f"deb [signed-by={keyring()}] {mirror()} {self._name()} main\n")
        # The machine's own way to the network (proxies and such) is kept, its hooks are not.
        acquire = [line for line in
                   common.call(["apt-config", "dump", "Acquire"]).splitlines()
                   if "IndexTargets" not in line]
        common.write_atomically(self.root / "apt.conf", "\n".join([
            f'Dir::Etc::parts "{self.root}/empty";', f'Dir::Etc::main "{self.root}/status";',
            *acquire,
            f'Dir::State "{self.root}";', f'Dir::State::status "{self.root}/status";',
            f'Dir::State::lists "{self.root}/lists";', f'Dir::Cache "{self.root}";',
            f'Dir::Cache::archives "{self.archives}";',
            f'Dir::Etc::sourcelist "{self.root}/sources.list";',
            f'Dir::Etc::sourceparts "{self.root}/empty";',
            f'Dir::Etc::preferences "{self.root}/status";',
            f'Dir::Etc::preferencesparts "{self.root}/empty";',
            f'APT::Architecture "{self.arch}";', f'APT::Architectures {{ "{self.arch}"; }};',
            'APT::Install-Recommends "false";', 'APT::Get::List-Cleanup "false";',
            'APT::Keep-Downloaded-Packages "true";', 'Acquire::Languages "none";',
            'Acquire::Retries "3";', 'DPkg::Lock::Timeout "600";',
            # root's apt would drop to a user who may not enter our directory.
            'APT::Sandbox::User "root";', ""]))

    def _call(self, *argv, **options):
        return common.call(argv, env={"APT_CONFIG": f"{self.root}/apt.conf"},
                           hint="Is the network up, and the mirror in your apt sources alive?",
                           **options)

    def _update(self):
        """Fetch the lists.

        A mirror, or a cache in front of it, can stay between two states for days: a new Release
        file, old lists, and apt refuses. It may still be whole under the suite's other name.
        """
        try:
            self._fetch_lists(self.suite)
        except LabError:
            for alias in ALIASES:
                with contextlib.suppress(LabError):
                    self._fetch_lists(alias)
                    common.say(f"the mirror is not whole as {self.suite}; it is as {alias}")
                    return
            self.forget()
            raise

    def _fetch_lists(self, name):
        self.forget()
        self.root.mkdir(parents=True, exist_ok=True)
        common.write_atomically(self.name_file, name)
        self._configure()
        self._call("apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any",
                   failing=f"cannot read the suite {self.suite}")
        release, = self.root.glob("lists/*_InRelease")
        if not re.search(rf"^Codename: {self.suite}$", release.read_text("utf-8"), re.M):
            raise LabError(f"the mirror's {name} is not {self.suite}")

    def _ask(self, key, function):
        """Answers are kept until forget(): a warm start asks neither apt nor the network."""
        kept = common.load_json(self.answers) or {}
        if kept.get("mirror") != mirror():
            kept = {"mirror": mirror()}
        if key not in kept:
            with common.locked(common.cache_dir() / f"apt-{self.suite}-{self.arch}.lock"):
                self._configure()
                if not any(self.root.glob("lists/*_Packages*")):
                    with common.step(f"fetching the package lists of {self.suite} for {self.arch}"):
                        self._update()
                kept[key] = function()
                latest = common.load_json(self.answers) or {}
                latest = latest if latest.get("mirror") == mirror() else {}
                common.write_atomically(self.answers, json.dumps({**latest, **kept}, indent=1))
        return kept[key]

    def forget(self):
        common.remove_tree(self.root / "lists")
        for path in (self.answers, self.name_file):
            path.unlink(missing_ok=True)

    def names(self, pattern):
        """Package names that match the regular expression @pattern."""
        return self._ask(f"names {pattern}", lambda: [
            line.split()[0] for line in
            self._call("apt-cache", "search", "--names-only", pattern).splitlines()])

    def closure(self, packages, depends=True):
        """Sorted (file name, URI) of the packages with all that they depend on."""
        key = ("all of " if depends else "alone ") + " ".join(sorted(packages))

        def resolve():
            # What is already downloaded is left out of the answer, so look at an empty cache.
            options = ["-q", "-y", "--print-uris", "-o", f"Dir::Cache::archives={self.root}/none"]
            text = self._call("apt-get", *options, "install" if depends else "download", *packages,
                              failing=f"{self.suite} cannot satisfy the package list")
            found = re.findall(r"^'([^']+)' (\S+\.deb) \d+ \S*$", text, re.M)
            if not found:
                raise LabError(f"{self.suite} has no package for: {' '.join(packages)}")
            return sorted([name, uri] for uri, name in found)
        return self._ask(key, resolve)

    def download(self, packages, what, depends=True):
        """Fetch that closure; returns the paths of the .deb files."""
        names = [name for name, _uri in self.closure(packages, depends)]
        # apt writes %3a in file names that it reads back, closure() reports them the same way.
        files = [self.archives / name for name in names]
        if all(path.exists() for path in files):
            return files
        with common.locked(common.cache_dir() / f"apt-{self.suite}-{self.arch}.lock"), \
                common.step(f"downloading {what} ({len(files)} packages)"):
            self._configure()
            if depends:
                self._call("apt-get", "-q", "-y", "--download-only", "install", *packages,
                           failing=f"cannot download {what}")
            else:
                # `apt-get download` writes where it stands and leaves the part of a file.
                self._call("apt-get", "-q", "download", *packages,
                           cwd=self.archives / "partial", failing=f"cannot download {what}")
                for name in names:
                    os.replace(self.archives / "partial" / name, self.archives / name)
        missing = [path.name for path in files if not path.exists()]
        if missing:
            raise LabError(f"apt did not deliver {', '.join(missing)}",
                           "Run `kernel/lab/lab refresh` and try again.")
        return files
