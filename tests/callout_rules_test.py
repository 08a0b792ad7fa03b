# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the callout refuses, what it may never refuse, and whom it tells."""

import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from harness import world
from harness.callout import CALLOUT, ENVIRONMENT, NAME, WorldTest, argv, call
from harness.host import DEFINITIONS, LOCK, MATRIX, RULE, config_line, definition, mask, uuid

A, B, C, D = uuid(0xa), uuid(0xb), uuid(0xc), uuid(0xd)
CONFIG = "etc/libvirt-ap/libvirt-ap.conf"
JOURNAL = "/run/systemd/journal/socket"


class ModifyTest(WorldTest):
    """A change is refused only for what it adds."""

    def modify(self, *where, **options):
        return call("pre", "modify", A, definition(*where, **options))

    def test_old_overlaps_stay_and_new_ones_are_refused(self):
        self.host.activate(B, [5], [4, 6])
        self.host.define(A, [5], [4, 0x2a])
        self.assert_passed(self.modify([5], [4, 0x2a, 0x47]))
        self.assert_passed(self.modify([5], [4]))
        self.assert_refused(self.modify([5], [4, 6]), "05.0006")
        self.host.activate(C, [1], [4])
        self.assert_refused(self.modify([1, 5], [4, 0x2a]), "01.0004")

    def test_autostart_adds_the_overlaps_with_what_starts_at_boot(self):
        self.host.define(B, [5], [4], auto=True)
        self.host.activate(C, [5], [6])
        self.host.define(A, [5], [4, 6])
        self.assert_refused(self.modify([5], [4, 6], auto=True), f"mdev {B}")
        self.host.define(A, [5], [4, 6], auto=True)
        self.assert_passed(self.modify([5], [4, 6], [4], auto=True))
        self.host.add_guest("web", B)
        self.assert_passed(self.modify([5], [4, 6], [4], auto=True))

    def test_what_is_not_defined_cannot_be_modified(self):
        """mdevctl would define it, unasked."""
        self.host.activate(A, [5], [4])
        for auto in (False, True):
            self.assert_refused(self.modify([5], [4], auto=auto), f"mdev {A} is not defined")
        self.assertEqual(os.listdir("/run/lock"), [])

    def test_what_equals_the_live_matrix_is_never_refused(self):
        self.host.activate(A, [5], [4])
        self.host.activate(B, [5], [4])
        self.host.activate(C, [1], [4])
        self.host.path(f"{MATRIX}/{C}/ap_config").write_text("garbage\n")
        self.host.define(A, [5], [6])
        self.assert_passed(self.modify([5], [4]))
        self.assert_passed(self.modify([5], [4], auto=True))
        self.assert_refused(self.modify([5], [4, 6]), f"mdev {B}")

    def test_known_is_what_was_there_not_what_looks_alike(self):
        self.host.write("sys/bus/ap/ap_max_domain_id", "84\n")
        self.host.write(CONFIG, "[severity define]\nbeyond-limit=reject\n")
        self.host.define(A, [5], [4], [200, 202])
        self.assert_passed(self.modify([5], [4], [200]))
        self.assert_passed(self.modify([5], [6], [200, 202]))
        self.assert_refused(self.modify([5], [4], [200, 201]), "0xc8-0xc9")

    def test_a_definition_of_another_spelling_does_not_become_two(self):
        self.host.define(A.upper(), [5], [4])
        self.assert_refused(self.modify([5], [6]), f"mv -n /{DEFINITIONS}/{A.upper()} ")
        self.assert_refused(call("pre", "define", A, definition([5], [6])), "is defined already")

    def test_either_of_two_definitions_of_one_mdev_can_start(self):
        self.host.define(A, [5], [4])
        self.host.define(A.upper(), [2], [6], auto=True)
        for where in ([5], [4]), ([2], [6]):
            result = call("pre", "define", B, definition(*where))
            self.assert_refused(result, f"mdev {A}")

    def test_manual_is_never_refused(self):
        self.host.activate(B, [5], [4])
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text("garbage\n")
        self.host.write(CONFIG, "[nonsense")
        self.host.write(f"{DEFINITIONS}/{C}", "{")
        self.host.write(f"etc/libvirt/qemu/{C}.xml", "<domain")
        self.host.define(A, [5], [4], auto=True)
        self.assert_passed(self.modify([5], [4]))
        self.assert_refused(self.modify([5], [4, 6]), "bad configuration")

    def test_a_matrix_that_cannot_be_read_is_a_veto_unless_ours_only_shrinks(self):
        self.host.activate(B, [1], [4])
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text("garbage\n")
        self.host.define(A, [5], [4, 6])
        self.assert_refused(self.modify([5], [4, 6, 0x47]), f"{MATRIX}/{B}/ap_config")
        self.assert_passed(self.modify([5], [4]))
        self.assert_refused(self.modify([5], [4], auto=True), f"{MATRIX}/{B}/ap_config")
        for event, action in (("pre", "define"), ("pre", "start")):
            self.assert_refused(call(event, action, D, definition([2], [4])),
                                f"/{MATRIX}/{B}/ap_config")

    def test_a_live_change_may_shrink_beside_a_matrix_that_cannot_be_read(self):
        config = self.host.activate(A, [5], [4, 6]) / "ap_config"
        self.host.activate(B, [1], [4])
        self.host.path(f"{MATRIX}/{B}/ap_config").unlink()
        self.host.path(f"{MATRIX}/{B}/matrix").write_text("garbage\n")
        live = ("live", "modify", A)
        self.assert_refused(call(*live, definition([5], [4, 6, 0x47])), f"/{MATRIX}/{B}/matrix")
        self.assert_passed(call(*live, definition([5], [4])))
        self.assertEqual(config.read_text(), config_line([5], [4]))

    def test_a_change_that_leaves_a_bad_attribute_is_no_worse_than_before(self):
        bad = json.loads(definition([5], [4]))
        bad["attrs"] += [{"assign_nonsense": "1"}, {"assign_rubbish": "1"}]
        self.host.write(f"{DEFINITIONS}/{A}", json.dumps(bad))
        bad["attrs"].pop()
        self.assert_passed(call("pre", "modify", A, json.dumps(bad)))
        self.assert_refused(call("pre", "start", A, json.dumps(bad)), "assign_nonsense")


