# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's qemu hook on a simulated host: what it lets through, what it brings up and takes down
again. The daemon is this test."""

import os
import pathlib
import subprocess
import tempfile
import time
import unittest

HOOK = os.environ["AP_HOOK"]
VIRT_AP = os.environ["VIRT_AP"]
TOPOLOGY = """[machine]
apxa=true
max-adapter=255
max-domain=255
usage-domains=0x04,0x06,0x47
apmask=-5-6
[adapter 0x05]
type=cex7
mode=cca
[adapter 0x06]
type=cex7
mode=cca
[adapter 0x07]
type=cex7
mode=cca
"""
A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
UUIDS = {name: f"{i:08x}-0000-4000-8000-000000000000"
         for i, name in enumerate(["payroll", "web", "third", *(f"g{i}" for i in range(10))])}
NAMESPACE = "urn:libvirt-ap:domain:1"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def domain_xml(name, *mdevs, cpu="", metadata="", type_="kvm"):
    hostdevs = "".join(f"<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>"
                       f"<source><address uuid='{mdev}'/></source></hostdev>\n" for mdev in mdevs)
    return (f"<domain type='{type_}' id='1'>\n<name>{name}</name>\n<uuid>{UUIDS[name]}</uuid>\n"
            f"<metadata>{metadata}</metadata>\n"
            f"<os><type arch='s390x' machine='s390-ccw-virtio-10.0'>hvm</type></os>\n{cpu}\n"
            f"<devices>\n{hostdevs}</devices>\n</domain>\n")


def metadata(adapter, domain, control=None):
    extra = f"<ap:control-domain id='{control}'/>" if control is not None else ""
    return (f"<ap:matrix xmlns:ap='{NAMESPACE}'><ap:adapter id='{adapter}'/>"
            f"<ap:domain id='{domain}'/>{extra}</ap:matrix>")


def ask_pool(name, queues, spread=None):
    extra = f" spread='{spread}'" if spread else ""
    return (f"<ap:matrix xmlns:ap='{NAMESPACE}'><ap:pool name='{name}' queues='{queues}'{extra}/>"
            "</ap:matrix>")


def qemu_args(*values):
    args = "".join(f"<qemu:arg value='{value}'/>" for value in values)
    return f"<qemu:commandline xmlns:qemu='{QEMU}'>{args}</qemu:commandline>"


def qemu_override(alias, name, value):
    return (f"<qemu:override xmlns:qemu='{QEMU}'><qemu:device alias='{alias}'><qemu:frontend>"
            f"<qemu:property name='{name}' type='string' value='{value}'/></qemu:frontend>"
            "</qemu:device></qemu:override>")


class Hook(unittest.TestCase):
    TOPOLOGY = TOPOLOGY

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)
        (self.dir / "topology").write_text(self.TOPOLOGY)
        self.root = self.dir / "host"
        self.virt_ap("sim", "create", self.root, "--topology", self.dir / "topology", "--kernel",
                     "6.12")

    def virt_ap(self, *args):
        return subprocess.run([VIRT_AP, *map(str, args)], check=True, capture_output=True)

    def run_hook(self, operation, text, name="payroll", where="--sim", extra="-"):
        return subprocess.run([HOOK, where, str(self.root), name, *operation.split(), extra],
                              input=text, text=True, capture_output=True, check=False)

    def run_bytes(self, operation, data):
        return subprocess.run([HOOK, "--sim", str(self.root), "payroll", *operation.split(), "-"],
                              input=data if isinstance(data, bytes) else data.encode(),
                              capture_output=True, check=False).returncode

    def allow(self, operation, text, **options):
        result = self.run_hook(operation, text, **options)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)
        return result.stderr

    def refuse(self, operation, text, **options):
        result = self.run_hook(operation, text, **options)
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        return result.stderr

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def configure(self, text):
        self.write("etc/libvirt-ap/libvirt-ap.conf", text)

    def define(self, uuid, adapter, domain, start="manual"):
        self.write(f"etc/mdevctl.d/matrix/{uuid}",
                   f'{{"mdev_type":"vfio_ap-passthrough","start":"{start}","attrs":'
                   f'[{{"assign_adapter":"{adapter}"}},{{"assign_domain":"{domain}"}}]}}')

    def path_of(self, uuid):
        return self.root / "sys/devices/vfio_ap/matrix" / uuid

    def is_active(self, uuid):
        return self.path_of(uuid).exists()

    def matrix(self, uuid):
        return (self.path_of(uuid) / "matrix").read_text()

    def open(self, uuid):
        self.virt_ap("sim", "open", self.root, uuid)

    def close(self, uuid):
        self.virt_ap("sim", "close", self.root, uuid)

    def fail_once(self, operation, error, count=1):
        self.virt_ap("sim", "fail", self.root, operation, error, "--count", count)

    def claims(self):
        directory = self.root / "run/libvirt-ap/claims"
        return sorted(path.name for path in directory.iterdir()) if directory.exists() else []

    def run_guest(self, name, *mdevs, **options):
        """The whole start of a guest; its QEMU opens the mdev."""
        text = domain_xml(name, *mdevs, **options)
        self.allow("prepare begin", text, name=name)
        self.allow("start begin", text, name=name)
        self.open(mdevs[0])
        self.write(f"run/libvirt/qemu/{name}.xml",
                   f"<domstatus state='running' pid='{os.getpid()}'>{text}</domstatus>")
        self.allow("started begin", text, name=name)
        return text

    def end_guest(self, name, text, mdev):
        self.close(mdev)
        (self.root / f"run/libvirt/qemu/{name}.xml").unlink()
        self.allow("stopped end", text, name=name)
        self.allow("release end", text, name=name, extra="destroyed")


class HookTest(Hook):
    def test_a_guest_without_ap_is_let_through_before_anything_is_read(self):
        self.configure("[broken\n")
        self.write("run/lock/s390apconfig.lock", f"{os.getpid()}\n")
        started = time.monotonic()
        for operation in ("prepare begin", "start begin", "started begin", "stopped end",
                          "release end", "reconnect begin", "migrate begin", "restore begin"):
            self.assertEqual(self.allow(operation, domain_xml("payroll")), "")
        self.assertLess(time.monotonic() - started, 20)
        self.assertFalse((self.root / "run/libvirt-ap").exists())

    def test_only_a_whole_document_without_ap_is_a_guest_without_ap(self):
        whole = domain_xml("payroll")
        nested = whole.replace("<metadata>", "<metadata><x:y xmlns:x='u'><domain></domain></x:y>")
        with_ap = domain_xml("payroll", A)
        refused = {
            "empty": "", "blank": " \n", "one tag": "<domain", "not XML": "payroll",
            "cut before the word": with_ap[:with_ap.index("vfio-ap")],
            "cut before its end": whole[:-len("domain>\n")],
            "cut behind another domain": nested[:nested.index("</domain>") + len("</domain>")],
            "something behind it": whole + "<domain",
            "cut with the word": "<hostdev model='vfio-ap'",
            "cut with our metadata": f"<domain><x xmlns='{NAMESPACE}'/>",
            "UTF-16": ("<?xml version='1.0' encoding='utf-16'?>" + with_ap).encode("utf-16"),
            "a reference in the word": with_ap.replace("vfio-ap", "vfio&#45;ap"),
            "another root": "<domainsnapshot></domain>",
        }
        for name, text in refused.items():
            with self.subTest(text=name):
                self.assertEqual(self.run_bytes("prepare begin", text), 1)
        for name in ("empty", "cut before the word", "UTF-16"):
            self.assertEqual(self.run_bytes("start begin", refused[name]), 1)
        for text in (whole, whole.strip(), nested, "<?xml version='1.0'?>" + whole,
                     whole.replace("<devices>", "<title>vfio-ap &#10;</title><!-- --><devices>")):
            self.assertEqual(self.allow("prepare begin", text), "")
        for operation in ("started begin", "reconnect begin", "release end"):
            for text in ("", "<hostdev model='vfio-ap'"):
                self.allow(operation, text)

    def test_xml_that_cannot_be_read_is_no_guest_without_ap(self):
        command = [HOOK, "--sim", str(self.root), "payroll"]
        inputs = {"closed": ["sh", "-c", 'exec "$@" <&-', "sh"],
                  "a directory": ["sh", "-c", 'exec "$@" </', "sh"],
                  "/dev/null": ["sh", "-c", 'exec "$@" </dev/null', "sh"]}
        for operation, wanted in {"prepare begin": 1, "start begin": 1, "started begin": 0,
                                  "release end": 0}.items():
            for name, shell in inputs.items():
                with self.subTest(operation, input=name):
                    result = subprocess.run([*shell, *command, *operation.split(), "-"],
                                            capture_output=True, check=False)
                    self.assertEqual(result.returncode, wanted)
                    self.assertIn(b"nobody can tell", result.stderr)

    def test_input_that_comes_late_is_waited_for_or_refused(self):
        for blocking, wanted in ((True, 0), (False, 1)):
            reader, writer = os.pipe()
            os.set_blocking(reader, blocking)
            hook = subprocess.Popen([HOOK, "--sim", str(self.root), "payroll", "prepare", "begin",
                                     "-"], stdin=reader, stderr=subprocess.DEVNULL)
            if not blocking:
                self.assertEqual(hook.wait(), wanted)
            os.write(writer, domain_xml("payroll").encode())
            os.close(writer)
            self.assertEqual(hook.wait(), wanted)
            os.close(reader)

    def test_a_hostdev_whose_uuid_is_none_is_refused(self):
        for text in (domain_xml("payroll", "{" + A + "}"), domain_xml("payroll", ""),
                     domain_xml("payroll", A).replace(f"<address uuid='{A}'/>", ""),
                     domain_xml("payroll", A).replace(f"<source><address uuid='{A}'/></source>",
                                                      "")):
            self.assertIn("line 8: the vfio-ap <hostdev> has no UUID that can be read",
                          self.refuse("prepare begin", text))
        self.refuse("start begin", text)

    def test_what_libvirt_does_not_know_of_is_refused(self):
        self.define(A, 5, 0x47)
        plain = domain_xml("payroll", A)
        without = domain_xml("payroll")
        ccw = ("<hostdev mode='subsystem' type='mdev' model='vfio-ccw'><source>"
               f"<address uuid='{B}'/></source></hostdev>")
        for line in (qemu_args("-device", "vfio-ap,sysfsdev=/sys/bus/mdev/devices/" + B),
                     qemu_args("-device", '{"driver":"vfio\\u002dap"}'),
                     qemu_args("-set", "device.hostdev0.sysfsdev=/sys/bus/mdev/devices/" + B)):
            for operation, text in (("prepare begin", plain), ("start begin", without)):
                self.assertIn("<qemu:commandline> gives QEMU", self.refuse(
                    operation, text.replace("</domain>", line + "</domain>")))
        for text, alias, prop in ((plain, "hostdev0", "sysfsdev"), (plain, "hostdev0", "fd"),
                                  (plain, "ua-x", "sysfsdev"),
                                  (plain.replace("<devices>", "<devices>" + ccw), "hostdev1",
                                   "sysfsdev")):
            self.assertIn("<qemu:override> changes", self.refuse(
                "prepare begin", text.replace("</domain>", qemu_override(alias, prop, B) +
                                              "</domain>")))
        self.assertIn("changes 'driver'", self.refuse("prepare begin", plain.replace(
            "</domain>", qemu_override("disk0", "driver", "vfio-ap") + "</domain>")))
        for alias, prop in (("hostdev0", "sysfsdev"), ("hostdev1", "x-no-mmap"), ("net0", "fd")):
            text = plain.replace("<devices>", "<devices>" + ccw)
            self.allow("prepare begin", text.replace(
                "</domain>", qemu_override(alias, prop, B) + "</domain>"))
            self.allow("release end", text)
        self.allow("prepare begin", plain.replace(
            "</domain>", qemu_args("-device", "virtio-rng-ccw") + "</domain>"))

    def test_what_is_too_long_to_be_read_does_not_start(self):
        text = "<domain>" + " " * (8 << 20)
        self.assertIn("8 MiB", self.refuse("prepare begin", text))
        self.allow("release end", text)

    def test_a_defined_matrix_is_started_and_stopped_with_its_guest(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.assertEqual(self.matrix(A), "05.0047\n")
        self.end_guest("payroll", text, A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_an_active_matrix_stays_active(self):
        self.define(A, 5, 0x47)
        text = domain_xml("web", A)
        self.allow("prepare begin", text, name="web")
        claim = self.claims()
        (self.root / "run/libvirt-ap/claims" / claim[0]).unlink()
        text = self.run_guest("payroll", A)
        self.end_guest("payroll", text, A)
        self.assertTrue(self.is_active(A))

    def test_a_matrix_that_starts_at_boot_is_started_and_stays(self):
        self.define(A, 5, 0x47, start="auto")
        text = self.run_guest("payroll", A)
        self.end_guest("payroll", text, A)
        self.assertTrue(self.is_active(A))

    def test_the_configuration_can_leave_starting_to_the_administrator(self):
        self.define(A, 5, 0x47)
        self.configure("[guests]\nstart = no\n")
        self.assertIn("virsh nodedev-start mdev_aaaaaaaa_aaaa_4aaa_8aaa_aaaaaaaaaaaa_matrix",
                      self.refuse("prepare begin", domain_xml("payroll", A)))
        self.assertEqual(self.claims(), [])

    def test_an_unknown_mdev_is_refused(self):
        self.assertIn("neither active nor defined",
                      self.refuse("prepare begin", domain_xml("payroll", A)))
        self.assertFalse(self.is_active(A))

    def test_a_guest_brings_its_matrix_and_leaves_nothing_behind(self):
        self.configure("[pool one]\nadapters = 5\ndomains = 0x47\nguests = payroll\n")
        text = self.run_guest("payroll", A, metadata=metadata(5, "0x47", "0x47"))
        self.assertEqual(self.matrix(A), "05.0047\n")
        self.assertIn("0x0047", (self.path_of(A) / "control_domains").read_text().replace(
            "0047", "0x0047"))
        self.end_guest("payroll", text, A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_a_matrix_that_no_pool_gives_is_refused(self):
        text = domain_xml("payroll", A, metadata=metadata(5, "0x47"))
        self.assertIn("no pool gives APQN 05.0047 (adapter 5, domain 71) to guest 'payroll'",
                      self.refuse("prepare begin", text))
        self.configure("[pool one]\nadapters = 5\ndomains = 0x47\nguests = web\n")
        self.refuse("prepare begin", text)
        self.configure("[pool one]\nadapters = 5\ndomains = 4\nguests = payroll\n")
        self.refuse("prepare begin", text)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_metadata_without_a_hostdev_or_with_a_mistake_is_refused(self):
        self.assertIn("no vfio-ap <hostdev>", self.refuse(
            "prepare begin", domain_xml("payroll", metadata=metadata(5, "0x47"))))
        self.assertIn("outside 0..255", self.refuse(
            "prepare begin", domain_xml("payroll", A, metadata=metadata(5, "0x147"))))

    def test_a_second_guest_of_a_running_guests_mdev_is_refused_and_takes_nothing_along(self):
        self.define(A, 5, 0x47)
        first = self.run_guest("payroll", A)
        second = domain_xml("web", A)
        message = self.refuse("prepare begin", second, name="web")
        self.assertIn("'payroll' (running)", message)
        self.allow("stopped end", second, name="web")
        self.allow("release end", second, name="web", extra="failed")
        self.assertTrue(self.is_active(A))
        self.assertEqual(self.matrix(A), "05.0047\n")
        self.end_guest("payroll", first, A)
        self.assertFalse(self.is_active(A))

    def test_a_queue_of_a_running_guest_is_refused(self):
        self.define(A, 5, 0x47)
        self.define(B, "5", "0x47")
        self.run_guest("payroll", A)
        message = self.refuse("prepare begin", domain_xml("web", B), name="web")
        self.assertIn("APQN 05.0047 (adapter 5, domain 71) belongs to mdev "
                      f"{A} of guest 'payroll' (running)", message.splitlines()[0])
        self.assertFalse(self.is_active(B))

    def test_a_guest_that_is_just_starting_counts(self):
        self.define(A, 5, 0x47)
        self.allow("prepare begin", domain_xml("payroll", A))
        message = self.refuse("prepare begin", domain_xml("web", A), name="web")
        self.assertIn("'payroll' (starting)", message)
        self.allow("release end", domain_xml("payroll", A), extra="failed")
        self.allow("prepare begin", domain_xml("web", A), name="web")

    def test_of_two_at_the_same_moment_one_starts(self):
        self.define(A, 5, 0x47)
        self.define(B, 5, 0x47)
        for i in range(4):
            texts = {"payroll": domain_xml("payroll", A), "web": domain_xml("web", B)}
            hooks = {name: subprocess.Popen([HOOK, "--sim", str(self.root), name, "prepare",
                                             "begin", "-"], stdin=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL) for name in texts}
            for name, hook in hooks.items():
                hook.stdin.write(texts[name].encode())
                hook.stdin.close()
            codes = [hook.wait() for hook in hooks.values()]
            self.assertEqual(sorted(codes), [0, 1], f"round {i}")
            for name, text in texts.items():
                self.allow("release end", text, name=name, extra="failed")

    def test_a_cpu_without_ap_is_refused(self):
        self.define(A, 5, 0x47)
        custom = "<cpu mode='custom'><model>z14</model></cpu>"
        self.assertIn("model 'z14' lacks the feature 'ap'",
                      self.refuse("prepare begin", domain_xml("payroll", A, cpu=custom)))
        self.refuse("prepare begin", domain_xml("payroll", A, type_="qemu"))
        self.allow("prepare begin", domain_xml("payroll", A, cpu="<cpu mode='host-model'/>"))
        self.refuse("start begin", domain_xml("payroll", A, cpu=custom))

    def test_a_cpu_that_hides_the_queues_is_refused_when_libvirt_has_expanded_it(self):
        self.define(A, 5, 0x47)
        self.allow("prepare begin", domain_xml("payroll", A, cpu="<cpu mode='host-model'/>"))
        for features, word in ((["ap"], "apft"), (["ap", "apft"], "apqci"),
                               (["ap", "apft", "apqci"], None)):
            names = "".join(f"<feature policy='require' name='{name}'/>" for name in features)
            text = domain_xml("payroll", A,
                              cpu=f"<cpu mode='custom'><model>z14</model>{names}</cpu>")
            if word:
                self.assertIn(f"lacks the feature '{word}'", self.refuse("start begin", text))
            else:
                self.assertEqual(self.allow("start begin", text), "")

    def test_two_hostdevs_are_refused(self):
        self.define(A, 5, 0x47)
        self.define(B, 6, 0x47)
        self.assertIn("it can have one", self.refuse("prepare begin", domain_xml("payroll", A, B)))
        self.assertEqual(self.claims(), [])

    def test_a_queue_of_the_host_is_refused(self):
        self.define(A, 7, 0x47)
        self.assertIn("belongs to the host's own drivers",
                      self.refuse("prepare begin", domain_xml("payroll", A)))

    def test_a_broken_configuration_refuses_guests_with_ap_alone(self):
        self.define(A, 5, 0x47)
        self.configure("[guests]\nstrat = yes\n")
        message = self.refuse("prepare begin", domain_xml("payroll", A))
        self.assertIn("[guests] strat", message)
        self.refuse("start begin", domain_xml("payroll", A))
        self.allow("prepare begin", domain_xml("payroll"))
        for operation in ("started begin", "reconnect begin", "release end"):
            self.allow(operation, domain_xml("payroll", A))

    def test_what_the_kernel_refuses_leaves_nothing_behind(self):
        self.define(A, 5, 0x47)
        for operation, count in (("create", 1), ("write", 1), ("write", 2)):
            self.virt_ap("sim", "fail", self.root, operation, "EBUSY", "--count", count)
            self.assertIn("the kernel does not", self.refuse("prepare begin",
                                                             domain_xml("payroll", A)))
            self.assertFalse(self.is_active(A))
            self.assertEqual(self.claims(), [])

    def test_a_queue_in_use_is_never_removed(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.allow("release end", text, extra="destroyed")
        self.assertTrue(self.is_active(A))

    def test_a_daemon_that_restarts_does_not_lose_what_was_brought_up(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.allow("reconnect begin", text)
        self.end_guest("payroll", text, A)
        self.assertFalse(self.is_active(A))

    def test_a_start_after_a_release_that_never_came_still_takes_down(self):
        self.define(A, 5, 0x47)
        self.allow("prepare begin", domain_xml("payroll", A))
        text = self.run_guest("payroll", A)
        self.end_guest("payroll", text, A)
        self.assertFalse(self.is_active(A))

    def test_a_guest_ends_also_without_readable_xml(self):
        for text in ("", "<domain", "x" * (9 << 20)):
            with self.subTest(text[:10]):
                self.define(A, 5, 0x47)
                self.run_guest("payroll", A)
                (self.root / "run/libvirt/qemu/payroll.xml").unlink()
                self.close(A)
                self.allow("release end", text, name="web")
                self.assertTrue(self.is_active(A))
                self.allow("release end", text)
                self.assertFalse(self.is_active(A))
                self.assertEqual(self.claims(), [])

    def test_a_matrix_that_cannot_be_read_is_noted_as_defined(self):
        self.define(A, 5, 0x47)
        text = domain_xml("payroll", A)
        self.allow("prepare begin", text)
        attribute = self.path_of(A) / "ap_config"
        attribute.unlink()
        attribute.mkdir()
        self.allow("started begin", text)
        record = (self.root / "var/lib/libvirt-ap/last-guests").read_text()
        self.assertIn("[05.0047]\nguest=payroll", record)

    def test_a_matrix_that_was_detached_goes_when_its_guest_ends(self):
        self.define(A, 5, 0x47)
        self.run_guest("payroll", A)
        self.end_guest("payroll", domain_xml("payroll"), A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_a_matrix_that_was_detached_goes_with_the_guest_that_took_it(self):
        self.define(A, 5, 0x47)
        self.run_guest("payroll", A)
        self.close(A)
        self.write("run/libvirt/qemu/payroll.xml",
                   f"<domstatus state='running' pid='{os.getpid()}'>{domain_xml('payroll')}"
                   "</domstatus>")
        text = self.run_guest("web", A)
        self.allow("release end", domain_xml("payroll"), extra="destroyed")
        self.assertTrue(self.is_active(A))
        self.end_guest("web", text, A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_a_matrix_that_cannot_be_removed_is_removed_later(self):
        self.define(A, 5, 0x47)
        self.define(B, 6, 0x47)
        text = self.run_guest("payroll", A)
        self.fail_once("remove", "EBUSY")
        self.end_guest("payroll", text, A)
        self.assertTrue(self.is_active(A))
        self.assertEqual(self.claims(), [f"{UUIDS['payroll']}.{A}.ended"])
        # The next start of another guest, which has nothing to do with it.
        self.allow("prepare begin", domain_xml("web", B), name="web")
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [f"{UUIDS['web']}.{B}"])

    def test_a_guest_that_ends_takes_down_what_others_left(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.fail_once("remove", "EBUSY")
        self.end_guest("payroll", text, A)
        self.allow("release end", domain_xml("web"), name="web", extra="shutdown")
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_a_matrix_that_was_left_is_taken_down_after_the_next_run(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.fail_once("remove", "EBUSY")
        self.end_guest("payroll", text, A)
        self.fail_once("remove", "EBUSY")
        text = self.run_guest("payroll", A)
        self.assertEqual(self.claims(), [f"{UUIDS['payroll']}.{A}"])
        self.end_guest("payroll", text, A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_recover_removes_what_was_left(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.fail_once("remove", "EBUSY")
        self.end_guest("payroll", text, A)
        self.assertIn(f"mdev {A} was made for guest 'payroll', which has ended: removed",
                      self.virt_ap("--sim", self.root, "recover").stdout.decode())
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_a_lock_that_is_held_at_the_end_leaves_the_matrix_for_the_next_time(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.configure("[lock]\ntimeout = 0\n")
        self.write("run/lock/s390apconfig.lock", f"{os.getpid()}\n")
        self.end_guest("payroll", text, A)
        self.assertTrue(self.is_active(A))
        self.assertEqual(self.claims(), [f"{UUIDS['payroll']}.{A}.ended"])
        (self.root / "run/lock/s390apconfig.lock").unlink()
        # It holds nothing: another guest may have the matrix, and then takes it down.
        self.fail_once("remove", "EBUSY")
        text = self.run_guest("web", A)
        self.end_guest("web", text, A)
        self.assertFalse(self.is_active(A))
        self.assertEqual(self.claims(), [])

    def test_what_is_half_made_and_cannot_be_removed_is_removed_later(self):
        self.define(A, 5, 0x47)
        self.fail_once("write", "EIO", count=2)
        self.fail_once("remove", "EBUSY")
        self.refuse("prepare begin", domain_xml("payroll", A))
        self.assertTrue(self.is_active(A))
        self.assertEqual(self.claims(), [f"{UUIDS['payroll']}.{A}.ended"])
        self.fail_once("remove", "EBUSY")
        self.assertIn("stays for now", self.refuse("prepare begin", domain_xml("payroll", A)))
        text = self.run_guest("payroll", A)
        self.assertEqual(self.matrix(A), "05.0047\n")
        self.end_guest("payroll", text, A)
        self.assertEqual((self.is_active(A), self.claims()), (False, []))

    def test_what_was_left_of_another_definition_is_not_used(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.fail_once("remove", "EBUSY")
        self.end_guest("payroll", text, A)
        self.define(A, 6, 0x47)
        self.fail_once("remove", "EBUSY")
        self.assertIn("left of an earlier start", self.refuse("prepare begin",
                                                              domain_xml("payroll", A)))
        self.run_guest("payroll", A)
        self.assertEqual(self.matrix(A), "06.0047\n")

    def test_what_was_left_stays_while_nobody_knows_who_has_it(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        self.write("run/libvirt/qemu/third.xml", "<domstatus")
        self.end_guest("payroll", text, A)
        self.assertTrue(self.is_active(A))
        (self.root / "run/libvirt/qemu/third.xml").unlink()
        self.virt_ap("--sim", self.root, "recover")
        self.assertFalse(self.is_active(A))

    def test_a_holder_that_cannot_be_read_refuses(self):
        claim = f"run/libvirt-ap/claims/{UUIDS['web']}.{B}"
        status = f"<domstatus state='running' pid='1'>{domain_xml('web', B)}</domstatus>"
        self.define(A, 5, 0x47)
        (self.root / claim).parent.mkdir(parents=True)

        def fifo(path):
            path.unlink()
            os.mkfifo(path)

        def large(path):
            with path.open("w") as file:
                file.truncate(2 << 20)

        broken = [
            (claim, lambda path: None), (claim, lambda path: path.write_text("[claim]\nguest=w")),
            (claim, fifo), (claim, large), (claim, self.turn_into_link),
            ("run/libvirt/qemu/web.xml", lambda path: path.write_text(status[:-40])),
            ("run/libvirt/qemu/web.xml", lambda path: path.write_text(
                status.replace(f"uuid='{B}'", "uuid='none'"))),
            ("run/libvirt/qemu/web.xml", lambda path: path.write_text(
                status.replace("<devices>", "<x>" + "<a>" * 300 + "</a>" * 300 + "</x><devices>"))),
            ("run/libvirt/qemu", None), ("etc/libvirt/qemu/autostart", None),
        ]
        for number, (name, spoil) in enumerate(broken):
            with self.subTest(number, path=name):
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    path.rmdir()
                path.write_text("")
                if spoil:
                    spoil(path)
                message = self.refuse("prepare begin", domain_xml("payroll", A))
                self.assertIn(name, message)
                self.assertIn("it may say that a guest has the queue", message)
                path.unlink()
        self.allow("prepare begin", domain_xml("payroll", A))

    @staticmethod
    def turn_into_link(path):
        path.unlink()
        path.symlink_to("nowhere")

    def test_a_status_of_a_state_that_we_do_not_know_counts(self):
        self.define(A, 5, 0x47)
        for attributes in (f"state='flying' pid='{os.getpid()}'", f"pid='{os.getpid()}'",
                           "state='running'"):
            self.write("run/libvirt/qemu/web.xml",
                       f"<domstatus {attributes}>{domain_xml('web', A)}</domstatus>")
            self.assertIn("of guest 'web' (", self.refuse("prepare begin",
                                                          domain_xml("payroll", A)))

    def test_another_guest_of_the_same_name_is_another_guest(self):
        self.define(A, 5, 0x47)
        text = self.run_guest("payroll", A)
        other = text.replace(UUIDS["payroll"], UUIDS["web"])
        self.assertIn("of guest 'payroll' (running)", self.refuse("prepare begin", other))
        self.allow("release end", other, extra="failed")
        self.assertEqual(self.claims(), [f"{UUIDS['payroll']}.{A}"])
        self.assertTrue(self.is_active(A))
        self.end_guest("payroll", text, A)
        self.allow("prepare begin", text)
        self.assertIn("of guest 'payroll' (starting)", self.refuse("prepare begin", other))

    def test_a_held_lock_does_not_lose_the_last_guest(self):
        self.define(A, 5, 0x47)
        self.run_guest("payroll", A)
        record = self.root / "var/lib/libvirt-ap/last-guests"
        record.unlink()
        self.configure("[lock]\ntimeout = 0\n")
        self.write("run/lock/s390apconfig.lock", f"{os.getpid()}\n")
        self.allow("started begin", domain_xml("payroll", A))
        self.assertIn("guest=payroll\n", record.read_text())

    def test_a_damaged_record_of_last_guests_is_mended(self):
        self.define(A, 5, 0x47)
        self.run_guest("payroll", A)
        record = self.root / "var/lib/libvirt-ap/last-guests"
        kept = f"[06.0004]\nguest=web\nuuid={UUIDS['web']}\n"
        for damage in (kept + "[05.0047]\nguest=", kept + "[06.00", "no group\n" + kept):
            record.write_text(damage)
            self.allow("started begin", domain_xml("payroll", A))
            self.assertEqual(record.read_text(),
                             f"[05.0047]\nguest=payroll\nuuid={UUIDS['payroll']}\n\n{kept}")
            self.assertEqual(record.with_name("last-guests.damaged").read_text(), damage)
        record.unlink()
        record.mkdir()
        self.allow("started begin", domain_xml("payroll", A))
        self.assertIn("[05.0047]\n", record.read_text())

    def test_a_damaged_record_of_last_guests_refuses_where_a_former_guest_does(self):
        self.define(A, 5, 0x47)
        self.write("var/lib/libvirt-ap/last-guests", "[05.00")
        self.assertIn("is damaged", self.allow("prepare begin", domain_xml("payroll", A)))
        self.allow("release end", domain_xml("payroll", A))
        self.configure("[severity]\nprevious-owner = reject\n")
        self.assertIn("is damaged", self.refuse("prepare begin", domain_xml("payroll", A)))

    def test_the_last_guest_of_a_queue_is_noted(self):
        self.define(A, 5, 0x47)
        self.run_guest("payroll", A)
        self.assertIn(f"[05.0047]\nguest=payroll\nuuid={UUIDS['payroll']}\n",
                      (self.root / "var/lib/libvirt-ap/last-guests").read_text())

    def test_on_a_captured_host_nothing_is_written(self):
        self.define(A, 5, 0x47)
        before = sorted(map(str, self.root.rglob("*")))
        self.allow("prepare begin", domain_xml("payroll", A), where="--root")
        self.assertEqual(sorted(map(str, self.root.rglob("*"))), before)

    def test_an_open_transaction_refuses_and_names_the_way_out(self):
        self.define(A, 5, 0x47)
        self.write("var/lib/libvirt-ap/journal", "{")
        self.assertIn("virt-ap recover", self.refuse("prepare begin", domain_xml("payroll", A)))

    def test_a_lock_that_is_held_refuses_and_names_its_holder(self):
        self.define(A, 5, 0x47)
        self.configure("[lock]\ntimeout = 0\n")
        self.write("run/lock/s390apconfig.lock", f"{os.getpid()}\n")
        self.assertIn(f"locked by process {os.getpid()}",
                      self.refuse("prepare begin", domain_xml("payroll", A)))
        for operation in ("started begin", "reconnect begin", "release end"):
            self.allow(operation, domain_xml("payroll", A))


class PoolTest(Hook):
    """Guests whose queues a pool chooses. The host has 05 and 06 for guests, four and four."""

    TOPOLOGY = TOPOLOGY.replace("0x04,0x06,0x47", "0x04,0x05,0x06,0x47")
    CONFIG = "[pool ep]\nadapters = 5,6\ndomains = 0-255\nguests = payroll;web;third;" \
        "g0;g1;g2;g3;g4;g5;g6;g7;g8;g9\n"

    def setUp(self):
        super().setUp()
        self.configure(self.CONFIG)

    def test_a_pool_gives_what_is_free_and_takes_it_back(self):
        for _ in range(2):
            text = self.run_guest("payroll", A, metadata=ask_pool("ep", 2))
            self.assertEqual(self.matrix(A), "05.0004\n05.0005\n")
            other = self.run_guest("web", B, metadata=ask_pool("ep", 2, "yes"))
            self.assertEqual(self.matrix(B), "05.0006\n06.0006\n")
            for name, document, uuid in (("payroll", text, A), ("web", other, B)):
                self.end_guest(name, document, uuid)
                self.assertFalse(self.is_active(uuid))
            self.assertEqual(self.claims(), [])

    def test_what_is_defined_or_brought_is_not_given(self):
        self.define(B, 5, 4)
        self.write("etc/libvirt/qemu/web.xml", domain_xml("web", B.replace("b", "c"),
                                                          metadata=metadata(5, 5)))
        self.run_guest("payroll", A, metadata=ask_pool("ep", 2))
        self.assertEqual(self.matrix(A), "05.0006\n05.0047\n")

    def test_queues_of_the_host_are_not_given(self):
        self.configure(self.CONFIG.replace("5,6", "7"))
        self.assertIn("4 queues: the host's own drivers\n", self.refuse(
            "prepare begin", domain_xml("payroll", A, metadata=ask_pool("ep", 1))) + "\n")
        self.assertFalse(self.is_active(A))

    def test_an_exhausted_pool_names_who_has_what(self):
        self.run_guest("web", B, metadata=ask_pool("ep", 8))
        message = self.refuse("prepare begin",
                              domain_xml("payroll", A, metadata=ask_pool("ep", 1)))
        self.assertIn("pool 'ep' cannot give guest 'payroll' what it asks for: 1 queue", message)
        self.assertIn("8 queues in all, 0 free for guests", message)
        self.assertIn(f"8 queues: mdev {B} of guest 'web' (running)", message)
        self.assertFalse(self.is_active(A))
        self.assertEqual(len(self.claims()), 1)

    def test_what_fits_no_rectangle_is_refused(self):
        for queues in (5, 7, 9):
            self.assertIn("cannot be taken as adapters x domains", self.refuse(
                "prepare begin", domain_xml("payroll", A, metadata=ask_pool("ep", queues))))
        self.assertEqual(self.claims(), [])

    def test_the_pool_says_which_cards(self):
        for line, says in (("mode = cca", None), ("mode = ep11", "0 queues in all"),
                           ("min-type = cex7", None), ("min-type = cex8", "0 queues in all"),
                           ("mode = ep12", "'ep12' is no mode"),
                           ("min-type = 7", "'7' is no card type")):
            with self.subTest(line):
                self.configure(self.CONFIG + line + "\n")
                text = domain_xml("payroll", A, metadata=ask_pool("ep", 1))
                if says:
                    self.assertIn(says, self.refuse("prepare begin", text))
                else:
                    self.allow("prepare begin", text)
                self.allow("release end", text, extra="failed")
                self.assertFalse(self.is_active(A))

    def test_no_pool_or_one_that_does_not_list_the_guest_refuses_whatever_is_allowed(self):
        allow = "[severity]\nmetadata-mismatch = allow\nempty = allow\n"
        for config, says in ((self.CONFIG.replace("pool ep", "pool other"), "no pool 'ep'"),
                             (self.CONFIG.replace("payroll;", ""), "does not list"),
                             ("", "no pool 'ep'")):
            self.configure(config + allow)
            self.assertIn(says, self.refuse(
                "prepare begin", domain_xml("payroll", A, metadata=ask_pool("ep", 1))))
            self.assertFalse(self.is_active(A))

    def test_a_matrix_that_is_there_already_is_not_the_pools(self):
        self.define(A, 5, 4)
        text = domain_xml("payroll", A, metadata=ask_pool("ep", 1))
        self.assertIn("is defined already", self.refuse("prepare begin", text))
        self.virt_ap("--sim", self.root, "start", A)
        self.assertIn("is active already", self.refuse("prepare begin", text))
        self.assertTrue(self.is_active(A))

    def test_an_element_with_a_mistake_is_refused(self):
        good = ask_pool("ep", 1)
        for bad in (good.replace("'ep'", "''"), good.replace(" name='ep'", ""),
                    good.replace("'1'", "'0'"), good.replace("'1'", "'01'"),
                    good.replace("'1'", "'0x1'"), good.replace("'1'", "'65537'"),
                    good.replace(" queues='1'", ""), good.replace("queues=", "queue="),
                    ask_pool("ep", 1, "maybe"),
                    good.replace("/></ap", "/><ap:adapter id='5'/></ap"),
                    good.replace("<ap:pool", "<ap:domain id='4'/><ap:pool"),
                    good.replace("/></ap:matrix>", "/><ap:pool name='b' queues='1'/></ap:matrix>"),
                    good.replace("/></ap:matrix>", ">x</ap:pool></ap:matrix>")):
            with self.subTest(bad):
                self.refuse("prepare begin", domain_xml("payroll", A, metadata=bad))
                self.assertFalse(self.is_active(A))

    def test_what_cannot_be_made_leaves_nothing_behind(self):
        text = domain_xml("payroll", A, metadata=ask_pool("ep", 2))
        for count in (1, 2, 3):
            self.fail_once("write", "EIO", count)
            self.refuse("prepare begin", text)
            self.assertFalse(self.is_active(A))
            self.assertEqual(self.claims(), [])
        self.allow("prepare begin", text)

    def test_ten_guests_at_once_of_a_pool_of_eight(self):
        texts = {f"g{i}": (f"{i}" * 8 + A[8:], ask_pool("ep", 1)) for i in range(10)}
        texts = {name: domain_xml(name, uuid, metadata=asked)
                 for name, (uuid, asked) in texts.items()}
        for round_ in range(20 if "SLOW" in os.environ else 3):
            hooks = {name: subprocess.Popen(
                [HOOK, "--sim", str(self.root), name, "prepare", "begin", "-"],
                stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in texts}
            for name, hook in hooks.items():
                hook.stdin.write(texts[name])
                hook.stdin.close()
            messages = [hook.stderr.read() for hook in hooks.values()]
            codes = [hook.wait() for hook in hooks.values()]
            for hook in hooks.values():
                hook.stderr.close()
            self.assertEqual(sorted(codes), [0] * 8 + [1] * 2, f"round {round_}: {messages}")
            held = [queue for i in range(10) if self.is_active(f"{i}" * 8 + A[8:])
                    for queue in self.matrix(f"{i}" * 8 + A[8:]).split()]
            self.assertEqual(sorted(held), [f"{a}.{d}" for a in ("05", "06")
                                            for d in ("0004", "0005", "0006", "0047")])
            for code, message in zip(codes, messages):
                if code:
                    self.assertIn("pool 'ep' cannot give guest", message)
                    self.assertIn("(starting)", message)
            for name, text in texts.items():
                self.allow("release end", text, name=name, extra="failed")
            self.assertEqual(self.claims(), [])
            self.assertFalse([i for i in range(10) if self.is_active(f"{i}" * 8 + A[8:])])

    def test_check_knows_that_a_pool_gives_it(self):
        asked = ask_pool("ep", 2)
        self.write("etc/libvirt/qemu/payroll.xml",
                   domain_xml("payroll", A, metadata=asked).replace(" id='1'", ""))
        for _ in range(2):
            for words in ((), ("payroll",)):
                said = self.virt_ap("--sim", self.root, "check", *words).stdout
                self.assertRegex(said, rb"^(no conflicts: .*|nothing found)\n$")
            if not self.is_active(A):
                self.run_guest("payroll", A, metadata=asked)


@unittest.skipUnless(os.environ.get("SLOW") == "1", "for the slow suite")
class BrokenOffTest(Hook):
    def test_a_start_that_broke_off_anywhere_is_begun_anew(self):
        self.define(A, 5, 0x47)
        text = domain_xml("payroll", A)
        for when in range(1, 100):
            killed = subprocess.run(
                ["strace", "-o", "/dev/null", "-e", "trace=rename",
                 "-e", f"inject=rename:signal=KILL:when={when}",
                 HOOK, "--sim", str(self.root), "payroll", "prepare", "begin", "-"],
                input=text, text=True, capture_output=True, check=False,
                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
            self.run_guest("payroll", A)
            self.assertEqual(self.matrix(A), "05.0047\n")
            self.end_guest("payroll", text, A)
            self.assertFalse(self.is_active(A))
            if killed.returncode == 0:
                break
        self.assertGreater(when, 4)


if __name__ == "__main__":
    unittest.main()
