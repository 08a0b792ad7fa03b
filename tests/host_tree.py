#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Host descriptions, tests/hosts/*.host, made into trees that `virt-ap --root` reads.

hosts_test.py uses it; by hand: host_tree.py FILE.host DIR. tests/hosts/README says what a
description may hold. Knows the kernel's rules by itself (filtering, mask strings, queue status)
and shares no code with the programs under test."""

import os
import re
import shlex
import shutil
import sys
import uuid
from pathlib import Path

FULL = frozenset(range(256))
MODES = {"C": "cca", "A": "accel", "P": "ep11"}
FUNCTIONS = {"C": "0x92000000", "A": "0x8A000000", "P": "0x86000000"}


def parse_ids(text):
    """'5,0x06-0x08' as a set of ids; '' and 'none' are empty, 'all' is 0..255."""
    if text == "all":
        return FULL
    ids = set()
    for term in filter(None, text.replace("none", "").split(",")):
        first, _, last = term.partition("-")
        ids.update(range(int(first, 0), int(last or first, 0) + 1))
    return frozenset(ids)


def mask_text(ids):
    """As the kernel prints a mask: bit 0 is the most significant."""
    return "0x%064x" % sum(1 << (255 - i) for i in ids)


def apply_mask(text):
    """A mask that starts full: '-5,-6' or an absolute list of ids."""
    if not text.startswith(("+", "-")):
        return parse_ids(text)
    ids = set(FULL)
    for sign, first, last in re.findall(r"([+-])(\w+)(?:-(\w+))?", text):
        span = range(int(first, 0), int(last or first, 0) + 1)
        ids = ids | set(span) if sign == "+" else ids - set(span)
    return frozenset(ids)


def apqn_text(adapter, domain):
    return "%02x.%04x" % (adapter, domain)


def full_uuid(name):
    """A single hexadecimal digit stands for a UUID made of it."""
    if re.fullmatch("[0-9a-f]", name):
        return f"{name * 8}-{name * 4}-4{name * 3}-8{name * 3}-{name * 12}"
    return name


def guest_uuid(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def attr_lines(options):
    """The attributes of a definition: spelt out in their order, or made from the ids."""
    if "attrs" in options:
        return [tuple(a.split("=", 1)) for a in options["attrs"].split(";")]
    return [(f"assign_{kind}", str(i))
            for kind, key in (("adapter", "adapters"), ("domain", "domains"),
                              ("control_domain", "control"))
            for i in sorted(parse_ids(options.get(key, "")))]


def nodedev_xml(options):
    attrs = "".join(f"    <attr name='{n}' value='{v}'/>\n" for n, v in attr_lines(options))
    own = full_uuid(options["uuid"]) if "uuid" in options else None
    return ("<device>\n  <parent>ap_matrix</parent>\n  <capability type='mdev'>\n"
            "    <type id='vfio_ap-passthrough'/>\n"
            + (f"    <uuid>{own}</uuid>\n" if own else "") + attrs
            + "  </capability>\n</device>\n")


def cpu_xml(text):
    """'z14,ap,-apft': a model, features, and features that are switched off; '' names no model."""
    if text is None:
        return ""
    model, *features = text.split(",")
    names = "".join("<feature policy='%s' name='%s'/>" % (
        "disable" if f.startswith("-") else "require", f.lstrip("-")) for f in features)
    if not model:
        return f"  <cpu mode='host-model'>{names}</cpu>\n"
    return f"  <cpu mode='custom' match='exact'><model>{model}</model>{names}</cpu>\n"


def domain_xml(name, options):
    secure = "  <launchSecurity type='s390-pv'/>\n" if "secure" in options else ""
    hostdevs = "".join(
        "    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>\n"
        f"      <source><address uuid='{full_uuid(m)}'/></source>\n    </hostdev>\n"
        for m in filter(None, options.get("mdev", "").split(",")))
    uuid = options.get("uuid", guest_uuid(name))
    return (f"<domain type='kvm'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n"
            "  <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>\n"
            f"{cpu_xml(options.get('cpu'))}{secure}"
            f"  <devices>\n{hostdevs}  </devices>\n</domain>\n")


class Line:
    """One directive: verb, name, key=value options, and indented text below it."""

    def __init__(self, words, text):
        self.verb = words[0]
        self.args = [w for w in words[1:] if "=" not in w]
        self.options = dict(w.split("=", 1) for w in words[1:] if "=" in w)
        self.text = text

    @property
    def key(self):
        unique = self.verb in ("kernel", "lpar", "max", "features", "apmask", "aqmask", "title",
                               "bus", "vfio", "rule", "tree")
        return (self.verb, None if unique else self.args[0] if self.args else None)


class Description:
    def __init__(self, path):
        self.path = Path(path)
        self.lines = {}
        self.commands = []
        self.head = ""
        self.read(self.path)

    def read(self, path):
        head, _, tail = path.read_text().partition("\n$ ")
        rows = head.split("\n")
        i = 0
        while i < len(rows):
            row = rows[i]
            i += 1
            text = []
            while i < len(rows) and rows[i].startswith("    "):
                text.append(rows[i][4:])
                i += 1
            self.take(path, row, "\n".join(text) + "\n" if text else None)
        if path == self.path:
            self.head = head
            self.commands = re.findall(r"^\$ (.*)$", "\n$ " + tail, re.M) if tail else []

    def take(self, path, row, text):
        if not row.strip() or row.startswith("#"):
            return
        words = [row] if row.startswith("title ") else shlex.split(row)
        if row.startswith("title "):
            words = ["title", row[6:]]
        line = Line(words, text)
        if line.verb in ("shows", "spares") and path != self.path:
            return
        if line.verb == "like":
            self.read(path.with_name(line.args[0] + ".host"))
        elif line.verb == "without":
            del self.lines[(line.args[0], line.args[1] if len(line.args) > 1 else None)]
        else:
            self.lines[line.key] = line

    def all(self, verb):
        return [line for (v, _), line in self.lines.items() if v == verb]

    def one(self, verb, *default):
        line = self.lines.get((verb, None))
        return line.args if line else list(default)

    def options(self, verb):
        line = self.lines.get((verb, None))
        return line.options if line else {}


class HostTree:
    """Writes the tree of one description."""

    def __init__(self, description, root):
        self.d = description
        self.root = Path(root)
        self.kernel = tuple(int(n) for n in (self.d.one("kernel", "6.12")[0]).split("."))
        lpar = self.d.options("lpar")
        self.adapters = parse_ids(lpar.get("adapters", "5,6"))
        self.domains = parse_ids(lpar.get("domains", "4,0x47"))
        self.control = parse_ids(lpar.get("control", lpar.get("domains", "4,0x47")))
        self.apmask = apply_mask((self.d.one("apmask") or ["-5,-6"])[0])
        self.aqmask = apply_mask((self.d.one("aqmask") or ["+0"])[0])
        self.cards = {int(c.args[0], 16): c.options for c in self.d.all("card")}
        self.queues = {q.args[0]: q for q in self.d.all("queue")}

    def write(self, path, text):
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def link(self, path, target):
        where = self.root / path.lstrip("/")
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)

    def driver(self, adapter, domain):
        """None: no such queue device; '': bound to no driver."""
        line = self.queues.get(apqn_text(adapter, domain))
        if line and "absent" in line.args:
            return None
        if line and "driver" in line.options:
            return line.options["driver"]
        if line and "override" in line.options:
            return line.options["override"]
        host = adapter in self.apmask and domain in self.aqmask
        return "cex4queue" if host else "vfio_ap"

    def build(self):
        if self.d.one("tree"):
            source = self.d.path.with_name(self.d.one("tree")[0])
            shutil.copytree(source, self.root, symlinks=True)
            self.write_rest()
            return
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.d.one("bus"):
            self.write_bus()
            self.write_devices()
        if not self.d.one("bus") and not self.d.one("vfio"):
            self.write_matrices()
        for line in self.d.all("define"):
            self.write_definition(line)
        for line in self.d.all("guest"):
            self.write_guest(line)
        self.write_rest()

    def write_bus(self):
        bus = "/sys/bus/ap/"
        (self.root / "sys/bus/ap/devices").mkdir(parents=True)
        max_ids = self.d.one("max", "255", "255")
        self.write(bus + "ap_max_adapter_id", max_ids[0] + "\n")
        self.write(bus + "ap_max_domain_id", max_ids[1] + "\n")
        if self.kernel >= (6, 12):
            self.write(bus + "features", " ".join(self.d.one("features", "APSC", "APXA")) + "\n")
        self.write(bus + "apmask", mask_text(self.apmask) + "\n")
        self.write(bus + "aqmask", mask_text(self.aqmask) + "\n")
        qci = self.d.options("lpar").get("qci") != "no"
        for name, ids in (("adapter", self.adapters), ("usage_domain", self.domains),
                          ("control_domain", self.control)):
            self.write(f"{bus}ap_{name}_mask", (mask_text(ids) if qci else "not supported") + "\n")

    def write_devices(self):
        for adapter in sorted(self.adapters):
            card = self.cards.get(adapter, {})
            dir_path = f"/sys/devices/ap/card{adapter:02x}"
            kind = card.get("type", "CEX8C")
            letter, hwtype = kind[-1], 6 + int(kind[3])
            for name, value in (("type", kind), ("hwtype", str(hwtype)),
                                ("online", card.get("online", "1")),
                                ("config", card.get("config", "1")),
                                ("chkstop", card.get("chkstop", "0")),
                                ("ap_functions", FUNCTIONS[letter]),
                                ("serialnr", card.get("serial", f"93AABE{adapter:02X}"))):
                self.write(f"{dir_path}/{name}", value + "\n")
            self.link(f"/sys/bus/ap/devices/card{adapter:02x}",
                      f"../../../devices/ap/card{adapter:02x}")
            for domain in sorted(self.domains):
                self.write_queue(dir_path, adapter, domain, card)

    def write_queue(self, card_dir, adapter, domain, card):
        name = apqn_text(adapter, domain)
        driver = self.driver(adapter, domain)
        line = self.queues.get(name)
        options = line.options if line else {}
        if driver is None:
            return
        dir_path = f"{card_dir}/{name}"
        self.write(f"{dir_path}/config", options.get("config", card.get("config", "1")) + "\n")
        self.write(f"{dir_path}/chkstop", options.get("chkstop", card.get("chkstop", "0")) + "\n")
        self.link(f"/sys/bus/ap/devices/{name}", f"../../../devices/ap/card{adapter:02x}/{name}")
        if self.kernel >= (7, 0):
            self.write(f"{dir_path}/driver_override", options.get("override", "(null)") + "\n")
        if driver:
            self.link(f"{dir_path}/driver", f"../../../../bus/ap/drivers/{driver}")
        if driver == "vfio_ap" and self.kernel >= (6, 0):
            self.write(f"{dir_path}/status", self.status(adapter, domain) + "\n")
        elif driver and driver != "vfio_ap":
            self.write(f"{dir_path}/online", options.get("online", "1") + "\n")

    def status(self, adapter, domain):
        held = {m for g in self.d.all("guest") if "state" in g.options
                for m in g.options.get("mdev", "").split(",")}
        for line in self.d.all("mdev"):
            if (adapter in parse_ids(line.options.get("adapters", "")) and
                    domain in parse_ids(line.options.get("domains", ""))):
                used = line.args[0] in held and "idle" not in line.args
                return "in use" if used or "used" in line.args else "assigned"
        return "unassigned"

    def filtered(self, adapters, domains):
        """vfio_ap_mdev_filter_matrix(): one queue that cannot be passed hides its adapter."""
        domains = sorted(domains & self.domains)
        return [apqn_text(a, d) for a in sorted(adapters & self.adapters) for d in domains
                if all(self.driver(a, other) == "vfio_ap" for other in domains)]

    def write_matrices(self):
        top = "/sys/devices/vfio_ap/matrix/"
        (self.root / top[1:]).mkdir(parents=True)
        if self.kernel >= (6, 10):
            self.write(top + "features", "guest_matrix hotplug ap_config\n")
        for line in self.d.all("mdev"):
            adapters, domains, control = (parse_ids(line.options.get(k, ""))
                                          for k in ("adapters", "domains", "control"))
            dir_path = top + full_uuid(line.args[0])
            listed = [apqn_text(a, d) for a in sorted(adapters) for d in sorted(domains)]
            if not domains:
                listed = ["%02x." % a for a in sorted(adapters)]
            elif not adapters:
                listed = [".%04x" % d for d in sorted(domains)]
            seen = line.options.get("guest_matrix")
            seen = seen.split(",") if seen is not None else self.filtered(adapters, domains)
            # One page: the kernel cuts off what does not fit.
            self.write(dir_path + "/matrix", "".join(f"{x}\n" for x in listed)[:4095])
            self.write(dir_path + "/control_domains",
                       "".join(f"{d:04x}\n" for d in sorted(control)))
            if self.kernel >= (6, 0):
                self.write(dir_path + "/guest_matrix", "".join(f"{x}\n" for x in seen if x)[:4095])
            if self.kernel >= (6, 10):
                masks = ",".join(mask_text(m) for m in (adapters, domains, control))
                self.write(dir_path + "/ap_config", masks + "\n")

    def write_definition(self, line):
        start = "auto" if "auto" in line.args else "manual"
        attrs = ",\n".join('    {\n      "%s": "%s"\n    }' % a for a in attr_lines(line.options))
        self.write("/etc/mdevctl.d/matrix/" + full_uuid(line.args[0]),
                   '{\n  "mdev_type": "%s",\n  "start": "%s",\n  "attrs": [%s]\n}'
                   % (line.options.get("type", "vfio_ap-passthrough"), start,
                      f"\n{attrs}\n  " if attrs else ""))

    def write_guest(self, line):
        name = line.args[0]
        xml = domain_xml(name, line.options)
        if "transient" not in line.args:
            self.write(f"/etc/libvirt/qemu/{name}.xml", xml)
        if "autostart" in line.args or "once" in line.args:
            once = ".once" if "once" in line.args else ""
            self.link(f"/etc/libvirt/qemu/autostart/{name}.xml{once}",
                      f"/etc/libvirt/qemu/{name}.xml")
        if "state" not in line.options:
            return
        pid = line.options.get("pid", "1234")
        self.write(f"/run/libvirt/qemu/{name}.xml",
                   f"<domstatus state='{line.options['state']}' reason='booted' pid='{pid}'>\n"
                   f"{xml}</domstatus>\n")

    def write_rest(self):
        for line in self.d.all("rule"):
            rule = ", ".join(f'ATTR{{{k}}}="{v}"' for k, v in line.options.items())
            self.write("/etc/udev/rules.d/41-ap.rules",
                       f'ACTION=="change", SUBSYSTEM=="ap", ENV{{BINDINGS}}=="complete", {rule}\n')
        for line in self.d.all("remove"):
            (self.root / line.args[0].lstrip("/")).unlink()
        for line in self.d.all("file"):
            text = line.text or line.options.get("text", "")
            self.write(line.args[0], text)
        for line in self.d.all("link"):
            self.link(*line.args)
        for line in self.d.all("dir"):
            (self.root / line.args[0].lstrip("/")).mkdir(parents=True)
        for line in self.d.all("fifo"):
            target = self.root / line.args[0].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(target)

    def write_candidates(self, directory):
        """The files that the commands name, beside the tree."""
        Path(directory).mkdir(parents=True, exist_ok=True)
        for line in self.d.all("candidate"):
            text = line.text
            if text is None:
                text = (domain_xml(line.options["guest"], line.options) if "guest" in line.options
                        else nodedev_xml(line.options))
            (Path(directory) / line.args[0]).write_text(text)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: host_tree.py FILE.host DIR")
    tree = HostTree(Description(sys.argv[1]), sys.argv[2])
    tree.build()
    return 0


if __name__ == "__main__":
    sys.exit(main())
