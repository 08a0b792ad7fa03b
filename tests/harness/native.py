# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libvirt makes of domain XML for QEMU, beside what virt-ap says: `virsh domxml-to-native
qemu-argv` on many documents at once, each in both forms. What AP adds must be the same to the byte;
of what is refused only that it is refused counts."""

import os
import re
import shlex
import subprocess
import xml.etree.ElementTree as ET

NAMESPACE = b"http://libvirt.org/schemas/domain/qemu/1.0"
AP_TERM = re.compile(r"(ap[^=]*)=(on|off)$")


def make_legacy(text):
    """The document that asks libvirt for QEMU's old syntax."""
    return text.replace(b"<domain", b"<domain xmlns:legacy='" + NAMESPACE + b"'", 1).replace(
        b"</domain>", b"<legacy:capabilities><legacy:del capability='device.json+hotplug'/>"
        b"</legacy:capabilities></domain>")


class Case:
    """A document in one of its forms: what libvirt is asked, and what virt-ap."""

    def __init__(self, name, text, legacy):
        self.name = name
        self.options = ["--legacy"] if legacy else []
        self.own = text
        self.text = make_legacy(self.own) if legacy else self.own

    def read_libvirt(self, answer):
        """What AP adds, of libvirt's command line; None if there is none."""
        if not answer.startswith("LC_ALL="):
            return None
        words = shlex.split(answer)
        args = []
        for option, value in zip(words, words[1:]):
            terms = [term for term in value.split(",") if AP_TERM.match(term)]
            if option == "-cpu" and terms:
                args += [option, ",".join(terms)]
            if option == "-device" and re.match(r'\{"driver":"vfio-ap","id"|vfio-ap,id=', value):
                args += [option, value]
        return self.forget_host(args)

    def forget_host(self, args):
        """A CPU that is the host's is expanded by libvirt to all of the host's features, in an
        order of its own: there those of the document count, in any order."""
        if args[:1] != ["-cpu"] or not self.is_host_model():
            return args
        named = [feature.get("name") for feature in ET.fromstring(self.own).iterfind("cpu/feature")]
        terms = sorted(term for term in args[1].split(",")
                       if AP_TERM.match(term).group(1) in named)
        return ([args[0], ",".join(terms)] if terms else []) + args[2:]

    def is_host_model(self):
        """Also what names neither a mode nor a model, with KVM."""
        try:
            domain = ET.fromstring(self.own)
        except ET.ParseError:  # an undeclared prefix, which libvirt lets pass
            return False
        cpu = domain.find("cpu")
        mode = "custom" if cpu is None else cpu.get("mode", "custom")
        return mode == "host-model" or (mode == "custom" and domain.get("type") == "kvm"
                                        and not domain.findtext("cpu/model"))


def make_cases(documents):
    """Each document, by its name, in both forms."""
    return [Case(name, text, legacy) for name, text in documents.items()
            for legacy in (False, True)]


def read_documents(directory):
    """The texts of all documents there, by their names."""
    return {path.stem: path.read_bytes() for path in sorted(directory.glob("*.xml"))}


def ask_virt_ap(cases):
    """What it prints for each; None where it refuses."""
    done = [subprocess.run([os.environ["VIRT_AP"], "qemu-args", "-", *case.options],
                           input=case.own, capture_output=True, check=False) for case in cases]
    return [result.stdout.decode().splitlines() if result.returncode == 0 else None
            for result in done]


def make_virsh_command(directory, count):
    """One command of virsh that answers for DIRECTORY/0.xml, DIRECTORY/1.xml, ..."""
    return "; ".join(f"echo @{number}; domxml-to-native qemu-argv {directory}/{number}.xml"
                     for number in range(count))


def split_answers(output, count):
    """The answers behind @0, @1, ..."""
    answers = re.split(r"^@\d+\n", output, flags=re.MULTILINE)[1:]
    if len(answers) != count:
        raise AssertionError(f"{len(answers)} answers to {count} questions:\n{output}")
    return [answer.strip() for answer in answers]


def compare(test, cases, libvirt, virt_ap):
    """@libvirt: a text for each case, its standard output and error; @virt_ap: arguments or None
    for each."""
    for case, theirs, ours in zip(cases, libvirt, virt_ap, strict=True):
        with test.subTest(case.name, options=case.options):
            test.assertEqual(ours and case.forget_host(ours), case.read_libvirt(theirs),
                             theirs[:200])
