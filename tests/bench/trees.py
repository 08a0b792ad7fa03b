# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees of any size for the benchmark: what a host with that much would look like to virt-ap.

Each function fills a directory that becomes the root of the programs that are measured.
"""

import json
import os
import pathlib


def uuid(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def definition(adapter, domain, start="auto"):
    """One matrix of one queue, in mdevctl's JSON."""
    return json.dumps({
        "mdev_type": "vfio_ap-passthrough",
        "start": start,
        "attrs": [{"assign_adapter": str(adapter)}, {"assign_domain": str(domain)}],
    }, indent=2)


def add_definitions(root, cells):
    """A definition, started at boot, for each (adapter, domain)."""
    for number, (adapter, domain) in enumerate(cells):
        _write(root / "etc/mdevctl.d/matrix" / uuid(number), definition(adapter, domain))


def add_guests(root, count):
    """Guest N names matrix N."""
    for number in range(count):
        name = f"guest{number}"
        _write(root / f"etc/libvirt/qemu/{name}.xml", f"""<domain type='kvm'>
  <name>{name}</name>
  <uuid>{number:08x}-0000-4000-8000-00000000ffff</uuid>
  <memory unit='KiB'>4194304</memory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='s390x' machine='s390-ccw-virtio-10.0'>hvm</type>
    <boot dev='hd'/>
  </os>
  <cpu mode='host-passthrough' check='none'/>
  <devices>
    <emulator>/usr/bin/qemu-system-s390x</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/var/lib/libvirt/images/{name}.qcow2'/>
      <target dev='vda' bus='virtio'/>
      <address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0000'/>
    </disk>
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>
      <source>
        <address uuid='{uuid(number)}'/>
      </source>
    </hostdev>
    <memballoon model='none'/>
  </devices>
</domain>
""")


def _mask(ids):
    value = sum(1 << (255 - number) for number in ids)
    return f"0x{value:064x}\n"


def add_queues(root, adapters, domains):
    """An AP bus with all these queues bound to vfio_ap."""
    bus = root / "sys/bus/ap"
    for name, text in {
            "apmask": _mask([]), "aqmask": _mask([]),
            "ap_adapter_mask": _mask(adapters), "ap_usage_domain_mask": _mask(domains),
            "ap_control_domain_mask": _mask(domains),
            "ap_max_adapter_id": "255\n", "ap_max_domain_id": "255\n", "ap_domain": "6\n",
            "features": "APSC APXA QACT RC8A APSB\n",
            "bindings": f"{len(adapters) * len(domains)}/{len(adapters) * len(domains)}"
                        " (complete)\n"}.items():
        _write(bus / name, text)
    for adapter in adapters:
        card = f"card{adapter:02x}"
        path = root / "sys/devices/ap" / card
        for name, text in {"type": "CEX8C\n", "hwtype": "14\n", "online": "1\n", "config": "1\n",
                           "chkstop": "0\n", "serialnr": f"93AABB{adapter:02X}\n",
                           "ap_functions": "0x92000000\n"}.items():
            _write(path / name, text)
        _link(path / "driver", "../../../bus/ap/drivers/cex4card")
        _link(bus / "devices" / card, f"../../../devices/ap/{card}")
        for domain in domains:
            queue = f"{adapter:02x}.{domain:04x}"
            for name, text in {"config": "1\n", "chkstop": "0\n", "status": "unassigned\n",
                               "ap_functions": "0x92000000\n"}.items():
                _write(path / queue / name, text)
            _link(path / queue / "driver", "../../../../bus/ap/drivers/vfio_ap")
            _link(bus / "devices" / queue, f"../../../devices/ap/{card}/{queue}")


def add_matrices(root, cells):
    """Active matrix N with one queue."""
    for number, (adapter, domain) in enumerate(cells):
        path = root / "sys/devices/vfio_ap/matrix" / uuid(number)
        queue = f"{adapter:02x}.{domain:04x}\n"
        for name, text in {"matrix": queue, "guest_matrix": queue, "control_domains": "",
                           "ap_config": _mask([adapter]).strip() + "," + _mask([domain]).strip()
                           + "," + _mask([])}.items():
            _write(path / name, text)
        _link(root / "sys/bus/mdev/devices" / uuid(number),
              f"../../../devices/vfio_ap/matrix/{uuid(number)}")


def make(path, definitions=(), guests=0, queues=None, matrices=()):
    """A root with all that; @queues: (adapters, domains)."""
    root = pathlib.Path(path)
    os.makedirs(root)
    add_definitions(root, definitions)
    add_guests(root, guests)
    if queues:
        add_queues(root, *queues)
    add_matrices(root, matrices)
    return root
