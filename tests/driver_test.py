#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The driver's verbs on simulated hosts: what they do, and that they do all or nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from sim_host import A, B, JOURNAL, TMP, UNDER_STRACE, VIRT_AP, SimHost, xml

# `meson test --suite slow` sets it.
SLOW = unittest.skipUnless("SLOW" in os.environ, "slow")

OLD = xml([2], [4], A)
NEW = xml([2, 3], [4, 6], A, [5])
OTHER = xml([3], [5], B)


class DriverTest(unittest.TestCase):
    KERNEL = "6.12"

    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=TMP)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.host = SimHost(os.path.join(self.directory, "host"), self.KERNEL)

    def assert_refused(self, result, *words, code=1):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def assert_closed(self):
        self.assertIsNone(self.host.read(JOURNAL))
        self.assertEqual(os.listdir(self.host.file("run/lock")), [])


class VerbsTest(DriverTest):
    def test_a_definition_is_as_mdevctl_writes_it(self):
        self.host.must("define", "-", stdin=OLD)
        with open(self.host.definition(A), encoding="utf-8") as file:
            self.assertEqual(file.read(), """{
  "mdev_type": "vfio_ap-passthrough",
  "start": "manual",
  "attrs": [
    {
      "assign_adapter": "2"
    },
    {
      "assign_domain": "4"
    }
  ]
}""")
        self.assertEqual(os.stat(self.host.definition(A)).st_mode & 0o7777, 0o644)
        self.assert_closed()

    def test_without_a_uuid_one_is_made_up(self):
        name = json.loads(self.host.must("--json", "define", "-", stdin=xml([2], [4])))["mdev"]
        self.assertTrue(os.path.exists(self.host.definition(name)))

    def test_a_matrix_is_defined_without_a_file(self):
        for ids, adapters, domains, control in (
                (("--adapter", "2", "--domain", "0x04,6"), [2], [4, 6], []),
                (("--adapter=0x02-3", "--domain", "4", "--control-domain", "5"), [2, 3], [4], [5])):
            with self.subTest(ids):
                answer = json.loads(self.host.must("--json", "define", *ids))
                with open(self.host.definition(answer["mdev"]), "rb") as file:
                    made = file.read()
                self.host.must("undefine", answer["mdev"])
                self.host.must("define", "-", stdin=xml(adapters, domains, A, control))
                with open(self.host.definition(A), "rb") as file:
                    self.assertEqual(made, file.read())
                self.host.must("undefine", A)
                self.assertIn(f"<address uuid='{answer['mdev']}'/>", answer["hostdev"])
        self.host.must("define", "--adapter", "2", "--domain", "4", "--uuid", A.upper())
        self.assertTrue(os.path.exists(self.host.definition(A)))
        self.assert_closed()

    def test_what_makes_a_matrix_prints_the_hostdev(self):
        hostdev = f"""for the guest's XML:
<hostdev mode='subsystem' type='mdev' model='vfio-ap'>
  <source>
    <address uuid='{A}'/>
  </source>
</hostdev>
"""
        self.assertEqual(f"mdev {A} defined\n{hostdev}",
                         self.host.must("define", "-", stdin=OLD))
        self.assertEqual(f"mdev {A} started\n", self.host.must("start", A))
        self.assertIsNone(json.loads(self.host.must("--json", "stop", A))["hostdev"])
        self.assertEqual(f"mdev {A} started\n{hostdev}", self.host.must("start", "-", stdin=OLD))
        self.assertEqual(f"mdev {A} updated\n", self.host.must("update", A, "-", stdin=NEW))

    def test_bad_ids_define_nothing(self):
        for words in ((), ("--uuid", A), ("--adapter", "05", "--domain", "4"),
                      ("--adapter", "2", "--domain", "47h"), ("--adapter", "2,", "--domain", "4"),
                      ("--adapter", "256", "--domain", "4"), ("--adapter", "2", "--domain", "6-4"),
                      ("--adapter", "", "--domain", "4"),
                      ("--adapter", "2", "--domain", "4", "--uuid", "x"),
                      ("--adapter", "2", "-"), ("--uuid", A, "-")):
            with self.subTest(words):
                done = self.host.run("define", *words, stdin=OLD)
                self.assertEqual((2, ""), (done.returncode, done.stdout), done.stderr)
        self.assertFalse(os.path.exists(self.host.file("etc/mdevctl.d/matrix"))
                         and os.listdir(self.host.file("etc/mdevctl.d/matrix")))

    def test_a_definition_is_changed_whatever_spells_its_uuid(self):
        for name in (A.upper(), A.replace("-", ""), f"{{{A}}}", f"urn:uuid:{A}"):
            with self.subTest(name):
                self.host.must("define", "-", stdin=OLD)
                other = self.host.file(f"etc/mdevctl.d/matrix/{name}")
                os.rename(self.host.definition(A), other)
                self.assertIn(A, self.host.must("list"))
                self.host.must("autostart", A)
                self.host.must("define", "-", stdin=NEW)
                self.host.must("update", A, "-", "--config", stdin=OLD)
                self.assertEqual(os.listdir(os.path.dirname(other)), [name])
                self.host.must("start", A)
                self.host.must("stop", A)
                self.host.must("undefine", A)
                self.assertEqual(os.listdir(os.path.dirname(other)), [])
                self.assert_closed()

    def test_autostart_survives_a_redefinition(self):
        self.host.must("define", "-", stdin=OLD)
        self.host.must("autostart", A)
        self.host.must("define", "-", stdin=NEW)
        self.host.must("update", A, "-", "--config", stdin=OLD)
        with open(self.host.definition(A), encoding="utf-8") as file:
            definition = json.load(file)
        self.assertEqual(definition["start"], "auto")
        self.assertEqual(definition["attrs"], [{"assign_adapter": "2"}, {"assign_domain": "4"}])
        self.host.must("autostart", A, "--disable")
        self.assertIn('"start": "manual"', self.host.read(f"etc/mdevctl.d/matrix/{A}"))

    def test_a_redefinition_keeps_mode_and_owner(self):
        self.host.must("define", "-", stdin=OLD)
        os.chmod(self.host.definition(A), 0o640)
        self.host.must("define", "-", stdin=NEW)
        self.assertEqual(os.stat(self.host.definition(A)).st_mode & 0o7777, 0o640)

    def test_start_and_stop(self):
        self.host.must("define", "-", stdin=NEW)
        self.host.must("start", "mdev_" + A.replace("-", "_") + "_matrix")
        self.assertEqual(self.host.matrix(A), "02.0004\n02.0006\n03.0004\n03.0006\n")
        self.assert_refused(self.host.run("start", A), "active already")
        self.host.must("stop", A)
        self.assertIsNone(self.host.matrix(A))
        self.assert_refused(self.host.run("stop", A), "not active", code=3)
        self.assert_closed()

    def test_standard_input_may_be_a_socket(self):
        """As `ssh host virt-ap define - <file` makes it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(OLD.encode())
            ours.shutdown(socket.SHUT_WR)
            subprocess.run(self.host.command("define", "-"), stdin=theirs, check=True,
                           stdout=subprocess.DEVNULL)
        self.assertTrue(os.path.exists(self.host.definition(A)))

    def test_output_that_nobody_takes_is_told(self):
        for args in (["list"], ["--json", "list"], ["check"], ["define", "-"], ["recover"]):
            with open("/dev/full", "wb") as full:
                result = subprocess.run(self.host.command(*args), input=OLD, stdout=full,
                                        stderr=subprocess.PIPE, encoding="utf-8", check=False)
            with self.subTest(args=args):
                self.assert_refused(result, "standard output", code=4)

    def test_a_file_starts_without_a_definition(self):
        self.host.must("start", "-", stdin=OLD)
        self.assertEqual(self.host.matrix(A), "02.0004\n")
        self.assertFalse(os.path.exists(self.host.definition(A)))

    def test_update_changes_what_is_asked_for(self):
        self.host.must("define", "-", stdin=OLD)
        before = self.host.read(f"etc/mdevctl.d/matrix/{A}")
        self.assert_refused(self.host.run("update", A, "-", "--live", stdin=NEW), "not active",
                            code=3)
        self.host.must("start", A)
        self.host.must("update", A, "-", stdin=NEW)
        self.assertEqual(self.host.read(f"etc/mdevctl.d/matrix/{A}"), before)
        self.assertEqual(self.host.matrix(A), "02.0004\n02.0006\n03.0004\n03.0006\n")
        self.host.must("update", A, "-", "--config", "--live", stdin=OLD.replace("'4'", "'5'"))
        self.assertIn('"assign_domain": "5"', self.host.read(f"etc/mdevctl.d/matrix/{A}"))
        self.assertEqual(self.host.matrix(A), "02.0005\n")
        self.assert_refused(self.host.run("update", B, "-", stdin=OLD), A, B, code=2)

    def test_the_rules_refuse_and_nothing_is_changed(self):
        self.host.must("define", "-", stdin=NEW)
        self.host.must("start", A)
        before = self.host.state()
        result = self.host.run("--json", "start", "-", stdin=xml([3], [6], B))
        self.assertEqual(result.returncode, 1)
        answer = json.loads(result.stdout)
        self.assertFalse(answer["done"])
        self.assertEqual([f["code"] for f in answer["findings"]], ["in-use"])
        self.assert_refused(self.host.run("define", "-", stdin=xml([3], [6], B)), "03.0006", A)
        self.assert_refused(self.host.run("start", "-", stdin=xml([1], [6], B)), "host-owned")
        self.assertEqual(self.host.state(), before)

    def test_a_change_that_takes_a_running_guests_last_queue_says_so(self):
        self.host.must("start", "-", stdin=OLD)
        os.makedirs(self.host.file("run/libvirt/qemu"))
        self.host.write("run/libvirt/qemu/web.xml", f"""
