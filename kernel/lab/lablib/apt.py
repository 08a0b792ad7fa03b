# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages of any suite and architecture, as an ordinary user.

apt runs on a private state directory, so the machine's own packages, lists and locks stay as they
are. The archive's signature and every file's hash are checked by apt as always, against the keyring
of the package debian-archive-keyring.

A mirror, or a cache in front of it, can stay between two states for days: lists that do not match
their Release file, lists that name files which are gone. It may still be whole under another of the
suite's names. So what is taken is a view: the suite by one of its names, with the updates and the
security archive where those verify. A view is chosen when it has every file that is asked for.
"""

import concurrent.futures
import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import re
import threading
import urllib.parse

from . import common
from .common import LabError

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")
# What the archive calls its suites beside their code names.
ALIASES = ("stable", "oldstable", "testing", "unstable")
# Seconds without a byte after which a mirror counts as dead, and those for one answer about a file.
STALL = 40
ANSWER = 10
NO_ANSWER = re.compile(r"Could not (connect|resolve)|Unable to connect|Temporary failure|"
                       r"[Cc]onnection (timed out|failed|refused)|unreachable|no byte came")
FAILED = re.compile(r"^E: Failed to fetch (\S+)\s+(.*)$", re.M)


# --- where the packages are -----------------------------------------------------------------------

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


def _machine_sources(etc=pathlib.Path("/etc/apt")):
    """(URI, suites) of each archive that this machine's own apt knows."""
    for path in (etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list")),
                 *sorted(etc.glob("sources.list.d/*.sources"))):
        if path.is_file():
            for uris, suites in _stanzas(path):
                for uri in uris:
                    yield from ((each, suites) for each in _expand(uri))


def _expand(uri):
    """The URIs that one in apt's sources stands for, in the form that we can use."""
    if uri.startswith("mirror+file:"):
        # As Debian's images for clouds have it: a file with a URI in each line.
        text = common.read_text(urllib.parse.urlparse(uri).path) or ""
        words = [line.split()[0] for line in text.splitlines() if line.split()]
        return [word.rstrip("/") for word in words if ":" in word]
    # apt takes packages from where a file: URI says and puts none into our cache.
    return [re.sub("^file:", "copy:", uri).rstrip("/")]


def _is_security(suites):
    return any("security" in suite for suite in suites)


def mirrors():
    """The URIs of the Debian archives that the machine's own apt sources name."""
    if os.environ.get("LIBVIRT_AP_MIRROR"):
        return [os.environ["LIBVIRT_AP_MIRROR"].rstrip("/")]
    # Mirrors keep the archive's own name as the last part of the path.
    found = [uri for uri, suites in _machine_sources()
             if not _is_security(suites) and not any(suite.endswith("/") for suite in suites)
             and urllib.parse.urlparse(uri).path.split("/")[-1] == "debian"]
    if not found:
        raise LabError("no apt source of this machine names a Debian archive",
                       "Set LIBVIRT_AP_MIRROR to the URI of a Debian mirror.")
    return list(dict.fromkeys(found))


def security_archive(mirror):
    """The security archive: the one in the machine's sources, else the sibling of @mirror."""
    if not os.environ.get("LIBVIRT_AP_MIRROR"):
        for uri, suites in _machine_sources():
            if _is_security(suites) and "debian" in uri:
                return uri
    return f"{mirror}-security"


def keyring():
    for path in KEYRINGS:
        if os.path.exists(path):
            return path
    raise LabError("Debian's archive keyring is missing",
                   "Install it: apt-get install debian-archive-keyring")


# --- what is asked for, and of whom ---------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Want:
    """Packages that are needed together, with all that they depend on or alone.

    A word that starts with `^` is a regular expression: the highest of the names that match it.
    """

    packages: tuple
    what: str
    depends: bool = True

    @property
    def key(self):
        return ("all of " if self.depends else "alone ") + " ".join(sorted(self.packages))


@dataclasses.dataclass(frozen=True)
class Source:
    """A line of apt's sources; @codename is what its signed Release file must say."""

    uri: str
    suite: str
    codename: str


class Unfit(LabError):
    """Why a source or a view cannot be used; @dead: its mirror does not answer at all."""

    def __init__(self, message, dead=False):
        super().__init__(message)
        self.dead = dead


