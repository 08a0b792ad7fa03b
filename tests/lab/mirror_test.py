#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the lab's packages come from, tried with mirrors on loopback that are not whole.

The mirror is a real one: packages, lists, a signature, asked by the real apt. Exit code 77: this
machine lacks what makes it.
"""

import contextlib
import functools
import hashlib
import http.server
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "kernel/lab"))

from lablib import apt, common  # noqa: E402 pylint: disable=wrong-import-position

NEEDED = ("gpg", "apt-get", "dpkg-deb")
NAMES = ("one", "two")
# Seconds without a byte, where a test waits for that; the machine may be busy.
IMPATIENT = 4
WANT = apt.Want(NAMES, "the packages")


class Keys:
    """A key that apt is told to trust, and one that it is not."""

    def __init__(self, directory):
        self.home = pathlib.Path(directory)
        self.trusted = self.home / "trusted.gpg"
        for name in ("good", "bad"):
            self.gpg("--quick-gen-key", f"{name}@lab", "rsa2048", "sign", "never")
        self.trusted.write_bytes(self.gpg("--export", "good@lab"))

    def gpg(self, *words, data=b""):
        return subprocess.run(
            ["gpg", "--homedir", self.home, "--batch", "--quiet", "--passphrase", "", *words],
            input=data, check=True, capture_output=True).stdout

    def sign(self, text, key="good"):
        return self.gpg("--clearsign", "-u", f"{key}@lab", data=text.encode())


def make_package(directory, name, version):
    """A small package for s390x; (its file name, its stanza)."""
    deb = directory / f"{name}_{version}_s390x.deb"
    control = (f"Package: {name}\nVersion: {version}\nArchitecture: s390x\n"
               "Maintainer: nobody <nobody@lab>\nDescription: a package\n")
    with tempfile.TemporaryDirectory() as tree:
        (pathlib.Path(tree) / "DEBIAN").mkdir(mode=0o755)
        (pathlib.Path(tree) / "DEBIAN/control").write_text(control, encoding="ascii")
        (pathlib.Path(tree) / "data").write_bytes(os.urandom(20000))
        subprocess.run(["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", tree, deb], check=True,
                       stdout=subprocess.DEVNULL)
    data = deb.read_bytes()
    return deb.name, (f"{control}Filename: pool/main/{deb.name}\nSize: {len(data)}\n"
                      f"SHA256: {hashlib.sha256(data).hexdigest()}\n")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the archive, but for what a test broke."""

    protocol_version = "HTTP/1.1"

    def _answer(self, body):
        mirror = self.server.mirror
        mirror.asked.append((self.command, self.path))
        fault = next((fault for pattern, fault in mirror.faults
                      if re.search(pattern, f"{self.command} {self.path}")), None)
        if fault:
            fault(self)
        else:
            super().do_GET() if body else super().do_HEAD()

    def do_GET(self):
        self._answer(True)

    def do_HEAD(self):
        self._answer(False)

    def log_message(self, *_args):
        pass


def status(code):
    return lambda handler: handler.send_error(code)


def hang(handler):
    handler.server.mirror.gone.wait(60)
    handler.close_connection = True


def other_bytes(change):
    """Serves what @change makes of a file's bytes, with the length of all of them."""
    def fault(handler):
        data = pathlib.Path(handler.translate_path(handler.path)).read_bytes()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(change(data))
        handler.close_connection = True
    return fault


TRUNCATED = other_bytes(lambda data: data[:100])
CORRUPTED = other_bytes(lambda data: bytes(len(data)))