class StartTest(WorldTest):
    """A start asks its own queues first; what cannot be known is no yes."""

    def start(self, *where):
        return call("pre", "start", A, definition(*where))

    def set_status(self, text, *apqns):
        for adapter, domain in apqns:
            self.host.write(f"sys/devices/ap/card{adapter:02x}/{adapter:02x}.{domain:04x}/status",
                            text + "\n")

    def remove_attributes(self, mdev):
        for path in self.host.path(f"{MATRIX}/{mdev}").iterdir():
            path.unlink()

    def test_masks_that_cannot_be_read_are_a_veto_at_start_and_live(self):
        for name in ("apmask", "aqmask"):
            path = self.host.path(f"sys/bus/ap/{name}")
            for text in ("", "garbage\n", mask([1])[:-1] + "\n", "0x\n", None):
                with self.subTest(name, text=text):
                    path.unlink()
                    if text is not None:
                        path.write_text(text, encoding="ascii")
                    self.assert_refused(self.start([5], [4]), f"/sys/bus/ap/{name}")
                    self.assert_passed(call("pre", "define", A, definition([5], [4])))
                    self.host.activate(B, [1], [4])
                    self.assert_refused(call("live", "modify", B, definition([1, 2], [4])),
                                        f"/sys/bus/ap/{name}")
                    self.host.write(f"sys/bus/ap/{name}", mask(()) + "\n")

    def test_queues_that_say_unassigned_need_no_matrix_to_be_read(self):
        self.host.activate(B, [1], [4])
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text("garbage\n")
        self.set_status("unassigned", (5, 4), (5, 6))
        self.assert_passed(self.start([5], [4, 6]))
        self.assert_passed(self.start([5], [4, 6], [4, 6]))
        for text in ("assigned", "in use", "unassigned?", ""):
            self.set_status(text, (5, 6))
            self.assert_refused(self.start([5], [4, 6]), f"{MATRIX}/{B}/ap_config")

    def test_what_the_queues_decide_still_names_the_owner(self):
        self.host.activate(B, [5], [4])
        self.host.define(B, [5], [4])
        self.host.add_guest("payroll", B)
        self.set_status("unassigned", (5, 6))
        self.set_status("assigned", (5, 4))
        self.assert_refused(self.start([5], [4, 6]), "05.0004", f"mdev {B}", "payroll",
                            "free on adapter 5")
        self.assertIn("control domains of this matrix", self.start([5], [6], [4]).stderr)

    def test_a_control_overlap_that_is_to_be_refused_is_looked_for_in_all_matrices(self):
        self.host.activate(B, [5], [4], [6])
        self.set_status("unassigned", (5, 6))
        self.set_status("assigned", (5, 4))
        self.assert_passed(self.start([5], [6]))
        self.host.write(CONFIG, "[severity]\ncontrol-overlap = reject\n")
        self.assert_refused(self.start([5], [6]), f"mdev {B}")

    def test_an_mdev_that_goes_keeps_only_its_own_queues(self):
        self.host.activate(B, [5], [4])
        self.host.define(B, [5], [4])
        self.host.add_guest("payroll", B)
        self.remove_attributes(B)
        self.set_status("in use", (5, 4))
        self.set_status("unassigned", (5, 6), (1, 4))
        self.assert_passed(self.start([1], [4]))
        self.assert_refused(self.start([5], [4, 6]), "05.0004", f"mdev {B}", "payroll")
        self.assertNotIn("05.0006", self.start([5], [4, 6]).stderr)
        self.assert_passed(call("get", "attributes", B))