class Files:
    """Whether mirrors have files: asked side by side, each once.

    Where it cannot be asked the download itself tells: behind a proxy, of a file that moved, of a
    mirror that does not answer in time.
    """

    def __init__(self):
        self.known, self.silent = {}, threading.Event()
        # One look-up of a name at a time: resolvers drop some of many, and wait for seconds.
        self.connecting, self.own = threading.Lock(), threading.local()
        if _proxies():
            self.silent.set()

    def _connection(self, parts, again):
        """This thread's connection to a mirror; a new one with @again, the mirror may close it."""
        kept = self.own.__dict__.setdefault("kept", {})
        place = (parts.scheme, parts.netloc)
        if again or place not in kept:
            kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            kept[place] = kind[parts.scheme](parts.netloc, timeout=ANSWER)
            with self.connecting:
                kept[place].connect()
        return kept[place]

    def _head(self, parts, again=False):
        try:
            connection = self._connection(parts, again)
            connection.request("HEAD", parts.path, headers={"User-Agent": "libvirt-ap lab"})
            answer = connection.getresponse()
            answer.read()
            return answer
        except (ConnectionError, http.client.HTTPException):
            if again:
                raise
            return self._head(parts, again=True)

    def _ask(self, uri, size):
        """Why the file cannot be had; None: it can, or only its download will tell."""
        parts = urllib.parse.urlparse(uri)
        if self.silent.is_set() or parts.scheme not in ("http", "https"):
            return None
        try:
            answer = self._head(parts)
        except (OSError, http.client.HTTPException):
            self.silent.set()
            return None
        length = answer.getheader("Content-Length")
        if answer.status == 200 and length not in (None, size):
            return f"{length} bytes, not {size}"
        return f"{answer.status} {answer.reason}" if answer.status in (404, 410) else None

    def missing(self, files):
        """{name: reason} of those of @files, (name, URI, size), that the mirror has not."""
        fresh = [(uri, size) for _name, uri, size in files if uri not in self.known]
        pool = concurrent.futures.ThreadPoolExecutor(8)
        try:
            asked = pool.map(lambda one: self._ask(*one), fresh)
            self.known.update(zip((uri for uri, _size in fresh), asked))
        finally:
            pool.shutdown(cancel_futures=True)
        return {name: self.known[uri] for name, uri, _size in files if self.known[uri]}


def _proxies():
    """Whether apt goes to mirrors through a proxy, or may."""
    by_apt = [line for line in acquire_settings()
              if re.match(r'Acquire::https?::\S*Proxy\S* "(?!DIRECT").+";', line, re.I)]
    by_environment = [name for name in ("http_proxy", "https_proxy", "all_proxy")
                      if os.environ.get(name)]
    return bool(by_apt or by_environment)


