#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap on the hosts of tests/hosts: what each command prints there is what its file says.

AP_TEST_REGENERATE=1 writes the output into the files; read it as prose before you commit it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from host_tree import Description, HostTree, full_uuid
from lint import lint

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
HOSTS = SOURCE / "tests" / "hosts"
# HOST=name: only that one.
ONE = os.environ.get("HOST", "*")
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))
REGENERATE = os.environ.get("AP_TEST_REGENERATE") == "1"
FINDING_KEYS = ["code", "severity", "phase", "apqns", "mdev", "guest", "guest_state", "other_mdev",
                "other_guest", "other_guest_state", "message", "hint"]


def pretty(value, indent=""):
    """JSON for readers: lists of plain values on one line, long ones by their ends and length."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        rows = (f"{deeper}{json.dumps(k)}: {pretty(v, deeper)}" for k, v in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(deeper + pretty(v, deeper) for v in value) + f"\n{indent}]"
    if isinstance(value, list) and len(value) > 24:
        return f"[{json.dumps(value[0])}, {len(value) - 2} more, {json.dumps(value[-1])}]"
    return json.dumps(value, ensure_ascii=False)


def short_uuid(text):
    return re.sub(r"\b([0-9a-f])\1{7}-\1{4}-4\1{3}-8\1{3}-\1{12}\b", r"\1", text or "-")


def brief(finding):
    """A finding as one line: what is judged stands before the bar, the other behind it."""
    sides = [" ".join([short_uuid(finding[p + "mdev"])] +
                      [f"{finding[p + 'guest']}({finding[p + 'guest_state']})"]
                      * bool(finding[p + "guest"])) for p in ("", "other_")]
    apqns = finding["apqns"]
    named = ",".join(apqns) if len(apqns) <= 8 else f"{apqns[0]}..{apqns[-1]}({len(apqns)})"
    return " ".join([finding["severity"], finding["code"], finding["phase"], f"[{named}]", sides[0],
                     "|", sides[1]])


class Host:
    """One description, and the output of its commands."""

    def __init__(self, path):
        self.description = Description(path)
        self.temporary = tempfile.mkdtemp(prefix="ap-host-")
        self.work = Path(self.temporary, "work")
        self.root = Path(self.temporary, "root")
        self.findings = []
        tree = HostTree(self.description, self.root)
        tree.build()
        tree.write_candidates(self.work)

    def close(self):
        shutil.rmtree(self.temporary)

    def run(self, command):
        words = [full_uuid(word) for word in shlex.split(command)]
        is_brief = words[0] == "brief"
        words = ["--json"] + words[1:] if is_brief else words
        stdin = None
        if "<" in words:
            stdin = (self.work / words[words.index("<") + 1]).read_bytes()
            words = words[:words.index("<")]
        done = subprocess.run([VIRT_AP, "--root", str(self.root)] + words, cwd=self.work,
                              input=stdin, capture_output=True, timeout=60)
        text = done.stdout.decode()
        if "--json" in words and text.startswith("{"):
            data = json.loads(text)
            self.findings += json.loads(text.replace(str(self.root), "")).get("findings", [])
            text = pretty(data)
            if is_brief and "findings" in data:
                text = "\n".join(brief(f) for f in data["findings"])
        rows = [text.rstrip("\n")] if text.strip() else []
        rows += ["! " + row for row in done.stderr.decode().splitlines()]
        rows.append(f"exit {done.returncode}")
        # What the libraries say changes with their versions.
        text = re.sub(r"(not (?:XML|JSON): )[^\"\n]*", r"\1...", "\n".join(rows))
        return text.replace(str(self.root), "ROOT").replace(str(self.work), "WORK")

    def transcript(self):
        return self.description.head + "\n" + "".join(
            f"\n$ {command}\n{self.run(command)}\n" for command in self.description.commands)


def run_host(path):
    host = Host(path)
    try:
        return path, host.transcript().replace("\n\n\n", "\n\n"), host.findings, host.description
    finally:
        host.close()


class HostsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with ThreadPoolExecutor(2) as pool:
            cls.results = list(pool.map(run_host, sorted(HOSTS.glob(ONE + ".host"))))

    def test_every_command_prints_what_the_file_says(self):
        for path, transcript, _, _ in self.results:
            with self.subTest(path.name):
                if REGENERATE:
                    path.write_text(transcript)
                self.assertEqual(path.read_text(), transcript)

    def test_every_host_runs_something(self):
        for path, _, _, description in self.results:
            with self.subTest(path.name):
                self.assertTrue(description.commands)

    def test_every_code_is_shown_by_one_host_and_just_not_by_another(self):
        codes = {code for code, _, judges, _ in lint.table_of_rules(lint.Tree(SOURCE)) if judges}
        shown, spared, wrong = set(), set(), []
        for path, _, findings, description in self.results:
            found = {f["code"] for f in findings}
            shows = {line.args[0] for line in description.all("shows")}
            spares = {line.args[0] for line in description.all("spares")}
            wrong += [f"{path.name} does not show {code}" for code in shows - found]
            wrong += [f"{path.name} does not spare {code}" for code in spares & found]
            shown |= shows
            spared |= spares
        self.assertEqual(wrong, [])
        self.assertEqual((codes - shown, codes - spared), (set(), set()))

    def test_every_sample_of_a_message_in_the_documents_is_printed(self):
        printed = set()
        for _, transcript, findings, _ in self.results:
            texts = [transcript.replace("ROOT", "")]
            texts += [f"{f['message']}\n{f['hint'] or ''}" for f in findings]
            printed |= {row.strip() for text in texts for row in text.splitlines()}
        text = (SOURCE / "docs" / "codes.rst").read_text(encoding="utf-8")
        samples = re.findall(r"::\n\n((?:  .*\n)+)", text)
        self.assertGreater(len(samples), 30)
        for row in "".join(samples).splitlines():
            # The name of a file may stand before it.
            with self.subTest(row):
                self.assertTrue(any(said.endswith(row.strip()) for said in printed))

    def test_every_finding_has_all_its_keys_in_order(self):
        for path, _, findings, _ in self.results:
            for finding in findings:
                with self.subTest(path.name):
                    self.assertEqual(list(finding), FINDING_KEYS)
                    self.assertEqual(finding["apqns"], sorted(set(finding["apqns"])))
                    self.assertIn(finding["severity"], ("warn", "reject"))


if __name__ == "__main__":
    unittest.main()
