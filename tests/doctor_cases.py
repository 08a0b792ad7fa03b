# SPDX-License-Identifier: LGPL-2.1-or-later
"""One way to break a healthy host for each fault and warning of the doctor; and what looks broken
but is not."""

import os
import shutil

import doctor_host as dh
from harness import host

LOCAL_HOOK = "usr/local/sbin/libvirt-ap-hook"
DEFINITION = f"{host.DEFINITIONS}/{host.uuid(2)}"
OLD_DIR = "etc/mdevctl.d/scripts.d/callouts"
NEW_DIR = "usr/lib/mdevctl/scripts.d/callouts"
NOVA = "[devices]\nenabled_mdev_types = nvidia-35,\n  vfio_ap-passthrough\n[libvirt]\n"


def no_rule(h):
    h.remove(dh.RULE)


def full_masks_now(h):
    for name in ("apmask", "aqmask"):
        h.write(f"sys/bus/ap/{name}", host.mask(range(256)) + "\n")


def waits_for_event(h):
    """chzdev's older rule, where zcrypt is in the initrd."""
    h.write(dh.RULE, 'ACTION=="change", ENV{BINDINGS}=="complete", '
                     f'ATTR{{../../bus/ap/apmask}}="{host.mask(())}", '
                     f'ATTR{{../../bus/ap/aqmask}}="{host.mask(())}"\n')
    h.write("usr/lib/dracut/dracut.conf.d/99-pkey.conf", 'add_drivers+=" zcrypt_cex4 "\n')


def not_kept(h):
    h.activate(host.uuid(2), [2], [4])
    h.add_guest("payroll", host.uuid(2))
    h.link("etc/libvirt/qemu/autostart/payroll.xml", "/etc/libvirt/qemu/payroll.xml")


def many_nodes(h):
    for n in range(10):
        h.write(f"sys/class/zcrypt/node{n}/apmask", host.mask([1]) + "\n")
        h.write(f"sys/class/zcrypt/node{n}/aqmask", host.mask([4]) + "\n")


def many_lose(h):
    h.masks_at_boot([1], [4])
    for n in range(2, 12):
        h.define(host.uuid(n), [1], [4], auto=True)


def unbind(h):
    h.remove("sys/devices/ap/card05/05.0047/driver")


def unbind_without_vfio_ap(h):
    unbind(h)
    shutil.rmtree(h.path(host.MATRIX))


def old_with(name, text):
    def make(h):
        h.mdevctl_1_2()
        h.program(f"{OLD_DIR}/{name}", text)
    return make


def lock(text, **process):
    def make(h):
        h.write(dh.LOCK, text)
        if process:
            h.process(**process)
    return make


def old_lock(h):
    h.write(dh.LOCK, "77\n")
    h.process(77, "chzdev")
    os.utime(h.path(dh.LOCK), (dh.BOOTED, dh.BOOTED))


def override(h):
    no_rule(h)
    h.masks_at_boot([1], [4])
    full_masks_now(h)
    for queue in h.path("sys/devices/ap").glob("card*/*.*"):
        (queue / "driver_override").write_text("vfio_ap\n")


def loaded_early(h):
    h.write("etc/modules-load.d/vfio.conf", "# for KVM\nvfio_ap\n")


def not_at_boot(h):
    h.remove(dh.WANTS)


def no_mdev_directory(h):
    for name in (f"{NEW_DIR}/../notifiers", "etc/mdevctl.d/scripts.d/notifiers"):
        h.path(name).rmdir()


def rule_of_elsewhere(h):
    text = h.path(dh.MDEVCTL_RULE).read_text()
    h.write(dh.MDEVCTL_RULE, text.replace("/usr/bin", "/usr/sbin"))


def rule_of_elsewhere_without_unit(h):
    rule_of_elsewhere(h)
    not_at_boot(h)


def masked_rule(h):
    not_at_boot(h)
    h.link("etc/udev/rules.d/60-mdevctl.rules", "/dev/null")
    h.remove(f"{host.DEFINITIONS}/{dh.UUID}")


def no_callout(h):
    h.remove(dh.CALLOUT)
    h.remove(dh.OLD_CALLOUT)


def two_cases(h):
    mdev = "aaaaaaaa-2222-4333-8444-555555555555"
    h.define(mdev, [2], [4])
    h.define(mdev.upper(), [2], [4])