class Place:
    """A state directory of apt with some sources."""

    def __init__(self, path, sources, arch, archives):
        self.path, self.sources, self.arch, self.archives = path, sources, arch, archives

    def configure(self):
        for name in ("lists/partial", "none/partial", "empty"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        (self.archives / "partial").mkdir(parents=True, exist_ok=True)
        (self.path / "status").touch()
        common.write_atomically(self.path / "sources.list", "".join(
            f"deb [signed-by={keyring()}] {source.uri} {source.suite} main\n"
            for source in self.sources))
        root = self.path
        common.write_atomically(root / "apt.conf", "\n".join([
            f'Dir::Etc::parts "{root}/empty";', f'Dir::Etc::main "{root}/status";',
            *acquire_settings(),
            f'Dir::State "{root}";', f'Dir::State::status "{root}/status";',
            f'Dir::State::lists "{root}/lists";', f'Dir::Cache "{root}";',
            f'Dir::Cache::archives "{self.archives}";',
            f'Dir::Etc::sourcelist "{root}/sources.list";',
            f'Dir::Etc::sourceparts "{root}/empty";',
            f'Dir::Etc::preferences "{root}/status";',
            f'Dir::Etc::preferencesparts "{root}/empty";',
            f'APT::Architecture "{self.arch}";', f'APT::Architectures {{ "{self.arch}"; }};',
            'APT::Install-Recommends "false";', 'APT::Get::List-Cleanup "false";',
            'APT::Keep-Downloaded-Packages "true";', 'Acquire::Languages "none";',
            'Acquire::Retries "3";', 'DPkg::Lock::Timeout "600";',
            'APT::Update::Error-Mode "any";',
            # Whatever this machine allows itself: nothing that is not signed.
            'APT::Get::AllowUnauthenticated "false";',
            'Acquire::AllowInsecureRepositories "false";',
            'Acquire::AllowWeakRepositories "false";',
            'Acquire::AllowDowngradeToInsecureRepositories "false";',
            # root's apt would drop to a user who may not enter our directory.
            'APT::Sandbox::User "root";', ""]))

    def call(self, *argv, **options):
        return common.call(argv, env={"APT_CONFIG": f"{self.path}/apt.conf"}, **options)

    def fetch(self, *argv, progress, **options):
        """A call that downloads: its failure is Unfit and names the files."""
        try:
            return self.call(*argv, stall=(STALL, progress), **options)
        except common.CallError as error:
            dead = bool(NO_ANSWER.search(error.output))
            raise Unfit(_failures(error.output), dead) from error


def _failures(text):
    """What apt said of the files that it did not get; else its other errors or last words."""
    failed = FAILED.findall(text)
    if not failed:
        lines = [line for line in text.splitlines() if NO_ANSWER.search(line)]
        errors = re.findall("^E: (.*)$", text, re.M) + [line for line in lines if line[:2] != "E:"]
        return "\n    ".join(errors) or common.tail(text)
    return _list_files({uri.split("/")[-1]: reason for uri, reason in failed})


def _list_files(reasons):
    """'3 files cannot be had: ...', each with the reason."""
    return (f"{len(reasons)} file{'s' * (len(reasons) > 1)} cannot be had:"
            + "".join(f"\n    {name}: {reason}" for name, reason in reasons.items()))


def acquire_settings():
    """The machine's own way to the network (proxies and such), without its hooks."""
    return [line for line in common.call(["apt-config", "dump", "Acquire"]).splitlines()
            if "IndexTargets" not in line]


class View(Place):
    """Sources that are taken together, with what was resolved in them."""

    def __init__(self, suite, sources):
        self.resolved, self.fresh = {}, False
        name = common.digest(*(f"{source.uri} {source.suite}" for source in sources))
        super().__init__(suite.root / "views" / name, sources, suite.arch, suite.archives)

    def __str__(self):
        by_uri = {}
        for source in self.sources:
            by_uri.setdefault(source.uri, []).append(source.suite)
        return " and ".join(f"{', '.join(suites)} of {uri}" for uri, suites in by_uri.items())

    @property
    def usable(self):
        return any(self.path.glob("lists/*_Packages*"))

    def take_lists(self, places):
        """Make it of the lists that were fetched for each of its sources, once."""
        if self.fresh:
            return
        self.resolved, self.fresh = {}, True
        common.remove_tree(self.path)
        self.configure()
        for place in places:
            for path in (place.path / "lists").iterdir():
                if path.is_file() and path.name != "lock":
                    os.link(path, self.path / "lists" / path.name)

    def _names(self, word):
        if not word.startswith("^"):
            return word
        names = [line.split()[0] for line in
                 self.call("apt-cache", "search", "--names-only", word).splitlines()]
        if not names:
            raise Unfit(f"it has no package whose name matches {word}")
        return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])

    def resolve(self, want):
        """Sorted (file name, URI, size) of what is wanted."""
        if want.key not in self.resolved:
            packages = [self._names(word) for word in want.packages]
            # What is already downloaded is left out of the answer, so look at an empty cache.
            options = ["-q", "-y", "--print-uris", "-o", f"Dir::Cache::archives={self.path}/none"]
            try:
                text = self.call("apt-get", *options, "install" if want.depends else "download",
                                 *packages)
            except common.CallError as error:
                raise Unfit(f"it does not have {want.what}: {common.tail(error.output)}") from error
            found = re.findall(r"^'([^']+)' (\S+\.deb) (\d+) \S*$", text, re.M)
            if not found:
                raise Unfit(f"it has no package for: {' '.join(packages)}")
            self.resolved[want.key] = sorted((name, uri, size) for uri, name, size in found)
        return self.resolved[want.key]

    def download(self, want, names):
        """Fetch the files @names of @want into the archives, unless they are there."""
        if all((self.archives / name).exists() for name in names):
            return
        def progress():
            return common.size_of(self.archives)
        packages = [self._names(word) for word in want.packages]
        with common.step(f"downloading {want.what} ({len(names)} packages)"):
            if want.depends:
                self.fetch("apt-get", "-q", "-y", "--download-only", "install", *packages,
                           progress=progress)
            else:
                # `apt-get download` writes where it stands and leaves the part of a file.
                self.fetch("apt-get", "-q", "download", *packages, progress=progress,
                           cwd=self.archives / "partial")
                for name in names:
                    os.replace(self.archives / "partial" / name, self.archives / name)
        # apt writes %3a in file names that it reads back, resolve() has them in the same way.
        missing = {name: "apt did not deliver it" for name in names
                   if not (self.archives / name).exists()}
        if missing:
            raise Unfit(_list_files(missing))


