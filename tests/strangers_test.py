# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's own test documents, of two releases, through virt-ap check and qemu-args: nothing ends
by a crash, and nothing is refused that libvirt takes. Most have nothing to do with AP.

They come from the source packages of the distribution, and stay in the cache."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import debian
from host_tree import Description, HostTree

VIRT_AP = os.environ["VIRT_AP"]
QEMU_ARGS_MANY = os.environ["QEMU_ARGS_MANY"]
# The mdev that libvirt's documents name, and more documents than any release had before.
MDEV = "90c6c135-ad44-41d0-b1b7-bae47de48627"
RELEASES = {"bookworm": 2000, "trixie": 2000}
# Documents for one process: it keeps findings, and names them by their files.
BATCH = 400


class Document:
    """A file of libvirt's, its root element, and whether it speaks of AP."""

    def __init__(self, path, root):
        self.path = path
        self.root = root
        self.has_ap = b"vfio-ap" in path.read_bytes()

    def is_refused_by_libvirt(self):
        """Where libvirt's own test expects an error, its text is beside the document."""
        return any(self.path.parent.glob(f"{self.path.stem}.*err"))

    def read_libvirts_arguments(self):
        """Of the command line that libvirt's own test expects: whether the device is in QEMU's old
        syntax, and the device."""
        stem = self.path.stem.partition(".")[0]
        for path in sorted(self.path.parent.parent.glob(f"*/{stem}.*args")):
            found = re.search(r"^-device '?(\{\"driver\":\"vfio-ap\".*?\}|vfio-ap,\S*)",
                              path.read_text(), re.M)
            if found:
                return not found[1].startswith("{"), found[1]
        return None, None


def read_root(path):
    """The name of the root element; None for what is no XML document."""
    try:
        return ET.parse(path).getroot().tag
    except ET.ParseError as error:
        # libvirt lets a prefix pass that is not declared.
        return "domain" if "unbound prefix" in str(error) else None


def find_documents(directory):
    """Each content once: many are there twice."""
    found = {}
    for path in sorted(directory.rglob("*.xml")):
        found.setdefault(path.read_bytes(), path)
    documents = [Document(path, read_root(path)) for path in found.values()]
    return [document for document in documents
            if document.root in ("domain", "domstatus", "device")]


def split(items):
    return [items[i:i + BATCH] for i in range(0, len(items), BATCH)]


def check(root, documents):
    done = subprocess.run([VIRT_AP, "--root", root, "--json", "check",
                           *(str(document.path) for document in documents)],
                          capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def build_arguments(documents):
    """A line for each: the number of arguments, or why there are none."""
    done = subprocess.run([QEMU_ARGS_MANY],
                          input="".join(f"{document.path}\n" for document in documents),
                          capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


class StrangersTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.empty = self.make_root(pathlib.Path(directory.name, "empty"), "")
        self.root = self.make_root(pathlib.Path(directory.name, "root"),
                                   f"mdev {MDEV} adapters=5 domains=4\n")

    def make_root(self, path, text):
        description = path.with_suffix(".host")
        description.write_text(f"title an LPAR\n{text}")
        HostTree(Description(description), path).build()
        return path

    def get_documents(self, release):
        try:
            directory = debian.unpack_source(release, "libvirt", "tests")
        except (OSError, debian.LabError) as error:
            self.skipTest(f"no source of libvirt of {release}: {error}")
        documents = find_documents(directory)
        self.assertGreater(len(documents), RELEASES[release])
        return documents

    def check_strangers(self, documents):
        """None of our business: not a word."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda batch: check(self.empty, batch), split(documents)))
        for code, out, err in results:
            self.assertEqual((code, json.loads(out or "{}").get("findings"), err), (0, [], ""))

    def check_arguments(self, documents):
        code, lines, err = build_arguments(documents)
        self.assertEqual((code, err, len(lines)), (0, "", len(documents)))
        for document, line in zip(documents, lines):
            with self.subTest(document.path.name):
                self.assertTrue(line == "0" or document.is_refused_by_libvirt(), line)

    def check_own(self, document):
        is_legacy, expected = document.read_libvirts_arguments()
        done = subprocess.run([VIRT_AP, "qemu-args", document.path,
                               *(["--legacy"] if is_legacy else [])],
                              capture_output=True, text=True, check=False)
        if document.is_refused_by_libvirt():
            self.assertEqual(done.returncode, 1, done.stdout)
            return
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(expected, done.stdout.splitlines())
        # QEMU refuses it: libvirt's tests never start one, and leave type='qemu'.
        code, out, _err = check(self.root, [document])
        codes = [finding["code"] for finding in json.loads(out)["findings"]]
        self.assertEqual((code, codes), (1, ["cpu-no-ap"]))

    def check_release(self, release):
        documents = self.get_documents(release)
        own = [document for document in documents if document.root == "domain" and document.has_ap]
        strangers = [document for document in documents if document not in own]
        self.assertGreaterEqual(len(own), 2)
        self.check_strangers(strangers)
        self.check_arguments([document for document in strangers if document.root != "device"])
        for document in own:
            with self.subTest(document.path.name):
                self.check_own(document)

    def test_documents_of_libvirt_9_0_0(self):
        self.check_release("bookworm")

    def test_documents_of_libvirt_11_3_0(self):
        self.check_release("trixie")


def main():
    result = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(StrangersTest))
    if not result.wasSuccessful():
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