<domstatus state='running' pid='{os.getpid()}'><domain type='kvm'><name>web</name>
<devices><hostdev mode='subsystem' type='mdev' model='vfio-ap'><source><address uuid='{A}'/>
</source></hostdev></devices></domain></domstatus>""")
        result = self.host.run("update", A, "-", "--live", stdin=NEW)
        self.assertEqual((result.returncode, "no-queue-left" in result.stderr), (0, False))
        result = self.host.run("update", A, "-", "--live", stdin=xml([2], [], A))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("guest 'web' (running) would have no usable queue", result.stderr)

    def test_a_matrix_in_use_is_not_stopped(self):
        self.host.must("start", "-", stdin=OLD)
        self.host.sim("open", A)
        self.assert_refused(self.host.run("stop", A), "busy", A)
        self.host.sim("close", A)
        self.host.must("stop", A)

    def test_an_old_overlap_does_not_hinder_a_change_that_adds_none(self):
        self.host.must("define", "-", stdin=NEW)
        self.host.must("autostart", A)
        # Somebody else defined this one.
        shutil.copy(self.host.definition(A), self.host.definition(B))
        self.host.must("update", A, "-", stdin=xml([2, 3], [4], A))
        self.assert_refused(self.host.run("update", A, "-", stdin=xml([2, 3], [4, 6], A)),
                            "defined-elsewhere")

    def test_undefine_tells_the_guests_that_need_it(self):
        self.host.must("define", "-", stdin=NEW)
        guest = ("<domain type='kvm'><name>web</name><uuid>99999999-0000-4000-8000-000000000001"
                 "</uuid><os><type arch='s390x'>hvm</type></os><devices><hostdev mode='subsystem' "
                 "type='mdev' model='vfio-ap'><source><address uuid='%s'/></source></hostdev>"
                 "</devices></domain>" % A)
        path = self.host.file("etc/libvirt/qemu/web.xml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(guest)
        done = self.host.run("undefine", A)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"guest 'web' (shut off) names mdev {A}, which is then neither active nor "
                      "defined", done.stdout + done.stderr)
        self.host.must("define", "-", stdin=NEW)
        self.host.must("start", A)
        done = self.host.run("undefine", A)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"mdev {A} stays active until the next boot: it is gone then, and "
                      "guest 'web' (shut off) cannot start then",
                      done.stdout + done.stderr)
        self.assertFalse(os.path.exists(self.host.definition(A)))

    def test_names_and_files(self):
        self.assert_refused(self.host.run("undefine", A), "not defined", code=3)
        self.assert_refused(self.host.run("autostart", A), "not defined", code=3)
        self.assert_refused(self.host.run("start", A), "not defined", code=3)
        self.assert_refused(self.host.run("stop", "no-uuid"), "no-uuid", code=3)
        self.assert_refused(self.host.run("define", "/no/such.xml"), "/no/such.xml", code=4)
        self.assert_refused(self.host.run("define", "-", stdin="<device"), "-: ", code=4)

    def test_nothing_is_written_on_a_captured_root(self):
        before = self.host.state()
        for verb in (["define", "-"], ["undefine", A], ["start", A], ["stop", A], ["recover"],
                     ["autostart", A], ["update", A, "-"]):
            result = subprocess.run([VIRT_AP, "--root", self.host.path, *verb], input=OLD,
                                    capture_output=True, encoding="utf-8", check=False)
            self.assert_refused(result, "nothing is changed", code=2)
        result = subprocess.run([VIRT_AP, "--sim", self.directory, "recover"],
                                capture_output=True, encoding="utf-8", check=False)
        self.assert_refused(result, "no simulated host", code=3)
        self.assertEqual(self.host.state(), before)


class OldKernelTest(DriverTest):
    """Without ap_config each bit is a step."""

    KERNEL = "6.0"

    def test_update_goes_bit_by_bit(self):
        self.host.must("start", "-", stdin=NEW)
        self.assertEqual(self.host.matrix(A), "02.0004\n02.0006\n03.0004\n03.0006\n")
        self.host.must("update", A, "-", stdin=xml([3], [5], A))
        self.assertEqual(self.host.matrix(A), "03.0005\n")

    @SLOW
    def test_a_removal_that_the_kernel_does_not_end_is_told(self):
        self.host.must("start", "-", stdin=xml([2], [7], A))
        # No queue tells that a guest has it.
        self.host.sim("open", A)
        with subprocess.Popen(self.host.command("stop", A), stderr=subprocess.PIPE,
                              encoding="utf-8") as stop:
            _, errors = stop.communicate(timeout=60)
        self.assertEqual(stop.returncode, 1)
        self.assertIn("somebody has it open", errors)
        # It goes as soon as it is closed.
        self.assertNotIn("nothing was changed", errors)
        self.host.sim("close", A)


@SLOW
class FaultTest(DriverTest):
    """Each operation fails once, with each errno that the kernel can give, in each verb."""

    # Of open(2): the mdev or the driver is gone, sysfs is read-only or guarded. Then those of
    # mdev_core.c, mdev_sysfs.c and kernfs, and of vfio_ap_ops.c, of any version.
    OPEN = ["ENOENT", "EACCES", "EPERM", "EROFS"]
    ERRNOS = {
        "create": OPEN + ["EEXIST", "EUSERS", "EINVAL", "ENOMEM", "ENODEV", "ENOSPC"],
        "remove": OPEN + ["EBUSY", "EINVAL", "ENODEV", "EAGAIN", "ENOMEM"],
        "write": OPEN + ["EADDRINUSE", "EADDRNOTAVAIL", "ENODEV", "EINVAL", "ERANGE", "EBUSY",
                         "EAGAIN", "ENOMEM"],
    }
    # What makes the host ready, the verb, its operations and how often it uses each.
    VERBS = [
        ([["define", OLD]], ["start", A], {"create": 1, "write": 1}),
        ([["start", OLD]], ["stop", A], {"remove": 1}),
        ([["define", OLD], ["start", OLD]], ["update", A, "-", "--live"], {"write": 1}),
        ([["define", OLD], ["start", OLD]], ["update", A, "-", "--live", "--config"],
         {"write": 1}),
    ]

    def prepare(self, steps):
        for verb, text in steps:
            self.host.must(verb, "-", stdin=text)

    def check_fault(self, verb, operation, errno, count):
        before = self.host.state()
        self.host.sim("fail", operation, errno, "--count", str(count))
        result = self.host.run(*verb, stdin=NEW)
        with self.subTest(verb=verb, operation=operation, errno=errno, count=count):
            self.assertNotEqual(result.returncode, 0)
            # The reason and the names are in one sentence, not the errno alone.
            self.assertRegex(result.stderr, f"^virt-ap: the kernel does not .*{A}.*: ")
            self.assertIn("nothing was changed", result.stderr)
            self.assertEqual(self.host.state(), before)
            self.assert_closed()

    def test_each_fault_is_rolled_back(self):
        for steps, verb, operations in self.VERBS:
            self.prepare(steps)
            for operation, n_calls in operations.items():
                for errno in self.ERRNOS[operation]:
                    for count in range(1, n_calls + 1):
                        self.check_fault(verb, operation, errno, count)
            self.host.run("stop", A)
            self.host.run("undefine", A)


@SLOW
class OldKernelFaultTest(FaultTest):
    KERNEL = "6.0"
    VERBS = [
        ([["define", NEW]], ["start", A], {"create": 1, "write": 5}),
        ([["start", NEW]], ["stop", A], {"remove": 1}),
        ([["start", xml([2], [4, 5], A)]], ["update", A, "-", "--live"], {"write": 4}),
        ([["define", OLD], ["start", OLD]], ["update", A, "-", "--live", "--config"],
         {"write": 3}),
    ]

    def test_a_fault_while_undoing_leaves_the_journal(self):
        self.prepare([["start", OLD]])
        before = self.host.state()
        self.host.sim("fail", "write", "EADDRINUSE", "--count", "2")
        self.host.sim("fail", "write", "EIO", "--count", "1")
        result = self.host.run("update", A, "-", stdin=NEW)
        self.assert_refused(result, "cannot be undone", "virt-ap recover")
        self.assert_refused(self.host.run("stop", A), "virt-ap recover")
        self.assertIn("undone", self.host.must("recover"))
        self.assertEqual(self.host.state(), before)


class InputTest(DriverTest):
    """What is wrong around the driver: files, disks, journals, locks."""

    def kill(self, verb, call, count, stdin=""):
        """Runs a verb that dies at a system call."""
        result = subprocess.run(
            ["strace", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:signal=KILL:when={count}", *self.host.command(*verb)],
            input=stdin, env=UNDER_STRACE, capture_output=True, encoding="utf-8", check=False)
        self.assertIn(result.returncode, (-signal.SIGKILL, 128 + signal.SIGKILL))

    def leave_open(self):
        """An update of both that died between its two steps: the file is done."""
        self.host.must("define", "-", stdin=OLD)
        self.host.must("start", A)
        before = self.host.state()
        # The first is the simulated kernel's; journal and definition use renameat2.
        self.kill(["update", A, "-", "--config", "--live"], "rename", 1, stdin=NEW)
        self.assertIsNotNone(self.host.read(JOURNAL))
        return before

    def test_an_open_journal_refuses_every_verb_and_names_recover(self):
        before = self.leave_open()
        self.assertIn("assign_control", self.host.read(f"etc/mdevctl.d/matrix/{A}"))
        for verb in (["define", "-"], ["undefine", A], ["start", A], ["stop", A], ["autostart", A],
                     ["update", A, "-"]):
            self.assert_refused(self.host.run(*verb, stdin=OLD), "virt-ap recover")
        result = subprocess.run(
            [os.environ["AP_CALLOUT"], "--root", self.host.path, "-t", "vfio_ap-passthrough",
             "-e", "pre", "-a", "stop", "-s", "none", "-u", A, "-p", "matrix"],
            input="", capture_output=True, encoding="utf-8", check=False)
        self.assert_refused(result, "virt-ap recover")
        self.assertIn("update: undone", self.host.must("recover"))
        self.assertEqual(self.host.state(), before)
        self.assertIn("nothing to recover", self.host.must("recover"))

    def test_after_a_boot_the_file_alone_counts(self):
        path = f"etc/mdevctl.d/matrix/{A}"
        self.leave_open()
        new = self.host.read(path)
        self.host.sim("reboot")
        report = self.host.must("recover")
        self.assertIn("earlier boot): its files are complete", report)
        self.assertIn("active matrices ended with that boot", report)
        self.assertEqual(self.host.read(path), new)
        self.assertIsNone(self.host.matrix(A))
        # The second is the file's: it is not exchanged yet.
        self.kill(["define", "-"], "renameat2", 2, stdin=OLD)
        self.host.sim("reboot")
        self.assertIn("earlier boot): undone", self.host.must("recover"))
        self.assertEqual(self.host.read(path), new)
        self.assertEqual(os.listdir(self.host.file("etc/mdevctl.d/matrix")), [A])

    def test_after_a_boot_nobody_calls_a_start_complete(self):
        # The second is the simulated kernel's for the matrix, which is never there.
        self.kill(["start", "-"], "rename", 2, stdin=OLD)
        self.host.sim("reboot")
        report = self.host.must("recover")
        self.assertNotIn("complete", report)
        self.assertIn("start (of an earlier boot): nothing is left of it", report)
        self.assertIsNone(self.host.matrix(A))
        self.assert_closed()

    def test_recovery_leaves_what_somebody_else_changed(self):
        self.leave_open()
        path = f"etc/mdevctl.d/matrix/{A}"
        self.host.write(path, "{}")
        self.assertIn("changed by somebody else", self.host.must("recover"))
        self.assertEqual(self.host.read(path), "{}")

    def test_a_bad_journal_is_told_and_stays(self):
        self.leave_open()
        good = self.host.read(JOURNAL)
        path = f"/etc/mdevctl.d/matrix/{A}"
        self.assertIn(path, good)
        for text, words in [(good[:len(good) // 2], "damaged"), ("", "damaged"),
                            (good.replace('"version":1', '"version":2'), "version 2"),
                            (good.replace('"do":"file"', '"do":"what"'), "damaged"),
                            *[(good.replace(path, other), "damaged") for other in (
                                "/etc/../x", "/etc/cron.d/x", "/etc/mdevctl.d/matrix/",
                                f"/etc/mdevctl.d/matrix/../{A}", f"/etc/mdevctl.d/{A}",
                                f"{path}/x", f"/{path}", path[1:])]]:
            self.host.write(JOURNAL, text)
            state = self.host.state()
            self.assert_refused(self.host.run("recover"), words, JOURNAL)
            self.assertEqual(self.host.state(), state)
            self.assert_refused(self.host.run("stop", A), "virt-ap recover")

    def test_recovery_does_what_our_own_journal_says_and_no_other(self):
        path = self.host.file(JOURNAL)
        definition = self.host.definition(A)
        before = self.leave_open()
        good = path + ".good"
        os.rename(path, good)
        makers = {"no regular file": lambda: os.mkfifo(path),
                  "writable by others": lambda: (shutil.copy(good, path), os.chmod(path, 0o666))}
        if os.geteuid() == 0:
            makers["somebody else's"] = lambda: (shutil.copy(good, path), os.chown(path, 1, 1))
        for words, make in makers.items():
            make()
            state = os.stat(definition)
            with self.subTest(words):
                self.assert_refused(self.host.run("recover", timeout=30), words, JOURNAL)
                self.assert_refused(self.host.run("stop", A), "virt-ap recover")
                self.assertEqual(os.stat(definition), state)
            os.unlink(path)
        os.symlink(good, path)
        self.assert_refused(self.host.run("recover"), JOURNAL, code=4)
        os.rename(good, path)
        # A fifo where the definition was does not make it wait.
        os.rename(definition, definition + ".good")
        os.mkfifo(definition)
        self.assert_refused(self.host.run("recover", timeout=30), "not a regular file", code=4)
        os.rename(definition + ".good", definition)
        self.host.must("recover")
        self.assertEqual(self.host.state(), before)

    def test_a_file_system_that_knows_no_flags_of_rename(self):
        """NFS: EINVAL."""
        def run(*verb):
            command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
                       "inject=renameat2:error=EINVAL", *self.host.command(*verb)]
            subprocess.run(command, input=NEW, env=UNDER_STRACE, stdout=subprocess.DEVNULL,
                           encoding="utf-8", check=True)
            self.assert_closed()
        path = os.path.dirname(self.host.definition(A))
        self.host.must("define", "-", stdin=OLD)
        run("define", "-")
        self.assertEqual(os.listdir(path), [A])
        self.assertIn("assign_control_domain", self.host.read(f"etc/mdevctl.d/matrix/{A}"))
        run("start", A)
        self.assertEqual(self.host.matrix(A), "02.0004\n02.0006\n03.0004\n03.0006\n")
        run("undefine", A)
        self.assertEqual(os.listdir(path), [])
        run("define", "-")
        self.assertEqual(os.listdir(path), [A])

    def test_a_definition_that_changes_meanwhile_is_not_lost(self):
        foreign = '{"mdev_type":"vfio_ap-passthrough","start":"auto"}'
        path = self.host.definition(A)
        for verb in (["define", "-"], ["undefine", A], ["autostart", A]):
            self.host.write(f"etc/mdevctl.d/matrix/{A}", "")
            os.unlink(path)
            self.host.must("define", "-", stdin=OLD)
            call = "rename" if verb[0] == "undefine" else "renameat2"
            count = 1 if verb[0] == "undefine" else 2
            # Stopped before the last moment, the file is changed, then it goes on.
            with subprocess.Popen(
                    ["strace", "-o", "/dev/null", "-e", f"trace={call}",
                     "-e", f"inject={call}:delay_enter=1500000:when={count}",
                     *self.host.command(*verb)],
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                    env=UNDER_STRACE, encoding="utf-8") as process:
                process.stdin.write(NEW)
                process.stdin.close()
                self.wait_for_journal()
                with open(path, "w", encoding="utf-8") as file:
                    file.write(foreign)
                errors = process.stderr.read()
                self.assertEqual(process.wait(), 1, errors)
            with self.subTest(verb=verb):
                self.assertIn("changed by somebody else", errors)
                self.assertEqual(self.host.read(f"etc/mdevctl.d/matrix/{A}"), foreign)
                self.assertEqual(os.listdir(os.path.dirname(path)), [A])
                self.assert_closed()

    def wait_for_journal(self):
        """Until the verb is past its judgement."""
        with subprocess.Popen(["sh", "-c", 'until [ -s "$0" ]; do sleep 0.01; done',
                               self.host.file(JOURNAL)]) as wait:
            self.assertEqual(wait.wait(timeout=30), 0)

    def test_a_disk_that_cannot_make_sure(self):
        self.host.must("define", "-", stdin=OLD)
        before = self.host.state()
        trace = os.path.join(self.directory, "trace")
        for n in range(1, 20):
            result = subprocess.run(
                ["strace", "-o", trace, "-e", "trace=fsync", "-e",
                 f"inject=fsync:error=EIO:when={n}", *self.host.command("define", "-")],
                input=NEW, env=UNDER_STRACE, capture_output=True, encoding="utf-8", check=False)
            with open(trace, encoding="utf-8") as lines:
                if "(INJECTED)" not in lines.read():
                    break
            with self.subTest(fsync=n):
                self.assert_refused(result, "Input/output error", code=4)
                self.assertEqual(self.host.state(), before)
                self.assert_closed()
        self.assertIn(n, range(4, 19))

    def test_a_stale_lock_is_replaced_and_a_live_one_is_told(self):
        lock = "run/lock/s390apconfig.lock"
        self.host.write(lock, "2147483646\n")
        self.host.must("define", "-", stdin=OLD)
        self.assert_closed()
        os.makedirs(self.host.file("etc/libvirt-ap"))
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[lock]\ntimeout=0\n")
        self.host.write(lock, f"{os.getpid()}\n")
        self.assert_refused(self.host.run("undefine", A), str(os.getpid()), "python3")
        self.assertEqual(self.host.read(lock), f"{os.getpid()}\n")

    def test_a_bad_configuration_hinders_no_repair(self):
        self.host.must("define", "-", stdin=OLD)
        self.host.must("start", A)
        os.makedirs(self.host.file("etc/libvirt-ap"))
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[nonsense\n")
        self.assert_refused(self.host.run("define", "-", stdin=OTHER), "configuration", code=4)
        self.host.must("stop", A)
        self.host.must("autostart", A, "--disable")
        self.host.must("undefine", A)
        self.host.must("recover")

    def test_what_no_kernel_takes_is_refused_whatever_the_configuration_says(self):
        os.makedirs(self.host.file("etc/libvirt-ap"))
        self.host.write("etc/libvirt-ap/libvirt-ap.conf", "[severity]\nbad-step=allow\n")
        bad = OLD.replace("assign_domain", "../../../../tmp/x")
        self.assert_refused(self.host.run("define", "-", stdin=bad), "no such attribute")
        self.assert_refused(self.host.run("start", "-", stdin=bad), "no such attribute")
        self.host.must("define", "-", stdin=OLD)
        text = self.host.read(f"etc/mdevctl.d/matrix/{A}")
        self.host.write(f"etc/mdevctl.d/matrix/{A}", text.replace('"2"', '"two"'))
        self.assert_refused(self.host.run("start", A), "'two' is not a number")
        # What is wrong already is no licence for another fault.
        self.assert_refused(self.host.run("update", A, "-", "--config", stdin=bad),
                            "no such attribute")
        self.host.must("update", A, "-", "--config", stdin=OLD)
        self.host.must("start", A)
        self.assert_refused(self.host.run("update", A, "-", "--live", stdin=bad),
                            "no such attribute")

    def test_ctrl_c_waits_until_the_verb_is_through(self):
        self.host.must("define", "-", stdin=OLD)
        with subprocess.Popen(
                ["strace", "-o", "/dev/null", "-I", "never", "-e", "trace=mkdir", "-e",
                 "inject=mkdir:delay_enter=1000000:when=2", *self.host.command("start", A)],
                stdout=subprocess.DEVNULL, env=UNDER_STRACE, process_group=0) as process:
            self.wait_for_journal()
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=30)
        self.assertEqual(self.host.matrix(A), "02.0004\n")
        self.assertIsNone(self.host.read(JOURNAL))


@unittest.skipUnless(os.geteuid() == 0, "mounts a file system: needs root")
class DiskTest(DriverTest):
    """A full disk, and one that is read-only."""

    def mount(self, path, *options):
        os.makedirs(self.host.file(path), exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs",
                        self.host.file(path)], check=True)
        self.addCleanup(subprocess.run, ["umount", self.host.file(path)], check=True)

    def fill(self, path):
        with open(os.path.join(self.host.file(path), "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def test_a_full_disk(self):
        for path in ("var/lib/libvirt-ap", "etc/mdevctl.d/matrix"):
            with self.subTest(path=path):
                self.mount(path, "size=64k")
                self.host.must("define", "-", stdin=OLD)
                self.host.must("start", A)
                self.fill(path)
                before = self.host.state()
                for verb in (["define", "-"], ["update", A, "-", "--config", "--live"]):
                    result = self.host.run(*verb, stdin=NEW)
                    self.assert_refused(result, "No space left on device", path, code=4)
                    self.assertEqual(self.host.state(), before)
                    self.assertIsNone(self.host.read(JOURNAL))
                self.host.run("stop", A)
                os.unlink(self.host.file(path + "/filler"))
                self.host.run("stop", A)

    def test_a_read_only_etc(self):
        self.mount("etc/mdevctl.d/matrix", "size=64k")
        self.host.must("define", "-", stdin=OLD)
        subprocess.run(["mount", "-o", "remount,ro", self.host.file("etc/mdevctl.d/matrix")],
                       check=True)
        before = self.host.state()
        for verb in (["define", "-"], ["undefine", A], ["autostart", A]):
            self.assert_refused(self.host.run(*verb, stdin=NEW), "Read-only file system", code=4)
            self.assertEqual(self.host.state(), before)
        self.host.must("start", A)
        self.host.must("stop", A)


if __name__ == "__main__":
    unittest.main(verbosity=1)
