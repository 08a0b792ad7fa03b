#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The README's picture: draw_map.py VIRT_AP HOST >docs/map.svg draws what `virt-ap list` says."""

import json
import subprocess
import sys

CELL, LEFT, TOP = 44, 96, 56
COLOURS = ["#2f6fb0", "#c2571a", "#3d8b40", "#8a4fa3", "#b03050"]
HOST, FREE = "#b8bcc2", "#f4f5f6"
FONT = "font-family='DejaVu Sans,Arial,sans-serif'"


def text(x, y, words, size=13, anchor="start", fill="#24292f", weight="normal"):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return (f"<text x='{x}' y='{y}' font-size='{size}' text-anchor='{anchor}' "
            f"fill='{fill}' font-weight='{weight}'>{words}</text>")


def box(x, y, size, fill, dashed=False):
    dash = " stroke-dasharray='4 3'" if dashed else ""
    return (f"<rect x='{x}' y='{y}' width='{size}' height='{size}' rx='4' fill='{fill}' "
            f"stroke='#57606a'{dash}/>")


def describe(matrix):
    guest = "no guest"
    if matrix["guest"]:
        guest = f"guest '{matrix['guest']}' ({matrix['guest_state']})"
    return guest if matrix["active"] else f"{guest}, only defined"


def draw(host):
    queues = {queue["apqn"]: queue for queue in host["queues"]}
    adapters = sorted({name[:2] for name in queues})
    domains = sorted({name[3:] for name in queues})
    modes = {card["adapter"]: f"{card['type']} {card['mode']}" for card in host["cards"]}
    colours = {m["uuid"]: COLOURS[i % len(COLOURS)] for i, m in enumerate(host["matrices"])}
    wanted = {}
    for matrix in host["matrices"]:
        for adapter in matrix["adapters"]:
            for domain in matrix["domains"]:
                name = f"{int(adapter, 16):02x}.{int(domain, 16):04x}"
                wanted.setdefault(name, []).append(matrix)
    out = [text(LEFT, 20, "domain", weight="bold"), text(10, 44, "adapter", weight="bold")]
    out += [text(LEFT + i * CELL + CELL // 2, 44, d[2:], anchor="middle")
            for i, d in enumerate(domains)]
    for row, adapter in enumerate(adapters):
        y = TOP + row * CELL
        out.append(text(26, y + 27, adapter))
        out.append(text(LEFT + len(domains) * CELL + 10, y + 27, modes[f"0x{adapter}"]))
        for column, domain in enumerate(domains):
            x = LEFT + column * CELL
            name = f"{adapter}.{domain}"
            owners = wanted.get(name, [])
            fill = HOST if queues[name]["owner"] == "host" else FREE
            if owners:
                fill = colours[owners[0]["uuid"]]
            out.append(box(x + 3, y + 3, CELL - 6, fill,
                           bool(owners) and not owners[0]["active"]))
            if len(owners) > 1:
                out.append(text(x + CELL // 2, y + 30, "!", 22, "middle", "#ffffff", "bold"))
    legend = [(colours[m["uuid"]], describe(m), not m["active"]) for m in host["matrices"]]
    legend += [(HOST, "the host's own drivers", False), (FREE, "free for guests", False)]
    y = TOP + len(adapters) * CELL + 24
    for fill, words, dashed in legend:
        out += [box(LEFT, y - 13, 16, fill, dashed), text(LEFT + 26, y, words)]
        y += 24
    both = [f"{name}: {' and '.join(m['guest'] or m['uuid'] for m in owners)}"
            for name, owners in sorted(wanted.items()) if len(owners) > 1]
    for words in both:
        out += [text(LEFT + 8, y, "!", 18, "middle", "#b00020", "bold"),
                text(LEFT + 26, y, f"{words} both want this queue", fill="#b00020")]
        y += 24
    width = LEFT + len(domains) * CELL + 120
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{y}'",
                      f" {FONT}>",
                      f"<rect width='{width}' height='{y}' fill='#ffffff'/>", *out, "</svg>"])


def main():
    listed = subprocess.run([sys.argv[1], "--root", sys.argv[2], "list", "--json"], check=True,
                            capture_output=True, text=True)
    print(draw(json.loads(listed.stdout)))


if __name__ == "__main__":
    main()