class ClaimTest(WorldTest):
    """Nobody knows which matrix a guest is to have whose claim cannot be read."""

    def test_a_claim_that_cannot_be_read_is_a_veto(self):
        self.host.activate(B, [1], [4])
        self.host.define(C, [1], [6])
        name = f"run/libvirt-ap/claims/{A}.{D}"
        for text in ("", "[claim]\nguest=x\n", None):
            with self.subTest(text=text):
                path = self.host.path(name)
                if text is None:
                    path.unlink()
                    os.mkfifo(path)
                else:
                    self.host.write(name, text)
                for event, action, mdev in (("pre", "define", A), ("pre", "start", A),
                                            ("pre", "modify", C), ("live", "modify", B)):
                    self.assert_refused(call(event, action, mdev, definition([5], [4])), name)
                self.assert_passed(call("pre", "modify", C, definition([1], [6])))
        path.unlink()
        self.assert_passed(call("pre", "define", A, definition([5], [4])))


class BroughtTest(WorldTest):
    """What a guest brings in its metadata counts like a definition."""

    def setUp(self):
        super().setUp()
        self.host.add_guest("payroll", B)
        path = self.host.path("etc/libvirt/qemu/payroll.xml")
        metadata = ("<metadata><ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'>"
                    "<ap:adapter id='5'/><ap:domain id='4'/></ap:matrix></metadata>")
        path.write_text(path.read_text(encoding="ascii").replace("<os>", metadata + "<os>"),
                        encoding="ascii")

    def test_its_queues_are_its_own_if_a_pool_gives_them(self):
        define = ("pre", "define", A, definition([5], [4, 6]))
        self.assertIn("payroll", call(*define).stderr)
        self.assert_passed(call(*define))
        self.host.write(CONFIG, "[pool keys]\nadapters = 5\ndomains = 4\nguests = payroll\n")
        self.assert_refused(call(*define), "05.0004", f"mdev {B}", "payroll")
        self.assert_passed(call("pre", "define", A, definition([5], [6])))

    def test_a_guest_that_cannot_be_read_may_bring_anything(self):
        self.host.write("etc/libvirt/qemu/web.xml", "<domain urn:libvirt-ap:domain:1")
        self.assertIn("web.xml", call("pre", "define", A, definition([1], [6])).stderr)


