# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap attach and detach against a QMP server that is told what to answer, and against QEMU."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

VIRT_AP = os.environ["VIRT_AP"]
A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
B = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
GREETING = {"QMP": {"version": {"qemu": {"major": 10}}, "capabilities": []}}
OK = {"return": {}}
EVENT = {"event": "RTC_CHANGE", "data": {"offset": 0}}
DELETED = {"event": "DEVICE_DELETED", "data": {"path": "/machine/peripheral/hostdev1",
                                               "device": "hostdev1"}}
DEVICE = {"name": "hostdev0", "type": "child<vfio-ap>"}
SYSFSDEV = {"return": f"/sys/bus/mdev/devices/{B}"}


class Server:
    """Answers each request with the next list of objects, and keeps the requests."""

    def __init__(self, path, greeting, answers):
        self.requests = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(1)
        self.thread = threading.Thread(target=self.serve, args=(greeting, answers), daemon=True)
        self.thread.start()

    def serve(self, greeting, answers):
        connection, _ = self.socket.accept()
        with connection, connection.makefile("rwb") as stream:
            def send(*objects):
                for item in objects:
                    stream.write(item if isinstance(item, bytes) else json.dumps(item).encode()
                                 + b"\r\n")
                stream.flush()
            send(greeting)
            for answer in answers:
                line = stream.readline()
                if not line:
                    return
                self.requests.append(json.loads(line))
                send(*answer)

    def close(self):
        self.thread.join(10)
        self.socket.close()


class QmpTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, "qmp")

    def run_virt_ap(self, command, *options):
        return subprocess.run([VIRT_AP, command, "--qmp", str(self.path), A, *options],
                              capture_output=True, text=True, check=False)

    def converse(self, command, answers, greeting=GREETING):
        server = Server(self.path, greeting, answers)
        result = self.run_virt_ap(command)
        server.close()
        return result, server.requests

    def test_attach_adds_the_device_that_libvirt_would(self):
        result, requests = self.converse("attach", [[EVENT, OK], [EVENT, EVENT, OK]])
        self.assertEqual((result.returncode, result.stdout), (0, f"mdev {A} attached\n"))
        self.assertEqual(requests, [
            {"execute": "qmp_capabilities"},
            {"execute": "device_add", "arguments": {
                "driver": "vfio-ap", "id": f"ap-{A}",
                "sysfsdev": f"/sys/bus/mdev/devices/{A}"}}])

    def refuse_attach(self, words, *answers):
        result, _ = self.converse("attach", [[OK], [{"error": {"class": "GenericError",
                                                               "desc": words}}], *answers])
        self.path.unlink()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.splitlines()[0],
                         f"virt-ap: QEMU refuses device_add: {words}")
        return result.stderr.split("\n  ", 1)[1]

    def test_attach_reports_a_refusal_in_qemus_words_and_says_what_to_do(self):
        words = "No 'ap-bus' bus found for device 'vfio-ap'"
        self.assertIn("ap=on", self.refuse_attach(words, [{"return": []}]))
        self.assertEqual(f"the guest has mdev {B}, and QEMU takes one: "
                         f"virt-ap detach --qmp {self.path} {B}\n",
                         self.refuse_attach(words, [{"return": [DEVICE]}], [SYSFSDEV],
                                            [SYSFSDEV]))
        self.assertEqual(f"it must be active, and no other guest's: see `virt-ap show {A}`\n",
                         self.refuse_attach("Device or resource busy", [{"return": []}]))

    def test_detach_finds_the_device_and_waits_until_it_is_gone(self):
        found = [{"name": "type", "type": "string"},
                 {"name": "hostdev0", "type": "child<vfio-ap>"},
                 {"name": "hostdev1", "type": "child<vfio-ap>"}]
        result, requests = self.converse("detach", [
            [OK], [{"return": found}], [{"return": "/sys/bus/mdev/devices/other"}],
            [{"return": f"/sys/bus/mdev/devices/{A}"}], [EVENT, OK, EVENT, DELETED]])
        self.assertEqual((result.returncode, result.stdout), (0, f"mdev {A} detached\n"),
                         result.stderr)
        self.assertEqual(requests[-1], {"execute": "device_del", "arguments": {"id": "hostdev1"}})

    def test_detach_sees_an_event_that_comes_before_the_answer(self):
        result, _ = self.converse("detach", [
            [OK], [{"return": [{"name": "hostdev1", "type": "child<vfio-ap>"}]}],
            [{"return": f"/sys/bus/mdev/devices/{A}"}], [DELETED, OK]])
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_detach_sees_that_event_among_others(self):
        other = {"event": "DEVICE_DELETED", "data": {"device": "hostdev7"}}
        nameless = {"event": "DEVICE_DELETED", "data": {"path": "/machine/x"}}
        for events in ([DELETED, EVENT, OK], [DELETED, nameless, other, OK, EVENT],
                       [other, OK, nameless, DELETED]):
            result, _ = self.converse("detach", [
                [OK], [{"return": [{"name": "hostdev1", "type": "child<vfio-ap>"}]}],
                [{"return": f"/sys/bus/mdev/devices/{A}"}], events])
            self.path.unlink()
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_detach_of_what_the_guest_has_not_says_so(self):
        result, _ = self.converse("detach", [[OK], [{"return": []}]])
        self.assertEqual(result.returncode, 3)
        self.assertIn(f"the guest has no vfio-ap device of mdev {A}", result.stderr)

    def test_what_is_no_qmp_is_told(self):
        for greeting in (b"hello\n", {"other": 1}, b"[]\n", b"\xff\n", b"null\n"):
            with self.subTest(greeting):
                result, _ = self.converse("attach", [], greeting)
                self.assertEqual(result.returncode, 4)
                self.assertIn(str(self.path), result.stderr)
                self.path.unlink()

    def test_a_connection_that_ends_early_is_told(self):
        result, _ = self.converse("attach", [[OK]])
        self.assertEqual(result.returncode, 4)
        self.assertEqual(self.run_virt_ap("attach").returncode, 4)

    def test_no_socket_and_bad_arguments_are_told(self):
        result = self.run_virt_ap("attach")
        self.assertEqual(result.returncode, 4)
        for arguments, code in ((["attach", A], 2), (["attach", "--qmp", "x", "y"], 3),
                                (["--root", self.path.parent, "detach", "--qmp", "x", A], 2)):
            result = subprocess.run([VIRT_AP, *arguments], capture_output=True, check=False)
            self.assertEqual(result.returncode, code, arguments)

    @unittest.skipUnless(shutil.which("qemu-system-s390x"), "no qemu-system-s390x")
    def test_qemu_itself_says_that_its_cpu_has_no_ap(self):
        with subprocess.Popen(["qemu-system-s390x", "-S", "-nodefaults", "-nographic", "-qmp",
                               f"unix:{self.path},server=on,wait=on"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as qemu:
            self.addCleanup(qemu.kill)
            qemu.stderr.readline()  # "waiting for connection"
            result = self.run_virt_ap("attach")
            self.assertEqual(result.returncode, 1)
            self.assertIn("No 'ap-bus' bus found for device 'vfio-ap'", result.stderr)
            qemu.kill()


if __name__ == "__main__":
    unittest.main()
