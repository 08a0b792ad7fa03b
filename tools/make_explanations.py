#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the texts of `virt-ap explain` from docs/codes.rst: make_explanations.py CODES.RST OUT.C"""

import json
import re
import sys
from pathlib import Path

HEADING = re.compile(r"^([a-z][a-z-]*)\n-+\n", re.M)
# Markup, and how a terminal shows it.
PLAIN = [(r"`([^`<]+?)\s+<[^>]*>`_+", r"\1"), (r"``([^`]*)``", r"\1"),
         (r"\*\*([^*]+)\*\*", r"\1"), (r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"\1"),
         (r"\s*::$", ":"), (r"\\-", "-")]


def plain(text):
    """Paragraphs lose their markup; what is indented is a sample, and stays."""
    blocks = []
    for block in text.strip().split("\n\n"):
        if not block.startswith("  "):
            for pattern, replacement in PLAIN:
                block = re.sub(pattern, replacement, block)
            block = block.removesuffix(".:") + "." if block.endswith(".:") else block
        if block != ":":
            blocks.append(block)
    return "\n\n".join(blocks) + "\n"


def main():
    source, target = map(Path, sys.argv[1:])
    parts = HEADING.split(source.read_text(encoding="utf-8"))[1:]
    rows = [f"    {{ {json.dumps(name)}, {json.dumps(plain(text), ensure_ascii=False)} }},"
            for name, text in zip(parts[::2], parts[1::2])]
    target.write_text("\n".join([
        "/* SPDX-License-Identifier: LGPL-2.1-or-later */",
        f"/* Made from {source.name}. */",
        '#include "explanations.h"', "",
        "const Explanation explanations[] = {", *rows, "    { NULL },", "};", ""]),
        encoding="utf-8")


if __name__ == "__main__":
    main()