class Mirror:
    """An archive on loopback; broken with `faults`, (regular expression, what then happens)."""

    def __init__(self, packages, keys):
        self.packages, self.keys = packages, keys
        self.directory = tempfile.TemporaryDirectory()
        self.top = pathlib.Path(self.directory.name)
        for name in ("debian", "debian-security"):
            (self.top / name / "pool").mkdir(parents=True)
            shutil.copytree(packages.directory, self.top / name / "pool/main",
                            copy_function=os.link)
        self.faults, self.asked, self.gone = [], [], threading.Event()
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(self.top)))
        self.server.mirror = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self.server.server_port}/debian"

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()
        self.directory.cleanup()

    def dist(self, name):
        archive = "debian-security" if name.endswith("-security") else "debian"
        return self.top / archive / "dists" / name

    def publish(self, name, version, *, codename=None, key="good", names=NAMES, until=None):
        """The suite @name, which has the packages in that version."""
        dist = self.dist(name)
        binary = dist / "main/binary-s390x"
        binary.mkdir(parents=True, exist_ok=True)
        text = "\n".join(self.packages.stanzas[package, version] for package in names)
        (binary / "Packages").write_text(text, encoding="ascii")
        release = (f"Codename: {codename or name}\nSuite: x\nArchitectures: s390x\n"
                   "Components: main\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n"
                   f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} "
                   "main/binary-s390x/Packages\n")
        if until:
            release = f"Valid-Until: {until}\n{release}"
        (dist / "Release").write_text(release, encoding="ascii")
        (dist / "InRelease").write_bytes(self.keys.sign(release, key) if key else release.encode())
        if not key:
            (dist / "InRelease").unlink()