class HarmlessTest(WorldTest):
    """What helps a broken host is never refused."""

    def setUp(self):
        super().setUp()
        self.host.activate(A, [5], [4])
        self.host.define(A, [5], [4])
        self.host.activate(B, [5], [4])
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text("garbage\n")
        self.host.write(CONFIG, "[nonsense")
        self.host.write(f"{DEFINITIONS}/{C}", "{")
        self.host.write("sys/bus/ap/apmask", "garbage\n")
        self.host.write(f"etc/libvirt/qemu/{C}.xml", "<domain")

    def test_stop_undefine_post_get_and_notify_pass(self):
        for event, action in (("pre", "stop"), ("pre", "undefine"), ("post", "stop"),
                              ("post", "define"), ("post", "dance"), ("notify", "stop"),
                              ("get", "attributes"), ("get", "capabilities")):
            with self.subTest(event=event, action=action):
                self.assert_passed(call(event, action, A, "" if event == "get" else "garbage"))
        self.assertEqual(call("get", "attributes", A).stdout,
                         '[{"assign_adapter": "5"},{"assign_domain": "4"}]\n')
        self.assertEqual(call("get", "attributes", D).stdout, "")

    def run_guest(self, name, mdev):
        self.host.add_guest(name, mdev)
        xml = self.host.path(f"etc/libvirt/qemu/{name}.xml").read_text()
        self.host.write(f"run/libvirt/qemu/{name}.xml",
                        f"<domstatus state='running'>{xml}</domstatus>")

    def test_undefine_tells_whom_it_concerns(self):
        self.assertNotIn("not-kept", call("pre", "undefine", A).stderr)
        self.run_guest("web", A)
        result = call("pre", "undefine", A)
        self.assert_passed(result)
        self.assertRegex(result.stderr, f"(?m)^warning: mdev {A} stays active, and the guest keeps "
                                        "its queues, until the next boot: it is gone then, and "
                                        "guest 'web' \\(running\\) cannot start then")
        self.host.define(D, [1], [4])
        self.host.add_guest("db", D)
        result = call("pre", "undefine", D)
        self.assert_passed(result)
        self.assertIn(f"guest 'db' (shut off) names mdev {D}", result.stderr)

    def test_a_broken_definition_is_a_warning_that_names_the_file(self):
        self.host.path(CONFIG).unlink()
        self.host.path(f"{MATRIX}/{B}/ap_config").write_text(config_line([5], [4]))
        self.host.path(f"{DEFINITIONS}/{D}").mkdir()
        self.host.link(f"{DEFINITIONS}/{uuid(0xe)}", "/nowhere")
        os.mkfifo(self.host.path(f"{DEFINITIONS}/{uuid(0xf)}"))
        result = call("pre", "define", uuid(1), definition([1], [6]))
        self.assert_passed(result)
        for name in (C, D, uuid(0xf)):
            self.assertRegex(result.stderr, f"(?m)^warning: .*/{DEFINITIONS}/{name}: ")
        self.assert_refused(call("pre", "define", uuid(1), definition([5], [4])), "05.0004")


class HostTest(WorldTest):
    """What belongs to the machine."""

    def test_without_ap_bus_a_definition_is_judged_and_a_start_refused(self):
        self.host.define(A, [5], [4], auto=True)
        for name in ("sys/bus/ap", "sys/devices"):
            subprocess.run(["rm", "-r", self.host.path(name)], check=True)
        result = call("pre", "define", B, definition([5], [6]))
        self.assert_passed(result)
        self.assertIn("warning: this host has no AP bus", result.stderr)
        self.assert_refused(call("pre", "define", B, definition([5], [4])), f"mdev {A}")
        self.assert_refused(call("pre", "start", B, definition([5], [6])), "no AP bus")

    def test_the_host_keeps_its_queues(self):
        self.host.write("sys/bus/ap/apmask", mask([5]) + "\n")
        self.host.write("sys/bus/ap/aqmask", mask([4]) + "\n")
        self.host.link("sys/devices/ap/card05/05.0004/driver",
                       "../../../../bus/ap/drivers/cex4queue")
        self.assert_refused(call("pre", "start", A, definition([5], [4])), "05.0004", "host")
        self.assert_passed(call("pre", "define", A, definition([5], [4])))


