# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap qemu-args on every document of xml2argvdata: NAME.args is what it prints, NAME.err what
it says instead. AP_TEST_REGENERATE=1 writes them; read them before you commit them."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import textwrap
import unittest

VIRT_AP = os.environ["VIRT_AP"]
DATA = pathlib.Path(os.environ["SOURCE_DIR"], "tests", "xml2argvdata")
REGENERATE = os.environ.get("AP_TEST_REGENERATE") == "1"


def run(path, *options):
    return subprocess.run([VIRT_AP, "qemu-args", str(path), *options], capture_output=True,
                          text=True, check=False)


def relative_error(result, path):
    return result.stderr.replace(f"{path}: ", "")


class QemuArgsTest(unittest.TestCase):
    maxDiff = None

    def check_golden(self, path, text):
        if REGENERATE:
            path.write_text(text)
        self.assertTrue(path.exists(), f"{path.name} is missing")
        self.assertEqual(path.read_text(), text, path.name)

    def test_every_document_gives_its_arguments_or_its_error(self):
        documents = sorted(DATA.glob("*.xml"))
        self.assertGreaterEqual(len(documents), 40)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(run, documents))
        for document, result in zip(documents, results):
            good = result.returncode == 0
            args, err = document.with_suffix(".args"), document.with_suffix(".err")
            with self.subTest(document.stem):
                if REGENERATE:
                    (err if good else args).unlink(missing_ok=True)
                self.assertIn(result.returncode, (0, 1, 4))
                self.check_golden(args if good else err,
                                  result.stdout if good else relative_error(result, document))
                self.assertFalse((err if good else args).exists(), "both .args and .err")

    def test_no_golden_is_an_orphan(self):
        for path in DATA.iterdir():
            self.assertIn(path.suffix, (".xml", ".args", ".err"), path.name)
            self.assertTrue(path.with_suffix(".xml").exists(), f"{path.name} is an orphan")

    def test_every_error_names_the_line_and_the_remedy(self):
        for path in DATA.glob("*.err"):
            lines = path.read_text().splitlines()
            with self.subTest(path.stem):
                self.assertRegex(lines[0], r"^virt-ap: line \d+: ")
                self.assertGreater(len(lines), 1, "no remedy")

    def test_legacy_prints_the_old_syntax(self):
        result = run(DATA / "alias-user.xml", "--legacy")
        self.assertEqual(result.stdout,
                         "-device\nvfio-ap,id=ua-crypto,sysfsdev=/sys/bus/mdev/devices/"
                         "90c6c135-ad44-41d0-b1b7-bae47de48627\n")

    def test_json_holds_the_same_arguments(self):
        document = DATA / "cpu-features-order.xml"
        result = json.loads(run(document, "--json").stdout)
        args = document.with_suffix(".args").read_text().splitlines()
        self.assertEqual(result, {"version": 1, "args": args})

    def test_a_document_on_standard_input_is_read(self):
        document = DATA / "hostdev.xml"
        result = subprocess.run([VIRT_AP, "qemu-args", "-"], input=document.read_text(),
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.stdout, document.with_suffix(".args").read_text())


    def test_every_example_of_the_reference_is_one_that_libvirt_takes(self):
        text = (DATA.parent.parent / "docs" / "formatdomain-ap.rst").read_text()
        examples = re.findall(r"code-block:: xml\n\n((?:   .*\n|\n)+)", text)
        examples = [text for text in examples if textwrap.dedent(text).startswith("<domain")]
        self.assertEqual(len(examples), 3)
        for example in examples:
            result = subprocess.run([VIRT_AP, "qemu-args", "-"], input=textwrap.dedent(example),
                                    capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ""), example)
            self.assertIn('"driver":"vfio-ap"', result.stdout)
            result = subprocess.run([VIRT_AP, "--json", "check", "-"],
                                    input=textwrap.dedent(example), capture_output=True,
                                    text=True, check=False)
            codes = {finding["code"] for finding in json.loads(result.stdout)["findings"]}
            self.assertFalse(codes & {"bad-xml", "cpu-no-ap", "too-many"}, codes)


if __name__ == "__main__":
    unittest.main()
