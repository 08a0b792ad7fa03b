#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A large host, for measurements: big_host.py DIR ADAPTERS DOMAINS MATRICES [GUESTS].

ADAPTERS x DOMAINS queues, all of them given to guests; MATRICES active and defined autostart
matrices that share the queues out evenly (one queue each where there are as many); the first GUESTS
of them have a running guest."""

import os
import sys
from pathlib import Path

from host_tree import apqn_text, guest_uuid, mask_text

DOMAIN = """<domain type='kvm'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <devices>
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>
      <source>
        <address uuid='{mdev}'/>
      </source>
    </hostdev>
  </devices>
</domain>
"""


def mdev_uuid(i):
    return f"{i:08x}-1111-4222-8333-444444444444"


class Writer:
    def __init__(self, root):
        self.root = str(root)
        self.made = set()

    def target(self, path):
        target = self.root + path
        directory = os.path.dirname(target)
        if directory not in self.made:
            os.makedirs(directory, exist_ok=True)
            self.made.add(directory)
        return target

    def file(self, path, text):
        with open(self.target(path), "w", encoding="utf-8") as stream:
            stream.write(text)

    def link(self, path, to):
        os.symlink(to, self.target(path))


def write_bus(out, adapters, domains):
    bus = "/sys/bus/ap/"
    texts = {"ap_max_adapter_id": "255", "ap_max_domain_id": "255", "features": "APSC APXA",
             "apmask": mask_text(set(range(256)) - adapters), "aqmask": mask_text(range(256)),
             "ap_adapter_mask": mask_text(adapters), "ap_usage_domain_mask": mask_text(domains),
             "ap_control_domain_mask": mask_text(domains)}
    for name, text in texts.items():
        out.file(bus + name, text + "\n")


def write_queues(out, adapters, domains, used):
    for a in adapters:
        card = f"/sys/devices/ap/card{a:02x}"
        for name, text in (("type", "CEX8C"), ("online", "1"), ("config", "1"), ("chkstop", "0"),
                           ("hwtype", "14"), ("ap_functions", "0x92000000"),
                           ("serialnr", f"93AABE{a:02X}")):
            out.file(f"{card}/{name}", text + "\n")
        out.link(f"/sys/bus/ap/devices/card{a:02x}", f"../../../devices/ap/card{a:02x}")
        for d in domains:
            name = apqn_text(a, d)
            status = "in use" if (a, d) in used else "unassigned"
            for attr, text in (("config", "1"), ("chkstop", "0"), ("status", status)):
                out.file(f"{card}/{name}/{attr}", text + "\n")
            out.link(f"{card}/{name}/driver", "../../../../bus/ap/drivers/vfio_ap")
            out.link(f"/sys/bus/ap/devices/{name}", f"../../../devices/ap/card{a:02x}/{name}")


def write_matrix(out, i, a, ids):
    where = f"/sys/devices/vfio_ap/matrix/{mdev_uuid(i)}"
    listed = "".join(apqn_text(a, d) + "\n" for d in ids)
    masks = ",".join((mask_text({a}), mask_text(ids), mask_text(())))
    for attr, text in (("matrix", listed), ("guest_matrix", listed), ("control_domains", ""),
                       ("ap_config", masks + "\n")):
        out.file(f"{where}/{attr}", text)
    attrs = ",\n".join('    {\n      "%s": "%d"\n    }' % pair for pair in
                       [("assign_adapter", a)] + [("assign_domain", d) for d in ids])
    out.file(f"/etc/mdevctl.d/matrix/{mdev_uuid(i)}",
             '{\n  "mdev_type": "vfio_ap-passthrough",\n  "start": "auto",\n'
             f'  "attrs": [\n{attrs}\n  ]\n}}')


def write_guest(out, i):
    name = f"guest{i:05d}"
    xml = DOMAIN.format(name=name, uuid=guest_uuid(name), mdev=mdev_uuid(i))
    out.file(f"/etc/libvirt/qemu/{name}.xml", xml)
    out.file(f"/run/libvirt/qemu/{name}.xml",
             f"<domstatus state='running' reason='booted' pid='{i + 2}'>\n{xml}</domstatus>\n")


def build(root, n_adapters, n_domains, n_matrices, n_guests):
    adapters, domains = set(range(n_adapters)), list(range(n_domains))
    out = Writer(Path(root).resolve())
    per_adapter = -(-n_matrices // n_adapters)
    each = n_domains // per_adapter
    if each == 0:
        sys.exit(f"{n_adapters} adapters of {n_domains} domains are too few for "
                 f"{n_matrices} matrices")
    pieces = [(a, domains[k * each:(k + 1) * each]) for a in sorted(adapters)
              for k in range(per_adapter)][:n_matrices]
    write_bus(out, adapters, set(domains))
    out.file("/sys/devices/vfio_ap/matrix/features", "guest_matrix hotplug ap_config\n")
    write_queues(out, adapters, domains,
                 {(a, d) for a, ids in pieces[:n_guests] for d in ids})
    for i, (a, ids) in enumerate(pieces):
        write_matrix(out, i, a, ids)
    for i in range(n_guests):
        write_guest(out, i)


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    numbers = [int(text) for text in sys.argv[2:]]
    build(sys.argv[1], *numbers[:3], numbers[3] if len(numbers) > 3 else 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