class BootTest(WorldTest):
    """What is newly to start at boot is judged by what holds then."""

    def masks_at_boot(self, apmask, aqmask):
        self.host.write(RULE, f'ATTR{{../../bus/ap/apmask}}="{mask(apmask)}"\n'
                              f'ATTR{{../../bus/ap/aqmask}}="{mask(aqmask)}"\n')

    def test_what_the_rule_gives_to_the_host_does_not_start(self):
        self.masks_at_boot([5], [4])
        self.assert_passed(call("pre", "define", A, definition([5], [4])))
        self.assert_refused(call("pre", "define", A, definition([5], [4], auto=True)),
                            "05.0004 (adapter 5, domain 4) is the host's after the next boot",
                            f"\n  /{RULE} leaves it to the host")
        self.assert_passed(call("pre", "define", A, definition([5], [6], auto=True)))

    def test_without_a_rule_the_kernel_leaves_everything_to_the_host(self):
        self.host.path(RULE).unlink()
        self.assert_refused(call("pre", "define", A, definition([5], [4], auto=True)),
                            "no udev rule and no parameter in /proc/cmdline sets masks")

    def test_a_rule_that_is_not_understood_is_a_veto(self):
        for text in ('ATTR{../../bus/ap/apmask}="none"\n',
                     'RUN+="/bin/sh -c \'echo 0x0 > /sys/bus/ap/apmask\'"\n'):
            self.host.write(RULE, text)
            self.assert_refused(call("pre", "define", A, definition([5], [4], auto=True)), RULE)
            self.assert_passed(call("pre", "define", A, definition([5], [4])))

    def test_a_rule_that_is_not_understood_lets_nothing_grow(self):
        self.host.define(A, [5], [4], auto=True)
        self.host.write(RULE, 'ATTR{../../bus/ap/apmask}="none"\n')
        for auto in (False, True):
            self.assert_passed(call("pre", "modify", A, definition([5], [4], [6], auto=auto)))
        self.assert_refused(call("pre", "modify", A, definition([5], [4, 6], auto=True)), RULE)

    def test_active_or_not_two_of_one_queue_do_not_start(self):
        self.host.define(B, [5], [4], auto=True)
        self.host.activate(A, [5], [4])
        self.assert_passed(call("pre", "define", A, definition([5], [4])))
        for text in (definition([5], [4], auto=True), definition(auto=True)):
            self.assert_refused(call("pre", "define", A, text),
                                f"05.0004 (adapter 5, domain 4) is defined for mdev {B}")
        self.host.define(A, [5], [4])
        self.assert_refused(call("pre", "modify", A, definition([5], [4], auto=True)), B)

    def test_what_goes_now_starts_again_at_boot(self):
        """That it may hold another queue now does not hide what it is defined for."""
        self.host.activate(B, [1], [4])
        for path in self.host.path(f"{MATRIX}/{B}").iterdir():
            path.unlink()
        self.host.write("sys/devices/ap/card05/05.0004/status", "unassigned\n")
        self.host.write("sys/devices/ap/card01/01.0004/status", "assigned\n")
        self.host.define(B, [5], [4], auto=True)
        self.host.define(A, [1, 5], [4])
        self.assert_passed(call("pre", "modify", A, definition([1, 5], [4])))
        self.assert_refused(call("pre", "modify", A, definition([1, 5], [4], auto=True)),
                            f"05.0004 (adapter 5, domain 4) is defined for mdev {B}")

    def test_active_or_not_the_masks_count(self):
        self.masks_at_boot([5], [4])
        self.host.activate(A, [5], [4])
        self.assert_refused(call("pre", "define", A, definition(auto=True)), RULE)
        self.host.define(A, [5], [4])
        self.assert_refused(call("pre", "modify", A, definition([5], [4], auto=True)), RULE)

    def test_what_starts_at_boot_already_stays_repairable(self):
        self.masks_at_boot([5], [4])
        self.host.define(B, [5], [4], auto=True)
        self.host.define(A, [5], [4, 6], auto=True)
        self.assert_passed(call("pre", "modify", A, definition([5], [4, 6], [6], auto=True)))
        self.assert_passed(call("pre", "modify", A, definition([5], [4], auto=True)))
        self.masks_at_boot([5], [4, 0x47])
        self.assert_refused(call("pre", "modify", A, definition([5], [4, 0x47], auto=True)),
                            "05.0004 (adapter 5, domain 4) is the host's",
                            "\n  also 05.0047\n")

    def test_steps_that_pass_over_what_another_starts_with(self):
        self.host.define(B, [5], [4], auto=True)
        steps = json.loads(definition([5], [4], auto=True))
        steps["attrs"] += [{"unassign_domain": "4"}, {"assign_domain": "6"}]
        self.assert_refused(call("pre", "define", A, json.dumps(steps)),
                            f"in between it takes a queue of mdev {B}, which starts at boot, too")
        self.host.activate(A, [5], [6])
        self.assert_refused(call("pre", "define", A, json.dumps(steps)), "in between")
        steps["start"] = "manual"
        self.assert_passed(call("pre", "define", A, json.dumps(steps)))

    def test_a_guest_that_starts_at_boot_brings_its_matrix_up(self):
        self.masks_at_boot([5], [4])
        self.host.add_guest("payroll", A)
        self.assert_passed(call("pre", "define", A, definition([5], [4])))
        self.host.link("etc/libvirt/qemu/autostart/payroll.xml", "/etc/libvirt/qemu/payroll.xml")
        self.assert_refused(call("pre", "define", A, definition([5], [4])),
                            f"when guest 'payroll' is to start with mdev {A}")
        self.assert_passed(call("pre", "define", B, definition([5], [4])))


