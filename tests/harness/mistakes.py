# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mistakes of tests/mistakes; mistakes_test.py says what is in the files."""

import codecs
import pathlib

DATA = pathlib.Path(__file__).resolve().parents[1] / "mistakes"


class Mistake:
    """One mistake: the edits that make it, and what is said of it."""

    def __init__(self, title):
        self.title = title
        self.rows = []
        self.output = []

    def make(self, base):
        """The document, in bytes."""
        edits = []
        for mark, text in self.rows:
            text = codecs.decode(text, "unicode_escape")
            if mark == "=":
                base = text
            elif mark == "-":
                edits.append([text, ""])
            else:
                edits[-1][1] = text
        for old, new in edits:
            if base.count(old) != 1:
                raise ValueError(f"{self.title}: {old!r} is there {base.count(old)} times")
            base = base.replace(old, new)
        return base.encode("utf-8", "surrogateescape")


def read(path):
    """The head of a file, and its mistakes."""
    head, mistakes = [], []
    for row in path.read_text().splitlines():
        mark, text = row[:1], row[2:]
        if row.startswith("== "):
            mistakes.append(Mistake(row[3:]))
        elif not mistakes:
            head.append(row)
        elif mark == "|":
            mistakes[-1].output.append(text)
        elif row:
            mistakes[-1].rows.append((mark, text))
    return head, mistakes


def write(path, head, mistakes):
    """Writes what read() would read."""
    rows = list(head)
    for mistake in mistakes:
        marked = mistake.rows + [("|", text) for text in mistake.output]
        rows += ["", f"== {mistake.title}", *(f"{mark} {text}".rstrip() for mark, text in marked)]
    path.write_text("\n".join(rows) + "\n")


def get_base(path):
    """The document that the mistakes of a file are made in."""
    name = "own" if path.stem == "metadata" else "plain"
    return (DATA / f"{name}.xml").read_text()


def get_files():
    return sorted(DATA.glob("*.txt"))


def make_all():
    """All documents, by the file's name and the title, as a machine without KVM takes them."""
    documents = {}
    for path in get_files():
        base = get_base(path)
        for mistake in read(path)[1]:
            text = mistake.make(base).replace(b"type='kvm'", b"type='qemu'")
            documents[f"{path.stem}: {mistake.title}"] = text
    return documents