# --- a suite --------------------------------------------------------------------------------------

class Apt:
    """One suite for one architecture."""

    def __init__(self, suite, arch="s390x"):
        self.suite, self.arch = suite, arch
        self.root = common.cache_dir() / "apt" / f"{suite}-{arch}"
        self.archives = self.root / "archives"
        self.chosen = self.root / "chosen.json"
        self._know_nothing()

    def _know_nothing(self):
        self.fetched, self.views, self.files, self.dead, self.told = {}, {}, None, set(), None

    # What was decided is kept until forget(): a warm start asks neither apt nor the network.

    def _kept(self):
        kept = common.load_json(self.chosen) or {}
        return kept["wants"] if kept.get("mirrors") == mirrors() else {}

    def _keep(self, view, found):
        wants = {**self._kept(), **{key: {
            "view": [dataclasses.astuple(source) for source in view.sources],
            "files": [name for name, _uri, _size in files]} for key, files in found.items()}}
        common.write_atomically(self.chosen, json.dumps({"mirrors": mirrors(), "wants": wants},
                                                        indent=1))

    def forget(self):
        self.chosen.unlink(missing_ok=True)
        for name in ("sources", "views"):
            common.remove_tree(self.root / name)
        self._know_nothing()

    def _lock(self):
        return common.locked(common.cache_dir() / f"apt-{self.suite}-{self.arch}.lock",
                             f"waiting for another lab that fetches packages of {self.suite}")

    # --- views

    def _view(self, sources):
        return self.views.setdefault(tuple(sources), View(self, sources))

    def _fetch_lists(self, source):
        """The place with the lists of @source, verified; else Unfit."""
        if source not in self.fetched:
            try:
                if source.uri in self.dead:
                    raise Unfit("it does not answer")
                self.fetched[source] = self._fetch_lists_now(source)
            except Unfit as error:
                self.fetched[source] = error
                self._bury([source], error)
        if isinstance(self.fetched[source], Unfit):
            raise self.fetched[source]
        return self.fetched[source]

    def _bury(self, sources, error):
        """A mirror that does not answer is not asked for its other views: each takes its time."""
        if error.dead:
            self.dead.update(source.uri for source in sources)

    def _fetch_lists_now(self, source):
        place = Place(self.root / "sources" / common.digest(source.uri, source.suite), [source],
                      self.arch, self.archives)
        place.configure()
        update = ("apt-get", "-q", "update")

        def progress():
            return common.size_of(place.path / "lists")
        # The signed Release file alone first: it says which suite the name stands for.
        place.fetch(*update, "-o", "Acquire::IndexTargets::deb::Packages::DefaultEnabled=false",
                    progress=progress)
        line = re.compile(rf"^Codename: {re.escape(source.codename)}$", re.M)
        if not all(line.search(release.read_text("utf-8"))
                   for release in place.path.glob("lists/*Release")):
            raise Unfit(f"it is not {source.codename}")
        place.fetch(*update, progress=progress)
        return place

    def _extras(self, mirror, name):
        """The security archive and the updates, where they verify."""
        for uri, kind in ((security_archive(mirror), "security"), (mirror, "updates")):
            source = Source(uri, f"{name}-{kind}", f"{self.suite}-{kind}")
            with contextlib.suppress(Unfit):
                self._fetch_lists(source)
                yield source

    def _each_view(self, unfit):
        """The views to look at, best first; why names are left out goes into @unfit."""
        for answer in reversed(self._kept().values()):
            view = self._view([Source(*fields) for fields in answer["view"]])
            if view.usable:
                view.configure()
                yield view
        for mirror in mirrors():
            for name in dict.fromkeys((self.suite, *ALIASES)):
                if mirror in self.dead:
                    break
                base = Source(mirror, name, self.suite)
                try:
                    self._fetch_lists(base)
                except Unfit as error:
                    unfit.append((f"{name} of {mirror}", error))
                    continue
                yield from self._with_extras(base)

    def _with_extras(self, base):
        extras = list(self._extras(base.uri, base.suite))
        for count in range(len(extras), -1, -1):
            for some in itertools.combinations(extras, count):
                if base.uri in self.dead:
                    return
                view = self._view([base, *some])
                view.take_lists(self._fetch_lists(source) for source in view.sources)
                yield view

    # --- choosing

    def _look(self, view, wants):
        """{key: files} of @wants in @view, which has them all; else Unfit."""
        if self.files is None:
            self.files = Files()
        found = {want.key: view.resolve(want) for want in wants}
        missing = self.files.missing([
            one for files in found.values() for one in files
            if not (self.archives / one[0]).exists()])
        if missing:
            raise Unfit(_list_files(missing))
        return found

    def settle(self, fetch, also=()):
        """Decide on a view that has every file of the wants @fetch and @also, and fetch @fetch."""
        kept = self._kept()
        fetch = [want for want in fetch if want.key not in kept]
        also = [want for want in also if want.key not in kept]
        if not fetch and not also:
            return
        with self._lock(), contextlib.ExitStack() as stack:
            if not self.fetched:
                stack.enter_context(common.step(
                    f"looking for packages of {self.suite} for {self.arch}"))
            self._settle(fetch, also)

    def _settle(self, fetch, also):
        unfit = []
        for view in self._each_view(unfit):
            try:
                found = self._look(view, [*fetch, *also])
                for want in fetch:
                    view.download(want, [name for name, _uri, _size in found[want.key]])
            except Unfit as error:
                unfit.append((str(view), error))
                self._bury(view.sources[:1], error)
                continue
            if fetch:
                self._keep(view, {want.key: found[want.key] for want in fetch})
            self._tell(" and ".join(want.what for want in [*fetch, *also]), view, unfit)
            return
        reasons, said = "", {}
        for what, error in unfit:
            same = said.setdefault(error.message, what)
            text = error.message if same == what else f"the same as {same}"
            reasons += f"\n  {what}: {text}"
        raise LabError(
            f"no mirror has all that is needed of {self.suite} for {self.arch}{reasons}",
            "Set LIBVIRT_AP_MIRROR to the URI of another Debian mirror, or try again later.")

    def _tell(self, what, view, unfit):
        """The choice in one line, with the reason where it is not the first."""
        why = ""
        if unfit:
            other, error = unfit[0]
            why = f"; not from {other}: {error.message.splitlines()[0].rstrip(':')}"
        text = f"{what} for {self.arch}: from {view}{why}"
        if text != self.told:
            common.say(text)
        self.told = text

    def known(self, want):
        """The file names of @want if that is decided, without asking anybody; else None."""
        return self._kept().get(want.key, {}).get("files")

    def _answer(self, want):
        self.settle([want])
        return self._kept()[want.key]

    def closure(self, want):
        """Sorted file names of @want."""
        return self._answer(want)["files"]

    def download(self, want):
        """The paths of the .deb files of @want."""
        answer = self._answer(want)
        files = [self.archives / name for name in answer["files"]]
        if not all(path.exists() for path in files):
            # They were removed since.
            with self._lock():
                try:
                    view = self._view([Source(*fields) for fields in answer["view"]])
                    view.configure()
                    view.download(want, answer["files"])
                except Unfit as error:
                    raise LabError(f"cannot download {want.what} again: {error.message}",
                                   "Run `kernel/lab/lab refresh` and try again.") from error
        return files


_SUITES = {}


def suite(name, arch="s390x"):
    """The Apt of a suite: one in each process, which remembers what it found out."""
    return _SUITES.setdefault((common.cache_dir(), name, arch), Apt(name, arch))
