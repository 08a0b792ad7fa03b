#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs ../topology on good and bad files. python3 topology_test.py"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOPOLOGY = HERE.parent / "topology"
EXAMPLES = HERE.parent.parent / "lab" / "topologies"

MACHINE = "[machine]\nusage-domains=4\n"
ADAPTER = "[adapter 0x05]\ntype=cex8\nmode=cca\n"

# What is wrong, the file, what the message must name.
BAD = [
    ("no machine", ADAPTER, "no group [machine]"),
    ("no usage domains", "[machine]\n", "[machine]: usage-domains is missing"),
    ("unknown group", MACHINE + "[card 5]\n", "[card 5] is neither"),
    ("unknown machine key", MACHINE + "domains=4\n", "[machine]: there is no key domains"),
    ("unknown adapter key", MACHINE + ADAPTER + "serial=1\n",
     "[adapter 0x05]: there is no key serial"),
    ("type missing", MACHINE + "[adapter 5]\nmode=cca\n", "[adapter 5]: type is missing"),
    ("type unknown", MACHINE + "[adapter 5]\ntype=cex9\nmode=cca\n", "[adapter 5]: type: 'cex9'"),
    ("mode unknown", MACHINE + "[adapter 5]\ntype=cex8\nmode=CCA\n", "[adapter 5]: mode: 'CCA'"),
    ("adapter id too high", MACHINE + "[adapter 256]\n",
     "[adapter 256]: 256 is above the limit of 255"),
    ("adapter id octal", MACHINE + "[adapter 05]\n", "[adapter 05]: '05' is not a number"),
    ("adapter twice, two spellings", MACHINE + ADAPTER + "[adapter 5]\n",
     "adapter 0x05 is there twice"),
    ("group twice", MACHINE + MACHINE, ":3: group [machine] is there twice"),
    ("key twice", MACHINE + "usage-domains=5\n", ":3: usage-domains is there twice"),
    ("key before group", "apxa=true\n", ":1: 'apxa=true' stands before"),
    ("no key", MACHINE + "apxa\n", ":3: 'apxa' is neither [group] nor key=value"),
    ("comment behind a value", "[machine]\nusage-domains=4 # four\n",
     "a comment has a line of its own"),
    ("domain too high", "[machine]\nmax-domain=15\nusage-domains=16\n",
     "usage-domains: 16 is above the limit of 15"),
    ("range too high", "[machine]\nusage-domains=250-256\n", "256 is above the limit of 255"),
    ("range backwards", "[machine]\nusage-domains=6-4\n",
     "usage-domains: range '6-4' runs backwards"),
    ("empty item", "[machine]\nusage-domains=4,,6\n", "usage-domains: '' is not a number"),
    ("bare hex", "[machine]\nusage-domains=2a\n", "usage-domains: '2a' is not a number"),
    ("sign", "[machine]\nusage-domains=+4\n", "usage-domains: '+4' is not a number"),
    ("no APXA, limit above it", "[machine]\napxa=false\nmax-adapter=64\nusage-domains=\n",
     "max-adapter: 64 is above the limit of 63"),
    ("no APXA, domain above it", "[machine]\napxa=false\nusage-domains=16\n",
     "16 is above the limit of 15"),
    ("no APXA, adapter above it", "[machine]\napxa=false\nusage-domains=1\n[adapter 64]\n",
     "[adapter 64]: 64 is above the limit of 63"),
    ("not a boolean", MACHINE + "apxa=1\n", "[machine]: apxa: '1' is neither true nor false"),
    ("mask term without sign", MACHINE + "apmask=-1,2\n", "apmask: '2' is not +ID"),
    ("mask with a blank", MACHINE + "apmask=-1, -2\n", "apmask: ' -2' is not +ID"),
    ("mask range backwards", MACHINE + "aqmask=+5-3\n", "aqmask: range '+5-3' runs backwards"),
    ("mask too long", MACHINE + "aqmask=0x" + "f" * 65 + "\n", "aqmask: '0x"),
    ("mask empty", MACHINE + "aqmask=\n", "aqmask: '' is neither"),
]


def run(option, path):
    return subprocess.run([sys.executable, TOPOLOGY, option, path], capture_output=True, text=True,
                          check=False)


class TopologyTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "t.conf"

    def run_text(self, option, text):
        self.path.write_text(text, encoding="utf-8")
        return run(option, self.path)

    def test_bad_files_are_refused_by_name(self):
        for what, text, message in BAD:
            for option in ("--params", "--control", "--masks"):
                with self.subTest(what, option=option):
                    result = self.run_text(option, text)
                    self.assertEqual(result.returncode, 1)
                    self.assertEqual(result.stdout, "")
                    self.assertIn(f"topology: {self.path}", result.stderr)
                    self.assertIn(message, result.stderr)
                    self.assertEqual(result.stderr.count("\n"), 1)

    def test_a_file_that_is_not_there(self):
        result = run("--params", self.path)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No such file", result.stderr)

    def test_defaults(self):
        text = "[machine]\nusage-domains=\n"
        self.assertEqual(self.run_text("--params", text).stdout,
                         "apxa=1 max_adapter=255 max_domain=255 interrupts=0\n")
        self.assertEqual(self.run_text("--control", text).stdout, "")
        self.assertEqual(self.run_text("--masks", text).stdout, "")

    def test_everything(self):
        text = """# a comment
[machine]
apxa = true
interrupts=true
max-adapter=0x1f
max-domain=84
usage-domains=0x2a-0x2c, 4,4
control-domains=84
apmask=-1,+0x10-0x1f
aqmask=0xff

[adapter 6]
type=cex5
mode=accel
configured=false
checkstopped=true

[adapter 0x05]
type=cex8
mode=cca
configured=true
"""
        self.assertEqual(self.run_text("--params", text).stdout,
                         "apxa=1 max_adapter=31 max_domain=84 interrupts=1\n")
        self.assertEqual(self.run_text("--masks", text).stdout,
                         "apmask -1,+0x10-0x1f\naqmask 0xff\n")
        self.assertEqual(self.run_text("--control", text).stdout, """adapter 0x05 add cex8 cca
adapter 0x06 add cex5 accel
adapter 0x06 configured 0
adapter 0x06 checkstopped 1
domain 0x0004 add
domain 0x002a add
domain 0x002b add
domain 0x002c add
control-domain 0x0054 add
""")

    def test_control_domains_default_to_usage_domains(self):
        self.assertIn("control-domain 0x0004 add\n", self.run_text("--control", MACHINE).stdout)
        self.assertNotIn("control-domain",
                         self.run_text("--control", MACHINE + "control-domains=\n").stdout)

    def test_examples_are_good(self):
        examples = sorted(EXAMPLES.glob("*.conf"))
        self.assertIn("default.conf", [path.name for path in examples])
        for path in examples:
            for option in ("--params", "--control", "--masks"):
                with self.subTest(path.name, option=option):
                    self.assertEqual(run(option, path).stderr, "")


if __name__ == "__main__":
    unittest.main()
