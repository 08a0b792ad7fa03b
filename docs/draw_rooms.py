#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The picture in internals.rst: draw_rooms.py >docs/rooms.svg draws which room of src/ and tools/
includes which. An arrow is left out where a longer way leads to the same room."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 150, 40, 34, 56, 24
# A line about each room; a room that is missing here is drawn without one.
WORDS = {
    "util": "types, files, lock",
    "conf": "text to struct",
    "inventory": "what there is",
    "conflict": "what is wrong",
    "plan": "what would fit",
    "txn": "what changes it",
    "node_device": "the verbs",
    "callout": "mdevctl's seam",
    "doctor": "is all in its place",
    "sim": "a simulated kernel",
    "qemu": "guests, libvirt's hook",
    "remote": "virtapd",
    "tools": "virt-ap",
}


def room_of(folder):
    return folder.removeprefix("src/").rsplit("/", 1)[-1]


def read_includes(top=TOP):
    """Each room of a tree, and the rooms that its files include."""
    rooms = {}
    for path in sorted([*top.glob("src/**/*.[ch]"), *top.glob("tools/*.[ch]")]):
        room = room_of(path.parent.relative_to(top).as_posix())
        found = rooms.setdefault(room, set())
        for include in re.findall(r'^#include "([^"]*)/[^"/]*"', path.read_text(), re.MULTILINE):
            found.add(room_of(include))
    return {room: below - {room} for room, below in rooms.items()}


def reach(rooms, start, without):
    """All rooms below a room, not counting one direct arrow."""
    seen, todo = set(), [room for room in rooms[start] if room != without]
    while todo:
        room = todo.pop()
        if room not in seen:
            seen.add(room)
            todo += rooms[room]
    return seen


def find_levels(rooms):
    """The row of each room, counted from below: just under the lowest one that includes it."""
    levels = {}

    def level(room, above=()):
        if room in above:
            raise ValueError(f"rooms include each other: {' -> '.join([*above, room])}")
        if room not in levels:
            levels[room] = 1 + max((level(r, (*above, room)) for r in rooms[room]), default=-1)
        return levels[room]

    for room in rooms:
        level(room)
    for room in sorted(rooms, key=lambda r: -levels[r]):
        above = [levels[r] for r in rooms if room in rooms[r]]
        levels[room] = min(above) - 1 if above else levels[room]
    return levels


def text(x, y, words, size, weight="normal"):
    return (f"<text x='{x}' y='{y}' font-size='{size}' text-anchor='middle' fill='#24292f' "
            f"font-weight='{weight}'>{words}</text>")


def draw(rooms):
    levels = find_levels(rooms)
    rows = [sorted(r for r in rooms if levels[r] == n) for n in range(max(levels.values()) + 1)]
    widest = max(len(row) for row in rows)
    width = 2 * MARGIN + widest * WIDTH + (widest - 1) * GAP_X
    height = 2 * MARGIN + len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y
    places = {}
    for n, row in enumerate(rows):
        left = (width - len(row) * WIDTH - (len(row) - 1) * GAP_X) // 2
        for i, room in enumerate(row):
            places[room] = (left + i * (WIDTH + GAP_X), height - MARGIN - HEIGHT
                            - n * (HEIGHT + GAP_Y))
    out = []
    for room in sorted(rooms):
        for below in sorted(rooms[room]):
            if below in reach(rooms, room, below):
                continue
            (x1, y1), (x2, y2) = places[room], places[below]
            out.append(f"<line x1='{x1 + WIDTH // 2}' y1='{y1 + HEIGHT}' x2='{x2 + WIDTH // 2}' "
                       f"y2='{y2 - 3}' stroke='#57606a' marker-end='url(#tip)'/>")
    for room, (x, y) in sorted(places.items()):
        out.append(f"<rect x='{x}' y='{y}' width='{WIDTH}' height='{HEIGHT}' rx='5' "
                   f"fill='#f4f5f6' stroke='#57606a'/>")
        out.append(text(x + WIDTH // 2, y + 17, room, 13, "bold"))
        out.append(text(x + WIDTH // 2, y + 32, WORDS.get(room, ""), 11))
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' font-family='DejaVu Sans,Arial,sans-serif'>",
        "<title>The rooms of the source: an arrow leads to what is included</title>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' "
        "markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 L8 4 L0 8 z' fill='#57606a'/></marker></defs>",
        "<rect width='100%' height='100%' fill='white'/>", *out, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(draw(read_includes()))
