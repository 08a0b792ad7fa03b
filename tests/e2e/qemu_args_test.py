# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-ap qemu-args against the lab's libvirt, on every document of xml2argvdata: here also those
that need KVM, which the PC has not (tests/harness/native.py)."""

import base64
import io
import pathlib
import sys
import tarfile
import unittest

import lab

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from harness import native

DATA = lab.SOURCE / "tests" / "xml2argvdata"
DIRECTORY = "/root/xml2argv"

UNPACK = ("rm -rf /root/xml2argv && mkdir /root/xml2argv && "
          "base64 -d | tar -C /root/xml2argv -xf -")


def pack(texts):
    """An archive that holds 0.xml, 1.xml, ..., as text: some of them are no UTF-8."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number, text in enumerate(texts):
            entry = tarfile.TarInfo(f"{number}.xml")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return base64.b64encode(stream.getvalue()).decode()


def ask_libvirt(cases):
    """What the lab's virsh says, in one run: its two streams in order."""
    output = lab.run("sh", "-c", 'exec virsh "$1" 2>&1', "sh",
                     native.make_virsh_command(DIRECTORY, len(cases))).stdout
    return native.split_answers(output, len(cases))


class QemuArgs(unittest.TestCase):
    maxDiff = None

    def test_libvirt_generates_the_same_of_every_document(self):
        lab.require()
        cases = native.make_cases(native.read_documents(DATA))
        lab.must("sh", "-c", UNPACK, stdin=pack([case.text for case in cases]))
        native.compare(self, cases, ask_libvirt(cases), native.ask_virt_ap(cases))
        print(f"{len(cases)} command lines are compared")


if __name__ == "__main__":
    unittest.main()