class LockTest(WorldTest):
    """The lock as the user meets it."""

    def setUp(self):
        super().setUp()
        self.host.write(CONFIG, "[lock]\ntimeout=1\n")

    def test_a_live_holder_is_named_after_the_timeout(self):
        with subprocess.Popen(["sleep", "100"]) as holder:
            LOCK.write_text(f"{holder.pid}\n", encoding="utf-8")
            start = time.monotonic()
            result = call("pre", "define", A, definition([5], [4]))
            self.assertGreater(time.monotonic() - start, 1)
            self.assert_refused(result, f"locked by process {holder.pid} (sleep), see {LOCK}\n"
                                        "wait until it is done, then try again")
            self.assertEqual(LOCK.read_text(encoding="utf-8"), f"{holder.pid}\n")
            self.assert_passed(call("get", "attributes", A))
            holder.kill()
        self.assert_passed(call("pre", "define", A, definition([5], [4])))
        self.assert_free()

    def test_a_parent_that_is_init_is_refused(self):
        result = subprocess.run(
            ["unshare", "-pf", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh",
             *argv("pre", "define", A)],
            input=definition([5], [4]), env=ENVIRONMENT, capture_output=True, text=True,
            check=False)
        self.assert_refused(result, "cannot lock the AP configuration for process 1: ")
        self.assert_free()

    def test_yes_keeps_the_lock_and_post_gives_it_back(self):
        self.assert_passed(call("pre", "define", A, definition([5], [4]), release=False))
        self.assertEqual(os.listdir("/run/lock"), [LOCK.name])
        self.assertEqual(LOCK.read_text(encoding="utf-8"), f"{os.getpid()}\n")
        self.assert_passed(call("post", "define", A, definition([5], [4]), state="success",
                                release=False))
        self.assert_free()


