#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap doctor: it finds nothing on a healthy host; each fault and warning that its source names
is provoked by one case below, and seen; what a captured tree lacks is unknown."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import doctor_host as dh
from harness import host
from lint import lint

SOURCE = Path(os.environ.get("SOURCE_DIR", Path(__file__).resolve().parent.parent))
VIRT_AP = os.environ.get("VIRT_AP", str(SOURCE / "build" / "tools" / "virt-ap"))
DEFINITION = f"{host.DEFINITIONS}/{host.uuid(2)}"
OLD_DIR = "etc/mdevctl.d/scripts.d/callouts"
NEW_DIR = "usr/lib/mdevctl/scripts.d/callouts"
NOVA = "[devices]\nenabled_mdev_types = nvidia-35,\n  vfio_ap-passthrough\n[libvirt]\n"


def no_rule(h):
    h.remove(dh.RULE)


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
    for name in ("apmask", "aqmask"):
        h.write(f"sys/bus/ap/{name}", host.mask(range(256)) + "\n")
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


def masked_rule(h):
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
    h.program_link(dh.HOOK, f"/{dh.LIBEXEC}/libvirt-ap-hook", since=dh.STARTED + 1)


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
    "masks and driver_override are mixed": (override, "mixed-binding", "fault", "41-ap.rules",
                                            "apmask=0-255"),
    "mdevctl is not installed": (lambda h: h.remove("usr/bin/mdevctl"),
                                 "mdevctl", "fault", "not installed", "install"),
    "mdevctl lacks its directory": (no_mdev_directory, "mdevctl", "fault", "refuses", "install"),
    "mdevctl's rule runs a program that is not there": (
        rule_of_elsewhere, "autostart", "fault", "definitions ask for it: /usr/lib/udev",
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
    "another callout comes first": (
        lambda h: h.program(f"{NEW_DIR}/00-ap", "#!/bin/sh\n# vfio_ap-passthrough\n"),
        "callout-order", "fault", "00-ap first", f"rm /{NEW_DIR}/00-ap"),
    "mdevctl 1.2 has two callouts": (old_with("ap-check", "\x7fELF\0vfio_ap-passthrough\0"),
                                     "callout-order", "fault", "does not sort",
                                     f"rm /{OLD_DIR}/ap-check"),
    "there is no hook": (lambda h: h.remove(dh.HOOK),
                         "hook", "fault", "no hook in", "libvirt-ap-hook /etc/libvirt/hooks"),
    "the hook leads nowhere": (lambda h: h.remove(f"{dh.LIBEXEC}/libvirt-ap-hook"),
                               "hook", "fault", "leads to no program", "install"),
    "the first hook came after the daemon": (new_hook, "hook-seen", "fault",
                                             f"newer than libvirtd (process {dh.DAEMON})",
                                             "systemctl restart libvirtd"),
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
    "two files define one mdev": (two_cases, "definitions", "fault", "upper and lower case", "rm "),
    "a definition is a directory": (lambda h: h.path(DEFINITION).mkdir(),
                                    "definitions", "warn", "is a directory", "away"),
    "a definition is a fifo": (lambda h: os.mkfifo(h.path(DEFINITION)),
                               "definitions", "warn", "is a fifo", "away"),
    "a definition leads nowhere": (lambda h: h.link(DEFINITION, "nowhere"),
                                   "definitions", "warn", "leads nowhere", "rm "),
    "a change was interrupted": (lambda h: h.write("var/lib/libvirt-ap/journal", "{}"),
                                 "journal", "fault", "begun and not ended", "virt-ap recover"),
    "the lock is left behind": (lock("77\n"), "lock", "warn", "process 77", "nothing to do"),
    "the lock is init's": (lock("1\n", pid=1, name="systemd"), "lock", "fault",
                           "process 1 (systemd)", "rm /run/lock"),
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

# What looks wrong and is not: the code that stays "ok".
SPARED = {
    "the hook is newer, but not the first": (
        lambda h: [new_hook(h), h.program("etc/libvirt/hooks/qemu", "#!/bin/sh\n"),
                   os.utime(h.path("etc/libvirt/hooks/qemu"), (dh.BOOTED, dh.BOOTED))],
        "hook-seen"),
    "libvirt's daemon does not run": (
        lambda h: [new_hook(h), shutil.rmtree(h.path(f"proc/{dh.DAEMON}"))], "hook-seen"),
    "the daemon's process id is another's now": (
        lambda h: [new_hook(h), h.process(dh.DAEMON, "bash")], "hook-seen"),
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
    "a file that is no definition": (
        lambda h: h.write(f"{host.DEFINITIONS}/README", "{"), "definitions"),
}


def examine(root):
    done = subprocess.run([VIRT_AP, "--root", str(root), "--json", "doctor"], check=False,
                          text=True, capture_output=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def blanked(text):
    """C whose strings keep their length but hold no commas or parentheses."""
    return lint.TOKEN.sub(lambda m: m[0][0] + "_" * (len(m[0]) - 2) + m[0][0]
                          if m[0][0] == '"' else lint.blank(m[0]), text)


def split_call(text):
    found, depth, start, safe = [], 0, 0, blanked(text)
    for i, char in enumerate(safe):
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (char == "," and depth == 0):
            found.append(text[start:i])
            start = i + 1
        if depth < 0:
            return found
    raise AssertionError("a call that does not end")


def pattern_of(form):
    return ".*".join(re.escape(part) for part in re.split(r"%[-0-9l]*[a-z]", form))


def named_faults():
    """The formats of all faults and warnings in the doctor's source, as patterns."""
    for path in sorted((SOURCE / "src/node_device").glob("ap_doctor*.c")):
        text = path.read_text()
        for match in re.finditer(r"ap_doctor_add\(doctor, ", text):
            state, _, form, *_ = split_call(text[match.end():])
            if not re.search("FAULT|WARN", state):
                continue
            parts = re.findall(r'"(?:\\.|[^"\\])*"|\w+', form)
            yield path.name, "".join(pattern_of(p[1:-1]) if p[0] == '"' else ".*" for p in parts)


class DoctorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="ap-doctor-")
        cls.results = {}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def make(self, name, change=None):
        root = Path(self.temporary.name, name.replace(" ", "-").replace("/", "-"))
        tree = dh.DoctorHost(root)
        if not root.exists():
            tree.make()
            if change:
                change(tree)
        return root

    def examine(self, name, change):
        if name not in self.results:
            self.results[name] = examine(self.make(name, change))
        return self.results[name]

    def test_on_a_healthy_host_everything_is_ok(self):
        code, result = examine(self.make("healthy"))
        self.assertEqual([c for c in result["checks"] if c["state"] != "ok"], [])
        self.assertEqual((code, result["version"]), (0, 1))

    def test_each_case_is_found(self):
        for name, (change, code, state, message, hint) in CASES.items():
            with self.subTest(name):
                exit_code, result = self.examine(name, change)
                found = [c for c in result["checks"] if (c["code"], c["state"]) == (code, state)]
                self.assertTrue(any(message in c["message"] and hint in c["hint"] for c in found),
                                result["checks"])
                faults = [c for c in result["checks"] if c["state"] == "fault"]
                self.assertEqual(exit_code, 1 if faults else 0)

    def test_what_only_looks_wrong_is_spared(self):
        for name, (change, code) in SPARED.items():
            with self.subTest(name):
                _, result = self.examine(name, change)
                states = [c["state"] for c in result["checks"] if c["code"] == code]
                self.assertEqual(states, ["ok"], result["checks"])

    def test_every_check_has_a_case(self):
        table = (SOURCE / "src/node_device/ap_doctor.c").read_text()
        codes = re.findall(r'\{ "([a-z-]+)", ap_doctor_check_\w+ \}', table)
        self.assertGreater(len(codes), 20)
        self.assertEqual(set(codes), {case[1] for case in CASES.values()})
        _, result = examine(self.make("healthy"))
        self.assertEqual([c["code"] for c in result["checks"]], codes)

    def test_every_fault_and_warning_in_the_source_is_provoked(self):
        seen = []
        for name, (change, *_) in CASES.items():
            _, result = self.examine(name, change)
            seen += [c["message"] for c in result["checks"] if c["state"] in ("fault", "warn")]
        named = list(named_faults())
        self.assertGreater(len(named), 30)
        self.assertEqual([(path, form) for path, form in named
                          if not any(re.fullmatch(form, message) for message in seen)], [])

    def test_every_hint_of_a_fault_says_something(self):
        for name, (change, *_) in CASES.items():
            _, result = self.examine(name, change)
            for check in result["checks"]:
                self.assertEqual(list(check), ["code", "state", "message", "hint"])
                if check["state"] in ("fault", "warn"):
                    self.assertTrue(check["hint"], check)

    def test_the_document_has_every_check(self):
        text = (SOURCE / "docs/doctor.rst").read_text()
        _, result = examine(self.make("healthy"))
        described = re.findall(r"^([a-z-]+)\n-+$", text, re.MULTILINE)
        self.assertEqual(described, [c["code"] for c in result["checks"]])

    def test_a_tree_without_a_host_could_not_be_looked_at(self):
        empty = Path(self.temporary.name, "empty")
        empty.mkdir()
        code, result = examine(empty)
        self.assertEqual((code, result["error"]["code"]), (4, "io"))

    def test_what_a_captured_tree_lacks_is_no_fault(self):
        code, result = examine(SOURCE / "examples/hosts/lpar1")
        self.assertEqual(code, 0)
        self.assertEqual({c["state"] for c in result["checks"]}, {"ok", "unknown"})

    def test_nothing_is_changed(self):
        root = self.make("unchanged", lambda h: [h.write(dh.LOCK, "77\n"),
                                                 h.write("var/lib/libvirt-ap/journal", "{}")])
        listing = ["find", ".", "-printf", "%P %y %m %T@ %C@ %l\n"]
        before = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
        examine(root)
        after = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
        self.assertEqual(before, after)

    def test_the_text_says_the_same(self):
        root = self.make("a queue has no driver", unbind)
        done = subprocess.run([VIRT_AP, "--root", str(root), "doctor"], check=False, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("\nfault    queues: no driver has these queues: 05.0047\n           a guest",
                      done.stdout)
        self.assertTrue(done.stdout.endswith("\nfaults: 1, warnings: 0, unknown: 0\n"))


if __name__ == "__main__":
    unittest.main()