def new_hook(h):
    h.program_link(dh.HOOK, f"/{dh.HOOK_PROGRAM}", since=dh.STARTED + 3)


def confined(h, mode="enforce"):
    h.write(f"proc/{dh.DAEMON}/attr/current", f"libvirtd ({mode})\n")
    h.write("etc/apparmor.d/usr.sbin.libvirtd", "profile libvirtd { /etc/libvirt/hooks/** rmix, }")


def confined_elsewhere(h):
    confined(h)
    h.remove(dh.HOOK)
    h.program(LOCAL_HOOK)
    h.program_link(dh.HOOK, f"/{LOCAL_HOOK}")


def confined_but_allowed(h):
    confined_elsewhere(h)
    h.write("etc/apparmor.d/local/usr.sbin.libvirtd", f"/{LOCAL_HOOK} PUx,\n")


def confined_hook_in_place(h):
    confined(h)
    h.remove(dh.HOOK)
    h.program(dh.HOOK)
    os.utime(h.path(dh.HOOK), (dh.BOOTED, dh.BOOTED))


def nova(h):
    h.program("usr/bin/nova-compute")
    h.write("etc/nova/nova.conf", "[DEFAULT]\nenabled_mdev_types = vfio_ap-passthrough\n")


def nova_with_ap(h):
    nova(h)
    h.write("etc/nova/nova.conf", NOVA)


