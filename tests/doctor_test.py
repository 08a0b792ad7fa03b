#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap doctor: it finds nothing on a healthy host; each fault and warning that its source names
is provoked by one case, and seen; what a captured tree lacks is unknown."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import doctor_cases
import doctor_host as dh
from doctor_cases import CASES, NOT_CAPTURED, SPARED
from lint import lint

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))


def examine(root):
    done = subprocess.run([VIRT_AP, "--root", str(root), "--json", "doctor"], check=False,
                          text=True, capture_output=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def blanked(text):
    """C whose strings keep their length but hold no commas or parentheses."""
    return lint.TOKEN.sub(lambda m: m[0][0] + "_" * (len(m[0]) - 2) + m[0][0]
                          if m[0][0] == '"' else lint.blank(m[0]), text)


def split_call(text):
    found, depth, start, safe = [], 0, 0, blanked(text)
    for i, char in enumerate(safe):
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (char == "," and depth == 0):
            found.append(text[start:i])
            start = i + 1
        if depth < 0:
            return found
    raise AssertionError("a call that does not end")


def pattern_of(form):
    return ".*".join(re.escape(part) for part in re.split(r"%[-0-9l]*[a-z]", form))


def named_faults():
    """The formats of all faults and warnings in the doctor's source, as patterns."""
    for path in sorted((SOURCE / "src/node_device/doctor").glob("ap_doctor*.c")):
        text = path.read_text()
        for match in re.finditer(r"ap_doctor_add\(doctor, ", text):
            state, _, form, *_ = split_call(text[match.end():])
            if not re.search("FAULT|WARN", state):
                continue
            parts = re.findall(r'"(?:\\.|[^"\\])*"|\w+', form)
            yield path.name, "".join(pattern_of(p[1:-1]) if p[0] == '"' else ".*" for p in parts)


class DoctorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="ap-doctor-")
        cls.results = {}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def make(self, name, change=None):
        root = Path(self.temporary.name, name.replace(" ", "-").replace("/", "-"))
        tree = dh.DoctorHost(root)
        if not root.exists():
            tree.make()
            if change:
                change(tree)
        return root

    def examine(self, name, change):
        if name not in self.results:
            self.results[name] = examine(self.make(name, change))
        return self.results[name]

    def test_on_a_healthy_host_everything_is_ok(self):
        code, result = examine(self.make("healthy"))
        self.assertEqual([c for c in result["checks"] if c["state"] != "ok"], [])
        self.assertEqual((code, result["version"]), (0, 1))

    def test_each_case_is_found(self):
        for name, (change, code, state, message, hint) in CASES.items():
            with self.subTest(name):
                exit_code, result = self.examine(name, change)
                found = [c for c in result["checks"] if (c["code"], c["state"]) == (code, state)]
                self.assertTrue(any(message in c["message"] and hint in c["hint"] for c in found),
                                result["checks"])
                faults = [c for c in result["checks"] if c["state"] == "fault"]
                self.assertEqual(exit_code, 1 if faults else 0)

    def test_what_only_looks_wrong_is_spared(self):
        for name, (change, code) in SPARED.items():
            with self.subTest(name):
                _, result = self.examine(name, change)
                states = [c["state"] for c in result["checks"] if c["code"] == code]
                self.assertEqual(states, ["ok"], result["checks"])

    def test_a_capture_shows_the_doctor_the_same(self):
        for name, (change, *_) in CASES.items():
            if name in NOT_CAPTURED:
                continue
            with self.subTest(name):
                root = self.make(name, change)
                captured = root.with_name(root.name + ".captured")
                subprocess.run([VIRT_AP, "--root", root, "capture", captured], check=True,
                               capture_output=True, timeout=60)
                before, after = self.examine(name, change), examine(captured)
                text = json.dumps(after).replace(str(captured), str(root))
                self.assertEqual(json.loads(text), list(before))

    def test_a_capture_keeps_no_text_of_others(self):
        def make(h):
            doctor_cases.nova_with_ap(h)
            h.write("etc/nova/nova.conf", doctor_cases.NOVA + "password = SECRET\n")
            h.write("proc/cmdline", "root=SECRET ap.apmask=0x0\n")
            h.program(f"{doctor_cases.NEW_DIR}/gpu", "SECRET")
            h.program("etc/libvirt/hooks/qemu", "SECRET")
            h.write("etc/modules-load.d/all.conf", "vfio_ap\nSECRET\n")
        root = self.make("secrets", make)
        captured = root.with_name("secrets.captured")
        subprocess.run([VIRT_AP, "--root", root, "capture", captured], check=True,
                       capture_output=True, timeout=60)
        kept = [path for path in captured.rglob("*") if path.is_file()]
        self.assertGreater(len(kept), 20)
        self.assertEqual([p for p in kept if "SECRET" in p.read_text()], [])

    def test_every_check_has_a_case(self):
        table = (SOURCE / "src/node_device/doctor/ap_doctor.c").read_text()
        codes = re.findall(r'\{ "([a-z-]+)", ap_doctor_check_\w+ \}', table)
        self.assertGreater(len(codes), 20)
        self.assertEqual(set(codes), {case[1] for case in CASES.values()})
        _, result = examine(self.make("healthy"))
        self.assertEqual([c["code"] for c in result["checks"]], codes)

    def test_every_fault_and_warning_in_the_source_is_provoked(self):
        seen = []
        for name, (change, *_) in CASES.items():
            _, result = self.examine(name, change)
            seen += [c["message"] for c in result["checks"] if c["state"] in ("fault", "warn")]
        named = list(named_faults())
        self.assertGreater(len(named), 30)
        self.assertEqual([(path, form) for path, form in named
                          if not any(re.fullmatch(form, message) for message in seen)], [])

    def test_every_hint_of_a_fault_says_something(self):
        for name, (change, *_) in CASES.items():
            _, result = self.examine(name, change)
            for check in result["checks"]:
                self.assertEqual(list(check), ["code", "state", "message", "hint"])
                if check["state"] in ("fault", "warn"):
                    self.assertTrue(check["hint"], check)

    def test_the_document_has_every_check(self):
        text = (SOURCE / "docs/doctor.rst").read_text()
        _, result = examine(self.make("healthy"))
        described = re.findall(r"^([a-z-]+)\n-+$", text, re.MULTILINE)
        self.assertEqual(described, [c["code"] for c in result["checks"]])

    def test_a_tree_without_a_host_could_not_be_looked_at(self):
        empty = Path(self.temporary.name, "empty")
        empty.mkdir()
        code, result = examine(empty)
        self.assertEqual((code, result["error"]["code"]), (4, "io"))

    def test_what_a_captured_tree_lacks_is_no_fault(self):
        code, result = examine(SOURCE / "examples/hosts/lpar1")
        self.assertEqual(code, 0)
        self.assertEqual({c["state"] for c in result["checks"]}, {"ok", "unknown"})

    def test_nothing_is_changed(self):
        root = self.make("unchanged", lambda h: [h.write(dh.LOCK, "77\n"),
                                                 h.write("var/lib/libvirt-ap/journal", "{}")])
        listing = ["find", ".", "-printf", "%P %y %m %T@ %C@ %l\n"]
        before = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
        examine(root)
        after = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
        self.assertEqual(before, after)

    def test_the_text_says_the_same(self):
        root = self.make("a queue has no driver", doctor_cases.unbind)
        done = subprocess.run([VIRT_AP, "--root", str(root), "doctor"], check=False, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("\nfault    queues: no driver has these queues: 05.0047\n           a guest",
                      done.stdout)
        self.assertTrue(done.stdout.endswith("\nfaults: 1, warnings: 0, unknown: 0\n"))


if __name__ == "__main__":
    unittest.main()