class KernelTest(WorldTest):
    """A live change that the kernel refuses: strace answers in its place."""

    REASONS = {"EADDRINUSE": "an APQN belongs to another mdev; see `virt-ap map` "
                             "(Address already in use)",
               "EADDRNOTAVAIL": "an APQN belongs to the host's own drivers",
               "ENODEV": "No such device",
               "EBUSY": "in use", "EINVAL": ": Invalid argument", "EROFS": ": Read-only file"}

    def inject(self, path, what):
        """Puts a callout in place whose write to @path is answered by @what."""
        self.install_script(f"#!/bin/sh\nexec strace -D -f -o /tmp/inject.log -P {path} "
                            f"-e trace=write -e inject=write:{what} {CALLOUT} \"$@\"\n",
                            NAME, "1.4")

    def change(self):
        return self.mdevctl("1.4", "modify", "--uuid", A, "--parent", "matrix", "--live",
                            "--jsonfile", "/dev/stdin", text=definition([5], [4, 6]))

    def test_its_reason_is_told_and_the_lock_given_back(self):
        config = self.host.activate(A, [5], [4]) / "ap_config"
        self.get_mdevctl("1.4")
        for errno, told in self.REASONS.items():
            with self.subTest(errno):
                self.inject(config, f"error={errno}")
                self.assert_refused(self.change(), "the kernel does not take the new matrix", told,
                                    "the old matrix stays")
                self.assertEqual(config.read_text(), config_line([5], [4]))
                self.assert_free()

    def test_a_write_that_did_nothing_is_seen(self):
        config = self.host.activate(A, [5], [4]) / "ap_config"
        self.get_mdevctl("1.4")
        self.inject(config, f"retval={len(config_line())}")
        self.assert_refused(self.change(), "holds another matrix than was written")
        self.assert_free()


class DefinedTwiceTest(WorldTest):
    def test_a_uuid_is_not_defined_again_over_what_another_wrote_since(self):
        self.host.define(A, [5], [4])
        self.assert_refused(call("pre", "define", A, definition([5], [6])), "is defined already")
        self.assert_free()


class JournalTest(WorldTest):
    """virsh shows the warnings of what succeeds to nobody, so the journal has them."""

    def receive(self, function):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(JOURNAL)
            journal.settimeout(0.5)
            function()
            entries = []
            try:
                while True:
                    lines = journal.recv(65536).decode().split("\n")
                    entries.append(dict(x.split("=", 1) for x in lines if "=" in x))
            except TimeoutError:
                return entries

    def test_a_warning_is_there_with_its_fields(self):
        self.host.define(A, [5], [4])
        self.host.add_guest("payroll", B)
        entries = self.receive(lambda: self.assert_passed(
            call("pre", "define", B, definition([5], [4]))))
        self.assertEqual(len(entries), 1)
        wanted = {"CODE": "defined-elsewhere", "MDEV": B, "GUEST": "payroll", "APQN": "05.0004",
                  "PRIORITY": "4", "SYSLOG_IDENTIFIER": "libvirt-ap"}
        self.assertEqual({key: entries[0].get(key) for key in wanted}, wanted)
        self.assertIn("05.0004 (adapter 5, domain 4) is defined for", entries[0]["MESSAGE"])

    def test_an_undefine_leaves_whom_it_concerns_there(self):
        self.host.define(A, [5], [4])
        self.host.activate(A, [5], [4])
        self.host.add_guest("payroll", A)
        entries = self.receive(lambda: self.assert_passed(call("pre", "undefine", A)))
        self.assertEqual([(e["CODE"], e["MDEV"], e["GUEST"]) for e in entries],
                         [("not-kept", A, "payroll")])

    def test_what_is_allowed_leaves_nothing_there(self):
        self.assertEqual(self.receive(lambda: self.assert_passed(
            call("pre", "define", A, definition([5], [4])))), [])

    def test_a_journal_that_is_away_does_not_matter(self):
        self.host.define(A, [5], [4])
        self.assert_passed(call("pre", "define", B, definition([5], [4])))


if __name__ == "__main__":
    world.main()
