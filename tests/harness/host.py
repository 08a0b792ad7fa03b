# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host in plain text: sysfs, mdevctl's definitions and libvirt's guests below a directory.

Cards 1, 2 and 5, domains 4, 6, 42 and 71; all queues are the guests' unless a test says otherwise.
"""

import json
import os
import pathlib
import shutil

TYPE = "vfio_ap-passthrough"
ADAPTERS = (1, 2, 5)
DOMAINS = (4, 6, 0x2a, 0x47)
MATRIX = "sys/devices/vfio_ap/matrix"
DEFINITIONS = "etc/mdevctl.d/matrix"
RULE = "etc/udev/rules.d/41-ap.rules"
LOCK = pathlib.Path("/run/lock/s390apconfig.lock")


def mask(ids):
    """256 bits, bit 0 the most significant."""
    return "0x%064x" % sum(1 << (255 - i) for i in set(ids))


def uuid(n):
    return f"{n:08x}-2222-4333-8444-555555555555"


def attrs(adapters=(), domains=(), control=()):
    """Attributes as mdevctl keeps them."""
    return ([{"assign_adapter": str(a)} for a in adapters]
            + [{"assign_domain": str(d)} for d in domains]
            + [{"assign_control_domain": str(c)} for c in control])


def definition(adapters=(), domains=(), control=(), auto=False):
    """The JSON that mdevctl writes to a callout."""
    return json.dumps({"mdev_type": TYPE, "start": "auto" if auto else "manual",
                       "attrs": attrs(adapters, domains, control)})


def config_line(adapters=(), domains=(), control=()):
    return ",".join(mask(ids) for ids in (adapters, domains, control)) + "\n"


def _empty(path):
    path.mkdir(parents=True, exist_ok=True)
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


class Host:
    """The tree below @root; made again by each reset()."""

    def __init__(self, root="/"):
        self.root = pathlib.Path(root)

    def path(self, name):
        return self.root / name

    def write(self, name, text):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def link(self, name, target):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def reset(self):
        for name in ("sys", "etc/mdevctl.d", "etc/udev", "etc/libvirt-ap", "etc/libvirt",
                     "run/libvirt", "run/lock", "run/systemd/journal"):
            _empty(self.path(name))
        self._make_bus()
        self._make_vfio_ap()
        self.path(DEFINITIONS).mkdir(parents=True)
        for name in ("callouts", "notifiers"):
            self.path(f"etc/mdevctl.d/scripts.d/{name}").mkdir(parents=True)

    def _make_bus(self):
        for name, text in (("apmask", mask(())), ("aqmask", mask(())),
                           ("ap_adapter_mask", mask(ADAPTERS)),
                           ("ap_usage_domain_mask", mask(DOMAINS)),
                           ("ap_control_domain_mask", mask(DOMAINS)),
                           ("ap_max_adapter_id", "255"), ("ap_max_domain_id", "255"),
                           ("features", "APSC APXA RC8A"), ("bindings", "12/12 (complete)")):
            self.write(f"sys/bus/ap/{name}", text + "\n")
        # They come from a rule, so that they are the same after a boot.
        self.write(RULE, "".join(f'ATTR{{../../bus/ap/{name}}}="{mask(())}"\n'
                                 for name in ("apmask", "aqmask")))
        for a in ADAPTERS:
            card = f"sys/devices/ap/card{a:02x}"
            for name, text in (("type", "CEX8C"), ("hwtype", "14"), ("config", "1"),
                               ("chkstop", "0"), ("online", "1"), ("serialnr", ""),
                               ("ap_functions", "0x92800000")):
                self.write(f"{card}/{name}", text + "\n")
            for d in DOMAINS:
                queue = f"{card}/{a:02x}.{d:04x}"
                for name, text in (("config", "1"), ("chkstop", "0"), ("status", "bound")):
                    self.write(f"{queue}/{name}", text + "\n")
                self.link(f"{queue}/driver", "../../../../bus/ap/drivers/vfio_ap")

    def _make_vfio_ap(self):
        kind = f"{MATRIX}/mdev_supported_types/{TYPE}"
        self.write(f"{MATRIX}/features", "guest_matrix hotplug ap_config\n")
        self.write(f"{kind}/available_instances", "65536\n")
        self.write(f"{kind}/device_api", "vfio-ap\n")
        self.write(f"{kind}/name", "VFIO AP Passthrough Device\n")
        self.write(f"{kind}/create", "")
        self.link("sys/class/mdev_bus/matrix", "../../devices/vfio_ap/matrix")
        self.path("sys/bus/mdev/devices").mkdir(parents=True)

    def activate(self, mdev, adapters=(), domains=(), control=()):
        """Makes an active mdev, as the kernel shows it."""
        directory = f"{MATRIX}/{mdev}"
        self.write(f"{directory}/ap_config", config_line(adapters, domains, control))
        apqns = "".join(f"{a:02x}.{d:04x}\n" for a in sorted(adapters) for d in sorted(domains))
        self.write(f"{directory}/matrix", apqns)
        self.write(f"{directory}/guest_matrix", apqns)
        self.write(f"{directory}/control_domains", "".join(f"{c:04x}\n" for c in control))
        self.link(f"{directory}/mdev_type", f"../mdev_supported_types/{TYPE}")
        self.link(f"sys/bus/mdev/devices/{mdev}", f"../../../devices/vfio_ap/matrix/{mdev}")
        return self.path(directory)

    def define(self, mdev, adapters=(), domains=(), control=(), auto=False):
        text = json.dumps(json.loads(definition(adapters, domains, control, auto)), indent=2)
        return self.write(f"{DEFINITIONS}/{mdev}", text)

    def add_guest(self, name, mdev):
        """A guest that is shut off and names the mdev."""
        self.write(f"etc/libvirt/qemu/{name}.xml", f"""<domain type='kvm'>
  <name>{name}</name>
  <uuid>{mdev[:-1]}0</uuid>
  <os><type arch='s390x'>hvm</type></os>
  <devices>
    <hostdev mode='subsystem' type='mdev' model='vfio-ap'>
      <source><address uuid='{mdev}'/></source>
    </hostdev>
  </devices>
</domain>
""")

    def defined(self):
        """UUIDs of what is defined."""
        return sorted(os.listdir(self.path(DEFINITIONS)))