# What is done to a healthy host: the code, the state, words of the message, words of the hint.
CASES = {
    "there is no AP bus": (lambda h: shutil.rmtree(h.path("sys/bus/ap")),
                           "ap-bus", "fault", "no AP bus", "modprobe ap"),
    "the LPAR has no queues": (lambda h: [shutil.rmtree(queue) for queue in
                                          h.path("sys/devices/ap").glob("card*/*.*")],
                               "ap-bus", "fault", "has no queues", "lszcrypt -V"),
    "a mask cannot be read": (lambda h: h.write("sys/bus/ap/apmask", "0xzz\n"),
                              "unreadable", "fault", "apmask", "virt-ap check"),
    "an active matrix cannot be read": (
        lambda h: h.path(f"{host.MATRIX}/{host.uuid(3)}/ap_config").mkdir(parents=True),
        "unreadable", "fault", host.uuid(3), "no other matrix starts"),
    "a queue has no driver": (unbind, "queues", "fault", "05.0047", "whole adapter"),
    "a queue has no driver for want of vfio_ap": (unbind_without_vfio_ap,
                                                  "queues", "fault", "05.0047", "modprobe vfio_ap"),
    "the bus is still looking": (lambda h: h.write("sys/bus/ap/bindings", "11/12\n"),
                                 "queues", "warn", "11/12", "journalctl -k"),
    "vfio_ap is not loaded": (lambda h: shutil.rmtree(h.path(host.MATRIX)),
                              "vfio-ap", "fault", "not loaded", "modprobe vfio_ap"),
    "nothing loads vfio_ap at boot": (not_at_boot, "vfio-ap-boot", "fault", "no matrix would start",
                                      "systemctl enable libvirt-ap-boot.service"),
    "vfio_ap is loaded before the masks are set": (loaded_early, "vfio-ap-boot", "warn",
                                                   "etc/modules-load.d/vfio.conf", "take vfio_ap"),
    "the kernel is older than ap_config": (
        lambda h: h.remove(f"{host.MATRIX}/features"),
        "ap-config", "warn", "bit by bit", "6.10"),
    "the masks are lost at the next boot": (no_rule, "masks", "fault", "apmask and aqmask",
                                            "apmask=-0x00-0xff aqmask=-0x00-0xff --persistent"),
    "the next boot sets another mask": (
        lambda h: h.write("sys/bus/ap/apmask", host.mask([3, 7, 8]) + "\n"),
        "masks", "fault", "changes apmask:", "apmask=0x03,0x07-0x08 aqmask"),
    "the rule has not acted": (full_masks_now, "masks", "fault",
                               "has not acted since the boot, or is newer: apmask and aqmask are",
                               "apmask=-0x00-0xff aqmask=-0x00-0xff --active"),
    "the command line sets other masks": (
        lambda h: [no_rule(h), h.write("proc/cmdline", "ap.apmask=0x0\n")],
        "masks", "fault", "changes aqmask: /proc/cmdline", "--active"),
    "the rule sets no mask": (
        lambda h: h.write(dh.RULE, 'ATTR{../../bus/ap/apmask}="none"\n'),
        "masks", "fault", "41-ap.rules: apmask: 'none' is not a mask", "mend the file"),
    "the host's default domain is the guests'": (
        lambda h: [h.masks_at_boot([1], [4]), h.write("sys/bus/ap/apmask", host.mask([1]) + "\n"),
                   h.write("sys/bus/ap/aqmask", host.mask([4]) + "\n"),
                   h.write("sys/bus/ap/ap_domain", "5\n")],
        "host-needs", "warn", "domain 5 is the host's default domain", "echo 4 >"),
    "keys name a queue that guests have": (
        lambda h: h.write("etc/zkey/repository/root.info", "apqns=01.0004\n"),
        "host-needs", "fault", "01.0004 (adapter 1, domain 4) is needed by the host",
        "zkey change"),
    "many zcrypt nodes lost their queues": (many_nodes, "host-needs", "fault",
                                            "2 more needs of the host", "virt-ap check"),
    "the rule waits for what passes in the initrd": (
        waits_for_event, "masks", "warn", "99-pkey.conf has zcrypt loaded",
        'DEVPATH=="/bus/ap"'),
    "a matrix loses its queues at the next boot": (
        lambda h: h.masks_at_boot([1], [4]), "next-boot", "fault",
        f"01.0004 (adapter 1, domain 4) is the host's after the next boot, when mdev {dh.UUID}",
        "chzdev --type ap apmask=-0x01 --persistent"),
    "a guest that starts at boot has a matrix that nobody defined": (
        not_kept, "next-boot", "fault", "is active, and defined nowhere", "mdevctl define --uuid"),
    "many matrices lose their queues": (many_lose, "next-boot", "fault", "3 more lose queues",
                                        "virt-ap check"),
    "masks and driver_override are mixed": (override, "mixed-binding", "fault", "41-ap.rules",
                                            "apmask=0-255"),
    "mdevctl is not installed": (lambda h: h.remove("usr/bin/mdevctl"),
                                 "mdevctl", "fault", "not installed", "install"),
    "mdevctl lacks its directory": (no_mdev_directory, "mdevctl", "fault", "refuses", "install"),
    "mdevctl's rule runs a program that is not there": (
        rule_of_elsewhere_without_unit, "autostart", "fault",
        "definitions ask for it: /usr/lib/udev", "ln -s /usr/bin/mdevctl /usr/sbin/mdevctl"),
    "only the boot unit starts matrices": (
        rule_of_elsewhere, "autostart", "warn", "only libvirt-ap-boot.service",
        "ln -s /usr/bin/mdevctl /usr/sbin/mdevctl"),
    "mdevctl's rule is masked": (masked_rule, "autostart", "warn", "missing or masked", "install"),
    "there is no callout": (no_callout, "callout", "fault", f"in /{NEW_DIR}",
                            f"libvirt-ap-callout /{NEW_DIR}/00-libvirt-ap"),
    "mdevctl 1.2 has no callout": (lambda h: [h.mdevctl_1_2(), h.remove(dh.OLD_CALLOUT)],
                                   "callout", "fault", f"in /{OLD_DIR}",
                                   f"libvirt-ap-callout /{OLD_DIR}/00-libvirt-ap"),
    "the callout leads nowhere": (lambda h: h.remove(f"{dh.LIBEXEC}/libvirt-ap-callout"),
                                  "callout", "fault", "leads to no program", "install"),
    "the callout cannot be executed": (
        lambda h: h.path(f"{dh.LIBEXEC}/libvirt-ap-callout").chmod(0o644),
        "callout", "fault", "leads to no program", "install"),
    "the callout's helper is missing": (lambda h: h.remove(f"{dh.LIBEXEC}/libvirt-ap-guests"),
                                        "callout", "warn", "cannot name the guest", "install"),
    "the callout's judge is missing": (
        lambda h: h.remove(f"{dh.LIBEXEC}/libvirt-ap-callout-judge"),
        "callout", "fault", "every change of a matrix is refused", "install"),
    "another callout comes first": (
        lambda h: h.program(f"{NEW_DIR}/00-ap", "#!/bin/sh\n# vfio_ap-passthrough\n"),
        "callout-order", "fault", "00-ap first", f"rm /{NEW_DIR}/00-ap"),
    "mdevctl 1.2 has two callouts": (old_with("ap-check", "\x7fELF\0vfio_ap-passthrough\0"),
                                     "callout-order", "fault", "does not sort",
                                     f"rm /{OLD_DIR}/ap-check"),
    "there is no hook": (lambda h: h.remove(dh.HOOK),
                         "hook", "fault", "no hook in", "libvirt-ap-hook /etc/libvirt/hooks"),
    "the hook leads nowhere": (lambda h: h.remove(dh.HOOK_PROGRAM),
                               "hook", "fault", "leads to no program", "install"),
    "the first hook came after the daemon": (new_hook, "hook-seen", "fault",
                                             f"newer than libvirtd (process {dh.DAEMON})",
                                             "systemctl restart libvirtd"),
    "AppArmor does not know the hook": (
        confined_elsewhere, "apparmor", "fault", f"run /{LOCAL_HOOK}",
        "libvirt-ap-hook PUx,' >> /etc/apparmor.d/local/usr.sbin.libvirtd"),
    "the boot unit is not installed": (lambda h: h.remove(f"usr/lib/systemd/system/{dh.UNIT}"),
                                       "boot-unit", "fault", "not installed", "install"),
    "the boot unit is not enabled": (not_at_boot, "boot-unit", "fault", "not enabled",
                                     "systemctl enable libvirt-ap-boot.service"),
    "the configuration is bad": (
        lambda h: h.write("etc/libvirt-ap/libvirt-ap.conf", "[guests]\nstart = perhaps\n"),
        "configuration", "fault", "libvirt-ap.conf: [guests] start", ""),
    "a definition is broken": (lambda h: h.write(DEFINITION, "{"),
                               "definitions", "fault", f"/{DEFINITION}: not JSON", "rm /etc"),
    "a definition of another parent is broken": (
        lambda h: h.write(f"etc/mdevctl.d/0.0.0052/{host.uuid(2)}", "{"),
        "definitions", "fault", "/0.0.0052/", "rm /etc"),
    "a definition has another form of name": (
        lambda h: h.write(f"{host.DEFINITIONS}/{host.uuid(2).replace('-', '')}", "{"),
        "definitions", "fault", f"defines mdev {host.uuid(2)}", f"/{host.uuid(2)}"),
    "a definition's name is a URN": (
        lambda h: h.write(f"{host.DEFINITIONS}/urn:uuid:{host.uuid(2)}", "{"),
        "definitions", "fault", f"defines mdev {host.uuid(2)}", f"/{host.uuid(2)}"),
    "a definition's name is in braces": (
        lambda h: h.write(f"{host.DEFINITIONS}/{{{host.uuid(2)}}}", "{"),
        "definitions", "fault", f"defines mdev {host.uuid(2)}", f"/{host.uuid(2)}"),
    "two files define one mdev": (two_cases, "definitions", "fault", "under another name", "rm "),
    "a definition is a directory": (lambda h: h.path(DEFINITION).mkdir(),
                                    "definitions", "warn", "is a directory", "away"),
    "a definition is a fifo": (lambda h: os.mkfifo(h.path(DEFINITION)),
                               "definitions", "warn", "is a fifo", "away"),
    "a definition leads nowhere": (lambda h: h.link(DEFINITION, "nowhere"),
                                   "definitions", "warn", "leads nowhere", "rm "),
    "a file of mdevctl's has a name that is not UTF-8": (
        lambda h: open(os.fsencode(h.path(host.DEFINITIONS)) + b"/\xff", "wb").close(),
        "definitions", "fault", "name is not UTF-8", "ls -b"),
    "a change was interrupted": (lambda h: h.write("var/lib/libvirt-ap/journal", "{}"),
                                 "journal", "fault", "begun and not ended", "virt-ap recover"),
    "the lock is left behind": (lock("77\n"), "lock", "warn", "process 77", "nothing to do"),
    "the lock is left behind by a zombie": (
        lambda h: [lock("77\n", pid=77, name="mdevctl")(h),
                   h.write("proc/77/stat", dh.stat_line(77, "mdevctl", 60).replace(" S ", " Z "))],
        "lock", "warn", "process 77", "nothing to do"),
    "the lock is init's": (lock("1\n", pid=1, name="systemd"), "lock", "fault",
                           "process 1 (systemd)", "rm /run/lock"),
    "there is a directory in the lock's place": (
        lambda h: h.path(dh.LOCK).mkdir(parents=True),
        "lock", "warn", "is no regular file of root's", "rm -r /run/lock"),
    "the lock is held for long": (old_lock, "lock", "warn", "process 77 (chzdev)", "waits for"),
    "the lock is empty for long": (
        lambda h: [h.write(dh.LOCK, ""), os.utime(h.path(dh.LOCK), (1, 1))],
        "lock", "warn", "no process id", "nothing to do"),
    "KubeVirt is there": (lambda h: h.path("run/kubevirt").mkdir(),
                          "kubevirt", "warn", "removes matrices", "externalResourceProvider: true"),
    "KubeVirt has a device plugin": (
        lambda h: h.write("var/lib/kubelet/device-plugins/kubevirt-kvm.sock", ""),
        "kubevirt", "warn", "removes matrices", "externalResourceProvider: true"),
    "nova is there": (nova, "nova", "warn", "starts every matrix", "virt-ap check"),
    "nova hands out matrices": (nova_with_ap, "nova", "fault", "/etc/nova/nova.conf",
                                "enabled_mdev_types"),
    "SELinux enforces": (lambda h: h.write("sys/fs/selinux/enforce", "1"),
                         "selinux", "unknown", "is enforcing", "ausearch"),
}