class Packages:
    """Packages in the versions 1 to 3, made once."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.stanzas = {}
        names = [(name, version) for name in NAMES for version in "123"]
        for name, version in [*names, ("linux-source-6.9", "1"), ("linux-source-6.12", "1")]:
            self.stanzas[name, version] = make_package(self.directory, name, version)[1]


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.keys = Keys(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        cls.packages = Packages(cls.stack.enter_context(tempfile.TemporaryDirectory()))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        cache = tempfile.TemporaryDirectory()
        self.addCleanup(cache.cleanup)
        self.mirror = self.make_mirror()
        for patch in (
                unittest.mock.patch.dict(os.environ, XDG_CACHE_HOME=cache.name,
                                         LIBVIRT_AP_MIRROR=self.mirror.uri, no_proxy="127.0.0.1"),
                unittest.mock.patch.object(apt, "KEYRINGS", (str(self.keys.trusted),))):
            patch.start()
            self.addCleanup(patch.stop)
        said = contextlib.redirect_stderr(io.StringIO())
        self.said = said.__enter__()
        self.addCleanup(said.__exit__, None, None, None)

    def be_impatient(self):
        patch = unittest.mock.patch.object(apt, "STALL", IMPATIENT)
        patch.start()
        self.addCleanup(patch.stop)

    def make_mirror(self):
        mirror = Mirror(self.packages, self.keys)
        self.addCleanup(mirror.close)
        return mirror

    def suite(self):
        """As a process that starts now has it."""
        return apt.Apt("trixie")

    def assert_version(self, version, want=WANT):
        suite = self.suite()
        names = suite.closure(want)
        self.assertEqual(names, [f"{name}_{version}_s390x.deb" for name in sorted(NAMES)])
        for path in suite.download(want):
            self.assertEqual(path.read_bytes(), (self.packages.directory / path.name).read_bytes())

    def assert_refused(self, *patterns):
        with self.assertRaises(common.LabError) as caught:
            self.suite().closure(WANT)
        for pattern in patterns:
            self.assertRegex(caught.exception.message, pattern)
        self.assertIn("LIBVIRT_AP_MIRROR", caught.exception.hint)
        self.assertFalse((self.suite().root / "chosen.json").exists())
        return caught.exception.message


class Whole(Base):
    """Which view is taken."""

    def test_by_its_code_name_where_that_is_whole(self):
        self.mirror.publish("trixie", "2")
        self.mirror.publish("stable", "1", codename="trixie")
        self.assert_version("2")
        self.assertFalse([path for _verb, path in self.mirror.asked if "dists/stable" in path])

    def test_with_the_updates_and_the_security_archive(self):
        self.mirror.publish("trixie", "1")
        self.mirror.publish("trixie-updates", "2", names=["one"])
        self.mirror.publish("trixie-security", "3", names=["two"])
        self.assertEqual(self.suite().closure(WANT), ["one_2_s390x.deb", "two_3_s390x.deb"])
        self.assertRegex(self.said.getvalue(), "from trixie, trixie-updates of .*debian and "
                                               "trixie-security of .*debian-security\n")

    def test_a_second_run_asks_nobody(self):
        self.mirror.publish("trixie", "1")
        self.assert_version("1")
        self.mirror.asked.clear()
        self.assert_version("1")
        self.assertEqual(self.mirror.asked, [])

    def test_until_somebody_asks_for_newer_packages(self):
        self.mirror.publish("trixie", "1")
        self.assert_version("1")
        self.mirror.publish("trixie", "2")
        self.assert_version("1")
        self.suite().forget()
        self.assert_version("2")

    def test_what_was_removed_comes_back_in_the_same_version(self):
        self.mirror.publish("trixie", "1")
        self.assert_version("1")
        self.mirror.publish("trixie", "2")
        (self.suite().archives / "one_1_s390x.deb").unlink()
        self.assert_version("1")

    def test_the_highest_of_names(self):
        self.mirror.publish("trixie", "1", names=["linux-source-6.9", "linux-source-6.12"])
        want = apt.Want((r"^linux-source-[0-9.]+$",), "a kernel", depends=False)
        self.assertEqual([path.name for path in self.suite().download(want)],
                         ["linux-source-6.12_1_s390x.deb"])

    def test_what_is_needed_later_comes_from_the_same_view(self):
        self.mirror.publish("trixie", "2")
        self.mirror.publish("stable", "1", codename="trixie")
        self.mirror.faults.append(("two_2", status(404)))
        alone = apt.Want(("one",), "one of them")
        suite = self.suite()
        suite.settle([alone], also=[WANT])
        self.assertEqual(suite.closure(alone), ["one_1_s390x.deb"])
        self.assertFalse((suite.archives / "two_1_s390x.deb").exists())
        self.assert_version("1")


class Faults(Base):
    """A mirror whose `trixie` is broken in one way, and whose `stable` is whole."""

    def setUp(self):
        super().setUp()
        self.mirror.publish("trixie", "2")
        self.mirror.publish("stable", "1", codename="trixie")

    def test_a_file_is_missing(self):
        self.mirror.faults.append(("two_2", status(404)))
        self.assert_version("1")
        self.assertRegex(self.said.getvalue(), "from stable of .*; not from trixie of .*: 1 file ")
        # That was seen before anything was downloaded.
        self.assertFalse([path for verb, path in self.mirror.asked
                          if verb == "GET" and path.endswith("_2_s390x.deb")])

    def test_a_file_is_missing_and_only_its_download_says_so(self):
        self.mirror.faults.append(("GET .*two_2", status(404)))
        self.assert_version("1")

    def test_behind_a_proxy_the_download_says_so(self):
        self.mirror.faults.append(("two_2", status(404)))
        with unittest.mock.patch.object(apt, "_proxies", lambda: True):
            self.assert_version("1")
        self.assertFalse([path for verb, path in self.mirror.asked if verb == "HEAD"])

    def test_a_file_is_refused_for_now(self):
        self.mirror.faults.append(("two_2", status(503)))
        self.assert_version("1")

    def test_a_file_has_another_size(self):
        path = self.mirror.top / "debian/pool/main/two_2_s390x.deb"
        path.unlink()
        path.write_bytes(b"short")
        self.assert_version("1")

    def test_a_file_is_truncated(self):
        self.mirror.faults.append(("GET .*two_2", TRUNCATED))
        self.assert_version("1")

    def test_a_file_has_other_bytes(self):
        self.mirror.faults.append(("GET .*two_2", CORRUPTED))
        self.assert_version("1")

    def test_a_file_never_comes(self):
        self.be_impatient()
        self.mirror.faults.append(("GET .*two_2", hang))
        message = self.assert_refused("trixie of .*", "no byte came")
        self.assertNotIn("stable", message)

    def test_a_stale_list(self):
        other = self.packages.stanzas["one", "3"]
        (self.mirror.dist("trixie") / "main/binary-s390x/Packages").write_text(other)
        self.assert_version("1")

    def test_no_list(self):
        (self.mirror.dist("trixie") / "main/binary-s390x/Packages").unlink()
        self.assert_version("1")

    def test_no_such_name(self):
        shutil.rmtree(self.mirror.dist("trixie"))
        self.assert_version("1")

    def test_a_release_file_without_a_signature(self):
        self.mirror.publish("trixie", "2", key=None)
        self.assert_version("1")

    def test_a_release_file_with_another_signature(self):
        self.mirror.publish("trixie", "2", key="bad")
        self.assert_version("1")

    def test_a_release_file_that_has_expired(self):
        self.mirror.publish("trixie", "2", until="Sat, 08 Jan 2022 00:00:00 UTC")
        # As apt has it where nobody says otherwise.
        lines = [*apt.acquire_settings(), 'Acquire::Check-Date "true";',
                 'Acquire::Check-Valid-Until "true";']
        with unittest.mock.patch.object(apt, "acquire_settings", lambda: lines):
            self.assert_version("1")
        self.assertRegex(self.said.getvalue(), "not from trixie of .*: Release file .* is expired")

    def test_the_name_stands_for_another_suite(self):
        self.mirror.publish("trixie", "2", codename="forky")
        self.assert_version("1")

    def test_a_file_of_the_updates_is_missing(self):
        self.mirror.publish("trixie-updates", "3", names=["one"])
        self.mirror.publish("trixie-security", "3", names=["two"])
        self.mirror.faults.append(("one_3", status(404)))
        self.assertEqual(self.suite().closure(WANT), ["one_2_s390x.deb", "two_3_s390x.deb"])

    def test_updates_that_do_not_verify_are_left_out(self):
        self.mirror.publish("trixie-updates", "3", key="bad")
        self.mirror.publish("trixie-security", "3", key=None)
        self.assert_version("2")

    def test_updates_of_another_suite_are_left_out(self):
        self.mirror.publish("trixie-updates", "3", codename="forky-updates")
        self.assert_version("2")

    def test_a_second_mirror_of_the_machine(self):
        self.be_impatient()
        self.mirror.faults.append((".", hang))
        second = self.make_mirror()
        second.publish("trixie", "3")
        with unittest.mock.patch.object(apt, "mirrors", lambda: [self.mirror.uri, second.uri]):
            self.assert_version("3")

    def test_it_dies_in_the_middle(self):
        def die(handler):
            self.mirror.faults.insert(0, (".", hang))
            hang(handler)
        self.be_impatient()
        self.mirror.faults.append(("GET .*two_2", die))
        start = time.monotonic()
        self.assert_refused("no byte came")
        # Not once more for each of its names.
        self.assertLess(time.monotonic() - start, 5 * IMPATIENT)

    def test_it_is_slow_and_all_comes(self):
        def slow(handler):
            data = pathlib.Path(handler.translate_path(handler.path)).read_bytes()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            for at in range(0, len(data), len(data) // 8):
                # Slower in all than what counts as no answer, with bytes all the time.
                self.mirror.gone.wait(IMPATIENT / 4)
                handler.wfile.write(data[at:at + len(data) // 8])
                handler.wfile.flush()
        self.be_impatient()
        self.mirror.faults.append(("GET .*two_2", slow))
        self.assert_version("2")


class Refused(Base):
    """No view is whole."""

    def test_the_files_are_named(self):
        self.mirror.publish("trixie", "2")
        self.mirror.publish("stable", "1", codename="trixie")
        self.mirror.faults += [("two_2", status(404)), ("one_1", status(404))]
        self.assert_refused("two_2_s390x.deb: 404", "one_1_s390x.deb: 404", "needed of trixie")

    def test_an_alias_that_is_another_suite_does_not_count(self):
        self.mirror.publish("stable", "1", codename="forky")
        self.assert_refused("stable of .*: it is not trixie")

    def test_nothing_that_is_not_signed(self):
        self.mirror.publish("trixie", "2", key=None)
        self.mirror.publish("stable", "1", codename="trixie", key="bad")
        self.assert_refused("trixie of ", "stable of ")
        self.assertFalse([path for _verb, path in self.mirror.asked if "pool" in path])

    def test_nothing_that_is_not_signed_where_the_machine_allows_it(self):
        self.mirror.publish("trixie", "2", key=None)
        lines = apt.acquire_settings()
        with unittest.mock.patch.object(apt, "acquire_settings", lambda: [
                *lines, 'Acquire::AllowInsecureRepositories "true";',
                'Acquire::AllowWeakRepositories "true";']):
            self.assert_refused("trixie of ")
        self.assertFalse([path for _verb, path in self.mirror.asked if "pool" in path])

    def test_a_package_that_it_does_not_have(self):
        self.mirror.publish("trixie", "1", names=["one"])
        self.assert_refused("does not have the packages", "two")

    def test_a_mirror_that_is_not_there(self):
        self.mirror.server.server_close()
        start = time.monotonic()
        self.assert_refused("trixie of ")
        self.assertLess(time.monotonic() - start, 20)


if __name__ == "__main__":
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        print(f"skipped: this machine lacks {', '.join(missing)}", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