# A capture keeps no definitions of others, and only files that can be read.
NOT_CAPTURED = ["a definition of another parent is broken", "a definition is a directory",
                "a definition is a fifo", "a definition leads nowhere",
                "an active matrix cannot be read", "there is a directory in the lock's place",
                "a file of mdevctl's has a name that is not UTF-8"]

# What looks wrong and is not: the code that stays "ok".
SPARED = {
    "the hook came in the second in which the daemon started": (
        lambda h: h.program_link(dh.HOOK, f"/{dh.HOOK_PROGRAM}", since=dh.STARTED + 2),
        "hook-seen"),
    "the hook is newer, but not the first": (
        lambda h: [new_hook(h), h.program("etc/libvirt/hooks/qemu", "#!/bin/sh\n"),
                   os.utime(h.path("etc/libvirt/hooks/qemu"), (dh.BOOTED, dh.BOOTED))],
        "hook-seen"),
    "libvirt's daemon does not run": (
        lambda h: [new_hook(h), shutil.rmtree(h.path(f"proc/{dh.DAEMON}"))], "hook-seen"),
    "the daemon's process id is another's now": (
        lambda h: [new_hook(h), h.process(dh.DAEMON, "bash")], "hook-seen"),
    "AppArmor's profile was told": (confined_but_allowed, "apparmor"),
    "AppArmor only complains": (
        lambda h: [confined_elsewhere(h), confined(h, "complain")], "apparmor"),
    "AppArmor lets libvirt run what is in /usr/sbin": (confined, "apparmor"),
    "the hook is a program in the directory": (confined_hook_in_place, "apparmor"),
    "ap-check comes behind ours": (
        lambda h: h.program(f"{NEW_DIR}/ap-check", "vfio_ap-passthrough"), "callout-order"),
    "another callout that cannot run comes first": (
        lambda h: h.write(f"{NEW_DIR}/00-ap", "vfio_ap-passthrough"), "callout-order"),
    "mdevctl 1.2 has a callout for another type": (old_with("gpu", "#!/bin/sh\n# nvidia\n"),
                                                   "callout-order"),
    "modules-load.d without a rule": (
        lambda h: [no_rule(h), loaded_early(h), not_at_boot(h)], "vfio-ap-boot"),
    "chzdev's rule loads vfio_ap": (
        lambda h: [not_at_boot(h), h.write(dh.RULE, 'RUN{builtin}+="kmod load vfio_ap"\n')],
        "vfio-ap-boot"),
    "the command line sets the masks": (
        lambda h: [no_rule(h), h.write("proc/cmdline", "ap.apmask=0x0 ap.aqmask=0x0\n")], "masks"),
    "driver_override with full masks": (
        lambda h: [override(h), h.masks_at_boot(range(256), range(256))], "mixed-binding"),
    "somebody has the lock just now": (
        lambda h: lock("77\n", pid=77, name="mdevctl")(h), "lock"),
    "of a process only the first thread has ended": (
        lambda h: [lock("77\n", pid=77, name="mdevctl")(h),
                   h.write("proc/77/stat", "77 (mdevctl) Z " + "1 " * 16 + "2 1 60 1 1\n")],
        "lock"),
    "a file that is no definition": (
        lambda h: h.write(f"{host.DEFINITIONS}/README", "{"), "definitions"),
}
